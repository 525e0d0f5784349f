//! Calls of engines: checks their arguments against the engine's table, and builds the engine.

use super::ast::{Argument, ArgumentValue, Call, Operand, OperandKind};
use super::compile::Compiler;
use super::error::FilterError;
use super::node::{Called, Values};
use crate::engines::{self, Arguments, Kind, Parameter, Place, Route, Spec, Value};
use crate::field::CoreField;
use crate::nearest::nearest;

/// Longest `"30s"` and the like in seconds: a hundred years.
const MAX_DURATION_SECONDS: f64 = 100.0 * 366.0 * 86_400.0;

impl Compiler<'_> {
    /// Builds the engine of a call; `None` where something is wrong, which is then among the errors.
    pub fn call(&mut self, call: &Call) -> Option<Called> {
        let Some(spec) = engines::find(&call.engine) else {
            let error = FilterError::new(call.span, format!("there is no engine `{}`", call.engine));
            if let Some(hint) = super::foreign::engine(&call.engine) {
                self.errors.push(error.hint(hint));
                return None;
            }
            let known = engines::ENGINES.iter().map(|s| s.name);
            self.errors.push(match nearest(&call.engine, known) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => {
                    error.hint(format!("the engines are {}", list(engines::ENGINES.iter().map(|s| s.name))))
                }
            });
            return None;
        };
        let before = self.errors.len();
        let mut arguments = Arguments::default();
        let mut operands = Vec::new();
        let mut places = Vec::new();
        let mut positional = 0;
        for argument in &call.arguments {
            let Some(parameter) = self.parameter(spec, argument, &mut positional, &arguments) else {
                continue;
            };
            places.push((parameter.name, argument.span));
            if let Some(value) = self.value(spec, parameter, argument, &mut operands) {
                arguments.extend(parameter.name, value);
            }
        }
        for parameter in spec.parameters {
            if places.iter().any(|(name, _)| *name == parameter.name) {
                continue;
            }
            match parameter.default {
                None => {
                    let error = FilterError::new(
                        call.span,
                        format!("`{}` needs `{}`: {}", spec.name, parameter.name, parameter.doc),
                    );
                    self.errors.push(error);
                }
                Some("") => {}
                Some(default) => {
                    arguments.push(parameter.name, defaulted(parameter.kind, default, &mut operands))
                }
            }
        }
        if self.errors.len() > before {
            return None;
        }
        match (spec.build)(&arguments, self.environment) {
            Ok(engine) => {
                let route = engine.route().map(|route| self.route(route));
                Some(Called { engine, operands, route })
            }
            Err(error) => {
                let span = error
                    .argument
                    .and_then(|name| places.iter().find(|(n, _)| *n == name))
                    .map_or(call.span, |(_, span)| *span);
                let mut wrong = FilterError::new(span, error.message);
                wrong.hint = error.hint;
                self.errors.push(wrong);
                None
            }
        }
    }

    fn route(&mut self, route: &Route) -> usize {
        self.routes.iter().position(|known| known == route).unwrap_or_else(|| {
            self.routes.push(route.clone());
            self.routes.len() - 1
        })
    }

    fn parameter(
        &mut self,
        spec: &'static Spec,
        argument: &Argument,
        positional: &mut usize,
        given: &Arguments,
    ) -> Option<&'static Parameter> {
        let Some(name) = &argument.name else {
            let parameter = spec.parameters.get(*positional);
            match parameter {
                // All that follow, as none can stand for another parameter.
                Some(parameter) if parameter.kind == Kind::Operands => return Some(parameter),
                // The rest of the texts, or of the fields behind the first, as long as nothing else comes.
                Some(parameter) if matches!(parameter.kind, Kind::Texts | Kind::AnyFields) => {
                    let is_one = match parameter.kind {
                        Kind::Texts => is_text(&argument.value),
                        _ => is_field(&argument.value) || given.get(parameter.name).is_none(),
                    };
                    if is_one {
                        return Some(parameter);
                    }
                    *positional += 1;
                    return self.parameter(spec, argument, positional, given);
                }
                Some(parameter) => {
                    *positional += 1;
                    return Some(parameter);
                }
                None => {
                    let message = format!("`{}` takes no further argument", spec.name);
                    let known = list(spec.parameters.iter().map(|p| p.name));
                    self.errors.push(
                        FilterError::new(argument.span, message).hint(format!("its arguments are {known}")),
                    );
                    return None;
                }
            }
        };
        match spec.parameters.iter().find(|p| p.name == name) {
            Some(parameter) if given.get(parameter.name).is_some() => {
                self.errors.push(FilterError::new(argument.span, format!("`{name}` was given before")));
                None
            }
            Some(parameter) => Some(parameter),
            None => {
                let error =
                    FilterError::new(argument.span, format!("`{}` has no argument `{name}`", spec.name));
                self.errors.push(match nearest(name, spec.parameters.iter().map(|p| p.name)) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error
                        .hint(format!("its arguments are {}", list(spec.parameters.iter().map(|p| p.name)))),
                });
                None
            }
        }
    }

    fn value(
        &mut self,
        spec: &Spec,
        parameter: &Parameter,
        argument: &Argument,
        operands: &mut Vec<Values>,
    ) -> Option<Value> {
        use ArgumentValue::{Flag, List, One};
        let value = match (parameter.kind, &argument.value) {
            (Kind::Operand, One(operand)) => {
                operands.push(Values::of(operand));
                Some(Value::Operand(operands.len() - 1))
            }
            (Kind::Operands, One(operand)) => {
                operands.push(Values::of(operand));
                Some(Value::Operands(vec![operands.len() - 1]))
            }
            (Kind::Operands, List(all)) => {
                let from = operands.len();
                operands.extend(all.iter().map(Values::of));
                Some(Value::Operands((from..operands.len()).collect()))
            }
            (Kind::Text, One(Operand { kind: OperandKind::Text(text), .. })) => {
                Some(Value::Text(text.clone()))
            }
            (Kind::Duration, One(Operand { kind: OperandKind::Text(text), .. })) => {
                duration(text).map(Value::Number)
            }
            (Kind::Texts, One(Operand { kind: OperandKind::Text(text), .. })) => {
                Some(Value::Texts(vec![text.clone()]))
            }
            (Kind::Texts, List(all)) => {
                let texts = all.iter().map(|o| match &o.kind {
                    OperandKind::Text(text) => Some(text.clone()),
                    _ => None,
                });
                texts.collect::<Option<Vec<_>>>().map(Value::Texts)
            }
            (Kind::Number, One(Operand { kind: OperandKind::Number(number), .. })) => {
                number.parse().ok().map(Value::Number)
            }
            (Kind::Flag, Flag(flag)) => Some(Value::Flag(*flag)),
            (Kind::Field, One(Operand { kind: OperandKind::Custom(name), .. })) => {
                Some(Value::Text(name.clone()))
            }
            (Kind::AnyField | Kind::AnyFields, One(operand)) => {
                place(operand).map(|field| Value::Fields(vec![field]))
            }
            (Kind::AnyFields, List(all)) => all.iter().map(place).collect::<Option<_>>().map(Value::Fields),
            _ => None,
        };
        if value.is_none() {
            let example = match parameter.kind {
                Kind::Text => "a text in quotes",
                Kind::Texts => "a text in quotes, or several in parentheses",
                Kind::Number => "a number",
                Kind::Duration => "a duration like \"30s\", \"5m\" or \"1h\"",
                Kind::Flag => "`true` or `false`",
                Kind::Operand => "a field or a text",
                Kind::Operands => "a field or a text, or several in parentheses",
                Kind::Field => "a custom field like `[name]`",
                Kind::AnyField => "a field",
                Kind::AnyFields => "a field, or several in parentheses",
            };
            let message = format!("`{}` of `{}` must be {example}", parameter.name, spec.name);
            self.errors.push(FilterError::new(argument.span, message));
        }
        value
    }
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

