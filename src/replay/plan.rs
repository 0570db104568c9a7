//! The plan that a recorded schedule makes.

use smol_str::SmolStr;

use super::schedule::{
    Schedule, ScheduledDeed, ScheduledDo, ScheduledEdit, ScheduledEffect, ScheduledError, ScheduledLeg,
    ScheduledLink, ScheduledMessage, ScheduledNode,
};
use crate::core::{ClientGo, ClockBound, Config, ConfigError, Span, Timings};
use crate::sim::ScriptedMessage;
use crate::sim::plan::{
    ClockPlan, Draw, Edit, Fault, FaultPlan, Leg, LinkEffect, LinkPlan, NodePlan, Plan, ServerError,
    ServerPlan, Trigger, Verb, Who,
};

/// Why a schedule cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// Its settings are refused.
    #[error("node {node}: {source}")]
    Config {
        /// Whose.
        node: SmolStr,
        /// Why.
        source: ConfigError,
    },
    /// It names a node that it does not have.
    #[error("links[{index}] or processes[{index}]: there is no node {node}")]
    UnknownNode {
        /// Where.
        index: usize,
        /// What it names.
        node: SmolStr,
    },
    /// A window that ends before it begins.
    #[error("links[{index}]: to_ns is before from_ns")]
    EmptyWindow {
        /// Where.
        index: usize,
    },
    /// It has faults that only a run with the real client-go resolves.
    #[error("the schedule has faults that are not resolved: run it with tests/client-go first")]
    NotResolved,
    /// A verb that is none.
    #[error("links[{index}]: `{verb}` is not get, create or update")]
    UnknownVerb {
        /// Where.
        index: usize,
        /// What it says.
        verb: SmolStr,
    },
    /// More nodes than a world can have, or none.
    #[error("a schedule has 1 to 64 nodes, this one has {0}")]
    NodeCount(usize),
}

impl ScheduledNode {
    fn timings(&self) -> Timings {
        Timings {
            lease_duration: Span::from_nanos(self.lease_duration_ns),
            renew_deadline: Span::from_nanos(self.renew_deadline_ns),
            retry_period: Span::from_nanos(self.retry_period_ns),
        }
    }

    /// The settings under a release of client-go.
    ///
    /// # Errors
    /// If client-go refuses them.
    pub fn client_go(&self, release: ClientGo) -> Result<Config, ConfigError> {
        Config::client_go_release(release, self.timings())?
            .with_release_on_cancel(self.release_on_cancel)
            .with_request_timeout(self.http_timeout_ns.map(Span::from_nanos))
    }

    fn strict(&self) -> Result<Config, ConfigError> {
        let config = Config::strict(self.timings(), ClockBound::DEFAULT)?;
        Ok(config.with_release_on_cancel(self.release_on_cancel))
    }
}

impl Schedule {
    /// The plan in which every node runs client-go, as recorded.
    ///
    /// # Errors
    /// If the schedule cannot be run.
    pub fn plan(&self) -> Result<Plan, ScheduleError> {
        self.plan_of(ClientGo::V0_36)
    }

    /// The plan in which every node runs a release of client-go.
    ///
    /// # Errors
    /// If the schedule cannot be run.
    pub fn plan_of(&self, release: ClientGo) -> Result<Plan, ScheduleError> {
        self.plan_with(|node| node.client_go(release))
    }

    /// The plan in which every node runs `strict` with the same settings.
    ///
    /// # Errors
    /// If the schedule cannot be run, or `strict` refuses the settings.
    pub fn strict_plan(&self) -> Result<Plan, ScheduleError> {
        self.plan_with(ScheduledNode::strict)
    }

