//! `loggr status`: what runs, and where the events are.
//!
//! Asks the running processes; where none runs, reads the queues from disk. What is wrong is said
//! in sentences at the end and by the exit code, so that it can be used as a check.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::{Place, complain, health};
use crate::clean::{self, clean};
use crate::component::place;
use crate::config::Config;
use crate::exit::Exit;
use crate::registry::Registry;
use crate::web::status;

/// Arguments of `loggr status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 all is well, 1 something is wrong (said at the end), 2 the command line or the \
                  configuration is wrong, 3 nothing runs."
)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show how many events each rule of the filters has changed
    #[arg(long)]
    rules: bool,
}

/// Prints the status.
pub fn run(place: &Place, args: &StatusArgs) -> Result<Exit> {
    let config = place.load()?;
    let mut status = ask(&config)?;
    let troubles = health::troubles(&config, &status);
    status["troubles"] = troubles.clone().into();
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", clean::json(&format!("{status:#}")))?;
    } else {
        out.write_all(render(&status, args.rules).as_bytes())?;
        for (at, trouble) in troubles.iter().enumerate() {
            writeln!(out, "{}{}", if at == 0 { "\n" } else { "" }, sentence(trouble))?;
        }
    }
    Ok(match (&status["running"], troubles.is_empty()) {
        (Value::Bool(true), true) => Exit::Fine,
        (Value::Bool(true), false) => Exit::Failed,
        _ => Exit::NotRunning,
    })
}

/// What is wrong, for people: of several lines the later ones stand behind blanks, so that none
/// looks like a trouble of its own.
fn sentence(trouble: &str) -> String {
    let mut lines = trouble.lines().map(clean);
    let mut out = format!("trouble: {}", lines.next().unwrap_or_default());
    for line in lines {
        out.push_str("\n    ");
        out.push_str(&line);
    }
    out
}

