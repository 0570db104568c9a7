//! Deterministic simulation of lease-based leader election.
pub mod core;
#[cfg(feature = "scenario")]
pub mod scenario;
pub mod sim;
