//! Rules over the documents: links lead somewhere, and no path of one machine is in any file.

use std::path::Path;

use super::{File, files, none, root};

/// Every file that people read.
fn documents() -> Vec<File> {
    files(&["."], &[".md"])
        .into_iter()
        .map(|f| File { path: f.path.trim_start_matches("./").to_owned(), text: f.text })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let root = root();
    let mut wrong = Vec::new();
    for document in documents() {
        for target in links(&document.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file {
                "" => root.join(&document.path),
                _ => root.join(Path::new(&document.path).parent().unwrap_or(Path::new(""))).join(file),
            };
            if !path.exists() {
                wrong.push(format!("{}: `{target}` does not exist", document.path));
            } else if !heading.is_empty() && path.extension().is_some_and(|e| e == "md") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                if !headings(&text).iter().any(|h| h == heading) {
                    wrong.push(format!("{}: `{target}` names no heading", document.path));
                }
            }
        }
    }
    none("links that lead nowhere", &wrong);
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    // Written in two halves, or this file would find itself.
    let places =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home", "/runner"), concat!("C:", "\\Users")];
    let mut wrong = Vec::new();
    let endings = [
        ".rs", ".md", ".toml", ".sh", ".py", ".ts", ".tsx", ".css", ".html", ".json", ".service", "Makefile",
    ];
    for file in files(&["."], &endings) {
        for (at, line) in file.text.lines().enumerate() {
            let found = places.iter().find(|place| {
                line.match_indices(**place)
                    .any(|(i, _)| !line[..i].ends_with(|c: char| c.is_alphanumeric() || "-_.}]:".contains(c)))
            });
            if let Some(place) = found {
                wrong.push(format!("{}:{}: `{place}`", file.path, at + 1));
            }
        }
    }
    none("paths of one machine", &wrong);
}

/// The targets of `[text](target)`, outside code.
fn links(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for line in prose(text) {
        // What stands between back ticks is code.
        let line: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            if let Some(end) = rest.find(')') {
                let target = rest[..end].split(' ').next().unwrap_or_default();
                out.push(target.trim_matches(['<', '>']).to_owned());
            }
        }
    }
    out
}

/// The lines that are not in a fenced block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The anchors that a forge makes of the headings.
fn headings(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in prose(text).filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let slug: String = title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let twins = out.iter().filter(|s| **s == slug || s.starts_with(&format!("{slug}-"))).count();
        out.push(if out.contains(&slug) { format!("{slug}-{twins}") } else { slug });
    }
    out
}

#[test]
fn links_and_headings_are_read_right() {
    let text = "# A `b`, c!\n[x](y.md#z) `[no](code)` [t](<u.md> \"title\")\n```\n[not](this)\n# nor this\n```\n## A b c\n";
    assert_eq!(links(text), ["y.md#z", "u.md"]);
    assert_eq!(headings(text), ["a-b-c", "a-b-c-1"]);
}
