//! Deterministic simulation of lease-based leader election.
pub mod core;
#[cfg(feature = "scenario")]
pub mod replay;
pub mod sim;
pub mod stats;
pub mod store;
