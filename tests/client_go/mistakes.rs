//! Each rule of client-go, changed alone: the comparison shows it.

use std::fmt::Write as _;

use leasehold::core::Rules;
use leasehold::core::rules as values;
use leasehold::replay::Recording;
use leasehold::scenario::Rule;

use crate::compare::{committed, differs, differs_under};
use crate::go::{CURRENT, harness};
use crate::random::schedules;
use crate::shrink::{shrink, write_down};

/// A rule changed, and what it was changed to.
struct Mistake {
    rule: &'static str,
    value: &'static str,
    rules: Rules,
}

fn mistakes() -> Vec<Mistake> {
    let mut all = Vec::new();
    macro_rules! change {
        ($($rule:ident: $type:ident),*) => {
            // Names every rule: one that is added must be added here.
            let Rules { $($rule),* } = Rules::CLIENT_GO;
            $(
                for (value, name) in <values::$type as Rule>::VALUES {
                    if *value != $rule {
                        let rules = Rules { $rule: *value, ..Rules::CLIENT_GO };
                        all.push(Mistake { rule: stringify!($rule), value: name, rules });
                    }
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

fn is_wrong(recording: &Recording, rules: Rules) -> bool {
    let release = recording.release();
    let plan = recording.schedule.plan_with(|node| node.client_go(release)?.with_rules(rules));
    differs_under(recording, &plan.expect("a recorded schedule can be run")).is_some()
}

/// How many recordings each mistake is seen in.
fn caught(recordings: &[Recording]) -> Vec<(Mistake, usize)> {
    let count =
        |mistake: &Mistake| recordings.iter().filter(|recording| is_wrong(recording, mistake.rules)).count();
    mistakes()
        .into_iter()
        .map(|mistake| (count(&mistake), mistake))
        .map(|(count, mistake)| (mistake, count))
        .collect()
}

fn all_seen(title: &str, recordings: &[Recording]) {
    let mut table =
        format!("{:<26}{:<22}{:>8}  of {} {title}\n", "rule", "changed to", "seen in", recordings.len());
    let mut unseen = Vec::new();
    for (mistake, count) in caught(recordings) {
        let _ = writeln!(table, "{:<26}{:<22}{count:>8}", mistake.rule, mistake.value);
        if count == 0 {
            unseen.push(format!("{}: {}", mistake.rule, mistake.value));
        }
    }
    println!("{table}");
    assert!(unseen.is_empty(), "{unseen:?}\n{table}");
}

/// With what is committed alone: this needs no Go.
#[test]
fn each_mistake_is_seen_in_the_committed_recordings() {
    let recordings = committed();
    for recording in &recordings {
        assert_eq!(differs(recording), None, "{}", recording.schedule.name);
    }
    all_seen("committed recordings", &recordings);
}

#[test]
fn each_mistake_is_seen_in_fresh_recordings() {
    let Some(harness) = harness(CURRENT) else { return };
    let mut all: Vec<_> = committed().into_iter().map(|recording| recording.schedule).collect();
    all.extend(schedules(7, 200));
    all_seen("fresh recordings", &harness.record(&all));
}

/// A mistake is as good as any for seeing that a difference is made small, and can be replayed from its file.
#[test]
fn a_difference_is_made_small_and_written_down() {
    let Some(harness) = harness(CURRENT) else { return };
    let rules = Rules { no_holder: values::NoHolder::FreeIfReleased, ..Rules::CLIENT_GO };
    let wrong = |recording: &Recording| is_wrong(recording, rules);
    let recordings = harness.record(&schedules(11, 200));
    let large = recordings.iter().find(|recording| wrong(recording)).expect("the mistake is seen");
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
    let file = write_down(&small);
    let text = std::fs::read_to_string(&file).expect("it was written");
    let read: Recording = serde_json::from_str(&text).expect("it is a recording");
    assert!(wrong(&read) && differs(&read).is_none());
}
