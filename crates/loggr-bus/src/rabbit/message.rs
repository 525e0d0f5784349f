//! The AMQP messages that loggr writes, and how messages of other programs are read.
//!
//! | content type | body | made when |
//! |---|---|---|
//! | `application/x-loggr-batch` | one chunk, see [`crate::encoding`] | `encoding = "batch"` |
//! | `application/json` | one event as a JSON object | `encoding = "json"` |
//! | any other, or none | one line of syslog | by others |
//!
//! Messages are always persistent. Headers of a batch: `loggr-version` (1) and `loggr-events`, how
//! many events it holds; the message id of a JSON event is its uid. No message is refused: one that
//! claims to be a batch and cannot be read is given out as it is, for the rescue.

use std::sync::Arc;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use loggr_event::{DumpFormat, InputFormat, Origin, Timestamp, Transport, Uid, UidGenerator};
use loggr_flow::{Batch, BatchBuilder, Chunk};

use crate::encoding::{Decoder, Encoder, TooLarge};

/// Content type of a batch.
pub const BATCH_TYPE: &str = "application/x-loggr-batch";
/// Content type of one event as JSON.
pub const JSON_TYPE: &str = "application/json";
/// Events of one message at most: more would not be faster, and a message is the unit of
/// redelivery.
pub const MAX_MESSAGE_EVENTS: usize = 500;
/// Bytes of the records of one message at most, before compression; a larger event has a
/// message of its own.
pub const MAX_MESSAGE_BYTES: usize = 256 << 10;
/// A longer message of another program goes to the rescue.
pub const MAX_FOREIGN_BYTES: usize = 16 << 20;
/// A larger table of origins is made anew for each message, of the origins that it needs.
const MAX_SHARED_ORIGINS: usize = 8;
/// Version of the message; the chunk in it has a version of its own.
const VERSION: u32 = 1;
/// The delivery mode with which RabbitMQ keeps a message on disk.
const PERSISTENT: u8 = 2;

/// How a publisher writes events into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// Batches, for loggr's own consumers.
    #[default]
    Batch,
    /// One JSON event in each message, which other programs can read.
    Json,
}

/// A message to be published.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub body: Bytes,
    pub properties: BasicProperties,
}

/// The messages of a batch, in order.
pub(super) fn encode(
    batch: &Batch,
    encoding: Encoding,
    encoder: &mut Encoder,
) -> Result<Vec<Outgoing>, TooLarge> {
    match encoding {
        Encoding::Batch => {
            let mut out = Vec::new();
            for chunk in batch.chunks() {
                for piece in chunk.pieces(MAX_MESSAGE_EVENTS, MAX_MESSAGE_BYTES) {
                    out.extend(
                        compact(piece).iter().map(|c| one(c, encoder)).collect::<Result<Vec<_>, _>>()?,
                    );
                }
            }
            Ok(out)
        }
        Encoding::Json => Ok(batch
            .records()
            .map(|record| {
                let mut body = Vec::with_capacity(512);
                record.event().dump(&DumpFormat::Json, &mut body);
                let id = record.uid.to_string();
                let properties = base(JSON_TYPE).with_message_id(id.into());
                Outgoing { body: body.into(), properties }
            })
            .collect()),
    }
}

fn one(chunk: &Chunk, encoder: &mut Encoder) -> Result<Outgoing, TooLarge> {
    let body = encoder.encode(chunk)?.to_bytes();
    let mut headers = FieldTable::default();
    headers.insert("loggr-version".into(), AMQPValue::LongUInt(VERSION));
    headers.insert("loggr-events".into(), AMQPValue::LongUInt(chunk.len() as u32));
    Ok(Outgoing { body, properties: base(BATCH_TYPE).with_headers(headers) })
}

fn base(content_type: &str) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(content_type.into())
        .with_delivery_mode(PERSISTENT)
        .with_app_id("loggr".into())
}

/// The chunk with only the origins that it needs.
fn compact(chunk: Chunk) -> Vec<Chunk> {
    if chunk.origins().len() <= MAX_SHARED_ORIGINS {
        return vec![chunk];
    }
    let mut builder = BatchBuilder::with_capacity(chunk.record_bytes().len());
    chunk.records().for_each(|record| builder.push_record(&record));
    builder.finish().map_or_else(|| vec![chunk], |batch| batch.chunks().to_vec())
}

/// A message that has arrived.
#[derive(Debug)]
pub(super) struct Incoming {
    pub batch: Batch,
    /// How many times the broker has given it out, this time included.
    pub attempts: u32,
    /// Why it must go to the rescue as it is; `None` if it need not.
    pub unfit: Option<Arc<str>>,
}

/// Reads messages of one queue.
#[derive(Debug)]
pub(super) struct MessageReader {
    decoder: Decoder,
    uids: Arc<UidGenerator>,
    line: Arc<Origin>,
    json: Arc<Origin>,
}

