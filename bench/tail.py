#!/usr/bin/env python3
"""Measures how fast loggr reads files, what it costs at rest, and an agent, beside rsyslog's imfile; prints Markdown.

  bench/tail.py                     one file of a gigabyte, 200 files at rest
  bench/tail.py --lines 2000000     fewer lines
  bench/tail.py --only rest         only what it costs at rest
  bench/tail.py --only agent        only an agent that sends to a server over RELP

`release/loggr` below the target directory is measured, and the rsyslogd that `scripts/setup.sh test` unpacks, or
one that is installed. Only processes that were started here are ended.
"""
import argparse
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
HERE = TARGET / "bench" / "tail"
LOGGR = TARGET / "release" / "loggr"
UNPACKED = TARGET / "tools" / "rsyslog"
AS_ROOT = ["--user", "root"] if os.geteuid() == 0 else []
TICKS = os.sysconf("SC_CLK_TCK")
# A line of 200 bytes.
TEXT = "an order was shipped to a customer, who is going to be glad about it; and some more words of no meaning at all " + "x" * 64
FILES_AT_REST = 200
REST_SECONDS = 30
# Lines that a program writes in a second while an agent reads them, and how long.
PACED_LINES = 100_000
PACED_SECONDS = 20
PACED_PIECES = 50
# The longest that one run may take.
PATIENCE_SECONDS = 600


def write_lines(path, count):
    """Numbered lines; gives the bytes."""
    with open(path, "w", buffering=1 << 20) as out:
        for n in range(count):
            out.write(f"{n:012d} {TEXT}\n")
    return path.stat().st_size


