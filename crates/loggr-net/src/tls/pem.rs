//! A file in PEM form, read once: certificates or a key.
//!
//! Invariant: the bytes, which may be a key, are never shown.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::NetError;

/// Longest file in bytes; all the authorities of a system take a quarter of it.
pub const MAX_PEM_BYTES: u64 = 1 << 20;

/// The first byte of certificates and keys in DER form.
const DER_SEQUENCE: u8 = 0x30;

/// What a file in PEM form holds.
#[derive(Clone)]
pub struct Pem {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Pem {
    /// Reads a file.
    ///
    /// # Errors
    /// It does not exist, may not be read by us, or is too long.
    pub fn read(path: &Path) -> Result<Pem, NetError> {
        let failed = || NetError::new(format!("cannot read `{}`", path.display()));
        // Whoever opens a pipe waits for its other end.
        if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            let hint = "name a file in PEM form, or a link to one";
            return Err(failed().because("it is no regular file").hinted(hint));
        }
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(MAX_PEM_BYTES + 1).read_to_end(&mut bytes)).map_err(
            |error| {
                let hint = match error.kind() {
                    io::ErrorKind::NotFound => "name a file in PEM form that is there",
                    io::ErrorKind::PermissionDenied => "loggr's user must be able to read it",
                    _ => "it must be a file in PEM form that loggr's user may read",
                };
                failed().because(error).hinted(hint)
            },
        )?;
        if bytes.len() as u64 > MAX_PEM_BYTES {
            return Err(failed()
                .because(format!("it has more than {MAX_PEM_BYTES} bytes"))
                .hinted("name a file that holds certificates, or a key, in PEM form and nothing else"));
        }
        Ok(Pem { path: path.to_owned(), bytes })
    }

    /// Its certificates, at least one.
    ///
    /// # Errors
    /// There is none, or what looks like one is damaged.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, NetError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) => Err(self.holds_no("certificate", "x509", Error::NoItemsFound)),
            Err(error) => Err(self.holds_no("certificate", "x509", error)),
        }
    }

    /// Its key, the first one.
    ///
    /// # Errors
    /// There is none, it is encrypted, or damaged.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, NetError> {
        PrivateKeyDer::from_pem_slice(&self.bytes)
            .map_err(|error| self.holds_no("private key", "pkey", error))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's bytes, for libraries that take nothing else.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `tool` is what openssl calls the command that turns it into PEM.
    fn holds_no(&self, wanted: &str, tool: &str, error: Error) -> NetError {
        let failed = NetError::new(format!("`{}` holds no {wanted} in PEM form", self.path.display()));
        let has = |word: &str| memmem(&self.bytes, word.as_bytes());
        let hint = match error {
            Error::NoItemsFound if self.bytes.is_empty() => "it is empty".to_owned(),
            Error::NoItemsFound if self.bytes.first() == Some(&DER_SEQUENCE) => {
                format!("it seems to be in DER form: `openssl {tool} -inform der` makes PEM of it")
            }
            // Older programs say so below the first line of a key.
            _ if tool == "pkey" && has("ENCRYPTED") => {
                let file = self.path.display();
                format!(
                    "its key is encrypted: `openssl pkey -in {file} -out KEY` makes one without a passphrase of it"
                )
            }
            Error::NoItemsFound if has("CERTIFICATE REQUEST") => {
                "it holds a request for a certificate: name the file that the authority makes of it"
                    .to_owned()
            }
            Error::NoItemsFound if has("BEGIN CERTIFICATE") => {
                "it holds a certificate: name the file with the key that belongs to it".to_owned()
            }
            Error::NoItemsFound if has("PRIVATE KEY") => {
                "it holds a key: name the file with the certificate that belongs to it".to_owned()
            }
            Error::NoItemsFound => {
                format!("a {wanted} begins with a line such as `-----BEGIN {}-----`", wanted.to_uppercase())
            }
            // The text of the error is left out, because it may contain a part of the key.
            _ => return failed.hinted("it is damaged: copy it again"),
        };
        failed.hinted(hint)
    }
}

fn memmem(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pem").field("path", &self.path).finish_non_exhaustive()
    }
}
