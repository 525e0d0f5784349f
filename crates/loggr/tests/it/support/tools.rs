//! Where the neighbours are: on the machine, or below the target directory where
//! `scripts/setup.sh test` unpacks them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program with the environment that it needs where it is only unpacked.
#[derive(Clone)]
pub struct Tool {
    path: PathBuf,
    /// Where its package is unpacked; `None` when it is installed.
    prefix: Option<PathBuf>,
    /// Where a Python finds its packages.
    python: Option<PathBuf>,
}

impl Tool {
    /// A command that finds its libraries.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if let Some(prefix) = &self.prefix {
            let mut libraries = vec![prefix.join("usr/lib/syslog-ng")];
            let shared = multiarch(prefix);
            libraries.extend(shared.iter().map(|directory| directory.join("systemd")));
            libraries.extend(shared);
            let libraries: Vec<String> = libraries.iter().map(|l| l.display().to_string()).collect();
            command.env("LD_LIBRARY_PATH", libraries.join(":"));
            command.env("SYSLOGNG_PREFIX", prefix.join("usr"));
        }
        if let Some(modules) = &self.python {
            command.env("PYTHONPATH", modules);
        }
        command
    }

    /// The directory of syslog-ng's modules, where it is not the one that was built in.
    pub fn plugins(&self) -> Option<PathBuf> {
        let versions = std::fs::read_dir(self.prefix.as_ref()?.join("usr/lib/syslog-ng")).ok()?;
        versions.flatten().map(|entry| entry.path()).find(|path| path.join("libafsocket.so").is_file())
    }

    /// The directory of rsyslog's modules, where it is not the one that was built in.
    pub fn modules(&self) -> Option<PathBuf> {
        let prefix = self.prefix.as_ref()?;
        multiarch(prefix).into_iter().map(|l| l.join("rsyslog")).find(|m| m.is_dir())
    }
}

/// `usr/lib/x86_64-linux-gnu` and its like.
fn multiarch(prefix: &Path) -> Vec<PathBuf> {
    ["usr/lib", "lib"]
        .iter()
        .flat_map(|lib| std::fs::read_dir(prefix.join(lib)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"))
        .collect()
}

/// The directory that cargo builds into.
fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => target.into(),
        None => Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../target"),
    }
}

fn find(name: &str, directories: &[&str], unpacked: &str, program: &str) -> Option<Tool> {
    let installed = directories.iter().map(|d| Path::new(d).join(name)).find(|path| path.is_file());
    if let Some(path) = installed {
        return Some(Tool { path, prefix: None, python: None });
    }
    let prefix = target().join("tools").join(unpacked);
    let path = prefix.join(program);
    path.is_file().then_some(Tool { path, prefix: Some(prefix), python: None })
}

/// rsyslog's daemon, with RELP.
pub fn rsyslogd() -> Option<Tool> {
    let with_relp = ["x86_64", "aarch64"]
        .iter()
        .any(|cpu| Path::new(&format!("/usr/lib/{cpu}-linux-gnu/rsyslog/omrelp.so")).exists());
    let installed: &[&str] = if with_relp { &["/usr/sbin"] } else { &[] };
    needed("rsyslogd", find("rsyslogd", installed, "rsyslog", "usr/sbin/rsyslogd"))
}

/// rsyslog's module that sends to search servers, as its configuration loads it.
pub fn omelasticsearch() -> Option<String> {
    let name = "rsyslog/omelasticsearch.so";
    let unpacked = multiarch(&target().join("tools/rsyslog-elasticsearch"));
    let installed = multiarch(Path::new("/"));
    let path =
        unpacked.into_iter().chain(installed).map(|library| library.join(name)).find(|path| path.is_file());
    if path.is_none() {
        skipped("omelasticsearch is not here; `scripts/setup.sh test` fetches it");
    }
    path.map(|path| path.display().to_string())
}

/// util-linux's `logger`.
pub fn logger() -> Option<Tool> {
    needed("logger", find("logger", &["/usr/bin", "/bin"], "util-linux", "usr/bin/logger"))
}

/// syslog-ng's load generator.
pub fn loggen() -> Option<Tool> {
    needed("loggen", find("loggen", &["/usr/bin"], "syslog-ng", "usr/bin/loggen"))
}

/// syslog-ng's daemon.
pub fn syslog_ng() -> Option<Tool> {
    needed("syslog-ng", find("syslog-ng", &["/usr/sbin"], "syslog-ng", "usr/sbin/syslog-ng"))
}

