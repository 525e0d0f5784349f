//! Mistakes of several places, as the operator sees them: what is missing, doubled, or does not
//! belong together.

use super::*;

#[test]
fn what_is_missing() {
    check(
        r#"[[listener]]
name = "a""#,
        r#"
loggr.toml:1:1: a `[[listener]]` needs its `protocol`
  |
1 | [[listener]]
  | ^^^^^^^^^^^^ one of `tcp`, `relp`, `http`, `udp`, `unix-dgram`, `unix-stream`, `file`, `journal`, `kernel`
"#,
    );
    check(
        r#"[ship.a]
directory = "a""#,
        r#"
loggr.toml:1:7: `[ship.a]` needs its `kind`
  |
1 | [ship.a]
  |       ^ one of `files`, `search`, `postgres`, `elastic`, `syslog`
"#,
    );
}

#[test]
fn what_does_not_belong_together() {
    check(
        r#"[[listener]]
protocol = "udp"
framing = "lf"
max_connections = 5"#,
        r#"
loggr.toml:3:1: `framing` is not a key of the protocol `udp`
  |
3 | framing = "lf"
  | ^^^^^^^ it belongs to `tcp`, `unix-stream`

loggr.toml:4:1: `max_connections` is not a key of the protocol `udp`
  |
4 | max_connections = 5
  | ^^^^^^^^^^^^^^^ it belongs to `tcp`, `relp`, `http`, `unix-stream`
"#,
    );
    check(
        r#"[[listener]]
protocol = "unix-dgram"
allow = []"#,
        r#"
loggr.toml:3:1: `allow` is not a key of the protocol `unix-dgram`
  |
3 | allow = []
  | ^^^^^ it belongs to `tcp`, `relp`, `http`, `udp`
"#,
    );
    check(
        r#"[ship.a]
kind = "search"
path = "x""#,
        r#"
loggr.toml:3:1: `path` is not a key of the kind `search`
  |
3 | path = "x"
  | ^^^^ it belongs to `files`
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
retention = "30d""#,
        r#"
loggr.toml:3:1: `retention` is not a key of the kind `files`
  |
3 | retention = "30d"
  | ^^^^^^^^^ it belongs to `search`, `postgres`
"#,
    );
}

#[test]
fn doubles() {
    check(
        r#"[[listener]]
protocol = "tcp"

[[listener]]
protocol = "tcp"
listen = ":1515""#,
        r#"
loggr.toml:4:1: two listeners are called `tcp`
  |
4 | [[listener]]
  | ^^^^^^^^^^^^ give each listener a `name`; without one it is called like its protocol
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
listen = ":514"

[[listener]]
protocol = "relp"
listen = "127.0.0.1:514""#,
        r#"
loggr.toml:7:10: the listener `relp` cannot listen on `127.0.0.1:514`: the listener `tcp` does already
  |
7 | listen = "127.0.0.1:514"
  |          ^^^^^^^^^^^^^^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
listen = ["127.0.0.1:1", "127.0.0.1:1"]"#,
        r#"
loggr.toml:3:10: the listener `tcp` cannot listen on `127.0.0.1:1`: it does already
  |
3 | listen = ["127.0.0.1:1", "127.0.0.1:1"]
  |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
listen = "127.0.0.1:8080""#,
        r#"
loggr.toml: `[web]` cannot listen on `127.0.0.1:8080`: the listener `tcp` does already
"#,
    );
    check(
        r#"[web]
listen = "127.0.0.1:2514""#,
        r#"
loggr.toml:2:10: `[web]` cannot listen on `127.0.0.1:2514`: the listener `relp` does already
  |
2 | listen = "127.0.0.1:2514"
  |          ^^^^^^^^^^^^^^^^
"#,
    );
    check(
        r#"[ship.a]
kind = "search"
[ship.b]
kind = "search""#,
        r#"
loggr.toml:3:7: `/data/search` holds the files of the shipper `a` already
  |
3 | [ship.b]
  |       ^ give it a `directory` of its own, such as `"b"`
"#,
    );
    check(
        r#"[ship.a]
kind = "search"
directory = "bus""#,
        r#"
loggr.toml:3:13: `/data/bus` holds the files of the bus already
  |
3 | directory = "bus"
  |             ^^^^^ give it a `directory` of its own, such as `"a"`
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
[ship.b]
kind = "files"
queue = "a"
directory = "b""#,
        r#"
loggr.toml:5:9: two shippers take from the queue `a`
  |
5 | queue = "a"
  |         ^^^ give each a `queue` of its own, or they would take events away from each other
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
[ship.b]
kind = "files""#,
        r#"
loggr.toml:3:7: `/data/files` holds the files of the shipper `a` already
  |
3 | [ship.b]
  |       ^ give it a `directory` of its own, such as `"b"`
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
directory = "search"
[ship.b]
kind = "search""#,
        r#"
loggr.toml:4:7: `/data/search` holds the files of the shipper `a` already
  |
4 | [ship.b]
  |       ^ give it a `directory` of its own, such as `"b"`
"#,
    );
}

