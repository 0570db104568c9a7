//! Check

mod action;
mod apply;
mod assume;
mod essence;
mod few;
mod model;
mod moves;
mod names;
mod pack;
mod replica_code;
mod questions;
mod replay;
mod setup;
mod story;
#[cfg(test)]
mod refinement_tests;
#[cfg(test)]
mod tests;
mod verdict;
mod world;

pub use action::{Action, Edit, Witness};
pub use assume::{Assumptions, Budget, Drain, Lasting, RateRatio, Walls};
pub use model::{A_LEADER_IN_TIME, AT_MOST_ONE_LEADER, Model};
pub use pack::State;
pub use verdict::{Order, Patient, Progress, Reason, Report, Search, StopCause, Verdict, Watcher};
pub use story::{Chapter, Heard, Story};
pub use world::REPLICAS_MAX;
pub use questions::{Ablation, AblateError, FailoverBound, Frontier, Knob, Tried, ablate, explore, failover_bound, frontier};
pub use replay::NoReplay;
pub use setup::{Properties, Question, Setup, SetupError, Timing};
