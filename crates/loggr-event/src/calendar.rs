//! The names of months and of the days of a week. Not what a date means.

/// The months in English, in order.
pub const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The days of the week in English, in order.
pub const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// 1–12 of `Nov`, in any case.
#[inline]
pub(crate) fn month_of(name: [u8; 3]) -> Option<u32> {
    const fn word(name: [u8; 3]) -> u32 {
        u32::from_be_bytes([0, name[0] | 0x20, name[1] | 0x20, name[2] | 0x20])
    }
    const NAMES: [u32; 12] = [
        word(*b"jan"),
        word(*b"feb"),
        word(*b"mar"),
        word(*b"apr"),
        word(*b"may"),
        word(*b"jun"),
        word(*b"jul"),
        word(*b"aug"),
        word(*b"sep"),
        word(*b"oct"),
        word(*b"nov"),
        word(*b"dec"),
    ];
    let word = word(name);
    NAMES.iter().zip(1..).find(|(n, _)| **n == word).map(|(_, month)| month)
}
