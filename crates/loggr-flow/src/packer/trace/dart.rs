//! Dart and Flutter: what the virtual machine prints of an error that nobody caught, the reports
//! of Flutter, and the short frames of the package `stack_trace`.

use std::sync::LazyLock;

use super::{ANY, END, FRAME, LINE, Language, MAYBE, NONE, OUTSIDE, Rule, Rules};

/// After the line that names the error.
const HEAD: u8 = 1;
const FRAMES: u8 = 2 | FRAME;
/// After `Unhandled exception:` alone.
const UNHANDLED: u8 = 3;
/// After further lines of the message.
const MESSAGE: u8 = 4 | ANY;
/// Within a report of Flutter, which has an end of its own.
const REPORT: u8 = 5 | FRAME;
/// After an empty line behind the frames.
const GAP: u8 = 6 | MAYBE;

pub(super) static LANGUAGE: Language = Language {
    name: "dart",
    aliases: &["flutter"],
    about: "Dart and Flutter errors",
    rules: LazyLock::new(|| Rules::new(RULES)),
};

const RULES: &[Rule] = &[
    Rule(&[OUTSIDE], r"^[═=]{2,}.* EXCEPTION CAUGHT BY ", REPORT),
    Rule(&[REPORT], r"^[═=]{20,}\s*$", END),
    Rule(&[REPORT], LINE, REPORT),
    Rule(&[OUTSIDE], r"Unhandled [Ee]xception:\s*$", UNHANDLED),
    Rule(&[OUTSIDE], r"Unhandled [Ee]xception: \S", HEAD),
    Rule(&[UNHANDLED], r"\S", HEAD),
    Rule(&[OUTSIDE], r"(?:Exception|Error)(?:\s*$|:| \()|Failed assertion: ", HEAD),
    Rule(&[HEAD, FRAMES, MESSAGE, GAP], r"^{ws}*#\d+{ws}+\S.* \(\S+\)\s*$", FRAMES),
    Rule(&[HEAD, FRAMES, MESSAGE], r"^{ws}*(?:package|dart|file):\S+(?: \d+(?::\d+)?)?  +\S", FRAMES),
    Rule(&[FRAMES], r"^{ws}*(?:<asynchronous suspension>|\(elided |\.\.\.|=+ asynchronous gap =+)", FRAMES),
    Rule(&[HEAD], r"^{ws}+\S", HEAD),
    Rule(&[FRAMES], r"^\s*$", GAP),
    Rule(&[HEAD, MESSAGE], "{record}", NONE),
    Rule(&[HEAD, MESSAGE], LINE, MESSAGE),
];

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn what_nobody_caught() {
        check(
            "dart",
            &[
                "listening on 8080",
                "Unhandled exception:\n\
                 FormatException: Invalid radix-10 number (at character 1)\n\
                 abc\n\
                 ^\n\
                 \n\
                 #0      int._handleFormatError (dart:core-patch/integers_patch.dart:126:5)\n\
                 #1      main (file:///srv/a.dart:3:3)\n\
                 <asynchronous suspension>\n\
                 #2      _startIsolate.<anonymous closure> (dart:isolate-patch/isolate_patch.dart:294:33)",
                "next line",
                "[ERROR:flutter/runtime/dart_vm_initializer.cc(41)] Unhandled Exception: Exception: no\n\
                 #0      Cart.add (package:shop/cart.dart:17:5)",
                "next line",
                "Unhandled exception:\nNull check operator used on a null value\n#0      main (file:///srv/a.dart:3:3)",
                "",
                "next line",
            ],
        );
    }

    #[test]
    fn messages_of_several_lines() {
        check(
            "dart",
            &[
                "NoSuchMethodError: The getter 'length' was called on null.\n\
                 Receiver: null\n\
                 Tried calling: length\n\
                 #0      Object.noSuchMethod (dart:core-patch/object_patch.dart:38:5)\n\
                 #1      main (file:///srv/a.dart:3:3)",
                "next line",
                "StateError: alone",
                "next line",
                "#5 is open",
            ],
        );
    }

    #[test]
    fn short_frames_and_reports_of_flutter() {
        check(
            "dart",
            &[
                "Bad state: no",
                "FormatException: no\n\
                 dart:core                   int.parse\n\
                 package:shop/cart.dart 17:5  Cart.add\n\
                 ===== asynchronous gap ===========================\n\
                 package:shop/main.dart 3:3   main",
                "next line",
                "══╡ EXCEPTION CAUGHT BY WIDGETS LIBRARY ╞══════════════════════════\n\
                 The following assertion was thrown building Cart(dirty):\n\
                 no Material widget found.\n\
                 \n\
                 When the exception was thrown, this was the stack:\n\
                 #0      debugCheck (package:flutter/debug.dart:26:7)\n\
                 (elided 5 frames from class _RawReceivePort)\n\
                 ════════════════════════════════════════════════════════════════════",
                "next line",
            ],
        );
    }
}
