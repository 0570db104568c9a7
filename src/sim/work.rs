//! The guarded work, and the store it writes to.

use super::queue::Class;
use super::trace::TraceKind;
use super::world::{Happening, World};

/// A store that remembers the newest term it has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WorkStore {
    newest_token: u64,
}

impl World<'_> {
    pub(super) fn work_begins(&mut self, node: usize) {
        self.next_ask(node, self.nodes[node].process, self.nodes[node].terms);
    }

    fn next_ask(&mut self, node: usize, process: u32, term: u32) {
        let Some(work) = self.plan.work.as_ref().filter(|_| !self.follows_schedule()) else { return };
        let every = self.nodes[node].process_rng.draw(&work.every).max(1);
        self.queue.push(self.now + every, Class::Timer, Happening::WorkAsks { node, process, term });
    }

    /// Asks "may I act?", and thinks about what to write if so. It is not asked again before the write
    /// is sent: that gap is what a fencing token closes.
    pub(super) fn work_asks(&mut self, node: usize, process: u32, term: u32) {
        let asker = &self.nodes[node];
        if !asker.alive || asker.process != process || asker.terms != term || !asker.leading {
            return;
        }
        if self.put_off(node, Happening::WorkAsks { node, process, term }) {
            return;
        }
        let Some(work) = &self.plan.work else { return };
        if self.elector_allows(node) {
            let think = self.nodes[node].process_rng.draw(&work.think);
            let token = self.nodes[node].token;
            self.queue.push(self.now + think, Class::Timer, Happening::WorkSends { node, token });
        }
        self.next_ask(node, process, term);
    }

    pub(super) fn work_sends(&mut self, node: usize, token: u64) {
        if !self.nodes[node].alive || self.put_off(node, Happening::WorkSends { node, token }) {
            return;
        }
        let Some(work) = &self.plan.work else { return };
        let latency = self.nodes[node].process_rng.draw(&work.latency);
        self.queue.push(self.now + latency, Class::Server, Happening::WorkArrives { node, token });
    }

    pub(super) fn work_arrives(&mut self, node: usize, token: u64) {
        let stale = token < self.work.newest_token;
        let accepted = !(stale && self.plan.work.as_ref().is_some_and(|work| work.fenced));
        self.work.newest_token = self.work.newest_token.max(token);
        let outcome = &mut self.observer.outcome;
        outcome.writes_accepted += u64::from(accepted);
        outcome.stale_writes_accepted += u64::from(accepted && stale);
        outcome.stale_writes_rejected += u64::from(!accepted);
        if stale {
            self.note(Some(node), |_| TraceKind::StaleWrite { accepted });
        }
    }
}
