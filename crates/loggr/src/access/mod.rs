//! Who may: users, roles and tokens, sessions, and the security log.
//!
//! | file | what |
//! | --- | --- |
//! | `who.rs` | the answer for one request: who asks, what they may and see |
//! | `accounts.rs` | all users, roles and tokens as values, and what can be changed of them |
//! | `kept.rs` | the same in the data directory, for several processes |
//! | `user.rs`, `role.rs`, `sight.rs`, `token.rs`, `first.rs` | what each of them is |
//! | `session.rs` | who is logged in |
//! | `slow.rs` | how often somebody may try to log in |
//! | `provider.rs` | users whom a provider of OpenID Connect names |
//! | `oidc/` | the provider itself |
//! | `password.rs`, `secret.rs` | what is kept of a password, of a secret |
//! | `security.rs` | the security log |
//!
//! Not here: HTTP (`web/door`) and the command line (`cli/user.rs`, `cli/token.rs`, `cli/role.rs`).
//! Invariants: no secret is kept, only hashes; what cannot be read lets nobody in.

pub mod accounts;
pub mod first;
pub mod kept;
pub mod oidc;
pub mod password;
pub mod provider;
mod refused;
pub mod role;
pub mod secret;
pub mod security;
pub mod session;
pub mod sight;
pub mod slow;
pub mod token;
pub mod user;
pub mod who;

pub use refused::{Kind, Refused};
