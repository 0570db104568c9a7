//! The schedules under which client-go has two leaders, on the real code.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use leasehold::replay::Schedule;

use crate::compare::{differs, simulated_overlap_ns};
use crate::go::{CURRENT, harness};
use crate::known::known;
use crate::scenarios::exported;

/// Each is run so often, with jitter of its own.
const RUNS: i64 = 40;

#[test]
fn two_lead_under_the_real_client_go_for_as_long_as_simulated() {
    let Some(harness) = harness(CURRENT) else { return };
    let again = |schedule: Schedule| (1..=RUNS).map(move |seed| Schedule { seed, ..schedule.clone() });
    let mut schedules: Vec<Schedule> = known().into_iter().flat_map(again).collect();
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
    for Schedule { name, .. } in known() {
        let overlaps = !name.starts_with("release-meets")
            && !name.starts_with("release-of")
            && !["mixed-durations", "renewal-in-the-same-microsecond"].contains(&name.as_str());
        assert_eq!(worst[&name].0 > 0, overlaps, "{name}\n{table}");
    }
}
