//! Each rule of client-go, changed alone: the comparison shows it.

use std::fmt::Write as _;
use std::path::Path;

use leasehold::core::Rules;
use leasehold::core::rules as values;
use leasehold::replay::Recording;
use leasehold::scenario::{Rule, Scenario};
use leasehold::sim::{Plan, World};

use crate::compare::{committed, differs, differs_under, plan_of, simulated_overlap_ns};
use crate::go::{CURRENT, harness, pre_release};
use crate::random::schedules;
use crate::shrink::shrink;
use crate::written::{not_recordable, scenario_of, write_down};

/// A rule changed, and what it was changed to. A release that has that value has no such mistake.
struct Mistake {
    rule: &'static str,
    value: &'static str,
    changed: Box<dyn Fn(Rules) -> Rules>,
}

fn mistakes() -> Vec<Mistake> {
    let mut all = Vec::new();
    macro_rules! change {
        ($($rule:ident: $type:ident),*) => {
            // Names every rule: one that is added must be added here.
            let Rules { $($rule: _),* } = Rules::CLIENT_GO;
            $(
                for (value, name) in <values::$type as Rule>::VALUES {
                    let changed = move |rules| Rules { $rule: *value, ..rules };
                    all.push(Mistake { rule: stringify!($rule), value: name, changed: Box::new(changed) });
                }
            )*
        };
    }
    change! {
        expiry: Expiry, deadline_from: DeadlineFrom, stop_when: StopWhen, other_holder: OtherHolder,
        missing_while_leading: MissingWhileLeading, missing_while_candidate: MissingWhileCandidate, wait: Wait,
        no_holder: NoHolder, own_name: OwnName, lost_response: LostResponse, release: Release, cancel_work: CancelWork,
        content: Content, renew_time: RenewTime, written_duration: WrittenDuration, poll: Poll, first_try: FirstTry,
        ticks: Ticks, release_within: ReleaseWithin
    }
    all
}

/// The plan of what ran, with its release's rules changed.
fn plan_under(recording: &Recording, changed: &dyn Fn(Rules) -> Rules) -> Plan {
    let release = recording.release();
    let rules = changed(release.rules());
    let plan = recording.schedule.plan_with(|node| node.client_go(release)?.with_rules(rules));
    plan.expect("a recorded schedule can be run")
}

fn is_wrong(recording: &Recording, changed: &dyn Fn(Rules) -> Rules) -> bool {
    differs_under(recording, &plan_under(recording, changed)).is_some()
}

/// Every mistake is seen, in a recording of a release to which it is one. How many there are.
fn all_seen(title: &str, recordings: &[Recording]) -> usize {
    let mut table = format!("{:<26}{:<22}{:>8}{:>10}  {title}\n", "rule", "changed to", "seen in", "of");
    let (mut seen, mut unseen) = (0, Vec::new());
    for Mistake { rule, value, changed } in mistakes() {
        let is_mistake = |recording: &&Recording| {
            let rules = recording.release().rules();
            changed(rules) != rules
        };
        let of: Vec<_> = recordings.iter().filter(is_mistake).collect();
        if of.is_empty() {
            // Right for all of them.
            continue;
        }
        let count = of.iter().filter(|recording| is_wrong(recording, &changed)).count();
        let _ = writeln!(table, "{rule:<26}{value:<22}{count:>8}{:>10}", of.len());
        match count {
            0 => unseen.push(format!("{rule}: {value}")),
            _ => seen += 1,
        }
    }
    println!("{table}");
    assert!(unseen.is_empty(), "{unseen:?}\n{table}");
    seen
}

/// With what is committed alone: this needs no Go.
#[test]
fn each_mistake_is_seen_in_the_committed_recordings() {
    let recordings = committed();
    for recording in &recordings {
        assert_eq!(differs(recording), None, "{}", recording.schedule.name);
    }
    // 24 values that v0.36 has not, and its own release, which is a mistake to v0.38.
    assert_eq!(all_seen("committed recordings", &recordings), 25);
}

