//! The axis of events: what happens in a sequence, in order, and what of it is drawn in one row.

use std::ops::Range;

use super::sequence::{At, Sequence};

/// What happens. The numbers are indices into the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Sent(usize),
    Arrived(usize),
    Answered(usize),
    Abandoned(usize),
    Mark(usize),
    /// A bar or an overlap begins or ends, without a mark that says so.
    Edge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) at: At,
    /// Whose it is: a message's events are its sender's. `None` is the server.
    pub(super) lane: Option<usize>,
    pub(super) what: What,
}

/// Everything that happens, in order.
pub(super) struct Order {
    pub(super) events: Vec<Event>,
    /// The events of each row: at one instant, and of one lane.
    pub(super) rows: Vec<Range<usize>>,
    /// Where the events of each message are.
    pub(super) places: Vec<Places>,
}

/// Indices of events.
#[derive(Clone, Copy, Default)]
pub(super) struct Places {
    pub(super) sent: Option<usize>,
    pub(super) arrived: Option<usize>,
    pub(super) answered: Option<usize>,
}

impl Order {
    pub(super) fn of(sequence: &Sequence) -> Self {
        let lanes = sequence.lanes.len();
        let mut events = Vec::new();
        for (i, message) in sequence.messages.iter().enumerate().filter(|(_, m)| m.lane < lanes) {
            let lane = Some(message.lane);
            // There is no answer to what did not arrive.
            let answered = message.answered.filter(|_| message.arrived.is_some());
            let all = [
                (Some(message.sent), What::Sent(i)),
                (message.arrived, What::Arrived(i)),
                (answered, What::Answered(i)),
                (message.abandoned, What::Abandoned(i)),
            ];
            events.extend(all.into_iter().filter_map(|(at, what)| Some(Event { at: at?, lane, what })));
        }
        for (i, mark) in sequence.marks.iter().enumerate() {
            if mark.lane.is_none_or(|lane| lane < lanes) {
                events.push(Event { at: mark.at, lane: mark.lane, what: What::Mark(i) });
            }
        }
        events.sort_unstable();
        let mut edges = Vec::new();
        for bar in sequence.bars.iter().filter(|bar| bar.lane < lanes) {
            let lane = Some(bar.lane);
            let ends = [Some(bar.from), bar.to].into_iter().flatten();
            edges.extend(ends.map(|at| Event { at, lane, what: What::Edge }));
        }
        edges.retain(|edge| !events.iter().any(|event| (event.at, event.lane) == (edge.at, edge.lane)));
        events.extend(edges);
        let ends = sequence.overlaps.iter().flat_map(|&(from, to)| [from, to]);
        let ends: Vec<_> = ends.filter(|at| !events.iter().any(|event| event.at == *at)).collect();
        events.extend(ends.into_iter().map(|at| Event { at, lane: None, what: What::Edge }));
        events.sort_unstable();
        events.dedup();

        let mut rows: Vec<Range<usize>> = Vec::new();
        for (i, event) in events.iter().enumerate() {
            match rows.last_mut() {
                Some(row) if joins(&events[row.clone()], event) => row.end = i + 1,
                _ => rows.push(i..i + 1),
            }
        }
        let mut places = vec![Places::default(); sequence.messages.len()];
        for (i, event) in events.iter().enumerate() {
            match event.what {
                What::Sent(message) => places[message].sent = Some(i),
                What::Arrived(message) => places[message].arrived = Some(i),
                What::Answered(message) => places[message].answered = Some(i),
                What::Abandoned(_) | What::Mark(_) | What::Edge => {}
            }
        }
        Self { events, rows, places }
    }

    /// The index of the event at a place on the axis, of the given lane if there is one.
    pub(super) fn find(&self, at: At, lane: Option<usize>) -> Option<usize> {
        let first = self.events.partition_point(|event| event.at < at);
        let there = self.events[first..].iter().take_while(|event| event.at == at);
        let own = there.clone().position(|event| event.lane == lane);
        own.or_else(|| (there.count() > 0).then_some(0)).map(|i| first + i)
    }

    /// The row of an event.
    pub(super) fn row(&self, event: usize) -> usize {
        self.rows.partition_point(|row| row.end <= event)
    }

    /// The rows that a span covers, at least one; to the last if nothing ends it.
    pub(super) fn rows_of(&self, lane: Option<usize>, from: At, to: Option<At>) -> Range<usize> {
        let row = |at| self.find(at, lane).map(|event| self.row(event));
        let from = row(from).unwrap_or(self.rows.len());
        from..to.and_then(row).unwrap_or(self.rows.len()).max(from + 1)
    }
}

/// Whether an event is drawn in the row before it.
fn joins(row: &[Event], event: &Event) -> bool {
    let Some(last) = row.last() else { return true };
    if last.at.ns != event.at.ns || last.lane != event.lane {
        return false;
    }
    let remark = |event: &Event| matches!(event.what, What::Mark(_) | What::Abandoned(_));
    match event.what {
        What::Sent(_) => false,
        What::Arrived(i) => last.what == What::Sent(i),
        What::Answered(i) => last.what == What::Arrived(i),
        What::Mark(_) | What::Abandoned(_) => event.lane.is_some() && !row.iter().any(remark),
        What::Edge => true,
    }
}
