//! The canonical states tell the same story as the worlds that they stand for.

use super::story::Teller;
use super::{Action, Assumptions, Budget, Drain, Lasting, Model, Setup, Timing, Walls};
use crate::core::{ClockBound, Config, Span, Timings};

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
    vec![
        ("client-go", Setup::safety(client_go(), 2, Assumptions::DEFAULT)),
        ("client-go, hostile", Setup::safety(release, 3, many)),
        ("client-go, new identities", Setup::safety(release, 2, Assumptions { new_identity: true, restarts: Budget::UpTo(1), ..many })),
        ("client-go, failover", Setup::failover(client_go(), 2)),
        ("renew-time", Setup::safety(Config::renew_time(Timings::DEFAULT).unwrap(), 2, Assumptions { walls: off, ..many })),
        ("strict", Setup::safety(strict(), 2, Assumptions::DEFAULT)),
        ("strict, hostile", Setup::safety(strict(), 3, Assumptions::HOSTILE)),
        ("strict, timers at any time", Setup::safety(strict(), 2, Assumptions::DEFAULT).with_timing(Timing::Loose)),
        ("strict, folded", Setup::safety(strict(), 2, Assumptions::DEFAULT).with_timing(Timing::Folded)),
        ("strict, hostile, folded", Setup::safety(strict(), 3, Assumptions::HOSTILE).with_timing(Timing::Folded)),
        ("strict, hostile, timers at any time", Setup::safety(strict(), 3, Assumptions::HOSTILE).with_timing(Timing::Loose)),
    ]
}

#[test]
fn a_state_and_the_world_that_it_stands_for_go_on_alike() {
    for (name, setup) in setups() {
        let model = Model::new(setup).unwrap();
        let mut dice = Dice(1);
        for walk in 0..std::env::var("WALKS").map_or(300, |n| n.parse().unwrap()) {
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
                    teller.world, teller.state(), model.codec.pack(&canonical).0
                );
            }
        }
    }
}

