//! `[agent]`: a host that sends away what is logged on it, in few words.
//!
//! The section stands for others: for listeners, for a shipper, for limits. They are put into its place before
//! the file is read, and then read like those that people write. What they are made of keeps its place in the
//! text, so that a mistake is shown where it was made. Not here: what any of it means.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostics::Problem;
use super::keys::{KIB, MIB, Section, Shape, TIB, Takes, key};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "agent",
    shape: Shape::Once,
    about: "An agent collects what is logged on its host and sends it on. The section stands for listeners (`log`, \
         `udp`, `tcp`, `relp`, `journal`, `kernel`, and one for each `[[agent.file]]`) and the shipper `agent` of kind \
         `syslog`; without a section of their own there is no search store and no web address. All other sections \
         can stand beside it. `loggr run agent` runs it: [the guide](../guide/agent.md).",
    keys: &[&[
        key(
            "destinations",
            Takes::Texts("destination"),
            "",
            "the servers that get the events, each as `relp+tls://HOST:PORT`, `relp://`, `tcp+tls://`, `tcp://` or \
             `udp://`, all with the same word in front: the first that takes an event gets it. Over RELP alone the \
             agent knows what has arrived",
        )
        .without("must be given"),
        key(
            "tls",
            Takes::Section,
            "",
            "the certificates for `relp+tls` and `tcp+tls`: the keys of [`[ship.NAME.tls]`](#shipnametls)",
        )
        .without("the authorities of this system, and no certificate of its own"),
        key(
            "max_size",
            Takes::Size(8 * MIB, 1024 * TIB),
            "\"2GB\"",
            "how much disk the events may take that wait for a destination. When it is full, files, the journal and \
             the kernel's messages wait where they are, programs on unix sockets and over TCP and RELP wait, and \
             datagrams over UDP are lost and counted",
        ),
        key(
            "bandwidth",
            Takes::Rate(KIB, TIB),
            "",
            "the most that goes to the destinations, in bytes a second, such as `\"10MB/s\"`",
        )
        .without("no limit"),
        key(
            "syslog",
            Takes::Texts("path"),
            "[]",
            "the sockets on which programs of this host log, such as `\"/dev/log\"`; the agent makes them, and the \
             kernel tells who sends (`credentials`)",
        ),
        key("udp", Takes::Endpoints, "", "where the agent receives syslog over UDP, such as `\"127.0.0.1:514\"`")
            .without("nowhere"),
        key("tcp", Takes::Endpoints, "", "where it receives syslog over TCP").without("nowhere"),
        key("relp", Takes::Endpoints, "", "where it receives RELP").without("nowhere"),
        key("journal", Takes::Bool, "false", "with `true` it reads the journal of systemd"),
        key(
            "kernel",
            Takes::Bool,
            "false",
            "with `true` it reads the messages of the kernel, for hosts without a journal, which has them",
        ),
        key(
            "file",
            Takes::Section,
            "",
            "files that it reads: `[[agent.file]]`, with the keys of a `[[listener]]` of files, and `packers`, the \
             names of [packers](#packersname) for the lines of these files",
        )
        .without("none"),
    ]],
};

/// The shipper's name.
const SHIPPER: &str = "agent";
/// The machine's, where there are packers.
const MACHINE: &str = "agent";

/// The file with what its `[agent]` stands for; `None` if it has none, or it is wrong.
pub fn expanded<'d>(table: &DeTable<'d>, problems: &mut Vec<Problem>) -> Option<DeTable<'d>> {
    let (key, value) = table.get_key_value(SECTION.name)?;
    let agent = value.get_ref().as_table()?;
    let before = problems.len();
    let mut reader = Reader::new(&SECTION, SECTION.header(), Some(agent), Some(key.span()), problems);
    reader.check_keys();
    check(&mut reader);
    let destinations = reader.all_parsed_if_any("destinations", Destination::parse).unwrap_or_default();
    if destinations.is_empty() && !reader.failed("destinations") {
        let help = "for example `destinations = [\"relp+tls://logs.example.net:2514\"]`".to_owned();
        reader.needs("destinations", "`[agent]` needs its `destinations`".to_owned(), help);
    }
    let (first, differs) = match destinations.as_slice() {
        [] => return None,
        [first, others @ ..] => (first.clone(), others.iter().any(|other| other.scheme != first.scheme)),
    };
    if differs {
        let message = "the destinations speak different protocols".to_owned();
        reader.blame("destinations", message, Some("write the same word in front of each".to_owned()));
    }
    if reader.has("tls") && !first.is_encrypted() {
        let message = format!("`tls` means nothing for `{}`", first.scheme);
        reader.blame("tls", message, Some(format!("write `{}+tls://…`, or leave it out", first.scheme)));
    }
    if problems.len() > before {
        return None;
    }
    let mut making = Making { table: table.clone(), agent, at: key.span() };
    making.listeners();
    if making.count("listener") == 0 {
        problems.push(Problem {
            span: Some(key.span()),
            message: "the agent has nothing to collect".to_owned(),
            help: Some("give it `syslog`, `journal` or `[[agent.file]]`".to_owned()),
        });
        return None;
    }
    making.packers();
    making.shipper(&destinations);
    making.limits();
    making.table.remove(SECTION.name);
    Some(making.table)
}

