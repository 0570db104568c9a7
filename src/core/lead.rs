//! Holding the Lease: renewal rounds, the deadline, quarantine, loss and shutdown.

use super::elector::Elector;
use super::io::{Event, Output, Reading, StopReason};
use super::record::{FencingToken, IdentityId, Record, Version};
use super::rules::{CancelWork, DeadlineFrom, MissingWhileCandidate, Release, Ticks};
use super::state::{Phase, Stage, Term};
use super::time::{LocalInstant, Span};

impl Elector {
    pub(super) fn attempt_succeeded(
        &mut self,
        now: Reading,
        sent: Reading,
        record: &Record,
        version: Version,
    ) {
        if let Phase::Renewing { .. } = self.state.phase {
            self.round_succeeded(now, sent, record);
        } else {
            self.acquired(now, sent, record, version);
        }
    }

    pub(super) fn attempt_failed(&mut self, now: Reading) {
        match self.state.phase {
            Phase::Acquiring => self.retry_later(now),
            Phase::Renewing { next_tick } => self.renewal_failed(now, next_tick),
            Phase::Releasing { .. } => self.finish_release(),
            _ => {}
        }
    }

    fn retry_later(&mut self, now: Reading) {
        self.report_new_leader();
        self.state.phase = Phase::Choosing { since: now.local };
        let up_to = Span::from_nanos(self.config.timings.retry_period.as_nanos() / 5 * 6);
        self.out.push(Output::Choose { up_to });
    }

    fn acquired(&mut self, now: Reading, sent: Reading, record: &Record, version: Version) {
        let lead_until = self.deadline_after(now, sent, record, now.local);
        if lead_until <= now.local {
            // The answer took so long that the right it gave has ended; the next attempt renews it.
            return self.retry_later(now);
        }
        let quarantine = self.config.rules.missing_while_candidate == MissingWhileCandidate::Quarantine
            && !self.config.trust_fresh_namespace
            && self.state.sent.is_some_and(|sent| sent.created);
        let stage = if quarantine {
            Stage::Quarantined { until: now.local + self.config.timings.lease_duration }
        } else {
            Stage::Acting
        };
        let token = FencingToken(version.resource_version);
        self.state.term = Some(Term { token, stage, lead_until, stop_at_next_loop: false });
        self.report_new_leader();
        if !quarantine {
            self.tell(Event::StartedLeading { token });
        }
        self.begin_round(now);
    }

    pub(super) fn end_quarantine(&mut self) {
        if let Some(term) = &mut self.state.term
            && term.is_quarantined()
        {
            term.stage = Stage::Acting;
            let token = term.token;
            self.tell(Event::StartedLeading { token });
        }
    }

    /// A renewal round: an attempt at once, then one at every tick, until one succeeds or time is up.
    pub(super) fn begin_round(&mut self, now: Reading) {
        if self.stops_between_attempts(now) {
            return;
        }
        if let Some(term) = &mut self.state.term
            && self.config.rules.deadline_from == DeadlineFrom::RoundStart
        {
            term.lead_until = now.local + self.config.timings.renew_deadline;
        }
        let next_tick = match self.config.rules.ticks {
            Ticks::Kept => now.local + self.config.timings.retry_period,
            Ticks::Lost => LocalInstant::FAR_FUTURE,
        };
        self.state.phase = Phase::Renewing { next_tick };
        self.begin_attempt(now);
    }

    pub(super) fn next_tick(&mut self, now: Reading, tick: LocalInstant) {
        if self.stops_between_attempts(now) {
            return;
        }
        self.state.phase = Phase::Renewing { next_tick: self.tick_after(tick, now.local) };
        self.begin_attempt(now);
    }

    /// The first tick after `now`. Ticks that fell into an attempt are dropped but for one.
    fn tick_after(&self, tick: LocalInstant, now: LocalInstant) -> LocalInstant {
        let period = self.config.timings.retry_period;
        if tick + period > now {
            return tick + period;
        }
        let missed = now.since(tick).as_nanos() / period.as_nanos();
        tick + Span::from_nanos(period.as_nanos().saturating_mul(missed + 1))
    }

    fn renewal_failed(&mut self, now: Reading, next_tick: LocalInstant) {
        let context_ended = self.config.has_round_context() || self.has_lead_timer();
        if context_ended && self.state.term.is_some_and(|term| term.lead_until <= now.local) {
            return self.lose(now, StopReason::DeadlinePassed);
        }
        if self.work_has_stopped() {
            // The renewal's outcome is open, and so is the version that a release would have to name.
            return self.return_(StopReason::Shutdown);
        }
        match self.config.rules.ticks {
            Ticks::Kept if next_tick <= now.local => self.next_tick(now, next_tick),
            Ticks::Lost if next_tick == LocalInstant::FAR_FUTURE => {
                let next_tick = now.local + self.config.timings.retry_period;
                self.state.phase = Phase::Renewing { next_tick };
            }
            Ticks::Lost if next_tick <= now.local => {
                self.state.phase = Phase::Renewing { next_tick: self.tick_after(next_tick, now.local) };
            }
            _ => {}
        }
    }

