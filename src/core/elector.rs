//! The elector's face: inputs in, outputs out, timers.

use super::config::Config;
use super::io::{Event, Failure, Input, Output, Outputs, Reading, Reply, RequestId, StopReason, WakeReason};
use super::record::{FencingToken, Identity, IdentityId};
use super::rules::{Expiry, Poll, StopWhen};
use super::state::{Phase, Stage, State};
use super::time::{LocalInstant, Span};

/// One process's part in an election. One shot: once it has returned, a new one is needed.
///
/// See the [module](super) for the driver's loop.
#[derive(Clone, Debug)]
pub struct Elector {
    pub(super) config: Config,
    pub(super) me: Identity,
    pub(super) state: State,
    pub(super) out: Outputs,
}

/// Two electors are equal if they will do the same from here on. Outputs that were not polled yet are
/// not compared: drain them first.
impl PartialEq for Elector {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state && self.me == other.me && self.config == other.config
    }
}

impl Eq for Elector {}

impl core::hash::Hash for Elector {
    fn hash<H: core::hash::Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
        self.me.hash(hasher);
    }
}

impl Elector {
    /// An elector that has not started.
    ///
    /// # Panics
    /// If the identity is [`IdentityId::NOBODY`]: nobody cannot hold a Lease.
    #[must_use]
    pub fn new(config: Config, me: Identity) -> Self {
        assert!(me.id.is_somebody(), "an elector's identity must not be empty");
        Self { config, me, state: State::NEW, out: Outputs::default() }
    }

    /// Takes one input. Deadlines that have passed by `now` come before it, whatever it is.
    ///
    /// `now.local` must not run backwards from call to call.
    #[inline]
    pub fn handle(&mut self, now: Reading, input: Input) {
        debug_assert!(self.out.is_empty(), "poll_output must be drained after every handle");
        self.fire_deadlines(now);
        match input {
            Input::Start => self.start(now),
            Input::Wake => self.fire_timers(now),
            Input::Response { id, result } => self.respond(now, id, result),
            Input::Choice(extra) => self.choose(extra),
            Input::WorkStopped => self.work_stopped(now),
            Input::Shutdown => self.shutdown(now),
        }
    }

