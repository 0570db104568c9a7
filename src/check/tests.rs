//! The canonical states tell the same story as the worlds that they stand for.

use super::story::Teller;
use super::{Action, Assumptions, Budget, Lasting, Model, Setup, Timing, Walls};
use crate::core::rules::Release;
use crate::core::{ClientGo, ClockBound, Config, Rules, Span, Timings};

/// Numbers that are as good as random here.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

fn client_go() -> Config {
    Config::client_go(Timings::DEFAULT).unwrap()
}

fn strict() -> Config {
    Config::strict(Timings::DEFAULT, ClockBound::DEFAULT).unwrap()
}

fn setups() -> Vec<(&'static str, Setup)> {
    let many = Assumptions { walls: Walls::PERFECT, ..Assumptions::HOSTILE };
    let off = Walls::Within { offset: Span::from_secs(3), steps: Budget::Free };
    let release = client_go().with_release_on_cancel(true);
    let checked = Config::client_go_release(ClientGo::V0_38, Timings::DEFAULT).unwrap();
    let checked = checked.with_release_on_cancel(true);
    // What was just read is then mine by the times that it bears.
    let strict_checked = strict()
        .with_rules(Rules { release: Release::CheckRecord, ..Rules::STRICT })
        .unwrap()
        .with_release_retry(true);
    vec![
        ("client-go", Setup::safety(client_go(), 2, Assumptions::DEFAULT)),
        ("client-go, hostile", Setup::safety(release, 3, many)),
        ("client-go v0.38, hostile", Setup::safety(checked, 3, many)),
        ("strict that checks the record, hostile", Setup::safety(strict_checked, 3, Assumptions::HOSTILE)),
        (
            "client-go, new identities",
            Setup::safety(release, 2, Assumptions { new_identity: true, restarts: Budget::UpTo(1), ..many }),
        ),
        ("client-go, failover", Setup::failover(client_go(), 2)),
        ("client-go, two standbys", Setup::failover(client_go(), 3)),
        (
            "client-go, two requests are late",
            Setup::safety(
                release,
                3,
                Assumptions {
                    request_delay: Lasting { times: Budget::UpTo(2), longest: None },
                    response_delay: Lasting { times: Budget::UpTo(1), longest: None },
                    ..Assumptions::PERFECT
                },
            ),
        ),
        (
            "renew-time",
            Setup::safety(
                Config::renew_time(Timings::DEFAULT).unwrap(),
                2,
                Assumptions { walls: off, ..many },
            ),
        ),
        ("strict", Setup::safety(strict(), 2, Assumptions::DEFAULT)),
        ("strict, hostile", Setup::safety(strict(), 3, Assumptions::HOSTILE)),
        (
            "strict, timers at any time",
            Setup::safety(strict(), 2, Assumptions::DEFAULT).with_timing(Timing::Loose),
        ),
        ("client-go beside strict", Setup::safety(client_go(), 3, many).with_beside(strict(), 1)),
        ("strict beside client-go", Setup::safety(strict(), 3, Assumptions::HOSTILE).with_beside(release, 1)),
        (
            "renew-time beside client-go",
            Setup::safety(
                Config::renew_time(Timings::DEFAULT).unwrap(),
                3,
                Assumptions { walls: off, ..many },
            )
            .with_beside(release, 2),
        ),
        ("strict, folded", Setup::safety(strict(), 2, Assumptions::DEFAULT).with_timing(Timing::Folded)),
        (
            "strict, hostile, folded",
            Setup::safety(strict(), 3, Assumptions::HOSTILE).with_timing(Timing::Folded),
        ),
        (
            "strict, hostile, timers at any time",
            Setup::safety(strict(), 3, Assumptions::HOSTILE).with_timing(Timing::Loose),
        ),
    ]
}

#[test]
fn a_state_and_the_world_that_it_stands_for_go_on_alike() {
    let flips = super::questions::flips().into_iter().map(|(rule, mut setup)| {
        setup.properties = super::Properties::NONE;
        (rule, setup)
    });
    for (name, setup) in setups().into_iter().chain(flips) {
        let model = Model::new(setup).unwrap();
        let mut dice = Dice(1);
        for walk in 0..200 {
            let mut teller = Teller::new(&model);
            let mut walked = Vec::new();
            for step in 0..120 {
                let state = teller.state();
                let again = model.codec.pack(&model.codec.unpack(&state)).0;
                assert!(
                    again == state,
                    "{name}: walk {walk}, step {step}: a state does not stay what it is\n{walked:?}\nworld {:?}\nunpacked {:?}",
                    teller.world,
                    model.codec.unpack(&state),
                );
                let mut actions: Vec<Action> = Vec::new();
                setup.moves(&model.codec.unpack(&state), &mut actions);
                if actions.is_empty() {
                    break;
                }
                let action = actions[dice.below(actions.len())];
                let mut canonical = model.codec.unpack(&state);
                let before = canonical;
                model.apply(&mut canonical, action);
                let told_of = teller.world;
                let concrete = teller.concrete(action);
                teller.tell(concrete);
                walked.push(concrete);
                assert!(
                    model.codec.pack(&canonical).0 == teller.state(),
                    "{name}: walk {walk}, step {step}: {action:?} leads elsewhere\nconcrete before {told_of:?}\n\
                     canonical before {before:?}\nconcrete {:?}\ncanonical {canonical:?}\n{:?}\n{:?}",
                    teller.world,
                    teller.state(),
                    model.codec.pack(&canonical).0
                );
            }
        }
    }
}

