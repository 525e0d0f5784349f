//! The status of the installation for all who watch it: one look a second, however many they are.
//!
//! A task looks and tells; it ends when the last one has gone. Not HTTP, and not what the status is.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use crate::status::{Installation, sentences};
use crate::web::Site;

/// How often the status is told.
const PACE: Duration = Duration::from_secs(1);

/// What is so, and what of it is wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Status")]
pub struct WithTroubles {
    #[serde(flatten)]
    status: Installation,
    /// In sentences; none if all is well.
    troubles: Vec<String>,
}

impl WithTroubles {
    /// A look at the installation.
    pub async fn look(site: &Site) -> WithTroubles {
        let status = site.registry.installation(&site.live, &site.socket).await;
        let troubles = sentences(&site.live.config, &status);
        WithTroubles { status, troubles }
    }
}

/// What is watched, if somebody watches.
#[derive(Debug, Default)]
pub struct Watched(Mutex<Weak<Watching>>);

/// The looks at the installation, for one who watches.
#[derive(Debug)]
pub struct Watching {
    told: watch::Receiver<Arc<str>>,
    _stop: watch::Sender<()>,
}

impl Watched {
    /// Joins those who watch, or begins to look.
    pub fn join(&self, site: &Site) -> Arc<Watching> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watching) = watched.upgrade() {
            return watching;
        }
        let (tell, told) = watch::channel(Arc::from(""));
        let (stop, stopped) = watch::channel(());
        tokio::spawn(look(site.clone(), tell, stopped));
        let watching = Arc::new(Watching { told, _stop: stop });
        *watched = Arc::downgrade(&watching);
        watching
    }
}

impl Watching {
    /// Hears of each look from now on, beginning with the last one, if there was one.
    pub fn listen(&self) -> watch::Receiver<Arc<str>> {
        let mut told = self.told.clone();
        if !told.borrow().is_empty() {
            told.mark_changed();
        }
        told
    }
}

/// Looks again and again, until the last one who watches has gone.
async fn look(site: Site, tell: watch::Sender<Arc<str>>, mut stopped: watch::Receiver<()>) {
    loop {
        let status = tokio::select! {
            // An error says that nobody watches any more.
            _ = stopped.changed() => return,
            status = WithTroubles::look(&site) => status,
        };
        let text = serde_json::to_string(&status).unwrap_or_default();
        tell.send_replace(Arc::from(text));
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(PACE) => {}
        }
    }
}
