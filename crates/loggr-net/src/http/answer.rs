//! What a server answers: the head at once, the body as a whole up to a limit, or piece by piece.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::{Response, StatusCode, http::response::Parts};

use super::deepest;
use crate::NetError;

/// An answer whose head has come.
#[derive(Debug)]
pub struct Answer {
    server: String,
    head: Parts,
    body: Incoming,
    patience: Duration,
}

impl Answer {
    pub(super) fn new(server: String, answer: Response<Incoming>, patience: Duration) -> Answer {
        let (head, body) = answer.into_parts();
        Answer { server, head, body, patience }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// The connection broke before the end, or nothing came for too long.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, NetError> {
        loop {
            let Ok(frame) = tokio::time::timeout(self.patience, self.body.frame()).await else {
                let seconds = self.patience.as_secs();
                return Err(NetError::new(format!("`{}` has sent nothing for {seconds} s", self.server)));
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| {
                NetError::new(format!("the answer of `{}` is cut off", self.server)).because(deepest(&error))
            })?;
            // What is no data stands behind the body: trailers.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// Head and body, which may have at most `most` bytes.
    ///
    /// # Errors
    /// The body is longer, or it breaks off.
    pub async fn whole(mut self, most: usize) -> Result<Response<Vec<u8>>, NetError> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            if body.len() + piece.len() > most {
                return Err(NetError::new(format!(
                    "the answer of `{}` has more than {most} bytes",
                    self.server
                )));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Response::from_parts(self.head, body))
    }
}
