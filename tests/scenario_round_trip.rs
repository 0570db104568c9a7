//! A scenario built in code, written as YAML and read back is the same scenario; and no text, however
//! broken, does worse than an error.
#![cfg(feature = "scenario")]

use std::collections::BTreeSet;
use std::path::Path;

use leasehold::scenario::{
    Action, AnswerStep, ArriveStep, ChooseStep, Clock, ClockRateStep, Condition, Delay, Direction,
    Distribution, Draw, EditLease, EditStep, ErrorRate, Event, Expect, Fault, Format, HttpTimeout, Lasts,
    Leg, Length, Link, LinkEffect, LinkFault, Links, LogNormal, Mode, Network, Node, Partition,
    PartitionWith, Profile, Protocol, Rate, Restart, Scenario, ScheduledDeed, ScheduledStep, Server,
    ServerError, SignedLength, StartStep, StartStepWith, Storage, StorageWith, Throttle, Timings, Trigger,
    Verb, WallClockStep, When, Who, Work, Yes,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn length() -> impl Strategy<Value = Length> {
    prop_oneof![
        (0_u64..200_000_000_000).prop_map(Length::nanos),
        (0_u32..200_000).prop_map(Length::millis),
        (0_u32..100).prop_map(Length::retry_periods),
        select(vec!["1.5LD", "0.5RD+3ms", "1m30s", "2LD+1RD+0.25RP+7ns"])
            .prop_map(|text| text.parse().unwrap()),
    ]
}

fn draw() -> impl Strategy<Value = Draw> {
    prop_oneof![
        3 => length().prop_map(Draw::Fixed),
        2 => (0_u32..50, 51_u32..100).prop_map(|(a, b)| Draw::uniform(Length::secs(a), Length::secs(b))),
        1 => (length(), 0.0..3.0_f64).prop_map(|(median, sigma)| {
            Draw::Random(Distribution::LogNormal(LogNormal { median, sigma }))
        }),
    ]
}

fn rate() -> impl Strategy<Value = Rate> {
    (0_u32..=1_000_000).prop_map(Rate::from_ppm)
}

fn who() -> impl Strategy<Value = Who> {
    select(vec!["leader", "follower", "followers", "any", "all", "n1", "n2"])
        .prop_map(|name| Who::from(name.to_owned()))
}

/// Texts that a careless writer would get wrong.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{1,12}",
        2 => "\\PC{0,40}",
        1 => "[ \\n\\t:#'\"{}\\[\\]|>&*!%@,-]{0,12}",
        2 => select(vec![
            "", "yes", "null", "~", "1.5", "0x10", "1e3", "- a", "a: b", " a", "a ", "a\nb\n", "\na", "é", "# x",
            "<<", "...", "---", "@x", "`", "'", "\"", "\\", "true", "12:30:45", ".inf", "=", "\t", "a\r\nb",
        ])
        .prop_map(str::to_owned),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let leg = || select(vec![Leg::Request, Leg::Response, Leg::Both]);
    let verb = || of(select(vec![Verb::Get, Verb::Create, Verb::Update]));
    let effect = prop_oneof![
        Just(LinkEffect::Hang),
        Just(LinkEffect::Drop),
        Just(LinkEffect::Refuse),
        draw().prop_map(LinkEffect::Delay),
        rate().prop_map(LinkEffect::Loss),
    ];
    let error = select(vec![ServerError::Internal, ServerError::Forbidden, ServerError::Silence]);
    let partition = (
        who(),
        select(vec![Direction::Both, Direction::ToServer]),
        select(vec![Mode::Hang, Mode::Drop, Mode::Refuse]),
        any::<bool>(),
    );
    prop_oneof![
        who().prop_map(Action::Crash),
        who().prop_map(Action::Terminate),
        who().prop_map(Action::Pause),
        who().prop_map(|who| Action::Partition(Partition::Who(who))),
        partition.prop_map(|(who, direction, mode, applied_after_cancel)| {
            Action::Partition(Partition::With(PartitionWith { who, direction, mode, applied_after_cancel }))
        }),
        (who(), leg(), effect, verb(), of(1_u32..5), any::<bool>()).prop_map(
            |(who, leg, effect, verb, count, applied_after_cancel)| {
                Action::Link(LinkFault { who, leg, effect, verb, count, applied_after_cancel })
            }
        ),
        (who(), leg(), draw(), verb(), 1_u32..3).prop_map(|(who, leg, by, verb, count)| {
            Action::Delay(Delay { who, leg, by, verb, count, applied_after_cancel: false })
        }),
        (who(), 1_u32..50).prop_map(|(who, stopped)| Action::Throttle(Throttle {
            who,
            period: Length::millis(100),
            stopped: Length::millis(stopped)
        })),
        (error, rate(), any::<bool>()).prop_map(|(error, rate, writes_only)| {
            Action::ServerErrors(ErrorRate { error, rate, writes_only, applied: false })
        }),
        any::<bool>()
            .prop_map(|applied| Action::StorageWithoutLeader(Storage::With(StorageWith { applied }))),
        Just(Action::StorageWithoutLeader(Storage::Yes(Yes))),
        Just(Action::ServerDown(Yes)),
        Just(Action::DeleteLease(Yes)),
        draw().prop_map(Action::ServerSlow),
        text().prop_map(|holder| Action::EditLease(EditLease::SetHolder(holder))),
        Just(Action::EditLease(EditLease::ClearHolder)),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let when = (
        select(vec![
            Event::Leading(Who::Any),
            Event::Ended(Who::Node("n1".to_owned())),
            Event::FaultBegan("first".to_owned()),
        ]),
        of(draw()),
        of(1_u32..3),
    );
    let trigger = prop_oneof![
        draw().prop_map(Trigger::At),
        when.prop_map(|(event, delay, nth)| Trigger::When(When { event, delay, nth })),
        Just(Trigger::After("first".to_owned())),
    ];
    let name = of(select(vec!["first", "second"]).prop_map(str::to_owned));
    (name, trigger, of(draw()), of(draw()), action()).prop_map(|(name, trigger, lasts, every, action)| {
        Fault {
            name,
            trigger,
            lasts: lasts.filter(|_| action.lasts()).map(Lasts::For),
            times: every.is_some().then_some(3),
            every,
            action,
        }
    })
}

/// Steps that can be written; few of them can be carried out.
fn step() -> impl Strategy<Value = ScheduledStep> {
    let name = || select(vec!["n1", "n2", "leader"]).prop_map(str::to_owned);
    let edit = prop_oneof![
        Just(EditStep::Delete),
        Just(EditStep::Restore),
        text().prop_map(EditStep::SetHolder),
        length().prop_map(EditStep::SetDuration),
    ];
    let deed = prop_oneof![
        name().prop_map(|who| ScheduledDeed::Start(StartStep::Who(who))),
        (name(), any::<bool>()).prop_map(|(who, new_identity)| {
            ScheduledDeed::Start(StartStep::With(StartStepWith { who, new_identity }))
        }),
        name().prop_map(ScheduledDeed::Wake),
        name().prop_map(ScheduledDeed::Resume),
        (name(), length()).prop_map(|(who, extra)| ScheduledDeed::Choose(ChooseStep { who, extra })),
        (name(), 0_u32..3).prop_map(|(who, request)| ScheduledDeed::Arrive(ArriveStep { who, request })),
        (name(), 0_u32..3, 0_u32..3).prop_map(|(who, request, copy)| ScheduledDeed::Answer(AnswerStep {
            who,
            request,
            copy
        })),
        edit.prop_map(ScheduledDeed::Edit),
        (name(), any::<bool>(), length()).prop_map(|(who, back, length)| {
            ScheduledDeed::StepWallClock(WallClockStep { who, by: SignedLength { back, length } })
        }),
        (name(), -500_i32..500)
            .prop_map(|(who, rate_ppm)| ScheduledDeed::ClockRate(ClockRateStep { who, rate_ppm })),
    ];
    (length(), deed).prop_map(|(at, deed)| ScheduledStep { at, deed })
}

fn network() -> impl Strategy<Value = Network> {
    prop_oneof![
        select(vec![Profile::Loopback, Profile::InZone, Profile::CrossRegion]).prop_map(Network::Profile),
        (of(draw()), of(rate()), of(draw())).prop_map(|(latency, loss, response)| {
            let response = response.map(|latency| Link { latency: Some(latency), ..Link::default() });
            Network::Links(Links { latency, loss, response, ..Links::default() })
        }),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let clock = (-500_i32..500, any::<bool>(), length()).prop_map(|(ppm, back, length)| Clock {
        rate_ppm: Some(ppm),
        wall_offset: Some(SignedLength { back, length }),
        stops_in_suspend: None,
        wall_stopped: (ppm > 0).then_some(true),
    });
    (of(text()), of(clock), of(draw()), of(network()), of(select(vec![Protocol::Strict, Protocol::None])))
        .prop_map(|(identity, clock, drain, network, protocol)| Node {
            identity,
            clock,
            drain,
            network,
            protocol,
            ..Node::default()
        })
}

fn expect() -> impl Strategy<Value = Expect> {
    let condition = prop_oneof![
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Condition::Is),
        (0.0..100.0_f64).prop_map(Condition::Below),
        (0_u32..9).prop_map(|n| Condition::AtLeast(f64::from(n))),
        (0.0..1.0_f64, 1.0..2.0_f64).prop_map(|(a, b)| Condition::Between(a, b)),
        Just(Condition::Any),
    ];
    let name =
        select(vec!["two_leaders_ms_max", "failover_s.p99", "requests.get.ok"]).prop_map(str::to_owned);
    (of(text()), btree_map(name, condition, 0..3)).prop_map(|(refused, figures)| Expect { refused, figures })
}

/// Fields that a setting takes away.
fn taken_away() -> impl Strategy<Value = BTreeSet<Vec<String>>> {
    let fields = vec!["faults", "network", "nodes", "protocol", "server.latency", "start", "work"];
    let keys = |path: &str| path.split('.').map(str::to_owned).collect();
    prop::collection::btree_set(select(fields).prop_map(keys), 0..4)
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let shape =
        (2_u32..5, of(select(vec![Protocol::ClientGo, Protocol::Strict])), any::<bool>(), any::<u64>());
    let timeout = select(vec![
        HttpTimeout::None,
        HttpTimeout::HalfRenewDeadline,
        HttpTimeout::After(Length::millis(4_500)),
    ]);
    let work = draw().prop_map(|every| Work { every: Some(every), fenced: Some(true), ..Work::default() });
    let server = draw().prop_map(|latency| Server { latency: Some(latency), ..Server::default() });
    let restart = draw().prop_map(|after| Restart { after: Some(after), new_identity: None });
    let parts =
        (of(text()), of(timeout), of(draw()), of(network()), of(node()), of(work), of(server), of(restart));
    (shape, parts, vec(fault(), 0..4), of(expect()), of((1_u32..30, text(), taken_away()))).prop_map(
        |((replicas, protocol, release, seed), parts, faults, expect, setting)| {
            let (description, http_timeout, start, network, node, work, server, restart) = parts;
            let setting = setting.map(|(seconds, name, taken_away)| {
                let lease_duration = Some(Length::secs(seconds));
                let timings = Some(Timings { lease_duration, ..Timings::default() });
                let server = taken_away.iter().any(|keys| keys.len() > 1).then(Server::default);
                vec![Scenario { name: Some(name), timings, server, taken_away, ..Scenario::default() }]
            });
            Scenario {
                description,
                replicas: Some(replicas),
                protocol,
                release_on_cancel: Some(release),
                seed: Some(seed),
                http_timeout,
                start,
                network,
                nodes: node.map(|node| [("n1".to_owned(), node)].into()),
                work,
                server,
                restart,
                faults: (!faults.is_empty()).then_some(faults),
                expect,
                settings: setting,
                ..Scenario::default()
            }
        },
    )
}

/// Scenarios are large, and unoptimised code moves them about: two megabytes of stack are not enough.
#[test]
fn a_scenario_is_read_back_as_it_was_written() {
    let test = || {
        proptest!(ProptestConfig::with_cases(2_000), |(scenario in scenario())| {
            let yaml = scenario.to_yaml();
            let here = Path::new("");
            let built = scenario.prepare(here, &[]);
            let read = Scenario::parse(&yaml, Format::Yaml, "scenario", here, &[]);
            match (built, read) {
                (Ok(built), Ok(read)) => {
                    prop_assert_eq!(&built.scenario, &scenario);
                    prop_assert_eq!(&read.scenario, &scenario, "{}", yaml);
                    for (built, read) in built.settings.iter().zip(&read.settings) {
                        prop_assert_eq!(format!("{:?}", built.outcome), format!("{:?}", read.outcome));
                    }
                }
                // What is wrong with it is the same, only the place is another.
                (Err(built), Err(read)) => {
                    let (built, read) = (built.to_string(), read.to_string());
                    prop_assert_eq!(built.lines().next(), read.lines().next(), "{}", yaml);
                }
                (built, read) => prop_assert!(false, "{built:?}\n{read:?}\n{yaml}"),
            }
        });
    };
    let thread =
        std::thread::Builder::new().stack_size(16 << 20).spawn(test).expect("there is room for a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_schedule_is_read_back_as_it_was_written(
        mut steps in vec(step(), 0..6),
        node in of(node()),
        sorted in any::<bool>(),
        start in any::<bool>(),
    ) {
        if sorted {
            steps.sort_by_key(|step| step.at.resolve(&leasehold::core::Timings::DEFAULT));
        }
        if start {
            let deed = ScheduledDeed::Start(StartStep::Who("n1".to_owned()));
            steps.insert(0, ScheduledStep { at: Length::ZERO, deed });
        }
        let nodes = node.map(|node| [("n1".to_owned(), Node { network: None, start: None, ..node })].into());
        let scenario = Scenario { schedule: Some(steps), nodes, ..Scenario::default() };
        let yaml = scenario.to_yaml();
        let here = Path::new("");
        let built = scenario.prepare(here, &[]);
        match (built, Scenario::parse(&yaml, Format::Yaml, "scenario", here, &[])) {
            (Ok(built), Ok(read)) => {
                prop_assert_eq!(&read.scenario, &scenario, "{}", yaml);
                prop_assert_eq!(&built.scenario, &scenario);
            }
            (Err(built), Err(read)) => {
                let (built, read) = (built.to_string(), read.to_string());
                prop_assert_eq!(built.lines().next(), read.lines().next(), "{}", yaml);
            }
            (built, read) => prop_assert!(false, "{built:?}\n{read:?}\n{yaml}"),
        }
    }

    #[test]
    fn a_broken_text_is_an_error_and_no_more(at in any::<prop::sample::Index>(), len in 0_usize..40, with in text()) {
        let whole = include_str!("scenario_everything.yaml");
        let from = at.index(whole.len());
        let to = (from + len).min(whole.len());
        let broken = format!("{}{with}{}", &whole[..from], &whole[to..]);
        let here = Path::new("tests");
        if let Err(error) = Scenario::parse(&broken, Format::Yaml, "x.yaml", here, &[]) {
            prop_assert!(!error.to_string().is_empty());
        }
        let _ = Scenario::parse(&broken, Format::Toml, "x.toml", here, &[]);
    }
}
