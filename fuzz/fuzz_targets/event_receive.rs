#![no_main]
//! The lenient door takes any bytes; the strict one names a byte of the line; what comes out
//! of an event can be read again.
//!
//! The first byte chooses the listener.

use libfuzzer_sys::fuzz_target;
use loggr_event::{DumpFormat, Event, Format, InputFormat, Origin, Timestamp, Transport, Uid};

const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

fuzz_target!(|data: &[u8]| {
    let Some((&choice, line)) = data.split_first() else { return };
    let formats = ["auto", "rfc5424", "rfc3164", "json", "msgpack"];
    let origin = Origin {
        format: InputFormat::from_keyword(formats[usize::from(choice) % 5]).expect("a keyword"),
        transport: if choice & 0x20 == 0 { Transport::UnixDgram } else { Transport::Tcp },
        trusted: choice & 0x40 == 0,
        keep_leading_blank: choice & 0x80 == 0,
        ..Origin::default()
    };
    let event = Event::receive(line, &origin, Uid::default(), NOW);
    for name in ["JSON", "RFC5424", "RFC3164", "RSYSLOG", "MESSAGE", "ES", "$DATE ${x} $TAGS $MESSAGE"] {
        let format = DumpFormat::parse(name).expect("a format");
        let mut out = Vec::new();
        event.dump(&format, &mut out);
        assert!(format.is_multiline() || !out.contains(&b'\n'), "{name} is more than one line");
        if name == "JSON" {
            let json = serde_json::from_slice::<serde_json::Value>(&out).expect("JSON that others read");
            assert!(json.is_object());
        }
        if name == "RFC5424" {
            Event::parse(&out, Format::Rfc5424, &origin, Uid::default(), NOW).expect("we read what we write");
        }
    }
    let mut packed = Vec::new();
    event.dump(&DumpFormat::Msgpack, &mut packed);
    let again = Event::from_msgpack(&packed).expect("we read what we write");
    assert_eq!(again.message, event.message);
    assert_eq!(again.source, event.source);
    assert_eq!(again.timereported, event.timereported);
    assert_eq!(again.structured_data, event.structured_data);

    for format in Format::ALL {
        if let Err(error) = Event::parse(line, format, &origin, Uid::default(), NOW) {
            assert!(error.offset() <= line.len(), "{error}");
        }
    }
});
