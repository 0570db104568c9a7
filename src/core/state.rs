//! Everything that an elector remembers. Small and `Copy`, so that a model checker can keep many.

use super::io::{Reading, RequestId, StopReason};
use super::record::{FencingToken, IdentityId, Record, Version};
use super::time::{LocalInstant, Span, WallTime};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// The request in flight, with the attempt that it belongs to.
    pub(super) attempt: Option<Attempt>,
    pub(super) observed: Option<Observed>,
    /// What was last *read*, as far as changes of it count; own writes do not touch it in client-go.
    pub(super) fetched: Option<(Record, u64)>,
    /// The version of the last successful read or write; none after a failed create, which leaves
    /// client-go's lock without an object to update.
    pub(super) version: Option<Version>,
    pub(super) sent: Option<Sent>,
    pub(super) term: Option<Term>,
    /// The holder that was last reported as new leader.
    pub(super) reported: IdentityId,
    pub(super) requests: u32,
    pub(super) ignored_responses: u32,
}

impl State {
    pub(super) const NEW: Self = Self {
        phase: Phase::Idle,
        attempt: None,
        observed: None,
        fetched: None,
        version: None,
        sent: None,
        term: None,
        reported: IdentityId::NOBODY,
        requests: 0,
        ignored_responses: 0,
    };
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Phase {
    /// Not started.
    Idle,
    /// An attempt to acquire is under way.
    Acquiring,
    /// An attempt to acquire ended at `since`; how long to wait is being chosen.
    Choosing { since: LocalInstant },
    /// Between attempts to acquire.
    Waiting { until: LocalInstant },
    /// Holding the Lease, between renewal rounds.
    Resting { until: LocalInstant },
    /// Holding the Lease, in a renewal round: an attempt is under way, or the next tick is awaited.
    Renewing { next_tick: LocalInstant },
    /// Lost the Lease; waits for the work to confirm that it stopped.
    StoppingWork { reason: StopReason, then_release: bool },
    /// Giving the Lease up.
    Releasing { deadline: LocalInstant, reason: StopReason },
    /// Done for good.
    Returned,
}

/// One attempt to acquire, renew or release, and its request in flight.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Attempt {
    pub(super) basis: Basis,
    /// Both clocks when the request in flight was sent.
    pub(super) sent: Reading,
    pub(super) step: Step,
    pub(super) id: RequestId,
    pub(super) deadline: Option<LocalInstant>,
}

/// What an attempt's later steps build on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Basis {
    /// Both clocks at the attempt's start: client-go's `now`, read once.
    pub(super) started: Reading,
    /// The record that the attempt first tried to write in place. client-go builds one record an attempt, so
    /// that what it falls back to keeps this one's acquireTime and leaseTransitions.
    pub(super) tried: Option<Record>,
}

impl Basis {
    pub(super) fn new(started: Reading) -> Self {
        Self { started, tried: None }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Step {
    FastUpdate(Record),
    Get,
    Create(Record),
    Update(Record),
    ReleaseGet,
    ReleaseUpdate(Record),
}

/// A record, and when this process first saw that content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Observed {
    pub(super) record: Record,
    pub(super) at: LocalInstant,
}

/// The writes in this process's name that were, or may have been, applied: one acquireTime, and the range
/// of the renewTimes sent with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Sent {
    pub(super) acquired: WallTime,
    pub(super) first_renewed: WallTime,
    pub(super) last_renewed: WallTime,
    /// Whether one of them was a create: what it acquires is in quarantine first.
    pub(super) created: bool,
}

/// A term: from the write that acquired the Lease until the work has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Term {
    pub(super) token: FencingToken,
    pub(super) stage: Stage,
    /// Where the right to lead ends, or where the renewal round does.
    pub(super) lead_until: LocalInstant,
    /// Another holder was seen, to be acted upon when the next attempt would begin.
    pub(super) stop_at_next_loop: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Stage {
    /// Holds the Lease but does not lead before `until`.
    Quarantined { until: LocalInstant },
    /// The work may act.
    Acting,
    /// The work was told to stop, and may act until it confirms.
    Draining { reason: StopReason },
    /// The work has stopped.
    Stopped,
}

impl Term {
    pub(super) fn is_quarantined(&self) -> bool {
        matches!(self.stage, Stage::Quarantined { .. })
    }

    pub(super) fn work_may_act(&self) -> bool {
        matches!(self.stage, Stage::Acting | Stage::Draining { .. })
    }
}

impl State {
    /// The same state with every local instant moved `back` in time.
    pub(super) fn shifted_back(mut self, back: Span) -> Self {
        let shift = |t: &mut LocalInstant| {
            if *t != LocalInstant::FAR_FUTURE {
                *t = *t - back;
            }
        };
        match &mut self.phase {
            Phase::Choosing { since: t }
            | Phase::Waiting { until: t }
            | Phase::Resting { until: t }
            | Phase::Renewing { next_tick: t }
            | Phase::Releasing { deadline: t, .. } => shift(t),
            Phase::Idle | Phase::Acquiring | Phase::StoppingWork { .. } | Phase::Returned => {}
        }
        if let Some(attempt) = &mut self.attempt {
            shift(&mut attempt.basis.started.local);
            shift(&mut attempt.sent.local);
            attempt.deadline.iter_mut().for_each(shift);
        }
        if let Some(observed) = &mut self.observed {
            shift(&mut observed.at);
        }
        if let Some(term) = &mut self.term {
            shift(&mut term.lead_until);
            if let Stage::Quarantined { until } = &mut term.stage {
                shift(until);
            }
        }
        self
    }
}
