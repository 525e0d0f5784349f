//! Decimal numbers as ASCII, both ways, without `fmt` and without allocation.
//!
//! Not a general integer parser: digits only, no sign, no separators.

/// The digits of `u64::MAX`.
const MAX_DIGITS: usize = 20;

/// Appends `number` without leading zeros.
pub(crate) fn push(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; MAX_DIGITS];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(MAX_DIGITS - used..).unwrap_or_default());
}

/// Reads the digits at the front of `bytes`: their value and how many they are.
/// Stops after `limit` digits (at most 9, so that the value fits), whatever follows.
#[inline]
pub(crate) fn leading(bytes: &[u8], limit: usize) -> (u32, usize) {
    debug_assert!(limit <= 9);
    let mut value = 0u32;
    let mut count = 0;
    for byte in bytes.iter().take(limit) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u32::from(digit);
        count += 1;
    }
    (value, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_leading(text: &str, value: u32, count: usize) {
        assert_eq!(leading(text.as_bytes(), 9), (value, count));
    }

    #[test]
    fn reads_leading_digits() {
        check_leading("", 0, 0);
        check_leading("x1", 0, 0);
        check_leading("7 ", 7, 1);
        check_leading("007", 7, 3);
        check_leading("999999999", 999_999_999, 9);
        check_leading("9999999991", 999_999_999, 9);
        check_leading("12:34", 12, 2);
    }

    proptest! {
        #[test]
        fn writes_as_the_standard_library_does(number: u64) {
            let mut out = Vec::new();
            push(&mut out, number);
            prop_assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
