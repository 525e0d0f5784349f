//! Test helpers: a whole log goes through a packer of presets.

use super::{Seen, Standing, Traces, preset};

/// What a log becomes, each line an event: a column of texts, merged where they were packed.
/// The same rules as in the packer: doubtful lines at the end of a trace go on alone.
#[track_caller]
pub(super) fn packed(presets: &[&str], log: &str, expect: &[&str]) {
    let languages: Vec<_> = presets.iter().map(|name| preset(name).unwrap()).collect();
    let traces = Traces::new(&languages);
    let mut out: Vec<String> = Vec::new();
    let mut open: Option<(Standing, Vec<&str>, usize)> = None;
    for line in log.strip_suffix('\n').unwrap_or(log).split('\n') {
        let (seen, standing) = traces.look(open.as_mut().map(|(standing, ..)| standing), line);
        match seen {
            Seen::Outside => {
                close(&mut out, open.take());
                out.push(line.to_owned());
            }
            Seen::Begins => {
                close(&mut out, open.take());
                open = Some((standing, vec![line], 1));
            }
            Seen::Continues { .. } | Seen::Ends => {
                let (_, lines, sure) = open.as_mut().expect("something is open");
                lines.push(line);
                if seen != (Seen::Continues { sure: false }) {
                    *sure = lines.len();
                }
                if seen == Seen::Ends {
                    close(&mut out, open.take());
                }
            }
        }
    }
    close(&mut out, open);
    assert_eq!(out, expect);
}

fn close(out: &mut Vec<String>, open: Option<(Standing, Vec<&str>, usize)>) {
    if let Some((_, lines, sure)) = open {
        let (trace, rest) = lines.split_at(sure);
        out.push(trace.join("\n"));
        out.extend(rest.iter().map(|line| (*line).to_owned()));
    }
}

/// A log in which traces stand between ordinary lines: the parts of the log, in order, each
/// of which is one event at the end.
#[track_caller]
pub(super) fn check(name: &str, parts: &[&str]) {
    packed(&[name], &parts.join("\n"), parts);
}
