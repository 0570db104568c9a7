//! Runs of the simulator are paths of the model: what the one does the other allows, and the same comes of it.

use smol_str::SmolStr;

use super::action::Action;
use super::story::{Heard, Teller};
use super::world::{Link, Process};
use super::{Assumptions, Budget, Drain, Edit, Lasting, Model, Setup, Timing, Walls};
use crate::core::{ClientGo, ClockBound, Config, Event, Op, Span, Timings};
use crate::sim::plan::{
    ClockPlan, Draw, Fault, FaultPlan, Leg, LinkEffect, LinkPlan, NodePlan, Plan, RestartPlan, ServerPlan,
    Trigger, Who,
};
use crate::sim::trace::{TraceEvent, TraceKind};
use crate::sim::{Deed, Step, World, plan};

const SECOND: u64 = 1_000_000_000;

fn fixed(seconds: u64) -> Draw {
    Draw::Fixed(seconds * SECOND)
}

fn one_of(seconds: &[u64]) -> Draw {
    Draw::Samples(seconds.iter().map(|s| s * SECOND).collect())
}

/// A world on whole seconds: messages take none to three, and a few things go wrong at whole seconds.
fn plan_of(setup: &Setup, dice: &mut impl FnMut(u64) -> u64) -> Plan {
    let wall_stopped = setup.assumptions.walls == Walls::Anything;
    let link = || LinkPlan { latency: one_of(&[0, 0, 0, 1, 2, 3]), loss_ppm: 40_000, duplicate_ppm: 0 };
    let nodes = (1..=setup.replicas)
        .map(|n| NodePlan {
            name: SmolStr::new(format!("n{n}")),
            identity: SmolStr::new(format!("n{n}")),
            start: one_of(&[0, 1, 2]),
            elector: Some(*setup.config_of(n - 1)),
            clock: ClockPlan { rate_ppm: 0, wall_offset_ns: 0, stops_in_suspend: false, wall_stopped },
            request: link(),
            response: link(),
            drain: fixed(0),
            restart: setup
                .starts_again(n - 1)
                .then(|| RestartPlan { after: one_of(&[0, 1, 5]), new_identity: false }),
        })
        .collect();
    let fault = |name: &str, at: u64, lasts: Option<u64>, fault: Fault| FaultPlan {
        name: SmolStr::new(name),
        when: Trigger::At(fixed(at)),
        fault,
        lasts: lasts.map(fixed),
        every: None,
        times: 1,
    };
    let mut faults = Vec::new();
    for _ in 0..3 {
        let at = 3 + dice(40);
        let lasts = Some(1 + dice(14));
        let effect = [LinkEffect::Drop, LinkEffect::Delay(one_of(&[4, 9]))][dice(2) as usize].clone();
        faults.push(match dice(7) {
            0 => fault("crash", at, None, Fault::Crash(Who::Leader)),
            1 => fault("stop", at, None, Fault::Terminate(Who::Any)),
            2 => fault("delete", at, None, Fault::Edit(plan::Edit::Delete)),
            3 => fault("annotate", at, None, Fault::Edit(plan::Edit::Annotate)),
            4 => fault("clear", at, None, Fault::Edit(plan::Edit::ClearHolder)),
            5 => fault("pause", at, lasts, Fault::Pause { who: Who::Any, suspend: false }),
            _ => fault(
                "link",
                at,
                lasts,
                Fault::Link {
                    who: Who::Leader,
                    leg: [Leg::Request, Leg::Response, Leg::Both][dice(3) as usize],
                    effect,
                    only: None,
                    count: None,
                    applied_after_cancel: true,
                },
            ),
        });
    }
    Plan {
        nodes,
        server: ServerPlan {
            latency: fixed(0),
            errors: vec![],
            stale_reads: None,
            capacity: None,
            no_op_writes_count: false,
        },
        work: None,
        faults,
        horizon_ns: 70 * SECOND,
        stop_after_failovers: None,
        crash_loses_requests: false,
        schedule: None,
    }
}

/// Everything may happen: what is tested is what becomes of it.
fn setup_of((config, beside): (Config, Option<Config>), replicas: usize) -> Setup {
    let anything = Assumptions { walls: Walls::PERFECT, drain: Drain::AtOnce, ..Assumptions::HOSTILE };
    let mut setup = Setup::safety(config, replicas, anything);
    if let Some(beside) = beside {
        setup = setup.with_beside(beside, 1);
    }
    setup.tick = Span::from_secs(1);
    // Two leaders and the like do not end a path here.
    setup.properties = super::Properties(0);
    assert_eq!(setup.timing, Timing::Exact);
    setup
}

