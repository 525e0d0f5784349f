//! JavaScript: Node.js, what V8 and other engines in browsers report.

use std::sync::LazyLock;

use super::{ANY, END, FRAME, LINE, Language, MAYBE, NONE, OUTSIDE, Rule, Rules};

/// After the line that names the error.
const HEAD: u8 = 1;
const FRAMES: u8 = 2 | FRAME;
/// After the place of an uncaught error in the source.
const SOURCE: u8 = 3;
const CODE: u8 = 4 | MAYBE;
/// After the mark below the code.
const MARK: u8 = 5;
/// After an empty line behind the frames.
const TAIL: u8 = 6 | MAYBE;
/// After an assertion: what differs follows.
const ASSERTION: u8 = 7;
const DIFFERENCE: u8 = 8 | MAYBE;
/// After further lines of the message.
const MESSAGE: u8 = 9 | ANY;

pub(super) static LANGUAGE: Language = Language {
    name: "javascript",
    aliases: &["js", "node", "nodejs"],
    about: "JavaScript errors of Node.js and browsers",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE, MARK], r"\bAssertionError\b", ASSERTION),
    Rule(&[OUTSIDE, MARK], r"(?:Error|Exception)(?:\s*$|:| \[)|V8 errors stack trace", HEAD),
    Rule(&[OUTSIDE], r"^(?:file://|node:|/|[A-Za-z]:\\)\S*:\d+\s*$", SOURCE),
    Rule(&[SOURCE], r"", CODE),
    Rule(&[CODE], r"^\s*\^+\s*$", MARK),
    Rule(&[MARK], r"^\s*$", MARK),
    Rule(&[HEAD, FRAMES, ASSERTION, DIFFERENCE], r"^{ws}+(?:eval )?at \S", FRAMES),
    Rule(&[HEAD, FRAMES, ASSERTION, DIFFERENCE], r"^at .+:\d+(?::\d+)?\)?\s*$", FRAMES),
    // Gecko and WebKit: `name@http://host/file.js:1:2`
    Rule(&[HEAD, FRAMES], r"^[^\s@]*@\S+:\d+(?::\d+)?\s*$", FRAMES),
    // Behind other lines it has to be one for certain.
    Rule(&[MESSAGE], r"^{ws}+at .*(?::\d+:\d+|native|<anonymous>|\(index \d+)\)?,?\s*(?:\{\s*)?$", FRAMES),
    Rule(&[MESSAGE], r"^[^\s@]*@(?:https?|file|app|resource|webpack|[a-z]+-extension):\S*:\d+\s*$", FRAMES),
    Rule(&[HEAD], r"^{ws}+\S", HEAD),
    Rule(&[FRAMES], r"^(?:{ws}+\S|[}\]])", FRAMES),
    Rule(&[HEAD, FRAMES], r"^Caused by: ", HEAD),
    Rule(&[ASSERTION, DIFFERENCE], r"", DIFFERENCE),
    Rule(&[FRAMES, TAIL], r"^\s*$", TAIL),
    Rule(&[TAIL], r"^Node\.js v\d", END),
    Rule(&[HEAD, MESSAGE], "{record}", NONE),
    Rule(&[HEAD, MESSAGE], LINE, MESSAGE),
];

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn errors_between_ordinary_lines() {
        check(
            "javascript",
            &[
                "listening on 3000",
                "TypeError: Cannot read properties of undefined (reading 'id')\n    \
                 at Cart.add (/srv/shop/cart.js:17:21)\n    \
                 at async Promise.all (index 0)\n    \
                 at eval (eval at run (/srv/shop/vm.js:3:9), <anonymous>:1:1)\n    \
                 at node:internal/main/run_main_module:23:47 {\n  \
                 code: 'ERR_CART',\n  \
                 [cause]: Error: inner\n      \
                 at f (/srv/a.js:1:1)\n\
                 }",
                "GET / 200",
                "(node:7) UnhandledPromiseRejectionWarning: Error: no\n    at /srv/a.js:1:7",
                "GET / 200",
            ],
        );
    }

    #[test]
    fn what_nobody_caught() {
        check(
            "javascript",
            &[
                "/srv/shop/server.js:12\n    \
                 throw new Error('boom')\n    \
                 ^\n\
                 \n\
                 Error: boom\n    \
                 at Object.<anonymous> (/srv/shop/server.js:12:11)\n    \
                 at Module._compile (node:internal/modules/cjs/loader:1105:14)\n\
                 \n\
                 Node.js v20.11.1",
                "starting again",
                "/etc/shop.conf:3",
                "read",
            ],
        );
    }

    #[test]
    fn assertions() {
        check(
            "javascript",
            &[
                "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n\
                 \n\
                 1 !== 2\n\
                 \n    \
                 at Object.<anonymous> (/srv/a.js:2:8)",
                "ok",
            ],
        );
    }

    #[test]
    fn browsers() {
        check(
            "javascript",
            &[
                "V8 errors stack trace   \n  eval at Foo.a (eval at Bar.z (myscript.js:10:3))\n  at new Contructor.Name (native)",
                "Error\n    at bls (<anonymous>:3:9)\n    at <anonymous>:6:4",
                "ReferenceError: x is not defined\nf@http://a.example/app.js:12:5\n@http://a.example/app.js:30:1",
                "mail to a@b.example:25",
            ],
        );
    }

    #[test]
    fn messages_of_several_lines() {
        check(
            "javascript",
            &[
                "Error: Command failed: make\n\
                 make: *** No targets.  Stop.\n\
                 \n    \
                 at ChildProcess.exithandler (node:child_process:422:12)\n    \
                 at async run (/srv/a.js:9:3)",
                "next line",
                "SequelizeDatabaseError: syntax error\n\
                 in line 1\n    \
                 at /srv/node_modules/sequelize/query.js:76:50 {\n  \
                 sql: 'x'\n\
                 }",
                "next line",
                "Error: two\nlines\nf@https://a.example/app.js:12:5\n@https://a.example/app.js:30:1",
                "next line",
                "    at noon nothing happened",
            ],
        );
    }

    #[test]
    fn an_error_without_frames_takes_nothing_with_it() {
        check("javascript", &["Error: x", "next", "Error: y", "", "next"]);
    }
}
