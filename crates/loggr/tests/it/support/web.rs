//! A small HTTP client that keeps a cookie, as a browser does, and says what it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub code: u16,
    /// The head, in lower case where it stands before a colon.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The code of a problem.
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        (self.code, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// Somebody with a browser.
#[derive(Clone)]
pub struct Browser {
    address: SocketAddr,
    /// The cookie of the last log-in.
    pub cookie: String,
    /// What `/api/me` said.
    pub csrf: String,
    /// Sent with everything.
    pub headers: Vec<(String, String)>,
}

impl Browser {
    /// One that has logged in nowhere.
    pub fn new(address: SocketAddr) -> Browser {
        Browser { address, cookie: String::new(), csrf: String::new(), headers: Vec::new() }
    }

    /// The same, with another header.
    pub fn with(mut self, name: &str, value: &str) -> Browser {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks, without the header against foreign pages.
    #[track_caller]
    pub fn plain(&self, method: &str, path: &str, body: &Value) -> Answer {
        let mut answer = String::new();
        self.open(method, path, body).read_to_string(&mut answer).expect("it answers");
        read(&answer)
    }

    /// Sends the same, and gives what the answer is read from.
    #[track_caller]
    pub fn open(&self, method: &str, path: &str, body: &Value) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the web address accepts");
        stream.write_all(self.request(method, path, body).as_bytes()).expect("it reads");
        stream
    }

    /// What `plain` sends.
    pub fn request(&self, method: &str, path: &str, body: &Value) -> String {
        let mut head = format!("{method} {path} HTTP/1.0\r\n");
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            head.push_str("Host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.cookie.is_empty() {
            head.push_str(&format!("Cookie: {}\r\n", self.cookie));
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    /// Asks as the page does.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let mut page = self.clone();
        if !self.csrf.is_empty() {
            page.headers.push(("X-Loggr-Csrf".to_owned(), self.csrf.clone()));
        }
        page.plain(method, path, &body)
    }

    /// The same, asking for something.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Value::Null)
    }

    /// Keeps the cookie and the word against foreign pages of an answer.
    #[track_caller]
    pub fn keep(&mut self, answer: &Answer) {
        let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
        self.cookie = cookie.split(';').next().expect("a pair").to_owned();
        if !answer.body.is_empty() {
            self.csrf = answer.json()["csrf"].as_str().expect("a word").to_owned();
        }
    }

    /// Logs in, which has to go well.
    #[track_caller]
    pub fn log_in(&mut self, user: &str, password: &str) {
        let answer = self.try_log_in(user, password);
        assert_eq!(answer.code, 200, "{answer:?}");
        self.keep(&answer);
    }

    /// Tries to log in.
    #[track_caller]
    pub fn try_log_in(&self, user: &str, password: &str) -> Answer {
        self.ask("POST", "/api/login", serde_json::json!({ "user": user, "password": password }))
    }
}

/// An answer in its parts.
#[track_caller]
pub fn read(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    Answer { code, head: head.to_owned(), body: body.to_owned() }
}
