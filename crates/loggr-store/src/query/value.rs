//! Values in a query and how they compare: as numbers, as addresses, else as text.
//!
//! The rule is the same for every field and every store: if both sides are numbers they compare as
//! numbers; if both are addresses, as addresses; else as text without regard to the case of ASCII
//! letters.
//!
//! Invariant: the text of a [`Value`] is folded ([`crate::tokens::fold`]).

use std::cmp::Ordering;
use std::net::IpAddr;
use std::ops::Bound;

use crate::tokens;

/// A decimal number, exact to 18 places after the point.
///
/// Which texts are numbers: an optional `-`, digits without a leading zero (`0` itself
/// apart), at most 20 of them, an optional fraction, an optional exponent if there is a
/// fraction or the exponent has a sign. So `007`, `+1`, `1.`, `.5` and the hexadecimal
/// id `12e4` are text, and two ids never become equal by rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(i128);

const PLACES: i32 = 18;
const ONE: i128 = 10i128.pow(PLACES as u32);
const MAX_INT_DIGITS: usize = 20;
/// More digits after the point than this are read but do not count.
const MAX_MANTISSA_DIGITS: usize = 36;

impl Number {
    /// Reads a number, if the text is one.
    pub fn parse(text: &str) -> Option<Number> {
        let bytes = text.as_bytes();
        let (negative, digits) = match bytes.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, bytes),
        };
        let int_len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        let (int, mut rest) = digits.split_at(int_len);
        if int_len == 0 || int_len > MAX_INT_DIGITS || (int_len > 1 && int.first() == Some(&b'0')) {
            return None;
        }
        let mut mantissa: i128 = 0;
        for b in int {
            mantissa = mantissa * 10 + i128::from(b - b'0');
        }
        let mut fraction_len = 0i32;
        let mut has_point = false;
        if let Some((b'.', after)) = rest.split_first() {
            has_point = true;
            let len = after.iter().take_while(|b| b.is_ascii_digit()).count();
            if len == 0 {
                return None;
            }
            for b in after.iter().take(len.min(MAX_MANTISSA_DIGITS - int_len)) {
                mantissa = mantissa * 10 + i128::from(b - b'0');
                fraction_len += 1;
            }
            rest = after.get(len..)?;
        }
        let exponent = read_exponent(rest, has_point)?;
        let shift = PLACES + exponent - fraction_len;
        let scaled = if shift >= 0 {
            match 10i128.checked_pow(shift.unsigned_abs()) {
                Some(factor) => mantissa.checked_mul(factor)?,
                None if mantissa == 0 => 0,
                None => return None,
            }
        } else {
            10i128.checked_pow(shift.unsigned_abs()).map_or(0, |divisor| mantissa / divisor)
        };
        Some(Number(if negative { -scaled } else { scaled }))
    }

    /// The number of an integer.
    pub fn from_i64(n: i64) -> Number {
        Number(i128::from(n) * ONE)
    }

    /// The number of an unsigned integer.
    pub fn from_u64(n: u64) -> Number {
        Number(i128::from(n) * ONE)
    }

    /// The integer that it is, if it is one and fits.
    pub fn as_i64(self) -> Option<i64> {
        if self.0 % ONE == 0 { i64::try_from(self.0 / ONE).ok() } else { None }
    }

    /// In bytes that are the same for equal numbers.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// As a decimal fraction without needless zeros.
    pub(crate) fn to_decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) =
            (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        if part == 0 {
            return format!("{sign}{whole}");
        }
        let digits = format!("{part:018}");
        format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
    }

    fn floor(self) -> i128 {
        self.0.div_euclid(ONE)
    }

    fn ceil(self) -> i128 {
        self.floor() + i128::from(self.0.rem_euclid(ONE) != 0)
    }
}

fn read_exponent(rest: &[u8], has_point: bool) -> Option<i32> {
    let Some((e, after)) = rest.split_first() else { return Some(0) };
    if !matches!(e, b'e' | b'E') {
        return None;
    }
    let (sign, digits) = match after.split_first()? {
        (b'-', digits) => (-1, digits),
        (b'+', digits) => (1, digits),
        _ if has_point => (1, after),
        _ => return None,
    };
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(sign * digits.iter().fold(0, |n, b| n * 10 + i32::from(b - b'0')))
}

/// Reads an address; an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 one.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    let may_be = text.len() >= 2 && text.len() <= 45 && text.bytes().any(|b| b == b':' || b == b'.');
    if !may_be {
        return None;
    }
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// One value of a query, with what it can be compared as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    text: String,
    number: Option<Number>,
    ip: Option<IpAddr>,
}

