//! A provider of OpenID Connect on a free port: `oidc-provider-mock`, which speaks the real protocol and
//! asks nobody for a password. Its keys are new in each life.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tempfile::TempDir;

use super::web::{Answer, read};
use super::{Daemon, Tool, free_port, oidc_provider, until};

/// The file of the secret of loggr: this provider refuses clients without any, and takes each.
const SECRET: &str = "secret";

/// A provider that may be down.
pub struct Provider {
    tool: Tool,
    /// Ends before its directory goes: a failing test shows its log.
    daemon: Option<Daemon>,
    directory: TempDir,
    address: SocketAddr,
}

impl Provider {
    /// `None`, with a word about it, when it is not here.
    #[track_caller]
    pub fn start() -> Option<Provider> {
        Provider::with(&[])
    }

    /// The same with these arguments.
    #[track_caller]
    pub fn with(arguments: &[&str]) -> Option<Provider> {
        let tool = oidc_provider()?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join(SECRET), "a secret that it takes\n").expect("a file");
        let mut provider = Provider { tool, daemon: None, directory, address };
        provider.up(arguments);
        Some(provider)
    }

    /// Starts it again, on the same port, with other keys and without users.
    #[track_caller]
    pub fn up(&mut self, arguments: &[&str]) {
        let mut command = self.tool.command();
        let port = self.address.port().to_string();
        command.args(["-W", "ignore", "-m", "oidc_provider_mock", "--port", &port]).args(arguments);
        let mut daemon =
            Daemon::start("oidc-provider-mock", command, &self.directory.path().join("oidc.log"));
        until("the provider answers", 60, || {
            assert!(daemon.runs(), "the provider ended: {}", daemon.log());
            TcpStream::connect(self.address).is_ok()
        });
        self.daemon = Some(daemon);
    }

    /// Ends it.
    pub fn kill9(&mut self) {
        self.daemon.take().expect("the provider runs").kill9();
    }

    /// Who it is.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key of the configuration for the secret.
    pub fn secret_key(&self) -> String {
        format!("client_secret_file={:?}\n", self.directory.path().join(SECRET))
    }

    /// Makes or changes a user.
    #[track_caller]
    pub fn user(&self, subject: &str, claims: &Value) {
        let answer = self.ask("PUT", &format!("/users/{subject}"), "application/json", &claims.to_string());
        assert_eq!(answer.code, 204, "{answer:?}");
    }

    /// What a browser does that was sent here: the user consents. Gives where it is sent back to.
    #[track_caller]
    pub fn consent(&self, address: &str, subject: &str) -> String {
        let target = address.strip_prefix(&self.issuer()).unwrap_or_else(|| panic!("elsewhere: {address}"));
        let answer = self.ask("POST", target, "application/x-www-form-urlencoded", &format!("sub={subject}"));
        answer.header("location").unwrap_or_else(|| panic!("not sent back: {answer:?}")).to_owned()
    }

    fn ask(&self, method: &str, target: &str, kind: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("the provider accepts");
        let (host, length) = (self.address, body.len());
        let head = format!(
            "{method} {target} HTTP/1.0\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).expect("the provider reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the provider answers");
        read(&answer)
    }
}
