//! What is said of files that cannot be read.

use super::{Watching, lines};
