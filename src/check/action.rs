//! What can happen next, one thing at a time.

use super::world::REPLICAS_MAX;

/// One thing that happens. Replicas are named by where they stand in the state before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A process starts, with a wall clock that is ahead or not.
    Start {
        /// Whose.
        replica: u8,
        /// Its wall clock is ahead by the assumed offset.
        ahead: bool,
    },
    /// Timers of its elector fire.
    Wake {
        /// Whose.
        replica: u8,
    },
    /// It stops waiting for its request, at whatever time (only with timers at any time).
    GiveUp {
        /// Which.
        replica: u8,
    },
    /// It chooses how much longer than RetryPeriod to wait.
    Choose {
        /// Which.
        replica: u8,
        /// Ticks.
        ticks: u16,
        /// One nanosecond less.
        early: bool,
    },
    /// Its request reaches the server.
    Arrive {
        /// Whose.
        replica: u8,
    },
    /// Its request is decided and answered at once (loose and folded timing).
    Fetch {
        /// Whose.
        replica: u8,
    },
    /// The same for a write that arrives twice: it hears the answer to the second (folded timing).
    FetchTwice {
        /// Whose.
        replica: u8,
    },
    /// Its write is decided at once, but it never hears of it (folded timing).
    Unheard {
        /// Whose.
        replica: u8,
    },
    /// Its right to lead ends before its time (folded timing).
    EndRight {
        /// Whose.
        replica: u8,
    },
    /// Its write reaches the server twice, and the answer to the second comes back first.
    ArriveTwice {
        /// Whose.
        replica: u8,
    },
    /// The answer reaches it.
    Answer {
        /// Whom.
        replica: u8,
    },
    /// Its request, or the answer, is lost.
    Lose {
        /// Whose.
        replica: u8,
    },
    /// A write whose sender gave up, or died, reaches the server.
    LateWrite {
        /// Which.
        at: u8,
    },
    /// The guarded work has stopped.
    WorkStopped {
        /// Whose.
        replica: u8,
    },
    /// The process vanishes.
    Crash {
        /// Whose.
        replica: u8,
    },
    /// SIGTERM.
    Stop {
        /// Whose.
        replica: u8,
    },
    /// It stands still from now on.
    Pause {
        /// Which.
        replica: u8,
    },
    /// It runs again.
    Resume {
        /// Which.
        replica: u8,
    },
    /// Its wall clock is set.
    StepWall {
        /// Whose.
        replica: u8,
    },
    /// Somebody deletes the Lease.
    Delete,
    /// Somebody edits the Lease.
    Edit(Edit),
    /// Time passes. Where clocks run at different rates it is one unit, and these clocks reach their next tick.
    Pass {
        /// Ticks, or one unit.
        ticks: u16,
        /// By where replicas stand in the state.
        clocks: u8,
    },
}

/// What somebody does to a Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edit {
    /// Changes an annotation.
    Metadata,
    /// Clears the holder.
    ClearHolder,
    /// Names a holder that is no replica.
    Stranger,
    /// Names a replica.
    Holder {
        /// Which.
        replica: u8,
    },
    /// Sets leaseDurationSeconds to one.
    Shorten,
}

impl Action {
    /// The same for replicas that stand elsewhere.
    pub(super) fn with_places(self, place: impl Fn(u8) -> u8, late: impl Fn(u8) -> u8) -> Self {
        let mut action = self;
        match &mut action {
            Self::Start { replica, .. }
            | Self::Wake { replica }
            | Self::GiveUp { replica }
            | Self::Choose { replica, .. }
            | Self::Arrive { replica }
            | Self::Fetch { replica }
            | Self::FetchTwice { replica }
            | Self::Unheard { replica }
            | Self::EndRight { replica }
            | Self::ArriveTwice { replica }
            | Self::Answer { replica }
            | Self::Lose { replica }
            | Self::WorkStopped { replica }
            | Self::Crash { replica }
            | Self::Stop { replica }
            | Self::Pause { replica }
            | Self::Resume { replica }
            | Self::StepWall { replica }
            | Self::Edit(Edit::Holder { replica }) => *replica = place(*replica),
            Self::LateWrite { at } => *at = late(*at),
            Self::Pass { clocks, .. } => {
                let from = *clocks;
                *clocks = (0..REPLICAS_MAX as u8)
                    .filter(|&replica| from & (1 << replica) != 0)
                    .fold(0, |to, replica| to | 1 << place(replica));
            }
            Self::Delete | Self::Edit(_) => {}
        }
        action
    }

    /// What it shows that could happen, if anything worth asking for.
    pub(super) fn witness(self) -> Option<Witness> {
        Some(match self {
            Self::ArriveTwice { .. } | Self::FetchTwice { .. } => Witness::Duplicated,
            Self::Lose { .. } | Self::Unheard { .. } => Witness::Lost,
            Self::LateWrite { .. } => Witness::LateWrite,
            Self::Crash { .. } => Witness::Crashed,
            Self::Stop { .. } => Witness::Stopped,
            Self::Pause { .. } => Witness::Paused,
            Self::StepWall { .. } => Witness::WallStepped,
            Self::Delete => Witness::Deleted,
            Self::Edit(Edit::Metadata) => Witness::MetadataEdited,
            Self::Edit(_) => Witness::SpecEdited,
            _ => return None,
        })
    }
}

/// Something that must be seen at least once, or the proof may be of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Witness {
    /// Somebody leads.
    Leads,
    /// A second term begins.
    LeadsAgain,
    /// A request waited on its way.
    RequestDelayed,
    /// An answer waited on its way.
    ResponseDelayed,
    /// A message was lost.
    Lost,
    /// A request arrived twice.
    Duplicated,
    /// A write was applied after its sender gave up.
    LateWrite,
    /// A process crashed.
    Crashed,
    /// A process was started again.
    Restarted,
    /// A process stood still.
    Paused,
    /// A process was told to stop.
    Stopped,
    /// The Lease was deleted.
    Deleted,
    /// Its metadata was edited.
    MetadataEdited,
    /// Its spec was edited.
    SpecEdited,
    /// A wall clock was set.
    WallStepped,
    /// Clocks showed different times.
    ClocksApart,
}

impl Witness {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Leads,
        Self::LeadsAgain,
        Self::RequestDelayed,
        Self::ResponseDelayed,
        Self::Lost,
        Self::Duplicated,
        Self::LateWrite,
        Self::Crashed,
        Self::Restarted,
        Self::Paused,
        Self::Stopped,
        Self::Deleted,
        Self::MetadataEdited,
        Self::SpecEdited,
        Self::WallStepped,
        Self::ClocksApart,
    ];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leads => "somebody leads",
            Self::LeadsAgain => "a second term begins",
            Self::RequestDelayed => "a request is delayed",
            Self::ResponseDelayed => "an answer is delayed",
            Self::Lost => "a message is lost",
            Self::Duplicated => "a write arrives twice",
            Self::LateWrite => "a write is applied after its sender gave up",
            Self::Crashed => "a process crashes",
            Self::Restarted => "a process is started again",
            Self::Paused => "a process stands still",
            Self::Stopped => "a process is told to stop",
            Self::Deleted => "the Lease is deleted",
            Self::MetadataEdited => "the Lease's metadata is edited",
            Self::SpecEdited => "the Lease's spec is edited",
            Self::WallStepped => "a wall clock is set",
            Self::ClocksApart => "two clocks show different times",
        }
    }
}
