//! The schedules under which client-go has two leaders, on the real code.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use leasehold::replay::{Recording, Schedule};

use crate::go::{CURRENT, committed, differs, harness, simulated_overlap_ns};
use crate::scenarios::exported;

/// Section 3 of the semantics, by name in tests/data.
const KNOWN: [&str; 8] = [
    "late-response",
    "late-response-http-timeout",
    "lease-deleted",
    "holder-cleared",
    "release-outlives",
    "release-wipes",
    "fractional",
    "same-identity",
];

/// Each is run so often, with jitter of its own.
const RUNS: i64 = 40;

#[test]
fn two_lead_under_the_real_client_go_for_as_long_as_simulated() {
    let Some(harness) = harness(CURRENT) else { return };
    let mut schedules: Vec<Schedule> = Vec::new();
    for Recording { schedule, .. } in committed() {
        if KNOWN.contains(&schedule.name.as_str()) {
            schedules.extend((1..=RUNS).map(|seed| Schedule { seed, ..schedule.clone() }));
        }
    }
    assert_eq!(schedules.len(), KNOWN.len() * RUNS as usize);
    schedules.extend(exported("sim-scenarios/two-leaders").0);
    let mut worst: BTreeMap<String, (u64, u64, u32)> = BTreeMap::new();
    for recording in harness.record(&schedules) {
        if let Some(why) = differs(&recording) {
            panic!("{}\n{why}", recording.schedule.name);
        }
        let plan = recording.schedule.plan().expect("a recorded schedule can be run");
        let (real, simulated) = (recording.two_leaders_ns(), simulated_overlap_ns(&recording, &plan));
        assert_eq!(real, simulated, "{}", recording.schedule.name);
        let entry = worst.entry(recording.schedule.name.clone()).or_default();
        entry.2 += 1;
        if real >= entry.0 {
            (entry.0, entry.1) = (real, simulated);
        }
    }
    let mut table =
        format!("{:<58}{:>16}{:>16}{:>6}\n", "two lead, ns (longest run)", "real", "simulated", "runs");
    for (name, (real, simulated, runs)) in &worst {
        let _ = writeln!(table, "{name:<58}{real:>16}{simulated:>16}{runs:>6}");
    }
    println!("{table}");
    for name in KNOWN {
        assert!(worst[name].0 > 0, "{name}: two lead\n{table}");
    }
    let late = worst.iter().find(|(name, _)| name.starts_with("late-renewal")).map_or(0, |(_, worst)| worst.0);
    assert!(late > 0, "a renewal that arrives late: two lead\n{table}");
}
