//! What becomes of a world when something happens. The electors are the shipped ones; here is only what surrounds them.

use super::action::{Action, Edit, Witness};
use super::assume::{Drain, Walls};
use super::setup::{Question, Setup, Timing};
use super::world::{
    Broken, LATE_MAX, LateWrite, Lease, Left, Link, MARKS, NOW, Origin, Process, Replica, STRANGER, World,
    spend,
};
use crate::core::rules::{Content, Expiry, NoHolder, OwnName, RenewTime};
use crate::core::state::{Observed, Phase, Stage, State as Memory, Step};
use crate::core::{
    Elector, Event, Failure, FencingToken, Identity, IdentityId, Input, LocalInstant, Op, Output, Reading,
    Record, Reply, Span, Version, WallTime,
};

/// Hears what happens, to tell it later.
pub(super) trait Listener {
    fn witness(&mut self, _: Witness) {}
    fn sent(&mut self, _replica: usize, _request: u32, _op: Op) {}
    fn decided(&mut self, _of: Origin, _op: &Op, _result: Result<Reply, Failure>) {}
    fn event(&mut self, _replica: usize, _event: Event) {}
    fn ended(&mut self, _replica: usize) {}
    /// After so many ticks without a leader somebody leads.
    fn took(&mut self, _ticks: u16) {}
}

/// A round that somebody won: nothing that comes after it is asked for.
pub(super) const ANSWERED: u16 = u16::MAX - 1;

pub(super) struct Rules<'s, L> {
    pub(super) setup: &'s Setup,
    pub(super) listener: &'s mut L,
}

