//! Chooses the configuration file, and the data directory if the file does not name one.
//! `resolve.rs` reads the content.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use loggr_filter::engines::Route;
use toml::de::DeTable;

use super::Config;
use super::diagnostics::ConfigError;
use super::resolve::{Around, data_directory, resolve};
use crate::hint::Advise;

/// The last place where the file is looked for.
const SYSTEM_FILE: &str = "/etc/loggr/loggr.toml";
/// The file's name in `$LOGGR_CONFIG_DIR` and in the current directory.
const FILE_NAME: &str = "loggr.toml";
/// The same for `loggr run agent`: an agent may run beside another loggr.
const AGENT_FILE: &str = "/etc/loggr/agent.toml";
const AGENT_FILE_NAME: &str = "agent.toml";
/// Data directory of root.
const SYSTEM_DATA: &str = "/var/lib/loggr";
/// Longer files are refused.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A file that is ignored because it belongs to a user who need not be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    file: PathBuf,
    owner: u32,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, owner) = (self.file.display(), crate::users::user_of(self.owner));
        write!(
            f,
            "`{file}` is ignored, as it belongs to {owner}: without `--config` loggr reads a file only if \
             it belongs to root or to the user who runs loggr"
        )
    }
}

/// What `load` needs to know about the host.
pub struct Host<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// What the file is called.
    file_name: &'a str,
    /// The user whose files may be read without being named, as may those of root.
    user: u32,
    root: bool,
    /// The file in the current directory.
    here: &'a Path,
    system_file: &'a Path,
}

impl Host<'_> {
    /// This host as it is.
    pub fn this() -> Host<'static> {
        Host {
            variable: &|name| std::env::var_os(name),
            file_name: FILE_NAME,
            user: rustix::process::geteuid().as_raw(),
            root: rustix::process::geteuid().is_root(),
            here: Path::new(FILE_NAME),
            system_file: Path::new(SYSTEM_FILE),
        }
    }

    /// The same, for an agent.
    pub fn of_agent() -> Host<'static> {
        let (here, system_file) = (Path::new(AGENT_FILE_NAME), Path::new(AGENT_FILE));
        Host { file_name: AGENT_FILE_NAME, here, system_file, ..Host::this() }
    }

    /// The path in a variable; an empty one counts as none.
    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// The file that is to be read.
    pub fn find(&self, file: Option<&Path>) -> Result<Chosen> {
        if let Some(file) = file {
            return Ok(Chosen::named(absolute(file)?));
        }
        if let Some(directory) = self.path("LOGGR_CONFIG_DIR") {
            return Ok(Chosen::named(absolute(&directory.join(self.file_name))?));
        }
        let stranger = self.stranger();
        if stranger.is_none() && self.here.is_file() {
            return Ok(Chosen { found_here: true, ..Chosen::named(absolute(self.here)?) });
        }
        let passed_over = match stranger {
            Some(owner) => Some(PassedOver { file: absolute(self.here)?, owner }),
            None => None,
        };
        let file = match self.system_file.try_exists() {
            Ok(false) => None,
            // A file that exists but cannot be read must not be taken for missing.
            Ok(true) | Err(_) => Some(self.system_file.to_owned()),
        };
        Ok(Chosen { file, found_here: false, passed_over })
    }

    /// The owner of the file in the current directory, if this user need not trust them: in a
    /// directory such as `/tmp` anybody may have put one.
    fn stranger(&self) -> Option<u32> {
        let meta = std::fs::metadata(self.here).ok().filter(std::fs::Metadata::is_file)?;
        Some(meta.uid()).filter(|owner| *owner != self.user && *owner != 0)
    }

    fn default_data(&self) -> Option<PathBuf> {
        if self.root {
            return Some(PathBuf::from(SYSTEM_DATA));
        }
        // The XDG specification: a relative path is to be ignored.
        let xdg = self.path("XDG_DATA_HOME").filter(|path| path.is_absolute());
        let home =
            || self.path("HOME").filter(|path| path.is_absolute()).map(|home| home.join(".local/share"));
        xdg.or_else(home).map(|data| data.join("loggr"))
    }
}

/// The file that is to be read, and why this one.
#[derive(Debug)]
pub struct Chosen {
    /// `None` is the built-in default.
    pub file: Option<PathBuf>,
    /// Whether it was found without being named.
    pub found_here: bool,
    /// A file that exists and was ignored.
    pub passed_over: Option<PassedOver>,
}

