//! The simulator against the real client-go, event by event.
//!
//! The Go program in tests/client-go runs the real elector in virtual time. Where Go, or its modules, are missing, these
//! tests pass and say what they left out; with LEASEHOLD_REQUIRE_GO=1 they fail instead.
//!
//! | variable | what it sets |
//! | --- | --- |
//! | `LEASEHOLD_CLIENT_GO_SCHEDULES` | how many random schedules are compared with the current release, and with the newest; 200 |
//! | `LEASEHOLD_CLIENT_GO_OLDER` | how many with each of the other releases, and with the newest pre-release; 0, which builds none of them, nor the newest |
//! | `LEASEHOLD_CLIENT_GO_LINES` | which of these, such as `0.26,0.29`; all |
//! | `LEASEHOLD_CLIENT_GO_SEED` | what the schedules come from |
#![cfg(feature = "scenario")]
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "figures for whoever runs it, and how long it took"
)]

#[path = "client_go/compare.rs"]
mod compare;
#[path = "properties/dice.rs"]
#[allow(dead_code, reason = "shared with the property tests")]
mod dice;
#[path = "client_go/go.rs"]
mod go;
#[path = "client_go/known.rs"]
mod known;
#[path = "client_go/leaders.rs"]
mod leaders;
#[path = "client_go/mistakes.rs"]
mod mistakes;
#[path = "client_go/random.rs"]
mod random;
#[path = "client_go/scenarios.rs"]
mod scenarios;
#[path = "properties/schedule.rs"]
#[allow(dead_code, reason = "shared with the property tests")]
mod schedule;
#[path = "client_go/shrink.rs"]
mod shrink;
#[path = "client_go/written.rs"]
mod written;