/// Looks at the values that go elsewhere as they stand.
fn check(r: &mut Reader<'_, '_>) {
    r.size("max_size");
    r.all_parsed("syslog", |text| Ok(text.to_owned()));
    for key in ["udp", "tcp", "relp"] {
        r.endpoints_if_any(key);
    }
    r.bool("journal");
    r.bool("kernel");
    r.rate_if_any("bandwidth");
}

/// A server, and what it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Destination {
    scheme: String,
    address: String,
}

impl Destination {
    fn parse(text: &str) -> Result<Destination, String> {
        let wrong = || {
            format!(
                "`{text}` is no destination: write `relp+tls://HOST:PORT`, `relp://…`, `tcp+tls://…`, `tcp://…` or `udp://…`"
            )
        };
        let (scheme, address) = text.split_once("://").ok_or_else(wrong)?;
        if !["relp+tls", "relp", "tcp+tls", "tcp", "udp"].contains(&scheme) {
            return Err(wrong());
        }
        let (scheme, address) = (scheme.to_owned(), address.trim_end_matches('/').to_owned());
        Ok(Destination { scheme, address })
    }

    fn is_encrypted(&self) -> bool {
        self.scheme.ends_with("+tls")
    }

    fn carrier(&self) -> String {
        self.scheme.trim_end_matches("+tls").to_owned()
    }
}

type Value<'d> = Spanned<DeValue<'d>>;

/// The file, while sections are put into it.
struct Making<'a, 'd> {
    table: DeTable<'d>,
    agent: &'a DeTable<'d>,
    /// Where `[agent]` stands.
    at: Range<usize>,
}

