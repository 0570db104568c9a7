//! The elector on a real cluster.
//!
//! ```no_run
//! use leasehold::adapter::{LeaderElection, Outcome};
//!
//! # async fn reconcile() {}
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = kube::Config::infer().await?;
//! let outcome = LeaderElection::builder(config)
//!     .lease("default", "my-controller")
//!     .contend_again(true)
//!     .run(|leadership| async move {
//!         while leadership.may_act() {
//!             reconcile().await;
//!         }
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! The state machine is [`core::Elector`](crate::core::Elector), the very one that was simulated and
//! checked. This module carries its requests, timers, choices and clocks to a kube client and back, on a thread
//! of its own ([`Place::OwnThread`]) with a client of its own ([`Connection`]).
//!
//! # Who may act
//!
//! [`Leadership::may_act`] reads the clock and compares it with the deadline of the last successful renewal: it is not a
//! flag that somebody must have cleared in time. On Linux and on Apple's systems the clock counts suspended time. A
//! write that was under way when the process was paused is stopped by the store alone, if it checks
//! [`Leadership::fencing_token`]. Tokens grow from term to term also where the lock was deleted and
//! made again; among locks of another kind or on another cluster they mean nothing.
//!
//! # Protocols
//!
//! [`Protocol::Strict`] is the default. [`Protocol::ClientGo`] does what client-go does, for those who want just that.
//! Both write the same record, so replicas of both, and client-go's own, can stand side by side on one lock. The longest that
//! two led at once at 15/10/2 in `sim-scenarios/pitfalls/mixed-fleet.yaml`, with perfect clocks:
//!
//! | what goes wrong | both client-go | client-go leads, strict waits | strict leads, client-go waits | both strict |
//! | --- | --- | --- | --- | --- |
//! | the leader is cut off | 0 | 0 | 0 | 0 |
//! | a response takes 9.5 s, then the leader is cut off | 6.5 s | 6.5 s | 0 | 0 |
//! | the leader is cut off while it releases | 5.0 s | 5.0 s | 0 | 0 |
//! | somebody deletes the lock | 12 s | 0 | 2.0 s | 0 |
//! | somebody clears the holder | 12 s | 0 | 2.0 s | 0 |
//!
//! The deadline is the leader's; whether a missing or empty lock is taken at once is the candidate's. `leasehold check
//! --protocol strict --beside client-go` searches such pairs exhaustively; README has what it found.
//!
//! # Costs
//!
//! One election is one thread with a runtime for itself, one connection (and a short one for each Event) and a request every RetryPeriod. For
//! many in one process, see [`Place::On`]. The elector's client neither repeats requests nor waits without end: each request has the core's
//! deadline (half of RenewDeadline), and what a failed write may have done is the core's to find out.

mod alone;
#[cfg(any(feature = "adapter-args", feature = "cli"))]
mod args;
mod clock;
mod connection;
mod driver;
mod election;
mod error;
mod events;
mod health;
mod identity;
mod leadership;
mod lock;
mod metrics;
mod names;
mod request;
mod settings;
mod status;

#[cfg(any(feature = "adapter-args", feature = "cli"))]
pub use args::LeaderElectionArgs;
pub use clock::Clock;
pub use connection::{Connection, Pool};
pub use election::{Candidate, LeaderElection, Outcome};
pub use error::Error;
pub use health::Health;
pub use identity::{default_identity, own_namespace};
pub use leadership::Leadership;
pub use lock::LockKind;
pub use metrics::Metrics;
pub use settings::{Builder, Place, Protocol};
pub use status::{End, Role, Status};
pub use tokio_util::sync::CancellationToken;
