//! `grok`: named patterns found in a text become fields.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};
use crate::grok::{Grok, GrokError, Limit, Scratch};

/// Tag of an event on which a pattern reached its limit.
pub const TIMEOUT_TAG: &str = "_groktimeout";

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "grok",
    summary: "finds the first of the patterns that matches and makes fields of its named parts",
    parameters: &[
        required(
            "patterns",
            Kind::Texts,
            "`NAME` of a pattern, or an expression with `%{NAME:field}` and `(?<field>…)`; several are tried in this order",
        ),
        optional("on", Kind::Operand, "message", "the text that is looked at"),
        optional("prefix", Kind::Text, "", "goes before the name of each field"),
        optional("ecs", Kind::Flag, "false", "use the ECS names of the standard patterns"),
        optional(
            "define",
            Kind::Texts,
            "",
            "patterns for this call alone, `NAME expression` each; they define anew what has their names",
        ),
        optional(
            "overwrite",
            Kind::Flag,
            "false",
            "a field that was there before is replaced, not added to; `message`, `app_name` and other core fields are set only then",
        ),
    ],
    adds: &[
        ("(named parts)", "each named part that matched and is not empty"),
        (TIMEOUT_TAG, "tag: a pattern reached its match limit; the event goes on unchanged"),
    ],
    build,
};

struct GrokEngine {
    grok: Grok,
    on: usize,
    /// Field name of each capture, with the prefix.
    names: Vec<String>,
    overwrite: bool,
    scratches: Mutex<Vec<Scratch>>,
}

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let mut library =
        if arguments.flag("ecs") { environment.ecs_patterns.clone() } else { environment.patterns.clone() };
    for definition in arguments.texts("define").iter().filter(|d| !d.is_empty()) {
        let library = Arc::make_mut(&mut library);
        library.add(definition).map_err(|message| BuildError::argument("define", message))?;
    }
    let wrong = |e: GrokError| {
        let hint = match &e {
            GrokError::Unknown { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            GrokError::Unknown { .. } => Some("`loggr grok --list` shows all patterns".to_owned()),
            _ => None,
        };
        BuildError { argument: Some("patterns"), message: e.to_string(), hint }
    };
    let patterns = arguments.texts("patterns").iter().map(|p| library.meant(p));
    let patterns = patterns.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    let grok = Grok::compile(&library, &patterns).map_err(wrong)?;
    let prefix = arguments.text("prefix");
    let names = grok.fields().iter().map(|f| format!("{prefix}{f}")).collect();
    let on = arguments.operand("on").unwrap_or(0);
    Ok(Box::new(GrokEngine {
        grok,
        on,
        names,
        overwrite: arguments.flag("overwrite"),
        scratches: Mutex::default(),
    }))
}

impl Engine for GrokEngine {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let Some(Some(text)) = call.operands.get(self.on).cloned() else { return Outcome::Nothing };
        let mut scratch = self.pool().pop().unwrap_or_default();
        let found = self.grok.find(&text, &mut scratch);
        let outcome = match found {
            Ok(false) => Outcome::Nothing,
            Err(Limit) => Outcome::Failed(TIMEOUT_TAG),
            Ok(true) => {
                let mut written = Vec::new();
                for (field, kind, range) in scratch.captures() {
                    let Some(name) = self.names.get(field) else { continue };
                    let value = typed(slice(&text, range), kind);
                    if self.overwrite && !written.contains(&field) {
                        if crate::lang::CoreField::from_name(name)
                            .is_some_and(|f| f.row().writable && f.write(call.event, value.clone()))
                        {
                            continue;
                        }
                        call.event.set_field(name.as_str(), value);
                        written.push(field);
                    } else {
                        call.event.add_field_value(name.as_str(), value);
                    }
                }
                Outcome::Did
            }
        };
        self.pool().push(scratch);
        outcome
    }
}

impl GrokEngine {
    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        self.scratches.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A part of the text, borrowed from the received line where the text is. Half a character,
/// which a dot may have caught, becomes readable.
fn slice<'e>(text: &Cow<'e, str>, range: std::ops::Range<usize>) -> Cow<'e, str> {
    let whole = match text {
        Cow::Borrowed(text) => text.get(range.clone()).map(Cow::Borrowed),
        Cow::Owned(text) => text.get(range.clone()).map(|part| Cow::Owned(part.to_owned())),
    };
    let bytes = text.as_bytes().get(range).unwrap_or_default();
    whole.unwrap_or_else(|| Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
}

/// `:int` and `:float` write numbers in one way; what is no number stays as it is.
fn typed(value: Cow<'_, str>, kind: crate::grok::Kind) -> Cow<'_, str> {
    match kind.number(&value).map(|n| n.to_string()) {
        Some(number) if number != value => Cow::Owned(number),
        _ => value,
    }
}