#[test]
#[ignore]
#[allow(clippy::disallowed_types)]
fn projections() {
    use std::collections::HashSet;
    use stateright::Model as _;
    use crate::core::state::*;
    let setup = Setup::safety(strict(), 2, Assumptions { late_writes: Budget::Free, crashes: Budget::UpTo(1), restarts: Budget::UpTo(1), deletions: Budget::UpTo(1), ..Assumptions::PERFECT }).with_timing(Timing::Folded);
    let model = Model::new(setup).unwrap();
    let mut seen: HashSet<super::State> = HashSet::new();
    let mut queue = std::collections::VecDeque::new();
    for s in model.init_states() { seen.insert(s); queue.push_back(s); }
    let limit = 5_000_000;
    let mut actions = Vec::new();
    while let Some(s) = queue.pop_front() {
        if seen.len() > limit { break; }
        model.actions(&s, &mut actions);
        for a in actions.drain(..) { let t = model.next_state(&s, a).unwrap(); if seen.insert(t) { queue.push_back(t); } }
    }
    println!("states {}", seen.len());
    let mut count = |name: &str, f: &dyn Fn(&mut super::world::World)| {
        let n: HashSet<super::State> = seen.iter().map(|s| { let mut w = model.codec.unpack(s); f(&mut w); model.codec.pack(&w).0 }).collect();
        println!("{name:30} {:.2}", seen.len() as f64 / n.len() as f64);
    };
    use super::world::*;
    count("late", &|w| w.late = [None; LATE_MAX]);
    count("token_max", &|w| w.token_max = 0);
    count("left", &|w| w.left = Left::NOTHING);
    count("sent", &|w| for r in &mut w.replicas { r.memory.sent = None });
    count("fetched", &|w| for r in &mut w.replicas { r.memory.fetched = None });
    count("observed.at", &|w| for r in &mut w.replicas { if let Some(o) = &mut r.memory.observed { o.at = NOW } });
    count("observed", &|w| for r in &mut w.replicas { r.memory.observed = None });
    count("version", &|w| for r in &mut w.replicas { r.memory.version = None });
    count("attempt.started", &|w| for r in &mut w.replicas { if let Some(a) = &mut r.memory.attempt { a.basis.started.local = NOW } });
    count("attempt.sent", &|w| for r in &mut w.replicas { if let Some(a) = &mut r.memory.attempt { a.sent.local = NOW } });
    count("attempt.tried", &|w| for r in &mut w.replicas { if let Some(a) = &mut r.memory.attempt { a.basis.tried = None } });
    count("attempt", &|w| for r in &mut w.replicas { r.memory.attempt = None; r.link = Link::Idle });
    count("link", &|w| for r in &mut w.replicas { r.link = Link::Idle });
    count("term", &|w| for r in &mut w.replicas { r.memory.term = None });
    count("term.lead_until", &|w| for r in &mut w.replicas { if let Some(t) = &mut r.memory.term { t.lead_until = NOW } });
    count("term.quarantine", &|w| for r in &mut w.replicas { if let Some(t) = &mut r.memory.term { if let Stage::Quarantined{until} = &mut t.stage { *until = NOW } } });
    count("term.token", &|w| for r in &mut w.replicas { if let Some(t) = &mut r.memory.term { t.token.0 = 1 } });
    count("lease", &|w| w.lease = None);
    count("lease renewed", &|w| if let Some(l) = &mut w.lease { l.record.renewed = crate::core::WallTime::from_micros(7777) });
    count("transitions", &|w| { if let Some(l) = &mut w.lease { l.record.transitions = 0 } 
       for l in w.late.iter_mut().flatten() { l.record.transitions = 0 }
       for r in &mut w.replicas { if let Some(o) = &mut r.memory.observed { o.record.transitions = 0 } if let Some((f,_)) = &mut r.memory.fetched { f.transitions = 0 } 
          if let Link::Answered { result: Ok(crate::core::Reply::Read { record, .. }), .. } = &mut r.link { record.transitions = 0 }
          if let Some(a) = &mut r.memory.attempt { if let Some(t) = &mut a.basis.tried { t.transitions = 0 } if let Step::FastUpdate(r)|Step::Create(r)|Step::Update(r)|Step::ReleaseUpdate(r) = &mut a.step { r.transitions = 0 } } } });
    let mut kinds = std::collections::BTreeMap::new();
    for s in &seen { let w = model.codec.unpack(s); let k: Vec<String> = w.replicas[..2].iter().map(|r| format!("{:?} {} {}", r.process, format!("{:?}", r.memory.phase).split(' ').next().unwrap(), r.memory.attempt.map_or(String::new(), |a| format!("{:?}", a.step).split('(').next().unwrap().to_string()))).collect(); *kinds.entry(k).or_insert(0) += 1; }
    let mut kinds: Vec<_> = kinds.into_iter().collect(); kinds.sort_by_key(|k| -k.1);
    for (k, n) in kinds.iter().take(25) { println!("kind {n} {k:?}"); }
    let mut records = std::collections::BTreeMap::new();
    for s in &seen { let w = model.codec.unpack(s); let waiting = w.replicas[..2].iter().all(|r| matches!(r.memory.phase, Phase::Waiting{..})); if false && waiting { *records.entry(format!("{:?} | {:?} | {:?} late {:?} tok {}", w.lease.map(|l| (l.record.holder, l.record.transitions, l.record.renewed, l.version.resource_version)), w.replicas[0].memory, w.replicas[1].memory, w.late.iter().flatten().map(|l| (l.record.holder, l.expected.is_some(), l.record.transitions, l.record.renewed)).collect::<Vec<_>>(), w.token_max)).or_insert(0) += 1; } }
    for (i, (k, _)) in records.iter().enumerate() { if i % (records.len() / 40 + 1) == 0 { println!("w {}", k.replace("reported: IdentityId(0), requests: 0, ignored_responses: 0", "").replace("WallTime","").replace("IdentityId","").replace("Record ","").replace("until: t+never", "").replace("attempt: None,","").replace("State ","").replace("forgotten: None,","")); } }
    println!("waiting states {}", records.len());
    count("early", &|w| for r in &mut w.replicas { let fix = |t: &mut crate::core::LocalInstant| if (t.as_nanos()+1) % 5_000_000_000 == 0 { *t = *t + Span::from_nanos(1) };
         if let Some(o) = &mut r.memory.observed { fix(&mut o.at) } if let Some(t) = &mut r.memory.term { fix(&mut t.lead_until); if let Stage::Quarantined{until} = &mut t.stage { fix(until) } } if let Some(a) = &mut r.memory.attempt { fix(&mut a.sent.local); fix(&mut a.basis.started.local) } });
}
