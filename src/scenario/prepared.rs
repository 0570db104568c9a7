//! A scenario that was checked, ready to run.

use std::path::PathBuf;

use super::build::REPLICAS;
use super::error::Place;
use super::expect::{Expectation, Verdict};
use super::length::Length;
use super::model::{HttpTimeout, Protocol, Scenario, Timings};
use super::network::{Link, Links, Network};
use crate::sim::plan::Plan;

/// A scenario whose every setting was checked and turned into a plan.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its name: its own, or the file's.
    pub name: String,
    /// The file it came from, if any.
    pub file: Option<PathBuf>,
    /// What it says, overrides included.
    pub scenario: Scenario,
    /// Its settings, in order; one of the scenario's own name where it lists none.
    pub settings: Vec<Setting>,
    pub(super) overrides: Vec<[String; 2]>,
}

/// One setting of a scenario.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it says, with all that it has from the scenario; without `settings`.
    pub scenario: Scenario,
    /// What came of it.
    pub outcome: Outcome,
    /// How many runs.
    pub runs: u64,
    /// What all randomness comes from.
    pub seed: u64,
    /// What must come of the runs.
    pub expectations: Vec<Expectation>,
    /// The text that the reason must contain for which the settings are refused, and where that is
    /// written.
    pub expected_refusal: Option<(String, Place)>,
}

/// What came of a setting.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It can run.
    Plan(Box<Plan>),
    /// The protocol refuses the settings, and the scenario is about that. The reason.
    Refused(String),
}

impl Setting {
    /// The plan, unless the settings are refused.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.outcome {
            Outcome::Plan(plan) => Some(plan),
            Outcome::Refused(_) => None,
        }
    }

    /// Why the settings are refused, if they are.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Plan(_) => None,
            Outcome::Refused(reason) => Some(reason),
        }
    }

    /// Whether the settings are refused for the expected reason; nothing, if that is not expected.
    #[must_use]
    pub fn refusal_as_expected(&self) -> Option<bool> {
        let (expected, _) = self.expected_refusal.as_ref()?;
        Some(self.refusal().is_some_and(|reason| reason.contains(expected)))
    }

    /// Every expectation with what came of it. `figures` answers by name; `refused_settings` is answered
    /// here. Of refused settings, nothing else is expected: there was no run.
    pub fn check(&self, figures: &dyn Fn(&str) -> Option<f64>) -> Vec<(&Expectation, Verdict)> {
        let refused = self.refusal().is_some();
        let answer = |name: &str| match name {
            "refused_settings" => Some(f64::from(u8::from(refused))),
            name => figures(name),
        };
        let relevant = self
            .expectations
            .iter()
            .filter(|expectation| !refused || expectation.metric == "refused_settings");
        relevant.map(|expectation| (expectation, expectation.check(&answer))).collect()
    }

    /// Everything that the setting comes to, defaults written out: a scenario again, that gives the
    /// same plan.
    #[must_use]
    pub fn resolved(&self) -> Scenario {
        let mut s = self.scenario.clone();
        s.name.get_or_insert_with(|| self.name.clone());
        s.replicas.get_or_insert(REPLICAS);
        s.protocol.get_or_insert_default();
        let timings = s.timings.get_or_insert(Timings::default());
        let default = crate::core::Timings::DEFAULT;
        timings.lease_duration.get_or_insert(default.lease_duration.into());
        timings.renew_deadline.get_or_insert(default.renew_deadline.into());
        timings.retry_period.get_or_insert(default.retry_period.into());
        // What a protocol has of itself is not laid on nodes that have another.
        if s.protocol != Some(Protocol::Strict) && s.nodes.iter().flatten().all(|n| n.1.protocol.is_none()) {
            s.http_timeout.get_or_insert(HttpTimeout::None);
            s.release_on_cancel.get_or_insert(false);
        }
        s.drain.get_or_insert(super::Draw::ZERO);
        s.runs.get_or_insert(self.runs);
        s.seed.get_or_insert(self.seed);
        if s.schedule.is_some() {
            return s;
        }
        s.start.get_or_insert(super::Draw::ZERO);
        if s.nodes.iter().flatten().all(|n| n.1.network.is_none()) {
            let links = match s.network.take() {
                Some(Network::Links(links)) => links,
                Some(Network::Profile(profile)) => Links { profile: Some(profile), ..Links::default() },
                None => Links::default(),
            };
            s.network = Some(Network::Links(written_out(links)));
        }
        s.crash_loses_requests.get_or_insert(false);
        s.duration.get_or_insert(Length::retry_periods(60));
        s
    }
}

fn written_out(mut links: Links) -> Links {
    let profile = links.profile.unwrap_or_default().latency();
    let (latency, loss, duplicates) = (links.latency.take(), links.loss.take(), links.duplicates.take());
    let link = |own: Option<Link>| {
        let own = own.unwrap_or_default();
        Some(Link {
            latency: own.latency.or_else(|| latency.clone()).or_else(|| Some(profile.clone())),
            loss: own.loss.or(loss).or(Some(super::Rate::NEVER)),
            duplicates: own.duplicates.or(duplicates).or(Some(super::Rate::NEVER)),
        })
    };
    Links { request: link(links.request.take()), response: link(links.response.take()), ..Links::default() }
}

impl Prepared {
    /// The arguments that run this scenario again: `leasehold run FILE` and the overrides. Nothing, if
    /// it did not come from a file.
    #[must_use]
    pub fn command(&self) -> Option<Vec<String>> {
        let file = self.file.as_ref()?;
        let mut args = vec!["leasehold".to_owned(), "run".to_owned(), file.display().to_string()];
        args.extend(self.overrides.iter().flatten().cloned());
        Some(args)
    }

    /// [`Prepared::command`] as one line that a shell reads back.
    #[must_use]
    pub fn command_line(&self) -> Option<String> {
        Some(self.command()?.iter().map(|arg| shell_word(arg)).collect::<Vec<_>>().join(" "))
    }
}

/// A word that a shell reads back as it is.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