/// The status of the installation; where nothing runs, of what lies on disk.
pub fn ask(config: &Config) -> Result<Value> {
    let registry = Registry::open(config)?;
    match (place::permitted(&config.data.directory), registry.server()) {
        // Others may be told of all the same.
        (Err(error), Some(_)) => complain(&format!("warning: {error:#}\n")),
        (permitted, _) => permitted?,
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let known = runtime.context("cannot start the runtime")?.block_on(registry.known(None));
    if let Some(problem) = &known.problem {
        complain(&format!("warning: {problem}\n"));
    }
    let mut whole = status::whole(config, known.seen);
    whole["registry"] = registry.describe(known.problem.as_deref());
    Ok(whole)
}

fn render(status: &Value, rules: bool) -> String {
    let mut out = String::new();
    let mut status = status.clone();
    for part in ["packers", "rules"] {
        status[part] = of_machines(&status, part);
    }
    part_names(&mut status);
    let status = &status;
    let text = |v: &Value, key: &str| match &v[key] {
        // A row has one line; the rest stands among the troubles.
        Value::String(s) => match s.split_once('\n') {
            Some((first, _)) => format!("{} …", clean(first)),
            None => clean(s).into_owned(),
        },
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let processes = status["processes"].as_array().map_or(&[][..], Vec::as_slice);
    let running = processes.iter().filter(|p| p["state"] == "running").count();
    let several = processes.len() > 1 || running != processes.len();
    if running > 1 {
        out.push_str(&format!("{running} processes of loggr run\n"));
    } else if status["running"] == Value::Bool(true) {
        out.push_str(&format!(
            "loggr {} runs as process {} for {} s in {}\n",
            text(status, "version"),
            text(status, "pid"),
            text(status, "uptime_seconds"),
            text(status, "data_directory")
        ));
    } else {
        out.push_str(&format!("loggr does not run on {}\n", text(status, "data_directory")));
    }
    for (key, what) in
        [("problem", "the queues cannot be read"), ("rescue_trouble", "the rescue cannot be used")]
    {
        if let Some(why) = status[key].as_str() {
            out.push_str(&format!("{what}: {why}\n"));
        }
    }
    // Of a list the rows that have something in the column `must`; in "" all have.
    let mut table = |title: &[&str], key: &str, must: &str, columns: &[&str]| {
        let rows = status[key].as_array().into_iter().flatten();
        let rows: Vec<&Value> = rows.filter(|row| must.is_empty() || !row[must].is_null()).collect();
        if rows.is_empty() {
            return;
        }
        // Of several processes each row says whose it is.
        let (mut title, mut columns) = (title.to_vec(), columns.to_vec());
        if several && key != "processes" {
            for (head, column) in [("HOST", "host"), ("PROCESS", "part")] {
                if !columns.contains(&column) {
                    title.push(head);
                    columns.push(column);
                }
            }
        }
        let mut cells = vec![title.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()];
        cells.extend(rows.iter().map(|row| columns.iter().map(|c| text(row, c)).collect()));
        let length = |cell: &String| cell.chars().count();
        let width = |i: usize| cells.iter().filter_map(|r| r.get(i)).map(length).max().unwrap_or(0);
        out.push('\n');
        for row in &cells {
            for (i, cell) in row.iter().enumerate() {
                let pad = width(i).saturating_sub(length(cell));
                // Names stand left, numbers right.
                let number = !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit());
                let gap = " ".repeat(pad);
                out.push_str(&if number { format!("{gap}{cell}  ") } else { format!("{cell}{gap}  ") });
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
    };
    if several {
        table(
            &["PROCESS", "NAME", "HOST", "PID", "STATE", "SEEN", "VERSION", "STARTED", "DATA"],
            "processes",
            "",
            &[
                "component",
                "name",
                "host",
                "pid",
                "state",
                "seen_seconds",
                "version",
                "started",
                "data_directory",
            ],
        );
    }
    let listener = [
        "name",
        "protocol",
        "address",
        "received",
        "accepted",
        "refused",
        "connections",
        "kernel_drops",
        "lost",
    ];
    table(
        &[
            "LISTENER",
            "PROTOCOL",
            "ADDRESS",
            "RECEIVED",
            "ACCEPTED",
            "REFUSED",
            "CONNECTIONS",
            "KERNEL DROPS",
            "LOST",
        ],
        "listeners",
        "",
        &listener,
    );
    table(&["LISTENER THAT HAS ENDED", "WHY"], "listeners", "ended", &["name", "ended"]);
    table(
        &["QUEUE", "EXCHANGE", "RECEIVED", "STORED", "WAITING", "RESCUED", "DROPPED", "DAMAGED"],
        "queues",
        "received",
        &["name", "exchange", "received", "stored", "waiting", "rescued", "dropped", "damaged"],
    );
    table(&["QUEUE IN TROUBLE", "WHY"], "queues", "trouble", &["name", "trouble"]);
    table(&["EXCHANGE THAT TAKES NOTHING", "WHY"], "exchanges", "trouble", &["name", "trouble"]);
    table(
        &[
            "QUEUE OF THE BROKER",
            "EXCHANGE",
            "MESSAGES",
            "CONSUMERS",
            "IN HAND",
            "STORED",
            "RESCUED",
            "DROPPED",
        ],
        "queues",
        "ready_messages",
        &["name", "exchange", "ready_messages", "consumers", "leased", "stored", "rescued", "dropped"],
    );
    table(
        &["BROKER", "HOST", "SPOOLING", "WAITING IN SPOOL", "SPOOL BYTES", "TROUBLE"],
        "brokers",
        "",
        &["broker", "host", "spooling", "spool_waiting", "spool_bytes", "trouble"],
    );
    table(
        &["MACHINE", "RECEIVED", "MERGED", "STORED", "RESCUED", "DROPPED", "FILTER ERROR"],
        "machines",
        "",
        &["name", "received", "merged", "stored", "rescued", "dropped", "filter_error"],
    );
    table(&["MACHINE THAT HAS ENDED", "WHY"], "machines", "ended", &["name", "ended"]);
    table(
        &["PACKER", "MACHINE", "HELD", "PACKED", "MERGED", "BY AGE", "BY LIMIT", "BY FLUSH"],
        "packers",
        "",
        &["name", "machine", "held", "packed", "merged", "by_age", "by_limit", "by_flush"],
    );
    if rules {
        table(
            &["LINE", "MACHINE", "REACHED", "DID", "FAILED", "MEAN NS", "RULE"],
            "rules",
            "",
            &["line", "machine", "reached", "did", "failed", "mean_nanos", "rule"],
        );
    }
    table(
        &["SHIPPER", "KIND", "FAILING", "LAST ERROR"],
        "ships",
        "",
        &["name", "kind", "failing", "last_error"],
    );
    table(&["SHIPPER THAT HAS ENDED", "WHY"], "ships", "ended", &["name", "ended"]);
    table(
        &["STORE", "EVENTS", "BYTES", "OLDEST", "NEWEST", "DROPPED BY RETENTION", "PURGED", "DAMAGED FILES"],
        "stores",
        "events",
        &["name", "events", "bytes", "oldest", "newest", "dropped", "purged", "damaged"],
    );
    table(&["STORE WITH TROUBLE", "WHAT"], "stores", "trouble", &["name", "trouble"]);
    table(&["STORE THAT DROPS NOTHING", "WHY"], "stores", "clock", &["name", "clock"]);
    out
}

/// Each row of a list gets the name of the process that it is of.
pub fn part_names(status: &mut Value) {
    let processes = status["processes"].as_array().cloned().unwrap_or_default();
    let part = |id: &Value| {
        let process = processes.iter().find(|process| process["id"] == *id)?;
        let component = process["component"].as_str()?;
        Some(match process["name"].as_str() {
            Some(name) => format!("{component} {name}"),
            None => component.to_owned(),
        })
    };
    for rows in status.as_object_mut().into_iter().flat_map(|lists| lists.values_mut()) {
        for row in rows.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            if let Some(part) = row.get("process").and_then(part) {
                row.insert("part".to_owned(), part.into());
            }
        }
    }
}

/// The packers or the rules of all machines, each with its machine's name.
fn of_machines(status: &Value, part: &str) -> Value {
    let machines = status["machines"].as_array().into_iter().flatten();
    let rows = machines.flat_map(|machine| {
        machine[part].as_array().into_iter().flatten().map(|row| {
            let mut row = row.clone();
            row["machine"] = machine["name"].clone();
            (row["host"], row["process"]) = (machine["host"].clone(), machine["process"].clone());
            row
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_of_several_processes_say_whose_they_are() {
        let process = |component: &str, host: &str, name: Value| {
            json!({ "id": format!("{host}:{component}"), "component": component, "host": host, "name": name,
                    "state": "running" })
        };
        let status = json!({
            "running": true,
            "processes": [process("server", "web1", Value::Null), process("ship", "db1", "archive".into())],
            "listeners": [{ "name": "tcp", "process": "web1:server", "host": "web1" }],
            "ships": [{ "name": "archive", "kind": "files", "process": "db1:ship", "host": "db1" }],
        });
        let text = render(&status, false);
        let row =
            |first: &str| text.lines().find(|line| line.starts_with(first)).unwrap_or_default().to_owned();
        assert!(row("LISTENER").ends_with("HOST  PROCESS"), "{text}");
        assert!(row("tcp").ends_with("web1  server"), "{text}");
        assert!(row("archive").ends_with("db1   ship archive"), "{text}");
        // One process needs no such columns.
        let one = json!({ "running": true, "processes": [process("all", "web1", Value::Null)],
                          "listeners": [{ "name": "tcp", "process": "web1:all", "host": "web1" }] });
        assert!(!render(&one, false).contains("PROCESS"));
    }
    #[test]
    fn a_mistake_in_a_filter_is_shown_in_lines() {
        let mistake =
            "main.filter:1:4: there is no core field `app_nam`\n 1 | if app_nam == 5 {\u{1b}\ntrouble: x";
        let status = json!({ "running": true, "machines": [{ "name": "main", "filter_error": mistake }] });
        let text = render(&status, false);
        assert!(text.lines().any(|row| row.ends_with("there is no core field `app_nam` …")), "{text}");
        assert_eq!(
            sentence(&format!("machine `main`: {mistake}")),
            "trouble: machine `main`: main.filter:1:4: there is no core field `app_nam`\n     \
             1 | if app_nam == 5 {#033\n    trouble: x"
        );
    }

    #[test]
    fn who_was_refused_is_counted_where_people_look() {
        let listener = json!({ "name": "udp", "received": 0, "refused": 7, "lost": 0 });
        let text = render(&json!({ "running": true, "listeners": [listener] }), false);
        assert!(text.contains("REFUSED") && text.lines().any(|row| row.contains(" 7 ")), "{text}");
    }
}
