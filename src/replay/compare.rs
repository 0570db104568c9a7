//! The comparison.

use std::cmp::Ordering;
use std::fmt;

use super::plan::ScheduleError;
use super::schedule::{Schedule, ScheduledMessage};
use super::{RecordedEvent, Recording};
use crate::sim::{Plan, Script, World};

/// How many events are shown before and after the first difference.
const CONTEXT: usize = 6;

/// Where a replay first differs from its recording.
#[derive(Clone, Debug)]
pub struct Difference {
    /// When.
    pub at_ns: u64,
    /// The events of both around it, in order; those of one of them alone are marked.
    pub events: Vec<(Seen, RecordedEvent)>,
}

/// Where an event was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// In both.
    Both,
    /// In the recording alone.
    Recorded,
    /// In the simulation alone.
    Simulated,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  first difference at {} ns; < recorded alone, > simulated alone", self.at_ns)?;
        for (seen, event) in &self.events {
            let mark = match seen {
                Seen::Both => ' ',
                Seen::Recorded => '<',
                Seen::Simulated => '>',
            };
            writeln!(f, "  {mark} {event}")?;
        }
        Ok(())
    }
}

/// Replays a recording with its jitter, under the release of client-go that it names. Returns how many events were
/// equal, or the first difference.
///
/// # Errors
/// If the schedule cannot be run.
pub fn replay(recording: &Recording) -> Result<Result<usize, Box<Difference>>, ScheduleError> {
    Ok(compare(recording, &recording.schedule.plan_of(recording.release())?))
}

/// The same under a plan of one's own, such as one with a rule changed.
#[must_use = "it says whether the two are equal"]
pub fn compare(recording: &Recording, plan: &Plan) -> Result<usize, Box<Difference>> {
    let simulated = simulate(plan, recording);
    let mut recorded = recording.events.clone();
    recorded.sort_unstable();
    let first = recorded.iter().zip(&simulated).position(|(a, b)| a != b);
    let first = first.unwrap_or(recorded.len().min(simulated.len()));
    if first == recorded.len() && first == simulated.len() {
        return Ok(first);
    }
    Err(Box::new(Difference {
        at_ns: recorded
            .get(first)
            .into_iter()
            .chain(simulated.get(first))
            .map(|event| event.t_ns)
            .min()
            .unwrap_or(0),
        events: around(&recorded, &simulated, first),
    }))
}

/// What the simulator does under a recording's jitter: the same run as the comparison's, for pictures and measures.
#[must_use]
pub fn script_of(recording: &Recording) -> Script {
    let sends_of = |node: &str| {
        let sent = recording.events.iter().filter(|event| event.kind == "send" && event.node == node);
        sent.map(|event| (event.t_ns, event.id)).collect()
    };
    let Schedule { nodes, .. } = &recording.schedule;
    Script {
        sends: nodes.iter().map(|node| sends_of(&node.id)).collect(),
        messages: nodes
            .iter()
            .map(|node| node.messages.iter().map(ScheduledMessage::scripted).collect())
            .collect(),
    }
}

/// Both traces merged by time, from a little before the first difference.
fn around(
    recorded: &[RecordedEvent],
    simulated: &[RecordedEvent],
    first: usize,
) -> Vec<(Seen, RecordedEvent)> {
    let from = first.saturating_sub(CONTEXT);
    let before = recorded.get(from..first).unwrap_or(&[]);
    let mut events: Vec<_> = before.iter().map(|event| (Seen::Both, event.clone())).collect();
    let mut left = recorded.get(first..).unwrap_or(&[]).iter().peekable();
    let mut right = simulated.get(first..).unwrap_or(&[]).iter().peekable();
    while events.len() < 3 * CONTEXT {
        let order = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        let (seen, event) = match order {
            Ordering::Less => (Seen::Recorded, left.next()),
            Ordering::Greater => (Seen::Simulated, right.next()),
            Ordering::Equal => {
                left.next();
                (Seen::Both, right.next())
            }
        };
        events.extend(event.map(|event| (seen, event.clone())));
    }
    events
}

fn simulate(plan: &Plan, recording: &Recording) -> Vec<RecordedEvent> {
    let (_, trace) = World::new(plan).with_script(script_of(recording)).run_traced(0, 0);
    let mut events: Vec<_> = trace
        .iter()
        .filter_map(|event| RecordedEvent::from_trace(event, plan))
        .filter(|event| event.t_ns < recording.schedule.end_ns)
        .collect();
    events.sort_unstable();
    events
}
