//! Following a schedule: every step in order, or why one cannot be carried out.

use super::network::Message;
use super::schedule::{Deed, ScheduleError, Step};
use super::world::World;
use crate::core::{Failure, Input, Reply, Span};

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
