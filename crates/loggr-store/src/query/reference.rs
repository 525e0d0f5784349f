//! The reference of the language, written from the tables in the code.
/// x
pub fn reference() -> String {
    String::new()
}
