//! Mistakes in the writing, as the operator sees them: syntax, words, shapes, types.

use super::*;

#[test]
fn syntax() {
    check(
        "a = \n[b",
        r#"
loggr.toml:1:5: string values must be quoted, expected literal string
  |
1 | a =
  |     ^

loggr.toml:2:3: unclosed table, expected `]`
  |
2 | [b
  |   ^
"#,
    );
    check(
        r#"[log]
level = "info"
level = "warn""#,
        r#"
loggr.toml:3:1: `level` is given twice
  |
3 | level = "warn"
  | ^^^^^
"#,
    );
    check(
        r#"x = "\q""#,
        r#"
loggr.toml:1:7: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
  |
1 | x = "\q"
  |       ^
"#,
    );
    check(
        "[log]\n[log]",
        r#"
loggr.toml:2:2: `log` is given twice
  |
2 | [log]
  |  ^^^
"#,
    );
}

#[test]
fn unknown_words() {
    check(
        "[lisener]",
        r#"
loggr.toml:1:2: unknown section `lisener`
  |
1 | [lisener]
  |  ^^^^^^^ did you mean `listener`?
"#,
    );
    check(
        "[wherever]",
        r#"
loggr.toml:1:2: unknown section `wherever`
  |
1 | [wherever]
  |  ^^^^^^^^ see `loggr config` for all sections
"#,
    );
    check(
        r#"level = "info""#,
        r#"
loggr.toml:1:1: unknown key `level`
  |
1 | level = "info"
  | ^^^^^ it belongs in `[log]`
"#,
    );
    check(
        "anything = 1",
        r#"
loggr.toml:1:1: unknown key `anything`
  |
1 | anything = 1
  | ^^^^^^^^ see `loggr config` for all sections
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
lisen = ":1""#,
        r#"
loggr.toml:3:1: unknown key `lisen` in `[[listener]]`
  |
3 | lisen = ":1"
  | ^^^^^ did you mean `listen`?
"#,
    );
    check(
        "[log]\ncolour = true",
        r#"
loggr.toml:2:1: unknown key `colour` in `[log]`
  |
2 | colour = true
  | ^^^^^^ one of `level`, `format`, `security`
"#,
    );
    check(
        r#"[log]
level = "inof""#,
        r#"
loggr.toml:2:9: `inof` is not a valid `level`
  |
2 | level = "inof"
  |         ^^^^^^ did you mean `info`?
"#,
    );
    check(
        r#"[log]
format = "xml""#,
        r#"
loggr.toml:2:10: `xml` is not a valid `format`
  |
2 | format = "xml"
  |          ^^^^^ one of `text`, `json`
"#,
    );
    check(
        r#"[ship.a]
kind = "file""#,
        r#"
loggr.toml:2:8: `file` is not a valid `kind`
  |
2 | kind = "file"
  |        ^^^^^^ did you mean `files`?
"#,
    );
    check(
        r#"[[listener]]
protocol = "tls""#,
        r#"
loggr.toml:2:12: `tls` is not a valid `protocol`
  |
2 | protocol = "tls"
  |            ^^^^^ one of `tcp`, `relp`, `http`, `udp`, `unix-dgram`, `unix-stream`, `file`, `journal`, `kernel`
"#,
    );
}

#[test]
fn shapes() {
    check(
        r#"[listener]
name = "a""#,
        r#"
loggr.toml:1:2: `listener` is a section that a file may have several times, each with a header of its own
  |
1 | [listener]
  |  ^^^^^^^^ write `[[listener]]`
"#,
    );
    check(
        r#"[machine]
exchange = "a""#,
        r#"
loggr.toml:2:1: `exchange` is in `[machine]`, which has no keys of its own
  |
2 | exchange = "a"
  | ^^^^^^^^ write `[machine.NAME]`
"#,
    );
    check(
        r#"[[ship]]
kind = "files""#,
        r#"
loggr.toml:1:3: `ship` is a section that a file may have several times, each with a header of its own
  |
1 | [[ship]]
  |   ^^^^ write `[ship.NAME]`
"#,
    );
    check(
        r#"web = "127.0.0.1:80""#,
        r#"
loggr.toml:1:1: `web` is a section
  |
1 | web = "127.0.0.1:80"
  | ^^^ write `[web]`
"#,
    );
    check(
        "log = 1",
        r#"
loggr.toml:1:1: `log` is a section
  |
1 | log = 1
  | ^^^ write `[log]`
"#,
    );
    check(
        r#"listener = ["a"]"#,
        r#"
loggr.toml:1:13: an entry of `listener` is not a table
  |
1 | listener = ["a"]
  |             ^^^ write `[[listener]]`
"#,
    );
    check(
        r#"[[bus]]
kind = "embedded""#,
        r#"
loggr.toml:1:3: `bus` is a section
  |
1 | [[bus]]
  |   ^^^ write `[bus]`
"#,
    );
}

#[test]
fn wrong_types() {
    check(
        "[process]\ndrain_timeout = 10",
        r#"
loggr.toml:2:17: `10` has no unit; the units are `ms`, `s`, `m`, `h`, `d`, `w`
  |
2 | drain_timeout = 10
  |                 ^^ write `"10s"` for seconds
"#,
    );
    check(
        "[process]\ndrain_timeout = true",
        r#"
loggr.toml:2:17: `true` or `false` stands where a duration such as `"10s"` is expected
  |
2 | drain_timeout = true
  |                 ^^^^
"#,
    );
    check(
        "[bus]\nmax_size = 1.5",
        r#"
loggr.toml:2:12: a number with a fraction stands where a size such as `"64KiB"` is expected
  |
2 | max_size = 1.5
  |            ^^^
"#,
    );
    check(
        r#"[web]
enabled = "yes""#,
        r#"
loggr.toml:2:11: a string stands where `true` or `false` is expected
  |
2 | enabled = "yes"
  |           ^^^^^
"#,
    );
    check(
        "[web]\nlisten = 8080",
        r#"
loggr.toml:2:10: a number stands where an address such as `"127.0.0.1:1514"` or a list of them is expected
  |
2 | listen = 8080
  |          ^^^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
allow = "10.0.0.0/8""#,
        r#"
loggr.toml:3:9: a string stands where a list of networks is expected
  |
3 | allow = "10.0.0.0/8"
  |         ^^^^^^^^^^^^ put it between `[` and `]`
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
max_connections = "many""#,
        r#"
loggr.toml:3:19: a string stands where a number is expected
  |
3 | max_connections = "many"
  |                   ^^^^^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
listen = ["127.0.0.1:1", 2]"#,
        r#"
loggr.toml:3:26: a number stands where a string is expected
  |
3 | listen = ["127.0.0.1:1", 2]
  |                          ^
"#,
    );
    check(
        "[log]\nlevel = []",
        r#"
loggr.toml:2:9: a list stands where a string is expected
  |
2 | level = []
  |         ^^
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
file_mode = 640"#,
        r#"
loggr.toml:3:13: a number stands where octal permission bits such as `"0640"` or `0o640` is expected
  |
3 | file_mode = 640
  |             ^^^
"#,
    );
    check(
        "[data]\ndirectory = 1979-05-27",
        r#"
loggr.toml:2:13: a date stands where a string is expected
  |
2 | directory = 1979-05-27
  |             ^^^^^^^^^^
"#,
    );
}
