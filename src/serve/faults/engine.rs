//! Which faults are under way, what sets them off and what ends them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use smol_str::SmolStr;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fate::{Fate, Gate};
use crate::serve::request::{Request, Target};
use crate::sim::Plan;
use crate::sim::plan::{Edit, Fault, FaultPlan, Leg, LinkEffect, Trigger, TriggerEvent, Verb, Who};
use crate::sim::rng::{Rng, Stream};
use crate::store::LeaseSpec;

/// The faults of one server.
pub(crate) struct Engine {
    state: Mutex<State>,
    /// Changes whenever a fault ends.
    ended: watch::Sender<u64>,
}

/// A fault under way.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub(crate) id: u64,
    pub(crate) name: SmolStr,
    pub(crate) fault: Fault,
    /// The clients that it befell, a bit each.
    pub(crate) clients: u64,
    /// How many requests it still strikes.
    pub(crate) left: u32,
    /// The fault of the scenario that it comes from.
    planned: Option<usize>,
}

/// A write that the storage applies once it has a leader again.
pub(crate) struct HeldCall {
    pub(crate) outage: u64,
    pub(crate) client: usize,
    pub(crate) request: Arc<Request>,
    pub(crate) target: Target,
    pub(crate) body: Bytes,
}

/// What the engine wants done, now or later, outside its lock.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Begin a planned fault after a while; `term` must still be under way then.
    Begin { fault: usize, after: Duration, term: Option<(usize, u32)> },
    /// End a fault after a while.
    End { id: u64, after: Duration },
    /// Do something to the Lease.
    Edit { fault: SmolStr, edit: Edit },
}

pub(super) struct State {
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) rng: Rng,
    pub(super) active: Vec<Active>,
    clients: usize,
    next_id: u64,
    progress: Vec<Progress>,
    held: Vec<HeldCall>,
    leader: Option<usize>,
    last_leader: Option<usize>,
    terms: u32,
    lock: Option<(SmolStr, SmolStr)>,
    saved: Vec<(SmolStr, LeaseSpec)>,
    /// Revisions and when they came to be, for reads that lag behind.
    history: Vec<(Instant, u64)>,
}

/// How far a planned fault has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    seen: u32,
    armed: bool,
    fired: u32,
}

/// So many revisions are remembered for stale reads.
const HISTORY_MAX: usize = 4_096;
/// So many writes wait for the end of an outage, and so much of their bodies.
const HELD_MAX: usize = 1_024;
const HELD_BYTES_MAX: usize = 64 << 20;