impl Value {
    /// Of a text in any case.
    pub fn new(text: &str) -> Value {
        Value { text: tokens::fold(text), number: Number::parse(text), ip: parse_ip(text) }
    }

    /// The folded text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<Number> {
        self.number
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Is a stored text this value?
    pub fn equals(&self, stored: &str) -> bool {
        if self.text.eq_ignore_ascii_case(stored) {
            return true;
        }
        match (self.number, self.ip) {
            (Some(number), _) => Number::parse(stored) == Some(number),
            (None, Some(ip)) => parse_ip(stored) == Some(ip),
            (None, None) => false,
        }
    }
}

/// What a range compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeKind {
    /// All bounds are numbers: only numbers are inside.
    Number,
    /// All bounds are addresses of one family: only such addresses are inside.
    Ip,
    /// Anything else: folded text, byte by byte.
    Text,
}

/// Values between two bounds. At least one of them is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// Lower bound.
    pub low: Bound<Value>,
    /// Upper bound.
    pub high: Bound<Value>,
}

impl Range {
    /// What it compares.
    pub fn kind(&self) -> RangeKind {
        let mut bounds = [bound_value(&self.low), bound_value(&self.high)].into_iter().flatten();
        if bounds.clone().all(|v| v.number.is_some()) {
            return RangeKind::Number;
        }
        let first_is_v4 = bounds.clone().next().and_then(|v| v.ip).map(|ip| ip.is_ipv4());
        if first_is_v4.is_some() && bounds.all(|v| v.ip.map(|ip| ip.is_ipv4()) == first_is_v4) {
            return RangeKind::Ip;
        }
        RangeKind::Text
    }

    /// Is a stored text inside?
    pub fn contains(&self, stored: &str) -> bool {
        match self.kind() {
            RangeKind::Number => Number::parse(stored).is_some_and(|n| self.contains_number(n)),
            RangeKind::Ip => parse_ip(stored).is_some_and(|ip| self.contains_ip(ip)),
            RangeKind::Text => self.within(|v| compare_folded(stored, &v.text)),
        }
    }

    /// Is a number inside? For ranges of [`RangeKind::Number`].
    pub fn contains_number(&self, number: Number) -> bool {
        self.within(|v| v.number.map_or(Ordering::Less, |bound| number.cmp(&bound)))
    }

    /// Is an address inside? For ranges of [`RangeKind::Ip`].
    pub fn contains_ip(&self, ip: IpAddr) -> bool {
        let family = [&self.low, &self.high].into_iter().filter_map(bound_value).find_map(|v| v.ip);
        family.is_some_and(|f| f.is_ipv4() == ip.is_ipv4())
            && self.within(|v| v.ip.map_or(Ordering::Less, |bound| ip.cmp(&bound)))
    }

    /// The smallest and the largest integer inside, for columns of integers; `None` if
    /// it does not compare numbers or holds no integer.
    pub fn integers(&self) -> Option<(i64, i64)> {
        if self.kind() != RangeKind::Number {
            return None;
        }
        let low = match &self.low {
            Bound::Unbounded => i128::from(i64::MIN),
            Bound::Included(v) => v.number?.ceil(),
            Bound::Excluded(v) => v.number?.floor() + 1,
        };
        let high = match &self.high {
            Bound::Unbounded => i128::from(i64::MAX),
            Bound::Included(v) => v.number?.floor(),
            Bound::Excluded(v) => v.number?.ceil() - 1,
        };
        let low = low.max(i128::from(i64::MIN));
        let high = high.min(i128::from(i64::MAX));
        if low > high {
            return None;
        }
        Some((i64::try_from(low).ok()?, i64::try_from(high).ok()?))
    }

    fn within(&self, compare: impl Fn(&Value) -> Ordering) -> bool {
        let above = match &self.low {
            Bound::Unbounded => true,
            Bound::Included(v) => compare(v).is_ge(),
            Bound::Excluded(v) => compare(v).is_gt(),
        };
        above
            && match &self.high {
                Bound::Unbounded => true,
                Bound::Included(v) => compare(v).is_le(),
                Bound::Excluded(v) => compare(v).is_lt(),
            }
    }
}

fn bound_value(bound: &Bound<Value>) -> Option<&Value> {
    match bound {
        Bound::Included(v) | Bound::Excluded(v) => Some(v),
        Bound::Unbounded => None,
    }
}

