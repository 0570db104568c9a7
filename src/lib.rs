//! Deterministic simulation of lease-based leader election.
#[cfg(feature = "cli")]
pub mod cli;
pub mod core;
#[cfg(feature = "scenario")]
pub mod replay;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "scenario")]
pub mod scenario;
pub mod sim;
pub mod stats;
pub mod store;
