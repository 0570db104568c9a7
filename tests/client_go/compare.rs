//! Comparing recordings with the simulator.

use leasehold::replay::{Recording, compare, script_of};
use leasehold::sim::{Plan, World};

use crate::go::Harness;

/// What is wrong with a recording, if the simulator does not show the same: events, and how long two lead.
pub(crate) fn differs(recording: &Recording) -> Option<String> {
    differs_under(recording, &plan_of(recording))
}

/// The plan under the release that was recorded.
pub(crate) fn plan_of(recording: &Recording) -> Plan {
    recording.schedule.plan_of(recording.release()).expect("a recorded schedule can be run")
}

pub(crate) fn differs_under(recording: &Recording, plan: &Plan) -> Option<String> {
    if let Err(difference) = compare(recording, plan) {
        return Some(difference.to_string());
    }
    let (real, simulated) = (recording.two_leaders_ns(), simulated_overlap_ns(recording, plan));
    (real != simulated)
        .then(|| format!("  two lead for {real} ns in the recording, {simulated} ns simulated\n"))
}

pub(crate) fn simulated_overlap_ns(recording: &Recording, plan: &Plan) -> u64 {
    World::new(plan).with_script(script_of(recording)).run(0, 0).two_leaders_ns
}

/// Compares all; makes the first that differs small, writes it down and panics with both traces.
pub(crate) fn compare_all(harness: &Harness, recordings: &[Recording]) -> usize {
    let mut events = 0;
    for recording in recordings {
        if differs(recording).is_some() {
            let small = crate::shrink::shrink(harness, recording, &|recording| differs(recording).is_some());
            let plan = plan_of(&small);
            panic!(
                "{} differs. Made small:\n{}{}",
                recording.schedule.name,
                crate::written::write_down(&small, &plan),
                differs_under(&small, &plan).unwrap_or_default(),
            );
        }
        events += recording.events.len();
    }
    events
}

/// The recordings that are part of the repository.
pub(crate) fn committed() -> Vec<Recording> {
    let read = |name: &str| {
        let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("the recordings are part of the repository")
    };
    let text = read("client-go-traces.jsonl") + &read("client-go-traces-more.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is a recording")).collect()
}
