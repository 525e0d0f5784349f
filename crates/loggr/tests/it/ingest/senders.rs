//! Programs that other people use to send: the clients of Elasticsearch and OpenTelemetry, handlers of Loki and of
//! GELF, all in Python.

use serde_json::json;

use super::listening;
use crate::support::{
    Authority, Loggr, Setup, Tool, elasticsearch_client, free_port, graypy, loki_handler, opentelemetry,
    seq_of, until,
};

/// Runs a script with the address as its argument.
#[track_caller]
fn run(tool: &Tool, script: &str, arguments: &[&str]) {
    let mut command = tool.command();
    let output =
        command.args(["-W", "ignore", "-c", script]).args(arguments).output().expect("Python starts");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

const ELASTIC: &str = r#"
import sys
from elasticsearch import Elasticsearch, helpers
client = Elasticsearch(sys.argv[1], ca_certs=sys.argv[2], basic_auth=("shop", "secret"), http_compress=True)
assert client.info()["tagline"] == "You Know, for Search"
documents = [{"_op_type": "create", "_index": "logs", "@timestamp": "2026-11-22T10:00:00Z",
              "message": "seq=%09d" % n, "host": {"name": "web%02d" % (n % 20)}} for n in range(1000)]
done, wrong = helpers.bulk(client, documents, chunk_size=300)
assert (done, wrong) == (1000, []), (done, wrong)
"#;

#[test]
fn the_client_of_elasticsearch_through_tls_with_a_password() {
    let Some(tool) = elasticsearch_client() else { return };
    let authority = Authority::new(&["localhost"]);
    let keys = format!("tokens_file = \"tokens\"\ntls = {{ {} }}", authority.shown("localhost"));
    let mut loggr = Loggr::down(listening(free_port(), &keys));
    std::fs::write(loggr.config().with_file_name("tokens"), "shop:secret\n").expect("the tokens");
    loggr.up();
    let url = format!("https://localhost:{}", loggr.address("http").port());
    run(&tool, ELASTIC, &[&url, &authority.path("ca.crt").display().to_string()]);
    loggr.drained(60);
    assert_eq!(loggr.search("listener:http").len(), 1000);
    assert_eq!(loggr.search("host:web07").len(), 50);
    loggr.assert_balanced();
    loggr.stop();
}

const OPENTELEMETRY: &str = r#"
import sys, logging
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
provider = LoggerProvider(resource=Resource.create({"service.name": "shop", "host.name": "web01"}))
exporter = OTLPLogExporter(endpoint=sys.argv[1] + "/v1/logs", compression=Compression.Gzip)
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
log = logging.getLogger("orders")
log.addHandler(LoggingHandler(logger_provider=provider))
for n in range(300):
    log.error("seq=%09d shipped", n, extra={"customer": n % 3})
assert provider.force_flush()
provider.shutdown()
"#;

#[test]
fn the_exporter_of_opentelemetry() {
    let Some(tool) = opentelemetry() else { return };
    let mut loggr = Loggr::with(listening(free_port(), ""));
    run(&tool, OPENTELEMETRY, &[&format!("http://{}", loggr.address("http"))]);
    loggr.drained(60);
    let found = loggr.search("listener:http");
    assert_eq!(found.len(), 300);
    for event in &found {
        assert_eq!((&event["source"], &event["app_name"]), (&json!("web01"), &json!("shop")), "{event}");
        assert_eq!(event["severity"], "err");
        assert!(event["message"].as_str().is_some_and(|text| text.ends_with(" shipped")), "{event}");
    }
    assert_eq!(loggr.search("customer:2").len(), 100);
    loggr.stop();
}

const LOKI: &str = r#"
import sys, logging, logging_loki
handler = logging_loki.LokiHandler(url=sys.argv[1] + "/loki/api/v1/push", tags={"app": "shop"}, version="1",
                                   auth=("anybody", "tok"))
log = logging.getLogger("orders")
log.addHandler(handler)
failed = []
handler.handleError = lambda record: failed.append(record)
for n in range(50):
    log.error("seq=%09d shipped", n, extra={"tags": {"customer": str(n % 5)}})
assert not failed, failed
"#;

#[test]
fn a_handler_of_loki() {
    let Some(tool) = loki_handler() else { return };
    let mut loggr = Loggr::down(listening(free_port(), "tokens_file = \"tokens\""));
    std::fs::write(loggr.config().with_file_name("tokens"), "tok\n").expect("the tokens");
    loggr.up();
    run(&tool, LOKI, &[&format!("http://{}", loggr.address("http"))]);
    loggr.drained(60);
    let found = loggr.search("listener:http app:shop");
    assert_eq!(found.len(), 50);
    assert!(found.iter().all(|event| event["severity"] == "err"), "{:?}", found.first());
    assert_eq!(loggr.search("customer:3").len(), 10);
    loggr.stop();
}

/// A message of some thousand letters that no packing makes short goes in chunks.
const GELF: &str = r#"
import sys, logging, graypy, random
handler = getattr(graypy, sys.argv[1])("127.0.0.1", int(sys.argv[2]))
log = logging.getLogger("orders")
log.addHandler(handler)
for n in range(30):
    noise = "".join(random.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(n * 300))
    log.error("seq=%09d %s end", n, noise, extra={"customer": n % 3})
handler.close()
"#;

#[test]
fn handlers_of_gelf_over_udp_and_tcp() {
    let Some(tool) = graypy() else { return };
    let port = free_port();
    let mut loggr = Loggr::with(Setup {
        more: format!(
            "[[listener]]\nname = \"gelf\"\nprotocol = \"tcp\"\nframing = \"nul\"\nlisten = \"127.0.0.1:{port}\"\n"
        ),
        ..Setup::default()
    });
    let udp = loggr.address("udp").port();
    for (handler, port, listener) in [("GELFUDPHandler", udp, "udp"), ("GELFTCPHandler", port, "gelf")] {
        run(&tool, GELF, &[handler, &port.to_string()]);
        let query = format!("listener:{listener}");
        until("all have come", 60, || loggr.search(&query).len() >= 30);
        let found = loggr.search(&query);
        assert_eq!(found.len(), 30, "{listener}");
        for event in &found {
            let text = event["message"].as_str().expect("text");
            let seq = seq_of(text).expect("a number");
            assert!(text.ends_with(" end"), "{listener}: {text}");
            assert_eq!(event["fields"]["customer"], json!([(seq % 3).to_string()]), "{listener}");
            assert_eq!(event["severity"], "err", "{listener}");
        }
    }
    loggr.assert_balanced();
    loggr.stop();
}
