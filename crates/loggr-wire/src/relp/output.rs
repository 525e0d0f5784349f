//! Bytes on their way to the peer.
//!
//! Not a queue of frames: what is in here has been promised and only waits for the socket.

/// A byte buffer that is filled at the end and emptied at the front.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    sent: usize,
}

impl Output {
    /// Where new bytes are appended.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What has not been sent.
    pub(super) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// The first `count` unsent bytes are with the socket.
    pub(super) fn consume(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Moves what has not been sent to the end of `into`; buffers are swapped when that saves the copy.
    pub(super) fn take(&mut self, into: &mut Vec<u8>) {
        if into.is_empty() && self.sent == 0 {
            std::mem::swap(into, &mut self.bytes);
        } else {
            into.extend_from_slice(self.unsent());
            self.bytes.clear();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_writes_keep_the_order() {
        let mut output = Output::default();
        output.end().extend_from_slice(b"abcdef");
        output.consume(2);
        assert_eq!(output.unsent(), b"cdef");
        output.end().extend_from_slice(b"gh");
        output.consume(3);
        assert_eq!(output.unsent(), b"fgh");
        let mut into = b"x".to_vec();
        output.take(&mut into);
        assert_eq!((into.as_slice(), output.unsent()), (&b"xfgh"[..], &b""[..]));
    }

    #[test]
    fn consuming_too_much_is_consuming_all() {
        let mut output = Output::default();
        output.end().push(b'a');
        output.consume(usize::MAX);
        assert!(output.unsent().is_empty());
    }

    #[test]
    fn an_empty_target_is_swapped_in() {
        let mut output = Output::default();
        output.end().push(b'a');
        let mut into = Vec::new();
        output.take(&mut into);
        assert_eq!(into, b"a");
        assert!(output.unsent().is_empty());
    }
}
