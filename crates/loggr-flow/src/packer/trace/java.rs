//! Java, Kotlin, Scala, Groovy, Clojure: what the JVM prints of a `Throwable`.

use std::sync::LazyLock;

use super::{ANY, FRAME, LINE, Language, MAYBE, NONE, OUTSIDE, Rule, Rules};

/// After the line that names the exception.
const HEAD: u8 = 1;
const FRAMES: u8 = 2 | FRAME;
/// After `nested exception is:`, before the exception itself.
const NESTED: u8 = 3;
/// After an empty line behind the head.
const GAP: u8 = 4 | MAYBE;
/// After further lines of the message.
const MESSAGE: u8 = 5 | ANY;

pub(super) static LANGUAGE: Language = Language {
    name: "java",
    aliases: &[],
    about: "Java and what else runs on the JVM",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE, NESTED], r"(?:Exception|Error|Throwable)(?:\s*$|:)", HEAD),
    Rule(&[OUTSIDE], r"^Exception in thread \S", HEAD),
    // A class of another name, with its package.
    Rule(&[OUTSIDE, NESTED], r"^(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?::|\s*$)", HEAD),
    Rule(&[HEAD, MESSAGE], r"^{ws}*nested exception is:", NESTED),
    Rule(&[HEAD, FRAMES, GAP], r"^{ws}+(?:eval )?at \S", FRAMES),
    // The same where somebody took the white space away.
    Rule(&[HEAD, FRAMES, GAP, MESSAGE], r"^at [\w$.<>/@-]+\(", FRAMES),
    // Behind other lines it has to be one for certain.
    Rule(&[MESSAGE], r"^{ws}+at \S[^()]*\([^()]*\)", FRAMES),
    Rule(&[HEAD, FRAMES, GAP, MESSAGE], r"^{ws}*(?:Caused by|Suppressed|Wrapped by):", HEAD),
    Rule(
        &[HEAD, FRAMES, GAP, MESSAGE],
        r"^{ws}*\.\.\. \d+ (?:more|common frames omitted|frames? (?:omitted|truncated)|elided)",
        FRAMES,
    ),
    Rule(&[HEAD, FRAMES, GAP, MESSAGE], r"^{ws}*\[CIRCULAR REFERENCE", FRAMES),
    Rule(&[FRAMES], r"^{ws}*--- End of ", FRAMES),
    Rule(&[HEAD], r"^{ws}+\S", HEAD),
    Rule(&[FRAMES], r"^{ws}+\S", FRAMES),
    Rule(&[HEAD, GAP], r"^\s*$", GAP),
    Rule(&[HEAD, GAP, MESSAGE], "{record}", NONE),
    Rule(&[HEAD, GAP, MESSAGE], LINE, MESSAGE),
];

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn traces_between_ordinary_lines() {
        check(
            "java",
            &[
                "2026-03-01 12:00:00,123 INFO  [main] c.e.shop.App - started in 2.3 s",
                "2026-03-01 12:00:01,004 ERROR [http-1] c.e.shop.Cart - request failed",
                "java.lang.IllegalStateException: cart 17 is closed\n\
                 \tat com.example.shop.Cart.add(Cart.java:81)\n\
                 \tat com.example.shop.CartController.post(CartController.java:33)\n\
                 \tat java.base/java.lang.Thread.run(Thread.java:1583)",
                "2026-03-01 12:00:02,000 INFO  [http-2] c.e.shop.Cart - cart 18 opened",
                "Exception in thread \"main\" java.lang.NullPointerException\n\
                 \tat Main.main(Main.java:3)",
                "bye",
            ],
        );
    }

    #[test]
    fn causes_and_suppressed_exceptions_belong_to_it() {
        check(
            "java",
            &[
                "order 9 taken",
                "javax.servlet.ServletException: Something bad happened\n\
                 \tat com.example.Filter.doFilter(Filter.java:60)\n\
                 \tat org.mortbay.jetty.Server.handle(Server.java:326)\n\
                 \tSuppressed: java.io.IOException: close failed\n\
                 \t\tat com.example.Pool.close(Pool.java:9)\n\
                 \t\t... 3 more\n\
                 Caused by: com.example.DatabaseException: insert failed\n\
                 \tat com.example.Dao.insert(Dao.java:12)\n\
                 \t... 27 more\n\
                 Caused by: java.sql.SQLException: Violation of unique constraint MY_KEY: duplicate value(s)\n\
                 \tat org.hsqldb.jdbc.Util.throwError(Unknown Source)\n\
                 \t... 54 common frames omitted\n\
                 \t[CIRCULAR REFERENCE: java.io.IOException]",
                "order 10 taken",
            ],
        );
    }

    #[test]
    fn two_traces_in_a_row_are_two_events() {
        let trace = "com.example.BrokenPromise: late\n\tat com.example.A.b(A.java:1)";
        check("java", &[trace, trace, "java.lang.OutOfMemoryError: Java heap space", "next"]);
    }

    #[test]
    fn nested_exceptions_of_mail() {
        check(
            "java",
            &[
                "java.lang.RuntimeException: javax.mail.SendFailedException: Invalid Addresses;\n  \
                 nested exception is:\n\
                 com.sun.mail.smtp.SMTPAddressFailedException: 550 5.7.1 <a@b.example>... Relaying denied\n\
                 \n\
                 \tat com.example.Mail.send(Mail.java:236)\n\
                 Caused by: javax.mail.SendFailedException: Invalid Addresses;\n  \
                 nested exception is:\n\
                 com.sun.mail.smtp.SMTPAddressFailedException: 550 5.7.1 <a@b.example>... Relaying denied\n\
                 \n\
                 \tat com.sun.mail.smtp.SMTPTransport.rcptTo(SMTPTransport.java:1294)\n\
                 \t... 12 more",
                "sent",
            ],
        );
    }

    #[test]
    fn white_space_that_others_changed() {
        check(
            "java",
            &[
                "java.lang.Error: a\nat com.example.A.b(A.java:1)\nat com.example.A.<init>(A.java:2)",
                "java.lang.Error: b\n#011at com.example.A.b(A.java:1)\n#011... 2 more",
                "at noon nothing happened",
            ],
        );
    }

    #[test]
    fn messages_of_several_lines() {
        check(
            "java",
            &[
                "java.sql.SQLException: Failed to parse query; SQL statement:\n\
                 failing10 [42001-197]\n\
                 \tat org.example.jdbc.Conn.send(Conn.java:1009)\n\
                 \tat org.example.jdbc.Stmt.execute0(Stmt.java:234)",
                "next line",
                "org.springframework.dao.DataAccessException: PreparedStatementCallback; bad SQL [\n\
                 select *\n  \
                 from cart\n\
                 \n\
                 where at = ?\n\
                 ]; nested\n\
                 \tat com.example.Dao.find(Dao.java:12) ~[app.jar:1.0]\n\
                 \t... 5 frames truncated\n\
                 Caused by: org.postgresql.util.PSQLException: ERROR: syntax error\n  \
                 Position: 15\n\
                 Hint: read it again\n\
                 \tat org.postgresql.core.v3.Query.run(Query.java:2)\n\
                 \t... 8 more",
                "next line",
                "Exception in thread \"main\" kotlin.KotlinNullPointerException\n\
                 the second line\n\
                 \tat com.example.MainKt$main$1.invoke-IoAF18A(Main.kt)\n\
                 \tat com.example.MyTest.a name with blanks(MyTest.kt:3)\n\
                 \tSuppressed: java.lang.Exception: two\n\
                 lines\n\
                 \t\tat com.example.MainKt.close(Main.kt:7)",
                "next line",
            ],
        );
    }

    #[test]
    fn frames_belong_to_the_last_head_and_records_of_the_log_to_none() {
        check(
            "java",
            &[
                "some Error: no trace follows",
                "a line",
                "another Error: with a trace\n\tat com.example.A.b(A.java:1)",
                "java.lang.IllegalStateException: alone",
                "2026-03-01 12:00:00,123 INFO  [main] c.e.App - started",
                "\tat noon (nothing) happened(here)",
                "java.lang.IllegalStateException: alone",
                "a line",
                "\tat noon nothing happened",
                "a line",
            ],
        );
    }

    #[test]
    fn a_lone_error_and_an_empty_line_stay_what_they_are() {
        check("java", &["some Error: no trace follows", "", "next", "", "ErrorCode 5", "\tindented"]);
    }
}
