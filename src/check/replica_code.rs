//! Replicas as bytes.

use super::essence::key;
use super::names::{Names, STALE};
use super::pack::{Codec, Order, Reader, WallCode, Writer};
use super::world::{Link, NOW, Origin, Process, REPLICAS_MAX, Replica, World};
use crate::core::state::{Attempt, Basis, Observed, Phase, Sent, Stage, State as Memory, Step, Term};
use crate::core::{
    Failure, FencingToken, IdentityId, LocalInstant, Reading, Record, Reply, RequestId, StopReason, Version,
    WallTime,
};

const FAILURES: [Failure; 9] = [
    Failure::NotFound,
    Failure::AlreadyExists,
    Failure::Conflict,
    Failure::Forbidden,
    Failure::Invalid,
    Failure::TooManyRequests,
    Failure::Refused,
    Failure::ServerError,
    Failure::Timeout,
];
const REASON: StopReason = StopReason::DeadlinePassed;

impl Codec {
    /// The replicas by what they are, not by who.
    pub(super) fn order(
        &self,
        world: &World,
        essences: &[Memory; REPLICAS_MAX],
    ) -> (Order, [u64; REPLICAS_MAX]) {
        let mut order: Order = core::array::from_fn(|index| index as u8);
        let mut keys = [0; REPLICAS_MAX];
        let n = self.setup.replicas;
        if n > 1 {
            for index in 0..n {
                // Those that elect otherwise stay the last.
                let kind = u64::from(index >= self.setup.mains()) << 63;
                keys[index] = key(world, &world.replicas[index], &essences[index], index) >> 1 | kind;
            }
            order[..n].sort_by_key(|&index| keys[usize::from(index)]);
        }
        (order, keys)
    }

    pub(super) fn write_replica(
        &self,
        w: &mut Writer,
        names: &mut Names,
        world: &World,
        index: usize,
        m: &Memory,
    ) {
        let replica = &world.replicas[index];
        let link = match replica.link {
            Link::Idle => 0,
            Link::Asked { .. } => 1,
            Link::Answered { .. } => 2,
            Link::Lost => 3,
        };
        let delayed = match replica.link {
            Link::Asked { delayed, .. } | Link::Answered { delayed, .. } => delayed,
            _ => false,
        };
        w.byte(
            replica.process as u8
                | u8::from(replica.paused.is_some()) << 2
                | u8::from(replica.wall_ahead) << 3
                | link << 4
                | u8::from(delayed) << 6,
        );
        if self.setup.has_rate_error() {
            w.byte(replica.into_tick);
        }
        if !replica.runs() {
            return;
        }
        if let Some(ticks) = replica.paused
            && self.setup.assumptions.pauses.longest.is_some()
        {
            w.number(ticks);
        }
        match replica.link {
            Link::Asked { waited, .. } => {
                if self.setup.assumptions.request_delay.longest.is_some() {
                    w.number(waited);
                }
            }
            Link::Answered { result, waited, .. } => {
                if self.setup.assumptions.response_delay.longest.is_some() {
                    w.number(waited);
                }
                match result {
                    Ok(Reply::Read { record, version }) => {
                        w.byte(1);
                        w.byte(names.record(&record));
                        Self::write_version(w, names, version);
                    }
                    Ok(Reply::Written { version }) => {
                        w.byte(2);
                        Self::write_version(w, names, version);
                    }
                    Err(failure) => {
                        w.byte(3 + FAILURES.iter().position(|f| *f == failure).unwrap_or(0) as u8);
                    }
                }
            }
            Link::Idle | Link::Lost => {}
        }
        self.write_memory(w, names, world, index, m);
    }

    fn write_version(w: &mut Writer, names: &Names, version: Version) {
        w.byte(names.version(version.resource_version));
        w.byte(names.uid(version.uid));
    }

