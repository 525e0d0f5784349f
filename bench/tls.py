"""RELP over TLS: loggr with and without it, and rsyslog's imrelp with it, in one run.

`loggr send` is the load for all of them; the certificates are made here with `openssl`, and both
sides show one. Only what the receiver's process uses counts as CPU.
"""
import json
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
            return {"rate": told["lines_per_second"], "cpu": (receiver.cpu_seconds() - cpu) / sent * 1e6, "missing": sent - got,
                    "p50": told["ack_ms"]["p50"], "p99": told["ack_ms"]["p99"], "max": told["ack_ms"]["max"],
                    "idle": idle, "peak": receiver.peak_mib(), "sent": sent}
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

    paced = ["--count", str(MANY_RATE * MANY_SECONDS), "--rate", str(MANY_RATE)]
    few = [run(tls, CONNECTIONS, paced, f"paced {turn + 1}/{repeat}") for turn in range(repeat)]
    many = [run(tls, MANY_CONNECTIONS, paced, f"paced {turn + 1}/{repeat}") for turn in range(repeat)]
    lines += ["", f"The same at {MANY_RATE:,} lines/s in all:", "",
              "| connections | answer p50 / p99 / slowest ms | CPU µs/line, handshakes included | memory at rest / peak MiB | KiB a connection | missing |",
              "|---|---|---|---|---|---|"]
    for connections, runs in ((CONNECTIONS, few), (MANY_CONNECTIONS, many)):
        m = {k: statistics.median(r[k] for r in runs) for k in ("p50", "p99", "max", "cpu", "idle", "peak")}
        each = (m["peak"] - m["idle"]) * 1024 / connections
        lines.append(f"| {connections:,} | {m['p50']:.2f} / {m['p99']:.2f} / {m['max']:.2f} | {m['cpu']:.2f} | {m['idle']:.0f} / {m['peak']:.0f} | "
                     f"{each:,.0f} | {max(r['missing'] for r in runs)} |")
    return lines
