//! What is simulated: a world described by typed values, nothing left to parse.
//!
//! Times are nanoseconds of true time from the run's start; probabilities are parts per million.

use std::sync::Arc;

use smol_str::SmolStr;

use super::schedule::Step;
use crate::core::Config;

/// One world, and the faults that befall it. Run it many times with different seeds.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The replicas, in order; faults name them by index.
    pub nodes: Vec<NodePlan>,
    /// The API server.
    pub server: ServerPlan,
    /// What the leader does with its leadership.
    pub work: Option<WorkPlan>,
    /// What goes wrong, and when.
    pub faults: Vec<FaultPlan>,
    /// When a run ends.
    pub horizon_ns: u64,
    /// End a run early, after this many failovers.
    pub stop_after_failovers: Option<u32>,
    /// Whether a request that is on the wire when its sender crashes is applied.
    pub crash_loses_requests: bool,
    /// What happens, step by step, instead of what would be drawn; see [`schedule`](super::schedule).
    pub schedule: Option<Arc<[Step]>>,
}

/// A random quantity in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Draw {
    /// Always this.
    Fixed(u64),
    /// Uniform over `[from, to)`.
    Uniform {
        /// The least.
        from: u64,
        /// The first that is too much.
        to: u64,
    },
    /// Log-normal: `median x exp(sigma x N(0, 1))`.
    LogNormal {
        /// The median.
        median: u64,
        /// The standard deviation of the logarithm.
        sigma: f64,
    },
    /// One of these samples, each as likely.
    Samples(Arc<[u64]>),
}

/// One replica.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// Its name in reports.
    pub name: SmolStr,
    /// The holderIdentity that it writes.
    pub identity: SmolStr,
    /// When its process starts.
    pub start: Draw,
    /// How it elects; `None`: not at all, it works whenever it runs.
    pub elector: Option<Config>,
    /// Its clocks.
    pub clock: ClockPlan,
    /// Its way to the API server.
    pub request: LinkPlan,
    /// The way back.
    pub response: LinkPlan,
    /// How long its guarded work takes to stop once told to.
    pub drain: Draw,
    /// What happens when its process ends, by itself or by a crash.
    pub restart: Option<RestartPlan>,
}

/// A process manager starts the process again.
#[derive(Clone, Debug)]
pub struct RestartPlan {
    /// How long after its end.
    pub after: Draw,
    /// Whether it comes back with the same identity or a new one.
    pub new_identity: bool,
}

/// One machine's clocks.
#[derive(Clone, Debug)]
pub struct ClockPlan {
    /// By how much the monotonic clock runs too fast (negative: too slow), in ppm of true time.
    pub rate_ppm: i32,
    /// By how much the wall clock is ahead.
    pub wall_offset_ns: i64,
    /// Whether the wall clock stands still at what it shows at the run's start. Steps move it all the same.
    pub wall_stopped: bool,
    /// Whether the monotonic clock stands still while the machine is suspended
    /// (Linux's CLOCK_MONOTONIC does; CLOCK_BOOTTIME does not).
    pub stops_in_suspend: bool,
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    /// How long a message takes.
    pub latency: Draw,
    /// How many are lost.
    pub loss_ppm: u32,
    /// How many arrive twice, the second after a second draw of the latency.
    pub duplicate_ppm: u32,
}

/// The API server.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    /// How long it works on a request before the result is decided.
    pub latency: Draw,
    /// Errors at a rate.
    pub errors: Vec<ErrorRate>,
    /// How many reads are served from a cache, and how far that lags.
    pub stale_reads: Option<StaleReads>,
    /// How fast it can go.
    pub capacity: Option<Capacity>,
    /// Whether a write that changes nothing moves the resourceVersion all the same. A real API server's
    /// does not; the server in the recordings of client-go does.
    pub no_op_writes_count: bool,
}

/// Requests that fail at random.
#[derive(Clone, Debug)]
pub struct ErrorRate {
    /// How.
    pub error: ServerError,
    /// How many of those it concerns.
    pub ppm: u32,
    /// Only writes.
    pub writes_only: bool,
}

/// How the server fails a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerError {
    /// 500.
    Internal {
        /// Whether a write is applied all the same.
        applied: bool,
    },
    /// 503.
    Unavailable,
    /// 504 after a while: see [`ServerError::Internal`] for `applied`.
    GatewayTimeout {
        /// Whether a write is applied all the same.
        applied: bool,
    },
    /// 429.
    TooManyRequests,
    /// 403.
    Forbidden,
    /// No answer at all.
    Silence {
        /// Whether a write is applied all the same.
        applied: bool,
    },
}

/// Reads from a cache that lags behind.
#[derive(Clone, Debug)]
pub struct StaleReads {
    /// How many reads.
    pub ppm: u32,
    /// How old the cache is.
    pub lag: Draw,
}

/// A server that handles one request after the other.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// How long each takes.
    pub service: Draw,
    /// How many may wait; more get 429.
    pub queue: u32,
}

