//! Questions that take more than one search.

use super::assume::{Assumptions, Budget, Drain, Lasting, RateRatio, Walls};
use super::setup::{Question, Setup, SetupError, Timing};
use super::story::Story;
use super::verdict::{Reason, Report, Search, Verdict, Watcher};
use crate::core::rules::{
    CancelWork, Content, DeadlineFrom, Expiry, LostResponse, MissingWhileCandidate, MissingWhileLeading,
    NoHolder, OtherHolder, OwnName, Release, RenewTime, StopWhen, Wait, WrittenDuration,
};
use crate::core::{ClockBound, Config, Rules, Span, Timings};

/// How long it takes at most until somebody leads once the leader has crashed and nothing else goes wrong.
#[derive(Clone, Debug)]
pub struct FailoverBound {
    /// The search that proved it.
    pub report: Report,
    /// The bound.
    pub bound: Span,
    /// It is approached, but never reached: to the nanosecond below it.
    pub strictly_below: bool,
    /// A run that takes the longest.
    pub story: Story,
}

/// Finds the bound, and a run that attains it. Nothing, if the search had to end early.
///
/// # Errors
/// If it cannot be explored.
pub fn failover_bound(
    config: Config,
    replicas: usize,
    search: &Search,
    watcher: &mut impl Watcher,
) -> Result<Option<FailoverBound>, SetupError> {
    let mut setup = Setup::failover(config, replicas);
    let report = search.run(setup, watcher)?;
    if !matches!(report.verdict, Verdict::Proved) {
        return Ok(None);
    }
    // The run that takes as long is the counterexample to every smaller bound.
    let worst = u16::try_from(report.worst_ticks).unwrap_or(u16::MAX);
    setup.question = Question::Failover { at_most: worst.saturating_sub(1) };
    let Verdict::Violated { story, .. } = search.run(setup, watcher)?.verdict else { return Ok(None) };
    let bound = Span::from_nanos(u64::from(worst) * setup.tick.as_nanos());
    Ok(Some(FailoverBound { report, bound, strictly_below: true, story }))
}

/// A rule of `strict` flipped alone.
#[derive(Clone, Debug)]
pub struct Ablation {
    /// The rule.
    pub rule: &'static str,
    /// Its value in `strict`.
    pub from: &'static str,
    /// What it was flipped to.
    pub to: &'static str,
    /// What came of it.
    pub report: Report,
}

/// One flip, and the world in which it should show.
struct Flip {
    rule: &'static str,
    from: &'static str,
    to: &'static str,
    apply: fn(&mut Rules),
    world: fn(Assumptions) -> Assumptions,
    timeout: bool,
}

const FLIPS: [Flip; 15] = [
    Flip {
        rule: "expiry",
        from: "local-observation",
        to: "wall-clock",
        apply: |rules| {
            rules.expiry = Expiry::WallClock;
            // Both of these make wall clocks mere marks, with which expiry could not be judged.
            rules.own_name = OwnName::Mine;
            rules.renew_time = RenewTime::WallClock;
        },
        world: |a| Assumptions {
            walls: Walls::Within { offset: Span::from_secs(15), steps: Budget::Off },
            ..a
        },
        timeout: true,
    },
    Flip {
        rule: "deadline_from",
        from: "last-send",
        to: "round-start",
        apply: |rules| rules.deadline_from = DeadlineFrom::RoundStart,
        world: |a| Assumptions { response_delay: Lasting::FREE, ..a },
        timeout: false,
    },
    Flip {
        rule: "stop_when",
        from: "at-deadline",
        to: "between-attempts",
        apply: |rules| rules.stop_when = StopWhen::BetweenAttempts,
        world: |a| Assumptions { request_delay: Lasting::FREE, ..a },
        timeout: false,
    },
    Flip {
        rule: "other_holder",
        from: "stop-at-once",
        to: "retry-until-deadline",
        apply: |rules| rules.other_holder = OtherHolder::RetryUntilDeadline,
        world: |a| Assumptions { spec_edits: Budget::UpTo(1), ..a },
        timeout: true,
    },
    Flip {
        rule: "missing_while_leading",
        from: "stop-at-once",
        to: "recreate",
        apply: |rules| rules.missing_while_leading = MissingWhileLeading::Recreate,
        world: |a| Assumptions {
            late_writes: Budget::Free,
            duplication: Budget::Free,
            deletions: Budget::UpTo(3),
            ..a
        },
        timeout: true,
    },
    Flip {
        rule: "missing_while_candidate",
        from: "quarantine",
        to: "lead-at-once",
        apply: |rules| rules.missing_while_candidate = MissingWhileCandidate::LeadAtOnce,
        world: |a| Assumptions { deletions: Budget::UpTo(1), ..a },
        timeout: true,
    },
    Flip {
        rule: "wait",
        from: "larger-of-both",
        to: "record",
        apply: |rules| rules.wait = Wait::Record,
        world: |a| Assumptions { spec_edits: Budget::UpTo(1), ..a },
        timeout: true,
    },
    Flip {
        rule: "no_holder",
        from: "free-if-released",
        to: "free",
        apply: |rules| rules.no_holder = NoHolder::Free,
        world: |a| Assumptions { spec_edits: Budget::UpTo(1), ..a },
        timeout: true,
    },
    Flip {
        rule: "own_name",
        from: "mine-if-sent",
        to: "mine",
        apply: |rules| rules.own_name = OwnName::Mine,
        world: |a| Assumptions { spec_edits: Budget::UpTo(1), ..a },
        timeout: true,
    },
    Flip {
        rule: "lost_response",
        from: "renew-first",
        to: "lead-at-once",
        apply: |rules| rules.lost_response = LostResponse::LeadAtOnce,
        world: |a| Assumptions { loss: Budget::Free, ..a },
        timeout: true,
    },
    Flip {
        rule: "release",
        from: "own-last-write",
        to: "trust-memory",
        apply: |rules| rules.release = Release::TrustMemory,
        world: |a| Assumptions { stops: Budget::UpTo(1), drain: Drain::Any, ..a },
        timeout: true,
    },
    Flip {
        rule: "cancel_work",
        from: "before-release",
        to: "after-release",
        apply: |rules| rules.cancel_work = CancelWork::AfterRelease,
        world: |a| Assumptions { stops: Budget::UpTo(1), drain: Drain::Any, ..a },
        timeout: true,
    },
    Flip {
        rule: "content",
        from: "exact",
        to: "seconds",
        apply: |rules| rules.content = Content::Seconds,
        world: |a| a,
        timeout: true,
    },
    Flip {
        rule: "renew_time",
        from: "increasing",
        to: "wall-clock",
        apply: |rules| rules.renew_time = RenewTime::WallClock,
        world: |a| a,
        timeout: true,
    },
    Flip {
        rule: "written_duration",
        from: "rounded-up",
        to: "truncated",
        apply: |rules| {
            rules.written_duration = WrittenDuration::Truncated;
            // Of a candidate that waits for its own LeaseDuration at least, what is written is not asked.
            rules.wait = Wait::Record;
        },
        world: |a| Assumptions { loss: Budget::Free, ..a },
        timeout: false,
    },
];

