//! A short run, message by message: who asked what, when it reached the API server, when the answer came back.
//!
//! Where a [`Timeline`](super::Timeline) has an axis of time, this has an axis of events: much may happen at one instant,
//! and then nothing for seconds.

use super::timeline::Outcome;
use super::{raster, sequence_scene, svg};

/// A place on the axis of events: by time, and by order at one and the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Nanoseconds of true time since the start.
    pub ns: u64,
    /// What comes before what: a number for the whole sequence, never smaller at a later time. Events have different
    /// numbers, unless they are one, as the start of a [`Bar`] and the [`Mark`] that says why.
    pub order: u32,
}

/// One request of a replica, and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The replica, an index of [`Sequence::lanes`]. Messages, bars and marks of others are not drawn.
    pub lane: usize,
    /// What it asks for, e.g. `Update rv 3`.
    pub label: String,
    /// When it was sent.
    pub sent: At,
    /// When the server took it; `None` if it never did.
    pub arrived: Option<At>,
    /// What kind of answer it got; means nothing if it did not arrive.
    pub outcome: Outcome,
    /// The answer, e.g. `ok, rv 4`; that of `outcome` if empty.
    pub result: String,
    /// When the answer reached the sender; `None` if it never did.
    pub answered: Option<At>,
    /// The answer changed nothing, as nobody waited for it any more.
    pub ignored: bool,
    /// When the sender gave up waiting.
    pub abandoned: Option<At>,
}

/// What a replica is over a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarKind {
    /// It acts as the leader.
    Leading,
    /// It was told to stop, and its work is still stopping.
    Draining,
    /// It waits until it may try to lead.
    Quarantined,
    /// Its process does not exist.
    Dead,
    /// It stands still: its code does not run, its clock does. Drawn over what it is besides.
    Paused,
    /// It does not reach the API server. Drawn around what it is besides.
    CutOff,
}

/// A replica being something, from one event to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The replica, an index of [`Sequence::lanes`].
    pub lane: usize,
    /// The event that begins it.
    pub from: At,
    /// The event that ends it; `None` if nothing does.
    pub to: Option<At>,
    /// What it is.
    pub kind: BarKind,
}

/// A remark at an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The replica, an index of [`Sequence::lanes`]; `None` is the API server.
    pub lane: Option<usize>,
    /// When.
    pub at: At,
    /// What, e.g. `crash` or `starts leading (token 4)`.
    pub text: String,
}

/// A sequence diagram: a lane per replica and one for the API server, time from top to bottom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The headline.
    pub title: String,
    /// Paragraphs of smaller print, e.g. what is assumed.
    pub notes: Vec<String>,
    /// The replicas' names. The server stands between them.
    pub lanes: Vec<String>,
    /// When the sequence ends.
    pub end_ns: u64,
    /// All messages.
    pub messages: Vec<Message>,
    /// What the replicas are.
    pub bars: Vec<Bar>,
    /// Remarks.
    pub marks: Vec<Mark>,
    /// When more than one led, from one event to another.
    pub overlaps: Vec<(At, At)>,
}

impl Sequence {
    /// The sequence as an SVG document, the same bytes for the same sequence.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg::write(&sequence_scene::draw(self))
    }

    /// The sequence as a PNG file, with two pixels for one of the SVG.
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        raster::png(&sequence_scene::draw(self))
    }

    /// The name of whose lane it is.
    pub(super) fn name(&self, lane: Option<usize>) -> &str {
        lane.map_or("API server", |lane| &self.lanes[lane])
    }

    /// How many replicas stand left of the server.
    pub(super) fn left_of_server(&self) -> usize {
        self.lanes.len().div_ceil(2)
    }

    pub(super) fn uses(&self, kind: BarKind) -> bool {
        self.bars.iter().any(|bar| bar.kind == kind && bar.lane < self.lanes.len())
    }
}

impl Message {
    pub(super) fn result(&self) -> &str {
        if self.result.is_empty() { self.outcome.label() } else { &self.result }
    }

    /// The answer as it is written where it reaches the sender after a while.
    pub(super) fn late_result(&self) -> String {
        if self.ignored { format!("ignored: {}", self.result()) } else { self.result().to_owned() }
    }

    pub(super) fn giving_up(&self) -> String {
        format!("gives up: {}", self.label)
    }
}

impl BarKind {
    pub(super) const ALL: [Self; 6] =
        [Self::Leading, Self::Draining, Self::Quarantined, Self::Dead, Self::Paused, Self::CutOff];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Leading => "leading",
            Self::Draining => "draining",
            Self::Quarantined => "in quarantine",
            Self::Dead => "not running",
            Self::Paused => "paused",
            Self::CutOff => "cut off",
        }
    }
}

/// Seconds with as many decimals as they have: `12 s`, `12.2 s`.
pub(super) fn seconds_text(ns: u64) -> String {
    let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// How long two led.
pub(super) fn overlap_text((from, to): (At, At)) -> String {
    match to.ns.saturating_sub(from.ns) {
        0 => "two lead for an instant".to_owned(),
        ns => format!("two lead: {}", seconds_text(ns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_no_more_decimals_than_they_need() {
        let texts = [0, 12_000_000_000, 12_200_000_000, 1].map(seconds_text);
        assert_eq!(texts, ["0 s", "12 s", "12.2 s", "0.000000001 s"]);
        let at = |ns| At { ns, order: 0 };
        assert_eq!(overlap_text((at(1), at(1))), "two lead for an instant");
    }
}
