//! Each rule of `strict`, changed to client-go's: the same schedules show two leaders.

use std::time::Instant;

use crate::check::search;
use crate::promises::ONE_LEADER;
use crate::schedule::{mistakes, schedule, with_rules};

/// Rules whose change shows no two leaders, and what shows it instead.
const NOT_REFUTED: [&str; 2] = ["other_holder", "poll"];

#[test]
fn probe() {
    for mistake in mistakes().iter().filter(|m| !NOT_REFUTED.contains(&m.rule)) {
        for seed in [6, 7, 8] {
        let started = Instant::now();
        let found = search(seed, 20_000, &ONE_LEADER, |seed| with_rules(schedule(seed), &mistake.rules));
        println!("{} {} {:?} {:?}", mistake.rule, mistake.value, found.as_ref().err().map(|b| b.after+1), started.elapsed());
        if let Err(broken) = found && seed == 6 { println!("{}\n{}", broken.why, broken.scenario.to_yaml()); }
        }
    }
}
