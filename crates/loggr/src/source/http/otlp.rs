//! `/v1/logs`: log records of OpenTelemetry (OTLP over HTTP), as protocol buffers or as JSON.
//!
//! | record | event |
//! | --- | --- |
//! | time, or else the time at which it was observed | timereported |
//! | body | message; an object or a list as JSON |
//! | severity number | severity |
//! | attributes, and those of the resource | custom fields, or what their names stand for: `service.name`, `host.name` |
//! | trace and span id, event name, severity text, name of the scope | custom fields `trace_id`, `span_id`, `event_name`, `severity_text`, `scope.name` |

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::gathered::{Gathered, stamp};
use super::proto::{self, Broken, Wire};

/// Levels of values within values.
const MAX_DEPTH: usize = 32;

type Attributes = Vec<(String, Value)>;

/// A record.
#[derive(Default)]
struct Record {
    time: u64,
    observed: u64,
    severity: u64,
    severity_text: String,
    body: Option<Value>,
    attributes: Attributes,
    trace: String,
    span: String,
    event_name: String,
}

/// The keyword of a severity number (OpenTelemetry, logs data model, appendix B).
fn severity(number: u64) -> Option<&'static str> {
    Some(match number {
        1..=8 => "debug",
        9 => "info",
        10..=12 => "notice",
        13..=16 => "warning",
        17 => "err",
        18 => "crit",
        19 | 20 => "alert",
        21..=24 => "emerg",
        _ => return None,
    })
}

fn push(gathered: &mut Gathered, record: Record, scope: &str, resource: &Attributes) {
    let mut own = Vec::with_capacity(8);
    let nanos = if record.time == 0 { record.observed } else { record.time };
    if nanos != 0 {
        own.push(("timereported", stamp(nanos)));
    }
    let message = match record.body {
        Some(text @ Value::String(_)) => text,
        None | Some(Value::Null) => Value::String(record.event_name.clone()),
        Some(value) => Value::String(value.to_string()),
    };
    own.push(("message", message));
    if let Some(severity) = severity(record.severity) {
        own.push(("severity", severity.into()));
    }
    let texts = [
        ("severity_text", record.severity_text.as_str()),
        ("trace_id", &record.trace),
        ("span_id", &record.span),
        ("event_name", &record.event_name),
        ("scope.name", scope),
    ];
    own.extend(
        texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.into())),
    );
    let own = own.iter().map(|(name, value)| (*name, value));
    let attributes = record.attributes.iter().chain(resource).map(|(name, value)| (name.as_str(), value));
    gathered.push_object(own.chain(attributes));
}

/// The events of a body of protocol buffers.
///
/// # Errors
/// What is wrong with it; then none of it is taken.
pub fn protobuf(body: &[u8]) -> Result<Gathered, String> {
    let mut gathered = Gathered::default();
    proto::fields(body, |number, wire| match number {
        1 => of_resource(wire.bytes(), &mut gathered),
        _ => Ok(()),
    })
    .map_err(|Broken| "it is no ExportLogsServiceRequest".to_owned())?;
    Ok(gathered)
}

fn of_resource(body: &[u8], gathered: &mut Gathered) -> Result<(), Broken> {
    let (mut resource, mut scopes) = (Attributes::new(), Vec::new());
    proto::fields(body, |number, wire| {
        match number {
            1 => proto::fields(wire.bytes(), |number, wire| {
                if number == 1 {
                    resource.push(key_value(wire.bytes(), 0)?);
                }
                Ok(())
            })?,
            2 => scopes.push(wire.bytes()),
            _ => {}
        }
        Ok(())
    })?;
    for body in scopes {
        let (mut scope, mut records) = (String::new(), Vec::new());
        proto::fields(body, |number, wire| {
            match number {
                1 => proto::fields(wire.bytes(), |number, wire| {
                    if number == 1 {
                        scope = wire.text();
                    }
                    Ok(())
                })?,
                2 => records.push(record(wire.bytes())?),
                _ => {}
            }
            Ok(())
        })?;
        records.into_iter().for_each(|record| push(gathered, record, &scope, &resource));
    }
    Ok(())
}

