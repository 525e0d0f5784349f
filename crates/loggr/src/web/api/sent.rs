//! What an endpoint takes and answers, for the document.
//!
//! The document is written by a test (`openapi`), and the program carries it as it was written. How a type is
//! described is known to tests alone: the description of all types would make the program larger by more than
//! the document has.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// What is sent, either way.
#[derive(Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "for the document, which a test writes"))]
pub enum Sent {
    /// Nothing.
    Nothing,
    /// JSON of this kind.
    Json(Described),
    /// JSON of this kind, of what was made just now.
    Made(Described),
    /// Something of another media type.
    Other(&'static str),
    /// Of one of these.
    OneOf(&'static [&'static str]),
    /// The browser, to somewhere else.
    Elsewhere,
}

/// How JSON is described.
#[derive(Clone, Copy)]
pub struct Described {
    /// Gives its schema.
    #[cfg(test)]
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Described {
    const fn by(schema: fn(&mut SchemaGenerator) -> Schema) -> Described {
        #[cfg(test)]
        return Described { schema };
        #[cfg(not(test))]
        {
            let _ = schema;
            Described {}
        }
    }
}

/// JSON of a type.
pub const fn json<T: JsonSchema>() -> Sent {
    json_by(SchemaGenerator::subschema_for::<T>)
}

/// JSON that is described so.
pub const fn json_by(schema: fn(&mut SchemaGenerator) -> Schema) -> Sent {
    Sent::Json(Described::by(schema))
}

/// JSON of a type, of what was made just now.
pub const fn made<T: JsonSchema>() -> Sent {
    Sent::Made(Described::by(SchemaGenerator::subschema_for::<T>))
}
