//! The name servers that filters ask.
//!
//! Only what brings the two together: how they are asked is in `loggr-net`, what is remembered and
//! who waits is the engine's.

use std::net::SocketAddr;
use std::sync::Arc;

use loggr_filter::engines::{Question, Reply, Resolver, Resolvers};
use loggr_net::names::{self, Answer, Asker};

/// Name servers for the filters of one program; they share a thread.
#[derive(Debug, Default)]
pub struct NameServers(Asker);

/// One set of them.
#[derive(Debug)]
struct Asking(names::NameServers);

impl Resolvers for NameServers {
    fn open(&self, name_servers: &[SocketAddr]) -> Result<Arc<dyn Resolver>, String> {
        let servers = self.0.open(name_servers).map_err(|error| error.in_one_line())?;
        Ok(Arc::new(Asking(servers)))
    }
}

impl Resolver for Asking {
    fn ask(&self, question: Question, reply: Reply) {
        let tell = move |answer: Option<Answer>| match answer {
            Some(answer) => reply.answer(answer.values, answer.ttl),
            None => reply.fail(),
        };
        match question {
            Question::NamesOf(ip) => self.0.names_of(ip, tell),
            Question::AddressesOf(name) => self.0.addresses_of(name, tell),
        }
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::{Event, Origin, Timestamp, Uid};
    use loggr_filter::engines::Environment;
    use loggr_filter::lang::Program;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_800_000_000_000_000);

    #[test]
    fn a_filter_asks_name_servers() {
        // Nobody there: it says so at once, and an event that waits is told.
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let environment = Environment {
            resolvers: Some(Arc::new(NameServers::default())),
            ..Environment::new("/nonexistent")
        };
        let text = format!("resolve([v], timeout=\"30s\", batch_limit=\"30s\", nameservers=\"{nobody}\")");
        let program = Program::compile("x", &text, &environment).unwrap_or_else(|e| panic!("{e}"));
        let origin = Origin::default();
        let mut event = Event::new(&origin, Uid::default(), NOW);
        event.set_field("v", "192.0.2.1");
        program.run(&mut event, NOW, &mut program.counters());
        assert!(event.has_tag("_resolvefailure"), "{:?}", event.tags);
    }
}
