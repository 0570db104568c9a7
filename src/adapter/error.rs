//! What can go wrong before and around an election. What goes wrong within one is the core's business.

use crate::core::ConfigError;

/// Why an election could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The builder was not told something.
    #[error("{what} is missing: call `{remedy}`")]
    Missing {
        /// What.
        what: &'static str,
        /// What to call.
        remedy: &'static str,
    },
    /// The timings contradict each other or the clocks.
    #[error("these timings cannot be used: {0}")]
    Timings(#[from] ConfigError),
    /// The client could not be built.
    #[error("no client for the API server: {source}")]
    Client {
        /// kube's word on it.
        #[source]
        source: Box<kube::Error>,
    },
    /// The elector's thread could not be started.
    #[error("the elector's thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The guarded work did not stop in time after it was told to.
    #[error("the guarded work did not stop within {0:?} after it was told to; the Lease was not released")]
    WorkDidNotStop(std::time::Duration),
    /// The elector's thread is gone: a defect, or its runtime was shut down.
    #[error("the elector's task ended without a word; its runtime was shut down, or it panicked")]
    Gone,
}
