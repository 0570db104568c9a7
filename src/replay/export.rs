//! Plans as schedules for the real client-go.

use std::fmt;

use smol_str::{SmolStr, format_smolstr};

use super::noise::Noise;
use super::schedule::{
    Schedule, ScheduledDeed, ScheduledDo, ScheduledEdit, ScheduledEffect, ScheduledError, ScheduledFault,
    ScheduledLeg, ScheduledLink, ScheduledMessage, ScheduledNode, ScheduledRestart, ScheduledWhen,
};
use crate::core::{ClientGo, Config};
use crate::sim::Plan;
use crate::sim::plan::{
    Draw, Edit, Fault, FaultPlan, Leg, LinkEffect, NodePlan, ServerError, Trigger, TriggerEvent, Who,
};

/// How many fates a node's requests have in turn; a prime, so that they fall in with nothing.
const MESSAGES: usize = 97;

/// What the Go program cannot do, by its name in scenarios.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the client-go harness cannot honour: {}", self.0)
    }
}

/// The schedule of one run of a plan. What depends on the run itself (who leads, when) is left to the run: the real
/// elector has jitter of its own. Every instant is moved by less than 0.1 ms, so that no two are the same.
///
/// # Errors
/// Everything in the plan that cannot be honoured.
pub fn export(plan: &Plan, name: &str, seed: u64, run: u64) -> Result<Schedule, Vec<Refusal>> {
    let mut export = Export { plan, noise: Noise::new(seed, run), refused: Vec::new() };
    let schedule = export.schedule(name, seed ^ run.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    export.refused.sort();
    export.refused.dedup();
    if export.refused.is_empty() { Ok(schedule) } else { Err(export.refused) }
}

struct Export<'p> {
    plan: &'p Plan,
    noise: Noise,
    refused: Vec<Refusal>,
}

fn is_zero(draw: &Draw) -> bool {
    *draw == Draw::Fixed(0)
}

