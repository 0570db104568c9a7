//! Deterministic simulation of lease-based leader election, as Kubernetes controllers practise it.
//!
//! Controllers elect a leader by racing to update one Lease object with optimistic concurrency. This crate holds the
//! election algorithm as a pure state machine ([`core`]), the API server's semantics as a pure value ([`store`]) and a world
//! that drives both ([`sim`]): clocks, networks, processes and their faults, in integer nanoseconds, the same run for
//! the same seed on any machine.
//!
//! ```
//! use leasehold::core::{Config, Timings};
//! use leasehold::sim::plan::{ClockPlan, Draw, Fault, FaultPlan, LinkPlan, NodePlan, Plan, ServerPlan};
//! use leasehold::sim::plan::{Trigger, TriggerEvent, Who};
//! use leasehold::sim::World;
//!
//! let config = Config::client_go(Timings::DEFAULT)?;
//! let ms = |n: u64| Draw::Fixed(n * 1_000_000);
//! let link = LinkPlan { latency: ms(2), loss_ppm: 0, duplicate_ppm: 0 };
//! let node = |name: &str, start| NodePlan {
//!     name: name.into(),
//!     identity: name.into(),
//!     start,
//!     elector: Some(config),
//!     clock: ClockPlan { rate_ppm: 0, wall_offset_ns: 0, wall_stopped: false, stops_in_suspend: true },
//!     request: link.clone(),
//!     response: link.clone(),
//!     drain: ms(0),
//!     restart: None,
//! };
//! let crash = FaultPlan {
//!     name: "crash".into(),
//!     when: Trigger::After { event: TriggerEvent::Leading, node: None, nth: 1, after: ms(20_000) },
//!     fault: Fault::Crash(Who::Leader),
//!     lasts: None,
//!     every: None,
//!     times: 1,
//! };
//! let plan = Plan {
//!     nodes: vec![node("a", ms(0)), node("b", ms(700))],
//!     server: ServerPlan {
//!         latency: ms(0),
//!         errors: vec![],
//!         stale_reads: None,
//!         capacity: None,
//!         no_op_writes_count: false,
//!     },
//!     work: None,
//!     faults: vec![crash],
//!     horizon_ns: 60_000_000_000,
//!     stop_after_failovers: None,
//!     crash_loses_requests: true,
//!     schedule: None,
//! };
//! let mut world = World::new(&plan);
//! let outcome = world.run(1, 0);
//! assert_eq!(outcome.two_leaders_ns, 0);
//! let failover = outcome.failovers[0];
//! assert!((13_000_000_000..23_000_000_000).contains(&failover.took_ns));
//! # Ok::<(), leasehold::core::ConfigError>(())
//! ```
//!
//! # Levels of guarantee
//!
//! | protocol | what holds |
//! | --- | --- |
//! | `client-go` | behaves like client-go v0.36, event by event; two may lead at once |
//! | `client-go-0.26`, `-0.29`, `-0.30`, `-0.31`, `-0.33`, `-0.37`, `-0.38` | the same for other releases: see [`core::ClientGo`] |
//! | `strict` | at most one may act at any instant, under the assumptions that [`core::ClockBound`] and [`core::Rules::STRICT`] name; proved for small numbers of replicas and faults by `check`, tested by random schedules beyond |
//! | `renew-time` | safe only with synchronised wall clocks |
//!
//! A process that was paused may have a write in flight when it wakes: the work's store must check the
//! [fencing token](core::FencingToken).
//!
//! # Map
//!
//! | module | what it is | feature |
//! | --- | --- | --- |
//! | [`core`] | the elector: pure, no allocation | |
//! | [`store`] | the API server's semantics: resourceVersions, conflicts, validation, watch log | |
//! | [`sim`] | the world: plans, runs, observers, traces | |
//! | [`stats`] | many runs: histograms that merge exactly, quantiles with confidence, batches on threads | |
//! | `scenario` | scenario files in, plans out | `scenario` |
//! | `replay` | recordings of the real client-go, compared event by event | `scenario` |
//! | `check` | every order of events that stated assumptions allow | `check` |
//! | `adapter` | the elector on a real cluster: locks, the guarded work, metrics, Events, health | `adapter` |
//! | `report` | plots and timelines as SVG, PNG and text | `report` |
//! | `serve` | the store over HTTP and HTTPS, for real clients | `serve` |
//! | `cli` | the `leasehold` command | `cli` (default) |

#[cfg(feature = "adapter")]
pub mod adapter;
#[cfg(feature = "check")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod core;
#[cfg(feature = "scenario")]
pub mod replay;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "scenario")]
pub mod scenario;
#[cfg(feature = "serve")]
pub mod serve;
pub mod sim;
pub mod stats;
pub mod store;
