//! Protocol buffers as they are on the wire: the fields of a message one after another, and nothing of what
//! they mean (`loki.rs`, `otlp.rs`).
//!
//! The few messages that come here have a dozen fields of interest; a reader of the wire is smaller than
//! a library and its generated code. Invariant: whatever the bytes are, reading ends.

/// What stands in a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire<'b> {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Four bytes.
    Fixed32(u32),
    /// A text, bytes, or a message.
    Bytes(&'b [u8]),
}

impl<'b> Wire<'b> {
    /// The number, whatever its length is.
    pub fn number(self) -> u64 {
        match self {
            Wire::Varint(number) | Wire::Fixed64(number) => number,
            Wire::Fixed32(number) => number.into(),
            Wire::Bytes(_) => 0,
        }
    }

    /// The bytes; none where it is a number.
    pub fn bytes(self) -> &'b [u8] {
        match self {
            Wire::Bytes(bytes) => bytes,
            Wire::Varint(_) | Wire::Fixed64(_) | Wire::Fixed32(_) => &[],
        }
    }

    /// The bytes as text; what is not UTF-8 is replaced.
    pub fn text(self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

/// The message is cut off, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Calls `each` for each field of a message: its number, and what stands in it.
///
/// # Errors
/// The message is broken, or `each` says that one below it is.
pub fn fields<'b>(
    mut rest: &'b [u8],
    mut each: impl FnMut(u64, Wire<'b>) -> Result<(), Broken>,
) -> Result<(), Broken> {
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let wire = match tag & 7 {
            0 => Wire::Varint(varint(&mut rest)?),
            1 => Wire::Fixed64(u64::from_le_bytes(take(&mut rest, 8)?.try_into().map_err(|_| Broken)?)),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).map_err(|_| Broken)?;
                Wire::Bytes(take(&mut rest, length)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(take(&mut rest, 4)?.try_into().map_err(|_| Broken)?)),
            _ => return Err(Broken),
        };
        each(tag >> 3, wire)?;
    }
    Ok(())
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Result<&'b [u8], Broken> {
    let (taken, left) = rest.split_at_checked(length).ok_or(Broken)?;
    *rest = left;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take(rest, 1)? else { return Err(Broken) };
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Broken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u64, Wire<'_>)>, Broken> {
        let mut found = Vec::new();
        fields(bytes, |number, wire| {
            found.push((number, wire));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn fields_of_each_kind() {
        let bytes = [
            &[0x08, 0x96, 0x01][..],
            &[0x12, 0x02, b'h', b'i'],
            &[0x19, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x25, 2, 0, 0, 0],
        ]
        .concat();
        let expect =
            [(1, Wire::Varint(150)), (2, Wire::Bytes(b"hi")), (3, Wire::Fixed64(1)), (4, Wire::Fixed32(2))];
        assert_eq!(all(&bytes).unwrap(), expect);
        assert_eq!(all(&[]).unwrap(), []);
        for broken in [&[0x08][..], &[0x12, 5, b'a'], &[0x19, 1], &[0x0b], &[0x80; 11]] {
            assert_eq!(all(broken), Err(Broken), "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            drop(all(&bytes));
        }
    }
}
