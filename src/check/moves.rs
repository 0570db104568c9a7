//! What can happen next.

use super::action::{Action, Edit};
use super::apply::{ANSWERED, edited};
use super::assume::{Lasting, Walls};
use super::setup::{Question, Setup, Timing};
use super::world::{LATE_MAX, Left, Link, NOW, Process, Replica, World};
use crate::core::state::Phase;
use crate::core::{Elector, Identity, IdentityId, Op, Span};

impl Setup {
    pub(super) fn moves(&self, w: &World, actions: &mut Vec<Action>) {
        if w.broken.0 != 0 || w.leaderless == Some(ANSWERED) {
            return;
        }
        if let Some(index) = w.replicas.iter().position(Replica::is_choosing) {
            return self.choices(w, index, actions);
        }
        if let Some(index) = w.replicas.iter().position(|replica| self.goes_at_once(replica)) {
            return self.at_once(w, index as u8, actions);
        }
        if let Some(index) = self.first_of_many(w) {
            return self.moves_of(w, index, actions);
        }
        for (index, replica) in w.replicas[..self.replicas].iter().enumerate() {
            match replica.process {
                Process::NotStarted => self.starts(index as u8, actions),
                Process::Ended if self.may_restart(w, index) => self.starts(index as u8, actions),
                Process::Ended => {}
                Process::Runs => self.moves_of(w, index, actions),
            }
        }
        self.moves_of_lease(w, actions);
        self.passing(w, actions);
    }

    /// Once the leader is gone, and until one of them writes, which is the end, the others only read: what they do at
    /// one instant can be done in any order.
    fn first_of_many(&self, w: &World) -> Option<usize> {
        w.leaderless?;
        let forced = |index: &usize| w.replicas[*index].runs() && self.patience(w, *index).is_none();
        (0..self.replicas).find(forced)
    }

    fn starts(&self, replica: u8, actions: &mut Vec<Action>) {
        actions.push(Action::Start { replica, ahead: false });
        if let Walls::Within { offset, .. } = self.assumptions.walls
            && offset > Span::ZERO
        {
            actions.push(Action::Start { replica, ahead: true });
        }
    }

    /// RetryPeriod x (1 + 1.2 u): in whole ticks, the longest rounded up.
    fn choices(&self, w: &World, index: usize, actions: &mut Vec<Action>) {
        let (chooser, replica) = (&w.replicas[index], index as u8);
        let config = self.config_of(index);
        if self.timing != Timing::Exact {
            return actions.push(Action::Choose { replica, ticks: 0, early: false });
        }
        let longest = config.timings().retry_period.as_nanos() / 5 * 6;
        // Where it is asked how long it takes at most, a poll just before the record expires is worse than one at its expiry.
        let asks_how_long = matches!(self.question, Question::Failover { .. });
        let expiry = chooser.memory.observed.filter(|_| asks_how_long).map(|observed| {
            (observed.at + config.wait_for(&observed.record))
                .since(NOW + config.timings().retry_period)
                .as_nanos()
        });
        let tick = self.tick.as_nanos();
        for ticks in 0..=if self.rounds_up { longest.div_ceil(tick) } else { longest / tick } {
            let early = ticks > 0 && expiry == Some(ticks * tick);
            let ticks = u16::try_from(ticks).unwrap_or(u16::MAX);
            actions.push(Action::Choose { replica, ticks, early: false });
            if early {
                actions.push(Action::Choose { replica, ticks, early });
            }
        }
    }

    /// Whether its request is decided before anything else happens.
    fn goes_at_once(&self, replica: &Replica) -> bool {
        match self.timing {
            Timing::Exact => false,
            Timing::Loose => replica.is_reading(),
            Timing::Folded => replica.runs() && replica.memory.attempt.is_some(),
        }
    }

    fn at_once(&self, w: &World, replica: u8, actions: &mut Vec<Action>) {
        actions.push(Action::Fetch { replica });
        actions.push(Action::GiveUp { replica });
        if !w.replicas[usize::from(replica)].is_reading() {
            actions.push(Action::Unheard { replica });
            if w.left.duplication > 0 {
                actions.push(Action::FetchTwice { replica });
            }
        }
    }

