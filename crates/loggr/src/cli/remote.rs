//! A loggr elsewhere, behind its URL: the options that name it, and questions to its API.
//!
//! What is asked and answered is JSON; what the server refuses becomes an error with its hint and the exit
//! code that it has on the server's own command line. Not the connection (`loggr_net::http`), nor what the
//! answers mean: that is the subcommand's.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use loggr_net::http::{Answer, Bearer, Client, Method, StatusCode, Url, header};
use loggr_net::tls::Trust;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{Place, complain};
use crate::clean::clean;
use crate::config::Secret;
use crate::exit::Usage;
use crate::hint::Advise;
use crate::registry::control::escape;

/// Longest answer that is read as a whole.
const MAX_ANSWER_BYTES: usize = 256 << 20;
/// Longest line of a stream of events.
const MAX_LINE_BYTES: usize = 64 << 20;
/// How long the server may take for a question, the longest that it lets anybody ask for.
pub const QUERY_TIMEOUT: &str = "5m";
/// How long is waited for an answer: the server's limit comes first.
const PATIENCE: Duration = Duration::from_secs(330);
/// The variable with the token.
const TOKEN_VARIABLE: &str = "LOGGR_TOKEN";

/// Which loggr is asked, if it is not the one of this host.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "A loggr elsewhere")]
pub struct RemoteArgs {
    /// Ask the loggr behind this URL, such as `https://logs.example.net`, over its API, and not the data of
    /// this host. It wants a token, which `loggr token add` makes there
    #[arg(long, global = true, value_name = "URL", conflicts_with_all = ["config", "data_dir"])]
    url: Option<String>,
    /// The file with the token for `--url` [default: the variable LOGGR_TOKEN]
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The token for `--url`. Others on this host can see it in the list of processes: LOGGR_TOKEN and
    /// `--token-file` are safer
    #[arg(long, global = true, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,
    /// The file (PEM) with the authority that has signed the certificate of `--url` [default: the
    /// authorities of this system]
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl RemoteArgs {
    /// The loggr that is meant; `None` is the one of this host.
    pub fn open(&self, place: &Place) -> Result<Option<Remote>> {
        let Some(url) = &self.url else { return self.nothing_else().map(|()| None) };
        // Before the subcommand clap does not see that these exclude each other.
        let of_this_host = [("--config", &place.config), ("--data-dir", &place.data_dir)];
        if let Some((option, _)) = of_this_host.iter().find(|(_, given)| given.is_some()) {
            return Err(anyhow!("`--url` and `{option}` exclude each other"))
                .hint("`--url` asks a loggr elsewhere, whose data this host does not have")
                .usage();
        }
        let url = Url::parse(url).usage()?;
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => Some(Secret::read(file).usage()?.expose().to_owned()),
            (None, None) => std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()),
        };
        if token.is_some() && !url.is_tls() && !url.is_loopback() {
            complain(&format!(
                "warning: everybody between here and `{url}` can read the token and the events\n"
            ));
        }
        let bearer = token.as_deref().map(Bearer::new).transpose().usage()?;
        let client = Client::new(&Trust::of(self.ca.as_deref()).usage()?)?.with_patience(PATIENCE);
        Ok(Some(Remote { client, url, bearer, runtime: super::runtime()? }))
    }
}

impl RemoteArgs {
    /// A loggr elsewhere is meant.
    pub fn is_given(&self) -> bool {
        self.url.is_some()
    }

    /// The other options say something about the URL.
    fn nothing_else(&self) -> Result<()> {
        let given = [
            ("--token", self.token.is_some()),
            ("--token-file", self.token_file.is_some()),
            ("--ca", self.ca.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(anyhow!("`{option}` means nothing without `--url`"))
                .hint("write `--url https://logs.example.net` to ask the loggr there")
                .usage(),
            None => Ok(()),
        }
    }
}

impl Remote {
    /// The URL.
    pub fn url(&self) -> String {
        self.url.to_string()
    }
}

/// A loggr behind a URL.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    url: Url,
    bearer: Option<Bearer>,
    runtime: Runtime,
}

/// A question that goes on: what it tells as it comes.
#[derive(Debug)]
pub struct Feed {
    answer: Answer,
    /// What has come and was not told yet.
    rest: Vec<u8>,
    /// Up to where no line ends.
    looked: usize,
    name: String,
}

impl Remote {
    /// Asks a question. Parameters without a value are left out.
    pub fn get<T: DeserializeOwned>(&self, path: &str, parameters: &[(&str, Option<String>)]) -> Result<T> {
        self.ask(Method::GET, &target(path, parameters), None)
    }

