//! What the kernel knows about a local sender: the suffix `@[_PID=1 _UID=0 …]` of annotated unix
//! sockets.
//!
//! rsyslog (`SysSock.Annotate`) appends it to the message. loggr takes it over only from unix
//! sockets, and only if the message has a single one: a sender can write such a suffix into its
//! message or its command line, and then it is unknown which of them is the kernel's. A message
//! with several is left as it is.

use std::borrow::Cow;

use crate::{Event, TrustedField};

const OPEN: &[u8] = b"@[_PID=";

/// The names, in the order in which they are written. The first three hold numbers.
const NAMES: [&str; 6] = ["_PID=", "_UID=", "_GID=", "_COMM=", "_EXE=", "_CMDLINE="];
const NUMBERS: usize = 3;

/// Moves the suffix of the message into the event's trusted fields.
pub(crate) fn absorb(event: &mut Event<'_>) {
    if !event.message.ends_with(']') {
        return;
    }
    match &event.message {
        Cow::Borrowed(message) => {
            if let Some((at, trusted)) = read(message) {
                event.trusted = trusted;
                event.message = Cow::Borrowed(message.get(..at).unwrap_or_default());
            }
        }
        Cow::Owned(message) => {
            if let Some((at, trusted)) = read(message) {
                event.trusted = trusted
                    .into_iter()
                    .map(|f| TrustedField {
                        name: f.name.into_owned().into(),
                        value: f.value.into_owned().into(),
                    })
                    .collect();
                event.message = Cow::Owned(message.get(..at).unwrap_or_default().to_owned());
            }
        }
    }
}

/// Where the message ends, and the fields behind it.
fn read(message: &str) -> Option<(usize, Vec<TrustedField<'_>>)> {
    let mut places = memchr::memmem::find_iter(message.as_bytes(), OPEN);
    let at = places.next()?;
    if places.next().is_some() {
        return None;
    }
    let mut rest = message.get(at + 2..message.len() - 1)?;
    let mut fields = Vec::with_capacity(NAMES.len());
    let mut names = NAMES.iter().enumerate().peekable();
    while let Some((i, name)) = names.next() {
        let Some(value) = rest.strip_prefix(name) else {
            // The kernel always knows the three numbers; the other fields may be missing.
            if i < NUMBERS {
                return None;
            }
            continue;
        };
        let end = names.clone().filter_map(|(_, next)| find_name(value, next)).min();
        let (value, after) = match end {
            Some(end) => (value.get(..end)?, value.get(end + 1..)?),
            None => (value, ""),
        };
        if i < NUMBERS && (value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit())) {
            return None;
        }
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        fields.push(TrustedField {
            name: Cow::Borrowed(name.trim_end_matches('=')),
            value: Cow::Borrowed(value),
        });
        rest = after;
    }
    let at = if message.get(..at)?.ends_with(' ') { at - 1 } else { at };
    rest.is_empty().then_some((at, fields))
}

/// Where ` _NAME=` stands.
fn find_name(text: &str, name: &str) -> Option<usize> {
    memchr::memmem::find_iter(text.as_bytes(), name.as_bytes())
        .map(|at| at.wrapping_sub(1))
        .find(|at| text.as_bytes().get(*at) == Some(&b' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(message: &str, expect: &str, fields: &str) {
        let mut event = Event { message: message.into(), ..Event::default() };
        absorb(&mut event);
        let shown: Vec<String> = event.trusted.iter().map(|f| format!("{}={}", f.name, f.value)).collect();
        assert_eq!((event.message.as_ref(), shown.join("|").as_str()), (expect, fields), "{message}");
    }

    #[test]
    fn suffixes() {
        check(
            "hello @[_PID=12 _UID=0 _GID=5 _COMM=logger _EXE=/usr/bin/logger _CMDLINE=logger -t x hello]",
            "hello",
            "_PID=12|_UID=0|_GID=5|_COMM=logger|_EXE=/usr/bin/logger|_CMDLINE=logger -t x hello",
        );
        check("a@[_PID=1 _UID=2 _GID=3]", "a", "_PID=1|_UID=2|_GID=3");
        check("a @[_PID=1 _UID=2 _GID=3 _EXE=\"/bin/x\"]", "a", "_PID=1|_UID=2|_GID=3|_EXE=/bin/x");
        check("a @[_PID=1 _UID=2 _GID=3 _CMDLINE=x ]]", "a", "_PID=1|_UID=2|_GID=3|_CMDLINE=x ]");
    }

    #[track_caller]
    fn check_left(message: &str) {
        check(message, message, "");
    }

    #[test]
    fn what_is_no_suffix_is_left() {
        check_left("hello");
        check_left("hello [x]");
        check_left("a @[_PID=x _UID=2 _GID=3]");
        check_left("a @[_PID=1]");
        check_left("a @[_PID=1 _UID=2 _GID=3] b");
        check_left("a @[_PID=1 _UID=2 _GID=3 nonsense]");
    }

    #[test]
    fn two_suffixes_are_a_forgery_and_left() {
        check_left("a @[_PID=1 _UID=0 _GID=0] @[_PID=9 _UID=9 _GID=9]");
        check_left("a @[_PID=9 _UID=9 _GID=9 _CMDLINE=x @[_PID=1 _UID=0 _GID=0]]");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,20}(@\\[_PID=[0-9]{0,3}( _UID=[0-9]{1,2})?( _GID=1)?( _[A-Z]{2,4}=.{0,5}){0,3}.{0,3}\\]?){0,2}") {
            let mut event = Event { message: text.as_str().into(), ..Event::default() };
            absorb(&mut event);
            prop_assert!(text.starts_with(event.message.as_ref()));
        }
    }
}
