//! The formats that an event is written in, by name.
//!
//! Every dump appends to the caller's buffer and ends without a line end. All but
//! MSGPACK (binary) and ES (two lines, for a bulk request) are one line whatever the
//! event holds: JSON escapes by itself, the others write a control character as
//! `#012`, as rsyslog does.

use std::str::FromStr;

use crate::template::nearest;
use crate::{Event, Template, TemplateError, elastic, json, rfc3164, rfc5424, rsyslog};

/// How to write an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpFormat {
    /// One flat JSON object.
    Json,
    /// A MessagePack map.
    Msgpack,
    /// RFC 5424; tags, fields and uid in the SD-ELEMENT `pyloggr@45878`.
    Rfc5424,
    /// RFC 3164.
    Rfc3164,
    /// rsyslog's file format, `RSYSLOG_FileFormat`.
    Rsyslog,
    /// Action and document for the bulk interface of Elasticsearch.
    Es,
    /// The message alone.
    Message,
    /// The received bytes, if the event has kept them; else RFC 5424. Most events do not keep the
    /// bytes, because their fields hold everything; a caller that still has the received line
    /// writes that line instead.
    Raw,
    /// A line made from a template.
    Template(Template),
}

const NAMES: [&str; 8] = ["JSON", "MSGPACK", "RFC5424", "RFC3164", "RSYSLOG", "ES", "MESSAGE", "RAW"];

impl DumpFormat {
    /// Reads the name of a format, in any case, or else a template.
    pub fn parse(text: &str) -> Result<DumpFormat, TemplateError> {
        Ok(match text.trim().to_ascii_uppercase().as_str() {
            "JSON" => DumpFormat::Json,
            "MSGPACK" => DumpFormat::Msgpack,
            "RFC5424" => DumpFormat::Rfc5424,
            "RFC3164" => DumpFormat::Rfc3164,
            "RSYSLOG" => DumpFormat::Rsyslog,
            "ES" => DumpFormat::Es,
            "MESSAGE" => DumpFormat::Message,
            "RAW" => DumpFormat::Raw,
            _ => {
                let template = Template::parse(text)?;
                // A template without variables is taken for a misspelt name of a format.
                if !template.has_variables() {
                    let suggestion = nearest(text, NAMES.into_iter());
                    let problem = "no format and no template:";
                    return Err(TemplateError { offset: 0, word: text.to_owned(), problem, suggestion });
                }
                DumpFormat::Template(template)
            }
        })
    }

    /// May the output hold bytes that end a line? True for MSGPACK, ES and RAW.
    pub fn is_multiline(&self) -> bool {
        matches!(self, DumpFormat::Msgpack | DumpFormat::Es | DumpFormat::Raw)
    }
}

impl FromStr for DumpFormat {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<DumpFormat, TemplateError> {
        DumpFormat::parse(text)
    }
}

