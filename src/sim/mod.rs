//! A deterministic world for electors: an API server, clocks, a network, processes and their faults.
//!
//! A [`plan::Plan`] describes it; a [`World`] runs it, as often as one likes: the same plan, seed and run
//! number give the same run, event by event, on any machine.
//!
//! Where a plan has a [`schedule`], nothing is drawn: its steps say what happens, when and in which order. Any run
//! whose plan is [recordable](Plan::not_recordable) can be [recorded](World::run_recorded) as such a schedule.

mod clock;
mod faults;
mod follow;
mod network;
mod node;
pub mod observe;
pub mod plan;
mod queue;
mod record;
pub(crate) mod rng;
pub mod schedule;
mod server;
pub mod trace;
mod work;
mod world;

pub use clock::WALL_EPOCH_S;
pub use observe::{Failover, Outcome};
pub use plan::Plan;
pub use schedule::{Deed, ScheduleError, Step};
pub use world::{Script, ScriptedMessage, World};
