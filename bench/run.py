#!/usr/bin/env python3
"""Measures loggr beside rsyslog on this machine, in one run, and prints Markdown.

  bench/run.py                        everything that receives, three repeats; ratios to rsyslog
  bench/run.py --job j2 --repeat 5    one job
  bench/run.py --job j4               RELP to PostgreSQL, with a server of its own, also over RabbitMQ
  bench/run.py --job tls              RELP over TLS beside rsyslog's, and with a thousand connections
  bench/run.py --job rabbitmq         publishing to RabbitMQ and consuming, the bus alone
  bench/run.py --job crash            kill -9 in mid-run: are acknowledged messages missing?
  bench/run.py --readme               the same, and put the tables into bench/README.md

Where the project's workbench (load generator, runner, peers) lies beside the repository it is
used, from a private copy below the target directory. Without it, `loggr send` is the load, and
only TCP and RELP are measured. Nothing here uses a system service, only loopback is used, and
only processes that were started here are ended.
"""
import argparse
import getpass
import json
import os
import pathlib
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import time

import postgres
import rabbitmq
import tls

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
WORKBENCH = pathlib.Path(os.environ.get("LOGGR_WORKBENCH", ROOT.parent / "shared" / "bench"))
HERE = TARGET / "bench"
LOGGR = TARGET / "release" / "loggr"
TOOLS = TARGET / "tools"
PEERS = ROOT / "bench" / "peers"

# job -> variants of loggr; the first is the one that ratios are taken of
JOBS = {
    "j1": {"files": "j1-files", "files-search": "j1-files-search"},
    "j2": {"files": "j2-files", "files-search": "j2-files-search"},
    "j3": {"files": "j3-files"},
    "j5": {"filter": "j5-filter"},
}
TITLES = {"j1": "TCP to a file", "j2": "RELP to a file", "j3": "UDP to a file", "j5": "TCP through a filter (nginx and sshd lines) to JSON"}
# Variants of rsyslog that are run beside it: the fastest, and the one that keeps its word.
# grok's names of what the runner of j5 looks for.
OUR_FIELDS = {"verb": "method", "request": "path", "response": "status", "src_ip": "clientip", "src_port": "port"}
RIVALS = {"j1": ["imptcp", "imtcp"], "j2": ["default-memory-queue", "disk-queue-sync"], "j3": ["tuned"], "j5": ["mmnormalize"]}
# Messages of one run without the workbench.
PLAIN_MESSAGES = 300_000
# Length of the run at half load.
HALF_LOAD_SECONDS = 5
BEGIN, END = "<!-- results begin -->", "<!-- results end -->"


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def die(message, hint):
    say(f"error: {message}\nhint: {hint}")
    sys.exit(1)


def median(values):
    return statistics.median(values) if values else 0.0


# ------------------------------------------------------------------ peers
def libraries(prefix):
    found = [prefix / "usr/lib/syslog-ng", *prefix.glob("usr/lib/*-linux-gnu"), *prefix.glob("lib/*-linux-gnu")]
    return ":".join(str(p) for p in found)


def rsyslogd():
    """The command words of rsyslogd, installed or unpacked; None without it."""
    installed = shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin")
    if installed:
        return [installed]
    prefix = TOOLS / "rsyslog"
    modules = next(iter(prefix.glob("usr/lib/*-linux-gnu/rsyslog")), None)
    if modules is None:
        return None
    return ["env", f"LD_LIBRARY_PATH={libraries(prefix)}", str(prefix / "usr/sbin/rsyslogd"), "-M", str(modules)]


def machine():
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    memory = int(open("/proc/meminfo").readline().split()[1]) >> 20
    return f"{os.cpu_count()} × {cpu}, {memory} GiB, Linux {os.uname().release.split('-')[0]}"


