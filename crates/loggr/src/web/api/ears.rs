//! Places for connections that listen as long as they like.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::web::problem::{Code, Problem};

/// Connections that may listen to the status at one time, and as many again to the notices: each stays
/// as long as it likes. Every open page listens to the notices, and none of them takes the status from
/// somebody who looks at it.
const MAX_LISTENING: usize = 64;

/// Places for those who listen.
#[derive(Clone, Debug)]
pub struct Ears {
    status: Arc<Semaphore>,
    notices: Arc<Semaphore>,
}

impl Default for Ears {
    fn default() -> Ears {
        let places = || Arc::new(Semaphore::new(MAX_LISTENING));
        Ears { status: places(), notices: places() }
    }
}

impl Ears {
    /// A place to hear the status, if there is one left; it is given back when it is dropped.
    pub fn for_status(&self) -> Result<OwnedSemaphorePermit, Problem> {
        lend(&self.status, "close a page that shows the status")
    }

    /// The same for the notices.
    pub fn for_notices(&self) -> Result<OwnedSemaphorePermit, Problem> {
        lend(&self.notices, "each page that is open listens: close one")
    }
}

fn lend(places: &Arc<Semaphore>, hint: &str) -> Result<OwnedSemaphorePermit, Problem> {
    places.clone().try_acquire_owned().map_err(|_| {
        Problem::new(Code::TooMany, format!("{MAX_LISTENING} connections listen already"))
            .hint(hint)
            .retry_after(10)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_hear_notices_leave_the_status_to_others() {
        let ears = Ears::default();
        let pages: Vec<_> = (0..MAX_LISTENING).map(|_| ears.for_notices().unwrap()).collect();
        assert!(ears.for_notices().is_err());
        assert!(ears.for_status().is_ok());
        drop(pages);
        assert!(ears.for_notices().is_ok());
    }
}
