//! What many runs showed, added up. Integers only: the order of adding does not matter.

use std::collections::BTreeMap;

use super::Latencies;
use crate::sim::observe::{Outcome, RequestCounts};
use crate::sim::plan::{Plan, Verb};
use crate::sim::trace::RequestResult;

/// A span measured once a run: its sum, and the runs with the least and the most of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerRun {
    /// Over all runs.
    pub sum_ns: u128,
    /// In the run with the least.
    pub min_ns: u64,
    /// In the run with the most.
    pub max_ns: u64,
}

impl PerRun {
    fn add(&mut self, ns: u64, first: bool) {
        self.sum_ns += u128::from(ns);
        self.min_ns = if first { ns } else { self.min_ns.min(ns) };
        self.max_ns = self.max_ns.max(ns);
    }

    fn merge(&mut self, other: &Self, empty: bool) {
        self.sum_ns += other.sum_ns;
        self.min_ns = if empty { other.min_ns } else { self.min_ns.min(other.min_ns) };
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}

/// What many runs of one plan showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Runs in which somebody led.
    pub runs_with_leader: u64,
    /// Failovers, whatever their cause.
    pub failovers: Latencies,
    /// Failovers by the fault that caused them, by its index in the plan.
    pub failovers_by_fault: BTreeMap<usize, Latencies>,
    /// Simulated time.
    pub ran: PerRun,
    /// Time without a leader, from a run's first leader on.
    pub leaderless: PerRun,
    /// Time with two leaders or more.
    pub two_leaders: PerRun,
    /// Runs that had any.
    pub two_leaders_runs: u64,
    /// The longest span with two leaders.
    pub two_leaders_longest_ns: u64,
    /// How many spans.
    pub two_leaders_spans: u64,
    /// For how long each pair of nodes led at once, over all runs, by index.
    pub two_leaders_pairs: BTreeMap<(usize, usize), u128>,
    /// The run with the most time with two leaders, and how much; the first of several.
    pub worst_run: Option<(u64, u64)>,
    /// The run with the longest failover, and how long it took; the first of several.
    pub slowest_run: Option<(u64, u64)>,
    /// Terms begun.
    pub terms: u64,
    /// Changes of leadership.
    pub changes: u64,
    /// Those for which no fault was to blame.
    pub changes_without_cause: u64,
    /// Requests by verb and result.
    pub requests: RequestCounts,
    /// Writes that the work's store took.
    pub writes_accepted: u64,
    /// Those of them that were stale.
    pub stale_writes_accepted: u64,
    /// Stale writes that it refused.
    pub stale_writes_rejected: u64,
    /// The largest leaseTransitions seen.
    pub transitions_max: i32,
    /// Answers that nobody waited for any more.
    pub ignored_responses: u64,
    /// Broken invariants of the store.
    pub invariant_violations: u64,
    /// Events simulated.
    pub events: u64,
}

impl Totals {
    /// Adds one run, by its number.
    pub fn add(&mut self, run: u64, outcome: &Outcome) {
        let first = self.runs == 0;
        self.runs += 1;
        self.runs_with_leader += u64::from(outcome.terms > 0);
        for failover in &outcome.failovers {
            self.failovers.record(failover.took_ns);
            self.failovers_by_fault.entry(failover.fault).or_default().record(failover.took_ns);
            keep_worst(&mut self.slowest_run, (run, failover.took_ns));
        }
        keep_worst(&mut self.worst_run, (run, outcome.two_leaders_ns));
        self.ran.add(outcome.ran_ns, first);
        self.leaderless.add(outcome.leaderless_ns, first);
        self.two_leaders.add(outcome.two_leaders_ns, first);
        self.two_leaders_runs += u64::from(outcome.two_leaders_ns > 0);
        self.two_leaders_longest_ns = self.two_leaders_longest_ns.max(outcome.two_leaders_longest_ns);
        self.two_leaders_spans += outcome.two_leaders_spans;
        for (pair, ns) in &outcome.two_leaders_pairs {
            *self.two_leaders_pairs.entry(*pair).or_default() += u128::from(*ns);
        }
        self.terms += outcome.terms;
        self.changes += outcome.changes;
        self.changes_without_cause += outcome.changes_without_cause;
        add_counts(&mut self.requests, &outcome.requests);
        self.writes_accepted += outcome.writes_accepted;
        self.stale_writes_accepted += outcome.stale_writes_accepted;
        self.stale_writes_rejected += outcome.stale_writes_rejected;
        self.transitions_max = self.transitions_max.max(outcome.transitions_max);
        self.ignored_responses += outcome.ignored_responses;
        self.invariant_violations += outcome.invariant_violations;
        self.events += outcome.events;
    }

    /// Adds other runs of the same plan.
    pub fn merge(&mut self, other: &Self) {
        if other.runs == 0 {
            return;
        }
        let empty = self.runs == 0;
        self.runs += other.runs;
        self.runs_with_leader += other.runs_with_leader;
        self.failovers.merge(&other.failovers);
        for (fault, latencies) in &other.failovers_by_fault {
            self.failovers_by_fault.entry(*fault).or_default().merge(latencies);
        }
        for (mine, other) in
            [(&mut self.worst_run, other.worst_run), (&mut self.slowest_run, other.slowest_run)]
        {
            if let Some(other) = other {
                keep_worst(mine, other);
            }
        }
        self.ran.merge(&other.ran, empty);
        self.leaderless.merge(&other.leaderless, empty);
        self.two_leaders.merge(&other.two_leaders, empty);
        self.two_leaders_runs += other.two_leaders_runs;
        self.two_leaders_longest_ns = self.two_leaders_longest_ns.max(other.two_leaders_longest_ns);
        self.two_leaders_spans += other.two_leaders_spans;
        for (pair, ns) in &other.two_leaders_pairs {
            *self.two_leaders_pairs.entry(*pair).or_default() += ns;
        }
        self.terms += other.terms;
        self.changes += other.changes;
        self.changes_without_cause += other.changes_without_cause;
        add_counts(&mut self.requests, &other.requests);
        self.writes_accepted += other.writes_accepted;
        self.stale_writes_accepted += other.stale_writes_accepted;
        self.stale_writes_rejected += other.stale_writes_rejected;
        self.transitions_max = self.transitions_max.max(other.transitions_max);
        self.ignored_responses += other.ignored_responses;
        self.invariant_violations += other.invariant_violations;
        self.events += other.events;
    }

