//! Searching, and what may be said of the result.

use std::sync::atomic::Ordering;

use stateright::{Checker, HasDiscoveries, Model as _};

use super::action::Witness;
use super::assume::{Drain, RateRatio, Walls};
use super::model::{ALL_HOLD, Model};
use super::setup::{Question, Setup, SetupError, Timing};
use super::story::Story;

/// What a search may say.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Every state that can be reached was looked at, none breaks a property, and what should be seen was seen.
    Proved,
    /// A property is broken, and this is a shortest way there.
    Violated {
        /// Which.
        property: &'static str,
        /// How.
        story: Story,
    },
    /// Nothing may be said.
    Inconclusive(Reason),
}

/// Why nothing may be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The search was told to stop; so many states that it knew of were not looked at.
    Stopped {
        /// Why.
        by: StopCause,
        /// How many.
        frontier: usize,
    },
    /// It is only broken if candidates wait a little longer between polls than they can: the tick is too coarse.
    TooCoarse,
    /// It is broken in the search, but no world goes that way: two states were taken for one that are not. A defect of the
    /// checker.
    Untold,
    /// These were assumed possible and never happened: whatever was proved is not about them.
    NeverSeen(Vec<Witness>),
}

/// Who ended a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// It took too long.
    Timeout,
    /// It needs too much memory.
    Memory,
    /// Ctrl-C.
    Interrupt,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// States made, repeats counted.
    pub generated: usize,
    /// Different states.
    pub unique: usize,
    /// The longest path looked at so far.
    pub depth: usize,
}

/// The order in which states are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Shortest counterexamples.
    BreadthFirst,
    /// Less memory for the frontier, long counterexamples.
    DepthFirst,
}

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Threads. The verdict, the counts and the counterexample are the same for any number.
    pub threads: usize,
    /// The order.
    pub order: Order,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked.
    pub setup: Setup,
    /// What may be said.
    pub verdict: Verdict,
    /// How much was looked at.
    pub progress: Progress,
    /// The longest time that it took until somebody led, in ticks, where that was asked.
    pub worst_ticks: u32,
}

impl Report {
    /// Whether a property is broken.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        matches!(self.verdict, Verdict::Violated { .. })
    }
}

/// Called every now and then during a search; says whether to go on.
pub trait Watcher {
    /// Looks at the progress.
    fn look(&mut self, progress: Progress) -> Option<StopCause>;
    /// Waits a moment, as the search goes on.
    fn wait(&mut self);
}

/// Never stops a search.
#[derive(Debug)]
pub struct Patient;

impl Watcher for Patient {
    fn look(&mut self, _: Progress) -> Option<StopCause> {
        None
    }

    fn wait(&mut self) {
        std::thread::yield_now();
    }
}

impl Search {
    /// Breadth first on so many threads.
    #[must_use]
    pub fn on(threads: usize) -> Self {
        Self { threads, order: Order::BreadthFirst }
    }

    /// Answers the question.
    ///
    /// # Errors
    /// If it cannot be explored.
    pub fn run(&self, setup: Setup, watcher: &mut impl Watcher) -> Result<Report, SetupError> {
        let mut report = self.once(setup, self.threads, watcher)?;
        let untold = |report: &Report| matches!(report.verdict, Verdict::Inconclusive(Reason::Untold));
        if self.order == Order::BreadthFirst && self.threads > 1 && (report.is_violated() || untold(&report))
        {
            // Only a single thread goes strictly breadth first: the shortest way, and always the same.
            let shortest = self.once(setup, 1, watcher)?;
            if shortest.is_violated() || untold(&report) {
                report = shortest;
            }
        }
        let too_long = match &report.verdict {
            Verdict::Violated { story, .. } => setup.rounds_up && story.waits_too_long(&setup),
            _ => false,
        };
        if too_long {
            // A wait that is longer than any can be may be all that breaks it.
            report = self.run(Setup { rounds_up: false, ..setup }, watcher)?;
            if matches!(report.verdict, Verdict::Proved) {
                report.verdict = Verdict::Inconclusive(Reason::TooCoarse);
            }
        }
        Ok(report)
    }