/// Flips every rule of `strict` alone, to client-go's value or, where that is the same, to renew-time's, each in the mildest
/// world that should show why the rule is needed.
///
/// # Errors
/// If something cannot be explored.
pub fn ablate(
    timings: Timings,
    bound: ClockBound,
    search: &Search,
    watcher: &mut impl Watcher,
    mut each: impl FnMut(&Ablation),
) -> Result<Vec<Ablation>, AblateError> {
    let mut ablations = Vec::new();
    for flip in &FLIPS {
        let report = search.run(flip.setup(timings, bound)?, watcher)?;
        let ablation = Ablation { rule: flip.rule, from: flip.from, to: flip.to, report };
        each(&ablation);
        let ended = matches!(ablation.report.verdict, Verdict::Inconclusive(Reason::Stopped { .. }));
        ablations.push(ablation);
        if ended {
            break;
        }
    }
    Ok(ablations)
}

/// Every flip's question, at client-go's defaults.
#[cfg(test)]
pub(super) fn flips() -> Vec<(&'static str, Setup)> {
    FLIPS
        .iter()
        .filter_map(|flip| Some((flip.rule, flip.setup(Timings::DEFAULT, ClockBound::DEFAULT).ok()?)))
        .collect()
}

/// Why rules cannot be flipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AblateError {
    /// `strict` refuses the settings.
    Config(crate::core::ConfigError),
    /// The question cannot be explored.
    Setup(SetupError),
}

