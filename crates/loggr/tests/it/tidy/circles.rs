//! No circles among modules: of two that stand side by side, at most one knows the other, also
//! through third ones. What a module takes from the one it stands in, and gives to it, is no arrow.
//!
//! Paths are read from product code (`use`, `crate::…`, `super::…`), and followed through what other
//! modules import and re-export. Not seen: what a `*` or a macro brings in.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::product;
use super::{files, none};

/// Circles that stand yet: crate, folder, and the modules in it of which some know each other. One
/// that is no longer needed fails too.
const YET: &[(&str, &str, &[&str])] = &[];

/// The way to a module from the root of its crate.
type Path = Vec<String>;

/// The modules of a crate with their text, comments left out.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Path, String>,
    /// Names that a module imports, and what they stand for.
    imports: BTreeMap<Path, Path>,
}

/// Who knows whom in one folder, and the module that says so.
type Arrows = BTreeMap<(String, String), Path>;

fn crates() -> BTreeMap<String, Crate> {
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    for file in files(&["crates"], &[".rs"]) {
        let mut parts = file.path.split('/').skip(1);
        let (Some(name), Some("src")) = (parts.next(), parts.next()) else { continue };
        let mut path: Path = parts.map(|part| part.trim_end_matches(".rs").to_owned()).collect();
        path.pop_if(|last| matches!(last.as_str(), "lib" | "main" | "mod"));
        if path.iter().any(|part| part == "tests") {
            continue;
        }
        let uncommented = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
        let text = product(&file.text).lines().map(uncommented).collect();
        crates.entry(name.to_owned()).or_default().modules.insert(path, text);
    }
    crates.values_mut().for_each(Crate::settle);
    crates
}

impl Crate {
    /// Leaves out what is built for tests alone, and notes what is imported.
    fn settle(&mut self) {
        let mut tests: Vec<Path> = Vec::new();
        for (path, text) in &self.modules {
            for (at, _) in text.match_indices("#[cfg(test)]\nmod ") {
                let name = text[at..].lines().nth(1).unwrap_or_default();
                tests.push(below(path, [name.trim_start_matches("mod ").trim_end_matches(';')]));
            }
        }
        self.modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        for (module, text) in &self.modules {
            for path in imported(text) {
                if let (Some(whole), Some(name)) = (self.absolute(module, &path), path.rsplit("::").next()) {
                    self.imports.insert(below(module, [name]), whole);
                }
            }
        }
    }

    /// A path in a module from the root of the crate; `None`: it is another crate's.
    fn absolute(&self, module: &Path, path: &str) -> Option<Path> {
        let mut rest: Vec<&str> = path.split("::").collect();
        let mut from = module.clone();
        match rest.first().copied() {
            Some("crate") => from.clear(),
            Some("self") => {}
            Some("super") => {
                let above = rest.iter().take_while(|part| **part == "super").count();
                from.truncate(module.len().saturating_sub(above));
                rest.drain(..above - 1);
            }
            Some(first) if self.modules.contains_key(&below(module, [first])) => rest.insert(0, "self"),
            _ => return None,
        }
        Some(below(&from, rest.into_iter().skip(1)))
    }

    /// The module in which something stands, wherever it was imported to.
    fn home(&self, mut path: Path) -> Path {
        // A name may be imported under itself; a few steps are enough.
        for _ in 0..4 {
            let known = (1..=path.len()).rev().find(|n| self.modules.contains_key(&path[..*n])).unwrap_or(0);
            let Some((n, to)) =
                (known + 1..=path.len()).rev().find_map(|n| self.imports.get(&path[..n]).map(|to| (n, to)))
            else {
                return path[..known].to_vec();
            };
            path = below(to, path[n..].iter().map(String::as_str));
        }
        path
    }

    /// The arrows of each folder.
    fn arrows(&self) -> BTreeMap<Path, Arrows> {
        let mut folders: BTreeMap<Path, Arrows> = BTreeMap::new();
        for (module, text) in &self.modules {
            for path in imported(text).into_iter().chain(named(text)) {
                let Some(whole) = self.absolute(module, &path) else { continue };
                let home = self.home(whole);
                let shared = module.iter().zip(&home).take_while(|(a, b)| a == b).count();
                if let (Some(from), Some(to)) = (module.get(shared), home.get(shared)) {
                    let arrows = folders.entry(module[..shared].to_vec()).or_default();
                    arrows.entry((from.clone(), to.clone())).or_insert_with(|| module.clone());
                }
            }
        }
        folders
    }
}

fn below<'p>(path: &[String], more: impl IntoIterator<Item = &'p str>) -> Path {
    path.iter().cloned().chain(more.into_iter().map(str::to_owned)).collect()
}

