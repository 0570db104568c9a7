//! What is assumed of the world: how often each thing may go wrong, and by how much.

use core::fmt;

use crate::core::Span;

/// How often something may happen in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// Never.
    Off,
    /// At most so many times.
    UpTo(u8),
    /// As often as it likes.
    Free,
}

impl Budget {
    /// Whether it may happen at all.
    #[must_use]
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Off | Self::UpTo(0))
    }

    /// What is left of it, as the model counts.
    pub(super) const fn counter(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::UpTo(times) => times,
            Self::Free => FREE,
        }
    }
}

/// A counter that is never used up.
pub(super) const FREE: u8 = u8::MAX;

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off | Self::UpTo(0) => f.write_str("off"),
            Self::UpTo(times) => write!(f, "{times}"),
            Self::Free => f.write_str("free"),
        }
    }
}

/// How often something may last, and how long at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lasting {
    /// How often.
    pub times: Budget,
    /// How long at most; without end, if not given.
    pub longest: Option<Span>,
}

impl Lasting {
    /// Never.
    pub const OFF: Self = Self { times: Budget::Off, longest: None };
    /// As often and as long as it likes.
    pub const FREE: Self = Self { times: Budget::Free, longest: None };

    /// Whether it may happen at all.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.times.is_on() && self.longest != Some(Span::ZERO)
    }
}

/// How long guarded work may go on after it was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Drain {
    /// It stops at once.
    AtOnce,
    /// As long as it likes.
    Any,
}

/// What wall clocks may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Walls {
    /// Any two of them differ by at most `offset`, from the start (a process may begin with either), and each may be
    /// set so many times, by that much.
    Within {
        /// How far apart.
        offset: Span,
        /// How often one is set.
        steps: Budget,
    },
    /// They may say anything. Explored as clocks that stand still: for rules that only ask whether two times are the
    /// same or which of two is later, that is the worst that they can do.
    Anything,
}

impl Walls {
    /// Perfect ones.
    pub const PERFECT: Self = Self::Within { offset: Span::ZERO, steps: Budget::Off };
}

/// How far monotonic clocks may run apart: while one shows `slow` units, another may show up to `fast`.
/// A rate error of at most `e` on either side is the ratio `(1 + e) / (1 - e)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateRatio {
    /// What the faster shows.
    pub fast: u8,
    /// What the slower shows meanwhile.
    pub slow: u8,
}

impl RateRatio {
    /// All run alike.
    pub const ONE: Self = Self { fast: 1, slow: 1 };
}

impl fmt::Display for RateRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.fast, self.slow)
    }
}

/// Everything that the environment may do in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Assumptions {
    /// A request takes time to reach the server.
    pub request_delay: Lasting,
    /// An answer takes time to come back.
    pub response_delay: Lasting,
    /// A message is lost.
    pub loss: Budget,
    /// A request arrives twice.
    pub duplication: Budget,
    /// A write is applied after its sender gave up waiting, or died.
    pub late_writes: Budget,
    /// A process vanishes.
    pub crashes: Budget,
    /// A process that ended is started again.
    pub restarts: Budget,
    /// ... with another identity.
    pub new_identity: bool,
    /// A process stands still, its clock does not.
    pub pauses: Lasting,
    /// A process is told to stop (SIGTERM).
    pub stops: Budget,
    /// How long the guarded work takes to stop.
    pub drain: Drain,
    /// Somebody deletes the Lease.
    pub deletions: Budget,
    /// Somebody edits the Lease's metadata.
    pub metadata_edits: Budget,
    /// Somebody edits the Lease's spec: clears the holder, sets another, shortens the duration.
    pub spec_edits: Budget,
    /// How far monotonic clocks run apart.
    pub rate: RateRatio,
    /// What wall clocks do.
    pub walls: Walls,
}

impl Assumptions {
    /// Nothing goes wrong: messages take no time, clocks are perfect.
    pub const PERFECT: Self = Self {
        request_delay: Lasting::OFF,
        response_delay: Lasting::OFF,
        loss: Budget::Off,
        duplication: Budget::Off,
        late_writes: Budget::Off,
        crashes: Budget::Off,
        restarts: Budget::Off,
        new_identity: false,
        pauses: Lasting::OFF,
        stops: Budget::Off,
        drain: Drain::AtOnce,
        deletions: Budget::Off,
        metadata_edits: Budget::Off,
        spec_edits: Budget::Off,
        rate: RateRatio::ONE,
        walls: Walls::PERFECT,
    };

    /// What a cluster sees sooner or later: messages take up to a second each way or are lost, writes are applied after their
    /// sender gave up, a process crashes and is started again. Nobody touches the Lease, clocks are perfect.
    pub const DEFAULT: Self = Self {
        request_delay: Lasting { times: Budget::Free, longest: Some(Span::from_secs(1)) },
        response_delay: Lasting { times: Budget::Free, longest: Some(Span::from_secs(1)) },
        loss: Budget::Free,
        late_writes: Budget::Free,
        crashes: Budget::UpTo(1),
        restarts: Budget::UpTo(1),
        ..Self::PERFECT
    };

    /// Everything, as often as it likes, but for clock rates: only the bound of the configuration is left.
    pub const HOSTILE: Self = Self {
        request_delay: Lasting::FREE,
        response_delay: Lasting::FREE,
        loss: Budget::Free,
        duplication: Budget::Free,
        late_writes: Budget::Free,
        crashes: Budget::Free,
        restarts: Budget::Free,
        new_identity: false,
        pauses: Lasting::FREE,
        stops: Budget::Free,
        drain: Drain::Any,
        deletions: Budget::Free,
        metadata_edits: Budget::Free,
        spec_edits: Budget::Free,
        rate: RateRatio::ONE,
        walls: Walls::Anything,
    };
}
