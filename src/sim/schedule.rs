//! Exact schedules: what happens, when, and in which order within one instant.
//!
//! A run that follows a schedule draws nothing. Processes start, messages arrive, timers fire and guarded work stops
//! when a [`Step`] says so, at its instant and in the order of the list; a message that no step names is lost. What
//! would be drawn or set off otherwise has no part in it: starts, links, restarts, faults, guarded work, the server's
//! latency and errors. The electors, the store and the observers are the same as in any run.
//!
//! - A timer that comes due fires at that instant, by a [`Deed::Wake`] or because another step reaches its elector
//!   then: to leave it out is an error. The timers of a paused process fire when it has been resumed.
//! - A choice that an elector asks for is made at that instant, or never: an elector without it tries nothing more.
//! - Guarded work whose [`drain`](super::plan::NodePlan::drain) is fixed at 0 stops when it is told to; any other
//!   waits for [`Deed::WorkStopped`].
//! - An answer reaches the process that asked, if that still runs; it may have given up.
//! - The run ends at the last step, or at the plan's horizon if that is later. Nothing happens in between, but that a
//!   right to act ends by its own deadline.
//!
//! A step that cannot be carried out ends the run: [`World::try_run`] says which, and why.

use std::fmt;

use super::network::Message;
use super::observe::Outcome;
use super::plan::Edit;
use super::world::World;
use crate::core::{Failure, Input, Reply, Span};

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, in nanoseconds of true time from the run's start.
    pub at_ns: u64,
    /// What.
    pub deed: Deed,
}

/// What happens. Nodes are indices of the plan; a node's requests count from 1, over all its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A process starts.
    Start {
        /// Where.
        node: usize,
        /// With a new identity.
        new_identity: bool,
    },
    /// The timers of the elector that are due fire.
    Wake {
        /// Whose.
        node: usize,
    },
    /// The elector that asked for a choice gets it.
    Choose {
        /// Whose.
        node: usize,
        /// How much longer than RetryPeriod it waits.
        extra_ns: u64,
    },
    /// A request reaches the server and is decided: for the first time or again, and whatever became of its sender.
    Arrive {
        /// Whose.
        node: usize,
        /// Which.
        request: u32,
    },
    /// An answer reaches the node: for the first time or again.
    Answer {
        /// Which.
        node: usize,
        /// Of its requests.
        request: u32,
        /// To which of the request's arrivals, from 1.
        copy: u32,
    },
    /// The guarded work that was told to stop has done so.
    WorkStopped {
        /// Whose.
        node: usize,
    },
    /// The process vanishes.
    Crash {
        /// Which.
        node: usize,
    },
    /// SIGTERM.
    Terminate {
        /// To which.
        node: usize,
    },
    /// The process stands still.
    Pause {
        /// Which.
        node: usize,
    },
    /// The process goes on. Its timers that came due fire by a [`Deed::Wake`] at the same instant.
    Resume {
        /// Which.
        node: usize,
    },
    /// Somebody does something to the Lease. The first [`Edit::Restore`] saves the spec, later ones put that back.
    Edit(Edit),
    /// The wall clock is set.
    StepWallClock {
        /// Whose.
        node: usize,
        /// Forward, or back.
        by_ns: i64,
    },
    /// The monotonic clock changes its rate.
    ClockRate {
        /// Whose.
        node: usize,
        /// The new rate error.
        rate_ppm: i32,
    },
}

impl Deed {
    /// The node that it happens to, if it is one's.
    #[must_use]
    pub const fn node(&self) -> Option<usize> {
        match *self {
            Self::Start { node, .. }
            | Self::Wake { node }
            | Self::Choose { node, .. }
            | Self::Arrive { node, .. }
            | Self::Answer { node, .. }
            | Self::WorkStopped { node }
            | Self::Crash { node }
            | Self::Terminate { node }
            | Self::Pause { node }
            | Self::Resume { node }
            | Self::StepWallClock { node, .. }
            | Self::ClockRate { node, .. } => Some(node),
            Self::Edit(_) => None,
        }
    }
}

/// Why a schedule cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// The step that cannot be carried out, by index.
    pub step: usize,
    /// Why not.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schedule[{}]: {}; {}", self.step, self.message, self.help)
    }
}

impl std::error::Error for ScheduleError {}

/// What is wrong with a step, and what to do about it.
type Refusal = (String, String);

fn refuse<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Refusal> {
    Err((message.into(), help.into()))
}

/// A time as people write it.
fn time(ns: u64) -> Span {
    Span::from_nanos(ns)
}

