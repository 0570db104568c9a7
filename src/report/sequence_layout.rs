//! Where everything of a sequence diagram lies.

use super::font;
use super::scene::rows;
use super::sequence::{Sequence, overlap_text, seconds_text};
use super::sequence_order::{Order, What};

pub(super) const MARGIN: f64 = 24.0;
pub(super) const SMALL: f64 = 11.5;
/// Print for what is said besides.
pub(super) const TINY: f64 = 10.0;
/// Height of a line of small print.
pub(super) const LINE: f64 = 15.0;
/// Half the width of a leader's bar.
pub(super) const BAR: f64 = 7.0;
/// How far an answer lies below the request that it comes back to at once.
pub(super) const ANSWER: f64 = 7.0;
/// Between a lane and a text.
pub(super) const ASIDE: f64 = 13.0;
pub(super) const HEADER: f64 = 26.0;
/// The widest remark, in lines of which there are at most two.
const MARK_MAX: f64 = 190.0;
const WIDTH_MIN: f64 = 760.0;
/// Between messages that are on their way at the same time, where they run along the server's lane.
const CHANNEL: f64 = 7.0;
const CHANNELS_MAX: usize = 8;

/// The lanes, from left to right.
pub(super) struct Columns {
    pub(super) width: f64,
    /// Where the column of times ends.
    pub(super) left: f64,
    pub(super) lanes: Vec<f64>,
    pub(super) server: f64,
    /// Between neighbouring lanes.
    pub(super) gap: f64,
    /// How many lanes are left of the server.
    pub(super) before: usize,
    /// Room kept at the server's sides for messages on their way.
    pub(super) channels: f64,
}

impl Columns {
    pub(super) fn of(sequence: &Sequence, order: &Order) -> Self {
        let small = |text: &str| font::width(text, SMALL);
        let widest = |widths: &mut dyn Iterator<Item = f64>| widths.fold(0.0, f64::max);
        let times = order.events.iter().map(|event| event.at.ns).chain([sequence.end_ns]);
        let time = widest(&mut times.map(|ns| small(&seconds_text(ns)))).max(44.0);
        let lanes = sequence.lanes.len();
        let before = sequence.left_of_server();
        let channels = if order.places.iter().any(|places| {
            let row = |event: Option<usize>| event.map(|event| order.row(event));
            row(places.sent) != row(places.arrived) || row(places.arrived) != row(places.answered)
        }) {
            14.0 + CHANNEL * 2.0
        } else {
            6.0
        };
        let needs = sequence
            .messages
            .iter()
            .map(|m| small(&m.label) + small(m.result()) + channels + 2.0 * ASIDE + 16.0);
        let names = sequence.lanes.iter().map(|name| font::width(name, 13.0) + 36.0);
        let mut gap = widest(&mut needs.chain(names)).clamp(230.0, 330.0);
        // Remarks stand on the side that is away from the server.
        let aside = |lane: Option<usize>| {
            let marks = sequence.marks.iter().filter(|mark| mark.lane == lane).map(|mark| small(&mark.text));
            let messages = sequence.messages.iter().filter(|m| Some(m.lane) == lane);
            let giving_up = messages.filter(|m| m.abandoned.is_some()).map(|m| small(&m.giving_up()));
            let name = font::width(sequence.name(lane), 13.0).min(gap - 36.0) / 2.0 + 12.0;
            let marks = widest(&mut marks.chain(giving_up)).min(MARK_MAX);
            (if marks > 0.0 { marks + ASIDE + 8.0 } else { 0.0 }).max(name).max(30.0)
        };
        let outer_left = if lanes == 0 { 60.0 } else { aside(Some(0)) };
        let last = if lanes > before { lanes.checked_sub(1) } else { None };
        let labels = widest(&mut sequence.overlaps.iter().map(|overlap| small(&overlap_text(*overlap))));
        let outer_right = aside(last).max(labels + ASIDE + 8.0);
        let left = MARGIN + time + 12.0;
        let rest = left + outer_left + outer_right + MARGIN;
        if lanes > 0 {
            gap = gap.max((WIDTH_MIN - rest) / lanes as f64);
        }
        let x = |column: usize| left + outer_left + gap * column as f64;
        Self {
            width: (rest + gap * lanes as f64).max(WIDTH_MIN).ceil(),
            left,
            lanes: (0..lanes).map(|lane| x(if lane < before { lane } else { lane + 1 })).collect(),
            server: x(before),
            gap,
            before,
            channels,
        }
    }

    pub(super) fn right(&self) -> f64 {
        self.width - MARGIN
    }

    pub(super) fn x(&self, lane: Option<usize>) -> f64 {
        lane.map_or(self.server, |lane| self.lanes[lane])
    }

    /// 1 if the server is right of a lane, -1 if it is left of it.
    pub(super) fn side(&self, lane: usize) -> f64 {
        if lane < self.before { 1.0 } else { -1.0 }
    }

    /// Whether the server is the next lane.
    pub(super) fn beside_server(&self, lane: usize) -> bool {
        lane == self.before || lane + 1 == self.before
    }

    /// A remark's lines.
    pub(super) fn mark_lines(&self, text: &str) -> Vec<String> {
        font::wrap(text, SMALL, MARK_MAX, 2)
    }
}

