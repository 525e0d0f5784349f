//! Errors of a broker, as sentences for the operator.
//!
//! The broker's own words are for programmers: `PRECONDITION_FAILED - inequivalent arg` becomes a
//! sentence that says what exists, what is needed and what to do.

use std::error::Error;
use std::fmt;
use std::io;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use super::options::BrokerAddress;
use crate::error::OpenError;

const INIT: &str = "`loggr init rabbitmq` declares everything that the configuration names";

/// What the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerErrorKind {
    /// The configuration and the broker do not agree, and waiting does not help: a wrong login,
    /// virtual host or certificate, or an object that is missing or has other properties.
    Refused,
    /// No broker answers; that may change.
    Unreachable,
    /// The broker will never take this message.
    TooLarge,
    /// Anything else; it may work later.
    Trouble,
}

/// An error of a broker.
#[derive(Debug)]
pub struct BrokerError {
    kind: BrokerErrorKind,
    what: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl BrokerError {
    pub(super) fn new(kind: BrokerErrorKind, what: impl Into<String>) -> BrokerError {
        BrokerError { kind, what: what.into(), hint: None, source: None }
    }

    pub(super) fn trouble(what: impl Into<String>) -> BrokerError {
        BrokerError::new(BrokerErrorKind::Trouble, what)
    }

    pub(super) fn refused(what: impl Into<String>) -> BrokerError {
        BrokerError::new(BrokerErrorKind::Refused, what)
    }

    /// The same error as one that may pass by itself.
    pub(super) fn may_pass(mut self) -> BrokerError {
        self.kind = BrokerErrorKind::Unreachable;
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> BrokerError {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> BrokerError {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> BrokerErrorKind {
        self.kind
    }

    /// What the operator can do about it.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The sentence and its causes on one line.
    pub fn chain(&self) -> String {
        let mut text = self.what.clone();
        let mut next = self.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }

    /// The sentence with the hint in brackets, for places that have one line for everything.
    pub fn advised(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} ({hint})", self.chain()),
            None => self.chain(),
        }
    }

    /// The error of an attempt to connect to `address`.
    pub(super) fn connecting(address: &BrokerAddress, error: &lapin::Error) -> BrokerError {
        match error.kind() {
            ErrorKind::IOError(error) => BrokerError::io(address, error),
            ErrorKind::ProtocolError(error) => {
                let text = error.get_message().to_string();
                match error.kind() {
                    AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                        let what = format!("the broker `{address}` refuses the login of `{}`", address.user);
                        BrokerError::refused(what).hint("look at the user in `urls` and at `password_file`")
                    }
                    AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) if text.contains("not found") => {
                        let vhost = &address.vhost;
                        BrokerError::refused(format!("the broker `{address}` has no virtual host `{vhost}`"))
                            .hint(format!(
                                "`rabbitmqctl add_vhost {vhost}` makes it; it is the path of `urls`"
                            ))
                    }
                    AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) if text.contains("refused for user") => {
                        let (user, vhost) = (&address.user, &address.vhost);
                        let what = format!(
                            "the broker `{address}` does not let `{user}` into the virtual host `{vhost}`"
                        );
                        BrokerError::refused(what).hint(format!(
                            "`rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'` does"
                        ))
                    }
                    _ => BrokerError::trouble(format!("the broker `{address}` ended the connection: {text}")),
                }
            }
            _ => BrokerError::trouble(format!("no connection to the broker `{address}`: {error}")),
        }
    }

    pub(super) fn io(address: &BrokerAddress, error: &io::Error) -> BrokerError {
        let text = error.to_string();
        let what = |why: &str| format!("the broker `{address}` {why}");
        if text.contains("invalid peer certificate") {
            let unknown = text.contains("UnknownIssuer");
            let hint = if unknown {
                "`tls_ca` must name a file with the certificate of the authority that signed the broker's \
                 certificate"
            } else {
                "the host in `urls` must be a name in the broker's certificate, which must be valid today"
            };
            return BrokerError::refused(what("shows a certificate that is not accepted"))
                .because(text)
                .hint(hint);
        }
        if address.tls && (text.contains("InvalidContentType") || text.contains("corrupt message")) {
            return BrokerError::refused(what("does not speak TLS")).because(text).hint(
                "RabbitMQ speaks TLS on a port of its own, mostly 5671; on the other port write \
                     `amqp://`, without TLS",
            );
        }
        let hint = match error.kind() {
            io::ErrorKind::ConnectionRefused => Some("nothing listens there"),
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof
                if !address.tls =>
            {
                Some("a port that speaks TLS needs `amqps://`")
            }
            _ => None,
        };
        let error = BrokerError::new(BrokerErrorKind::Unreachable, what("cannot be reached")).because(text);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// The error of work with an exchange or a queue.
    pub(super) fn working(what: &Object<'_>, error: &lapin::Error) -> BrokerError {
        let ErrorKind::ProtocolError(amqp) = error.kind() else {
            return BrokerError::trouble(format!("the connection to the broker broke ({what})"))
                .because(error.to_string());
        };
        let text = amqp.get_message().to_string();
        match amqp.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => {
                BrokerError::refused(format!("{what} does not exist on the broker")).hint(INIT)
            }
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                BrokerError::refused(format!("the broker does not let us use {what}"))
                    .because(text)
                    .hint("`rabbitmqctl set_permissions` gives the user what it needs")
            }
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) if text.contains("larger than") => {
                BrokerError::new(
                    BrokerErrorKind::TooLarge,
                    format!("the broker takes no message so large ({what})"),
                )
                .because(text)
            }
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) if text.contains("timed out") => {
                BrokerError::trouble(format!("the broker has waited too long for acknowledgements of {what}"))
                    .because(text)
                    .hint(
                        "the destination was away for longer than the broker's `consumer_timeout`; nothing \
                         is lost",
                    )
            }
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => mismatch(what, &text),
            _ => BrokerError::trouble(format!("the broker ended the work with {what}")).because(text),
        }
    }

    /// The error of a message that came back because no queue takes it.
    pub(super) fn unroutable(exchange: &str, key: &str) -> BrokerError {
        let what = format!("no queue on the exchange `{exchange}` takes the routing key `{key}`");
        BrokerError::refused(what).hint(INIT)
    }
}

