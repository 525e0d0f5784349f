//! A RELP client over many connections: it keeps each message until its answer has come.
//!
//! When a connection is lost, what was unanswered goes again on the next one, in its old order and before
//! anything new. Not here: sockets, time, and how often to try.
//!
//! The way of each connection: [`connect`](Sender::connect), then as with a [`Client`]; send
//! [what goes again](Sender::again) before new messages; [`lose`](Sender::lose) when it has ended.
//!
//! Invariant: a message leaves with its answer, whatever that says, or goes back to the caller; nothing
//! else takes it away. Never more of them than the window wait for an answer.

use std::collections::VecDeque;

use super::client::{Answer, Client, ClientConfig, ClientState, SendError};
use super::error::Error;

/// Sends messages of the caller's type, which may hold more than their bytes.
#[derive(Debug)]
pub struct Sender<M> {
    config: ClientConfig,
    /// The session of this connection.
    client: Client,
    /// What was sent on this connection and waits for its answer, with its txnr.
    sent: VecDeque<(u32, M)>,
    /// What earlier connections left unanswered.
    again: VecDeque<M>,
}

impl<M: AsRef<[u8]>> Sender<M> {
    /// One that is not connected.
    pub fn new(config: ClientConfig) -> Sender<M> {
        let client = Client::new(config.clone());
        Sender { config, client, sent: VecDeque::new(), again: VecDeque::new() }
    }

    /// There is a connection: writes `open`.
    pub fn connect(&mut self) {
        self.lose();
        self.client = Client::new(self.config.clone());
        self.client.open();
    }

    /// The connection has ended: what is unanswered goes again. Gives how many that are now.
    pub fn lose(&mut self) -> usize {
        let lost = self.sent.len();
        while let Some((_, message)) = self.sent.pop_back() {
            self.again.push_front(message);
        }
        lost
    }

    /// The next one that has to go again. It is the caller's until it is sent.
    pub fn again(&mut self) -> Option<M> {
        self.again.pop_front()
    }

    /// It cannot go now: it is the next that goes again.
    pub fn keep(&mut self, message: M) {
        self.again.push_front(message);
    }

    /// Sends one message.
    ///
    /// # Errors
    /// It was not sent and is the caller's again. Where there was [room](Client::room) it is too long.
    pub fn send(&mut self, message: M) -> Result<(), (SendError, M)> {
        match self.client.send(message.as_ref()) {
            Ok(txnr) => {
                self.sent.push_back((txnr, message));
                Ok(())
            }
            Err(error) => Err((error, message)),
        }
    }

    /// Sends one message that is a compressed frame.
    ///
    /// # Errors
    /// As of [`send`](Sender::send).
    pub fn send_packed(&mut self, message: M) -> Result<(), (SendError, M)> {
        match self.client.send_packed(message.as_ref()) {
            Ok(txnr) => {
                self.sent.push_back((txnr, message));
                Ok(())
            }
            Err(error) => Err((error, message)),
        }
    }

    /// Compressed frames can be sent on this connection.
    pub fn takes_packed(&self) -> bool {
        self.client.takes_packed()
    }

    /// Takes what was read. `sink` gets each message that was answered, with the answer.
    ///
    /// # Errors
    /// The peer does not speak RELP: nothing more comes of this connection.
    pub fn feed(&mut self, input: &[u8], mut sink: impl FnMut(M, Answer<'_>)) -> Result<(), Error> {
        let Sender { client, sent, .. } = self;
        client.feed(input, |answer| {
            // Mostly the first: servers answer in order, but need not.
            let at = sent.iter().position(|(txnr, _)| *txnr == answer.txnr);
            if let Some((_, message)) = at.and_then(|at| sent.remove(at)) {
                sink(message, answer);
            }
        })
    }

    /// Messages that no answer has come for, on this connection and earlier ones.
    pub fn unanswered(&self) -> usize {
        self.sent.len() + self.again.len()
    }

    /// At least one message can be sent now.
    pub fn can_send(&self) -> bool {
        self.client.can_send()
    }

    /// Writes `close`.
    pub fn close(&mut self) {
        self.client.close();
    }

    /// This connection can carry no more messages: close it, and connect again.
    pub fn needs_reconnect(&self) -> bool {
        self.client.needs_reconnect()
    }

    /// Where the session of this connection stands.
    pub fn state(&self) -> ClientState {
        self.client.state()
    }

    /// What waits for the socket.
    pub fn output(&self) -> &[u8] {
        self.client.output()
    }

    /// The first `count` bytes of [`output`](Sender::output) have been written.
    pub fn consume_output(&mut self, count: usize) {
        self.client.consume_output(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(sender: &mut Sender<&'static str>) {
        sender.connect();
        sender.feed(b"1 rsp 22 200 OK\ncommands=syslog\n", |_, _| panic!("an answer")).expect("an answer");
        sender.consume_output(sender.output().len());
    }

    /// Sends `a`, `b`, `c`, reads, loses the connection: what was answered, and what the next connection
    /// sends before anything new.
    #[track_caller]
    fn check(input: &str, answered: &[(&str, u16)], again: &[&str]) {
        let mut sender = Sender::new(ClientConfig::default());
        connect(&mut sender);
        for message in ["a", "b", "c"] {
            sender.send(message).expect("room");
        }
        let mut told = Vec::new();
        sender.feed(input.as_bytes(), |message, answer| told.push((message, answer.code))).expect("RELP");
        assert_eq!((told.as_slice(), sender.unanswered()), (answered, again.len()));
        assert_eq!(sender.lose(), again.len());
        connect(&mut sender);
        let left: Vec<&str> = std::iter::from_fn(|| sender.again()).collect();
        assert_eq!(left, again);
    }

    #[test]
    fn what_is_unanswered_goes_again_in_its_order() {
        check("", &[], &["a", "b", "c"]);
        check("2 rsp 6 200 OK\n", &[("a", 200)], &["b", "c"]);
        check("3 rsp 6 200 OK\n", &[("b", 200)], &["a", "c"]);
        check("4 rsp 6 200 OK\n2 rsp 6 200 OK\n", &[("c", 200), ("a", 200)], &["b"]);
        // An answer is the server's last word, whatever it says.
        check(
            "2 rsp 7 500 no!\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n",
            &[("a", 500), ("b", 200), ("c", 200)],
            &[],
        );
    }

    #[test]
    fn what_was_lost_twice_keeps_its_place() {
        let mut sender = Sender::new(ClientConfig::default());
        connect(&mut sender);
        for message in ["a", "b", "c"] {
            sender.send(message).expect("room");
        }
        assert_eq!(sender.lose(), 3);
        connect(&mut sender);
        let first = sender.again().expect("three of them");
        sender.send(first).expect("room");
        // One is on the new connection, two have not been sent again.
        assert_eq!((sender.lose(), sender.unanswered()), (1, 3));
        assert_eq!(std::iter::from_fn(|| sender.again()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_too_long_comes_back() {
        let mut sender = Sender::new(ClientConfig { max_data_bytes: 3, ..ClientConfig::default() });
        connect(&mut sender);
        let back = sender.send("abcd").expect_err("four octets");
        assert_eq!(back, (SendError::TooLong { len: 4, limit: 3 }, "abcd"));
        assert_eq!(sender.unanswered(), 0);
    }
}