impl<L: Listener> Rules<'_, L> {
    pub(super) fn apply(&mut self, w: &mut World, action: Action) {
        if let Some(witness) = action.witness() {
            self.listener.witness(witness);
            w.quiet = false;
        }
        match action {
            Action::Start { replica, ahead } => self.start(w, usize::from(replica), ahead),
            Action::Wake { replica } => self.wake(w, usize::from(replica)),
            Action::GiveUp { replica } => self.give_up_waiting(w, usize::from(replica)),
            Action::Choose { replica, ticks, early } => {
                let span = Span::from_nanos(self.setup.tick.as_nanos() * u64::from(ticks) - u64::from(early));
                self.feed(
                    w,
                    usize::from(replica),
                    self.reading(w, usize::from(replica), NOW),
                    Input::Choice(span),
                );
            }
            Action::Arrive { replica } => self.arrive(w, usize::from(replica)),
            Action::Fetch { replica } => {
                self.arrive(w, usize::from(replica));
                self.answer(w, usize::from(replica));
            }
            Action::FetchTwice { replica } => {
                self.arrive_twice(w, usize::from(replica));
                self.answer(w, usize::from(replica));
            }
            Action::Unheard { replica } => {
                self.arrive(w, usize::from(replica));
                self.give_up_waiting(w, usize::from(replica));
            }
            Action::EndRight { replica } => {
                let index = usize::from(replica);
                if let Some(term) = &mut w.replicas[index].memory.term {
                    term.lead_until = NOW;
                }
                self.feed(w, index, self.reading(w, index, NOW), Input::Wake);
            }
            Action::ArriveTwice { replica } => self.arrive_twice(w, usize::from(replica)),
            Action::Answer { replica } => self.answer(w, usize::from(replica)),
            Action::Lose { replica } => {
                spend(&mut w.left.loss);
                w.replicas[usize::from(replica)].link = Link::Lost;
            }
            Action::LateWrite { at } => self.late_write(w, usize::from(at)),
            Action::WorkStopped { replica } => {
                let index = usize::from(replica);
                self.feed(w, index, self.reading(w, index, NOW), Input::WorkStopped);
            }
            Action::Crash { replica } => self.crash(w, usize::from(replica)),
            Action::Stop { replica } => {
                spend(&mut w.left.stops);
                let index = usize::from(replica);
                self.feed(w, index, self.reading(w, index, NOW), Input::Shutdown);
            }
            Action::Pause { replica } => {
                spend(&mut w.left.pauses);
                w.replicas[usize::from(replica)].paused = Some(0);
            }
            Action::Resume { replica } => w.replicas[usize::from(replica)].paused = None,
            Action::StepWall { replica } => {
                spend(&mut w.left.wall_steps);
                w.replicas[usize::from(replica)].wall_ahead ^= true;
            }
            Action::Delete => {
                spend(&mut w.left.deletions);
                w.lease = None;
                w.next_version += 1;
            }
            Action::Edit(edit) => self.edit(w, edit),
            Action::Pass { ticks, clocks } => self.pass(w, ticks, clocks),
        }
        if self.setup.timing == Timing::Folded {
            self.fold(w);
        }
        w.broken.0 &= self.setup.properties.0;
        w.quiet &= self.setup.properties.0 & Broken::NO_CAUSE != 0;
        w.prune(self.setup);
    }

    fn identity(index: usize) -> Identity {
        Identity { id: IdentityId(index as u16 + 1), incarnation: (MARKS as u32) + index as u32 * 16 }
    }

    fn elector(&self, w: &World, index: usize) -> Elector {
        Elector::remembering(*self.setup.config_of(index), Self::identity(index), w.replicas[index].memory)
    }

    pub(super) fn reading(&self, w: &World, index: usize, local: LocalInstant) -> Reading {
        let wall = match self.setup.assumptions.walls {
            Walls::Within { offset, .. } if w.replicas[index].wall_ahead => w.wall + offset,
            _ => w.wall,
        };
        Reading { local, wall }
    }

    /// One input to an elector, and everything that it asks for in return.
    fn feed(&mut self, w: &mut World, index: usize, reading: Reading, input: Input) {
        let waited_for = w.replicas[index].awaited();
        let mut elector = self.elector(w, index);
        elector.handle(reading, input);
        let (mut stopped, mut chooses) = (false, false);
        while let Some(output) = elector.poll_output() {
            match output {
                Output::Request { op, .. } => {
                    let replica = &mut w.replicas[index];
                    replica.link = Link::Asked { waited: 0, delayed: false };
                    replica.origin =
                        Origin { replica: index as u8, request: replica.origin.request + 1, arrivals: 0 };
                    self.listener.sent(index, replica.origin.request, op);
                }
                Output::Abandon { .. } => self.give_up(w, index, waited_for.map(|(_, op)| op)),
                Output::Choose { .. } => chooses = true,
                Output::Event(event) => {
                    self.listener.event(index, event);
                    match event {
                        Event::StartedLeading { token } => self.term_begins(w, index, token),
                        Event::StoppedLeading { .. } => stopped = true,
                        _ => {}
                    }
                }
            }
        }
        w.replicas[index].memory = *elector.memory();
        if self.setup.rules_of(index).content == Content::Seconds {
            // Marks are renamed, so that whole seconds must not tell them apart.
            w.replicas[index].memory.forgotten = None;
        }
        if stopped && self.setup.assumptions.drain == Drain::AtOnce {
            return self.feed(w, index, reading, Input::WorkStopped);
        }
        if chooses && self.setup.timing != Timing::Exact {
            return self.feed(w, index, reading, Input::Choice(Span::ZERO));
        }
        let may_act = elector.acts_until().is_some();
        if elector.has_returned() && !may_act {
            self.end(w, index);
        } else if self.setup.timing != Timing::Exact {
            free_timers(&mut w.replicas[index].memory);
        }
        // A candidate that reads in vain may as well not have read.
        let replica = &w.replicas[index];
        if self.setup.timing == Timing::Folded && replica.memory.term.is_none() && replica.is_reading() {
            self.arrive(w, index);
            self.answer(w, index);
        }
    }

    /// A candidate that reads what is new at once can do later whatever one can that reads it later: it has waited longer.
    /// Where reading would make it write, it is left to choose.
    fn reads_in_passing(&self, w: &World, index: usize) -> bool {
        let replica = &w.replicas[index];
        let m = &replica.memory;
        let waits = replica.awake()
            && replica.into_tick == 0
            && m.term.is_none()
            && matches!(m.phase, Phase::Waiting { .. });
        let Some(lease) = w.lease.filter(|_| waits) else { return false };
        let rules = self.setup.rules_of(index);
        let me = IdentityId(index as u16 + 1);
        let free = !lease.record.holder.is_somebody()
            && (rules.no_holder == NoHolder::Free || lease.record.has_release_shape());
        let content = match rules.content {
            Content::Seconds => (lease.record.cut_to_seconds(), 0),
            Content::Exact => (lease.record, lease.version.uid),
        };
        let own = |record: &Record| m.is_mine(me, rules.own_name, record);
        let remembers_own = m.observed.is_some_and(|observed| own(&observed.record));
        !free && !own(&lease.record) && !remembers_own && m.fetched != Some(content)
    }

    /// Sets what folded timing makes the same to one value.
    fn fold(&mut self, w: &mut World) {
        let stored = w.lease.map(|lease| lease.version);
        for index in 0..self.setup.replicas {
            if !w.replicas[index].runs() || w.replicas[index].memory.term.is_some() {
                continue;
            }
            let me = IdentityId(index as u16 + 1);
            let m = &mut w.replicas[index].memory;
            let Some(observed) = m.observed else { continue };
            if m.attempt.is_none() && m.is_mine(me, self.setup.rules_of(index).own_name, &observed.record) {
                // Its own record is renewed without a look at it, or after one: that is the same.
                m.observed = Some(Observed { at: NOW, ..observed });
                if m.version != stored {
                    // It will read what is stored before it writes, and that counts as new or is its own still.
                    m.observed = None;
                    m.fetched = None;
                    m.version = None;
                }
            }
        }
        for index in 0..self.setup.replicas {
            if self.reads_in_passing(w, index) {
                self.wake(w, index);
            }
        }
        let unmarked = |rules: &crate::core::Rules| {
            rules.own_name != OwnName::MineIfSent || rules.renew_time != RenewTime::Increasing
        };
        if !self.setup.any_rules(unmarked) {
            // acquireTime and renewTime name each write: leaseTransitions tell no two apart.
            for_each_record(w, |record| record.transitions = 0);
        }
    }

    fn end(&mut self, w: &mut World, index: usize) {
        let replica = &mut w.replicas[index];
        let kept = Replica {
            starts: replica.starts,
            origin: replica.origin,
            into_tick: replica.into_tick,
            ..Replica::NEW
        };
        *replica = Replica { process: Process::Ended, ..kept };
        self.listener.ended(index);
    }

    /// Its request may be on the way yet.
    fn give_up(&self, w: &mut World, index: usize, op: Option<Op>) {
        let replica = &mut w.replicas[index];
        let link = core::mem::replace(&mut replica.link, Link::Idle);
        let (Link::Asked { .. }, Some(op)) = (link, op) else { return };
        let (record, expected) = match op {
            Op::Get => return,
            Op::Create(record) => (record, None),
            Op::Update { record, expected } => (record, Some(expected)),
        };
        let origin = replica.origin;
        self.keep_late(w, LateWrite { record, expected, origin });
    }

    fn keep_late(&self, w: &mut World, late: LateWrite) {
        if w.left.late_writes == 0 {
            return;
        }
        w.prune(self.setup);
        // In the order of giving up, so that a state can tell them by it.
        let mut all = w.late.into_iter().flatten().chain([late]);
        let mut kept = [None; LATE_MAX];
        kept.iter_mut().for_each(|slot| *slot = all.next());
        assert!(all.next().is_none(), "more than {LATE_MAX} late writes that matter");
        w.late = kept;
    }

    fn start(&mut self, w: &mut World, index: usize, ahead: bool) {
        if w.replicas[index].process == Process::Ended {
            spend(&mut w.left.restarts);
            self.listener.witness(Witness::Restarted);
            w.quiet = false;
            self.disown(w, index);
        }
        let replica = &mut w.replicas[index];
        let kept = Replica { origin: replica.origin, starts: replica.starts + 1, ..Replica::NEW };
        *replica = Replica { process: Process::Runs, wall_ahead: ahead, ..kept };
        self.feed(w, index, self.reading(w, index, NOW), Input::Start);
    }

    /// What an earlier process of this replica wrote bears that process's mark, or its identity.
    fn disown(&self, w: &mut World, index: usize) {
        let first = MARKS + index as i64 * 16;
        let me = IdentityId(index as u16 + 1);
        let new_identity = self.setup.assumptions.new_identity;
        let age = |record: &mut Record| {
            let mark = record.acquired.as_micros();
            if (first..first + 15).contains(&mark.rem_euclid(1_000_000)) {
                record.acquired = WallTime::from_micros(mark + 1);
            }
            if new_identity && record.holder == me {
                record.holder = STRANGER;
            }
        };
        for_each_record(w, age);
    }

    fn wake(&mut self, w: &mut World, index: usize) {
        if self.setup.timing != Timing::Exact {
            bring_timers_forward(&mut w.replicas[index].memory);
        }
        let at = if self.was_due_just_before(w, index) { NOW - Span::from_nanos(1) } else { NOW };
        self.feed(w, index, self.reading(w, index, at), Input::Wake);
    }

    /// A timer that was due a moment ago is handled then.
    fn was_due_just_before(&self, w: &World, index: usize) -> bool {
        let due = self.elector(w, index).next_wake();
        due.is_some_and(|(due, _)| due < NOW && NOW.since(due) == Span::from_nanos(1))
    }

    /// Whether an action happens a nanosecond before the tick that it is told of.
    pub(super) fn is_early(&self, w: &World, action: Action) -> bool {
        match action {
            Action::Wake { replica } => self.was_due_just_before(w, usize::from(replica)),
            Action::Answer { replica } => {
                self.setup.timing == Timing::Exact && self.has_deadline_now(w, usize::from(replica))
            }
            _ => false,
        }
    }

    fn give_up_waiting(&mut self, w: &mut World, index: usize) {
        if let Some(attempt) = &mut w.replicas[index].memory.attempt {
            attempt.deadline = Some(NOW);
        }
        self.feed(w, index, self.reading(w, index, NOW), Input::Wake);
    }

    fn arrive(&mut self, w: &mut World, index: usize) {
        let Some((_, op)) = w.replicas[index].awaited() else { return };
        let result = self.decide(w, &op);
        w.replicas[index].origin.arrivals += 1;
        self.listener.decided(w.replicas[index].origin, &op, result);
        w.replicas[index].link = Link::Answered { result, waited: 0, delayed: false };
    }

    fn arrive_twice(&mut self, w: &mut World, index: usize) {
        spend(&mut w.left.duplication);
        self.arrive(w, index);
        self.arrive(w, index);
        if let Some((_, Op::Create(record))) = w.replicas[index].awaited() {
            // A third copy of a create may come yet, when the Lease is gone again.
            let origin = w.replicas[index].origin;
            self.keep_late(w, LateWrite { record, expected: None, origin });
        }
    }

    fn answer(&mut self, w: &mut World, index: usize) {
        let link = core::mem::replace(&mut w.replicas[index].link, Link::Idle);
        let (Link::Answered { result, .. }, Some((id, _))) = (link, w.replicas[index].awaited()) else {
            return;
        };
        if !self.has_deadline_now(w, index) {
            return self.feed(w, index, self.reading(w, index, NOW), Input::Response { id, result });
        }
        // An answer that comes at the instant of a deadline may come just before it.
        if self.setup.timing == Timing::Exact {
            let just_before = NOW - Span::from_nanos(1);
            return self.feed(w, index, self.reading(w, index, just_before), Input::Response { id, result });
        }
        // Without the nanosecond: the deadline is put off while the answer is handled, and is due after it.
        let put_off = NOW + Span::from_nanos(1);
        if let Some(term) = &mut w.replicas[index].memory.term {
            term.lead_until = put_off;
        }
        self.feed(w, index, self.reading(w, index, NOW), Input::Response { id, result });
        if let Some(term) = &mut w.replicas[index].memory.term
            && term.lead_until == put_off
        {
            term.lead_until = NOW;
        }
    }

    /// Whether a deadline of the replica's elector is now, or was a moment ago.
    fn has_deadline_now(&self, w: &World, index: usize) -> bool {
        use crate::core::WakeReason::{LeadDeadline, RequestDeadline};
        let next = self.elector(w, index).next_wake();
        next.is_some_and(|(at, reason)| at == NOW && matches!(reason, LeadDeadline | RequestDeadline))
    }

    fn late_write(&mut self, w: &mut World, at: usize) {
        let Some(late) = w.late[at] else { return };
        if late.expected.is_some() || !w.late_create_stays() {
            w.late[at] = None;
        }
        spend(&mut w.left.late_writes);
        let op = match late.expected {
            None => Op::Create(late.record),
            Some(expected) => Op::Update { record: late.record, expected },
        };
        let result = self.decide(w, &op);
        self.listener.decided(Origin { arrivals: late.origin.arrivals + 1, ..late.origin }, &op, result);
    }

    /// The server's answer: the semantics of `store`, for one Lease.
    fn decide(&mut self, w: &mut World, op: &Op) -> Result<Reply, Failure> {
        match (op, w.lease) {
            (Op::Get, None) => Err(Failure::NotFound),
            // It names the uid of a Lease that is gone.
            (Op::Update { .. }, None) => Err(Failure::Conflict),
            (Op::Get, Some(Lease { record, version })) => Ok(Reply::Read { record, version }),
            (Op::Create(record) | Op::Update { record, .. }, _) if record.duration_s <= 0 => {
                Err(Failure::Invalid)
            }
            (Op::Create(_), Some(_)) => Err(Failure::AlreadyExists),
            (Op::Create(record), None) => {
                let version = Version { uid: w.next_uid, resource_version: w.next_version };
                w.next_uid += 1;
                w.next_version += 1;
                w.lease = Some(Lease { record: *record, version });
                Ok(Reply::Written { version })
            }
            (Op::Update { expected, .. }, Some(lease)) if *expected != lease.version => {
                Err(Failure::Conflict)
            }
            (Op::Update { record, .. }, Some(lease)) if *record == lease.record => {
                Ok(Reply::Written { version: lease.version })
            }
            (Op::Update { record, .. }, Some(lease)) => {
                // What nobody recognises any more bears no holder to go by.
                let hand_over = record.holder.is_somebody()
                    && record.holder != STRANGER
                    && lease.record.holder.is_somebody()
                    && record.holder != lease.record.holder;
                let folded = self.setup.timing == Timing::Folded;
                if hand_over && !folded && record.transitions != lease.record.transitions + 1 {
                    w.broken.set(Broken::STORE);
                }
                let version = Version { resource_version: w.next_version, ..lease.version };
                w.next_version += 1;
                w.lease = Some(Lease { record: *record, version });
                Ok(Reply::Written { version })
            }
        }
    }

    fn edit(&mut self, w: &mut World, edit: Edit) {
        let Some(lease) = &mut w.lease else { return };
        let only_metadata = edit == Edit::Metadata && w.left.metadata_edits > 0;
        spend(if only_metadata { &mut w.left.metadata_edits } else { &mut w.left.spec_edits });
        lease.record = edited(&lease.record, edit);
        lease.version.resource_version = w.next_version;
        w.next_version += 1;
    }

    fn crash(&mut self, w: &mut World, index: usize) {
        spend(&mut w.left.crashes);
        let op = w.replicas[index].awaited().map(|(_, op)| op);
        self.give_up(w, index, op);
        self.end(w, index);
        if matches!(self.setup.question, Question::Failover { .. }) {
            w.left = Left::NOTHING;
            w.leaderless = Some(0);
        }
    }

    fn term_begins(&mut self, w: &mut World, index: usize, token: FencingToken) {
        let led_before = w.token_max != 0;
        self.listener.witness(if led_before { Witness::LeadsAgain } else { Witness::Leads });
        if led_before && w.quiet {
            w.broken.set(Broken::NO_CAUSE);
        }
        if token.0 <= w.token_max {
            w.broken.set(Broken::TOKEN_ORDER);
        }
        // Whoever still holds a token that is not smaller could write after this term has.
        let holds = |replica: &Replica| {
            let has_begun = replica.memory.term.filter(|term| !term.is_quarantined());
            replica.runs() && has_begun.is_some_and(|term| term.token >= token)
        };
        if w.replicas.iter().enumerate().any(|(other, replica)| other != index && holds(replica)) {
            w.broken.set(Broken::STALE_WRITE);
        }
        w.token_max = w.token_max.max(token.0);
        if let Some(ticks) = w.leaderless {
            self.listener.took(ticks);
            w.leaderless = Some(ANSWERED);
        }
    }

    fn pass(&mut self, w: &mut World, ticks: u16, clocks: u8) {
        if (0..self.setup.replicas)
            .filter(|&index| self.setup.counts(index) && self.setup.acts(w, index))
            .count()
            > 1
        {
            w.broken.set(Broken::TWO_LEADERS);
        }
        if (0..self.setup.replicas).any(|index| self.acts_on(w, index)) {
            w.broken.set(Broken::ACTS_ON);
        }
        let oversleeps = |index: usize| w.replicas[index].runs() && self.setup.is_due(w, index);
        if self.setup.may_oversleep() && (0..self.setup.replicas).any(oversleeps) {
            self.listener.witness(Witness::Paused);
            w.quiet = false;
        }
        self.messages_wait(w, ticks);
        let rate = self.setup.has_rate_error();
        let back = Span::from_nanos(self.setup.tick.as_nanos() * if rate { 1 } else { u64::from(ticks) });
        for (index, replica) in w.replicas[..self.setup.replicas].iter_mut().enumerate() {
            if let Some(paused) = &mut replica.paused
                && self.setup.assumptions.pauses.longest.is_some()
            {
                *paused = paused.saturating_add(ticks);
            }
            let reaches_tick = !rate || clocks & 1 << index != 0;
            if reaches_tick && replica.runs() {
                replica.memory = replica.memory.shifted_back(back);
            }
            if rate {
                replica.into_tick = if reaches_tick { 0 } else { replica.into_tick + 1 };
            }
        }
        if rate && clocks.count_ones() == 1 {
            self.listener.witness(Witness::ClocksApart);
        }
        if self.asks_for_the_wall_clock(w) {
            w.wall = w.wall + Span::from_nanos(self.setup.tick.as_nanos() * u64::from(ticks));
        }
        if let (Some(since), Question::Failover { at_most }) = (&mut w.leaderless, self.setup.question) {
            *since += ticks;
            if *since > at_most {
                w.broken.set(Broken::TOO_LONG);
            }
        }
    }

    /// Whether a replica acts for a while though the last record that it saw is not its own.
    fn acts_on(&self, w: &World, index: usize) -> bool {
        let replica = &w.replicas[index];
        let m = &replica.memory;
        let acts = m.term.is_some_and(|term| term.stage == Stage::Acting && term.lead_until > NOW);
        let me = IdentityId(index as u16 + 1);
        let own = |observed: Observed| m.is_mine(me, self.setup.rules_of(index).own_name, &observed.record);
        replica.awake() && acts && m.observed.is_some_and(|observed| !own(observed))
    }

    /// Once the leader is gone, the next write is the last that is looked at: whether it falls into the same second as
    /// an earlier one does not matter.
    fn asks_for_the_wall_clock(&self, w: &World) -> bool {
        let by_wall_clock = self.setup.any_rules(|rules| rules.expiry == Expiry::WallClock);
        self.setup.assumptions.walls != Walls::Anything && (w.leaderless.is_none() || by_wall_clock)
    }

    fn messages_wait(&mut self, w: &mut World, ticks: u16) {
        for replica in &mut w.replicas {
            let asleep = replica.paused.is_some();
            match &mut replica.link {
                Link::Asked { waited, delayed } => {
                    if !*delayed {
                        spend(&mut w.left.request_delay);
                        *delayed = w.left.request_delay != super::assume::FREE;
                        self.listener.witness(Witness::RequestDelayed);
                    }
                    if self.setup.assumptions.request_delay.longest.is_some() {
                        *waited = waited.saturating_add(ticks);
                    }
                    w.quiet = false;
                }
                Link::Answered { waited, delayed, .. } if !asleep => {
                    if !*delayed {
                        spend(&mut w.left.response_delay);
                        *delayed = w.left.response_delay != super::assume::FREE;
                        self.listener.witness(Witness::ResponseDelayed);
                    }
                    if self.setup.assumptions.response_delay.longest.is_some() {
                        *waited = waited.saturating_add(ticks);
                    }
                    w.quiet = false;
                }
                _ => {}
            }
        }
    }
}