fn record(body: &[u8]) -> Result<Record, Broken> {
    let mut record = Record::default();
    proto::fields(body, |number, wire| {
        match number {
            1 => record.time = wire.number(),
            2 => record.severity = wire.number(),
            3 => record.severity_text = wire.text(),
            5 => record.body = Some(any(wire.bytes(), 0)?),
            6 => record.attributes.push(key_value(wire.bytes(), 0)?),
            9 => record.trace = hex(wire.bytes()),
            10 => record.span = hex(wire.bytes()),
            11 => record.observed = wire.number(),
            12 => record.event_name = wire.text(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(record)
}

fn key_value(body: &[u8], depth: usize) -> Result<(String, Value), Broken> {
    let (mut key, mut value) = (String::new(), Value::Null);
    proto::fields(body, |number, wire| {
        match number {
            1 => key = wire.text(),
            2 => value = any(wire.bytes(), depth)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

fn any(body: &[u8], depth: usize) -> Result<Value, Broken> {
    if depth > MAX_DEPTH {
        return Err(Broken);
    }
    let mut value = Value::Null;
    proto::fields(body, |number, wire| {
        value = match (number, wire) {
            (1, Wire::Bytes(_)) => Value::String(wire.text()),
            (2, _) => Value::Bool(wire.number() != 0),
            // A number of variable length is that of an `int64` as it stands.
            (3, _) => Value::Number(i64::from_ne_bytes(wire.number().to_ne_bytes()).into()),
            (4, _) => double(f64::from_bits(wire.number())),
            (5, _) => {
                let mut values = Vec::new();
                proto::fields(wire.bytes(), |_, wire| {
                    values.push(any(wire.bytes(), depth + 1)?);
                    Ok(())
                })?;
                Value::Array(values)
            }
            (6, _) => {
                let mut values = Map::new();
                proto::fields(wire.bytes(), |_, wire| {
                    values.extend([key_value(wire.bytes(), depth + 1)?]);
                    Ok(())
                })?;
                Value::Object(values)
            }
            (7, _) => Value::String(hex(wire.bytes())),
            _ => Value::Null,
        };
        Ok(())
    })?;
    Ok(value)
}

fn double(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct JsonRequest {
    resource_logs: Vec<JsonResource>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct JsonResource {
    resource: Option<JsonAttributes>,
    scope_logs: Vec<JsonScope>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonAttributes {
    attributes: Vec<JsonPair>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct JsonScope {
    scope: Option<JsonName>,
    log_records: Vec<JsonRecord>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonName {
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonPair {
    key: String,
    value: Value,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct JsonRecord {
    time_unix_nano: Value,
    observed_time_unix_nano: Value,
    severity_number: Value,
    severity_text: String,
    body: Option<Value>,
    attributes: Vec<JsonPair>,
    trace_id: String,
    span_id: String,
    event_name: String,
}

/// The events of a body of JSON.
///
/// # Errors
/// What is wrong with it; then none of it is taken.
pub fn json(body: &[u8]) -> Result<Gathered, String> {
    let request: JsonRequest = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut gathered = Gathered::default();
    for JsonResource { resource, scope_logs } in request.resource_logs {
        let resource = pairs(resource.unwrap_or_default().attributes);
        for JsonScope { scope, log_records } in scope_logs {
            let scope = scope.unwrap_or_default().name;
            for of in log_records {
                let record = Record {
                    time: unsigned(&of.time_unix_nano),
                    observed: unsigned(&of.observed_time_unix_nano),
                    severity: unsigned(&of.severity_number),
                    severity_text: of.severity_text,
                    body: of.body.map(plain),
                    attributes: pairs(of.attributes),
                    trace: of.trace_id,
                    span: of.span_id,
                    event_name: of.event_name,
                };
                push(&mut gathered, record, &scope, &resource);
            }
        }
    }
    Ok(gathered)
}

/// Numbers of 64 bits are texts in this JSON.
fn unsigned(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

fn pairs(pairs: Vec<JsonPair>) -> Attributes {
    pairs.into_iter().map(|JsonPair { key, value }| (key, plain(value))).collect()
}

/// The value that stands in `{"stringValue": …}` and its like.
fn plain(value: Value) -> Value {
    let Value::Object(object) = value else { return value };
    let Some((kind, value)) = object.into_iter().next() else { return Value::Null };
    match (kind.as_str(), value) {
        ("intValue", Value::String(text)) => text.parse::<i64>().map_or(Value::String(text), Value::from),
        ("arrayValue", Value::Object(mut of)) => match of.remove("values") {
            Some(Value::Array(values)) => values.into_iter().map(plain).collect(),
            _ => Value::Array(Vec::new()),
        },
        ("kvlistValue", Value::Object(mut of)) => {
            let values: Vec<JsonPair> = of
                .remove("values")
                .and_then(|values| serde_json::from_value(values).ok())
                .unwrap_or_default();
            Value::Object(pairs(values).into_iter().collect())
        }
        (_, value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(gathered: &Gathered) -> Vec<String> {
        gathered.lines().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    const EXPECT: &str = r#"{"timereported":"2026-11-22T10:00:00.000001Z","message":"hi","severity":"err","severity_text":"ERROR","trace_id":"0102","span_id":"03","scope.name":"lib","n":7,"tags":["a",true],"o":{"k":-1},"service.name":"shop"}"#;

    #[test]
    fn records_of_json() {
        let body = br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
            "scopeLogs":[{"scope":{"name":"lib"},"logRecords":[{"timeUnixNano":"1795341600000001000","severityNumber":17,
            "severityText":"ERROR","body":{"stringValue":"hi"},"traceId":"0102","spanId":"03","attributes":[
            {"key":"n","value":{"intValue":"7"}},
            {"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},{"boolValue":true}]}}},
            {"key":"o","value":{"kvlistValue":{"values":[{"key":"k","value":{"intValue":-1}}]}}}]}]}]}]}"#;
        assert_eq!(lines(&json(body).unwrap()), [EXPECT]);
        let empty = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"e","observedTimeUnixNano":1}]}]}]}"#;
        let told = lines(&json(empty).unwrap());
        assert_eq!(
            told,
            [r#"{"timereported":"1970-01-01T00:00:00.000000Z","message":"e","event_name":"e"}"#]
        );
        assert!(json(b"x").is_err());
    }

    fn varint(mut number: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
        out
    }

    fn message(number: u64, body: &[u8]) -> Vec<u8> {
        [varint(number << 3 | 2), varint(body.len() as u64), body.to_vec()].concat()
    }

    fn number(field: u64, value: u64) -> Vec<u8> {
        [varint(field << 3), varint(value)].concat()
    }

    fn pair(key: &str, value: &[u8]) -> Vec<u8> {
        [message(1, key.as_bytes()), message(2, value)].concat()
    }

    #[test]
    fn records_of_protocol_buffers() {
        let list = message(5, &[message(1, &message(1, b"a")), message(1, &number(2, 1))].concat());
        let object = message(6, &message(1, &pair("k", &number(3, u64::MAX))));
        let record = [
            vec![1 << 3 | 1],
            1_795_341_600_000_001_000u64.to_le_bytes().to_vec(),
            number(2, 17),
            message(3, b"ERROR"),
            message(5, &message(1, b"hi")),
            message(6, &pair("n", &number(3, 7))),
            message(6, &pair("tags", &list)),
            message(6, &pair("o", &object)),
            message(9, &[1, 2]),
            message(10, &[3]),
        ]
        .concat();
        let scope = [message(1, &message(1, b"lib")), message(2, &record)].concat();
        let resource = message(1, &pair("service.name", &message(1, b"shop")));
        let body = message(1, &[message(1, &resource), message(2, &scope)].concat());
        assert_eq!(lines(&protobuf(&body).unwrap()), [EXPECT]);
        assert!(protobuf(&body[..body.len() - 1]).is_err());
        assert_eq!(protobuf(b"").unwrap().len(), 0);
    }

    #[test]
    fn values_within_values_have_an_end() {
        let mut deep = message(1, b"x");
        for _ in 0..100 {
            deep = message(5, &message(1, &deep));
        }
        assert_eq!(any(&deep, 0), Err(Broken));
    }
}
