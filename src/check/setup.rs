//! What is checked: settings, replicas, assumptions and the question.

use super::assume::{Assumptions, Budget, Lasting, Walls};
use super::beside::{Beside, Leaders, ignores_wall_clock};
use super::world::{Broken, Left, REPLICAS_MAX};
use crate::core::rules::{Content, DeadlineFrom, Expiry, OwnName, StopWhen, Wait};
use crate::core::{Config, Span};

/// How exactly time is followed where a proof of safety need not know it. What is proved loosely or folded holds for the
/// exact timing too; what is refuted so may need a timing that the elector never has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timing {
    /// Timers fire when the elector asks for it, messages take the time that they take.
    Exact,
    /// Polls and renewals begin, and requests are given up, at any time, early or late: RetryPeriod and timeouts drop out.
    /// Reads are answered at once or never: a candidate that reads later, or hears later what it read, only waits longer.
    Loose,
    /// As loose, and writes too are decided and answered at once, or never heard of again by their sender, however long
    /// they take to arrive; and a right to lead may end before its time. For rules whose right to lead counts from the
    /// *sending* of a write and ends by itself: for them a write that takes its time gives no right that one sent at the
    /// moment of its arrival does not give, and waiting for an answer is like not waiting and doing nothing.
    Folded,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Whether two replicas can lead at once, and the other things that must never be.
    Safety,
    /// How long it can take until somebody leads once the leader has crashed and nothing else goes wrong; a run
    /// without a leader for more ticks than this is reported.
    Failover {
        /// Ticks.
        at_most: u16,
    },
}

/// A question about one setting, complete.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How every replica elects, but for those [`beside`](Self::beside).
    pub config: Config,
    /// How many there are, 1 to [`REPLICAS_MAX`].
    pub replicas: usize,
    /// Those of them that elect otherwise. See [`Setup::with_beside`].
    pub beside: Option<Beside>,
    /// Whose terms count where two must not lead at once.
    pub leaders: Leaders,
    /// The grid that time is on.
    pub tick: Span,
    /// How exactly time is followed.
    pub timing: Timing,
    /// What may go wrong.
    pub assumptions: Assumptions,
    /// What is asked.
    pub question: Question,
    /// Which of the properties that must always hold are looked at.
    pub properties: Properties,
    /// Whether the longest wait between two polls, where it is no whole number of ticks, is rounded up (more than can
    /// happen) or down (less).
    pub rounds_up: bool,
}

/// A set of the properties that must always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Properties(pub(super) u8);

impl Properties {
    /// None: to see how many states there are.
    pub const NONE: Self = Self(0);
    /// At most one leader.
    pub const ONE_LEADER: Self = Self(Broken::TWO_LEADERS | Broken::TOO_LONG);
    /// Those and no change of leader without a cause, and the store's invariants.
    pub const ELECTION: Self = Self(Self::ONE_LEADER.0 | Broken::NO_CAUSE | Broken::STORE);
    /// Those and that nobody acts on who has seen another holder, and fencing: tokens increase, and a store that checks them takes
    /// no stale write. The tokens are resourceVersions;
    /// client-go hands out none, and two terms of one identity within one second could share one.
    pub const ALL: Self =
        Self(Self::ELECTION.0 | Broken::TOKEN_ORDER | Broken::STALE_WRITE | Broken::ACTS_ON);
    /// Nobody acts on who has seen another holder.
    pub const ACTS_ON: Self = Self(Broken::ACTS_ON);
}

/// Why something cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// Too few or too many.
    Replicas(usize),
    /// None of one kind or the other.
    Beside(usize),
    /// How long it takes until somebody leads is asked of one kind of replicas only.
    BesideAndFailover,
    /// Does not divide a duration that the model needs exactly.
    Tick {
        /// The tick.
        tick: Span,
        /// The duration's name.
        name: &'static str,
        /// The duration.
        of: Span,
    },
    /// A second is not a multiple of it, nor it of a second.
    TickAndSecond(Span),
    /// The settings need more ticks than a state has room for.
    TooFine {
        /// The tick.
        tick: Span,
        /// The longest duration.
        longest: Span,
    },
    /// Expiry by the wall clock, and wall clocks that may say anything: nothing can be promised.
    WallClocksSayAnything,
    /// Only the shipped wall-clock independent rules can be explored with clock-rate errors.
    RatioAndWallClocks,
    /// Clocks that run apart are read at their own ticks only, between which nothing can be waited for.
    RatioAndDelays,
    /// Folded timing needs a right to lead that counts from the sending and ends by itself.
    NotFoldable,
    /// A ratio below one, or of nothing.
    Ratio(super::assume::RateRatio),
}