#[test]
fn each_mistake_is_seen_in_fresh_recordings() {
    let Some(harness) = harness(CURRENT) else { return };
    let mut all: Vec<_> = committed().into_iter().map(|recording| recording.schedule).collect();
    all.extend(schedules(7, 200));
    assert_eq!(all_seen("fresh recordings", &harness.record(&all)), 24);
}

#[test]
fn each_mistake_is_seen_in_fresh_recordings_of_the_newest_pre_release() {
    let Some(harness) = pre_release("mistakes in the newest pre-release") else { return };
    let mut all: Vec<_> = committed().into_iter().map(|recording| recording.schedule).collect();
    all.extend(schedules(7, 200));
    assert_eq!(all_seen("fresh recordings of the pre-release", &harness.record(&all)), 24);
}

/// A mistake is as good as any for seeing that a difference is made small, and can be replayed from its files.
#[test]
fn a_difference_is_made_small_and_written_down() {
    let Some(harness) = harness(CURRENT) else { return };
    let changed = |rules| Rules { no_holder: values::NoHolder::FreeIfReleased, ..rules };
    let wrong = |recording: &Recording| is_wrong(recording, &changed);
    let can_be_a_file =
        |recording: &Recording| not_recordable(recording, &plan_under(recording, &changed)).is_none();
    let recordings = harness.record(&schedules(11, 200));
    let large = recordings.iter().find(|recording| wrong(recording) && can_be_a_file(recording));
    let large = large.expect("the mistake is seen");
    let small = shrink(&harness, large, &wrong);
    let size = |recording: &Recording| {
        let schedule = &recording.schedule;
        schedule.nodes.len() + schedule.links.len() + schedule.processes.len() + schedule.environment.len()
    };
    println!(
        "{} parts made {}, {} events {}",
        size(large),
        size(&small),
        large.events.len(),
        small.events.len()
    );
    assert!(size(&small) <= size(large) && small.events.len() < large.events.len());
    let plan = plan_under(&small, &changed);
    let written = write_down(&small, &plan);
    let text = std::fs::read_to_string(&written.recording).expect("it was written");
    let read: Recording = serde_json::from_str(&text).expect("it is a recording");
    assert!(wrong(&read) && differs(&read).is_none());
    runs_as_simulated(&written.scenario.expect("it can be a scenario"), simulated_overlap_ns(&small, &plan));
}

/// The file can be read and run, what it expects is met, and two lead for so long.
fn runs_as_simulated(file: &Path, overlap_ns: u64) {
    let read = Scenario::load(file, &[]).unwrap_or_else(|error| panic!("{error}"));
    let plan = read.settings[0].plan().expect("its settings are accepted");
    let mut world = World::new(plan);
    let outcome = world.try_run(1, 0).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(outcome.two_leaders_ns, overlap_ns);
    let expected = &read.settings[0].expectations;
    assert!(expected.iter().any(|expected| expected.condition.holds(overlap_ns as f64 / 1e6)));
}

/// What steps can say becomes a scenario that shows the same; of anything else, it is said why not.
#[test]
fn every_committed_recording_becomes_a_scenario_or_says_why_not() {
    let (mut files, mut overlaps) = (0, 0);
    for recording in committed() {
        let plan = plan_of(&recording);
        let written = scenario_of(&recording, &plan);
        match not_recordable(&recording, &plan) {
            Some(why) => assert_eq!(written, Err(why.to_owned())),
            None => {
                written.unwrap_or_else(|why| panic!("{}: {why}", recording.schedule.name));
                files += 1;
                overlaps += usize::from(recording.two_leaders_ns() > 0);
            }
        }
    }
    println!("{files} scenarios, in {overlaps} of them two lead");
    assert!(files > 20 && overlaps > 5, "{files}, {overlaps}");
}
