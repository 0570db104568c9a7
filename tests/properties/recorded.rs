//! A run recorded as a schedule shows the same events when it is followed.

use std::path::Path;

use leasehold::scenario::{Action, Fault, Format, LinkEffect, Protocol, Scenario, schedule_of};
use leasehold::sim::trace::{TraceEvent, TraceKind};
use leasehold::sim::{Deed, Plan, Step, World};

use crate::check::plan_of;
use crate::dice::Dice;
use crate::schedule::{schedule, under, with_work};

/// The same schedule without what steps cannot say.
fn recordable(mut scenario: Scenario) -> Scenario {
    let fails = |effect: &LinkEffect| matches!(effect, LinkEffect::Refuse | LinkEffect::Error);
    scenario.faults.get_or_insert_default().retain_mut(|Fault { action, .. }| match action {
        Action::ServerErrors(_)
        | Action::ServerDown(_)
        | Action::StorageWithoutLeader(_)
        | Action::ServerStale(_) => false,
        Action::Link(link) => {
            if fails(&link.effect) {
                link.effect = LinkEffect::Drop;
            }
            true
        }
        _ => true,
    });
    scenario
}

/// What the electors and the server showed.
fn shown(trace: Vec<TraceEvent>) -> Vec<TraceEvent> {
    let of_interest = |event: &TraceEvent| {
        matches!(
            event.kind,
            TraceKind::Send { .. }
                | TraceKind::Commit { .. }
                | TraceKind::Done { .. }
                | TraceKind::StartedLeading { .. }
                | TraceKind::StoppedLeading { .. }
                | TraceKind::WorkStopped
                | TraceKind::Returned { .. }
                | TraceKind::NewLeader { .. }
                | TraceKind::ProcessStarted { .. }
                | TraceKind::ProcessEnded { .. }
                | TraceKind::Environment { .. }
        )
    };
    trace.into_iter().filter(of_interest).collect()
}

/// Records a run and follows the record. Returns its steps.
fn follow(plan: &Plan, seed: u64, scenario: &Scenario) -> Vec<Step> {
    assert_eq!(plan.not_recordable(), None, "{}", scenario.to_yaml());
    let (ordinary, steps) = {
        let mut world = World::new(plan);
        let (outcome, steps) = world.run_recorded(seed, 0);
        (outcome.clone(), steps)
    };
    let (_, trace) = World::new(plan).run_traced(seed, 0);
    let replay = plan.following(steps.clone());
    let mut world = World::new(&replay);
    let followed = world.try_run(seed, 0);
    let followed = followed.unwrap_or_else(|error| panic!("{error}\nseed {seed}\n{}", scenario.to_yaml()));
    let figures = |outcome: &leasehold::sim::Outcome| {
        (
            (outcome.two_leaders_ns, outcome.two_leaders_longest_ns, outcome.two_leaders_pairs.clone()),
            (outcome.leaderless_ns, outcome.ran_ns, outcome.terms, outcome.changes, outcome.transitions_max),
            (outcome.requests, outcome.ignored_responses, outcome.invariant_violations),
        )
    };
    assert_eq!(figures(followed), figures(&ordinary), "seed {seed}\n{}", scenario.to_yaml());
    let (_, again) = world.run_traced(seed, 0);
    let (trace, again) = (shown(trace), shown(again));
    let first = trace.iter().zip(&again).position(|(a, b)| a != b);
    if let Some(first) = first.or((trace.len() != again.len()).then_some(trace.len().min(again.len()))) {
        let around = |trace: &[TraceEvent]| format!("{:#?}", trace.get(first..trace.len().min(first + 3)));
        panic!("seed {seed}\n{}\n{}\n{}", around(&trace), around(&again), scenario.to_yaml());
    }
    steps
}

/// The same replicas and the record, as a file; what it shows is the same.
fn write_and_read_back(scenario: &Scenario, plan: &Plan, steps: &[Step], seed: u64) {
    let mut file = Scenario {
        start: None,
        restart: None,
        network: None,
        work: None,
        faults: None,
        crash_loses_requests: None,
        schedule: Some(schedule_of(steps)),
        ..scenario.clone()
    };
    for node in file.nodes.iter_mut().flat_map(std::collections::BTreeMap::values_mut) {
        (node.start, node.restart, node.network) = (None, None, None);
    }
    let yaml = file.to_yaml();
    let read = Scenario::parse(&yaml, Format::Yaml, "record", Path::new(""), &[]);
    let read = read.unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(read.scenario, file, "{yaml}");
    let again = read.settings[0].plan().expect("its settings are accepted");
    assert_eq!(again.schedule.as_deref(), Some(steps), "{yaml}");
    let overlap = |plan: &Plan| World::new(plan).run(seed, 0).two_leaders_ns;
    assert_eq!(overlap(again), overlap(plan), "{yaml}");
}

fn name(deed: &Deed) -> &'static str {
    match deed {
        Deed::Start { new_identity: false, .. } => "start",
        Deed::Start { .. } => "start as another",
        Deed::Wake { .. } => "wake",
        Deed::Choose { .. } => "choose",
        Deed::Arrive { .. } => "arrive",
        Deed::Answer { copy: 1, .. } => "answer",
        Deed::Answer { .. } => "answer to a copy",
        Deed::WorkStopped { .. } => "work stopped",
        Deed::Crash { .. } => "crash",
        Deed::Terminate { .. } => "terminate",
        Deed::Pause { .. } => "pause",
        Deed::Resume { .. } => "resume",
        Deed::Edit(_) => "edit",
        Deed::StepWallClock { .. } => "step wall clock",
        Deed::ClockRate { .. } => "clock rate",
    }
}

#[test]
fn a_recorded_run_is_followed_event_by_event() {
    let mut dice = Dice::new(11);
    let mut counts = std::collections::BTreeMap::new();
    let mut overlaps = 0;
    for _ in 0..4_000 {
        let scenario = recordable(schedule(dice.next()));
        let protocol = dice.one_of(&[Protocol::Strict, Protocol::ClientGo, Protocol::RenewTime]);
        let scenario = if protocol == Protocol::Strict { scenario } else { under(scenario, protocol) };
        let scenario = if dice.percent(10) { with_work(scenario, false) } else { scenario };
        // Not every protocol takes every schedule's settings.
        let Some(plan) = plan_of(&scenario) else { continue };
        let seed = dice.next();
        let steps = follow(&plan, seed, &scenario);
        if dice.percent(5) {
            write_and_read_back(&scenario, &plan, &steps, seed);
        }
        for step in steps {
            *counts.entry(name(&step.deed)).or_insert(0) += 1;
        }
        overlaps += u32::from(World::new(&plan).run(seed, 0).two_leaders_ns > 0);
    }
    println!("{counts:?}, {overlaps} overlaps");
    assert_eq!(counts.len(), 15, "every deed was recorded: {counts:?}");
    assert!(overlaps > 20, "{overlaps}");
}
