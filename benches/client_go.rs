//! Failovers a second, ours against the real client-go: the same scenario, on the same machine, in one run.
//!
//! ```sh
//! cargo bench --bench client_go
//! ```
//!
//! One crash of the leader a run (sim-scenarios/baseline/leader-crash.yaml), 60 s of virtual time each, one thread. The
//! real elector runs in virtual time too (tests/client-go): its own figure holds Go's scheduler and context switches,
//! which is what a program that drives real code pays. Neither writes anything down.
//!
//! Under `cargo test --benches` it makes a few runs of each.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark")]

#[path = "../tests/client_go/go.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod go;

use std::path::Path;
use std::time::Instant;

use leasehold::replay::export;
use leasehold::scenario::{Override, Scenario};
use leasehold::sim::{Plan, World};

/// Both are measured in turn, so often; the best counts, for a machine has other things to do.
const ROUNDS: u64 = 5;
/// Runs of the real elector in a round; ours are so many times more, to take about as long.
const RUNS: u64 = 200;
const TIMES: u64 = 25;

fn plan() -> Plan {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sim-scenarios/baseline/leader-crash.yaml");
    let set = |text: &str| text.parse::<Override>().expect("an override");
    let overrides = [set("duration=60s"), set("stop_after_failovers=null")];
    let scenario = Scenario::load(Path::new(path), &overrides).expect("the scenario is valid");
    scenario.settings[0].plan().expect("it is not refused").clone()
}

/// Failovers a second.
fn ours(plan: &Plan, round: u64, runs: u64) -> f64 {
    let mut world = World::new(plan);
    let began = Instant::now();
    let failovers: usize = (0..runs * TIMES).map(|run| world.run(round, run).failovers.len()).sum();
    failovers as f64 / began.elapsed().as_secs_f64()
}

/// The same of the real elector. The first term of a run is no failover.
fn theirs(harness: &go::Harness, plan: &Plan, round: u64, runs: u64) -> f64 {
    let schedule = |run| export(plan, "leader-crash", round, run).expect("it can be honoured");
    let (runs, terms, ns) = harness.measure(&(0..runs).map(schedule).collect::<Vec<_>>());
    (terms - runs) as f64 / (ns as f64 / 1e9)
}

fn main() {
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let (rounds, runs) = if in_earnest { (ROUNDS, RUNS) } else { (1, 5) };
    let plan = plan();
    let Some(harness) = go::harness(go::CURRENT) else { return };
    let (mut best_theirs, mut best_ours) = (0.0_f64, 0.0_f64);
    for round in 1..=rounds {
        best_theirs = best_theirs.max(theirs(&harness, &plan, round, runs));
        best_ours = best_ours.max(ours(&plan, round, runs));
    }
    assert!(best_theirs > 0.0 && best_ours > 0.0, "nobody failed over");
    println!(
        "one crash of the leader a run, 3 replicas, 15/10/2, 60 s of virtual time, one thread; best of {rounds}"
    );
    println!("client-go v{}: {best_theirs:.0} failovers a second", harness.release.line());
    println!("leasehold:       {best_ours:.0} failovers a second");
    println!("ratio:           {:.0}", best_ours / best_theirs);
}