impl<'d> Making<'_, 'd> {
    /// A key or value that is written nowhere counts as standing at the section.
    fn spanned<T>(&self, value: T) -> Spanned<T> {
        Spanned::new(self.at.clone(), value)
    }

    fn text(&self, text: impl Into<String>) -> Value<'d> {
        self.spanned(DeValue::String(Cow::Owned(text.into())))
    }

    fn flag(&self, flag: bool) -> Value<'d> {
        self.spanned(DeValue::Boolean(flag))
    }

    fn put(&self, table: &mut DeTable<'d>, key: &str, value: Value<'d>) {
        table.insert(self.spanned(Cow::Owned(key.to_owned())), value);
    }

    /// The table of a section, which is made where it is missing.
    fn change(&mut self, section: &str, change: impl FnOnce(&Self, &mut DeTable<'d>)) {
        let key = self.spanned(Cow::Owned(section.to_owned()));
        let mut value =
            self.table.remove(section).unwrap_or_else(|| self.spanned(DeValue::Table(DeTable::new())));
        // One that is no table is told when it is read.
        if let DeValue::Table(table) = value.get_mut() {
            change(self, table);
        }
        self.table.insert(key, value);
    }

    fn count(&self, section: &str) -> usize {
        self.table.get(section).and_then(|value| value.get_ref().as_array()).map_or(0, |array| array.len())
    }

    fn listener(&mut self, listener: Value<'d>) {
        let key = self.spanned(Cow::Owned("listener".to_owned()));
        let mut value =
            self.table.remove("listener").unwrap_or_else(|| self.spanned(DeValue::Array(DeArray::new())));
        if let DeValue::Array(listeners) = value.get_mut() {
            listeners.push(listener);
        }
        self.table.insert(key, value);
    }

    fn listeners(&mut self) {
        for (name, protocol) in [("syslog", "unix-dgram"), ("udp", "udp"), ("tcp", "tcp"), ("relp", "relp")] {
            let Some(listen) = self.agent.get(name).filter(|value| !is_empty(value)) else { continue };
            let mut listener = DeTable::new();
            let called = if name == "syslog" { "log" } else { name };
            self.put(&mut listener, "name", self.text(called));
            self.put(&mut listener, "protocol", self.text(protocol));
            self.put(&mut listener, "listen", listen.clone());
            if name == "syslog" {
                self.put(&mut listener, "credentials", self.flag(true));
            }
            self.listener(Spanned::new(listen.span(), DeValue::Table(listener)));
        }
        for name in ["journal", "kernel"] {
            let wanted = self.agent.get(name).filter(|value| value.get_ref().as_bool() == Some(true));
            let Some(wanted) = wanted else { continue };
            let mut listener = DeTable::new();
            self.put(&mut listener, "name", self.text(name));
            self.put(&mut listener, "protocol", self.text(name));
            self.listener(Spanned::new(wanted.span(), DeValue::Table(listener)));
        }
        for (number, file) in self.files().into_iter().enumerate() {
            let DeValue::Table(mut table) = file.get_ref().clone() else { continue };
            self.put(&mut table, "name", self.text(self.name_of(number)));
            self.put(&mut table, "protocol", self.text("file"));
            table.remove("packers");
            self.listener(Spanned::new(file.span(), DeValue::Table(table)));
        }
    }

    fn files(&self) -> Vec<Value<'d>> {
        let files = self.agent.get("file").and_then(|value| value.get_ref().as_array());
        files.into_iter().flat_map(|files| files.iter().cloned()).collect()
    }

    /// What the listener of the files with this number is called.
    fn name_of(&self, number: usize) -> String {
        let files = self.files();
        let name = files
            .get(number)
            .and_then(|file| file.get_ref().get("name"))
            .and_then(|name| name.get_ref().as_str());
        name.map_or_else(|| format!("file-{}", number + 1), ToOwned::to_owned)
    }

    /// A machine with the packers of the files, each for the lines of its files alone.
    fn packers(&mut self) {
        let mut uses: Vec<(Value<'d>, Vec<String>)> = Vec::new();
        for (number, file) in self.files().iter().enumerate() {
            let packers = file.get_ref().get("packers").and_then(|packers| packers.get_ref().as_array());
            for packer in packers.into_iter().flat_map(|packers| packers.iter()) {
                let listener = self.name_of(number);
                match uses.iter_mut().find(|(known, _)| known.get_ref().as_str() == packer.get_ref().as_str())
                {
                    Some((_, listeners)) => listeners.push(listener),
                    None => uses.push((packer.clone(), vec![listener])),
                }
            }
        }
        if uses.is_empty() {
            return;
        }
        self.change("packers", |making, packers| {
            for (packer, listeners) in &uses {
                let named = packer.get_ref().as_str().and_then(|name| packers.get_mut(name));
                let Some(DeValue::Table(packer)) = named.map(Spanned::get_mut) else { continue };
                if !packer.contains_key("if") {
                    let conditions = listeners.iter().map(|name| format!("listener == \"{name}\""));
                    let condition = conditions.collect::<Vec<_>>().join(" or ");
                    making.put(packer, "if", making.text(condition));
                }
            }
        });
        self.change("machine", |making, machines| {
            let mut names = DeArray::new();
            uses.iter().for_each(|(packer, _)| names.push(packer.clone()));
            let mut machine = DeTable::new();
            making.put(&mut machine, "packers", making.spanned(DeValue::Array(names)));
            making.put(machines, MACHINE, making.spanned(DeValue::Table(machine)));
        });
    }

    fn shipper(&mut self, destinations: &[Destination]) {
        let exchange = if self.table.contains_key("machine") { "events" } else { "received" };
        let Some(first) = destinations.first() else { return };
        let listed = self.agent.get("destinations").and_then(|value| value.get_ref().as_array());
        let listed = listed.into_iter().flat_map(|listed| listed.iter());
        let mut targets = DeArray::new();
        for (destination, value) in destinations.iter().zip(listed) {
            let address = DeValue::String(Cow::Owned(destination.address.clone()));
            targets.push(Spanned::new(value.span(), address));
        }
        let mut shipper = DeTable::new();
        self.put(&mut shipper, "kind", self.text("syslog"));
        self.put(&mut shipper, "exchange", self.text(exchange));
        self.put(&mut shipper, "protocol", self.text(first.carrier()));
        self.put(&mut shipper, "targets", self.spanned(DeValue::Array(targets)));
        if first.is_encrypted() {
            let none = || self.spanned(DeValue::Table(DeTable::new()));
            self.put(&mut shipper, "tls", self.agent.get("tls").cloned().unwrap_or_else(none));
        }
        if let Some(bandwidth) = self.agent.get("bandwidth") {
            self.put(&mut shipper, "bandwidth", bandwidth.clone());
        }
        self.change("ship", |making, ships| {
            making.put(ships, SHIPPER, making.spanned(DeValue::Table(shipper)));
            if !ships.contains_key("search") {
                let mut off = DeTable::new();
                making.put(&mut off, "enabled", making.flag(false));
                making.put(ships, "search", making.spanned(DeValue::Table(off)));
            }
        });
    }

    fn limits(&mut self) {
        let usual = self.text("2GB");
        let max_size = self.agent.get("max_size").cloned().unwrap_or(usual);
        self.change("bus", |making, bus| {
            if !bus.contains_key("max_size") {
                making.put(bus, "max_size", max_size);
            }
        });
        if !self.table.contains_key("web") {
            self.change("web", |making, web| making.put(web, "enabled", making.flag(false)));
        }
    }
}

