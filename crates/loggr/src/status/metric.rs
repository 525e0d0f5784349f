//! One metric: its name, its help text, and the function that reads its value from an object.
//!
//! The tables of metrics are in the files of their objects; `metrics` writes them in the format of
//! Prometheus.

use std::time::Duration;

/// A number that objects of one kind have.
#[derive(Debug)]
pub struct Metric<T: 'static> {
    /// The last part of the whole name, behind the word of the object's kind.
    pub name: &'static str,
    /// What the number says: the help text in `/metrics` and in the reference.
    pub help: &'static str,
    /// Reads the number; `None` if this object does not have it.
    pub value: fn(&T) -> Option<f64>,
}

impl<T> Metric<T> {
    /// The type in Prometheus: a metric whose name ends in `_total` only grows.
    pub fn kind(&self) -> &'static str {
        if self.name.ends_with("_total") { "counter" } else { "gauge" }
    }
}

/// A metric that every object has.
pub const fn metric<T>(name: &'static str, value: fn(&T) -> Option<f64>, help: &'static str) -> Metric<T> {
    Metric { name, help, value }
}

/// The value of a count.
pub fn count(number: u64) -> Option<f64> {
    Some(number as f64)
}

/// The value of a condition: 1 if it is true, else 0.
pub fn flag(is_so: bool) -> Option<f64> {
    Some(f64::from(u8::from(is_so)))
}

/// The milliseconds of a time; nothing where there is none.
pub fn millis(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64() * 1e3)
}

/// The value of a trouble: 1 if there is a text about it, else 0.
pub fn said(text: &Option<String>) -> Option<f64> {
    flag(text.is_some())
}
