//! Exact schedules: what happens, when, and in which order within one instant.
//!
//! A run that follows a schedule draws nothing. Processes start, messages arrive, timers fire and guarded work stops
//! when a [`Step`] says so, at its instant and in the order of the list; a message that no step names is lost. What
//! would be drawn or set off otherwise has no part in it: starts, links, restarts, faults, guarded work, the server's
//! latency and errors. The electors, the store and the observers are the same as in any run.
//!
//! - A timer that comes due fires at that instant, by a [`Deed::Wake`] or because another step reaches its elector
//!   then: to leave it out is an error. The timers of a paused process fire when it has been resumed.
//! - A choice that an elector asks for is made at that instant, or never: an elector without it tries nothing more.
//! - Guarded work whose [`drain`](super::plan::NodePlan::drain) is fixed at 0 stops when it is told to; any other
//!   waits for [`Deed::WorkStopped`].
//! - An answer reaches the process that asked, if that still runs; it may have given up.
//! - The run ends at the last step, or at the plan's horizon if that is later. Nothing happens in between, but that a
//!   right to act ends by its own deadline.
//!
//! A step that cannot be carried out ends the run: [`World::try_run`] says which, and why.

use std::fmt;

use super::observe::Outcome;
use super::plan::Edit;
use super::world::World;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, in nanoseconds of true time from the run's start.
    pub at_ns: u64,
    /// What.
    pub deed: Deed,
}

/// What happens. Nodes are indices of the plan; a node's requests count from 1, over all its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A process starts.
    Start {
        /// Where.
        node: usize,
        /// With a new identity.
        new_identity: bool,
    },
    /// The timers of the elector that are due fire.
    Wake {
        /// Whose.
        node: usize,
    },
    /// The elector that asked for a choice gets it.
    Choose {
        /// Whose.
        node: usize,
        /// How much longer than RetryPeriod it waits.
        extra_ns: u64,
    },
    /// A request reaches the server and is decided: for the first time or again, and whatever became of its sender.
    Arrive {
        /// Whose.
        node: usize,
        /// Which.
        request: u32,
    },
    /// An answer reaches the node: for the first time or again.
    Answer {
        /// Which.
        node: usize,
        /// Of its requests.
        request: u32,
        /// To which of the request's arrivals, from 1.
        copy: u32,
    },
    /// The guarded work that was told to stop has done so.
    WorkStopped {
        /// Whose.
        node: usize,
    },
    /// The process vanishes.
    Crash {
        /// Which.
        node: usize,
    },
    /// SIGTERM. A process that is paused notices it when it goes on: after its [`Deed::Resume`].
    Terminate {
        /// To which.
        node: usize,
    },
    /// The process stands still.
    Pause {
        /// Which.
        node: usize,
    },
    /// The process goes on. Its timers that came due fire by a [`Deed::Wake`] at the same instant.
    Resume {
        /// Which.
        node: usize,
    },
    /// Somebody does something to the Lease. The first [`Edit::Restore`] saves the spec, later ones put that back.
    Edit(Edit),
    /// The wall clock is set.
    StepWallClock {
        /// Whose.
        node: usize,
        /// Forward, or back.
        by_ns: i64,
    },
    /// The monotonic clock changes its rate.
    ClockRate {
        /// Whose.
        node: usize,
        /// The new rate error.
        rate_ppm: i32,
    },
}

impl Deed {
    /// The node that it happens to, if it is one's.
    #[must_use]
    pub const fn node(&self) -> Option<usize> {
        match *self {
            Self::Start { node, .. }
            | Self::Wake { node }
            | Self::Choose { node, .. }
            | Self::Arrive { node, .. }
            | Self::Answer { node, .. }
            | Self::WorkStopped { node }
            | Self::Crash { node }
            | Self::Terminate { node }
            | Self::Pause { node }
            | Self::Resume { node }
            | Self::StepWallClock { node, .. }
            | Self::ClockRate { node, .. } => Some(node),
            Self::Edit(_) => None,
        }
    }
}

/// Why a schedule cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// The step that cannot be carried out, by index.
    pub step: usize,
    /// Why not.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schedule[{}]: {}; {}", self.step, self.message, self.help)
    }
}

impl std::error::Error for ScheduleError {}

impl World<'_> {
    /// Runs once, like [`World::run`].
    ///
    /// # Errors
    /// If the plan has a schedule that cannot be followed.
    pub fn try_run(&mut self, seed: u64, run: u64) -> Result<&Outcome, ScheduleError> {
        self.run(seed, run);
        match &self.schedule_error {
            Some(error) => Err(error.clone()),
            None => Ok(&self.observer.outcome),
        }
    }

    /// Why the last run ended before its schedule did, if so.
    #[must_use]
    pub fn schedule_error(&self) -> Option<&ScheduleError> {
        self.schedule_error.as_ref()
    }
}
