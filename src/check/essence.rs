//! What of a replica's memory can still matter. Everything else is set to a fixed value, so that worlds that differ in
//! it alone become one state.

use super::pack::{Codec, WallCode};
use super::pack::{NO_RECORD, NO_TIME};
use super::setup::Timing;
use super::world::{Link, NO_VERSION, NOW, Replica, STRANGER, World};
use crate::core::rules::{
    Content, DeadlineFrom, Expiry, MissingWhileCandidate, MissingWhileLeading, OwnName, RenewTime, StopWhen,
};
use crate::core::state::{Attempt, Observed, Phase, Stage, State as Memory, Step};
use crate::core::{
    IdentityId, LocalInstant, Op, Record, Reply, RequestId, Rules, Span, StopReason, Version, WallTime,
};

/// One reason stands for all: nothing depends on it.
const REASON: StopReason = StopReason::DeadlinePassed;
const ZERO: WallTime = WallTime::from_micros(0);

impl Codec {
    pub(super) fn essence(&self, world: &World, index: usize) -> Memory {
        let replica = &world.replicas[index];
        let me = IdentityId(index as u16 + 1);
        let mut m = replica.memory;
        m.reported = IdentityId::NOBODY;
        m.ignored_responses = 0;
        m.requests = u32::from(m.attempt.is_some());
        if m.phase == Phase::Returned {
            // Only its work goes on.
            m = Memory { phase: m.phase, term: m.term, ..Memory::NEW };
        }
        self.forget_what_rules_ignore(&mut m, index);
        let own_name = self.setup.rules_of(index).own_name;
        let mine = m.observed.is_some_and(|observed| m.is_mine(me, own_name, &observed.record));
        let may_stand_still = replica.paused.is_some() || world.left.pauses > 0;
        self.cut_observation_time(&mut m, index, mine, may_stand_still);
        self.cut_attempt(&mut m, index);
        self.cut_observed(&mut m, index);
        self.cut_fetched(world, &mut m, index);
        self.cut_version(world, &mut m, me);
        self.cut_term(world, &mut m, index);
        self.cut_phase(&mut m, index);
        m
    }

    fn forget_what_rules_ignore(&self, m: &mut Memory, index: usize) {
        let rules = self.setup.rules_of(index);
        let quarantine = rules.missing_while_candidate == MissingWhileCandidate::Quarantine;
        let sent_matters =
            quarantine || rules.own_name == OwnName::MineIfSent || rules.renew_time == RenewTime::Increasing;
        if !sent_matters {
            m.sent = None;
        }
        // All that matters of it is that the next mark is new, and so it is in every state.
        m.forgotten = None;
        let past_quarantine = m.term.is_some_and(|term| !term.is_quarantined());
        if let Some(sent) = &mut m.sent {
            sent.created &= quarantine && !past_quarantine;
        }
    }

    fn cut_attempt(&self, m: &mut Memory, index: usize) {
        let Some(attempt) = &mut m.attempt else { return };
        attempt.id = RequestId(1);
        attempt.sent.wall = ZERO;
        let writes = matches!(attempt.step, Step::FastUpdate(_) | Step::Create(_) | Step::Update(_));
        let may_read_yet = matches!(attempt.step, Step::FastUpdate(_) | Step::Get);
        // When a write was sent is what the right that it gives counts from, as long as it gives any.
        let dead = self.past() - self.setup.config_of(index).timings().renew_deadline;
        attempt.sent.local = match self.setup.rules_of(index).deadline_from {
            DeadlineFrom::LastSend if writes => attempt.sent.local.max(dead),
            _ => NOW,
        };
        let started = &mut attempt.basis.started;
        if !may_read_yet {
            started.local = NOW;
            started.wall = ZERO;
            attempt.basis.tried = None;
        }
        if self.wall == WallCode::Stopped {
            started.wall = ZERO;
        }
        let rules = self.setup.rules_of(index);
        if rules.own_name == OwnName::MineIfSent {
            // Only its leaseTransitions are used, for a create.
            let holds = matches!(m.phase, Phase::Renewing { .. });
            let creates = !holds || rules.missing_while_leading == MissingWhileLeading::Recreate;
            let tried = attempt.basis.tried.filter(|_| creates);
            attempt.basis.tried = tried.map(|tried| Record { transitions: tried.transitions, ..NO_RECORD });
        }
        // All that is asked of an attempt's start is whether the record was still valid then.
        // Where timers fire at any time it may as well have started when the answer comes: see `Timing::Loose`.
        let matters = may_read_yet && self.by_local_time(index) && self.setup.timing == Timing::Exact;
        started.local = match &m.observed {
            Some(observed) if matters => {
                let wait = self.setup.config_of(index).wait_for(&observed.record);
                let was_valid = observed.at + wait > started.local;
                let valid_until = observed.at.max(self.past() - wait) + wait;
                if was_valid { NOW.min(valid_until - self.setup.tick) } else { NOW }
            }
            _ => NOW,
        };
        if let (Phase::Renewing { .. }, Some(term)) = (m.phase, &m.term)
            && attempt.deadline.is_some_and(|deadline| deadline >= term.lead_until)
            && self.has_lead_timer(index)
        {
            // The right to lead ends first.
            attempt.deadline = None;
        }
    }

