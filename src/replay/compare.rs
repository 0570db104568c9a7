//! The comparison.

use std::fmt;

use super::schedule::{Schedule, ScheduleError};
use super::{RecordedEvent, Recording};
use crate::sim::{Plan, Script, World};

/// How many events of each trace are shown before and after the first difference.
const CONTEXT: usize = 6;

/// Where a replay first differs from its recording.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The recorded events around it, and whether each is the one that differs.
    pub recorded: Vec<(RecordedEvent, bool)>,
    /// The simulated events around it, likewise.
    pub simulated: Vec<(RecordedEvent, bool)>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, events) in [("recorded", &self.recorded), ("simulated", &self.simulated)] {
            writeln!(f, "  {title}:")?;
            for (event, differs) in events {
                let mark = if *differs { '>' } else { ' ' };
                let text = serde_json::to_string(event).map_err(|_| fmt::Error)?;
                writeln!(f, "  {mark} {text}")?;
            }
            if !events.iter().any(|(_, differs)| *differs) {
                writeln!(f, "  > (no more events)")?;
            }
        }
        Ok(())
    }
}

/// Replays a recording with its jitter. Returns how many events were equal, or the first difference.
///
/// # Errors
/// If the schedule cannot be run.
pub fn replay(recording: &Recording) -> Result<Result<usize, Box<Difference>>, ScheduleError> {
    let plan = recording.schedule.plan()?;
    let simulated = simulate(&plan, recording);
    let mut recorded = recording.events.clone();
    recorded.sort_unstable();
    let first = recorded.iter().zip(&simulated).position(|(a, b)| a != b);
    let first = first.unwrap_or(recorded.len().min(simulated.len()));
    if first == recorded.len() && first == simulated.len() {
        return Ok(Ok(first));
    }
    let around = |events: &[RecordedEvent]| {
        let from = first.saturating_sub(CONTEXT);
        let to = (first + CONTEXT).min(events.len());
        let shown = events.get(from..to).unwrap_or(&[]);
        shown.iter().enumerate().map(|(i, event)| (event.clone(), from + i == first)).collect()
    };
    Ok(Err(Box::new(Difference { recorded: around(&recorded), simulated: around(&simulated) })))
}

fn simulate(plan: &Plan, recording: &Recording) -> Vec<RecordedEvent> {
    let script = script_of(&recording.schedule, &recording.events);
    let (_, trace) = World::new(plan).with_script(script).run_traced(0, 0);
    let mut events: Vec<_> = trace
        .iter()
        .filter_map(|event| RecordedEvent::from_trace(event, plan))
        .filter(|event| event.t_ns < recording.schedule.end_ns)
        .collect();
    events.sort_unstable();
    events
}

/// The recorded sends dictate the jitter (from the end of an attempt to the next send) and the numbers
/// that tie events together.
fn script_of(schedule: &Schedule, events: &[RecordedEvent]) -> Script {
    let sends_of = |node: &str| {
        let sent = events.iter().filter(|event| event.kind == "send" && event.node == node);
        sent.map(|event| (event.t_ns, event.id)).collect()
    };
    Script { sends: schedule.nodes.iter().map(|node| sends_of(&node.id)).collect() }
}
