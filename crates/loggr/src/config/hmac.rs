//! `[hmac]`: the keys with which events are sealed, and what a listener, a machine or a shipper does
//! with seals. Only what the file says; the keys are read in the room `seal`.

use std::path::{Path, PathBuf};

use super::choice::choice;
use super::keys::{Key, Section, Shape, Takes, key, one_of};
use super::reader::Reader;

/// Keys at most: a seal does not say whose it is, so that one that is broken is tried with all of them.
const MAX_SEAL_KEYS: usize = 8;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "hmac",
    shape: Shape::Once,
    about: "The keys of [seals](../guide/seals.md), by which a change of an event is noticed. What is sealed and \
            verified, and where, is said by `seal` of listeners, machines and shippers. The section may be written \
            as `keys = [{ id = \"2026a\", file = \"seal.key\" }]`.",
    keys: &[&[key(
        "keys",
        Takes::Section,
        "",
        "the keys, at most 8: [`[[hmac.keys]]`](#hmackeys). The first one seals, and a seal of any of them is good",
    )
    .without("must be given, if there is the section")]],
};

/// One key.
pub static KEYS: Section = Section {
    name: "hmac.keys",
    shape: Shape::List,
    about: "A key of `[hmac]`. Keys are read once, at the start and before the process becomes another user.",
    keys: &[&[
        key(
            "id",
            Takes::Name,
            "",
            "the name of the key, by which messages and `loggr verify` call it; no other key has it",
        )
        .without("must be given"),
        key(
            "file",
            Takes::Path,
            "",
            "the file with the key in hexadecimal digits, 32 to 64 bytes: `openssl rand -hex 32 > seal.key` makes \
             one. Relative to the configuration file",
        )
        .without("must be given"),
    ]],
};

/// The key `seal` of a section: what is done with seals there.
pub const fn seal(meaning: &'static str) -> Key {
    key("seal", one_of::<Seal>(), "", meaning).without("seals are passed on as they come")
}

choice!(Seal { Sign = "sign", Verify = "verify", Require = "require" });

/// What a listener, a machine or a shipper does with the seals of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// Seals what has no seal, and says which seals are broken.
    Sign,
    /// Says which seals are broken.
    Verify,
    /// What has no good seal goes to the rescue.
    Require,
}

/// A key of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealKeyFile {
    /// Its name, unique.
    pub id: String,
    /// Where it lies.
    pub file: PathBuf,
}

/// Reads the section.
pub fn read(r: &mut Reader<'_, '_>, beside: &Path) -> Vec<SealKeyFile> {
    const EXAMPLE: &str = "write `keys = [{ id = \"2026a\", file = \"seal.key\" }]`; `openssl rand -hex 32 > seal.key` \
                           makes the file";
    if !r.is_there() {
        return Vec::new();
    }
    if !r.has("keys") {
        r.needs("keys", "`[hmac]` needs `keys`".to_owned(), EXAMPLE.to_owned());
        return Vec::new();
    }
    let keys = r.each_within("keys", &KEYS, |r| one(r, beside));
    let keys: Vec<SealKeyFile> = keys.into_iter().flatten().collect();
    if keys.is_empty() && !r.failed("keys") {
        r.blame("keys", "the list of keys is empty".to_owned(), Some(EXAMPLE.to_owned()));
    }
    if keys.len() > MAX_SEAL_KEYS {
        let message = format!("`keys` has {} keys, more than {MAX_SEAL_KEYS}", keys.len());
        let help = "take out those whose events are no longer kept".to_owned();
        r.blame("keys", message, Some(help));
    }
    for (at, key) in keys.iter().enumerate() {
        let before = keys.get(..at).unwrap_or_default();
        if before.iter().any(|other| other.id == key.id) {
            let help = "give each key an `id` of its own".to_owned();
            r.blame("keys", format!("two keys are called `{}`", key.id), Some(help));
        } else if let Some(other) = before.iter().find(|other| other.file == key.file) {
            let message = format!("the keys `{}` and `{}` have the same file", other.id, key.id);
            r.blame("keys", message, Some("make a file for each key".to_owned()));
        }
    }
    keys
}

