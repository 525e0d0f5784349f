//! Heads that are nearly RFC 5424: several blanks, a stamp of another shape, a version that no RFC
//! defines, or the head of RFC 3164 or CEF behind a stamp.
//!
//! Only the lenient reader comes here, and only if the reader of `rfc5424` found something odd.
//! Fields that can be recognised are taken; a word that could be a field or the first word of the
//! text belongs to the text. Each such line gets [`Defect::BadHeader`], and the raw line is kept.

use std::borrow::Cow;

use super::message;
use crate::door::{Door, Reading};
use crate::moment::Clock;
use crate::{Defect, Event, own, rfc3164, sd, stamp, tag};

/// HOSTNAME, APP-NAME, PROCID, MSGID.
const FIELDS: usize = 4;

/// Digits of a version (RFC 5424, 6).
const MAX_VERSION_DIGITS: usize = 3;

/// Longest word that is taken for a MSGID where structured data is missing (RFC 5424, 6).
const MAX_MSGID_BYTES: usize = 32;

/// Reads a head that begins with its version: the PRI is missing or wrong, or the version does not
/// follow it at once.
pub(crate) fn read_from_version<'a>(head: &'a str, event: &mut Event<'a>, door: Door<'_>) -> Option<Reading> {
    let bytes = head.as_bytes();
    let digits = bytes.iter().take(MAX_VERSION_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
    if !(1..=MAX_VERSION_DIGITS).contains(&digits)
        || bytes.first() == Some(&b'0')
        || bytes.get(digits) != Some(&b' ')
    {
        return None;
    }
    let version_one = head.get(..digits) == Some("1");
    // A number in front of a text is no version.
    if !version_one && !has_certain_head(head, digits + 1, door.clock) {
        return None;
    }
    let mut reading = read(head, digits + 1, event, door)?;
    if !version_one {
        event.defects.insert(Defect::UnknownVersion);
        reading.lossy = true;
    }
    Some(reading)
}

/// A stamp or `-`, four fields and structured data.
pub(crate) fn has_certain_head(text: &str, at: usize, clock: Clock<'_>) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let end = match rest.starts_with("- ") {
        true => Some(1),
        false => stamp::scan(rest.as_bytes(), clock).map(|s| s.end),
    };
    end.is_some_and(|end| {
        let (tokens, sd_at) = tokens(text, at + end, true);
        tokens.len() == FIELDS && structured_data(text, sd_at).is_some()
    })
}

/// Reads what stands behind the version, at `at`. `None`, and nothing is changed, where there is
/// neither a stamp nor structured data.
pub(crate) fn read<'a>(text: &'a str, at: usize, event: &mut Event<'a>, door: Door<'_>) -> Option<Reading> {
    let rest = text.get(at..)?;
    let trimmed = rest.trim_start_matches([' ', '\t']);
    let at = at + rest.len() - trimmed.len();
    let mut odd = trimmed.len() < rest.len();
    let mut lossy = false;
    let end = if trimmed.starts_with("- ") {
        event.defects.insert(Defect::NoTimestamp);
        1
    } else if let Some(stamp) = stamp::scan(trimmed.as_bytes(), door.clock) {
        event.timereported = stamp.time;
        for (found, defect) in [(stamp.cut, Defect::TimestampCut), (stamp.unknown_zone, Defect::UnknownZone)]
        {
            if found {
                event.defects.insert(defect);
                lossy = true;
            }
        }
        let shape = trimmed.get(..stamp.end)?;
        let epoch = shape.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        // Meraki writes an epoch stamp and a head like RFC 3164's, which is not a defect.
        if epoch && !odd {
            let (tokens, sd_at) = tokens(text, at + stamp.end, false);
            if tokens.len() < FIELDS || structured_data(text, sd_at).is_none() {
                let rest = text.get(at + stamp.end..).unwrap_or_default();
                lossy |= rfc3164::receive_behind_stamp(rest, event, door.clock, door.unix);
                return Some(Reading { message_at: text.len(), lossy, exact: !event.app_name.is_empty() });
            }
        }
        odd |= !epoch && (shape.contains(' ') || !shape.contains(['T', 't']));
        stamp.end
    } else {
        // Something else stands where the stamp should. It is RFC 5424 all the same if four
        // more fields and structured data follow.
        let end = trimmed.find(' ')?;
        let (tokens, sd_at) = tokens(text, at + end, false);
        if tokens.len() < FIELDS || !matches!(text.as_bytes().get(sd_at), Some(b'-' | b'[')) {
            return None;
        }
        event.defects.insert(Defect::NoTimestamp);
        lossy = true;
        end
    };
    let mut reading = fields(text, at + end, odd, event, door);
    reading.lossy |= lossy;
    Some(reading)
}

/// Reads the fields behind the blank at `at`. `odd`: something was wrong already.
pub(crate) fn fields<'a>(
    text: &'a str,
    at: usize,
    odd: bool,
    event: &mut Event<'a>,
    door: Door<'_>,
) -> Reading {
    // Several blanks may be one, or an empty field between two.
    for joined in [true, false] {
        let (tokens, sd_at) = tokens(text, at, joined);
        if let [source, app_name, procid, msgid] = *tokens.as_slice()
            && let Some((elements, end)) = structured_data(text, sd_at)
            && !is_rfc3164(app_name, procid, &elements)
        {
            let single = !odd && tokens_are_single(text, at, sd_at);
            set(event, [source, app_name, procid, msgid]);
            event.structured_data = elements;
            let message_at = (end + 1).min(text.len());
            event.message = message(text, message_at);
            let mut reading = Reading { message_at, lossy: !single, exact: false };
            if !single {
                event.defects.insert(Defect::BadHeader);
            }
            if door.trusted && !event.structured_data.is_empty() {
                reading.exact = own::absorb(event);
            }
            return reading;
        }
    }
    without_structured_data(text, at, odd, event, door)
}