    /// The next thing to do, oldest first.
    #[inline]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop()
    }

    /// When to call [`handle`](Self::handle) with [`Input::Wake`] if nothing else comes first, and why.
    #[inline]
    #[must_use]
    pub fn next_wake(&self) -> Option<(LocalInstant, WakeReason)> {
        let timers = [
            self.lead_deadline().map(|t| (t, WakeReason::LeadDeadline)),
            self.request_deadline().map(|t| (t, WakeReason::RequestDeadline)),
            self.quarantine_end().map(|t| (t, WakeReason::QuarantineOver)),
            self.loop_timer(),
        ];
        timers.into_iter().flatten().min()
    }

    /// Whether the guarded work may act at this instant. Ask before every action: the answer depends on
    /// `now` on purpose.
    #[inline]
    #[must_use]
    pub fn may_act(&self, now: LocalInstant) -> bool {
        self.acts_until().is_some_and(|until| now < until)
    }

    /// Until when [`may_act`](Self::may_act) says yes if nothing else happens; `None` if it says no now.
    #[inline]
    #[must_use]
    pub fn acts_until(&self) -> Option<LocalInstant> {
        self.state.acts_until(self.config.rules.stop_when)
    }

    /// The token of the current term, while the work may act.
    #[must_use]
    pub fn fencing_token(&self) -> Option<FencingToken> {
        self.state.term.as_ref().filter(|term| term.work_may_act()).map(|term| term.token)
    }

    /// Whether the elector is done for good.
    #[must_use]
    pub fn has_returned(&self) -> bool {
        self.state.phase == Phase::Returned
    }

    /// The settings it runs with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many answers came that nobody waited for any more.
    #[must_use]
    pub fn ignored_responses(&self) -> u32 {
        self.state.ignored_responses
    }

    /// The holder in the last record seen.
    #[must_use]
    pub fn observed_holder(&self) -> IdentityId {
        self.state.observed.map_or(IdentityId::NOBODY, |o| o.record.holder)
    }

    /// The same elector translated in time so that `now` is its clock's origin: two electors that differ
    /// only in when they live become equal.
    #[must_use]
    pub fn rebased(&self, now: LocalInstant) -> Self {
        let back = now.since(LocalInstant::ORIGIN);
        Self { state: self.state.shifted_back(back), out: Outputs::default(), ..*self }
    }

    /// What it remembers.
    #[cfg(feature = "check")]
    pub(crate) fn memory(&self) -> &State {
        &self.state
    }

    /// An elector that remembers this.
    #[cfg(feature = "check")]
    pub(crate) fn remembering(config: Config, me: Identity, state: State) -> Self {
        Self { config, me, state, out: Outputs::default() }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.out.push(Output::Event(event));
    }

    pub(super) fn return_(&mut self, reason: StopReason) {
        self.state.phase = Phase::Returned;
        self.tell(Event::Returned { reason });
    }

    fn start(&mut self, now: Reading) {
        if self.state.phase == Phase::Idle {
            self.state.phase = Phase::Acquiring;
            self.begin_attempt(now);
        }
    }

    fn respond(&mut self, now: Reading, id: RequestId, result: Result<Reply, Failure>) {
        match self.state.attempt {
            Some(attempt) if attempt.id == id => {
                self.state.attempt = None;
                self.advance(now, attempt, result);
            }
            _ => self.state.ignored_responses += 1,
        }
    }

    fn choose(&mut self, extra: Span) {
        let Phase::Choosing { since } = self.state.phase else { return };
        let mut until = since + self.config.timings.retry_period.saturating_add(extra);
        if self.config.rules.poll == Poll::JitteredOrAtExpiry
            && let Some(expiry) = self.expiry_in_sight()
            && expiry > since
        {
            until = until.min(expiry);
        }
        self.state.phase = Phase::Waiting { until };
    }

    fn expiry_in_sight(&self) -> Option<LocalInstant> {
        let observed =
            self.state.observed.filter(|_| self.config.rules.expiry == Expiry::LocalObservation)?;
        Some(observed.at + self.config.wait_for(&observed.record))
    }

    /// Deadlines come before whatever else happens at the same instant.
    fn fire_deadlines(&mut self, now: Reading) {
        if self.lead_deadline().is_some_and(|t| t <= now.local) {
            self.lose(now, StopReason::DeadlinePassed);
        } else if self.request_deadline().is_some_and(|t| t <= now.local) {
            self.request_timed_out(now);
        }
    }

    fn fire_timers(&mut self, now: Reading) {
        if self.quarantine_end().is_some_and(|t| t <= now.local) {
            self.end_quarantine();
        }
        if self.loop_timer().is_some_and(|(t, _)| t <= now.local) {
            match self.state.phase {
                Phase::Waiting { .. } => {
                    self.state.phase = Phase::Acquiring;
                    self.begin_attempt(now);
                }
                Phase::Resting { .. } => self.begin_round(now),
                Phase::Renewing { next_tick } => self.next_tick(now, next_tick),
                _ => {}
            }
        }
    }

    /// The right to lead has a timer if the rules say so; the renewal round's context has one in any case.
    fn lead_deadline(&self) -> Option<LocalInstant> {
        let timed = match self.state.phase {
            Phase::Renewing { .. } => self.has_lead_timer() || self.config.has_round_context(),
            Phase::Resting { .. } => self.has_lead_timer(),
            _ => false,
        };
        self.state.term.filter(|_| timed).map(|term| term.lead_until)
    }

    pub(super) fn has_lead_timer(&self) -> bool {
        self.config.rules.stop_when == StopWhen::AtDeadline
    }

    fn request_deadline(&self) -> Option<LocalInstant> {
        self.state.attempt.and_then(|attempt| attempt.deadline)
    }

    fn quarantine_end(&self) -> Option<LocalInstant> {
        match self.state.term?.stage {
            Stage::Quarantined { until } => Some(until),
            _ => None,
        }
    }

    fn loop_timer(&self) -> Option<(LocalInstant, WakeReason)> {
        match self.state.phase {
            Phase::Waiting { until } => Some((until, WakeReason::Acquire)),
            Phase::Resting { until } => Some((until, WakeReason::Renew)),
            Phase::Renewing { next_tick } if self.state.attempt.is_none() => {
                Some((next_tick, WakeReason::Renew))
            }
            _ => None,
        }
    }
}