    /// The plan in which every node runs what a function makes of its settings.
    ///
    /// # Errors
    /// If the schedule cannot be run.
    pub fn plan_with(
        &self,
        config: impl Fn(&ScheduledNode) -> Result<Config, ConfigError>,
    ) -> Result<Plan, ScheduleError> {
        if self.nodes.is_empty() || self.nodes.len() > 64 {
            return Err(ScheduleError::NodeCount(self.nodes.len()));
        }
        if !self.faults.is_empty() {
            return Err(ScheduleError::NotResolved);
        }
        let mut nodes = Vec::new();
        let mut faults = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let config =
                config(node).map_err(|source| ScheduleError::Config { node: node.id.clone(), source })?;
            nodes.push(self.node_plan(node, config));
            if let Some(at) = node.cancel_ns {
                faults.push(fault("cancel", at, None, Fault::Terminate(Who::Node(index))));
            }
        }
        for (index, link) in self.links.iter().enumerate() {
            faults.push(self.link_fault(index, link)?);
        }
        for edit in &self.environment {
            faults.push(fault("edit", edit.at_ns, None, Fault::Edit(edit.edit())));
        }
        for (index, doing) in self.processes.iter().enumerate() {
            let who = Who::Node(self.index_of(&doing.node, index)?);
            let (name, what) = match doing.what {
                ScheduledDo::Start => ("start", Fault::Start { who, new_identity: doing.new_identity }),
                ScheduledDo::Terminate => ("terminate", Fault::Terminate(who)),
                _ => ("crash", Fault::Crash(who)),
            };
            faults.push(fault(name, doing.at_ns, None, what));
        }
        for down in &self.server_down {
            let lasts = down.to_ns.saturating_sub(down.from_ns);
            faults.push(fault("down", down.from_ns, Some(lasts), Fault::ServerDown));
        }
        let server = ServerPlan {
            latency: Draw::Fixed(0),
            errors: Vec::new(),
            stale_reads: None,
            capacity: None,
            no_op_writes_count: true,
        };
        Ok(Plan {
            nodes,
            server,
            work: None,
            faults,
            horizon_ns: self.end_ns,
            stop_after_failovers: None,
            crash_loses_requests: !self.crash_keeps_requests,
            schedule: None,
        })
    }

    fn node_plan(&self, node: &ScheduledNode, config: Config) -> NodePlan {
        let link = |latency| LinkPlan { latency: Draw::Fixed(latency), loss_ppm: 0, duplicate_ppm: 0 };
        NodePlan {
            name: node.id.clone(),
            identity: node.identity.clone().unwrap_or_else(|| node.id.clone()),
            start: Draw::Fixed(node.start_ns),
            elector: Some(config),
            clock: ClockPlan { rate_ppm: 0, wall_offset_ns: 0, wall_stopped: false, stops_in_suspend: false },
            request: link(self.request_latency_ns),
            response: link(self.response_latency_ns),
            drain: Draw::Fixed(0),
            restart: None,
        }
    }

    fn index_of(&self, node: &SmolStr, index: usize) -> Result<usize, ScheduleError> {
        let known = self.nodes.iter().position(|known| known.id == *node);
        known.ok_or_else(|| ScheduleError::UnknownNode { index, node: node.clone() })
    }

    fn link_fault(&self, index: usize, link: &ScheduledLink) -> Result<FaultPlan, ScheduleError> {
        let node = self.index_of(&link.node, index)?;
        let lasts = link.to_ns.checked_sub(link.from_ns).ok_or(ScheduleError::EmptyWindow { index })?;
        let only = match link.verb.as_str() {
            "" => None,
            "get" => Some(Verb::Get),
            "create" => Some(Verb::Create),
            "update" => Some(Verb::Update),
            _ => return Err(ScheduleError::UnknownVerb { index, verb: link.verb.clone() }),
        };
        let what = Fault::Link {
            who: Who::Node(node),
            leg: match link.leg {
                ScheduledLeg::Request => Leg::Request,
                ScheduledLeg::Response => Leg::Response,
                ScheduledLeg::Both => Leg::Both,
            },
            effect: match link.effect {
                ScheduledEffect::Delay => LinkEffect::Delay(Draw::Fixed(link.delay_ns)),
                ScheduledEffect::Hang => LinkEffect::Hang,
                ScheduledEffect::Refuse => LinkEffect::Refuse,
                ScheduledEffect::Error => LinkEffect::Error,
                ScheduledEffect::Drop => LinkEffect::Drop,
            },
            only,
            count: link.count,
            applied_after_cancel: link.applied_after_cancel,
        };
        Ok(fault("link", link.from_ns, Some(lasts), what))
    }
}

impl ScheduledEdit {
    fn edit(&self) -> Edit {
        match self.what {
            ScheduledDeed::Delete => Edit::Delete,
            ScheduledDeed::Recreate => Edit::Recreate,
            ScheduledDeed::Create => Edit::Create,
            ScheduledDeed::SetDuration => Edit::SetDuration(self.seconds),
            ScheduledDeed::Annotate => Edit::Annotate,
            ScheduledDeed::SetHolder => Edit::SetHolder(self.holder.clone()),
            ScheduledDeed::ClearHolder => Edit::ClearHolder,
        }
    }
}

fn fault(name: &'static str, at: u64, lasts: Option<u64>, fault: Fault) -> FaultPlan {
    FaultPlan {
        name: SmolStr::new_static(name),
        when: Trigger::At(Draw::Fixed(at)),
        fault,
        lasts: lasts.map(Draw::Fixed),
        every: None,
        times: 1,
    }
}

impl ScheduledMessage {
    pub(super) fn scripted(&self) -> ScriptedMessage {
        let applied = self.applied;
        ScriptedMessage {
            request_ns: self.request_ns,
            response_ns: self.response_ns,
            lost: self.lost,
            response_lost: self.response_lost,
            again_ns: self.again_ns,
            error: self.error.map(|error| match error {
                ScheduledError::Internal => ServerError::Internal { applied },
                ScheduledError::Unavailable => ServerError::Unavailable,
                ScheduledError::GatewayTimeout => ServerError::GatewayTimeout { applied },
                ScheduledError::TooManyRequests => ServerError::TooManyRequests,
                ScheduledError::Forbidden => ServerError::Forbidden,
                ScheduledError::Silence => ServerError::Silence { applied },
            }),
            writes_only: self.writes_only,
        }
    }
}
