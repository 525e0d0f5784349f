//! The 200 events of the suite. Each has a number, 1 to 200, that cases refer to.
//!
//! | numbers | what |
//! |---|---|
//! | 1–60 | a web server, `i = number - 1` |
//! | 61–100 | sshd, `j = number - 61` |
//! | 101–130 | three applications, `k = number - 101` |
//! | 131–154 | one event for each facility, `f = number - 131` |
//! | 155–200 | one oddity each |
//!
//! Received every 20 minutes from 2026-11-20T00:00:00Z on: 72 a day, three days. The
//! last three share one moment. Reported one second before.

use std::borrow::Cow;

use loggr_event::{
    Defect, Event, Facility, Field, InputFormat, Origin, SdElement, SdParam, Severity, Timestamp, Transport,
    TrustedField, Uid,
};

/// The time of event 1, 2026-11-20T00:00:00Z.
pub const FIRST_MICROS: i64 = 1_795_132_800_000_000;
/// The time at which the cases are asked, 2026-11-23T00:00:00Z.
pub const NOW_MICROS: i64 = FIRST_MICROS + 3 * 86_400 * 1_000_000;
/// How many events there are.
pub const COUNT: u16 = 200;

const STEP_MICROS: i64 = 20 * 60 * 1_000_000;
const SECOND: i64 = 1_000_000;

/// The uid of an event number. That of 195 is derived from a file, as of a harvested
/// line, and does not hold its time.
pub fn uid(number: u16) -> Uid {
    let millis = if number == 195 { 7 } else { time(number) / 1000 };
    let mut bytes = [0u8; 16];
    bytes[..8].copy_from_slice(&((u64::try_from(millis).unwrap_or(0) << 16) | 0x7000).to_be_bytes());
    bytes[8..].copy_from_slice(&((1u64 << 63) | u64::from(number)).to_be_bytes());
    Uid::from_bytes(bytes)
}

/// When an event number was received, in microseconds. Numbers over 200 go on.
pub fn time(number: u16) -> i64 {
    let step = if (199..=COUNT).contains(&number) { 198 } else { number };
    FIRST_MICROS + i64::from(step.saturating_sub(1)) * STEP_MICROS
}

/// The number of a uid.
pub fn number(uid: Uid) -> Option<u16> {
    let [.., high, low] = *uid.as_bytes();
    let number = u16::from_be_bytes([high, low]);
    (self::uid(number) == uid).then_some(number)
}

/// All events, oldest first.
pub fn events() -> Vec<Event<'static>> {
    (1..=COUNT).map(event).collect()
}

/// An event that is none of the 200 and newer than them.
pub fn later(number: u16) -> Event<'static> {
    let mut event = blank(number);
    event.message = "later".into();
    event
}

fn event(number: u16) -> Event<'static> {
    let mut event = blank(number);
    match number {
        ..=60 => web(&mut event, number - 1),
        61..=100 => sshd(&mut event, number - 61),
        101..=130 => application(&mut event, number - 101),
        131..=154 => probe(&mut event, number - 131),
        _ => oddity(&mut event, number),
    }
    event
}

fn blank(number: u16) -> Event<'static> {
    let at = time(number);
    Event {
        uid: uid(number),
        timegenerated: Timestamp::from_unix_micros(at),
        timereported: Timestamp::from_unix_micros(at - SECOND),
        ..Event::default()
    }
}

fn set(event: &mut Event<'static>, name: &'static str, value: impl Into<Cow<'static, str>>) {
    event.fields.push(Field { name: name.into(), values: vec![value.into()] });
}

fn facility(code: u8) -> Facility {
    Facility::from_code(code).unwrap_or(Facility::USER)
}

fn pick<'a>(choices: &[&'a str], n: u16) -> &'a str {
    choices.get(usize::from(n) % choices.len()).copied().unwrap_or_default()
}