    fn once(&self, setup: Setup, threads: usize, watcher: &mut impl Watcher) -> Result<Report, SetupError> {
        let builder =
            Model::new(setup)?.checker().threads(threads.max(1)).finish_when(HasDiscoveries::AnyFailures);
        Ok(match self.order {
            Order::BreadthFirst => finish(setup, builder.spawn_bfs(), watcher),
            Order::DepthFirst => finish(setup, builder.spawn_dfs(), watcher),
        })
    }
}

fn finish(setup: Setup, mut checker: impl Checker<Model>, watcher: &mut impl Watcher) -> Report {
    let mut stopped = None;
    for handle in checker.handles() {
        while !handle.is_finished() {
            if stopped.is_none() {
                stopped = watcher.look(progress(&checker));
                if stopped.is_some() {
                    checker.model().stop.store(true, Ordering::Relaxed);
                }
            }
            watcher.wait();
        }
        if let Err(panic) = handle.join() {
            std::panic::resume_unwind(panic);
        }
    }
    let model = checker.model();
    // Paths are found by going them again.
    model.stop.store(false, Ordering::Relaxed);
    let mut discoveries = checker.discoveries();
    let violated = discoveries.remove(ALL_HOLD).and_then(|path| Some((path.last_state().broken()?, path)));
    let verdict = match (violated, stopped) {
        (Some((property, path)), _) => match model.retell(path.into_vec()) {
            Some(story) => Verdict::Violated { property, story },
            None => Verdict::Inconclusive(Reason::Untold),
        },
        (None, Some(by)) => {
            Verdict::Inconclusive(Reason::Stopped { by, frontier: model.skipped.load(Ordering::Relaxed) })
        }
        (None, None) => {
            match setup.expected().into_iter().filter(|w| !model.has_seen(*w)).collect::<Vec<_>>() {
                missing if missing.is_empty() => Verdict::Proved,
                missing => Verdict::Inconclusive(Reason::NeverSeen(missing)),
            }
        }
    };
    Report { setup, verdict, progress: progress(&checker), worst_ticks: model.worst_ticks() }
}

fn progress(checker: &impl Checker<Model>) -> Progress {
    Progress {
        generated: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth(),
    }
}

impl Setup {
    /// What must be seen at least once for a proof to be about it.
    #[must_use]
    pub fn expected(&self) -> Vec<Witness> {
        let a = &self.assumptions;
        let folded = self.timing == Timing::Folded;
        let steps = match a.walls {
            Walls::Within { steps, .. } => steps.is_on(),
            Walls::Anything => false,
        };
        // A lost message is not told from one that is late for ever.
        let loses = a.loss.is_on()
            && (folded
                || a.request_delay != super::Lasting::FREE
                || a.response_delay != super::Lasting::FREE);
        let again = a.crashes.is_on() || a.stops.is_on();
        [
            (true, Witness::Leads),
            (again && (self.replicas > 1 || a.restarts.is_on()), Witness::LeadsAgain),
            (a.request_delay.is_on() && !folded, Witness::RequestDelayed),
            (a.response_delay.is_on() && !folded, Witness::ResponseDelayed),
            (loses, Witness::Lost),
            (a.duplication.is_on(), Witness::Duplicated),
            (a.late_writes.is_on(), Witness::LateWrite),
            (a.crashes.is_on(), Witness::Crashed),
            (a.restarts.is_on(), Witness::Restarted),
            (a.pauses.is_on(), Witness::Paused),
            (a.stops.is_on(), Witness::Stopped),
            (a.deletions.is_on(), Witness::Deleted),
            (a.metadata_edits.is_on(), Witness::MetadataEdited),
            (a.spec_edits.is_on(), Witness::SpecEdited),
            (steps, Witness::WallStepped),
            (self.has_rate_error() && self.replicas > 1, Witness::ClocksApart),
        ]
        .into_iter()
        .filter_map(|(expected, witness)| expected.then_some(witness))
        .collect()
    }

