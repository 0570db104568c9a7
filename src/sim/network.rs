//! Requests and responses under way, and what happens to them there.

use super::plan::{Leg, LinkEffect, Verb};
use super::queue::Class;
use super::schedule::Deed;
use super::server::Decision;
use super::trace::{RequestResult, TraceKind};
use super::world::{Happening, ScriptedMessage, World};
use crate::core::{Failure, Input, Op, Reply, RequestId};

/// A request, and later its response.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) node: usize,
    pub(super) process: u32,
    id: RequestId,
    pub(super) trace_id: u32,
    /// Which of its node's requests it is, from 1.
    request: u32,
    /// Which of the request's arrivals it is, from 1; known only where it is recorded.
    copy: u32,
    pub(super) op: Op,
    sent: u64,
    /// The sender gave up.
    abandoned: bool,
    /// It is applied even so.
    applied_after_cancel: bool,
    /// The server answers 500 without applying it.
    error: bool,
    /// How often the server had gone down when it took the request on.
    taken_by: u32,
    /// How much longer the response takes.
    response_extra: u64,
    pub(super) result: Result<Reply, Failure>,
}

/// An effect on some nodes' links, as long as a fault lasts.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The fault under way that it belongs to.
    pub(super) active: usize,
    pub(super) nodes: u64,
    pub(super) leg: Leg,
    pub(super) effect: LinkEffect,
    pub(super) only: Option<Verb>,
    pub(super) count_left: u32,
    pub(super) until: u64,
    pub(super) applied_after_cancel: bool,
}

impl LinkEffect {
    /// Whether it strikes a response when that leaves, not when its request was sent.
    fn is_judged_by_leg(&self) -> bool {
        matches!(self, Self::Drop | Self::Loss { .. } | Self::Duplicate { .. })
    }
}

/// What the links do to one request that is sent now.
#[derive(Default)]
struct Fate {
    refused: bool,
    error: bool,
    lost: bool,
    duplicated: bool,
    request_extra: u64,
    response_extra: u64,
    applied_after_cancel: bool,
}

pub(super) fn verb_of(op: &Op) -> Verb {
    match op {
        Op::Get => Verb::Get,
        Op::Create(_) => Verb::Create,
        Op::Update { .. } => Verb::Update,
    }
}

