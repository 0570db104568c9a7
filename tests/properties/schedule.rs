//! Random fault schedules, as scenarios.
//!
//! Every schedule stays within what `strict` assumes (see [`within_assumptions`]); about half of them are made
//! of faults at random, the others follow a plot that is known to be dangerous, with faults at random besides.

use std::collections::BTreeMap;

use leasehold::core::{self, Rules};
use leasehold::scenario::{
    Action, Choice, Clock, ClockBound, ClockRate, Delay, Draw, EditLease, ErrorRate, Event, Fault,
    HttpTimeout, Leg, Length, Link, LinkEffect, LinkFault, Links, Lose, Network, Node, Protocol, Rate,
    Restart, RuleChanges, Scenario, ServerError, SignedLength, StaleReads, StepWallClock, Storage,
    StorageWith, Throttle, Timings, Trigger, Verb, When, Who, Work, Yes,
};

use crate::dice::Dice;

/// The three durations in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Settings {
    ld: u32,
    rd: u32,
    rp: u32,
}

const fn seconds(ld: u32, rd: u32, rp: u32) -> Settings {
    Settings { ld: ld * 1000, rd: rd * 1000, rp: rp * 1000 }
}

const USUAL: [Settings; 4] = [seconds(15, 10, 2), seconds(5, 3, 1), seconds(8, 7, 2), seconds(12, 10, 2)];

/// Settings that leaseDurationSeconds cannot say, for replicas that differ in them.
const FRACTIONAL: [Settings; 3] = [
    Settings { ld: 2900, rd: 2500, rp: 500 },
    Settings { ld: 2000, rd: 1000, rp: 300 },
    Settings { ld: 1900, rd: 1800, rp: 400 },
];

fn ms(n: u32) -> Length {
    Length::millis(n)
}

fn fixed(n: u32) -> Draw {
    Draw::Fixed(ms(n))
}

fn node(name: u32) -> Who {
    Who::Node(format!("n{name}"))
}

/// A random schedule under plain `strict`.
pub(crate) fn schedule(seed: u64) -> Scenario {
    Generator::new(seed).scenario()
}

/// The same schedule under another protocol, with the settings that all have in common.
pub(crate) fn under(mut scenario: Scenario, protocol: Protocol) -> Scenario {
    scenario.protocol = Some(protocol);
    scenario.clock_bound = None;
    scenario
}

/// The same schedule under changed rules.
pub(crate) fn with_rules(mut scenario: Scenario, rules: &RuleChanges) -> Scenario {
    if *rules != RuleChanges::default() {
        scenario.rules = Some(rules.clone());
    }
    scenario
}

/// The same schedule with work that writes to a store of its own, and a pause between asking and writing.
pub(crate) fn with_work(mut scenario: Scenario, fenced: bool) -> Scenario {
    let pause = Fault::when_leading(Who::Any, Length::secs(5), Action::Pause(Who::Leader));
    scenario.faults.get_or_insert_default().push(pause.lasting(Length::secs(25)));
    scenario.work = Some(Work {
        every: Some(fixed(200)),
        think: Some(Draw::uniform(ms(0), ms(1_000))),
        latency: Some(Draw::uniform(ms(1), ms(50))),
        fenced: Some(fenced),
    });
    scenario
}

/// Whether `strict` promises anything about this schedule:
///
/// - no clock's rate errs by more than what each replica takes for the bound, and none stands still while its
///   machine is suspended;
/// - where replicas differ in their settings, nobody deletes the Lease, edits its duration or makes it anew: what a
///   quarantine waits for, and whoever reads a Lease that says nothing, is the own LeaseDuration;
/// - nobody sets the duration to the one second that only a release writes.
pub(crate) fn within_assumptions(scenario: &Scenario) -> bool {
    let bound = |given: Option<&ClockBound>| given.and_then(|b| b.rate_error_ppm).unwrap_or(1_000);
    let common = scenario.clock_bound.as_ref();
    let nodes = || scenario.nodes.iter().flat_map(BTreeMap::values);
    let least = nodes().map(|n| bound(n.clock_bound.as_ref().or(common))).fold(bound(common), u32::min);
    let good_rate = |rate: Option<i32>| rate.unwrap_or(0).unsigned_abs() <= least;
    let faults = scenario.faults.as_deref().unwrap_or_default();
    let good_clock = |clock: Option<&Clock>| good_rate(clock.and_then(|clock| clock.rate_ppm));
    // What is said of one replica's clock is laid over what is said of all.
    let keeps_running = scenario.clock.as_ref().is_some_and(|clock| clock.stops_in_suspend == Some(false))
        && nodes().all(|n| n.clock.as_ref().is_none_or(|clock| clock.stops_in_suspend != Some(true)));
    let mixed = nodes().any(|n| n.timings.is_some());
    good_clock(scenario.clock.as_ref())
        && nodes().all(|n| good_clock(n.clock.as_ref()))
        && faults.iter().all(|fault| match &fault.action {
            Action::ClockRate(rate) => good_rate(Some(rate.rate_ppm)),
            Action::Suspend(_) => keeps_running,
            Action::DeleteLease(_) | Action::RecreateLease(_) | Action::CreateLease(_) => !mixed,
            Action::EditLease(EditLease::SetDuration(length)) => {
                !mixed && length.resolve(&core::Timings::DEFAULT) >= 2_000_000_000
            }
            Action::EditLease(EditLease::Restore) => false,
            _ => true,
        })
}

