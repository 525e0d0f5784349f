//! Places for connections that listen as long as they like.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::web::problem::{Code, Problem};

/// Connections that may listen to the status or to the notifications at one time: each stays as long
/// as it likes.
const MAX_LISTENING: usize = 64;

/// Places for those who listen.
#[derive(Clone, Debug)]
pub struct Ears(Arc<Semaphore>);

impl Default for Ears {
    fn default() -> Ears {
        Ears(Arc::new(Semaphore::new(MAX_LISTENING)))
    }
}

impl Ears {
    /// A place, if there is one left; it is given back when it is dropped.
    pub fn lend(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.clone().try_acquire_owned().map_err(|_| {
            Problem::new(Code::TooMany, format!("{MAX_LISTENING} connections listen already"))
                .hint("close a page that shows the status")
                .retry_after(10)
        })
    }
}