struct Follower<'m> {
    teller: Teller<'m>,
    setup: Setup,
    heard: Vec<(u64, Heard)>,
    now: u64,
}

impl Follower<'_> {
    /// The model's action for a step, unless nothing comes of it there.
    fn action(&self, step: &Step) -> Option<Action> {
        let world = &self.teller.world;
        let replica = |node: usize| node as u8;
        let waits_for = |node: usize, request: u32| {
            world.replicas[node].runs() && world.replicas[node].origin.request == request
        };
        Some(match &step.deed {
            Deed::Start { node, .. } => Action::Start { replica: replica(*node), ahead: false },
            Deed::Wake { node } => {
                let due = self.setup.elector_of(world, *node).next_wake();
                due.filter(|(at, _)| *at <= super::world::NOW)?;
                Action::Wake { replica: replica(*node) }
            }
            // A process that ends has no use for the answer.
            Deed::Choose { node, .. } if !world.replicas[*node].is_choosing() => return None,
            Deed::Choose { node, extra_ns } => Action::Choose {
                replica: replica(*node),
                ticks: u16::try_from(extra_ns / SECOND).unwrap(),
                early: false,
            },
            Deed::Arrive { node, request } => match world.replicas[*node].link {
                Link::Asked { .. } if waits_for(*node, *request) => {
                    Action::Arrive { replica: replica(*node) }
                }
                _ => {
                    let late = |late: &super::world::LateWrite| {
                        usize::from(late.origin.replica) == *node && late.origin.request == *request
                    };
                    let at = world.late.iter().position(|l| l.as_ref().is_some_and(late));
                    let at = at.or_else(|| self.late_like(*node, *request))?;
                    let missing =
                        world.late[at].is_some_and(|late| late.expected.is_none() && world.lease.is_some());
                    if missing {
                        return None;
                    }
                    Action::LateWrite { at: at as u8 }
                }
            },
            Deed::Answer { node, request, .. } => match world.replicas[*node].link {
                // An answer at the instant of a deadline is too late; just before it is another instant there.
                Link::Answered { .. } if waits_for(*node, *request) && self.deadline_is_now(*node) => {
                    Action::Wake { replica: replica(*node) }
                }
                Link::Answered { .. } if waits_for(*node, *request) => {
                    Action::Answer { replica: replica(*node) }
                }
                _ => return None,
            },
            Deed::WorkStopped { .. } => return None,
            Deed::Crash { node } => Action::Crash { replica: replica(*node) },
            Deed::Terminate { node } => Action::Stop { replica: replica(*node) },
            Deed::Pause { node } => Action::Pause { replica: replica(*node) },
            Deed::Resume { node } => Action::Resume { replica: replica(*node) },
            Deed::Edit(plan::Edit::Delete) => Action::Delete,
            Deed::Edit(plan::Edit::Annotate) => Action::Edit(Edit::Metadata),
            // A write that leaves the spec as it was moves the version all the same.
            Deed::Edit(plan::Edit::ClearHolder)
                if world.lease.is_some_and(|lease| !lease.record.holder.is_somebody()) =>
            {
                Action::Edit(Edit::Metadata)
            }
            Deed::Edit(plan::Edit::ClearHolder) => Action::Edit(Edit::ClearHolder),
            other => panic!("{other:?}"),
        })
    }

    /// Of late writes with the same effect one stands for all.
    fn late_like(&self, node: usize, request: u32) -> Option<usize> {
        let asked = self.heard.iter().find_map(|(_, heard)| match heard {
            Heard::Sent { replica, request: r, op } if (usize::from(*replica), *r) == (node, request) => {
                Some(*op)
            }
            _ => None,
        });
        let Some(Op::Update { record, expected }) = asked else { return None };
        let alike = |late: &super::world::LateWrite| {
            late.expected == Some(expected) && late.record.holder == record.holder
        };
        self.teller.world.late.iter().position(|late| late.as_ref().is_some_and(alike))
    }

    fn deadline_is_now(&self, node: usize) -> bool {
        use crate::core::WakeReason::{LeadDeadline, RequestDeadline};
        let next = self.setup.elector_of(&self.teller.world, node).next_wake();
        next.is_some_and(|(at, why)| at == super::world::NOW && matches!(why, LeadDeadline | RequestDeadline))
    }

    fn do_(&mut self, action: Action) -> Result<(), String> {
        let mut allowed = Vec::new();
        self.setup.moves(&self.teller.world, &mut allowed);
        let ok = match action {
            // Time may pass tick by tick where the model would skip some.
            Action::Pass { ticks, .. } => {
                allowed.iter().any(|a| matches!(a, Action::Pass { ticks: most, .. } if ticks <= *most))
            }
            // An edit that changes nothing, and one of a Lease that is not there, are not listed.
            Action::Delete | Action::Edit(_) => {
                if !allowed.contains(&action) {
                    return Ok(());
                }
                true
            }
            // One that is stopping already is not told again.
            Action::Stop { replica } => {
                if self.teller.world.replicas[usize::from(replica)].process != Process::Runs
                    || !allowed.contains(&action)
                {
                    return Ok(());
                }
                true
            }
            _ => allowed.contains(&action),
        };
        if !ok {
            return Err(format!("{action:?} at {} is not among {allowed:?}", self.now / SECOND));
        }
        let chapter = self.teller.tell(action);
        self.heard.extend(chapter.heard.iter().map(|heard| (self.now, *heard)));
        Ok(())
    }

    fn follow(&mut self, steps: &[Step]) -> Result<(), String> {
        for step in steps {
            while self.now < step.at_ns {
                self.do_(Action::Pass { ticks: 1, clocks: 0 })?;
                self.now += SECOND;
            }
            if let Some(action) = self.action(step) {
                self.do_(action)?;
            }
        }
        Ok(())
    }
}

