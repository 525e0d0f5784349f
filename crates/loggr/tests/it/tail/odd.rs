//! Odd files: inodes that are used again, equal beginnings, links, moved directories, damaged text.

use super::{Watching, lines};
