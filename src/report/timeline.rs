//! One run, as a lane per replica: the model that the pictures and the text are drawn from.

use super::{raster, svg, timeline_scene};

/// What a replica is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneState {
    /// Not started, or gone.
    Down,
    /// Running, without the lease.
    Follower,
    /// Its guarded work runs.
    Leading,
    /// It was told to stop, and its guarded work is still stopping.
    Draining,
    /// Its right to act has ended, and it has not noticed, or its guarded work is still stopping.
    Expired,
}

/// A replica in one state, from one moment to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSpan {
    /// The first nanosecond.
    pub from_ns: u64,
    /// The nanosecond after the last.
    pub to_ns: u64,
    /// The state.
    pub state: LaneState,
}

/// What is done to a replica, whatever it is doing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OverlayKind {
    /// The process stands still: its code does not run, its clock does.
    Paused,
    /// It does not reach the API server.
    CutOff,
}

/// Something that is done to a replica, from one moment to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// The first nanosecond.
    pub from_ns: u64,
    /// The nanosecond after the last.
    pub to_ns: u64,
    /// What it is.
    pub kind: OverlayKind,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// To read the lease.
    Get,
    /// To create it.
    Create,
    /// To replace it.
    Update,
}

/// How a request ended, as its sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// The lease had changed in between (409).
    Conflict,
    /// There is no lease (404).
    NotFound,
    /// There is a lease already (409 to a create).
    AlreadyExists,
    /// The sender gave up waiting.
    Timeout,
    /// No connection.
    Refused,
    /// The server failed (5xx).
    ServerError,
    /// No answer by the end of the run, or none that anybody was waiting for.
    Lost,
}

/// One request of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestMark {
    /// When it was sent.
    pub sent_ns: u64,
    /// When its sender learned how it ended, if ever.
    pub done_ns: Option<u64>,
    /// What it asked for.
    pub verb: Verb,
    /// How it ended.
    pub outcome: Outcome,
}

/// A replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// What it is called.
    pub name: String,
    /// Its states, in order; it is down where there is none.
    pub spans: Vec<StateSpan>,
    /// What was done to it.
    pub overlays: Vec<Overlay>,
    /// Its requests.
    pub requests: Vec<RequestMark>,
    /// Remarks at moments, e.g. `crash`.
    pub notes: Vec<(u64, String)>,
}

/// Something that happened at the API server, or to the lease behind the replicas' backs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerMark {
    /// When.
    pub at_ns: u64,
    /// What, e.g. `Lease deleted`.
    pub label: String,
}

/// One run. All times are nanoseconds of true time since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The headline.
    pub title: String,
    /// What was run, in smaller print.
    pub subtitle: String,
    /// Where the picture starts.
    pub from_ns: u64,
    /// Where the picture ends.
    pub to_ns: u64,
    /// The replicas, from top to bottom.
    pub lanes: Vec<Lane>,
    /// What happened at the server.
    pub server: Vec<ServerMark>,
    /// When the work of more than one replica ran, as `(from, to)`; see [`Timeline::overlaps_of`].
    pub overlaps: Vec<(u64, u64)>,
}

impl Timeline {
    /// The timeline as an SVG document, the same bytes for the same timeline.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg::write(&timeline_scene::draw(self))
    }

    /// The timeline as a PNG file, with two pixels for one of the SVG.
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        raster::png(&timeline_scene::draw(self))
    }

    /// When more than one of the lanes is leading or draining, in order, as `(from, to)`.
    #[must_use]
    pub fn overlaps_of(lanes: &[Lane]) -> Vec<(u64, u64)> {
        let busy = |state| matches!(state, LaneState::Leading | LaneState::Draining);
        let spans = lanes.iter().flat_map(|lane| &lane.spans);
        // At one moment, ends come before starts: who takes over at that very moment does not overlap.
        let mut changes: Vec<(u64, i32)> = spans
            .filter(|span| busy(span.state) && span.from_ns < span.to_ns)
            .flat_map(|span| [(span.from_ns, 1), (span.to_ns, -1)])
            .collect();
        changes.sort_unstable();
        let (mut working, mut since) = (0, 0);
        let mut overlaps: Vec<(u64, u64)> = Vec::new();
        for (at, change) in changes {
            match (working, change) {
                (1, 1) => since = at,
                (2, -1) => match overlaps.last_mut() {
                    Some(last) if last.1 == since => last.1 = at,
                    _ => overlaps.push((since, at)),
                },
                _ => {}
            }
            working += change;
        }
        overlaps
    }

    /// The end of the picture, after its start even if there is no time between.
    pub(super) fn end_ns(&self) -> u64 {
        self.to_ns.max(self.from_ns.saturating_add(1))
    }

    /// The part of a span that the picture shows, if any.
    pub(super) fn shown(&self, from_ns: u64, to_ns: u64) -> Option<(u64, u64)> {
        let (from, to) = (from_ns.max(self.from_ns), to_ns.min(self.end_ns()));
        (from < to || (from == to && from_ns == to_ns)).then_some((from, to))
    }

    /// Whether the picture shows a moment.
    pub(super) fn shows(&self, at_ns: u64) -> bool {
        (self.from_ns..=self.end_ns()).contains(&at_ns)
    }
}

impl Outcome {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Conflict => "conflict",
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::ServerError => "server error",
            Self::Lost => "lost",
        }
    }
}

impl Verb {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

/// `4.2 s`, `12.7 s`, `350 ms` or `80 us`: three digits or so, cut.
pub(super) fn duration_text(ns: u64) -> String {
    match ns {
        10_000_000_000.. => format!("{}.{} s", ns / 1_000_000_000, ns / 100_000_000 % 10),
        1_000_000_000.. => format!("{}.{:02} s", ns / 1_000_000_000, ns / 10_000_000 % 100),
        1_000_000.. => format!("{} ms", ns / 1_000_000),
        1_000.. => format!("{} us", ns / 1_000),
        _ => format!("{ns} ns"),
    }
}

/// Seconds with three decimals, cut.
pub(super) fn moment_text(ns: u64) -> String {
    format!("{}.{:03}", ns / 1_000_000_000, ns / 1_000_000 % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leading(spans: &[(u64, u64)]) -> Lane {
        let span = |&(from_ns, to_ns)| StateSpan { from_ns, to_ns, state: LaneState::Leading };
        Lane { spans: spans.iter().map(span).collect(), ..Lane::default() }
    }

    #[test]
    fn overlaps_are_where_two_or_more_work() {
        let lanes = [leading(&[(0, 10), (30, 40)]), leading(&[(8, 20)]), leading(&[(9, 12), (40, 50)])];
        assert_eq!(Timeline::overlaps_of(&lanes), [(8, 12)]);
        assert!(Timeline::overlaps_of(&[leading(&[(0, 10), (10, 20)])]).is_empty());
    }

    #[test]
    fn durations_have_three_digits_or_so() {
        let texts = [12_345_678_900, 4_200_000_000, 350_999_999, 80_000, 7].map(duration_text);
        assert_eq!(texts, ["12.3 s", "4.20 s", "350 ms", "80 us", "7 ns"]);
        assert_eq!(moment_text(8_042_999_999), "8.042");
    }
}
