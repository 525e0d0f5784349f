//! rsyslog's own output to Elasticsearch, with a loggr in the place of the server that is away for a while.

use std::collections::BTreeSet;

use super::listening;
use crate::support::{Loggr, Rsyslog, free_port, numbered_line, omelasticsearch, rsyslogd, seq_of, until};

#[test]
fn what_rsyslog_sends_to_elasticsearch_arrives_although_the_server_is_killed() {
    let (Some(module), Some(_)) = (omelasticsearch(), rsyslogd()) else { return };
    let port = free_port();
    let mut loggr = Loggr::with(listening(port, "trust = false"));
    let modules = format!("module(load=\"{module}\")");
    let action = format!(
        "template(name=\"json\" type=\"list\" option.json=\"on\") {{\n\
         constant(value=\"{{\\\"@timestamp\\\":\\\"\") property(name=\"timereported\" dateFormat=\"rfc3339\")\n\
         constant(value=\"\\\",\\\"host\\\":\\\"\") property(name=\"hostname\")\n\
         constant(value=\"\\\",\\\"severity\\\":\\\"\") property(name=\"syslogseverity-text\")\n\
         constant(value=\"\\\",\\\"app_name\\\":\\\"\") property(name=\"app-name\")\n\
         constant(value=\"\\\",\\\"message\\\":\\\"\") property(name=\"msg\")\n\
         constant(value=\"\\\"}}\")\n}}\n\
         action(type=\"omelasticsearch\" server=\"127.0.0.1\" serverport=\"{port}\" template=\"json\" bulkmode=\"on\"\n\
         searchIndex=\"logs\" searchType=\"\" esVersion.major=\"8\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\")"
    );
    let Some(rsyslog) = Rsyslog::start(&modules, &action) else { return };
    let lines: Vec<String> = (0..1000).map(numbered_line).collect();
    rsyslog.feed(lines[..500].iter().map(String::as_str));
    until("the first half has come", 60, || loggr.search("listener:http").len() >= 500);
    loggr.kill9();
    rsyslog.feed(lines[500..].iter().map(String::as_str));
    loggr.up();
    let numbers = || -> BTreeSet<u64> {
        let found = loggr.search("listener:http");
        found.iter().filter_map(|event| seq_of(event["message"].as_str()?)).collect()
    };
    until("all have come", 120, || numbers().len() == 1000);
    let of_host = loggr.search("listener:http host:web07 severity:err");
    assert!(!of_host.is_empty(), "host and severity are read");
    assert!(
        of_host.iter().all(|event| event["app_name"].as_str().is_some_and(|app| app.starts_with("shop-")))
    );
    rsyslog.stop();
    loggr.assert_balanced();
    loggr.stop();
}
