//! What scenarios come to: plans, settings, overrides, expectations.
#![cfg(feature = "scenario")]

use std::path::Path;

use leasehold::core::{Span, Timings, rules};
use leasehold::scenario::{
    Format, Override, Prepared, Protocol, Scenario, Verdict, schedule_of, schedule_with_names,
};
use leasehold::sim::plan::{
    Draw, Edit, Fault, Leg, LinkEffect, Plan, ServerError, Trigger, TriggerEvent, Verb, Who,
};
use leasehold::sim::{Deed, Step, World};

const EVERYTHING: &str = include_str!("scenario_everything.yaml");
const EVERY_STEP: &str = include_str!("scenario_schedule.yaml");

fn read(yaml: &str, overrides: &[&str]) -> Prepared {
    let overrides: Vec<Override> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    let result = Scenario::parse(yaml, Format::Yaml, "x.yaml", Path::new("tests"), &overrides);
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn plan(yaml: &str, overrides: &[&str]) -> Plan {
    read(yaml, overrides).settings[0].plan().unwrap().clone()
}

#[test]
fn a_scenario_that_says_nothing_has_documented_defaults() {
    let prepared = read("{}", &[]);
    let setting = &prepared.settings[0];
    assert_eq!((setting.runs, setting.seed), (1, 1));
    let plan = setting.plan().unwrap();
    assert_eq!(plan.nodes.len(), 3);
    assert_eq!(plan.horizon_ns, 120_000_000_000);
    let node = &plan.nodes[2];
    assert_eq!((node.name.as_str(), node.identity.as_str()), ("n3", "n3"));
    assert_eq!(node.request.latency, Draw::Fixed(2_000_000));
    let config = node.elector.unwrap();
    assert_eq!(config.timings(), &leasehold::core::Timings::DEFAULT);
    assert_eq!(config.request_timeout(), None);
    assert!(!config.releases_on_cancel());
    assert!(node.clock.stops_in_suspend);
}

#[test]
fn everything_can_be_said() {
    let prepared = read(EVERYTHING, &[]);
    let plan = prepared.settings[0].plan().unwrap();
    let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["A", "n2", "n3", "n4"]);
    let (a, other) = (&plan.nodes[0], &plan.nodes[1]);
    assert_eq!(a.identity, "shared");
    assert_eq!(a.start, Draw::Fixed(1_000_000_000));
    assert_eq!(a.clock.rate_ppm, -200);
    assert_eq!(a.clock.wall_offset_ns, -3_000_000_000);
    assert!(!a.clock.stops_in_suspend);
    // Multiples are of the node's own settings.
    assert_eq!(a.drain, Draw::Fixed(3_000_000_000));
    assert_eq!(a.request.latency, Draw::LogNormal { median: 35_000_000, sigma: 0.15 });
    assert_eq!(a.request.loss_ppm, 10_000);
    assert_eq!(other.start, Draw::Uniform { from: 0, to: 3_000_000_000 });
    assert_eq!(other.elector.unwrap().request_timeout(), Some(Span::from_secs(5)));
    assert_eq!(other.elector.unwrap().rules().wait, rules::Wait::LargerOfBoth);
    assert!(plan.nodes[3].elector.is_none());
    assert_eq!(plan.server.errors[0].error, ServerError::Internal { applied: true });
    assert!(plan.work.as_ref().unwrap().fenced);

    let fault = |name: &str| {
        let found: Vec<_> = plan.faults.iter().filter(|fault| fault.name == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0]
    };
    assert!(matches!(fault("crash").fault, Fault::Crash(Who::Leader)));
    assert!(matches!(
        fault("crash").when,
        Trigger::After { event: TriggerEvent::Leading, node: None, nth: 2, .. }
    ));
    let cut = fault("cut");
    assert!(matches!(cut.fault, Fault::Link { leg: Leg::Request, effect: LinkEffect::Refuse, .. }));
    assert!(matches!(
        cut.when,
        Trigger::After {
            event: TriggerEvent::FaultBegan(0),
            node: None,
            after: Draw::Fixed(4_000_000_000),
            ..
        }
    ));
    assert!(matches!(fault("heal").when, Trigger::After { event: TriggerEvent::FaultEnded(1), .. }));
    let lost = fault("lost-message");
    assert!(matches!(
        lost.fault,
        Fault::Link { effect: LinkEffect::Drop, only: Some(Verb::Update), count: Some(2), .. }
    ));
    let edit = fault("lease-edited");
    assert!(matches!(&edit.fault, Fault::Edit(Edit::SetHolder(who)) if who == "ghost"));
    assert_eq!((edit.every.clone(), edit.times), (Some(Draw::Fixed(1_000_000_000)), 5));
    assert_eq!(fault("partition").lasts, Some(Draw::Fixed(5_000_000_000)));
    assert_eq!(fault("server-down").lasts, Some(Draw::Uniform { from: 1_000_000_000, to: 2_000_000_000 }));
}

