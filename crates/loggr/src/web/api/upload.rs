//! `POST /api/upload`: a log file becomes events, and the answer says how far it has come.
//!
//! What is wrong from the beginning is a problem with its status; from then on the answer is a line of
//! JSON again and again, and the last one says how it ended. Not how a file is read: that is
//! `source/upload`.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::IntoResponse;
use futures_util::stream::unfold;
use loggr_event::{Assumed, InputFormat, counted, is_timezone};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::call::{Answer, Call};
use super::params::{Parameter, Takes, parameter};
use crate::access::security;
use crate::access::who::Who;
use crate::clean::clean;
use crate::config::nearest;
use crate::source::upload::{
    Ended, MAX_AT_ONCE, MAX_FILE_BYTES, Packing, Plan, Refused, State, Told, Upload, linger,
};
use crate::web::problem::{Code, Problem};

/// How often it is said how far a file has come, at most.
const PACE: Duration = Duration::from_millis(200);
/// The same is said again after this time, so that nobody takes the connection for a dead one.
const SAID_AGAIN: Duration = Duration::from_secs(10);
/// When to try again where another file is on its way, in seconds.
const RETRY_SECONDS: u64 = 10;
/// A file that has no name.
const NAMELESS: &str = "(without a name)";
/// Most lines that can be left out.
const MAX_SKIP: usize = 1_000_000_000_000;

/// What it takes.
pub const PARAMETERS: &[Parameter] = &[
    parameter("name", Takes::Text, "What the file is called; its events say it as a part of `peer`."),
    parameter(
        "exchange",
        Takes::Text,
        "The exchange to which its lines are published; if it is left out, that of the first listener.",
    ),
    parameter(
        "format",
        Takes::Word(&["auto", "rfc5424", "rfc3164", "json"]),
        "What the lines look like; with `auto` loggr looks at each of them.",
    ),
    parameter("host", Takes::Text, "The host of lines that name none."),
    parameter("app", Takes::Text, "The program of lines that name none."),
    parameter(
        "year",
        Takes::Number { least: 0, most: 9999, default: 0 },
        "The year of times that are written without one; with 0 or without it, the latest that is possible.",
    ),
    parameter(
        "timezone",
        Takes::Text,
        "The time zone of times that are written without one, for example `Europe/Berlin` or `+02:00`; if it is \
         left out, that of the first listener.",
    ),
    parameter(
        "skip",
        Takes::Number { least: 0, most: MAX_SKIP, default: 0 },
        "So many lines at the beginning are left out; for a file of which an earlier upload has taken so many.",
    ),
];

/// How far a file has come.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Progress {
    /// Lines that have become events and are on disk.
    lines: u64,
    /// Bytes of the unpacked file in which they stood.
    bytes: u64,
    /// Lines that were longer than a line may be, and were cut.
    cut: u64,
    /// The file was taken whole.
    done: bool,
    /// Why it was not, in the last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Map<String, Value>>,
}

/// `POST /api/upload`
pub async fn upload(mut call: Call) -> Answer {
    let body = std::mem::take(&mut call.body).into_data_stream();
    let (upload, file) = match begin(&call) {
        Ok(begun) => begun,
        Err(problem) => {
            tokio::spawn(linger(body));
            return Err(problem);
        }
    };
    let mut told = upload.told.clone();
    tokio::spawn(upload.feed(body));
    security::told(&call.who, "uploads", format_args!("file={file:?}"));
    tokio::spawn(note(told.clone(), call.who, file));
    // An error says that nothing will be told any more; the last of it was.
    drop(told.wait_for(|told| told.state != State::Looked).await);
    let now = told.borrow_and_update().clone();
    match (now.state, now.taken.lines) {
        (State::Ended(ended), 0) => Err(problem(&ended)),
        _ => Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines(told)).into_response()),
    }
}

/// Lets a file begin, and gives its name.
fn begin(call: &Call) -> Result<(Upload, String), Problem> {
    let uploads = call.api.site.live.uploads.clone().ok_or_else(|| {
        Problem::new(Code::Elsewhere, "this process takes no files, because it has no queues for events")
            .hint(
                "send the file to a process that runs listeners and the web address: `loggr run` alone does",
            )
    })?;
    let plan = plan(call)?;
    let (user, exchange) = (plan.user.clone(), plan.exchange.clone().unwrap_or_default());
    let file = plan.file.clone();
    let upload = uploads.begin(plan).map_err(|refused| match refused {
        Refused::Busy => Problem::new(Code::TooMany, format!("`{user}` is sending a file already"))
            .hint("wait until it has been taken; a user sends one file at a time")
            .retry_after(RETRY_SECONDS),
        Refused::Crowded => {
            Problem::new(Code::TooMany, format!("{MAX_AT_ONCE} files are on their way already"))
                .retry_after(RETRY_SECONDS)
        }
        Refused::NoExchange(known) => {
            let problem =
                Problem::parameter("exchange", format!("no file can be sent to an exchange `{exchange}`"));
            problem.hint(match nearest(&exchange, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", known.join(", ")),
            })
        }
        Refused::Stops => Problem::new(Code::StoreAway, "loggr stops").retry_after(RETRY_SECONDS),
    })?;
    Ok((upload, file))
}

