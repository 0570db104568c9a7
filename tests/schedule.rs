//! Exact schedules: what steps mean, and what is said of steps that cannot be carried out.

use leasehold::core::{Config, Timings};
use leasehold::sim::plan::{Capacity, Trigger, Verb, Who};
use leasehold::sim::plan::{ClockPlan, Draw, Edit, Fault, FaultPlan, LinkPlan, NodePlan, Plan, ServerPlan};
use leasehold::sim::trace::{RequestResult, TraceKind};
use leasehold::sim::{Deed, Step, World};

const S: u64 = 1_000_000_000;

fn plan(nodes: usize, drain: u64) -> Plan {
    let config = Config::client_go(Timings::DEFAULT).unwrap();
    // None of these latencies counts.
    let link = || LinkPlan { latency: Draw::Fixed(77), loss_ppm: 1_000_000, duplicate_ppm: 1_000_000 };
    let node = |index: usize| NodePlan {
        name: format!("n{}", index + 1).into(),
        identity: format!("n{}", index + 1).into(),
        start: Draw::Fixed(5),
        elector: Some(config),
        clock: ClockPlan { rate_ppm: 0, wall_offset_ns: 0, wall_stopped: false, stops_in_suspend: true },
        request: link(),
        response: link(),
        drain: Draw::Fixed(drain),
        restart: None,
    };
    Plan {
        nodes: (0..nodes).map(node).collect(),
        server: ServerPlan {
            latency: Draw::Fixed(99),
            errors: Vec::new(),
            stale_reads: None,
            capacity: None,
            no_op_writes_count: false,
        },
        work: None,
        faults: Vec::new(),
        horizon_ns: 0,
        stop_after_failovers: None,
        crash_loses_requests: true,
        schedule: None,
    }
}

fn start(node: usize) -> Deed {
    Deed::Start { node, new_identity: false }
}

fn arrive(node: usize, request: u32) -> Deed {
    Deed::Arrive { node, request }
}

fn answer(node: usize, request: u32) -> Deed {
    Deed::Answer { node, request, copy: 1 }
}

fn wake(node: usize) -> Deed {
    Deed::Wake { node }
}

fn at(at_ns: u64, deeds: impl IntoIterator<Item = Deed>) -> Vec<Step> {
    deeds.into_iter().map(|deed| Step { at_ns, deed }).collect()
}

/// The first node starts, creates the Lease and leads; its third request, a renewal, is on its way.
fn leads() -> Vec<Step> {
    at(0, [start(0), arrive(0, 1), answer(0, 1), arrive(0, 2), answer(0, 2)])
}

/// The same, and then these.
fn after(more: impl IntoIterator<Item = (u64, Deed)>) -> Vec<Step> {
    let mut steps = leads();
    steps.extend(more.into_iter().map(|(at_ns, deed)| Step { at_ns, deed }));
    steps
}

fn wrong(plan: &Plan, steps: Vec<Step>) -> String {
    let last = steps.len() - 1;
    let plan = plan.following(steps);
    let mut world = World::new(&plan);
    let error = world.try_run(1, 0).expect_err("the schedule cannot be followed").clone();
    assert_eq!(world.schedule_error(), Some(&error));
    // An ordinary run ends there, too.
    assert_eq!(world.run(7, 3).ran_ns, error_time(&plan, error.step));
    assert!(!error.help.is_empty());
    assert_eq!(error.step, last, "{error}");
    assert!(error.to_string().starts_with(&format!("schedule[{last}]: ")), "{error}");
    error.message
}

/// When the step before the one that could not be carried out was, or that one itself.
fn error_time(plan: &Plan, step: usize) -> u64 {
    let mut world = World::new(plan);
    let ran = world.run(1, 0).ran_ns;
    let steps = plan.schedule.as_ref().unwrap();
    let times = [steps[step.saturating_sub(1)].at_ns, steps[step].at_ns];
    assert!(times.contains(&ran), "{ran} is not in {times:?}");
    ran
}

