//! The JSON body of a request, or what is wrong with it.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::web::problem::{Code, Problem};

/// The body, read.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        match Json::<T>::from_request(request, state).await {
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
