//! Writes `docs/reference/filter.md` from the tables in the code.

use super::ast::Comparison;
use crate::engines::ENGINES;
use crate::field::CORE_FIELDS;

/// The statements of the language, each as an example with its meaning.
const STATEMENTS: [(&str, &str); 10] = [
    (
        "`if C { … } else if C { … } else { … }`",
        "runs the statements of the first branch whose condition is true",
    ),
    (
        "`field := a + b`",
        "sets a field to the joined values; a field that the event does not have adds nothing, and if the \
         event has none of them nothing changes",
    ),
    ("`tags += \"a\", [f]`", "adds tags; a field stands for all its values"),
    ("`tags -= \"a\"`", "removes tags"),
    ("`delete [f]`", "removes a custom field; a core field becomes empty"),
    ("`rename [a] -> [b]`", "moves all values of `[a]` to `[b]`; the values that `[b]` had are gone"),
    ("`engine(…)`", "calls an engine, one of those below"),
    ("`drop`", "throws the event away; it is counted as dropped by this rule"),
    (
        "`include \"name\"`",
        "runs the statements of the filter `name.filter`, which lies beside this one, as if they stood here",
    ),
    ("`stop`", "ends the filter for this event, which is passed on as it is now"),
];

const CONDITIONS: [(&str, &str); 6] = [
    ("`\"x\" in tags`, `notin`", "the event has the tag (or with `notin`: it does not have it)"),
    ("`\"x\" in custom_fields`", "the event has a custom field of this name"),
    ("`[ip] in cidr(\"10.0.0.0/8\", …)`", "the field holds an address of one of the networks"),
    ("`app_name in (\"a\", \"b\")`", "the field has one of these values"),
    ("`[f]` or `procid` alone", "the event has the field, and it is not empty"),
    ("`engine(…)`", "the engine acted on the event, such as a pattern that matched"),
];

/// The page.
pub fn reference() -> String {
    let mut out = String::from(
        "# The filter language\n\nA filter is a list of statements, which a machine runs for each event. This page is the reference of the \
         language; it is made from the tables in the code (`UPDATE=1 cargo test -p loggr-filter reference`).\n\n",
    );
    table(
        &mut out,
        "Statements",
        ["statement", "what it does"],
        STATEMENTS.iter().map(|(a, b)| vec![(*a).to_owned(), (*b).to_owned()]),
    );
    let signs: Vec<String> = Comparison::ALL.iter().map(|(_, s)| format!("`{s}`")).collect();
    out.push_str(&format!(
        "Conditions are joined with `and`, `or`, `not` and parentheses.\n\n\
         - Values are compared with {}. On the right of `~` and `~*` stands a regular expression in quotes; \
         `~*` does not distinguish upper and lower case.\n\
         - If a field has several values, a comparison is true if it is true for one of them. `!=` is the \
         opposite of `==`: it is true if no value is equal.\n\
         - If one side is a number without quotes, both sides are compared as numbers. `<`, `<=`, `>` and \
         `>=` also compare as numbers if both sides are numbers.\n\
         - A text is written in double quotes, with `\\\"`, `\\\\`, `\\n`, `\\r`, `\\t` and `\\u{{…}}` for special \
         characters; any other backslash stands for itself. `#` begins a comment.\n\n",
        signs.join(" ")
    ));
    table(
        &mut out,
        "Further conditions",
        ["condition", "is true if"],
        CONDITIONS.iter().map(|(a, b)| vec![(*a).to_owned(), (*b).to_owned()]),
    );
    table(
        &mut out,
        "Core fields",
        ["field", "what it is"],
        CORE_FIELDS.iter().map(|r| {
            let note = if r.writable { "" } else { " (cannot be changed)" };
            vec![format!("`{}`", r.name), format!("{}{note}", r.doc)]
        }),
    );
    out.push_str(
        "A custom field is written `[name]`; `[a][b]` is the same as `[a.b]`. A custom field that has the name of a \
         core field is written `[fields.NAME]`, as in queries: `[fields.message]`. The fields \
         `severity`, `facility`, `source`, `app_name`, `message` and `timereported` are sealed: an event in which a \
         filter changes one of them loses its [seal](../guide/seals.md), and gets a new one where the machine has \
         `seal = \"sign\"`.\n\n## Engines\n\nAn engine is called with its arguments in \
         parentheses: `grok(\"SSHD\", prefix=\"ssh_\")`. Arguments without a name are taken in the order of the \
         table. A call is also a condition, which is true if the engine acted on the event: `if grok(\"SSHD\") { … }`.\n",
    );
    for spec in ENGINES {
        out.push_str(&format!("\n### {0}\n\n`{0}` {1}.\n\n", spec.name, spec.summary));
        out.push_str("| argument | kind | default | what it does |\n|---|---|---|---|\n");
        for p in spec.parameters {
            let default = match p.default {
                None => "required".to_owned(),
                Some("") => "–".to_owned(),
                Some(text) => format!("`{text}`"),
            };
            out.push_str(&format!(
                "| `{}` | {} | {default} | {} |\n",
                p.name,
                p.kind.word(),
                p.doc.replace('|', "\\|")
            ));
        }
        if !spec.adds.is_empty() {
            out.push_str("\n| adds | what |\n|---|---|\n");
        }
        for (what, doc) in spec.adds {
            out.push_str(&format!("| `{what}` | {doc} |\n"));
        }
    }
    out
}

fn table(out: &mut String, title: &str, heads: [&str; 2], rows: impl Iterator<Item = Vec<String>>) {
    out.push_str(&format!("## {title}\n\n| {} | {} |\n|---|---|\n", heads[0], heads[1]));
    for row in rows {
        out.push_str(&format!("| {} |\n", row.join(" | ").replace("||", "\\|\\|")));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_page_is_fresh() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/filter.md");
        let page = super::reference();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "run it with UPDATE=1");
    }
}