    /// A measured figure by the name that expectations give it. Units are last in a name. `None` if it
    /// is unknown, or nothing was measured (the quantile of no failovers).
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "figures are compared as floats")]
    pub fn metric(&self, name: &str, plan: &Plan) -> Option<f64> {
        let per_run = |sum: u128, unit: f64| (self.runs > 0).then(|| sum as f64 / self.runs as f64 / unit);
        let count = match name {
            "runs" => self.runs,
            "runs_with_leader" => self.runs_with_leader,
            "failovers" => self.failovers.count(),
            "two_leaders_runs" => self.two_leaders_runs,
            "two_leaders_spans" => self.two_leaders_spans,
            "terms" => self.terms,
            "changes" => self.changes,
            "changes_without_cause" => self.changes_without_cause,
            "writes_accepted" => self.writes_accepted,
            "stale_writes_accepted" => self.stale_writes_accepted,
            "stale_writes_rejected" => self.stale_writes_rejected,
            "invariant_violations" => self.invariant_violations,
            "ignored_responses" => self.ignored_responses,
            "transitions_max" => return Some(f64::from(self.transitions_max)),
            "leaderless_s.mean" => return per_run(self.leaderless.sum_ns, 1e9),
            "leaderless_s.max" => return Some(self.leaderless.max_ns as f64 / 1e9),
            "two_leaders_ms_max" => return Some(self.two_leaders.max_ns as f64 / 1e6),
            "two_leaders_ms_min" => return Some(self.two_leaders.min_ns as f64 / 1e6),
            "two_leaders_ms_mean" => return per_run(self.two_leaders.sum_ns, 1e6),
            "two_leaders_longest_ms" => return Some(self.two_leaders_longest_ns as f64 / 1e6),
            "requests_per_s" => {
                let ran = self.ran.sum_ns as f64 / 1e9;
                return self.requests_matching("").filter(|_| ran > 0.0).map(|n| n as f64 / ran);
            }
            _ => {
                if let Some(rest) = name.strip_prefix("failover_s.") {
                    return self.failover_metric(rest, plan);
                }
                self.requests_matching(name.strip_prefix("requests")?)?
            }
        };
        Some(count as f64)
    }

    /// `""` for all, `".get"` for a verb's, `".get.ok"` for a verb's with a result.
    fn requests_matching(&self, path: &str) -> Option<u64> {
        let mut parts = path.split('.').skip(1);
        let (verb, result) = (parts.next(), parts.next());
        let known_verb = verb.is_none_or(|v| Verb::ALL.iter().any(|known| known.name() == v));
        let known_result = result.is_none_or(|r| RequestResult::ALL.iter().any(|known| known.name() == r));
        (known_verb && known_result && parts.next().is_none()).then(|| {
            let verbs = Verb::ALL.iter().filter(|known| verb.is_none_or(|verb| known.name() == verb));
            verbs
                .flat_map(|&verb| RequestResult::ALL.map(|result| (verb, result)))
                .filter(|(_, known)| result.is_none_or(|result| known.name() == result))
                .map(|(verb, result)| self.requests[verb as usize][result as usize])
                .sum()
        })
    }

    /// `"p99"` over all failovers, `"crash.p99"` over those that a fault of that name caused.
    fn failover_metric(&self, path: &str, plan: &Plan) -> Option<f64> {
        let Some((cause, stat)) = path.rsplit_once('.') else { return statistic(&self.failovers, path) };
        let mut of_cause = Latencies::default();
        for (fault, latencies) in &self.failovers_by_fault {
            if plan.faults.get(*fault).is_some_and(|fault| fault.name == cause) {
                of_cause.merge(latencies);
            }
        }
        statistic(&of_cause, stat)
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures are compared as floats")]
fn statistic(latencies: &Latencies, name: &str) -> Option<f64> {
    let ns = match name {
        "count" => return Some(latencies.count() as f64),
        "min" => latencies.min(),
        "mean" => latencies.mean(),
        "max" => latencies.max(),
        "p50" => latencies.quantile(0.5),
        "p90" => latencies.quantile(0.9),
        "p95" => latencies.quantile(0.95),
        "p99" => latencies.quantile(0.99),
        "p999" => latencies.quantile(0.999),
        _ => None,
    };
    ns.map(|ns| ns as f64 / 1e9)
}

fn keep_worst(worst: &mut Option<(u64, u64)>, (run, ns): (u64, u64)) {
    if ns > 0 && worst.is_none_or(|(known, most)| ns > most || (ns == most && run < known)) {
        *worst = Some((run, ns));
    }
}

fn add_counts(to: &mut RequestCounts, from: &RequestCounts) {
    for (to, from) in to.iter_mut().flatten().zip(from.iter().flatten()) {
        *to += from;
    }
}