fn is_empty(value: &Value<'_>) -> bool {
    value.get_ref().as_array().is_some_and(|array| array.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::config::ship::{Carrier, ShipKind};
    use crate::config::tests::{problems, read};

    const SMALL: &str = "[agent]\ndestinations=['relp+tls://a:1','relp+tls://b:2']\n";

    #[test]
    fn an_agent_is_listeners_and_a_shipper() {
        let config = read(&format!(
            "{SMALL}syslog=['/dev/log']\nudp='127.0.0.1:514'\njournal=true\nmax_size='256MiB'\n"
        ));
        let listeners: Vec<_> = config.listeners.iter().map(|l| (l.name.as_str(), l.credentials)).collect();
        assert_eq!(listeners, [("log", true), ("udp", false), ("journal", false)]);
        let [ship] = config.ships.as_slice() else { panic!("one shipper: {:?}", config.ships) };
        let ShipKind::Syslog(syslog) = &ship.kind else { panic!("{ship:?}") };
        let targets: Vec<_> = syslog.targets.iter().map(ToString::to_string).collect();
        assert_eq!(
            (targets, syslog.carrier, ship.exchange.as_str()),
            (vec!["a:1".into(), "b:2".into()], Carrier::Relp, "received")
        );
        assert!(syslog.tls.is_some() && config.web.is_none() && config.agent);
        assert_eq!(config.bus.max_size, 256 << 20);
        assert_eq!(read(&format!("{SMALL}journal=true")).bus.max_size, 2_000_000_000);
    }

    #[test]
    fn files_have_listeners_and_their_packers_a_machine() {
        let config = read(&format!(
            "{SMALL}bandwidth='1MB/s'\nkernel=true\n[[agent.file]]\npath=['/var/log/a']\npackers=['traces']\n[[agent.file]]\n\
             name='b'\npath=['/var/log/b']\napp_name='b'\npackers=['traces','days']\n[packers.traces]\nkind='preset'\n\
             preset='java'\n[packers.days]\nkind='time'\nif='app_name == \"x\"'"
        ));
        let listeners: Vec<_> =
            config.listeners.iter().map(|l| (l.name.as_str(), l.protocol.keyword())).collect();
        assert_eq!(listeners, [("kernel", "kernel"), ("file-1", "file"), ("b", "file")]);
        let [machine] = config.machines.as_slice() else { panic!("one machine: {:?}", config.machines) };
        let packers: Vec<_> = machine.packers.iter().map(|packer| packer.name.as_str()).collect();
        assert_eq!((packers, machine.exchange.as_str()), (vec!["traces", "days"], "received"));
        let [ship] = config.ships.as_slice() else { panic!("one shipper") };
        let ShipKind::Syslog(syslog) = &ship.kind else { panic!("{ship:?}") };
        assert_eq!((ship.exchange.as_str(), syslog.bandwidth), ("events", Some(1_000_000)));
    }

    #[test]
    fn other_sections_stand_beside_it() {
        let config = read(&format!(
            "{SMALL}journal=true\n[web]\nlisten='127.0.0.1:9'\n[[listener]]\nprotocol='tcp'\n[ship.search]\nenabled=true\nexchange='received'"
        ));
        let listeners: Vec<_> = config.listeners.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(listeners, ["journal", "tcp"]);
        assert!(config.web.is_some() && config.ships.len() == 2);
        assert!(!read("").agent);
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].contains(expect), "{found:?}");
    }

    #[test]
    fn mistakes_are_told_where_they_stand() {
        check("[agent]\njournal=true", "`[agent]` needs its `destinations`");
        check("[agent]\njournal=true\ndestinations=['http://a:1']", "`http://a:1` is no destination");
        check("[agent]\njournal=true\ndestinations=['relp://a:1','tcp://b:1']", "different protocols");
        check("[agent]\njournal=true\ndestinations=['relp://a:1']\ntls={}", "`tls` means nothing for `relp`");
        check("[agent]\njournal=true\ndestinations=['relp://a']", "`a`");
        check("[agent]\ndestinations=['relp://a:1']", "nothing to collect");
        check("[agent]\njournal=true\ndestinations=['relp://a:1']\nsize='1GB'", "unknown key `size`");
        check("[agent]\ndestinations=['relp://a:1']\nudp='nowhere'", "nowhere");
        check(
            "[agent]\ndestinations=['relp://a:1']\n[[agent.file]]\npth=['/a']\npath=['/a']",
            "unknown key `pth`",
        );
        check("[agent]\ndestinations=['relp://a:1']\n[[agent.file]]\npath=['/a']\npackers=['no']", "`no`");
        check("[agent]\njournal=true\ndestinations=['relp+tls://a:1']\ntls={x=1}", "unknown key `x`");
    }
}
