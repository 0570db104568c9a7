//! Random fault schedules: what must hold of all of them, and that each rule of `strict` is needed for it.
//!
//! Schedules are scenarios. One that breaks a promise is made as small as it gets and written to
//! `target/leasehold-regressions/`, where `leasehold run` runs it again.
#![cfg(feature = "scenario")]
#![allow(clippy::print_stdout, reason = "figures for whoever runs it with --nocapture")]

#[path = "properties/check.rs"]
mod check;
#[path = "properties/dice.rs"]
mod dice;
#[path = "properties/mistakes.rs"]
mod mistakes;
#[path = "properties/promises.rs"]
mod promises;
#[path = "properties/recorded.rs"]
mod recorded;
#[path = "properties/schedule.rs"]
mod schedule;
#[path = "properties/shrink.rs"]
mod shrink;
