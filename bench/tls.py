"""RELP over TLS: loggr with and without it, and rsyslog's imrelp with it, in one run.

`loggr send` is the load for all of them; the certificates are made here with `openssl`, and both
sides show one. Only what the receiver's process uses counts as CPU. What the handshakes cost is measured by
connections on which nothing is sent, and taken off where many connections send at a rate. Beside it: what
`compress = "zstd"` costs two loggrs, of which one forwards to the other.
"""
import json
import random
import shutil
import statistics
import subprocess
import time

CONNECTIONS = 4
MANY_CONNECTIONS = 1000
WINDOW = 128
# The receiver's connections, each of them idle between its lines, at this rate in all.
MANY_RATE = 5_000
MANY_SECONDS = 10
# Lines that are forwarded with and without compression.
FORWARDED = 200_000

LOGGR = """
[data]
directory = "@WORK@/data"

[process]
user = "@USER@"

[[listener]]
name = "bench"
protocol = "relp"
listen = ["127.0.0.1:@PORT@"]
exchange = "received"
max_connections = 2048
@TLS@
[ship.files]
kind = "files"
exchange = "received"
directory = "@WORK@"
path = "out.log"
format = "RSYSLOG"

# Files alone are measured.
[ship.search]
enabled = false

[web]
listen = "127.0.0.1:0"
"""

LOGGR_TLS = """
[listener.tls]
cert = "@CERTIFICATES@/server.crt"
key = "@CERTIFICATES@/server.key"
client_ca = "@CERTIFICATES@/ca.crt"
allowed_peers = ["client.example.net"]
"""

FORWARD = """
[data]
directory = "@WORK@/data"

[process]
user = "@USER@"

[[listener]]
name = "bench"
protocol = "relp"
listen = ["127.0.0.1:@PORT@"]
exchange = "received"

[ship.next]
kind = "syslog"
exchange = "received"
protocol = "relp"
targets = ["127.0.0.1:@TARGET@"]
@COMPRESS@

[ship.files]
enabled = false

[ship.search]
enabled = false

[web]
listen = "127.0.0.1:0"
"""

RSYSLOG_TLS = """
global(workDirectory="@WORK@" net.enableDNS="off")
module(load="imrelp" tls.tlslib="openssl")
input(type="imrelp" address="127.0.0.1" port="@PORT@" tls="on" tls.authmode="name"
      tls.permittedpeer=["client.example.net"] tls.cacert="@CERTIFICATES@/ca.crt"
      tls.mycert="@CERTIFICATES@/server.crt" tls.myprivkey="@CERTIFICATES@/server.key")
action(type="omfile" file="@OUT@" template="RSYSLOG_FileFormat")
"""


