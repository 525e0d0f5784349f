"""RELP into PostgreSQL: a server of its own, the load, and what both sides cost.

Used by run.py (job j4), with the embedded bus and with RabbitMQ in between. The server is made with initdb in a scratch directory, listens on 127.0.0.1 alone,
and is stopped by its id. rsyslog is measured by the workbench's own runner, on a table without indexes.
"""
import glob
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import time

import rabbitmq

HZ = os.sysconf("SC_CLK_TCK")
# Root has to say that loggr shall stay root.
AS_ROOT = ["--user", "root"] if os.geteuid() == 0 else []
# indexes of loggr's table, connections, messages of one run, through RabbitMQ?
VARIANTS = {
    "plain": ("none", 2, 2_000_000, False),
    "plain, over RabbitMQ": ("none", 2, 2_000_000, True),
    "all indexes": ("fields", 2, 1_000_000, False),
}
COLUMNS = ("timegenerated, timereported, uid, origin, defects, peer_port, severity, facility, timereported_offset, source, "
           "app_name, procid, msgid, message, peer, tags, fields, structured_data, trusted, field_order, rest, terms")
CONF = """[data]
directory = "{work}/data"
{bus}
[[listener]]
name = "bench"
protocol = "relp"
listen = ["127.0.0.1:{port}"]
exchange = "received"
[ship.db]
kind = "postgres"
exchange = "received"
url = "{url}"
indexes = "{indexes}"
connections = {connections}
[web]
listen = "127.0.0.1:0"
"""


def programs():
    """Where PostgreSQL's programs are; None without it."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    return str(pathlib.Path(found[-1]).parent) if found else None


def tree_cpu(root):
    """Seconds of CPU of a process, its children, and those of them that ended."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            found[int(entry)] = (int(fields[1]), sum(map(int, fields[11:15])))
    inside = {root}
    while True:
        more = {pid for pid, (parent, _) in found.items() if parent in inside} - inside
        if not more:
            return sum(found[pid][1] for pid in inside if pid in found) / HZ
        inside |= more


