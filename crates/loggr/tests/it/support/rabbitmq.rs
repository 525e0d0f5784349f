//! A private RabbitMQ: own data, own ports, own cookie, own epmd; loopback only.
//!
//! One broker is shared by all tests of the binary, each in a virtual host of its own; a
//! test that kills its broker starts one for itself. Both processes end by their ids: with
//! the value that owns them, and those of the shared broker when the test binary is gone,
//! however it went.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::{Daemon, free_port, skipped, until};

/// The start script itself: the one in the path would change the user.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
/// Virtual hosts `v0`, `v1`, … that a broker has.
const VHOSTS: usize = 100;
/// A start takes 7 s on an idle machine.
const START_SECONDS: u64 = 120;
/// May do everything in every virtual host.
pub const USER: &str = "loggr";
/// May publish and consume, not declare.
pub const GUEST: &str = "guest";
/// May enter no virtual host.
pub const STRANGER: &str = "stranger";
/// Everybody's password.
pub const PASSWORD: &str = "secret";

/// A broker; it may be down.
pub struct Broker {
    directory: TempDir,
    ports: Ports,
    server: Option<Daemon>,
    epmd: Option<Daemon>,
    vhosts: AtomicUsize,
}

struct Ports {
    amqp: u16,
    amqps: u16,
    epmd: u16,
    distribution: u16,
}

