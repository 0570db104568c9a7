//! Events in the recordings' vocabulary.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::sim::Plan;
use crate::sim::trace::{LeaseState, TraceEvent, TraceKind};

/// One recorded event. Absent, zero and empty fields are alike. The order of the fields is the order in which
/// events of one nanosecond are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct RecordedEvent {
    pub t_ns: u64,
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub node: SmolStr,
    pub kind: SmolStr,
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub op: SmolStr,
    #[serde(skip_serializing_if = "is_zero")]
    pub id: u32,
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub result: SmolStr,
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub holder: SmolStr,
    #[serde(skip_serializing_if = "is_zero")]
    pub resource_version: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub transitions: i32,
}

impl fmt::Display for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>15} ns  {:<4} {}", self.t_ns, self.node, self.kind)?;
        if !self.op.is_empty() {
            write!(f, " {}", self.op)?;
        }
        if self.id != 0 {
            write!(f, " #{}", self.id)?;
        }
        if !self.result.is_empty() {
            write!(f, ": {}", self.result)?;
        }
        if self.resource_version != 0 {
            let holder = if self.holder.is_empty() { "nobody" } else { self.holder.as_str() };
            write!(
                f,
                "  (holder {holder}, version {}, transitions {})",
                self.resource_version, self.transitions
            )?;
        }
        Ok(())
    }
}

fn is_zero<T: Default + PartialEq>(n: &T) -> bool {
    *n == T::default()
}

impl RecordedEvent {
    fn with_lease(mut self, lease: &LeaseState) -> Self {
        self.holder = lease.holder.clone();
        self.resource_version = lease.resource_version;
        self.transitions = lease.transitions;
        self
    }

    /// The event as a recording would have it; none for what recordings do not show.
    #[must_use]
    pub fn from_trace(event: &TraceEvent, plan: &Plan) -> Option<Self> {
        let base = |kind: &'static str, op: &'static str| Self {
            t_ns: event.t_ns,
            node: event.node.map_or_else(SmolStr::default, |node| plan.nodes[node].name.clone()),
            kind: SmolStr::new_static(kind),
            op: SmolStr::new_static(op),
            ..Self::default()
        };
        Some(match &event.kind {
            TraceKind::Send { verb, id } => Self { id: *id, ..base("send", verb.name()) },
            TraceKind::Commit { verb, id, result, lease } => {
                let event = Self { id: *id, result: result.name().into(), ..base("commit", verb.name()) };
                event.with_lease(lease)
            }
            TraceKind::Done { verb, id, result } => {
                Self { id: *id, result: result.name().into(), ..base("done", verb.name()) }
            }
            TraceKind::StartedLeading { .. } => base("started_leading", ""),
            TraceKind::StoppedLeading { .. } => base("stopped_leading", ""),
            // The recorder wrote it down one nanosecond late.
            TraceKind::Returned { .. } => Self { t_ns: event.t_ns + 1, ..base("returned", "") },
            TraceKind::Environment { edit, lease } => {
                let holder = if *edit == "set_holder" { lease.holder.clone() } else { SmolStr::default() };
                Self { holder, resource_version: lease.resource_version, ..base("environment", edit) }
            }
            _ => return None,
        })
    }
}
