//! A deterministic world for electors: an API server, clocks, a network, processes and their faults.

pub mod plan;
