//! Failovers a second, ours against the real client-go: the same scenario, on the same machine, in one run.
//!
//! ```sh
//! cargo bench --bench client_go
//! ```
//!
//! One crash of the leader a run (sim-scenarios/baseline/leader-crash.yaml), 60 s of virtual time each, one thread. The
//! real elector runs in virtual time too (tests/client-go): its own figure holds Go's scheduler and context switches,
//! which is what a program that drives real code pays. Neither writes anything down.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark")]

#[path = "../tests/client_go/go.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod go;

use std::path::Path;
use std::time::Instant;

use leasehold::replay::export;
use leasehold::scenario::{Override, Scenario};
use leasehold::sim::{Plan, World};

/// Runs of the real elector; ours are so many times more, to take about as long.
const RUNS: u64 = 1_000;
const TIMES: u64 = 100;

fn plan() -> Plan {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sim-scenarios/baseline/leader-crash.yaml");
    let set = |text: &str| text.parse::<Override>().expect("an override");
    let overrides = [set("duration=60s"), set("stop_after_failovers=null")];
    let scenario = Scenario::load(Path::new(path), &overrides).expect("the scenario is valid");
    scenario.settings[0].plan().expect("it is not refused").clone()
}

fn ours(plan: &Plan) -> f64 {
    let mut world = World::new(plan);
    let began = Instant::now();
    let failovers: usize = (0..RUNS * TIMES).map(|run| world.run(1, run).failovers.len()).sum();
    let took = began.elapsed().as_secs_f64();
    println!("leasehold:    {failovers} failovers in {took:.2} s: {:.0} a second", failovers as f64 / took);
    failovers as f64 / took
}

fn theirs(harness: &go::Harness, plan: &Plan) -> f64 {
    let schedules: Vec<_> =
        (0..RUNS).map(|run| export(plan, "leader-crash", 1, run).expect("it can be honoured")).collect();
    let (runs, terms, ns) = harness.measure(&schedules);
    // The first term is no failover.
    let failovers = terms - runs;
    let took = ns as f64 / 1e9;
    println!(
        "client-go v{}: {failovers} failovers in {took:.2} s: {:.0} a second",
        harness.release.line(),
        failovers as f64 / took
    );
    failovers as f64 / took
}

fn main() {
    // What cargo asks of tests: nothing.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let plan = plan();
    let Some(harness) = go::harness(go::CURRENT) else { return };
    println!("one crash of the leader a run, 3 replicas, 15/10/2, 60 s of virtual time, one thread");
    let (theirs, ours) = (theirs(&harness, &plan), ours(&plan));
    println!("ratio: {:.0}", ours / theirs);
}
