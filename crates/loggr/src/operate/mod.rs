//! What an operator does, from the command line or from the page: with the rescue, the queues, the days
//! of the stores.
//!
//! Each works on a process that runs, given as what can be looked at, or on files that nobody has
//! open; its answer is typed and has a JSON form. Prints nothing and knows no HTTP.

pub mod days;
pub mod events;
pub mod follow;
pub mod queues;
pub mod rescue;
pub mod rescued;
pub mod saved;
pub mod seals;
pub mod stores;
