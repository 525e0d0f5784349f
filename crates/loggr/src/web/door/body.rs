//! The JSON body of a request, and the part of its path that varies; or what is wrong with them.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::web::problem::{Code, Problem};

/// A body that has not come by then does not hold a place any longer.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body did not come in time.
pub fn late() -> Problem {
    Problem::new(Code::Limit, format!("the body did not come within {} s", BODY_TIMEOUT.as_secs()))
}

/// The body, read.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        let read = tokio::time::timeout(BODY_TIMEOUT, Json::<T>::from_request(request, state));
        match read.await.map_err(|_| late())? {
            Ok(Json(body)) => Ok(Body(body)),
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(Code::TooLarge, "the body is too long"))
            }
            Err(error) => {
                Err(Problem::parameter("body", format!("the body cannot be read: {}", error.body_text()))
                    .hint("send JSON, with `Content-Type: application/json`"))
            }
        }
    }
}

/// What stands in the path for `{name}` or `{id}`.
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Segment, Problem> {
        let read = Path::<String>::from_request_parts(parts, state).await;
        read.map(|Path(name)| Segment(name))
            .map_err(|_| Problem::new(Code::NotFound, "the path is not UTF-8"))
    }
}
