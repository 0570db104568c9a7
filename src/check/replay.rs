//! Stories as exact schedules of the simulator.

use super::action::{Action, Edit};
use super::assume::{Drain, Walls};
use super::setup::{Question, Setup, Timing};
use super::story::{Chapter, Heard, Story};
use crate::core::{ClientGo, Config, Rules, Span};
use crate::scenario::{self, Condition, Expect, HttpTimeout, Protocol, RuleChanges, Scenario};
use crate::sim::{Deed, Step, plan};

/// Why a story cannot be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoReplay {
    /// Its timers fire at any time, which real ones do not.
    Timing,
    /// A candidate waits longer between polls than it ever does: the tick is too coarse.
    WaitsTooLong,
}

impl core::fmt::Display for NoReplay {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Timing => "its timers fire at any time, which real ones do not: check with --timing exact",
            Self::WaitsTooLong => {
                "a candidate waits longer between polls than 2.2 x RetryPeriod: choose a finer --tick"
            }
        })
    }
}

impl core::error::Error for NoReplay {}

impl Story {
    /// When it ends.
    #[must_use]
    pub fn end_ns(&self, setup: &Setup) -> u64 {
        self.chapters.last().map_or(0, |last| last.at_ns + last.takes_ns(setup))
    }

    /// For how long two or more replicas may act by its end.
    #[must_use]
    pub fn overlap_ns(&self, setup: &Setup) -> u64 {
        let passing = self.chapters.iter().zip(self.chapters.iter().skip(1));
        passing.filter(|(before, _)| before.acting.len() > 1).map(|(_, pass)| pass.takes_ns(setup)).sum()
    }

    /// Whether a candidate waits longer between polls than it can.
    #[must_use]
    pub fn waits_too_long(&self, setup: &Setup) -> bool {
        self.chapters.iter().any(|chapter| match chapter.action {
            Action::Choose { ticks, replica, .. } => {
                let config = setup.config_of(usize::from(replica));
                u64::from(ticks) * setup.tick.as_nanos() > config.timings().retry_period.as_nanos() / 5 * 6
            }
            _ => false,
        })
    }

    /// The same as steps of the simulator.
    ///
    /// # Errors
    /// If the simulator cannot do it.
    pub fn steps(&self, setup: &Setup) -> Result<Vec<Step>, NoReplay> {
        if setup.timing != Timing::Exact {
            return Err(NoReplay::Timing);
        }
        if self.waits_too_long(setup) {
            return Err(NoReplay::WaitsTooLong);
        }
        let mut script = Script::new(setup, self);
        for (at, chapter) in self.chapters.iter().enumerate() {
            script.add(at, chapter);
        }
        // What is a nanosecond early comes before the rest of its tick.
        script.steps.sort_by_key(|step| step.at_ns);
        Ok(script.steps)
    }

    /// A scenario that replays it: what it must show is that two replicas lead at once, for as long as here.
    ///
    /// # Errors
    /// If the simulator cannot do it.
    pub fn scenario(&self, setup: &Setup, what: &str) -> Result<Scenario, NoReplay> {
        let steps = self.steps(setup)?;
        let electors = Electors::of(&setup.config);
        let replicas = u32::try_from(setup.replicas).unwrap_or(0);
        let mut scenario =
            Scenario::of_schedule(replicas, electors.protocol, *setup.config.timings(), &steps);
        electors.lay_on(&mut scenario);
        if let Some(beside) = &setup.beside {
            let node = Electors::of(&beside.config).node(&beside.config);
            let names =
                (setup.mains()..setup.replicas).map(|index| (format!("n{}", index + 1), node.clone()));
            scenario.nodes = Some(names.collect());
        }
        scenario.description =
            Some(format!("{what}. Found by exhaustive search, assuming: {}.", setup.sentence()));
        if setup.assumptions.walls == Walls::Anything {
            scenario.clock = Some(scenario::Clock { wall_stopped: Some(true), ..scenario::Clock::default() });
        }
        if setup.assumptions.drain == Drain::Any {
            scenario.drain = Some(scenario::Draw::from(scenario::Length::from(Span::from_secs(1))));
        }
        // What happens in no time at all takes a run of some length.
        scenario.duration = Some(scenario::Length::from(Span::from_nanos(self.end_ns(setup).max(1))));
        if setup.question == Question::Safety && self.overlap_ns(setup) > 0 {
            // Milliseconds to the nanosecond.
            let overlap = self.overlap_ns(setup) as f64 / 1e6;
            let figures =
                [("two_leaders_ms_max".to_owned(), Condition::Between(overlap - 1e-5, overlap + 1e-5))];
            scenario.expect = Some(Expect { refused: None, figures: figures.into() });
        }
        Ok(scenario)
    }
}

impl Chapter {
    fn takes_ns(&self, setup: &Setup) -> u64 {
        match self.action {
            Action::Pass { ticks, .. } => u64::from(ticks) * setup.unit_ns(),
            _ => 0,
        }
    }
}

