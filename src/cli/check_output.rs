//! What a check found: as text, as JSON, and as remarks on a pull request.

use std::fmt::Write as _;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::Status;
use super::check_story::{self, name};
use crate::check::{
    Assumptions, Budget, Drain, FailoverBound, Lasting, Reason, Report, Setup, StopCause, Story, Timing,
    Verdict, Walls, Witness,
};
use crate::core::Span;

/// What was measured of a search: never the same twice.
pub(super) struct Measured {
    pub(super) seconds: f64,
    /// Where the search is strictly breadth first, else it means nothing.
    pub(super) depth: Option<usize>,
    pub(super) bytes_a_state: Option<u64>,
}

/// A search, what it found and how it went.
pub(super) struct Answer<'a> {
    pub(super) report: &'a Report,
    pub(super) measured: Measured,
    /// Who elects.
    pub(super) subject: String,
    /// What asks the same again.
    pub(super) command: String,
    /// Where that was the question.
    pub(super) bound: Option<&'a FailoverBound>,
}

pub(super) fn status(verdict: &Verdict) -> Status {
    match verdict {
        Verdict::Proved => Status::Ok,
        Verdict::Violated { .. } => Status::Failed,
        Verdict::Inconclusive(_) => Status::Inconclusive,
    }
}

/// The verdict in one line.
pub(super) fn headline(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Proved => "PROVED".to_owned(),
        Verdict::Violated { property, .. } => format!("VIOLATED: {property}"),
        Verdict::Inconclusive(reason) => format!("INCONCLUSIVE: {}", because(reason)),
    }
}

pub(super) fn stopped(by: StopCause) -> &'static str {
    match by {
        StopCause::Timeout => "it took too long (--timeout)",
        StopCause::Memory => "it needed too much memory (--memory-limit)",
        StopCause::Interrupt => "it was interrupted",
    }
}

fn because(reason: &Reason) -> String {
    match reason {
        Reason::Stopped { by, frontier } => {
            format!("{}; {} known states were not looked at", stopped(*by), HumanCount(*frontier as u64))
        }
        Reason::Untold => {
            "the search found it broken, but no run goes that way: a defect of the checker, please report it with the command".to_owned()
        }
        Reason::TooCoarse => {
            "a candidate that waits longer than it ever does breaks it, and one that waits no longer than so many whole ticks does \
             not: choose a finer --tick"
                .to_owned()
        }
        Reason::NeverSeen(missing) => format!("this was assumed possible and never happened: {}", listed(missing)),
    }
}

fn listed(witnesses: &[Witness]) -> String {
    witnesses.iter().map(|witness| witness.name()).collect::<Vec<_>>().join("; ")
}

/// What was seen of what should be, as far as the verdict says.
fn seen(report: &Report) -> Option<Vec<Witness>> {
    let expected = report.setup.expected();
    match &report.verdict {
        Verdict::Proved => Some(expected),
        Verdict::Inconclusive(Reason::NeverSeen(missing)) => {
            Some(expected.into_iter().filter(|witness| !missing.contains(witness)).collect())
        }
        Verdict::Violated { .. }
        | Verdict::Inconclusive(Reason::Stopped { .. } | Reason::TooCoarse | Reason::Untold) => None,
    }
}

pub(super) fn verdict_name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Proved => "proved",
        Verdict::Violated { .. } => "violated",
        Verdict::Inconclusive(_) => "inconclusive",
    }
}

/// LD + RP, which is widely taken for the bound of failover.
fn popular_bound(setup: &Setup) -> Span {
    let timings = setup.config.timings();
    timings.lease_duration.saturating_add(timings.retry_period)
}

