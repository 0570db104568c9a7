//! What happened in one run, event by event. The vocabulary is that of recordings of the real client-go, with
//! words for faults added.

use smol_str::SmolStr;

use super::plan::Verb;
use crate::core::{Failure, StopReason};

/// The version of the trace format. It changes when an event's meaning does.
pub const TRACE_VERSION: u32 = 1;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named after the server's reasons, and after core's failures")]
pub enum RequestResult {
    Ok,
    NotFound,
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    TooManyRequests,
    Refused,
    ServerError,
    Timeout,
}

impl RequestResult {
    /// Every result, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::Forbidden,
        Self::Invalid,
        Self::TooManyRequests,
        Self::Refused,
        Self::ServerError,
        Self::Timeout,
    ];

    /// The name in traces and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::TooManyRequests => "too_many_requests",
            Self::Refused => "refused",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
        }
    }
}

impl From<Failure> for RequestResult {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound => Self::NotFound,
            Failure::AlreadyExists => Self::AlreadyExists,
            Failure::Conflict => Self::Conflict,
            Failure::Forbidden => Self::Forbidden,
            Failure::Invalid => Self::Invalid,
            Failure::TooManyRequests => Self::TooManyRequests,
            Failure::Refused => Self::Refused,
            Failure::ServerError => Self::ServerError,
            Failure::Timeout => Self::Timeout,
        }
    }
}

impl Verb {
    /// Every verb, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Get, Self::Create, Self::Update];

    /// The name in traces and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

/// The Lease as the server has it after a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseState {
    /// The holder; empty where there is none.
    pub holder: SmolStr,
    /// The object's resourceVersion; a deleted one's last, 0 if there never was one.
    pub resource_version: u64,
    /// leaseTransitions; 0 where there is no Lease.
    pub transitions: i32,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// Nanoseconds since the run's start.
    pub t_ns: u64,
    /// The node that it happened to, by index.
    pub node: Option<usize>,
    /// What.
    pub kind: TraceKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// A request was sent.
    Send {
        /// What it asks.
        verb: Verb,
        /// Ties it to its commit and done; numbered in order of sending.
        id: u32,
    },
    /// The server decided on a request.
    Commit {
        /// What it asks.
        verb: Verb,
        /// Whose.
        id: u32,
        /// The decision.
        result: RequestResult,
        /// The Lease afterwards.
        lease: LeaseState,
    },
    /// The elector was told the outcome, or gave up.
    Done {
        /// What was asked.
        verb: Verb,
        /// Whose.
        id: u32,
        /// The outcome.
        result: RequestResult,
    },
    /// The guarded work began.
    StartedLeading {
        /// The term's fencing token.
        token: u64,
    },
    /// The guarded work was told to stop.
    StoppedLeading {
        /// Why.
        reason: StopReason,
    },
    /// The right to act ended, by the node's own clock. Its process may not have noticed: it may be paused.
    RightEnded,
    /// The guarded work has stopped.
    WorkStopped,
    /// The elector is done.
    Returned {
        /// Why.
        reason: StopReason,
    },
    /// The elector saw a new holder.
    NewLeader {
        /// Who.
        holder: SmolStr,
    },
    /// A process started.
    ProcessStarted {
        /// The identity it writes.
        identity: SmolStr,
    },
    /// A process ended.
    ProcessEnded {
        /// Whether it crashed.
        crashed: bool,
    },
    /// A process stands still.
    Paused,
    /// A process runs again.
    Resumed,
    /// A fault began.
    FaultBegan {
        /// Its index in the plan.
        fault: usize,
        /// The nodes it befalls.
        nodes: Vec<usize>,
    },
    /// A fault ended.
    FaultEnded {
        /// Its index in the plan.
        fault: usize,
    },
    /// Somebody did something to the Lease.
    Environment {
        /// What.
        edit: &'static str,
        /// The Lease afterwards.
        lease: LeaseState,
    },
    /// From now on these may act at once.
    Overlap {
        /// The nodes; fewer than two end it.
        leaders: Vec<usize>,
    },
    /// A write of the guarded work reached its store after one of a newer term.
    StaleWrite {
        /// Whether the store took it.
        accepted: bool,
    },
}
