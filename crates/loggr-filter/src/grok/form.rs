//! The two forms in which an expression is compiled.

/// Which texts an expression is printed for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// All characters are below 128.
    Ascii,
    /// Any text.
    Unicode,
}
