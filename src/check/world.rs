//! The world that is explored, as concrete values: replicas around the shipped electors, one Lease, messages, and what
//! is left of each budget. What it may do next is in `moves`, what becomes of it in `apply`.

use super::assume::{Assumptions, Walls};
use super::setup::Setup;
use crate::core::rules::{Expiry, OwnName};
use crate::core::state::State as Memory;
use crate::core::state::{Attempt, Phase, Stage, Step as AttemptStep};
use crate::core::{Failure, IdentityId, LocalInstant, Op, Record, Reply, RequestId, Version, WallTime};

/// How many replicas a model can have.
pub const REPLICAS_MAX: usize = 3;
/// How many writes can be under way whose senders gave up. More than can matter: see [`World::prune`].
pub(super) const LATE_MAX: usize = 12;

/// A holder whom no replica can be.
pub(super) const STRANGER: IdentityId = IdentityId(15);
/// The microseconds of acquireTime that mark a process begin here; smaller ones are times.
pub(super) const MARKS: i64 = 1_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    pub(super) replicas: [Replica; REPLICAS_MAX],
    pub(super) lease: Option<Lease>,
    pub(super) next_version: u64,
    pub(super) next_uid: u64,
    pub(super) late: [Option<LateWrite>; LATE_MAX],
    pub(super) left: Left,
    /// The largest token of any term so far; 0: nobody has led yet.
    pub(super) token_max: u64,
    /// Nothing has gone wrong yet.
    pub(super) quiet: bool,
    pub(super) broken: Broken,
    /// What true wall time is now, as the clocks that are not off show it.
    pub(super) wall: WallTime,
    /// Ticks since the leader was gone, where that is the question.
    pub(super) leaderless: Option<u16>,
}

/// The Lease as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) record: Record,
    pub(super) version: Version,
}

/// A write whose sender gave up or died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LateWrite {
    pub(super) record: Record,
    /// What it is conditional on; none for a create.
    pub(super) expected: Option<Version>,
    pub(super) origin: Origin,
}

impl LateWrite {
    fn has_the_effect_of(&self, other: &Self, marked: bool, by_wall_clock: bool) -> bool {
        let (a, b) = (&self.record, &other.record);
        self.expected == other.expected
            && a.holder == b.holder
            && a.duration_s == b.duration_s
            && a.has_release_shape() == b.has_release_shape()
            && (!marked || a.acquired == b.acquired || a.has_release_shape())
            && (!by_wall_clock || a.renewed == b.renewed)
    }
}

/// Where the Lease may be deleted more often than this, a late create may be applied again and again, which is more than
/// can happen.
const DELETIONS_COUNTED: u8 = 3;

/// What a late write bears that nobody will take for one's own.
const NOBODYS: Record = Record {
    holder: STRANGER,
    duration_s: 15,
    transitions: 0,
    acquired: WallTime::from_micros(90),
    renewed: WallTime::from_micros(0),
};

/// Which request of which replica something was, for whoever wants to tell the story. Not part of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Origin {
    pub(super) replica: u8,
    pub(super) request: u32,
    /// How often it has arrived.
    pub(super) arrivals: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Replica {
    pub(super) process: Process,
    pub(super) memory: Memory,
    pub(super) link: Link,
    /// For how many ticks it has stood still.
    pub(super) paused: Option<u16>,
    /// Its wall clock is ahead by the assumed offset.
    pub(super) wall_ahead: bool,
    /// How far its monotonic clock is into its tick, in the units of the clocks' ratio.
    pub(super) into_tick: u8,
    /// How often it was started.
    pub(super) starts: u8,
    /// The request that it waits for.
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    NotStarted,
    Runs,
    Ended,
}

/// What has become of the request that the elector waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It waits for none.
    Idle,
    /// On its way to the server for so many ticks.
    Asked { waited: u16, delayed: bool },
    /// On its way back for so many ticks.
    Answered { result: Result<Reply, Failure>, waited: u16, delayed: bool },
    /// It, or its answer, is lost.
    Lost,
}

/// What is left of each budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) request_delay: u8,
    pub(super) response_delay: u8,
    pub(super) loss: u8,
    pub(super) duplication: u8,
    pub(super) late_writes: u8,
    pub(super) crashes: u8,
    pub(super) restarts: u8,
    pub(super) pauses: u8,
    pub(super) stops: u8,
    pub(super) deletions: u8,
    pub(super) metadata_edits: u8,
    pub(super) spec_edits: u8,
    pub(super) wall_steps: u8,
}

impl Left {
    pub(super) fn all(a: &Assumptions) -> Self {
        let Walls::Within { steps, .. } = a.walls else { return Self::all_but_steps(a) };
        Self { wall_steps: steps.counter(), ..Self::all_but_steps(a) }
    }

