//! The driver: carries the core's outputs to the API server and the guarded work, and what happens to the core.
//! Nothing here decides anything about the election.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::clock::{Clock, Timer};
use super::events::{BECAME_LEADER, Events, STOPPED_LEADING};
use super::health::Health;
use super::leadership::{Confirmed, TermGuard};
use super::lock::Lock;
use super::metrics::ElectionMetrics;
use super::names::Names;
use super::request::InFlight;
use super::settings::{OnNewLeader, Patience};
use super::status::{End, Role, Status};
use crate::core::{
    Config, Elector, Event, FencingToken, Identity, Input, LocalInstant, Op, Output, Reply, RequestId, Span,
    StopReason,
};

/// What the driver needs of the settings, with the connections made.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) identity: Arc<str>,
    pub(super) lock: Arc<dyn Lock>,
    pub(super) contend_again: bool,
    pub(super) patience: Patience,
    pub(super) health: Health,
    pub(super) metrics: Option<ElectionMetrics>,
    pub(super) events: Option<Events>,
    pub(super) on_new_leader: Option<OnNewLeader>,
    pub(super) shutdown: CancellationToken,
    pub(super) status: watch::Sender<Status>,
}

pub(super) struct Driver {
    parts: Parts,
    clock: Clock,
    timer: Timer,
    names: Names,
    rng: Pcg64Mcg,
    in_flight: Option<InFlight>,
    term: Option<TermGuard>,
    terms: u64,
    /// When the work was told to stop, and by when it is to have done so by itself.
    stopping: Option<Stopping>,
    shutdown_told: bool,
    /// Whoever was last seen to hold the lock.
    last_holder: String,
    confirmed: Arc<Confirmed>,
}

#[derive(Clone, Copy)]
struct Stopping {
    cut_at: LocalInstant,
    give_up_at: LocalInstant,
    cut: bool,
}

/// The work of a term was told to stop and did not.
struct WorkRunsOn;

enum Happening {
    Input(Input),
    /// The work has stopped.
    Confirmed,
    /// A timer fired: the core's, or the work's.
    Time,
}

impl Driver {
    /// Must be called on the runtime that will run it.
    pub(super) fn new(parts: Parts, clock: Clock) -> Self {
        Self {
            clock,
            timer: Timer::new(clock),
            names: Names::new(&parts.identity),
            rng: Pcg64Mcg::new(uuid::Uuid::new_v4().as_u128()),
            in_flight: None,
            term: None,
            terms: 0,
            stopping: None,
            shutdown_told: false,
            last_holder: String::new(),
            confirmed: Arc::default(),
            parts,
        }
    }

    /// Takes part in the election until shutdown, or until a term was lost and that was to be all.
    pub(super) async fn run(mut self) {
        let end = loop {
            match self.contend().await {
                Err(WorkRunsOn) => break End::WorkDidNotStop(self.parts.patience.stop_timeout),
                Ok(StopReason::Shutdown) => break End::Shutdown,
                Ok(_) if self.shutdown_told => break End::Shutdown,
                Ok(reason) if !self.parts.contend_again => break End::Lost(reason),
                Ok(reason) => info!(?reason, "contending again"),
            }
        };
        self.term = None;
        if let Some(events) = &mut self.parts.events {
            events.flush().await;
        }
        self.set_role(Role::Ended(end));
    }

    /// One elector, from its start until it has returned and its work has stopped.
    async fn contend(&mut self) -> Result<StopReason, WorkRunsOn> {
        self.set_role(Role::Candidate);
        // A new number each time: what an earlier elector of this process wrote is another's.
        let incarnation = self.draw(Span::from_nanos(999_999)).as_nanos();
        let incarnation = u32::try_from(incarnation).unwrap_or(0);
        let mut elector = Elector::new(self.parts.config, Identity { id: Names::ME, incarnation });
        let mut returned = None;
        self.feed(&mut elector, Input::Start, &mut returned);
        loop {
            if let Some(reason) = returned
                && self.term.is_none()
            {
                return Ok(reason);
            }
            match self.next(&elector).await {
                Happening::Input(input) => self.feed(&mut elector, input, &mut returned),
                Happening::Confirmed => {
                    if self.stopping.is_none() {
                        // The deadline may have come without a chance to notice: that is a loss, and no resignation.
                        self.feed(&mut elector, Input::Wake, &mut returned);
                    }
                    if self.stopping.is_none() {
                        // Work that ends by itself, or is dropped, wants no more of the lock.
                        self.shutdown_told = true;
                        self.feed(&mut elector, Input::Shutdown, &mut returned);
                    }
                    self.term = None;
                    self.stopping = None;
                    self.feed(&mut elector, Input::WorkStopped, &mut returned);
                }
                Happening::Time => {
                    if self.work_is_overdue() {
                        return Err(WorkRunsOn);
                    }
                    self.feed(&mut elector, Input::Wake, &mut returned);
                }
            }
        }
    }