impl Chosen {
    fn named(file: PathBuf) -> Chosen {
        Chosen { file: Some(file), found_here: false, passed_over: None }
    }
}

/// A function that gives the routes of the filter with a name, beside the configuration in a
/// directory; `None` if they are not known.
pub type Routes<'r> = &'r dyn Fn(&Path, &str) -> Option<Vec<Route>>;

/// Chooses the file and reads it.
pub fn load(file: Option<&Path>, data: Option<&Path>, host: &Host<'_>, routes: Routes<'_>) -> Result<Config> {
    let chosen = host.find(file)?;
    let text = chosen.file.as_deref().map_or(Ok(String::new()), read)?;
    let (config, problems) = with(&chosen, data, host, routes, |around| resolve(&text, around))?;
    if !problems.is_empty() {
        let file = chosen.file.as_deref();
        let shown = file.map_or_else(|| "the default".to_owned(), |f| f.display().to_string());
        return Err(ConfigError::new(&shown, &text, problems).into());
    }
    if config.data.directory.as_os_str().is_empty() {
        return Err(anyhow!("there is no place for the data directory: `HOME` is not set"))
            .hint("name one with `--data-dir` or `LOGGR_DATA_DIR`");
    }
    Ok(config)
}

/// What a file with mistakes says as far as it can be read, for who only asks the processes that run: they have
/// read it when it was right. `None` where not even the data directory is known.
pub fn load_past_mistakes(file: Option<&Path>, data: Option<&Path>, host: &Host<'_>) -> Option<Config> {
    let chosen = host.find(file).ok()?;
    let text = chosen.file.as_deref().map_or(Ok(String::new()), read);
    let named = data.is_some() || host.path("LOGGR_DATA_DIR").is_some();
    let text = match text {
        Ok(text) => text,
        // What cannot be read may name another directory than the default.
        Err(_) if !named => return None,
        Err(_) => String::new(),
    };
    let read = |around: &Around<'_>| {
        let directory = data_directory(&text, around);
        let wanted = around.data_override.or(directory.as_deref());
        resolve(&text, &Around { data_override: wanted, ..*around })
    };
    let (config, _) = with(&chosen, data, host, &|_, _| None, read).ok()?;
    Some(config).filter(|config| !config.data.directory.as_os_str().is_empty())
}

