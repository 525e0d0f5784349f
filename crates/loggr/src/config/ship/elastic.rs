//! `kind = "elastic"`: a shipper that stores events as documents in Elasticsearch, OpenSearch, or a server that
//! speaks their bulk interface.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loggr_event::{DocumentNames, Event, Template};
use loggr_net::http::Url;

use super::Compress;
use super::syslog::ForwardTls;
use crate::config::choice::choice;
use crate::config::keys::{Key, Takes, key, one_of};
use crate::config::reader::Reader;

/// The keys that only shippers of this kind have.
pub const KEYS: &[Key] = &[
    key(
        "urls",
        Takes::Urls,
        "",
        "where the servers are, `https://HOST:PORT` with the path under which they answer, if there is one; \
         `/_bulk` is added to it. Several are nodes of one cluster: events go to the first of the list that works",
    )
    .without("must be given (elastic)")
    .only(ELASTIC),
    key(
        "index",
        Takes::Text("template"),
        "",
        "the index, or the data stream, that gets an event: a template in which `${year}`, `${month}`, `${day}` and \
         the like come from the time of reception, in UTC, see `templates.md`; values are written in lower case, \
         and what no index may be called becomes `_`",
    )
    .without("`loggr-${year}.${month}.${day}`; `logs-loggr-default` with `data_stream = true`")
    .only(ELASTIC),
    key(
        "data_stream",
        Takes::Bool,
        "false",
        "whether `index` names a data stream, for which the server itself begins new indexes; it must have an index \
         template for it",
    )
    .only(ELASTIC),
    key(
        "fields",
        one_of::<DocumentNames>(),
        "\"ecs\"",
        "what the parts of an event are called in its document: `ecs`, as in the Elastic Common Schema; `plain`, as \
         loggr itself writes JSON",
    )
    .only(ELASTIC),
    key(
        "pipeline",
        Takes::Text("name of a pipeline"),
        "",
        "the ingest pipeline of the server through which documents go",
    )
    .without("that of the index, if it has one")
    .only(ELASTIC),
    key(
        "user",
        Takes::Text("name of a user"),
        "",
        "the user as whom loggr logs in (basic authentication); needs `password_file`",
    )
    .without("none")
    .only(ELASTIC),
    key(
        "api_key_file",
        Takes::Path,
        "",
        "a file that holds an API key and nothing else, encoded as the server shows it, or as `ID:KEY`; relative to \
         the directory of the configuration file, and read when loggr starts",
    )
    .without("none")
    .only(ELASTIC),
    key(
        "token_file",
        Takes::Path,
        "",
        "a file that holds a token and nothing else, which loggr shows as `Authorization: Bearer`; relative to the \
         directory of the configuration file, and read when loggr starts",
    )
    .without("none")
    .only(ELASTIC),
];

const ELASTIC: &[&str] = &["elastic"];
/// The index without `index`.
const DAILY: &str = "loggr-${year}.${month}.${day}";
/// The data stream without `index`.
const STREAM: &str = "logs-loggr-default";
/// The variables that a data stream has no use for.
const DATES: [&str; 6] = ["${date}", "${year}", "${month}", "${day}", "${hour}", "${minute}"];
/// Longest name of an index in bytes, which Elasticsearch allows.
pub const MAX_INDEX_BYTES: usize = 255;

choice!(DocumentNames { Ecs = "ecs", Plain = "plain" });

/// `kind = "elastic"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElasticShip {
    /// Where the servers are, at least one, in the order in which they are preferred.
    pub urls: Vec<Url>,
    /// The name of the index.
    pub index: Template,
    /// The same as the file has it.
    pub index_text: String,
    /// What the parts of an event are called.
    pub names: DocumentNames,
    /// The ingest pipeline.
    pub pipeline: Option<String>,
    /// What is shown to the servers.
    pub login: Option<Login>,
    /// Requests that are under way at the same time.
    pub connections: usize,
    /// Events of one batch, at most.
    pub batch_events: usize,
    /// Bytes of the events of one batch as they were received, at most.
    pub batch_bytes: usize,
    /// How long a server may leave a request unanswered.
    pub timeout: Duration,
    /// How often it is tried whether a server that has failed works again.
    pub return_after: Duration,
    /// Requests are compressed with gzip.
    pub gzip: bool,
    /// TLS; there where a URL begins with `https://`.
    pub tls: Option<ForwardTls>,
}

/// What is shown to servers; the secrets are in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A user and the file of the password.
    Password(String, PathBuf),
    /// The file of an API key.
    ApiKey(PathBuf),
    /// The file of a token.
    Token(PathBuf),
}

impl Login {
    /// The file of the secret.
    pub fn file(&self) -> &Path {
        match self {
            Login::Password(_, file) | Login::ApiKey(file) | Login::Token(file) => file,
        }
    }
}

/// What the kinds share, as it was read.
pub struct Shared {
    /// `compress`, if the file has it.
    pub compress: Option<Compress>,
    /// `connections`
    pub connections: usize,
    /// `batch_events`
    pub batch_events: usize,
    /// `batch_size`
    pub batch_bytes: usize,
    /// `timeout`
    pub timeout: Duration,
    /// `return_after`
    pub return_after: Duration,
    /// `password_file`
    pub password_file: Option<PathBuf>,
    /// `tls`
    pub tls: Option<ForwardTls>,
}

