//! Reads the keys of seals from their files.
//!
//! They are read once: a key that is replaced is another key, and gets another `id` in the
//! configuration, which is read at the start. Not here: who may read the files (`config/exposed.rs`).

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use loggr_event::SealKeys;

use crate::config::{Config, SealKeyFile};
use crate::exit::Usage;
use crate::hint::Advise;

/// The shortest key in bytes: as long as what SHA-256 gives.
const MIN_KEY_BYTES: usize = 32;
/// The longest: HMAC-SHA256 would only hash a longer one.
const MAX_KEY_BYTES: usize = 64;
/// Bytes of a file that are read: a key with a line end, and blanks around it.
const MAX_FILE_BYTES: u64 = 1024;

/// The keys of a configuration; none where it has none. To be called before root's rights are given up:
/// perhaps only root may read the files.
pub fn read(config: &Config) -> Result<SealKeys> {
    let mut keys: Vec<(&SealKeyFile, Vec<u8>)> = Vec::with_capacity(config.seal_keys.len());
    for file in &config.seal_keys {
        let bytes =
            bytes_of(&file.file).with_context(|| format!("cannot take the key `{}` of `[hmac]`", file.id))?;
        if let Some((other, _)) = keys.iter().find(|(_, known)| *known == bytes) {
            return Err(anyhow!("the keys `{}` and `{}` of `[hmac]` are the same", other.id, file.id))
                .hint("make one for each of them with `openssl rand -hex 32`")
                .usage();
        }
        keys.push((file, bytes));
    }
    Ok(SealKeys::new(keys.iter().map(|(file, bytes)| (file.id.as_str(), bytes.as_slice()))))
}

/// The key in a file. What is wrong with it is said without showing any of it.
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let make = format!("`openssl rand -hex 32 > {shown}` makes a key");
    let failed = || format!("cannot read `{shown}`");
    // Opening a pipe would wait for its other end.
    let is_file = match std::fs::metadata(path) {
        Ok(about) => about.is_file(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(error).with_context(failed).hint(make).usage();
        }
        Err(error) => return Err(error).with_context(failed).usage(),
    };
    if !is_file {
        return Err(anyhow!("`{shown}` is not a regular file")).hint(make).usage();
    }
    let read = loggr_disk::read_at_most(path, MAX_FILE_BYTES).with_context(failed).usage()?;
    let refused = match read.as_deref().map(|bytes| std::str::from_utf8(bytes).map(str::trim)) {
        None => format!("is longer than {MAX_FILE_BYTES} bytes"),
        Some(Ok("")) => "is empty".to_owned(),
        Some(Ok(text)) => match hexadecimal(text) {
            Some(key) if (MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&key.len()) => return Ok(key),
            Some(key) => {
                let (len, from, to) = (key.len(), MIN_KEY_BYTES, MAX_KEY_BYTES);
                format!(
                    "has a key of {len} bytes, not one of {from} to {to} ({} to {} digits)",
                    2 * from,
                    2 * to
                )
            }
            None => "has something that is no pair of hexadecimal digits".to_owned(),
        },
        Some(Err(_)) => "is no text of hexadecimal digits".to_owned(),
    };
    Err(anyhow!("`{shown}` {refused}")).hint(make).usage()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(directory: &Path, files: &[&str]) -> Config {
        let entry = |name: &&str| format!("{{id='{name}',file='{name}'}}");
        let keys: Vec<String> = files.iter().map(entry).collect();
        let file = directory.join("loggr.toml");
        std::fs::write(&file, format!("[hmac]\nkeys=[{}]", keys.join(","))).unwrap();
        Config::load(Some(&file), Some(directory)).unwrap()
    }

    #[track_caller]
    fn check(content: &[u8], expect: Result<(), &str>) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a"), content).unwrap();
        let read = read(&config(directory.path(), &["a"]));
        let shown = read
            .map(drop)
            .map_err(|error| format!("{error:#}").replace(directory.path().to_str().unwrap(), ""));
        assert_eq!(shown.as_ref().map_err(String::as_str).copied(), expect);
    }

    #[test]
    fn files() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        check(digits.as_bytes(), Ok(()));
        check(format!("{digits}\n").as_bytes(), Ok(()));
        check(format!("  {digits}{digits}\r\n").as_bytes(), Ok(()));
        let refused = |what: &str| format!("cannot take the key `a` of `[hmac]`: `/a` {what}");
        check(b"", Err(&refused("is empty")));
        check(b"\n", Err(&refused("is empty")));
        check(b"\xff\xfe", Err(&refused("is no text of hexadecimal digits")));
        check(&[b'a'; 2000], Err(&refused("is longer than 1024 bytes")));
        let odd = refused("has something that is no pair of hexadecimal digits");
        check(b"not a key", Err(&odd));
        check(&digits.as_bytes()[1..], Err(&odd));
        let short = refused("has a key of 31 bytes, not one of 32 to 64 (64 to 128 digits)");
        check(&digits.as_bytes()[2..], Err(&short));
        check(&[b'a'; 130], Err(&refused("has a key of 65 bytes, not one of 32 to 64 (64 to 128 digits)")));
    }

    #[test]
    fn one_key_is_no_two_keys_and_a_directory_is_none() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::fs::write(directory.path().join(name), "ab".repeat(32)).unwrap();
        }
        let error = read(&config(directory.path(), &["a", "b"])).unwrap_err();
        assert_eq!(error.to_string(), "the keys `a` and `b` of `[hmac]` are the same");
        std::fs::create_dir(directory.path().join("d")).unwrap();
        let error = format!("{:#}", read(&config(directory.path(), &["d"])).unwrap_err());
        assert!(error.ends_with("/d` is not a regular file"), "{error}");
        assert!(read(&config(directory.path(), &["missing"])).is_err());
        assert!(read(&config(directory.path(), &["a"])).is_ok_and(|keys| !keys.is_empty()));
    }
}
