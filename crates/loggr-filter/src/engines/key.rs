//! The secret key of an engine, from its argument `key` or `key_file`.

use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use super::{Arguments, BuildError};

/// Shortest key in bytes: a shorter one could be found by trying all.
pub(super) const MIN_KEY_BYTES: usize = 16;
/// Longest key in bytes.
pub(super) const MAX_KEY_BYTES: usize = 4096;

/// The key that is given; `None` where none is.
pub(super) fn of(arguments: &Arguments, directory: &Path) -> Result<Option<Hmac<Sha256>>, BuildError> {
    let (key, file) = (arguments.text("key"), arguments.text("key_file"));
    let (bytes, given) = match (key.is_empty(), file.is_empty()) {
        (false, true) => (key.as_bytes().to_vec(), "key"),
        (true, false) => (read(&directory.join(file))?, "key_file"),
        (false, false) => {
            return Err(BuildError::argument("key_file", "there is a `key` already, one is enough"));
        }
        (true, true) => return Ok(None),
    };
    if bytes.len() < MIN_KEY_BYTES {
        let message = format!("the key has {} bytes, fewer than {MIN_KEY_BYTES}", bytes.len());
        return Err(BuildError::argument(given, message).hint("`head -c 32 /dev/urandom | base64` makes one"));
    }
    if bytes.len() > MAX_KEY_BYTES {
        return Err(BuildError::argument(given, format!("the key has more than {MAX_KEY_BYTES} bytes")));
    }
    Hmac::new_from_slice(&bytes).map(Some).map_err(|e| BuildError::argument(given, e.to_string()))
}

/// The file of the key, if there is one.
pub(super) fn files(arguments: &Arguments, directory: &Path) -> Vec<PathBuf> {
    let file = Some(arguments.text("key_file")).filter(|file| !file.is_empty());
    file.map(|file| directory.join(file)).into_iter().collect()
}

/// The file without the line feed at its end.
fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(MAX_KEY_BYTES as u64 + 2).read_to_end(&mut bytes));
    read.map_err(|e| BuildError::argument("key_file", format!("cannot read `{}`: {e}", path.display())))?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Ok(bytes)
}
