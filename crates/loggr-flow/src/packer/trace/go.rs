//! Go: panics, fatal errors, and the stacks of goroutines that follow them.

use std::sync::LazyLock;

use super::{END, Language, MAYBE, OUTSIDE, Rule, Rules};

/// After the line that says what happened.
const PANIC: u8 = 1;
/// After an empty line: the next goroutine may follow.
const GAP: u8 = 2 | MAYBE;
/// A function's line is next.
const FUNCTION: u8 = 3;
/// The line of its place in the source is next.
const PLACE: u8 = 4;
const REGISTERS: u8 = 5;

pub(super) static LANGUAGE: Language = Language {
    name: "go",
    aliases: &["golang"],
    about: "Go panics and goroutine dumps",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE], r"\bpanic: |http: panic serving ", PANIC),
    Rule(&[OUTSIDE, PANIC, GAP], r"^(?:fatal error: |unexpected fault address |SIG[A-Z]+: )", PANIC),
    Rule(&[OUTSIDE, PANIC, GAP, FUNCTION], r"^goroutine \d+ .*\[[^\]]+\].*:\s*$", FUNCTION),
    Rule(&[PANIC, GAP, FUNCTION], r"^runtime stack:\s*$", FUNCTION),
    Rule(&[OUTSIDE], r"^runtime: goroutine stack exceeds ", PANIC),
    Rule(&[PANIC], r"^(?:\[(?:signal|recovered|originating) |PC=|runtime: |panic: |{ws}+\S)", PANIC),
    Rule(&[FUNCTION], r"^\.\.\.", FUNCTION),
    Rule(&[FUNCTION, PLACE], r"^(?:created by \S|\[originating from goroutine )", PLACE),
    Rule(&[FUNCTION], r"^(?:[^\s:]+\(|non-Go function)", PLACE),
    Rule(&[PLACE], r"^(?:{ws}+\S|\S+\.(?:go|s|c):\d+)", FUNCTION),
    Rule(
        &[FUNCTION, GAP, REGISTERS],
        r"^(?:r\w{1,5}|[cdefgs]s|eflags|rflags|rip|pc|sp|lr|fp|fault)\s+0x",
        REGISTERS,
    ),
    Rule(&[FUNCTION, GAP, REGISTERS], r"^exit status \d+\s*$", END),
    Rule(&[PANIC, GAP, FUNCTION, REGISTERS], r"^\s*$", GAP),
];

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn a_panic_with_its_goroutines() {
        check(
            "go",
            &[
                "2026/03/01 12:00:00 listening on :8080",
                "panic: my panic\n\
                 \n\
                 goroutine 4 [running]:\n\
                 panic(0x45cb40, 0x47ad70)\n\
                 \t/usr/local/go/src/runtime/panic.go:542 +0x46c fp=0xc42003f7b8 sp=0xc42003f710 pc=0x422f7c\n\
                 main.main.func1(0xc420024120)\n\
                 \tfoo.go:6 +0x39 fp=0xc42003f7d8 sp=0xc42003f7b8 pc=0x451339\n\
                 created by main.main\n\
                 \tfoo.go:5 +0x58\n\
                 \n\
                 goroutine 1 [chan receive, 3 minutes, locked to thread]:\n\
                 main.(*Server).wait(...)\n\
                 \tfoo.go:9 +0x78\n\
                 main.main()\n\
                 \tfoo.go:19 +0x12\n\
                 exit status 2",
                "2026/03/01 12:00:01 starting again",
            ],
        );
    }

    #[test]
    fn a_signal_and_a_recovered_panic() {
        check(
            "go",
            &[
                "panic: runtime error: invalid memory address or nil pointer dereference [recovered]\n\
                 \tpanic: again\n\
                 [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x7fd34f]\n\
                 \n\
                 goroutine 5 gp=0xc000002380 m=0 mp=0x5a1c20 [running]:\n\
                 panics.nilPtrDereference()\n\
                 \tpanics.go:33 +0x1f\n\
                 main.F[...](0x1, {0x2, 0x3})\n\
                 \tmain.go:9\n\
                 created by net/http.(*Server).Serve in goroutine 1\n\
                 \t/usr/local/go/src/net/http/server.go:3086 +0x5cb",
                "done",
            ],
        );
    }

    #[test]
    fn a_server_that_lives_on() {
        check(
            "go",
            &[
                "2026/01/15 07:48:05 http: panic serving [::1]:54143: test panic\n\
                 goroutine 24 [running]:\n\
                 net/http.(*conn).serve.func1(0xc00007eaa0)\n\
                 \t/usr/local/go/src/net/http/server.go:1746 +0xd0\n\
                 panic(0x12472a0, 0x12ece10)\n\
                 \t/usr/local/go/src/runtime/panic.go:513 +0x1b9",
                "2026/01/15 07:48:06 GET / 200",
            ],
        );
    }

    #[test]
    fn fatal_errors_and_dumps() {
        check(
            "go",
            &[
                "runtime: goroutine stack exceeds 1000000000-byte limit\n\
                 runtime: sp=0xc0200e0390 stack=[0xc0200e0000, 0xc0400e0000]\n\
                 fatal error: stack overflow\n\
                 \n\
                 runtime stack:\n\
                 runtime.throw({0x46f3c8?, 0x4b1c40?})\n\
                 \t/usr/local/go/src/runtime/panic.go:1077 +0x5c\n\
                 \n\
                 goroutine 1 [running]:\n\
                 main.f(0x0?)\n\
                 \t/tmp/a.go:3 +0x26\n\
                 ...additional frames elided...\n\
                 created by main.main\n\
                 \t/tmp/a.go:9 +0x1",
                "",
                "ok",
                "SIGQUIT: quit\n\
                 PC=0x4640c1 m=0 sigcode=0\n\
                 \n\
                 goroutine 0 [idle]:\n\
                 runtime.futex()\n\
                 \t/usr/local/go/src/runtime/sys_linux_amd64.s:557 +0x21\n\
                 \n\
                 rax    0xca\n\
                 rflags 0x286\n\
                 cs     0x33",
                "fatal error: all goroutines are asleep - deadlock!\n\
                 \n\
                 goroutine 1 [chan receive]:\n\
                 main.main()\n\
                 \t/tmp/a.go:5 +0x2e",
            ],
        );
    }

    #[test]
    fn a_panic_alone_takes_nothing_with_it() {
        check("go", &["don't panic: all is well", "next", "panic: x", "", "next"]);
    }
}