fn web(event: &mut Event<'static>, i: u16) {
    let status = match i % 10 {
        0 => 500,
        1 => 503,
        2 => 404,
        3 => 301,
        _ => 200,
    };
    let client_ip = match i % 6 {
        0 => format!("10.0.0.{i}"),
        1 => format!("10.1.{i}.7"),
        2 => format!("192.168.7.{i}"),
        3 => "203.0.113.9".to_owned(),
        4 => format!("2001:db8::{i:x}"),
        _ => "2001:DB8:0:1::5".to_owned(),
    };
    let path = pick(&["/admin/login", "/api/v1/users", "/index.html", "/static/admin.css", "/"], i);
    let method = if i.is_multiple_of(7) { "POST" } else { "GET" };
    let bytes = 1000 + 10 * i;
    event.source = pick(&["web01", "web02", "web03"], i).to_owned().into();
    event.app_name = if i % 4 == 3 { "haproxy" } else { "nginx" }.into();
    event.severity = if status >= 500 { Severity::Warning } else { Severity::Informational };
    event.facility = facility(23);
    event.procid = (100 + i % 5).to_string().into();
    event.msgid = "access".into();
    event.message = format!("{client_ip} {method} {path} {status} {bytes}").into();
    event.tags.push("web".into());
    if i % 10 == 1 {
        event.tags.insert(0, "security".into());
    }
    set(event, "client_ip", client_ip);
    set(event, "method", method);
    set(event, "path", path.to_owned());
    set(event, "status", status.to_string());
    set(event, "bytes", bytes.to_string());
    if i % 6 == 3 {
        set(event, "geo_country", "DE");
    }
    if i % 20 == 5 {
        set(event, "user", "John Doe");
    }
}

fn sshd(event: &mut Event<'static>, j: u16) {
    let user = pick(&["root", "admin", "alice", "bob", "oracle"], j);
    let accepted = j.is_multiple_of(4);
    let what = match (accepted, user) {
        (true, _) => "Accepted password for",
        (false, "oracle") => "Failed password for invalid user",
        (false, _) => "Failed password for",
    };
    event.source = "bastion1".into();
    event.app_name = "sshd".into();
    event.facility = facility(10);
    event.severity = match (accepted, user) {
        (true, _) => Severity::Informational,
        (false, "root") => Severity::Error,
        (false, _) => Severity::Notice,
    };
    event.procid = (5000 + j).to_string().into();
    event.message = format!("{what} {user} from 198.51.100.{j} port {} ssh2", 40_000 + u32::from(j)).into();
    event.tags.push("auth".into());
    if event.severity == Severity::Error {
        event.tags.push("security".into());
    }
    set(event, "user", user.to_owned());
    set(event, "src_ip", format!("198.51.100.{j}"));
}

fn application(event: &mut Event<'static>, k: u16) {
    event.source = pick(&["app01", "app02"], k).to_owned().into();
    event.app_name = pick(&["orders", "billing", "Mailer"], k).to_owned().into();
    event.severity = u8::try_from(k % 8).ok().and_then(Severity::from_code).unwrap_or_default();
    event.message = match k % 5 {
        0 => format!("timeout after {}ms calling payment-gateway", k * 10),
        1 => "connection refused by upstream db-1".to_owned(),
        2 => format!("User login user_id={k} superuser"),
        3 => format!("{{\"level\":\"warn\",\"trace\":\"{:032x}\"}}", u32::from(k) * 0x0123_4567),
        _ => format!("request took {k}.5 ms"),
    }
    .into();
    event.origin = Some(Cow::Owned(Origin {
        listener: "relp-main".into(),
        transport: Transport::Relp,
        peer: format!("10.9.0.{k}:51400"),
        tls_name: k.is_multiple_of(2).then(|| "app01.example.net".into()),
        trusted: false,
        format: InputFormat::Auto,
        timezone: String::new(),
        keep_leading_blank: k.is_multiple_of(3),
        ..Origin::default()
    }));
    if k % 5 == 4 {
        set(event, "duration", format!("{k}.5"));
    }
    set(event, "trace_id", format!("{:032x}", u32::from(k) * 0x0123_4567));
    set(event, "version", format!("1.{k}.0"));
}

fn probe(event: &mut Event<'static>, f: u16) {
    event.source = "core-sw1".into();
    event.facility = u8::try_from(f).map_or(Facility::USER, facility);
    event.severity = Severity::Debug;
    event.message = format!("facility probe {f}").into();
    event.origin = Some(Cow::Owned(Origin {
        listener: "udp-514".into(),
        transport: Transport::Udp,
        peer: "[2001:db8::53]:514".into(),
        ..Origin::default()
    }));
    if f.is_multiple_of(2) {
        event.defects.insert(Defect::NoTimestamp);
    }
}

