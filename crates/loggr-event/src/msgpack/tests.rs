//! MessagePack: what is read and written.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check_refused(bytes: &[u8], offset: usize) {
    assert_eq!(Event::from_msgpack(bytes).map_err(|e| e.offset()), Err(offset));
}

#[test]
fn refusing() {
    check_refused(b"", 0);
    check_refused(b"\xc0", 0);
    check_refused(b"\x81", 1);
    check_refused(b"\x81\xa3uid\xc4\x01x", 5);
    check_refused(b"\x81\xa8severity\x09", 10);
    check_refused(b"\x81\xa6source\xa2\xff\xff", 9);
    check_refused(b"\x80\x80", 1);
    check_refused(b"\x81\xa6source\xdb\xff\xff\xff\xff", 13);
}

#[test]
fn unknown_keys_of_a_newer_loggr_are_skipped() {
    let mut bytes =
        b"\x83\xa6source\xa3web\xa6future\x82\xa1a\x93\x01\xcb\0\0\0\0\0\0\0\0\xc0\xa1b\xd4\x05\x07".to_vec();
    bytes.extend_from_slice(b"\xa7message\xa2hi");
    let event = Event::from_msgpack(&bytes).unwrap();
    assert_eq!((event.source.as_ref(), event.message.as_ref()), ("web", "hi"));
    assert!(matches!(event.message, Cow::Borrowed(_)));
}

#[test]
fn a_prefix_gives_its_end() {
    let mut bytes = Vec::new();
    Event::default().to_msgpack(&mut bytes);
    let end = bytes.len();
    bytes.extend_from_slice(b"more");
    assert_eq!(Event::from_msgpack_prefix(&bytes).unwrap(), (Event::default(), end));
}

#[test]
fn stamps_of_other_programs() {
    let mut document = b"\x81\xa1t\xd6\xff".to_vec();
    document.extend_from_slice(&1_795_341_600u32.to_be_bytes());
    assert_eq!(
        read_object(&document, true).unwrap().0[0].value.as_str(),
        Some("2026-11-22T10:00:00.000000Z")
    );
    let mut document = b"\x81\xa1t\xd7\x00".to_vec();
    document.extend_from_slice(&1_795_341_600u32.to_be_bytes());
    document.extend_from_slice(&7u32.to_be_bytes());
    assert_eq!(
        read_object(&document, true).unwrap().0[0].value,
        Value::Number("1795341600.000000007".into())
    );
}

proptest! {
       #[test]
       fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
           if let Err(e) = Event::from_msgpack(&bytes) {
prop_assert!(e.offset() <= bytes.len());
}
           if let Err((at, _)) = read_object(&bytes, true) {
prop_assert!(at <= bytes.len());
}
       }

       #[test]
       fn numbers_come_back(value: i64) {
           let mut out = Vec::new();
           write::write_integer(value, &mut out);
           prop_assert_eq!(Reader { bytes: &out, at: 0, values: 0, strict: true, replaced: false }.integer(), Ok(value));
       }
   }
