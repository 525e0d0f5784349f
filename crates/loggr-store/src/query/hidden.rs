//! Fields that somebody may not see: neither in an event ([`Hidden::strip`]), nor by asking for them
//! ([`Query::hiding`](super::Query::hiding)).
//!
//! Not hidden is what stands elsewhere, too: a message that holds the same value shows it, unless
//! `message` itself is hidden. Whoever lists fields or values asks [`Hidden::hides`] first.

use std::borrow::Cow;
use std::sync::Arc;

use loggr_event::{Defects, Event, Origin};

use super::field::Field;
use crate::{ErrorKind, StoreError};

/// Members of an event that hold many fields. Hiding such a name would look as if it hid them all.
const MANY: [&str; 5] = ["structured_data", "fields", "origin", "trusted", "raw"];

/// A set of fields that somebody may not see. Clones share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hidden {
    /// Sorted.
    fields: Arc<[Field]>,
}

impl Hidden {
    /// The fields of these names, as a query would write them.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for a field that every event has: a time, the severity, the facility, the
    /// transport, the uid; and for a name that an event gives to many fields, such as `structured_data`.
    pub fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Hidden, StoreError> {
        let mut fields = Vec::new();
        for name in names {
            if MANY.contains(&name.as_ref()) {
                let name = name.as_ref();
                let what = format!(
                    "`{name}` is no field, but stands for many: hide each by its own name, such as `id.name`"
                );
                return Err(StoreError::new(ErrorKind::Refused, what));
            }
            let field = Field::from_name(name.as_ref());
            if matches!(
                field,
                Field::Time
                    | Field::Timereported
                    | Field::Severity
                    | Field::Facility
                    | Field::Transport
                    | Field::Uid
                    | Field::Shape
            ) {
                let what = format!("the field `{}` cannot be hidden: every event has it", name.as_ref());
                return Err(StoreError::new(ErrorKind::Refused, what));
            }
            if field == Field::Message {
                // Its shape says what stands in it.
                fields.push(Field::Shape);
            }
            fields.push(field);
        }
        fields.sort_unstable();
        fields.dedup();
        Ok(Hidden { fields: fields.into() })
    }

    /// Is nothing hidden?
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields, sorted.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Is this field hidden?
    pub fn hides(&self, field: &Field) -> bool {
        self.fields.binary_search(field).is_ok()
    }

    /// The names of those that are no core fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|field| match field {
            Field::Custom(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Is the custom or trusted field of this name hidden?
    pub(crate) fn hides_name(&self, name: &str) -> bool {
        self.names().any(|hidden| hidden == name)
    }

    /// Is the SD-PARAM hidden?
    pub(crate) fn hides_param(&self, id: &str, param: &str) -> bool {
        self.names()
            .any(|hidden| hidden.strip_prefix(id).and_then(|rest| rest.strip_prefix('.')) == Some(param))
    }

    /// What either hides.
    pub(super) fn with(&self, other: &Hidden) -> Hidden {
        let mut fields: Vec<Field> = self.fields.iter().chain(other.fields.iter()).cloned().collect();
        fields.sort_unstable();
        fields.dedup();
        Hidden { fields: fields.into() }
    }

    /// The event without the fields. Where anything is hidden, the received line and the seal over the
    /// whole event are left out, too: the line may show what is hidden, and nobody can check the seal.
    pub fn strip<'a>(&self, mut event: Event<'a>) -> Event<'a> {
        if self.is_empty() {
            return event;
        }
        event.raw = None;
        event.hmac = None;
        event.timehmac = None;
        event.fields.retain(|field| !self.hides_name(&field.name));
        event.trusted.retain(|field| !self.hides_name(&field.name));
        for element in &mut event.structured_data {
            element.params.retain(|param| !self.hides_param(&element.id, &param.name));
        }
        let mut origin = event.origin.take().map(Cow::into_owned);
        for field in self.fields.iter() {
            match field {
                Field::Source => event.source = Cow::Borrowed(""),
                Field::AppName => event.app_name = Cow::Borrowed(""),
                Field::Procid => event.procid = Cow::Borrowed(""),
                Field::Msgid => event.msgid = Cow::Borrowed(""),
                Field::Message => event.message = Cow::Borrowed(""),
                Field::Tag => event.tags.clear(),
                Field::Defect => event.defects = Defects::default(),
                Field::Listener | Field::Peer | Field::TlsName => {
                    if let Some(origin) = &mut origin {
                        strip_origin(origin, field);
                    }
                }
                // Refused above, or done.
                Field::Time
                | Field::Timereported
                | Field::Severity
                | Field::Facility
                | Field::Transport
                | Field::Uid
                | Field::Shape
                | Field::Custom(_) => {}
            }
        }
        event.origin = origin.map(Cow::Owned);
        event
    }
}

fn strip_origin(origin: &mut Origin, field: &Field) {
    match field {
        Field::Listener => origin.listener.clear(),
        Field::Peer => origin.peer.clear(),
        _ => origin.tls_name = None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_for_many_fields_hides_none_and_is_refused() {
        for name in MANY {
            let refused = Hidden::new([name]).unwrap_err().to_string();
            assert!(refused.contains(&format!("`{name}` is no field, but stands for many")), "{refused}");
        }
        assert!(Hidden::new(["x.password"]).is_ok());
    }

    #[test]
    fn a_hidden_message_hides_its_shape() {
        let hidden = Hidden::new(["message"]).unwrap();
        assert!(hidden.hides(&Field::Message) && hidden.hides(&Field::Shape));
        assert!(!Hidden::new(["user"]).unwrap().hides(&Field::Shape));
        assert!(Hidden::new(["shape"]).is_err());
    }
}
