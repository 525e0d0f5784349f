//! `/loki/api/v1/push`: streams of lines with labels, as JSON or as protocol buffers packed with snappy.
//!
//! A label, and what a line has beside it (structured metadata), becomes a custom field, or what its name stands
//! for: `host`, `level`, `app`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::gathered::{Gathered, stamp};
use super::proto::{self, Broken};

#[derive(Deserialize)]
struct Push {
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    stream: BTreeMap<String, Value>,
    #[serde(default)]
    values: Vec<Vec<Value>>,
}

/// The events of a body of JSON.
///
/// # Errors
/// What is wrong with it; then none of it is taken.
pub fn json(body: &[u8]) -> Result<Gathered, String> {
    let push: Push = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut gathered = Gathered::default();
    for Stream { stream, values } in push.streams {
        let labels: Vec<(&str, &Value)> = stream.iter().map(|(name, value)| (name.as_str(), value)).collect();
        for entry in &values {
            let [time, line, beside @ ..] = entry.as_slice() else {
                return Err("an entry has a time and a line".to_owned());
            };
            let nanos = time.as_str().and_then(|text| text.parse().ok()).or_else(|| time.as_u64());
            let nanos = nanos.ok_or_else(|| format!("`{time}` is no time in nanoseconds"))?;
            let beside = beside.first().and_then(Value::as_object).into_iter().flatten();
            let beside = beside.map(|(name, value)| (name.as_str(), value));
            push_line(&mut gathered, nanos, line, labels.iter().copied().chain(beside));
        }
    }
    Ok(gathered)
}

/// Our names come first: a label that is called so stays a field.
fn push_line<'v>(
    gathered: &mut Gathered,
    nanos: u64,
    line: &'v Value,
    labels: impl Iterator<Item = (&'v str, &'v Value)>,
) {
    let time = stamp(nanos);
    let own = [("timereported", &time), ("message", line)];
    let labels: Vec<(&str, &Value)> = labels.collect();
    gathered.push_object(own.into_iter().chain(labels));
}

/// The events of a body of protocol buffers, unpacked.
///
/// # Errors
/// What is wrong with it; then none of it is taken.
pub fn protobuf(body: &[u8]) -> Result<Gathered, String> {
    let mut gathered = Gathered::default();
    proto::fields(body, |number, wire| match number {
        1 => stream(wire.bytes(), &mut gathered),
        _ => Ok(()),
    })
    .map_err(|Broken| "it is no push request".to_owned())?;
    Ok(gathered)
}

fn stream(body: &[u8], gathered: &mut Gathered) -> Result<(), Broken> {
    let (mut labels, mut entries) = (Vec::new(), Vec::new());
    proto::fields(body, |number, wire| {
        match number {
            1 => labels = self::labels(&wire.text()),
            2 => entries.push(wire.bytes()),
            _ => {}
        }
        Ok(())
    })?;
    for entry in entries {
        let (mut nanos, mut line, mut beside) = (0u64, Value::Null, Vec::new());
        proto::fields(entry, |number, wire| {
            match number {
                1 => nanos = time(wire.bytes())?,
                2 => line = Value::String(wire.text()),
                3 => beside.push(pair(wire.bytes())?),
                _ => {}
            }
            Ok(())
        })?;
        let labels = labels.iter().chain(&beside).map(|(name, value)| (name.as_str(), value));
        push_line(gathered, nanos, &line, labels);
    }
    Ok(())
}

/// `google.protobuf.Timestamp` in nanoseconds.
fn time(body: &[u8]) -> Result<u64, Broken> {
    let (mut seconds, mut nanos) = (0, 0);
    proto::fields(body, |number, wire| {
        match number {
            1 => seconds = wire.number(),
            2 => nanos = wire.number(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

fn pair(body: &[u8]) -> Result<(String, Value), Broken> {
    let (mut name, mut value) = (String::new(), Value::Null);
    proto::fields(body, |number, wire| {
        match number {
            1 => name = wire.text(),
            2 => value = Value::String(wire.text()),
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, value))
}

/// Reads `{name="value", …}`; what is not written so is left out.
fn labels(text: &str) -> Vec<(String, Value)> {
    let mut labels = Vec::new();
    let mut rest = text.trim().trim_start_matches('{');
    while let Some((name, after)) = rest.split_once('=') {
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<String>();
        let Some(Ok(value)) = values.next() else { break };
        labels.push((name.trim().to_owned(), Value::String(value)));
        let behind = after.get(values.byte_offset()..).unwrap_or_default();
        rest = behind.trim_start().trim_start_matches(',');
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(gathered: &Gathered) -> Vec<String> {
        gathered.lines().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn streams_of_json() {
        let body = br#"{"streams":[{"stream":{"app":"shop","message":"m"},"values":[
            ["1795341600000001000","one \"two\""],["1795341600000002000","three",{"trace":"7"}]]}]}"#;
        assert_eq!(
            lines(&json(body).unwrap()),
            [
                r#"{"timereported":"2026-11-22T10:00:00.000001Z","message":"one \"two\"","app":"shop","message":"m"}"#,
                r#"{"timereported":"2026-11-22T10:00:00.000002Z","message":"three","app":"shop","message":"m","trace":"7"}"#,
            ]
        );
        assert_eq!(json(b"{}").unwrap().len(), 0);
        assert!(json(b"[").is_err());
        assert!(
            json(br#"{"streams":[{"stream":{},"values":[["x","y"]]}]}"#).unwrap_err().contains("no time")
        );
    }

    #[test]
    fn labels_as_text() {
        let check = |text: &str, expect: &[(&str, &str)]| {
            let found = labels(text);
            let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str().unwrap())).collect();
            assert_eq!(found, expect, "{text}");
        };
        check("{}", &[]);
        check(r#"{a="b"}"#, &[("a", "b")]);
        check(r#"{a="b, \"c\"", d="e"}"#, &[("a", "b, \"c\""), ("d", "e")]);
        check("{a", &[]);
    }

    fn message(number: u8, body: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(body.len()).unwrap()], body].concat()
    }

    #[test]
    fn streams_of_protocol_buffers() {
        let time = [&[0x08][..], &[0xa0, 0xff, 0x85, 0xd8, 0x06], &[0x10, 0xe8, 0x07]].concat();
        let beside = [message(1, b"k"), message(2, b"v")].concat();
        let entry = [message(1, &time), message(2, b"line"), message(3, &beside)].concat();
        let body = message(1, &[message(1, br#"{app="x"}"#), message(2, &entry)].concat());
        let told = lines(&protobuf(&body).unwrap());
        assert_eq!(told.len(), 1);
        assert!(told[0].ends_with(r#".000001Z","message":"line","app":"x","k":"v"}"#), "{told:?}");
        assert!(protobuf(&body[..body.len() - 1]).is_err());
    }
}