impl From<crate::core::ConfigError> for AblateError {
    fn from(error: crate::core::ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<SetupError> for AblateError {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}

impl core::fmt::Display for AblateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Setup(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AblateError {}

impl Flip {
    fn setup(&self, timings: Timings, bound: ClockBound) -> Result<Setup, AblateError> {
        // leaseDurationSeconds is only cut where there is something to cut, and only matters if that ends before RenewDeadline.
        let timings = if self.rule == "written_duration" {
            Timings {
                lease_duration: Span::from_millis(3_500),
                renew_deadline: Span::from_millis(3_250),
                retry_period: Span::from_millis(500),
            }
        } else {
            timings
        };
        let config = Config::strict(timings, bound)?;
        let mut rules = *config.rules();
        (self.apply)(&mut rules);
        let mut config = config.with_rules(rules)?;
        if self.rule == "lost_response" {
            // Else it is in quarantine first, and what it found does not matter.
            config = config.with_trusted_fresh_namespace(true);
        }
        if !self.timeout {
            config = config.with_request_timeout(None)?;
        }
        let mut assumptions = (self.world)(Assumptions::PERFECT);
        if let Walls::Within { offset, .. } = &mut assumptions.walls
            && *offset > Span::ZERO
        {
            *offset = timings.lease_duration;
        }
        // A Lease that is wiped under one leader is taken by a third.
        let replicas = if self.rule == "release" { 3 } else { 2 };
        let mut setup = Setup::safety(config, replicas, assumptions);
        setup.properties = match self.rule {
            // Its own deadline ends its right all the same.
            "other_holder" => super::Properties::ACTS_ON,
            _ => super::Properties::ONE_LEADER,
        };
        if matches!(self.rule, "missing_while_leading" | "release") {
            // Too large to be followed exactly.
            setup = setup.with_timing(Timing::Folded);
        }
        Ok(setup)
    }
}

/// What is varied to find where a proof ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// How far monotonic clocks run apart.
    ClockRate,
    /// How long requests take.
    RequestDelay,
    /// How long answers take.
    ResponseDelay,
    /// How long a process stands still.
    Pause,
    /// How far wall clocks are apart.
    WallOffset,
}

/// One value that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Such as `5/4` or `3s`.
    pub label: String,
    /// As a number: a ratio, or seconds.
    pub value: f64,
    /// What came of it.
    pub report: Report,
}

/// Where a proof ends.
#[derive(Clone, Debug)]
pub struct Frontier {
    /// What was varied.
    pub knob: Knob,
    /// The largest value that is proved.
    pub largest_proved: Option<Tried>,
    /// The smallest that is refuted.
    pub smallest_refuted: Option<Tried>,
    /// All that were tried, in order of value.
    pub tried: Vec<Tried>,
}

/// Clock-rate ratios whose denominators make rates that are whole parts per million, and those of common settings.
const RATIOS: [(u8, u8); 17] = [
    (1, 1),
    (20, 19),
    (10, 9),
    (8, 7),
    (20, 17),
    (25, 21),
    (16, 13),
    (5, 4),
    (25, 19),
    (4, 3),
    (25, 18),
    (10, 7),
    (16, 11),
    (3, 2),
    (20, 13),
    (8, 5),
    (2, 1),
];

/// Finds the largest value still proved and the smallest refuted, by halving.
///
/// # Errors
/// If something cannot be explored.
pub fn frontier(
    knob: Knob,
    base: Setup,
    search: &Search,
    watcher: &mut impl Watcher,
    mut each: impl FnMut(&Tried),
) -> Result<Frontier, SetupError> {
    let candidates = knob.candidates(&base);
    let mut tried: Vec<(usize, Tried)> = Vec::new();
    // Below `low` all is proved, from `high` on all refuted: more of what goes wrong never helps.
    let (mut low, mut high) = (0, candidates.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let (label, value, setup) = &candidates[middle];
        let report = search.run(*setup, watcher)?;
        let this = Tried { label: label.clone(), value: *value, report };
        each(&this);
        match this.report.verdict {
            Verdict::Proved | Verdict::Inconclusive(Reason::NeverSeen(_)) => low = middle + 1,
            Verdict::Violated { .. } => high = middle,
            Verdict::Inconclusive(_) => {
                tried.push((middle, this));
                break;
            }
        }
        tried.push((middle, this));
    }
    tried.sort_by_key(|(at, _)| *at);
    let tried: Vec<Tried> = tried.into_iter().map(|(_, tried)| tried).collect();
    let is_refuted = |tried: &&Tried| matches!(tried.report.verdict, Verdict::Violated { .. });
    let is_proved = |tried: &&Tried| matches!(tried.report.verdict, Verdict::Proved);
    Ok(Frontier {
        knob,
        largest_proved: tried.iter().rfind(is_proved).cloned(),
        smallest_refuted: tried.iter().find(is_refuted).cloned(),
        tried,
    })
}

impl Knob {
    /// Every value that may be tried, the mildest first.
    fn candidates(self, base: &Setup) -> Vec<(String, f64, Setup)> {
        let with = |change: &dyn Fn(&mut Assumptions)| {
            let mut setup = *base;
            change(&mut setup.assumptions);
            setup
        };
        if self == Self::ClockRate {
            return RATIOS
                .iter()
                .map(|&(fast, slow)| {
                    let rate = RateRatio { fast, slow };
                    (rate.to_string(), f64::from(fast) / f64::from(slow), with(&|a| a.rate = rate))
                })
                .collect();
        }
        let t = base.config.timings();
        let longest = t.lease_duration + t.renew_deadline;
        let ticks = longest.as_nanos() / base.tick.as_nanos();
        (0..=ticks)
            .map(|ticks| {
                let span = Span::from_nanos(ticks * base.tick.as_nanos());
                let longest = Some(span);
                let setup = with(&|a| match self {
                    Self::RequestDelay => a.request_delay = Lasting { longest, times: Budget::Free },
                    Self::ResponseDelay => a.response_delay = Lasting { longest, times: Budget::Free },
                    Self::Pause => a.pauses = Lasting { longest, times: Budget::UpTo(1) },
                    Self::WallOffset => a.walls = Walls::Within { offset: span, steps: Budget::Off },
                    Self::ClockRate => {}
                });
                (span.to_string(), span.as_nanos() as f64 / 1e9, setup)
            })
            .collect()
    }
}

impl Setup {
    /// Whether a folded search says as much as an exact one.
    #[must_use]
    pub fn is_foldable(&self) -> bool {
        Self { timing: Timing::Folded, ..*self }.validate().is_ok()
    }
}
