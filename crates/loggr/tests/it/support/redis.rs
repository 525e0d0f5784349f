//! A private redis-server on a free port: own directory, nothing written to disk, ended by
//! its process id.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Daemon, Tool, free_port, redis_server, until};

/// A Redis that may be down.
pub struct Redis {
    tool: Tool,
    /// Ends before its directory goes: a failing test shows its log.
    daemon: Option<Daemon>,
    directory: TempDir,
    port: u16,
    password: Option<String>,
    tls: Option<Certificates>,
}

/// Files of a certificate authority, and of a server and a client below it.
pub struct Certificates {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// Certificate of both ends.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Redis {
    /// `None`, with a word about it, when redis-server is not here.
    #[track_caller]
    pub fn start() -> Option<Redis> {
        Redis::with(None, false)
    }

    /// One that wants a password.
    #[track_caller]
    pub fn with_password(password: &str) -> Option<Redis> {
        Redis::with(Some(password.to_owned()), false)
    }

    /// One that speaks TLS alone, to those with a certificate.
    #[track_caller]
    pub fn with_tls() -> Option<Redis> {
        Redis::with(None, true)
    }

    fn with(password: Option<String>, tls: bool) -> Option<Redis> {
        let tool = redis_server()?;
        let directory = tempfile::tempdir().expect("a directory");
        let tls = tls.then(|| certificates(directory.path()));
        let port = free_port();
        let mut redis = Redis { tool, directory, daemon: None, port, password, tls };
        redis.up();
        Some(redis)
    }

    /// Starts it again, on the same port and empty.
    #[track_caller]
    pub fn up(&mut self) {
        let mut command = self.command();
        let directory = self.directory.path();
        command.current_dir(directory).args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]);
        let port = self.port.to_string();
        match &self.tls {
            None => command.args(["--port", &port]),
            Some(tls) => command
                .args(["--port", "0", "--tls-port", &port])
                .arg("--tls-ca-cert-file")
                .arg(&tls.ca)
                .arg("--tls-cert-file")
                .arg(&tls.cert)
                .arg("--tls-key-file")
                .arg(&tls.key),
        };
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        let mut daemon = Daemon::start("redis-server", command, &directory.join("redis.log"));
        until("redis-server answers", 20, || {
            assert!(daemon.runs(), "redis-server ended: {}", daemon.log());
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
        self.daemon = Some(daemon);
    }

    fn command(&self) -> Command {
        self.tool.command()
    }

    /// As power loss would end it.
    pub fn kill9(&mut self) {
        self.daemon.take().expect("redis-server runs").kill9();
    }

    /// Where it is, for a configuration.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Its certificates.
    pub fn tls(&self) -> &Certificates {
        self.tls.as_ref().expect("it speaks TLS")
    }

    /// What it answers to a command, as it stands on the wire; without TLS and password.
    pub fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("redis-server accepts");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).expect("redis-server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("redis-server answers");
        answer.trim_end().trim_end_matches("+OK").trim_end().to_owned()
    }
}

/// An authority, and a certificate for 127.0.0.1 that it has signed.
fn certificates(directory: &Path) -> Certificates {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let write = |name: &str, pem: String| {
        let path = directory.join(name);
        std::fs::write(&path, pem).expect("a file");
        path
    };
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    // With the name of the certificates below it, it would look like them signed by themselves.
    authority.distinguished_name.push(DnType::CommonName, "the tests' authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("a key");
    let ca = write("ca.pem", authority.self_signed(&authority_key).expect("signed").pem());
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let both = CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("signed");
    Certificates { ca, cert: write("both.pem", both.pem()), key: write("both.key", key.serialize_pem()) }
}