/// A head that ends too soon.
fn without_structured_data<'a>(
    text: &'a str,
    at: usize,
    odd: bool,
    event: &mut Event<'a>,
    door: Door<'_>,
) -> Reading {
    let (tokens, sd_at) = tokens(text, at, true);
    let nil_or_number = |t: &str| t == "-" || t.bytes().all(|b| b.is_ascii_digit());
    let single = !odd && tokens_are_single(text, at, sd_at);
    let taken = match tokens.as_slice() {
        [] => Some((["", "", "", ""], text.len())),
        [source] => Some(([*source, "", "", ""], text.len())),
        [source, app_name] if !is_rfc3164(app_name, "-", &[]) => {
            Some(([*source, *app_name, "", ""], text.len()))
        }
        [source, app_name, procid, more @ ..]
            if (nil_or_number(procid) || is_process(app_name, more))
                && !is_rfc3164(app_name, procid, &[]) =>
        {
            let behind = |token: &str| offset_in(text, token) + token.len() + 1;
            Some(match more {
                [msgid] if *msgid == "-" || is_msgid(msgid) => {
                    ([*source, *app_name, *procid, *msgid], behind(msgid).min(text.len()))
                }
                _ => ([*source, *app_name, *procid, ""], behind(procid).min(text.len())),
            })
        }
        _ => None,
    };
    if let Some((words, message_at)) = taken {
        set(event, words);
        event.defects.insert(Defect::BadStructuredData);
        if !single {
            event.defects.insert(Defect::BadHeader);
        }
        event.message = message(text, message_at);
        return Reading { message_at, lossy: !single, exact: false };
    }
    event.defects.insert(Defect::BadHeader);
    let rest = text.get(at..).unwrap_or_default();
    rfc3164::receive_behind_stamp(rest, event, door.clock, door.unix);
    Reading { message_at: text.len(), lossy: true, exact: !event.app_name.is_empty() }
}

/// Is it the head of RFC 3164 or of CEF, and structured data only by chance? What loggr
/// wrote is exact.
fn is_rfc3164(app_name: &str, procid: &str, elements: &[crate::SdElement<'_>]) -> bool {
    if elements.iter().any(|e| e.id == own::OWN_SD_ID) {
        return false;
    }
    let number = procid == "-" || procid.bytes().all(|b| b.is_ascii_digit());
    app_name.ends_with(':') && !number
        || tag::is_event_format(app_name.as_bytes())
        || app_name.starts_with('{')
}

/// `app web.3 - State changed`: the empty MSGID says that the word before it is a PROCID. Heroku
/// writes no structured data. `app[12] started - text` is a tag and a text.
fn is_process(app_name: &str, behind_procid: &[&str]) -> bool {
    behind_procid == ["-"] && !app_name.ends_with(']')
}

/// Something that is a MSGID and not the first word of a text: `ID47`, `TCP_OUT`.
fn is_msgid(word: &str) -> bool {
    let idlike = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    word.len() <= MAX_MSGID_BYTES
        && word.bytes().all(idlike)
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().any(|b| b.is_ascii_digit() || b == b'_')
}

fn set<'a>(event: &mut Event<'a>, words: [&'a str; FIELDS]) {
    let [source, app_name, procid, msgid] =
        words.map(|word| if word == "-" { Cow::Borrowed("") } else { Cow::Borrowed(word) });
    event.source = source;
    event.app_name = app_name;
    event.procid = procid;
    event.msgid = msgid;
}

/// The words behind the blank at `at`, at most four, and where the next one begins. `joined`:
/// several blanks are one.
fn tokens(text: &str, at: usize, joined: bool) -> (Vec<&str>, usize) {
    let mut found = Vec::with_capacity(FIELDS);
    let mut at = (at + 1).min(text.len());
    let blanks = |at: usize| {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        if joined { rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count() } else { 0 }
    };
    at += blanks(at);
    while found.len() < FIELDS && at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let len = if joined { rest.find([' ', '\t']) } else { rest.find(' ') }.unwrap_or(rest.len());
        found.push(rest.get(..len).unwrap_or_default());
        at = (at + len + 1).min(text.len());
        at += blanks(at);
    }
    (found, at)
}

/// Is there one blank, and no more, between all words up to `end`?
fn tokens_are_single(text: &str, at: usize, end: usize) -> bool {
    let head = text.as_bytes().get(at..end).unwrap_or_default();
    head.first().is_none_or(|b| *b == b' ') && !head.windows(2).any(|w| w == b"  ") && !head.contains(&b'\t')
}

/// The elements at `at`, and where they end: at a blank or at the end of the line.
fn structured_data(text: &str, at: usize) -> Option<(Vec<crate::SdElement<'_>>, usize)> {
    let (elements, end) = match text.as_bytes().get(at)? {
        b'-' => (Vec::new(), at + 1),
        b'[' => sd::elements::<false>(text, at).ok().filter(|(elements, _)| !sd::are_text(elements))?,
        _ => return None,
    };
    matches!(text.as_bytes().get(end), None | Some(b' ')).then_some((elements, end))
}

/// Where a word that was taken from `text` begins.
fn offset_in(text: &str, word: &str) -> usize {
    word.as_ptr() as usize - text.as_ptr() as usize
}
