//! Random schedules of the property tests' strategies, as far as the real client-go can be put through them.

use std::path::Path;
use std::time::Instant;

use leasehold::core::ClientGo;
use leasehold::replay::{Schedule, export};
use leasehold::scenario::{Outcome, Protocol};
use leasehold::sim::Plan;
use leasehold::sim::plan::{ClockPlan, LinkEffect};

use crate::compare::compare_all;
use crate::dice::Dice;
use crate::go::{
    CURRENT, Harness, NEWEST, PRE_RELEASE, harness, is_wanted, newest, others, pre_release, say, variable,
};
use crate::schedule::{schedule, under};

/// So many schedules. What cannot be honoured is left out of each.
pub(crate) fn schedules(seed: u64, count: usize) -> Vec<Schedule> {
    let mut dice = Dice::new(seed);
    let mut all = Vec::new();
    while all.len() < count {
        let number = dice.next();
        // Not every protocol takes every schedule's settings.
        let Some(plan) = plan_of(number) else { continue };
        let name = format!("random {number:016x}");
        all.push(export(&plan, &name, number, 0).unwrap_or_else(|refused| panic!("{name}: {refused:?}")));
    }
    all
}

fn plan_of(number: u64) -> Option<Plan> {
    let scenario = under(schedule(number), Protocol::ClientGo);
    let prepared = scenario.prepare(Path::new(""), &[]).ok()?;
    match prepared.settings.into_iter().next()?.outcome {
        Outcome::Plan(plan) => Some(honourable(*plan, number)),
        Outcome::Refused(_) => None,
    }
}

/// The plan with good clocks, and without the faults that are refused. Links that lose or duplicate at a rate within a
/// window lose everything in it.
fn honourable(mut plan: Plan, seed: u64) -> Plan {
    for node in &mut plan.nodes {
        node.clock =
            ClockPlan { rate_ppm: 0, wall_offset_ns: 0, wall_stopped: false, stops_in_suspend: false };
    }
    let all = std::mem::take(&mut plan.faults);
    for mut fault in all {
        if let leasehold::sim::plan::Fault::Link { effect, .. } = &mut fault.fault
            && matches!(effect, LinkEffect::Loss { .. } | LinkEffect::Duplicate { .. })
        {
            *effect = LinkEffect::Drop;
        }
        plan.faults.push(fault);
        let honoured = export(&plan, "", seed, 0).is_ok();
        if !honoured {
            plan.faults.pop();
        }
    }
    plan
}

fn compare_random(harness: &Harness, count: u32) {
    let began = Instant::now();
    let seed = u64::from(variable("LEASEHOLD_CLIENT_GO_SEED", 1)) + harness.release as u64 * 1_000_003;
    let schedules = schedules(seed, count as usize);
    let recordings = harness.record(&schedules);
    let events = compare_all(harness, &recordings);
    let count_of = |kind: &str| {
        let all = recordings.iter().flat_map(|recording| &recording.events);
        all.filter(|event| event.kind == kind).count()
    };
    let two = recordings.iter().filter(|recording| recording.two_leaders_ns() > 0).count();
    say(&format!(
        "v{}: {count} random schedules, {events} events equal, {} terms, {two} schedules with two leaders, {:.1} s",
        harness.release.line(),
        count_of("started_leading"),
        began.elapsed().as_secs_f64(),
    ));
    // Enough happens in them.
    assert!(count_of("started_leading") > 2 * recordings.len() && two * 50 > recordings.len());
}

#[test]
fn random_schedules_under_the_current_release() {
    let Some(harness) = harness(CURRENT) else { return };
    compare_random(&harness, variable("LEASEHOLD_CLIENT_GO_SCHEDULES", 200));
}

#[test]
fn random_schedules_under_the_newest_release() {
    let Some(harness) = newest("random schedules under the newest release") else { return };
    compare_random(&harness, variable("LEASEHOLD_CLIENT_GO_SCHEDULES", 200));
}

#[test]
fn random_schedules_under_the_newest_pre_release() {
    let Some(harness) = pre_release("random schedules under the newest pre-release") else { return };
    compare_random(&harness, variable("LEASEHOLD_CLIENT_GO_OLDER", 0));
}

#[test]
fn random_schedules_under_other_releases() {
    let count = others("random schedules under other releases");
    let apart = [CURRENT, NEWEST, PRE_RELEASE];
    let wanted = |release: &ClientGo| !apart.contains(release) && is_wanted(release.line());
    for release in ClientGo::ALL.into_iter().filter(|release| count > 0 && wanted(release)) {
        if let Some(harness) = harness(release) {
            compare_random(&harness, count);
        }
    }
}
