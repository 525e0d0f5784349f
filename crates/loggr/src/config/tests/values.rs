//! Values that cannot be, as the operator sees them: out of range, no names, no templates.

use super::*;

#[test]
fn bad_values() {
    check(
        r#"[[listener]]
protocol = "tcp"
max_message_size = "8MiB""#,
        r#"
loggr.toml:3:20: `window_size` holds less than one event of `max_message_size`
  |
3 | max_message_size = "8MiB"
  |                    ^^^^^^ raise `window_size` or lower `max_message_size`
"#,
    );
    check(
        r#"[process]
drain_timeout = "10 sec""#,
        r#"
loggr.toml:2:17: `sec` is not a unit of time; the units are `ms`, `s`, `m`, `h`, `d`, `w`
  |
2 | drain_timeout = "10 sec"
  |                 ^^^^^^^^
"#,
    );
    check(
        r#"[process]
drain_timeout = "2h""#,
        r#"
loggr.toml:2:17: 2h is not between 0s and 1h
  |
2 | drain_timeout = "2h"
  |                 ^^^^
"#,
    );
    check(
        r#"[bus]
max_size = "20 gigs""#,
        r#"
loggr.toml:2:12: `gigs` is not a unit of size; the units are `B`, `KB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`
  |
2 | max_size = "20 gigs"
  |            ^^^^^^^^^
"#,
    );
    check(
        r#"[bus]
segment_size = "1KiB""#,
        r#"
loggr.toml:2:16: 1KiB is not between 1MiB and 1GiB
  |
2 | segment_size = "1KiB"
  |                ^^^^^^
"#,
    );
    check(
        r#"[bus]
max_size = "100MiB""#,
        r#"
loggr.toml:2:12: `max_size` holds less than two segments
  |
2 | max_size = "100MiB"
  |            ^^^^^^^^ lower `segment_size` or raise `max_size`
"#,
    );
    check(
        "[bus]\nmax_size = -5",
        r#"
loggr.toml:2:12: -5 is not between 2MiB and 1024TiB
  |
2 | max_size = -5
  |            ^^
"#,
    );
    check(
        r#"[web]
listen = "8080""#,
        r#"
loggr.toml:2:10: `8080` has no host, write `127.0.0.1:8080`, or `:8080` for all addresses
  |
2 | listen = "8080"
  |          ^^^^^^
"#,
    );
    check(
        "[web]\nlisten = []",
        r#"
loggr.toml:2:10: the list is empty
  |
2 | listen = []
  |          ^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
timezone = "Europe/Belrin""#,
        r#"
loggr.toml:3:12: `Europe/Belrin` is not a time zone
  |
3 | timezone = "Europe/Belrin"
  |            ^^^^^^^^^^^^^^^ did you mean `Europe/Berlin`?
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
timezone = "Mars""#,
        r#"
loggr.toml:3:12: `Mars` is not a time zone
  |
3 | timezone = "Mars"
  |            ^^^^^^ a name such as `Europe/Berlin`, or `local`
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
allow = ["10.0.0.1/8", "::1"]"#,
        r#"
loggr.toml:3:10: `10.0.0.1/8` has bits behind its prefix
  |
3 | allow = ["10.0.0.1/8", "::1"]
  |          ^^^^^^^^^^^^ write `10.0.0.0/8` for the network, `10.0.0.1` for the address
"#,
    );
    check(
        r#"[[listener]]
protocol = "udp"
max_message_size = "9MiB""#,
        r#"
loggr.toml:3:20: 9MiB is not between 480B and 8MiB
  |
3 | max_message_size = "9MiB"
  |                    ^^^^^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
max_connections = 0"#,
        r#"
loggr.toml:3:19: 0 is not between 1 and 1000000
  |
3 | max_connections = 0
  |                   ^
"#,
    );
    check(
        r#"[[listener]]
protocol = "unix-dgram"
socket_mode = "888""#,
        r#"
loggr.toml:3:15: `888` is not octal permission bits such as `"0640"` or `0o640`, at most `0777`
  |
3 | socket_mode = "888"
  |               ^^^^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "unix-dgram"
socket_mode = "1777""#,
        r#"
loggr.toml:3:15: `1777` is not octal permission bits such as `"0640"` or `0o640`, at most `0777`
  |
3 | socket_mode = "1777"
  |               ^^^^^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "unix-dgram"
listen = """#,
        r#"
loggr.toml:3:10: `` is not a path
  |
3 | listen = ""
  |          ^^
"#,
    );
    check(
        r#"[data]
directory = "~/logs""#,
        r#"
loggr.toml:2:13: `~/logs`: loggr does not know what `~` stands for
  |
2 | directory = "~/logs"
  |             ^^^^^^^^ write the whole path
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
listen = "10.0.0.1:514"
localhost_only = true"#,
        r#"
loggr.toml:3:10: `10.0.0.1:514` is not this host alone, but `localhost_only` is `true`
  |
3 | listen = "10.0.0.1:514"
  |          ^^^^^^^^^^^^^^ `127.0.0.1` and `[::1]` are
"#,
    );
    check(
        r#"[[listener]]
protocol = "unix-dgram"
trust = ["10.0.0.0/8"]"#,
        r#"
loggr.toml:3:9: peers of a unix socket have no address
  |
3 | trust = ["10.0.0.0/8"]
  |         ^^^^^^^^^^^^^^ `true` or `false`
"#,
    );
    check(
        r#"[machine.a]
binding = "syslog*""#,
        r#"
loggr.toml:2:11: key `syslog*`: `*` and `#` stand for whole words between dots
  |
2 | binding = "syslog*"
  |           ^^^^^^^^^
"#,
    );
    check(
        r#"[machine.a]
binding = """#,
        r#"
loggr.toml:2:11: the binding key is empty and matches no event
  |
2 | binding = ""
  |           ^^ `#` takes everything
"#,
    );
    check(
        r#"[ship.a]
kind = "search"
retention = "1h""#,
        r#"
loggr.toml:3:13: 1h is not between 1d and 36500d
  |
3 | retention = "1h"
  |             ^^^^
"#,
    );
}