#[test]
fn everything_matches_the_schema_and_is_written_as_it_is_read() {
    let validator = jsonschema::validator_for(&Scenario::json_schema()).unwrap();
    for text in [EVERYTHING, EVERY_STEP] {
        let value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let prepared = read(text, &[]);
        let again = read(&prepared.scenario.to_yaml(), &[]);
        assert_eq!(again.scenario, prepared.scenario);
        assert_eq!(format!("{:?}", again.settings[0].outcome), format!("{:?}", prepared.settings[0].outcome));
    }
}

#[test]
fn every_step_can_be_said_and_written_back() {
    let prepared = read(EVERY_STEP, &[]);
    let setting = &prepared.settings[0];
    let plan = setting.plan().unwrap();
    assert!(plan.nodes.iter().all(|node| node.clock.wall_stopped));
    assert_eq!(plan.horizon_ns, 6_500_000_000, "the last step's instant");
    let steps = plan.schedule.as_ref().unwrap();
    assert_eq!(steps[7], Step { at_ns: 1_000_000_000, deed: Deed::Start { node: 0, new_identity: true } });
    assert_eq!(steps[10].deed, Deed::Choose { node: 0, extra_ns: 1_500_000_000 });
    assert_eq!(steps[12].deed, Deed::Edit(Edit::SetDuration(30)));
    assert_eq!(steps[18].deed, Deed::StepWallClock { node: 1, by_ns: -3_000_000_000 });
    // From the simulation's steps to the file's, and back.
    let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    let written = schedule_with_names(steps, &names);
    let scenario = Scenario { schedule: Some(written), ..prepared.scenario.clone() };
    assert_eq!(plan.schedule, read(&scenario.to_yaml(), &[]).settings[0].plan().unwrap().schedule);
    // What it comes to is a scenario of the same steps, and a later end is possible.
    let resolved = read(&setting.resolved().to_yaml(), &["duration=1m"]);
    let again = resolved.settings[0].plan().unwrap();
    assert_eq!((&again.schedule, again.horizon_ns), (&plan.schedule, 60_000_000_000));
}

#[test]
fn steps_alone_make_a_file_that_shows_the_same() {
    let file = Path::new("sim-scenarios/two-leaders/late-response-exact.yaml");
    let known = Scenario::load(file, &[]).unwrap_or_else(|error| panic!("{error}"));
    let steps = known.settings[0].plan().unwrap().schedule.clone().unwrap();
    let scenario = Scenario::of_schedule(2, Protocol::ClientGo, Timings::DEFAULT, &steps);
    let prepared = read(&scenario.to_yaml(), &[]);
    let plan = prepared.settings[0].plan().unwrap();
    assert_eq!(World::new(plan).try_run(1, 0).unwrap().two_leaders_ns, 6_999_999_999);
    assert_eq!(schedule_of(&steps), prepared.scenario.schedule.unwrap());
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = jsonschema::validator_for(&Scenario::json_schema()).unwrap();
    for yaml in [
        "descripton: x",
        "timings: {lease_duration: 15}",
        "timings: {lease_duration: 15 sec}",
        "replicas: 0",
        "runs: 0",
        "protocol: raft",
        "faults: [{at: 3s}]",
        "faults: [{crash: n1}]",
        "faults: [{at: 3s, after: x, crash: n1}]",
        "faults: [{at: 3s, crash: n1, pause: n1}]",
        "faults: [{at: 3s, delete_lease: false}]",
        "faults: [{when: {leading: n1, ended: n1}, crash: n1}]",
        "start: {uniform: [1s, 2s], csv: {}}",
        "expect: {failovrs: 3}",
        "expect: {failovers: '!3'}",
        "rules: {wait: never}",
        "schedule: [{at: 1s}]",
        "schedule: [{wake: n1}]",
        "schedule: [{at: 1s, wake: n1, crash: n1}]",
        "schedule: [{at: 1s, arrive: {who: n1}}]",
        "schedule: [{at: 1s, answer: {who: n1, request: 1, copy: 0}}]",
        "schedule: [{at: 1s, edit: vanish}]",
    ] {
        let value: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
        assert!(!validator.is_valid(&value), "{yaml}");
        assert!(Scenario::parse(yaml, Format::Yaml, "x", Path::new(""), &[]).is_err(), "{yaml}");
    }
}