def certificates(directory):
    """An authority, a server and a client of it, as PEM files in the directory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=an authority of the benchmark")
    for name, host, usage in (("server", "DNS:localhost,IP:127.0.0.1", "serverAuth"), ("client", "DNS:client.example.net", "clientAuth")):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}.example.net")
        (directory / f"{name}.ext").write_text(f"subjectAltName={host}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", f"{name}.ext", "-out", f"{name}.crt")


def measure(loggr, rsyslogd, Receiver, here, repeat, seconds, say, user):
    """Lines of Markdown. `Receiver` starts a program with a configuration and counts its lines."""
    made = here / "certificates"
    certificates(made)
    configurations = {}
    for name, text in (("plain", LOGGR.replace("@TLS@", "")), ("tls", LOGGR.replace("@TLS@", LOGGR_TLS)), ("rsyslog", RSYSLOG_TLS)):
        path = here / f"{name}.{'conf' if name == 'rsyslog' else 'toml'}"
        path.write_text(text.replace("@CERTIFICATES@", str(made)).replace("@USER@", user))
        configurations[name] = path
    own = (str(loggr), "run", "--config", "{conf}")
    targets = [("loggr", "without TLS", own, "plain", "relp"), ("loggr", "TLS", own, "tls", "relp+tls")]
    if rsyslogd:
        targets.append(("rsyslog", "imrelp with TLS", (*rsyslogd, "-n", "-iNONE", "-f", "{conf}"), "rsyslog", "relp+tls"))
    send = [str(loggr), "send", "--json", "--window", str(WINDOW), "--tls-ca", str(made / "ca.crt"),
            "--tls-cert", str(made / "client.crt"), "--tls-key", str(made / "client.key")]
    port = 29000

    def run(target, connections, words, turn):
        nonlocal port
        program, variant, command, configuration, scheme = target
        port += 1
        say(f"tls: {program} {variant}, {connections} connections, {turn}")
        receiver = Receiver(f"tls-{program}-{configuration}", command, configurations[configuration], port)
        try:
            idle, cpu = receiver.resident_mib(), receiver.cpu_seconds()
            options = send if "tls" in scheme else send[:5]
            told = subprocess.run([*options, "--to", f"{scheme}://localhost:{port}", "--connections", str(connections), *words],
                                  check=True, capture_output=True, text=True)
            told, sent = json.loads(told.stdout), int(words[1])
            until = time.monotonic() + 60
            while receiver.lines() < sent and time.monotonic() < until:
                time.sleep(0.05)
            got = receiver.lines()
            spent = receiver.cpu_seconds() - cpu
            return {"rate": told["lines_per_second"], "spent": spent, "cpu": spent / max(sent, 1) * 1e6, "missing": sent - got,
                    "p50": told["ack_ms"]["p50"], "p99": told["ack_ms"]["p99"], "max": told["ack_ms"]["max"],
                    "connecting": told["connect_seconds"], "idle": idle, "peak": receiver.peak_mib(), "sent": sent}
        finally:
            receiver.stop()

    # As many lines as each takes in the wanted time.
    counts = {t: max(20_000, int(run(t, CONNECTIONS, ["--count", "40000"], "calibration")["rate"] * seconds)) for t in targets}
    rows = {t: [] for t in targets}
    for turn in range(repeat):
        for target in targets:
            rows[target].append(run(target, CONNECTIONS, ["--count", str(counts[target])], f"{turn + 1}/{repeat}"))

    def middle(target, key):
        return statistics.median(r[key] for r in rows[target])

    lines = ["", "### RELP over TLS to a file", "",
             f"`loggr send` with {CONNECTIONS} connections and a window of {WINDOW}, TLS 1.3, both sides with certificates.", "",
             "| program | variant | lines | lines/s, median (min – max) | CPU µs/line | peak memory MiB | missing | answer p50 / p99 ms |",
             "|---|---|---|---|---|---|---|---|"]
    for target, runs in rows.items():
        rates = [r["rate"] for r in runs]
        lines.append(f"| {target[0]} | {target[1]} | {counts[target]:,} | {middle(target, 'rate'):,.0f} ({min(rates):,.0f} – {max(rates):,.0f}) | "
                     f"{middle(target, 'cpu'):.2f} | {middle(target, 'peak'):.0f} | {max(r['missing'] for r in runs)} | "
                     f"{middle(target, 'p50'):.2f} / {middle(target, 'p99'):.2f} |")
    plain, tls = targets[:2]
    lines += ["", f"TLS costs loggr {(middle(tls, 'cpu') / middle(plain, 'cpu') - 1) * 100:+.0f} % CPU a line, at "
                  f"{middle(tls, 'rate') / middle(plain, 'rate'):.2f} × the rate."]
    if rsyslogd:
        rival = targets[2]
        lines[-1] += (f" loggr with TLS: {middle(tls, 'rate') / middle(rival, 'rate'):.2f} × the rate of rsyslog with TLS, whose queue is in "
                      f"memory, and {middle(rival, 'cpu') / middle(tls, 'cpu'):.2f} × less CPU a line.")

    def paced(connections):
        """Runs at the rate, and runs in which connections are made and nothing is sent."""
        words = ["--count", str(MANY_RATE * MANY_SECONDS), "--rate", str(MANY_RATE)]
        runs = [run(tls, connections, words, f"paced {turn + 1}/{repeat}") for turn in range(repeat)]
        return runs, [run(tls, connections, ["--count", "0"], f"handshakes {turn + 1}/{repeat}") for turn in range(repeat)]

    of = {connections: paced(connections) for connections in (CONNECTIONS, MANY_CONNECTIONS)}
    lines += ["", f"The same at {MANY_RATE:,} lines/s in all, {MANY_SECONDS} s, medians of {repeat}. The first line leaves when all connections stand:", "",
              "| connections | answer p50 / p99 / slowest ms | p99, least – most | CPU µs/line without handshakes | handshakes: s, CPU ms each | memory at rest / peak MiB | missing |",
              "|---|---|---|---|---|---|---|"]
    peaks = {}
    for connections, (runs, alone) in of.items():
        m = {k: statistics.median(r[k] for r in runs) for k in ("p50", "p99", "max", "spent", "connecting", "idle", "peak", "sent")}
        shaking = statistics.median(r["spent"] for r in alone)
        peaks[connections] = m["peak"]
        p99 = [r["p99"] for r in runs]
        lines.append(f"| {connections:,} | {m['p50']:.2f} / {m['p99']:.2f} / {m['max']:.2f} | {min(p99):.2f} – {max(p99):.2f} | "
                     f"{max(m['spent'] - shaking, 0) / m['sent'] * 1e6:.2f} | {m['connecting']:.2f}, {shaking / connections * 1e3:.2f} | "
                     f"{m['idle']:.0f} / {m['peak']:.0f} | {max(r['missing'] for r in runs)} |")
    each = (peaks[MANY_CONNECTIONS] - peaks[CONNECTIONS]) * 1024 / (MANY_CONNECTIONS - CONNECTIONS)
    lines += ["", f"A connection costs the receiver {each:,.0f} KiB: the difference of the two peaks, for each connection more."]
    return lines + compression(own, LOGGR.replace("@TLS@", ""), Receiver, here, repeat, say, user)


def corpus(path):
    """Lines as web servers and log-ins write them, the same in each run."""
    some = random.Random(7)
    with open(path, "w") as out:
        for n in range(FORWARDED):
            address = ".".join(str(some.randrange(1, 255)) for _ in range(4))
            if n % 3:
                text = (f"nginx 812 - - {address} - - \"GET /shop/item/{some.randrange(10**6)}?page={some.randrange(40)} HTTP/1.1\" "
                        f"{some.choice([200, 200, 200, 304, 404])} {some.randrange(10**5)} \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"")
            else:
                text = f"sshd {some.randrange(10**5)} - - Failed password for invalid user u{some.randrange(10**4)} from {address} port {some.randrange(65535)} ssh2"
            out.write(f"<13>1 2026-03-01T00:00:{n % 60:02d}.{n % 1000:03d}Z web{n % 7} {text}\n")


def compression(own, files, Receiver, here, repeat, say, user):
    """What compression between two loggrs costs each of them."""
    corpus(here / "corpus.log")
    # Only a sender that is trusted is offered compression.
    trusting = files.replace('exchange = "received"\nmax_connections', 'exchange = "received"\ntrust = true\nmax_connections')
    (here / "last.toml").write_text(trusting.replace("@USER@", user))
    port = 29500
    rows = {}
    for turn in range(repeat):
        for words in ("", "compress = \"zstd\""):
            port += 2
            say(f"tls: forwarding, {words or 'as it is'}, {turn + 1}/{repeat}")
            first = here / "first.toml"
            first.write_text(FORWARD.replace("@USER@", user).replace("@TARGET@", str(port + 1)).replace("@COMPRESS@", words))
            last = Receiver("tls-last", own, here / "last.toml", port + 1)
            try:
                sender = Receiver("tls-first", own, first, port)
                try:
                    before = sender.cpu_seconds(), last.cpu_seconds()
                    subprocess.run([own[0], "send", "--to", f"relp://127.0.0.1:{port}", "--file", str(here / "corpus.log")],
                                   check=True, capture_output=True)
                    until = time.monotonic() + 120
                    while last.lines() < FORWARDED and time.monotonic() < until:
                        time.sleep(0.2)
                    spent = sender.cpu_seconds() - before[0], last.cpu_seconds() - before[1]
                    row = *(seconds / FORWARDED * 1e6 for seconds in spent), FORWARDED - last.lines()
                    rows.setdefault(words, []).append(row)
                finally:
                    sender.stop()
            finally:
                last.stop()

    def middle(words, at):
        return statistics.median(row[at] for row in rows[words])

    plain, packed = rows
    lines = ["", "### Forwarding from one loggr to another, over RELP", "",
             f"{FORWARDED:,} lines of web servers and log-ins over loopback, medians of {repeat}. The first receives, queues and forwards; the last receives and "
             "writes a file.", "", "| | CPU µs/line, first | CPU µs/line, last | missing |", "|---|---|---|---|"]
    for words, shown in ((plain, "as they are"), (packed, "`compress = \"zstd\"`")):
        lines.append(f"| {shown} | {middle(words, 0):.2f} | {middle(words, 1):.2f} | {max(row[2] for row in rows[words])} |")
    return lines
