//! Running schedules, and writing down those that fail.

use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use leasehold::scenario::{Condition, Expect, Outcome, Scenario};
use leasehold::sim::{Plan, World};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::shrink::Schedules;

/// How often each schedule is run, with jitter of its own.
pub(crate) const SEEDS: u64 = 3;

/// The plan, if the scenario is valid and its settings are not refused.
pub(crate) fn plan_of(scenario: &Scenario) -> Option<Plan> {
    let prepared = scenario.prepare(Path::new(""), &[]).ok()?;
    match prepared.settings.into_iter().next()?.outcome {
        Outcome::Plan(plan) => Some(*plan),
        Outcome::Refused(_) => None,
    }
}

/// What must hold of each run of a schedule, and how an expectation says so.
pub(crate) struct Promise {
    /// In words, as part of a file's name.
    pub(crate) name: &'static str,
    /// What a scenario file expects.
    pub(crate) expect: &'static [&'static str],
    /// Runs once with this seed; what is wrong, if anything is.
    pub(crate) check: fn(&mut World<'_>, u64) -> Result<(), String>,
}

impl Promise {
    fn check_all(&self, scenario: &Scenario) -> Result<(), TestCaseError> {
        let plan = plan_of(scenario).ok_or_else(|| {
            let error = scenario.prepare(Path::new(""), &[]).err();
            TestCaseError::fail(format!("not a scenario: {error:?}\n{}", scenario.to_yaml()))
        })?;
        let mut world = World::new(&plan);
        (1..=SEEDS).try_for_each(|seed| (self.check)(&mut world, seed)).map_err(TestCaseError::fail)
    }

    /// The first seed with which the promise is broken.
    fn broken_by(&self, scenario: &Scenario) -> Option<u64> {
        let plan = plan_of(scenario)?;
        let breaks = |seed| {
            let run = AssertUnwindSafe(|| (self.check)(&mut World::new(&plan), seed));
            !matches!(catch_unwind(run), Ok(Ok(())))
        };
        (1..=SEEDS).find(|&seed| breaks(seed))
    }
}

/// A broken promise, as small as it could be made.
#[derive(Debug)]
pub(crate) struct Broken {
    /// What is wrong.
    pub(crate) why: String,
    /// A scenario of one run that shows it.
    pub(crate) scenario: Scenario,
    /// How many schedules kept the promise before.
    pub(crate) after: u32,
}

/// Tries so many schedules, and makes the first that breaks the promise small.
pub(crate) fn search(
    seed: u8,
    cases: u32,
    promise: &Promise,
    make: impl Fn(u64) -> Scenario,
) -> Result<(), Box<Broken>> {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        source_file: None,
        ..Config::default()
    };
    // Always the same schedules: a test that fails at times tells nothing.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let tried = std::cell::Cell::new(0);
    let failed = std::cell::Cell::new(false);
    let result = TestRunner::new_with_rng(config, rng).run(&Schedules(make), |scenario| {
        if !failed.get() {
            tried.set(tried.get() + 1);
        }
        let result = promise.check_all(&scenario);
        failed.set(failed.get() || result.is_err());
        result
    });
    match result {
        Ok(()) => Ok(()),
        Err(TestError::Abort(why)) => panic!("{}: {why}", promise.name),
        Err(TestError::Fail(why, mut scenario)) => {
            scenario.seed = promise.broken_by(&scenario);
            scenario.runs = Some(1);
            let zero = |figure: &&str| ((*figure).to_owned(), Condition::Is(0.0));
            scenario.expect =
                Some(Expect { refused: None, figures: promise.expect.iter().map(zero).collect() });
            Err(Box::new(Broken { why: why.to_string(), scenario, after: tried.get() - 1 }))
        }
    }
}

/// Tries so many schedules (times `SCHEDULES_TIMES`, if that is set, for a longer hunt); panics if one breaks the promise, with the file that shows it and how to run that.
pub(crate) fn hold(seed: u8, cases: u32, promise: &Promise, make: impl Fn(u64) -> Scenario) {
    let times = std::env::var("SCHEDULES_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    if let Err(broken) = search(seed, cases.saturating_mul(times), promise, make) {
        let mut message = format!("{}: {}", promise.name, broken.why);
        match write_down(promise.name, &broken) {
            Ok(file) => {
                let _ = write!(
                    message,
                    "\nThe smallest schedule found is in {file}. Run it again with\n\n    cargo run --release -- run \
                     {file}\n",
                    file = file.display()
                );
            }
            Err(error) => {
                let _ = write!(message, "\n(not written: {error})\n{}", broken.scenario.to_yaml());
            }
        }
        panic!("{message}");
    }
}

/// Writes the scenario to a file, whole or not at all.
pub(crate) fn write_down(name: &str, broken: &Broken) -> std::io::Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the folder is in another");
    let folder = target.join("leasehold-regressions");
    fs::create_dir_all(&folder)?;
    let scenario = Scenario {
        description: Some(format!("{name}: {}", broken.why)),
        source: Some("Random schedules of tests/properties.rs, made small.".to_owned()),
        ..broken.scenario.clone()
    };
    let file = folder.join(format!("{}.yaml", name.replace(' ', "-")));
    let unfinished = folder.join(format!(".{}.{}", name.replace(' ', "-"), std::process::id()));
    fs::write(&unfinished, scenario.to_yaml())?;
    fs::rename(&unfinished, &file)?;
    Ok(file)
}
