//! What holds of every schedule.

use leasehold::core::Rules;
use leasehold::scenario::Protocol;
use leasehold::sim::World;
use leasehold::sim::trace::TraceKind;

use crate::check::{Promise, SEEDS, hold, plan_of};
use crate::dice::Dice;
use crate::schedule::{schedule, under, with_work, within_assumptions};

pub(crate) const ONE_LEADER: Promise = Promise {
    name: "two leaders",
    expect: &["two_leaders_ms_max", "invariant_violations"],
    check: |world, seed| {
        let outcome = world.run(seed, 0);
        match (outcome.two_leaders_ns, outcome.invariant_violations) {
            (0, 0) => Ok(()),
            (ns, 0) => Err(format!("two lead for {} ms", ns / 1_000_000)),
            (_, broken) => Err(format!("{broken} invariants of the store are broken")),
        }
    },
};

const SOUND_STORE: Promise = Promise {
    name: "unsound store",
    expect: &["invariant_violations"],
    check: |world, seed| match world.run(seed, 0).invariant_violations {
        0 => Ok(()),
        broken => Err(format!("{broken} invariants of the store are broken")),
    },
};

const FENCED: Promise = Promise {
    name: "stale writes",
    expect: &["stale_writes_accepted"],
    check: |world, seed| match world.run(seed, 0).stale_writes_accepted {
        0 => Ok(()),
        stale => Err(format!("{stale} stale writes were accepted")),
    },
};

const TOKENS_INCREASE: Promise = Promise {
    name: "fencing tokens",
    expect: &["two_leaders_ms_max"],
    check: |world, seed| {
        let (_, trace) = world.run_traced(seed, 0);
        let tokens: Vec<u64> = trace
            .iter()
            .filter_map(|event| match event.kind {
                TraceKind::StartedLeading { token } => Some(token),
                _ => None,
            })
            .collect();
        if tokens.is_sorted_by(|a, b| a < b) {
            Ok(())
        } else {
            Err(format!("tokens do not increase: {tokens:?}"))
        }
    },
};

#[test]
fn strict_never_shows_two_leaders() {
    hold(1, 30_000, &ONE_LEADER, schedule);
}

#[test]
fn no_schedule_breaks_the_store_or_panics_the_core() {
    hold(2, 2_000, &SOUND_STORE, |seed| under(schedule(seed), Protocol::ClientGo));
    hold(3, 2_000, &SOUND_STORE, |seed| under(schedule(seed), Protocol::RenewTime));
}

#[test]
fn a_fenced_store_takes_no_stale_write() {
    hold(4, 1_500, &FENCED, |seed| with_work(schedule(seed), true));
    // Not because there are none to take.
    let writes = |fenced| {
        let (mut accepted, mut rejected) = (0, 0);
        for seed in 0..300 {
            let plan = plan_of(&with_work(schedule(seed), fenced)).expect("a schedule can be run");
            let outcome = World::new(&plan).run(seed, 0).clone();
            accepted += outcome.stale_writes_accepted;
            rejected += outcome.stale_writes_rejected;
        }
        (accepted, rejected)
    };
    let (unfenced, fenced) = (writes(false), writes(true));
    assert!(unfenced.0 > 0 && unfenced.1 == 0, "without fencing, stale writes are taken: {unfenced:?}");
    assert!(fenced.0 == 0 && fenced.1 > 0, "with fencing, stale writes are refused: {fenced:?}");
}

#[test]
fn fencing_tokens_increase_from_term_to_term() {
    hold(5, 3_000, &TOKENS_INCREASE, schedule);
}

#[test]
fn schedules_are_what_they_are_said_to_be() {
    let mut dice = Dice::new(7);
    let (mut terms, mut failovers, mut lost) = (0, 0, 0);
    for _ in 0..500 {
        let scenario = schedule(dice.next());
        assert!(within_assumptions(&scenario), "{}", scenario.to_yaml());
        let plan = plan_of(&scenario).unwrap_or_else(|| panic!("{}", scenario.to_yaml()));
        assert!(plan.nodes.iter().all(|node| node.elector.is_some_and(|e| *e.rules() == Rules::STRICT)));
        let mut world = World::new(&plan);
        for seed in 1..=SEEDS {
            let outcome = world.run(seed, 0);
            terms += outcome.terms;
            failovers += outcome.failovers.len();
            lost += outcome.ignored_responses;
        }
    }
    // Enough happens in them.
    println!("500 schedules, {SEEDS} runs each: {terms} terms, {failovers} failovers, {lost} late answers");
    assert!(terms > 3_000 && failovers > 1_000 && lost > 300);
}
