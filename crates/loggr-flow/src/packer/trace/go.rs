//! Go: panics, fatal errors, and the stacks of goroutines that follow them.

use std::sync::LazyLock;

use super::{ANY, END, FRAME, LINE, Language, MAYBE, NONE, OUTSIDE, Rule, Rules};

/// After the line that says what happened.
const PANIC: u8 = 1;
/// After an empty line: the next goroutine may follow.
const GAP: u8 = 2 | MAYBE;
/// A function's line is next.
const FUNCTION: u8 = 3 | FRAME;
/// The line of its place in the source is next.
const PLACE: u8 = 4 | FRAME;
const REGISTERS: u8 = 5 | FRAME;
/// After further lines of what happened.
const MESSAGE: u8 = 6 | ANY;
/// After a record of zap, which may have a stack.
const ZAP: u8 = 7;
/// After the name of a function in it.
const ZAP_FUNCTION: u8 = 8 | MAYBE;

pub(super) static LANGUAGE: Language = Language {
    name: "go",
    aliases: &["golang"],
    about: "Go panics and goroutine dumps, stacks of zap",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE], r"\bpanic: |http: panic serving ", PANIC),
    Rule(&[OUTSIDE, PANIC, GAP], r"^(?:fatal error: |unexpected fault address |SIG[A-Z]+: )", PANIC),
    Rule(&[OUTSIDE, PANIC, GAP, FUNCTION, MESSAGE], r"^goroutine \d+ .*\[[^\]]+\].*:\s*$", FUNCTION),
    Rule(&[PANIC, GAP, FUNCTION, MESSAGE], r"^runtime stack:\s*$", FUNCTION),
    Rule(&[OUTSIDE], r"^runtime: goroutine stack exceeds ", PANIC),
    Rule(&[PANIC, MESSAGE], r"^\[signal SIG", PANIC),
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
    Rule(&[PANIC, MESSAGE], "{record}", NONE),
    Rule(&[PANIC, MESSAGE], LINE, MESSAGE),
    // A line of zap with a stack below it: `main.run`, then its place. The severity may have a
    // colour.
    Rule(
        &[OUTSIDE],
        r"(?:\t|#011)(?:\x1b\[\d+m|#033\[\d+m)?(?i:warn|error|dpanic|panic|fatal)(?:\x1b\[0m|#033\[0m)?(?:\t|#011)",
        ZAP,
    ),
    Rule(&[ZAP], r"^[\w~@/%-][\w.~@/%-]*\.[\w.()*\[\]]+\s*$", ZAP_FUNCTION),
    Rule(&[ZAP_FUNCTION], r"^{ws}+\S+\.(?:go|s):\d+\s*$", ZAP),
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
    fn messages_of_several_lines() {
        check(
            "go",
            &[
                "panic: could not start:\n\
                 - no address\n\
                 \n\
                 - no port\n\
                 \n\
                 goroutine 1 [running]:\n\
                 main.main()\n\
                 \t/srv/main.go:3 +0x1",
                "next line",
                "panic: alone",
                "2026/03/01 12:00:00 listening",
            ],
        );
    }

    #[test]
    fn stacks_of_zap() {
        check(
            "go",
            &[
                "2026-03-01T12:00:00Z\tERROR\tapp/main.go:9\tfailed\t{\"error\": \"x\"}\n\
                 main.run\n\
                 \t/app/main.go:9\n\
                 main.main\n\
                 \t/app/main.go:20",
                "next line",
                "2026-03-01T12:00:00Z\t\u{1b}[31mERROR\u{1b}[0m\tReconciler error\t{\"controller\": \"pod\"}\n\
                 sigs.k8s.io/controller-runtime/pkg/internal/controller.(*Controller[...]).reconcileHandler\n\
                 \t/go/pkg/mod/sigs.k8s.io/controller-runtime@v0.19.0/pkg/internal/controller/controller.go:316\n\
                 k8s.io/apimachinery/pkg/util/wait.JitterUntil.func1\n\
                 \t/go/pkg/mod/k8s.io/apimachinery@v0.31.0/pkg/util/wait/backoff.go:226",
                "2026-03-01T12:00:01Z\tERROR\tno stack",
                "2026-03-01T12:00:01Z\tINFO\tmain.run",
                "2026-03-01T12:00:01Z\tERROR\tno stack",
                "main.run",
                "next line",
            ],
        );
    }

    #[test]
    fn a_panic_alone_takes_nothing_with_it() {
        check("go", &["don't panic: all is well", "next", "panic: x", "", "next"]);
    }
}
