//! Ruby: uncaught exceptions in both orders, Rails, and backtraces that loggers print.

use std::sync::LazyLock;

use super::{ANY, END, FRAME, LINE, Language, MAYBE, NONE, OUTSIDE, Rule, Rules};

/// After the line that names the exception.
const HEAD: u8 = 1;
const FRAMES: u8 = 2 | FRAME;
/// After an empty line behind the head: the place in the source may follow.
const GAP: u8 = 3 | MAYBE;
const SNIPPET: u8 = 4 | MAYBE;
/// The innermost frame comes last, with the exception.
const REVERSE: u8 = 5 | FRAME;
/// After `Caused by:`.
const CAUSE: u8 = 6;
/// After further lines of the message.
const MESSAGE: u8 = 7 | ANY;

pub(super) static LANGUAGE: Language = Language {
    name: "ruby",
    aliases: &[],
    about: "Ruby and Rails exceptions",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE], r"^Traceback \(most recent call last\):", REVERSE),
    Rule(&[REVERSE], r"^{ws}*\d+: from ", REVERSE),
    Rule(&[REVERSE], r"^\S.*:\d+:in [`'].+", END),
    Rule(&[OUTSIDE], r"^\S.*?:\d+:in [`'].*': .", HEAD),
    // `ActiveRecord::RecordNotFound (Couldn't find …):`
    Rule(&[OUTSIDE, CAUSE], r"\b(?:[A-Z]\w*::)*[A-Z]\w+ \(.*\):\s*$", HEAD),
    Rule(&[OUTSIDE, CAUSE], r"\b[A-Z]\w*(?:Error|Exception)\b(?::| \(|\s*$)", HEAD),
    // Its message has further lines.
    Rule(&[OUTSIDE, CAUSE], r"\b(?:[A-Z]\w*::)+[A-Z]\w+ \(", HEAD),
    Rule(&[HEAD, FRAMES, GAP, SNIPPET], r"^{ws}+(?:from )?\S.*:\d+(?::in [`']|\s*$)", FRAMES),
    Rule(&[MESSAGE], r"^{ws}+from \S.*:\d+(?::in [`']|\s*$)", FRAMES),
    Rule(&[MESSAGE], r"^{ws}+\S.*\.rb:\d+(?::in [`']|\s*$)", FRAMES),
    Rule(&[HEAD, FRAMES, GAP, SNIPPET, MESSAGE], r"^(?:from )?\S.*:\d+:in [`'][^`']*'\s*$", FRAMES),
    Rule(&[FRAMES], r"^{ws}+(?:\.\.\. \d+ levels|from )", FRAMES),
    Rule(&[HEAD, FRAMES, GAP], r"^(?:Caused by:|Causes:)\s*$", CAUSE),
    Rule(&[CAUSE], r"^\s*$", CAUSE),
    Rule(&[CAUSE], r"", HEAD),
    Rule(&[HEAD, GAP], r"^{ws}*Did you mean\?", HEAD),
    Rule(&[SNIPPET], r"^\s*~*\^[\^~]*\s*$", HEAD),
    Rule(&[GAP], r"\S", SNIPPET),
    Rule(&[HEAD, FRAMES, GAP], r"^\s*$", GAP),
    Rule(&[HEAD, MESSAGE], "{record}", NONE),
    Rule(&[HEAD, MESSAGE], LINE, MESSAGE),
];

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn what_nobody_caught() {
        check(
            "ruby",
            &[
                "I, [2026-03-01T12:00:00.1 #7]  INFO -- : ready",
                "app.rb:3:in `divide': divided by 0 (ZeroDivisionError)\n\
                 \tfrom app.rb:7:in `block in <main>'\n\
                 \tfrom app.rb:6:in `each'\n\
                 \t ... 10 levels...\n\
                 \tfrom app.rb:6:in `<main>'",
                "I, [2026-03-01T12:00:01.1 #7]  INFO -- : next",
                "/app/config/routes.rb:6:in '/': unhandled exception\n\
                 \tfrom /app/lib/a.rb:7:in 'Shop::Cart#add'",
                "a.rb:1:in `x': no (RuntimeError)",
                "a.rb:1:in `x': no (RuntimeError)",
            ],
        );
    }

    #[test]
    fn with_the_place_in_the_source() {
        check(
            "ruby",
            &[
                "test.rb:1:in `<main>': undefined local variable or method `foo' for main:Object (NameError)\n\
                 \n\
                 p foo\n  \
                 ^^^\n\
                 Did you mean?  for\n\
                 \tfrom x.rb:3:in `<main>'",
                "ok",
                "test.rb:1:in 'Integer#/': divided by 0 (ZeroDivisionError)",
                "",
                "something else",
                "ok",
            ],
        );
    }

    #[test]
    fn messages_of_several_lines() {
        check(
            "ruby",
            &[
                "app.rb:3:in `run': cannot read (RuntimeError)\n\
                 a second line\n  \
                 and a third\n\
                 \tfrom app.rb:7:in `<main>'",
                "next line",
                "ActiveRecord::StatementInvalid (PG::UndefinedTable: ERROR:  relation \"carts\" does not exist\n\
                 LINE 1: SELECT * FROM carts\n                      \
                 ^\n\
                 ):\n  \n\
                 app/models/cart.rb:12:in `find_it'",
                "next line",
                "WARN: ArgumentError: two",
                "I, [2026-03-01T12:00:01.1 #7]  INFO -- : next",
            ],
        );
    }

    #[test]
    fn the_innermost_last() {
        check(
            "ruby",
            &[
                "Traceback (most recent call last):\n\
                 \t2: from app.rb:7:in `<main>'\n\
                 \t1: from app.rb:3:in `each'\n\
                 app.rb:3:in `divide': divided by 0 (ZeroDivisionError)",
                "ok",
            ],
        );
    }

    #[test]
    fn rails() {
        check(
            "ruby",
            &[
                "Started GET \"/books/7\" for 192.0.2.1",
                "NoMethodError (undefined method `recursivewordload' for #<BooksController:0x007f8dd9a0c738>):\n  \
                 app/controllers/books_controller.rb:69:in `recursivewordload'\n  \
                 app/controllers/books_controller.rb:75:in `block in loadword'",
                "Completed 500 in 3ms",
                "F, [#9] FATAL -- : ActiveRecord::RecordNotFound (Couldn't find Book with 'id'=7):\n  \n\
                 app/models/book.rb:12:in `find_it'\n\
                 actionpack (7.1.3) lib/action_dispatch/middleware/debug.rb:63:in `call'\n\
                 \n\
                 Caused by:\n\
                 PG::UndefinedTable: ERROR:  relation \"books\" does not exist (Foo::BarError)\n\
                 app/models/book.rb:2:in `x'",
                "Started GET \"/\" for 192.0.2.1",
                "WARN: RuntimeError: boom\n/srv/a.rb:3:in `perform'\n/srv/b.rb:9:in 'block (2 levels) in run'",
                "WARN: done",
            ],
        );
    }
}