impl MessageReader {
    pub fn new(queue: &str, uids: Arc<UidGenerator>) -> MessageReader {
        let origin = |format| {
            Arc::new(Origin {
                listener: queue.to_owned(),
                transport: Transport::Amqp,
                // Whoever has the right to write to our queues is trusted like loggr itself.
                trusted: true,
                format,
                ..Origin::default()
            })
        };
        MessageReader {
            decoder: Decoder::default(),
            uids,
            line: origin(InputFormat::Auto),
            json: origin(InputFormat::Json),
        }
    }

    pub fn read(&mut self, delivery: lapin::message::Delivery, now: Timestamp) -> Incoming {
        let properties = &delivery.properties;
        let attempts = attempts(properties, delivery.redelivered);
        let kind = properties.content_type().as_ref().map_or("", |t| t.as_str());
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let id = properties.message_id().as_ref().map(|id| id.as_str().to_owned());
        let (ours, json) = (kind.eq_ignore_ascii_case(BATCH_TYPE), kind.eq_ignore_ascii_case(JSON_TYPE));
        let body = Bytes::from(delivery.data);
        if ours {
            match self.decoder.decode(&body) {
                Ok(chunk) => {
                    let batch = Batch::new(vec![chunk]).expect("BUG: it has a chunk");
                    return Incoming { batch, attempts, unfit: None };
                }
                Err(error) => {
                    let why =
                        format!("a message of the queue `{}` cannot be read: {error}", self.line.listener);
                    return self.line(&body, id.as_deref(), false, now, attempts, Some(why));
                }
            }
        }
        let why = (body.len() > MAX_FOREIGN_BYTES).then(|| {
            format!(
                "a message of the queue `{}` has {} bytes, more than {MAX_FOREIGN_BYTES}",
                self.line.listener,
                body.len()
            )
        });
        self.line(&body, id.as_deref(), json, now, attempts, why)
    }

    fn line(
        &self,
        body: &Bytes,
        id: Option<&str>,
        json: bool,
        now: Timestamp,
        attempts: u32,
        unfit: Option<String>,
    ) -> Incoming {
        let origin = if json { &self.json } else { &self.line };
        // A line ends with its message, but most programs write a line end all the same.
        let text = match unfit {
            Some(_) => body.as_ref(),
            None => {
                let text = body.strip_suffix(b"\n").unwrap_or(body);
                text.strip_suffix(b"\r").unwrap_or(text)
            }
        };
        let uid = id.map_or_else(|| self.uids.next(now), |id| uid(id, body));
        let mut builder = BatchBuilder::with_capacity(text.len() + 40);
        builder.push_line(origin, uid, now, text);
        let batch = builder.finish().expect("BUG: it has a line");
        Incoming { batch, attempts, unfit: unfit.map(Into::into) }
    }
}

/// The uid of an event: that of loggr if the id is one; otherwise one that is always the same for
/// the same message, so that a redelivery makes no second event.
fn uid(id: &str, body: &[u8]) -> Uid {
    if let Some(uid) = Uid::parse(id).filter(|_| id.len() == 36) {
        return uid;
    }
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(id.as_bytes());
    hash.update(&[0]);
    hash.update(body);
    let mut bytes = hash.digest128().to_be_bytes();
    // UUIDv8 (RFC 9562), whose content an application may choose.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uid::from_bytes(bytes)
}

/// Quorum queues count deliveries; other queues at least say that it is not the first.
fn attempts(properties: &BasicProperties, redelivered: bool) -> u32 {
    let headers = properties.headers().as_ref();
    let count = headers.and_then(|h| h.inner().get("x-delivery-count")).and_then(number);
    match count {
        Some(count) => u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1),
        None => 1 + u32::from(redelivered),
    }
}

