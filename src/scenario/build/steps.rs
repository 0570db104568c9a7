//! Exact schedules, with names resolved, and followed once to see that they can be.

use super::super::error::Error;
use super::super::model::{Node, Scenario};
use super::super::scheduled::{EditStep, ScheduledDeed, ScheduledStep, StartStep};
use super::super::suggest::nearest;
use super::{Build, Spot};
use crate::core::Timings;
use crate::sim::{Deed, Step, World, plan};

/// What a scenario must not say besides `schedule`, because the steps do.
fn contradicted(scenario: &Scenario) -> Option<(Spot, &'static str)> {
    let top = |name: &'static str| (Spot::field(name), name);
    let all = [
        (scenario.start.is_some(), top("start")),
        (scenario.restart.is_some(), top("restart")),
        (scenario.network.is_some(), top("network")),
        (scenario.server.is_some(), top("server")),
        (scenario.work.is_some(), top("work")),
        (scenario.faults.is_some(), top("faults")),
        (scenario.crash_loses_requests.is_some(), top("crash_loses_requests")),
        (scenario.stop_after_failovers.is_some(), top("stop_after_failovers")),
    ];
    let of_nodes = scenario.nodes.iter().flatten().flat_map(|(key, node): (&String, &Node)| {
        let own = |name: &'static str| (Spot::field("nodes").key(key).key(name), name);
        [
            (node.start.is_some(), own("start")),
            (node.restart.is_some(), own("restart")),
            (node.network.is_some(), own("network")),
        ]
    });
    all.into_iter().chain(of_nodes).find_map(|(given, what)| given.then_some(what))
}

impl Build<'_> {
    /// Refuses what contradicts a schedule, where there is one.
    pub(super) fn check_alone(&self, scenario: &Scenario) -> Result<(), Error> {
        match contradicted(scenario).filter(|_| scenario.schedule.is_some()) {
            None => Ok(()),
            Some((spot, name)) => {
                let message =
                    format!("`{name}` does not go with `schedule`, whose steps say all that happens");
                Err(self.wrong(&spot, message, Some("leave one of them out")))
            }
        }
    }

    /// The steps of a schedule, with instants and names resolved.
    pub(super) fn steps(
        &self,
        steps: &[ScheduledStep],
        nodes: &[plan::NodePlan],
        t: &Timings,
    ) -> Result<Vec<Step>, Error> {
        let list = Spot::field("schedule");
        let numbered = steps.iter().enumerate();
        numbered
            .map(|(i, step)| {
                let at = list.index(i);
                let deed = self.deed(&step.deed, nodes, t, &at.key(step.deed.key()))?;
                Ok(Step { at_ns: step.at.resolve(t), deed })
            })
            .collect()
    }

    fn deed(
        &self,
        deed: &ScheduledDeed,
        nodes: &[plan::NodePlan],
        t: &Timings,
        at: &Spot,
    ) -> Result<Deed, Error> {
        // Where the name alone may be written, it is at the deed's own place.
        let node = |who: &str| self.replica(who, nodes, &at.key("who").or(at.clone()));
        Ok(match deed {
            ScheduledDeed::Start(StartStep::Who(who)) => {
                Deed::Start { node: node(who)?, new_identity: false }
            }
            ScheduledDeed::Start(StartStep::With(with)) => {
                Deed::Start { node: node(&with.who)?, new_identity: with.new_identity }
            }
            ScheduledDeed::Wake(who) => Deed::Wake { node: node(who)? },
            ScheduledDeed::Choose(choice) => {
                Deed::Choose { node: node(&choice.who)?, extra_ns: choice.extra.resolve(t) }
            }
            ScheduledDeed::Arrive(arrival) => {
                Deed::Arrive { node: node(&arrival.who)?, request: arrival.request }
            }
            ScheduledDeed::Answer(answer) => {
                Deed::Answer { node: node(&answer.who)?, request: answer.request, copy: answer.copy }
            }
            ScheduledDeed::WorkStopped(who) => Deed::WorkStopped { node: node(who)? },
            ScheduledDeed::Crash(who) => Deed::Crash { node: node(who)? },
            ScheduledDeed::Terminate(who) => Deed::Terminate { node: node(who)? },
            ScheduledDeed::Pause(who) => Deed::Pause { node: node(who)? },
            ScheduledDeed::Resume(who) => Deed::Resume { node: node(who)? },
            ScheduledDeed::Edit(edit) => Deed::Edit(self.edit_step(edit, t, at)?),
            ScheduledDeed::StepWallClock(step) => {
                Deed::StepWallClock { node: node(&step.who)?, by_ns: step.by.resolve(t) }
            }
            ScheduledDeed::ClockRate(rate) => {
                self.check_rate(rate.rate_ppm, &at.key("rate_ppm"))?;
                Deed::ClockRate { node: node(&rate.who)?, rate_ppm: rate.rate_ppm }
            }
        })
    }

    fn edit_step(&self, edit: &EditStep, t: &Timings, at: &Spot) -> Result<plan::Edit, Error> {
        Ok(match edit {
            EditStep::Delete => plan::Edit::Delete,
            EditStep::Recreate => plan::Edit::Recreate,
            EditStep::Create => plan::Edit::Create,
            EditStep::Annotate => plan::Edit::Annotate,
            EditStep::SetHolder(holder) => plan::Edit::SetHolder(holder.as_str().into()),
            EditStep::ClearHolder => plan::Edit::ClearHolder,
            EditStep::SetDuration(length) => self.set_duration(*length, t, &at.key("set_duration"))?,
            EditStep::Restore => plan::Edit::Restore,
        })
    }

    /// The replica of this name; no other way to say which goes with a schedule.
    fn replica(&self, name: &str, nodes: &[plan::NodePlan], at: &Spot) -> Result<usize, Error> {
        nodes.iter().position(|node| node.name == name).ok_or_else(|| {
            let known: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
            let help = match nearest(name, known.iter().copied()) {
                Some(near) if known.len() > 12 => format!("did you mean `{near}`?"),
                _ => format!("the replicas are {}", super::faults::listed(&known)),
            };
            self.wrong(at, format!("there is no replica `{name}`"), Some(&help))
        })
    }

    /// Follows a plan's schedule once: every run is the same.
    pub(super) fn check_steps(&self, plan: &plan::Plan) -> Result<(), Error> {
        if plan.schedule.is_none() {
            return Ok(());
        }
        World::new(plan).try_run(0, 0).map(|_| ()).map_err(|error| {
            let spot = Spot::field("schedule").index(error.step);
            self.wrong(&spot, format!("schedule[{}]: {}", error.step, error.message), Some(&error.help))
        })
    }
}