    fn moves_of(&self, w: &World, index: usize, actions: &mut Vec<Action>) {
        let replica = &w.replicas[index];
        let i = index as u8;
        let awake = replica.paused.is_none();
        match replica.link {
            Link::Asked { .. } => {
                actions.push(Action::Arrive { replica: i });
                let writes = !matches!(replica.awaited(), None | Some((_, Op::Get)));
                if writes && w.left.duplication > 0 {
                    actions.push(Action::ArriveTwice { replica: i });
                }
                // A message that may wait for ever need not be lost.
                if w.left.loss > 0 && self.assumptions.request_delay != Lasting::FREE {
                    actions.push(Action::Lose { replica: i });
                }
            }
            Link::Answered { .. } => {
                if awake && replica.into_tick == 0 {
                    actions.push(Action::Answer { replica: i });
                }
                if w.left.loss > 0 && self.assumptions.response_delay != Lasting::FREE {
                    actions.push(Action::Lose { replica: i });
                }
            }
            Link::Idle | Link::Lost => {}
        }
        if !awake {
            actions.push(Action::Resume { replica: i });
        } else if replica.into_tick == 0 {
            // Clocks that do not run alike are read at their own ticks only.
            if self.is_due(w, index) || (self.timing != Timing::Exact && has_free_timer(replica)) {
                actions.push(Action::Wake { replica: i });
            }
            if self.timing != Timing::Exact && replica.memory.attempt.is_some() {
                actions.push(Action::GiveUp { replica: i });
            }
            if self.timing == Timing::Folded && self.has_right(replica) {
                actions.push(Action::EndRight { replica: i });
            }
            if replica.is_draining() {
                actions.push(Action::WorkStopped { replica: i });
            }
            if w.left.pauses > 0 && self.timing != Timing::Folded {
                actions.push(Action::Pause { replica: i });
            }
            if w.left.stops > 0 && !is_stopping(replica) {
                actions.push(Action::Stop { replica: i });
            }
        }
        if w.left.crashes > 0 && self.may_crash(w, index) {
            actions.push(Action::Crash { replica: i });
        }
        if w.left.wall_steps > 0 {
            actions.push(Action::StepWall { replica: i });
        }
    }

    fn has_right(&self, replica: &Replica) -> bool {
        let holds = matches!(replica.memory.phase, Phase::Resting { .. } | Phase::Renewing { .. });
        holds && replica.memory.term.is_some_and(|term| term.lead_until > NOW)
    }

    /// Where failover is the question, it is the leader that crashes, and not while it rests: if nothing comes of it any
    /// more, it is worse if it crashes when its last round has ended. All else goes on as it does, and the time counts from there.
    fn may_crash(&self, w: &World, index: usize) -> bool {
        let leads = || self.acts(w, index);
        let round_over = |until| until == NOW + self.config_of(index).timings().retry_period;
        let acts = || match w.replicas[index].memory.phase {
            Phase::Resting { until } => round_over(until),
            _ => true,
        };
        !matches!(self.question, Question::Failover { .. }) || (leads() && acts())
    }

    fn moves_of_lease(&self, w: &World, actions: &mut Vec<Action>) {
        for (at, late) in w.late.iter().enumerate().take(LATE_MAX) {
            if let Some(late) = late
                && (late.expected.is_some() || w.lease.is_none())
            {
                actions.push(Action::LateWrite { at: at as u8 });
            }
        }
        let Some(lease) = &w.lease else { return };
        if w.left.deletions > 0 {
            actions.push(Action::Delete);
        }
        if w.left.metadata_edits > 0 || w.left.spec_edits > 0 {
            actions.push(Action::Edit(Edit::Metadata));
        }
        if w.left.spec_edits > 0 {
            let somebody = (0..self.replicas).map(|replica| Edit::Holder { replica: replica as u8 });
            for edit in [Edit::ClearHolder, Edit::Stranger, Edit::Shorten].into_iter().chain(somebody) {
                let after = edited(&lease.record, edit);
                // What forges a release to the letter cannot be told from one.
                let forged = after.has_release_shape() && !lease.record.has_release_shape();
                if after != lease.record && !forged {
                    actions.push(Action::Edit(edit));
                }
            }
        }
    }

    /// Time passes unless something must happen before it can.
    fn passing(&self, w: &World, actions: &mut Vec<Action>) {
        let mut ticks = u64::MAX;
        for (index, replica) in w.replicas[..self.replicas].iter().enumerate() {
            match replica.process {
                // All start at once where failover is the question: when they poll is free all the same.
                Process::NotStarted if matches!(self.question, Question::Failover { .. }) => return,
                Process::NotStarted => ticks = 1,
                Process::Ended if self.may_restart(w, index) => ticks = 1,
                Process::Ended => {}
                Process::Runs => match self.patience(w, index) {
                    Some(patience) => ticks = ticks.min(patience),
                    None => return,
                },
            }
        }
        if self.timing != Timing::Exact || w.left.stops > 0 {
            ticks = 1;
        }
        if ticks == u64::MAX || !self.all_may_wait(w) {
            return;
        }
        let ticks = u16::try_from(ticks).unwrap_or(u16::MAX);
        if self.has_rate_error() {
            return self.units(w, actions);
        }
        actions.push(Action::Pass { ticks, clocks: 0 });
    }

