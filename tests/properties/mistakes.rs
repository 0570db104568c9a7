//! Each rule of `strict`, changed to client-go's: the same schedules show two leaders.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use leasehold::core::rules::{OtherHolder, Poll};
use leasehold::scenario::{
    Action, Choice, Clock, Draw, Fault, Length, Node, Protocol, RuleChanges, Scenario, Timings, Who,
};
use leasehold::sim::World;

use crate::check::{Promise, hold, plan_of, search, write_down};
use crate::promises::ONE_LEADER;
use crate::schedule::{Mistake, mistakes, schedule, with_rules};

/// Within so many schedules, each mistake is found. Most take some tens.
const BUDGET: u32 = 2_000;

/// Rules that are kept for something else than "at most one leader within the assumptions"; each has a test of
/// its own below.
const NOT_FOR_SAFETY: [&str; 2] = ["other_holder", "poll"];

fn mistaken(mistake: &Mistake) -> impl Fn(u64) -> Scenario {
    |seed| with_rules(schedule(seed), &mistake.rules)
}

#[test]
fn each_mistake_is_found_made_small_and_run_again_from_its_file() {
    let mut table =
        format!("{:<24}{:<20}{:>9}{:>8}  {}\n", "rule", "changed to", "schedules", "faults", "shows");
    for mistake in mistakes().iter().filter(|mistake| !NOT_FOR_SAFETY.contains(&mistake.rule)) {
        let Err(broken) = search(6, BUDGET, &ONE_LEADER, mistaken(mistake)) else {
            panic!("{table}{}: not found within {BUDGET} schedules", mistake.rule);
        };
        let faults = broken.scenario.faults.as_ref().map_or(0, Vec::len);
        let (tries, why) = (broken.after + 1, &broken.why);
        let _ = writeln!(table, "{:<24}{:<20}{tries:>9}{faults:>8}  {why}", mistake.rule, mistake.value);
        let file =
            write_down(&format!("mistake {}", mistake.rule), &broken).expect("the file can be written");
        let written = Scenario::load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
        let plan = written.settings[0].plan().expect("the settings are accepted");
        let overlap = World::new(plan).run(written.settings[0].seed, 0).two_leaders_ns;
        assert!(overlap > 0, "{}: the file shows what the search found", mistake.rule);
        #[cfg(feature = "cli")]
        runs_again(&file, overlap);
        // It is the rule's fault: plain `strict` has one leader under the same schedule.
        let plain = Scenario { rules: None, ..broken.scenario };
        let plan = plan_of(&plain).expect("a schedule can be run");
        assert_eq!(World::new(&plan).run(plain.seed.unwrap_or(1), 0).two_leaders_ns, 0, "{}", mistake.rule);
    }
    println!("{table}");
}

/// The command shows the same overlap, and that something else was expected.
#[cfg(feature = "cli")]
fn runs_again(file: &std::path::Path, overlap_ns: u64) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(["run", "--quiet", "--no-plot", "--format", "json"])
        .arg(file)
        .output()
        .expect("the command can be run");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the command prints JSON");
    let overlap = report["results"][0]["figures"]["two_leaders_ms_max"].as_f64();
    assert_eq!(overlap, Some(overlap_ns as f64 / 1e6), "{}", file.display());
}

#[test]
fn a_broken_promise_names_the_file_and_the_command_that_shows_it() {
    let all = mistakes();
    let mistake = all.iter().find(|mistake| mistake.rule == "no_holder").expect("it is a rule");
    let promise = Promise { name: "a mistake on purpose", ..ONE_LEADER };
    let run = AssertUnwindSafe(|| hold(6, BUDGET, &promise, mistaken(mistake)));
    let panic = catch_unwind(run).expect_err("the mistake is found");
    let message = panic.downcast_ref::<String>().expect("the panic has a message");
    assert!(message.starts_with("a mistake on purpose: two lead for"), "{message}");
    let command = message.lines().find_map(|line| line.trim().strip_prefix("cargo run --release -- run "));
    let file = std::path::Path::new(command.unwrap_or_else(|| panic!("{message}")));
    assert!(file.ends_with("leasehold-regressions/a-mistake-on-purpose.yaml"), "{message}");
    let scenario = Scenario::load(file, &[]).unwrap_or_else(|error| panic!("{error}")).scenario;
    assert_eq!((scenario.rules, scenario.runs), (Some(mistake.rules.clone()), Some(1)));
    let left: Vec<_> = std::fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with(".a-mistake"))
        .collect();
    assert!(left.is_empty(), "nothing unfinished is left: {left:?}");
}

