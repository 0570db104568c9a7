//! What becomes of one request.

use std::time::Duration;

use super::engine::State;
use crate::sim::plan::{Fault, Leg, LinkEffect, ServerError, Verb};

/// What befalls a request, drawn when it arrives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    /// The connection is closed without an answer.
    pub(crate) refused: bool,
    /// It is answered with 500 and not applied.
    pub(crate) fails: bool,
    /// The way there.
    pub(crate) request: Leaves,
    /// The way back.
    pub(crate) response: Leaves,
    /// It is applied even if the client is gone by then.
    pub(crate) applied_after_cancel: bool,
    /// It arrives once more, so long after.
    pub(crate) again_after: Option<Duration>,
}

/// How a message fares on its way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaves {
    /// It takes so long.
    pub(crate) after: Duration,
    /// It waits for the end of these faults.
    pub(crate) held_by: Vec<u64>,
    /// It never arrives.
    pub(crate) lost: bool,
}

/// What the server itself does to a request that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nothing.
    Open,
    /// It fails so.
    Fails(ServerError),
    /// The storage has no leader.
    Storage(Outage),
}

/// A storage that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// The fault.
    pub(crate) id: u64,
    /// Whether what is written now is applied when it is over.
    pub(crate) applied: bool,
}

impl State {
    /// Draws the fate of a request of a client.
    pub(super) fn draw_fate(&mut self, client: usize, verb: Option<Verb>) -> Fate {
        let mut fate = Fate { refused: self.is_down(), ..Fate::default() };
        if fate.refused {
            return fate;
        }
        let mut duplicated = self.draw_link(client, &mut fate);
        for index in 0..self.active.len() {
            let active = &mut self.active[index];
            let Fault::Link { leg, effect, only, applied_after_cancel, .. } = &active.fault else { continue };
            if active.clients & (1 << client) == 0 || active.left == 0 || (only.is_some() && *only != verb) {
                continue;
            }
            active.left -= 1;
            fate.applied_after_cancel |= applied_after_cancel;
            let (leg, effect, id) = (*leg, effect.clone(), active.id);
            duplicated |= self.strike(leg, &effect, id, &mut fate);
        }
        if duplicated {
            fate.again_after = Some(self.another_latency(client));
        }
        fate
    }

    /// The fate of a request for what is no object, such as discovery: links that are cut are cut for it, too, but it is nothing
    /// that a scenario's counts, draws and verbs are about.
    pub(super) fn fate_of_document(&self, client: usize) -> Fate {
        let mut fate = Fate { refused: self.is_down(), ..Fate::default() };
        for active in &self.active {
            let Fault::Link { leg, effect, only: None, count: None, .. } = &active.fault else { continue };
            if active.clients & (1 << client) == 0 {
                continue;
            }
            fate.refused |= *effect == LinkEffect::Refuse;
            for (way, leaves) in [(Leg::Request, &mut fate.request), (Leg::Response, &mut fate.response)] {
                if *leg == way || *leg == Leg::Both {
                    leaves.lost |= *effect == LinkEffect::Drop;
                    leaves.held_by.extend((*effect == LinkEffect::Hang).then_some(active.id));
                }
            }
        }
        fate
    }

    /// Whether nobody gets a connection.
    pub(super) fn is_down(&self) -> bool {
        self.active.iter().any(|active| matches!(active.fault, Fault::ServerDown))
    }

    /// How long a copy of a client's request takes.
    fn another_latency(&mut self, client: usize) -> Duration {
        let plan = self.plan.clone();
        let node = plan.as_ref().and_then(|plan| plan.nodes.get(client));
        node.map_or(Duration::ZERO, |node| Duration::from_nanos(self.rng.draw(&node.request.latency)))
    }

    /// What the client's links are like at the best of times; whether the request is sent twice.
    fn draw_link(&mut self, client: usize, fate: &mut Fate) -> bool {
        let Some(plan) = self.plan.clone() else { return false };
        let Some(node) = plan.nodes.get(client) else { return false };
        for (link, leaves) in [(&node.request, &mut fate.request), (&node.response, &mut fate.response)] {
            leaves.after += Duration::from_nanos(self.rng.draw(&link.latency));
            leaves.lost |= self.rng.chance(link.loss_ppm);
        }
        fate.request.after += Duration::from_nanos(self.rng.draw(&plan.server.latency));
        self.rng.chance(node.request.duplicate_ppm)
    }

    /// One effect on a request; whether it is sent twice.
    fn strike(&mut self, leg: Leg, effect: &LinkEffect, id: u64, fate: &mut Fate) -> bool {
        let (there, back) = (leg != Leg::Response, leg != Leg::Request);
        match effect {
            LinkEffect::Refuse => fate.refused = true,
            LinkEffect::Error => fate.fails = true,
            _ => {}
        }
        for (struck, leaves) in [(there, &mut fate.request), (back, &mut fate.response)] {
            if !struck {
                continue;
            }
            match effect {
                LinkEffect::Delay(by) => leaves.after += Duration::from_nanos(self.rng.draw(by)),
                LinkEffect::Hang => leaves.held_by.push(id),
                LinkEffect::Drop => leaves.lost = true,
                LinkEffect::Loss { ppm } => leaves.lost |= self.rng.chance(*ppm),
                _ => {}
            }
        }
        matches!(effect, LinkEffect::Duplicate { ppm } if there && self.rng.chance(*ppm))
    }

    /// How long the server takes over a request that has arrived.
    pub(super) fn draw_slowness(&mut self) -> Duration {
        let mut slow = Duration::ZERO;
        for index in 0..self.active.len() {
            let active = &self.active[index];
            if let Fault::ServerSlow(by) = &active.fault {
                slow += Duration::from_nanos(self.rng.draw(by));
            }
        }
        slow
    }

    /// What the server does to a request that has arrived.
    pub(super) fn draw_gate(&mut self, writes: bool) -> Gate {
        let plan = self.plan.clone();
        let mut rates: Vec<_> = plan.iter().flat_map(|plan| plan.server.errors.clone()).collect();
        rates.extend(self.active.iter().filter_map(|active| match &active.fault {
            Fault::ServerErrors(rate) => Some(rate.clone()),
            _ => None,
        }));
        for rate in rates {
            if (writes || !rate.writes_only) && self.rng.chance(rate.ppm) {
                return Gate::Fails(rate.error);
            }
        }
        let outage = self.active.iter().rev().find_map(|active| match active.fault {
            Fault::StorageWithoutLeader { applied } => Some(Outage { id: active.id, applied }),
            _ => None,
        });
        outage.map_or(Gate::Open, Gate::Storage)
    }
}
