//! What sets faults off, and what they do.

use super::network::Window;
use super::plan::{Draw, Edit, Fault, FaultPlan, Leg, Plan, Trigger, TriggerEvent, Who};
use super::queue::Class;
use super::rng::Rng;
use super::schedule::Deed;
use super::trace::TraceKind;
use super::world::{Happening, World};

/// How far a planned fault has come in this run.
#[derive(Clone, Debug)]
pub(super) struct FaultState {
    rng: Rng,
    /// Occurrences of the event that it waits for.
    seen: u32,
    /// It waits for an instant that an occurrence has set.
    armed: bool,
    fired: u32,
}

/// A fault under way.
#[derive(Clone, Debug)]
pub(super) struct ActiveFault {
    fault: usize,
    nodes: u64,
    /// The processes that it befell, for what ends with them.
    processes: Vec<u32>,
    over: bool,
}

impl Plan {
    /// Whether reads of old states are needed.
    pub(super) fn needs_history(&self) -> bool {
        self.server.stale_reads.is_some()
            || self.faults.iter().any(|fault| matches!(fault.fault, Fault::ServerStale(_)))
    }
}

impl World<'_> {
    pub(super) fn reset_faults(&mut self, rng: impl Fn(usize) -> Rng) {
        self.faults.clear();
        self.fault_state.clear();
        for (index, fault) in self.plan.faults.iter().enumerate() {
            let mut state = FaultState { rng: rng(index), seen: 0, armed: false, fired: 0 };
            if let Trigger::At(at) = &fault.when
                && !self.follows_schedule()
            {
                let begins = Happening::FaultBegins { fault: index, term: None };
                self.queue.push(state.rng.draw(at), Class::World, begins);
            }
            self.fault_state.push(state);
        }
    }

    pub(super) fn process_started(&mut self, node: usize) {
        self.occurred(TriggerEvent::Started, Some(node), None);
    }

    pub(super) fn process_ended(&mut self, node: usize) {
        self.occurred(TriggerEvent::Ended, Some(node), None);
    }

    pub(super) fn leading_began(&mut self, node: usize) {
        let term = self.nodes[node].terms;
        self.occurred(TriggerEvent::Leading, Some(node), Some((node, term)));
    }

    pub(super) fn term_ended(&mut self, node: usize) {
        self.occurred(TriggerEvent::StoppedLeading, Some(node), None);
    }

    /// Arms the faults that wait for this.
    fn occurred(&mut self, event: TriggerEvent, node: Option<usize>, term: Option<(usize, u32)>) {
        if self.follows_schedule() {
            return;
        }
        for (index, fault) in self.plan.faults.iter().enumerate() {
            let Trigger::After { event: awaited, node: whose, nth, after } = &fault.when else { continue };
            if *awaited != event || (whose.is_some() && *whose != node) {
                continue;
            }
            let state = &mut self.fault_state[index];
            state.seen += 1;
            if state.seen >= *nth && !state.armed && state.fired == 0 {
                state.armed = true;
                let at = self.now + state.rng.draw(after);
                self.queue.push(at, Class::World, Happening::FaultBegins { fault: index, term });
            }
        }
    }

    pub(super) fn fault_begins(&mut self, index: usize, term: Option<(usize, u32)>) {
        self.fault_state[index].armed = false;
        if let Some((node, number)) = term
            && !(self.nodes[node].leading && self.nodes[node].terms == number)
        {
            // The term did not last: the next one counts.
            return;
        }
        let plan = self.plan;
        let fault = &plan.faults[index];
        self.repeat(index, fault);
        let nodes = self.befallen(index, &fault.fault);
        let until = fault.lasts.as_ref().map(|lasts| self.now + self.fault_state[index].rng.draw(lasts));
        let active = self.faults.len();
        if until.is_some() || !fault.fault.leaves_nothing() {
            let pauses = matches!(fault.fault, Fault::Pause { .. });
            let processes =
                if pauses { self.nodes.iter().map(|node| node.process).collect() } else { Vec::new() };
            self.faults.push(ActiveFault { fault: index, nodes, processes, over: false });
        }
        self.note(None, |world| TraceKind::FaultBegan {
            fault: index,
            nodes: (0..world.nodes.len()).filter(|node| nodes & (1 << node) != 0).collect(),
        });
        if self.may_cost_leadership(&fault.fault, nodes) {
            self.observer.suspect(index, self.now, until.or(fault.fault.is_brief().then_some(self.now)));
        }
        if let Some(until) = until {
            self.queue.push(until, Class::World, Happening::FaultEnds(active));
        }
        self.befall(active, index, &fault.fault, nodes, until.unwrap_or(u64::MAX));
        self.occurred(TriggerEvent::FaultBegan(index), None, None);
    }

    fn repeat(&mut self, index: usize, fault: &FaultPlan) {
        let state = &mut self.fault_state[index];
        state.fired += 1;
        if let Some(every) = &fault.every
            && state.fired < fault.times
        {
            let at = self.now + state.rng.draw(every).max(1);
            self.queue.push(at, Class::World, Happening::FaultBegins { fault: index, term: None });
        }
    }

    fn befallen(&mut self, index: usize, fault: &Fault) -> u64 {
        let Some(who) = fault.who() else { return 0 };
        let all = u64::MAX >> (64 - self.nodes.len().max(1));
        let acting = self.observer.acting();
        let last = self.observer.last_leader().map_or(0, |node| 1_u64 << node);
        let leader = if acting & last != 0 || acting == 0 { last } else { lowest(acting) };
        match who {
            Who::Node(node) => 1 << node,
            Who::Leader => leader,
            Who::Followers => all & !leader,
            Who::All => all,
            Who::Any => self.one_of(index, all),
            Who::Follower => self.one_of(index, all & !leader),
        }
    }

    fn one_of(&mut self, index: usize, nodes: u64) -> u64 {
        let skip = self.fault_state[index].rng.below(u64::from(nodes.count_ones()));
        let mut rest = nodes;
        for _ in 0..skip {
            rest &= rest.wrapping_sub(1);
        }
        lowest(rest)
    }

    /// Whether this fault is to blame if the next term is another's.
    fn may_cost_leadership(&self, fault: &Fault, nodes: u64) -> bool {
        let acting = self.observer.acting();
        match fault {
            // Metadata is not what an election goes by.
            Fault::Start { .. } | Fault::Edit(Edit::Annotate) => false,
            // A clock that goes wrong may make anybody steal the Lease.
            Fault::StepWallClock { .. } | Fault::ClockRate { .. } => acting != 0,
            Fault::ServerErrors(_)
            | Fault::StorageWithoutLeader { .. }
            | Fault::ServerDown
            | Fault::ServerSlow(_)
            | Fault::ServerStale(_)
            | Fault::Edit(_) => acting != 0,
            _ => acting & nodes != 0,
        }
    }

    fn befall(&mut self, active: usize, index: usize, fault: &Fault, nodes: u64, until: u64) {
        match fault {
            Fault::Crash(_) => self.each(nodes, Self::crash),
            Fault::Terminate(_) => self.each(nodes, Self::terminate),
            Fault::Start { new_identity, .. } => {
                self.each(nodes, |world, node| world.start_process(node, *new_identity));
            }
            Fault::Pause { suspend, .. } => self.each(nodes, |world, node| world.pause(node, *suspend)),
            Fault::Throttle { .. } => self.throttle(active),
            Fault::Link { leg, effect, only, count, applied_after_cancel, .. } => self.windows.push(Window {
                active,
                nodes,
                leg: *leg,
                effect: effect.clone(),
                only: *only,
                count_left: count.unwrap_or(u32::MAX),
                until,
                applied_after_cancel: *applied_after_cancel,
            }),
            Fault::StepWallClock { by_ns, .. } => {
                self.each(nodes, |world, node| world.step_wall_clock(node, *by_ns));
            }
            Fault::ClockRate { rate_ppm, .. } => {
                self.each(nodes, |world, node| world.change_clock_rate(node, *rate_ppm));
            }
            Fault::ServerErrors(rate) => self.server.trouble.errors.push((active, rate.clone())),
            Fault::StorageWithoutLeader { applied } => {
                self.server.trouble.without_leader.push((active, *applied));
            }
            Fault::ServerDown => {
                self.server.trouble.down += 1;
                self.server.trouble.went_down += 1;
            }
            Fault::ServerSlow(by) => self.server.trouble.slow.push((active, by.clone())),
            Fault::ServerStale(stale) => self.server.trouble.stale.push((active, stale.clone())),
            Fault::Edit(edit) => self.edit(index, edit),
        }
    }

    fn each(&mut self, nodes: u64, mut what: impl FnMut(&mut Self, usize)) {
        for node in 0..self.nodes.len() {
            if nodes & (1 << node) != 0 {
                what(self, node);
            }
        }
    }

    pub(super) fn edit(&mut self, index: usize, edit: &Edit) {
        self.record(|| Deed::Edit(edit.clone()));
        let wall = self.wall();
        self.server.edit(self.now, wall, index, edit);
        self.note(None, |world| TraceKind::Environment { edit: edit.name(), lease: world.server.state() });
    }

    pub(super) fn fault_ends(&mut self, active: usize) {
        let ActiveFault { fault: index, nodes, .. } = self.faults[active];
        self.faults[active].over = true;
        let plan = self.plan;
        self.note(None, |_| TraceKind::FaultEnded { fault: index });
        self.windows.retain(|window| window.active != active);
        let trouble = &mut self.server.trouble;
        match &plan.faults[index].fault {
            Fault::Crash(_) => self.each(nodes, |world, node| world.start_process(node, false)),
            Fault::Pause { suspend, .. } => {
                let processes = std::mem::take(&mut self.faults[active].processes);
                self.each(nodes, |world, node| world.resume(node, processes[node], *suspend));
            }
            Fault::ServerErrors(_) => trouble.errors.retain(|&(of, _)| of != active),
            Fault::StorageWithoutLeader { .. } => {
                let wall = self.wall();
                self.server.storage_recovers(self.now, wall, active);
            }
            Fault::ServerDown => trouble.down = trouble.down.saturating_sub(1),
            Fault::ServerSlow(_) => trouble.slow.retain(|(of, _)| *of != active),
            Fault::ServerStale(_) => trouble.stale.retain(|(of, _)| *of != active),
            Fault::StepWallClock { by_ns, .. } => {
                self.each(nodes, |world, node| world.step_wall_clock(node, -by_ns));
            }
            Fault::ClockRate { .. } => self.each(nodes, |world, node| {
                let rate_ppm = world.rate_under_faults(node);
                world.change_clock_rate(node, rate_ppm);
            }),
            _ => {}
        }
        self.occurred(TriggerEvent::FaultEnded(index), None, None);
    }

    /// A node's clock rate by the last fault under way that sets it, or its own.
    fn rate_under_faults(&self, node: usize) -> i32 {
        let under_way =
            self.faults.iter().rev().filter(|active| !active.over && active.nodes & (1 << node) != 0);
        let rates = under_way.filter_map(|active| match self.plan.faults[active.fault].fault {
            Fault::ClockRate { rate_ppm, .. } => Some(rate_ppm),
            _ => None,
        });
        rates.into_iter().next().unwrap_or(self.plan.nodes[node].clock.rate_ppm)
    }

    /// Stops the throttled nodes for a part of the period, and comes again with the next.
    pub(super) fn throttle(&mut self, active: usize) {
        let ActiveFault { fault, nodes, over, .. } = self.faults[active];
        let Fault::Throttle { period_ns, stopped_ns, .. } = self.plan.faults[fault].fault else { return };
        if over {
            return;
        }
        self.each(nodes, |world, node| {
            world.pause(node, false);
            let resume = Happening::Resume { node, process: world.nodes[node].process };
            world.queue.push(world.now + stopped_ns, Class::World, resume);
        });
        self.queue.push(self.now + period_ns.max(1), Class::World, Happening::Throttle(active));
    }
}

