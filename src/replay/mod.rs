//! Recordings of the real client-go, replayed through the simulator and compared event by event.
//!
//! A recording is one JSON object a line: a [`Schedule`] (what the world did) and the events that the real
//! elector showed under it. The simulator runs the same schedule with the recorded jitter; every event must
//! be equal to the nanosecond. Events of one nanosecond have no defined order.

mod compare;
mod events;
mod schedule;

pub use compare::{Difference, replay};
pub use events::RecordedEvent;
pub use schedule::{Schedule, ScheduleError};

use serde::Deserialize;

/// One recorded run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// What the world did.
    pub schedule: Schedule,
    /// What was seen.
    pub events: Vec<RecordedEvent>,
    /// What ran.
    #[serde(default)]
    pub elector: String,
}