    fn by_local_time(&self, index: usize) -> bool {
        self.setup.rules_of(index).expiry == Expiry::LocalObservation
    }

    /// Whether a timer ends the term, or the renewal round, when its time is up.
    fn has_lead_timer(&self, index: usize) -> bool {
        let rules = self.setup.rules_of(index);
        rules.stop_when == StopWhen::AtDeadline || rules.deadline_from == DeadlineFrom::RoundStart
    }

    /// When the record was first seen does not matter where it is not looked at, or not any more; nor where it is one's own
    /// and stays valid until the round that is under way, or the next, has ended.
    fn cut_observation_time(&self, m: &mut Memory, index: usize, mine: bool, may_stand_still: bool) {
        let Some(Observed { record, at }) = &mut m.observed else { return };
        let leads_on = match (&m.term, m.phase) {
            (Some(term), Phase::Renewing { .. } | Phase::Resting { .. }) => {
                let valid_until = *at + self.setup.config_of(index).wait_for(record);
                let by_round = self.setup.rules_of(index).deadline_from == DeadlineFrom::RoundStart;
                let asked_until = match m.phase {
                    // The next round, whenever it begins, has a deadline of its own.
                    Phase::Resting { .. } if by_round && may_stand_still => LocalInstant::FAR_FUTURE,
                    Phase::Resting { until } if by_round => {
                        until.max(NOW) + self.setup.config_of(index).timings().renew_deadline
                    }
                    _ => term.lead_until,
                };
                mine && !term.is_quarantined() && self.has_lead_timer(index) && valid_until > asked_until
            }
            _ => false,
        };
        let leaves = matches!(m.phase, Phase::StoppingWork { .. } | Phase::Releasing { .. });
        if !self.by_local_time(index) || leads_on || leaves {
            *at = NOW;
        }
    }

    fn cut_observed(&self, m: &mut Memory, index: usize) {
        let me = IdentityId(index as u16 + 1);
        let Some(Observed { record, at }) = &mut m.observed else { return };
        let wait = self.setup.config_of(index).wait_for(record);
        // Whether it was valid when an attempt started is kept by that attempt.
        *at = (*at).max(self.past() - wait);
        if record.holder != me {
            let renewed = if self.by_local_time(index) { NO_TIME } else { record.renewed };
            let holder = if record.holder.is_somebody() { STRANGER } else { record.holder };
            *record = Record { holder, duration_s: record.duration_s, renewed, ..NO_RECORD };
        }
    }

