//! The keys of a `[[listener]]` that takes events over HTTP, and what is made of them.

use std::path::{Path, PathBuf};

use crate::config::keys::{GIB, KIB, Key, Takes, key};
use crate::config::reader::Reader;

/// The keys, beside those that all listeners have.
pub const KEYS: &[Key] = &[
    key(
        "tokens_file",
        Takes::Path,
        "",
        "a file with a token or a `USER:PASSWORD` in each line, of which every request has to show one; relative to the \
         directory of the configuration file, and read when loggr starts",
    )
    .without("everybody may send who reaches the address")
    .only(HTTP),
    key(
        "max_request_size",
        Takes::Size(64 * KIB, GIB),
        "\"16MiB\"",
        "the largest request in bytes, also when it is unpacked; a larger one is answered with 413, and nothing of it is \
         taken",
    )
    .only(HTTP),
];

const HTTP: &[&str] = &["http"];
/// The largest event, unless the file says otherwise: what comes as an object is longer than a line.
pub const DEFAULT_MESSAGE_BYTES: usize = 1 << 20;

/// What is taken over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The file that says who may send.
    pub tokens_file: Option<PathBuf>,
    /// The largest request in bytes.
    pub max_request_bytes: usize,
}

/// Reads the keys.
pub fn read(r: &mut Reader<'_, '_>, beside: &Path) -> Http {
    Http { tokens_file: r.path_if_any("tokens_file", beside), max_request_bytes: r.bytes("max_request_size") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn a_listener_for_requests_is_read() {
        let config = read(
            "[[listener]]\nprotocol='http'\n[[listener]]\nname='t'\nprotocol='http'\nlisten=':9'\ntokens_file='tok'\n\
             max_request_size='1MiB'",
        );
        let [usual, other] = config.listeners.as_slice() else { panic!("two listeners") };
        assert_eq!(usual.listen[0].to_string(), "127.0.0.1:8514");
        assert_eq!(usual.http, Some(Http { tokens_file: None, max_request_bytes: 16 << 20 }));
        assert_eq!(usual.max_message_size, DEFAULT_MESSAGE_BYTES);
        let expect = Http { tokens_file: Some("/etc/loggr/tok".into()), max_request_bytes: 1 << 20 };
        assert_eq!(other.http, Some(expect));
    }

    #[test]
    fn mistakes_are_told() {
        let check = |text: &str, expect: &str| {
            let found = problems(text);
            assert!(found.iter().any(|problem| problem.contains(expect)), "{found:?}");
        };
        check("[[listener]]\nprotocol='tcp'\ntokens_file='x'", "`tokens_file`");
        check("[[listener]]\nprotocol='http'\nwindow_size='4MiB'", "`window_size`");
        check("[[listener]]\nprotocol='http'\nframing='lf'", "`framing`");
    }
}
