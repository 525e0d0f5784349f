//! .NET: C#, F#, Visual Basic, on .NET, the .NET Framework and Mono.

use std::sync::LazyLock;

use super::{ANY, FRAME, LINE, Language, NONE, OUTSIDE, Rule, Rules};

/// After the line that names the exception.
const HEAD: u8 = 1;
const FRAMES: u8 = 2 | FRAME;
/// After `Unhandled Exception:` alone.
const UNHANDLED: u8 = 3;
/// After further lines of the message.
const MESSAGE: u8 = 4 | ANY;

pub(super) static LANGUAGE: Language = Language {
    name: "dotnet",
    aliases: &["csharp", "net"],
    about: ".NET exceptions",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE], r"^Unhandled [Ee]xception[:.]\s*$", UNHANDLED),
    Rule(&[OUTSIDE], r"^Unhandled [Ee]xception[:.] \S", HEAD),
    // What the console's logger writes before an exception.
    Rule(&[OUTSIDE], r"^(?:warn|fail|crit): [\w.`+]+\[\d+\]\s*$", HEAD),
    Rule(&[OUTSIDE, UNHANDLED], r"(?:Exception|Error)(?:\s*$|:| --->| :| \()", HEAD),
    Rule(&[HEAD, FRAMES], r"^{ws}+at \S", FRAMES),
    Rule(&[HEAD, FRAMES], r"^at [\w.`<>+\[\],]+\(", FRAMES),
    // Behind other lines it has to be one for certain. The word is that of the language in
    // which the framework speaks: `at`, `bei`, `en`, `à`, `в`, `場所`, `위치:`.
    Rule(
        &[MESSAGE],
        r"^{ws}+(?:\p{L}{1,12}:?|a következő helyen:) [\p{L}\w`<>$\[\],|&*@+.-]+\.[^\s(]+ ?\(.*\)",
        FRAMES,
    ),
    Rule(&[HEAD, FRAMES, MESSAGE], r"^{ws}*--->", HEAD),
    Rule(&[HEAD, FRAMES, MESSAGE], r"^{ws}*(?:--- End of |<---)", FRAMES),
    Rule(&[FRAMES], r"^{ws}*--- .+ ---\s*$", FRAMES),
    Rule(&[HEAD], r"^{ws}+\S", HEAD),
    Rule(&[FRAMES], r"^{ws}+\S", FRAMES),
    Rule(&[HEAD, MESSAGE], "{record}", NONE),
    Rule(&[HEAD, MESSAGE], LINE, MESSAGE),
];

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn exceptions_between_ordinary_lines() {
        check(
            "dotnet",
            &[
                "info: Microsoft.Hosting.Lifetime[14] Now listening on: http://localhost:5000",
                "System.Collections.Generic.KeyNotFoundException: The given key was not present in the dictionary.\n  \
                 at System.Collections.Generic.Dictionary`2[System.String,System.Object].get_Item (System.String key) [0x0001e] in /src/dictionary.cs:112 \n  \
                 at Shop.Cart.Add (System.Int32 number) [0x00007] in <a1b2>:0",
                "info: next",
                "Unhandled exception. System.InvalidOperationException: outer\n \
                 ---> System.ArgumentException: inner (Parameter 'x')\n   \
                 at Program.Inner() in /src/Program.cs:line 9\n   \
                 --- End of inner exception stack trace ---\n   \
                 at Program.<Main>$(String[] args) in /src/Program.cs:line 3",
                "info: done",
            ],
        );
    }

    #[test]
    fn across_an_await() {
        check(
            "dotnet",
            &[
                "System.AggregateException: One or more errors occurred. (no)\n \
                 ---> System.Exception: no\n   \
                 at A.B() in C:\\src\\a.cs:line 36\n\
                 --- End of stack trace from previous location ---\n   \
                 at A.C() in C:\\src\\a.cs:line 40\n   \
                 --- End of inner exception stack trace ---\n\
                 ---> (Inner Exception #1) System.Exception: too\n   \
                 at A.D()<---",
                "ok",
            ],
        );
    }

    #[test]
    fn messages_of_several_lines() {
        check(
            "dotnet",
            &[
                "System.ArgumentNullException: Value cannot be null.\n\
                 Parameter name: source\n   \
                 at System.Linq.Enumerable.Any[T](IEnumerable`1 source)\n   \
                 at Shop.A.B() in /src/A.cs:line 3",
                "next line",
                "fail: Microsoft.AspNetCore.Server.Kestrel[13]\n      \
                 An unhandled exception was thrown.\n      \
                 System.Exception: no\n         \
                 at Shop.A.B() in /src/A.cs:line 3",
                "info: Shop[0]",
                "      next line",
                "System.TimeoutException: alone",
                "a line",
                "   at noon nothing happened",
            ],
        );
    }

    #[test]
    fn frames_in_other_languages() {
        for (word, line, inner) in [
            ("bei", "Zeile", "--- Ende der internen Ausnahmestapelüberwachung ---"),
            ("à", "ligne", "--- Fin de la trace de la pile d'exception interne ---"),
            ("en", "línea", "--- Fin del seguimiento de la pila de la excepción interna ---"),
            ("в", "строка", "--- Конец трассировки внутреннего стека исключений ---"),
            ("場所", "行", "--- 内部例外スタック トレースの終わり ---"),
            ("위치:", "줄", "--- 내부 예외 스택 추적의 끝 ---"),
        ] {
            let trace = format!(
                "System.InvalidOperationException: Vorgang ist ungültig.\nParametername: x\n   \
                 {word} Shop.A.B() in c:\\src\\A.cs:{line} 3.\n   {inner}\n   {word} Shop.A.C(String x)"
            );
            check("dotnet", &[&trace, "next line"]);
        }
    }

    #[test]
    fn mono_says_it_first() {
        check(
            "dotnet",
            &[
                "Unhandled Exception:\nSystem.DivideByZeroException: Attempted to divide by zero.\n  at A.Main () [0x0] in <0>:0",
                "ok",
                "System.Exception: no frames",
                "next",
            ],
        );
    }
}