    fn write_memory(&self, w: &mut Writer, names: &mut Names, world: &World, replica: usize, m: &Memory) {
        let flag = |bit: bool, at: u8| u8::from(bit) << at;
        let current = world.lease.map(|lease| lease.version);
        let current = m.version.is_some() && m.version == current;
        w.byte(
            phase_tag(&m.phase)
                | flag(m.attempt.is_some(), 4)
                | flag(m.observed.is_some(), 5)
                | flag(m.fetched.is_some(), 6)
                | flag(m.sent.is_some(), 7),
        );
        w.byte(
            flag(m.version.is_some(), 0)
                | flag(current, 1)
                | flag(m.term.is_some(), 2)
                | flag(m.sent.is_some_and(|sent| sent.created), 3),
        );
        match m.phase {
            Phase::Choosing { since: t }
            | Phase::Waiting { until: t }
            | Phase::Resting { until: t }
            | Phase::Renewing { next_tick: t }
            | Phase::Releasing { deadline: t, .. } => self.write_time(w, t),
            _ => {}
        }
        if let Some(attempt) = &m.attempt {
            self.write_attempt(w, names, attempt);
        }
        if let Some(Observed { record, at }) = &m.observed {
            w.byte(names.record(record));
            self.write_time(w, *at);
        }
        if let Some((record, uid)) = &m.fetched {
            w.byte(names.record(record));
            w.byte(names.uid(*uid));
        }
        if let Some(sent) = &m.sent {
            let [first, last] = names.sent(IdentityId(replica as u16 + 1), sent);
            w.byte(first);
            w.byte(last);
        }
        if let Some(version) = m.version
            && !current
        {
            w.byte(names.uid(version.uid));
        }
        if let Some(term) = &m.term {
            let stage = match term.stage {
                Stage::Quarantined { .. } => 0,
                Stage::Acting => 1,
                Stage::Draining { .. } => 2,
                Stage::Stopped => 3,
            };
            w.byte(stage | flag(term.stop_at_next_loop, 3));
            w.byte(names.version(term.token.0));
            self.write_time(w, term.lead_until);
            if let Stage::Quarantined { until } = term.stage {
                self.write_time(w, until);
            }
        }
    }

    fn write_attempt(&self, w: &mut Writer, names: &mut Names, attempt: &Attempt) {
        let (step, record) = match &attempt.step {
            Step::FastUpdate(record) => (0, Some(record)),
            Step::Get => (1, None),
            Step::Create(record) => (2, Some(record)),
            Step::Update(record) => (3, Some(record)),
            Step::ReleaseGet => (4, None),
            Step::ReleaseUpdate(record) => (5, Some(record)),
        };
        w.byte(
            step | u8::from(attempt.basis.tried.is_some()) << 3
                | u8::from(attempt.deadline.is_some()) << 4
                | u8::from(attempt.sent.local != NOW) << 5
                | u8::from(attempt.basis.started.local != NOW) << 6,
        );
        if let Some(record) = record {
            w.byte(names.record(record));
        }
        if let Some(record) = &attempt.basis.tried {
            w.byte(names.record(record));
        }
        if let Some(deadline) = attempt.deadline {
            self.write_time(w, deadline);
        }
        if attempt.sent.local != NOW {
            self.write_time(w, attempt.sent.local);
        }
        if attempt.basis.started.local != NOW {
            self.write_time(w, attempt.basis.started.local);
        }
        if self.wall != WallCode::Stopped && matches!(attempt.step, Step::FastUpdate(_) | Step::Get) {
            w.byte(names.reading(attempt.basis.started.wall));
        }
    }

    /// On the grid, or one nanosecond before it.
    fn write_time(&self, w: &mut Writer, t: LocalInstant) {
        if t == LocalInstant::FAR_FUTURE {
            return w.number(0);
        }
        let after = t.as_nanos() + 1;
        let early = after.rem_euclid(self.tick) == 0;
        let ticks = if early { after / self.tick } else { t.as_nanos() / self.tick };
        debug_assert!(early || t.as_nanos() % self.tick == 0, "{t:?} is not on the grid of {} ns", self.tick);
        // Small numbers for small times, whichever way.
        let zigzag = if ticks < 0 { -2 * ticks - 1 } else { 2 * ticks };
        w.number(1 + ((zigzag * 2) as u16 | u16::from(early)));
    }

    fn read_time(&self, r: &mut Reader) -> LocalInstant {
        let Some(code) = r.number().checked_sub(1) else { return LocalInstant::FAR_FUTURE };
        let zigzag = i64::from(code >> 1);
        let ticks = if zigzag & 1 == 1 { -(zigzag + 1) / 2 } else { zigzag / 2 };
        LocalInstant::from_nanos(ticks * self.tick - i64::from(code & 1))
    }

    pub(super) fn read_replica(
        &self,
        r: &mut Reader,
        records: &[Record],
        world: &World,
        index: usize,
    ) -> Replica {
        let head = r.byte();
        let into_tick = if self.setup.has_rate_error() { r.byte() } else { 0 };
        let mut replica = Replica {
            process: match head & 3 {
                0 => Process::NotStarted,
                1 => Process::Runs,
                _ => Process::Ended,
            },
            wall_ahead: head & 8 != 0,
            into_tick,
            origin: Origin { replica: index as u8, ..Origin::default() },
            ..Replica::NEW
        };
        if !replica.runs() {
            return replica;
        }
        if head & 4 != 0 {
            replica.paused =
                Some(if self.setup.assumptions.pauses.longest.is_some() { r.number() } else { 0 });
        }
        let delayed = head & 0x40 != 0;
        replica.link = match head >> 4 & 3 {
            0 => Link::Idle,
            1 => {
                let counted = self.setup.assumptions.request_delay.longest.is_some();
                Link::Asked { waited: if counted { r.number() } else { 0 }, delayed }
            }
            2 => {
                let counted = self.setup.assumptions.response_delay.longest.is_some();
                let waited = if counted { r.number() } else { 0 };
                let result = match r.byte() {
                    1 => {
                        let record = records[usize::from(r.byte()) - 1];
                        Ok(Reply::Read { record, version: read_version(r) })
                    }
                    2 => Ok(Reply::Written { version: read_version(r) }),
                    failure => Err(FAILURES[usize::from(failure) - 3]),
                };
                Link::Answered { result, waited, delayed }
            }
            _ => Link::Lost,
        };
        replica.memory = self.read_memory(r, records, world);
        replica
    }