fn lowest(nodes: u64) -> u64 {
    nodes & nodes.wrapping_neg()
}

impl Fault {
    fn who(&self) -> Option<Who> {
        match self {
            Self::Crash(who)
            | Self::Terminate(who)
            | Self::Start { who, .. }
            | Self::Pause { who, .. }
            | Self::Throttle { who, .. }
            | Self::Link { who, .. }
            | Self::StepWallClock { who, .. }
            | Self::ClockRate { who, .. } => Some(*who),
            _ => None,
        }
    }

    /// Whether it is over at once and nothing need be undone, if nothing says how long it lasts.
    fn leaves_nothing(&self) -> bool {
        matches!(
            self,
            Self::Edit(_)
                | Self::StepWallClock { .. }
                | Self::Crash(_)
                | Self::Terminate(_)
                | Self::Start { .. }
        )
    }

    /// Whether it is over at once if nothing says how long it lasts. A process that was told to stop does so for
    /// good, even if it renews until its work has stopped.
    fn is_brief(&self) -> bool {
        matches!(self, Self::Edit(_) | Self::StepWallClock { .. } | Self::Link { count: Some(_), .. })
    }
}

impl Edit {
    /// The name in traces.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Recreate => "recreate",
            Self::Create => "create",
            Self::Annotate => "annotate",
            Self::SetHolder(_) => "set_holder",
            Self::ClearHolder => "clear_holder",
            Self::SetDuration(_) => "set_duration",
            Self::Restore => "restore",
        }
    }
}

impl Leg {
    /// The name in scenarios and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Both => "both",
        }
    }
}

impl From<u64> for Draw {
    fn from(nanos: u64) -> Self {
        Self::Fixed(nanos)
    }
}
