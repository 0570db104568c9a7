//! From what happened in one run to its timeline.

use super::timeline::Verb;
use super::timeline::{
    Lane, LaneState, Outcome, Overlay, OverlayKind, RequestMark, ServerMark, StateSpan, Timeline,
};
use crate::sim::Plan;
use crate::sim::plan::Verb as Asked;
use crate::sim::plan::{Edit, Fault, LinkEffect};
use crate::sim::trace::{RequestResult, TraceEvent, TraceKind};

/// The timeline of one run of a plan, from its start to `to_ns`.
#[must_use]
pub fn timeline_of(plan: &Plan, trace: &[TraceEvent], to_ns: u64) -> Timeline {
    let lanes = plan.nodes.iter().map(|node| Drawing::new(node.name.to_string())).collect();
    let mut run = Run { plan, lanes, server: Vec::new(), overlaps: Vec::new(), overlap_since: None };
    for event in trace {
        run.take(event);
    }
    run.finish(to_ns)
}

/// A lane under way.
struct Drawing {
    lane: Lane,
    state: LaneState,
    since: u64,
    paused_since: Option<u64>,
    cut_off: Vec<(usize, u64)>,
}

impl Drawing {
    fn new(name: String) -> Self {
        let lane = Lane { name, ..Lane::default() };
        Self { lane, state: LaneState::Down, since: 0, paused_since: None, cut_off: Vec::new() }
    }

    fn enter(&mut self, at: u64, state: LaneState) {
        if self.state != LaneState::Down && self.since < at {
            self.lane.spans.push(StateSpan { from_ns: self.since, to_ns: at, state: self.state });
        }
        self.state = state;
        self.since = at;
    }

    fn overlay(&mut self, from_ns: u64, to_ns: u64, kind: OverlayKind) {
        self.lane.overlays.push(Overlay { from_ns, to_ns, kind });
    }

    fn end_cut(&mut self, at: u64, fault: usize) {
        if let Some(index) = self.cut_off.iter().position(|(of, _)| *of == fault) {
            let (_, from) = self.cut_off.swap_remove(index);
            self.overlay(from, at, OverlayKind::CutOff);
        }
    }
}

struct Run<'a> {
    plan: &'a Plan,
    lanes: Vec<Drawing>,
    server: Vec<ServerMark>,
    overlaps: Vec<(u64, u64)>,
    overlap_since: Option<u64>,
}