/// The paths that `use` names, one by one.
fn imported(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for statement in text.split_inclusive(';').filter_map(|s| s.strip_suffix(';')) {
        let Some((before, tree)) = statement.rsplit_once("use ") else { continue };
        let start = before.rsplit(['\n', '{']).next().unwrap_or_default().trim();
        if start.is_empty() || start.starts_with("pub") {
            expand("", tree, &mut out);
        }
    }
    out
}

/// `a::{b, c::{d, self}}` is `a::b`, `a::c::d`, `a::c`.
fn expand(before: &str, tree: &str, out: &mut Vec<String>) {
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        let path = format!("{before}{path}");
        out.push(path.strip_suffix("::self").unwrap_or(&path).to_owned());
        return;
    };
    let before = format!("{before}{}", head.trim());
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    expand(&before, &inner[start..at], out);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The paths that stand in the code itself.
fn named(text: &str) -> Vec<String> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let words = text.split(|c: char| !is_path(c)).map(|word| word.trim_end_matches(':'));
    words.filter(|w| w.starts_with("crate::") || w.starts_with("super::")).map(str::to_owned).collect()
}

/// The circles of a folder: all that know each other, perhaps through others.
fn circles(arrows: &Arrows) -> Vec<BTreeSet<String>> {
    let reached = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from.to_owned()];
        while let Some(at) = next.pop() {
            let more = arrows.keys().filter(|(a, _)| *a == at).map(|(_, b)| b.clone());
            next.extend(more.filter(|b| seen.insert(b.clone())));
        }
        seen
    };
    let all: BTreeMap<String, BTreeSet<String>> =
        arrows.keys().map(|(a, _)| (a.clone(), reached(a))).collect();
    let knows = |a: &str, b: &str| all.get(a).is_some_and(|reached| reached.contains(b));
    let circle = |a: &String| all[a].iter().filter(|b| knows(b, a)).cloned().collect();
    let circles: BTreeSet<BTreeSet<String>> = all.keys().map(circle).collect();
    circles.into_iter().filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn no_two_modules_know_each_other() {
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    for (name, all) in crates() {
        for (folder, arrows) in all.arrows() {
            let place = folder.join("/");
            for circle in circles(&arrows) {
                let known = YET.iter().position(|(krate, at, modules)| {
                    *krate == name && *at == place && circle.iter().all(|m| modules.contains(&m.as_str()))
                });
                needed.extend(known);
                let within = arrows.iter().filter(|((a, b), _)| circle.contains(a) && circle.contains(b));
                let said: Vec<String> =
                    within.map(|((a, b), by)| format!("{a} -> {b} ({})", by.join("/"))).collect();
                if known.is_none() {
                    wrong.push(format!("{name} {place}: {}", said.join(", ")));
                }
            }
        }
    }
    let gone = YET.iter().enumerate().filter(|(at, _)| !needed.contains(at));
    wrong.extend(gone.map(|(_, (name, at, modules))| {
        format!("{name} {at}: {} are a circle no longer: take it off the list", modules.join(", "))
    }));
    none("modules that know each other", &wrong);
}

#[test]
fn circles_are_found() {
    #[track_caller]
    fn check(modules: &[(&str, &str)], expect: &[&[&str]]) {
        let path = |text: &str| text.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        let modules = modules.iter().map(|(at, text)| (path(at), (*text).to_owned())).collect();
        let mut all = Crate { modules, imports: BTreeMap::new() };
        all.settle();
        let found: Vec<BTreeSet<String>> = all.arrows().values().flat_map(circles).collect();
        let expect: Vec<BTreeSet<String>> =
            expect.iter().map(|c| c.iter().map(|m| (*m).to_owned()).collect()).collect();
        assert_eq!(found, expect, "{:?}", all.arrows());
    }
    check(&[("", "mod a; mod b;"), ("a", "use crate::b::X;"), ("b", "")], &[]);
    check(&[("", ""), ("a", "use crate::{b::{X}, c};"), ("b", "fn f() { super::a::g() }")], &[&["a", "b"]]);
    // Through a third one, through a re-export, deep below.
    check(
        &[("", ""), ("a", "use super::b;"), ("b", "use super::c;"), ("c", "use super::a;")],
        &[&["a", "b", "c"]],
    );
    check(&[("", "pub use a::X;\n"), ("a", "use crate::b;"), ("b", "use crate::X;")], &[&["a", "b"]]);
    check(
        &[("", ""), ("f", ""), ("f/a", "use super::b::x;"), ("f/b", "pub(super) use super::a::{self, y};")],
        &[&["a", "b"]],
    );
    // What is above or below, other crates, tests.
    check(
        &[("", "use a::X;\nfn f() {}"), ("a", "use crate::f;"), ("a/b", "use super::g; use serde::a;")],
        &[],
    );
    check(&[("", "#[cfg(test)]\nmod b;\n"), ("a", "use crate::b;"), ("b", "use crate::a;")], &[]);
}