impl Answer<'_> {
    /// The counterexample, or the run that attains a bound.
    pub(super) fn story(&self) -> Option<&Story> {
        match (self.bound, &self.report.verdict) {
            (Some(bound), _) => Some(&bound.story),
            (None, Verdict::Violated { story, .. }) => Some(story),
            (None, _) => None,
        }
    }

    pub(super) fn headline(&self) -> String {
        let Some(FailoverBound { bound, strictly_below, .. }) = self.bound else {
            return headline(&self.report.verdict);
        };
        let within = if *strictly_below { "less than" } else { "at most" };
        format!("PROVED: it takes {within} {bound} until somebody leads after the leader crashed")
    }

    /// The bound beside what it is widely taken for.
    fn comparison(&self) -> Option<String> {
        let FailoverBound { bound, .. } = self.bound?;
        let popular = popular_bound(&self.report.setup);
        Some(if *bound > popular {
            format!(
                "Widely taken for the bound: LD + RP = {popular}, which is {} too little.",
                bound.saturating_sub(popular)
            )
        } else {
            format!("Widely taken for the bound: LD + RP = {popular}, which holds here.")
        })
    }

    pub(super) fn text(&self) -> String {
        let Report { setup, progress, .. } = self.report;
        let mut text = format!("{}\n", self.headline());
        if let Some(comparison) = self.comparison() {
            let _infallible = writeln!(text, "{comparison}");
        }
        let _infallible = writeln!(text, "Assuming: {}.", setup.sentence());
        let _infallible = writeln!(text, "Checked: {}: {}.", self.subject, setup.property_names().join("; "));
        if let Some(seen) = seen(self.report) {
            let _infallible = writeln!(text, "Seen: {}.", listed(&seen));
        }
        let depth = self.measured.depth.map_or(String::new(), |depth| format!(", depth {depth}"));
        let memory =
            self.measured.bytes_a_state.map_or(String::new(), |bytes| format!(", {bytes} bytes a state"));
        let _infallible = writeln!(
            text,
            "States: {} generated, {} different{depth}; {:.1} s, {} generated/s{memory}.",
            HumanCount(progress.generated as u64),
            HumanCount(progress.unique as u64),
            self.measured.seconds,
            HumanCount(rate(progress.generated, self.measured.seconds)),
        );
        if let Some(story) = self.story() {
            let what = if self.bound.is_some() { "A run that attains it" } else { "The shortest way there" };
            let _infallible = write!(
                text,
                "\n{what} (who may act is in the second column; ! marks two at once):\n{}",
                check_story::timeline(story, setup)
            );
        }
        let _infallible = writeln!(text, "\nAgain: {}", self.command);
        text
    }

    pub(super) fn json(&self) -> Value {
        let Report { setup, verdict, progress, .. } = self.report;
        let property = match verdict {
            Verdict::Violated { property, .. } => Some(*property),
            _ => None,
        };
        let (stopped, frontier, never_seen) = match verdict {
            Verdict::Inconclusive(Reason::Stopped { by, frontier }) => {
                let by = match by {
                    StopCause::Timeout => "timeout",
                    StopCause::Memory => "memory",
                    StopCause::Interrupt => "interrupt",
                };
                (Some(by), Some(*frontier), None)
            }
            Verdict::Inconclusive(Reason::NeverSeen(missing)) => (None, None, Some(names(missing))),
            _ => (None, None, None),
        };
        let story = self.story().map(|story| {
            let told = check_story::tell(story, setup).into_iter().map(|told| {
                let acting: Vec<_> = told.acting.iter().map(|one| name(*one)).collect();
                json!({ "at_ns": told.at_ns, "what": told.what, "then": told.then, "acting": acting })
            });
            told.collect::<Vec<_>>()
        });
        json!({
            "leasehold_check": 1,
            "question": if self.bound.is_some() { "failover" } else { "safety" },
            "verdict": verdict_name(verdict),
            "property": property,
            "bound": self.bound.map(|found| json!({
                "at_most_ns": found.bound.as_nanos(),
                "strictly_below": found.strictly_below,
                "popular_ns": popular_bound(setup).as_nanos(),
            })),
            "too_coarse": matches!(verdict, Verdict::Inconclusive(Reason::TooCoarse)),
            "stopped_by": stopped,
            "frontier_states": frontier,
            "never_seen": never_seen,
            "subject": self.subject,
            "sentence": setup.sentence(),
            "replicas": setup.replicas,
            "timings_ns": {
                "lease_duration": setup.config.timings().lease_duration.as_nanos(),
                "renew_deadline": setup.config.timings().renew_deadline.as_nanos(),
                "retry_period": setup.config.timings().retry_period.as_nanos(),
            },
            "tick_ns": setup.tick.as_nanos(),
            "timing": match setup.timing {
                Timing::Exact => "exact",
                Timing::Loose => "loose",
                Timing::Folded => "folded",
            },
            "assumptions": assumptions(&setup.assumptions),
            "checked": setup.property_names(),
            "seen": seen(self.report).map(|seen| names(&seen)),
            "states": { "generated": progress.generated, "unique": progress.unique },
            "story": story,
            "command": self.command,
            "measured": {
                "seconds": self.measured.seconds,
                "generated_per_second": rate(progress.generated, self.measured.seconds),
                "depth": self.measured.depth,
                "bytes_per_state": self.measured.bytes_a_state,
            },
        })
    }

    /// What GitHub shows on a pull request.
    pub(super) fn annotation(&self) -> String {
        let Report { setup, verdict, .. } = self.report;
        let kind = match verdict {
            Verdict::Proved => "notice",
            Verdict::Violated { .. } => "error",
            Verdict::Inconclusive(_) => "warning",
        };
        let mut message = format!("{}. Assuming: {}.", self.subject, setup.sentence());
        if let Some(comparison) = self.comparison() {
            let _infallible = write!(message, "\n{comparison}");
        }
        if let Some(story) = self.story() {
            let _infallible = write!(message, "\n{}", check_story::timeline(story, setup));
        }
        let _infallible = write!(message, "\nAgain: {}", self.command);
        format!("::{kind} title={}::{}\n", escaped(&self.headline(), true), escaped(&message, false))
    }
}

