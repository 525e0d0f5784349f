//! The sections of the file, each with its table of keys. What a table says is in `keys.rs`.

use super::keys::Section;
use super::{
    agent, bus, data, harvest, hmac, listener, log, machine, oidc, packers, process, registry, ship, spool,
    tls, web,
};

/// Every section, in the order of the reference.
pub static SECTIONS: &[&Section] = &[
    &data::SECTION,
    &bus::SECTION,
    &listener::SECTION,
    &tls::SECTION,
    &harvest::SECTION,
    &packers::SECTION,
    &machine::SECTION,
    &ship::SECTION,
    &ship::TLS,
    &hmac::SECTION,
    &hmac::KEYS,
    &web::SECTION,
    &oidc::SECTION,
    &log::SECTION,
    &process::SECTION,
    &registry::SECTION,
    &spool::SECTION,
    &agent::SECTION,
];

/// The section of this name.
pub fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{Key, Takes};

    #[test]
    fn names_are_unique_and_every_key_says_what_happens_without_it() {
        for (at, section) in SECTIONS.iter().enumerate() {
            assert!(SECTIONS[..at].iter().all(|other| other.name != section.name), "{}", section.name);
            let keys: Vec<&Key> = section.keys().collect();
            for (at, key) in keys.iter().enumerate() {
                let place = format!("{}.{}", section.name, key.name);
                assert!(keys[..at].iter().all(|other| other.name != key.name), "{place} stands twice");
                let later = matches!(key.takes, Takes::Later | Takes::Elsewhere(_));
                assert!(later || !key.meaning.is_empty(), "{place} has no meaning");
                assert!(
                    later || key.default.is_empty() != key.without.is_empty(),
                    "{place}: default or without"
                );
            }
        }
    }
}