#[test]
fn names() {
    check(
        r#"[ship."a b"]
kind = "files""#,
        r#"
loggr.toml:1:7: `a b` is not a valid name: a name has letters, digits, `-` and `_`, at most 64
  |
1 | [ship."a b"]
  |       ^^^^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
name = "a.b""#,
        r#"
loggr.toml:3:8: `a.b` is not a valid name: a name has letters, digits, `-` and `_`, at most 64
  |
3 | name = "a.b"
  |        ^^^^^
"#,
    );
    check(
        r#"[machine.a]
exchange = "a b""#,
        r#"
loggr.toml:2:12: `a b` cannot be the name of an exchange or queue
  |
2 | exchange = "a b"
  |            ^^^^^ letters, digits, `-`, `_` and `.`, not beginning with `.`, at most 128
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
queue = """#,
        r#"
loggr.toml:3:9: `` cannot be the name of an exchange or queue
  |
3 | queue = ""
  |         ^^ letters, digits, `-`, `_` and `.`, not beginning with `.`, at most 128
"#,
    );
}

#[test]
fn templates_in_the_writing_of_others() {
    check(
        r#"[ship.a]
kind = "files"
path = "%HOSTNAME%/%PROGRAMNAME%.log""#,
        r#"
loggr.toml:3:8: another program's variable `%HOSTNAME%` at byte 0, did you mean `${source}`?
  |
3 | path = "%HOSTNAME%/%PROGRAMNAME%.log"
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ write `${source}/${app_name}.log`
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
path = "{{ host }}/%Y-%m-%d.log""#,
        r#"
loggr.toml:3:8: another program's variable `{{ host }}` at byte 0, did you mean `${source}`?
  |
3 | path = "{{ host }}/%Y-%m-%d.log"
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^ write `${source}/${year}-${month}-${day}.log`
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
format = "%HOSTNAME% $MESSAGE""#,
        r#"
loggr.toml:3:10: another program's variable `%HOSTNAME%` at byte 0, did you mean `$SOURCE`?
  |
3 | format = "%HOSTNAME% $MESSAGE"
  |          ^^^^^^^^^^^^^^^^^^^^^ write `$SOURCE $MESSAGE`
"#,
    );
}

#[test]
fn templates() {
    check(
        r#"[ship.a]
kind = "files"
path = "${sorce""#,
        r#"
loggr.toml:3:8: no closing brace in `${sorce` at byte 0
  |
3 | path = "${sorce"
  |        ^^^^^^^^^
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
path = "../${source}""#,
        r#"
loggr.toml:3:8: `..`, `.` and empty parts are not allowed in the path
  |
3 | path = "../${source}"
  |        ^^^^^^^^^^^^^^
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
path = "/${source}""#,
        r#"
loggr.toml:3:8: `/${source}` is not the path of a file below `directory`
  |
3 | path = "/${source}"
  |        ^^^^^^^^^^^^
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
format = "RSYSLOGD""#,
        r#"
loggr.toml:3:10: no format and no template: `RSYSLOGD` at byte 0, did you mean `RSYSLOG`?
  |
3 | format = "RSYSLOGD"
  |          ^^^^^^^^^^
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
format = "$MESAGE""#,
        r#"
loggr.toml:3:10: unknown variable `$MESAGE` at byte 0, did you mean `$MESSAGE`?
  |
3 | format = "$MESAGE"
  |          ^^^^^^^^^
"#,
    );
}