#[test]
fn what_does_not_exist() {
    check(
        r#"[ship.store]
kind = "search"
[web]
store = "stor""#,
        r#"
loggr.toml:4:9: there is no store `stor`
  |
4 | store = "stor"
  |         ^^^^^^ did you mean `store`?
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
[web]
store = "a""#,
        r#"
loggr.toml:4:9: there is no store `a`
  |
4 | store = "a"
  |         ^^^ its kind is neither `search` nor `postgres`
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
[ship.search]
enabled = false
[web]
store = "search""#,
        r#"
loggr.toml:6:9: there is no store `search`
  |
6 | store = "search"
  |         ^^^^^^^^ write `[ship.search]` with `kind = "search"`
"#,
    );
    check(
        r#"[[listener]]
protocol = "tcp"
exchange = "recieved""#,
        r#"
loggr.toml:3:12: no queue is bound to the exchange `recieved`: events would go nowhere
  |
3 | exchange = "recieved"
  |            ^^^^^^^^^^ did you mean `received`?
"#,
    );
    check(
        r#"[machine.main]
destination = "evnts""#,
        r#"
loggr.toml:2:15: no queue is bound to the exchange `evnts`: events would go nowhere
  |
2 | destination = "evnts"
  |               ^^^^^^^ did you mean `events`?
"#,
    );
    check(
        r#"[ship.a]
kind = "files"
exchange = "archive"

[ship.search]
kind = "search""#,
        r#"
loggr.toml:3:12: nothing is published to the exchange `archive`
  |
3 | exchange = "archive"
  |            ^^^^^^^^^ events are published to `events`, `received`
"#,
    );
    check(
        r#"[machine.main]
destination = "received""#,
        r#"
loggr.toml:2:15: events would go in a circle: `received` → `received`
  |
2 | destination = "received"
  |               ^^^^^^^^^^ a machine must not publish to an exchange from which its own events come
"#,
    );
}

#[test]
fn what_later_versions_bring() {
    check(
        r#"[[listener]]
protocol = "relp"
compress = true"#,
        r#"
loggr.toml:3:1: `compress` of `[[listener]]` is not supported by this version
  |
3 | compress = true
  | ^^^^^^^^
"#,
    );
}

#[test]
fn all_of_them_at_once() {
    check(
        r#"[lgo]
[bus]
max_size = "big"
[[listener]]
protocol = "tpc"
listen = "nowhere"
[ship.a]
kind = "search"
retention = 30
[web]
store = "b""#,
        r#"
loggr.toml:1:2: unknown section `lgo`
  |
1 | [lgo]
  |  ^^^ did you mean `log`?

loggr.toml:3:12: `big` is not a size such as `64KiB` or `20GB`
  |
3 | max_size = "big"
  |            ^^^^^

loggr.toml:5:12: `tpc` is not a valid `protocol`
  |
5 | protocol = "tpc"
  |            ^^^^^ did you mean `tcp`?

loggr.toml:9:13: `30` has no unit; the units are `ms`, `s`, `m`, `h`, `d`, `w`
  |
9 | retention = 30
  |             ^^ write `"30s"` for seconds

loggr.toml:11:9: there is no store `b`
   |
11 | store = "b"
   |         ^^^ write `[ship.b]` with `kind = "search"`
"#,
    );
}