/// What an error is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Object<'a> {
    Exchange(&'a str),
    Queue(&'a str),
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Exchange(name) => write!(f, "the exchange `{name}`"),
            Object::Queue(name) => write!(f, "the queue `{name}`"),
        }
    }
}

/// `… inequivalent arg 'x' for queue 'q' in vhost 'v': received A but current is B`.
fn mismatch(what: &Object<'_>, text: &str) -> BrokerError {
    let quoted = |after: &str| Some(text.split_once(after)?.1.split('\'').next()?.to_owned());
    let values = text.split_once("received ").and_then(|(_, rest)| rest.split_once(" but current is "));
    let (Some(argument), Some((needed, there))) = (quoted("inequivalent arg '"), values) else {
        return BrokerError::refused(format!(
            "{what} exists on the broker, but with other properties than loggr needs"
        ))
        .because(text.to_owned());
    };
    let hint = match (what, argument.as_str()) {
        (Object::Queue(_), "x-queue-type") => {
            "loggr needs a quorum queue: delete that one once it is empty, or give this one another name with `queue`"
        }
        (Object::Queue(_), _) => {
            "such a limit could lose events: delete the queue once it is empty, or give this one another name with \
             `queue`, then `loggr init rabbitmq`"
        }
        (Object::Exchange(_), _) => {
            "loggr needs a durable topic exchange: delete that one, or give this one another name with `exchange`"
        }
    };
    BrokerError::refused(format!(
        "{what} exists on the broker already with other properties: its `{argument}` is {}, not {}",
        value(there),
        value(needed)
    ))
    .hint(hint)
}

/// The value within the broker's words: `quorum` of `the value 'quorum' of type 'longstr'`, or
/// words for a missing one.
fn value(text: &str) -> String {
    match text.split('\'').nth(1) {
        Some(value) => format!("`{value}`"),
        None => "not set".to_owned(),
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for BrokerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|e| &**e as _)
    }
}

/// An error on which the broker and the configuration do not agree.
impl From<BrokerError> for OpenError {
    fn from(error: BrokerError) -> OpenError {
        let open = OpenError::config(&error.what);
        let open = error.source().into_iter().fold(open, OpenError::caused_by);
        error.advice().into_iter().fold(open, OpenError::hinted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::protocol::AMQPError;

    #[track_caller]
    fn check(object: Object<'_>, kind: AMQPSoftError, text: &str, expect: &str, hint: &str) {
        let error = AMQPError::new(kind.into(), text.into());
        let error = BrokerError::working(&object, &lapin::Error::from(ErrorKind::ProtocolError(error)));
        assert_eq!(error.to_string(), expect);
        assert!(error.advice().unwrap_or_default().contains(hint), "{:?}", error.advice());
    }

    #[test]
    fn the_brokers_words_become_ours() {
        check(
            Object::Queue("q"),
            AMQPSoftError::PRECONDITIONFAILED,
            "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost 'v1': received the value \
             'quorum' of type 'longstr' but current is none",
            "the queue `q` exists on the broker already with other properties: its `x-queue-type` is not \
             set, not `quorum`",
            "another name",
        );
        check(
            Object::Exchange("e"),
            AMQPSoftError::PRECONDITIONFAILED,
            "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'e' in vhost 'v1': received 'topic' but \
             current is 'fanout'",
            "the exchange `e` exists on the broker already with other properties: its `type` is `fanout`, \
             not `topic`",
            "durable topic exchange",
        );
        check(
            Object::Exchange("e"),
            AMQPSoftError::NOTFOUND,
            "NOT_FOUND - no exchange 'e' in vhost 'v1'",
            "the exchange `e` does not exist on the broker",
            "loggr init rabbitmq",
        );
    }
}
