//! Writes little databases in MaxMind's format, for tests: format 2.0, records of 24 bits.
//!
//! | bytes | what |
//! |---|---|
//! | 6 each | nodes of the tree: where bit 0 leads, where bit 1 leads |
//! | 16 | zeros |
//! | … | entries |
//! | 14 | `AB CD EF MaxMind.com` |
//! | … | the metadata, a map |
//!
//! A record below the number of nodes is the number of a node; the number of nodes itself means
//! that there is no entry; a larger record is an entry: its offset plus the number of nodes plus
//! 16.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

/// A database of IPv4 networks.
pub(crate) fn database(kind: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    /// Where a record of a node leads: to another node, or to an entry.
    #[derive(Clone, Copy)]
    enum To {
        Nothing,
        Node(usize),
        Entry(usize),
    }
    let mut nodes = vec![[To::Nothing; 2]];
    let mut entries = Vec::new();
    for (network, entry) in networks {
        let (address, length) = network.split_once('/').unwrap();
        let address = u32::from(address.parse::<Ipv4Addr>().unwrap());
        let length: u32 = length.parse().unwrap();
        let mut node = 0;
        for depth in 0..length {
            let bit = (address >> (31 - depth) & 1) as usize;
            if depth + 1 == length {
                nodes[node][bit] = To::Entry(entries.len());
            } else if let To::Node(next) = nodes[node][bit] {
                node = next;
            } else {
                nodes.push([To::Nothing; 2]);
                nodes[node][bit] = To::Node(nodes.len() - 1);
                node = nodes.len() - 1;
            }
        }
        write(&mut entries, entry);
    }
    let mut out = Vec::new();
    for to in nodes.iter().flatten() {
        let record = match to {
            To::Nothing => nodes.len(),
            To::Node(node) => *node,
            To::Entry(offset) => nodes.len() + 16 + offset,
        };
        out.extend_from_slice(&(record as u32).to_be_bytes()[1..]);
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&entries);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let (count, epoch) = ((nodes.len() as u32).to_be_bytes(), 1_772_366_400_u64.to_be_bytes());
    control(&mut out, 7, 9);
    let numbers = [
        ("binary_format_major_version", 5, &[0, 2][..]),
        ("binary_format_minor_version", 5, &[0, 0]),
        ("build_epoch", 9, &epoch),
        ("ip_version", 5, &[0, 4]),
        ("node_count", 6, &count),
        ("record_size", 5, &[0, 24]),
    ];
    for (key, kind, bytes) in numbers {
        write(&mut out, &json!(key));
        number(&mut out, kind, bytes);
    }
    for (key, value) in [
        ("database_type", json!(kind)),
        ("description", json!({"en": "a test"})),
        ("languages", json!(["en"])),
    ] {
        write(&mut out, &json!(key));
        write(&mut out, &value);
    }
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(map) => {
            control(out, 7, map.len());
            for (key, value) in map {
                control(out, 2, key.len());
                out.extend_from_slice(key.as_bytes());
                write(out, value);
            }
        }
        Value::Array(list) => {
            control(out, 11, list.len());
            list.iter().for_each(|value| write(out, value));
        }
        Value::String(text) => {
            control(out, 2, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bool(flag) => control(out, 14, usize::from(*flag)),
        Value::Number(value) => match value.as_u64() {
            Some(value) => number(out, 6, &(value as u32).to_be_bytes()),
            None => number(out, 3, &value.as_f64().unwrap().to_be_bytes()),
        },
        Value::Null => panic!("the format has no null"),
    }
}

fn number(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    control(out, kind, bytes.len());
    out.extend_from_slice(bytes);
}

/// Type and length of what follows.
fn control(out: &mut Vec<u8>, kind: u8, length: usize) {
    let high = if kind < 8 { kind << 5 } else { 0 };
    out.push(high | length.min(29) as u8);
    if kind > 7 {
        out.push(kind - 7);
    }
    if length >= 29 {
        assert!(length < 285, "too long for a test");
        out.push((length - 29) as u8);
    }
}
