//! Replicas of two kinds on one Lease, as in a fleet that moves from one elector to another.

use super::assume::{Budget, Walls};
use super::setup::{Properties, Question, Setup, SetupError};
use crate::core::rules::{Content, OwnName, RenewTime};
use crate::core::{Config, Rules};

/// Replicas that elect otherwise than the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beside {
    /// How they elect.
    pub config: Config,
    /// How many there are; they are the last ones.
    pub replicas: usize,
}

/// Whose terms count where two must not lead at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaders {
    /// Everybody's.
    All,
    /// Those of the replicas that are not [`Setup::beside`] the others.
    Main,
}

/// Whether what wall clocks say makes no difference to these rules but in what is written.
pub(super) fn ignores_wall_clock(rules: &Rules) -> bool {
    rules.own_name == OwnName::MineIfSent || rules.renew_time == RenewTime::Increasing
}

impl Setup {
    /// The same with the last so many replicas electing otherwise.
    ///
    /// Where one kind does not care what wall clocks say, all are explored with clocks that stand still, and the others are
    /// given [`RenewTime::Increasing`] and [`Content::Exact`]: that no two writes look the same is what they get from clocks
    /// that go on by more than a second from write to write. For the same reason they are not started again.
    #[must_use]
    pub fn with_beside(mut self, config: Config, replicas: usize) -> Self {
        self.beside = Some(Beside { config, replicas });
        if self.properties == Properties::ALL {
            // Tokens and what a leader does that has seen another holder are promises of one kind only.
            self.properties = Properties::ELECTION;
        }
        self.settle();
        self.tick = self.coarsest_tick();
        self
    }

    /// How the replica elects, counted from 0.
    #[inline]
    #[must_use]
    pub fn config_of(&self, index: usize) -> &Config {
        match &self.beside {
            Some(beside) if index >= self.mains() => &beside.config,
            _ => &self.config,
        }
    }

    #[inline]
    pub(super) fn rules_of(&self, index: usize) -> &Rules {
        self.config_of(index).rules()
    }

    /// How many replicas elect as [`Setup::config`] says; they are the first.
    #[inline]
    pub(super) fn mains(&self) -> usize {
        self.replicas.saturating_sub(self.beside.map_or(0, |beside| beside.replicas))
    }

    pub(super) fn configs(&self) -> impl Iterator<Item = &Config> {
        core::iter::once(&self.config).chain(self.beside.as_ref().map(|beside| &beside.config))
    }

    #[inline]
    pub(super) fn any_rules(&self, what: impl Fn(&Rules) -> bool) -> bool {
        what(self.config.rules()) || self.beside.as_ref().is_some_and(|beside| what(beside.config.rules()))
    }

    /// Whether the replica's terms count.
    pub(super) fn counts(&self, index: usize) -> bool {
        self.leaders == Leaders::All || index < self.mains()
    }

    /// Whether a process of this replica that ended is started again.
    pub(super) fn starts_again(&self, index: usize) -> bool {
        self.beside.is_none()
            || self.assumptions.walls != Walls::Anything
            || self.rules_of(index).own_name == OwnName::MineIfSent
    }

    /// Where clocks stand still, nobody writes the same twice.
    pub(super) fn tell_writes_apart(&mut self) {
        let Some(beside) = &mut self.beside else { return };
        for config in [&mut self.config, &mut beside.config] {
            let rules =
                Rules { renew_time: RenewTime::Increasing, content: Content::Exact, ..*config.rules() };
            // What is written as the duration does not change, so that this cannot fail.
            *config = config.with_rules(rules).unwrap_or(*config);
        }
    }

    pub(super) fn validate_beside(&self) -> Result<(), SetupError> {
        let Some(beside) = &self.beside else { return Ok(()) };
        if beside.replicas == 0 || beside.replicas >= self.replicas {
            return Err(SetupError::Beside(beside.replicas));
        }
        if matches!(self.question, Question::Failover { .. }) {
            return Err(SetupError::BesideAndFailover);
        }
        Ok(())
    }

    /// What is assumed of replicas of two kinds, for the sentence.
    pub(super) fn beside_sentence(&self) -> String {
        let Some(beside) = &self.beside else { return String::new() };
        let apart = match self.assumptions.walls {
            Walls::Anything => ", no two writes look the same",
            Walls::Within { .. } => "",
        };
        let again = (0..self.replicas).all(|index| self.starts_again(index));
        let again = if again || self.assumptions.restarts == Budget::Off {
            ""
        } else {
            ", only those that mark what they write start again"
        };
        let last = if beside.replicas == 1 { String::new() } else { format!(" {}", beside.replicas) };
        format!(", the last{last} of the other protocol{apart}{again},")
    }
}
