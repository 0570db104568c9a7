//! Faults, with names resolved and everything in them known.

use super::super::actions::Action;
use super::super::effects::{
    Direction, EditLease, Leg, LinkEffect, LinkFault, Mode, Partition, Start, Storage, Verb,
};
use super::super::error::Error;
use super::super::fault::{Event, Fault, Lasts, Trigger, When, Who};
use super::super::length::Length;
use super::super::model::Scenario;
use super::super::suggest::nearest;
use super::{Build, Spot};
use crate::core::Timings;
use crate::sim::plan;

/// What a fault can refer to.
pub(super) struct Names<'a> {
    pub(super) nodes: &'a [plan::NodePlan],
    pub(super) faults: &'a [Fault],
}

impl Build<'_> {
    pub(super) fn faults(
        &mut self,
        scenario: &Scenario,
        nodes: &[plan::NodePlan],
        t: &Timings,
        horizon_ns: u64,
    ) -> Result<Vec<plan::FaultPlan>, Error> {
        let faults = scenario.faults.as_deref().unwrap_or_default();
        let names = Names { nodes, faults };
        let spots: Vec<_> = (0..faults.len()).map(|i| Spot::field("faults").index(i)).collect();
        let plans = faults
            .iter()
            .zip(&spots)
            .map(|(fault, at)| self.fault(fault, &names, t, at))
            .collect::<Result<Vec<_>, _>>()?;
        self.check_schedule(&plans, &spots, horizon_ns)?;
        Ok(plans)
    }

    fn fault(
        &mut self,
        fault: &Fault,
        names: &Names<'_>,
        t: &Timings,
        at: &Spot,
    ) -> Result<plan::FaultPlan, Error> {
        let when = match &fault.trigger {
            Trigger::At(draw) => plan::Trigger::At(self.draw(draw, t, &at.key("at"))?),
            Trigger::After(name) => {
                let event = self.fault_event(name, true, names, &at.key("after"))?;
                plan::Trigger::After { event, node: None, nth: 1, after: plan::Draw::Fixed(0) }
            }
            Trigger::When(when) => self.when(when, names, t, &at.key("when"))?,
        };
        let lasts = match &fault.lasts {
            None => None,
            Some(_) if !fault.action.lasts() => {
                let message = format!("`{}` is over at once: it cannot last", fault.action.key());
                return Err(self.wrong(&at.key("for").or(at.key("until")), message, Some("leave this out")));
            }
            Some(Lasts::For(draw)) => Some(self.draw(draw, t, &at.key("for"))?),
            Some(Lasts::Until(until)) => {
                let plan::Trigger::At(plan::Draw::Fixed(from)) = when else {
                    let help = "write `for`";
                    let message = "`until` needs a fixed `at`";
                    return Err(self.wrong(&at.key("until"), message, Some(help)));
                };
                let length = until.resolve(t).checked_sub(from).filter(|length| *length > 0);
                let length = length.ok_or_else(|| {
                    let message = format!("the window ends before it begins: until {until}");
                    self.wrong(&at.key("until"), message, Some("`until` must be after `at`"))
                })?;
                Some(plan::Draw::Fixed(length))
            }
        };
        let every = match &fault.every {
            Some(every) => Some(self.nonzero_draw(every, t, &at.key("every"))?),
            None => None,
        };
        let times = match (fault.times, &every) {
            (Some(0), _) => {
                return Err(self.wrong(&at.key("times"), "times: 0 is never", Some("leave the fault out")));
            }
            (Some(n), None) if n > 1 => {
                let message = "`times` does not say how long after each other";
                return Err(self.wrong(&at.key("times"), message, Some("add `every`")));
            }
            (Some(times), _) => times,
            (None, None) => 1,
            (None, Some(_)) => u32::MAX,
        };
        let action = self.action(&fault.action, names, t, &at.key(fault.action.key()))?;
        Ok(plan::FaultPlan { name: fault.display_name().into(), when, fault: action, lasts, every, times })
    }

    fn when(
        &mut self,
        when: &When,
        names: &Names<'_>,
        t: &Timings,
        at: &Spot,
    ) -> Result<plan::Trigger, Error> {
        let nth = when.nth.unwrap_or(1);
        if nth == 0 {
            return Err(self.wrong(&at.key("nth"), "occurrences count from 1", None));
        }
        let after = self.draw_or_zero(when.delay.as_ref(), t, &at.key("for").or(at.key("delay")))?;
        let (event, node) = match &when.event {
            Event::Leading(who) => (plan::TriggerEvent::Leading, self.whose(who, names, &at.key("leading"))?),
            Event::StoppedLeading(who) => {
                let at = at.key("stopped_leading");
                (plan::TriggerEvent::StoppedLeading, self.whose(who, names, &at)?)
            }
            Event::Started(who) => (plan::TriggerEvent::Started, self.whose(who, names, &at.key("started"))?),
            Event::Ended(who) => (plan::TriggerEvent::Ended, self.whose(who, names, &at.key("ended"))?),
            Event::FaultBegan(name) => (self.fault_event(name, false, names, &at.key("fault_began"))?, None),
            Event::FaultEnded(name) => (self.fault_event(name, true, names, &at.key("fault_ended"))?, None),
        };
        Ok(plan::Trigger::After { event, node, nth, after })
    }

    /// The beginning or the end of a fault of this name.
    fn fault_event(
        &self,
        name: &str,
        end: bool,
        names: &Names<'_>,
        at: &Spot,
    ) -> Result<plan::TriggerEvent, Error> {
        let mut found = (0..names.faults.len()).filter(|i| names.faults[*i].display_name() == name);
        match (found.next(), found.next()) {
            (None, _) => {
                let known: Vec<_> = names.faults.iter().map(Fault::display_name).collect();
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}; `name` in a fault names it", known.join(", ")),
                };
                Err(self.wrong(at, format!("there is no fault called `{name}`"), Some(&help)))
            }
            (Some(_), Some(_)) => {
                let help = "give the one that is meant a `name` of its own";
                Err(self.wrong(at, format!("several faults are called `{name}`"), Some(help)))
            }
            (Some(fault), None) => match &names.faults[fault] {
                Fault { lasts: None, action, .. } if end && action.lasts() && !action.is_momentary() => {
                    let message = format!("`{name}` lasts to the end: nothing comes after it");
                    Err(self.wrong(at, message, Some("give it a `for`, or wait for `fault_began`")))
                }
                Fault { lasts: Some(_), .. } if end => Ok(plan::TriggerEvent::FaultEnded(fault)),
                _ => Ok(plan::TriggerEvent::FaultBegan(fault)),
            },
        }
    }

    fn whose(&self, who: &Who, names: &Names<'_>, at: &Spot) -> Result<Option<usize>, Error> {
        match self.who(who, names, at)? {
            plan::Who::Any => Ok(None),
            plan::Who::Node(node) => Ok(Some(node)),
            _ => {
                let message = format!("`{who}` is not known before it happens");
                Err(self.wrong(at, message, Some("write `any` or a replica's name")))
            }
        }
    }

    fn who(&self, who: &Who, names: &Names<'_>, at: &Spot) -> Result<plan::Who, Error> {
        Ok(match who {
            Who::Leader => plan::Who::Leader,
            Who::Follower => plan::Who::Follower,
            Who::Followers => plan::Who::Followers,
            Who::Any => plan::Who::Any,
            Who::All => plan::Who::All,
            Who::Node(name) => match names.nodes.iter().position(|node| node.name == name.as_str()) {
                Some(node) => plan::Who::Node(node),
                None => {
                    let known: Vec<&str> = names.nodes.iter().map(|node| node.name.as_str()).collect();
                    let help = match nearest(name, known.iter().copied().chain(super::super::fault::RESERVED))
                    {
                        Some(near) if !known.contains(&near) => format!("did you mean `{near}`?"),
                        _ => format!("the replicas are {}", listed(&known)),
                    };
                    return Err(self.wrong(at, format!("there is no replica `{name}`"), Some(&help)));
                }
            },
        })
    }

    fn action(
        &mut self,
        action: &Action,
        names: &Names<'_>,
        t: &Timings,
        at: &Spot,
    ) -> Result<plan::Fault, Error> {
        // Where `who` alone may be written, it is at the action's own place.
        let who_of = |build: &Self, who: &Who| build.who(who, names, &at.key("who").or(at.clone()));
        Ok(match action {
            Action::Crash(who) => plan::Fault::Crash(who_of(self, who)?),
            Action::Terminate(who) => plan::Fault::Terminate(who_of(self, who)?),
            Action::Start(Start::Who(who)) => {
                plan::Fault::Start { who: who_of(self, who)?, new_identity: false }
            }
            Action::Start(Start::With(with)) => {
                plan::Fault::Start { who: who_of(self, &with.who)?, new_identity: with.new_identity }
            }
            Action::Pause(who) => plan::Fault::Pause { who: who_of(self, who)?, suspend: false },
            Action::Suspend(who) => plan::Fault::Pause { who: who_of(self, who)?, suspend: true },
            Action::Throttle(throttle) => {
                let (period_ns, stopped_ns) = (throttle.period.resolve(t), throttle.stopped.resolve(t));
                if stopped_ns >= period_ns {
                    let message = format!("of every {}, {} are stopped", throttle.period, throttle.stopped);
                    let help = "`stopped` must be shorter than `period`; `pause` stops altogether";
                    return Err(self.wrong(&at.key("stopped"), message, Some(help)));
                }
                plan::Fault::Throttle { who: who_of(self, &throttle.who)?, period_ns, stopped_ns }
            }
            Action::Link(link) => self.link(link, who_of(self, &link.who)?, t, at)?,
            Action::Partition(partition) => self.partition(partition, names, at)?,
            Action::Lose(lose) => plan::Fault::Link {
                who: who_of(self, &lose.who)?,
                leg: leg(lose.leg),
                effect: plan::LinkEffect::Drop,
                only: lose.verb.map(verb),
                count: Some(self.at_least_one(lose.count, at)?),
                applied_after_cancel: false,
            },
            Action::Delay(delay) => plan::Fault::Link {
                who: who_of(self, &delay.who)?,
                leg: leg(delay.leg),
                effect: plan::LinkEffect::Delay(self.draw(&delay.by, t, &at.key("by"))?),
                only: delay.verb.map(verb),
                count: Some(self.at_least_one(delay.count, at)?),
                applied_after_cancel: delay.applied_after_cancel,
            },
            Action::StepWallClock(step) => {
                plan::Fault::StepWallClock { who: who_of(self, &step.who)?, by_ns: step.by.resolve(t) }
            }
            Action::ClockRate(rate) => {
                self.check_rate(rate.rate_ppm, &at.key("rate_ppm"))?;
                plan::Fault::ClockRate { who: who_of(self, &rate.who)?, rate_ppm: rate.rate_ppm }
            }
            Action::ServerErrors(rate) => plan::Fault::ServerErrors(self.error_rate(*rate, at)?),
            Action::StorageWithoutLeader(storage) => {
                let applied = matches!(storage, Storage::With(with) if with.applied);
                plan::Fault::StorageWithoutLeader { applied }
            }
            Action::ServerDown(_) => plan::Fault::ServerDown,
            Action::ServerSlow(by) => plan::Fault::ServerSlow(self.draw(by, t, at)?),
            Action::ServerStale(stale) => plan::Fault::ServerStale(self.stale(stale, t, at)?),
            Action::DeleteLease(_) => plan::Fault::Edit(plan::Edit::Delete),
            Action::RecreateLease(_) => plan::Fault::Edit(plan::Edit::Recreate),
            Action::CreateLease(_) => plan::Fault::Edit(plan::Edit::Create),
            Action::EditLease(edit) => plan::Fault::Edit(self.edit(edit, t, at)?),
        })
    }

    fn at_least_one(&self, count: u32, at: &Spot) -> Result<u32, Error> {
        if count > 0 {
            return Ok(count);
        }
        Err(self.wrong(&at.key("count"), "count: 0 is none", Some("leave the fault out")))
    }

    fn link(
        &mut self,
        link: &LinkFault,
        who: plan::Who,
        t: &Timings,
        at: &Spot,
    ) -> Result<plan::Fault, Error> {
        let effect = match &link.effect {
            LinkEffect::Refuse | LinkEffect::Error if link.leg == Leg::Response => {
                let help = "a request fails on its way there: `leg: request`";
                return Err(self.wrong(&at.key("leg"), "a response cannot be refused", Some(help)));
            }
            LinkEffect::Hang => plan::LinkEffect::Hang,
            LinkEffect::Drop => plan::LinkEffect::Drop,
            LinkEffect::Refuse => plan::LinkEffect::Refuse,
            LinkEffect::Error => plan::LinkEffect::Error,
            LinkEffect::Delay(by) => {
                plan::LinkEffect::Delay(self.draw(by, t, &at.key("effect").key("delay"))?)
            }
            LinkEffect::Loss(rate) => plan::LinkEffect::Loss { ppm: rate.ppm() },
            LinkEffect::Duplicate(rate) => plan::LinkEffect::Duplicate { ppm: rate.ppm() },
        };
        Ok(plan::Fault::Link {
            who,
            leg: leg(link.leg),
            effect,
            only: link.verb.map(verb),
            count: link.count.map(|count| self.at_least_one(count, at)).transpose()?,
            applied_after_cancel: link.applied_after_cancel,
        })
    }

    fn partition(&self, partition: &Partition, names: &Names<'_>, at: &Spot) -> Result<plan::Fault, Error> {
        let (who, direction, mode, applied_after_cancel) = match partition {
            Partition::Who(who) => (who, Direction::Both, Mode::Hang, false),
            Partition::With(with) => (&with.who, with.direction, with.mode, with.applied_after_cancel),
        };
        if mode == Mode::Refuse && direction == Direction::FromServer {
            let help = "a request fails on its way there: `direction: to-server`";
            return Err(self.wrong(&at.key("direction"), "a response cannot be refused", Some(help)));
        }
        Ok(plan::Fault::Link {
            who: self.who(who, names, &at.key("who").or(at.clone()))?,
            leg: match direction {
                Direction::Both => plan::Leg::Both,
                Direction::ToServer => plan::Leg::Request,
                Direction::FromServer => plan::Leg::Response,
            },
            effect: match mode {
                Mode::Hang => plan::LinkEffect::Hang,
                Mode::Drop => plan::LinkEffect::Drop,
                Mode::Refuse => plan::LinkEffect::Refuse,
            },
            only: None,
            count: None,
            applied_after_cancel,
        })
    }

    fn edit(&self, edit: &EditLease, t: &Timings, at: &Spot) -> Result<plan::Edit, Error> {
        Ok(match edit {
            EditLease::SetHolder(holder) => plan::Edit::SetHolder(holder.as_str().into()),
            EditLease::ClearHolder => plan::Edit::ClearHolder,
            EditLease::Annotate => plan::Edit::Annotate,
            EditLease::Restore => plan::Edit::Restore,
            EditLease::SetDuration(length) => self.set_duration(*length, t, &at.key("set_duration"))?,
        })
    }

    pub(super) fn set_duration(&self, length: Length, t: &Timings, at: &Spot) -> Result<plan::Edit, Error> {
        const SECOND: u64 = 1_000_000_000;
        let nanos = length.resolve(t);
        match i32::try_from(nanos / SECOND) {
            Ok(seconds) if nanos.is_multiple_of(SECOND) => Ok(plan::Edit::SetDuration(seconds)),
            _ => {
                let message = format!("leaseDurationSeconds cannot be {length}");
                Err(self.wrong(at, message, Some("whole seconds, up to 2147483647s")))
            }
        }
    }
}

fn leg(leg: Leg) -> plan::Leg {
    match leg {
        Leg::Request => plan::Leg::Request,
        Leg::Response => plan::Leg::Response,
        Leg::Both => plan::Leg::Both,
    }
}

fn verb(verb: Verb) -> plan::Verb {
    match verb {
        Verb::Get => plan::Verb::Get,
        Verb::Create => plan::Verb::Create,
        Verb::Update => plan::Verb::Update,
    }
}

/// `n1, n2, n3`, and no more of them than one can read.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [first, .., last] if names.len() > 12 => format!("{first} to {last}"),
        _ => names.join(", "),
    }
}
