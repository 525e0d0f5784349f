//! RELP, version 0, both ends, as deployed software speaks it.
//!
//! [`Server`] and [`Client`] each stand for one session: bytes in through `feed`, bytes out through
//! `output`; [`Sender`] is a client over many. Not here: sockets, time limits, what a message means, and whether it is stored: a server
//! answers only what its caller [acknowledges](Server::ack).
//!
//! `TXNR SP COMMAND SP DATALEN [SP DATA] LF`
//!
//! | part | what | limit |
//! | --- | --- | --- |
//! | TXNR | decimal; 0 is a hint that is never answered; counts from 1 (the `open`) and wraps | 1 to 9 digits |
//! | COMMAND | ASCII letters | 1 to 32 |
//! | DATALEN | octets of DATA alone; when 0 the LF follows at once | 1 to 9 digits |
//! | DATA | any octets | kept up to the session's limit, the rest is counted and discarded |
//!
//! Between two loggrs a frame `zsyslog` may carry many messages, compressed: `packed.rs`.
//!
//! Invariants: an answer goes out in the order of its command and only for a frame that was acknowledged;
//! a frame that is no RELP ends the session, since nothing after it can be trusted; how the stream was cut
//! never matters; memory is bounded by the session's limit, not by what a DATALEN claims.

mod client;
mod error;
mod frame;
mod offers;
mod output;
mod packed;
mod sender;
mod server;

pub use client::{
    Answer, Client, ClientConfig, ClientState, DEFAULT_WINDOW_FRAMES, RECONNECT_TXNR, SendError,
};
pub use error::{Error, ErrorKind};
pub use frame::{
    Command, DEFAULT_DATA_BYTES, Frame, MAX_COMMAND_LETTERS, MAX_DATA_BYTES, MAX_NUMBER_DIGITS, MAX_TXNR,
    Name, Reader, next_txnr, write_frame,
};
pub use offers::{MAX_OFFERS_BYTES, MAX_SOFTWARE_BYTES, Offers, SOFTWARE};
pub use packed::{
    Damage, MAX_PACKED_BYTES, MAX_PACKED_MESSAGES, MAX_UNPACKED_BYTES, PACKED_COMMAND, Packer, Unpacked,
    unpack,
};
pub use sender::Sender;
pub use server::{MAX_OWED_COMMANDS, PART_BYTES, Server, ServerConfig, State, Syslog};
