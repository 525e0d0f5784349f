//! What a request has brought: the lines of its events, in one buffer, and how a line is made of parts that are
//! no line yet.

use loggr_event::Timestamp;
use serde_json::Value;

/// The lines of the events of a request, in order.
#[derive(Debug, Default)]
pub struct Gathered {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Gathered {
    /// One more event, by its line as it stands.
    pub fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(self.bytes.len());
    }

    /// One more event, by the parts of an object.
    pub fn push_object<'v>(&mut self, parts: impl IntoIterator<Item = (&'v str, &'v Value)>) {
        self.bytes.push(b'{');
        let mut first = true;
        for (name, value) in parts {
            if !std::mem::take(&mut first) {
                self.bytes.push(b',');
            }
            // Writing into memory does not fail, and what was a value is one.
            drop(serde_json::to_writer(&mut self.bytes, name));
            self.bytes.push(b':');
            drop(serde_json::to_writer(&mut self.bytes, value));
        }
        self.bytes.push(b'}');
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The lines.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

/// A time in nanoseconds since 1970 as it stands in an object; what is finer than a microsecond is left out.
pub fn stamp(nanos: u64) -> Value {
    let micros = i64::try_from(nanos / 1000).unwrap_or(i64::MAX);
    let mut out = Vec::new();
    Timestamp::from_unix_micros(micros).write_rfc3339(&mut out);
    Value::String(String::from_utf8(out).unwrap_or_default())
}