impl Event<'_> {
    /// Appends the event in a format.
    pub fn dump(&self, format: &DumpFormat, out: &mut Vec<u8>) {
        match format {
            DumpFormat::Json => json::write(self, out),
            DumpFormat::Msgpack => self.to_msgpack(out),
            DumpFormat::Rfc5424 => rfc5424::write(self, out),
            DumpFormat::Rfc3164 => rfc3164::write(self, out),
            DumpFormat::Rsyslog => rsyslog::write(self, out),
            DumpFormat::Es => elastic::write(self, out),
            DumpFormat::Message => crate::escape::write_escaped(&self.message, out),
            DumpFormat::Raw => match &self.raw {
                Some(raw) => out.extend_from_slice(raw),
                None => rfc5424::write(self, out),
            },
            DumpFormat::Template(template) => template.render(self, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{
        Defects, Facility, Field, Format, InputFormat, Origin, SdElement, SdParam, Severity, Timestamp,
        Transport, TrustedField, Uid, Verdict,
    };
    use proptest::collection::{btree_map, btree_set, vec};
    use proptest::option;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["", "[a-z]{1,8}", "([\u{0}-\u{ff}#\\\\\"\\]0-7]|.){0,20}"]
    }

    fn word() -> impl Strategy<Value = String> {
        prop_oneof!["", "[!-~]{1,60}", "([\u{0}-\u{ff}]|.){0,12}"]
    }

    /// Names that structured data has from careless senders.
    fn odd() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]", "[a-z ]{0,40}", "pyloggr@45878|untrusted-pyloggr@45878", "[\"=\\]é]{1,3}"]
    }

    fn stamp() -> impl Strategy<Value = Timestamp> {
        (0i64..4_000_000_000_000_000, -1439i16..=1439).prop_map(|(m, o)| Timestamp::with_offset(m, o))
    }

    fn structured_data() -> impl Strategy<Value = Vec<SdElement<'static>>> {
        let params = btree_map("[a-z.]{1,10}", vec(text(), 1..3), 0..3);
        btree_map("[a-z]{1,8}@[0-9]{1,5}", params, 0..3).prop_map(|elements| {
            let param = |(name, values): (String, Vec<String>)| {
                values.into_iter().map(move |v| SdParam { name: name.clone().into(), value: v.into() })
            };
            let element = |(id, params): (String, _)| {
                let params = std::collections::BTreeMap::into_iter(params).flat_map(param).collect();
                SdElement { id: id.into(), params }
            };
            elements.into_iter().map(element).collect()
        })
    }

    fn origin() -> impl Strategy<Value = Origin> {
        (text(), text(), option::of(text()), any::<[bool; 2]>(), 0..5usize, text()).prop_map(
            |(listener, peer, tls_name, [trusted, keep_leading_blank], n, timezone)| Origin {
                listener,
                transport: [
                    Transport::Relp,
                    Transport::Tcp,
                    Transport::Udp,
                    Transport::UnixDgram,
                    Transport::Upload,
                ][n],
                peer,
                tls_name,
                trusted,
                format: [
                    InputFormat::Auto,
                    InputFormat::Json,
                    InputFormat::Msgpack,
                    InputFormat::Rfc3164,
                    InputFormat::Rfc5424,
                ][n],
                timezone,
                keep_leading_blank,
                process: Vec::new(),
                assumed: None,
            },
        )
    }

    prop_compose! {
        fn event()(
            uid: [u8; 16], times in [stamp(), stamp()], codes in (0u8..8, 0u8..24), words in [word(), word(), word(), word()],
            message in text(), structured_data in structured_data(), tags in btree_set(text(), 0..3),
            fields in vec((text(), vec(text(), 1..3)), 0..4), trusted in btree_map("_[A-Z]{1,5}", text(), 0..3),
            rare in (option::of(origin()), 0u16..8192, option::of(vec(any::<u8>(), 0..20)), option::of(0u64..1 << 40)),
            seal in option::of((text(), stamp())),
        ) -> Event<'static> {
            let [source, app_name, procid, msgid] = words.map(Cow::Owned);
            let mut event = Event {
                uid: Uid::from_bytes(uid), timereported: times[0], timegenerated: times[1],
                severity: Severity::from_code(codes.0).unwrap(), facility: Facility::from_code(codes.1).unwrap(),
                source, app_name, procid, msgid, message: message.into(), structured_data,
                trusted: trusted.into_iter().map(|(n, v)| TrustedField { name: n.into(), value: v.into() }).collect(),
                origin: rare.0.map(Cow::Owned), defects: Defects::from_bits(rare.1), raw: rare.2.map(Cow::Owned),
                original_len: rare.3, ..Event::default()
            };
            event.tags = tags.into_iter().map(Cow::Owned).collect();
            for (name, values) in fields {
                values.into_iter().for_each(|v| event.add_field_value(name.clone(), v));
            }
            if let Some((hmac, time)) = seal {
                event.hmac = Some(hmac.into());
                event.timehmac = Some(time);
            }
            event
        }
    }

    /// What the event becomes when it is written and read by a peer that trusts the writer.
    fn there_and_back<'a>(
        event: &Event<'_>,
        name: &str,
        format: Format,
        line: &'a mut Vec<u8>,
        trusting: &'a Origin,
    ) -> Event<'a> {
        event.dump(&DumpFormat::parse(name).unwrap(), line);
        Event::parse(line, format, trusting, Uid::default(), event.timegenerated)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line)))
    }

    fn trusting() -> Origin {
        Origin { trusted: true, listener: "here".to_owned(), ..Origin::default() }
    }

    proptest! {
           #[test]
           fn json_comes_back(event in event()) {
               let (mut line, trusting) = (Vec::new(), trusting());
               let mut back = there_and_back(&event, "json", Format::Json, &mut line, &trusting);
               if event.origin.is_none() {
                   back.origin = None;
               }
               let mut expect = event.clone();
               if expect.defects.is_empty() {
                   back.defects = Defects::default();
               }
               expect.fields.sort_by(|a: &Field<'_>, b| a.name.cmp(&b.name));
               back.fields.sort_by(|a, b| a.name.cmp(&b.name));
               prop_assert_eq!(back, expect);
           }

           #[test]
           fn msgpack_comes_back(event in event()) {
               let (mut line, trusting) = (Vec::new(), trusting());
               let mut back = there_and_back(&event, "msgpack", Format::Msgpack, &mut line, &trusting);
               if event.origin.is_none() {
                   back.origin = None;
               }
               prop_assert_eq!(&back, &event);
               prop_assert_eq!(&Event::from_msgpack(&line).unwrap(), &event);
           }

           #[test]
           fn rfc5424_comes_back(event in event()) {
               let (mut line, trusting) = (Vec::new(), trusting());
               let back = there_and_back(&event, "rfc5424", Format::Rfc5424, &mut line, &trusting);
               let mut expect = Event { defects: Defects::default(), raw: None, original_len: None, ..event.clone() };
               expect.origin = Some(Cow::Borrowed(&trusting));
               if expect.uid == Uid::default() {
                   expect.uid = back.uid;
               }
               prop_assert_eq!(&back, &expect);
               let received = Event::receive(&line, &trusting, Uid::default(), event.timegenerated);
               if !event.source.is_empty() && !event.message.ends_with(['\n', '\r', '\0']) {
                   prop_assert_eq!(received, expect);
               }
           }

           #[test]
           fn a_seal_survives_every_format_that_carries_it(event in event(), odd in vec((odd(), vec((odd(), text()), 0..3)), 0..3), empty: bool) {
               let mut event = event;
               for (id, params) in odd {
                   let params = params.into_iter().map(|(n, v)| SdParam { name: n.into(), value: v.into() });
                   event.structured_data.push(SdElement { id: id.into(), params: params.collect() });
               }
               if empty {
                   (event.source, event.app_name) = ("".into(), "".into());
               }
               event.seal(b"key", event.timegenerated);
               let trusting = Origin { peer: "192.0.2.7:514".to_owned(), ..trusting() };
               for name in ["json", "msgpack", "rfc5424"] {
                   // Over two hosts, which write it again.
                   let (mut first, mut second) = (Vec::new(), Vec::new());
                   let format = DumpFormat::parse(name).unwrap();
                   event.dump(&format, &mut first);
                   let one = Event::receive(&first, &trusting, Uid::default(), Timestamp::default());
                   prop_assert_eq!(one.verify(b"key"), Verdict::Good, "{}: {}", name, String::from_utf8_lossy(&first));
                   one.dump(&format, &mut second);
                   let other = Event::receive(&second, &trusting, Uid::default(), Timestamp::default());
                   prop_assert_eq!(other.verify(b"key"), Verdict::Good, "{}: {}", name, String::from_utf8_lossy(&second));
               }
           }

           #[test]
           fn one_event_is_one_line(event in event()) {
               for name in ["json", "rfc5424", "rfc3164", "rsyslog", "message", "$DATETIME $TAGS $MESSAGE ${x} $SYSLOGTAG"] {
                   let format = DumpFormat::parse(name).unwrap();
                   let mut out = Vec::new();
                   event.dump(&format, &mut out);
                   let line = String::from_utf8(out).unwrap();
                   prop_assert!(!line.contains(|c: char| c != '\t' && c.is_control()), "{name}: {line:?}");
               }
           }

           #[test]
           fn owned_is_equal(event in event()) {
               prop_assert_eq!(event.clone().into_owned(), event);
           }

           #[test]
           fn any_bytes_are_received(line in vec(any::<u8>(), 0..80), origin in origin()) {
               let now = Timestamp::from_unix_micros(1_795_341_600_000_000);
               let event = Event::receive(&line, &origin, Uid::default(), now);
               for name in ["json", "msgpack", "rfc5424", "rfc3164", "rsyslog", "es", "raw"] {
                   event.dump(&DumpFormat::parse(name).unwrap(), &mut Vec::new());
               }
               for format in Format::ALL {
                   if let Err(e) = Event::parse(&line, format, &origin, Uid::default(), now) {
    prop_assert!(e.offset() <= line.len());
    }
               }
           }

           #[test]
           fn any_near_syslog_is_received(line in "(<[0-9]{0,4}>)?(1 )?([A-Za-z0-9:.*+T -]{0,30}|Nov 22 10:00:00 .{0,20}|2026-11-22T10:00:00Z .{0,30})(\\[.{0,20}|\\{.{0,20})?", origin in origin()) {
               let now = Timestamp::from_unix_micros(1_795_341_600_000_000);
               let event = Event::receive(line.as_bytes(), &origin, Uid::default(), now);
               prop_assert!(event.message.len() <= line.len());
               for format in Format::ALL {
                   if let Err(e) = Event::parse(line.as_bytes(), format, &origin, Uid::default(), now) {
    prop_assert!(e.offset() <= line.len());
    }
               }
           }
       }

    #[track_caller]
    fn check(format: &str, expect: &str) {
        let event = Event {
            uid: Uid::from_bytes([0x11; 16]),
            timereported: Timestamp::with_offset(1_795_341_600_000_000, 60),
            timegenerated: Timestamp::from_unix_micros(1_795_341_601_000_000),
            source: "web01".into(),
            app_name: "sshd".into(),
            procid: "42".into(),
            message: "it \"works\"\n".into(),
            ..Event::default()
        };
        let mut out = Vec::new();
        event.dump(&DumpFormat::parse(format).unwrap(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[test]
    fn formats() {
        check("RSYSLOG", "2026-11-22T11:00:00.000000+01:00 web01 sshd[42]: it \"works\"#012");
        check("rfc3164", "<13>Nov 22 11:00:00 web01 sshd[42]: it \"works\"#012");
        check(
            "Rfc5424",
            "<13>1 2026-11-22T11:00:00.000000+01:00 web01 sshd 42 - [pyloggr@45878 \
             uid=\"11111111-1111-1111-1111-111111111111\" timegenerated=\"2026-11-22T10:00:01.000000Z\" \
             escaped=\"1\"] it \"works\"#012",
        );
        let members = "\"uid\":\"11111111-1111-1111-1111-111111111111\",\
             \"timereported\":\"2026-11-22T11:00:00.000000+01:00\",\"timegenerated\":\"2026-11-22T10:00:01.000000Z\",\
             \"severity\":\"notice\",\"facility\":\"user\",\"source\":\"web01\",\"app_name\":\"sshd\",\
             \"procid\":\"42\",\"msgid\":\"\",\"programname\":\"sshd\",\"syslogtag\":\"sshd[42]:\",\
             \"message\":\"it \\\"works\\\"\\n\",\"structured_data\":{},\"tags\":[],\"fields\":{}";
        check("json", &format!("{{{members}}}"));
        check(
            "ES",
            &format!(
                "{{\"index\":{{\"_index\":\"loggr-2026.11.22\",\"_id\":\"11111111-1111-1111-1111-111111111111\"}}}}\n\
                 {{\"@timestamp\":\"2026-11-22T11:00:00.000000+01:00\",{members}}}"
            ),
        );
        check("$SOURCE", "web01");
    }

    #[track_caller]
    fn check_refused(format: &str, expect: &str) {
        assert_eq!(DumpFormat::parse(format).unwrap_err().to_string(), expect);
    }

    #[test]
    fn misspelt_names() {
        check_refused("JSNO", "no format and no template: `JSNO` at byte 0, did you mean `JSON`?");
        check_refused("rsylog", "no format and no template: `rsylog` at byte 0, did you mean `RSYSLOG`?");
        check_refused("hello", "no format and no template: `hello` at byte 0");
        check_refused("$MSG", "unknown variable `$MSG` at byte 0, did you mean `$MESSAGE`?");
        check_refused(
            "%HOSTNAME% %msg%",
            "another program's variable `%HOSTNAME%` at byte 0, did you mean `$SOURCE`?",
        );
    }
}
