//! Conditions of a query as SQL.
//!
//! Values travel as parameters, never in the text. The text is made of fixed pieces and quoted
//! names of promoted columns alone.
//!
//! Invariant: a condition marked as exact is true for the rows whose events the query matches and
//! for no others; one that is not exact is true for those and perhaps for more, and the caller must
//! check each event ([`crate::query::Matcher`]).

use loggr_event::{Defect, Defects, Origin};

use super::param::Param;
use super::regex;
use super::schema::{INDEXED_CHARS, Indexes, indexed};
use super::sql::Sql;
use super::terms;
use super::text;
use super::value::{self, Slot};
use crate::query::{
    Clock, FacilitySet, Field, Glob, Hidden, Node, Pattern, Scope, SeveritySet, Shape, Test, TimeRange,
};
use crate::shape::ShapeId;
use crate::tokens;

/// Points at which the name of a custom field is cut to look for structured data; names with more
/// are looked at event by event.
const MAX_CUTS: usize = 16;

impl Sql<'_> {
    /// The condition of a node. Its times must be absolute.
    pub(super) fn node(&mut self, node: &Node) -> String {
        self.below(node, false)
    }

    /// `negated`: it stands below an odd number of NOTs.
    fn below(&mut self, node: &Node, negated: bool) -> String {
        match node {
            Node::All => "true".to_owned(),
            Node::And(parts) => self.join(parts, " AND ", negated),
            Node::Or(parts) => self.join(parts, " OR ", negated),
            // A test that is NULL (the field is not there) does not match, and its opposite does.
            Node::Not(inner) => format!("({}) IS NOT TRUE", self.below(inner, !negated)),
            Node::Text(scope, glob) => self.running_text(scope, glob, negated),
            Node::Severity(set) => self.severity(*set),
            Node::Facility(set) => self.facility(*set),
            Node::Time(clock, range) => self.time(*clock, *range),
            Node::Field(field, test) => self.field(field, test, negated),
        }
    }

    fn join(&mut self, parts: &[Node], by: &str, negated: bool) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.below(part, negated)).collect();
        format!("({})", parts.join(by))
    }

    /// The condition for a test that cannot be written in SQL: it lets every row through.
    fn unsaid(&mut self, negated: bool) -> String {
        self.exact = false;
        if negated { "false" } else { "true" }.to_owned()
    }

    fn severity(&mut self, set: SeveritySet) -> String {
        let codes = (0..8i16).filter(|code| set.bits() >> code & 1 == 1).collect();
        format!("severity = ANY ({})", self.param(Param::Int2s(codes)))
    }

    fn facility(&mut self, set: FacilitySet) -> String {
        let codes = (0..32i16).filter(|code| set.bits() >> code & 1 == 1).collect();
        format!("facility = ANY ({})", self.param(Param::Int2s(codes)))
    }

    fn time(&mut self, clock: Clock, range: TimeRange) -> String {
        let column = match clock {
            Clock::Generated => "timegenerated",
            Clock::Reported => "timereported",
        };
        // Relative times were resolved: `now` does not count.
        let span = range.span(0);
        if span.is_empty() {
            return "false".to_owned();
        }
        format!("({})", self.span(column, span))
    }

    /// Words, phrases and their like, on the message and, anywhere, on each value that is not hidden.
    fn running_text(&mut self, scope: &Scope, glob: &Glob, negated: bool) -> String {
        let needle = self.needle(glob);
        let mut places = vec!["false".to_owned()];
        if scope.has_message() {
            places = vec![needle.found_in("message")];
        }
        if scope.has_fields() {
            // A quick look at the whole document before each value is looked at.
            let document = self.param(Param::Text(in_json(longest(glob.pieces()))));
            for (column, path) in [("fields", "$.*[*]"), ("structured_data", "$.*.*[*]")] {
                let value = "(v #>> '{}') COLLATE \"C\"";
                let Some(shown) = self.shown(column, scope.hidden()) else {
                    let all = self.unsaid(negated);
                    places.push(format!("({column} IS NOT NULL AND {all})"));
                    continue;
                };
                places.push(format!(
                    "(strpos(lower({column}::text COLLATE \"C\"), {document}) > 0 AND EXISTS (SELECT FROM \
                     jsonb_path_query({shown}, '{path}') AS e(v) WHERE {}))",
                    needle.found_in(value)
                ));
            }
            for column in self.context.promoted {
                if !scope.hidden().is_some_and(|hidden| hidden.hides_name(&column.name)) {
                    places.push(needle.found_in(&column.shown()));
                }
            }
        }
        let found = format!("({})", places.join(" OR "));
        let whole: Vec<i32> = glob
            .text_needs()
            .iter()
            .filter(|need| need.at_start && need.at_end)
            .map(|need| terms::word(need.text))
            .collect();
        if self.context.indexes < Indexes::Text || whole.is_empty() {
            return found;
        }
        format!("(terms @> {} AND {found})", self.param(Param::Int4s(whole)))
    }

    /// A document without what is hidden. `None`: it cannot be said.
    fn shown(&mut self, column: &str, hidden: Option<&Hidden>) -> Option<String> {
        let names: Vec<&str> = hidden.into_iter().flat_map(Hidden::names).collect();
        let mut shown = column.to_owned();
        if column == "fields" && !names.is_empty() {
            let names = names.iter().map(|name| text::encode(name).into_owned()).collect();
            shown = format!("({column} - {}::text[])", self.param(Param::Texts(names)));
        } else if column == "structured_data" {
            for name in names {
                for (id, param) in cuts(name)? {
                    let path = [id, param].map(|part| text::encode(part).into_owned()).to_vec();
                    shown = format!("({shown} #- {}::text[])", self.param(Param::Texts(path)));
                }
            }
        }
        Some(shown)
    }

    fn needle(&mut self, glob: &Glob) -> Needle {
        let pieces = glob.pieces();
        let is_token = |byte: Option<&u8>| byte.is_some_and(|b| tokens::is_token_byte(*b));
        let first = pieces.first().and_then(|p| p.as_bytes().first());
        let last = pieces.last().and_then(|p| p.as_bytes().last());
        let bounded_start = !glob.open_start() && is_token(first);
        let bounded_end = !glob.open_end() && is_token(last);
        let contains = self.text(longest(pieces));
        let fits = if bounded_start || bounded_end {
            let written = regex::pieces(pieces, bounded_start, bounded_end);
            Some(("~", self.param(Param::Text(written))))
        } else if pieces.len() > 1 {
            Some(("LIKE", self.param(Param::Text(like(pieces, true, true)))))
        } else {
            None
        };
        Needle { contains, fits }
    }

    fn field(&mut self, field: &Field, test: &Test, negated: bool) -> String {
        let column = match field {
            Field::Source => return self.name("source", test, terms::source_alias, negated),
            Field::AppName => return self.name("app_name", test, terms::app_alias, negated),
            Field::Procid => "procid",
            Field::Msgid => "msgid",
            Field::Message => "NULLIF(message, '')",
            Field::Peer => "peer",
            Field::Tag => return self.tag(test, negated),
            Field::Uid => return self.uid(test, negated),
            Field::Listener | Field::Transport | Field::TlsName => return self.origin(field, test),
            Field::Defect => return self.defect(test),
            Field::Shape => return self.shape(test, negated),
            Field::Custom(name) => return self.custom(name, test, negated),
            // Never in a field node.
            Field::Time | Field::Timereported | Field::Severity | Field::Facility => {
                return self.unsaid(negated);
            }
        };
        self.test(test, &Slot::text(column), negated)
    }

    /// One value in `slot` passes a test. Unknown where there is no value.
    pub(super) fn test(&mut self, test: &Test, slot: &Slot, negated: bool) -> String {
        match test {
            Test::Exists => format!("{} IS NOT NULL", slot.text),
            Test::Equals(wanted) => value::equals(self, wanted, slot),
            Test::Range(range) => value::range(self, range, slot),
            Test::Network(network) => value::inside(self, network, slot),
            Test::Glob(glob) => {
                let pattern = like(glob.pieces(), glob.open_start(), glob.open_end());
                format!("lower({}) LIKE {}", slot.text, self.param(Param::Text(pattern)))
            }
            Test::Regex(pattern) => self.regex(pattern, &slot.text, negated),
        }
    }

    fn regex(&mut self, pattern: &Pattern, text: &str, negated: bool) -> String {
        let mut parts = Vec::new();
        for required in pattern.required() {
            let needle = self.text(required);
            parts.push(format!("strpos(lower({text}), {needle}) > 0"));
        }
        let written = if self.context.without_regex { None } else { regex::write(pattern.hir()) };
        match written {
            Some(written) => parts.push(format!("{text} ~ {}", self.param(Param::Text(written)))),
            None if negated => return self.unsaid(true),
            None => {
                self.exact = false;
                parts.push(format!("{text} IS NOT NULL"));
            }
        }
        format!("({})", parts.join(" AND "))
    }

    /// A host or a program: its column is indexed by the folded text.
    fn name(
        &mut self,
        column: &str,
        test: &Test,
        alias: fn(&crate::query::Value) -> i32,
        negated: bool,
    ) -> String {
        let slot = Slot::text(column);
        if self.context.indexes == Indexes::None {
            return self.test(test, &slot, negated);
        }
        match test {
            Test::Equals(wanted) => {
                let meant = match (wanted.number(), wanted.ip()) {
                    (Some(number), _) => number.to_decimal(),
                    (None, Some(ip)) => ip.to_string(),
                    (None, None) => wanted.text().to_owned(),
                };
                let usual = self.indexed_equals(column, &meant);
                if wanted.number().is_none() && wanted.ip().is_none() {
                    return usual;
                }
                let term = self.param(Param::Int4s(vec![alias(wanted)]));
                let odd = self.test(test, &slot, negated);
                format!("({usual} OR (terms @> {term} AND {odd}))")
            }
            Test::Glob(glob) => {
                let whole = self.test(test, &slot, negated);
                let prefix = match (glob.shape(), glob.pieces(), glob.open_start()) {
                    (Shape::Prefix(prefix), _, _) => prefix,
                    (Shape::General(_), [first, ..], false) => first,
                    _ => return whole,
                };
                if prefix.chars().count() > INDEXED_CHARS {
                    return whole;
                }
                let pattern = self.param(Param::Text(like(&[prefix], false, true)));
                format!("({} LIKE {pattern} AND {whole})", indexed(column))
            }
            _ => self.test(test, &slot, negated),
        }
    }

    fn indexed_equals(&mut self, column: &str, folded: &str) -> String {
        let wanted = self.text(folded);
        let start: String = text::encode(folded).chars().take(INDEXED_CHARS).collect();
        let start = self.param(Param::Text(start));
        format!("({} = {start} AND lower({column}) = {wanted})", indexed(column))
    }

    fn tag(&mut self, test: &Test, negated: bool) -> String {
        if *test == Test::Exists {
            // An empty tag is none.
            return "(cardinality(array_remove(tags, '')) > 0)".to_owned();
        }
        let each = self.test(test, &Slot::text("v"), negated);
        let found = format!("EXISTS (SELECT FROM unnest(tags) AS e(v) WHERE v <> '' AND {each})");
        match test {
            Test::Equals(wanted) if self.context.indexes >= Indexes::Fields => match terms::tag(wanted) {
                Some(term) => format!("(terms @> {} AND {found})", self.param(Param::Int4s(vec![term]))),
                None => found,
            },
            _ => found,
        }
    }

    fn uid(&mut self, test: &Test, negated: bool) -> String {
        if let Test::Equals(wanted) = test
            && let Some(uid) = loggr_event::Uid::parse(wanted.text())
        {
            return format!("uid = {}", self.param(Param::Uid(*uid.as_bytes())));
        }
        self.test(test, &Slot::text("(uid::text COLLATE \"C\")"), negated)
    }

    /// Few origins, many rows: the test is done here, on each of them.
    fn origin(&mut self, field: &Field, test: &Test) -> String {
        let passes = |origin: &Origin| {
            let text = match field {
                Field::Listener => origin.listener.as_str(),
                Field::Transport => origin.transport.keyword(),
                _ => origin.tls_name.as_deref().unwrap_or_default(),
            };
            !text.is_empty() && test.passes(text)
        };
        let mut ids: Vec<i32> =
            self.context.origins.iter().filter(|(_, o)| passes(o)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        format!("origin = ANY ({})", self.param(Param::Int4s(ids)))
    }

    fn defect(&mut self, test: &Test) -> String {
        let mut mask = Defects::default();
        for (defect, word) in Defect::ALL {
            if test.passes(word) {
                mask.insert(defect);
            }
        }
        let mask = self.param(Param::Int4(i32::from(mask.bits())));
        format!("(defects & {mask}) <> 0")
    }

    /// A column of numbers. Rows of before it was there have none, and are found by no shape.
    fn shape(&mut self, test: &Test, negated: bool) -> String {
        match test {
            Test::Equals(wanted) => match wanted.text().parse::<ShapeId>() {
                Ok(id) => format!("shape = {}", self.param(Param::Int8(id.0.cast_signed()))),
                Err(_) => "false".to_owned(),
            },
            _ => self.unsaid(negated),
        }
    }

    /// A value of a custom field, of structured data, or of a trusted field of that name.
    fn custom(&mut self, name: &str, test: &Test, negated: bool) -> String {
        let mut found = Vec::new();
        for column in self.context.promoted.iter().filter(|c| c.name == name) {
            let slot = value::slot_of_column(column);
            found.push(self.test(test, &slot, negated));
        }
        let key = self.text(name);
        found.push(self.member("fields", &format!("-> {key}"), test, negated));
        if let Some(cuts) = cuts(name) {
            for (id, param) in cuts {
                let (id, param) = (self.text(id), self.text(param));
                found.push(self.member("structured_data", &format!("-> {id} -> {param}"), test, negated));
            }
        } else {
            let all = self.unsaid(negated);
            let some = format!("(structured_data IS NOT NULL AND {all})");
            found.push(some);
        }
        found.push(self.member("trusted", &format!("-> {key}"), test, negated));
        let found = format!("({})", found.join(" OR "));
        match test {
            Test::Equals(wanted) if self.context.indexes >= Indexes::Fields => {
                let term = self.param(Param::Int4s(vec![terms::field(name, wanted)]));
                format!("(terms @> {term} AND {found})")
            }
            _ => found,
        }
    }

    /// One of the values of a member of a document passes.
    fn member(&mut self, column: &str, path: &str, test: &Test, negated: bool) -> String {
        let member = format!("({column} {path})");
        if *test == Test::Exists {
            return format!("({column} IS NOT NULL AND {member} IS NOT NULL)");
        }
        let (many, one) = (Slot::json("v"), Slot::json(&member));
        let several = self.test(test, &many, negated);
        let single = self.test(test, &one, negated);
        format!(
            "({column} IS NOT NULL AND CASE WHEN jsonb_typeof({member}) = 'array' THEN EXISTS (SELECT FROM \
             jsonb_array_elements({member}) AS e(v) WHERE {several}) ELSE {single} END)"
        )
    }
}