    fn all_but_steps(a: &Assumptions) -> Self {
        Self {
            request_delay: a.request_delay.times.counter(),
            response_delay: a.response_delay.times.counter(),
            loss: a.loss.counter(),
            duplication: a.duplication.counter(),
            late_writes: a.late_writes.counter(),
            crashes: a.crashes.counter(),
            restarts: a.restarts.counter(),
            pauses: a.pauses.times.counter(),
            stops: a.stops.counter(),
            deletions: a.deletions.counter(),
            metadata_edits: a.metadata_edits.counter(),
            spec_edits: a.spec_edits.counter(),
            wall_steps: 0,
        }
    }

    pub(super) const NOTHING: Self = Self {
        request_delay: 0,
        response_delay: 0,
        loss: 0,
        duplication: 0,
        late_writes: 0,
        crashes: 0,
        restarts: 0,
        pauses: 0,
        stops: 0,
        deletions: 0,
        metadata_edits: 0,
        spec_edits: 0,
        wall_steps: 0,
    };

    pub(super) fn as_array(&self) -> [u8; 13] {
        [
            self.request_delay,
            self.response_delay,
            self.loss,
            self.duplication,
            self.late_writes,
            self.crashes,
            self.restarts,
            self.pauses,
            self.stops,
            self.deletions,
            self.metadata_edits,
            self.spec_edits,
            self.wall_steps,
        ]
    }

    pub(super) fn from_array(a: [u8; 13]) -> Self {
        Self {
            request_delay: a[0],
            response_delay: a[1],
            loss: a[2],
            duplication: a[3],
            late_writes: a[4],
            crashes: a[5],
            restarts: a[6],
            pauses: a[7],
            stops: a[8],
            deletions: a[9],
            metadata_edits: a[10],
            spec_edits: a[11],
            wall_steps: a[12],
        }
    }
}

/// Takes one from a counter, unless it is never used up.
pub(super) fn spend(counter: &mut u8) {
    debug_assert!(*counter > 0, "a budget was overdrawn");
    if *counter != super::assume::FREE {
        *counter -= 1;
    }
}

/// What must never be, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Broken(pub(super) u8);

impl Broken {
    /// Two replicas could act for a while.
    pub(super) const TWO_LEADERS: u8 = 1;
    /// A term began with a token that is not above all earlier ones.
    pub(super) const TOKEN_ORDER: u8 = 2;
    /// A store that checks tokens would take a write of an older term after one of a newer.
    pub(super) const STALE_WRITE: u8 = 4;
    /// The leader changed though nothing had gone wrong.
    pub(super) const NO_CAUSE: u8 = 8;
    /// The stored Lease changed as no sequence of conditional writes could.
    pub(super) const STORE: u8 = 16;
    /// Nobody led for longer than asked.
    pub(super) const TOO_LONG: u8 = 32;
    /// A leader acted on that had seen another holder.
    pub(super) const ACTS_ON: u8 = 128;
    /// Any of these. The bit between is not free: a state keeps something else there.
    pub(super) const ANYTHING: u8 = 63 | 128;

    pub(super) fn set(&mut self, what: u8) {
        self.0 |= what;
    }
}

impl Replica {
    pub(super) const NEW: Self = Self {
        process: Process::NotStarted,
        memory: Memory::NEW,
        link: Link::Idle,
        paused: None,
        wall_ahead: false,
        into_tick: 0,
        starts: 0,
        origin: Origin { replica: 0, request: 0, arrivals: 0 },
    };

    pub(super) fn runs(&self) -> bool {
        self.process == Process::Runs
    }

    pub(super) fn awake(&self) -> bool {
        self.runs() && self.paused.is_none()
    }

    pub(super) fn is_choosing(&self) -> bool {
        self.runs() && matches!(self.memory.phase, Phase::Choosing { .. })
    }

    /// Whether it waits for an answer that only tells what is stored.
    pub(super) fn is_reading(&self) -> bool {
        let reads = |attempt: &Attempt| matches!(attempt.step, AttemptStep::Get | AttemptStep::ReleaseGet);
        self.runs() && self.paused.is_none() && self.memory.attempt.as_ref().is_some_and(reads)
    }

    /// Whether its work has been told to stop and has not yet.
    pub(super) fn is_draining(&self) -> bool {
        self.runs() && self.memory.term.is_some_and(|term| matches!(term.stage, Stage::Draining { .. }))
    }

