//! The recorded runs of the real client-go, event by event.
#![cfg(feature = "scenario")]

use leasehold::replay::{Recording, replay};

fn recordings() -> Vec<Recording> {
    let path = std::env::var("TRACES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/client-go-traces.jsonl").into());
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_event_of_every_recording_is_equal_to_the_nanosecond() {
    let mut events = 0;
    let mut bad = 0;
    for recording in recordings() {
        match replay(&recording).unwrap() {
            Ok(equal) => events += equal,
            Err(difference) => {
                bad += 1;
                if bad < 4 {
                    println!("{}\n{difference}", recording.schedule.name)
                }
            }
        }
    }
    assert_eq!((bad, events), (0, 11_127));
}