    /// Has something done.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.ask(Method::POST, path, Some(body))
    }

    /// Asks a question whose answer goes on.
    pub fn listen(&self, path: &str, parameters: &[(&str, Option<String>)]) -> Result<Feed> {
        let answer = self.runtime.block_on(self.send(Method::GET, &target(path, parameters), None))?;
        Ok(Feed { answer, rest: Vec::new(), looked: 0, name: String::new() })
    }

    /// What comes next, its name and its data; `None` at the end.
    pub fn hear(&self, feed: &mut Feed) -> Result<Option<(String, String)>> {
        loop {
            while let Some(end) = feed.line()? {
                let line: Vec<u8> = feed.rest.drain(..=end).collect();
                feed.looked = 0;
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches(['\r', '\n']);
                if let Some(name) = line.strip_prefix("event:") {
                    name.trim().clone_into(&mut feed.name);
                } else if let Some(data) = line.strip_prefix("data:") {
                    return Ok(Some((std::mem::take(&mut feed.name), data.trim().to_owned())));
                }
            }
            match self.runtime.block_on(feed.answer.piece())? {
                Some(piece) => feed.rest.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, target: &str, body: Option<&Value>) -> Result<T> {
        let whole = async {
            let answer = self.send(method, target, body).await?;
            Ok::<_, anyhow::Error>(answer.whole(MAX_ANSWER_BYTES).await?)
        };
        let body = self.runtime.block_on(whole)?.into_body();
        serde_json::from_slice(&body).with_context(|| self.strange())
    }

    async fn send(&self, method: Method, target: &str, body: Option<&Value>) -> Result<Answer> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut request = self.url.request(method, target, text.into_bytes())?;
        if let Some(bearer) = &self.bearer {
            bearer.show(&mut request);
        }
        if body.is_some() {
            let kind = header::HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        let answer = self.client.send(request).await?;
        match answer.status().is_success() {
            true => Ok(answer),
            false => Err(self.refused(answer).await),
        }
    }

    /// What the server says that is wrong, as the command line there would say it.
    async fn refused(&self, answer: Answer) -> anyhow::Error {
        let status = answer.status();
        let body = answer.whole(MAX_ANSWER_BYTES).await.map(|whole| whole.into_body()).unwrap_or_default();
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(Value::as_str);
        let (Some(code), Some(detail)) = (text("code"), text("detail")) else {
            let failed = Err::<(), _>(anyhow!("it answers with the status {status}"));
            let failed = failed.with_context(|| self.strange()).hint("does a loggr listen there?");
            return failed.err().unwrap_or_else(|| anyhow!("it answers with the status {status}"));
        };
        let is_usage =
            matches!(code, "query_error" | "bad_parameter" | "no_store" | "not_found" | "not_logged_in");
        let (mut what, mut hints) = (clean(detail).into_owned(), Vec::new());
        if let Some(column) = problem.get("column") {
            what = format!("column {column}: {what}");
        }
        if code == "not_logged_in" {
            what = format!("`{}` wants a token: {what}", self.url);
            hints.push(
                "`loggr token add NAME` makes one there; put it into the variable LOGGR_TOKEN, or into a file for \
                 `--token-file`"
                    .to_owned(),
            );
        }
        hints.extend(text("hint").map(|hint| clean(hint).into_owned()));
        let further = problem.get("hints").and_then(Value::as_array).into_iter().flatten();
        hints.extend(further.filter_map(Value::as_str).map(|hint| clean(hint).into_owned()));
        let mut failed: Result<()> = Err(anyhow!(what));
        // The first is told first: each further one lies within those before.
        for hint in hints.into_iter().rev() {
            failed = failed.hint(hint);
        }
        if status == StatusCode::FORBIDDEN {
            failed = failed.with_context(|| format!("`{}` refuses this", self.url));
        }
        let failed = if is_usage { failed.usage() } else { failed };
        failed.err().unwrap_or_else(|| anyhow!("it answers with the status {status}"))
    }

    fn strange(&self) -> String {
        format!("`{}` does not answer as loggr does", self.url)
    }
}

impl Feed {
    /// Where the next line ends, if it has come whole.
    fn line(&mut self) -> Result<Option<usize>> {
        let from = self.looked;
        let end = memchr::memchr(b'\n', self.rest.get(from..).unwrap_or_default()).map(|at| from + at);
        self.looked = self.rest.len();
        match end.is_none() && self.rest.len() > MAX_LINE_BYTES {
            true => Err(anyhow!("the server sends a line of more than {MAX_LINE_BYTES} bytes")),
            false => Ok(end),
        }
    }
}

/// Path and query, escaped.
fn target(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut out = path.to_owned();
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (at, (name, value)) in given.enumerate() {
        out.push_str(&format!("{}{name}={}", if at == 0 { '?' } else { '&' }, escape(value)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_what_is_not_given_is_left_out() {
        let given = [("q", Some("a b&c=\u{fc}".to_owned())), ("from", None), ("limit", Some("5".to_owned()))];
        assert_eq!(target("/api/search", &given), "/api/search?q=a%20b%26c%3D%C3%BC&limit=5");
        assert_eq!(target("/api/status", &[]), "/api/status");
    }
}