fn compare_folded(stored: &str, folded: &str) -> Ordering {
    stored.bytes().map(|b| b.to_ascii_lowercase()).cmp(folded.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(stored: &str, query: &str, expect: bool) {
        assert_eq!(Value::new(query).equals(stored), expect, "`{stored}` = `{query}`");
    }

    #[test]
    fn equal_as_numbers_as_addresses_else_as_text() {
        check("200", "200", true);
        check("200.0", "200", true);
        check("1.50", "1.5", true);
        check("-0", "0", true);
        check("200", "201", false);
        check("007", "7", false);
        check("007", "007", true);
        check("120000", "12e4", false);
        check("1.2e3", "1200", true);
        check("9.5e-05", "0.000095", true);
        check("9007199254740993", "9007199254740992", false);
        check("18446744073709551615", "18446744073709551614", false);
        check("123456789012345678901", "123456789012345678902", false);
        check("10.0.0.1", "10.0.0.1", true);
        check("2001:DB8::1", "2001:db8:0:0:0:0:0:1", true);
        check("::ffff:10.0.0.1", "10.0.0.1", true);
        check("10.0.0.1", "10.0.0.10", false);
        check("John", "jOHN", true);
        check("Él", "él", false);
        check("", "", true);
    }

    #[track_caller]
    fn check_number(text: &str, expect: Option<i64>) {
        assert_eq!(Number::parse(text).and_then(Number::as_i64), expect, "`{text}`");
    }

    #[test]
    fn which_texts_are_numbers() {
        check_number("0", Some(0));
        check_number("-12", Some(-12));
        check_number("9223372036854775807", Some(i64::MAX));
        check_number("9223372036854775808", None);
        assert!(Number::parse("9223372036854775808").is_some());
        check_number("1.0", Some(1));
        check_number("1.5e+1", Some(15));
        for text in ["", "-", "+1", "1.", ".5", "01", "1e5", "0x1", "1 ", "1e+", "1.0e+1000", "1e+999", "½"]
        {
            assert_eq!(Number::parse(text), None, "`{text}`");
        }
    }

    #[track_caller]
    fn check_decimal(text: &str, expect: &str) {
        let number = Number::parse(text).unwrap();
        assert_eq!(number.to_decimal(), expect);
        assert_eq!(Number::parse(&number.to_decimal()), Some(number));
    }

    #[test]
    fn numbers_as_decimals() {
        check_decimal("0", "0");
        check_decimal("-0.50", "-0.5");
        check_decimal("9.5e-05", "0.000095");
        check_decimal("1.5e+1", "15");
        check_decimal("18446744073709551615", "18446744073709551615");
    }

    fn range(low: Bound<&str>, high: Bound<&str>) -> Range {
        Range { low: low.map(Value::new), high: high.map(Value::new) }
    }

    #[test]
    fn ranges() {
        use Bound::*;
        let status = range(Included("500"), Included("599"));
        assert!(status.contains("500") && status.contains("599") && !status.contains("600"));
        assert!(!status.contains("5xx"));
        assert_eq!(status.integers(), Some((500, 599)));
        assert_eq!(range(Excluded("1.5"), Excluded("4")).integers(), Some((2, 3)));
        assert_eq!(range(Excluded("1"), Excluded("2")).integers(), None);
        assert_eq!(range(Included("-3"), Unbounded).integers(), Some((-3, i64::MAX)));
        let ips = range(Included("10.0.0.9"), Included("10.0.0.10"));
        assert_eq!(ips.kind(), RangeKind::Ip);
        assert!(ips.contains("10.0.0.10") && !ips.contains("10.0.0.11") && !ips.contains("::1"));
        let names = range(Included("b"), Excluded("d"));
        assert!(names.contains("B") && names.contains("czz") && !names.contains("D"));
        assert_eq!(range(Included("5"), Included("a")).kind(), RangeKind::Text);
    }

    proptest! {
        #[test]
        fn integers_read_back(n: i64) {
            prop_assert_eq!(Number::parse(&n.to_string()), Some(Number::from_i64(n)));
            prop_assert_eq!(Number::from_i64(n).as_i64(), Some(n));
        }

        #[test]
        fn order_of_numbers_is_that_of_integers(a: i64, b: i64) {
            prop_assert_eq!(Number::from_i64(a).cmp(&Number::from_i64(b)), a.cmp(&b));
        }

        #[test]
        fn integer_bounds_agree_with_contains(low in -40i64..40, high in -40i64..40, n in -6i64..6) {
            let range = Range {
                low: Bound::Excluded(Value::new(&format!("{}", low as f64 / 8.0))),
                high: Bound::Included(Value::new(&format!("{}", high as f64 / 8.0))),
            };
            let by_bounds = range.integers().is_some_and(|(a, b)| n >= a && n <= b);
            prop_assert_eq!(by_bounds, range.contains(&n.to_string()));
        }

        #[test]
        fn any_text_is_safe(text in "\\PC{0,60}", digits in "[-0-9.eE+]{0,60}") {
            Value::new(&text).equals(&digits);
            Value::new(&digits).equals(&text);
        }
    }
}