fn changed(scenario: &Scenario, rules: RuleChanges) -> Scenario {
    Scenario { rules: Some(rules), ..scenario.clone() }
}

fn stop_at_once() -> RuleChanges {
    RuleChanges { other_holder: Some(Choice(OtherHolder::StopAtOnce)), ..RuleChanges::default() }
}

/// A leader that sees another holder tries on, and one that stops at once is as safe: the deadline ends its right before
/// the other's begins.
#[test]
fn stopping_at_the_sight_of_another_holder_is_as_safe_as_trying_on() {
    if let Err(broken) = search(8, 3_000, &ONE_LEADER, |seed| with_rules(schedule(seed), &stop_at_once())) {
        panic!("{}\n{}", broken.why, broken.scenario.to_yaml());
    }
}

/// Where a clock is worse than declared, the deadline no longer holds, and stopping at the sight of another holder
/// is what ends the overlap.
#[test]
fn stopping_at_the_sight_of_another_holder_shortens_overlaps_beyond_the_clock_bound() {
    let slow = Node {
        clock: Some(Clock { rate_ppm: Some(-400_000), ..Clock::default() }),
        start: Some(Draw::ZERO),
        ..Node::default()
    };
    let cut = Action::Partition(leasehold::scenario::Partition::With(leasehold::scenario::PartitionWith {
        who: Who::Node("n1".to_owned()),
        direction: leasehold::scenario::Direction::Both,
        mode: leasehold::scenario::Mode::Refuse,
        applied_after_cancel: false,
    }));
    // It is cut off for longer than the others wait, and comes back while it still believes in its right.
    let fault =
        Fault::at(Draw::uniform(Length::secs(40), Length::secs(45)), cut).lasting(Length::millis(16_500));
    let scenario = Scenario {
        protocol: Some(Protocol::Strict),
        timings: Some(Timings {
            lease_duration: Some(Length::secs(15)),
            renew_deadline: Some(Length::secs(14)),
            retry_period: Some(Length::secs(1)),
        }),
        start: Some(Draw::Fixed(Length::secs(3))),
        nodes: Some([("n1".to_owned(), slow)].into()),
        faults: Some(vec![fault]),
        duration: Some(Length::secs(120)),
        ..Scenario::default()
    };
    let total_ms = |scenario: &Scenario| {
        let plan = plan_of(scenario).expect("the scenario can be run");
        let mut world = World::new(&plan);
        (0..200).map(|run| world.run(1, run).two_leaders_ns / 1_000_000).sum::<u64>()
    };
    let (tries_on, stops) = (total_ms(&scenario), total_ms(&changed(&scenario, stop_at_once())));
    println!(
        "two lead in 200 runs: {stops} ms where the leader stops at once, {tries_on} ms where it tries on"
    );
    assert!(stops > 0, "the clock is beyond the bound");
    assert!(tries_on > stops + stops / 2, "{tries_on} ms against {stops} ms");
}

/// When a candidate looks is a matter of speed: looking at the moment of expiry finds the Lease free sooner.
#[test]
fn looking_at_the_moment_of_expiry_only_makes_failovers_faster() {
    let jittered = || RuleChanges { poll: Some(Choice(Poll::Jittered)), ..RuleChanges::default() };
    if let Err(broken) = search(9, 3_000, &ONE_LEADER, |seed| with_rules(schedule(seed), &jittered())) {
        panic!("{}\n{}", broken.why, broken.scenario.to_yaml());
    }
    let retry_periods = Length::retry_periods;
    let when = Draw::uniform(retry_periods(10), retry_periods(12));
    let crash = Fault::when_leading(Who::Any, when, Action::Crash(Who::Leader));
    let scenario = Scenario {
        protocol: Some(Protocol::Strict),
        start: Some(Draw::uniform(Length::ZERO, Length::secs(3))),
        faults: Some(vec![crash]),
        stop_after_failovers: Some(1),
        ..Scenario::default()
    };
    let mean_ms = |scenario: &Scenario| {
        let plan = plan_of(scenario).expect("the scenario can be run");
        let mut world = World::new(&plan);
        let failovers: Vec<u64> = (0..500)
            .flat_map(|run| world.run(1, run).failovers.clone())
            .map(|f| f.took_ns / 1_000_000)
            .collect();
        assert_eq!(failovers.len(), 500);
        failovers.iter().sum::<u64>() / 500
    };
    let (at_expiry, later) = (mean_ms(&scenario), mean_ms(&changed(&scenario, jittered())));
    println!("mean failover: {at_expiry} ms looking at expiry, {later} ms at the next poll");
    assert!(at_expiry + 200 < later, "{at_expiry} ms against {later} ms");
}
