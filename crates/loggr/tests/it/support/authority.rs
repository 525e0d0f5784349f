//! An authority of a test, which signs certificates of servers and senders, and the files of both.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

/// An authority and a directory with `ca.crt`, and `NAME.crt` and `NAME.key` of each certificate.
pub struct Authority {
    directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
    revoked: Vec<SerialNumber>,
    next: u64,
}

impl Authority {
    /// One that nobody knows yet, with certificates of these names.
    pub fn new(names: &[&str]) -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, format!("authority of {}", names.join(" ")));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let directory = tempfile::tempdir().expect("a directory");
        let mut authority = Authority { directory, issuer, revoked: Vec::new(), next: 1 };
        std::fs::write(authority.path("ca.crt"), authority.issuer.pem()).expect("a file");
        for name in names {
            authority.sign(name, (2020, 2100));
        }
        authority
    }

    /// A certificate for this name, valid from the first of these years to the second.
    pub fn sign(&mut self, name: &str, years: (i32, i32)) {
        self.sign_for(name, &[name], years);
    }

    /// A certificate for several names and addresses; `name` is that of its files, and its common name.
    pub fn sign_for(&mut self, name: &str, names: &[&str], (from, to): (i32, i32)) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        params.serial_number = Some(SerialNumber::from(self.next));
        self.next += 1;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        std::fs::write(self.path(&format!("{name}.crt")), certificate.pem()).expect("a file");
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("a file");
    }

    /// Revokes the certificate that was signed last, and writes the list `ca.crl`.
    pub fn revoke_last(&mut self) {
        self.revoked.push(SerialNumber::from(self.next - 1));
        let entry = |serial: &SerialNumber| RevokedCertParams {
            serial_number: serial.clone(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: self.revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("a list").pem().expect("PEM");
        std::fs::write(self.path("ca.crl"), list).expect("a file");
    }

    /// A file of its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The keys `cert` and `key` of `[listener.tls]`.
    pub fn shown(&self, name: &str) -> String {
        format!(
            "cert = {:?}, key = {:?}",
            self.path(&format!("{name}.crt")),
            self.path(&format!("{name}.key"))
        )
    }

    /// The fingerprint of a certificate, as rsyslog writes it with SHA-1, or as `SHA256:…`.
    pub fn fingerprint(&self, name: &str) -> (String, String) {
        let identity = loggr_net::tls::Identity::read(
            &self.path(&format!("{name}.crt")),
            &self.path(&format!("{name}.key")),
        );
        let certificate = identity.expect("an identity").certificate().expect("a certificate");
        let pairs: Vec<&str> =
            (0..certificate.sha1.len()).step_by(2).map(|at| &certificate.sha1[at..at + 2]).collect();
        (format!("SHA1:{}", pairs.join(":").to_uppercase()), format!("SHA256:{}", certificate.sha256))
    }

    /// Copies a certificate and its key over those of another name.
    pub fn put(&self, from: &Path, name: &str) {
        for end in ["crt", "key"] {
            let fresh = self.path(&format!("{name}.{end}.new"));
            std::fs::copy(from.with_extension(end), &fresh).expect("a copy");
            std::fs::rename(fresh, self.path(&format!("{name}.{end}"))).expect("a rename");
        }
    }
}
