//! A `[[listener]]` that reads the messages of the kernel. It has no keys of its own: `start` it shares with others.

use super::start::Start;
use crate::config::reader::Reader;

/// What is read of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// What is read at the very first start.
    pub start: Start,
}

/// Reads the keys.
pub fn read(r: &mut Reader<'_, '_>) -> Kernel {
    Kernel { start: r.choice("start") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn the_kernel_is_read() {
        let config =
            read("[[listener]]\nprotocol='kernel'\n[[listener]]\nname='k'\nprotocol='kernel'\nstart='end'");
        let [usual, other] = config.listeners.as_slice() else { panic!("two listeners") };
        assert_eq!((usual.name.as_str(), usual.kernel), ("kernel", Some(Kernel { start: Start::Beginning })));
        assert_eq!(other.kernel, Some(Kernel { start: Start::End }));
        assert!(usual.listen.is_empty() && usual.journal.is_none() && !usual.protocol.is_socket());
    }

    #[test]
    fn mistakes_are_told() {
        #[track_caller]
        fn check(keys: &str, expect: &str) {
            let found = problems(&format!("[[listener]]\nprotocol='kernel'\n{keys}"));
            assert!(found.iter().any(|problem| problem.contains(expect)), "{found:?}");
        }
        check("directories=['/j']", "`directories`");
        check("listen=':1'", "`listen`");
        check("start='now'", "`now` is not a valid `start`");
    }
}