impl World<'_> {
    pub(super) fn send(&mut self, index: usize, id: RequestId, op: Op) {
        self.requests_sent += 1;
        let mut trace_id = self.requests_sent;
        if let Some(script) = &self.script {
            let node = &mut self.nodes[index];
            trace_id = script.sends[index].get(node.scripted).map_or(trace_id, |&(_, id)| id);
            node.scripted += 1;
        }
        let verb = verb_of(&op);
        self.note(Some(index), |_| TraceKind::Send { verb, id: trace_id });
        let fate = if self.windows.is_empty() { Fate::default() } else { self.fate(index, verb, trace_id) };
        let node = &mut self.nodes[index];
        node.awaited = Some((id, trace_id, verb));
        node.sent += 1;
        let (process, request) = (node.process, node.sent);
        let message = Message {
            node: index,
            process,
            id,
            trace_id,
            request,
            copy: 0,
            op,
            sent: self.now,
            abandoned: false,
            applied_after_cancel: fate.applied_after_cancel,
            error: fate.error,
            taken_by: 0,
            response_extra: fate.response_extra,
            result: Err(Failure::Refused),
        };
        if self.follows_schedule() {
            return self.pool.add(message);
        }
        if fate.refused || self.server.trouble.down > 0 {
            let message = self.store_message(message);
            return self.queue.push(self.now, Class::Response, Happening::Deliver(message));
        }
        self.transmit(message, &fate);
    }

    fn transmit(&mut self, message: Message, fate: &Fate) {
        let link = &self.plan.nodes[message.node].request;
        let rng = &mut self.nodes[message.node].link_rng;
        let mut latency = rng.draw(&link.latency).saturating_add(fate.request_extra);
        let mut lost = rng.chance(link.loss_ppm) || fate.lost;
        let mut again = (rng.chance(link.duplicate_ppm) || fate.duplicated).then(|| rng.draw(&link.latency));
        if let Some(scripted) = self.scripted(&message) {
            latency = scripted.request_ns.saturating_add(fate.request_extra);
            lost = scripted.lost || fate.lost;
            again = scripted.again_ns;
        }
        if let Some(more) = again {
            let copy = self.store_message(message.clone());
            let at = self.now.saturating_add(latency).saturating_add(more);
            self.queue.push(at, Class::Server, Happening::Arrive(copy));
        }
        if !lost {
            let message = self.store_message(message);
            let at = self.now.saturating_add(latency);
            self.queue.push(at, Class::Server, Happening::Arrive(message));
        }
    }

    /// What a replay says of a message.
    fn scripted(&self, message: &Message) -> Option<ScriptedMessage> {
        let script = self.script.as_ref()?.messages.get(message.node).filter(|script| !script.is_empty())?;
        script.get(message.request.saturating_sub(1) as usize % script.len()).cloned()
    }

    /// Adds up what every window does to a request sent now.
    fn fate(&mut self, index: usize, verb: Verb, trace_id: u32) -> Fate {
        let mut fate = Fate::default();
        for window in &mut self.windows {
            if window.nodes & (1 << index) == 0
                || window.only.is_some_and(|only| only != verb)
                || window.count_left == 0
            {
                continue;
            }
            let request = window.leg != Leg::Response;
            // A request that hangs is answered once the fault is over: its response does not hang again.
            let hangs = window.leg == Leg::Both && window.effect == LinkEffect::Hang;
            let response = window.leg != Leg::Request && !hangs;
            let rng = &mut self.nodes[index].link_rng;
            let extra = match &window.effect {
                LinkEffect::Delay(draw) => rng.draw(draw),
                // Microseconds of its number are added so that no two arrive at one instant.
                // Where the fault never ends, neither does the wait.
                LinkEffect::Hang => {
                    window.until.saturating_sub(self.now).saturating_add(u64::from(trace_id) * 1_000)
                }
                _ => 0,
            };
            match &window.effect {
                LinkEffect::Delay(_) | LinkEffect::Hang => {
                    if request {
                        fate.request_extra = fate.request_extra.saturating_add(extra);
                    }
                    if response {
                        fate.response_extra = fate.response_extra.saturating_add(extra);
                    }
                }
                LinkEffect::Refuse => fate.refused = true,
                LinkEffect::Error => fate.error = true,
                LinkEffect::Drop => fate.lost |= request,
                LinkEffect::Loss { ppm } => fate.lost |= request && rng.chance(*ppm),
                LinkEffect::Duplicate { ppm } => fate.duplicated |= request && rng.chance(*ppm),
            }
            fate.applied_after_cancel |= window.applied_after_cancel;
            // What only concerns the response is counted when there is one.
            let judged_later = !request && window.effect.is_judged_by_leg();
            if window.count_left != u32::MAX && !judged_later {
                window.count_left -= 1;
            }
        }
        self.windows.retain(|window| window.count_left > 0);
        fate
    }

    fn store_message(&mut self, message: Message) -> usize {
        if let Some(at) = self.free_messages.pop() {
            self.messages[at] = message;
            at
        } else {
            self.messages.push(message);
            self.messages.len() - 1
        }
    }

    /// Marks a request that nobody waits for any more, and every copy of it.
    pub(super) fn abandon_messages(&mut self, index: usize, id: RequestId) {
        let process = self.nodes[index].process;
        for message in &mut self.messages {
            if message.node == index && message.process == process && message.id == id {
                message.abandoned = true;
            }
        }
    }

    /// The sender is gone, and what it sent with it.
    pub(super) fn disown_messages(&mut self, index: usize) {
        for message in self.messages.iter_mut().filter(|message| message.node == index) {
            message.abandoned = true;
        }
    }

    fn is_void(&self, message: usize) -> bool {
        let message = &self.messages[message];
        message.abandoned && !message.applied_after_cancel
    }

    pub(super) fn arrive(&mut self, at: usize) {
        if self.is_void(at) {
            return self.free_messages.push(at);
        }
        if self.server.trouble.down > 0 {
            return self.answer(at, Err(Failure::Refused));
        }
        self.messages[at].taken_by = self.server.trouble.went_down;
        match self.server.decide_at(self.now, &self.plan.server) {
            None => self.answer(at, Err(Failure::TooManyRequests)),
            Some(when) if when == self.now && self.plan.server.capacity.is_none() => self.decide(at),
            Some(when) => self.queue.push(when, Class::Server, Happening::Decide(at)),
        }
    }

    pub(super) fn decide(&mut self, at: usize) {
        if self.is_void(at) {
            return self.free_messages.push(at);
        }
        // What the server was working on when it went down is answered by a broken connection.
        if self.messages[at].error || self.messages[at].taken_by != self.server.trouble.went_down {
            return self.answer(at, Err(Failure::ServerError));
        }
        let op = self.messages[at].op;
        let wall = self.wall();
        let scripted = self.scripted(&self.messages[at]);
        let fails = scripted.filter(|of| op != Op::Get || !of.writes_only).and_then(|of| of.error);
        let decision = match fails {
            Some(error) => self.server.fail(self.now, wall, &op, error),
            None => self.server.decide(self.now, wall, &op, &self.plan.server),
        };
        match decision {
            Decision::Silence => self.free_messages.push(at),
            Decision::Answer(result) => {
                self.record_arrival(at);
                let Message { node, trace_id, .. } = self.messages[at];
                self.committed(node, trace_id, &op, result);
                self.answer(at, result);
            }
        }
    }

    pub(super) fn committed(&mut self, node: usize, trace_id: u32, op: &Op, result: Result<Reply, Failure>) {
        if let (Ok(_), Op::Create(record) | Op::Update { record, .. }) = (&result, op) {
            let outcome = &mut self.observer.outcome;
            outcome.transitions_max = outcome.transitions_max.max(record.transitions);
        }
        if self.traces()
            && !matches!(result, Err(Failure::ServerError | Failure::TooManyRequests | Failure::Forbidden))
        {
            let (verb, result) = (verb_of(op), result_of(&result));
            self.note(Some(node), |world| TraceKind::Commit {
                verb,
                id: trace_id,
                result,
                lease: world.server.state(),
            });
        }
    }

    fn answer(&mut self, at: usize, result: Result<Reply, Failure>) {
        let index = self.messages[at].node;
        self.messages[at].result = result;
        let (lost, duplicated) = if self.windows.is_empty() {
            (false, false)
        } else {
            self.response_fate(index, verb_of(&self.messages[at].op))
        };
        let link = &self.plan.nodes[index].response;
        let rng = &mut self.nodes[index].link_rng;
        let mut latency = rng.draw(&link.latency).saturating_add(self.messages[at].response_extra);
        let mut again = (rng.chance(link.duplicate_ppm) || duplicated).then(|| rng.draw(&link.latency));
        let mut lost = rng.chance(link.loss_ppm) || lost;
        if let Some(scripted) = self.scripted(&self.messages[at]) {
            latency = scripted.response_ns.saturating_add(self.messages[at].response_extra);
            lost |= scripted.response_lost;
            again = None;
        }
        if lost {
            return self.free_messages.push(at);
        }
        if let Some(more) = again {
            let copy = self.store_message(self.messages[at].clone());
            let late = self.now.saturating_add(latency).saturating_add(more);
            self.queue.push(late, Class::Response, Happening::Deliver(copy));
        }
        self.queue.push(self.now.saturating_add(latency), Class::Response, Happening::Deliver(at));
    }

    /// Whether a response that leaves now is lost, and whether it is duplicated.
    fn response_fate(&mut self, index: usize, verb: Verb) -> (bool, bool) {
        let (mut lost, mut duplicated) = (false, false);
        for window in &mut self.windows {
            if window.nodes & (1 << index) == 0
                || window.leg == Leg::Request
                || window.only.is_some_and(|only| only != verb)
                || window.count_left == 0
            {
                continue;
            }
            let rng = &mut self.nodes[index].link_rng;
            let (loses, duplicates) = match window.effect {
                LinkEffect::Drop => (true, false),
                LinkEffect::Loss { ppm } => (rng.chance(ppm), false),
                LinkEffect::Duplicate { ppm } => (false, rng.chance(ppm)),
                _ => continue,
            };
            if (loses || duplicates) && window.leg == Leg::Response && window.count_left != u32::MAX {
                window.count_left -= 1;
            }
            lost |= loses;
            duplicated |= duplicates;
        }
        self.windows.retain(|window| window.count_left > 0);
        (lost, duplicated)
    }

    pub(super) fn deliver(&mut self, at: usize) {
        let index = self.messages[at].node;
        if self.messages[at].process != self.nodes[index].process || !self.nodes[index].alive {
            return self.free_messages.push(at);
        }
        if self.put_off(index, Happening::Deliver(at)) {
            return;
        }
        let message = self.messages[at].clone();
        self.free_messages.push(at);
        self.receive(&message);
    }

    /// An answer reaches the process that waits for it, or once did.
    pub(super) fn receive(&mut self, message: &Message) {
        let Message { node: index, id, op, result, sent, process, request, copy, .. } = *message;
        self.record(|| Deed::Answer { node: index, request, copy });
        if let Some((awaited, trace_id, _)) = self.nodes[index].awaited
            && awaited == id
        {
            self.nodes[index].awaited = None;
            // A release is no renewal.
            if let (Ok(_), Op::Create(record) | Op::Update { record, .. }) = (&result, &op)
                && record.holder.is_somebody()
            {
                self.observer.renewed(sent, index, process);
            }
            self.request_done(index, verb_of(&op), trace_id, result_of(&result));
        }
        // A duplicate, or an answer after the sender gave up, is the elector's to ignore.
        self.feed(index, Input::Response { id, result });
    }

    /// The server decides on a request, which arrived for the first time or again.
    fn record_arrival(&mut self, at: usize) {
        let Message { node, request, .. } = self.messages[at];
        if let Some(recording) = &mut self.recording {
            self.messages[at].copy = recording.arrival(node, request);
            self.record(|| Deed::Arrive { node, request });
        }
    }

    pub(super) fn request_done(&mut self, index: usize, verb: Verb, id: u32, result: RequestResult) {
        self.observer.request_done(verb, result);
        self.note(Some(index), |_| TraceKind::Done { verb, id, result });
    }
}

fn result_of(result: &Result<Reply, Failure>) -> RequestResult {
    match result {
        Ok(_) => RequestResult::Ok,
        Err(failure) => (*failure).into(),
    }
}
