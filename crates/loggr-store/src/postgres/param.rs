//! Parameters of statements: values travel here, never in the text.

use tokio_postgres::types::{ToSql, Type};

use super::layout::to_wire;

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Param {
    Text(String),
    Texts(Vec<String>),
    Int2s(Vec<i16>),
    Int4(i32),
    Int4s(Vec<i32>),
    Int8(i64),
    Int8s(Vec<i64>),
    /// Microseconds since 1970.
    Time(i64),
    Times(Vec<i64>),
    /// Days since 1970.
    Days(Vec<i64>),
    Uid([u8; 16]),
    Uids(Vec<[u8; 16]>),
}

impl Param {
    pub(super) fn kind(&self) -> Type {
        match self {
            Param::Text(_) => Type::TEXT,
            Param::Texts(_) => Type::TEXT_ARRAY,
            Param::Int2s(_) => Type::INT2_ARRAY,
            Param::Int4(_) => Type::INT4,
            Param::Int4s(_) => Type::INT4_ARRAY,
            Param::Int8(_) => Type::INT8,
            Param::Int8s(_) => Type::INT8_ARRAY,
            Param::Time(_) => Type::TIMESTAMPTZ,
            Param::Times(_) => Type::TIMESTAMPTZ_ARRAY,
            Param::Days(_) => Type::DATE_ARRAY,
            Param::Uid(_) => Type::UUID,
            Param::Uids(_) => Type::UUID_ARRAY,
        }
    }
}

/// Writes an array of values of one length.
fn array<T: AsRef<[u8]>>(out: &mut bytes::BytesMut, element: &Type, values: &[T]) {
    use bytes::BufMut;
    out.put_i32(1);
    out.put_i32(0);
    out.put_u32(element.oid());
    out.put_i32(values.len() as i32);
    out.put_i32(1);
    for value in values {
        out.put_i32(value.as_ref().len() as i32);
        out.put_slice(value.as_ref());
    }
}

impl ToSql for Param {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Param::Text(text) => return text.to_sql(kind, out),
            Param::Int4(number) => return number.to_sql(kind, out),
            Param::Int8(number) => return number.to_sql(kind, out),
            Param::Texts(texts) => array(out, &Type::TEXT, texts),
            Param::Int2s(numbers) => {
                array(out, &Type::INT2, &numbers.iter().map(|n| n.to_be_bytes()).collect::<Vec<_>>());
            }
            Param::Int4s(numbers) => {
                array(out, &Type::INT4, &numbers.iter().map(|n| n.to_be_bytes()).collect::<Vec<_>>());
            }
            Param::Int8s(numbers) => {
                array(out, &Type::INT8, &numbers.iter().map(|n| n.to_be_bytes()).collect::<Vec<_>>());
            }
            Param::Time(micros) => out.extend_from_slice(&to_wire(*micros).to_be_bytes()),
            Param::Times(times) => {
                let wire: Vec<_> = times.iter().map(|t| to_wire(*t).to_be_bytes()).collect();
                array(out, &Type::TIMESTAMPTZ, &wire);
            }
            Param::Days(days) => {
                let wire: Vec<_> = days.iter().map(|d| ((d - 10_957) as i32).to_be_bytes()).collect();
                array(out, &Type::DATE, &wire);
            }
            Param::Uid(uid) => out.extend_from_slice(uid),
            Param::Uids(uids) => array(out, &Type::UUID, uids),
        }
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// Parameters as the client library takes them.
pub(super) fn bind(params: &[Param]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    params.iter().map(|p| (p as &(dyn ToSql + Sync), p.kind())).collect()
}
