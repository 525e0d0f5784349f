//! `include "name"`: the statements of another filter, as if they stood in its place.
//!
//! The files are read here, once, before anything is compiled. All names are looked for in one
//! directory, that of the filters; a filter that includes itself, directly or through others, is a
//! mistake.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::ast::{Include, Included, Statement, StatementKind};
use super::error::{FilterError, FilterErrors};
use super::parser::parse;

/// Most filters that one filter includes, each as often as it is included.
pub const MAX_INCLUDES: usize = 256;
/// Largest included file in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// What a name without an extension gets.
const EXTENSION: &str = "filter";

/// Reads included filters, one into another.
pub(super) struct Reader<'d> {
    /// Where they lie.
    pub directory: &'d Path,
    /// All files that were read, in this order.
    pub files: Vec<PathBuf>,
    /// What is wrong with included filters.
    pub wrong: Vec<FilterErrors>,
    /// Those that are being read: each includes the next.
    pub inside: Vec<(String, PathBuf)>,
}

impl Reader<'_> {
    /// Reads what these statements include; gives what is wrong with their `include`s.
    pub fn fill(&mut self, statements: &mut [Statement]) -> Vec<FilterError> {
        let mut errors = Vec::new();
        for statement in statements {
            match &mut statement.kind {
                StatementKind::If { branches, otherwise } => {
                    let inner = branches.iter_mut().map(|(_, inner)| inner).chain(otherwise);
                    inner.for_each(|inner| errors.extend(self.fill(inner)));
                }
                StatementKind::Include(include) => match self.read(include) {
                    Ok(read) => include.read = Some(read),
                    Err(error) => errors.push(error),
                },
                _ => {}
            }
        }
        errors
    }

    fn read(&mut self, include: &Include) -> Result<Included, FilterError> {
        let error = |message: String| FilterError::new(include.span, message);
        let mut path = self.directory.join(&include.name);
        if path.extension().is_none() {
            path.set_extension(EXTENSION);
        }
        let known = path.canonicalize().unwrap_or_else(|_| path.clone());
        if let Some(at) = self.inside.iter().position(|(_, inside)| *inside == known) {
            let names = self.inside.iter().skip(at).map(|(name, _)| format!("`{name}`"));
            let chain: Vec<String> = names.chain([format!("`{}`", include.name)]).collect();
            return Err(error(format!("this filter includes itself: {}", chain.join(" includes "))));
        }
        if self.files.len() >= MAX_INCLUDES {
            return Err(error(format!("more than {MAX_INCLUDES} filters are included")));
        }
        self.files.push(path.clone());
        let text = text(&path).map_err(|e| {
            error(format!("cannot read `{}`: {e}", path.display()))
                .hint("`include \"common\"` reads `common.filter`, which lies beside this filter")
        })?;
        let file = path.display().to_string();
        let mistakes = || error(format!("the filter `{}` has mistakes", include.name));
        let mut statements = parse(&text).map_err(|errors| {
            self.wrong.push(FilterErrors::new(&file, &text, errors));
            mistakes()
        })?;
        self.inside.push((include.name.clone(), known));
        let errors = self.fill(&mut statements);
        self.inside.pop();
        if !errors.is_empty() {
            self.wrong.push(FilterErrors::new(&file, &text, errors));
            return Err(mistakes());
        }
        Ok(Included { file, text, statements })
    }
}

fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    match text.len() as u64 > MAX_FILE_BYTES {
        true => Err(format!("it has more than {MAX_FILE_BYTES} bytes")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::{Event, Timestamp};

    use crate::engines::Environment;
    use crate::lang::Program;

    /// Compiles `main` beside other filters; gives what became of an event, or what is wrong.
    fn run(main: &str, others: &[(&str, &str)]) -> Result<(Program, String), String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in others {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let environment =
            Environment { filters: directory.path().into(), ..Environment::new("/nonexistent") };
        let shown = |text: String| text.replace(&directory.path().display().to_string(), "DIR");
        let program =
            Program::compile("main.filter", main, &environment).map_err(|e| shown(e.to_string()))?;
        let mut event = Event { message: "m".into(), ..Event::default() };
        program.run(&mut event, Timestamp::from_unix_micros(0), &mut program.counters());
        let tags = event.tags.join(" ");
        Ok((program, tags))
    }

    #[track_caller]
    fn check(main: &str, others: &[(&str, &str)], expect: &str) {
        assert_eq!(run(main, others).unwrap().1, expect, "{main}");
    }

    #[test]
    fn the_statements_of_another_filter_stand_in_its_place() {
        let a = ("a.filter", "tags += \"a\"");
        let digits = ("a.filter", "message := message + \"2\"\ntags += message");
        check(
            "message := \"1\"\ninclude \"a\"\nmessage := message + \"3\"\ntags += message",
            &[digits],
            "12 123",
        );
        check("if message == \"m\" { include \"a.filter\" } else { include \"a\" }", &[a], "a");
        check("include \"a\"; include \"a\"; tags -= \"a\"; include \"a\"", &[a], "a");
        check("include \"b\"\ntags += \"2\"", &[a, ("b.filter", "include \"a\"\nstop")], "a");
        check("include \"x.txt\"", &[("x.txt", "tags += \"x\"")], "x");
        check("include \"empty\"", &[("empty.filter", "# nothing\n")], "");
    }

    #[test]
    fn a_rule_says_where_it_stands() {
        let others = [("a.filter", "\ntags += \"a\"\ninclude \"b\""), ("b.filter", "drop")];
        let (program, _) = run("stop\n", &[]).unwrap();
        assert_eq!(program.rule(0), (1, "stop"));
        let (program, _) = run("tags += \"1\"\ninclude \"a\"", &others).unwrap();
        let rules: Vec<_> = (0..program.rule_count()).map(|n| program.rule(n)).collect();
        let expect = [(1, "tags += \"1\""), (2, "a:2: tags += \"a\""), (2, "a:3: b:1: drop")];
        assert_eq!(rules, expect);
        assert_eq!(program.text(), "tags += \"1\"\ninclude \"a\"\n");
        assert_eq!(program.explain(), "tag 1\nfrom `a`:\n  tag a\n  from `b`: drop it\n");
        let files: Vec<_> = program.files().iter().map(|f| f.file_name().unwrap().to_owned()).collect();
        assert_eq!(files, ["a.filter", "b.filter"]);
    }

    #[track_caller]
    fn wrong(main: &str, others: &[(&str, &str)], expect: &str) {
        assert_eq!(run(main, others).err().unwrap_or_default(), expect, "{main}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file() {
        wrong(
            "stop\ninclude \"none\"",
            &[],
            "main.filter:2:9: cannot read `DIR/none.filter`: No such file or directory (os error 2)\n\
             2 | include \"none\"\n  |         ^^^^^^\n\
             hint: `include \"common\"` reads `common.filter`, which lies beside this filter",
        );
        wrong(
            "include \"a\"\nnonsense",
            &[("a.filter", "lowercase(uid)")],
            "main.filter:2:1: `nonsense` is neither a statement nor a core field\n2 | nonsense\n  | ^^^^^^^^\n\
             hint: a custom field is written `[nonsense]`",
        );
        wrong(
            "include \"a\"",
            &[("a.filter", "tags += \"x\"\nlowercase(uid)")],
            "main.filter:1:9: the filter `a` has mistakes\n1 | include \"a\"\n  |         ^^^\n\
             DIR/a.filter:2:11: `uid` cannot be changed\n2 | lowercase(uid)\n  |           ^^^\n\
             hint: give a `target`: target=[name]",
        );
        wrong(
            "include \"a\"",
            &[("a.filter", "include \"b\""), ("b.filter", "include \"a\"")],
            "main.filter:1:9: the filter `a` has mistakes\n1 | include \"a\"\n  |         ^^^\n\
             DIR/b.filter:1:9: this filter includes itself: `a` includes `b` includes `a`\n\
             1 | include \"a\"\n  |         ^^^\n\
             DIR/a.filter:1:9: the filter `b` has mistakes\n1 | include \"b\"\n  |         ^^^",
        );
        wrong(
            "include a",
            &[],
            "main.filter:1:9: expected the name of a filter in quotes, found `a`\n1 | include a\n  |         ^",
        );
    }

    #[test]
    fn files_that_include_each_other_many_times_come_to_an_end() {
        let twice = |name: &str| format!("include \"{name}\"\ninclude \"{name}\"");
        let texts: Vec<(String, String)> =
            (0..20).map(|n| (format!("f{n}.filter"), twice(&format!("f{}", n + 1)))).collect();
        let mut others: Vec<(&str, &str)> = texts.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        others.push(("f20.filter", ""));
        let error = run("include \"f0\"", &others).err().unwrap_or_default();
        assert!(error.contains("more than 256 filters are included"), "{error}");
    }
}
