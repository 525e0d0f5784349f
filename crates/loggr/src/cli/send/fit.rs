//! Which options of `loggr send` fit together: one that would change nothing is refused, with what to do.
//!
//! An option that is silently ignored sends something else than was asked for. Not what an option means.

use anyhow::{Result, anyhow};

use super::job::Target;
use super::{LineFormat, SendArgs};
use crate::exit::Usage;
use crate::hint::Advise;

impl SendArgs {
    /// How each line is sent.
    pub(super) fn line_format(&self) -> LineFormat {
        let is_ours = self.message.is_some() || self.count.is_some();
        self.format.unwrap_or(if is_ours { LineFormat::Rfc5424 } else { LineFormat::Raw })
    }

    /// Refuses what would have no effect.
    pub(super) fn fits(&self, target: &Target) -> Result<()> {
        let is_raw = self.line_format() == LineFormat::Raw;
        let is_stream = matches!(target, Target::Tcp(_) | Target::Unix(_));
        let as_they_are = "the lines are sent as they are, with whatever they say themselves";
        let event = "`--format rfc5424` makes an event of each line";
        let rows = [
            ("--app-name", self.app_name.is_some() && is_raw, as_they_are, event),
            ("--priority", self.priority.is_some() && is_raw, as_they_are, event),
            (
                "--size",
                self.size.is_some() && self.count.is_none(),
                "only generated lines have a length that can be chosen",
                "`--count N` generates lines",
            ),
            (
                "--window",
                self.window.is_some() && !target.acknowledges(),
                "only RELP acknowledges lines",
                "leave it out, or send to `relp://HOST:PORT`",
            ),
            (
                "--framing",
                self.framing.is_some() && !is_stream,
                "RELP and UDP have ends of lines of their own",
                "leave it out, or send to `tcp://HOST:PORT` or `unix:PATH`",
            ),
            (
                "--retry",
                self.retry.is_some() && matches!(target, Target::Udp(_)),
                "over UDP nobody knows whether the receiver is there",
                "leave it out",
            ),
            (
                "--resume",
                self.resume.is_some() && self.file.is_empty(),
                "only in files there is a place to go on from",
                "name the files with `--file`",
            ),
            (
                "--resume",
                self.resume.is_some() && !target.acknowledges(),
                "only RELP says which lines have arrived",
                "leave it out, or send to `relp://HOST:PORT`",
            ),
        ];
        match rows.iter().find(|(_, is_idle, ..)| *is_idle) {
            Some((option, _, why, hint)) => {
                Err(anyhow!("`{option}` would change nothing: {why}")).hint(*hint).usage()
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        send: SendArgs,
    }

    #[track_caller]
    fn check(words: &str, expect: Option<&str>) {
        let args = Words::try_parse_from(format!("send {words}").split(' ')).expect("arguments").send;
        let refused = args.fits(&Target::parse(&args.to).expect("a target").0).err();
        let option = refused.map(|error| error.to_string().split('`').nth(1).unwrap_or_default().to_owned());
        assert_eq!(option.as_deref(), expect, "{words}");
    }

    #[test]
    fn what_would_change_nothing_is_refused() {
        check("--to relp://h:1 -m x --app-name a -p user.err --window 5 --retry 1", None);
        check("--to relp://h:1 --file f", None);
        check("--to relp://h:1 --file f --app-name a", Some("--app-name"));
        check("--to relp://h:1 --app-name a", Some("--app-name"));
        check("--to relp://h:1 --file f --app-name a --format rfc3164", None);
        check("--to relp://h:1 -m x -p user.err --format raw", Some("--priority"));
        check("--to relp://h:1 --count 5 --size 100 --app-name a", None);
        check("--to relp://h:1 --file f --size 100", Some("--size"));
        check("--to tcp://h:1 -m x --window 5", Some("--window"));
        check("--to tcp://h:1 -m x --framing lf --retry 5", None);
        check("--to unix:/s -m x --framing lf", None);
        check("--to udp://h:1 -m x --framing lf", Some("--framing"));
        check("--to relp://h:1 -m x --framing octet-counting", Some("--framing"));
        check("--to udp://h:1 -m x --retry 5", Some("--retry"));
        check("--to relp+tls://h:1 --file a b --resume s", None);
        check("--to relp://h:1 --resume s", Some("--resume"));
        check("--to tcp://h:1 --file a --resume s", Some("--resume"));
    }
}
