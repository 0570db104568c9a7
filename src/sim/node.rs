//! A replica: its process, clocks and pauses, and the driver's loop around its elector.

use super::clock::Clock;
use super::plan::{Draw, NodePlan, Verb};
use super::queue::Class;
use super::rng::{Rng, Stream};
use super::schedule::Deed;
use super::trace::{RequestResult, TraceKind};
use super::world::{Happening, World};
use crate::core::{
    Elector, Event, Identity, IdentityId, Input, LocalInstant, Output, RequestId, Span, WakeReason,
};

/// Never, for [`Node::wake`].
const NEVER: (u64, u8) = (u64::MAX, u8::MAX);

#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Whether a process runs (or is paused).
    pub(super) alive: bool,
    /// The process's number on this node, from 1.
    pub(super) process: u32,
    /// The process's elector; none in a process that does not elect.
    pub(super) elector: Option<Elector>,
    pub(super) identity: IdentityId,
    pub(super) clock: Clock,
    /// When the elector wants to be woken, and what class of event that is.
    pub(super) wake: (u64, u8),
    pub(super) pauses: u32,
    /// How many of the pauses are suspends of the machine, which may stop the clock.
    suspends: u32,
    /// What arrived while it was paused.
    inbox: Vec<Happening>,
    /// The request that the elector waits for, and its number in the trace.
    pub(super) awaited: Option<(RequestId, u32, Verb)>,
    /// How many requests it has sent, over all its processes.
    pub(super) sent: u32,
    /// When the elector asked for a choice, and the largest; only where a schedule makes it.
    pub(super) asked: Option<(u64, Span)>,
    /// The guarded work was told to stop; only where a schedule says when it has.
    pub(super) stopping: bool,
    /// Terms begun on this node, over all its processes.
    pub(super) terms: u32,
    pub(super) leading: bool,
    pub(super) token: u64,
    returned: bool,
    pub(super) work_runs: bool,
    ignored_before: u32,
    pub(super) scripted: usize,
    pub(super) rng: Rng,
    pub(super) process_rng: Rng,
    pub(super) link_rng: Rng,
}

impl Node {
    pub(super) fn new(plan: &NodePlan) -> Self {
        let rng = Rng::new(0, 0, Stream::Server);
        Self {
            alive: false,
            process: 0,
            elector: None,
            identity: IdentityId::NOBODY,
            clock: Clock::new(&plan.clock),
            wake: NEVER,
            pauses: 0,
            suspends: 0,
            inbox: Vec::new(),
            awaited: None,
            sent: 0,
            asked: None,
            stopping: false,
            terms: 0,
            leading: false,
            token: 0,
            returned: false,
            work_runs: false,
            ignored_before: 0,
            scripted: 0,
            rng: rng.clone(),
            process_rng: rng.clone(),
            link_rng: rng,
        }
    }

    pub(super) fn reset(&mut self, plan: &NodePlan, seed: u64, run: u64, index: usize) {
        let inbox = core::mem::take(&mut self.inbox);
        *self = Self::new(plan);
        self.inbox = inbox;
        self.inbox.clear();
        self.rng = Rng::new(seed, run, Stream::Node(index));
        self.process_rng = Rng::new(seed, run, Stream::Process(index));
        self.link_rng = Rng::new(seed, run, Stream::Link(index));
    }

    #[inline]
    pub(super) fn may_act(&self, now: u64) -> bool {
        self.alive
            && match &self.elector {
                Some(elector) => elector.acts_until().is_some_and(|until| self.clock.local(now) < until),
                None => self.work_runs,
            }
    }

    pub(super) fn ignored_responses(&self) -> u32 {
        self.ignored_before + self.elector.as_ref().map_or(0, Elector::ignored_responses)
    }

    #[inline]
    pub(super) fn schedule_wake(&mut self) {
        self.wake = NEVER;
        if self.pauses > 0 || !self.alive {
            return;
        }
        let Some((local, reason)) = self.elector.as_ref().and_then(Elector::next_wake) else { return };
        let class = match reason {
            WakeReason::LeadDeadline | WakeReason::RequestDeadline | WakeReason::QuarantineOver => {
                Class::Deadline
            }
            WakeReason::Renew | WakeReason::Acquire => Class::Timer,
        };
        if let Some(at) = self.clock.true_time(local) {
            self.wake = (at, class as u8);
        }
    }
}