# ------------------------------------------------------------------ with the workbench
def private_copy():
    """A copy of the workbench with our configurations as its target `loggr`."""
    bench = HERE / "workbench"
    bench.mkdir(parents=True, exist_ok=True)
    for part in ("run_bench.py", "gen_corpus.py", "loadgen", "peers", "targets"):
        source, copy = WORKBENCH / part, bench / part
        if source.is_dir():
            shutil.copytree(source, copy, dirs_exist_ok=True, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, copy)
    shutil.copytree(PEERS, bench / "peers" / "loggr", dirs_exist_ok=True)
    know_our_fields(bench / "run_bench.py")
    target = {
        "name": "loggr",
        "version_cmd": "{LOGGR_BIN} --version",
        "cmd": "{LOGGR_BIN} run --config {conf}",
        "jobs": {job: {v: variant(c) for v, c in variants.items()} for job, variants in JOBS.items()},
        "crash": {"j2": ["files", "files-search"]},
    }
    (bench / "targets/loggr.json").write_text(json.dumps(target, indent=1))
    daemon = rsyslogd()
    if daemon:
        rewrite(bench / "targets/rsyslog.json", lambda t: t.update(cmd=t["cmd"].replace("rsyslogd", shlex.join(daemon), 1)))
    prefix = TOOLS / "syslog-ng"
    rewrite(bench / "targets/syslog-ng.json", lambda t: t.setdefault("env", {}).update(LD_LIBRARY_PATH=libraries(prefix)))
    say("building the load generator")
    loadgen = bench / "loadgen"
    subprocess.run(
        ["cargo", "build", "-q", "--release", "--target-dir", loadgen / "target"], cwd=loadgen, check=True
    )
    return bench


def know_our_fields(runner):
    """The runner looks whether the output of j5 has its fields; ours have grok's names, and stand elsewhere."""
    text = runner.read_text()
    for theirs, ours in [
        ('fl = j.get("f", j)', f"fl = {{({OUR_FIELDS!r}).get(k, k): v for k, v in j.get('f', j.get('fields', j)).items()}}"),
        ('j.get("app")', 'j.get("app", j.get("app_name"))'),
        ("r['parsed_share_of_sample']", "r.get('parsed_share_of_sample', 0.0)"),
    ]:
        if theirs not in text:
            die(f"the workbench's runner has no `{theirs}`", "it has changed; look at `sample_json` there")
        text = text.replace(theirs, ours)
    runner.write_text(text)


def variant(name):
    """A configuration; the filter that it names is laid beside it."""
    if not (PEERS / f"{name}.filter").exists():
        return f"peers/loggr/{name}.toml"
    lay = f"mkdir -p {{work}}/filters && cp {{peers}}/loggr/{name}.filter {{work}}/filters/main.filter"
    return {
        "conf": f"peers/loggr/{name}.toml",
        "cmd": f"sh -c '{lay} && exec {{LOGGR_BIN}} run --config {{conf}}'",
    }


def rewrite(path, change):
    target = json.loads(path.read_text())
    change(target)
    path.write_text(json.dumps(target, indent=1))


def with_workbench(jobs, repeat, seconds, messages, others):
    bench = private_copy()
    results = bench / "results"
    shutil.rmtree(results, ignore_errors=True)
    env = dict(os.environ, LOGGR_BIN=str(LOGGR), BENCH_TMP=str(HERE / "scratch"), SYSLOG_NG_PREFIX=str(TOOLS / "syslog-ng"))
    for job in (j for j in jobs if j not in ("rabbitmq", "tls")):
        base = [sys.executable, "run_bench.py", "--job", job, "--repeat", str(repeat), "--seconds", str(seconds)]
        if messages:
            base += ["-n", str(messages)]
        if job == "j4":
            # loggr's own tables are not those that the runner knows.
            runs = [["--target", "rsyslog", "--variant", "batched"]] if rsyslogd() else []
        elif job == "crash":
            runs = [["--target", "loggr", "--crash-job", "j2"], ["--target", "rsyslog", "--crash-job", "j2"]]
        else:
            # Rivals directly before and after: a machine that changes its speed changes all.
            runs = [["--target", "rsyslog", "--variant", v] for v in RIVALS[job]] + [["--target", "loggr"]]
            if others and job in ("j1", "j3", "j5"):
                runs.append(["--target", "syslog-ng"])
        for run in runs:
            subprocess.run(base + run, cwd=bench, env=env, check=True)
    documents = [json.loads(p.read_text()) for p in sorted(results.glob("*.json"))]
    lines = tables(documents)
    if "j4" in jobs:
        lines += into_postgres(bench, documents, repeat, messages)
    if "rabbitmq" in jobs:
        lines += through_rabbitmq(seconds)
    return lines + half_load(bench, documents)


def through_rabbitmq(seconds):
    if not rabbitmq.is_here():
        say("RabbitMQ is not here; `scripts/setup.sh test` fetches it")
        return []
    subprocess.run(["cargo", "build", "-q", "--release", "--workspace", "--example", "rabbitbench"], cwd=ROOT, check=True)
    return rabbitmq.measure(LOGGR.parent / "examples/rabbitbench", HERE, seconds)