fn is_text(value: &ArgumentValue) -> bool {
    matches!(value, ArgumentValue::List(_) | ArgumentValue::One(Operand { kind: OperandKind::Text(_), .. }))
}

fn is_field(value: &ArgumentValue) -> bool {
    let is_one = |operand: &Operand| matches!(operand.kind, OperandKind::Core(_) | OperandKind::Custom(_));
    match value {
        ArgumentValue::One(operand) => is_one(operand),
        ArgumentValue::List(all) => all.iter().all(is_one),
        ArgumentValue::Flag(_) => false,
    }
}

fn place(operand: &Operand) -> Option<Place> {
    match &operand.kind {
        OperandKind::Core(field) => Some(Place::Core(*field)),
        OperandKind::Custom(name) => Some(Place::Custom(name.clone())),
        OperandKind::Text(_) | OperandKind::Number(_) => None,
    }
}

fn named(field: &str) -> Values {
    match CoreField::from_name(field) {
        Some(field) => Values::Core(field),
        None => Values::Custom(field.to_owned()),
    }
}

fn defaulted(kind: Kind, default: &str, operands: &mut Vec<Values>) -> Value {
    match kind {
        Kind::Operand => {
            operands.push(named(default));
            Value::Operand(operands.len() - 1)
        }
        Kind::Operands => {
            let from = operands.len();
            operands.extend(default.split(", ").map(named));
            Value::Operands((from..operands.len()).collect())
        }
        Kind::Number => Value::Number(default.parse().unwrap_or(0.0)),
        Kind::Duration => Value::Number(duration(default).unwrap_or(0.0)),
        Kind::Flag => Value::Flag(default == "true"),
        Kind::Texts => Value::Texts(vec![default.to_owned()]),
        Kind::Text | Kind::Field => Value::Text(default.to_owned()),
        Kind::AnyField | Kind::AnyFields => Value::Fields(default.split(", ").map(Place::named).collect()),
    }
}

/// `"30s"`, `"5m"`, `"1h"`, `"7d"`, `"250ms"` in seconds.
pub(super) fn duration(text: &str) -> Option<f64> {
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 7.0 * 86_400.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    (seconds > 0.0 && seconds <= MAX_DURATION_SECONDS).then_some(seconds)
}
