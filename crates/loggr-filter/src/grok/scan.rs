//! A work-around for a mistake in PCRE2's just-in-time compiler, versions 10.45 to 10.47.
//!
//! Compiled code first runs along the text to where the first characters of an expression
//! may stand. What it looks for is worked out by a walk over the beginnings of all
//! alternatives; a count that the walk gives up on stays set and then counts for the next
//! alternative: `ab[0-9]{0,2}|b` finds nothing in `xb` (PCRE2 issue 874). Expressions in which
//! that can happen are printed behind a group that is never there, [`NO_SCAN`]: the walk ends
//! at it, and a slower search for the first character alone takes its place.

use super::form::Form;
use super::syntax::Node;

/// The walk ends here.
pub(super) const NO_SCAN: &str = "(?:x){0}(?:";
/// How many characters the walk looks at.
const SCANNED_CHARACTERS: usize = 12;

/// Whether the walk may come to a count that it gives up on.
pub(super) fn misleads(root: &Node, form: Form) -> bool {
    walk(root, form, false, 0).is_none()
}

/// The least number of characters before what follows the node, if the node begins at `at`; `None`
/// if such a count was met.
fn walk(node: &Node, form: Form, fold: bool, at: usize) -> Option<usize> {
    if at >= SCANNED_CHARACTERS {
        return Some(at);
    }
    match node {
        Node::Char(_) | Node::Any | Node::NotLineEnd | Node::Class(_) | Node::LineBreak | Node::Grapheme => {
            Some(at + 1)
        }
        Node::Group(_, node) | Node::Atomic(node) => walk(node, form, fold, at),
        Node::IgnoreCase(ignore, node) => walk(node, form, *ignore, at),
        Node::Concat(nodes) => nodes.iter().try_fold(at, |at, node| walk(node, form, fold, at)),
        Node::Alternate(nodes) => {
            let ends = nodes.iter().map(|node| walk(node, form, fold, at)).collect::<Option<Vec<_>>>()?;
            ends.into_iter().min()
        }
        Node::If { yes, no, .. } => Some(walk(yes, form, fold, at)?.min(walk(no, form, fold, at)?)),
        Node::Repeat { node, min, max, .. } => {
            let given_up = match (&**node, form) {
                (Node::Class(_), _) if *min == 0 && max.is_some_and(|max| max > 1) => true,
                (Node::Class(_) | Node::Any, Form::Unicode) => *min > 1,
                (Node::Char(_), Form::Unicode) => *min > 1 && fold,
                _ => false,
            };
            if given_up {
                return None;
            }
            let end = walk(node, form, fold, at)?;
            // Further rounds only add to it.
            Some(if *min == 0 { at } else { end })
        }
        Node::Empty | Node::Assert(_) | Node::Look { .. } | Node::Back(_) | Node::Call(_) | Node::Keep => {
            Some(at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Grok, Library, Scratch};

    #[track_caller]
    fn check(pattern: &str, text: &str) {
        let grok = Grok::compile(&Library::default(), &[pattern]).expect("it compiles");
        assert_eq!(grok.find(text, &mut Scratch::default()), Ok(true), "{pattern} on {text}");
    }

    #[test]
    fn a_count_of_one_alternative_does_not_count_for_the_next() {
        check("ab[0-9A-F]{0,2}|b", "xb");
        check("ab[0-9A-F]{0,2}|b", "b");
        check("A??b(?i)[[0-2[b]]a-c]{,2}", "2bcb");
        check("xy\\D{3}|b", "äb");
        check("xy.{3}|b", "äb");
        check("xy[[:alpha:]]{3}|b", "äb");
        check("(?i)xyk{3}|b", "äb");
    }
}
