//! The published schema is the one that the code reads by.
#![cfg(feature = "scenario")]

use leasehold::scenario::Scenario;

#[test]
fn the_checked_in_schema_is_current() {
    let published = std::fs::read_to_string("sim-scenarios/schema.json").unwrap_or_default();
    let current = serde_json::to_string_pretty(&Scenario::json_schema()).unwrap() + "\n";
    assert!(
        published == current,
        "sim-scenarios/schema.json is out of date: cargo run -- schema --output sim-scenarios/schema.json"
    );
}
