//! What a listener of files reads, and what its events say.

use super::{Watching, lines};
use crate::support::until;

#[test]
fn files_are_found_and_read_on_as_they_grow() {
    let watching =
        Watching::down("*.log sub/**/x", "exclude = 'b*'\nformat = 'raw'\n", &[("a.log", &lines(0..50))]);
    let mut watching = watching;
    watching.loggr.up();
    watching.holds(0..50);
    watching.append("a.log", lines(50..60));
    watching.write("b.log", lines(900..910));
    std::fs::create_dir_all(watching.path("sub/one/two")).expect("directories");
    watching.write("sub/one/two/x", lines(60..70));
    watching.holds(0..70);
    let files = watching.files();
    assert_eq!((&files["watched"], &files["bytes_behind"]), (&2.into(), &0.into()), "{files}");
    watching.loggr.assert_balanced();
    watching.loggr.stop();
    watching.append("a.log", lines(70..80));
    watching.loggr.up();
    watching.holds(0..80);
}

#[test]
fn an_event_says_where_it_stood() {
    let keys = "format = 'raw'\napp_name = 'shop'\nfacility = 'local3'\nseverity = 'info'\n";
    let watching = Watching::start("*.log", keys);
    watching.write("a.log", "<13>first seq=1\r\nsecond seq=2\n\nseq=3 no end");
    watching.holds(1..3);
    let events = watching.loggr.search("second");
    let event = &events[0];
    let field = |name: &str| event["fields"][name][0].as_str().unwrap_or_default().to_owned();
    assert_eq!(event["message"], "second seq=2", "{event}");
    assert_eq!(
        (&event["app_name"], &event["facility"], &event["severity"]),
        (&"shop".into(), &"local3".into(), &"info".into())
    );
    assert_eq!(
        (field("file"), field("offset")),
        (watching.path("a.log").display().to_string(), "17".to_owned())
    );
    assert_eq!(event["origin"]["transport"], "file", "{event}");
    let defects = watching.loggr.search("first");
    assert_eq!(
        (&defects[0]["message"], &defects[0]["defects"]),
        (&"<13>first seq=1".into(), &serde_json::Value::Null)
    );
    // It is not cut: it waits for its line feed.
    watching.append("a.log", " of the line\n");
    watching.holds(1..4);
    assert_eq!(watching.loggr.search("line").len(), 1);
}

#[test]
fn what_was_there_can_be_left_out_once() {
    let mut watching = Watching::down("*.log", "start = 'end'\n", &[("a.log", &lines(0..50))]);
    watching.loggr.up();
    until("it is read", 60, || watching.files()["watched"] == 1);
    watching.append("a.log", lines(50..60));
    watching.write("b.log", lines(60..70));
    watching.holds(50..70);
    watching.loggr.kill9();
    watching.write("c.log", lines(70..80));
    watching.loggr.up();
    watching.holds(50..80);
}

#[test]
fn a_last_line_counts_as_whole_after_a_while() {
    let watching = Watching::start("*.log", "partial_line_after = '1s'\n");
    watching.write("a.log", "seq=1 one\nseq=2 and no line feed");
    watching.holds(1..3);
    watching.append("a.log", "\nseq=3 more\n");
    watching.holds(1..4);
}

#[test]
fn a_removed_file_is_read_to_its_end() {
    let watching = Watching::start("*.log", "grace = '1s'\n");
    watching.write("a.log", format!("{}seq=10 no line feed", lines(0..10)));
    watching.holds(0..10);
    std::fs::remove_file(watching.path("a.log")).expect("it was there");
    watching.holds(0..11);
    until("it is let go", 60, || watching.files()["open"] == 0);
}

#[test]
fn lines_of_containers_are_joined_and_say_which_it_was() {
    let watching = Watching::start("pods/*/*/*.log", "format = 'cri'\n");
    let pod = watching.path("pods/shop_web-1_uid7/nginx");
    std::fs::create_dir_all(&pod).expect("directories");
    let text = "2026-03-01T10:00:00.123456789Z stdout P seq=1 one \n2026-03-01T10:00:01Z stderr F seq=2 error\n\
                2026-03-01T10:00:02Z stdout F and two\n2026-03-01T10:00:03Z stdout P seq=3 half";
    std::fs::write(pod.join("0.log"), text).expect("a file");
    watching.holds(1..3);
    let event = &watching.loggr.search("one")[0];
    let field = |name: &str| event["fields"][name][0].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (&event["message"], &event["app_name"]),
        (&"seq=1 one and two".into(), &"nginx".into()),
        "{event}"
    );
    assert_eq!(event["timereported"], "2026-03-01T10:00:00.123456Z");
    let named = ["namespace", "pod_name", "pod_uid", "container_name", "stream"].map(field);
    assert_eq!(named, ["shop", "web-1", "uid7", "nginx", "stdout"]);
}

#[test]
fn half_a_line_of_a_container_survives_a_crash() {
    let mut watching = Watching::start("*-json.log", "format = 'docker'\npartial_line_after = '1m'\n");
    let line = |text: &str| {
        format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"2026-03-01T10:00:00Z\"}}\n")
    };
    watching.append("a-json.log", line("seq=1 whole\\n") + &line("seq=2 first "));
    watching.holds(1..2);
    watching.loggr.kill9();
    watching.append("a-json.log", line("second\\n"));
    watching.loggr.up();
    watching.holds(1..3);
    assert_eq!(watching.loggr.search("second")[0]["message"], "seq=2 first second");
}
