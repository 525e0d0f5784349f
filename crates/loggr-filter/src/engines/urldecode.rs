//! `urldecode`: `%20` and the like become the characters that they stand for.
//!
//! What is no escape stays as it is; bytes that are not UTF-8 become U+FFFD.

use super::rewrite::{NO_ROOM, New, ON, Rewrite, TARGET};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "urldecode",
    summary: "decodes the escapes of URLs: `%C3%A4%20b` becomes `ä b`; what is no escape stays as it is",
    parameters: &[
        ON,
        optional("plus", Kind::Flag, "false", "with `true` a `+` becomes a blank, as in query strings"),
        TARGET,
    ],
    adds: &[
        ("(the same fields, or the target)", "the decoded text, with U+FFFD for bytes that are not UTF-8"),
        NO_ROOM,
    ],
    build,
};

struct UrlDecode {
    texts: Rewrite,
    plus: bool,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    Ok(Box::new(UrlDecode { texts: Rewrite::of(arguments)?, plus: arguments.flag("plus") }))
}

impl Engine for UrlDecode {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        self.texts.each(call.event, |text| decoded(text, self.plus))
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        self.texts.may_change(outcome)
    }
}

fn decoded(text: &str, plus: bool) -> New {
    let bytes = text.as_bytes();
    let found = if plus { memchr::memchr2(b'%', b'+', bytes) } else { memchr::memchr(b'%', bytes) };
    let Some(first) = found else { return New::Same };
    let (head, tail) = bytes.split_at(first);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(head);
    let mut rest = tail.iter().copied();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        match (byte, ahead.next().and_then(digit), ahead.next().and_then(digit)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                rest = ahead;
            }
            (b'+', ..) if plus => out.push(b' '),
            _ => out.push(byte),
        }
    }
    if out == bytes {
        return New::Same;
    }
    New::Text(match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::super::one_call::check;

    #[test]
    fn escapes() {
        check("urldecode(message, target=[t])", "/a%20b%2Fc?x=%C3%A4", "t=/a b/c?x=ä");
        check("urldecode(message, target=[t])", "100%, %zz %4 %", "t=100%, %zz %4 %");
        check("urldecode(message, target=[t])", "%2541", "t=%41");
        check("urldecode(message, target=[t])", "a+b", "t=a+b");
        check("urldecode(message, plus=true, target=[t])", "a+b%2Bc", "t=a b+c");
        check("urldecode(message, target=[t])", "x%ff%E4y", "t=x\u{fffd}\u{fffd}y");
        check("urldecode()", "nothing to do", "nothing");
        check("urldecode()", "50%", "nothing");
    }
}
