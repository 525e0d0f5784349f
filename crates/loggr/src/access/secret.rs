//! Secrets that loggr makes: session ids, tokens, codes. Only their hash is kept.
//!
//! Not passwords, which people choose: those are in `password.rs`.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::refused::{Kind, Refused};

/// Random bytes of a secret: nobody guesses one.
const SECRET_BYTES: usize = 32;
/// Random bytes of a name that is no secret.
const ID_BYTES: usize = 6;

/// What is kept of a secret: SHA-256. There is nothing to try out: a secret has 256 random bits.
pub fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// A secret that is derived from another one and does not show it.
pub fn derived(purpose: &str, secret: &str) -> String {
    hash(&format!("loggr {purpose}\n{secret}"))
}

/// A new secret.
pub fn secret() -> Result<String, Refused> {
    random::<SECRET_BYTES>()
}

/// A new name for something, which is no secret.
pub fn id() -> Result<String, Refused> {
    random::<ID_BYTES>()
}

fn random<const N: usize>() -> Result<String, Refused> {
    let mut bytes = [0; N];
    let drawn = getrandom::fill(&mut bytes);
    drawn.map_err(|error| Refused::new(Kind::Broken, "cannot draw a random number").because(error))?;
    Ok(hex(&bytes))
}

/// Are they equal? Takes as long wherever they differ.
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Bytes as text.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_their_hashes_do_not_show_them() {
        let (a, b) = (secret().unwrap(), secret().unwrap());
        assert_eq!(a.len(), 2 * SECRET_BYTES);
        assert!(a != b && !same(&a, &b) && same(&a, &a.clone()));
        assert!(hash(&a) != a && hash(&a) == hash(&a) && hash(&a) != derived("x", &a));
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