    /// What was last read only answers whether what is read next is new. If nothing that can be read is the same, it
    /// does not matter what it was. Where clocks stand still, a first write may come
    /// again.
    fn cut_fetched(&self, world: &World, m: &mut Memory, index: usize) {
        let Some((record, uid)) = m.fetched else { return };
        let content = |record: &Record| match self.setup.rules_of(index).content {
            Content::Seconds => record.cut_to_seconds(),
            Content::Exact => *record,
        };
        let exact = self.setup.rules_of(index).content == Content::Exact;
        // An edit may yet bring back another holder or duration.
        let may_be_edited = world.left.spec_edits > 0;
        let same = |other: &Record, version: Option<Version>| {
            let other = content(other);
            let edited = Record { holder: record.holder, duration_s: record.duration_s, ..other };
            (other == record || may_be_edited && edited == record)
                && (!exact || version.is_none_or(|version| version.uid == uid))
        };
        // Exact contents that bear a mark never come again: no two writes of a process have the same times.
        // What a create makes has a uid that nobody has seen.
        let will_be_same = |record: &Record, expected: Option<Version>| {
            same(record, expected) && (!exact || expected.is_some())
        };
        let is_read = |replica: &Replica| {
            replica.runs()
                && replica.memory.attempt.is_some_and(|attempt| {
                    matches!(attempt.step, Step::FastUpdate(_) | Step::Get)
                        && attempt.basis.started.wall.as_secs() == record.renewed.as_secs()
                })
        };
        let comes_again = match self.wall {
            WallCode::Stopped => {
                let unmarked = |rules: &Rules| {
                    rules.own_name == OwnName::Mine || rules.renew_time == RenewTime::WallClock
                };
                !exact || self.setup.any_rules(unmarked)
            }
            // An attempt that has read the clock, or will in this second, may write that second once more.
            WallCode::Relative { .. } => {
                record.renewed.as_secs() >= world.wall.as_secs() || world.replicas.iter().any(is_read)
            }
        };
        let pending = |replica: &Replica| {
            let answer = match replica.link {
                Link::Answered { result: Ok(Reply::Read { record, version }), .. } => {
                    same(&record, Some(version))
                }
                _ => false,
            };
            let asked = match replica.awaited() {
                Some((_, Op::Create(record))) => will_be_same(&record, None),
                Some((_, Op::Update { record, expected })) => will_be_same(&record, Some(expected)),
                _ => false,
            };
            replica.runs() && (answer || asked)
        };
        let lives = world.lease.is_some_and(|lease| same(&lease.record, Some(lease.version)))
            || world.late.iter().flatten().any(|late| will_be_same(&late.record, late.expected))
            || world.replicas.iter().any(pending);
        if !lives && !comes_again {
            m.fetched = None;
        }
    }

    fn cut_version(&self, world: &World, m: &mut Memory, me: IdentityId) {
        let names_me = m.observed.is_some_and(|observed| observed.record.holder == me);
        let writes = m.attempt.is_some_and(|attempt| {
            matches!(attempt.step, Step::FastUpdate(_) | Step::Update(_) | Step::ReleaseUpdate(_))
        });
        if m.term.is_none() && !names_me && !writes {
            // It will be read anew before it is used.
            m.version = None;
        }
        let stored = world.lease.map_or(NO_VERSION, |lease| lease.version);
        if let Some(version) = &mut m.version
            && *version != stored
        {
            version.resource_version = super::names::STALE;
        }
    }

    fn cut_term(&self, world: &World, m: &mut Memory, index: usize) {
        let Some(term) = &mut m.term else { return };
        if term.token.0 < world.token_max {
            // Smaller than any that will be compared with it.
            term.token.0 = super::names::STALE;
        }
        match &mut term.stage {
            Stage::Draining { reason } => *reason = REASON,
            Stage::Quarantined { until } => *until = self.cut_past(*until),
            Stage::Acting | Stage::Stopped => {}
        }
        let until_told = self.setup.rules_of(index).stop_when == StopWhen::BetweenAttempts;
        let over = !matches!(m.phase, Phase::Resting { .. } | Phase::Renewing { .. });
        term.lead_until = if until_told && over { NOW } else { self.cut_past(term.lead_until) };
    }

    /// What is past at every reading from now on. Exact readings may be taken a nanosecond before a tick.
    fn past(&self) -> LocalInstant {
        match self.setup.timing {
            Timing::Exact => LocalInstant::from_nanos(-1),
            Timing::Loose | Timing::Folded => NOW,
        }
    }

    /// How long ago a timer was due does not matter once it is a tick.
    fn cut_past(&self, t: LocalInstant) -> LocalInstant {
        if t < self.past() { NOW - self.setup.tick } else { t }
    }