/// May a character stand in the name of an index?
pub fn is_for_index(c: char) -> bool {
    !c.is_uppercase() && !c.is_control() && !c.is_whitespace() && !r##"\/*?"<>|,#:"##.contains(c)
}

/// Reads the keys of the kind. `meant`: the section is of this kind, so that what is missing is an
/// error. `beside`: the directory of the file.
pub fn read(r: &mut Reader<'_, '_>, name: &str, meant: bool, shared: Shared, beside: &Path) -> ElasticShip {
    let urls = r.server_urls_if_any("urls");
    if meant && urls.is_none() {
        let message = format!("`[ship.{name}]` needs its `urls`");
        r.needs("urls", message, "write `urls = [\"https://HOST:9200\"]`".to_owned());
    }
    let urls = urls.unwrap_or_default();
    let data_stream = r.bool("data_stream");
    let given = r.parsed_if_any("index", |text| index(text).map(|index| (index, text.to_owned())));
    let (index, index_text) = given.unwrap_or_else(|| {
        let text = if data_stream { STREAM } else { DAILY };
        (self::index(text).expect("BUG: the template without `index` is good"), text.to_owned())
    });
    if data_stream && DATES.iter().any(|date| index_text.contains(date)) {
        let help = "leave the variables out: the server begins new indexes by itself, as its template says";
        r.blame("index", "the name of a data stream has no date".to_owned(), Some(help.to_owned()));
    }
    let pipeline = r.parsed_if_any("pipeline", |text| plain(text, "pipeline"));
    let user = r.parsed_if_any("user", |text| match text {
        text if text.contains(':') => Err(format!("`{text}` has a `:`, which ends the name of a user")),
        text => plain(text, "user"),
    });
    let api_key = r.path_if_any("api_key_file", beside);
    let token = r.path_if_any("token_file", beside);
    if meant {
        blame_login(r, user.is_some(), shared.password_file.is_some());
        blame_tls(r, &urls);
        if shared.compress == Some(Compress::Zstd) {
            let help = "write `compress = \"gzip\"` or `\"none\"`";
            r.blame("compress", "no such server unpacks zstd".to_owned(), Some(help.to_owned()));
        }
    }
    let password = user.zip(shared.password_file).map(|(user, file)| Login::Password(user, file));
    let is_tls = urls.iter().any(Url::is_tls);
    let of_system = || ForwardTls { authorities: None, identity: None, name: None, verify: true };
    ElasticShip {
        index,
        index_text,
        names: r.choice("fields"),
        pipeline,
        login: password.or(api_key.map(Login::ApiKey)).or(token.map(Login::Token)),
        connections: shared.connections,
        batch_events: shared.batch_events,
        batch_bytes: shared.batch_bytes,
        timeout: shared.timeout,
        return_after: shared.return_after,
        gzip: shared.compress != Some(Compress::None),
        tls: is_tls.then(|| shared.tls.unwrap_or_else(of_system)),
        urls,
    }
}

/// Reads the template of an index.
fn index(text: &str) -> Result<Template, String> {
    let template = Template::parse_path(text).map_err(|error| {
        let meant = Template::translate_path(text).map(|meant| format!("; write `{meant}`"));
        format!("{error}{}", meant.unwrap_or_default())
    })?;
    let mut shown = Vec::new();
    // Whatever the values are, they are made fit: only the text of the template can be wrong.
    template.render_with(&Event::default(), &mut shown, |_, out| out.push(b'a'));
    let shown = String::from_utf8_lossy(&shown);
    if let Some(wrong) = shown.chars().find(|c| !is_for_index(*c)) {
        return Err(match wrong.is_uppercase() {
            true => format!("the name of an index is in lower case, and `{text}` is not"),
            false => format!("the name of an index cannot have `{}`", wrong.escape_default()),
        });
    }
    match shown.as_ref() {
        "" => Err("the name of the index is empty".to_owned()),
        name if name.starts_with(['-', '_', '+', '.']) => {
            Err(format!("the name of an index cannot begin as `{text}` does"))
        }
        name if name.len() > MAX_INDEX_BYTES => {
            Err(format!("the name of an index has at most {MAX_INDEX_BYTES} bytes"))
        }
        _ => Ok(template),
    }
}

fn plain(text: &str, what: &str) -> Result<String, String> {
    match text {
        "" => Err(format!("the {what} is empty")),
        text if text.chars().any(|c| c.is_control()) => {
            Err(format!("the {what} has characters that no name has"))
        }
        text => Ok(text.to_owned()),
    }
}

fn blame_login(r: &mut Reader<'_, '_>, user: bool, password: bool) {
    if user != password && !r.failed("user") {
        let (has, needs) = if user { ("user", "password_file") } else { ("password_file", "user") };
        r.blame(has, format!("`{has}` is of no use without `{needs}`"), None);
    }
    let ways: Vec<&str> =
        ["user", "api_key_file", "token_file"].into_iter().filter(|key| r.has(key)).collect();
    if let [first, second, ..] = ways.as_slice() {
        let message = format!("`{second}` and `{first}` are two ways to log in");
        r.blame(second, message, Some("leave one of them out".to_owned()));
    }
}

fn blame_tls(r: &mut Reader<'_, '_>, urls: &[Url]) {
    if !urls.is_empty() && r.has("tls") && !urls.iter().any(Url::is_tls) {
        let help = "write `https://` in `urls`, or leave it out";
        r.blame("tls", "`tls` means nothing without `https://`".to_owned(), Some(help.to_owned()));
    }
}