/// A text that must be contained in another, and how it must stand there.
struct Needle {
    contains: String,
    fits: Option<(&'static str, String)>,
}

impl Needle {
    fn found_in(&self, text: &str) -> String {
        let contains = format!("strpos(lower({text}), {}) > 0", self.contains);
        match &self.fits {
            Some((operator, pattern)) => format!("({contains} AND lower({text}) {operator} {pattern})"),
            None => contains,
        }
    }
}

fn longest(pieces: &[String]) -> &str {
    pieces.iter().max_by_key(|p| p.len()).map_or("", String::as_str)
}

/// A folded text as it stands in the text of a JSON document.
fn in_json(folded: &str) -> String {
    let quoted = serde_json::to_string(&*text::encode(folded)).unwrap_or_default();
    // Escapes of the document are folded like the rest of it.
    let quoted = quoted.to_ascii_lowercase();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// Pieces as a pattern of LIKE.
pub(super) fn like<S: AsRef<str>>(pieces: &[S], open_start: bool, open_end: bool) -> String {
    let mut out = String::new();
    if open_start {
        out.push('%');
    }
    for (at, piece) in pieces.iter().enumerate() {
        if at > 0 {
            out.push('%');
        }
        for c in text::encode(piece.as_ref()).chars() {
            if matches!(c, '%' | '_' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
    }
    if open_end {
        out.push('%');
    }
    out
}

/// The ways in which a name can be `SD-ID.PARAM-NAME`; `None` if there are too many.
pub(super) fn cuts(name: &str) -> Option<Vec<(&str, &str)>> {
    let cuts: Vec<(&str, &str)> = name
        .match_indices('.')
        .take(MAX_CUTS + 1)
        .filter_map(|(at, _)| Some((name.get(..at)?, name.get(at + 1..)?)))
        .collect();
    (cuts.len() <= MAX_CUTS).then_some(cuts)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::sql::Context;
    use super::*;
    use crate::query::parse;

    fn context(indexes: Indexes) -> Context<'static> {
        static ORIGINS: std::sync::OnceLock<HashMap<i32, Origin>> = std::sync::OnceLock::new();
        let origins = ORIGINS
            .get_or_init(|| [(7, Origin { listener: "relp-main".into(), ..Origin::default() })].into());
        Context { promoted: &[], origins, indexes, without_regex: false }
    }

    #[track_caller]
    fn check(query: &str, indexes: Indexes, sql: &str, params: &[Param]) {
        let resolved = parse(query).unwrap().resolve(0);
        let mut got = Sql::new(context(indexes));
        assert_eq!(got.node(&resolved.filter), sql);
        assert_eq!(got.params, params);
        assert!(got.exact);
    }

    #[test]
    fn conditions() {
        let text = |t: &str| Param::Text(t.to_owned());
        check("", Indexes::None, "true", &[]);
        check("severity:err", Indexes::None, "severity = ANY ($1)", &[Param::Int2s(vec![3])]);
        check("-listener:relp*", Indexes::None, "(origin = ANY ($1)) IS NOT TRUE", &[Param::Int4s(vec![7])]);
        check("msg:*oo*", Indexes::None, "(strpos(lower(message), $1) > 0)", &[text("oo")]);
        check(
            "host:web01",
            Indexes::Fields,
            "(\"left\"(lower(source), 200) = $2 AND lower(source) = $1)",
            &[text("web01"), text("web01")],
        );
        check("procid:a%*", Indexes::None, "lower(procid) LIKE $1", &[text("a\\%%")]);
        check("defect:not_utf8", Indexes::None, "(defects & $1) <> 0", &[Param::Int4(16)]);
    }

    #[test]
    fn nothing_of_a_query_stands_in_the_text() {
        let evil = r#"x'; DROP TABLE events; --"#;
        for field in ["", "msg:", "host:", "procid:", "tag:", "uid:", "listener:", "peer:", "custom:", "a.b:"]
        {
            for form in
                [format!("{field}\"{evil}\""), format!("{field}\"{evil}\"*"), format!("{field}/{evil}/")]
            {
                let Ok(query) = parse(&form) else { continue };
                for indexes in [Indexes::None, Indexes::Text] {
                    let sql = Sql::new(context(indexes)).node(&query.resolve(0).filter);
                    assert!(!sql.to_lowercase().contains("drop"), "{sql}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_said_lets_everything_through() {
        let name = "a.".repeat(MAX_CUTS + 2);
        for (query, expect) in [(format!("{name}x:1"), "true"), (format!("-{name}x:1"), "false")] {
            let mut sql = Sql::new(context(Indexes::None));
            let text = sql.node(&parse(&query).unwrap().resolve(0).filter);
            assert!(text.contains(&format!("(structured_data IS NOT NULL AND {expect})")), "{text}");
            assert!(!sql.exact);
        }
    }
}
