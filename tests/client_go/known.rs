//! The schedules under which client-go has two leaders.

use leasehold::replay::{Recording, Schedule};

/// Section 3 of the semantics, by name in tests/data.
#[allow(dead_code, reason = "shared with an example")]
pub(crate) const IN_THE_RECORDINGS: [&str; 8] = [
    "late-response",
    "late-response-http-timeout",
    "lease-deleted",
    "holder-cleared",
    "release-outlives",
    "release-wipes",
    "fractional",
    "same-identity",
];

/// Every one, by name: those of tests/data, and more. The last four are not about two leaders under every release.
pub(crate) fn known() -> Vec<Schedule> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/client-go-traces.jsonl");
    let text = std::fs::read_to_string(path).expect("the recordings are part of the repository");
    let recordings = text.lines().map(|line| serde_json::from_str(line).expect("each line is a recording"));
    let schedules: Vec<Schedule> = recordings.map(|recording: Recording| recording.schedule).collect();
    let named = |name: &str| schedules.iter().find(|schedule| schedule.name == name).cloned();
    let recorded = IN_THE_RECORDINGS.map(|name| named(name).unwrap_or_else(|| panic!("{name} is recorded")));
    let more = [
        late_request(),
        mixed_durations(),
        release_meets_renewal("release-meets-renewal", 20_049_000_000),
        release_meets_renewal("release-of-an-old-version", 20_051_500_000),
        renewal_in_the_same_microsecond(),
    ];
    recorded.into_iter().chain(more).collect()
}

fn schedule(value: serde_json::Value) -> Schedule {
    serde_json::from_value(value).expect("it is a schedule")
}

/// A replica with the default timings.
fn node(id: &str, start_ns: u64) -> serde_json::Value {
    serde_json::json!({
        "id": id, "start_ns": start_ns, "lease_duration_ns": 15_000_000_000_u64,
        "renew_deadline_ns": 10_000_000_000_u64, "retry_period_ns": 2_000_000_000,
    })
}

/// The request of the first renewal takes 5.5 s, more than LD - RD - RP: it follows the acquisition within the same
/// second, and candidates compare renewTimes by the second, so that it does not restart their wait; but the leader's
/// next round begins after its answer. Then the leader is cut off.
fn late_request() -> Schedule {
    schedule(serde_json::json!({
        "name": "late-request", "end_ns": 40_000_000_000_u64,
        "request_latency_ns": 2_000_000, "response_latency_ns": 2_000_000,
        "nodes": [node("A", 0), node("B", 100_000_000), node("C", 200_000_000)],
        "links": [
            {"node": "A", "from_ns": 7_000_000, "to_ns": 100_000_000, "leg": "request", "effect": "delay",
             "delay_ns": 5_500_000_000_u64, "verb": "update", "count": 1},
            {"node": "A", "from_ns": 5_600_000_000_u64, "to_ns": 40_000_000_000_u64, "leg": "both", "effect": "hang"},
        ],
    }))
}

/// A leads with 60/40/10 and is cut off for 12 s; B, with 15/10/2, waits.
fn mixed_durations() -> Schedule {
    schedule(serde_json::json!({
        "name": "mixed-durations", "end_ns": 90_000_000_000_u64,
        "request_latency_ns": 2_000_000, "response_latency_ns": 2_000_000,
        "nodes": [
            {"id": "A", "start_ns": 0, "lease_duration_ns": 60_000_000_000_u64,
             "renew_deadline_ns": 40_000_000_000_u64, "retry_period_ns": 10_000_000_000_u64},
            {"id": "B", "start_ns": 700_000_000, "lease_duration_ns": 15_000_000_000_u64,
             "renew_deadline_ns": 10_000_000_000_u64, "retry_period_ns": 2_000_000_000},
        ],
        "links": [
            {"node": "A", "from_ns": 20_500_000_000_u64, "to_ns": 36_500_000_000_u64, "leg": "both",
             "effect": "refuse"},
        ],
    }))
}

/// A renewal is under way when its sender is told to stop at `sigterm_ns`; it is applied all the same, at 20.053 s.
fn release_meets_renewal(name: &str, sigterm_ns: u64) -> Schedule {
    schedule(serde_json::json!({
        "name": name, "end_ns": 60_000_000_000_u64,
        "request_latency_ns": 2_000_000, "response_latency_ns": 2_000_000,
        "nodes": [
            {"id": "A", "start_ns": 0, "cancel_ns": sigterm_ns, "release_on_cancel": true,
             "lease_duration_ns": 15_000_000_000_u64, "renew_deadline_ns": 10_000_000_000_u64,
             "retry_period_ns": 2_000_000_000},
            {"id": "B", "start_ns": 700_000_000, "lease_duration_ns": 15_000_000_000_u64,
             "renew_deadline_ns": 10_000_000_000_u64, "retry_period_ns": 2_000_000_000},
        ],
        "links": [
            {"node": "A", "from_ns": 20_040_000_000_u64, "to_ns": 20_048_500_000_u64, "leg": "request",
             "effect": "delay", "delay_ns": 3_000_000, "verb": "update", "applied_after_cancel": true},
        ],
    }))
}

/// A creates the Lease and renews it at once, both within the last microsecond of a second, and crashes before it renews
/// again. B reads between the two writes, and then not before 8 s. A renewTime that is always later than the last one
/// would fall into the next second, and restart B's wait; client-go's are the same.
fn renewal_in_the_same_microsecond() -> Schedule {
    schedule(serde_json::json!({
        "name": "renewal-in-the-same-microsecond", "end_ns": 30_000_000_000_u64,
        "request_latency_ns": 50, "response_latency_ns": 50,
        "nodes": [node("A", 999_999_100), node("B", 999_999_275)],
        "links": [
            {"node": "B", "from_ns": 1_500_000_000, "to_ns": 8_000_000_000_u64, "leg": "both", "effect": "refuse"},
        ],
        "processes": [{"node": "A", "at_ns": 2_500_000_000_u64, "do": "crash"}],
    }))
}
