//! The tools that assistants may use: questions of the API, each under a name.
//!
//! Who asks is shown those that their role may ask; the door's table says which.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::Fault;
use crate::access::who::Who;
use crate::web::api::{Api, Question};
use crate::web::door::{Rights, table::demand};
use crate::web::problem::Problem;

/// The name of each tool, and the path of its question.
const TOOLS: &[(&str, &str)] = &[
    ("search", "/api/search"),
    ("count", "/api/count"),
    ("histogram", "/api/histogram"),
    ("top", "/api/top"),
    ("fields", "/api/fields"),
    ("patterns", "/api/patterns"),
    ("compare", "/api/compare"),
    ("context", "/api/context"),
    ("event", "/api/event/{uid}"),
    ("span", "/api/span"),
    ("parse_query", "/api/parse"),
    ("explain_nothing", "/api/explain-nothing"),
    ("status", "/api/status"),
];

/// Those that somebody may use.
fn of(who: &Who) -> impl Iterator<Item = (&'static str, Question)> + use<'_> {
    let mine =
        TOOLS.iter().filter(|(_, path)| demand(&Method::GET, path).is_some_and(|of| of.is_met_by(who)));
    mine.filter_map(|(name, path)| Some((*name, Question::of(path)?)))
}

/// Their descriptions.
pub fn list(who: &Who) -> Vec<Value> {
    let tools = of(who).map(|(name, question)| {
        json!({
            "name": name,
            "description": question.about(),
            "inputSchema": question.takes(),
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
        })
    });
    tools.collect()
}

/// Uses one. What is wrong with its arguments, or could not be answered, is an answer, too, from which an
/// assistant learns.
pub async fn call(
    api: Api,
    who: (Who, Rights),
    mut params: Map<String, Value>,
) -> Result<Value, (Fault, String)> {
    let wrong = |what: String| (Fault::Params, what);
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let question = of(&who.0).find(|(known, _)| *known == name);
    let Some((_, question)) = question else { return Err(wrong(format!("there is no tool `{name}`"))) };
    let arguments = match params.remove("arguments") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err(wrong("`arguments` is no object".to_owned())),
    };
    let given: Result<Vec<_>, _> =
        arguments.into_iter().filter_map(|(name, value)| given(name, value)).collect();
    let asked = match given {
        Ok(given) => question.ask(api, who, "MCP", given).await,
        Err(problem) => Err(problem),
    };
    let (text, is_error) = match asked {
        Ok(text) => (text, false),
        Err(problem) => (Value::Object(problem.members()).to_string(), true),
    };
    Ok(json!({ "content": [{ "type": "text", "text": text }], "isError": is_error }))
}

/// An argument as a parameter has it.
fn given(name: String, value: Value) -> Option<Result<(String, String), Problem>> {
    let value = match value {
        Value::Null => return None,
        Value::String(text) => text,
        Value::Bool(is_on) => u8::from(is_on).to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => {
            let what = format!("`{name}` is neither a text nor a number");
            return Some(Err(Problem::parameter(&name, what)));
        }
    };
    Some(Ok((name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::who::Via;

    #[test]
    fn every_tool_is_a_question_that_changes_nothing() {
        let all = Who::everything("anna", Via::Token, None);
        assert_eq!(of(&all).count(), TOOLS.len());
        for tool in list(&all) {
            assert!(tool["description"].as_str().is_some_and(|text| text.ends_with('.')), "{tool}");
            assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        }
    }

    #[test]
    fn whoever_sees_a_part_has_no_status() {
        let part = Who { hidden: vec!["password".to_owned()], ..Who::everything("ben", Via::Token, None) };
        let names: Vec<&str> = of(&part).map(|(name, _)| name).collect();
        assert!(names.contains(&"search") && !names.contains(&"status"), "{names:?}");
    }
}