struct Generator {
    dice: Dice,
    /// Which kinds of faults there are at all: schedules with few kinds of them go further than those with all.
    kinds: u64,
    settings: Settings,
    mixed: bool,
    replicas: u32,
    /// Until when a request is awaited; nothing for ever.
    timeout: Option<u32>,
    rate_error_ppm: u32,
    horizon: u32,
    faults: Vec<Fault>,
}

impl Generator {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let kinds = dice.next();
        let mixed = dice.percent(20);
        let rate_error_ppm = if !mixed && dice.percent(15) { dice.one_of(&[20_000, 60_000]) } else { 1_000 };
        let mut settings = dice.one_of(&USUAL);
        if rate_error_ppm > 1_000 {
            // As tight as the bound allows.
            let (rd, e) = (u64::from(settings.rd), u64::from(rate_error_ppm));
            settings.ld = (rd * (1_000_000 + e) / (1_000_000 - e)) as u32 + 2;
        }
        let timeout = match dice.below(4) {
            0 => None,
            1 => Some(settings.rd * 2),
            2 => Some(settings.rd / 4),
            _ => Some(settings.rd / 2),
        };
        Self {
            kinds,
            settings,
            mixed,
            replicas: dice.between(2, 4),
            timeout,
            rate_error_ppm,
            horizon: dice.between(60, 100) * 1000,
            faults: Vec::new(),
            dice,
        }
    }

    /// Whether this schedule has faults of this kind.
    fn has(&self, kind: u32) -> bool {
        self.kinds >> kind & 1 == 1
    }

    fn scenario(mut self) -> Scenario {
        let nodes = self.nodes();
        let plotted = self.dice.percent(60);
        if plotted {
            self.plot();
        }
        let more = if plotted { self.dice.below(3) } else { self.dice.between(1, 9) };
        for _ in 0..more {
            self.random_fault();
        }
        let (ld, rd, rp) = (ms(self.settings.ld), ms(self.settings.rd), ms(self.settings.rp));
        let bound = ClockBound { rate_error_ppm: Some(self.rate_error_ppm), margin: None };
        let restart =
            Restart { after: Some(fixed(self.dice.below(5_000))), new_identity: Some(self.dice.percent(50)) };
        Scenario {
            replicas: Some(self.replicas),
            protocol: Some(Protocol::Strict),
            timings: Some(Timings {
                lease_duration: Some(ld),
                renew_deadline: Some(rd),
                retry_period: Some(rp),
            }),
            http_timeout: Some(self.timeout.map_or(HttpTimeout::None, |t| HttpTimeout::After(ms(t)))),
            release_on_cancel: Some(self.dice.percent(70)),
            clock_bound: (self.rate_error_ppm != 1_000).then_some(bound),
            clock: Some(Clock { stops_in_suspend: Some(false), ..Clock::default() }),
            restart: self.dice.percent(60).then_some(restart),
            nodes: Some(nodes),
            faults: Some(std::mem::take(&mut self.faults)),
            crash_loses_requests: Some(self.dice.percent(50)),
            duration: Some(ms(self.horizon)),
            ..Scenario::default()
        }
    }

    fn nodes(&mut self) -> BTreeMap<String, Node> {
        let shared = self.dice.percent(20);
        let latency = self.dice.between(1, 50);
        (1..=self.replicas).map(|n| (format!("n{n}"), self.node(latency, shared))).collect()
    }

    fn node(&mut self, latency: u32, shared: bool) -> Node {
        let timings = self.mixed.then(|| {
            let Settings { ld, rd, rp } = self.dice.one_of(&FRACTIONAL);
            Timings { lease_duration: Some(ms(ld)), renew_deadline: Some(ms(rd)), retry_period: Some(ms(rp)) }
        });
        let e = self.rate_error_ppm as i32;
        let rate_ppm = match self.dice.below(4) {
            0 if self.has(2) => Some(e),
            1 if self.has(2) => Some(-e),
            2 if self.has(2) => Some(self.dice.around_zero(e)),
            _ => None,
        };
        let offset = self.dice.around_zero(100_000);
        let wall_offset = SignedLength { back: offset < 0, length: ms(offset.unsigned_abs()) };
        let clock = Clock { rate_ppm, wall_offset: self.has(3).then_some(wall_offset), ..Clock::default() };
        Node {
            identity: shared.then(|| "x".to_owned()),
            timings,
            start: Some(fixed(self.dice.below(5_000))),
            clock: (clock != Clock::default()).then_some(clock),
            drain: self.dice.percent(50).then(|| fixed(self.dice.below(12_000))),
            network: Some(Network::Links(Links {
                request: Some(self.link(latency)),
                response: Some(self.link(latency)),
                ..Links::default()
            })),
            ..Node::default()
        }
    }

    fn link(&mut self, latency: u32) -> Link {
        let wide = Draw::uniform(ms(latency), ms(latency * self.dice.between(2, 100)));
        let loss = Rate::from_ppm(self.dice.below(200_000));
        let duplicates = Rate::from_ppm(self.dice.below(500_000));
        Link {
            latency: Some(if self.dice.percent(70) { fixed(latency) } else { wide }),
            loss: (self.has(0) && self.dice.percent(20)).then_some(loss),
            duplicates: (self.has(1) && self.dice.percent(40)).then_some(duplicates),
        }
    }

    fn add(&mut self, at: u32, lasts: Option<u32>, action: Action) {
        // What comes after the end can never happen, and nothing lasts for no time.
        let fault = Fault::at(fixed(at.min(self.horizon - 1)), action);
        self.faults.push(match lasts {
            Some(lasts) => fault.lasting(fixed(lasts.max(1))),
            None => fault,
        });
    }

    fn link_fault(&mut self, who: Who, leg: Leg, effect: LinkEffect) -> LinkFault {
        // A response cannot be refused.
        let leg = if leg == Leg::Response && effect == LinkEffect::Refuse { Leg::Request } else { leg };
        LinkFault { who, leg, effect, verb: None, count: None, applied_after_cancel: self.dice.percent(50) }
    }

    /// No way to the server for whomever it is.
    fn cut(&mut self, who: Who) -> Action {
        let effect = self.dice.one_of(&[LinkEffect::Hang, LinkEffect::Drop, LinkEffect::Refuse]);
        Action::Link(self.link_fault(who, Leg::Both, effect))
    }

    fn random_fault(&mut self) {
        let Settings { ld, .. } = self.settings;
        let who =
            if self.dice.percent(40) { node(self.dice.between(1, self.replicas + 1)) } else { Who::Leader };
        let action = self.random_action(who);
        let fault = if self.dice.percent(60) {
            Fault::at(fixed(self.dice.below(self.horizon - 1)), action)
        } else {
            let when = When {
                event: Event::Leading(Who::Any),
                delay: Some(fixed(self.dice.below(20_000))),
                nth: Some(self.dice.between(1, 3)),
            };
            Fault::new(Trigger::When(when), action)
        };
        let lasts = fixed(self.dice.between(1, 2 * ld));
        self.faults.push(if fault.action.lasts() { fault.lasting(lasts) } else { fault });
    }

    fn random_action(&mut self, who: Who) -> Action {
        let Settings { ld, .. } = self.settings;
        let leg = self.dice.one_of(&[Leg::Request, Leg::Response, Leg::Both]);
        let count = self.dice.percent(50).then(|| self.dice.between(1, 4));
        match self.dice.below(18) {
            0 => Action::Crash(who),
            1 => Action::Terminate(who),
            2 if self.dice.percent(50) => Action::Suspend(who),
            2 => Action::Pause(who),
            3 | 4 => Action::Link(self.link_fault(who, leg, LinkEffect::Hang)),
            5 => Action::Link(LinkFault { count, ..self.link_fault(who, leg, LinkEffect::Drop) }),
            6 => {
                let by = Draw::uniform(ms(0), ms(self.dice.between(1, 2 * ld)));
                Action::Link(LinkFault { count, ..self.link_fault(who, leg, LinkEffect::Delay(by)) })
            }
            7 => Action::Link(self.link_fault(who, leg, LinkEffect::Duplicate(Rate::from_ppm(500_000)))),
            8 | 9 if self.has(4) && !self.mixed => Action::DeleteLease(Yes),
            10 if self.has(4) && !self.mixed => {
                self.dice.one_of(&[Action::RecreateLease(Yes), Action::CreateLease(Yes)])
            }
            11 if self.has(5) => Action::EditLease(self.random_edit()),
            12 => {
                let by = self.dice.around_zero(30_000);
                let by = SignedLength { back: by < 0, length: ms(by.unsigned_abs()) };
                Action::StepWallClock(StepWallClock { who, by })
            }
            13 if self.has(2) => {
                let rate_ppm = self.dice.around_zero(self.rate_error_ppm as i32);
                Action::ClockRate(ClockRate { who, rate_ppm })
            }
            14 if self.has(6) => self.server_trouble(),
            15 if self.has(6) => Action::ServerStale(StaleReads {
                rate: Some(Rate::from_ppm(self.dice.between(100_000, 1_000_001))),
                lag: Draw::uniform(ms(0), ms(self.dice.between(1, 2 * ld))),
            }),
            16 if self.has(7) => {
                let period = self.dice.between(50, 2_000);
                let stopped = ms(self.dice.between(1, period));
                Action::Throttle(Throttle { who, period: ms(period), stopped })
            }
            _ => Action::ServerErrors(ErrorRate {
                error: self.dice.one_of(&[
                    ServerError::Internal,
                    ServerError::GatewayTimeout,
                    ServerError::Silence,
                ]),
                rate: Rate::from_ppm(self.dice.below(800_000)),
                writes_only: self.dice.percent(50),
                applied: self.dice.percent(50),
            }),
        }
    }

    fn random_edit(&mut self) -> EditLease {
        match self.dice.below(5) {
            0 => EditLease::SetHolder("somebody".to_owned()),
            1 => EditLease::ClearHolder,
            2 => EditLease::SetHolder("n1".to_owned()),
            3 if !self.mixed => EditLease::SetDuration(Length::secs(self.dice.between(2, 30))),
            _ => EditLease::Annotate,
        }
    }

    fn server_trouble(&mut self) -> Action {
        match self.dice.below(4) {
            0 => Action::ServerDown(Yes),
            1 => Action::StorageWithoutLeader(Storage::With(StorageWith { applied: self.dice.percent(50) })),
            _ => Action::ServerSlow(Draw::uniform(ms(0), ms(self.dice.between(1, self.settings.ld)))),
        }
    }

    /// A story that goes wrong where a rule is missing, with its moments drawn anew.
    fn plot(&mut self) {
        // Somebody leads by then, even after a quarantine.
        let start = self.settings.ld + self.dice.between(8_000, 14_000);
        match self.dice.below(if self.mixed { 4 } else { 8 }) {
            0 => self.cut_off(start),
            1 => self.late_answer(start),
            2 => self.lost_answer(start),
            3 => self.lost_takeover(start),
            4 | 5 => self.two_deletions(start),
            6 => self.shorter_duration(start),
            _ => self.deleted_while_cut_off(start),
        }
    }

    /// The leader cannot reach the server for a while.
    fn cut_off(&mut self, start: u32) {
        let Settings { ld, rd, .. } = self.settings;
        let cut = self.cut(Who::Leader);
        let lasts = self.dice.between(rd / 2, 2 * ld);
        self.add(start, Some(lasts), cut);
    }

    /// The answer to a renewal is late, and then the leader is cut off.
    fn late_answer(&mut self, start: u32) {
        let Settings { ld, rd, rp } = self.settings;
        let by = self.dice.between(rd / 4, rd);
        let delay = Delay {
            who: Who::Leader,
            leg: Leg::Response,
            by: fixed(by),
            verb: Some(Verb::Update),
            count: 1,
            applied_after_cancel: false,
        };
        self.add(start, Some(rp + 1_000), Action::Delay(delay));
        let cut = self.cut(Who::Leader);
        let at = start + by + self.dice.below(2 * rp);
        self.add(at, Some(2 * ld), cut);
    }

    /// The answer to a renewal is lost; the leader tries again, succeeds, and is cut off.
    fn lost_answer(&mut self, start: u32) {
        let Settings { ld, rp, .. } = self.settings;
        let lose = Lose { who: Who::Leader, leg: Leg::Response, verb: Some(Verb::Update), count: 1 };
        self.add(start, Some(rp + 1_000), Action::Lose(lose));
        let cut = self.cut(Who::Leader);
        let at = start + self.timeout.unwrap_or(rp) + self.dice.below(rp + 500);
        self.add(at, Some(2 * ld), cut);
    }

    /// The leader is gone; whoever takes over is not told, and then cannot write.
    fn lost_takeover(&mut self, start: u32) {
        let Settings { ld, rp, .. } = self.settings;
        self.add(start, None, Action::Crash(Who::Leader));
        let lose = Lose { who: Who::All, leg: Leg::Response, verb: Some(Verb::Update), count: 1 };
        self.add(start + ld / 2, Some(ld), Action::Lose(lose));
        let who =
            if self.dice.percent(50) { Who::All } else { node(self.dice.between(1, self.replicas + 1)) };
        let silent = LinkFault {
            verb: Some(Verb::Update),
            applied_after_cancel: false,
            ..self.link_fault(who, Leg::Request, LinkEffect::Drop)
        };
        let at = start + ld - rp + self.dice.below(3 * rp);
        let lasts = self.dice.between(ld / 2, ld);
        self.add(at, Some(lasts), Action::Link(silent));
    }

    /// The leader is cut off while the Lease is deleted and made anew by another, which is cut off in turn while
    /// it is deleted again: the first finds no Lease when it comes back.
    fn two_deletions(&mut self, start: u32) {
        let Settings { ld, rd, rp } = self.settings;
        let refuse = Action::Link(self.link_fault(Who::Leader, Leg::Both, LinkEffect::Refuse));
        let back = self.dice.between(ld.saturating_sub(rd).min(rd - rp / 2), rd);
        self.add(start, Some(back), refuse);
        let deleted = start + self.dice.below(500);
        self.add(deleted, None, Action::DeleteLease(Yes));
        let second = start + back - self.dice.below(back.min(600));
        let cut = self.cut(Who::Followers);
        self.add(second, Some(2 * ld), cut);
        let gone = second + self.dice.below(200);
        self.add(gone, None, Action::DeleteLease(Yes));
    }

    /// Somebody writes a shorter duration into the Lease, and the leader is cut off.
    fn shorter_duration(&mut self, start: u32) {
        let Settings { ld, rp, .. } = self.settings;
        let cut = self.cut(Who::Leader);
        self.add(start, Some(2 * ld), cut);
        let at = start + self.dice.below(rp);
        let shorter = self.dice.between(2, (ld / 1000).max(3));
        self.add(at, None, Action::EditLease(EditLease::SetDuration(Length::secs(shorter))));
    }

    /// The leader is cut off, and the Lease deleted.
    fn deleted_while_cut_off(&mut self, start: u32) {
        let Settings { ld, rd, .. } = self.settings;
        let cut = self.cut(Who::Leader);
        self.add(start, Some(2 * ld), cut);
        let at = start + self.dice.below(rd);
        self.add(at, None, Action::DeleteLease(Yes));
    }
}

/// A rule of `strict` that was changed.
pub(crate) struct Mistake {
    pub(crate) rule: &'static str,
    pub(crate) value: String,
    pub(crate) rules: RuleChanges,
}

/// Every rule of `strict` with client-go's value; with renew-time's, where client-go's is the same.
pub(crate) fn mistakes() -> Vec<Mistake> {
    let mut all = Vec::new();
    macro_rules! flip {
        ($($rule:ident)*) => {
            // Names every rule: one that is added must be added here.
            let Rules { $($rule),* } = Rules::STRICT;
            $({
                let theirs = [Rules::CLIENT_GO.$rule, Rules::RENEW_TIME.$rule];
                // Some tell only releases of client-go apart.
                if let Some(value) = theirs.into_iter().find(|value| *value != $rule) {
                    let rules = RuleChanges { $rule: Some(Choice(value)), ..RuleChanges::default() };
                    let value = format!("{value:?}");
                    all.push(Mistake { rule: stringify!($rule), value, rules });
                }
            })*
        };
    }
    flip! {
        expiry deadline_from stop_when other_holder missing_while_leading missing_while_candidate wait no_holder
        own_name lost_response release cancel_work content renew_time written_duration poll first_try ticks
        release_within
    }
    all
}
