//! loggr.
fn main() {}