impl World<'_> {
    pub(super) fn start_process(&mut self, index: usize, new_identity: bool) {
        if self.put_off(index, Happening::Start { node: index, new_identity }) || self.nodes[index].alive {
            return;
        }
        self.record(|| Deed::Start { node: index, new_identity });
        let plan = &self.plan.nodes[index];
        let node = &mut self.nodes[index];
        node.alive = true;
        node.process += 1;
        node.returned = false;
        node.work_runs = false;
        node.awaited = None;
        let name = if new_identity {
            smol_str::format_smolstr!("{}-{}", plan.identity, node.process)
        } else {
            plan.identity.clone()
        };
        node.identity = self.server.names.id(&name);
        node.elector = plan.elector.map(|config| {
            // Different for every process that shares the identity: by node, then by process.
            let incarnation = node.process.wrapping_mul(64).wrapping_add(index as u32) % 1_000_000;
            Elector::new(config, Identity { id: node.identity, incarnation })
        });
        self.note(Some(index), |_| TraceKind::ProcessStarted { identity: name });
        self.process_started(index);
        if plan.elector.is_some() {
            self.feed(index, Input::Start);
        } else {
            // Without an election there is no token; later starters count as newer.
            self.term_begins(index, self.observer.outcome.terms + 1);
            self.look(index);
        }
    }

    /// The process vanishes.
    pub(super) fn crash(&mut self, index: usize) {
        if !self.nodes[index].alive {
            return;
        }
        self.record(|| Deed::Crash { node: index });
        if self.plan.crash_loses_requests {
            self.disown_messages(index);
        }
        self.end_process(index, true);
    }

    fn end_process(&mut self, index: usize, crashed: bool) {
        let node = &mut self.nodes[index];
        node.alive = false;
        node.wake = NEVER;
        node.awaited = None;
        node.asked = None;
        node.stopping = false;
        node.pauses = node.suspends;
        node.inbox.clear();
        node.ignored_before += node.elector.as_ref().map_or(0, Elector::ignored_responses);
        node.elector = None;
        node.work_runs = false;
        let led = core::mem::take(&mut node.leading);
        self.note(Some(index), |_| TraceKind::ProcessEnded { crashed });
        self.look(index);
        if led {
            self.term_ended(index);
        }
        self.process_ended(index);
        if let Some(restart) = &self.plan.nodes[index].restart
            && !self.follows_schedule()
        {
            let after = self.nodes[index].process_rng.draw(&restart.after);
            let start = Happening::Start { node: index, new_identity: restart.new_identity };
            self.queue.push(self.now + after, Class::World, start);
        }
    }

    /// SIGTERM.
    pub(super) fn terminate(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if !node.alive {
            return;
        }
        if node.pauses > 0 {
            return node.inbox.push(Happening::Terminate(index));
        }
        self.record(|| Deed::Terminate { node: index });
        if self.nodes[index].elector.is_some() {
            self.feed(index, Input::Shutdown);
        } else {
            self.end_process(index, false);
        }
    }

    pub(super) fn pause(&mut self, index: usize, suspend: bool) {
        let node = &mut self.nodes[index];
        node.pauses += 1;
        if suspend {
            node.suspends += 1;
            node.clock.suspend(self.now);
        }
        node.wake = NEVER;
        self.look_again(index);
        if self.nodes[index].pauses == 1 {
            // A process that starts on a machine that stands still does so when that goes on.
            if self.nodes[index].alive {
                self.record(|| Deed::Pause { node: index });
            }
            self.note(Some(index), |_| TraceKind::Paused);
        }
    }

    /// A pause of a process ends with that process; a suspend is the machine's.
    pub(super) fn resume(&mut self, index: usize, process: u32, suspend: bool) {
        let node = &mut self.nodes[index];
        if !suspend && (node.process != process || node.pauses <= node.suspends) {
            return;
        }
        node.pauses = node.pauses.saturating_sub(1);
        if suspend {
            node.suspends = node.suspends.saturating_sub(1);
            if node.suspends == 0 {
                node.clock.resume(self.now);
            }
        }
        if node.pauses > 0 {
            return self.look_again(index);
        }
        let mut inbox = core::mem::take(&mut node.inbox);
        self.note(Some(index), |_| TraceKind::Resumed);
        if self.nodes[index].alive {
            self.record(|| Deed::Resume { node: index });
        }
        // What was about to be sent is sent before anything is noticed: the thread goes on where it stood.
        inbox.retain(|happening| {
            let about_to_send = matches!(happening, Happening::WorkSends { .. });
            if about_to_send {
                self.happen(*happening);
            }
            !about_to_send
        });
        if self.follows_schedule() {
            return self.nodes[index].schedule_wake();
        }
        if self.nodes[index].alive {
            self.wake(index);
        }
        for happening in inbox {
            self.queue.push(self.now, Class::Response, happening);
        }
    }

    /// Keeps what happens to a paused node for later. Returns whether it did.
    pub(super) fn put_off(&mut self, index: usize, happening: Happening) -> bool {
        let node = &mut self.nodes[index];
        let paused = node.pauses > 0;
        if paused {
            node.inbox.push(happening);
        }
        paused
    }

    #[inline]
    pub(super) fn wake(&mut self, index: usize) {
        if self.recording.is_some() && self.due_since(index).is_some() {
            self.record(|| Deed::Wake { node: index });
        }
        self.feed(index, Input::Wake);
    }

    /// Since when one of the elector's timers has been due, by true time; nothing if none is.
    pub(super) fn due_since(&self, index: usize) -> Option<u64> {
        let node = &self.nodes[index];
        let (local, _) = node.elector.as_ref().and_then(Elector::next_wake)?;
        (local <= node.clock.local(self.now)).then(|| node.clock.true_time(local).unwrap_or(self.now))
    }

    /// The driver's loop: one input, then every output, then the next wake.
    #[inline]
    pub(super) fn feed(&mut self, index: usize, input: Input) {
        let reading = self.nodes[index].clock.read(self.now);
        let mut input = Some(input);
        while let Some(next) = input.take() {
            let Some(elector) = &mut self.nodes[index].elector else { return };
            elector.handle(reading, next);
            while let Some(output) = self.nodes[index].elector.as_mut().and_then(Elector::poll_output) {
                match output {
                    Output::Request { id, op, deadline: _ } => self.send(index, id, op),
                    Output::Abandon { id } => self.give_up(index, id),
                    Output::Choose { up_to } if self.follows_schedule() => {
                        self.nodes[index].asked = Some((self.now, up_to));
                    }
                    Output::Choose { up_to } => {
                        let extra = self.choose(index, up_to);
                        self.record(|| Deed::Choose { node: index, extra_ns: extra.as_nanos() });
                        input = Some(Input::Choice(extra));
                    }
                    Output::Event(event) => {
                        if self.on_event(index, event) {
                            input = Some(Input::WorkStopped);
                        }
                    }
                }
            }
        }
        self.nodes[index].schedule_wake();
        self.look(index);
        self.look_again(index);
        self.end_if_done(index);
    }

    /// Where the right to act ends before the elector wants to be woken, somebody must look then.
    #[inline]
    fn look_again(&mut self, index: usize) {
        let node = &self.nodes[index];
        let until = node.elector.as_ref().and_then(Elector::acts_until);
        if let Some(at) = until.and_then(|until| node.clock.true_time(until))
            && at > self.now
            && at < node.wake.0
        {
            self.queue.push(at, Class::Deadline, Happening::Look(index));
        }
    }

    fn choose(&mut self, index: usize, up_to: Span) -> Span {
        let node = &mut self.nodes[index];
        if let Some(script) = &self.script {
            let retry = self.plan.nodes[index].elector.map_or(0, |c| c.timings().retry_period.as_nanos());
            let next = script.sends[index].get(node.scripted).map_or(u64::MAX, |&(at, _)| at);
            let extra = next.saturating_sub(self.now).saturating_sub(retry);
            return Span::from_nanos(extra).min(up_to);
        }
        if let Some(grid) = self.grid_ns {
            return Span::from_nanos(node.rng.below(up_to.as_nanos() / grid + 1) * grid);
        }
        Span::from_nanos(node.rng.below(up_to.as_nanos()))
    }

    /// Returns whether the work has already stopped.
    fn on_event(&mut self, index: usize, event: Event) -> bool {
        match event {
            Event::StartedLeading { token } => self.term_begins(index, token.0),
            Event::StoppedLeading { reason } => {
                self.note(Some(index), |_| TraceKind::StoppedLeading { reason });
                let planned = &self.plan.nodes[index].drain;
                let at_once = *planned == Draw::Fixed(0);
                if self.follows_schedule() && !at_once {
                    self.nodes[index].stopping = true;
                    return false;
                }
                let drain = self.nodes[index].process_rng.draw(planned);
                if drain == 0 {
                    if !at_once {
                        self.record(|| Deed::WorkStopped { node: index });
                    }
                    self.nodes[index].work_runs = false;
                    self.note(Some(index), |_| TraceKind::WorkStopped);
                    return true;
                }
                let process = self.nodes[index].process;
                let stopped = Happening::WorkStopped { node: index, process };
                self.queue.push(self.now + drain, Class::Timer, stopped);
            }
            Event::NewLeader(id) => {
                self.note(Some(index), |world| TraceKind::NewLeader { holder: world.server.names.name(id) });
            }
            Event::SlowPath => {}
            Event::Returned { reason } => {
                self.nodes[index].returned = true;
                self.note(Some(index), |_| TraceKind::Returned { reason });
            }
        }
        false
    }

    fn term_begins(&mut self, index: usize, token: u64) {
        let node = &mut self.nodes[index];
        node.terms += 1;
        node.leading = true;
        node.work_runs = true;
        node.token = token;
        let process = node.process;
        self.note(Some(index), |_| TraceKind::StartedLeading { token });
        if self.observer.term_began(self.now, index, process) {
            self.failover_seen();
        }
        self.leading_began(index);
        self.work_begins(index);
    }

    pub(super) fn work_stopped(&mut self, index: usize, process: u32) {
        let node = &mut self.nodes[index];
        if !node.alive || node.process != process {
            return;
        }
        if !self.put_off(index, Happening::WorkStopped { node: index, process }) {
            self.record(|| Deed::WorkStopped { node: index });
            self.nodes[index].stopping = false;
            self.nodes[index].work_runs = false;
            self.note(Some(index), |_| TraceKind::WorkStopped);
            self.feed(index, Input::WorkStopped);
        }
    }

    /// A process ends when its elector has returned and its work has stopped.
    #[inline]
    fn end_if_done(&mut self, index: usize) {
        let node = &self.nodes[index];
        if node.alive && node.returned && !node.work_runs {
            self.end_process(index, false);
        } else if node.leading && !node.work_runs {
            self.nodes[index].leading = false;
            self.term_ended(index);
        }
    }

    /// The elector no longer waits for its request.
    fn give_up(&mut self, index: usize, id: RequestId) {
        if let Some((_, trace_id, verb)) = self.nodes[index].awaited.take_if(|awaited| awaited.0 == id) {
            self.abandon_messages(index, id);
            self.request_done(index, verb, trace_id, RequestResult::Timeout);
        }
    }

    pub(super) fn local_now(&self, index: usize) -> LocalInstant {
        self.nodes[index].clock.local(self.now)
    }

    pub(super) fn elector_allows(&self, index: usize) -> bool {
        let local = self.local_now(index);
        match &self.nodes[index].elector {
            Some(elector) => elector.may_act(local),
            None => self.nodes[index].alive,
        }
    }
}

impl World<'_> {
    pub(super) fn step_wall_clock(&mut self, index: usize, by_ns: i64) {
        self.record(|| Deed::StepWallClock { node: index, by_ns });
        self.nodes[index].clock.step_wall(by_ns);
    }

    pub(super) fn change_clock_rate(&mut self, index: usize, rate_ppm: i32) {
        self.record(|| Deed::ClockRate { node: index, rate_ppm });
        let node = &mut self.nodes[index];
        node.clock.set_rate(self.now, rate_ppm);
        node.schedule_wake();
        self.look_again(index);
    }
}