    /// The assumptions in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let a = &self.assumptions;
        let t = self.config.timings();
        let times = |budget| match budget {
            super::Budget::Off | super::Budget::UpTo(0) => None,
            super::Budget::UpTo(1) => Some("once".to_owned()),
            super::Budget::UpTo(times) => Some(format!("up to {times} times")),
            super::Budget::Free => Some("at any time".to_owned()),
        };
        let mut may = Vec::new();
        for (what, delay) in [("requests take", a.request_delay), ("answers take", a.response_delay)] {
            if let (true, Some(often)) = (delay.is_on(), times(delay.times)) {
                let often = if often == "at any time" { String::new() } else { format!(" ({often})") };
                match delay.longest {
                    Some(longest) => may.push(format!("{what} up to {longest}{often}")),
                    None => may.push(format!("{what} any time{often}")),
                }
            }
        }
        for (what, budget) in [
            ("messages are lost", a.loss),
            ("requests arrive twice", a.duplication),
            ("writes are applied after their sender gave up", a.late_writes),
            ("a process crashes", a.crashes),
            (
                if a.new_identity { "is started again with a new identity" } else { "is started again" },
                a.restarts,
            ),
        ] {
            if let Some(often) = times(budget) {
                may.push(format!("{what} {often}"));
            }
        }
        if let (true, Some(often)) = (a.pauses.is_on(), times(a.pauses.times)) {
            let long = a
                .pauses
                .longest
                .map_or(" for any time".to_owned(), |longest| format!(" for up to {longest}"));
            may.push(format!("a process stands still {often}{long}"));
        }
        for (what, budget) in [
            ("a process is told to stop", a.stops),
            ("the Lease is deleted", a.deletions),
            ("its metadata is edited", a.metadata_edits),
            ("its spec is edited", a.spec_edits),
        ] {
            if let Some(often) = times(budget) {
                may.push(format!("{what} {often}"));
            }
        }
        if a.drain == Drain::Any {
            may.push("the guarded work takes any time to stop".to_owned());
        }
        let clocks = if a.rate == RateRatio::ONE {
            "monotonic clocks run alike".to_owned()
        } else {
            format!("monotonic clocks run apart by at most {}", a.rate)
        };
        let walls = match a.walls {
            Walls::Anything => "wall clocks say anything".to_owned(),
            Walls::Within { offset, .. } if offset == crate::core::Span::ZERO => {
                "wall clocks are right".to_owned()
            }
            Walls::Within { offset, steps } => match times(steps) {
                Some(often) => format!("wall clocks differ by up to {offset} and are set by it {often}"),
                None => format!("wall clocks differ by up to {offset}"),
            },
        };
        let may = if may.is_empty() { "nothing goes wrong".to_owned() } else { may.join(", ") };
        let question = match self.question {
            Question::Safety => "",
            Question::Failover { .. } => "; the leader crashes, and nothing else",
        };
        let timing = match self.timing {
            Timing::Exact => "",
            Timing::Loose => ", polls and renewals come at any time",
            Timing::Folded => ", polls and renewals come at any time, attempts are folded",
        };
        let seconds = if self.tells_seconds_apart() {
            ", writes at different ticks fall into different seconds"
        } else {
            ""
        };
        let may = if matches!(self.question, Question::Failover { .. }) {
            "messages take no time".to_owned()
        } else {
            may
        };
        format!(
            "{} replicas{} at {t} in ticks of {}{timing}: {may}; {clocks}, {walls}{seconds}{question}",
            self.replicas,
            self.beside_sentence(),
            self.tick
        )
    }
}