def into_postgres(bench, documents, repeat, messages):
    if postgres.programs() is None:
        say("PostgreSQL is not here; `scripts/setup.sh test` fetches it")
        return []
    table, rates = postgres.measure(LOGGR, bench / "loadgen/target/release/loadgen", HERE / "postgres", repeat, messages, say)
    lines = ["", "### RELP to PostgreSQL", "", *table]
    for d in (d for d in documents if d["kind"] == "bench" and d["job"] == "j4"):
        s = d["summary"]
        theirs = spread(s.get("pg_cpu_us_per_msg"), 2)
        lines.append(f"| {d['target']} | {d['variant']} | {d['n']:,} | {spread(s['msgs_per_s'])} | {spread(s['recv_cpu_us_per_msg'], 2)} | "
                     f"{theirs} | – | {spread(s['peak_rss_mib'])} | {spread(s['lost'])} | {spread(s['duplicated'])} | – |")
        for variant in ("plain", "plain, over RabbitMQ"):
            if variant in rates:
                factor = rates[variant] / s["msgs_per_s"]["median"]
                lines += ["", f"loggr `{variant}`: rows/s {number(factor, 2)} × {d['target']} {d['variant']}, whose queue is in memory and "
                          "whose table has no key."]
    return lines


def half_load(bench, documents):
    """How long RELP senders wait for their answer at half of the rate just measured: lines of a table."""
    full = next((d for d in documents if d["kind"] == "bench" and d["job"] == "j2"
                 and d["target"] == "loggr" and d["variant"] == "files"), None)
    if full is None:
        return []
    rate, port = int(full["summary"]["msgs_per_s"]["median"] / 2), 20000 + os.getpid() % 9000
    receiver = Receiver("half-load", [str(LOGGR), "run", "--config", "{conf}"], PEERS / "j2-files.toml", port)
    try:
        told = subprocess.run(
            [bench / "loadgen/target/release/loadgen", "--proto", "relp", "--addr", f"127.0.0.1:{port}", "--conns", "4",
             "--window", "128", "--count", str(rate * HALF_LOAD_SECONDS), "--rate", str(rate)],
            check=True, capture_output=True, text=True)
    finally:
        receiver.stop()
    told = json.loads(told.stdout)
    p50, p99, most = (number(told[k] / 1000, 2) for k in ("ack_p50_us", "ack_p99_us", "ack_max_us"))
    return ["", f"At half of that rate ({number(told['msgs_per_s'])} messages/s sent, {HALF_LOAD_SECONDS} s) a RELP sender waits "
                f"{p50} ms (p50), {p99} ms (p99), {most} ms (at most) for the answer that means disk."]


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def spread(summary, digits=0):
    if not summary:
        return "–"
    middle, least, most = (number(summary[k], digits) for k in ("median", "min", "max"))
    return middle if least == most else f"{middle} ({least} – {most})"


def ratios(mine, rivals, key, better):
    """How many times better than each rival."""
    out = []
    for rival in rivals:
        a, b = mine["summary"].get(key), rival["summary"].get(key)
        if a and b and a["median"] and b["median"]:
            factor = a["median"] / b["median"] if better == "more" else b["median"] / a["median"]
            out.append(f"{number(factor, 2)} × {rival['target']} {rival['variant']}")
    return ", ".join(out) or "–"


