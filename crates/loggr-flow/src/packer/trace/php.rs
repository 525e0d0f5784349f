//! PHP: fatal errors and exceptions, Xdebug, Monolog's and Laravel's shape.

use std::sync::LazyLock;

use super::{ANY, END, FRAME, LINE, Language, MAYBE, NONE, OUTSIDE, Rule, Rules};

/// After the line that says what happened.
const HEAD: u8 = 1;
const FRAMES: u8 = 2 | FRAME;
const GAP: u8 = 3 | MAYBE;
/// After further lines of the message.
const MESSAGE: u8 = 4 | ANY;
/// After a record of Laravel whose message has further lines.
const RECORD: u8 = 5;

pub(super) static LANGUAGE: Language = Language {
    name: "php",
    aliases: &[],
    about: "PHP errors and exceptions",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(
        &[OUTSIDE],
        r"PHP (?:Notice|Warning|Deprecated|Strict Standards|(?:(?:Recoverable|Catchable) f|F)atal error|(?:Parse|Core|Compile) error):",
        HEAD,
    ),
    Rule(&[OUTSIDE], r"^(?:Fatal error|Recoverable fatal error): |Uncaught \S*(?:Exception|Error)\b", HEAD),
    Rule(&[OUTSIDE], r"exception '[^']+' with message '", HEAD),
    // What an exception is as text: `Exception: message in /a.php:3`
    Rule(&[OUTSIDE], r"\S*(?:Exception|Error): .* in \S+:\d+\s*$", HEAD),
    Rule(&[OUTSIDE], r#"\{"exception":"\[object\] "#, HEAD),
    // The message of a record of Laravel may have further lines, and the exception is at their end.
    Rule(&[OUTSIDE], r"^\[\d{4}-\d\d-\d\d[^\]]*\] \w+\.(?:WARNING|ERROR|CRITICAL|ALERT|EMERGENCY): ", RECORD),
    Rule(&[RECORD, MESSAGE], r#"\{"exception":"\[object\] "#, HEAD),
    Rule(&[HEAD, GAP, MESSAGE], r"^(?:PHP )?Stack trace:|^\[stacktrace\]|^Call Stack:", FRAMES),
    Rule(&[HEAD, FRAMES], r"^(?:PHP )?#\d+ ", FRAMES),
    Rule(&[MESSAGE], r"^(?:PHP )?#\d+ (?:\{main\}|\S.*\(\d+\): |\[internal function\]: )", FRAMES),
    Rule(&[HEAD, FRAMES, MESSAGE], r"^PHP\s+\d+\. ", FRAMES),
    Rule(&[HEAD, FRAMES, GAP, MESSAGE], r"^{ws}*thrown in \S", END),
    Rule(&[FRAMES], r"^{ws}+\S", FRAMES),
    Rule(&[FRAMES, GAP], r"^(?:Next \S|\[previous exception\])", HEAD),
    Rule(&[FRAMES], r#"^"\}"#, END),
    Rule(&[HEAD, FRAMES, GAP], r"^\s*$", GAP),
    Rule(&[HEAD, MESSAGE, RECORD], "{record}", NONE),
    Rule(&[HEAD, MESSAGE, RECORD], LINE, MESSAGE),
];

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn fatal_errors_between_ordinary_lines() {
        check(
            "php",
            &[
                "NOTICE: ready to handle connections",
                "[01-Mar-2026 12:00:00 UTC] PHP Fatal error:  Uncaught Exception: no cart in /srv/shop/cart.php:45\n\
                 Stack trace:\n\
                 #0 /srv/shop/index.php(9): Cart->open(17)\n\
                 #1 {main}\n  \
                 thrown in /srv/shop/cart.php on line 45",
                "NOTICE: child 7 exited",
                "PHP Warning:  Undefined variable $x in /srv/shop/a.php on line 3",
                "PHP Parse error:  syntax error, unexpected '}' in /srv/shop/b.php on line 9",
                "NOTICE: done",
            ],
        );
    }

    #[test]
    fn messages_of_several_lines() {
        check(
            "php",
            &[
                "PHP Fatal error:  Uncaught PDOException: SQLSTATE[42S02]: not found\n\
                 in /srv/a.php:3\n\
                 Stack trace:\n\
                 #0 {main}\n  \
                 thrown in /srv/a.php on line 3",
                "next line",
                "[2026-03-01 12:00:00] production.ERROR: SQLSTATE[42601]: Syntax error\n\
                 LINE 1: select\n               \
                 ^ {\"exception\":\"[object] (QueryException(code: 0): no at /srv/a.php:12)\n\
                 [stacktrace]\n\
                 #0 /srv/a.php(12): f()\n\
                 \"}",
                "[2026-03-01 12:00:01] production.ERROR: no exception",
                "[2026-03-01 12:00:01] production.INFO: yes",
                "PHP Warning:  Undefined variable $x in /srv/shop/a.php on line 3",
                "next line",
                "#5 is open",
            ],
        );
    }

    #[test]
    fn exceptions_as_text() {
        check(
            "php",
            &[
                "exception 'Exception' with message 'Custom exception' in /srv/test-php/test.php:5\n\
                 Stack trace:\n\
                 #0 /srv/test-php/test.php(9): func1()\n\
                 #1 /srv/test-php/test.php(13): func2()\n\
                 #2 {main}",
                "ok",
                "LogicException: first in /srv/a.php:3\n\
                 Stack trace:\n\
                 #0 {main}\n\
                 \n\
                 Next RuntimeException: second in /srv/a.php:5\n\
                 Stack trace:\n\
                 #0 {main}",
                "",
                "ok",
            ],
        );
    }

    #[test]
    fn xdebug_and_laravel() {
        check(
            "php",
            &[
                "PHP Fatal error:  Call to undefined function nofunc() in /srv/a.php on line 3\n\
                 PHP Stack trace:\n\
                 PHP   1. {main}() /srv/a.php:0\n\
                 PHP   2. run() /srv/a.php:9",
                "[2026-03-01 12:00:00] production.ERROR: no {\"exception\":\"[object] (ErrorException(code: 0): no at /srv/a.php:12)\n\
                 [stacktrace]\n\
                 #0 /srv/a.php(12): f()\n\
                 #1 {main}\n\
                 [previous exception] [object] (Error(code: 0): why at /srv/b.php:1)\n\
                 [stacktrace]\n\
                 #0 {main}\n\
                 \"}",
                "[2026-03-01 12:00:01] production.INFO: yes",
            ],
        );
    }
}
