//! Finds custom fields in the templates of shippers that no filter sets: typing mistakes, or names of
//! other programs.
//!
//! They give warnings and not errors, because an event that comes as JSON may have a field of any
//! name.

use loggr_event::{DumpFormat, Template};

use super::Config;

/// Engines that set fields whose names are not in the text of the filter.
const SETS_ANY: [&str; 8] = ["grok", "json", "kv", "csv", "geoip", "useragent", "xml", "dissect"];

impl Config {
    /// A sentence for each custom field of a path or a line that no filter sets.
    pub fn unset_fields(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        let filters: Vec<&str> = self.machines.iter().filter_map(|m| m.filter.as_deref()).collect();
        let texts: Vec<String> =
            filters.iter().filter_map(|name| crate::filters::text(&self.directory, name)).collect();
        for ship in &self.ships {
            let line = match ship.kind.line_format() {
                Some(DumpFormat::Template(line)) => Some(line),
                Some(
                    DumpFormat::Json
                    | DumpFormat::Msgpack
                    | DumpFormat::Rfc5424
                    | DumpFormat::Rfc3164
                    | DumpFormat::Rsyslog
                    | DumpFormat::Es
                    | DumpFormat::Message
                    | DumpFormat::Raw,
                )
                | None => None,
            };
            for (key, template) in [("path", ship.kind.path()), ("format", line)] {
                for name in template.into_iter().flat_map(Template::custom_fields) {
                    sentences.extend(unset(&ship.name, key, name, &texts));
                }
            }
        }
        sentences.dedup();
        sentences
    }
}

fn unset(ship: &str, key: &str, name: &str, filters: &[String]) -> Option<String> {
    if filters.iter().any(|text| text.contains(name)) {
        return None;
    }
    let help = match Template::translate_name(name) {
        Some(meant) => format!(", did you mean `{meant}`?"),
        // A pattern or an object may set it.
        None if filters.iter().any(|text| SETS_ANY.iter().any(|word| text.contains(word))) => return None,
        None => ".".to_owned(),
    };
    let instead = if key == "path" {
        "the path has `unknown` in its place"
    } else {
        "the line has nothing in its place"
    };
    let what = format!("`{key}` of `[ship.{ship}]`: no filter sets `{name}`{help}");
    Some(format!("{what} If an event does not have it, {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, filters: &[&str], expect: Option<&str>) {
        let filters: Vec<String> = filters.iter().map(|f| (*f).to_owned()).collect();
        let template = Template::parse_path(path).unwrap();
        let found: Vec<String> =
            template.custom_fields().filter_map(|name| unset("a", "path", name, &filters)).collect();
        match expect {
            None => assert!(found.is_empty(), "{path}: {found:?}"),
            Some(part) => assert!(found.iter().any(|s| s.contains(part)), "{path}: {found:?}"),
        }
    }

    #[test]
    fn names_that_nothing_sets_are_told() {
        check("${hots}/x.log", &[], Some("no filter sets `hots`, did you mean `${source}`?"));
        check("${sorce}/x.log", &[], Some("no filter sets `sorce`, did you mean `${source}`?"));
        check("${host}.log", &[], Some("no filter sets `host`, did you mean `${source}`?"));
        check("${program}.log", &[], Some("did you mean `${app_name}`?"));
        check("${appname}.log", &["if grok(\"X\") { }"], Some("did you mean `${app_name}`?"));
        check("${dat}.log", &[], Some("did you mean `${date}`?"));
        check("${team}.log", &[], Some("no filter sets `team`. If"));
        check("${team}.log", &["[team] := \"a\""], None);
        check("${clientip}.log", &["if grok(\"COMBINEDAPACHELOG\") { }"], None);
        check("${host}.log", &["[host] := source"], None);
        check("${source}/${app_name}/${date}.log", &[], None);
    }
}