    fn read_memory(&self, r: &mut Reader, records: &[Record], world: &World) -> Memory {
        let (a, b) = (r.byte(), r.byte());
        let record = |r: &mut Reader| records[usize::from(r.byte()) - 1];
        let mut m = Memory { phase: self.read_phase(r, a & 0xF), ..Memory::NEW };
        if a & 0x10 != 0 {
            m.attempt = Some(self.read_attempt(r, records, world.wall));
            m.requests = 1;
        }
        if a & 0x20 != 0 {
            m.observed = Some(Observed { record: record(r), at: self.read_time(r) });
        }
        if a & 0x40 != 0 {
            m.fetched = Some((record(r), u64::from(r.byte())));
        }
        if a & 0x80 != 0 {
            let (first, last) = (record(r), record(r));
            m.sent = Some(Sent {
                acquired: first.acquired,
                first_renewed: first.renewed,
                last_renewed: last.renewed,
                created: b & 8 != 0,
            });
        }
        if b & 1 != 0 {
            m.version = match (b & 2 != 0, world.lease) {
                (true, Some(lease)) => Some(lease.version),
                _ => Some(Version { uid: u64::from(r.byte()), resource_version: STALE }),
            };
        }
        if b & 4 != 0 {
            let head = r.byte();
            let token = FencingToken(u64::from(r.byte()));
            let lead_until = self.read_time(r);
            let stage = match head & 7 {
                0 => Stage::Quarantined { until: self.read_time(r) },
                1 => Stage::Acting,
                2 => Stage::Draining { reason: REASON },
                _ => Stage::Stopped,
            };
            m.term = Some(Term { token, stage, lead_until, stop_at_next_loop: head & 8 != 0 });
        }
        m
    }

    fn read_phase(&self, r: &mut Reader, tag: u8) -> Phase {
        match tag {
            0 => Phase::Idle,
            1 => Phase::Acquiring,
            2 => Phase::Choosing { since: self.read_time(r) },
            3 => Phase::Waiting { until: self.read_time(r) },
            4 => Phase::Resting { until: self.read_time(r) },
            5 => Phase::Renewing { next_tick: self.read_time(r) },
            6 => Phase::StoppingWork { reason: REASON, then_release: false },
            7 => Phase::StoppingWork { reason: REASON, then_release: true },
            8 => Phase::Releasing { deadline: self.read_time(r), reason: REASON },
            _ => Phase::Returned,
        }
    }

    fn read_attempt(&self, r: &mut Reader, records: &[Record], now: WallTime) -> Attempt {
        let head = r.byte();
        let record = |r: &mut Reader| records[usize::from(r.byte()) - 1];
        let step = match head & 7 {
            0 => Step::FastUpdate(record(r)),
            1 => Step::Get,
            2 => Step::Create(record(r)),
            3 => Step::Update(record(r)),
            4 => Step::ReleaseGet,
            _ => Step::ReleaseUpdate(record(r)),
        };
        let tried = (head & 8 != 0).then(|| record(r));
        let deadline = (head & 0x10 != 0).then(|| self.read_time(r));
        let sent = if head & 0x20 != 0 { self.read_time(r) } else { NOW };
        let started = if head & 0x40 != 0 { self.read_time(r) } else { NOW };
        let reads = matches!(step, Step::FastUpdate(_) | Step::Get);
        let wall = if self.wall != WallCode::Stopped && reads { record(r).renewed } else { now };
        Attempt {
            basis: Basis { started: Reading { local: started, wall }, tried },
            sent: Reading { local: sent, wall: WallTime::from_micros(0) },
            step,
            id: RequestId(1),
            deadline,
        }
    }
}

fn read_version(r: &mut Reader) -> Version {
    let resource_version = u64::from(r.byte());
    Version { resource_version, uid: u64::from(r.byte()) }
}

fn phase_tag(phase: &Phase) -> u8 {
    match phase {
        Phase::Idle => 0,
        Phase::Acquiring => 1,
        Phase::Choosing { .. } => 2,
        Phase::Waiting { .. } => 3,
        Phase::Resting { .. } => 4,
        Phase::Renewing { .. } => 5,
        Phase::StoppingWork { then_release: false, .. } => 6,
        Phase::StoppingWork { then_release: true, .. } => 7,
        Phase::Releasing { .. } => 8,
        Phase::Returned => 9,
    }
}
