//! Python: a traceback, the exceptions that are chained to it, exception groups.

use std::sync::LazyLock;

use super::{ANY, FRAME, Language, MAYBE, NONE, OUTSIDE, Rule, Rules};

/// After `Exception in thread …:`, before the traceback.
const HEAD: u8 = 1;
const TRACE: u8 = 2 | FRAME;
/// After the line that names the exception: only a chained traceback continues it.
const DONE: u8 = 3 | FRAME;
const GAP: u8 = 4 | MAYBE;
/// After `During handling of …`, before the next traceback.
const CHAIN: u8 = 5 | MAYBE;
/// After a line behind that which names the exception: of its message if an indented one follows.
const TAIL: u8 = 6 | ANY;
/// After several of them: a chained traceback alone makes them part of it.
const TAILS: u8 = 7 | ANY;

pub(super) static LANGUAGE: Language = Language {
    name: "python",
    aliases: &[],
    about: "Python tracebacks",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE, HEAD, CHAIN], r"Traceback \(most recent call last\):\s*$", TRACE),
    Rule(&[OUTSIDE], r"^(?:Exception in thread \S.*:\s*$|Exception ignored in: )", HEAD),
    // A syntax error has no traceback before it.
    Rule(&[OUTSIDE], r#"^{ws}+File ".+", line \d+"#, TRACE),
    Rule(&[HEAD], r"^\s*$", HEAD),
    // The last line of an exception group.
    Rule(&[TRACE, DONE], r"^{ws}+\+-+\s*$", DONE),
    Rule(&[DONE], r"^{ws}+[+|]", TRACE),
    Rule(&[TRACE], r"^{ws}+\S", TRACE),
    Rule(&[TRACE], r"^(?:[^\s.():]+\.)*[^\s.():]+(?::|\s*$)", DONE),
    // What libraries write below the exception: SQLAlchemy and psycopg, clients of HTTP.
    Rule(
        &[DONE, GAP, TAIL, TAILS],
        r"^(?:\[SQL: |\[parameters: |\(Background on this error at: |LINE \d+: |(?:DETAIL|HINT|CONTEXT|QUERY): |Reason: \S|HTTP response (?:headers|body): )",
        DONE,
    ),
    Rule(
        &[DONE, GAP, TAIL, TAILS],
        r"^(?:During handling of the above exception|The above exception was the direct cause)",
        CHAIN,
    ),
    Rule(&[DONE, GAP], r"^\s*$", GAP),
    Rule(&[CHAIN], r"^\s*$", CHAIN),
    // Where a message of several lines ends nobody can know: what is indented belongs to it, and
    // the line before that.
    Rule(&[DONE, TAIL, TAILS], r"{record}|Traceback \(most recent call last\):", NONE),
    Rule(&[DONE, TAIL], r"^{ws}+\S", DONE),
    Rule(&[DONE], r"^\S", TAIL),
    Rule(&[TAIL, TAILS], "", TAILS),
];

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn tracebacks_between_ordinary_lines() {
        check(
            "python",
            &[
                "INFO:root:listening on 8000",
                "ERROR:root:request failed",
                "Traceback (most recent call last):\n  \
                 File \"/srv/shop/app.py\", line 61, in get\n    \
                 cart = carts[number]\n           \
                 ~~~~~^^^^^^^^\n\
                 KeyError: 17",
                "INFO:root:next request",
                "[12:00:00: ERROR/MainProcess] Task raised unexpected: Traceback (most recent call last):\n  \
                 File \"/srv/shop/tasks.py\", line 3, in run\n    \
                 raise requests.exceptions.HTTPError(\"no\")\n\
                 requests.exceptions.HTTPError: 404 Client Error: Not Found for url: http://a.example/",
                "a line that has nothing to do with it",
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    main()\nKeyboardInterrupt",
                "bye",
            ],
        );
    }

    #[test]
    fn what_is_chained_is_one_event() {
        for word in [
            "During handling of the above exception, another exception occurred:",
            "The above exception was the direct cause of the following exception:",
        ] {
            let chained = format!(
                "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    x = {{}}[1]\nKeyError: 1\n\n{word}\n\n\
                 Traceback (most recent call last):\n  File \"a.py\", line 4, in g\n    raise Oops from error\n__main__.Oops: oops"
            );
            check("python", &["before", &chained, "after"]);
            check("python", &["before", &chained.replace("\n\n", "\n"), "after"]);
        }
    }

    #[test]
    fn messages_of_several_lines() {
        let trace = "Traceback (most recent call last):\n  File \"m.py\", line 3, in <module>\n    run()";
        for tail in [
            "pydantic_core._pydantic_core.ValidationError: 2 validation errors for Model\n\
             x\n  \
             Input should be a valid integer [type=int_parsing]\n    \
             For further information visit https://errors.pydantic.example/\n\
             y.0\n  \
             Field required [type=missing]",
            "yaml.scanner.ScannerError: while scanning a key\n  \
             in \"a.yaml\", line 1, column 1\n\
             could not find expected ':'\n  \
             in \"a.yaml\", line 2, column 1",
            "sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation \"x\" does not exist\n\
             LINE 1: SELECT * FROM x\n                      \
             ^\n\
             \n\
             [SQL: SELECT * FROM x]\n\
             (Background on this error at: https://sqlalche.example/e/20/f405)",
            "kubernetes.client.exceptions.ApiException: (403)\nReason: Forbidden\nHTTP response body: {}",
        ] {
            check("python", &[&format!("{trace}\n{tail}"), "next line", "another one"]);
        }
        let chained = format!(
            "{trace}\nValueError: first\nof two\nor three lines\n\n\
             During handling of the above exception, another exception occurred:\n\n{trace}\nKeyError: 1"
        );
        check("python", &[&chained, "next line"]);
        let alone = format!("{trace}\nValueError: x");
        check("python", &[&alone, "INFO:root:next", "    indented", &alone, "one", "two", "  indented"]);
    }

    #[test]
    fn an_empty_line_behind_it_is_its_own() {
        let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: x";
        check("python", &[trace, "", "next", trace, "", "", trace]);
        check("python", &[trace, "", "During handling of the above exception, lunch was served"]);
    }

    #[test]
    fn threads_groups_and_syntax_errors() {
        check(
            "python",
            &[
                "Exception in thread Thread-1 (work):\n\
                 Traceback (most recent call last):\n  \
                 File \"/usr/lib/python3.12/threading.py\", line 1073, in _bootstrap_inner\n    \
                 self.run()\n  \
                 [Previous line repeated 12 more times]\n\
                 ZeroDivisionError: division by zero",
                "ok",
                "  + Exception Group Traceback (most recent call last):\n  \
                 |   File \"g.py\", line 2, in <module>\n  \
                 |     raise ExceptionGroup(\"eg\", [ValueError(1), TypeError(2)])\n  \
                 | ExceptionGroup: eg (2 sub-exceptions)\n  \
                 +-+---------------- 1 ----------------\n    \
                 | ValueError: 1\n    \
                 +---------------- 2 ----------------\n    \
                 | TypeError: 2\n    \
                 +------------------------------------",
                "INFO:root:on we go",
                "  File \"bad.py\", line 1\n    foo(\n       ^\nSyntaxError: '(' was never closed",
                "ok",
            ],
        );
    }

    #[test]
    fn two_tracebacks_in_a_row_are_two_events() {
        let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: x";
        check("python", &[trace, trace]);
    }
}
