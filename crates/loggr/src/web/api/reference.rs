//! The reference of the API for people: `docs/reference/api.md`, made of the table of endpoints.

use super::params::{Parameter, Takes};
use super::{Endpoint, Sent, all};

const INTRODUCTION: &str = "\
# The HTTP API

<!-- Written from the tables in crates/loggr/src/web/api by `UPDATE=1 cargo test -p loggr web::api`. -->

The page of loggr is made of these endpoints, and programs may use them too. They answer on the addresses of
`[web]`. The same as an OpenAPI 3.1 document, with the types of all answers, is at `/api/openapi.json`.

- **Who asks.** A program sends a token: `Authorization: Bearer loggr_…` (`loggr token add` makes one). The page sends
  the cookie of a log-in, and with every change the header `X-Loggr-Csrf`. While there are no users, requests from
  this host need neither. What a role must not see is in no answer. See the [guide](../guide/users.md).
- **Times** are RFC 3339, `now-15m`, `today`, or a date; a range goes from `from` to just before `to`.
- **Queries** are written in the [query language](query.md). A query ends when its client goes away.
- **Errors** are RFC 9457 (`application/problem+json`): `detail` says what failed, `hint` what to do, `code` is for
  programs. Of a query that cannot be read, `column` and `offset` say where.
- Every answer of a query says what was looked at (`stats`), whether something was left out (`partial`, `warnings`),
  and which range was meant (`range`).

```
curl -H \"Authorization: Bearer $LOGGR_TOKEN\" 'http://127.0.0.1:8080/api/search?q=severity:err&from=now-1h&limit=10'
```
";

/// The whole page.
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    for endpoint in all() {
        out.push_str(&format!("\n## {} {}\n\n{}\n", endpoint.method, endpoint.path, endpoint.about));
        let parameters: Vec<&Parameter> = endpoint.parameters.iter().flat_map(|table| table.iter()).collect();
        if !parameters.is_empty() {
            out.push_str("\n| parameter | what it may be | what it does |\n| --- | --- | --- |\n");
            for parameter in parameters {
                let must = if parameter.is_required { " (needed)" } else { "" };
                let (name, about) = (parameter.name, parameter.about);
                out.push_str(&format!("| `{name}`{must} | {} | {about} |\n", takes(parameter.takes)));
            }
        }
        out.push_str(&sent(endpoint));
    }
    out
}

fn takes(takes: Takes) -> String {
    match takes {
        Takes::Text => "a text".to_owned(),
        Takes::Query => "a query".to_owned(),
        Takes::Field => "the name of a field".to_owned(),
        Takes::Time => "a time".to_owned(),
        Takes::Duration => "a duration: `30s`, `1h30m`".to_owned(),
        Takes::Number { least, most, default } => format!("{least} to {most}; {default} if it is left out"),
        Takes::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Takes::Flag => "`1` or `0`".to_owned(),
    }
}

/// What is sent and answered that is no JSON.
fn sent(endpoint: &Endpoint) -> String {
    let body = match endpoint.body {
        Sent::Nothing | Sent::Elsewhere => String::new(),
        Sent::Json(_) | Sent::Made(_) => "\nIt takes a JSON body.\n".to_owned(),
        Sent::OneOf(kinds) => format!("\nIt takes a body of one of the types `{}`.\n", kinds.join("`, `")),
        Sent::Other(kind) => format!("\nIt takes a body of the type `{kind}`.\n"),
    };
    match endpoint.answer {
        Sent::Nothing => body + "\nIt answers 204 without a body.\n",
        Sent::Other("text/event-stream") => {
            body + "\nIt answers with server-sent events, until the client goes.\n"
        }
        Sent::Elsewhere => body + "\nIt sends the browser on (303).\n",
        Sent::Made(_) => body + "\nIt answers 201 with what was made.\n",
        Sent::Json(_) | Sent::Other(_) | Sent::OneOf(_) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_of_the_api_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/api.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, reference()).expect("the reference can be written");
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == reference(), "`{path}` is old: run `UPDATE=1 cargo test -p loggr web::api`");
    }
}