/// How replicas elect, as a scenario says it.
struct Electors {
    protocol: Protocol,
    http_timeout: HttpTimeout,
    release_on_cancel: bool,
    release_retry: Option<bool>,
    trust_fresh_namespace: Option<bool>,
    rules: Option<RuleChanges>,
    clock_bound: Option<scenario::ClockBound>,
}

impl Electors {
    fn of(config: &Config) -> Self {
        let (protocol, preset) = nearest_protocol(config);
        let changes = RuleChanges::between(&preset, config.rules());
        let retries = protocol.client_go().is_some_and(ClientGo::retries_release);
        let bound = scenario::ClockBound { rate_error_ppm: Some(0), ..scenario::ClockBound::default() };
        Self {
            protocol,
            http_timeout: config
                .request_timeout()
                .map_or(HttpTimeout::None, |timeout| HttpTimeout::After(timeout.into())),
            release_on_cancel: config.releases_on_cancel(),
            release_retry: (config.retries_release() != retries).then_some(config.retries_release()),
            trust_fresh_namespace: config.trusts_fresh_namespace().then_some(true),
            rules: (changes != RuleChanges::default()).then_some(changes),
            clock_bound: (protocol == Protocol::Strict).then_some(bound),
        }
    }

    fn lay_on(self, scenario: &mut Scenario) {
        scenario.http_timeout = Some(self.http_timeout);
        scenario.release_on_cancel = Some(self.release_on_cancel);
        scenario.release_retry = self.release_retry;
        scenario.trust_fresh_namespace = self.trust_fresh_namespace;
        scenario.rules = self.rules;
        scenario.clock_bound = self.clock_bound;
    }

    fn node(self, config: &Config) -> scenario::Node {
        scenario::Node {
            protocol: Some(self.protocol),
            timings: Some((*config.timings()).into()),
            http_timeout: Some(self.http_timeout),
            release_on_cancel: Some(self.release_on_cancel),
            release_retry: self.release_retry,
            trust_fresh_namespace: self.trust_fresh_namespace,
            rules: self.rules,
            clock_bound: self.clock_bound,
            ..scenario::Node::default()
        }
    }
}

/// The preset with the fewest rules that differ.
fn nearest_protocol(config: &Config) -> (Protocol, Rules) {
    let distance = |rules: &Rules| {
        let changes = RuleChanges::between(rules, config.rules());
        serde_json::to_value(changes).ok().and_then(|value| value.as_object().map(serde_json::Map::len))
    };
    let rules = |protocol: Protocol| match protocol {
        Protocol::Strict => Some(Rules::STRICT),
        Protocol::RenewTime => Some(Rules::RENEW_TIME),
        other => other.client_go().map(ClientGo::rules),
    };
    // Its rules are those of `client-go`; that a release is repeated is said apart.
    let known = Protocol::ALL.into_iter().filter(|(protocol, _)| *protocol != Protocol::ClientGo037);
    known
        .filter_map(|(protocol, _)| Some((protocol, rules(protocol)?)))
        .min_by_key(|(_, rules)| distance(rules))
        .unwrap_or((Protocol::ClientGo, Rules::CLIENT_GO))
}

struct Script<'s> {
    setup: &'s Setup,
    story: &'s Story,
    steps: Vec<Step>,
    /// Which of its requests each replica waits for, and how often that has arrived.
    awaited: Vec<(u32, u32)>,
    ahead: Vec<bool>,
    started: Vec<bool>,
}

impl<'s> Script<'s> {
    fn new(setup: &'s Setup, story: &'s Story) -> Self {
        let n = setup.replicas;
        Self {
            setup,
            story,
            steps: Vec::new(),
            awaited: vec![(0, 0); n],
            ahead: vec![false; n],
            started: vec![false; n],
        }
    }

