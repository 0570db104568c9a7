//! Simulated crash failovers are distributed like those of the real client-go.
#![cfg(feature = "scenario")]
#![allow(clippy::print_stdout, reason = "figures for whoever runs it with --nocapture")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use leasehold::scenario::{Override, Scenario};
use leasehold::stats::{Batch, ks_two_sample_ns};

/// How many crashes are simulated for each number of replicas.
const FAILOVERS: u64 = 100_000;

/// The largest distance of the two distribution functions that passes. Of 100,000 and 5,000 samples from one
/// distribution, one pair in a thousand is further apart than 0.0282.
const DISTANCE_MAX: f64 = 0.03;

#[test]
fn failovers_are_distributed_like_the_recorded_ones() {
    for replicas in [2, 3, 5] {
        let (mut simulated, mut recorded) = (simulated(replicas), recorded(replicas));
        assert_eq!((simulated.len() as u64, recorded.len()), (FAILOVERS, 5_000));
        let ks = ks_two_sample_ns(&mut simulated, &mut recorded);
        println!("{replicas} replicas: distance {:.4}, p-value {:.3}", ks.distance, ks.p_value);
        assert!(ks.distance <= DISTANCE_MAX, "{replicas} replicas: {ks:?}");
    }
}

fn simulated(replicas: u32) -> Vec<u64> {
    let overrides = [("replicas", replicas.to_string()), ("runs", FAILOVERS.to_string())];
    let overrides = overrides.map(|(field, value)| Override::shorthand(field, &value).unwrap());
    let file = Path::new("sim-scenarios/baseline/leader-crash.yaml");
    let prepared = Scenario::load(file, &overrides).unwrap_or_else(|error| panic!("{error}"));
    let setting = &prepared.settings[0];
    let plan = setting.plan().expect("client-go accepts its own defaults");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let batch = Batch { runs: setting.runs, seed: setting.seed, threads, samples: true };
    let mut failovers = Vec::new();
    batch.run(plan, &AtomicBool::new(false), |chunk| {
        failovers.extend(chunk.samples.iter().map(|sample| sample.took_ns));
        true
    });
    failovers
}

/// `replicas,failover_s` after lines of comment and a head.
fn recorded(replicas: u32) -> Vec<u64> {
    let text = std::fs::read_to_string("tests/data/client-go-failover-15-10-2.csv").unwrap();
    let rows = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let rows = rows.map(|line| line.split_once(',').expect("two columns"));
    let wanted = rows.filter(|(count, _)| count.parse() == Ok(replicas));
    wanted.map(|(_, seconds)| nanoseconds(seconds)).collect()
}

/// Exact where a float would not be.
fn nanoseconds(seconds: &str) -> u64 {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{seconds}: not a number"));
    number(whole) * 1_000_000_000 + number(&format!("{part:0<9}"))
}