/// A Lease after an edit.
pub(super) fn edited(record: &Record, edit: Edit) -> Record {
    let mut record = *record;
    match edit {
        Edit::Metadata => {}
        Edit::ClearHolder => record.holder = IdentityId::NOBODY,
        Edit::Stranger => record.holder = STRANGER,
        Edit::Holder { replica } => record.holder = IdentityId(u16::from(replica) + 1),
        Edit::Shorten => record.duration_s = 1,
    }
    record
}

/// Timing whose time does not matter: they are brought forward when one of them fires.
fn free_timers(m: &mut Memory) {
    match &mut m.phase {
        Phase::Waiting { until: t } | Phase::Resting { until: t } | Phase::Renewing { next_tick: t } => {
            *t = LocalInstant::FAR_FUTURE;
        }
        _ => {}
    }
    if let Some(attempt) = &mut m.attempt {
        attempt.deadline = None;
    }
}

fn bring_timers_forward(m: &mut Memory) {
    match &mut m.phase {
        Phase::Waiting { until: t } | Phase::Resting { until: t } => *t = NOW,
        Phase::Renewing { next_tick: t } if m.attempt.is_none() => *t = NOW,
        _ => {}
    }
}

/// Every record that anybody remembers or sends.
fn for_each_record(w: &mut World, mut f: impl FnMut(&mut Record)) {
    if let Some(lease) = &mut w.lease {
        f(&mut lease.record);
    }
    for late in w.late.iter_mut().flatten() {
        f(&mut late.record);
    }
    for replica in w.replicas.iter_mut().filter(|replica| replica.runs()) {
        if let Link::Answered { result: Ok(Reply::Read { record, .. }), .. } = &mut replica.link {
            f(record);
        }
        let m = &mut replica.memory;
        if let Some(observed) = &mut m.observed {
            f(&mut observed.record);
        }
        if let Some((record, _)) = &mut m.fetched {
            f(record);
        }
        if let Some(attempt) = &mut m.attempt {
            if let Some(record) = &mut attempt.basis.tried {
                f(record);
            }
            if let Step::FastUpdate(record)
            | Step::Create(record)
            | Step::Update(record)
            | Step::ReleaseUpdate(record) = &mut attempt.step
            {
                f(record);
            }
        }
    }
}