    /// Whether what is left of the budgets is enough for all messages that would be delayed from now on.
    fn all_may_wait(&self, w: &World) -> bool {
        let (mut requests, mut answers) = (0, 0);
        for replica in &w.replicas[..self.replicas] {
            match replica.link {
                Link::Asked { delayed: false, .. } => requests += 1,
                Link::Answered { delayed: false, .. } if replica.paused.is_none() => answers += 1,
                _ => {}
            }
        }
        requests <= w.left.request_delay && answers <= w.left.response_delay
    }

    /// How long the world may wait for this replica: none if something must happen at once, a tick if something may
    /// happen at any time, else until its next timer.
    fn patience(&self, w: &World, index: usize) -> Option<u64> {
        let replica = &w.replicas[index];
        let a = &self.assumptions;
        let may_wait = |what: Lasting, left: u8, waited: u16, delayed: bool| {
            (delayed || left > 0) && what.longest.is_none_or(|longest| waited < self.ticks(longest))
        };
        let mut restless = false;
        match replica.link {
            Link::Asked { waited, delayed } => {
                if !may_wait(a.request_delay, w.left.request_delay, waited, delayed) {
                    return None;
                }
                restless = true;
            }
            Link::Answered { waited, delayed, .. } if replica.paused.is_none() && replica.into_tick == 0 => {
                if !may_wait(a.response_delay, w.left.response_delay, waited, delayed) {
                    return None;
                }
                restless = true;
            }
            _ => {}
        }
        if let Some(paused) = replica.paused {
            return a.pauses.longest.is_none_or(|longest| paused < self.ticks(longest)).then_some(1);
        }
        if self.is_due(w, index) {
            return self.may_oversleep().then_some(1);
        }
        if restless || replica.is_draining() {
            return Some(1);
        }
        match self.elector_of(w, index).next_wake() {
            Some((at, _)) if at < crate::core::LocalInstant::FAR_FUTURE => {
                Some(at.since(NOW).as_nanos().div_ceil(self.tick.as_nanos()))
            }
            _ => Some(u64::MAX),
        }
    }

    /// One unit of time: clocks that may reach their next tick do so or not, those that must do.
    fn units(&self, w: &World, actions: &mut Vec<Action>) {
        let rate = self.assumptions.rate;
        let (mut must, mut may) = (0_u8, 0_u8);
        for (index, replica) in w.replicas[..self.replicas].iter().enumerate() {
            // Between ticks a clock counts the units since its last; a fast one has `slow` to a tick.
            let next = replica.into_tick + 1;
            if next >= rate.fast || !replica.runs() {
                must |= 1 << index;
            } else if next >= rate.slow {
                may |= 1 << index;
            }
        }
        let mut some = may;
        loop {
            actions.push(Action::Pass { ticks: 1, clocks: must | some });
            if some == 0 {
                break;
            }
            some = (some - 1) & may;
        }
    }

    pub(super) fn elector_of(&self, w: &World, index: usize) -> Elector {
        let me = Identity { id: IdentityId(index as u16 + 1), incarnation: 0 };
        Elector::remembering(*self.config_of(index), me, w.replicas[index].memory)
    }

    /// Folded, nothing but a timer that is due makes a process do something: standing still is to miss it, and whatever
    /// else wakes an elector finds it due first.
    pub(super) fn may_oversleep(&self) -> bool {
        self.timing == Timing::Folded && self.assumptions.pauses.is_on()
    }

    /// Whether the replica may act now and for a while.
    pub(super) fn acts(&self, w: &World, index: usize) -> bool {
        let replica = &w.replicas[index];
        let until = replica.memory.acts_until(self.rules_of(index).stop_when);
        replica.runs() && until.is_some_and(|until| until > NOW)
    }

    fn may_restart(&self, w: &World, index: usize) -> bool {
        w.left.restarts > 0 && self.starts_again(index)
    }

    pub(super) fn is_due(&self, w: &World, index: usize) -> bool {
        self.elector_of(w, index).next_wake().is_some_and(|(at, _)| at <= NOW)
    }

    /// The world in which nothing has happened yet.
    pub(super) fn beginning(&self) -> World {
        World {
            next_version: 2,
            next_uid: 1,
            left: Left::all(&self.assumptions),
            quiet: true,
            ..World::EMPTY
        }
    }
}

fn has_free_timer(replica: &Replica) -> bool {
    match replica.memory.phase {
        Phase::Waiting { .. } | Phase::Resting { .. } => true,
        Phase::Renewing { .. } => replica.memory.attempt.is_none(),
        _ => false,
    }
}

/// Whether it was told to stop already, or has stopped of itself. Whose work goes on while it releases the Lease has not.
fn is_stopping(replica: &Replica) -> bool {
    use crate::core::state::Stage::{Acting, Draining, Stopped};
    let stage = replica.memory.term.map(|term| term.stage);
    match replica.memory.phase {
        Phase::Returned | Phase::StoppingWork { .. } => true,
        Phase::Releasing { .. } => !matches!(stage, Some(Acting)),
        _ => matches!(stage, Some(Draining { .. } | Stopped)),
    }
}
