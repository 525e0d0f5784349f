//! A test: the names of the standard patterns' fields are compared with a table of those that users
//! of Logstash get.
//!
//! The table is not part of the repository; if it does not lie beside the repository, nothing is
//! compared. What a pattern finds in real lines is tested in `cases`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use super::expand::expand;
use super::syntax::parse;
use super::{Kind, Library};

/// Fields that our patterns have and the table does not, with the reason.
const BESIDE: &[(&str, &str, &[&str])] = &[
    // A line of Tomcat 8 and later has these parts; Logstash's classic patterns do not match it.
    ("legacy", "CATALINALOG", &["loglevel", "method", "thread"]),
    ("legacy", "TOMCATLOG", &["loglevel", "method", "thread"]),
    // A column that Bro 2.4 began to write.
    ("legacy", "BRO_CONN", &["local_resp"]),
    // Nagios writes the attempt, which would else become part of the handler's name.
    ("legacy", "NAGIOS_SERVICE_EVENT_HANDLER", &["nagios_attempt"]),
    ("legacy", "NAGIOS_HOST_EVENT_HANDLER", &["nagios_attempt"]),
    ("ecs-v1", "NAGIOS_SERVICE_EVENT_HANDLER", &["nagios.log.attempt:int"]),
    ("ecs-v1", "NAGIOS_HOST_EVENT_HANDLER", &["nagios.log.attempt:int"]),
    // A text in the place of an address that is not an address.
    ("ecs-v1", "CLOUDFRONT_ACCESS_LOG", &["source.address"]),
    // A size with commas is no number.
    ("ecs-v1", "BACULA_LOG_READYAPPEND", &["bacula.volume.size"]),
    // Packets without ports.
    ("ecs-v1", "IPTABLES", &["iptables.icmp.code:int", "iptables.icmp.type:int"]),
    // The number before the proxy's message.
    ("ecs-v1", "HTTPD24_ERRORLOG", &["apache.error.proxy.error.code"]),
];

fn library(mode: &str) -> std::sync::Arc<Library> {
    match mode {
        "legacy" => Library::legacy(),
        "ecs-v1" => Library::ecs(),
        _ => panic!("neither `legacy` nor `ecs-v1`: {mode}"),
    }
}

/// All fields that a pattern may fill, with their types as in the table.
fn fields(library: &Library, name: &str) -> BTreeSet<String> {
    let (text, semantics) = expand(library, &format!("%{{{name}}}")).expect("known names");
    let expression = parse(&text, &semantics).expect("an expression");
    let named = |group: &super::syntax::Group| {
        group.name.as_ref().map(|name| match name.field() {
            (field, Kind::Text) => field.to_owned(),
            (field, Kind::Int) => format!("{field}:int"),
            (field, Kind::Float) => format!("{field}:float"),
        })
    };
    expression.groups.iter().filter_map(named).collect()
}

/// The pattern's own name, and those of all patterns in it.
fn within(library: &Library, name: &str, found: &mut BTreeSet<String>) {
    if !found.insert(name.to_owned()) {
        return;
    }
    let text = library.get(name).unwrap_or_default();
    for reference in text.split("%{").skip(1) {
        let end = reference.find([':', '}']).unwrap_or(reference.len());
        within(library, &reference[..end], found);
    }
}

#[test]
fn fields_have_logstashs_names() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/grok-fields.tsv");
    let Ok(table) = std::fs::read_to_string(&path) else {
        writeln!(std::io::stderr(), "SKIPPED: no {}", path.display()).expect("stderr");
        return;
    };
    let rows: Vec<[&str; 4]> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect::<Vec<_>>().try_into().expect("four columns"))
        .collect();
    // A mistake of Logstash's: the mark is no part of the name.
    let names = |text: &str| text.split(' ').map(|n| n.trim_end_matches('?').to_owned()).collect::<Vec<_>>();
    let mut wrong = Vec::new();
    for [mode, _, name, wanted] in &rows {
        let library = library(mode);
        if library.get(name).is_none() {
            wrong.push(format!("{mode} has no {name}"));
            continue;
        }
        let found = fields(&library, name);
        let mut inner = BTreeSet::new();
        within(&library, name, &mut inner);
        let of_rows = rows.iter().filter(|[m, _, n, _]| m == mode && inner.contains(*n));
        let beside = BESIDE.iter().filter(|(m, n, _)| m == mode && inner.contains(*n));
        let mut known: BTreeSet<String> = of_rows.flat_map(|[_, _, _, columns]| names(columns)).collect();
        known.extend(beside.flat_map(|(_, _, beside)| beside.iter().map(|n| (*n).to_owned())));
        let lacking: Vec<String> =
            names(wanted).into_iter().filter(|n| !n.is_empty() && !found.contains(n)).collect();
        let extra: Vec<&String> = found.difference(&known).collect();
        if !lacking.is_empty() || !extra.is_empty() {
            wrong.push(format!("{mode} {name} lacks {lacking:?} and has beside {extra:?}"));
        }
    }
    assert!(rows.len() > 600, "only {} rows", rows.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}