class Server:
    def __init__(self, scratch):
        self.dir = scratch / "pg"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.port = rabbitmq.free_port()
        self.bin = programs()
        self.user = []
        if os.geteuid() == 0:
            shutil.chown(self.dir, "postgres")
            self.user = ["runuser", "-u", "postgres", "--"]
        run = lambda *words: subprocess.run([*self.user, *map(str, words)], check=True, stdout=subprocess.DEVNULL, cwd="/")
        run(f"{self.bin}/initdb", "-D", self.dir / "data", "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
        run(f"{self.bin}/pg_ctl", "-D", self.dir / "data", "-w", "-l", self.dir / "log", "-o",
            f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.dir}", "start")
        self.pid = int((self.dir / "data/postmaster.pid").read_text().split()[0])
        self.url = f"postgres://bench@127.0.0.1:{self.port}/postgres"

    def sql(self, text):
        return subprocess.run([f"{self.bin}/psql", self.url, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", text],
                              check=True, capture_output=True, text=True, cwd="/").stdout.strip()

    def stop(self):
        subprocess.run([*self.user, f"{self.bin}/pg_ctl", "-D", str(self.dir / "data"), "-m", "fast", "-w", "stop"],
                       stdout=subprocess.DEVNULL, cwd="/")
        shutil.rmtree(self.dir, ignore_errors=True)


def one_run(server, broker, loggr, loadgen, scratch, variant, count):
    indexes, connections, _, rabbit = VARIANTS[variant]
    bus = f'[bus]\nkind = "rabbitmq"\nurls = ["{broker.url(broker.vhost())}"]' if rabbit else ""
    work, port = scratch / "run", rabbitmq.free_port()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    server.sql("DROP TABLE IF EXISTS events, events_minutes, events_fields, events_days, events_origins, events_meta CASCADE")
    server.sql("CHECKPOINT")
    conf = work / "loggr.toml"
    conf.write_text(CONF.format(work=work, port=port, url=server.url, bus=bus, indexes=indexes, connections=connections))
    if rabbit:
        subprocess.run([loggr, "init", "rabbitmq", "--config", conf], check=True, stdout=subprocess.DEVNULL)
    with open(work / "log", "wb") as log:
        process = subprocess.Popen([loggr, "run", "--config", conf, *AS_ROOT], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"error: loggr does not listen: {(work / 'log').read_text()[-2000:]}")
                time.sleep(0.05)
        own, theirs = tree_cpu(process.pid), tree_cpu(server.pid)
        through = tree_cpu(broker.pid) if rabbit else 0
        told = subprocess.run([loadgen, "--proto", "relp", "--addr", f"127.0.0.1:{port}", "--conns", "4", "--window", "128",
                               "--format", "rfc5424", "--size", "200", "--count", str(count)],
                              check=True, capture_output=True, text=True)
        begun = json.loads(told.stdout)["t_first_unix_ns"] / 1e9
        stored, quiet = 0, time.time()
        while stored < count and time.time() - quiet < 20:
            now = int(server.sql("SELECT coalesce(sum(events), 0) FROM events_minutes"))
            if now != stored:
                stored, quiet = now, time.time()
            time.sleep(0.02)
        took = quiet - begun
        own, theirs = tree_cpu(process.pid) - own, tree_cpu(server.pid) - theirs
        memory = next((int(line.split()[1]) / 1024 for line in open(f"/proc/{process.pid}/status") if line.startswith("VmHWM:")), 0)
        rows, distinct = map(int, server.sql("SELECT count(*), count(DISTINCT uid) FROM events").split("|"))
    finally:
        process.terminate()
        process.wait(60)
    through = tree_cpu(broker.pid) - through if rabbit else 0
    return {"rate": rows / took, "own": own / rows * 1e6, "theirs": theirs / rows * 1e6, "broker": through / rows * 1e6, "memory": memory,
            "missing": count - distinct, "twice": rows - distinct}


def bare_copy(server):
    """The rows of the last run once more, into the same table: one COPY of the server's own, from a file."""
    file = server.dir / "data" / "rows.bin"
    server.sql(f"COPY (SELECT {COLUMNS} FROM events ORDER BY timegenerated) TO '{file}' BINARY")
    rows = int(server.sql("SELECT count(*) FROM events"))
    server.sql("TRUNCATE events")
    server.sql("CHECKPOINT")
    theirs, begun = tree_cpu(server.pid), time.time()
    server.sql(f"COPY events ({COLUMNS}) FROM '{file}' BINARY")
    took = time.time() - begun
    file.unlink()
    return {"rate": rows / took, "theirs": (tree_cpu(server.pid) - theirs) / rows * 1e6}


def measure(loggr, loadgen, scratch, repeat, messages, say):
    """Lines of a table, and the median of rows/s by variant."""
    middle = lambda runs, key: statistics.median(run[key] for run in runs)
    lines = ["| program | variant | rows | rows/s, median | CPU µs/row of it | of PostgreSQL | of RabbitMQ | peak memory MiB | missing | twice | of a bare COPY |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    rates = {}
    server = Server(scratch)
    broker = rabbitmq.Broker(scratch) if rabbitmq.is_here() else None
    try:
        for variant, (_, _, usual, rabbit) in VARIANTS.items():
            if rabbit and broker is None:
                say("RabbitMQ is not here; `scripts/setup.sh test` fetches it")
                continue
            count = messages or usual
            runs, bare = [], []
            for turn in range(repeat):
                say(f"j4 loggr {variant} {turn + 1}/{repeat}")
                runs.append(one_run(server, broker, loggr, loadgen, scratch, variant, count))
                bare.append(bare_copy(server))
            rates[variant] = middle(runs, "rate")
            lines.append(f"| loggr | {variant} | {count:,} | {rates[variant]:,.0f} | {middle(runs, 'own'):.2f} | {middle(runs, 'theirs'):.2f} | {middle(runs, 'broker'):.2f} | "
                         f"{middle(runs, 'memory'):.0f} | {max(r['missing'] for r in runs)} | {max(r['twice'] for r in runs)} | "
                         f"{rates[variant] / middle(bare, 'rate') * 100:.0f} % |")
            lines.append(f"| bare COPY | {variant} | {count:,} | {middle(bare, 'rate'):,.0f} | – | {middle(bare, 'theirs'):.2f} | – | – | – | – | – |")
    finally:
        server.stop()
        if broker is not None:
            broker.stop()
    return lines, rates