impl Run<'_> {
    fn take(&mut self, event: &TraceEvent) {
        let at = event.t_ns;
        match event.node {
            Some(node) => self.take_nodes(at, node, &event.kind),
            None => self.take_worlds(at, &event.kind),
        }
    }

    fn take_nodes(&mut self, at: u64, node: usize, kind: &TraceKind) {
        let drawing = &mut self.lanes[node];
        match kind {
            TraceKind::Send { verb, .. } => drawing.lane.requests.push(RequestMark {
                sent_ns: at,
                done_ns: None,
                verb: verb_of(*verb),
                outcome: Outcome::Lost,
            }),
            TraceKind::Done { result, .. } => {
                if let Some(request) = drawing.lane.requests.last_mut() {
                    request.done_ns = Some(at);
                    request.outcome = outcome_of(*result);
                }
            }
            TraceKind::StartedLeading { .. } => drawing.enter(at, LaneState::Leading),
            TraceKind::RightEnded if matches!(drawing.state, LaneState::Leading | LaneState::Draining) => {
                drawing.enter(at, LaneState::Expired);
            }
            TraceKind::StoppedLeading { .. } if drawing.state == LaneState::Leading => {
                drawing.enter(at, LaneState::Draining);
            }
            TraceKind::WorkStopped | TraceKind::ProcessStarted { .. } => {
                drawing.enter(at, LaneState::Follower)
            }
            TraceKind::ProcessEnded { crashed } => {
                drawing.enter(at, LaneState::Down);
                drawing.lane.notes.push((at, if *crashed { "crash" } else { "exit" }.to_owned()));
            }
            TraceKind::Paused => drawing.paused_since = Some(at),
            TraceKind::Resumed => {
                if let Some(from) = drawing.paused_since.take() {
                    drawing.overlay(from, at, OverlayKind::Paused);
                }
            }
            TraceKind::StaleWrite { accepted } => {
                let what = if *accepted { "stale write accepted" } else { "stale write rejected" };
                drawing.lane.notes.push((at, what.to_owned()));
            }
            _ => {}
        }
    }

    fn take_worlds(&mut self, at: u64, kind: &TraceKind) {
        match kind {
            TraceKind::FaultBegan { fault, nodes } => self.fault_began(at, *fault, nodes),
            TraceKind::FaultEnded { fault } => {
                for drawing in &mut self.lanes {
                    drawing.end_cut(at, *fault);
                }
                if is_servers(&self.plan.faults[*fault].fault) {
                    let label = format!("{} ends", self.plan.faults[*fault].name);
                    self.server.push(ServerMark { at_ns: at, label });
                }
            }
            TraceKind::Environment { edit, lease } => {
                let label = match *edit {
                    "delete" => "Lease deleted".to_owned(),
                    "recreate" => "Lease recreated".to_owned(),
                    "set_holder" => format!("holder set to {}", lease.holder),
                    "clear_holder" => "holder cleared".to_owned(),
                    other => format!("Lease: {other}"),
                };
                self.server.push(ServerMark { at_ns: at, label });
            }
            TraceKind::Overlap { leaders } if leaders.len() >= 2 => {
                self.overlap_since.get_or_insert(at);
            }
            TraceKind::Overlap { .. } => {
                if let Some(from) = self.overlap_since.take() {
                    self.overlaps.push((from, at));
                }
            }
            _ => {}
        }
    }

    fn fault_began(&mut self, at: u64, index: usize, nodes: &[usize]) {
        let fault = &self.plan.faults[index];
        if is_servers(&fault.fault) {
            self.server.push(ServerMark { at_ns: at, label: fault.name.to_string() });
        }
        for &node in nodes {
            let drawing = &mut self.lanes[node];
            if cuts_off(&fault.fault) {
                drawing.cut_off.push((index, at));
            } else if !matches!(fault.fault, Fault::Crash(_) | Fault::Pause { .. }) {
                drawing.lane.notes.push((at, fault.name.to_string()));
            }
        }
    }

    fn finish(mut self, to_ns: u64) -> Timeline {
        if let Some(from) = self.overlap_since {
            self.overlaps.push((from, to_ns));
        }
        let lanes = self.lanes.into_iter().map(|mut drawing| {
            drawing.enter(to_ns, LaneState::Down);
            if let Some(from) = drawing.paused_since {
                drawing.overlay(from, to_ns, OverlayKind::Paused);
            }
            for (_, from) in std::mem::take(&mut drawing.cut_off) {
                drawing.overlay(from, to_ns, OverlayKind::CutOff);
            }
            drawing.lane
        });
        Timeline {
            to_ns,
            lanes: lanes.collect(),
            server: self.server,
            overlaps: self.overlaps,
            ..Timeline::default()
        }
    }
}

fn is_servers(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::ServerErrors(_)
            | Fault::StorageWithoutLeader { .. }
            | Fault::ServerDown
            | Fault::ServerSlow(_)
            | Fault::ServerStale(_)
    ) || matches!(fault, Fault::Edit(Edit::Create))
}

fn cuts_off(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Link { effect: LinkEffect::Hang | LinkEffect::Drop | LinkEffect::Refuse, count: None, .. }
    )
}

fn verb_of(verb: Asked) -> Verb {
    match verb {
        Asked::Get => Verb::Get,
        Asked::Create => Verb::Create,
        Asked::Update => Verb::Update,
    }
}

fn outcome_of(result: RequestResult) -> Outcome {
    match result {
        RequestResult::Ok => Outcome::Ok,
        RequestResult::NotFound => Outcome::NotFound,
        RequestResult::AlreadyExists => Outcome::AlreadyExists,
        RequestResult::Conflict => Outcome::Conflict,
        RequestResult::Refused => Outcome::Refused,
        RequestResult::Timeout => Outcome::Timeout,
        RequestResult::Forbidden
        | RequestResult::Invalid
        | RequestResult::TooManyRequests
        | RequestResult::ServerError => Outcome::ServerError,
    }
}
