//! The two forms in which an expression is compiled.

/// The texts that a printed expression is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// All characters are below 128.
    Ascii,
    /// Any text.
    Unicode,
}