    /// The operation that it waits for, as it was sent: nothing changes what it was built from meanwhile.
    pub(super) fn awaited(&self) -> Option<(RequestId, Op)> {
        let attempt = self.memory.attempt?;
        let op = match attempt.step {
            AttemptStep::Get | AttemptStep::ReleaseGet => Op::Get,
            AttemptStep::Create(record) => Op::Create(record),
            AttemptStep::FastUpdate(record)
            | AttemptStep::Update(record)
            | AttemptStep::ReleaseUpdate(record) => {
                Op::Update { record, expected: self.memory.version.unwrap_or(NO_VERSION) }
            }
        };
        Some((attempt.id, op))
    }
}

/// No stored Lease has it.
pub(super) const NO_VERSION: Version = Version { uid: 0, resource_version: 0 };

impl World {
    /// One in which nothing is.
    pub(super) const EMPTY: Self = Self {
        replicas: [Replica::NEW; REPLICAS_MAX],
        lease: None,
        next_version: 0,
        next_uid: 0,
        late: [None; LATE_MAX],
        left: Left::NOTHING,
        token_max: 0,
        quiet: false,
        broken: Broken(0),
        wall: WallTime::from_micros(0),
        leaderless: None,
    };

    /// Becomes a copy of another world with so many replicas. Copying less is what this is for: it is done for every action.
    pub(super) fn copy_from(&mut self, other: &Self, replicas: usize) {
        self.replicas[..replicas].copy_from_slice(&other.replicas[..replicas]);
        for (mine, theirs) in self.late.iter_mut().zip(&other.late) {
            if mine.is_some() || theirs.is_some() {
                *mine = *theirs;
            }
        }
        let Self { lease, next_version, next_uid, left, token_max, quiet, broken, wall, leaderless, .. } =
            *other;
        (self.lease, self.next_version, self.next_uid, self.left) = (lease, next_version, next_uid, left);
        (self.token_max, self.quiet, self.broken) = (token_max, quiet, broken);
        (self.wall, self.leaderless) = (wall, leaderless);
    }

    /// Drops late writes that can never have an effect, and of those that have the same all but as many as can.
    ///
    /// An update is conditional on a version that will not come back once it is not the stored one. Of two updates of
    /// one process conditional on the same version the first to arrive makes the other void, and neither content has
    /// been seen by anybody. Where expiry is judged by renewTime, though, the two differ. An update to what is stored
    /// already changes nothing, not even the version. A create has an effect whenever the Lease is missing.
    pub(super) fn prune(&mut self, setup: &Setup) {
        if self.late.iter().all(Option::is_none) {
            return;
        }
        let current = self.lease.map(|lease| lease.version);
        let missing = usize::from(self.lease.is_none());
        let creates = if self.left.deletions > DELETIONS_COUNTED {
            1 // It stays: see `late_create_stays`.
        } else {
            missing + usize::from(self.left.deletions)
        };
        let all_marked = !setup.any_rules(|rules| rules.own_name == OwnName::Mine);
        let any_marked = setup.any_rules(|rules| rules.own_name == OwnName::MineIfSent);
        let by_wall_clock = setup.any_rules(|rules| rules.expiry == Expiry::WallClock);
        let is_stored = |late: &LateWrite| self.lease.is_some_and(|lease| lease.record == late.record);
        for at in 0..LATE_MAX {
            let Some(mut late) = self.late[at] else { continue };
            if all_marked && !self.is_recognised(&late.record) {
                late.record = Record {
                    transitions: late.record.transitions,
                    duration_s: late.record.duration_s,
                    ..NOBODYS
                };
            }
            let same = |other: &&LateWrite| late.has_the_effect_of(other, any_marked, by_wall_clock);
            let before = self.late[..at].iter().flatten().filter(same).count();
            let effects = match late.expected {
                _ if self.left.late_writes == 0 => 0,
                Some(expected) => usize::from(Some(expected) == current && !is_stored(&late)),
                None => creates,
            };
            self.late[at] = (before < effects).then_some(late);
        }
    }

    pub(super) fn late_create_stays(&self) -> bool {
        self.left.deletions > DELETIONS_COUNTED
    }

    /// Whether the process that sent this lives and would take it for its own.
    fn is_recognised(&self, record: &Record) -> bool {
        let sender = usize::from(record.holder.0).checked_sub(1).and_then(|index| self.replicas.get(index));
        let released = !record.holder.is_somebody();
        let sent =
            |replica: &Replica| replica.memory.sent.is_some_and(|sent| sent.acquired == record.acquired);
        released || sender.is_some_and(|replica| replica.runs() && sent(replica))
    }
}

/// Every replica's local clock shows this whenever the world is at rest: instants are kept relative to it.
pub(super) const NOW: LocalInstant = LocalInstant::ORIGIN;
