//! What an election is doing, for who wants to watch.

use std::sync::Arc;
use std::time::Duration;

use super::leadership::Leadership;
use crate::core::StopReason;

/// The state of an election.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// This process's part in it.
    pub role: Role,
    /// The holder that was last seen; empty if there was none.
    pub leader: Arc<str>,
}

/// A process's part in an election.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Role {
    /// It waits for the lock.
    Candidate,
    /// It leads.
    Leading(Leadership),
    /// It was told to stop, and why; the election goes on when the work has confirmed.
    Stopping(Leadership, StopReason),
    /// It takes no part any more.
    Ended(End),
}

/// How taking part in an election ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum End {
    /// By shutdown. The lock was released if it was held and still one's own.
    Shutdown,
    /// The lock was lost, and contending again was not asked for.
    Lost(StopReason),
    /// The work did not stop for this long after it was cut off. The lock was not released.
    WorkDidNotStop(Duration),
}

impl Status {
    pub(super) fn new() -> Self {
        Self { role: Role::Candidate, leader: "".into() }
    }
}
