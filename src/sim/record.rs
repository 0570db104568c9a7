//! Recording a run as a schedule that does the same again.

use std::sync::Arc;

use super::observe::Outcome;
use super::plan::{Edit, Fault, LinkEffect, Plan};
use super::schedule::{Deed, Step};
use super::world::World;

/// What has happened in a run, as steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    steps: Vec<Step>,
    /// How often each node's requests have arrived, by node and request.
    arrivals: Vec<Vec<u32>>,
}

impl Recording {
    /// A node's request, by number from 1, is decided: how often it has been by now.
    pub(super) fn arrival(&mut self, node: usize, request: u32) -> u32 {
        let at = request.saturating_sub(1) as usize;
        if self.arrivals.len() <= node {
            self.arrivals.resize_with(node + 1, Vec::new);
        }
        let of_node = &mut self.arrivals[node];
        if of_node.len() <= at {
            of_node.resize(at + 1, 0);
        }
        of_node[at] += 1;
        of_node[at]
    }
}

impl World<'_> {
    /// Runs once and returns also everything that happened, as steps: [`Plan::following`] them, a run shows the same
    /// events, if the plan is [recordable](Plan::not_recordable).
    pub fn run_recorded(&mut self, seed: u64, run: u64) -> (&Outcome, Vec<Step>) {
        if let Some(steps) = &self.plan.schedule {
            let steps = steps.to_vec();
            return (self.run(seed, run), steps);
        }
        self.recording = Some(Recording::default());
        self.run(seed, run);
        let recording = self.recording.take().unwrap_or_default();
        (&self.observer.outcome, recording.steps)
    }

    #[inline]
    pub(super) fn record(&mut self, deed: impl FnOnce() -> Deed) {
        if let Some(recording) = &mut self.recording {
            recording.steps.push(Step { at_ns: self.now, deed: deed() });
        }
    }
}

impl Plan {
    /// The same replicas, as these steps say: without faults, guarded work or anything that would be drawn.
    #[must_use]
    pub fn following(&self, steps: impl Into<Arc<[Step]>>) -> Self {
        Self {
            work: None,
            faults: Vec::new(),
            stop_after_failovers: None,
            schedule: Some(steps.into()),
            ..self.clone()
        }
    }

    /// Why steps cannot say what happens in a run of this plan, if so: they know no request that fails in front of
    /// the storage, no stale read and no machine whose clock stops. What guarded work writes is left out, which
    /// changes no election.
    #[must_use]
    pub fn not_recordable(&self) -> Option<&'static str> {
        let server = &self.server;
        let server = [
            (!server.errors.is_empty(), "the server fails requests"),
            (server.stale_reads.is_some(), "reads are stale"),
            (server.capacity.is_some(), "the server has a capacity"),
        ];
        let own = server.into_iter().find_map(|(so, why)| so.then_some(why));
        let restores = self.faults.iter().filter(|fault| matches!(fault.fault, Fault::Edit(Edit::Restore)));
        let restores = (restores.count() > 1).then_some("two faults restore a Lease, each its own");
        own.or_else(|| self.faults.iter().find_map(|fault| self.fault_not_recordable(&fault.fault)))
            .or(restores)
    }

    fn fault_not_recordable(&self, fault: &Fault) -> Option<&'static str> {
        match fault {
            Fault::ServerErrors(_) | Fault::StorageWithoutLeader { .. } => Some("the server fails requests"),
            Fault::ServerDown => Some("the server is down"),
            Fault::ServerStale(_) => Some("reads are stale"),
            Fault::Link { effect: LinkEffect::Refuse | LinkEffect::Error, .. } => {
                Some("requests fail before they reach the server")
            }
            Fault::Pause { suspend: true, .. }
                if self.nodes.iter().any(|node| node.clock.stops_in_suspend) =>
            {
                Some("a clock stands still while its machine is suspended")
            }
            _ => None,
        }
    }
}