    fn add(&mut self, at: usize, chapter: &Chapter) {
        let at_ns = self.instant(at, chapter);
        let node = |replica: u8| usize::from(replica);
        let mut push = |deed: Deed| self.steps.push(Step { at_ns, deed });
        match chapter.action {
            Action::Start { replica, ahead } => {
                let index = node(replica);
                if ahead != self.ahead[index] {
                    self.ahead[index] = ahead;
                    push(Deed::StepWallClock { node: index, by_ns: self.setup.wall_step_ns(ahead) });
                }
                let again = core::mem::replace(&mut self.started[index], true);
                let new_identity = again && self.setup.assumptions.new_identity;
                push(Deed::Start { node: index, new_identity });
            }
            Action::Wake { replica } => push(Deed::Wake { node: node(replica) }),
            Action::Choose { replica, ticks, early } => push(Deed::Choose {
                node: node(replica),
                extra_ns: u64::from(ticks) * self.setup.tick.as_nanos() - u64::from(early),
            }),
            Action::Answer { replica } => {
                let (request, copy) = self.awaited[node(replica)];
                push(Deed::Answer { node: node(replica), request, copy });
            }
            Action::WorkStopped { replica } => push(Deed::WorkStopped { node: node(replica) }),
            Action::Crash { replica } => push(Deed::Crash { node: node(replica) }),
            Action::Stop { replica } => push(Deed::Terminate { node: node(replica) }),
            Action::Pause { replica } => push(Deed::Pause { node: node(replica) }),
            Action::Resume { replica } => push(Deed::Resume { node: node(replica) }),
            Action::StepWall { replica } => {
                let ahead = !self.ahead[node(replica)];
                self.ahead[node(replica)] = ahead;
                push(Deed::StepWallClock { node: node(replica), by_ns: self.setup.wall_step_ns(ahead) });
            }
            Action::Delete => push(Deed::Edit(plan::Edit::Delete)),
            Action::Edit(edit) => push(Deed::Edit(self.setup.edit(edit))),
            Action::Pass { clocks, .. } => self.clocks(at, at_ns, clocks),
            // Arrivals are told by what was decided; what is lost does not arrive.
            Action::Arrive { .. }
            | Action::ArriveTwice { .. }
            | Action::LateWrite { .. }
            | Action::Lose { .. } => {}
            Action::Fetch { .. }
            | Action::FetchTwice { .. }
            | Action::Unheard { .. }
            | Action::EndRight { .. }
            | Action::GiveUp { .. } => debug_assert!(false, "not of exact timing"),
        }
        for heard in &chapter.heard {
            match *heard {
                Heard::Sent { replica, request, .. } => self.awaited[node(replica)] = (request, 0),
                Heard::Decided { replica, request, arrivals, .. } => {
                    self.steps.push(Step { at_ns, deed: Deed::Arrive { node: node(replica), request } });
                    let awaited = &mut self.awaited[node(replica)];
                    if awaited.0 == request {
                        awaited.1 = arrivals;
                    }
                }
                Heard::Event { .. } | Heard::Ended { .. } => {}
            }
        }
    }

    /// What happens a nanosecond before its tick does so here too, and what the server did before it in that tick.
    fn instant(&self, at: usize, chapter: &Chapter) -> u64 {
        let same_tick = |other: &&Chapter| other.at_ns == chapter.at_ns;
        let early_after = self.story.chapters[at..].iter().take_while(same_tick).any(|other| other.early);
        let by_server = matches!(
            chapter.action,
            Action::Arrive { .. }
                | Action::ArriveTwice { .. }
                | Action::LateWrite { .. }
                | Action::Delete
                | Action::Edit(_)
        );
        let early = chapter.early || (by_server && early_after);
        chapter.at_ns.saturating_sub(u64::from(early))
    }

    /// Clocks change their rate where a tick of theirs begins, so that it lasts as long as here.
    fn clocks(&mut self, at: usize, at_ns: u64, _clocks: u8) {
        if !self.setup.has_rate_error() {
            return;
        }
        let rate = self.setup.assumptions.rate;
        for node in 0..self.setup.replicas {
            let begins = self.begins_tick(at, node);
            if let Some(units) = begins {
                // A fast clock has `slow` units to its tick and is taken as right.
                let ppm = i64::from(rate.slow) * 1_000_000 / i64::from(units) - 1_000_000;
                let rate_ppm = i32::try_from(ppm).unwrap_or(0);
                self.steps.push(Step { at_ns, deed: Deed::ClockRate { node, rate_ppm } });
            }
        }
    }

    /// If a tick of the replica's clock begins with this passing of time: how many units it will last.
    fn begins_tick(&self, at: usize, node: usize) -> Option<u32> {
        let passes = |chapter: &Chapter| match chapter.action {
            Action::Pass { clocks, .. } => Some(clocks & 1 << node != 0),
            _ => None,
        };
        let before = self.story.chapters[..at].iter().rev().find_map(passes);
        if before == Some(false) {
            return None;
        }
        let mut units = 0;
        for ends in self.story.chapters[at..].iter().filter_map(passes) {
            units += 1;
            if ends {
                return Some(units);
            }
        }
        // It does not end within the story: any rate that is slow enough.
        Some(u32::from(self.setup.assumptions.rate.fast).max(units + 1))
    }
}

impl Setup {
    fn wall_step_ns(&self, ahead: bool) -> i64 {
        let offset = match self.assumptions.walls {
            Walls::Within { offset, .. } => offset.as_nanos().cast_signed(),
            Walls::Anything => 0,
        };
        if ahead { offset } else { -offset }
    }

    fn edit(&self, edit: Edit) -> plan::Edit {
        match edit {
            Edit::Metadata => plan::Edit::Annotate,
            Edit::ClearHolder => plan::Edit::ClearHolder,
            Edit::Stranger => plan::Edit::SetHolder("somebody-else".into()),
            Edit::Holder { replica } => plan::Edit::SetHolder(format!("n{}", replica + 1).into()),
            Edit::Shorten => plan::Edit::SetDuration(1),
        }
    }
}