#[test]
fn breadth_first_and_depth_first_agree() {
    use super::{Order, Patient, Search};
    let late = Assumptions { response_delay: super::Lasting::FREE, ..Assumptions::DEFAULT };
    let questions = [
        Setup::safety(client_go(), 2, Assumptions::DEFAULT),
        Setup::safety(client_go(), 2, late),
        Setup::safety(client_go(), 3, Assumptions { crashes: Budget::UpTo(1), ..Assumptions::PERFECT }),
        Setup::safety(strict(), 2, Assumptions::DEFAULT).with_timing(Timing::Folded),
    ];
    for setup in questions {
        let run = |threads, order| Search { threads, order }.run(setup, &mut Patient).unwrap();
        let (bfs, dfs) = (run(1, Order::BreadthFirst), run(2, Order::DepthFirst));
        assert_eq!(bfs.is_violated(), dfs.is_violated(), "{}", setup.sentence());
        if !bfs.is_violated() {
            let counts = |report: &super::Report| (report.progress.generated, report.progress.unique);
            assert_eq!(counts(&bfs), counts(&dfs), "{}", setup.sentence());
            assert!(matches!(bfs.verdict, super::Verdict::Proved), "{}: {:?}", setup.sentence(), bfs.verdict);
        }
    }
}

#[test]
fn every_rule_of_strict_is_needed_and_what_shows_it_replays() {
    use super::{Patient, Search, Timing, Verdict, ablate};
    let ablations =
        ablate(Timings::DEFAULT, ClockBound::DEFAULT, &Search::on(2), &mut Patient, |_| {}).unwrap();
    assert_eq!(ablations.len(), 15);
    for ablation in ablations {
        match &ablation.report.verdict {
            Verdict::Proved => panic!("{}: nothing shows that it is needed", ablation.rule),
            Verdict::Violated { story, .. } if ablation.report.setup.timing == Timing::Exact => {
                assert!(story.scenario(&ablation.report.setup, "two leaders").is_ok(), "{}", ablation.rule);
            }
            Verdict::Violated { .. } => {}
            Verdict::Inconclusive(why) => panic!("{}: {why:?}", ablation.rule),
        }
    }
}

#[test]
fn the_explorer_shows_states_and_actions_in_words() {
    use super::explore::Readable;
    use stateright::Model as _;
    let model = Model::new(Setup::safety(client_go(), 2, Assumptions::DEFAULT)).unwrap();
    let readable = Readable { model, draw: |story, _| format!("{} chapters", story.chapters.len()) };
    let mut state = readable.init_states().remove(0);
    assert_eq!(format!("{state:#?}"), "Lease: none\nfirst: not started\nsecond: not started");
    let mut words = Vec::new();
    for _ in 0..8 {
        let mut actions = Vec::new();
        readable.actions(&state, &mut actions);
        words.push(readable.format_action(&actions[0]));
        state = readable.next_state(&state, actions[0]).unwrap();
    }
    assert_eq!(words[..2], ["the first starts", "the request of the first reaches the server"]);
    let text = format!("{state:?}");
    assert!(text.contains("Lease: held by the ") && text.contains("MAY ACT"), "{words:?}\n{text}");
    let path = stateright::Path::from_actions(&readable, readable.init_states().remove(0), &[]).unwrap();
    assert_eq!(readable.as_svg(path).as_deref(), Some("0 chapters"));
}

/// A leader that stood still past its record's expiry reads before it writes: when it saw that record is not forgotten.
#[test]
fn a_leader_that_oversleeps_does_not_update_in_place() {
    use super::{Patient, Search, Verdict};
    let timings = Timings {
        lease_duration: Span::from_secs(6),
        renew_deadline: Span::from_secs(4),
        retry_period: Span::from_secs(1),
    };
    let pauses = Lasting { times: Budget::UpTo(1), longest: Some(Span::from_secs(5)) };
    let setup =
        Setup::safety(Config::client_go(timings).unwrap(), 2, Assumptions { pauses, ..Assumptions::PERFECT });
    let report = Search::on(1).run(setup, &mut Patient).unwrap();
    let Verdict::Violated { story, .. } = &report.verdict else { panic!("{:?}", report.verdict) };
    assert!(story.scenario(&report.setup, "two leaders").is_ok());
}

/// Within a second of the acquisition a renewal has the same content: a grid of a second cannot show it, and says so.
#[test]
fn a_finer_grid_shows_what_happens_within_a_second() {
    use super::{Patient, Search};
    let longest = Some(Span::from_secs(3));
    let response_delay = Lasting { times: Budget::UpTo(2), longest };
    let world = Assumptions { response_delay, loss: Budget::UpTo(1), ..Assumptions::PERFECT };
    let coarse = Setup::safety(client_go(), 2, world);
    let fine = Setup { tick: Span::from_millis(500), ..coarse };
    let violated = |setup| Search::on(2).run(setup, &mut Patient).unwrap().is_violated();
    assert_eq!((violated(coarse), violated(fine)), (false, true));
    assert!(
        coarse.sentence().contains("different seconds") && !fine.sentence().contains("different seconds")
    );
}
