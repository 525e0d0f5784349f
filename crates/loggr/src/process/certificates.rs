//! The certificates that this process shows, to who connects and to whom it connects itself: read again when
//! their files change, and watched for their end.
//!
//! Not whom a certificate is for; `loggr_net::tls` knows that, and keeps the old one where a new one is wrong.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use loggr_event::counted;
use loggr_flow::Stop;
use loggr_net::NetError;
use loggr_net::tls::{Certificate, Connector, Server};

use super::clock::now;
use super::confine;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// Days before the end at which it is said in the log.
const WARN_DAYS: [i64; 2] = [30, 7];
/// Days before the end at which it counts as a trouble: what renews certificates usually does so between
/// 30 days and this.
const TROUBLE_DAYS: i64 = 7;
const SECONDS_OF_A_DAY: i64 = 86_400;

/// The certificates of a process.
#[derive(Debug, Default)]
pub struct Certificates(Vec<Shown>);

/// What shows a certificate.
#[derive(Clone, Debug)]
pub enum Holder {
    /// One who listens.
    Server(Arc<Server>),
    /// One who connects, and perhaps only knows whom it trusts.
    Connector(Arc<Connector>),
}

impl Holder {
    /// The certificate, if it has one of its own.
    pub fn certificate(&self) -> Option<Certificate> {
        match self {
            Holder::Server(server) => Some(server.certificate()),
            Holder::Connector(connector) => connector.certificate(),
        }
    }

    /// The file of the certificate, or of what there is instead.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Holder::Server(server) => Some(&server.files().certificate),
            Holder::Connector(connector) => connector.files().first(),
        }
    }

    /// What is wrong with the time of the certificate, and how far that is, for who shows none yet.
    pub fn warning(&self) -> Option<String> {
        let certificate = self.certificate()?;
        let now = seconds_now();
        let time = time_of(&certificate, now, self.judges())?;
        Some(format!("{time} ({})", far(&certificate, now)))
    }

    /// Who looks at the certificate.
    fn judges(&self) -> &'static str {
        match self {
            Holder::Server(_) => "senders",
            Holder::Connector(_) => "targets",
        }
    }

    fn reload(&self) -> Result<bool, NetError> {
        match self {
            Holder::Server(server) => server.reload(),
            Holder::Connector(connector) => connector.reload(),
        }
    }
}

/// A certificate, and where it is shown.
#[derive(Debug)]
pub struct Shown {
    /// Where, such as `` listener `tls` ``.
    pub place: String,
    /// What shows it.
    pub holder: Holder,
    said: Mutex<Said>,
}

/// What was last said, so that it is said once.
#[derive(Debug, Default)]
struct Said {
    error: Option<String>,
    /// What there was to say of its time.
    time: Option<String>,
}

impl Certificates {
    /// Those that these show.
    pub fn new(shown: impl IntoIterator<Item = (String, Holder)>) -> Certificates {
        let shown = shown.into_iter();
        Certificates(shown.map(|(place, holder)| Shown { place, holder, said: Mutex::default() }).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Shown> {
        self.0.iter()
    }

    /// Reads all files again and says what has changed. `asked`: somebody wants to hear that nothing has, too.
    pub fn look(&self, asked: bool) {
        for shown in &self.0 {
            shown.look(asked);
        }
    }

    /// Looks at the files now and then.
    pub async fn watch(self: Arc<Self>, mut stop: Stop) {
        if self.0.is_empty() {
            return;
        }
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = stop.drain() => return,
                _ = look.tick() => {}
            }
            let all = self.clone();
            drop(tokio::task::spawn_blocking(move || all.look(false)).await);
        }
    }
}

impl Shown {
    fn look(&self, asked: bool) {
        let place = self.place.as_str();
        let file = self.holder.file().map(|file| file.display().to_string());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match self.holder.reload() {
            Ok(has_changed) => {
                let was_wrong = said.error.take().is_some();
                if has_changed || was_wrong || asked {
                    match self.holder.certificate().map(|certificate| certificate.name()) {
                        Some(name) => tracing::info!(place, file, name, "the certificate was read again"),
                        None => tracing::info!(place, file, "the authorities were read again"),
                    }
                }
            }
            Err(error) => {
                let error = error.in_one_line();
                if said.error.as_ref() != Some(&error) {
                    tracing::error!(
                        place,
                        error,
                        hint = confine::advice_on(&error),
                        "cannot take the files of the certificate again; the old ones are kept"
                    );
                } else if asked {
                    tracing::info!(
                        place,
                        "the files of the certificate are as wrong as before; the old ones are kept"
                    );
                }
                said.error = Some(error);
            }
        }
        let time = self.time();
        if let Some(time) = &time
            && said.time.as_ref() != Some(time)
        {
            tracing::warn!(
                place,
                file,
                hint = "get a new certificate and put it in place of the old one; loggr reads it by itself",
                "the certificate {time}"
            );
        }
        said.time = time;
    }

