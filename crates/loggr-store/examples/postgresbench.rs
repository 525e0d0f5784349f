//! Measures how fast events go into PostgreSQL, and what it costs on both sides.
//!
//! `postgresbench --url URL [--count N] [--batch N] [--connections N] [--indexes none|fields|text] [--file LINES]`
//!
//! The tables `bench*` of the database are made anew. Then the same rows are written again by one
//! bare COPY of the server's own, from a file, into the same table with the same indexes: the
//! fastest that the server can do with one connection. Nothing here is run by the tests.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for the person who measures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use loggr_event::{Event, Origin, Timestamp, UidGenerator};
use loggr_store::postgres::{Database, Indexes, Settings, TableName};

struct Arguments {
    url: String,
    count: usize,
    batch: usize,
    connections: usize,
    indexes: Indexes,
    file: Option<String>,
}

fn arguments() -> Arguments {
    let mut found = Arguments {
        url: String::new(),
        count: 500_000,
        batch: 20_000,
        connections: 2,
        indexes: Indexes::Fields,
        file: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().expect("a value behind each word");
        match word.as_str() {
            "--url" => found.url = value,
            "--count" => found.count = value.parse().unwrap(),
            "--batch" => found.batch = value.parse().unwrap(),
            "--connections" => found.connections = value.parse().unwrap(),
            "--indexes" => found.indexes = Indexes::parse(&value).expect("none, fields or text"),
            "--file" => found.file = Some(value),
            other => panic!("unknown argument {other}"),
        }
    }
    found
}

/// Lines of a web server, when no file is given.
fn lines(file: Option<&str>) -> Vec<Vec<u8>> {
    if let Some(file) = file {
        return std::fs::read(file)
            .unwrap()
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
    }
    (0..50_000)
        .map(|n: u64| {
            format!(
                "<{}>1 2026-11-22T10:{:02}:{:02}.{:06}Z web{:02} nginx {} - - 10.{}.{}.{} \"GET /api/v1/users/item{}.html\" {} {}",
                128 + n % 8, n / 60 % 60, n % 60, n % 1_000_000, n % 40, 100 + n % 50, n % 7, n % 200, n * 31 % 256,
                n * 7919 % 3000, 200 + n % 5 * 100, n * 37 % 90_000
            )
            .into_bytes()
        })
        .collect()
}

/// Seconds of CPU of this process.
fn own_cpu() -> f64 {
    cpu_of("self")
}

fn cpu_of(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// Seconds of CPU of all servers' processes on this machine; those that ended are in their parent's.
fn server_cpu() -> f64 {
    let mut sum = 0.0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let command = std::fs::read_to_string(format!("/proc/{name}/comm")).unwrap_or_default();
        if command.trim() == "postgres" {
            sum += cpu_of(&name);
        }
    }
    sum
}

#[tokio::main]
async fn main() {
    let arguments = arguments();
    let settings = Settings {
        url: arguments.url.clone(),
        password: None,
        sslmode: None,
        sslrootcert: None,
        client_certificate: None,
        table: TableName::parse("bench").unwrap(),
        columns: Vec::new(),
        indexes: arguments.indexes,
        connections: arguments.connections,
    };
    let (client, connection) = tokio_postgres::connect(&arguments.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for suffix in ["", "_minutes", "_fields", "_days", "_origins", "_meta"] {
        client.batch_execute(&format!("DROP TABLE IF EXISTS bench{suffix} CASCADE")).await.unwrap();
    }
    let start = Timestamp::from_unix_micros(1_795_305_600_000_000);
    let database = Database::new(settings).unwrap();
    database.prepare(start.unix_micros()).await.unwrap();
    client.batch_execute("CHECKPOINT").await.unwrap();

    let lines = Arc::new(lines(arguments.file.as_deref()));
    let uids = Arc::new(UidGenerator::new([9; 8]));
    let origin =
        Arc::new(Origin { listener: "relp".into(), peer: "10.0.0.9:50000".into(), ..Origin::default() });
    let batches = arguments.count.div_ceil(arguments.batch);
    let next = Arc::new(AtomicUsize::new(0));
    let (own, server, begun) = (own_cpu(), server_cpu(), Instant::now());
    let tasks: Vec<_> = (0..arguments.connections)
        .map(|_| {
            let (database, lines, uids) = (database.clone(), lines.clone(), uids.clone());
            let (origin, next, size) = (origin.clone(), next.clone(), arguments.batch);
            tokio::spawn(async move {
                loop {
                    let batch = next.fetch_add(1, Ordering::Relaxed);
                    if batch >= batches {
                        return;
                    }
                    let (lines, origin, block) = (lines.clone(), origin.clone(), uids.block(size));
                    let feed = move |push: &mut dyn FnMut(&Event<'_>)| {
                        for i in 0..size {
                            let number = batch * size + i;
                            let now = Timestamp::from_unix_micros(start.unix_micros() + number as i64 * 10);
                            let line = &lines[number % lines.len()];
                            push(&Event::receive(line, &origin, block.at(i, now), now));
                        }
                    };
                    database.store(feed).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows = (batches * arguments.batch) as f64;
    report("loggr", rows, begun.elapsed().as_secs_f64(), server_cpu() - server, Some(own_cpu() - own));

    let columns = "timegenerated, timereported, uid, origin, defects, peer_port, severity, facility, \
                   timereported_offset, source, app_name, procid, msgid, message, peer, tags, fields, \
                   structured_data, trusted, field_order, rest, terms";
    let file: String = client
        .query_one("SELECT current_setting('data_directory') || '/bench.bin'", &[])
        .await
        .unwrap()
        .get(0);
    client
        .batch_execute(&format!("COPY (SELECT {columns} FROM bench ORDER BY timegenerated) TO '{file}' BINARY; TRUNCATE bench; CHECKPOINT"))
        .await
        .unwrap();
    let (server, begun) = (server_cpu(), Instant::now());
    client.batch_execute(&format!("COPY bench ({columns}) FROM '{file}' BINARY")).await.unwrap();
    report("bare COPY", rows, begun.elapsed().as_secs_f64(), server_cpu() - server, None);
    drop(std::fs::remove_file(file));
}

fn report(what: &str, rows: f64, seconds: f64, server: f64, own: Option<f64>) {
    let own = own.map(|own| format!(", {:.2} µs/row of loggr", own / rows * 1e6)).unwrap_or_default();
    println!("{what}: {:.0} rows/s, {:.2} µs/row of PostgreSQL{own}", rows / seconds, server / rows * 1e6);
}
