"""A RabbitMQ for one measurement: own data, ports, cookie and epmd, on 127.0.0.1 alone, stopped by its ids."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_SECONDS = 120
VHOSTS = 20
USER, PASSWORD = "bench", "bench"


def is_here():
    return pathlib.Path(SERVER).is_file()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    def __init__(self, scratch):
        self.dir = scratch / "rabbitmq"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.port, epmd, distribution = free_port(), free_port(), free_port()
        self.used = 0
        env = dict(os.environ, HOME=str(self.dir), ERL_EPMD_PORT=str(epmd), ERL_EPMD_ADDRESS="127.0.0.1",
                   RABBITMQ_NODENAME=f"bench{self.port}@localhost", RABBITMQ_DIST_PORT=str(distribution),
                   RABBITMQ_MNESIA_BASE=str(self.dir / "data"), RABBITMQ_LOG_BASE=str(self.dir / "log"),
                   RABBITMQ_ENABLED_PLUGINS_FILE=str(self.dir / "plugins"), RABBITMQ_CONF_ENV_FILE="/dev/null",
                   RABBITMQ_CONFIG_FILE=str(self.dir / "rabbitmq.conf"),
                   RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
                   # With systemd the script becomes the server instead of its parent: its id is the server's.
                   NOTIFY_SOCKET=str(self.dir / "nobody"))
        cookie = self.dir / ".erlang.cookie"
        cookie.write_text("LOGGRBENCH")
        cookie.chmod(0o400)
        (self.dir / "plugins").write_text("[].\n")
        vhosts = [f"v{n}" for n in range(VHOSTS)]
        (self.dir / "definitions.json").write_text(json.dumps({
            "users": [{"name": USER, "password": PASSWORD, "tags": ""}],
            "vhosts": [{"name": v} for v in vhosts],
            "permissions": [{"user": USER, "vhost": v, "configure": ".*", "write": ".*", "read": ".*"} for v in vhosts],
        }))
        (self.dir / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nload_definitions = {self.dir}/definitions.json\n")
        log = open(self.dir / "out", "wb")
        start = lambda *words: subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir, env=env)
        self.epmd = start("epmd", "-port", str(epmd), "-address", "127.0.0.1")
        self.wait(epmd)
        self.server = start(SERVER)
        self.wait(self.port)
        self.pid = self.server.pid

    def wait(self, port):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise SystemExit(f"error: RabbitMQ does not start\nhint: look at {self.dir}/out")
                time.sleep(0.1)

    def vhost(self):
        """The name of a virtual host that nobody has used."""
        self.used += 1
        return f"v{self.used - 1}"

    def url(self, vhost):
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{vhost}"

    def stop(self):
        for process in (getattr(self, "server", None), self.epmd):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def measure(example, scratch, seconds):
    """What `rabbitbench` says: lines of Markdown."""
    broker = Broker(scratch)
    try:
        told = subprocess.run([example, "127.0.0.1", str(broker.port), broker.vhost(), USER, PASSWORD, str(seconds)],
                              check=True, capture_output=True, text=True).stdout
    finally:
        broker.stop()
    return ["", "### Through RabbitMQ", "", f"`rabbitbench`, {seconds:g} s each; lines of 200 bytes, a quorum queue on one node, the broker on the same two cores.",
            "", "```", *told.rstrip().splitlines(), "```"]