#[test]
fn settings_are_laid_over_the_scenario_and_overrides_over_both() {
    let yaml = "
replicas: 5
network: in-zone
timings: {lease_duration: 20s}
start: {uniform: [0s, 1s]}
expect: {two_leaders_ms_max: 0, changes: 0}
settings:
  - {name: same}
  - name: other
    timings: {retry_period: 1s}
    network: {loss: 1%}
    start: {log_normal: {median: 1s, sigma: 1}}
    expect: {changes: any, failovers: '> 0'}
";
    let prepared = read(yaml, &["replicas=2", "timings.renew_deadline=9s", "settings[0].seed=7"]);
    let [same, other] = prepared.settings.as_slice() else { panic!() };
    assert_eq!((same.seed, other.seed), (7, 1));
    let timings = |setting: &leasehold::scenario::Setting| {
        let plan = setting.plan().unwrap();
        assert_eq!(plan.nodes.len(), 2);
        plan.nodes[0].elector.unwrap().timings().to_string()
    };
    assert_eq!(timings(same), "20s/9s/2s");
    assert_eq!(timings(other), "20s/9s/1s");
    let node = &other.plan().unwrap().nodes[0];
    assert_eq!(node.request.loss_ppm, 10_000);
    assert_eq!(node.request.latency, Draw::LogNormal { median: 250_000, sigma: 0.3 });
    assert_eq!(node.start, Draw::LogNormal { median: 1_000_000_000, sigma: 1.0 });
    let metrics: Vec<_> = other.expectations.iter().map(|e| e.to_string()).collect();
    assert_eq!(metrics, ["failovers > 0", "two_leaders_ms_max = 0"]);
}

#[test]
fn any_field_can_be_overridden() {
    let yaml = "faults: [{at: 9s, crash: n1}]\nnetwork: loopback\nexpect: {failovers: 1}";
    let overrides = [
        "nodes.n1.drain=3s",
        "faults[0].at={uniform: [3s, 4s]}",
        "network.response.latency=1s",
        "expect.failover_s.p99=> 3",
        "release_on_cancel=true",
    ];
    let prepared = read(yaml, &overrides);
    let plan = prepared.settings[0].plan().unwrap();
    assert_eq!(plan.nodes[0].drain, Draw::Fixed(3_000_000_000));
    assert!(matches!(plan.faults[0].when, Trigger::At(Draw::Uniform { .. })));
    assert_eq!(plan.nodes[1].request.latency, Draw::Fixed(50_000));
    assert_eq!(plan.nodes[1].response.latency, Draw::Fixed(1_000_000_000));
    assert!(plan.nodes[0].elector.unwrap().releases_on_cancel());
    assert_eq!(prepared.settings[0].expectations.len(), 2);
}

#[test]
fn a_reader_can_run_the_same_again() {
    let path = Path::new("sim-scenarios/baseline/leader-crash.yaml");
    let overrides =
        [Override::shorthand("runs", "7").unwrap(), Override::new("expect", "{failovers: 7}").unwrap()];
    let prepared = Scenario::load(path, &overrides).unwrap();
    assert_eq!(prepared.settings[0].runs, 7);
    assert_eq!(
        prepared.command_line().unwrap(),
        "leasehold run sim-scenarios/baseline/leader-crash.yaml --runs 7 --set 'expect={failovers: 7}'"
    );
}

#[test]
fn a_scenario_can_be_about_a_refusal() {
    let yaml = "
timings: {lease_duration: 5s}
expect: {refused: must be greater than renewDeadline, two_leaders_ms_max: 0}
";
    let refused = read(yaml, &[]);
    assert_eq!(refused.settings[0].refusal_as_expected(), Some(true));
    assert!(refused.settings[0].check(&|_| panic!("nothing ran")).is_empty());
    let accepted = read(yaml, &["timings.lease_duration=15s"]);
    assert_eq!(accepted.settings[0].refusal_as_expected(), Some(false));
    let other = read(yaml, &["expect.refused=clock"]);
    assert_eq!(other.settings[0].refusal_as_expected(), Some(false));

    let counted = read("timings: {lease_duration: 5s}\nexpect: {refused_settings: 1}", &[]);
    let verdicts = counted.settings[0].check(&|_| None);
    assert_eq!(verdicts[0].1, Verdict::Met);
    assert_eq!(plan("expect: {refused_settings: 0}", &[]).nodes.len(), 3);
}