/// Debian's logrotate.
pub fn logrotate() -> Option<Tool> {
    needed("logrotate", find("logrotate", &["/usr/sbin"], "logrotate", "usr/sbin/logrotate"))
}

/// Redis's server.
pub fn redis_server() -> Option<Tool> {
    needed("redis-server", find("redis-server", &["/usr/bin"], "redis", "usr/bin/redis-server"))
}

/// The SSH server.
pub fn sshd() -> Option<Tool> {
    needed("sshd", find("sshd", &["/usr/sbin"], "openssh", "usr/sbin/sshd"))
}

/// SSH's client for files.
pub fn sftp() -> Option<Tool> {
    needed("sftp", find("sftp", &["/usr/bin"], "openssh", "usr/bin/sftp"))
}

/// What makes SSH's keys.
pub fn ssh_keygen() -> Option<Tool> {
    needed("ssh-keygen", find("ssh-keygen", &["/usr/bin"], "openssh", "usr/bin/ssh-keygen"))
}

/// rsync.
pub fn rsync() -> Option<Tool> {
    needed("rsync", find("rsync", &["/usr/bin"], "rsync", "usr/bin/rsync"))
}

/// What writes files of systemd's journal; it needs no running systemd.
pub fn journal_remote() -> Option<Tool> {
    let name = "systemd-journal-remote";
    needed(name, find(name, &["/lib/systemd"], "journal", "lib/systemd/systemd-journal-remote"))
}

/// What checks systemd's units; it needs no running systemd.
pub fn systemd_analyze() -> Option<Tool> {
    needed(
        "systemd-analyze",
        find("systemd-analyze", &["/usr/bin", "/bin"], "systemd", "usr/bin/systemd-analyze"),
    )
}

/// A Python that can `import duckdb`.
pub fn duckdb() -> Option<Tool> {
    python("duckdb")
}

/// A Python that can run schemathesis, which holds an OpenAPI document against its server.
pub fn schemathesis() -> Option<Tool> {
    python("schemathesis")
}

/// A Python that has this module.
fn python(module: &str) -> Option<Tool> {
    let modules = target().join("pytools");
    let installed = modules.join(module).is_dir();
    let tool = Tool { path: "python3".into(), prefix: None, python: Some(modules) };
    needed(&format!("{module} for Python"), installed.then_some(tool))
}

/// A Python that can run a provider of OpenID Connect.
pub fn oidc_provider() -> Option<Tool> {
    let modules = target().join("pytools");
    let installed = modules.join("oidc_provider_mock").is_dir();
    let tool = Tool { path: "python3".into(), prefix: None, python: Some(modules) };
    needed("oidc-provider-mock for Python", installed.then_some(tool))
}

/// A Python with the client of Elasticsearch.
pub fn elasticsearch_client() -> Option<Tool> {
    python("elasticsearch")
}

/// A Python with the exporter of OpenTelemetry over HTTP.
pub fn opentelemetry() -> Option<Tool> {
    python("opentelemetry/exporter")
}

/// A Python with handlers of logging that send GELF.
pub fn graypy() -> Option<Tool> {
    python("graypy")
}

/// A Python with a handler of logging that sends to Loki.
pub fn loki_handler() -> Option<Tool> {
    python("logging_loki")
}

/// osmem-server, which speaks the interface of OpenSearch and keeps everything in memory.
pub fn osmem_server() -> Option<Tool> {
    needed("osmem-server", within_python("osmem_server/bin/osmem-server"))
}

/// noida-db, which speaks the interface of Elasticsearch, among others.
pub fn noida_db() -> Option<Tool> {
    needed("noida-db", within_python("noida_db/noida-db"))
}

/// A program that a package of Python has inside.
fn within_python(program: &str) -> Option<Tool> {
    let path = target().join("pytools").join(program);
    path.is_file().then_some(Tool { path, prefix: None, python: None })
}

fn needed(name: &str, tool: Option<Tool>) -> Option<Tool> {
    if tool.is_none() {
        skipped(&format!("{name} is not here; `scripts/setup.sh test` fetches it"));
    }
    tool
}

/// Says that a test could not be done here. Where everything has to be there, it fails.
#[track_caller]
pub fn skipped(why: &str) {
    assert!(
        std::env::var("LOGGR_TEST_REQUIRE").as_deref() != Ok("all"),
        "must not be skipped (LOGGR_TEST_REQUIRE=all): {why}"
    );
    super::say(&format!("SKIPPED: {why}"));
}

/// The long run: 20 crash rounds instead of 3.
pub fn long() -> bool {
    std::env::var_os("LOGGR_TEST_LONG").is_some()
}