impl core::fmt::Display for SetupError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Replicas(n) => write!(f, "{n} replicas: the checker takes 1 to {REPLICAS_MAX}"),
            Self::Beside(n) => {
                write!(f, "{n} replicas beside the others: there must be at least one of each kind; choose --replicas higher")
            }
            Self::BesideAndFailover => {
                f.write_str("--failover is asked of replicas of one kind: leave --beside away, or ask it of each protocol")
            }
            Self::Tick { tick, name, of } => write!(
                f,
                "the tick {tick} does not divide {name} {of}; leave --tick away to get the coarsest that fits"
            ),
            Self::TickAndSecond(tick) => write!(
                f,
                "the tick {tick} is no part and no multiple of a second, to which renewTimes are compared; \
                 choose --tick 1s, 500ms, 200ms or the like"
            ),
            Self::TooFine { tick, longest } => {
                write!(f, "{longest} is more than 30000 ticks of {tick}; choose a coarser --tick")
            }
            Self::WallClocksSayAnything => f.write_str(
                "these rules judge expiry by the wall clock, so nothing can be promised where wall clocks may say \
                 anything; bound them with --wall-offset",
            ),
            Self::RatioAndWallClocks => {
                f.write_str("rules that trust wall clocks cannot be checked with a clock-rate error: drop one of the two")
            }
            Self::RatioAndDelays => f.write_str(
                "a clock-rate error cannot be checked exactly together with messages that take time or processes that stand still: \
                 give --request-delay off --response-delay off --pauses off (messages can still be lost), or --timing folded",
            ),
            Self::NotFoldable => f.write_str(
                "--timing folded needs rules whose right to lead counts from the sending of a renewal and ends by its own \
                 timer (deadline_from: last-send, stop_when: at-deadline); choose --timing exact",
            ),
            Self::Ratio(ratio) => {
                write!(f, "a clock-rate ratio is FAST/SLOW with FAST at least SLOW, such as 5/4; this is {ratio}")
            }
        }
    }
}

impl core::error::Error for SetupError {}

impl Setup {
    /// The question whether two can lead at once, at the coarsest exact tick.
    #[must_use]
    pub fn safety(config: Config, replicas: usize, assumptions: Assumptions) -> Self {
        let mut setup = Self {
            config,
            replicas,
            beside: None,
            leaders: Leaders::All,
            tick: Span::from_secs(1),
            timing: Timing::Exact,
            assumptions,
            question: Question::Safety,
            properties: if config.rules().own_name == OwnName::MineIfSent {
                Properties::ALL
            } else {
                Properties::ELECTION
            },
            rounds_up: true,
        };
        setup.settle();
        setup.tick = setup.coarsest_tick();
        setup
    }

