//! Scenario files: YAML or TOML in, checked and typed plans out.
//!
//! [`Scenario`] is what a file says, field by field; build one in code and [`Scenario::to_yaml`] writes
//! the file. [`Scenario::load`] reads a file, lays command-line [`Override`]s over it, and gives a
//! [`Prepared`] scenario: for each of its settings a [`crate::sim::plan::Plan`] and the expectations on what
//! comes of it. [`discover`] finds files, [`Scenario::json_schema`] describes them.
//!
//! ```
//! use std::path::Path;
//! use leasehold::scenario::{Action, Fault, Format, Length, Override, Scenario, Who};
//!
//! let text = "
//! replicas: 2
//! faults:
//!   - {when: {leading: any, for: 10RP}, crash: leader}
//! expect: {failover_s.p99: '< 23'}
//! ";
//! let overrides = [Override::shorthand("lease-duration", "20s")?];
//! let prepared = Scenario::parse(text, Format::Yaml, "crash", Path::new(""), &overrides)?;
//! let plan = prepared.settings[0].plan().expect("these settings are not refused");
//! assert_eq!(plan.nodes.len(), 2);
//!
//! // The same in code.
//! let crash = Fault::when_leading(Who::Any, Length::retry_periods(10), Action::Crash(Who::Leader));
//! let scenario = Scenario { replicas: Some(2), faults: Some(vec![crash]), ..Scenario::default() };
//! assert!(scenario.to_yaml().contains("crash: leader"));
//! # Ok::<(), leasehold::scenario::Error>(())
//! ```
//!
//! How it works: a text becomes a tree of values that know their places; overrides and settings are laid over
//! each other in that form; types are read from it. What is wrong after that, however late it is noticed, is
//! looked up in the tree by its path, so that every error shows file, line, column and excerpt.
mod actions;
mod build;
mod de;
mod discover;
mod draw;
mod effects;
mod error;
mod expect;
mod fault;
mod forms;
#[doc(hidden)]
pub mod fuzzing;
mod length;
mod load;
mod metrics;
mod model;
mod network;
mod overrides;
mod path;
mod prepared;
mod rate;
mod rules;
mod scheduled;
mod schema;
mod ser;
mod source;
mod suggest;
mod tree;

pub use actions::Action;
pub use discover::discover;
pub use draw::{Csv, Distribution, Draw, LogNormal, TimeUnit};
pub use effects::{
    ClockRate, Delay, Direction, EditLease, Leg, LinkEffect, LinkFault, Lose, Mode, Partition, PartitionWith,
    Start, StartWith, StepWallClock, Storage, StorageWith, Throttle, Verb,
};
pub use error::{Diagnostic, Error, Place};
pub use expect::{Condition, Expect, Expectation, Verdict};
pub use fault::{Event, Fault, Lasts, Trigger, When, Who};
pub use forms::Yes;
pub use length::{Length, LengthError, SignedLength};
pub use metrics::names as metric_names;
pub use model::{
    Capacity, Clock, ClockBound, ErrorRate, HttpTimeout, Node, Protocol, Restart, Scenario, Server,
    ServerError, StaleReads, Timings, Work,
};
pub use network::{Link, Links, Network, Profile};
pub use overrides::{Override, SHORTHANDS};
pub use prepared::{Outcome, Prepared, Setting, shell_word};
pub use rate::Rate;
pub use rules::{Choice, Rule, RuleChanges};
pub use scheduled::{
    AnswerStep, ArriveStep, ChooseStep, ClockRateStep, EditStep, ScheduledDeed, ScheduledStep, StartStep,
    StartStepWith, WallClockStep, schedule_of, schedule_with_names,
};
pub use source::Format;
