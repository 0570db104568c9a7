//! The event log of one run: a header line, then one JSON object an event.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::output::WholeFile;
use super::results::{self, Finished};
use crate::scenario::shell_word;
use crate::sim::Plan;
use crate::sim::trace::{LeaseState, TRACE_VERSION, TraceEvent, TraceKind};

pub(super) fn write(
    path: &Path,
    one: &Finished<'_>,
    plan: &Plan,
    run: u64,
    trace: &[TraceEvent],
) -> Result<()> {
    let mut file = WholeFile::create(path)?;
    let command = results::command(one);
    let header = json!({
        "leasehold_trace": TRACE_VERSION,
        "scenario": one.scenario.name,
        "setting": one.setting.name,
        "seed": one.setting.seed,
        "run": run,
        "command": format!("{command} --setting {} --pick-run {run} --trace {}",
            shell_word(&one.setting.name), shell_word(&path.display().to_string())),
        "nodes": plan.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(),
        "faults": plan.faults.iter().map(|fault| fault.name.as_str()).collect::<Vec<_>>(),
        "resolved": one.setting.resolved().to_json(),
    });
    writeln!(file, "{header}")?;
    for event in trace {
        writeln!(file, "{}", Value::Object(event_json(event, plan)))?;
    }
    file.finish()
}

fn event_json(event: &TraceEvent, plan: &Plan) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("t_ns", json!(event.t_ns));
    if let Some(node) = event.node {
        put("node", json!(plan.nodes[node].name.as_str()));
    }
    let names =
        |nodes: &[usize]| json!(nodes.iter().map(|&n| plan.nodes[n].name.as_str()).collect::<Vec<_>>());
    let fields = match &event.kind {
        TraceKind::Send { verb, id } => json!({"kind": "send", "op": verb.name(), "id": id}),
        TraceKind::Commit { verb, id, result, lease } => {
            let fields = json!({"kind": "commit", "op": verb.name(), "id": id, "result": result.name()});
            with_lease(fields, lease)
        }
        TraceKind::Done { verb, id, result } => {
            json!({"kind": "done", "op": verb.name(), "id": id, "result": result.name()})
        }
        TraceKind::StartedLeading { token } => json!({"kind": "started_leading", "token": token}),
        TraceKind::StoppedLeading { reason } => {
            json!({"kind": "stopped_leading", "reason": format!("{reason:?}")})
        }
        TraceKind::RightEnded => json!({"kind": "right_ended"}),
        TraceKind::WorkStopped => json!({"kind": "work_stopped"}),
        TraceKind::Returned { reason } => json!({"kind": "returned", "reason": format!("{reason:?}")}),
        TraceKind::NewLeader { holder } => json!({"kind": "new_leader", "holder": holder.as_str()}),
        TraceKind::ProcessStarted { identity } => {
            json!({"kind": "process_started", "identity": identity.as_str()})
        }
        TraceKind::ProcessEnded { crashed } => json!({"kind": "process_ended", "crashed": crashed}),
        TraceKind::Paused => json!({"kind": "paused"}),
        TraceKind::Resumed => json!({"kind": "resumed"}),
        TraceKind::FaultBegan { fault, nodes } => {
            json!({"kind": "fault_began", "fault": plan.faults[*fault].name.as_str(), "nodes": names(nodes)})
        }
        TraceKind::FaultEnded { fault } => {
            json!({"kind": "fault_ended", "fault": plan.faults[*fault].name.as_str()})
        }
        TraceKind::Environment { edit, lease } => {
            with_lease(json!({"kind": "environment", "op": edit}), lease)
        }
        TraceKind::Overlap { leaders } => json!({"kind": "leaders", "nodes": names(leaders)}),
        TraceKind::StaleWrite { accepted } => json!({"kind": "stale_write", "accepted": accepted}),
    };
    if let Value::Object(fields) = fields {
        out.extend(fields);
    }
    out
}

fn with_lease(mut fields: Value, lease: &LeaseState) -> Value {
    if !lease.holder.is_empty() {
        fields["holder"] = json!(lease.holder.as_str());
    }
    if lease.resource_version > 0 {
        fields["resource_version"] = json!(lease.resource_version);
    }
    if lease.transitions > 0 {
        fields["transitions"] = json!(lease.transitions);
    }
    fields
}