    /// The same with another timing, at the coarsest tick for that.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        if timing == Timing::Exact {
            self.tick = self.coarsest_tick();
            return self;
        }
        if timing == Timing::Folded {
            self.assumptions.request_delay = Lasting::FREE;
            self.assumptions.response_delay = Lasting::FREE;
            self.assumptions.loss = Budget::Free;
            if self.assumptions.pauses.is_on() {
                // To stand still is to miss a timer, which is not counted.
                self.assumptions.pauses = Lasting::FREE;
            }
        }
        // A leader that renews at any time may also renew too late, for no cause that could be named.
        self.properties.0 &= !Broken::NO_CAUSE;
        self.settle();
        self.tick = self.coarsest_tick();
        self
    }

    /// How long it takes until somebody leads after the leader crashed, at a tick that divides also the longest wait
    /// between two polls.
    #[must_use]
    pub fn failover(config: Config, replicas: usize) -> Self {
        let crash = Assumptions { crashes: Budget::UpTo(1), ..Assumptions::PERFECT };
        let mut setup = Self::safety(config, replicas, crash);
        setup.question = Question::Failover { at_most: u16::MAX };
        let jitter = setup.config.timings().retry_period.as_nanos() / 5;
        setup.tick = Span::from_nanos(gcd(setup.coarsest_tick().as_nanos(), jitter));
        setup
    }

    /// Makes the assumptions fit the rules: rules that do not care what wall clocks say are explored with clocks that
    /// may say anything.
    pub fn settle(&mut self) {
        if self.any_rules(ignores_wall_clock) {
            self.assumptions.walls = Walls::Anything;
            self.tell_writes_apart();
        }
    }

    /// Whether contents are compared by whole seconds, and the grid is too coarse for two writes at different ticks to fall
    /// into the same.
    #[must_use]
    pub fn tells_seconds_apart(&self) -> bool {
        self.any_rules(|rules| rules.content == Content::Seconds) && self.tick >= Span::from_secs(1)
    }

    /// The greatest tick that divides everything that must be exact.
    #[must_use]
    pub fn coarsest_tick(&self) -> Span {
        Span::from_nanos(self.exact_durations().fold(0, |tick, (_, of)| gcd(tick, of.as_nanos())))
    }

    fn exact_durations(&self) -> impl Iterator<Item = (&'static str, Span)> {
        self.configs().flat_map(|config| self.exact_durations_of(config)).flatten()
    }

    fn exact_durations_of(&self, config: &Config) -> [Option<(&'static str, Span)>; 10] {
        let t = config.timings();
        let exact = self.timing == Timing::Exact;
        // A third party shortens the duration to one second.
        let shortened = self.assumptions.spec_edits.is_on() && config.rules().wait == Wait::Record;
        let lasting = |what: Lasting| what.longest.filter(|_| what.is_on());
        let offset = match self.assumptions.walls {
            Walls::Within { offset, .. } if offset > Span::ZERO => Some(offset),
            _ => None,
        };
        let written = u64::try_from(config.written_duration_s()).unwrap_or(0);
        [
            Some(("LeaseDuration", t.lease_duration)),
            Some(("the written leaseDurationSeconds", Span::from_secs(written))),
            Some(("RenewDeadline", t.renew_deadline)),
            exact.then_some(("RetryPeriod", t.retry_period)),
            config.request_timeout().filter(|_| exact).map(|of| ("the request timeout", of)),
            lasting(self.assumptions.request_delay).map(|of| ("the request delay", of)),
            lasting(self.assumptions.response_delay).map(|of| ("the response delay", of)),
            lasting(self.assumptions.pauses).map(|of| ("the pause", of)),
            offset.map(|of| ("the wall-clock offset", of)),
            shortened.then_some(("a shortened leaseDurationSeconds of", Span::from_secs(1))),
        ]
        .map(|of| of.filter(|(_, span)| *span > Span::ZERO))
    }

    /// What every written duration is at most.
    pub(super) fn longest_duration(&self) -> Span {
        let of = |config: &Config| {
            let written = u64::try_from(config.written_duration_s()).unwrap_or(0);
            config.timings().lease_duration.max(Span::from_secs(written))
        };
        self.configs().map(of).max().unwrap_or(Span::ZERO)
    }

    /// Checks that this can be explored.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn validate(&self) -> Result<(), SetupError> {
        if self.replicas == 0 || self.replicas > REPLICAS_MAX {
            return Err(SetupError::Replicas(self.replicas));
        }
        self.validate_beside()?;
        let tick = self.tick.as_nanos();
        for (name, of) in self.exact_durations() {
            if tick == 0 || of.as_nanos() % tick != 0 {
                return Err(SetupError::Tick { tick: self.tick, name, of });
            }
        }
        let second = 1_000_000_000_u64;
        if !(second.is_multiple_of(tick) || tick.is_multiple_of(second)) || second / tick > 250 {
            return Err(SetupError::TickAndSecond(self.tick));
        }
        let round = |config: &Config| {
            let t = config.timings();
            t.renew_deadline + t.retry_period + t.retry_period
        };
        let longest = self.configs().map(round).fold(self.longest_duration(), Span::max);
        if longest.as_nanos() / tick > 30_000 {
            return Err(SetupError::TooFine { tick: self.tick, longest });
        }
        let by_wall = self.by_wall_clock();
        if by_wall && self.assumptions.walls == Walls::Anything {
            return Err(SetupError::WallClocksSayAnything);
        }
        let from_sending = !self.any_rules(|rules| {
            rules.deadline_from != DeadlineFrom::LastSend || rules.stop_when != StopWhen::AtDeadline
        });
        if self.timing == Timing::Folded && (by_wall || !from_sending) {
            return Err(SetupError::NotFoldable);
        }
        let ratio = self.assumptions.rate;
        if ratio.slow == 0 || ratio.fast < ratio.slow || ratio.fast > 100 {
            return Err(SetupError::Ratio(ratio));
        }
        let a = &self.assumptions;
        let waits = a.request_delay.is_on() || a.response_delay.is_on() || a.pauses.is_on();
        if ratio.fast != ratio.slow && waits && self.timing != Timing::Folded {
            return Err(SetupError::RatioAndDelays);
        }
        if by_wall && ratio.fast != ratio.slow {
            return Err(SetupError::RatioAndWallClocks);
        }
        Ok(())
    }

    /// Whether any replica judges expiry, or its deadline, by its wall clock.
    pub(super) fn by_wall_clock(&self) -> bool {
        self.any_rules(|rules| {
            rules.expiry == Expiry::WallClock || rules.deadline_from == DeadlineFrom::RenewTime
        })
    }

    pub(super) fn counters(&self) -> [u8; 13] {
        Left::all(&self.assumptions).as_array()
    }

    pub(super) fn ticks(&self, span: Span) -> u16 {
        u16::try_from(span.as_nanos() / self.tick.as_nanos()).unwrap_or(u16::MAX)
    }

    /// How long one step of time is: a tick, or the unit of which a fast clock has so many to its tick.
    pub(super) fn unit_ns(&self) -> u64 {
        let units = if self.has_rate_error() { u64::from(self.assumptions.rate.slow) } else { 1 };
        self.tick.as_nanos() / units
    }

    pub(super) fn has_rate_error(&self) -> bool {
        self.assumptions.rate.fast != self.assumptions.rate.slow
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