/// When terms began, and work was told to stop.
fn terms_of_trace(trace: &[TraceEvent]) -> Vec<(u64, usize, bool)> {
    let of = |event: &TraceEvent| match event.kind {
        TraceKind::StartedLeading { .. } => Some((event.t_ns, event.node?, true)),
        TraceKind::StoppedLeading { .. } => Some((event.t_ns, event.node?, false)),
        _ => None,
    };
    trace.iter().filter_map(of).collect()
}

fn terms_of_model(heard: &[(u64, Heard)]) -> Vec<(u64, usize, bool)> {
    let of = |(at, heard): &(u64, Heard)| match heard {
        Heard::Event { replica, event: Event::StartedLeading { .. } } => {
            Some((*at, usize::from(*replica), true))
        }
        Heard::Event { replica, event: Event::StoppedLeading { .. } } => {
            Some((*at, usize::from(*replica), false))
        }
        _ => None,
    };
    heard.iter().filter_map(of).collect()
}

#[test]
fn runs_of_the_simulator_are_paths_of_the_model() {
    let client_go = Config::client_go(Timings::DEFAULT).unwrap();
    let strict = Config::strict(Timings::DEFAULT, ClockBound::DEFAULT).unwrap();
    let configs = [
        (client_go, None),
        (client_go.with_release_on_cancel(true), None),
        (client_go.with_request_timeout(Some(Span::from_secs(5))).unwrap(), None),
        (strict, None),
        (Config::renew_time(Timings::DEFAULT).unwrap(), None),
        (strict, Some(client_go)),
        (client_go.with_release_on_cancel(true), Some(strict)),
    ];
    let releases = ClientGo::ALL.map(|release| {
        let config = Config::client_go_release(release, Timings::DEFAULT).unwrap();
        (config.with_release_on_cancel(true), None)
    });
    let configs = configs.into_iter().chain(releases);
    let (mut runs, mut terms, mut steps_followed) = (0, 0, 0);
    for (which, config) in configs.enumerate() {
        for run in 0..120_u64 {
            let mut state = run * 7 + which as u64;
            let mut dice = |n: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % n
            };
            let replicas = 2 + (run % 2) as usize;
            let setup = setup_of(config, replicas);
            let plan = plan_of(&setup, &mut dice);
            let steps = World::new(&plan).on_grid(SECOND).run_recorded(run, 0).1;
            let trace = World::new(&plan).on_grid(SECOND).run_traced(run, 0).1;
            let model = Model::new(setup).unwrap();
            let mut follower =
                Follower { teller: Teller::new(&model), setup: *model.setup(), heard: Vec::new(), now: 0 };
            if let Err(problem) = follower.follow(&steps) {
                let near = steps.iter().filter(|step| step.at_ns.abs_diff(follower.now) <= SECOND);
                panic!("configuration {which}, run {run}: {problem}\n{:?}", near.collect::<Vec<_>>());
            }
            let (shown, told) = (terms_of_trace(&trace), terms_of_model(&follower.heard));
            assert_eq!(shown, told, "configuration {which}, run {run}");
            runs += 1;
            terms += shown.len();
            steps_followed += steps.len();
        }
    }
    assert!(runs == 1_800 && terms > 1_500 && steps_followed > 30_000, "{runs} {terms} {steps_followed}");
}

#[test]
fn budgets_that_are_off_allow_nothing() {
    let mut setup = Setup::safety(Config::client_go(Timings::DEFAULT).unwrap(), 2, Assumptions::PERFECT);
    setup.assumptions.request_delay = Lasting { times: Budget::UpTo(0), longest: None };
    assert_eq!(setup.expected().len(), 1);
}
