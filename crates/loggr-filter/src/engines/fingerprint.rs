//! `fingerprint`: a short text that is the same whenever chosen fields are the same.
//!
//! To find duplicates, or to give an event a key of its own. Not to hide what is in a field: that is
//! `anonymize`. Every value goes in with its length, so that `ab`, `c` and `a`, `bc` differ.

use std::borrow::Cow;
use std::path::PathBuf;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::place::Place;
use super::rewrite::{NO_ROOM, and, choice, writable, write};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, key, optional, required};

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "fingerprint",
    summary: "writes a hash of one or several fields: `fingerprint(source, message, target=[id])`",
    parameters: &[
        required("on", Kind::AnyFields, "the fields, one or several; their order counts"),
        optional("target", Kind::AnyField, "fingerprint", "the field that gets the hash"),
        optional(
            "method",
            Kind::Text,
            "sha256",
            "`sha256` (64 hexadecimal digits) or `xxh3` (32 of them), which takes far less time and which somebody \
             could deceive on purpose",
        ),
        optional("key", Kind::Text, "", "a secret key for `sha256` (HMAC), at least 16 bytes"),
        optional(
            "key_file",
            Kind::Text,
            "",
            "a file that holds the secret key, relative to the directory of the configuration file; it is read when \
             the filter is read",
        ),
    ],
    adds: &[
        (
            "(the target)",
            "the hash of: for each field the number of its values, and of each value its length in bytes and its \
             bytes; numbers have eight bytes, the highest first. A core field that is empty has no value. If the event \
             has no value at all, nothing changes",
        ),
        NO_ROOM,
    ],
    build,
};

#[derive(Clone, Copy)]
enum Method {
    Sha256,
    Xxh3,
}

enum Hash {
    Sha256(Sha256),
    Keyed(Box<Hmac<Sha256>>),
    Xxh3(Box<Xxh3>),
}

struct Fingerprint {
    on: Vec<Place>,
    target: Place,
    empty: Hash,
    files: Vec<PathBuf>,
}

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let missing = || BuildError::argument("target", "`target` must be a field");
    let target = arguments.fields("target").first().cloned().ok_or_else(missing)?;
    writable(&target, "target")?;
    let key = key::of(arguments, &environment.directory)?;
    let empty =
        match (choice(arguments, "method", &[(Method::Sha256, "sha256"), (Method::Xxh3, "xxh3")])?, key) {
            (Method::Sha256, None) => Hash::Sha256(Sha256::new()),
            (Method::Sha256, Some(key)) => Hash::Keyed(Box::new(key)),
            (Method::Xxh3, None) => Hash::Xxh3(Box::new(Xxh3::new())),
            (Method::Xxh3, Some(_)) => {
                let error = BuildError::argument("method", "`xxh3` takes no key");
                return Err(error.hint("with a key the method is `sha256`"));
            }
        };
    let files = key::files(arguments, &environment.directory);
    Ok(Box::new(Fingerprint { on: arguments.fields("on").to_vec(), target, empty, files }))
}

impl Hash {
    fn fresh(&self) -> Hash {
        match self {
            Hash::Sha256(hash) => Hash::Sha256(hash.clone()),
            Hash::Keyed(hash) => Hash::Keyed(hash.clone()),
            Hash::Xxh3(hash) => Hash::Xxh3(hash.clone()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Sha256(hash) => Digest::update(hash, bytes),
            Hash::Keyed(hash) => hash.update(bytes),
            Hash::Xxh3(hash) => hash.update(bytes),
        }
    }

    fn number(&mut self, n: usize) {
        self.update(&(n as u64).to_be_bytes());
    }

    fn text(self) -> String {
        match self {
            Hash::Sha256(hash) => hex(&hash.finalize()),
            Hash::Keyed(hash) => hex(&hash.finalize().into_bytes()),
            Hash::Xxh3(hash) => format!("{:032x}", hash.digest128()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

impl Engine for Fingerprint {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let mut hash = self.empty.fresh();
        let mut is_empty = true;
        for place in &self.on {
            let is_absent =
                matches!(place, Place::Core(_)) && place.look(call.event, 0, str::is_empty).unwrap_or(true);
            let count = if is_absent { 0 } else { place.count(call.event) };
            is_empty &= count == 0;
            hash.number(count);
            for at in 0..count {
                place.look(call.event, at, |text| {
                    hash.number(text.len());
                    hash.update(text.as_bytes());
                });
            }
        }
        if is_empty {
            return Outcome::Nothing;
        }
        and(Outcome::Nothing, self::write(call.event, &self.target, vec![Cow::Owned(hash.text())]))
    }

    fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        outcome != Outcome::Nothing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::one_call::{check, run, run_in};
    use super::super::testing::{nothing, wrong};
    use super::Environment;

    /// Computed by Python: `hashlib.sha256(struct.pack(">QQ", 1, 3) + b"abc")`, and so on.
    #[test]
    fn hashes() {
        let sha = "14e756fc6698a9725a288b34168626915e9bbd4800531d2f91d492d44220151b";
        check("fingerprint(message)", "abc", &format!("fingerprint={sha}"));
        check("fingerprint(message, target=[id])", "abc", &format!("id={sha}"));
        let keyed = "fingerprint(message, key=\"0123456789abcdef\")";
        check(keyed, "abc", "fingerprint=d52149633989c9ca75c133161d0d75e2e9775e08bfbf20860b5d0f6260a656c5");
        let xxh3 = "fingerprint(message, [many], method=\"xxh3\")";
        check(xxh3, "abc", "fingerprint=d4e120f45b6f76e710ceb0b892d09530");
        check("fingerprint([missing], message)", "", "nothing");
        check("fingerprint(message, target=severity)", "abc", "#_assignfailure");
    }

    #[test]
    fn a_key_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("key"), "0123456789abcdef\n").unwrap();
        let environment = Environment::new(directory.path());
        let call = "fingerprint(message, key_file=\"key\")";
        let (_, filed) = run_in(call, "abc", &environment);
        let (_, given) = run("fingerprint(message, key=\"0123456789abcdef\")", "abc");
        assert_eq!(filed.field("fingerprint"), given.field("fingerprint"));
    }

    #[test]
    fn wrong_calls() {
        let calls = [
            "fingerprint()",
            "fingerprint(message, method=\"md5\")",
            "fingerprint(message, method=\"xxh3\", key=\"0123456789abcdef\")",
            "fingerprint(message, key=\"short\")",
            "fingerprint(message, key_file=\"key\")",
            "fingerprint(message, target=uid)",
            "sha256(message)",
        ];
        wrong("fingerprint", &nothing(), &calls);
    }

    proptest! {
        #[test]
        fn where_one_value_ends_counts(a in "[ab]{0,4}", b in "[ab]{0,4}", c in "[ab]{0,4}", d in "[ab]{0,4}") {
            let of = |one: &str, two: &str| {
                let call = "fingerprint([a], [b], method=\"xxh3\")";
                let set = format!("x {one}|{two}");
                let (_, event) = run(&format!("dissect(\"x %{{a}}|%{{b}}\") and {call}"), &set);
                event.field("fingerprint")[0].to_string()
            };
            prop_assert_eq!((&a, &b) == (&c, &d), of(&a, &b) == of(&c, &d));
        }
    }
}