impl Engine {
    pub(crate) fn new(clients: usize, plan: Option<Plan>, seed: u64) -> Self {
        let progress = vec![Progress::default(); plan.as_ref().map_or(0, |plan| plan.faults.len())];
        let state = State {
            plan: plan.map(Arc::new),
            rng: Rng::new(seed, 0, Stream::Server),
            active: Vec::new(),
            clients,
            next_id: 1,
            progress,
            held: Vec::new(),
            leader: None,
            last_leader: None,
            terms: 0,
            lock: None,
            saved: Vec::new(),
            history: Vec::new(),
        };
        Self { state: Mutex::new(state), ended: watch::Sender::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wanted at the begin: the faults that wait for an instant.
    pub(crate) fn start(&self) -> Vec<Wanted> {
        let mut state = self.state();
        let Some(plan) = state.plan.clone() else { return Vec::new() };
        let mut wanted = Vec::new();
        for (fault, planned) in plan.faults.iter().enumerate() {
            if let Trigger::At(at) = &planned.when {
                let after = Duration::from_nanos(state.rng.draw(at));
                wanted.push(Wanted::Begin { fault, after, term: None });
            }
        }
        wanted
    }

    /// Begins a fault of the scenario.
    pub(crate) fn begin_planned(&self, fault: usize, term: Option<(usize, u32)>) -> Vec<Wanted> {
        let mut state = self.state();
        state.progress[fault].armed = false;
        if let Some((client, number)) = term
            && (state.leader != Some(client) || state.terms != number)
        {
            // The term did not last: the next one counts.
            return Vec::new();
        }
        let Some(plan) = state.plan.clone() else { return Vec::new() };
        let planned = &plan.faults[fault];
        let mut wanted = Vec::new();
        state.progress[fault].fired += 1;
        if let Some(every) = &planned.every
            && state.progress[fault].fired < planned.times
        {
            let after = Duration::from_nanos(state.rng.draw(every).max(1));
            wanted.push(Wanted::Begin { fault, after, term: None });
        }
        state.begin(planned, Some(fault), &mut wanted);
        wanted
    }

    /// Begins a fault that nobody planned; its id.
    pub(crate) fn begin_now(&self, fault: &FaultPlan) -> (u64, Vec<Wanted>) {
        let mut wanted = Vec::new();
        let id = self.state().begin(fault, None, &mut wanted);
        (id, wanted)
    }

    /// Ends a fault; what the storage held back is to be applied now. `None` if it is not under way.
    pub(crate) fn end(&self, id: u64) -> Option<(Vec<HeldCall>, Vec<Wanted>)> {
        let mut state = self.state();
        let at = state.active.iter().position(|active| active.id == id)?;
        let over = state.active.remove(at);
        let held = std::mem::take(&mut state.held);
        let (released, held) = held.into_iter().partition(|call| call.outage == id);
        state.held = held;
        let mut wanted = Vec::new();
        if let Some(fault) = over.planned {
            state.occurred(TriggerEvent::FaultEnded(fault), None, &mut wanted);
        }
        drop(state);
        self.ended.send_modify(|count| *count += 1);
        Some((released, wanted))
    }

    /// The faults under way.
    pub(crate) fn active(&self) -> Vec<Active> {
        self.state().active.clone()
    }

    pub(crate) fn fate(&self, client: usize, verb: Option<Verb>) -> Fate {
        self.state().draw_fate(client, verb)
    }

    /// The fate of a request for what is no object.
    pub(crate) fn fate_of_document(&self, client: usize) -> Fate {
        self.state().fate_of_document(client)
    }

    /// Whether nobody gets a connection.
    pub(crate) fn is_down(&self) -> bool {
        self.state().is_down()
    }

    pub(crate) fn slowness(&self) -> Duration {
        self.state().draw_slowness()
    }

    pub(crate) fn gate(&self, writes: bool) -> Gate {
        self.state().draw_gate(writes)
    }

    /// Whether the storage answers nobody.
    pub(crate) fn storage_is_out(&self) -> bool {
        self.state().active.iter().any(|active| matches!(active.fault, Fault::StorageWithoutLeader { .. }))
    }

    /// Keeps a write until the outage is over, and gives it back if that is so already. What there is no room for is lost, as
    /// writes may be that nobody confirmed.
    pub(crate) fn hold(&self, call: HeldCall) -> Option<HeldCall> {
        let mut state = self.state();
        if state.active.iter().all(|active| active.id != call.outage) {
            return Some(call);
        }
        let bytes: usize = state.held.iter().map(|held| held.body.len()).sum();
        if state.held.len() < HELD_MAX && bytes + call.body.len() <= HELD_BYTES_MAX {
            state.held.push(call);
        }
        None
    }

    /// Waits until all of these faults are over.
    pub(crate) async fn wait_for_end_of(&self, ids: &[u64]) {
        let mut ended = self.ended.subscribe();
        while self.state().active.iter().any(|active| ids.contains(&active.id)) {
            if ended.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until something can be sent to a client that watches.
    pub(crate) async fn wait_for_way_to(&self, client: usize) {
        let closed = |active: &Active| match &active.fault {
            Fault::ServerDown => true,
            Fault::Link { leg: Leg::Response | Leg::Both, effect, only: None, count: None, .. } => {
                let stops = matches!(effect, LinkEffect::Hang | LinkEffect::Drop | LinkEffect::Refuse);
                stops && active.clients & (1 << client) != 0
            }
            _ => false,
        };
        let closing = || -> Vec<u64> {
            self.state().active.iter().filter(|active| closed(active)).map(|active| active.id).collect()
        };
        // Others may have begun in the meantime.
        loop {
            let ids = closing();
            if ids.is_empty() {
                return;
            }
            self.wait_for_end_of(&ids).await;
        }
    }

    /// The namespace and name of the Lease that a client wrote last.
    pub(crate) fn lock(&self) -> Option<(SmolStr, SmolStr)> {
        self.state().lock.clone()
    }

    /// What an earlier use of a fault saw of the Lease, or what it sees now.
    pub(crate) fn saved(&self, fault: &SmolStr, now: &LeaseSpec) -> LeaseSpec {
        let mut state = self.state();
        if let Some((_, saved)) = state.saved.iter().find(|(known, _)| known == fault) {
            return saved.clone();
        }
        state.saved.push((fault.clone(), now.clone()));
        now.clone()
    }

    /// Notes what a client wrote to the Lease of this namespace and name, which elections may be about.
    pub(crate) fn lease_written(
        &self,
        client: usize,
        lock: (SmolStr, SmolStr),
        before: Option<&LeaseSpec>,
        after: Option<&LeaseSpec>,
    ) -> Vec<Wanted> {
        let holder = |spec: Option<&LeaseSpec>| {
            spec.and_then(|spec| spec.holder_identity.clone()).filter(|holder| !holder.is_empty())
        };
        let (before, after) = (holder(before), holder(after));
        let mut wanted = Vec::new();
        let mut state = self.state();
        state.lock = Some(lock);
        if before == after && state.leader.is_some() {
            return wanted;
        }
        if let Some(last) = state.leader.take() {
            state.occurred(TriggerEvent::StoppedLeading, Some((last, 0)), &mut wanted);
        }
        if after.is_some() {
            state.leader = Some(client);
            state.last_leader = Some(client);
            state.terms += 1;
            let term = (client, state.terms);
            state.occurred(TriggerEvent::Leading, Some(term), &mut wanted);
        }
        wanted
    }

    /// Notes a new revision, for reads that lag behind.
    pub(crate) fn revised(&self, revision: u64) {
        let mut state = self.state();
        let needs_history = state.plan.as_ref().is_some_and(|plan| plan.server.stale_reads.is_some())
            || state.active.iter().any(|active| matches!(active.fault, Fault::ServerStale(_)))
            || !state.history.is_empty();
        // Two may come in another order than they were made.
        if needs_history && state.history.last().is_none_or(|&(_, last)| last < revision) {
            if state.history.len() == HISTORY_MAX {
                state.history.drain(..HISTORY_MAX / 2);
            }
            state.history.push((now(), revision));
        }
    }

    /// The revision that a read is to see, if it is not the current one.
    pub(crate) fn stale_revision(&self) -> Option<u64> {
        let mut state = self.state();
        let stale = state.active.iter().rev().find_map(|active| match &active.fault {
            Fault::ServerStale(stale) => Some(stale.clone()),
            _ => None,
        });
        let plan = state.plan.clone();
        let stale = stale.or_else(|| plan.and_then(|plan| plan.server.stale_reads.clone()))?;
        if !state.rng.chance(stale.ppm) {
            return None;
        }
        let lag = Duration::from_nanos(state.rng.draw(&stale.lag));
        let then = now().checked_sub(lag)?;
        let at = state.history.partition_point(|&(since, _)| since <= then);
        at.checked_sub(1).map(|at| state.history[at].1)
    }
}

impl State {
    fn begin(&mut self, planned: &FaultPlan, index: Option<usize>, wanted: &mut Vec<Wanted>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let clients = self.befallen(&planned.fault);
        let left = match &planned.fault {
            Fault::Link { count, .. } => count.unwrap_or(u32::MAX),
            _ => u32::MAX,
        };
        if let Fault::Edit(edit) = &planned.fault {
            wanted.push(Wanted::Edit { fault: planned.name.clone(), edit: edit.clone() });
        } else {
            let (name, fault) = (planned.name.clone(), planned.fault.clone());
            self.active.push(Active { id, name, fault, clients, left, planned: index });
            if let Some(lasts) = &planned.lasts {
                let after = Duration::from_nanos(self.rng.draw(lasts));
                wanted.push(Wanted::End { id, after });
            }
        }
        if let Some(fault) = index {
            self.occurred(TriggerEvent::FaultBegan(fault), None, wanted);
        }
        id
    }

    fn befallen(&mut self, fault: &Fault) -> u64 {
        let Fault::Link { who, .. } = fault else { return 0 };
        let all = u64::MAX >> (64 - self.clients.clamp(1, 64));
        let leader = self.leader.or(self.last_leader).map_or(0, |client| 1_u64 << client);
        match who {
            Who::Node(node) => 1 << node,
            Who::Leader => leader,
            Who::Followers => all & !leader,
            Who::All => all,
            Who::Any => self.one_of(all),
            Who::Follower => self.one_of(all & !leader),
        }
    }

    fn one_of(&mut self, clients: u64) -> u64 {
        let skip = self.rng.below(u64::from(clients.count_ones()));
        let lowest = |bits: u64| bits & bits.wrapping_neg();
        let rest = (0..skip).fold(clients, |rest, _| rest & !lowest(rest));
        lowest(rest)
    }

    /// Arms the faults that wait for this.
    fn occurred(&mut self, event: TriggerEvent, term: Option<(usize, u32)>, wanted: &mut Vec<Wanted>) {
        let Some(plan) = self.plan.clone() else { return };
        for (fault, planned) in plan.faults.iter().enumerate() {
            let Trigger::After { event: awaited, node, nth, after } = &planned.when else { continue };
            if *awaited != event || (node.is_some() && *node != term.map(|(client, _)| client)) {
                continue;
            }
            let progress = &mut self.progress[fault];
            progress.seen += 1;
            if progress.seen >= *nth && !progress.armed && progress.fired == 0 {
                progress.armed = true;
                let after = Duration::from_nanos(self.rng.draw(after));
                let term = term.filter(|_| event == TriggerEvent::Leading);
                wanted.push(Wanted::Begin { fault, after, term });
            }
        }
    }
}

fn now() -> Instant {
    Instant::now()
}
