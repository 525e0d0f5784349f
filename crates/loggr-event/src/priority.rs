//! Severity and facility, the two halves of the syslog priority (RFC 5424, 6.2.1).

use std::fmt;

/// How grave an event is. **Smaller is graver**: `Emergency` is 0.
///
/// Ordering follows gravity as people say it: `Severity::Error > Severity::Info`
/// means "error is at least as severe as info".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Severity {
    /// 0: the system is unusable.
    Emergency = 0,
    /// 1: act at once.
    Alert = 1,
    /// 2: critical conditions.
    Critical = 2,
    /// 3: error conditions.
    Error = 3,
    /// 4: warning conditions.
    Warning = 4,
    /// 5: normal but significant.
    #[default]
    Notice = 5,
    /// 6: informational.
    Informational = 6,
    /// 7: debug messages.
    Debug = 7,
}

impl Severity {
    /// All severities, gravest first; the index is the code.
    pub const ALL: [Severity; 8] = [
        Severity::Emergency,
        Severity::Alert,
        Severity::Critical,
        Severity::Error,
        Severity::Warning,
        Severity::Notice,
        Severity::Informational,
        Severity::Debug,
    ];

    /// The severity of a code 0–7.
    pub fn from_code(code: u8) -> Option<Severity> {
        Severity::ALL.get(usize::from(code)).copied()
    }

    /// The numeric code, 0–7.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The short keyword of syslog.conf: `emerg alert crit err warning notice info debug`.
    pub fn keyword(self) -> &'static str {
        ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"][usize::from(self.code())]
    }

    /// Reads a code (`"3"`), a keyword (`"err"`) or one of the long and old names
    /// (`error`, `panic`, `warn`, `informational`, …), in any case.
    pub fn from_name(name: &str) -> Option<Severity> {
        let lower = name.trim().to_ascii_lowercase();
        Some(match lower.as_str() {
            "0" | "emerg" | "emergency" | "panic" => Severity::Emergency,
            "1" | "alert" => Severity::Alert,
            "2" | "crit" | "critical" | "fatal" => Severity::Critical,
            "3" | "err" | "error" => Severity::Error,
            "4" | "warning" | "warn" => Severity::Warning,
            "5" | "notice" => Severity::Notice,
            "6" | "info" | "informational" | "information" => Severity::Informational,
            "7" | "debug" | "trace" => Severity::Debug,
            _ => return None,
        })
    }
}

impl Severity {
    /// The severities for which `holds` is true, in words for a person: `emerg to err (0 to 3)`,
    /// `err (3)`, `none`. What lies between the first and the last is taken to be among them.
    ///
    /// ```
    /// use loggr_event::Severity;
    /// assert_eq!(Severity::span(|s| s >= Severity::Error), "emerg to err (0 to 3)");
    /// ```
    pub fn span(holds: impl Fn(Severity) -> bool) -> String {
        let mut all = Severity::ALL.into_iter().filter(|s| holds(*s));
        match (all.next(), all.next_back()) {
            (Some(first), Some(last)) => {
                format!("{first} to {last} ({} to {})", first.code(), last.code())
            }
            (Some(only), None) => format!("{only} ({})", only.code()),
            (None, _) => "none".to_owned(),
        }
    }
}

impl PartialOrd for Severity {
    fn partial_cmp(&self, other: &Severity) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Severity {
    fn cmp(&self, other: &Severity) -> std::cmp::Ordering {
        other.code().cmp(&self.code())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

/// Which part of a system speaks (RFC 5424, 6.2.1): a code 0–23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Facility(u8);

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

impl Facility {
    /// `user` (1): what a line without a priority gets.
    pub const USER: Facility = Facility(1);
    /// `kern` (0).
    pub const KERN: Facility = Facility(0);
    /// `syslog` (5): what loggr's own events carry.
    pub const SYSLOG: Facility = Facility(5);
    /// The highest code.
    pub const MAX_CODE: u8 = 23;

    /// The facility of a code 0–23.
    pub fn from_code(code: u8) -> Option<Facility> {
        (code <= Facility::MAX_CODE).then_some(Facility(code))
    }

    /// The numeric code, 0–23.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The keyword: `kern user mail daemon auth syslog lpr news uucp cron authpriv ftp
    /// ntp audit alert clock local0 … local7`.
    pub fn keyword(self) -> &'static str {
        FACILITIES[usize::from(self.0)]
    }

    /// Reads a code or a keyword, in any case. `security` is `auth`.
    pub fn from_name(name: &str) -> Option<Facility> {
        let lower = name.trim().to_ascii_lowercase();
        if let Ok(code) = lower.parse::<u8>() {
            return Facility::from_code(code);
        }
        if lower == "security" {
            return Some(Facility(4));
        }
        let code = FACILITIES.iter().position(|k| *k == lower)?;
        u8::try_from(code).ok().map(Facility)
    }
}

impl Default for Facility {
    fn default() -> Facility {
        Facility::USER
    }
}

impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Option<u8>) {
        assert_eq!(Severity::from_name(name).map(Severity::code), expect);
    }

    #[test]
    fn severity_names() {
        check("err", Some(3));
        check("ERROR", Some(3));
        check("warn", Some(4));
        check("7", Some(7));
        check("8", None);
        check("", None);
    }

    #[test]
    fn graver_is_greater() {
        assert!(Severity::Error > Severity::Warning);
        assert!(Severity::Emergency > Severity::Alert);
    }

    #[test]
    fn facility_codes_and_names_agree() {
        for code in 0..=Facility::MAX_CODE {
            let facility = Facility::from_code(code).unwrap();
            assert_eq!(Facility::from_name(facility.keyword()), Some(facility));
        }
        assert_eq!(Facility::from_code(24), None);
    }
}
