//! Exhaustive search: every order of events that stated assumptions allow, on the shipped electors.
//!
//! A [`Setup`] is a question: settings, replicas, [`Assumptions`] with a budget for everything that may go wrong, a tick.
//! [`Search::run`] answers it with a [`Verdict`]: proved, violated with a shortest [`Story`], or inconclusive with the reason. A search
//! that was cut short is never called proved, and neither is one in which something assumed possible never happened.
//!
//! ```
//! use leasehold::check::{Assumptions, Patient, Search, Setup, Verdict};
//! use leasehold::core::{Config, Timings};
//!
//! let config = Config::client_go(Timings::DEFAULT)?;
//! let report = Search::on(1).run(Setup::safety(config, 2, Assumptions::PERFECT), &mut Patient)?;
//! assert!(matches!(report.verdict, Verdict::Proved));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Time
//!
//! Time is counted in ticks that divide every duration that matters. For timers whose bounds are whole ticks and closed, a violation
//! with real-valued times has one with whole ticks as well (Henzinger, Manna, Pnueli: What good are digital clocks?, 1992), and one in
//! which the overlap lasts at least a tick; so that is what counts as two leaders. Where a comparison is strict it is closed in the
//! direction that shows more: an answer that arrives at the instant of a deadline may come a nanosecond before it. The longest wait
//! between two polls, 2.2 x RetryPeriod, is rounded up to whole ticks; what is violated by that alone is searched again with it rounded
//! down, and called inconclusive if that is proved. Where clocks run apart, time goes in units of which a fast clock has fewer to its
//! tick; processes read such clocks at their own ticks only, which the theorem does not cover.
//!
//! Nor does it cover what client-go's rules ask of wall clocks: whether two readings fall into the same *second* is no closed
//! comparison. On a grid of a second, writes at different ticks fall into different seconds, and the assumptions of
//! a verdict say so; on a finer one ([`Setup::tick`]) a second write within the second of a first is followed up to a tick
//! before that second ends. What is proved at 1 s may be refuted at 500 ms: answers that take 3 s at 15/10/2 are.
//!
//! # States
//!
//! Instants are relative to now, versions and times renamed by rank, replicas sorted, what no rule will look at again is left out: see
//! `pack` and `essence`. A test walks worlds and their states side by side and compares. Fingerprints have 64 bits: with n states the
//! chance that one was taken for another is below n^2 / 2^65.
//!
//! # Timing
//!
//! [`Timing::Exact`] follows every message and timer. [`Timing::Folded`] is for rules whose right to lead counts from the sending of a
//! write and ends by itself: timers fire at any time, an attempt is decided at once or comes to nothing for its sender, candidates read
//! what is new when it is written, rights may end early, to stand still is to miss a timer. Every exact run has a folded one in which
//! everybody may act at least as long and has waited at least as long; the argument is at each step in `apply` and `moves`. What it
//! refutes need not be possible.
//!
//! [`Question::Failover`] lets the leader crash when one of its rounds has ended, for at any later time until its next nothing
//! else would come of it but a shorter gap; and once it is gone, those who only read do so one after the other.
//!
//! # Two protocols
//!
//! [`Setup::with_beside`] puts replicas of another protocol on the same Lease. `strict` is explored with wall clocks that say anything,
//! client-go's rules with such that tell any two writes apart; so both are then explored with clocks that stand still, and client-go's
//! replicas write times that increase and compare them exactly. What is proved so says nothing of two writes within one second.

mod action;
mod apply;
mod assume;
mod beside;
mod essence;
mod explore;
mod few;
mod model;
mod moves;
mod names;
mod pack;
mod questions;
#[cfg(test)]
mod refinement_tests;
mod replay;
mod replica_code;
mod setup;
mod story;
#[cfg(test)]
mod tests;
mod verdict;
mod world;

pub use action::{Action, Edit, Witness};
pub use assume::{Assumptions, Budget, Drain, Lasting, RateRatio, Walls};
pub use beside::{Beside, Leaders};
pub use explore::explore;
pub use model::{A_LEADER_IN_TIME, AT_MOST_ONE_LEADER, Model};
pub use pack::State;
pub use questions::{
    AblateError, Ablation, FailoverBound, Frontier, Knob, Tried, ablate, failover_bound, frontier,
};
pub use replay::NoReplay;
pub use setup::{Properties, Question, Setup, SetupError, Timing};
pub use story::{Chapter, Heard, Story};
pub use verdict::{Order, Patient, Progress, Reason, Report, Search, StopCause, Verdict, Watcher};
pub use world::REPLICAS_MAX;
