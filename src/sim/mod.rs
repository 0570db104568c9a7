//! A deterministic world for electors: an API server, clocks, a network, processes and their faults.
//!
//! A [`plan::Plan`] describes it; a [`World`] runs it, as often as one likes: the same plan, seed and run
//! number give the same run, event by event, on any machine.

mod clock;
mod faults;
mod network;
mod node;
pub mod observe;
pub mod plan;
mod queue;
mod rng;
mod server;
pub mod trace;
mod work;
mod world;

pub use clock::WALL_EPOCH_S;
pub use observe::{Failover, Outcome};
pub use plan::Plan;
pub use world::{Script, World};