/// Whether this runs in a GitHub workflow.
pub(super) fn in_github_actions() -> bool {
    std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
}

/// As workflow commands want it: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.
fn escaped(text: &str, is_property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if is_property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a measurement in round numbers"
)]
fn rate(states: usize, seconds: f64) -> u64 {
    (states as f64 / seconds.max(0.001)) as u64
}

fn names(witnesses: &[Witness]) -> Vec<&'static str> {
    witnesses.iter().map(|witness| witness.name()).collect()
}

/// Budgets are `off`, a number or `free`; what lasts has a longest time, or none.
fn assumptions(a: &Assumptions) -> Value {
    let often = |budget: Budget| match budget {
        Budget::Off | Budget::UpTo(0) => json!("off"),
        Budget::UpTo(times) => json!(times),
        Budget::Free => json!("free"),
    };
    let lasting = |what: Lasting| {
        let times = if what.is_on() { what.times } else { Budget::Off };
        json!({ "times": often(times), "longest_ns": what.longest.map(Span::as_nanos) })
    };
    let walls = match a.walls {
        Walls::Anything => json!("anything"),
        Walls::Within { offset, steps } => json!({ "offset_ns": offset.as_nanos(), "steps": often(steps) }),
    };
    json!({
        "request_delay": lasting(a.request_delay),
        "response_delay": lasting(a.response_delay),
        "loss": often(a.loss),
        "duplication": often(a.duplication),
        "late_writes": often(a.late_writes),
        "crashes": often(a.crashes),
        "restarts": often(a.restarts),
        "new_identity": a.new_identity,
        "pauses": lasting(a.pauses),
        "stops": often(a.stops),
        "drain": match a.drain {
            Drain::AtOnce => "at-once",
            Drain::Any => "any",
        },
        "deletions": often(a.deletions),
        "metadata_edits": often(a.metadata_edits),
        "spec_edits": often(a.spec_edits),
        "clock_ratio": [a.rate.fast, a.rate.slow],
        "wall_clocks": walls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflow_commands_stay_on_one_line() {
        assert_eq!(escaped("a: 5%,\nb", true), "a%3A 5%25%2C%0Ab");
        assert_eq!(escaped("a: 5%,\nb", false), "a: 5%25,%0Ab");
    }
}