/// A request that was sent, and the answers to it that are under way, in order of its arrivals.
#[derive(Clone, Debug)]
struct Sent {
    message: Message,
    answers: Vec<Result<Reply, Failure>>,
}

/// What each node has sent in a run that follows a schedule.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Vec<Vec<Sent>>);

impl Pool {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn add(&mut self, message: Message) {
        let node = message.node;
        if self.0.len() <= node {
            self.0.resize_with(node + 1, Vec::new);
        }
        self.0[node].push(Sent { message, answers: Vec::new() });
    }

    fn of(&mut self, node: usize) -> &mut [Sent] {
        self.0.get_mut(node).map_or(&mut [], Vec::as_mut_slice)
    }
}

/// Counted things from 1: the place in a list.
fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1)
}

impl World<'_> {
    /// Runs once, like [`World::run`].
    ///
    /// # Errors
    /// If the plan has a schedule that cannot be followed.
    pub fn try_run(&mut self, seed: u64, run: u64) -> Result<&Outcome, ScheduleError> {
        self.run(seed, run);
        match &self.schedule_error {
            Some(error) => Err(error.clone()),
            None => Ok(&self.observer.outcome),
        }
    }

    /// Why the last run ended before its schedule did, if so.
    #[must_use]
    pub fn schedule_error(&self) -> Option<&ScheduleError> {
        self.schedule_error.as_ref()
    }

    #[inline]
    pub(super) fn follows_schedule(&self) -> bool {
        self.plan.schedule.is_some()
    }

    /// Carries out every step, or all before the first that cannot be.
    pub(super) fn follow(&mut self, steps: &[Step]) {
        for (index, step) in steps.iter().enumerate() {
            let carried_out = self.reach(step.at_ns).and_then(|()| self.carry_out(&step.deed));
            if let Err((message, help)) = carried_out {
                self.schedule_error = Some(ScheduleError { step: index, message, help });
                return;
            }
            self.observer.outcome.events += 1;
        }
        let end = self.plan.horizon_ns.max(self.now);
        self.look_until(end);
        self.now = end;
    }

    /// Time goes on, if nothing that is due is left behind.
    fn reach(&mut self, at: u64) -> Result<(), Refusal> {
        if at < self.now {
            let message =
                format!("{} is before {}, when the step before this one is", time(at), time(self.now));
            return refuse(message, "steps are in order of time");
        }
        if at == self.now {
            return Ok(());
        }
        if let Some(node) = (0..self.nodes.len()).find(|&node| self.nodes[node].wake.0 < at) {
            let due = self.nodes[node].wake.0;
            let message = format!("{} has a timer that is due at {}", self.plan.nodes[node].name, time(due));
            let when = if due < self.now { self.now } else { due };
            return refuse(message, format!("let it wake at {}, before this step", time(when)));
        }
        self.look_until(at);
        self.now = at;
        Ok(())
    }

    /// Sees rights to act end that end by then.
    fn look_until(&mut self, at: u64) {
        while let Some((due, _)) = self.queue.next_due().filter(|&(due, _)| due <= at) {
            self.now = self.now.max(due);
            if let Some(look) = self.queue.pop() {
                self.happen(look);
            }
        }
    }

    fn name(&self, node: usize) -> &str {
        &self.plan.nodes[node].name
    }

    /// Refuses what needs a process, where there is none.
    fn must_live(&self, node: usize) -> Result<(), Refusal> {
        if self.nodes[node].alive {
            return Ok(());
        }
        let message = match self.nodes[node].process {
            0 => format!("{} has not started", self.name(node)),
            _ => format!("{}'s process has ended", self.name(node)),
        };
        refuse(message, "start it before this step")
    }

    /// Refuses what needs a process that runs, where there is none or it stands still.
    fn must_run(&self, node: usize) -> Result<(), Refusal> {
        self.must_live(node)?;
        if self.nodes[node].pauses == 0 {
            return Ok(());
        }
        refuse(format!("{} is paused", self.name(node)), "resume it before this step")
    }

    fn carry_out(&mut self, deed: &Deed) -> Result<(), Refusal> {
        if let Some(node) = deed.node().filter(|node| *node >= self.nodes.len()) {
            let help = format!("there are {}, counted from 0", self.nodes.len());
            return refuse(format!("there is no node {node}"), help);
        }
        match *deed {
            Deed::Start { node, new_identity } => {
                if self.nodes[node].alive {
                    return refuse(
                        format!("{} runs already", self.name(node)),
                        "its process must end before another starts",
                    );
                }
                self.start_process(node, new_identity);
            }
            Deed::Wake { node } => {
                self.must_run(node)?;
                if self.due_since(node).is_none() {
                    return self.nothing_due(node);
                }
                self.wake(node);
            }
            Deed::Choose { node, extra_ns } => self.make_choice(node, extra_ns)?,
            Deed::Arrive { node, request } => self.let_arrive(node, request)?,
            Deed::Answer { node, request, copy } => self.let_answer(node, request, copy)?,
            Deed::WorkStopped { node } => {
                self.must_run(node)?;
                if !self.nodes[node].stopping {
                    let message = format!("{} has no work that was told to stop", self.name(node));
                    return refuse(
                        message,
                        "work whose drain is 0s stops at once, and others once they are told to",
                    );
                }
                self.work_stopped(node, self.nodes[node].process);
            }
            Deed::Crash { node } => {
                self.must_live(node)?;
                self.crash(node);
            }
            Deed::Terminate { node } => {
                self.must_run(node)?;
                self.terminate(node);
            }
            Deed::Pause { node } => {
                self.must_run(node)?;
                self.pause(node, false);
            }
            Deed::Resume { node } => {
                self.must_live(node)?;
                if self.nodes[node].pauses == 0 {
                    return refuse(format!("{} is not paused", self.name(node)), "pause it before this step");
                }
                self.resume(node, self.nodes[node].process, false);
            }
            Deed::Edit(ref edit) => self.edit(0, edit),
            Deed::StepWallClock { node, by_ns } => self.step_wall_clock(node, by_ns),
            Deed::ClockRate { node, rate_ppm } => self.change_clock_rate(node, rate_ppm),
        }
        Ok(())
    }

    fn nothing_due(&self, node: usize) -> Result<(), Refusal> {
        let state = &self.nodes[node];
        let help = match (state.asked, state.wake.0) {
            (Some(_), _) => "it waits for a choice that was not made".to_owned(),
            (None, u64::MAX) => "no timer is set".to_owned(),
            (None, at) => format!("the next is due at {}", time(at)),
        };
        refuse(format!("{} has no timer due at {}", self.name(node), time(self.now)), help)
    }

    fn make_choice(&mut self, node: usize, extra_ns: u64) -> Result<(), Refusal> {
        self.must_run(node)?;
        let Some((since, up_to)) = self.nodes[node].asked else {
            let help = "a candidate asks when an attempt has ended without the Lease";
            return refuse(format!("{} asks for no choice", self.name(node)), help);
        };
        if since != self.now {
            let message = format!("{} asked for a choice at {}", self.name(node), time(since));
            return refuse(message, "make it at that instant");
        }
        if extra_ns > up_to.as_nanos() {
            let message = format!("{} cannot wait {} longer", self.name(node), time(extra_ns));
            return refuse(message, format!("it asks for {up_to} at most"));
        }
        self.nodes[node].asked = None;
        self.feed(node, Input::Choice(time(extra_ns)));
        Ok(())
    }

    /// The request, if that many were sent.
    fn sent(&mut self, node: usize, request: u32) -> Result<&mut Sent, Refusal> {
        let name = self.plan.nodes[node].name.as_str();
        let sent = self.pool.of(node);
        let count = sent.len();
        sent.get_mut(place(request)).ok_or_else(|| {
            let message = match count {
                0 => format!("{name} has sent no request yet"),
                _ => format!("{name} has sent no request {request}: the last one is {count}"),
            };
            (message, "requests count from 1, over all processes of a replica".to_owned())
        })
    }

    fn let_arrive(&mut self, node: usize, request: u32) -> Result<(), Refusal> {
        let message = self.sent(node, request)?.message.clone();
        let wall = self.wall();
        let result = self.server.apply(self.now, wall, &message.op);
        self.committed(node, message.trace_id, &message.op, result);
        self.sent(node, request)?.answers.push(result);
        Ok(())
    }

    fn let_answer(&mut self, node: usize, request: u32, copy: u32) -> Result<(), Refusal> {
        self.must_run(node)?;
        let Sent { mut message, answers } = self.sent(node, request)?.clone();
        let Some(result) = answers.get(place(copy)) else {
            let name = self.name(node);
            let message = match answers.len() {
                0 => format!("{name}'s request {request} has not reached the server"),
                n => format!("{name}'s request {request} has no arrival {copy}: the last one is {n}"),
            };
            return refuse(message, "`arrive` before `answer`; copies count from 1");
        };
        if message.process != self.nodes[node].process {
            let message = format!("the process of {} that sent request {request} has ended", self.name(node));
            return refuse(message, "an answer to it reaches nobody: leave it out");
        }
        message.result = *result;
        self.receive(&message);
        Ok(())
    }
}
