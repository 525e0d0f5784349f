//! Assistants ask over the Model Context Protocol what they may, and change nothing.

use serde_json::{Value, json};

use crate::access::{browser, start, typed};
use crate::api::{fed, some};
use crate::support::{Browser, Loggr};

/// Asks as an assistant does, and gives the result.
#[track_caller]
fn rpc(assistant: &Browser, method: &str, params: Value) -> Value {
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let answer = assistant.plain("POST", "/mcp", &message);
    assert_eq!(answer.code, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&"2.0".into(), &7.into()), "{answer}");
    answer
}

/// Uses a tool; whether it failed, and what it says.
#[track_caller]
fn tool(assistant: &Browser, name: &str, arguments: Value) -> (bool, Value) {
    let answer = rpc(assistant, "tools/call", json!({ "name": name, "arguments": arguments }));
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"));
    (result["isError"] == true, serde_json::from_str(text).expect("JSON"))
}

fn token(loggr: &Loggr, role: &str) -> Browser {
    let (code, said) = typed(loggr, &["token", "add", "assistant", "--role", role], "");
    assert_eq!(code, 0, "{said}");
    let secret = said.split_whitespace().find(|word| word.starts_with("loggr_")).expect("a token").to_owned();
    browser(loggr).with("Authorization", &format!("Bearer {secret}"))
}

#[test]
fn an_assistant_asks_from_the_greeting_to_an_event() {
    let loggr = start("");
    fed(&loggr, &some());
    let here = browser(&loggr);
    let hello = rpc(&here, "initialize", json!({ "protocolVersion": "2025-06-18", "capabilities": {} }));
    assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(hello["result"]["serverInfo"]["name"], "loggr");
    let heard = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(here.plain("POST", "/mcp", &heard).code, 202);
    assert_eq!(rpc(&here, "ping", json!({}))["result"], json!({}));
    let tools = rpc(&here, "tools/list", json!({}));
    let tools = tools["result"]["tools"].as_array().expect("tools").clone();
    let search = tools.iter().find(|tool| tool["name"] == "search").expect("a search");
    assert_eq!(search["inputSchema"]["properties"]["limit"]["maximum"], 1000);
    assert_eq!(search["annotations"]["readOnlyHint"], true);

    let (failed, found) = tool(&here, "search", json!({ "q": "app:sshd", "limit": 3, "highlight": true }));
    assert!(!failed && found["events"].as_array().is_some_and(|events| events.len() == 3), "{found}");
    let uid = &found["events"][0]["uid"];
    assert_eq!(tool(&here, "event", json!({ "uid": uid })).1["event"]["app_name"], "sshd");
    let (failed, problem) = tool(&here, "search", json!({ "q": "app:(" }));
    assert!(failed && problem["code"] == "query_error" && problem["column"].is_number(), "{problem}");
    let (failed, problem) = tool(&here, "search", json!({ "limits": 3 }));
    assert!(failed && problem["hint"] == "did you mean `limit`?", "{problem}");
    assert_eq!(rpc(&here, "tools/call", json!({ "name": "purge" }))["error"]["code"], -32602);
    assert_eq!(rpc(&here, "resources/list", json!({}))["error"]["code"], -32601);
    let log = loggr.log();
    assert!(log.contains("MCP /api/search"), "{log}");
    // It is no stream, and no page of others asks it.
    assert_eq!(here.get("/mcp").code, 405);
    let foreign = here.clone().with("Origin", "https://evil.example");
    assert_eq!(foreign.plain("POST", "/mcp", &heard).code, 403);
}

#[test]
fn an_assistant_sees_what_its_token_sees() {
    let loggr = start("");
    fed(&loggr, &some());
    let added =
        typed(&loggr, &["user", "add", "anna", "--role", "admin", "--password-stdin"], "correct horse");
    assert_eq!(added.0, 0, "{added:?}");
    let role = ["role", "add", "part", "--filter", "app:sshd", "--hide", "x@1.secret"];
    assert_eq!(typed(&loggr, &role, "").0, 0);
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    assert_eq!(browser(&loggr).plain("POST", "/mcp", &message).code, 401);
    let part = token(&loggr, "part");
    let (failed, found) = tool(&part, "search", json!({ "q": "* OR -app:sshd", "limit": 1000 }));
    assert!(!failed, "{found}");
    let text = found.to_string();
    assert!(text.contains("sshd") && !text.contains("cron") && !text.contains("x@1.secret"), "{text}");
    let (failed, problem) = tool(&part, "top", json!({ "field": "x@1.secret" }));
    assert!(failed && problem["code"] == "forbidden", "{problem}");
    let tools = rpc(&part, "tools/list", json!({})).to_string();
    assert!(!tools.contains("\"status\""), "{tools}");
}