impl Broker {
    /// The one that all tests share; `None`, with a word about it, where RabbitMQ is not here.
    #[track_caller]
    pub fn shared() -> Option<&'static Broker> {
        static SHARED: OnceLock<Option<Broker>> = OnceLock::new();
        let broker = SHARED.get_or_init(|| {
            let broker = Broker::start(&[])?;
            broker.end_with_this_process();
            Some(broker)
        });
        broker.as_ref().or_else(missing)
    }

    /// One for a single test, with lines of its own in the broker's configuration.
    #[track_caller]
    pub fn own(configuration: &[&str]) -> Option<Broker> {
        Broker::start(configuration).or_else(missing)
    }

    fn start(configuration: &[&str]) -> Option<Broker> {
        if !Path::new(SERVER).is_file() {
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let ports =
            Ports { amqp: free_port(), amqps: free_port(), epmd: free_port(), distribution: free_port() };
        let mut broker = Broker { directory, ports, server: None, epmd: None, vhosts: AtomicUsize::new(0) };
        broker.write_files(configuration);
        broker.up();
        Some(broker)
    }

    /// Starts it, with the data that it had.
    #[track_caller]
    pub fn up(&mut self) {
        assert!(self.server.is_none(), "it runs already");
        if self.epmd.is_none() {
            let mut command = Command::new("epmd");
            command.args(["-port", &self.ports.epmd.to_string(), "-address", "127.0.0.1"]);
            self.epmd = Some(Daemon::start("epmd", command, &self.path("epmd.log")));
            self.listens(self.ports.epmd, "epmd");
        }
        let mut command = Command::new(SERVER);
        self.environment(&mut command);
        self.server = Some(Daemon::start("rabbitmq-server", command, &self.path("server.log")));
        self.listens(self.ports.amqp, "rabbitmq-server");
        self.listens(self.ports.amqps, "rabbitmq-server");
    }

    #[track_caller]
    fn listens(&mut self, port: u16, what: &str) {
        until(&format!("{what} listens"), START_SECONDS, || {
            let daemons = [&mut self.epmd, &mut self.server];
            for daemon in daemons.into_iter().flatten() {
                assert!(daemon.runs(), "{what} ended at its start: {}", daemon.log());
            }
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    /// As power loss would end it.
    pub fn kill9(&mut self) {
        self.server.take().expect("it runs").kill9();
    }

    /// Waits until a queue survives a crash: RabbitMQ 3.10 writes the names of its quorum
    /// queues some 500 ms after it has said that they are declared.
    #[track_caller]
    pub fn keeps(&self, vhost: &str, queue: &str) {
        let (name, node) = (format!("{vhost}_{queue}"), format!("loggr{}@localhost", self.ports.amqp));
        let names = self.path("data").join(&node).join("quorum").join(&node).join("names.dets");
        until("the broker has written the queue's name", 60, || {
            let bytes = std::fs::read(&names).unwrap_or_default();
            bytes.windows(name.len()).any(|w| w == name.as_bytes())
        });
    }

    /// A virtual host that nobody else uses.
    pub fn vhost(&self) -> Vhost<'_> {
        let number = self.vhosts.fetch_add(1, Ordering::Relaxed);
        assert!(number < VHOSTS, "more virtual hosts are needed");
        Vhost { broker: self, name: format!("v{number}") }
    }

    /// Certificate of who signed its own.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Runs `rabbitmqctl`; what it said.
    #[track_caller]
    pub fn control(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(CONTROL);
        self.environment(&mut command);
        let output = command.args(arguments).output().expect("rabbitmqctl starts");
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {said}");
        said
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn environment(&self, command: &mut Command) {
        command.env("HOME", self.directory.path());
        command.env("ERL_EPMD_PORT", self.ports.epmd.to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
        command.env("RABBITMQ_NODENAME", format!("loggr{}@localhost", self.ports.amqp));
        command.env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string());
        command.env("RABBITMQ_MNESIA_BASE", self.path("data")).env("RABBITMQ_LOG_BASE", self.path("log"));
        command.env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("plugins"));
        command.env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf"));
        command.env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
        let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback);
        // With systemd the script becomes the server instead of its parent: its id is the server's.
        command.env("NOTIFY_SOCKET", self.path("nobody"));
        command.current_dir(self.directory.path());
    }

    fn write_files(&self, configuration: &[&str]) {
        let write = |name: &str, text: &str| std::fs::write(self.path(name), text).expect("a file");
        write(".erlang.cookie", "LOGGRTESTS");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o400);
        std::fs::set_permissions(self.path(".erlang.cookie"), mode).expect("its mode");
        write("plugins", "[].\n");
        let vhosts: Vec<String> = (0..VHOSTS).map(|n| format!("v{n}")).collect();
        let users = [USER, GUEST, STRANGER]
            .map(|name| serde_json::json!({ "name": name, "password": PASSWORD, "tags": "" }));
        let permission = |user: &str, configure: &str, vhost: &String| serde_json::json!({ "user": user, "vhost": vhost, "configure": configure, "write": ".*", "read": ".*" });
        let permissions = vhosts.iter().flat_map(|v| [permission(USER, ".*", v), permission(GUEST, "^$", v)]);
        let definitions = serde_json::json!({
            "users": users,
            "vhosts": vhosts.iter().map(|v| serde_json::json!({ "name": v })).collect::<Vec<_>>(),
            "permissions": permissions.collect::<Vec<_>>(),
        });
        write("definitions.json", &definitions.to_string());
        let (ca, certificate, key) = certificates();
        write("ca.pem", &ca);
        write("server.pem", &certificate);
        write("server.key", &key);
        let at = self.directory.path().display();
        let text = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nlisteners.ssl.1 = 127.0.0.1:{}\n\
             ssl_options.cacertfile = {at}/ca.pem\nssl_options.certfile = {at}/server.pem\n\
             ssl_options.keyfile = {at}/server.key\nssl_options.verify = verify_none\n\
             load_definitions = {at}/definitions.json\n{}\n",
            self.ports.amqp,
            self.ports.amqps,
            configuration.join("\n")
        );
        write("rabbitmq.conf", &text);
    }

    /// Statics are never dropped: a shell waits for the end of this process, whose pipe it
    /// holds, and ends both by their ids.
    fn end_with_this_process(&self) {
        let pids: Vec<String> =
            [&self.server, &self.epmd].into_iter().flatten().map(|d| d.pid().to_string()).collect();
        let at = self.directory.path().display();
        let script = format!("cat >/dev/null; kill -9 {}; rm -rf '{at}'", pids.join(" "));
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a shell");
        let pipe = child.stdin.take().expect("its pipe");
        static PIPE: OnceLock<(std::process::Child, std::process::ChildStdin)> = OnceLock::new();
        assert!(PIPE.set((child, pipe)).is_ok(), "one broker is shared");
    }
}

#[track_caller]
fn missing<T>() -> Option<T> {
    skipped("rabbitmq-server is not here; `scripts/setup.sh test` installs it");
    None
}

/// A virtual host of a broker.
pub struct Vhost<'b> {
    broker: &'b Broker,
    /// Its name.
    pub name: String,
}

impl Vhost<'_> {
    /// The URL of a user, with the password.
    pub fn url_of(&self, user: &str) -> String {
        format!("amqp://{user}:{PASSWORD}@127.0.0.1:{}/{}", self.broker.ports.amqp, self.name)
    }

    /// The URL of who may do everything.
    pub fn url(&self) -> String {
        self.url_of(USER)
    }

    /// The same with TLS, by name.
    pub fn tls_url(&self) -> String {
        format!("amqps://{USER}:{PASSWORD}@localhost:{}/{}", self.broker.ports.amqps, self.name)
    }
}

/// An authority, and what it signed for `localhost`: certificate, certificate, key.
fn certificates() -> (String, String, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate").pem();
    (authority, certificate, key.serialize_pem())
}