fn number(value: &AMQPValue) -> Option<u64> {
    match value {
        AMQPValue::ShortShortInt(n) => u64::try_from(*n).ok(),
        AMQPValue::ShortShortUInt(n) => Some(u64::from(*n)),
        AMQPValue::ShortInt(n) => u64::try_from(*n).ok(),
        AMQPValue::ShortUInt(n) => Some(u64::from(*n)),
        AMQPValue::LongInt(n) => u64::try_from(*n).ok(),
        AMQPValue::LongUInt(n) => Some(u64::from(*n)),
        AMQPValue::LongLongInt(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Codec;
    use lapin::message::Delivery;
    use loggr_flow::contract::lines;

    fn delivery(outgoing: Outgoing, redelivered: bool) -> Delivery {
        let mut delivery = Delivery::mock(1, "e".into(), "k".into(), redelivered, outgoing.body.to_vec());
        delivery.properties = outgoing.properties;
        delivery
    }

    fn reader() -> MessageReader {
        MessageReader::new("q", Arc::new(UidGenerator::new([7; 8])))
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_micros(1_790_000_000_000_000)
    }

    fn read(body: &[u8], properties: BasicProperties) -> Incoming {
        let body = Bytes::copy_from_slice(body);
        reader().read(delivery(Outgoing { body, properties }, false), now())
    }

    fn texts(batch: &Batch) -> Vec<String> {
        batch.records().map(|r| String::from_utf8_lossy(r.payload.bytes()).into_owned()).collect()
    }

    #[test]
    fn a_batch_comes_back_as_it_was_and_in_small_messages() {
        let all: Vec<String> = (0..1200).map(|n| format!("line {n}")).collect();
        let batch = lines(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let out = encode(&batch, Encoding::Batch, &mut Encoder::new(Codec::Lz4)).unwrap();
        assert_eq!(out.len(), 3);
        let mut reader = reader();
        let back: Vec<Incoming> = out.into_iter().map(|o| reader.read(delivery(o, false), now())).collect();
        assert!(back.iter().all(|i| i.unfit.is_none() && i.attempts == 1));
        let records: Vec<_> =
            back.iter().flat_map(|i| i.batch.records()).map(|r| (r.uid, r.payload)).collect();
        assert_eq!(records, batch.records().map(|r| (r.uid, r.payload)).collect::<Vec<_>>());
    }

    #[test]
    fn many_origins_travel_with_the_events_that_need_them() {
        let mut builder = BatchBuilder::default();
        for n in 0..1000u32 {
            let origin =
                Arc::new(Origin { peer: format!("10.0.{}.{}:1", n / 256, n % 256), ..Origin::default() });
            builder.push_line(&origin, Uid::default(), now(), b"x");
        }
        let batch = builder.finish().unwrap();
        let out = encode(&batch, Encoding::Batch, &mut Encoder::default()).unwrap();
        let mut reader = reader();
        let back =
            out.into_iter().flat_map(|o| reader.read(delivery(o, false), now()).batch.chunks().to_vec());
        assert_eq!(back.map(|c| c.origins().len()).collect::<Vec<_>>(), [500, 500]);
    }

    #[test]
    fn an_event_as_json_keeps_its_identity_and_all_that_it_has() {
        let line = "<34>1 2026-01-02T03:04:05Z web01 app 7 - [pyloggr@45878 tags=\"a\"] hello";
        let batch = lines(&[line]);
        let out = encode(&batch, Encoding::Json, &mut Encoder::default()).unwrap();
        assert_eq!(out.len(), 1);
        let text = String::from_utf8(out[0].body.to_vec()).unwrap();
        assert!(text.starts_with('{') && text.contains("\"message\":\"hello\""), "{text}");
        let back = reader().read(delivery(out[0].clone(), false), now());
        let (before, after) = (batch.records().next().unwrap(), back.batch.records().next().unwrap());
        assert_eq!((before.uid, before.event().uid), (after.uid, after.event().uid));
        let (before, after) = (before.event(), after.event());
        assert_eq!((&before.source, before.timereported), (&after.source, after.timereported));
        assert_eq!(before.origin.as_deref(), after.origin.as_deref());
    }

    #[test]
    fn what_others_write_is_a_line() {
        let back = read(b"<13>Jan  2 03:04:05 web01 cron[7]: hello\r\n", BasicProperties::default());
        let event = back.batch.records().next().unwrap().event();
        assert_eq!((&*event.source, &*event.app_name, &*event.message), ("web01", "cron", "hello"));
        assert_eq!(event.origin.as_ref().unwrap().transport, Transport::Amqp);
        let odd = BasicProperties::default().with_content_type("application/octet-stream".into());
        assert_eq!(texts(&read(b"\xff\x00", odd).batch).len(), 1);
        assert_eq!(texts(&read(b"", BasicProperties::default()).batch), [""]);
    }

    #[test]
    fn the_same_message_is_the_same_event_and_another_one_is_not() {
        let id = |text: &str, id: &str| {
            let properties = BasicProperties::default().with_message_id(id.into());
            read(text.as_bytes(), properties).batch.records().next().unwrap().uid
        };
        assert_eq!(id("a", "17"), id("a", "17"));
        assert_ne!(id("a", "17"), id("a", "18"));
        assert_ne!(id("a", "17"), id("b", "17"));
    }

    #[test]
    fn what_cannot_be_read_is_given_as_it_is_for_the_rescue() {
        let ours = BasicProperties::default().with_content_type(BATCH_TYPE.into());
        let back = read(b"LGRB\x09rest\n", ours);
        assert_eq!(texts(&back.batch), ["LGRB\x09rest\n"]);
        assert_eq!(
            back.unfit.as_deref(),
            Some(
                "a message of the queue `q` cannot be read: this is not a batch of loggr: shorter than its header"
            )
        );
        let long = read(&vec![b'x'; MAX_FOREIGN_BYTES + 1], BasicProperties::default());
        assert_eq!(long.batch.byte_len(), MAX_FOREIGN_BYTES + 1 + 32);
        assert!(long.unfit.unwrap().contains("more than 16777216"));
    }

    #[test]
    fn the_broker_counts() {
        let mut headers = FieldTable::default();
        headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(4));
        let properties = BasicProperties::default().with_headers(headers);
        assert_eq!(attempts(&properties, true), 5);
        assert_eq!(attempts(&BasicProperties::default(), true), 2);
        assert_eq!(attempts(&BasicProperties::default(), false), 1);
    }
}
