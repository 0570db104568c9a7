//! The elector as a pure state machine: no clocks, no randomness, no I/O, no allocation.
//!
//! A driver owns the clocks, the network and the guarded work. Its loop is three calls, in this order:
//!
//! 1. [`Elector::handle`] with a [`Reading`] of both clocks and an [`Input`];
//! 2. [`Elector::poll_output`] until it returns `None`: send, cancel, choose, tell;
//! 3. [`Elector::next_wake`]: sleep until then, or until a response arrives, and go to 1.
//!
//! ```
//! use leasehold::core::*;
//!
//! let config = Config::client_go(Timings::DEFAULT)?;
//! let me = Identity { id: IdentityId(1), incarnation: 7 };
//! let mut elector = Elector::new(config, me);
//! let now = Reading { local: LocalInstant::ORIGIN, wall: WallTime::from_micros(0) };
//! elector.handle(now, Input::Start);
//! assert!(matches!(elector.poll_output(), Some(Output::Request { op: Op::Get, deadline: None, .. })));
//! assert!(!elector.may_act(now.local));
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! Protocols are data: see [`Rules`]. Strings stay with the driver, which interns identities
//! ([`IdentityId`]) and uids.

mod attempt;
mod config;
mod elector;
mod io;
mod lead;
mod record;
mod release;
mod releases;
pub mod rules;
pub(crate) mod state;
mod time;

pub use config::{ClockBound, Config, ConfigError, Timings};
pub use elector::Elector;
pub use io::{Event, Failure, Input, Op, Output, Reading, Reply, RequestId, StopReason, WakeReason};
pub use record::{FencingToken, Identity, IdentityId, Record, Version};
pub use releases::ClientGo;
pub use rules::Rules;
pub use time::{LocalInstant, Span, WallTime};
