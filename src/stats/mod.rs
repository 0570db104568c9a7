//! What many runs say together: spans that merge exactly, quantiles with confidence, and whether
//! two samples look alike.
//!
//! Integers go in, and what comes out does not depend on the machine: sums and extremes are exact
//! integers, and logarithms and the like come from `libm`, not from the platform's library.

mod batch;
mod binomial;
mod ks;
mod latencies;
mod totals;

pub use batch::{Batch, Chunk, Sample};
pub use ks::{KsResult, ks_two_sample, ks_two_sample_ns};
pub use latencies::{Latencies, QuantileInterval};
pub use totals::{PerRun, Totals};