fn one(r: &mut Reader<'_, '_>, beside: &Path) -> Option<SealKeyFile> {
    let (id, file) = (r.name_if_any("id"), r.path_if_any("file", beside));
    for (name, is_there, example) in
        [("id", id.is_some(), "`id = \"2026a\"`"), ("file", file.is_some(), "`file = \"seal.key\"`")]
    {
        if !is_there {
            r.needs(name, format!("a key of `[hmac]` needs its `{name}`"), format!("write {example}"));
        }
    }
    Some(SealKeyFile { id: id?, file: file? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn a_list_or_sections() {
        for text in [
            "[hmac]\nkeys=[{id='2026a',file='a.key'},{id='2025',file='/k/b.key'}]",
            "[[hmac.keys]]\nid='2026a'\nfile='a.key'\n[[hmac.keys]]\nid='2025'\nfile='/k/b.key'",
        ] {
            let keys = read(text).seal_keys;
            let shown: Vec<(&str, &str)> =
                keys.iter().map(|key| (key.id.as_str(), key.file.to_str().unwrap())).collect();
            assert_eq!(shown, [("2026a", "/etc/loggr/a.key"), ("2025", "/k/b.key")]);
        }
        assert_eq!(read("").seal_keys, []);
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].starts_with(expect), "{text}: {found:?}");
    }

    #[test]
    fn mistakes_in_the_keys() {
        refused("[hmac]", "`[hmac]` needs `keys` | write `keys = [{ id = \"2026a\"");
        refused("[hmac]\nkeys=[]", "the list of keys is empty | write");
        refused(
            "[hmac]\nkeys='a.key'",
            "a string stands where a list of tables is expected | write `[[hmac.keys]]`",
        );
        refused(
            "[hmac]\nkeys=['a.key']",
            "a string stands where a table is expected | write `[[hmac.keys]]`",
        );
        refused("[hmac]\nkeys=[{file='a'}]", "a key of `[hmac]` needs its `id` | write `id = \"2026a\"`");
        refused(
            "[hmac]\nkeys=[{id='a'}]",
            "a key of `[hmac]` needs its `file` | write `file = \"seal.key\"`",
        );
        refused("[hmac]\nkeys=[{id='a',file='a'},{id='a',file='b'}]", "two keys are called `a` | give each");
        refused(
            "[hmac]\nkeys=[{id='a',file='k'},{id='b',file='k'}]",
            "the keys `a` and `b` have the same file | make a file for each key",
        );
        refused(
            "[hmac]\nkeys=[{id='a',path='k',file='f'}]",
            "unknown key `path` in `keys` of `[hmac]` | one of `id`, `file`",
        );
        let many: Vec<String> = (0..9).map(|n| format!("{{id='{n}',file='{n}'}}")).collect();
        refused(&format!("[hmac]\nkeys=[{}]", many.join(",")), "`keys` has 9 keys, more than 8 | take out");
    }

    const KEY: &str = "[hmac]\nkeys=[{id='a',file='a'}]\n";

    #[test]
    fn what_is_done_with_seals() {
        let config = read(&format!(
            "{KEY}[[listener]]\nprotocol='relp'\ntrust=true\nseal='require'\n[machine.m]\nseal='sign'\n\
             [ship.search]\nseal='verify'"
        ));
        assert_eq!(config.listeners[0].seal, Some(Seal::Require));
        assert_eq!((config.machines[0].seal, config.machines[0].is_hop()), (Some(Seal::Sign), true));
        assert_eq!(config.ships[0].seal, Some(Seal::Verify));
        assert_eq!(read("").listeners[0].seal, None);
    }

    #[test]
    fn seals_that_nobody_can_make_or_check() {
        for text in [
            "[[listener]]\nprotocol='tcp'\nseal='sign'",
            "[machine.m]\nseal='sign'",
            "[ship.search]\nseal='sign'",
        ] {
            refused(text, "`seal` needs a key | write `keys = [");
        }
        let untrusted = "nobody can send a seal to the listener `tcp`: it trusts no sender | ";
        refused(&format!("{KEY}[[listener]]\nprotocol='tcp'\nseal='require'"), untrusted);
        refused(&format!("{KEY}[[listener]]\nprotocol='tcp'\nseal='verify'\ntrust=false"), untrusted);
        let no_place = "the format of the shipper `a` has no place for a seal | ";
        refused(&format!("{KEY}[ship.a]\nkind='files'\nseal='sign'"), no_place);
        refused(&format!("{KEY}[ship.a]\nkind='files'\nseal='sign'\nformat='$MESSAGE'"), no_place);
        for format in ["RSYSLOG", "RFC3164", "RAW"] {
            let text = format!("{KEY}[ship.a]\nkind='syslog'\ntargets='h:1'\nseal='sign'\nformat='{format}'");
            refused(&text, no_place);
        }
        read(&format!("{KEY}[ship.a]\nkind='files'\nseal='require'"));
        read(&format!("{KEY}[ship.a]\nkind='syslog'\ntargets='h:1'\nseal='sign'"));
    }

    #[test]
    fn a_filter_that_may_take_seals_away_is_told() {
        let lost = |text: &str| {
            read(&format!("{KEY}{text}\n[packers.p]\nkind='preset'\npreset='java'\n")).lost_seals()
        };
        let told = "the machine `m` drops the seal of every event in which its filter changes what is sealed, or \
                    that its packers join with others: set `seal = \"sign\"` in `[machine.m]` to have it sealed anew";
        assert_eq!(lost("[machine.m]\nfilter='f'\npackers=['p']"), [told]);
        assert_eq!(lost("[machine.m]\npackers=['p']\nseal='verify'"), [told]);
        assert_eq!(lost("[machine.m]\npackers=['p']\nseal='sign'"), Vec::<String>::new());
        assert_eq!(read("[machine.m]\nfilter='f'").lost_seals(), Vec::<String>::new());
    }
}