    fn round_succeeded(&mut self, now: Reading, sent: Reading, record: &Record) {
        let next_round = now.local + self.config.timings.retry_period;
        let lead_until = self.deadline_after(now, sent, record, next_round);
        self.state.phase = Phase::Resting { until: next_round };
        self.report_new_leader();
        if let Some(term) = &mut self.state.term {
            term.lead_until = lead_until;
        }
        if self.work_has_stopped() {
            self.start_release(now, StopReason::Shutdown);
        }
    }

    /// Where the right ends that a write sent at `sent` and answered now gives.
    fn deadline_after(
        &self,
        now: Reading,
        sent: Reading,
        record: &Record,
        round_start: LocalInstant,
    ) -> LocalInstant {
        let renew_deadline = self.config.timings.renew_deadline;
        match self.config.rules.deadline_from {
            DeadlineFrom::RoundStart => round_start + renew_deadline,
            DeadlineFrom::LastSend => sent.local + renew_deadline,
            DeadlineFrom::RenewTime => {
                let left = (record.renewed + renew_deadline).as_micros().saturating_sub(now.wall.as_micros());
                let left = left.saturating_mul(1_000);
                LocalInstant::from_nanos(now.local.as_nanos().saturating_add(left))
            }
        }
    }

    /// Whether a deadline without a timer, or a holder seen before, ends the term here.
    fn stops_between_attempts(&mut self, now: Reading) -> bool {
        let Some(term) = self.state.term else { return true };
        let reason = if term.stop_at_next_loop {
            StopReason::OtherHolder
        } else if !self.config.has_round_context() && term.lead_until <= now.local {
            StopReason::DeadlinePassed
        } else {
            return false;
        };
        self.lose(now, reason);
        true
    }

    /// The Lease is no longer held, or the right to lead by it has ended.
    pub(super) fn lose(&mut self, now: Reading, reason: StopReason) {
        self.abandon();
        if self.state.term.is_some_and(|term| term.is_quarantined()) {
            // It never led: back among the candidates.
            self.state.term = None;
            return self.retry_later(now);
        }
        self.report_new_leader();
        if self.work_has_stopped() {
            return self.return_(reason);
        }
        let release = self.config.release_on_cancel && self.config.rules.release != Release::OwnLastWrite;
        match self.config.rules.cancel_work {
            CancelWork::AfterRelease if release => self.start_release(now, reason),
            CancelWork::AfterRelease => {
                self.stop_work(reason);
                self.return_(reason);
            }
            CancelWork::BeforeRelease => {
                self.stop_work(reason);
                self.state.phase = Phase::StoppingWork { reason, then_release: release };
            }
        }
    }

    /// Tells the work to stop, once.
    pub(super) fn stop_work(&mut self, reason: StopReason) {
        if let Some(term) = &mut self.state.term
            && term.stage == Stage::Acting
        {
            term.stage = Stage::Draining { reason };
            self.tell(Event::StoppedLeading { reason });
        }
    }

    pub(super) fn work_has_stopped(&self) -> bool {
        self.state.term.is_some_and(|term| term.stage == Stage::Stopped)
    }

    pub(super) fn shutdown(&mut self, now: Reading) {
        match self.state.phase {
            Phase::Returned | Phase::StoppingWork { .. } => {}
            Phase::Releasing { .. } => self.stop_work(StopReason::Shutdown),
            Phase::Resting { .. } | Phase::Renewing { .. } if !self.in_quarantine() => {
                self.stop_work(StopReason::Shutdown);
                if self.config.rules.cancel_work == CancelWork::AfterRelease {
                    self.abandon();
                    self.end_term(now);
                }
                // Otherwise the Lease is renewed until the work has confirmed.
            }
            _ => {
                self.abandon();
                self.state.term = None;
                self.return_(StopReason::Shutdown);
            }
        }
    }

    fn in_quarantine(&self) -> bool {
        self.state.term.is_some_and(|term| term.is_quarantined())
    }

    pub(super) fn work_stopped(&mut self, now: Reading) {
        let Some(term) = self.state.term.as_mut().filter(|term| term.work_may_act()) else { return };
        term.stage = Stage::Stopped;
        match self.state.phase {
            Phase::StoppingWork { reason, then_release: true } => self.start_release(now, reason),
            Phase::StoppingWork { reason, .. } => self.return_(reason),
            // A renewal in flight decides which version a release names: wait for it.
            Phase::Renewing { .. } if self.state.attempt.is_some() => {}
            Phase::Resting { .. } | Phase::Renewing { .. } => self.end_term(now),
            _ => {}
        }
    }

    fn end_term(&mut self, now: Reading) {
        if self.config.release_on_cancel {
            self.start_release(now, StopReason::Shutdown);
        } else {
            self.return_(StopReason::Shutdown);
        }
    }

    /// Reports the observed holder if it is not the one last reported.
    fn report_new_leader(&mut self) {
        let holder = self.state.observed.map_or(IdentityId::NOBODY, |o| o.record.holder);
        if holder != self.state.reported {
            self.state.reported = holder;
            self.tell(Event::NewLeader(holder));
        }
    }
}