fn plan(call: &Call) -> Result<Plan, Problem> {
    let text = |name: &str| call.params.text(name).to_owned();
    let packing = match call.headers.get(CONTENT_ENCODING).map(|said| said.to_str().unwrap_or("?")) {
        None | Some("" | "identity") => None,
        Some(said) => Some(Packing::of(said).ok_or_else(|| {
            Problem::parameter("Content-Encoding", format!("`{said}` is not unpacked here"))
                .hint("send the file as it is, or packed with gzip, zstd, xz or bzip2")
        })?),
    };
    let length =
        call.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_FILE_BYTES) {
        return Err(problem(&Ended::TooLarge));
    }
    let timezone = call.params.some("timezone").map(str::to_owned);
    if let Some(zone) = timezone.as_deref().filter(|zone| !is_timezone(zone)) {
        return Err(Problem::parameter("timezone", format!("`{zone}` is not a time zone"))
            .hint("write a name such as `Europe/Berlin`, or an offset such as `+02:00`"));
    }
    let year = u16::try_from(call.params.number("year")).ok().filter(|year| *year > 0);
    Ok(Plan {
        user: call.who.name.clone(),
        from: call.who.from,
        file: clean(call.params.some("name").unwrap_or(NAMELESS)).into_owned(),
        exchange: call.params.some("exchange").map(str::to_owned),
        format: InputFormat::from_keyword(call.params.word("format")).unwrap_or_default(),
        timezone,
        assumed: Assumed { host: text("host"), app_name: text("app"), year, ..Assumed::default() },
        skip: call.params.number("skip") as u64,
        packing,
    })
}

/// Notes in the security log how it ended, also where the client has gone.
async fn note(mut told: watch::Receiver<Told>, who: Who, file: String) {
    drop(told.wait_for(Told::is_over).await);
    let told = told.borrow().clone();
    let why = match &told.state {
        State::Ended(ended) => format!(" because={:?}", ended.to_string()),
        _ => String::new(),
    };
    let (lines, bytes) = (told.taken.lines, told.taken.bytes);
    security::told(&who, "uploaded", format_args!("file={file:?} lines={lines} bytes={bytes}{why}"));
}

/// How far it has come, line by line until the end.
fn lines(told: watch::Receiver<Told>) -> Body {
    Body::from_stream(unfold((told, false), |(mut told, is_over)| async move {
        if is_over {
            return None;
        }
        let now = told.borrow_and_update().clone();
        let is_over = now.is_over();
        let line = Bytes::from(line(&now));
        if !is_over {
            tokio::time::sleep(PACE).await;
            // An error says that nothing will be told any more.
            drop(tokio::time::timeout(SAID_AGAIN, told.changed()).await);
        }
        Some((Ok::<_, Infallible>(line), (told, is_over)))
    }))
}

fn line(told: &Told) -> Vec<u8> {
    let problem = match &told.state {
        State::Ended(ended) => Some(after(ended, told).members()),
        _ => None,
    };
    let (taken, done) = (told.taken, told.state == State::Whole);
    let progress = Progress { lines: taken.lines, bytes: taken.bytes, cut: taken.cut, done, problem };
    let mut line = serde_json::to_vec(&progress).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What ended it after so many lines.
fn after(ended: &Ended, told: &Told) -> Problem {
    let lines = told.taken.lines;
    let problem = problem(ended).with("lines", lines);
    let taken = format!("{} of it {} taken", counted(lines, "line"), if lines == 1 { "was" } else { "were" });
    let skip = told.skipped + lines;
    match ended {
        Ended::Broken(_) | Ended::NotTaken(_) | Ended::Stops => {
            problem.hint(format!("{taken}; send it again with `skip={skip}` to have the rest taken"))
        }
        Ended::CutOff => problem.hint(format!(
            "{taken}; if the file is only cut off, send a copy that is whole with `skip={skip}` to have the rest taken"
        )),
        // What was unpacked before the damage was found may be wrong, so its lines cannot be counted off.
        Ended::Damaged(_) => problem.hint(format!(
            "{taken}, and the last of them may be wrong: compare them with a copy that is whole before you send more of it"
        )),
        Ended::Shorter(_) => problem,
        Ended::TooLarge => {
            problem.hint(format!("{taken}; send what stands behind its first {skip} as another file"))
        }
        Ended::NoLog(_) => problem,
    }
}

fn problem(ended: &Ended) -> Problem {
    let code = match ended {
        Ended::NoLog(_) | Ended::Damaged(_) | Ended::CutOff => Code::NotALog,
        Ended::TooLarge => Code::TooLarge,
        Ended::Broken(_) | Ended::Shorter(_) => Code::BadParameter,
        Ended::NotTaken(_) => Code::Internal,
        Ended::Stops => Code::StoreAway,
    };
    Problem::new(code, ended.to_string())
}
