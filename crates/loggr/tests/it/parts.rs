//! Parts of one configuration in processes of their own.

use crate::support::{Loggr, RelpSender, Setup, until};

#[test]
fn what_one_part_receives_another_stores() {
    let mut loggr = Loggr::down(Setup::default());
    let mut server = loggr.part("server");
    RelpSender::new(loggr.address("relp"), 2).run(0, 2000);
    let status = loggr.status();
    assert_eq!((&status["component"], &status["totals"]["waiting"]), (&"server".into(), &4000.into()));
    assert!(status["ships"].as_array().expect("a list").is_empty(), "a server ships nothing: {status:#}");
    // The embedded bus is the server's until it stops.
    let output = loggr.command(&["run", "ship", "files"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let bus = loggr.data().join("bus").display().to_string();
    let expect = format!(
        "error: cannot open the bus\n  caused by: `{bus}` is in use by process {}\nhint: only one \
         process can use queues that are on disk: run everything with `loggr run`, or set `kind = \"rabbitmq\"` in \
         `[bus]` to run parts as processes of their own\n",
        server.pid()
    );
    assert!(errors.ends_with(&expect), "{errors}");
    assert!(server.stop(30).success());
    for ship in ["ship files", "ship search"] {
        let mut process = loggr.part(ship);
        let name = ship.split_once(' ').expect("two words").1;
        until(&format!("`{name}` has stored everything"), 60, || {
            let status = loggr.status();
            let queue =
                status["queues"].as_array().expect("a list").iter().find(|q| q["name"] == name).cloned();
            queue.expect("its queue")["waiting"] == 0
        });
        loggr.assert_balanced();
        assert!(process.stop(30).success());
    }
    assert_eq!(loggr.lines().len(), 2000);
    assert_eq!(loggr.ask(&["count", ""]).trim(), "2000");
    loggr.up();
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn the_web_part_shares_the_data_directory() {
    let mut loggr = Loggr::down(Setup::default());
    let mut server = loggr.part("server");
    let mut web = loggr.part("web");
    let status = loggr.status();
    let parts: Vec<&str> = status["processes"]
        .as_array()
        .expect("processes")
        .iter()
        .map(|p| p["component"].as_str().expect("a word"))
        .collect();
    assert_eq!(parts, ["server", "web"], "{status:#}");
    // A command goes to the process that can do it.
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    // The web address tells the numbers of the others.
    let metrics = loggr.get("/metrics");
    let (place, host) =
        (loggr.data().display().to_string(), status["host"].as_str().expect("a name").to_owned());
    let of = format!("host=\"{host}\",part=\"server\",directory=\"{place}\"");
    for expect in [
        format!("loggr_listener_accepted_events_total{{listener=\"relp\",{of}}} 10\n"),
        format!("loggr_queue_waiting_events{{queue=\"files\",{of}}} 10\n"),
        format!("loggr_process_running{{{of}}} 1\n"),
    ] {
        assert!(metrics.contains(&expect), "no {expect} in {metrics}");
    }
    assert_eq!(loggr.ask(&["queue", "peek", "files", "--limit", "3"]).lines().count(), 3);
    assert_eq!(loggr.ask(&["queue", "purge", "files", "--yes"]).trim(), "deleted 10 events of `files`");
    let output = loggr.command(&["rescue", "replay", "files"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("can do this: a shipper `files` is not in this process\nhint: `loggr status`"),
        "{errors}"
    );
    // A part runs once on a data directory.
    for (words, part) in [(&["run", "server"][..], "server"), (&["run"], "server"), (&["run", "web"], "web")]
    {
        let output = loggr.command(words);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.starts_with(&format!("error: `{part}` already runs with the data directory `")),
            "{errors}"
        );
    }
    assert!(web.stop(30).success());
    assert!(server.stop(30).success());
    assert_eq!(loggr.status()["running"], false);
}
