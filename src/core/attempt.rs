//! One attempt to acquire or renew: update in place, else read, judge, and create or update.

use super::elector::Elector;
use super::io::{Event, Failure, Op, Output, Reading, Reply, RequestId, StopReason};
use super::record::{Record, Version};
use super::rules::{
    Content, Expiry, FirstTry, LostResponse, MissingWhileLeading, NoHolder, OtherHolder, OwnName, Poll,
    RenewTime,
};
use super::state::{Attempt, Basis, Observed, Phase, Sent, Step};
use super::time::{LocalInstant, WallTime};

impl Elector {
    /// Starts an attempt. Whoever holds a Lease that has not expired updates it without reading it first.
    pub(super) fn begin_attempt(&mut self, now: Reading) {
        let mut basis = Basis::new(now);
        if self.config.rules.first_try == FirstTry::Update
            && let Some(observed) = self.state.observed
            && self.is_mine(&observed.record)
            && self.is_valid(&observed, now)
        {
            let record = self.renewal_of(&observed.record, now);
            basis.tried = Some(record);
            if let Some(expected) = self.state.version {
                return self.send(now, basis, Step::FastUpdate(record), Op::Update { record, expected });
            }
        }
        self.send(now, basis, Step::Get, Op::Get);
    }

    /// Sends a request of an attempt, unless the attempt's context has ended.
    pub(super) fn send(&mut self, now: Reading, basis: Basis, step: Step, op: Op) {
        let context = self.context_deadline();
        if context.is_some_and(|end| end <= now.local) {
            return self.attempt_failed(now);
        }
        let timeout = self.config.request_timeout.map(|timeout| now.local + timeout);
        let deadline = match (context, timeout) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        match step {
            Step::Create(record) => self.remember_sent(&record, true),
            Step::FastUpdate(record) | Step::Update(record) => self.remember_sent(&record, false),
            Step::Get | Step::ReleaseGet | Step::ReleaseUpdate(_) => {}
        }
        self.state.requests += 1;
        let id = RequestId(self.state.requests);
        self.state.attempt = Some(Attempt { basis, sent: now, step, id, deadline });
        self.out.push(Output::Request { id, op, deadline });
    }

    /// When the context of requests sent now ends.
    fn context_deadline(&self) -> Option<LocalInstant> {
        match self.state.phase {
            Phase::Releasing { deadline, .. } => (deadline != LocalInstant::FAR_FUTURE).then_some(deadline),
            Phase::Renewing { .. } if self.has_lead_timer() || self.config.has_round_context() => {
                self.state.term.map(|term| term.lead_until)
            }
            _ => None,
        }
    }

    pub(super) fn request_timed_out(&mut self, now: Reading) {
        if let Some(attempt) = self.abandon() {
            self.advance(now, attempt, Err(Failure::Timeout));
        }
    }

    pub(super) fn abandon(&mut self) -> Option<Attempt> {
        let attempt = self.state.attempt.take()?;
        if let Step::Create(_) = attempt.step {
            // As after any create that failed.
            self.state.version = None;
        }
        self.out.push(Output::Abandon { id: attempt.id });
        Some(attempt)
    }

    /// Takes an attempt one step further.
    pub(super) fn advance(&mut self, now: Reading, attempt: Attempt, result: Result<Reply, Failure>) {
        match (attempt.step, result) {
            (Step::Get, Ok(Reply::Read { record, version })) => self.read(now, &attempt, record, version),
            (Step::Get, Err(Failure::NotFound)) => self.found_missing(now, &attempt),
            (
                Step::FastUpdate(record) | Step::Create(record) | Step::Update(record),
                Ok(Reply::Written { version }),
            ) => {
                self.wrote(now, record, version);
                self.attempt_succeeded(now, attempt.sent, &record, version);
            }
            (Step::FastUpdate(_), _) => self.send(now, attempt.basis, Step::Get, Op::Get),
            (Step::Create(record) | Step::Update(record), Err(failure)) => {
                self.forget_if_refused(&record, failure);
                if let Step::Create(_) = attempt.step {
                    self.state.version = None;
                }
                self.attempt_failed(now);
            }
            (Step::Get | Step::Create(_) | Step::Update(_), _) => self.attempt_failed(now),
            (Step::ReleaseGet, result) => self.release_read(now, result),
            (Step::ReleaseUpdate(record), result) => self.release_done(now, record, result),
        }
    }

