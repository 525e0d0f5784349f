//! `router`: the event goes to another exchange, or under a routing key of its own kind.
//!
//! The engine only says which route was chosen; the machine publishes the event. The program lists
//! its routes before the first event, so that a route to which no queue is bound can be refused.

use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// Longest name of an exchange in bytes.
const MAX_EXCHANGE_BYTES: usize = 128;
/// Longest event type in bytes: it is one word of a routing key.
const MAX_EVENT_TYPE_BYTES: usize = 64;

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "router",
    summary: "chooses the exchange to which the machine publishes the event, its routing key, or both; if it is \
         called several times for an event the last call counts, and a dropped event is not published at \
         all",
    parameters: &[
        optional(
            "exchange",
            Kind::Text,
            "",
            "the exchange; without this argument the machine's `destination`",
        ),
        optional(
            "event_type",
            Kind::Text,
            "",
            "a word for the kind of event: the routing key becomes `machine.NAME.EVENT_TYPE`; without this \
             argument it is `machine.NAME`",
        ),
    ],
    adds: &[],
    build,
};

/// Where a `router` sends events to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Route {
    /// The exchange; `None` is the machine's destination.
    pub exchange: Option<String>,
    /// Last word of the routing key.
    pub event_type: Option<String>,
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.exchange, &self.event_type) {
            (Some(exchange), Some(kind)) => write!(f, "to `{exchange}` as `{kind}`"),
            (Some(exchange), None) => write!(f, "to `{exchange}`"),
            (None, Some(kind)) => write!(f, "as `{kind}`"),
            (None, None) => f.write_str("to the destination"),
        }
    }
}

struct Router {
    route: Route,
}

fn build(arguments: &Arguments, _environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let given = |name| Some(arguments.text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let route = Route { exchange: given("exchange"), event_type: given("event_type") };
    if route == Route::default() {
        let error = BuildError {
            argument: None,
            message: "`router` names neither an exchange nor an event type".to_owned(),
            hint: None,
        };
        return Err(error.hint("`router(exchange=\"security\")`, `router(event_type=\"login\")`, or both"));
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if let Some(exchange) = &route.exchange
        && (exchange.len() > MAX_EXCHANGE_BYTES || exchange.starts_with('.') || !exchange.chars().all(name))
    {
        let message = format!("`{exchange}` cannot be the name of an exchange");
        let hint = format!(
            "letters, digits, `-`, `_` and `.`, not beginning with `.`, at most {MAX_EXCHANGE_BYTES}"
        );
        return Err(BuildError::argument("exchange", message).hint(hint));
    }
    if let Some(kind) = &route.event_type
        && (kind.len() > MAX_EVENT_TYPE_BYTES || kind.contains('.') || !kind.chars().all(name))
    {
        let message = format!("`{kind}` cannot be a word of a routing key");
        let hint = format!("letters, digits, `-` and `_`, at most {MAX_EVENT_TYPE_BYTES}");
        return Err(BuildError::argument("event_type", message).hint(hint));
    }
    Ok(Box::new(Router { route }))
}

impl Engine for Router {
    fn run<'e>(&'e self, _call: &mut Call<'_, 'e>) -> Outcome {
        Outcome::Did
    }

    fn may_change(&self, _outcome: Outcome) -> bool {
        false
    }

    fn route(&self) -> Option<&Route> {
        Some(&self.route)
    }
}