#[test]
fn what_cannot_be_carried_out_is_said() {
    let two = plan(2, 0);
    let said = |steps| wrong(&two, steps);
    assert_eq!(said(at(0, [wake(0)])), "n1 has not started");
    assert_eq!(said(at(0, [start(2)])), "there is no node 2");
    assert_eq!(said(at(0, [arrive(0, 1)])), "n1 has sent no request yet");
    assert_eq!(said(at(0, [start(0), start(0)])), "n1 runs already");
    assert_eq!(said(at(0, [start(0), arrive(0, 0)])), "n1 has sent no request 0: the last one is 1");
    assert_eq!(said(at(0, [start(0), arrive(0, 2)])), "n1 has sent no request 2: the last one is 1");
    assert_eq!(said(at(0, [start(0), answer(0, 1)])), "n1's request 1 has not reached the server");
    let copy = Deed::Answer { node: 0, request: 1, copy: 2 };
    let no_copy = "n1's request 1 has no arrival 2: the last one is 1";
    assert_eq!(said(at(0, [start(0), arrive(0, 1), copy])), no_copy);
    assert_eq!(said(after([(S, wake(0))])), "n1 has no timer due at 1s");
    assert_eq!(
        said(after([(S, start(1)), (0, Deed::Crash { node: 0 })])),
        "0s is before 1s, when the step before this one is"
    );
    assert_eq!(said(after([(S, Deed::WorkStopped { node: 0 })])), "n1 has no work that was told to stop");
    assert_eq!(said(after([(S, Deed::Resume { node: 0 })])), "n1 is not paused");
    let choose = |extra_ns| Deed::Choose { node: 0, extra_ns };
    assert_eq!(said(after([(S, choose(0))])), "n1 asks for no choice");
    // The renewal's round ends 10 s after its begin.
    assert_eq!(said(after([(10 * S + 1, arrive(0, 3))])), "n1 has a timer that is due at 10s");
    assert_eq!(
        said(after([(S, Deed::Crash { node: 0 }), (S, Deed::Terminate { node: 0 })])),
        "n1's process has ended"
    );
    assert_eq!(
        said(after([(S, Deed::Crash { node: 0 }), (S, start(0)), (S, arrive(0, 3)), (S, answer(0, 3))])),
        "the process of n1 that sent request 3 has ended"
    );
    let pause = |t, node| (t, Deed::Pause { node });
    assert_eq!(said(after([pause(S, 0), pause(S, 0)])), "n1 is paused");
    assert_eq!(said(after([pause(S, 0), (S, arrive(0, 3)), (S, answer(0, 3))])), "n1 is paused");
    assert_eq!(
        said(after([pause(S, 0), (12 * S, Deed::Resume { node: 0 }), (13 * S, start(1))])),
        "n1 has a timer that is due at 10s"
    );
}

#[test]
fn choices_are_made_at_the_instant_of_the_question_and_within_its_bounds() {
    let candidate = [(S, start(1)), (S, arrive(1, 1)), (S, answer(1, 1))];
    let choose = |extra_ns| Deed::Choose { node: 1, extra_ns };
    let two = plan(2, 0);
    let with = |more: Vec<(u64, Deed)>| after(candidate.clone().into_iter().chain(more));
    let too_long = wrong(&two, with(vec![(S, choose(2_400_000_001))]));
    assert_eq!(too_long, "n2 cannot wait 2.400000001s longer");
    let late = wrong(&two, with(vec![(S + 1, choose(0))]));
    assert_eq!(late, "n2 asked for a choice at 1s");
    let twice = wrong(&two, with(vec![(S, choose(0)), (S, choose(0))]));
    assert_eq!(twice, "n2 asks for no choice");
    // The longest is taken to the nanosecond, and no choice is no try.
    let plan_of = |steps: Vec<Step>| two.following(steps);
    let plan = plan_of(with(vec![(S, choose(2_400_000_000)), (S + 4_400_000_000, wake(1))]));
    let _ran = World::new(&plan).try_run(1, 0).unwrap();
    let plan = plan_of(with(vec![(9 * S, start(0))]));
    assert_eq!(World::new(&plan).try_run(1, 0).unwrap_err().message, "n1 runs already");
}

#[test]
fn two_lead_until_a_nanosecond_before_a_deadline_fires() {
    // Paused before its answer comes, n1 does not notice that its round ends at 10 s; n2 takes over at 15 s.
    let mut steps = after([
        (0, start(1)),
        (0, arrive(1, 1)),
        (0, answer(1, 1)),
        (0, Deed::Choose { node: 1, extra_ns: S }),
        (0, Deed::Pause { node: 0 }),
    ]);
    for (request, t) in [(2, 3), (3, 6), (4, 9), (5, 12)] {
        let choose = Deed::Choose { node: 1, extra_ns: S };
        steps.extend(at(t * S, [wake(1), arrive(1, request), answer(1, request), choose]));
    }
    steps.extend(at(15 * S, [wake(1), arrive(1, 6), answer(1, 6), arrive(1, 7), answer(1, 7)]));
    steps.extend(at(17 * S + 1, [Deed::Resume { node: 0 }, wake(0)]));
    let plan = plan(2, 0).following(steps);
    let mut world = World::new(&plan);
    assert_eq!(world.try_run(1, 0).unwrap().two_leaders_ns, 2 * S + 1);
    let first = world.run(1, 0).clone();
    assert_eq!(*world.run(99, 5), first, "nothing is drawn");
    assert_eq!(first.ran_ns, 17 * S + 1, "the run ends with the last step");
    assert_eq!(first.requests[Verb::Create as usize][RequestResult::Ok as usize], 1);
}

