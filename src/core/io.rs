//! What goes into the elector and what comes out of it.

use super::record::{FencingToken, IdentityId, Record, Version};
use super::time::{LocalInstant, Span, WallTime};

/// Both of a process's clocks, read at once. Taken by the driver, passed in with every input.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reading {
    /// The monotonic clock.
    pub local: LocalInstant,
    /// The wall clock, which may say anything.
    pub wall: WallTime,
}

/// Ties a response to its request. Numbered from 1 by each elector.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u32);

/// What happened, for [`Elector::handle`](super::Elector::handle).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The process starts to take part in the election. First input, and only once.
    Start,
    /// An instant that [`Elector::next_wake`](super::Elector::next_wake) named has come.
    Wake,
    /// A request was answered, or failed. An answer to a request that is no longer awaited is
    /// counted and otherwise ignored.
    Response {
        /// The request it answers.
        id: RequestId,
        /// The answer.
        result: Result<Reply, Failure>,
    },
    /// The driver's choice for the last [`Output::Choose`].
    Choice(Span),
    /// The guarded work has stopped and will not act again.
    WorkStopped,
    /// The process is told to stop (SIGTERM).
    Shutdown,
}

/// A successful answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The Lease as it was read.
    Read {
        /// Its content.
        record: Record,
        /// Its version.
        version: Version,
    },
    /// The Lease was written.
    Written {
        /// The version that the write made.
        version: Version,
    },
}

/// Why a request failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Failure {
    /// 404: there is no such Lease.
    NotFound,
    /// 409 to a create: there is one already.
    AlreadyExists,
    /// 409 to an update: the expected version is not the stored one.
    Conflict,
    /// 401 or 403.
    Forbidden,
    /// 422: the server will not store this record.
    Invalid,
    /// 429.
    TooManyRequests,
    /// The connection was refused: nothing was sent.
    Refused,
    /// 500, 502, 503 or 504. A write may have been applied, or may yet be.
    ServerError,
    /// No answer by the request's deadline. A write may have been applied, or may yet be.
    Timeout,
}

impl Failure {
    /// Whether a write that failed so was certainly not applied and never will be.
    #[must_use]
    pub const fn is_definite(self) -> bool {
        !matches!(self, Self::ServerError | Self::Timeout)
    }
}

/// An operation on the Lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Read it.
    Get,
    /// Create it with this content.
    Create(Record),
    /// Replace its content, if it still has the expected version.
    Update {
        /// The new content.
        record: Record,
        /// What the write is conditional on.
        expected: Version,
    },
}

/// Why leading ended, or the elector returned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StopReason {
    /// The Lease was not renewed in time.
    DeadlinePassed,
    /// Somebody else holds the Lease.
    OtherHolder,
    /// The Lease is gone.
    LeaseMissing,
    /// [`Input::Shutdown`].
    Shutdown,
}

/// Something that the outside may want to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The guarded work may begin; it is bounded by [`Elector::may_act`](super::Elector::may_act).
    StartedLeading {
        /// Larger than the token of every earlier term.
        token: FencingToken,
    },
    /// The guarded work is told to stop (its context is cancelled). Answer with
    /// [`Input::WorkStopped`] once it has.
    StoppedLeading {
        /// Why.
        reason: StopReason,
    },
    /// The observed holder changed.
    NewLeader(IdentityId),
    /// A renewal had to read the Lease first (`leader_election_slowpath_total`).
    SlowPath,
    /// The elector is done for good; a new one is needed to contend again.
    Returned {
        /// Why.
        reason: StopReason,
    },
}

/// What the driver must do, from [`Elector::poll_output`](super::Elector::poll_output).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send a request; answer with [`Input::Response`].
    Request {
        /// Names it.
        id: RequestId,
        /// What to do.
        op: Op,
        /// When the elector stops waiting, by its own timer; none where only the answer ends the wait.
        deadline: Option<LocalInstant>,
    },
    /// The elector no longer waits for this request; the driver should cancel it.
    Abandon {
        /// Which.
        id: RequestId,
    },
    /// Choose a span from zero to `up_to` (uniformly at random, or every one in turn);
    /// answer with [`Input::Choice`].
    Choose {
        /// The largest choice.
        up_to: Span,
    },
    /// Tell whoever listens.
    Event(Event),
}

/// Why the elector wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WakeReason {
    /// The right to lead ends.
    LeadDeadline,
    /// The request in flight has taken too long.
    RequestDeadline,
    /// The quarantine after creating the Lease is over.
    QuarantineOver,
    /// The next renewal round, or the next attempt within one.
    Renew,
    /// The next attempt to acquire.
    Acquire,
}

/// The outputs that one input can cause, oldest first. Fixed in size: the elector never allocates.
#[derive(Clone, Debug, Default)]
pub(super) struct Outputs {
    items: [Option<Output>; Self::CAPACITY],
    next: u8,
    len: u8,
}

impl Outputs {
    /// One input causes at most: abandon, new leader, slow path, stopped, request, returned.
    const CAPACITY: usize = 8;

    pub(super) fn push(&mut self, output: Output) {
        self.items[usize::from(self.len)] = Some(output);
        self.len += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        if self.next == self.len {
            self.next = 0;
            self.len = 0;
            return None;
        }
        self.next += 1;
        self.items[usize::from(self.next - 1)].take()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next == self.len
    }
}
