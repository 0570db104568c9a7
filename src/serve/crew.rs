//! Threads that each serve connections of their own. Where requests are as short as here, handing work from thread to thread costs
//! more than it brings: with a runtime of several workers a profile showed a quarter of the time in switching to and waking threads.

use std::io;
use std::num::NonZeroUsize;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Threads with a runtime each, until it is dropped.
pub(super) struct Crew {
    members: Vec<Member>,
    next: usize,
}

struct Member {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Crew {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads, or no more descriptors.
    pub(super) fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let members = (0..threads.get()).map(Member::start).collect::<io::Result<_>>()?;
        Ok(Self { members, next: 0 })
    }

    /// Whose turn it is to take a connection.
    pub(super) fn next(&mut self) -> &Handle {
        self.next = (self.next + 1) % self.members.len();
        &self.members[self.next].handle
    }
}

impl Member {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || runtime.block_on(async { _ = stopped.await });
        let thread = thread::Builder::new().name(format!("serve-{number}")).spawn(work)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        drop(self.stop.take());
        // What a connection's task panicked of was said when it did.
        _ = self.thread.take().map(JoinHandle::join);
    }
}