def tables(documents):
    lines = []
    for job in ("j1", "j2", "j5"):
        rows = [d for d in documents if d["kind"] == "bench" and d["job"] == job]
        if not rows:
            continue
        rows.sort(key=lambda d: (d["target"] != "loggr", d["target"], d["variant"]))
        lines += ["", f"### {TITLES[job]}", "",
                  "| program | variant | messages | messages/s, median (min – max) | CPU µs/message | peak memory MiB | lost | twice | answer p50 / p99 ms |",
                  "|---|---|---|---|---|---|---|---|---|"]
        for d in rows:
            s = d["summary"]
            answers = "–"
            if s.get("ack_p50_us"):
                answers = " / ".join(number(s[k]["median"] / 1000, 2) for k in ("ack_p50_us", "ack_p99_us"))
            lines.append(f"| {d['target']} | {d['variant']} | {d['n']:,} | {spread(s['msgs_per_s'])} | "
                         f"{spread(s['recv_cpu_us_per_msg'], 2)} | {spread(s['peak_rss_mib'])} | {spread(s['lost'])} | "
                         f"{spread(s['duplicated'])} | {answers} |")
        rivals = [d for d in rows if d["target"] != "loggr"]
        for mine in (d for d in rows if d["target"] == "loggr"):
            lines += ["", f"loggr `{mine['variant']}`: messages/s {ratios(mine, rivals, 'msgs_per_s', 'more')}; "
                          f"less CPU per message {ratios(mine, rivals, 'recv_cpu_us_per_msg', 'less')}."]
    udp = [d for d in documents if d["kind"] == "udp"]
    if udp:
        lines += ["", f"### {TITLES['j3']}", "",
                  "| program | variant | highest rate with less than 0.1 % lost | CPU µs/message there | lost above it |", "|---|---|---|---|---|"]
        for d in sorted(udp, key=lambda d: d["target"] != "loggr"):
            confirm, over = d["confirm"] or {}, d["overload"]
            limit = ", the load generator's limit" if d["loadgen_limited"] else ""
            lines.append(f"| {d['target']} | {d['variant']} | {d['max_rate_below_0.1pct']:,}/s{limit} | "
                         f"{spread(confirm.get('recv_cpu_us_per_msg'), 2)} | {over['loss_pct']} % at {number(over['achieved'])}/s |")
    crash = [d for d in documents if d["kind"] == "crash"]
    if crash:
        lines += ["", "### kill -9 in mid-run, over RELP", "",
                  "| program | variant | acknowledged and missing, each run | of acknowledged | twice | damaged lines | resent |", "|---|---|---|---|---|---|---|"]
        for d in sorted(crash, key=lambda d: d["target"] != "loggr"):
            s = d["summary"]
            missing = ", ".join(f"{r['acked_missing']:,}" for r in d["runs"])
            lines.append(f"| {d['target']} | {d['variant']} | {missing} | {spread(s['acked'])} | {spread(s['duplicated'])} | "
                         f"{spread(s['damaged_lines'])} | {spread(s['resent'])} |")
    return lines


