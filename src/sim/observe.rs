//! Observers: they measure and never steer.

use super::plan::Verb;
use super::trace::RequestResult;

/// Requests by verb and result.
pub type RequestCounts = [[u64; RequestResult::ALL.len()]; Verb::ALL.len()];

/// A change of leadership with a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failover {
    /// The fault that caused it, by index in the plan.
    pub fault: usize,
    /// From the cause to the next leader's start.
    pub took_ns: u64,
}

/// What one run showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Failovers, in order.
    pub failovers: Vec<Failover>,
    /// How long the run was.
    pub ran_ns: u64,
    /// Time without a leader, from the first leader on.
    pub leaderless_ns: u64,
    /// Time with two leaders or more.
    pub two_leaders_ns: u64,
    /// The longest span of it.
    pub two_leaders_longest_ns: u64,
    /// How many spans.
    pub two_leaders_spans: u64,
    /// For how long each pair of nodes led at once, by index.
    pub two_leaders_pairs: Vec<((usize, usize), u64)>,
    /// Terms begun.
    pub terms: u64,
    /// Terms of another process than the last.
    pub changes: u64,
    /// Those for which no fault was to blame.
    pub changes_without_cause: u64,
    /// Requests by verb and result. A request that is still awaited at the end is not counted.
    pub requests: RequestCounts,
    /// Writes that the work's store took.
    pub writes_accepted: u64,
    /// Those of them that came after one of a newer term.
    pub stale_writes_accepted: u64,
    /// Writes that it refused because it had seen a newer term.
    pub stale_writes_rejected: u64,
    /// The largest leaseTransitions seen.
    pub transitions_max: i32,
    /// Answers that came when nobody waited for them any more.
    pub ignored_responses: u64,
    /// Broken invariants of the store.
    pub invariant_violations: u64,
    /// Events simulated.
    pub events: u64,
}

impl Outcome {
    fn clear(&mut self) {
        let mut failovers = core::mem::take(&mut self.failovers);
        let mut two_leaders_pairs = core::mem::take(&mut self.two_leaders_pairs);
        failovers.clear();
        two_leaders_pairs.clear();
        *self = Self { failovers, two_leaders_pairs, ..Self::default() };
    }
}

/// A fault to blame for the next change of leadership.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    fault: usize,
    since: u64,
    /// The fault goes on until then.
    until: u64,
}

/// Follows who may act, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Observer {
    pub(super) outcome: Outcome,
    /// The nodes that may act, as bits.
    acting: u64,
    since: u64,
    overlap_since: u64,
    had_leader: bool,
    /// The last process that started to lead: node and process number.
    last_leader: Option<(usize, u32)>,
    /// In order of their beginnings.
    suspects: Vec<Suspect>,
}

impl Observer {
    pub(super) fn clear(&mut self) {
        self.outcome.clear();
        self.suspects.clear();
        let outcome = core::mem::take(&mut self.outcome);
        let suspects = core::mem::take(&mut self.suspects);
        *self = Self { outcome, suspects, ..Self::default() };
    }

    pub(super) fn acting(&self) -> u64 {
        self.acting
    }

    pub(super) fn last_leader(&self) -> Option<usize> {
        self.last_leader.map(|(node, _)| node)
    }

    /// Notes whether a node may act from now on; returns whether the set of leaders with company changed.
    #[inline]
    pub(super) fn set_acting(&mut self, now: u64, node: usize, acts: bool) -> bool {
        let bit = 1_u64 << node;
        if (self.acting & bit != 0) == acts {
            return false;
        }
        let before = self.acting.count_ones();
        self.close_span(now);
        self.acting ^= bit;
        let after = self.acting.count_ones();
        if before < 2 && after >= 2 {
            self.overlap_since = now;
            self.outcome.two_leaders_spans += 1;
        }
        self.had_leader |= acts;
        before >= 2 || after >= 2
    }

    fn close_span(&mut self, now: u64) {
        let span = now - self.since;
        self.since = now;
        match self.acting.count_ones() {
            0 if self.had_leader => self.outcome.leaderless_ns += span,
            0 | 1 => {}
            _ => {
                self.outcome.two_leaders_ns += span;
                self.add_to_pairs(span);
                let overlap = now - self.overlap_since;
                self.outcome.two_leaders_longest_ns = self.outcome.two_leaders_longest_ns.max(overlap);
            }
        }
    }

    fn add_to_pairs(&mut self, span: u64) {
        let acts = |node: &usize| self.acting & (1 << node) != 0;
        for first in (0..64).filter(acts) {
            for second in (first + 1..64).filter(acts) {
                let pairs = &mut self.outcome.two_leaders_pairs;
                match pairs.iter_mut().find(|(pair, _)| *pair == (first, second)) {
                    Some((_, total)) => *total += span,
                    None => pairs.push(((first, second), span)),
                }
            }
        }
    }

    /// A term began. Returns whether it was a failover.
    pub(super) fn term_began(&mut self, now: u64, node: usize, process: u32) -> bool {
        self.outcome.terms += 1;
        let changed = self.last_leader.is_some_and(|last| last != (node, process));
        self.last_leader = Some((node, process));
        if !changed {
            return false;
        }
        self.outcome.changes += 1;
        let first = self.suspects.first().copied();
        self.suspects.clear();
        if let Some(suspect) = first {
            self.outcome.failovers.push(Failover { fault: suspect.fault, took_ns: now - suspect.since });
            return true;
        }
        self.outcome.changes_without_cause += 1;
        false
    }

    /// A fault began that may cost the leader its leadership. The first to do so is to blame.
    pub(super) fn suspect(&mut self, fault: usize, now: u64, until: Option<u64>) {
        let until = until.unwrap_or(u64::MAX);
        match self.suspects.iter_mut().find(|suspect| suspect.fault == fault) {
            Some(suspect) => suspect.until = suspect.until.max(until),
            None => self.suspects.push(Suspect { fault, since: now, until }),
        }
    }

    /// A process learned that it has renewed. If it leads, whatever ended before did not cost it its leadership.
    #[inline]
    pub(super) fn renewed(&mut self, sent: u64, node: usize, process: u32) {
        if !self.suspects.is_empty() && self.last_leader == Some((node, process)) {
            self.suspects.retain(|suspect| suspect.until >= sent);
        }
    }

    #[inline]
    pub(super) fn request_done(&mut self, verb: Verb, result: RequestResult) {
        self.outcome.requests[verb as usize][result as usize] += 1;
    }

    pub(super) fn end(&mut self, now: u64) {
        self.close_span(now);
        self.outcome.ran_ns = now;
    }
}
