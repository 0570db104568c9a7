//! Faults in real time, as scenario files describe them, aimed at clients by their names.
//!
//! What befalls a request is drawn when it arrives (`fate`), and carried out by the service: it waits, is lost, is
//! refused or fails. Time is the runtime's; draws come from one generator, so runs differ as real ones do.

mod engine;
mod fate;
mod supported;

pub(crate) use engine::{Active, Engine, HeldCall, Wanted};
pub(crate) use fate::{Fate, Gate, Leaves};
pub(crate) use supported::check;