/// The guarded work: a loop that asks whether it may act, thinks, and writes to a store of its own.
#[derive(Clone, Debug)]
pub struct WorkPlan {
    /// From one write to the next.
    pub every: Draw,
    /// Between asking and sending: a pause here is what fencing is for.
    pub think: Draw,
    /// From sending until the store decides.
    pub latency: Draw,
    /// Whether the store refuses a token lower than one it has seen.
    pub fenced: bool,
}

/// A fault.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    /// Its name in reports and as a cause of failovers.
    pub name: SmolStr,
    /// What sets it off.
    pub when: Trigger,
    /// What it does.
    pub fault: Fault,
    /// How long it lasts, where it lasts; `None`: to the end.
    pub lasts: Option<Draw>,
    /// How often it is set off again, from one begin to the next; `None`: once.
    pub every: Option<Draw>,
    /// How often at most in all.
    pub times: u32,
}

/// What sets a fault off.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// An instant.
    At(Draw),
    /// `after` an event, counted from its `nth` occurrence (from 1).
    After {
        /// What.
        event: TriggerEvent,
        /// Whose; `None`: anybody's.
        node: Option<usize>,
        /// Which occurrence.
        nth: u32,
        /// How long after it. A leader must still lead then, or the next occurrence counts.
        after: Draw,
    },
}

/// Something to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerEvent {
    /// A term began, and goes on.
    Leading,
    /// A term ended.
    StoppedLeading,
    /// A process started.
    Started,
    /// A process ended.
    Ended,
    /// A fault, by index, began.
    FaultBegan(usize),
    /// A fault, by index, ended.
    FaultEnded(usize),
}

/// Whom a fault befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// This replica.
    Node(usize),
    /// Whoever leads when the fault begins (the last to lead where nobody does).
    Leader,
    /// One that does not lead, at random.
    Follower,
    /// Every one that does not lead.
    Followers,
    /// Any one, at random.
    Any,
    /// Every one.
    All,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The process vanishes. Where `lasts` is given, it is started again after that.
    Crash(Who),
    /// SIGTERM: cancel, drain, release, end.
    Terminate(Who),
    /// The process is started (again).
    Start {
        /// Which.
        who: Who,
        /// With a new identity.
        new_identity: bool,
    },
    /// The process stands still.
    Pause {
        /// Which.
        who: Who,
        /// The whole machine is suspended: what its monotonic clock does is the clock's business.
        suspend: bool,
    },
    /// The process runs for a part of every period only.
    Throttle {
        /// Which.
        who: Who,
        /// The period.
        period_ns: u64,
        /// How long it stands still in each.
        stopped_ns: u64,
    },
    /// Something is wrong with a link.
    Link {
        /// Whose.
        who: Who,
        /// Which direction.
        leg: Leg,
        /// What.
        effect: LinkEffect,
        /// Only these requests.
        only: Option<Verb>,
        /// Only so many requests.
        count: Option<u32>,
        /// A request whose sender gave up is applied all the same when it arrives.
        applied_after_cancel: bool,
    },
    /// The wall clock is set, by this much.
    StepWallClock {
        /// Whose.
        who: Who,
        /// Forward, or back.
        by_ns: i64,
    },
    /// The monotonic clock changes its rate.
    ClockRate {
        /// Whose.
        who: Who,
        /// The new rate error.
        rate_ppm: i32,
    },
    /// The server fails requests at a rate.
    ServerErrors(ErrorRate),
    /// The server's storage has no leader: every write fails, and so does every consistent read.
    StorageWithoutLeader {
        /// Whether a failed write is applied all the same.
        applied: bool,
    },
    /// The server is down: connections are refused.
    ServerDown,
    /// The server is slower by this much.
    ServerSlow(Draw),
    /// Reads are stale.
    ServerStale(StaleReads),
    /// Somebody does something to the Lease.
    Edit(Edit),
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// To the server.
    Request,
    /// From the server.
    Response,
    /// Both.
    Both,
}

/// A request's verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the verbs of the API")]
pub enum Verb {
    Get,
    Create,
    Update,
}

/// What is wrong with a link.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkEffect {
    /// Messages of requests sent now take longer.
    Delay(Draw),
    /// Messages of requests sent now arrive when the fault ends.
    Hang,
    /// Messages sent now are lost; the sender waits.
    Drop,
    /// Requests sent now fail at once.
    Refuse,
    /// Requests sent now are answered with 500 and not applied.
    Error,
    /// Messages sent now are lost at this rate.
    Loss {
        /// How many.
        ppm: u32,
    },
    /// Messages sent now arrive twice at this rate.
    Duplicate {
        /// How many.
        ppm: u32,
    },
}

/// What a third party does to the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Deletes it.
    Delete,
    /// Deletes it and creates it with an empty spec.
    Recreate,
    /// Creates it with an empty spec if it is not there.
    Create,
    /// Changes an annotation.
    Annotate,
    /// Sets the holder.
    SetHolder(SmolStr),
    /// Clears the holder.
    ClearHolder,
    /// Sets leaseDurationSeconds.
    SetDuration(i32),
    /// Puts back an earlier state of the spec: the one that the fault's first use saw.
    Restore,
}