    fn read(&mut self, now: Reading, attempt: &Attempt, record: Record, version: Version) {
        let held = self.state.version;
        self.observe(now, record, version);
        // The observation, not the record just read: client-go trusts what it wrote itself until the
        // content it *reads* changes.
        let observed = self.state.observed.unwrap_or(Observed { record, at: now.local });
        let mine = self.is_mine(&observed.record);
        if self.holds() {
            let replaced = held.is_some_and(|held| held.uid != version.uid);
            if replaced && self.config.rules.missing_while_leading == MissingWhileLeading::StopAtOnce {
                // The Lease that was held is gone. Even if this one bears my name (a create of mine that
                // arrived late), somebody may have led in between.
                return self.lose(now, StopReason::LeaseMissing);
            }
            if !mine && self.yields_to_other(now) {
                return;
            }
        }
        if !mine && !self.is_free(&record) && self.is_valid(&observed, attempt.basis.started) {
            let polls_at_expiry = self.config.rules.poll == Poll::JitteredOrAtExpiry;
            if polls_at_expiry && !self.holds() && !self.is_valid(&observed, now) {
                // It expired while this attempt was under way: waiting another period would only prolong the gap.
                return self.begin_attempt(now);
            }
            return self.attempt_failed(now);
        }
        if mine && !self.holds() && self.config.rules.lost_response == LostResponse::LeadAtOnce {
            return self.attempt_succeeded(now, now, &record, version);
        }
        let next = if mine {
            if self.config.rules.first_try == FirstTry::Update {
                self.tell(Event::SlowPath);
            }
            self.renewal_of(&record, attempt.basis.started)
        } else {
            self.takeover(record.transitions.saturating_add(1), attempt.basis)
        };
        self.send(now, attempt.basis, Step::Update(next), Op::Update { record: next, expected: version });
    }

    /// A holder read a record that is not its own. Returns whether that ended the attempt.
    fn yields_to_other(&mut self, now: Reading) -> bool {
        match self.config.rules.other_holder {
            OtherHolder::RetryUntilDeadline => return false,
            OtherHolder::StopAtOnce => self.lose(now, StopReason::OtherHolder),
            OtherHolder::StopAtNextLoop => {
                if let Some(term) = &mut self.state.term {
                    term.stop_at_next_loop = true;
                }
                self.attempt_failed(now);
            }
        }
        true
    }

    fn found_missing(&mut self, now: Reading, attempt: &Attempt) {
        if self.holds() && self.config.rules.missing_while_leading == MissingWhileLeading::StopAtOnce {
            return self.lose(now, StopReason::LeaseMissing);
        }
        let transitions = attempt.basis.tried.map_or(0, |tried| tried.transitions);
        let record = self.takeover(transitions, attempt.basis);
        self.send(now, attempt.basis, Step::Create(record), Op::Create(record));
    }

    /// Notes what was read. The wait for a record starts anew when its content changes, not when its
    /// resourceVersion does: an annotation must not keep a dead leader's Lease alive.
    fn observe(&mut self, now: Reading, record: Record, version: Version) {
        self.state.version = Some(version);
        let content = match self.config.rules.content {
            Content::Seconds => (record.cut_to_seconds(), 0),
            Content::Exact => (record, version.uid),
        };
        if self.state.fetched != Some(content) {
            self.state.fetched = Some(content);
            self.state.observed = Some(Observed { record, at: now.local });
        }
    }

