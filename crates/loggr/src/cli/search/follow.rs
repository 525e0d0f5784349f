//! `-f`: the newest events, and then what becomes visible, as it comes, printed.

use std::collections::HashSet;

use anyhow::{Result, anyhow};
use loggr_event::Uid;
use loggr_store::{Limits, Store};
use tokio::runtime::Runtime;

use super::asked::{Answers, Asked, wait};
use super::print::{Printer, Row, warn};
use crate::operate::follow::{ASKING_PACE, Follow, Look, PACE};

/// Prints the newest events, at most so many, and what becomes visible then, until interrupted or until
/// nobody reads.
pub(super) fn follow(asked: &mut Asked, limit: usize, out: &mut Printer) -> Result<()> {
    let Answers::Here(store, runtime) = &asked.place else { return follow_there(asked, limit, out) };
    // Before the first answer: what becomes visible from here on is new.
    let mut follow = begin(asked, store, runtime)?;
    let (mut rows, _) = asked.page(limit)?;
    if rows.is_empty() {
        asked.advise();
    }
    rows.reverse();
    follow.know(rows.iter().filter_map(Row::event));
    for row in &rows {
        out.print(row)?;
    }
    out.flush()?;
    let Answers::Here(_, runtime) = &asked.place else { return Ok(()) };
    loop {
        match wait(runtime, follow.has_changed())? {
            Some(false) => {
                std::thread::sleep(PACE);
                continue;
            }
            Some(true) => {}
            None => std::thread::sleep(ASKING_PACE),
        }
        for event in look(runtime, &mut follow)?.events {
            out.print(&Row::Event(Box::new(event)))?;
        }
        out.flush()?;
    }
}

/// The same of a loggr elsewhere, which tells what is new.
fn follow_there(asked: &mut Asked, limit: usize, out: &mut Printer) -> Result<()> {
    let Answers::There(there) = &asked.place else { return Ok(()) };
    // Before the first answer, as above; what both have is printed once.
    let mut feed = there.listen()?;
    // The server says so when it has begun to look.
    there.hear(&mut feed)?;
    let (mut newest, mut more) = (Vec::new(), true);
    while more && newest.len() < limit {
        let (rows, further) = asked.page(limit - newest.len())?;
        newest.extend(rows);
        more = further;
    }
    if newest.is_empty() {
        asked.advise();
    }
    let mut known: HashSet<Uid> = newest.iter().filter_map(Row::uid).collect();
    for row in newest.drain(..).rev() {
        out.print(&row)?;
    }
    out.flush()?;
    let Answers::There(there) = &asked.place else { return Ok(()) };
    while let Some(rows) = there.hear(&mut feed)? {
        for row in rows {
            if known.is_empty() || row.uid().is_none_or(|uid| !known.remove(&uid)) {
                out.print(&row)?;
            }
        }
        out.flush()?;
    }
    Err(anyhow!("the server has ended the connection"))
}

/// Begins to follow: what can be found before the first answer is no news.
fn begin(asked: &Asked, store: &Store, runtime: &Runtime) -> Result<Follow> {
    let limits = Limits::default();
    let following = Follow::new(store.clone(), asked.query.clone(), asked.options.until, &limits);
    let mut follow = wait(runtime, following)?;
    look(runtime, &mut follow)?;
    Ok(follow)
}

fn look(runtime: &Runtime, follow: &mut Follow) -> Result<Look> {
    let look = wait(runtime, follow.look())?;
    warn(&look.warnings);
    Ok(look)
}
