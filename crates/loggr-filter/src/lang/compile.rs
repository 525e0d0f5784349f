//! Makes a program of statements: checks names and types, builds regular expressions. Engines are built in
//! `calls`.

use loggr_net::Network;
use regex::{Regex, RegexBuilder};

use super::ast::{
    Comparison, Condition, ConditionKind, Include, Operand, OperandKind, Set, Statement, StatementKind,
    Target, TargetName,
};
use super::codes;
use super::error::{FilterError, FilterErrors};
use super::node::{Check, Node, Rule, Test, Values, Write};
use crate::engines::{Environment, Route};
use crate::field::{CoreField, facility, severity};
use crate::nearest::nearest;

/// Largest compiled regular expression in bytes.
const MAX_REGEX_BYTES: usize = 4 << 20;
/// The hint for a text that is not a network, if there is no better one.
const NETWORKS: &str = "a network is written like \"10.0.0.0/8\" or \"2001:db8::/32\"";

pub(super) struct Compiler<'c> {
    pub environment: &'c Environment,
    pub text: &'c str,
    pub errors: Vec<FilterError>,
    /// One line of text for each rule, by its number.
    pub rules: Vec<Rule>,
    /// Where its `router`s send events, none twice.
    pub routes: Vec<Route>,
    /// What is wrong with included filters.
    pub included: Vec<FilterErrors>,
}

