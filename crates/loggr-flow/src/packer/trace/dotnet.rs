//! .NET: C#, F#, Visual Basic, on .NET, the .NET Framework and Mono.

use std::sync::LazyLock;

use super::{Language, OUTSIDE, Rule, Rules};

/// After the line that names the exception.
const HEAD: u8 = 1;
const FRAMES: u8 = 2;
/// After `Unhandled Exception:` alone.
const UNHANDLED: u8 = 3;

pub(super) static LANGUAGE: Language = Language {
    name: "dotnet",
    aliases: &["csharp", "net"],
    about: ".NET exceptions",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE], r"^Unhandled [Ee]xception[:.]\s*$", UNHANDLED),
    Rule(&[OUTSIDE], r"^Unhandled [Ee]xception[:.] \S", HEAD),
    Rule(&[OUTSIDE, UNHANDLED], r"(?:Exception|Error)(?:\s*$|:| --->| \()", HEAD),
    Rule(&[HEAD, FRAMES], r"^{ws}+at \S", FRAMES),
    Rule(&[HEAD, FRAMES], r"^at [\w.`<>+\[\],]+\(", FRAMES),
    Rule(&[HEAD, FRAMES], r"^{ws}*--->", HEAD),
    Rule(&[HEAD, FRAMES], r"^{ws}*(?:--- End of |<---)", FRAMES),
    Rule(&[HEAD], r"^{ws}+\S", HEAD),
    Rule(&[FRAMES], r"^{ws}+\S", FRAMES),
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
