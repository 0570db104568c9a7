//! A recorded schedule, and the plan it makes.

use serde::Deserialize;
use smol_str::SmolStr;

use crate::core::{ClockBound, Config, ConfigError, Span, Timings};
use crate::sim::plan::{
    ClockPlan, Draw, Edit, Fault, FaultPlan, Leg, LinkEffect, LinkPlan, NodePlan, Plan, ServerPlan, Trigger,
    Who,
};

/// What the world does in a recorded run. All times are nanoseconds since its start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct Schedule {
    pub name: String,
    #[serde(default)]
    pub about: String,
    pub end_ns: u64,
    pub request_latency_ns: u64,
    pub response_latency_ns: u64,
    pub nodes: Vec<ScheduledNode>,
    #[serde(default)]
    pub links: Vec<ScheduledLink>,
    #[serde(default)]
    pub environment: Vec<ScheduledEdit>,
}

/// A replica of a recorded run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledNode {
    pub id: SmolStr,
    pub start_ns: u64,
    #[serde(default)]
    pub cancel_ns: Option<u64>,
    #[serde(default)]
    pub release_on_cancel: bool,
    pub lease_duration_ns: u64,
    pub renew_deadline_ns: u64,
    pub retry_period_ns: u64,
    #[serde(default)]
    pub http_timeout_ns: Option<u64>,
    #[serde(default)]
    pub identity: Option<SmolStr>,
}

/// An effect on the requests that a node sends in `[from_ns, to_ns)`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledLink {
    pub node: SmolStr,
    pub from_ns: u64,
    pub to_ns: u64,
    pub leg: ScheduledLeg,
    pub effect: ScheduledEffect,
    #[serde(default)]
    pub delay_ns: u64,
    #[serde(default)]
    pub applied_after_cancel: bool,
}

/// A direction.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub enum ScheduledLeg {
    Request,
    Response,
}

/// What a link does.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub enum ScheduledEffect {
    Delay,
    Hang,
    Refuse,
    Error,
}

/// What a third party does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledEdit {
    pub at_ns: u64,
    #[serde(rename = "do")]
    pub what: ScheduledDeed,
    #[serde(default)]
    pub holder: SmolStr,
}

/// A deed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub enum ScheduledDeed {
    Delete,
    Annotate,
    SetHolder,
    ClearHolder,
}

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
    #[error("links[{index}]: there is no node {node}")]
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

    fn client_go(&self) -> Result<Config, ConfigError> {
        Config::client_go(self.timings())?
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
        self.plan_with(ScheduledNode::client_go)
    }

    /// The plan in which every node runs `strict` with the same settings.
    ///
    /// # Errors
    /// If the schedule cannot be run, or `strict` refuses the settings.
    pub fn strict_plan(&self) -> Result<Plan, ScheduleError> {
        self.plan_with(ScheduledNode::strict)
    }

    fn plan_with(
        &self,
        config: impl Fn(&ScheduledNode) -> Result<Config, ConfigError>,
    ) -> Result<Plan, ScheduleError> {
        if self.nodes.is_empty() || self.nodes.len() > 64 {
            return Err(ScheduleError::NodeCount(self.nodes.len()));
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
            crash_loses_requests: true,
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

    fn link_fault(&self, index: usize, link: &ScheduledLink) -> Result<FaultPlan, ScheduleError> {
        let node = self.nodes.iter().position(|node| node.id == link.node);
        let node = node.ok_or_else(|| ScheduleError::UnknownNode { index, node: link.node.clone() })?;
        let lasts = link.to_ns.checked_sub(link.from_ns).ok_or(ScheduleError::EmptyWindow { index })?;
        let what = Fault::Link {
            who: Who::Node(node),
            leg: match link.leg {
                ScheduledLeg::Request => Leg::Request,
                ScheduledLeg::Response => Leg::Response,
            },
            effect: match link.effect {
                ScheduledEffect::Delay => LinkEffect::Delay(Draw::Fixed(link.delay_ns)),
                ScheduledEffect::Hang => LinkEffect::Hang,
                ScheduledEffect::Refuse => LinkEffect::Refuse,
                ScheduledEffect::Error => LinkEffect::Error,
            },
            only: None,
            count: None,
            applied_after_cancel: link.applied_after_cancel,
        };
        Ok(fault("link", link.from_ns, Some(lasts), what))
    }
}

impl ScheduledEdit {
    fn edit(&self) -> Edit {
        match self.what {
            ScheduledDeed::Delete => Edit::Delete,
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