def cpu_seconds(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICKS


def resident_mib(pid, what="VmHWM"):
    """What of it was in memory at most, or with `VmRSS` is now; with `RssAnon` what is its alone."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    value = next(line.split()[1] for line in lines if line.startswith(f"{what}:"))
    return int(value) / 1024


def start_loggr(scratch, pattern):
    (scratch / "loggr.toml").write_text(
        f'[data]\ndirectory = "{scratch}/data"\n[web]\nenabled = false\n[ship.search]\nenabled = false\n'
        f'[[listener]]\nname = "files"\nprotocol = "file"\npath = "{pattern}"\nformat = "raw"\n'
        f'[ship.out]\nkind = "files"\ndirectory = "{scratch}/out"\npath = "all.log"\nformat = "$MESSAGE"\n')
    log = open(scratch / "loggr.log", "wb")
    return subprocess.Popen([LOGGR, "run", *AS_ROOT, "--config", scratch / "loggr.toml"], stdout=log, stderr=log, cwd=scratch)


def start_rsyslog(scratch, pattern):
    program, environment, modules = pathlib.Path("/usr/sbin/rsyslogd"), dict(os.environ), None
    if (UNPACKED / "usr/sbin/rsyslogd").exists():
        program = UNPACKED / "usr/sbin/rsyslogd"
        libraries = [str(path) for path in UNPACKED.glob("usr/lib/*-linux-gnu")]
        environment["LD_LIBRARY_PATH"] = ":".join(libraries)
        modules = next(iter(UNPACKED.glob("usr/lib/*-linux-gnu/rsyslog")), None)
    if not program.exists():
        return None
    (scratch / "work").mkdir(exist_ok=True)
    (scratch / "out").mkdir(exist_ok=True)
    (scratch / "rsyslog.conf").write_text(
        f'global(workDirectory="{scratch}/work" maxMessageSize="64k")\nmodule(load="imfile" mode="inotify")\n'
        'template(name="plain" type="string" string="%msg%\\n")\n'
        'main_queue(queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="2048")\n'
        f'input(type="imfile" file="{pattern}" tag="a" addMetadata="off" reopenOnTruncate="on" persistStateInterval="10000")\n'
        f'action(type="omfile" file="{scratch}/out/all.log" template="plain" ioBufferSize="64k")\n')
    log = open(scratch / "rsyslog.log", "wb")
    words = [program, "-n", "-f", scratch / "rsyslog.conf", "-i", scratch / "rsyslog.pid"]
    return subprocess.Popen([*words, *(["-M", modules] if modules else [])], stdout=log, stderr=log, cwd=scratch, env=environment)


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def fresh(name):
    scratch = HERE / name
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "in").mkdir(parents=True)
    return scratch


def rate(name, start, count, source):
    """Lines a second from one file to another, CPU seconds, resident MiB; `None` where the program is missing."""
    scratch = fresh(name)
    os.link(source, scratch / "in" / "a.log")
    begun = time.monotonic()
    process = start(scratch, scratch / "in" / "*.log")
    if process is None:
        return None
    wanted, out = count * (len(TEXT) + 14), scratch / "out" / "all.log"
    try:
        while not (out.exists() and out.stat().st_size >= wanted):
            if process.poll() is not None:
                raise SystemExit(f"error: {name} has ended\nhint: look into {scratch}")
            if time.monotonic() - begun > PATIENCE_SECONDS:
                raise SystemExit(f"error: {name} is not done after {PATIENCE_SECONDS} s\nhint: look into {scratch}")
            time.sleep(0.02)
        took = time.monotonic() - begun
        return count / took, cpu_seconds(process.pid), resident_mib(process.pid)
    finally:
        stop(process)
        shutil.rmtree(scratch / "out", ignore_errors=True)


def wait_for(what, condition, processes):
    begun = time.monotonic()
    while not condition():
        for process in processes:
            if process.poll() is not None:
                raise SystemExit(f"error: a program has ended\nhint: look into {HERE}")
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise SystemExit(f"error: {what} is not so after {PATIENCE_SECONDS} s\nhint: look into {HERE}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_pair(scratch, port):
    """A server that writes a file, and an agent that reads files and sends to it over RELP."""
    (scratch / "server.toml").write_text(
        f'[data]\ndirectory = "{scratch}/server"\n[web]\nenabled = false\n[ship.search]\nenabled = false\n'
        f'[[listener]]\nprotocol = "relp"\nlisten = ["127.0.0.1:{port}"]\ntrust = true\n'
        f'[ship.out]\nkind = "files"\ndirectory = "{scratch}/out"\npath = "all.log"\nformat = "$MESSAGE"\n')
    (scratch / "agent.toml").write_text(
        f'[data]\ndirectory = "{scratch}/agent"\n[agent]\ndestinations = ["relp://127.0.0.1:{port}"]\n'
        f'[[agent.file]]\npath = ["{scratch}/in/*.log"]\napp_name = "bench"\n')
    def run(name, *part):
        log = open(scratch / f"{name}.log", "wb")
        words = [LOGGR, "run", *part, *AS_ROOT, "--config", scratch / f"{name}.toml"]
        return subprocess.Popen(words, stdout=log, stderr=log, cwd=scratch)
    return run("server"), run("agent", "agent")


def agent(count):
    """An agent at rest, at a steady rate, and behind; lines of a table."""
    scratch, port = fresh("agent"), free_port()
    for n in range(FILES_AT_REST):
        write_lines(scratch / "in" / f"{n}.log", 10)
    server, agent = start_pair(scratch, port)
    out, length = scratch / "out" / "all.log", len(TEXT) + 14
    arrived = lambda lines: lambda: out.exists() and out.stat().st_size >= lines * length
    rows, lines = [], FILES_AT_REST * 10
    try:
        wait_for("everything has arrived", arrived(lines), (server, agent))
        time.sleep(10)
        before, begun = cpu_seconds(agent.pid), time.monotonic()
        time.sleep(REST_SECONDS)
        share = 100 * (cpu_seconds(agent.pid) - before) / (time.monotonic() - begun)
        now, own = (resident_mib(agent.pid, what) for what in ("VmRSS", "RssAnon"))
        rows.append(f"| at rest, {FILES_AT_REST} files | – | {share:.2f} % of a core | {now:.0f}, {own:.0f} its own |")
        before, begun = cpu_seconds(agent.pid), time.monotonic()
        piece = PACED_LINES // PACED_PIECES
        with open(scratch / "in" / "steady.log", "w") as steady:
            for n in range(PACED_SECONDS * PACED_PIECES):
                steady.write("".join(f"{n * piece + i:012d} {TEXT}\n" for i in range(piece)))
                steady.flush()
                time.sleep(max(0, begun + (n + 1) / PACED_PIECES - time.monotonic()))
        lines += PACED_SECONDS * PACED_LINES
        wait_for("everything has arrived", arrived(lines), (server, agent))
        took, cpu = time.monotonic() - begun, cpu_seconds(agent.pid) - before
        paced = PACED_SECONDS * PACED_LINES
        rows.append(f"| a file that grows | {paced / took:,.0f} | {1e6 * cpu / paced:.2f} µs a line | {resident_mib(agent.pid):.0f} at most |")
        source = scratch / "source"
        write_lines(source, count)
        before, begun = cpu_seconds(agent.pid), time.monotonic()
        at_server = cpu_seconds(server.pid)
        source.rename(scratch / "in" / "behind.log")
        lines += count
        wait_for("everything has arrived", arrived(lines), (server, agent))
        took, cpu = time.monotonic() - begun, cpu_seconds(agent.pid) - before
        at_server = 1e6 * (cpu_seconds(server.pid) - at_server) / count
        rows.append(f"| a file of {count:,} lines | {count / took:,.0f} | {1e6 * cpu / count:.2f} µs a line, the server {at_server:.2f} | {resident_mib(agent.pid):.0f} at most |")
    finally:
        stop(agent)
        stop(server)
        shutil.rmtree(scratch / "out", ignore_errors=True)
    return rows


def rest(name, start):
    """Share of a core that 200 files cost into which nothing comes, in percent."""
    scratch = fresh(name)
    for n in range(FILES_AT_REST):
        write_lines(scratch / "in" / f"{n}.log", 10)
    process = start(scratch, scratch / "in" / "*.log")
    if process is None:
        return None
    try:
        time.sleep(10)
        before, begun = cpu_seconds(process.pid), time.monotonic()
        time.sleep(REST_SECONDS)
        return 100 * (cpu_seconds(process.pid) - before) / (time.monotonic() - begun)
    finally:
        stop(process)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=5_000_000, help="lines in the file (default: 5000000)")
    parser.add_argument("--only", choices=["rate", "rest", "agent"], help="measure only this")
    given = parser.parse_args()
    if not LOGGR.exists():
        sys.exit(f"error: `{LOGGR}` is missing\nhint: cargo build --release -p loggr")
    HERE.mkdir(parents=True, exist_ok=True)
    programs = [("loggr", start_loggr), ("rsyslog imfile", start_rsyslog)]
    if given.only in (None, "rate"):
        source = HERE / "source.log"
        size = write_lines(source, given.lines)
        print(f"\n{given.lines} lines, {size >> 20} MiB, from one file to another\n")
        print("| program | lines/s | CPU s | resident MiB |\n| --- | ---: | ---: | ---: |")
        for name, start in programs:
            found = rate(name.split()[0], start, given.lines, source)
            print(f"| {name} | " + ("not here | | |" if found is None else f"{found[0]:,.0f} | {found[1]:.1f} | {found[2]:.0f} |"))
        source.unlink()
    if given.only in (None, "rest"):
        print(f"\n{FILES_AT_REST} files into which nothing comes, for {REST_SECONDS} s\n")
        print("| program | % of a core |\n| --- | ---: |")
        for name, start in programs:
            found = rest(name.split()[0], start)
            print(f"| {name} | " + ("not here |" if found is None else f"{found:.2f} |"))
    if given.only in (None, "agent"):
        print("\nAn agent that sends to a server over RELP, which writes a file; both on this machine\n")
        print("| load | lines/s | CPU | resident MiB |\n| --- | ---: | ---: | ---: |")
        print("\n".join(agent(given.lines)))


if __name__ == "__main__":
    main()
