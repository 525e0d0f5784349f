//! A PostgreSQL of the tests' own: made with `initdb` in a temporary directory, on a free port of
//! 127.0.0.1 and a socket beside its data. Tests share one and have a database each; a test that
//! kills the server has one to itself. It ends with the last value that owns it, by its id.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Daemon, free_port, skipped, until};

/// The superuser of the tests.
const ADMIN: &str = "postgres";

/// A running server.
pub struct Postgres {
    programs: PathBuf,
    directory: TempDir,
    port: u16,
    /// Whom the server runs as, where the tests run as root.
    owner: Option<(u32, u32)>,
    daemon: Mutex<Option<Daemon>>,
}

/// A database of one test.
pub struct Database {
    /// The server it is on.
    pub server: Arc<Postgres>,
    name: String,
}

/// A database on the server that the tests share; `None` where PostgreSQL is not installed.
#[track_caller]
pub fn postgres() -> Option<Database> {
    static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let server = match shared.upgrade() {
        Some(server) => server,
        None => {
            let server = Arc::new(Postgres::start()?);
            *shared = Arc::downgrade(&server);
            server
        }
    };
    drop(shared);
    Some(Database::create(server))
}

/// A database on a server of its own, which may be killed.
#[track_caller]
pub fn own_postgres() -> Option<Database> {
    Some(Database::create(Arc::new(Postgres::start()?)))
}

/// Where the programs of the newest installed version are.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file())
        .collect();
    found.sort_by_key(|bin| {
        let version = bin.parent().and_then(|v| v.file_name()).map(|v| v.to_string_lossy().into_owned());
        version.and_then(|v| v.parse::<u32>().ok())
    });
    if found.is_empty() {
        skipped("PostgreSQL is not here; `scripts/setup.sh test` fetches it");
    }
    found.pop()
}

/// User and group that a server may run as: never root.
fn owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let of = |name: &str| {
        let line = passwd.lines().find(|l| l.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("a user that is not root"))
}

impl Postgres {
    fn start() -> Option<Postgres> {
        let programs = programs()?;
        let directory = tempfile::Builder::new().prefix("loggr-pg-").tempdir().expect("a directory");
        let owner = owner();
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(directory.path(), Some(user), Some(group)).expect("its owner");
        }
        let server = Postgres { programs, directory, port: free_port(), owner, daemon: Mutex::default() };
        let mut initdb = server.command("initdb");
        initdb.args(["--username", ADMIN, "--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "trust"]);
        initdb.args(["--no-sync", "--pgdata"]).arg(server.data());
        let made = initdb.output().expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        // The tests' own superuser needs no password; every other user does.
        let hba = format!(
            "local all all trust\nhost all {ADMIN} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        );
        std::fs::write(server.data().join("pg_hba.conf"), hba).expect("pg_hba.conf");
        server.up();
        Some(server)
    }

    /// A program of the installed version, run as the owner of the data.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command.current_dir(self.directory.path()).env("LC_ALL", "C.UTF-8").env("TZ", "Europe/Berlin");
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The directory in which the server's files, and a test's certificates, lie.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Whom a file must belong to so that the server can read it.
    pub fn give(&self, file: &Path) {
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::chown(file, Some(user), Some(group)).expect("its owner");
        }
    }

    /// Starts it, on the port that it had.
    #[track_caller]
    pub fn up(&self) {
        let mut held = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(held.is_none(), "it runs already");
        // A server that was killed may have children that still end.
        until("postgres answers", 60, || {
            let mut daemon = held.take();
            if daemon.as_mut().is_none_or(|d| !d.runs()) {
                let mut command = self.command("postgres");
                command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
                command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
                command.arg("-k").arg(self.directory.path());
                daemon = Some(Daemon::start("postgres", command, &self.directory.path().join("log")));
            }
            *held = daemon;
            self.try_sql("postgres", "SELECT 1").is_ok()
        });
    }

    /// As power loss would end it: its children end when they notice.
    pub fn kill9(&self) {
        let daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner).take();
        daemon.expect("it runs").kill9();
    }

    /// Stops it in order, connections or not.
    #[track_caller]
    pub fn stop(&self) {
        let daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut daemon = daemon.expect("it runs");
        daemon.signal(Signal::INT);
        until("postgres stops", 60, || !daemon.runs());
    }

    /// Adds lines to its configuration; they count after a restart.
    pub fn configure(&self, lines: &str) {
        let file = self.data().join("postgresql.conf");
        let text = std::fs::read_to_string(&file).expect("postgresql.conf") + "\n" + lines + "\n";
        std::fs::write(file, text).expect("postgresql.conf");
    }

    /// Replaces the rules of who may connect how; they count after a restart.
    pub fn hba(&self, lines: &str) {
        std::fs::write(self.data().join("pg_hba.conf"), lines).expect("pg_hba.conf");
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut psql = self.command("psql");
        psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-h"]).arg(self.directory.path());
        psql.args(["-p", &self.port.to_string(), "-U", ADMIN, "-d", database, "-f", "-"]);
        psql.env("PGTZ", "UTC");
        let mut child = psql
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("psql runs");
        use std::io::Write;
        // A server that is away closes the pipe early; the exit code tells.
        drop(child.stdin.take().expect("its input").write_all(sql.as_bytes()));
        let output = child.wait_with_output().expect("psql ends");
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut daemon) = daemon {
            daemon.signal(Signal::INT);
            until("postgres stops", 60, || !daemon.runs());
        }
    }
}

impl Database {
    fn create(server: Arc<Postgres>) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.try_sql("postgres", &format!("CREATE DATABASE {name}")).expect("a database");
        Database { server, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The url of the superuser, who needs no password.
    pub fn url(&self) -> String {
        self.url_of(ADMIN)
    }

    /// The url of another user.
    pub fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// What statements print: rows as lines, columns between `|`.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> String {
        self.server.try_sql(&self.name, sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The same; nothing while the server is away.
    pub fn try_sql(&self, sql: &str) -> Option<String> {
        self.server.try_sql(&self.name, sql).ok()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Where the test has killed the server there is nothing to tidy up.
        drop(self.server.try_sql("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)));
    }
}
