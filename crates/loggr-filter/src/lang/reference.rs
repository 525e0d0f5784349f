//! `docs/reference/filter.md`, written from the tables in the code.

use super::ast::Comparison;
use crate::engines::ENGINES;
use crate::field::CORE_FIELDS;

/// Statements by example.
const STATEMENTS: [(&str, &str); 9] = [
    ("`if C { … } else if C { … } else { … }`", "the first branch whose condition holds"),
    (
        "`field := a + b`",
        "sets a field; what is not there adds nothing, and if none is there nothing changes",
    ),
    ("`tags += \"a\", [f]`", "adds tags; a field stands for all its values"),
    ("`tags -= \"a\"`", "takes tags away"),
    ("`delete [f]`", "takes a custom field away; a core field becomes empty"),
    ("`rename [a] -> [b]`", "moves all values; what `[b]` had is replaced"),
    ("`engine(…)`", "calls an engine"),
    ("`drop`", "the event ends here and is counted as dropped by this rule"),
    ("`stop`", "the rest of the filter is not for this event; it goes on"),
];

const CONDITIONS: [(&str, &str); 6] = [
    ("`\"x\" in tags`, `notin`", "the event has the tag"),
    ("`\"x\" in custom_fields`", "the event has a custom field of this name"),
    ("`[ip] in cidr(\"10.0.0.0/8\", …)`", "an address is in one of the networks"),
    ("`app_name in (\"a\", \"b\")`", "one of these"),
    ("`[f]` or `procid` alone", "is there and not empty"),
    ("`engine(…)`", "the engine did something"),
];

/// The page.
pub fn reference() -> String {
    let mut out = String::from(
        "# The filter language\n\nWritten by a test from the tables in the code (`UPDATE=1 cargo test -p loggr-filter reference`).\n\n",
    );
    table(
        &mut out,
        "Statements",
        ["statement", "what it does"],
        STATEMENTS.iter().map(|(a, b)| vec![(*a).to_owned(), (*b).to_owned()]),
    );
    let signs: Vec<String> = Comparison::ALL.iter().map(|(_, s)| format!("`{s}`")).collect();
    out.push_str(&format!("Conditions are joined with `and`, `or`, `not` and parentheses. Values are compared with {}. `~` and `~*` (in any case) take a regular expression in quotes. \
         A field with several values holds if one of them does; `!=` is the opposite of `==`. Where a number is written without quotes both sides are compared as numbers; \
         `<` and the like compare as numbers where both sides are. A text is written in double quotes with `\\\"`, `\\\\`, `\\n`, `\\r`, `\\t` and `\\u{{…}}`; any other backslash stays. `#` begins a comment.\n\n",
        signs.join(" ")));
    table(
        &mut out,
        "Further conditions",
        ["condition", "holds if"],
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
    out.push_str("Custom fields are written `[name]`; `[a][b]` is `[a.b]`. A custom field that has the name of a core field is written `[fields.NAME]`, as in queries: `[fields.message]`. A change takes an event's seal away.\n\n## Engines\n");
    for spec in ENGINES {
        out.push_str(&format!("\n### {}\n\n{}.\n\n", spec.name, spec.summary));
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
