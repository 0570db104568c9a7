//! A way to an API server that can be cut in either direction, wherever the server is.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leg {
    Request,
    Response,
}

/// Passes bytes on, and never looks at them: what it holds back arrives late, even if nobody waits for it any more.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    held: Mutex<Option<Leg>>,
    changed: Condvar,
}

impl Gate {
    fn wait_for(&self, leg: Leg) {
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |held| *held == Some(leg)).unwrap());
    }
}

impl Proxy {
    /// Listens on a port of its own, until the process ends.
    pub(crate) fn start(server: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self { address: listener.local_addr()?, gate: Arc::default() };
        let gate = Arc::clone(&proxy.gate);
        thread::spawn(move || {
            for client in listener.incoming().filter_map(Result::ok) {
                // A client whose server is not there is told so by the end of its connection.
                let Ok(server) = TcpStream::connect(&server) else { continue };
                _ = connect(client, server, &gate);
            }
        });
        Ok(proxy)
    }

    /// Holds back what is sent, in one direction.
    pub(crate) fn hold(&self, leg: Leg) {
        self.set(Some(leg));
    }

    /// Lets go what was held back.
    pub(crate) fn release(&self) {
        self.set(None);
    }

    fn set(&self, held: Option<Leg>) {
        *self.gate.held.lock().unwrap() = held;
        self.gate.changed.notify_all();
    }
}

fn connect(client: TcpStream, server: TcpStream, gate: &Arc<Gate>) -> io::Result<()> {
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let ways = [(Leg::Request, client.try_clone()?, server.try_clone()?), (Leg::Response, server, client)];
    for (leg, from, to) in ways {
        let gate = Arc::clone(gate);
        thread::spawn(move || {
            // However it ended, the receiver learns that there is no more.
            _ = pump(leg, &from, &to, &gate);
            _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

fn pump(leg: Leg, mut from: &TcpStream, mut to: &TcpStream, gate: &Gate) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        gate.wait_for(leg);
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read])?;
    }
}