    fn wrote(&mut self, now: Reading, record: Record, version: Version) {
        self.state.version = Some(version);
        self.state.observed = Some(Observed { record, at: now.local });
        if self.config.rules.content == Content::Exact {
            // Whatever is read next counts as a change, even what was read before the write.
            self.state.fetched = None;
        }
    }

    /// The record that renews `held`.
    fn renewal_of(&self, held: &Record, at: Reading) -> Record {
        Record {
            holder: self.me.id,
            duration_s: self.config.duration_s,
            transitions: held.transitions,
            acquired: held.acquired,
            renewed: self.next_renew_time(at.wall),
        }
    }

    fn takeover(&self, transitions: i32, basis: Basis) -> Record {
        let at = basis.started;
        let acquired = match self.config.rules.own_name {
            OwnName::Mine => basis.tried.map_or(at.wall, |tried| tried.acquired),
            // Attempts whose outcome is open share one acquireTime, so that each is recognised.
            OwnName::MineIfSent => self.state.sent.map_or_else(|| self.marked(at.wall), |s| s.acquired),
        };
        Record {
            holder: self.me.id,
            duration_s: self.config.duration_s,
            transitions,
            acquired,
            renewed: self.next_renew_time(at.wall),
        }
    }

    /// The wall time's second, or the first that was not used yet, with the microseconds replaced by the incarnation.
    fn marked(&self, wall: WallTime) -> WallTime {
        let unused = self.state.forgotten.map_or(i64::MIN, |forgotten| forgotten.as_secs().saturating_add(1));
        let second = wall.as_secs().max(unused);
        WallTime::from_micros(
            second.saturating_mul(1_000_000).saturating_add(i64::from(self.me.incarnation % 1_000_000)),
        )
    }

    pub(super) fn next_renew_time(&self, wall: WallTime) -> WallTime {
        match (self.config.rules.renew_time, self.state.sent) {
            (RenewTime::Increasing, Some(sent)) => {
                wall.max(WallTime::from_micros(sent.last_renewed.as_micros().saturating_add(1)))
            }
            _ => wall,
        }
    }

    fn remember_sent(&mut self, record: &Record, create: bool) {
        let fresh = Sent {
            acquired: record.acquired,
            first_renewed: record.renewed,
            last_renewed: record.renewed,
            created: create,
        };
        self.state.sent = Some(match self.state.sent {
            Some(sent) if sent.acquired == record.acquired => {
                Sent { last_renewed: record.renewed, created: sent.created | create, ..sent }
            }
            _ => fresh,
        });
    }

    /// A refused write that was the only one in this process's name leaves nothing to recognise.
    fn forget_if_refused(&mut self, record: &Record, failure: Failure) {
        let only = self.state.sent.is_some_and(|sent| sent.first_renewed == record.renewed);
        if failure.is_definite() && only && !self.holds() {
            self.state.sent = None;
            self.state.forgotten = Some(record.acquired);
        }
    }

    pub(super) fn is_mine(&self, record: &Record) -> bool {
        self.state.is_mine(self.me.id, self.config.rules.own_name, record)
    }

    /// Whether a record without a holder may be taken at once.
    fn is_free(&self, record: &Record) -> bool {
        !record.holder.is_somebody()
            && match self.config.rules.no_holder {
                NoHolder::Free => true,
                NoHolder::FreeIfReleased => record.has_release_shape(),
            }
    }

    /// Whether the record seen is still to be waited for.
    fn is_valid(&self, observed: &Observed, now: Reading) -> bool {
        let wait = self.config.wait_for(&observed.record);
        match self.config.rules.expiry {
            Expiry::LocalObservation => observed.at + wait > now.local,
            Expiry::WallClock => observed.record.renewed + wait > now.wall,
        }
    }

    fn holds(&self) -> bool {
        matches!(self.state.phase, Phase::Renewing { .. })
    }
}
