//! A network that a test can cut: it listens on a port of its own, passes every byte on to another, and
//! stops when it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::free_port;

/// Bytes that are passed on at a time.
const PIECE_BYTES: usize = 16 << 10;

/// A way to one address. Dropping it closes the port and every connection.
pub struct Cut {
    address: SocketAddr,
    way: Arc<Way>,
    accepting: Option<JoinHandle<()>>,
}

struct Way {
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_open: bool,
    is_frozen: bool,
    /// Both ends of every connection.
    streams: Vec<TcpStream>,
    /// Bytes that were passed on from who connected.
    passed: u64,
}

impl Cut {
    /// A way that is open.
    #[track_caller]
    pub fn to(target: SocketAddr) -> Cut {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let way = Arc::new(Way { target, state: Mutex::default(), changed: Condvar::new() });
        let mut cut = Cut { address, way, accepting: None };
        cut.mend();
        cut
    }

    /// Where it listens while it is open.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that came from who connects, and were passed on.
    pub fn passed(&self) -> u64 {
        self.way.state().passed
    }

    /// Closes the port and every connection; what was on its way is lost.
    pub fn cut(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        let mut state = self.way.state();
        state.is_open = false;
        for stream in state.streams.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
        drop(state);
        self.way.changed.notify_all();
        // Who waits for connections looks up.
        drop(TcpStream::connect(self.address));
        accepting.join().expect("the way ends well");
    }

    /// Nothing gets through any more, and nobody is told: as when somebody pulls out a cable.
    pub fn freeze(&self) {
        self.way.state().is_frozen = true;
    }

    /// What was held goes on its way.
    pub fn thaw(&self) {
        self.way.state().is_frozen = false;
        self.way.changed.notify_all();
    }

    /// Opens it again.
    #[track_caller]
    pub fn mend(&mut self) {
        assert!(self.accepting.is_none(), "it is open already");
        let listener = TcpListener::bind(self.address).expect("its port");
        let mut state = self.way.state();
        (state.is_open, state.is_frozen) = (true, false);
        drop(state);
        let way = self.way.clone();
        self.accepting = Some(std::thread::spawn(move || way.accept(&listener)));
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Way {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for from in listener.incoming() {
            let Ok(from) = from else { continue };
            // Nobody at the other end: who has connected is told by the end.
            let to = TcpStream::connect(self.target);
            let mut state = self.state();
            if !state.is_open {
                return;
            }
            let Ok(to) = to else { continue };
            let two = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
            state.streams.extend([two(&from), two(&to)]);
            drop(state);
            let (there, back) = ((two(&from), two(&to)), (to, from));
            for (counts, (from, to)) in [(true, there), (false, back)] {
                let way = self.clone();
                drop(std::thread::spawn(move || way.pass(from, to, counts)));
            }
        }
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, counts: bool) {
        let mut piece = [0; PIECE_BYTES];
        while let Ok(n @ 1..) = from.read(&mut piece) {
            let state = self.state();
            let hold = |state: &mut State| state.is_frozen && state.is_open;
            let mut state = self.changed.wait_while(state, hold).unwrap_or_else(PoisonError::into_inner);
            if !state.is_open {
                return;
            }
            state.passed += if counts { n as u64 } else { 0 };
            drop(state);
            if to.write_all(&piece[..n]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Write));
        drop(from.shutdown(Shutdown::Read));
    }
}
