//! Deterministic simulation of lease-based leader election.
pub mod core;
pub mod stats;
pub mod store;
