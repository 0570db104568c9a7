//! Every scenario file, as far as the real client-go can be put through it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leasehold::replay::{Schedule, export};
use leasehold::scenario::{Protocol, Scenario, discover};

use crate::compare::{committed, compare_all};
use crate::go::{CURRENT, Harness, harness, newest, pre_release, say};

/// How many runs of each setting.
const RUNS: u64 = 2;

#[test]
fn the_recorded_schedules_give_equal_traces_again() {
    let Some(harness) = harness(CURRENT) else { return };
    compare_recorded(&harness);
}

#[test]
fn the_recorded_schedules_give_equal_traces_under_the_newest_release_and_pre_release() {
    for harness in [newest("recorded schedules"), pre_release("recorded schedules")].into_iter().flatten() {
        compare_recorded(&harness);
    }
}

fn compare_recorded(harness: &Harness) {
    let schedules: Vec<Schedule> = committed().into_iter().map(|recording| recording.schedule).collect();
    let recordings = harness.record(&schedules);
    let events = compare_all(harness, &recordings);
    say(&format!(
        "v{}: {} recorded schedules run anew, {events} events equal",
        harness.release.line(),
        recordings.len()
    ));
    assert_eq!(recordings.len(), 58);
}

/// The schedules of every setting under client-go, and for each file what was refused.
pub(crate) fn exported(folder: &str, runs: u64) -> (Vec<Schedule>, BTreeMap<String, BTreeSet<String>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut schedules = Vec::new();
    let mut refused: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for file in discover(&[folder]).expect("the scenarios are part of the repository") {
        let scenario = Scenario::load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
        for setting in &scenario.settings {
            let protocol = setting.scenario.protocol.unwrap_or_default();
            let (Protocol::ClientGo, Some(plan)) = (protocol, setting.plan()) else { continue };
            let name = format!("{}: {}", scenario.name, setting.name);
            for run in 0..runs {
                match export(plan, &name, setting.seed, run) {
                    Ok(schedule) => schedules.push(schedule),
                    Err(why) => {
                        let of = refused.entry(name.clone()).or_default();
                        of.extend(why.into_iter().map(|refusal| refusal.0));
                    }
                }
            }
        }
    }
    (schedules, refused)
}

#[test]
fn scenario_files_give_equal_traces() {
    let Some(harness) = harness(CURRENT) else { return };
    compare_files(&harness);
}

/// Settings of protocol client-go, run by this release and compared with its preset.
#[test]
fn scenario_files_give_equal_traces_under_the_newest_release() {
    let Some(harness) = newest("scenario files under the newest release") else { return };
    compare_files(&harness);
}

#[test]
fn scenario_files_give_equal_traces_under_the_newest_pre_release() {
    let Some(harness) = pre_release("scenario files under the newest pre-release") else { return };
    compare_files(&harness);
}

fn compare_files(harness: &Harness) {
    let (schedules, refused) = exported("sim-scenarios", RUNS);
    let recordings = harness.record(&schedules);
    let events = compare_all(harness, &recordings);
    let settings = schedules.len() as u64 / RUNS;
    say(&format!(
        "v{}: scenario files: {settings} settings honoured, {} runs, {events} events equal; {} settings refused",
        harness.release.line(),
        recordings.len(),
        refused.len()
    ));
    for (setting, why) in &refused {
        println!("cannot honour: {setting}: {}", why.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    assert!(settings > 60, "{settings}");
}