fn element(id: &'static str, params: &[(&'static str, &'static str)]) -> SdElement<'static> {
    let params = params.iter().map(|(name, value)| SdParam { name: (*name).into(), value: (*value).into() });
    SdElement { id: id.into(), params: params.collect() }
}

fn oddity(event: &mut Event<'static>, number: u16) {
    event.source = "edge".into();
    event.app_name = "edge-cases".into();
    event.message = match number {
        155 => "Straße Ärger über 日本語 naïve".into(),
        156 => "straße ärger ÜBER".into(),
        157 => "".into(),
        158 => "first line\nsecond line\n\tat com.example.Main(Main.java:42)".into(),
        159 => r#"100% done [error] {curly} <angle> "quoted" back\slash a*b"#.into(),
        161 => "two origins".into(),
        187 => "unreachable host; sunreachable".into(),
        188 => "net unreach".into(),
        189 => "foo.bar is not foo_bar".into(),
        190 => "foo bar".into(),
        191 => "foo.barista xfoo.bar".into(),
        192 => "std::io::Error at http://example.net/a?b=c 10:30:05".into(),
        193 | 194 => "same same".into(),
        196 => "upper case host".into(),
        197 => "nobody".into(),
        198..=200 => format!("tie {number}").into(),
        _ => format!("oddity {number}").into(),
    };
    match number {
        157 => set(event, "note", "zugzwang"),
        160 => event.structured_data.push(element(
            "exampleSDID@32473",
            &[("iut", "3"), ("eventSource", "Application"), ("eventID", "1011")],
        )),
        161 => {
            event.structured_data.push(element("meta", &[("sequenceId", "29")]));
            event.structured_data.push(element("origin", &[("ip", "192.0.2.1"), ("ip", "192.0.2.2")]));
        }
        162 => event.structured_data.push(element("why@1.2", &[("text", "connection reset by peer")])),
        163 => {
            event.fields.push(Field { name: "role".into(), values: vec!["admin".into(), "operator".into()] })
        }
        164 => set(event, "id", "007"),
        165 => set(event, "id", "7"),
        166 => set(event, "id", "7.0"),
        167 => set(event, "id", "12e4"),
        168 => set(event, "id", "120000"),
        169 => set(event, "id", "123456789012345678901"),
        170 => set(event, "id", "123456789012345678902"),
        171 => set(event, "ratio", "-0.5"),
        172 => set(event, "ratio", "9.5e-05"),
        173 => set(event, "ratio", "0.000095"),
        174 => set(event, "note", ""),
        175 => set(event, "host", "shadow"),
        176 => set(event, "user name", "space"),
        177 => set(event, "0", "zero"),
        178 => event.tags.extend(["Security".into(), "two words".into()]),
        179 => {
            for (name, value) in [("_PID", "4242"), ("_UID", "0")] {
                event.trusted.push(TrustedField { name: name.into(), value: value.into() });
            }
        }
        180 => {
            event.defects.insert(Defect::NotUtf8);
            event.defects.insert(Defect::Truncated);
            event.raw = Some(Cow::Borrowed(b"<13>oddity \xff\xfe"));
            event.original_len = Some(9000);
        }
        181 => {
            let origin =
                Origin { listener: "dev-log".into(), transport: Transport::UnixDgram, ..Origin::default() };
            event.origin = Some(Cow::Owned(origin));
        }
        183 => set(event, "client_ip", "::ffff:10.0.0.99"),
        184 => set(event, "client_ip", "not-an-ip"),
        185 => set(event, "client_ip", "10.0.0.1:8080"),
        186 => set(event, "client_ip", "2001:0db8:0000:0000:0000:0000:0000:0001"),
        189 => event.timereported = Timestamp::from_unix_micros(1_893_456_000 * SECOND),
        190 => event.timereported = Timestamp::from_unix_micros(981_158_400 * SECOND),
        196 => {
            event.source = "WEB01".into();
            event.app_name = "NGINX".into();
        }
        197 => {
            event.source = "".into();
            event.app_name = "".into();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_uids_belong_together() {
        for n in 1..=COUNT + 5 {
            assert_eq!(number(uid(n)), Some(n));
        }
        assert_eq!(number(Uid::default()), None);
        assert_eq!(events().len(), usize::from(COUNT));
    }
}