#[test]
fn a_later_horizon_only_lets_time_pass() {
    let mut longer = plan(1, 0);
    longer.horizon_ns = 60 * S;
    let plan = longer.following(leads());
    let outcome = World::new(&plan).try_run(1, 0).unwrap().clone();
    assert_eq!((outcome.ran_ns, outcome.terms), (60 * S, 1));
}

#[test]
fn a_request_may_arrive_twice_and_after_its_sender_died() {
    let steps = after([
        (S, arrive(0, 3)),
        (S, answer(0, 3)),
        (3 * S, wake(0)),
        (3 * S, arrive(0, 4)),
        (3 * S, arrive(0, 4)),
        (3 * S, Deed::Answer { node: 0, request: 4, copy: 2 }),
        // That conflict makes it read.
        (3 * S, Deed::Crash { node: 0 }),
        (4 * S, arrive(0, 5)),
    ]);
    let plan = plan(1, 0).following(steps);
    World::new(&plan).try_run(1, 0).unwrap();
    let (_, trace) = World::new(&plan).run_traced(1, 0);
    let commits: Vec<_> = trace
        .iter()
        .filter_map(|event| match &event.kind {
            TraceKind::Commit { id, result, .. } => Some((event.t_ns, *id, *result)),
            _ => None,
        })
        .collect();
    let (ok, conflict) = (RequestResult::Ok, RequestResult::Conflict);
    assert_eq!(commits[3..], [(3 * S, 4, ok), (3 * S, 4, conflict), (4 * S, 5, ok)]);
}

#[test]
fn work_stops_when_a_step_says_so_unless_it_needs_no_time() {
    let ends = |drain: u64, more: Vec<(u64, Deed)>| {
        let plan = plan(1, drain).following(after(more));
        let mut world = World::new(&plan);
        world.try_run(1, 0).unwrap();
        let (_, trace) = world.run_traced(1, 0);
        trace.iter().find(|e| matches!(e.kind, TraceKind::ProcessEnded { .. })).map(|e| e.t_ns)
    };
    assert_eq!(ends(0, vec![(10 * S, wake(0))]), Some(10 * S));
    assert_eq!(ends(1, vec![(10 * S, wake(0)), (30 * S, start_of_nothing())]), None);
    assert_eq!(ends(1, vec![(10 * S, wake(0)), (25 * S, Deed::WorkStopped { node: 0 })]), Some(25 * S));
}

/// Something that changes nothing.
fn start_of_nothing() -> Deed {
    Deed::Edit(Edit::Annotate)
}

#[test]
fn what_steps_cannot_say_is_not_recordable() {
    let fault = |fault: Fault| FaultPlan {
        name: "fault".into(),
        when: Trigger::At(Draw::Fixed(S)),
        fault,
        lasts: None,
        every: None,
        times: 1,
    };
    let with = |faults: Vec<Fault>| Plan { faults: faults.into_iter().map(fault).collect(), ..plan(1, 0) };
    assert_eq!(plan(1, 0).not_recordable(), None);
    assert!(with(vec![Fault::ServerDown]).not_recordable().is_some());
    assert!(with(vec![Fault::Pause { who: Who::All, suspend: true }]).not_recordable().is_some());
    assert_eq!(with(vec![Fault::Pause { who: Who::All, suspend: false }]).not_recordable(), None);
    assert_eq!(with(vec![Fault::Edit(Edit::Restore)]).not_recordable(), None);
    let restore = || Fault::Edit(Edit::Restore);
    assert!(with(vec![restore(), restore()]).not_recordable().is_some());
    let mut busy = plan(1, 0);
    busy.server.capacity = Some(Capacity { service: Draw::Fixed(1), queue: 1 });
    assert!(busy.not_recordable().is_some());
    // A schedule is its own record.
    let plan = plan(1, 0).following(leads());
    assert_eq!(World::new(&plan).run_recorded(1, 0).1, leads());
}
