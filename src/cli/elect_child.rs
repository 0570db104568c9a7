//! The command's process, seen from the process that elects.
//!
//! Between the two stands a guard (`elect_guard`): it is told of every change of the deadline through a pipe, and ends the command
//! by itself when the deadline comes or the pipe breaks. When the guard has exited, nothing of the command is left.

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ChildStdin, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};
use tokio::sync::oneshot;

use super::elect_guard::{end_all_children, this_program};
use super::elect_signals::Signals;
use crate::adapter::{Clock, LeaderElection, Leadership};
use crate::core::{ClockBound, LocalInstant, Rules, Span, StopReason};

/// How much time there is to stop the command in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// After the right to act has ended, until it must be gone: half of what the clocks leave before another may lead.
    after_deadline: Span,
    /// On shutdown, while the lock is still held.
    grace: Span,
}

impl Room {
    pub(super) fn new(election: &LeaderElection, grace: Duration) -> Self {
        let bound = ClockBound::DEFAULT;
        let config = election.config();
        let room =
            bound.earliest_takeover(config.timings()).saturating_sub(bound.latest_stop(config.timings()));
        let strict = *config.rules() == Rules::STRICT;
        let after_deadline = if strict { Span::from_nanos(room.as_nanos() / 2) } else { Span::ZERO };
        Self { after_deadline, grace: Span::from_nanos(u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX)) }
    }
}

/// How much later than the guard this process would act in its place.
const LEEWAY: Duration = Duration::from_millis(20);

/// How the command ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit(ExitStatus);

impl Exit {
    /// Its own code, or 128 + the signal that killed it.
    pub(super) fn code(self) -> ExitCode {
        let code = self.0.code().unwrap_or_else(|| 128 + self.0.signal().unwrap_or(0));
        ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

pub(super) struct Child {
    guard: Pid,
    orders: ChildStdin,
    exited: oneshot::Receiver<std::io::Result<ExitStatus>>,
    clock: Clock,
}

impl Child {
    pub(super) fn start(leadership: &Leadership, room: &Room, command: &[OsString]) -> Result<Self> {
        // What the guard leaves behind if it is killed comes to this process, which ends it.
        set_child_subreaper(Some(getpid())).context("cannot take in orphans")?;
        let mut guard = this_program();
        if leadership.fencing_token() != 0 {
            guard.env("LEASEHOLD_FENCING_TOKEN", leadership.fencing_token().to_string());
        }
        let mut guard = guard
            .arg("elect-guard")
            .arg(format!("--until={}", leadership.acts_until().as_nanos()))
            .arg(format!("--room={}", room.after_deadline.as_nanos()))
            .arg("--")
            .args(command)
            .env("LEASEHOLD_IDENTITY", leadership.identity())
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("the guard cannot be started")?;
        let orders = guard.stdin.take().context("the guard has no standard input")?;
        let pid = Pid::from_child(&guard);
        let (tell, exited) = oneshot::channel();
        std::thread::spawn(move || {
            let status = guard.wait();
            // Nothing to do unless the guard was killed.
            end_all_children(None);
            _ = tell.send(status);
        });
        Ok(Self { guard: pid, orders, exited, clock: Clock::new() })
    }

    /// Keeps the guard informed until nothing of the command is left.
    pub(super) async fn watch(
        &mut self,
        leadership: &Leadership,
        room: &Room,
        signals: &mut Signals,
    ) -> Result<Exit> {
        let mut deadlines = leadership.deadlines();
        // The guard was started with one from before.
        deadlines.mark_changed();
        let mut stop_by = None;
        let mut killed = false;
        loop {
            let gone_by =
                stop_by.map(|by: LocalInstant| by.min(leadership.acts_until() + room.after_deadline));
            let overdue = async {
                match gone_by {
                    // The guard should have done it; it may have been stopped itself.
                    Some(at) if !killed => tokio::time::sleep(self.clock.until(at) + LEEWAY).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                status = &mut self.exited => {
                    let status = status.context("nobody waited for the guard")?;
                    return Ok(Exit(status.context("cannot wait for the guard")?));
                }
                _ = deadlines.changed() => {
                    let until = *deadlines.borrow_and_update();
                    self.order(format_args!("until {}", until.as_nanos()));
                }
                reason = leadership.lost(), if stop_by.is_none() => {
                    let by = self.stop_by(reason, leadership, room);
                    tracing::info!(?reason, within = ?self.clock.until(by), "the command is to stop");
                    self.order(format_args!("stop {}", by.as_nanos()));
                    stop_by = Some(by);
                }
                signal = signals.next() => {
                    tracing::info!(?signal, "passed on to the command");
                    self.order(format_args!("signal {}", signal.as_raw()));
                }
                () = overdue => {
                    tracing::warn!("the guard did not stop the command in time; killing both");
                    _ = kill_process(self.guard, Signal::KILL);
                    killed = true;
                }
            }
        }
    }

    /// When nothing of the command may be left, whatever becomes of the lock.
    fn stop_by(&self, reason: StopReason, leadership: &Leadership, room: &Room) -> LocalInstant {
        let now = self.clock.local();
        match (reason, leadership.acts_until()) {
            // The lock is renewed meanwhile, unless it is lost after all: the guard knows the deadline.
            (StopReason::Shutdown, _) => now + room.grace,
            // Somebody took it against the rules, and may be acting; or there was no deadline to begin with.
            (StopReason::OtherHolder, _) | (_, LocalInstant::FAR_FUTURE) => now,
            (StopReason::DeadlinePassed | StopReason::LeaseMissing, until) => until + room.after_deadline,
        }
    }

    fn order(&mut self, order: fmt::Arguments<'_>) {
        // A guard that is gone needs no orders.
        _ = writeln!(self.orders, "{order}");
    }
}
