//! Making a schedule smaller, as the text that it is written as: whatever can be left out is, and lengths of time
//! become round.

use leasehold::scenario::{Length, Scenario};
use proptest::prelude::any;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::check::plan_of;
use crate::schedule::within_assumptions;

/// Schedules made by a function of a random number.
pub(crate) struct Schedules<F>(pub(crate) F);

impl<F> std::fmt::Debug for Schedules<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Schedules")
    }
}

impl<F: Fn(u64) -> Scenario> Strategy for Schedules<F> {
    type Tree = Shrinking;
    type Value = Scenario;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = any::<u64>().new_tree(runner)?.current();
        Ok(Shrinking::new((self.0)(seed)))
    }
}

/// A schedule being made smaller.
#[derive(Debug)]
pub(crate) struct Shrinking {
    scenario: Scenario,
    tree: Value,
    /// What it was before the last change.
    before: Option<(Scenario, Value)>,
    /// The next change to try, counted over the whole schedule.
    next: usize,
    /// Whether anything became smaller since the first change was tried last.
    progress: bool,
}

impl Shrinking {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self { tree: scenario.to_json(), scenario, before: None, next: 0, progress: false }
    }

    /// Tries the next change that leaves a schedule of the same kind.
    fn step(&mut self) -> bool {
        loop {
            let mut tree = self.tree.clone();
            let mut count = self.next;
            if !change(&mut tree, &mut count) {
                if !std::mem::take(&mut self.progress) {
                    return false;
                }
                self.next = 0;
                continue;
            }
            let Some(scenario) = valid(&tree) else {
                self.next += 1;
                continue;
            };
            let scenario = std::mem::replace(&mut self.scenario, scenario);
            self.before = Some((scenario, std::mem::replace(&mut self.tree, tree)));
            return true;
        }
    }
}

fn valid(tree: &Value) -> Option<Scenario> {
    let scenario: Scenario = serde_json::from_value(tree.clone()).ok()?;
    (within_assumptions(&scenario) && plan_of(&scenario).is_some()).then_some(scenario)
}

impl ValueTree for Shrinking {
    type Value = Scenario;

    fn current(&self) -> Scenario {
        self.scenario.clone()
    }

    fn simplify(&mut self) -> bool {
        // The last change, if any, was a good one. What is next has moved to its place.
        self.progress |= self.before.take().is_some();
        self.step()
    }

    fn complicate(&mut self) -> bool {
        let Some((scenario, tree)) = self.before.take() else { return false };
        (self.scenario, self.tree) = (scenario, tree);
        self.next += 1;
        self.step()
    }
}

/// What a schedule is about must stay.
const KEPT: [&str; 5] = ["protocol", "rules", "timings", "clock_bound", "work"];

/// Makes the change of this number, in a fixed order; `false` if there are not so many. `number` is left as how
/// many are missing.
fn change(value: &mut Value, number: &mut usize) -> bool {
    let mut hit = || {
        let hit = *number == 0;
        *number = number.saturating_sub(1);
        hit
    };
    match value {
        Value::Object(map) => {
            // Whole parts first: most of the rest goes with them. Faults before all.
            let mut keys: Vec<String> =
                map.keys().filter(|key| !KEPT.contains(&key.as_str())).cloned().collect();
            keys.sort_by_key(|key| key != "faults");
            for key in &keys {
                if key != "faults" && hit() {
                    map.remove(key);
                    return true;
                }
            }
            keys.iter().any(|key| map.get_mut(key).is_some_and(|value| change(value, number)))
        }
        Value::Array(items) => {
            for at in (0..items.len()).rev() {
                if hit() {
                    items.remove(at);
                    return true;
                }
            }
            items.iter_mut().any(|item| change(item, number))
        }
        Value::String(text) => {
            let rounder = rounder(text);
            for other in rounder {
                if hit() {
                    *text = other;
                    return true;
                }
            }
            false
        }
        Value::Number(n) => {
            let Some(n) = n.as_i64().filter(|n| n.abs() > 1) else { return false };
            for smaller in [n / 2, n - n.signum()] {
                if hit() {
                    *value = smaller.into();
                    return true;
                }
            }
            false
        }
        Value::Bool(yes) => {
            if *yes && hit() {
                *yes = false;
                return true;
            }
            false
        }
        Value::Null => false,
    }
}

/// The same length of time cut to round numbers, roundest first.
fn rounder(text: &str) -> Vec<String> {
    let Ok(length) = text.parse::<Length>() else { return Vec::new() };
    if length.is_relative() {
        return Vec::new();
    }
    let nanos = length.resolve(&leasehold::core::Timings::DEFAULT);
    let grids = [10_000_000_000_u64, 5_000_000_000, 1_000_000_000, 500_000_000, 100_000_000, 10_000_000];
    let mut all: Vec<u64> = grids.iter().map(|grid| nanos / grid * grid).collect();
    all.dedup();
    all.into_iter().filter(|n| *n < nanos).map(|n| Length::nanos(n).to_string()).collect()
}
