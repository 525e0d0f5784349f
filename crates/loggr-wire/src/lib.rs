//! RELP, syslog framing and the chunks of GELF as state machines: feed bytes, take commands and output.
//!
//! Not here: events (a frame is bytes and stays bytes), sockets, clocks, async.
//! Invariants: no input makes this crate panic; memory per connection is bounded by the
//! frame limit whatever the peer claims; how the stream was cut into reads never changes
//! what comes out.
//!
//! # Syslog over TCP, TLS or a stream socket
//!
//! ```
//! use loggr_wire::framing::{DEFAULT_FRAME_BYTES, Framer, Mode};
//!
//! let mut framer = Framer::new(Mode::Auto, DEFAULT_FRAME_BYTES);
//! let mut lines = Vec::new();
//! framer.feed(b"7 <13>a\nb<13>c\n<13", |frame| lines.push(frame.bytes.to_vec()));
//! assert_eq!(lines, [&b"<13>a\nb"[..], b"<13>c"].map(<[u8]>::to_vec).as_slice());
//! // The stream has ended: what is left comes out, marked.
//! framer.finish(|frame| assert!(frame.incomplete && frame.bytes == b"<13"));
//! ```
//!
//! # RELP, the receiving end
//!
//! ```
//! use loggr_wire::relp::{Server, ServerConfig};
//!
//! let mut server = Server::new(ServerConfig::default());
//! let mut stored = Vec::new();
//! server.feed(b"1 open 15 commands=syslog\n2 syslog 5 hello\n", |frame| {
//!     stored.push(frame.data.to_vec()); // copy into the batch
//! })?;
//! // … the batch is durable now …
//! server.ack(stored.len());
//! let mut out = Vec::new();
//! server.take_output(&mut out); // … and goes to the socket
//! assert!(out.ends_with(b"2 rsp 6 200 OK\n"));
//! # Ok::<(), loggr_wire::relp::Error>(())
//! ```
//!
//! # RELP, the sending end
//!
//! ```
//! use loggr_wire::relp::{Client, ClientConfig};
//!
//! let mut client = Client::new(ClientConfig::default());
//! client.open();
//! client.feed(b"1 rsp 22 200 OK\ncommands=syslog\n", |_| {})?;
//! let txnr = client.send(b"<13>hello").expect("the session is ready and the window empty");
//! client.feed(b"2 rsp 6 200 OK\n", |answer| assert!(answer.txnr == txnr && answer.is_ok()))?;
//! # Ok::<(), loggr_wire::relp::Error>(())
//! ```

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod decimal;
pub mod framing;
pub mod gelf;
pub mod relp;
