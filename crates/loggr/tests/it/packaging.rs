//! What is shipped beside the program: systemd's units and the scripts of the Debian package.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{PROGRAM, systemd_analyze};

/// What the agent's unit has otherwise: directories of its own, and what it may read of its host.
const OF_THE_AGENT: [(&str, &str); 4] = [
    ("Directory=loggr-agent\n", "Directory=loggr\n"),
    ("# The logs of this host: files, and the journal.\nSupplementaryGroups=adm systemd-journal\n", ""),
    ("# Which program has sent what stands in the directories of processes.\n", ""),
    ("ProtectProc=default\n", "ProtectProc=invisible\n"),
];

/// `systemd-analyze security` gives no unit of ours more; 10 is no protection at all.
const MAX_EXPOSURE: f64 = 2.5;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

/// Name and text of each unit.
fn units() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(packaging().join("systemd")).expect("the units").flatten();
    let mut units: Vec<_> = entries
        .map(|e| {
            (e.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(e.path()).expect("text"))
        })
        .collect();
    units.sort();
    assert!(units.len() >= 7, "{} units", units.len());
    units
}

/// The words of `loggr run --help` before a colon.
fn components() -> BTreeSet<String> {
    let output = Command::new(PROGRAM).args(["run", "--help"]).output().expect("loggr starts");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let listed = help.lines().filter_map(|l| l.trim().strip_prefix("- ")?.split(':').next());
    listed.map(str::to_owned).collect()
}

#[test]
fn every_component_has_a_unit_and_all_are_guarded_alike() {
    let (mut started, mut guards) = (BTreeSet::new(), BTreeSet::new());
    for (name, text) in units() {
        let start =
            text.lines().find_map(|l| l.strip_prefix("ExecStart=/usr/bin/loggr run")).expect("a start");
        let file = if name == "loggr-agent.service" { "agent.toml" } else { "loggr.toml" };
        let start =
            start.strip_suffix(&format!("--config /etc/loggr/{file}")).expect("the configuration").trim();
        let (component, instance) = start.split_once(' ').unwrap_or((start, ""));
        let expect = match component {
            "" => "loggr.service".to_owned(),
            "harvest" | "machine" | "ship" => format!("loggr-{component}@.service"),
            other => format!("loggr-{other}.service"),
        };
        assert_eq!((name.as_str(), instance), (expect.as_str(), if name.contains('@') { "%i" } else { "" }));
        started.insert(component.to_owned());
        let guard = text.split_once("# What follows is the same").expect("the guards").1;
        let guard = guard.replace("RuntimeDirectory=%p-%i\n", "RuntimeDirectory=%p\n");
        guards.insert(OF_THE_AGENT.iter().fold(guard, |guard, (its, others)| guard.replace(its, others)));
    }
    assert!(started.remove(""), "nothing starts everything");
    assert_eq!(started, components());
    assert_eq!(guards.len(), 1, "units are guarded differently: {guards:#?}");
}

#[test]
fn systemd_accepts_the_units_and_finds_them_well_guarded() {
    let Some(analyze) = systemd_analyze() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in units() {
        // The program lies elsewhere until it is installed.
        let path = directory.path().join(name.replace("@.", "@main."));
        std::fs::write(&path, text.replace("/usr/bin/loggr", PROGRAM)).expect("a unit");
        let output =
            analyze.command().args(["verify", "--man=no"]).arg(&path).output().expect("systemd-analyze");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
        let mut security = analyze.command();
        security.args(["security", "--offline=true", "--no-pager"]).arg(&path).env("SYSTEMD_COLORS", "0");
        let output = security.output().expect("systemd-analyze");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let level =
            said.split_once("exposure level for").and_then(|(_, rest)| rest.split_once(": ")).map(|(_, l)| l);
        let level: f64 =
            level.and_then(|l| l.split(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(level <= MAX_EXPOSURE, "{name} is exposed by {level}: {said}");
    }
}

#[test]
fn the_scripts_of_the_package_are_shell() {
    let scripts = std::fs::read_dir(packaging().join("deb")).expect("the scripts").flatten();
    let mut names = BTreeSet::new();
    for script in scripts {
        let text = std::fs::read_to_string(script.path()).expect("text");
        let name = script.file_name().to_string_lossy().into_owned();
        assert!(text.starts_with("#!/bin/sh\n") && text.contains("\nset -e\n"), "{name}");
        assert!(text.contains("#DEBHELPER#"), "{name} leaves no place for what starts and stops the unit");
        let output = Command::new("sh").arg("-n").arg(script.path()).output().expect("a shell");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        names.insert(name);
    }
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["postinst", "postrm", "prerm"]);
}

#[test]
fn everybody_reaches_a_socket_in_the_data_directory() {
    for (name, text) in units() {
        assert!(text.contains("\nStateDirectoryMode=0751\n"), "{name}");
    }
    let script = std::fs::read_to_string(packaging().join("deb/postinst")).expect("text");
    assert!(script.contains("install -d -m 0751 -o loggr -g loggr /var/lib/loggr\n"), "{script}");
}

#[test]
fn an_upgrade_does_not_start_everything_beside_the_parts() {
    let script = std::fs::read_to_string(packaging().join("deb/postinst")).expect("text");
    let disabled = script.find("systemctl -q disable loggr.service").expect("it is disabled");
    assert!(disabled < script.find("#DEBHELPER#").expect("debhelper's place"), "{script}");
}