/// Everything that happens at one instant.
pub(super) struct Moment {
    pub(super) ns: u64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// How far down everything is.
pub(super) struct Grid {
    pub(super) instants: Vec<Moment>,
    /// Of each event.
    pub(super) ys: Vec<f64>,
    /// Of the end, below everything else.
    pub(super) end: f64,
}

impl Grid {
    pub(super) fn of(sequence: &Sequence, order: &Order, columns: &Columns, top: f64) -> Self {
        let mut grid = Self { instants: Vec::new(), ys: vec![top; order.events.len()], end: top };
        let begins: Vec<usize> = sequence
            .overlaps
            .iter()
            .filter_map(|&(from, _)| order.find(from, None).map(|event| order.row(event)))
            .collect();
        let mut y = top;
        for (index, row) in order.rows.iter().enumerate() {
            let ns = order.events[row.start].at.ns;
            let new = match grid.instants.last() {
                Some(last) if last.ns == ns => false,
                Some(last) => {
                    y = last.bottom + elision(ns - last.ns);
                    true
                }
                None => {
                    y += 10.0;
                    true
                }
            };
            if new {
                grid.instants.push(Moment { ns, top: y, bottom: y });
                y += 5.0;
            }
            let (above, below) = grid.row(sequence, order, columns, row.clone(), y);
            y += above + below;
            if begins.contains(&index) {
                y += LINE;
            }
            if let Some(last) = grid.instants.last_mut() {
                last.bottom = y + 4.0;
            }
        }
        grid.end = match grid.instants.last() {
            Some(last) => last.bottom + elision(sequence.end_ns.saturating_sub(last.ns)),
            None => top + 60.0,
        };
        grid
    }

    /// Places the events of a row that begins at `y`; returns the room above and below its line.
    fn row(
        &mut self,
        sequence: &Sequence,
        order: &Order,
        columns: &Columns,
        row: std::ops::Range<usize>,
        y: f64,
    ) -> (f64, f64) {
        let (mut above, mut below, mut deep) = (4.0_f64, 4.0_f64, false);
        let mut deeper = Vec::new();
        for event in row.clone() {
            let marked = match order.events[event].what {
                What::Sent(_) => {
                    above = above.max(LINE);
                    None
                }
                What::Arrived(_) => {
                    above = above.max(LINE);
                    below = below.max(ANSWER + 5.0);
                    None
                }
                What::Answered(_) => {
                    deep = event > row.start;
                    above = above.max(LINE);
                    None
                }
                What::Abandoned(i) => Some(sequence.messages[i].giving_up()),
                What::Mark(i) => Some(sequence.marks[i].text.clone()),
                What::Edge => None,
            };
            deeper.push(deep);
            if let Some(text) = marked {
                let half = columns.mark_lines(&text).len() as f64 * LINE / 2.0 + 1.0;
                let down = if deep { ANSWER } else { 0.0 };
                (above, below) = (above.max(half - down), below.max(half + down));
            }
        }
        for (event, deep) in row.zip(deeper) {
            self.ys[event] = y + above + if deep { ANSWER } else { 0.0 };
        }
        (above, below)
    }

    /// How far down an event is, or the end if there is none.
    pub(super) fn y(&self, event: Option<usize>) -> f64 {
        event.map_or(self.end, |event| self.ys[event])
    }
}

/// The room for time in which nothing happens: more for more, but not in proportion.
fn elision(ns: u64) -> f64 {
    if ns == 0 {
        return 6.0;
    }
    let ms = ns as f64 / 1e6;
    10.0 + 3.4 * libm::log10(1.0 + ms)
}

/// A message's way, from its sender to the server and back.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) lane: usize,
    pub(super) sent: f64,
    pub(super) arrived: Option<f64>,
    pub(super) answered: Option<f64>,
    /// The sender learns the answer in the row where the server takes the request.
    pub(super) at_once: bool,
    /// Where it goes down along the server's lane, on its way there and back.
    pub(super) down: [Option<f64>; 2],
}

/// The ways of all messages that are drawn.
pub(super) fn ways(sequence: &Sequence, order: &Order, columns: &Columns, grid: &Grid) -> Vec<Option<Way>> {
    let row = |event: usize| order.row(event);
    let mut ways: Vec<Option<Way>> = Vec::new();
    // What goes down, as (is right of the server, from, to, message, on its way back).
    let mut down = Vec::new();
    for (i, (message, places)) in sequence.messages.iter().zip(&order.places).enumerate() {
        let Some(sent) = places.sent else {
            ways.push(None);
            continue;
        };
        let at_once = matches!((places.arrived, places.answered), (Some(a), Some(b)) if row(a) == row(b));
        let y = |event: Option<usize>| event.map(|event| grid.ys[event]);
        let way = Way {
            lane: message.lane,
            sent: grid.ys[sent],
            arrived: y(places.arrived),
            answered: y(places.answered),
            at_once,
            down: [None; 2],
        };
        let right = columns.side(message.lane) < 0.0;
        if let (Some(arrived), Some(to)) = (places.arrived, way.arrived) {
            if row(sent) != row(arrived) {
                down.push((right, way.sent, to, i, 0));
            }
            if let (Some(back), false) = (way.answered, at_once) {
                down.push((right, to + ANSWER, back, i, 1));
            }
        }
        ways.push(Some(way));
    }
    for right in [false, true] {
        let mut own: Vec<_> = down.iter().filter(|way| way.0 == right).collect();
        own.sort_by(|a, b| a.1.total_cmp(&b.1));
        let spans: Vec<_> = own.iter().map(|way| (way.1, way.2)).collect();
        for (way, channel) in own.iter().zip(rows(&spans, 2.0, CHANNELS_MAX)) {
            let out = 14.0 + CHANNEL * channel.unwrap_or(CHANNELS_MAX) as f64;
            if let Some(found) = &mut ways[way.3] {
                found.down[way.4] = Some(columns.server + if right { out } else { -out });
            }
        }
    }
    ways
}