impl Export<'_> {
    fn refuse(&mut self, what: impl Into<String>) {
        self.refused.push(Refusal(what.into()));
    }

    fn schedule(&mut self, name: &str, seed: u64) -> Schedule {
        let plan = self.plan;
        if plan.schedule.is_some() {
            self.refuse("schedule (exact steps say what the elector draws)");
        }
        if plan.server.capacity.is_some() {
            self.refuse("server.capacity");
        }
        if plan.server.stale_reads.is_some() {
            self.refuse("server.stale_reads");
        }
        let (request, response) = plan.nodes.first().map_or((0, 0), |node| {
            let fixed = |draw: &Draw| if let Draw::Fixed(ns) = draw { *ns } else { 0 };
            (fixed(&node.request.latency), fixed(&node.response.latency))
        });
        let nodes = plan.nodes.iter().map(|node| self.node(node, (request, response))).collect();
        let faults = plan.faults.iter().map(|fault| self.fault(fault)).collect();
        Schedule {
            name: name.to_owned(),
            about: String::new(),
            end_ns: plan.horizon_ns,
            request_latency_ns: request,
            response_latency_ns: response,
            nodes,
            links: Vec::new(),
            environment: Vec::new(),
            processes: Vec::new(),
            server_down: Vec::new(),
            crash_keeps_requests: !plan.crash_loses_requests,
            faults,
            // A seed of 0 would be left out.
            seed: (seed >> 1).cast_signed() | 1,
        }
    }

    fn node(&mut self, node: &NodePlan, latencies: (u64, u64)) -> ScheduledNode {
        let name = &node.name;
        if node.clock.rate_ppm != 0 {
            self.refuse(format!("clock.rate_ppm of {name}"));
        }
        if node.clock.wall_offset_ns != 0 {
            self.refuse(format!("clock.wall_offset of {name}"));
        }
        if node.clock.wall_stopped {
            self.refuse(format!("clock.wall_stopped of {name}"));
        }
        let config = self.config_of(node);
        let timings = config.map(|config| *config.timings());
        let ns = |of: fn(&crate::core::Timings) -> crate::core::Span| {
            timings.as_ref().map_or(0, |t| of(t).as_nanos())
        };
        let timeout = config.and_then(|config| config.request_timeout());
        ScheduledNode {
            id: name.clone(),
            start_ns: self.noise.instant(&node.start),
            cancel_ns: None,
            release_on_cancel: config.is_some_and(|config| config.releases_on_cancel()),
            lease_duration_ns: ns(|t| t.lease_duration),
            renew_deadline_ns: ns(|t| t.renew_deadline),
            retry_period_ns: ns(|t| t.retry_period),
            http_timeout_ns: timeout.map(|timeout| self.noise.move_a_little(timeout.as_nanos())),
            identity: (node.identity != *name).then(|| node.identity.clone()),
            messages: self.messages(node, latencies),
            restart: node.restart.as_ref().map(|restart| ScheduledRestart {
                after_ns: self.noise.instants(&restart.after),
                new_identity: restart.new_identity,
            }),
            drain_ns: if is_zero(&node.drain) { Vec::new() } else { self.noise.instants(&node.drain) },
        }
    }

    fn config_of(&mut self, node: &NodePlan) -> Option<Config> {
        let Some(config) = node.elector else {
            self.refuse(format!("protocol: none of {}", node.name));
            return None;
        };
        if !ClientGo::ALL.iter().any(|release| release.rules() == *config.rules()) {
            self.refuse(format!("protocol or rules of {}: not client-go's", node.name));
        }
        Some(config)
    }

    /// Nothing where every request takes the same.
    fn messages(&mut self, node: &NodePlan, latencies: (u64, u64)) -> Vec<ScheduledMessage> {
        let server = &self.plan.server;
        let plain = |link: &crate::sim::plan::LinkPlan, latency| {
            link.latency == Draw::Fixed(latency) && link.loss_ppm == 0 && link.duplicate_ppm == 0
        };
        let same = plain(&node.request, latencies.0) && plain(&node.response, latencies.1);
        if same && is_zero(&server.latency) && server.errors.is_empty() {
            return Vec::new();
        }
        (0..MESSAGES).map(|_| self.message(node)).collect()
    }

    fn message(&mut self, node: &NodePlan) -> ScheduledMessage {
        let server = &self.plan.server;
        let noise = &mut self.noise;
        let request = noise.exactly(&node.request.latency);
        let failure = server.errors.iter().find(|rate| noise.chance(rate.ppm));
        let (error, applied) = failure.map_or((None, false), |rate| error(rate.error));
        ScheduledMessage {
            request_ns: request + noise.exactly(&server.latency),
            response_ns: noise.exactly(&node.response.latency),
            lost: noise.chance(node.request.loss_ppm),
            response_lost: noise.chance(node.response.loss_ppm),
            again_ns: noise
                .chance(node.request.duplicate_ppm)
                .then(|| noise.exactly(&node.request.latency).max(1)),
            error,
            applied,
            writes_only: failure.is_some_and(|rate| rate.writes_only),
        }
    }

    fn fault(&mut self, fault: &FaultPlan) -> ScheduledFault {
        let (at_ns, when) = match &fault.when {
            Trigger::At(at) => (vec![self.noise.instant(at)], None),
            Trigger::After { event, node, nth, after } => {
                let (event, of) = match event {
                    TriggerEvent::Leading => ("leading", 0),
                    TriggerEvent::StoppedLeading => ("stopped_leading", 0),
                    TriggerEvent::Started => ("started", 0),
                    TriggerEvent::Ended => ("ended", 0),
                    TriggerEvent::FaultBegan(of) => ("fault_began", *of),
                    TriggerEvent::FaultEnded(of) => ("fault_ended", *of),
                };
                let when = ScheduledWhen {
                    event: event.into(),
                    node: node.map_or_else(SmolStr::default, |node| self.plan.nodes[node].name.clone()),
                    fault: of,
                    nth: *nth,
                    after_ns: self.noise.instants(after),
                };
                (Vec::new(), Some(when))
            }
        };
        let mut exported = ScheduledFault {
            at_ns,
            when,
            nodes: Vec::new(),
            who: SmolStr::default(),
            lasts_ns: fault.lasts.as_ref().map_or_else(Vec::new, |lasts| self.noise.instants(lasts)),
            every_ns: fault.every.as_ref().map_or_else(Vec::new, |every| self.noise.instants(every)),
            times: fault.times,
            what: ScheduledDo::Edit,
            new_identity: false,
            link: None,
            edit: None,
        };
        self.action(&fault.fault, &mut exported);
        exported
    }

    fn action(&mut self, fault: &Fault, exported: &mut ScheduledFault) {
        match fault {
            Fault::Crash(who) => {
                (exported.what, exported.nodes, exported.who) = self.befalls(ScheduledDo::Crash, *who)
            }
            Fault::Terminate(who) => {
                (exported.what, exported.nodes, exported.who) = self.befalls(ScheduledDo::Terminate, *who);
            }
            Fault::Start { who, new_identity } => {
                (exported.what, exported.nodes, exported.who) = self.befalls(ScheduledDo::Start, *who);
                exported.new_identity = *new_identity;
            }
            Fault::Link { who, leg, effect, only, count, applied_after_cancel } => {
                (exported.what, exported.nodes, exported.who) = self.befalls(ScheduledDo::Link, *who);
                let mut link = self.link(*leg, effect);
                link.verb = only.map_or_else(SmolStr::default, |verb| verb.name().into());
                link.count = *count;
                link.applied_after_cancel = *applied_after_cancel;
                exported.link = Some(link);
            }
            Fault::ServerDown => exported.what = ScheduledDo::Down,
            Fault::ServerSlow(by) => {
                // Judged when a request is sent, not when it arrives.
                (exported.what, exported.nodes, exported.who) = self.befalls(ScheduledDo::Link, Who::All);
                exported.link = Some(self.link(Leg::Request, &LinkEffect::Delay(by.clone())));
            }
            Fault::StorageWithoutLeader { applied: false } => {
                (exported.what, exported.nodes, exported.who) = self.befalls(ScheduledDo::Link, Who::All);
                exported.link = Some(self.link(Leg::Request, &LinkEffect::Error));
            }
            Fault::Edit(edit) => exported.edit = self.edit(edit),
            Fault::StorageWithoutLeader { applied: true } => self.refuse("storage_without_leader: applied"),
            Fault::Pause { suspend: false, .. } => self.refuse("pause"),
            Fault::Pause { suspend: true, .. } => self.refuse("suspend"),
            Fault::Throttle { .. } => self.refuse("throttle"),
            Fault::StepWallClock { .. } => self.refuse("step_wall_clock"),
            Fault::ClockRate { .. } => self.refuse("clock_rate"),
            Fault::ServerErrors(_) => self.refuse("server_errors as a fault"),
            Fault::ServerStale(_) => self.refuse("server_stale"),
        }
    }

    fn befalls(&mut self, what: ScheduledDo, who: Who) -> (ScheduledDo, Vec<SmolStr>, SmolStr) {
        let mut names: Vec<SmolStr> = self.plan.nodes.iter().map(|node| node.name.clone()).collect();
        let (nodes, word) = match who {
            Who::Node(node) => (vec![names.swap_remove(node)], ""),
            Who::All => (names, ""),
            Who::Any => {
                let one = self.noise.below(names.len());
                (vec![names.swap_remove(one)], "")
            }
            Who::Leader => (Vec::new(), "leader"),
            Who::Followers => (Vec::new(), "followers"),
            Who::Follower => {
                for last in (1..names.len()).rev() {
                    let other = self.noise.below(last + 1);
                    names.swap(last, other);
                }
                (names, "follower")
            }
        };
        (what, nodes, word.into())
    }

    fn link(&mut self, leg: Leg, effect: &LinkEffect) -> ScheduledLink {
        let mut delays_ns = Vec::new();
        let effect = match effect {
            LinkEffect::Delay(by) => {
                delays_ns = self.noise.instants(by);
                ScheduledEffect::Delay
            }
            LinkEffect::Hang => ScheduledEffect::Hang,
            LinkEffect::Drop => ScheduledEffect::Drop,
            LinkEffect::Refuse => ScheduledEffect::Refuse,
            LinkEffect::Error => ScheduledEffect::Error,
            LinkEffect::Loss { .. } => {
                self.refuse("link: loss at a rate");
                ScheduledEffect::Drop
            }
            LinkEffect::Duplicate { .. } => {
                self.refuse("link: duplicate at a rate");
                ScheduledEffect::Drop
            }
        };
        ScheduledLink {
            node: SmolStr::default(),
            from_ns: 0,
            to_ns: 0,
            leg: match leg {
                Leg::Request => ScheduledLeg::Request,
                Leg::Response => ScheduledLeg::Response,
                Leg::Both => ScheduledLeg::Both,
            },
            effect,
            delay_ns: 0,
            delays_ns,
            verb: SmolStr::default(),
            count: None,
            applied_after_cancel: false,
        }
    }

    fn edit(&mut self, edit: &Edit) -> Option<ScheduledEdit> {
        let (mut holder, mut seconds) = (SmolStr::default(), 0);
        let what = match edit {
            Edit::Delete => ScheduledDeed::Delete,
            Edit::Recreate => ScheduledDeed::Recreate,
            Edit::Create => ScheduledDeed::Create,
            Edit::Annotate => ScheduledDeed::Annotate,
            Edit::ClearHolder => ScheduledDeed::ClearHolder,
            Edit::SetHolder(to) => {
                holder = format_smolstr!("{to}");
                ScheduledDeed::SetHolder
            }
            Edit::SetDuration(to) => {
                seconds = *to;
                ScheduledDeed::SetDuration
            }
            Edit::Restore => {
                self.refuse("edit_lease: restore");
                return None;
            }
        };
        Some(ScheduledEdit { at_ns: 0, what, holder, seconds })
    }
}

fn error(error: ServerError) -> (Option<ScheduledError>, bool) {
    let (error, applied) = match error {
        ServerError::Internal { applied } => (ScheduledError::Internal, applied),
        ServerError::Unavailable => (ScheduledError::Unavailable, false),
        ServerError::GatewayTimeout { applied } => (ScheduledError::GatewayTimeout, applied),
        ServerError::TooManyRequests => (ScheduledError::TooManyRequests, false),
        ServerError::Forbidden => (ScheduledError::Forbidden, false),
        ServerError::Silence { applied } => (ScheduledError::Silence, applied),
    };
    (Some(error), applied)
}
