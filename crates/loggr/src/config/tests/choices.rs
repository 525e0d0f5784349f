//! Every key and every word of every choice, from the table of keys to the value that the program
//! gets: nothing is known to the table alone.

use loggr_event::InputFormat;

use super::*;
use crate::config::choice::Choice;
use crate::config::keys::{Key, Section, Takes};
use crate::config::sections::SECTIONS;

/// The keys that say what a section is.
const KIND: [&str; 2] = ["kind", "protocol"];

/// A file with this value of the key, and with what its section needs beside it.
fn file(section: &Section, key: &Key, value: &str) -> String {
    let word = section.keys().find(|key| KIND.contains(&key.name)).map(|key| key.name);
    let kind = match (section.name, key.only) {
        _ if word == Some(key.name) => value.trim_matches('\''),
        (_, [kind, ..]) => kind,
        // Only files can have each format.
        ("listener", []) if key.name == "format" => "file",
        ("listener", []) => "tcp",
        ("packers", []) => "time",
        ("ship", []) => "files",
        (_, []) => "",
    };
    let needs = match (section.name, kind) {
        ("bus", "rabbitmq") => "urls='amqp://mq'",
        // Else it is called what it speaks.
        ("listener", _) if key.name == "seal" => "name='x'\ntrust=true",
        ("listener", "file") if key.name != "path" => "name='x'\npath='/x'",
        ("listener", _) => "name='x'",
        ("harvest", _) if key.name == "directory" => "",
        ("harvest", _) => "directory='/up'",
        ("packers", "format") => "start='$INT'",
        ("packers", "preset") => "preset='java'",
        ("registry", "redis") => "url='redis://cache'",
        ("ship", "files") if key.name == "seal" => "format='JSON'",
        ("ship", "postgres") => "url='postgres://db/logs'",
        ("ship", "elastic") => "urls='http://es:9200'",
        ("ship", "syslog") if key.name == "framing" => "protocol='tcp'\ntargets='siem:601'",
        ("ship", "syslog") => "targets='siem:601'",
        _ => "",
    };
    let kind = word.filter(|_| !kind.is_empty()).map(|word| format!("{word}='{kind}'")).unwrap_or_default();
    let beside =
        [kind.as_str(), needs].into_iter().filter(|line| !line.starts_with(&format!("{}=", key.name)));
    let elsewhere = match (section.name, key.name) {
        (_, "seal") => "[hmac]\nkeys=[{id='k',file='k'}]",
        (_, "encoding") => "[bus]\nkind='rabbitmq'\nurls='amqp://mq'",
        ("packers", _) => "[machine.m]\npackers=['x']",
        ("listener.tls", _) => "[[listener]]\nprotocol='tcp'",
        ("ship.NAME.tls", _) => "[ship.x]\nkind='syslog'\ntargets='siem:601'",
        _ => "",
    };
    let header = section.header().replace("NAME", "x");
    format!("{elsewhere}\n{header}\n{}={value}\n{}\n", key.name, beside.collect::<Vec<_>>().join("\n"))
}

#[test]
fn each_word_of_each_choice_is_a_value_of_its_own() {
    let mut found = 0;
    for section in SECTIONS {
        for key in section.keys() {
            let Takes::Choice(words, later) = key.takes else { continue };
            let configs: Vec<Config> =
                words.iter().map(|word| read(&file(section, key, &format!("'{word}'")))).collect();
            for (at, config) in configs.iter().enumerate() {
                let same = configs[..at].iter().position(|other| other == config);
                assert!(
                    same.is_none(),
                    "`{}` of `{}`: `{}` is the same as `{}`",
                    key.name,
                    section.name,
                    words[at],
                    words[same.unwrap_or_default()]
                );
            }
            for word in later {
                let problems = problems(&file(section, key, &format!("'{word}'")));
                assert!(problems.iter().any(|p| p.contains("is not supported")), "{word}: {problems:?}");
            }
            found += 1;
        }
    }
    assert!(found >= 14, "only {found} choices are tried");
}

#[test]
fn the_kinds_that_a_key_belongs_to_are_words_of_its_section() {
    for section in SECTIONS {
        let kinds = section.keys().find(|key| KIND.contains(&key.name));
        let kinds = kinds.map(|key| key.takes);
        for key in section.keys().filter(|key| !key.only.is_empty()) {
            let Some(Takes::Choice(words, _)) = kinds else { panic!("`{}` has no kinds", section.name) };
            for word in key.only {
                assert!(words.contains(word), "`{}` of `{}` is only for `{word}`", key.name, section.name);
            }
        }
    }
}

#[test]
fn each_key_of_each_section_is_read() {
    for section in SECTIONS {
        let values =
            |key: &&'static Key| !matches!(key.takes, Takes::Later | Takes::Elsewhere(_) | Takes::Section);
        for key in section.keys().filter(values) {
            // What no key takes, and so nobody reads without a word.
            let problems = problems(&file(section, key, "1979-05-27"));
            let told = problems.iter().any(|problem| problem.starts_with("a date stands where"));
            assert!(told, "`{}` of `{}` is not read: {problems:?}", key.name, section.name);
        }
    }
}

#[test]
fn the_words_are_those_that_events_carry() {
    for protocol in Protocol::VALUES {
        assert_eq!(protocol.word(), protocol.transport().keyword());
    }
    for format in InputFormat::VALUES {
        assert_eq!(format.word(), format.keyword());
    }
}