/// Reads what was chosen with everything that the reader must know beside its text.
fn with<T>(
    chosen: &Chosen,
    data: Option<&Path>,
    host: &Host<'_>,
    routes: Routes<'_>,
    read: impl FnOnce(&Around<'_>) -> (Config, T),
) -> Result<(Config, T)> {
    let file = chosen.file.as_deref();
    let directory = beside(file);
    let wanted = data.map(Path::to_owned).or_else(|| host.path("LOGGR_DATA_DIR"));
    let wanted = wanted.as_deref().map(absolute).transpose()?;
    let default = host.default_data();
    let around = Around {
        file,
        directory,
        data_override: wanted.as_deref(),
        data_default: default.as_deref().unwrap_or(Path::new("")),
        routes: &|filter| routes(directory, filter),
    };
    let (config, other) = read(&around);
    let Chosen { found_here, passed_over, .. } = chosen;
    Ok((Config { found_here: *found_here, passed_over: passed_over.clone(), ..config }, other))
}

/// Where the `tls` of a listener stands, as `FILE:LINE`; the listener by its place in the file's order.
pub fn place_of_tls(file: &Path, listener: usize) -> Option<String> {
    let text = read(file).ok()?;
    let table = DeTable::parse(&text).ok()?;
    let listeners = table.get_ref().get("listener")?.get_ref().as_array()?;
    let (key, _) = listeners.get(listener)?.get_ref().as_table()?.get_key_value("tls")?;
    let before = text.get(..key.span().start)?;
    Some(format!("{}:{}", file.display(), before.matches('\n').count() + 1))
}

/// The directory of files that belong to the configuration, such as filters.
pub fn beside(file: Option<&Path>) -> &Path {
    file.and_then(Path::parent).unwrap_or(Path::new("/etc/loggr"))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot make an absolute path of `{}`", path.display()))
}

fn read(file: &Path) -> Result<String> {
    let shown = file.display();
    let bytes = loggr_disk::read_at_most(file, MAX_FILE_BYTES)
        .with_context(|| format!("cannot read the configuration `{shown}`"))
        .hint("`loggr config` prints the default one")?;
    let Some(bytes) = bytes else {
        bail!("the configuration `{shown}` is longer than {MAX_FILE_BYTES} bytes");
    };
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        anyhow!("the configuration `{shown}` is not UTF-8 in line {line}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which file and which data directory, with this on the command line, in the
    /// environment, and on the disk; `/T` stands for a fresh directory.
    #[track_caller]
    fn search(
        file: Option<&str>,
        data: Option<&str>,
        env: &[(&str, &str)],
        disk: &[(&str, &str)],
        expect: &str,
    ) {
        let root = tempfile::tempdir().unwrap();
        let there = |path: &str| PathBuf::from(path.replace("/T", root.path().to_str().unwrap()));
        for (path, text) in disk {
            std::fs::create_dir_all(there(path).parent().unwrap()).unwrap();
            std::fs::write(there(path), text).unwrap();
        }
        let variable =
            |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| there(value).into_os_string());
        let host = Host {
            file_name: FILE_NAME,
            variable: &variable,
            user: rustix::process::geteuid().as_raw(),
            root: env.is_empty(),
            here: &there("/T/here/loggr.toml"),
            system_file: &there("/T/etc/loggr.toml"),
        };
        let shown = match load(file.map(there).as_deref(), data.map(there).as_deref(), &host, &|_, _| None) {
            Ok(config) => {
                let file = config.file.map_or("none".to_owned(), |file| file.display().to_string());
                let file = if config.found_here { format!("(found) {file}") } else { file };
                format!("{file} {}", config.data.directory.display())
            }
            Err(error) => crate::hint::render(&error),
        };
        assert_eq!(shown.replace(root.path().to_str().unwrap(), "/T"), expect);
    }

    #[test]
    fn where_the_file_and_the_data_are_looked_for() {
        let home = ("HOME", "/T/h");
        let user = "/T/h/.local/share/loggr";
        search(None, None, &[], &[], "none /var/lib/loggr");
        search(None, None, &[home], &[], &format!("none {user}"));
        search(None, None, &[("XDG_DATA_HOME", "/T/xdg"), home], &[], "none /T/xdg/loggr");
        search(None, None, &[("XDG_DATA_HOME", "rel"), home], &[], &format!("none {user}"));
        search(None, None, &[("LOGGR_DATA_DIR", "/T/env")], &[], "none /T/env");
        let system = ("/T/etc/loggr.toml", "[data]\ndirectory = 'd'");
        search(None, None, &[], &[system], "/T/etc/loggr.toml /T/etc/d");
        search(None, None, &[("LOGGR_DATA_DIR", "/T/env")], &[system], "/T/etc/loggr.toml /T/env");
        search(None, Some("/T/arg"), &[("LOGGR_DATA_DIR", "/T/env")], &[system], "/T/etc/loggr.toml /T/arg");
        let (own, variable) = (("/T/own/loggr.toml", ""), ("LOGGR_CONFIG_DIR", "/T/own"));
        search(None, None, &[variable, home], &[system, own], &format!("/T/own/loggr.toml {user}"));
        search(Some("/T/x"), None, &[variable, home], &[own, ("/T/x", "")], &format!("/T/x {user}"));
    }

    #[test]
    fn a_file_in_the_current_directory_is_found_unless_another_is_named() {
        let (here, home) = (("/T/here/loggr.toml", ""), ("HOME", "/T/h"));
        let user = "/T/h/.local/share/loggr";
        let found = format!("(found) /T/here/loggr.toml {user}");
        search(None, None, &[home], &[here], &found);
        search(None, None, &[home], &[here, ("/T/etc/loggr.toml", "")], &found);
        let (own, variable) = (("/T/own/loggr.toml", ""), ("LOGGR_CONFIG_DIR", "/T/own"));
        search(None, None, &[variable, home], &[own, here], &format!("/T/own/loggr.toml {user}"));
        search(Some("/T/x"), None, &[home], &[here, ("/T/x", "")], &format!("/T/x {user}"));
    }

    #[test]
    fn a_file_of_somebody_else_in_the_current_directory_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path().join("loggr.toml");
        std::fs::write(&here, "").unwrap();
        let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&here).unwrap());
        let host = |user| Host {
            file_name: FILE_NAME,
            variable: &|_| None,
            user,
            root: false,
            here: &here,
            system_file: Path::new("/none"),
        };
        let own = host(owner).find(None).unwrap();
        assert_eq!(
            (own.file.as_deref(), own.found_here, own.passed_over),
            (Some(here.as_path()), true, None)
        );
        // Root's own is everybody's; here the owner is whoever runs the tests.
        let others = host(owner + 1).find(None).unwrap();
        assert_eq!(others.found_here, owner == 0);
        assert_eq!(others.passed_over.is_none(), owner == 0);
    }

    #[test]
    fn a_file_that_is_left_alone_is_named_with_its_owner() {
        let check = |owner, words: &str| {
            let passed = PassedOver { file: PathBuf::from("/tmp/loggr.toml"), owner }.to_string();
            assert!(
                passed.starts_with(&format!("`/tmp/loggr.toml` is ignored, as it belongs to {words}: ")),
                "{passed}"
            );
        };
        check(0, "the user `root`");
        check(4_000_000_000, "the user with the number 4000000000");
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        search(
            Some("/T/no.toml"),
            None,
            &[],
            &[],
            "error: cannot read the configuration `/T/no.toml`\n  caused by: No such file or directory (os error 2)\n\
             hint: `loggr config` prints the default one\n",
        );
        search(
            None,
            None,
            &[("LOGGR_CONFIG_DIR", "/T/own")],
            &[],
            "error: cannot read the configuration `/T/own/loggr.toml`\n  \
             caused by: No such file or directory (os error 2)\nhint: `loggr config` prints the default one\n",
        );
        search(
            None,
            None,
            &[("LOGGR_CONFIG_DIR", "")],
            &[],
            "error: there is no place for the data directory: `HOME` is not set\n\
             hint: name one with `--data-dir` or `LOGGR_DATA_DIR`\n",
        );
        search(
            Some("/T/x"),
            None,
            &[],
            &[("/T/x", "[web]\nlisten = '80'")],
            "error: 1 mistake in `/T/x`\n\n\
             /T/x:2:10: `80` has no host, write `127.0.0.1:80`, or `:80` for all addresses\n  \
             |\n2 | listen = '80'\n  |          ^^^^\n",
        );
    }

    #[test]
    fn a_file_that_is_not_text() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("x.toml");
        std::fs::write(&file, b"[log]\n# \xff\n").unwrap();
        let error = Config::load(Some(&file), None).unwrap_err().to_string();
        assert!(error.ends_with("x.toml` is not UTF-8 in line 2"), "{error}");
        std::fs::write(&file, vec![b'#'; MAX_FILE_BYTES as usize + 1]).unwrap();
        let error = Config::load(Some(&file), None).unwrap_err().to_string();
        assert!(error.ends_with("x.toml` is longer than 1048576 bytes"), "{error}");
    }

    #[test]
    fn a_file_with_mistakes_still_says_where_the_data_is() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("loggr.toml");
        let check = |text: &[u8], data: Option<&str>, expect: Option<&str>| {
            std::fs::write(&file, text).unwrap();
            let host = Host {
                file_name: FILE_NAME,
                variable: &|_| None,
                user: 0,
                root: false,
                here: Path::new("/none"),
                system_file: Path::new("/none"),
            };
            let found = load_past_mistakes(Some(&file), data.map(Path::new), &host);
            let expect = expect.map(|path| root.path().join(path));
            assert_eq!(found.map(|config| config.data.directory), expect, "{}", text.escape_ascii());
        };
        check(b"[data]\ndirectory = 'd'\n[web]\nlisten = '80'", None, Some("d"));
        check(b"[data]\ndirectory = 'd'\n[[listener]\nname = 'x'", None, Some("d"));
        check(b"[data]\ndirectory = 'd'\n[web]\nlisten = ", None, Some("d"));
        check(b"[data]\ndirectory = 7", None, None);
        check(b"[data]\ndirectory = 7", Some("/elsewhere"), Some("/elsewhere"));
        check(b"# \xff", None, None);
        check(b"# \xff", Some("/elsewhere"), Some("/elsewhere"));
    }
}
