//! Everything that an elector remembers. Small and `Copy`, open to the model checker, which keeps many of them and
//! must tell what matters from what no longer does.

use super::io::{Reading, RequestId, StopReason};
use super::record::{FencingToken, IdentityId, Record, Version};
use super::rules::{OwnName, StopWhen};
use super::time::{LocalInstant, Span, WallTime};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// The request in flight, with the attempt that it belongs to.
    pub(crate) attempt: Option<Attempt>,
    pub(crate) observed: Option<Observed>,
    /// What was last *read*, as far as changes of it count; own writes do not touch it in client-go.
    pub(crate) fetched: Option<(Record, u64)>,
    /// The version of the last successful read or write; none after a failed create, which leaves
    /// client-go's lock without an object to update.
    pub(crate) version: Option<Version>,
    pub(crate) sent: Option<Sent>,
    /// The acquireTime of writes that were refused and forgotten: what is sent next bears a later one, for a
    /// duplicate of them may yet arrive.
    pub(crate) forgotten: Option<WallTime>,
    pub(crate) term: Option<Term>,
    /// The holder that was last reported as new leader.
    pub(crate) reported: IdentityId,
    pub(crate) requests: u32,
    pub(crate) ignored_responses: u32,
}

impl State {
    pub(crate) const NEW: Self = Self {
        phase: Phase::Idle,
        attempt: None,
        observed: None,
        fetched: None,
        version: None,
        sent: None,
        forgotten: None,
        term: None,
        reported: IdentityId::NOBODY,
        requests: 0,
        ignored_responses: 0,
    };
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Phase {
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
    /// Holding the Lease, in a renewal round: an attempt is under way, or the next tick is awaited. Where ticks count
    /// from the end of the first attempt, there is none before that ([`LocalInstant::FAR_FUTURE`]).
    Renewing { next_tick: LocalInstant },
    /// Lost the Lease; waits for the work to confirm that it stopped.
    StoppingWork { reason: StopReason, then_release: bool },
    /// Giving the Lease up; where nothing bounds that, the deadline is [`LocalInstant::FAR_FUTURE`].
    Releasing { deadline: LocalInstant, reason: StopReason },
    /// Done for good.
    Returned,
}

/// One attempt to acquire, renew or release, and its request in flight.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Attempt {
    pub(crate) basis: Basis,
    /// Both clocks when the request in flight was sent.
    pub(crate) sent: Reading,
    pub(crate) step: Step,
    pub(crate) id: RequestId,
    pub(crate) deadline: Option<LocalInstant>,
}

/// What an attempt's later steps build on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Basis {
    /// Both clocks at the attempt's start: client-go's `now`, read once.
    pub(crate) started: Reading,
    /// The record that the attempt first tried to write in place. client-go builds one record an attempt, so
    /// that what it falls back to keeps this one's acquireTime and leaseTransitions.
    pub(crate) tried: Option<Record>,
}

impl Basis {
    pub(crate) fn new(started: Reading) -> Self {
        Self { started, tried: None }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Step {
    FastUpdate(Record),
    Get,
    Create(Record),
    Update(Record),
    ReleaseGet,
    ReleaseUpdate(Record),
}

/// A record, and when this process first saw that content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Observed {
    pub(crate) record: Record,
    pub(crate) at: LocalInstant,
}

/// The writes in this process's name that were, or may have been, applied: one acquireTime, and the range
/// of the renewTimes sent with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sent {
    pub(crate) acquired: WallTime,
    pub(crate) first_renewed: WallTime,
    pub(crate) last_renewed: WallTime,
    /// Whether one of them was a create: what it acquires is in quarantine first.
    pub(crate) created: bool,
}

/// A term: from the write that acquired the Lease until the work has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Term {
    pub(crate) token: FencingToken,
    pub(crate) stage: Stage,
    /// Where the right to lead ends, or where the renewal round does.
    pub(crate) lead_until: LocalInstant,
    /// Another holder was seen, to be acted upon when the next attempt would begin.
    pub(crate) stop_at_next_loop: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Stage {
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
    pub(crate) fn is_quarantined(&self) -> bool {
        matches!(self.stage, Stage::Quarantined { .. })
    }

    pub(crate) fn work_may_act(&self) -> bool {
        matches!(self.stage, Stage::Acting | Stage::Draining { .. })
    }
}

impl State {
    /// Until when the work may act if nothing else happens, if it may.
    pub(crate) fn acts_until(&self, stop_when: StopWhen) -> Option<LocalInstant> {
        let term = self.term.as_ref().filter(|term| term.work_may_act())?;
        Some(match stop_when {
            StopWhen::AtDeadline => term.lead_until,
            StopWhen::BetweenAttempts => LocalInstant::FAR_FUTURE,
        })
    }

    /// Whether a record is this process's own, by what it remembers to have sent.
    pub(crate) fn is_mine(&self, me: IdentityId, own_name: OwnName, record: &Record) -> bool {
        record.holder == me
            && match own_name {
                OwnName::Mine => true,
                OwnName::MineIfSent => self.sent.is_some_and(|sent| {
                    record.acquired == sent.acquired
                        && (sent.first_renewed..=sent.last_renewed).contains(&record.renewed)
                }),
            }
    }

    /// The same state with every local instant moved `back` in time.
    pub(crate) fn shifted_back(mut self, back: Span) -> Self {
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
