#!/usr/bin/env python3
"""Measures the page on millions of stored events, in a real browser, and prints Markdown.

  bench/page/measure.py                     5,000,000 events, 15 runs of everything, the median of each
  bench/page/measure.py --rows 200000       fewer, to try it
  bench/page/measure.py --only viewers      one part: search, tail, viewers
  bench/page/measure.py --debug --rows 20000 --runs 2 --lines 5000
                                            tries the script itself, with programs of `cargo build`; its
                                            figures mean nothing

The events are made here, of the seven days before now, and written by `storebench load` into a store
below the target directory, which is kept for the next time (`--fresh` makes it anew). The program is
`target/release/loggr`, with its page as users get it; the browser is Debian's chromium, driven by
playwright-core of `ui/node_modules`. Only loopback is used, and only processes that were started here
are ended.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
HERE = TARGET / "bench" / "page"
PROFILE = "release"
RUNS = 15
DAYS = 7
# Viewers that follow at the same time, and lines that are received meanwhile.
VIEWERS = 50
LINES = 600_000
ROUNDS = 5
# What people search for, from the rare to the common; `needle` stands in 25 events.
QUERIES = ["needle", "severity:err", "app:nginx status:500", "\"disk is full\"", "host:web-07 timeout", ""]


def built(*path):
    """A program that cargo has built."""
    return TARGET.joinpath(PROFILE, *path)


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def make_events(file, rows):
    """Lines of JSON as `storebench load` takes them, in the order of time."""
    pick = random.Random(7)
    words = [f"word{n}" for n in range(4000)]
    hosts = [f"web-{n:02}" for n in range(30)] + [f"db-{n}" for n in range(6)] + [f"app-{n:02}" for n in range(24)]
    ips = [f"{pick.randrange(1, 224)}.{pick.randrange(256)}.{pick.randrange(256)}.{pick.randrange(1, 255)}" for _ in range(20_000)]
    users = [f"user{n}" for n in range(300)]
    end = int(time.time()) * 1_000_000
    step = DAYS * 86_400_000_000 / rows
    rare = set(pick.sample(range(rows), 25))
    with open(file, "w", buffering=1 << 20) as out:
        for n in range(rows):
            at = datetime.datetime.fromtimestamp((end - (rows - n) * step) / 1e6, datetime.timezone.utc)
            kind = pick.random()
            fields, tags = {}, []
            host, severity, facility = pick.choice(hosts), "info", "local0"
            if kind < 0.45:
                app, status = "nginx", pick.choices([200, 301, 404, 500], [90, 4, 4, 2])[0]
                ip = pick.choice(ips)
                fields = {"client_ip": ip, "status": status, "method": pick.choice(["GET", "POST", "PUT"])}
                severity = "err" if status == 500 else "info"
                message = f"{ip} - - \"{fields['method']} /shop/{pick.choice(words)}/{pick.randrange(10**6)} HTTP/1.1\" {status} {pick.randrange(90_000)} {pick.choice(words)}"
            elif kind < 0.75:
                app, took = "shop", pick.randrange(3000)
                severity = "warning" if took > 2700 else "info"
                message = json.dumps({"level": severity, "msg": f"order {pick.randrange(10**7)} {pick.choice(['accepted', 'paid', 'shipped', 'timeout'])} in {took} ms", "user": pick.choice(users), "trace": f"{pick.getrandbits(64):016x}"})
                fields = {"user": pick.choice(users)}
            elif kind < 0.9:
                app, severity, facility = "sshd", "notice", "auth"
                ip = pick.choice(ips)
                message = f"Failed password for {pick.choice(users)} from {ip} port {pick.randrange(1024, 65535)} ssh2"
                fields = {"client_ip": ip, "user": pick.choice(users)}
            elif kind < 0.998:
                app, severity = pick.choice(["cron", "systemd", "kernel", "postfix/smtpd"]), pick.choice(["debug", "info", "notice"])
                message = f"{pick.choice(words)} {pick.choice(words)} job {pick.randrange(10**6)} done after {pick.randrange(100)} s on {pick.choice(words)}"
            else:
                app, severity = "backup", "crit"
                message = f"cannot write block {pick.randrange(10**6)}: disk is full"
            if n in rare:
                message += " needle"
            out.write(json.dumps({"timereported": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "severity": severity, "facility": facility, "source": host, "app_name": app, "procid": str(pick.randrange(1, 30_000)), "message": message, "fields": fields, "tags": tags}, separators=(",", ":")) + "\n")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`loggr run` on a store, until the end of the `with`."""

    def __init__(self, store):
        self.store, self.data = store, HERE / "data"
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        self.web, self.tcp, self.relp = free_port(), free_port(), free_port()
        text = f"""
[data]
directory = "{self.data}"
[[listener]]
protocol = "tcp"
listen = "127.0.0.1:{self.tcp}"
exchange = "events"
[[listener]]
protocol = "relp"
listen = "127.0.0.1:{self.relp}"
exchange = "events"
[ship.search]
kind = "search"
directory = "{self.store}"
[web]
listen = "127.0.0.1:{self.web}"
"""
        self.config = HERE / "loggr.toml"
        self.config.write_text(text)

    def __enter__(self):
        log = open(HERE / "loggr.log", "w")
        self.process = subprocess.Popen([built("loggr"), "run", "--config", self.config], stdout=log, stderr=log)
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}readyz", timeout=5).read()
                return self
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"error: loggr is not ready; see {HERE / 'loggr.log'}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.web}/"

    def cpu_seconds(self):
        after = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(after[11]) + int(after[12])) / os.sysconf("SC_CLK_TCK")


