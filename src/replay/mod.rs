//! Recordings of the real client-go, replayed through the simulator and compared event by event.
//!
//! A recording is one JSON object a line: a [`Schedule`] (what the world did) and the events that the real
//! elector showed under it. The simulator runs the same schedule with the recorded jitter; every event must
//! be equal to the nanosecond. Events of one nanosecond have no defined order.
//!
//! Recordings are made by the Go program in tests/client-go, which runs the real elector in virtual time. What it needs
//! for that comes from a scenario: [`export`].

mod compare;
mod events;
mod export;
mod noise;
mod overlap;
mod plan;
mod schedule;

pub use compare::{Difference, Seen, compare, replay, script_of};
pub use events::RecordedEvent;
pub use export::{Refusal, export};
pub use plan::ScheduleError;
pub use schedule::*;

use serde::{Deserialize, Serialize};

use crate::core::ClientGo;

/// One recorded run.
#[derive(Clone, Debug, Deserialize, Serialize)]
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

impl Recording {
    /// The release of client-go that ran, by its version; v0.36 where that is not said.
    #[must_use]
    pub fn release(&self) -> ClientGo {
        let minor =
            self.elector.rsplit_once("v0.").and_then(|(_, rest)| rest.split('.').next()?.parse().ok());
        match minor.unwrap_or(36_u32) {
            ..=26 => ClientGo::V0_26,
            27..=29 => ClientGo::V0_29,
            30 => ClientGo::V0_30,
            31 => ClientGo::V0_31,
            32 | 33 => ClientGo::V0_33,
            34..=36 => ClientGo::V0_36,
            37 => ClientGo::V0_37,
            38 if self.elector.contains("-alpha.") => ClientGo::V0_37,
            38.. => ClientGo::V0_38,
        }
    }
}