# ------------------------------------------------------------------ without it
class Receiver:
    """A receiver in the foreground, with a directory of its own."""

    def __init__(self, name, command, config, port):
        self.work = HERE / "plain" / name
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.out = self.work / "out.log"
        text = config.read_text()
        for key, value in (("PORT", port), ("WORK", self.work), ("OUT", self.out)):
            text = text.replace(f"@{key}@", str(value))
        conf = self.work / f"receiver{config.suffix}"
        conf.write_text(text)
        words = [w.format(conf=conf, work=self.work) for w in command]
        with open(self.work / "receiver.log", "wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.work)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    die(f"{name} does not listen", f"read {self.work / 'receiver.log'}")
                time.sleep(0.05)

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def resident_mib(self):
        return int(open(f"/proc/{self.process.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)

    def lines(self):
        if not self.out.exists():
            return 0
        with open(self.out, "rb") as f:
            return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def plain_run(name, command, config, scheme, corpus, count, port):
    receiver = Receiver(name, command, config, port)
    try:
        begun, cpu = time.time(), receiver.cpu_seconds()
        subprocess.run([LOGGR, "send", "--to", f"{scheme}://127.0.0.1:{port}", "--file", corpus],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline, size, quiet = time.time() + 120, -1, time.time()
        # Done when the file has all lines, or nothing has come for five seconds.
        while time.time() < deadline and time.time() - quiet < 5:
            now = receiver.out.stat().st_size if receiver.out.exists() else 0
            if now != size:
                size, quiet = now, time.time()
            elif receiver.lines() >= count:
                break
            time.sleep(0.02)
        took = max(receiver.out.stat().st_mtime - begun, 1e-6)
        got = receiver.lines()
        return {"rate": got / took, "cpu": (receiver.cpu_seconds() - cpu) / max(got, 1) * 1e6,
                "memory": receiver.peak_mib(), "missing": count - got}
    finally:
        receiver.stop()


def without_workbench(jobs, repeat, messages):
    count = messages or PLAIN_MESSAGES
    corpus = HERE / "corpus.log"
    HERE.mkdir(parents=True, exist_ok=True)
    with open(corpus, "w") as f:
        for n in range(count):
            f.write(f"<{n % 192}>1 2026-03-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z host{n % 50:02} app{n % 7} {n % 9999} - - "
                    f"seq={n:09} {'a line of ordinary length '*5}\n")
    loggr = [str(LOGGR), "run", "--config", "{conf}"]
    daemon = rsyslogd()
    rival = daemon and [*daemon, "-n", "-iNONE", "-f", "{conf}"]
    plan = {
        "j1": ("tcp", [("loggr files", loggr, "j1-files.toml"), ("rsyslog imptcp", rival, "rsyslog-tcp.conf")]),
        "j2": ("relp", [("loggr files", loggr, "j2-files.toml"), ("rsyslog memory queue", rival, "rsyslog-relp.conf"),
                        ("rsyslog synced disk queue", rival, "rsyslog-relp-durable.conf")]),
    }
    lines, port = [], 20000 + os.getpid() % 9000
    for job in [j for j in jobs if j in plan]:
        scheme, targets = plan[job]
        rows = {}
        for turn in range(repeat):
            for name, command, config in targets:
                if command is None:
                    continue
                port += 1
                # The synced queue of rsyslog does a thousand a second.
                few = "durable" in config
                say(f"{job} {name} {turn + 1}/{repeat}")
                part = corpus
                if few:
                    part = HERE / "corpus-short.log"
                    with open(corpus) as f, open(part, "w") as g:
                        g.writelines(line for line, _ in zip(f, range(5000)))
                rows.setdefault(name, []).append(
                    plain_run(f"{job}-{name.replace(' ', '-')}", command, PEERS / config, scheme, part, 5000 if few else count, port))
        lines += ["", f"### {TITLES[job]} (`loggr send`, one connection)", "",
                  "| program | messages/s, median | CPU µs/message | peak memory MiB | missing |", "|---|---|---|---|---|"]
        rate = {}
        for name, runs in rows.items():
            rate[name] = median([r["rate"] for r in runs])
            lines.append(f"| {name} | {number(rate[name])} | {number(median([r['cpu'] for r in runs]), 2)} | "
                         f"{number(median([r['memory'] for r in runs]))} | {max(r['missing'] for r in runs)} |")
        mine = rate.get("loggr files", 0)
        told = ", ".join(f"{number(mine / r, 2)} × {n}" for n, r in rate.items() if n != "loggr files" and r)
        lines += ["", f"loggr `files`: messages/s {told or '–'}."]
    return lines


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--job", action="append", choices=["j1", "j2", "j3", "j4", "j5", "rabbitmq", "tls", "crash"],
                    help="may be repeated; all but crash by default")
    ap.add_argument("--repeat", type=int, default=3)
    ap.add_argument("--seconds", type=float, default=6.0, help="aimed length of one run")
    ap.add_argument("-n", type=int, help="messages of one run, instead of calibrating")
    ap.add_argument("--others", action="store_true", help="syslog-ng as well")
    ap.add_argument("--plain", action="store_true", help="without the workbench, also where it is there")
    ap.add_argument("--readme", action="store_true", help="put the tables into bench/README.md")
    a = ap.parse_args()
    if not LOGGR.exists():
        die(f"`{LOGGR}` is missing", "build it: cargo build --release -p loggr")
    jobs = a.job or ["j1", "j2", "j3", "j4", "j5", "rabbitmq", "tls"]
    if not rsyslogd():
        say("rsyslogd is not here: no ratios; `scripts/setup.sh test` fetches it")
    lines = []
    if jobs == ["tls"]:
        pass
    elif (WORKBENCH / "run_bench.py").exists() and not a.plain:
        lines = with_workbench(jobs, a.repeat, a.seconds, a.n, a.others)
    else:
        lines = without_workbench(jobs, a.repeat, a.n)
    if "tls" in jobs:
        (HERE / "tls").mkdir(parents=True, exist_ok=True)
        lines += tls.measure(LOGGR, rsyslogd(), Receiver, HERE / "tls", a.repeat, a.seconds, say, getpass.getuser())
    version = subprocess.run([LOGGR, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    head = f"{time.strftime('%Y-%m-%d', time.gmtime())}, {version}, {machine()}. All in one run: `bench/run.py {' '.join(sys.argv[1:])}`".strip() + "."
    text = "\n".join([head, *lines]) + "\n"
    HERE.mkdir(parents=True, exist_ok=True)
    (HERE / "report.md").write_text(text)
    print(text)
    if a.readme:
        readme = ROOT / "bench" / "README.md"
        page = readme.read_text()
        before, rest = page.split(BEGIN, 1)
        after = rest.split(END, 1)[1]
        readme.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


if __name__ == "__main__":
    main()