    fn cut_phase(&self, m: &mut Memory, index: usize) {
        let any = self.setup.timing != Timing::Exact;
        let in_flight = m.attempt.is_some();
        // Where the deadline does not start anew with a round, resting is as good as waiting for a round's next tick.
        let rules = self.setup.rules_of(index);
        let alike =
            rules.stop_when == StopWhen::AtDeadline && rules.deadline_from != DeadlineFrom::RoundStart;
        match &mut m.phase {
            Phase::Waiting { until } | Phase::Resting { until } if any => *until = LocalInstant::FAR_FUTURE,
            Phase::Renewing { next_tick } => {
                if any && !in_flight && alike {
                    m.phase = Phase::Resting { until: LocalInstant::FAR_FUTURE };
                } else if any {
                    *next_tick = LocalInstant::FAR_FUTURE;
                } else if in_flight && *next_tick <= self.past() {
                    // One missed tick is made up for; only where it lies within the period matters.
                    let period = self.setup.config_of(index).timings().retry_period;
                    let missed = self.past().since(*next_tick).as_nanos() / period.as_nanos();
                    *next_tick += Span::from_nanos(missed * period.as_nanos());
                }
            }
            Phase::StoppingWork { reason, .. } => *reason = REASON,
            Phase::Releasing { reason, deadline } => {
                *reason = REASON;
                *deadline = self.cut_past(*deadline);
            }
            _ => {}
        }
        if any && let Some(attempt) = &mut m.attempt {
            attempt.deadline = None;
        }
    }
}

/// What of a replica tells it from the others, whoever it is.
pub(super) fn key(world: &World, replica: &Replica, m: &Memory, index: usize) -> u64 {
    let me = IdentityId(index as u16 + 1);
    let time = |t: LocalInstant| t.as_nanos() as u64;
    let mut key = 0_u64;
    let mut add = |value: u64| key = (key.rotate_left(7) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    add(replica.process as u64 | u64::from(replica.paused.unwrap_or(u16::MAX)) << 8);
    add(u64::from(replica.into_tick) << 1 | u64::from(replica.wall_ahead));
    add(match replica.link {
        Link::Idle => 0,
        Link::Asked { waited, .. } => 1 | u64::from(waited) << 8,
        Link::Answered { result, waited, .. } => u64::from(result.is_ok()) << 1 | 4 | u64::from(waited) << 8,
        Link::Lost => 3,
    });
    add(u64::from(world.lease.is_some_and(|lease| lease.record.holder == me)));
    if !replica.runs() {
        return key;
    }
    match m.phase {
        Phase::Idle => add(1),
        Phase::Acquiring => add(2),
        Phase::Choosing { since } => add(time(since) ^ 3 << 60),
        Phase::Waiting { until } => add(time(until) ^ 4 << 60),
        Phase::Resting { until } => add(time(until) ^ 5 << 60),
        Phase::Renewing { next_tick } => add(time(next_tick) ^ 6 << 60),
        Phase::StoppingWork { then_release, .. } => add(7 + (u64::from(then_release) << 8)),
        Phase::Releasing { deadline, .. } => add(time(deadline) ^ 8 << 60),
        Phase::Returned => add(9),
    }
    if let Some(Attempt { basis, sent, step, deadline, .. }) = &m.attempt {
        add(match step {
            Step::FastUpdate(_) => 1,
            Step::Get => 2,
            Step::Create(_) => 3,
            Step::Update(_) => 4,
            Step::ReleaseGet => 5,
            Step::ReleaseUpdate(_) => 6,
        });
        add(time(basis.started.local));
        add(time(sent.local));
        add(deadline.map_or(0, time));
    }
    add(m.observed.map_or(0, |observed| time(observed.at) ^ 1 << 62));
    add(u64::from(m.fetched.is_some()));
    add(m
        .version
        .map_or(0, |version| 1 + u64::from(Some(version) == world.lease.map(|lease| lease.version))));
    add(m.term.map_or(0, |term| {
        let stage = match term.stage {
            Stage::Quarantined { until } => time(until) ^ 1 << 61,
            Stage::Acting => 2,
            Stage::Draining { .. } => 3,
            Stage::Stopped => 4,
        };
        stage.rotate_left(20) ^ time(term.lead_until) ^ u64::from(term.stop_at_next_loop) << 59
    }));
    add(u64::from(m.sent.is_some()));
    key
}
