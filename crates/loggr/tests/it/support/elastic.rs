//! Programs on a free port that speak the bulk interface and can be searched: small servers of their own, made to
//! stand in for OpenSearch and Elasticsearch in tests. Neither is the original.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::web::{Answer, read};
use super::{Daemon, Tool, free_port, noida_db, osmem_server, until};

/// One search answers at most so many documents.
const MAX_DOCUMENTS: usize = 10_000;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// osmem-server, as OpenSearch; what it has goes with it.
    Osmem,
    /// noida-db, as Elasticsearch; it keeps on disk what it has when it is asked to end.
    Noida,
}

/// A server that may be down.
pub struct SearchServer {
    tool: Tool,
    engine: Engine,
    /// Ends before its directory goes: a failing test shows its log.
    daemon: Option<Daemon>,
    directory: TempDir,
    address: SocketAddr,
}

impl SearchServer {
    /// `None`, with a word about it, when it is not here.
    #[track_caller]
    pub fn start(engine: Engine) -> Option<SearchServer> {
        let tool = match engine {
            Engine::Osmem => osmem_server()?,
            Engine::Noida => noida_db()?,
        };
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let directory = tempfile::tempdir().expect("a directory");
        let mut server = SearchServer { tool, engine, daemon: None, directory, address };
        server.up();
        Some(server)
    }

    /// Starts it again on its port.
    #[track_caller]
    pub fn up(&mut self) {
        let mut command = self.tool.command();
        let port = self.address.port().to_string();
        match self.engine {
            Engine::Osmem => command.args(["-addr", &self.address.to_string(), "-no-ja", "-no-stdin-watch"]),
            Engine::Noida => command
                .args(["start", "--only", "elasticsearch", "--elasticsearch-port", &port, "--data-dir"])
                .arg(self.directory.path().join("data")),
        };
        command.env("HOME", self.directory.path()).current_dir(self.directory.path());
        let mut daemon = Daemon::start("search server", command, &self.directory.path().join("server.log"));
        until("the search server answers", 60, || {
            assert!(daemon.runs(), "the search server ended: {}", daemon.log());
            TcpStream::connect(self.address).is_ok()
        });
        self.daemon = Some(daemon);
    }

    /// Asks it to end.
    #[track_caller]
    pub fn down(&mut self) {
        let mut daemon = self.daemon.take().expect("it runs");
        daemon.signal(Signal::TERM);
        until("the search server ends", 60, || !daemon.runs());
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it answers.
    #[track_caller]
    pub fn ask(&self, method: &str, target: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(self.address).expect("the search server accepts");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (host, length) = (self.address, body.len());
        let head = format!(
            "{method} {target} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).expect("the search server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the search server answers");
        let Answer { code, body, .. } = read(&answer);
        assert!((200..300).contains(&code), "{method} {target}: {answer}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// The documents that a query finds, by their ids.
    #[track_caller]
    pub fn find(&self, index: &str, query: &Value) -> BTreeMap<String, Value> {
        self.ask("POST", "/_refresh", &Value::Null);
        let body = json!({"size": MAX_DOCUMENTS, "query": query});
        let answer = self.ask("POST", &format!("/{index}/_search"), &body);
        let hits = answer["hits"]["hits"].as_array().unwrap_or_else(|| panic!("no hits: {answer}"));
        assert!(hits.len() < MAX_DOCUMENTS, "more documents than one search answers");
        let document = |hit: &Value| (hit["_id"].as_str().expect("an id").to_owned(), hit["_source"].clone());
        hits.iter().map(document).collect()
    }
}
