//! The elector as a pure state machine.
pub mod time;
pub use time::{LocalInstant, Span, WallTime};