    /// Waits for what comes next.
    async fn next(&mut self, elector: &Elector) -> Happening {
        let wake = elector.next_wake().map(|(at, _)| at);
        let stopping =
            self.stopping.map(|stopping| if stopping.cut { stopping.give_up_at } else { stopping.cut_at });
        let wake = [wake, stopping].into_iter().flatten().min();
        let confirmed = async {
            match &self.term {
                Some(term) => self.confirmed.of(term.number()).await,
                None => std::future::pending().await,
            }
        };
        let in_flight = async {
            match &mut self.in_flight {
                Some(in_flight) => in_flight.answer().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.parts.shutdown.cancelled(), if !self.shutdown_told => {
                self.shutdown_told = true;
                Happening::Input(Input::Shutdown)
            }
            () = confirmed => Happening::Confirmed,
            (id, answer) = in_flight => Happening::Input(self.answered(id, answer)),
            () = self.timer.sleep_until(wake) => Happening::Time,
        }
    }

    fn answered(&mut self, id: RequestId, answer: super::request::Answered) -> Input {
        let sent = self.in_flight.take();
        let result = answer.and_then(|seen| match &sent {
            Some(sent) => sent.reply(seen, &mut self.names),
            None => unreachable!("an answer without a request"),
        });
        if let Some(sent) = &sent {
            let took = Duration::from_nanos(self.clock.local().since(sent.sent).as_nanos());
            match &result {
                Ok(Reply::Written { .. }) if sent.holds => {
                    self.parts.health.held(self.clock.local());
                    if let (Some(metrics), Some(_)) = (&self.parts.metrics, &self.term) {
                        metrics.renewed(took);
                    }
                }
                Ok(_) => {}
                Err(refusal) if refusal.is_routine() => debug!(?took, %refusal, "not granted"),
                Err(refusal) => warn!(?took, %refusal, "a request on the lock failed"),
            }
        }
        Input::Response { id, result: result.map_err(|refusal| refusal.failure) }
    }

    /// The core's loop: one input, then every output, then what follows from them for others.
    fn feed(&mut self, elector: &mut Elector, input: Input, returned: &mut Option<StopReason>) {
        let mut input = Some(input);
        while let Some(next) = input.take() {
            let now = self.clock.read();
            elector.handle(now, next);
            while let Some(output) = elector.poll_output() {
                match output {
                    Output::Request { id, op, deadline: _ } => self.send(now.local, id, op),
                    Output::Abandon { id } => self.abandon(id),
                    Output::Choose { up_to } => input = Some(Input::Choice(self.draw(up_to))),
                    Output::Event(Event::StartedLeading { token }) => self.started_leading(elector, token),
                    Output::Event(Event::StoppedLeading { reason }) => {
                        self.stopped_leading(now.local, reason)
                    }
                    Output::Event(Event::NewLeader(holder)) => {
                        let name = self.names.name(holder).to_owned();
                        self.new_leader(&name);
                    }
                    Output::Event(Event::SlowPath) => {
                        self.parts.metrics.iter().for_each(ElectionMetrics::slow_path);
                    }
                    Output::Event(Event::Returned { reason }) => *returned = Some(reason),
                }
            }
        }
        self.publish(elector, returned.is_some());
    }

    fn send(&mut self, now: LocalInstant, id: RequestId, op: Op) {
        self.in_flight = Some(InFlight::send(&*self.parts.lock, &self.names, now, id, op));
    }

    fn abandon(&mut self, id: RequestId) {
        if self.in_flight.take_if(|in_flight| in_flight.id == id).is_some() {
            debug!("gave up on a request; if it was a write, it may yet be applied");
        }
    }

    fn draw(&mut self, up_to: Span) -> Span {
        let range = u128::from(up_to.as_nanos()) + 1;
        let drawn = (u128::from(self.rng.next_u64()) * range) >> 64;
        Span::from_nanos(u64::try_from(drawn).unwrap_or(0))
    }

    fn started_leading(&mut self, elector: &Elector, token: FencingToken) {
        self.terms += 1;
        info!(identity = %self.parts.identity, token = token.0, "became leader");
        let identity = Arc::clone(&self.parts.identity);
        let term = TermGuard::new(self.terms, token, identity, self.clock, Arc::clone(&self.confirmed));
        term.set_until(elector.acts_until());
        let leadership = term.leadership.clone();
        self.term = Some(term);
        self.parts.metrics.iter().for_each(|metrics| metrics.leads(true));
        if let Some(events) = &mut self.parts.events {
            events.tell(self.parts.lock.references(), BECAME_LEADER);
        }
        self.set_role(Role::Leading(leadership));
    }

    fn stopped_leading(&mut self, now: LocalInstant, reason: StopReason) {
        info!(identity = %self.parts.identity, ?reason, "stopped leading");
        self.parts.metrics.iter().for_each(|metrics| metrics.leads(false));
        if let Some(events) = &mut self.parts.events {
            events.tell(self.parts.lock.references(), STOPPED_LEADING);
        }
        let Some(term) = &self.term else { return };
        let grace = if reason == StopReason::Shutdown { self.parts.patience.grace } else { Duration::ZERO };
        let cut_at = now + span(grace);
        let give_up_at = cut_at + span(self.parts.patience.stop_timeout);
        self.stopping = Some(Stopping { cut_at, give_up_at, cut: false });
        // First the role, or somebody quick would look at it and find this term still leading.
        self.set_role(Role::Stopping(term.leadership.clone(), reason));
        term.lose(reason);
    }

    fn new_leader(&mut self, name: &str) {
        if !name.is_empty() {
            info!(leader = name, "new leader");
            // Also where the lock was released in between.
            let last = std::mem::replace(&mut self.last_holder, name.to_owned());
            if !last.is_empty() && last != name {
                self.parts.metrics.iter().for_each(ElectionMetrics::transition);
            }
        }
        self.parts.status.send_modify(|status| status.leader = name.into());
        if let Some(on_new_leader) = &self.parts.on_new_leader {
            on_new_leader(name);
        }
    }

    /// Tells the term and the health check what the core now thinks.
    fn publish(&mut self, elector: &Elector, returned: bool) {
        let now = self.clock.local();
        if let Some(term) = &self.term {
            term.set_until(elector.acts_until());
        }
        if let Some(stopping) = &mut self.stopping
            && !stopping.cut
        {
            // Whatever time it was given to stop by itself, it has no longer than its right.
            let over = elector.acts_until().is_none_or(|until| until <= now) || returned;
            let cut_at = if over { now } else { stopping.cut_at };
            stopping.give_up_at = stopping.give_up_at.min(cut_at + span(self.parts.patience.stop_timeout));
            stopping.cut_at = cut_at;
            if cut_at <= now {
                stopping.cut = true;
                self.term.iter().for_each(TermGuard::cut);
            }
        }
        let holds = elector.observed_holder() == Names::ME && !returned;
        if !holds {
            self.parts.health.not_held();
        } else if !self.parts.health.is_held() {
            self.parts.health.held(now);
        }
    }

    /// Whether the work was waited for long enough.
    fn work_is_overdue(&self) -> bool {
        let now = self.clock.local();
        let overdue = self.stopping.is_some_and(|stopping| stopping.cut && stopping.give_up_at <= now);
        if overdue {
            warn!("the guarded work does not stop; the lock is left to expire");
        }
        overdue
    }

    fn set_role(&self, role: Role) {
        self.parts.status.send_modify(|status| status.role = role);
    }
}

fn span(duration: Duration) -> Span {
    Span::from_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
