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

/// The request of the first renewal takes 5.5 s, more than LD - RD - RP: it follows the acquisition within the same
/// second, and candidates compare renewTimes by the second, so that it does not restart their wait; but the leader's
/// next round begins after its answer. Then the leader is cut off.
fn late_request(seed: i64) -> Schedule {
    let schedule = serde_json::json!({
        "name": "late-request", "end_ns": 40_000_000_000_u64,
        "request_latency_ns": 2_000_000, "response_latency_ns": 2_000_000, "seed": seed,
        "nodes": (["A", "B", "C"].iter().zip([0, 100_000_000, 200_000_000])).map(|(id, start_ns)| serde_json::json!({
            "id": id, "start_ns": start_ns, "lease_duration_ns": 15_000_000_000_u64,
            "renew_deadline_ns": 10_000_000_000_u64, "retry_period_ns": 2_000_000_000,
        })).collect::<Vec<_>>(),
        "links": [
            {"node": "A", "from_ns": 7_000_000, "to_ns": 100_000_000, "leg": "request", "effect": "delay",
             "delay_ns": 5_500_000_000_u64, "verb": "update", "count": 1},
            {"node": "A", "from_ns": 5_600_000_000_u64, "to_ns": 40_000_000_000_u64, "leg": "both", "effect": "hang"},
        ],
    });
    serde_json::from_value(schedule).expect("it is a schedule")
}

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
    schedules.extend((1..=RUNS).map(late_request));
    schedules.extend(exported("sim-scenarios/two-leaders", RUNS.unsigned_abs()).0);
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
    assert!(worst["late-request"].0 > 0, "a request that is late: two lead\n{table}");
}