    /// What is wrong with its time, where somebody has to do something now.
    pub fn trouble(&self) -> Option<String> {
        trouble_of(&self.holder.certificate()?, seconds_now(), self.holder.judges())
    }

    /// What is wrong with its time.
    fn time(&self) -> Option<String> {
        time_of(&self.holder.certificate()?, seconds_now(), self.holder.judges())
    }

    /// Why a new one was not taken.
    pub fn error(&self) -> Option<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).error.clone()
    }
}

/// Seconds since 1970.
pub fn seconds_now() -> i64 {
    now().unix_micros().div_euclid(1_000_000)
}

/// Days until the end, rounded down; negative behind it.
pub fn days_left(certificate: &Certificate, now: i64) -> i64 {
    days_until(certificate.ends, now)
}

/// Days until a time, rounded down; negative behind it.
pub fn days_until(ends: i64, now: i64) -> i64 {
    ends.saturating_sub(now).div_euclid(SECONDS_OF_A_DAY)
}

/// What is wrong with its time: it has ended, ends soon, or has not begun.
fn time_of(certificate: &Certificate, now: i64, judges: &str) -> Option<String> {
    let days = days_left(certificate, now);
    if certificate.begins > now {
        return Some("is not valid yet".to_owned());
    }
    if certificate.ends < now {
        return Some(format!("has ended, and {judges} refuse it"));
    }
    WARN_DAYS.iter().rev().find(|limit| days < **limit).map(|limit| format!("ends in less than {limit} days"))
}

/// How far its beginning or its end is.
fn far(certificate: &Certificate, now: i64) -> String {
    let days = |seconds: i64| counted(seconds.div_euclid(SECONDS_OF_A_DAY), "day");
    match (certificate.begins - now, certificate.ends - now) {
        (1.., _) => format!("it begins in {}", days(certificate.begins - now)),
        (_, ..=0) => format!("{} ago", days(now - certificate.ends)),
        (_, left) => format!("in {}", days(left)),
    }
}

/// The same, where somebody has to do something now.
fn trouble_of(certificate: &Certificate, now: i64, judges: &str) -> Option<String> {
    let is_far = certificate.begins <= now && days_left(certificate, now) >= TROUBLE_DAYS;
    time_of(certificate, now, judges).filter(|_| !is_far)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(begins: i64, ends: i64) -> Certificate {
        Certificate {
            names: Vec::new(),
            ignored_names: 0,
            sha256: String::new(),
            sha1: String::new(),
            begins,
            ends,
            is_authority: false,
            is_self_signed: false,
        }
    }

    #[track_caller]
    fn check(begins: i64, ends_in_days: i64, expect: Option<&str>) {
        let certificate = certificate(begins, 1_000_000 + ends_in_days * SECONDS_OF_A_DAY);
        assert_eq!(time_of(&certificate, 1_000_000, "senders").as_deref(), expect);
        let is_trouble = expect.is_some_and(|time| !time.contains("30 days"));
        assert_eq!(trouble_of(&certificate, 1_000_000, "senders").as_deref(), expect.filter(|_| is_trouble));
    }

    #[test]
    fn the_end_is_said_in_time() {
        check(0, 31, None);
        check(0, 30, None);
        check(0, 29, Some("ends in less than 30 days"));
        check(0, 7, Some("ends in less than 30 days"));
        check(0, 6, Some("ends in less than 7 days"));
        check(0, -1, Some("has ended, and senders refuse it"));
        check(1_000_001, 100, Some("is not valid yet"));
    }

    #[test]
    fn how_far_it_is_is_said_in_days() {
        let check = |begins, ends, expect| assert_eq!(far(&certificate(begins, ends), 1_000_000), expect);
        check(1_000_000 + 2 * SECONDS_OF_A_DAY, 9_000_000, "it begins in 2 days");
        check(0, 1_000_000 - SECONDS_OF_A_DAY, "1 day ago");
        check(0, 1_000_000 + 6 * SECONDS_OF_A_DAY + 5, "in 6 days");
    }
}
