//! One metric: its name, its help, and the value that it takes of an object.
//!
//! The tables of them stand with their objects; how they are written down for Prometheus is in
//! `metrics`.

/// A number of each object of one kind.
#[derive(Debug)]
pub struct Metric<T: 'static> {
    /// Behind the object's word in the whole name.
    pub name: &'static str,
    /// What it is; the documentation too.
    pub help: &'static str,
    /// Of an object that does not have it there is none.
    pub value: fn(&T) -> Option<f64>,
}

impl<T> Metric<T> {
    /// What ends in `_total` only grows.
    pub fn kind(&self) -> &'static str {
        if self.name.ends_with("_total") { "counter" } else { "gauge" }
    }
}

/// A metric that every object has.
pub const fn metric<T>(name: &'static str, value: fn(&T) -> Option<f64>, help: &'static str) -> Metric<T> {
    Metric { name, help, value }
}

/// A count.
pub fn count(number: u64) -> Option<f64> {
    Some(number as f64)
}

/// 1 if it is so, else 0.
pub fn flag(is_so: bool) -> Option<f64> {
    Some(f64::from(u8::from(is_so)))
}

/// 1 if there is something to say, else 0.
pub fn said(text: &Option<String>) -> Option<f64> {
    flag(text.is_some())
}