impl<'c> Compiler<'c> {
    /// For a text without statements before it.
    pub fn new(environment: &'c Environment, text: &'c str) -> Compiler<'c> {
        let (errors, rules, routes, included) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Compiler { environment, text, errors, rules, routes, included }
    }

    pub fn block(&mut self, statements: &'c [Statement]) -> Vec<Node> {
        let mut out = Vec::with_capacity(statements.len());
        let mut ended: Option<&str> = None;
        for statement in statements {
            if let Some(word) = ended.take() {
                self.errors.push(
                    FilterError::new(statement.span, "this is never reached")
                        .hint(format!("the `{word}` before it ends the filter")),
                );
            }
            match statement.kind {
                StatementKind::Drop => ended = Some("drop"),
                StatementKind::Stop => ended = Some("stop"),
                _ => {}
            }
            out.extend(self.statement(statement));
        }
        out
    }

    fn rule(&mut self, statement: &Statement) -> usize {
        let (line, _) = statement.span.place(self.text);
        self.rules.push(Rule { line, text: super::print::simple(&statement.kind) });
        self.rules.len() - 1
    }

    /// The rules of an included filter have the line of the `include`, and say their own.
    fn include(&mut self, statement: &Statement, include: &'c Include) -> Option<Node> {
        let read = include.read.as_ref()?;
        let (line, _) = statement.span.place(self.text);
        let (text, errors) = (self.text, std::mem::take(&mut self.errors));
        let before = self.rules.len();
        self.text = &read.text;
        let nodes = self.block(&read.statements);
        self.text = text;
        for rule in self.rules.iter_mut().skip(before) {
            rule.text = format!("{}:{}: {}", include.name, rule.line, rule.text);
            rule.line = line;
        }
        let wrong = std::mem::replace(&mut self.errors, errors);
        if !wrong.is_empty() {
            self.included.push(FilterErrors::new(&read.file, &read.text, wrong));
            let message = format!("the filter `{}` has mistakes", include.name);
            self.errors.push(FilterError::new(include.span, message));
        }
        Some(Node::Block(nodes))
    }

    fn statement(&mut self, statement: &'c Statement) -> Option<Node> {
        if let StatementKind::Include(include) = &statement.kind {
            return self.include(statement, include);
        }
        let rule = self.rule(statement);
        Some(match &statement.kind {
            StatementKind::If { branches, otherwise } => {
                let mut out = Vec::with_capacity(branches.len());
                for (i, (condition, inner)) in branches.iter().enumerate() {
                    let rule = if i == 0 {
                        rule
                    } else {
                        let (line, _) = condition.span.place(self.text);
                        let text = format!("else if {}", super::print::condition_text(condition));
                        self.rules.push(Rule { line, text });
                        self.rules.len() - 1
                    };
                    let check = self.condition(condition);
                    let inner = self.block(inner);
                    out.push((rule, check?, inner));
                }
                let otherwise = otherwise.as_ref().map(|inner| self.block(inner)).unwrap_or_default();
                Node::If(out, otherwise)
            }
            StatementKind::Assign(target, parts) => self.assign(rule, target, parts)?,
            StatementKind::Tags { add, values } => {
                let values = values.iter().map(Values::of).collect();
                Node::Tags(rule, *add, values)
            }
            StatementKind::Delete(target) => {
                self.writable(target)?;
                if matches!(
                    target.name,
                    TargetName::Core(CoreField::Severity | CoreField::Facility | CoreField::TimeReported)
                ) {
                    self.errors.push(FilterError::new(
                        target.span,
                        "this field always has a value: assign another one",
                    ));
                    return None;
                }
                Node::Delete(rule, write(target))
            }
            StatementKind::Rename(from, to) => {
                self.writable(from)?;
                self.writable(to)?;
                if let TargetName::Core(field) = from.name
                    && matches!(field, CoreField::Severity | CoreField::Facility | CoreField::TimeReported)
                {
                    self.errors.push(
                        FilterError::new(
                            from.span,
                            format!("`{}` always has a value and cannot be renamed", field.row().name),
                        )
                        .hint("copy it with `:=`"),
                    );
                    return None;
                }
                Node::Rename(rule, write(from), write(to))
            }
            StatementKind::Call(call) => Node::Call(rule, self.call(call)?),
            StatementKind::Drop => Node::Drop(rule),
            StatementKind::Stop => Node::Stop(rule),
            StatementKind::Include(_) => return None,
        })
    }

    fn writable(&mut self, target: &Target) -> Option<()> {
        match &target.name {
            TargetName::Core(field) if !field.row().writable => {
                let message = format!("`{}` cannot be changed", field.row().name);
                self.errors.push(FilterError::new(target.span, message));
                None
            }
            _ => Some(()),
        }
    }

    fn assign(&mut self, rule: usize, target: &Target, parts: &[Operand]) -> Option<Node> {
        self.writable(target)?;
        if let (
            TargetName::Core(field),
            [Operand { span, kind: OperandKind::Text(text) | OperandKind::Number(text) }],
        ) = (&target.name, parts)
        {
            let wrong = match field {
                CoreField::Severity if severity(text).is_none() => {
                    Some(nearest(text, names(&loggr_event::Severity::ALL.map(|s| s.keyword()))))
                }
                CoreField::Facility if facility(text).is_none() => Some(None),
                CoreField::TimeReported
                    if loggr_event::Timestamp::parse_rfc3339(text.as_bytes()).is_none() =>
                {
                    Some(None)
                }
                _ => None,
            };
            if let Some(near) = wrong {
                let error = FilterError::new(*span, format!("`{text}` is no {}", what(*field)));
                self.errors.push(match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                });
                return None;
            }
        }
        if let [_, _, ..] = parts
            && let Some(number) = parts.iter().find(|p| matches!(p.kind, OperandKind::Number(_)))
        {
            let text = super::print::operand(number);
            self.errors.push(FilterError::new(number.span, "`+` joins texts and adds no numbers").hint(
                format!(
                    "write \"{text}\" to append the digits; `calc(\"[a] + {text}\", [target])` adds numbers"
                ),
            ));
            return None;
        }
        let parts = parts.iter().map(Values::of).collect();
        Some(Node::Assign(rule, write(target), parts))
    }

    pub fn condition(&mut self, condition: &Condition) -> Option<Check> {
        Some(match &condition.kind {
            ConditionKind::Any(all) => Check::Any(self.conditions(all)?),
            ConditionKind::All(all) => Check::All(self.conditions(all)?),
            ConditionKind::Not(inner) => Check::Not(Box::new(self.condition(inner)?)),
            ConditionKind::Present(field) => Check::Test(Values::of(field), Test::Present),
            ConditionKind::Call(call) => Check::Call(Box::new(self.call(call)?)),
            ConditionKind::In(left, set, negated) => {
                let check = self.within(left, set)?;
                if *negated { Check::Not(Box::new(check)) } else { check }
            }
            ConditionKind::Compare(left, comparison, right) => self.compare(left, *comparison, right)?,
        })
    }

    fn conditions(&mut self, all: &[Condition]) -> Option<Vec<Check>> {
        // Each is looked at, so that each error is found.
        let checks: Vec<Option<Check>> = all.iter().map(|c| self.condition(c)).collect();
        checks.into_iter().collect()
    }

    fn within(&mut self, left: &Operand, set: &Set) -> Option<Check> {
        let value = Values::of(left);
        Some(match set {
            Set::Tags => Check::Test(value, Test::InTags),
            Set::CustomFields => Check::Test(value, Test::InFields),
            Set::Cidr(networks) => {
                let mut all = Vec::with_capacity(networks.len());
                for (text, span) in networks {
                    match Network::parse_around(text) {
                        Ok(network) => all.push(network),
                        Err(error) => {
                            let hint = error.hint().unwrap_or(NETWORKS);
                            self.errors.push(FilterError::new(*span, error.to_string()).hint(hint));
                        }
                    }
                }
                Check::Test(value, Test::InNetworks(all))
            }
            Set::List(list) => {
                let tests = list.iter().map(|item| self.compare(left, Comparison::Equal, item));
                let tests: Option<Vec<Check>> = tests.collect::<Vec<_>>().into_iter().collect();
                Check::Any(tests?)
            }
        })
    }

    fn compare(&mut self, left: &Operand, comparison: Comparison, right: &Operand) -> Option<Check> {
        use Comparison::{AnyCase, Matches};
        let value = Values::of(left);
        if matches!(comparison, Matches | AnyCase) {
            let OperandKind::Text(pattern) = &right.kind else {
                let error =
                    FilterError::new(right.span, "the right side of `~` is a regular expression in quotes");
                self.errors.push(error);
                return None;
            };
            let regex = self.regex(right, pattern, comparison == AnyCase)?;
            self.noted(codes::matches_a_name(left, right, &regex))?;
            return Some(Check::Test(value, Test::Matches(regex)));
        }
        if let Some(checked) = codes::compare(left, comparison, right) {
            return self.noted(checked);
        }
        for (time, literal) in [(left, right), (right, left)] {
            if let (OperandKind::Core(field), OperandKind::Text(text)) = (&time.kind, &literal.kind)
                && field.is_time()
                && loggr_event::Timestamp::parse_rfc3339(text.as_bytes()).is_none()
            {
                self.errors.push(
                    FilterError::new(literal.span, format!("`{text}` is no time"))
                        .hint("a time is written \"2026-03-01T12:00:00Z\""),
                );
                return None;
            }
        }
        let other = Values::of(right);
        Some(match comparison {
            // `!=` is the opposite of `==`, also where there are several values or none.
            Comparison::NotEqual => {
                Check::Not(Box::new(Check::Test(value, Test::Compare(Comparison::Equal, other))))
            }
            comparison => Check::Test(value, Test::Compare(comparison, other)),
        })
    }

    /// Adds an error to those found so far.
    fn noted<T>(&mut self, checked: Result<T, FilterError>) -> Option<T> {
        checked.map_err(|error| self.errors.push(error)).ok()
    }

    fn regex(&mut self, at: &Operand, pattern: &str, any_case: bool) -> Option<Regex> {
        let built = RegexBuilder::new(pattern)
            .case_insensitive(any_case)
            .dot_matches_new_line(true)
            .size_limit(MAX_REGEX_BYTES)
            .build();
        match built {
            Ok(regex) => Some(regex),
            Err(error) => {
                let text = error.to_string();
                let line = text
                    .lines()
                    .rev()
                    .find(|l| !l.trim().is_empty())
                    .unwrap_or("")
                    .trim()
                    .trim_start_matches("error: ");
                let mut wrong =
                    FilterError::new(at.span, format!("this regular expression cannot be used: {line}"));
                if line.contains("look-around") || line.contains("backreference") {
                    wrong = wrong.hint("`grok(\"…\")` knows look-around and back-references");
                }
                self.errors.push(wrong);
                None
            }
        }
    }
}

fn names<'n>(all: &'n [&'static str]) -> impl Iterator<Item = &'static str> + use<'n> {
    all.iter().copied()
}

fn what(field: CoreField) -> &'static str {
    match field {
        CoreField::Severity => "severity",
        CoreField::Facility => "facility",
        _ => "time",
    }
}

fn write(target: &Target) -> Write {
    match &target.name {
        TargetName::Core(field) => Write::Core(*field),
        TargetName::Custom(name) => Write::Custom(name.clone()),
    }
}