def browse(server, what):
    """Runs the browser; gives what it measured, in milliseconds, by name."""
    node = [ROOT / "scripts" / "node.sh", "node", ROOT / "bench" / "page" / "browser.mjs"]
    told = {"url": server.url, "tcp": server.tcp, "what": what, "runs": RUNS, "queries": QUERIES, "days": DAYS}
    done = subprocess.run([*node, json.dumps(told)], cwd=ROOT / "ui", stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit("error: the browser did not measure; what it said is above")
    return json.loads(done.stdout)


def search(server):
    print("| what | median ms | slowest |\n|---|---|---|")
    for name, times in browse(server, "search").items():
        print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} |")
    print()


def tail(server):
    times = browse(server, "tail")["a line is seen"]
    print(f"Tail: a line is on the screen {statistics.median(times):.0f} ms after it was sent (median of {len(times)}; slowest {max(times):.0f} ms).\n")


def follow(server, stop, seen):
    """One viewer: reads what comes, as a browser does."""
    with socket.create_connection(("127.0.0.1", server.web)) as viewer:
        viewer.sendall(b"GET /api/tail?q= HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
        viewer.settimeout(0.5)
        while not stop.is_set():
            try:
                got = viewer.recv(1 << 16)
            except TimeoutError:
                continue
            if not got:
                break
            seen.append(len(got))


def receive(server, viewers):
    """Lines a second over RELP, and CPU microseconds of loggr a line, with so many viewers."""
    stop, seen = threading.Event(), []
    threads = [threading.Thread(target=follow, args=(server, stop, seen)) for _ in range(viewers)]
    for thread in threads:
        thread.start()
    while viewers and len(seen) < viewers:
        time.sleep(0.05)
    cpu, begin = server.cpu_seconds(), time.monotonic()
    command = [built("loggr"), "send", "--to", f"relp://127.0.0.1:{server.relp}", "--count", str(LINES), "--connections", "4"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - begin
    used = server.cpu_seconds() - cpu
    stop.set()
    for thread in threads:
        thread.join()
    return LINES / seconds, used / LINES * 1e6, sum(seen)


def viewers(server):
    alone, watched = [], []
    for number in range(ROUNDS):
        for many, into in ((0, alone), (VIEWERS, watched)) if number % 2 == 0 else ((VIEWERS, watched), (0, alone)):
            into.append(receive(server, many))
            say("viewers", many, "lines/s", round(into[-1][0]), "CPU us/line", round(into[-1][1], 2), "bytes read by viewers", into[-1][2])
    rate = [statistics.median(run[0] for run in runs) for runs in (alone, watched)]
    cpu = [statistics.median(run[1] for run in runs) for runs in (alone, watched)]
    print(f"{VIEWERS} viewers that follow everything while {LINES} lines come over RELP, medians of {ROUNDS}: {rate[0]:.0f} lines/s without, {rate[1]:.0f} with ({rate[1] / rate[0] - 1:+.1%}); CPU {cpu[0]:.2f} and {cpu[1]:.2f} µs a line.\n")


def main():
    global RUNS, LINES, ROUNDS, PROFILE
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--only", choices=["search", "tail", "viewers"])
    parser.add_argument("--lines", type=int, default=LINES, help="lines that are received while viewers follow")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of them")
    parser.add_argument("--debug", action="store_true", help="with programs of the debug profile, to try this script")
    parser.add_argument("--fresh", action="store_true", help="make the store anew")
    given = parser.parse_args()
    RUNS, LINES, ROUNDS = given.runs, given.lines, given.rounds
    PROFILE = "debug" if given.debug else PROFILE
    HERE.mkdir(parents=True, exist_ok=True)
    store, events = HERE / f"store-{given.rows}", HERE / "events.json"
    if given.fresh:
        shutil.rmtree(store, ignore_errors=True)
    if not store.exists():
        say(f"making {given.rows} events")
        make_events(events, given.rows)
        release = ["--release"] if PROFILE == "release" else []
        subprocess.run(["cargo", "build", *release, "-q", "-p", "loggr-store", "--example", "storebench"], cwd=ROOT, check=True)
        loaded = subprocess.run([built("examples", "storebench"), "load", store, events], check=True, capture_output=True, text=True)
        say(loaded.stdout)
        events.unlink()
    # Following lines are stored, so they go into a copy: the next run finds the same store.
    copy = HERE / "store"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(store, copy)
    with Server(copy) as server:
        print(f"{given.rows:,} events of {DAYS} days, one loggr, one browser, two cores shared by both.\n")
        for part in (search, tail, viewers):
            if given.only in (None, part.__name__):
                part(server)


if __name__ == "__main__":
    main()
