//! `-f`: what becomes visible, as it comes, printed.

use std::time::Duration;

use anyhow::Result;
use loggr_store::Limits;

use super::print::Printer;
use super::{Asked, complain};
use crate::operate::follow::{Follow, Look};

/// How often `-f` looks whether there is something new.
const FOLLOW: Duration = Duration::from_millis(250);
/// How often it asks a store that has to be asked for that.
const FOLLOW_ASKING: Duration = Duration::from_secs(1);

/// Begins to follow: what can be found before the first answer is no news.
pub(super) fn begin(asked: &Asked) -> Result<Follow> {
    let limits = Limits::default();
    let following = Follow::new(asked.store.clone(), asked.query.clone(), asked.options.until, &limits);
    let mut follow = asked.wait(following)?;
    look(asked, &mut follow)?;
    Ok(follow)
}

/// Prints what becomes visible, until interrupted or until nobody reads.
pub(super) fn follow(asked: &Asked, mut follow: Follow, out: &mut Printer) -> Result<()> {
    loop {
        match asked.wait(follow.has_changed())? {
            Some(false) => {
                std::thread::sleep(FOLLOW);
                continue;
            }
            Some(true) => {}
            None => std::thread::sleep(FOLLOW_ASKING),
        }
        for event in &look(asked, &mut follow)?.events {
            out.print(event)?;
        }
        out.flush()?;
    }
}

fn look(asked: &Asked, follow: &mut Follow) -> Result<Look> {
    let look = asked.wait(follow.look())?;
    for warning in &look.warnings {
        complain(&format!("warning: {warning}\n"));
    }
    Ok(look)
}
