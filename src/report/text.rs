//! A timeline for a terminal: two rows of cells per replica, and what happened when.

use std::fmt::Write as _;

use super::timeline::{Lane, LaneState, Outcome, OverlayKind, Timeline, duration_text, moment_text};

/// How a timeline is written for a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns of the terminal; lanes are never narrower than 20 cells, whatever this says.
    pub width: usize,
    /// Only ASCII.
    pub ascii: bool,
    /// With ANSI escape sequences for colours.
    pub color: bool,
    /// The longest list of events; the most important ones are kept.
    pub events_max: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { width: 100, ascii: false, color: false, events_max: 30 }
    }
}

/// What a cell of a lane shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Down,
    Follower,
    Leading,
    Draining,
    Expired,
    PausedLeading,
    Paused,
    TwoLeaders,
    NoMatter,
    CutOff,
    Request(Outcome),
}

/// The states that the legend explains.
const LEGEND: [(Cell, &str); 9] = [
    (Cell::Leading, "leading"),
    (Cell::Draining, "draining"),
    (Cell::Expired, "right ended"),
    (Cell::Follower, "follower"),
    (Cell::PausedLeading, "paused while leading"),
    (Cell::Paused, "paused"),
    (Cell::CutOff, "cut off"),
    (Cell::TwoLeaders, "two leaders"),
    (Cell::Request(Outcome::Ok), "request"),
];

const FAILURES: [Outcome; 7] = [
    Outcome::Conflict,
    Outcome::NotFound,
    Outcome::AlreadyExists,
    Outcome::Refused,
    Outcome::ServerError,
    Outcome::Timeout,
    Outcome::Lost,
];

impl Timeline {
    /// The timeline as text.
    #[must_use]
    pub fn to_text(&self, options: &TextOptions) -> String {
        let names = self.lanes.iter().map(|lane| lane.name.chars().count()).max().unwrap_or(0).clamp(6, 20);
        let cells = options.width.saturating_sub(names + 4).max(20);
        let page = Page { timeline: self, options, names, cells };
        page.write()
    }
}

struct Page<'a> {
    timeline: &'a Timeline,
    options: &'a TextOptions,
    names: usize,
    cells: usize,
}

impl Page<'_> {
    fn write(&self) -> String {
        let mut rows: Vec<(String, Vec<Cell>)> = Vec::new();
        let mut two = vec![Cell::NoMatter; self.cells];
        for &(from, to) in &self.timeline.overlaps {
            self.range(from, to).for_each(|i| two[i] = Cell::TwoLeaders);
        }
        if two.contains(&Cell::TwoLeaders) {
            rows.push(("".to_owned(), two));
        }
        for lane in &self.timeline.lanes {
            let name: String = lane.name.chars().take(self.names).collect();
            rows.push((name, self.states(lane)));
            rows.push((String::new(), self.requests(lane)));
        }
        let mut out = String::new();
        for line in [&self.timeline.title, &self.timeline.subtitle] {
            if !line.is_empty() {
                let _ = writeln!(out, "{line}");
            }
        }
        let edge = if self.options.ascii { '|' } else { '│' };
        for (name, cells) in &rows {
            let _ = writeln!(out, "{name:>names$} {edge}{}{edge}", self.row(cells), names = self.names);
        }
        out.push_str(&self.axis());
        out.push_str(&self.legend(&rows));
        out.push_str(&self.events());
        out
    }

    /// The cell of a moment.
    fn cell(&self, ns: u64) -> usize {
        let (from, to) = (self.timeline.from_ns, self.timeline.end_ns());
        let offset = u128::from(ns.clamp(from, to) - from) * self.cells as u128 / u128::from(to - from);
        (offset as usize).min(self.cells - 1)
    }

    /// The cells that a span touches; none if it is not shown.
    fn range(&self, from_ns: u64, to_ns: u64) -> std::ops::Range<usize> {
        match self.timeline.shown(from_ns, to_ns) {
            Some((from, to)) => self.cell(from)..self.cell(to.saturating_sub(1).max(from)) + 1,
            None => 0..0,
        }
    }

    fn states(&self, lane: &Lane) -> Vec<Cell> {
        let mut cells = vec![Cell::Down; self.cells];
        // How much of a cell its state fills: the state that fills most of it is shown.
        let mut filled = vec![0_u64; self.cells];
        for span in &lane.spans {
            let cell = match span.state {
                LaneState::Down => continue,
                LaneState::Follower => Cell::Follower,
                LaneState::Leading => Cell::Leading,
                LaneState::Draining => Cell::Draining,
                LaneState::Expired => Cell::Expired,
            };
            let mut shown = false;
            for i in self.range(span.from_ns, span.to_ns) {
                let covered = self.covered(i, span.from_ns, span.to_ns);
                if covered > filled[i] {
                    (cells[i], filled[i], shown) = (cell, covered, true);
                }
            }
            // Leading is never too short to be seen.
            if !shown && cell == Cell::Leading {
                let mut range = self.range(span.from_ns, span.to_ns);
                if let Some(i) = range.next() {
                    (cells[i], filled[i]) = (cell, u64::MAX);
                }
            }
        }
        for overlay in lane.overlays.iter().filter(|overlay| overlay.kind == OverlayKind::Paused) {
            for i in self.range(overlay.from_ns, overlay.to_ns) {
                let working = matches!(cells[i], Cell::Leading | Cell::Draining | Cell::PausedLeading);
                cells[i] = if working { Cell::PausedLeading } else { Cell::Paused };
            }
        }
        cells
    }

    /// How many nanoseconds of a cell a span covers.
    fn covered(&self, cell: usize, from_ns: u64, to_ns: u64) -> u64 {
        let (from, to) = (self.timeline.from_ns, self.timeline.end_ns());
        let edge = |i: usize| from + (u128::from(to - from) * i as u128 / self.cells as u128) as u64;
        to_ns.min(edge(cell + 1)).saturating_sub(from_ns.max(edge(cell)))
    }

    fn requests(&self, lane: &Lane) -> Vec<Cell> {
        let mut cells = vec![Cell::NoMatter; self.cells];
        for overlay in lane.overlays.iter().filter(|overlay| overlay.kind == OverlayKind::CutOff) {
            self.range(overlay.from_ns, overlay.to_ns).for_each(|i| cells[i] = Cell::CutOff);
        }
        for request in lane.requests.iter().filter(|request| self.timeline.shows(request.sent_ns)) {
            let cell = &mut cells[self.cell(request.sent_ns)];
            // Of several in a cell, one that failed is shown.
            if !matches!(cell, Cell::Request(outcome) if *outcome != Outcome::Ok) {
                *cell = Cell::Request(request.outcome);
            }
        }
        cells
    }

    fn row(&self, cells: &[Cell]) -> String {
        let mut out = String::new();
        for run in cells.chunk_by(|a, b| a == b) {
            out.push_str(&self.painted(run[0], run.len()));
        }
        out
    }

    fn painted(&self, cell: Cell, count: usize) -> String {
        let text = symbol(cell, self.options.ascii).to_string().repeat(count);
        match color(cell) {
            Some(code) if self.options.color => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            _ => text,
        }
    }

    fn axis(&self) -> String {
        let (mut marks, mut labels) = (vec![' '; self.cells], vec![' '; self.cells + 8]);
        let (low, high) = (self.timeline.from_ns as f64 / 1e9, self.timeline.end_ns() as f64 / 1e9);
        let (values, decimals) = super::scene::ticks(low, high, self.cells as f64 / 12.0);
        for value in values {
            let i = (((value - low) / (high - low) * self.cells as f64) as usize).min(self.cells - 1);
            marks[i] = if self.options.ascii { '+' } else { '┴' };
            for (place, c) in labels[i..].iter_mut().zip(format!("{value:.decimals$}s").chars()) {
                *place = c;
            }
        }
        let line = if self.options.ascii { '-' } else { '─' };
        let marks: String = marks.into_iter().map(|c| if c == ' ' { line } else { c }).collect();
        let labels: String = labels.into_iter().collect();
        let indent = " ".repeat(self.names + 2);
        format!("{indent}{marks}\n{indent}{}\n", labels.trim_end())
    }

    fn legend(&self, rows: &[(String, Vec<Cell>)]) -> String {
        let used = |cell: Cell| rows.iter().any(|(_, cells)| cells.contains(&cell));
        let states = LEGEND.iter().copied();
        let failures = FAILURES.iter().map(|&outcome| (Cell::Request(outcome), outcome.label()));
        let entries: Vec<String> = states
            .chain(failures)
            .filter(|(cell, _)| used(*cell))
            .map(|(cell, name)| format!("{} {name}", self.painted(cell, 1)))
            .collect();
        if entries.is_empty() { String::new() } else { format!("{}\n", entries.join("   ")) }
    }

    fn events(&self) -> String {
        let mut events = self.all_events();
        // The most important ones, then in order of time.
        events.sort_by_key(|event| (event.0, event.1));
        let left_out = events.len().saturating_sub(self.options.events_max);
        events.truncate(self.options.events_max);
        events.sort_by_key(|event| event.1);
        let mut out = String::new();
        for (_, at, text) in &events {
            let _ = writeln!(out, "{:>10} s  {text}", moment_text(*at));
        }
        if left_out > 0 {
            let _ =
                writeln!(out, "{:>12}  and {left_out} more", if self.options.ascii { "..." } else { "…" });
        }
        out
    }

    /// What happened, as (how unimportant it is, when, what).
    fn all_events(&self) -> Vec<(u8, u64, String)> {
        let timeline = self.timeline;
        let mut events = Vec::new();
        for &(from, to) in &timeline.overlaps {
            events.push((0, from, format!("TWO LEADERS for {}", duration_text(to.saturating_sub(from)))));
        }
        events.extend(timeline.server.iter().map(|mark| (2, mark.at_ns, format!("server: {}", mark.label))));
        for lane in &timeline.lanes {
            let name = &lane.name;
            events.extend(lane.notes.iter().map(|(at, text)| (1, *at, format!("{name}: {text}"))));
            for span in lane.spans.iter().filter(|span| span.state == LaneState::Leading) {
                events.push((1, span.from_ns, format!("{name} starts leading")));
                if span.to_ns < timeline.end_ns() {
                    events.push((1, span.to_ns, format!("{name} stops leading")));
                }
            }
            for overlay in &lane.overlays {
                let what = if overlay.kind == OverlayKind::Paused { "paused" } else { "cut off" };
                let long = duration_text(overlay.to_ns.saturating_sub(overlay.from_ns));
                events.push((3, overlay.from_ns, format!("{name} is {what} for {long}")));
            }
        }
        events.retain(|(_, at, _)| timeline.shows(*at));
        events
    }
}

fn symbol(cell: Cell, ascii: bool) -> char {
    let (plain, rich) = match cell {
        Cell::Down | Cell::NoMatter => (' ', ' '),
        Cell::Follower => ('-', '─'),
        Cell::Leading => ('#', '█'),
        Cell::Draining => ('%', '▓'),
        Cell::Expired => ('=', '═'),
        Cell::PausedLeading => ('P', '▒'),
        Cell::Paused => ('p', '░'),
        Cell::TwoLeaders => ('!', '▼'),
        Cell::CutOff => ('~', '~'),
        Cell::Request(outcome) => match outcome {
            Outcome::Ok => ('.', '·'),
            Outcome::Conflict => ('c', 'c'),
            Outcome::NotFound => ('n', 'n'),
            Outcome::AlreadyExists => ('a', 'a'),
            Outcome::Refused => ('r', 'r'),
            Outcome::ServerError => ('e', 'e'),
            Outcome::Timeout => ('t', 't'),
            Outcome::Lost => ('l', 'l'),
        },
    };
    if ascii { plain } else { rich }
}

/// The ANSI colour of a cell.
fn color(cell: Cell) -> Option<&'static str> {
    match cell {
        Cell::Leading | Cell::Draining | Cell::Expired => Some("34"),
        Cell::PausedLeading | Cell::Paused => Some("90"),
        Cell::TwoLeaders => Some("1;31"),
        Cell::CutOff => Some("33"),
        Cell::Request(Outcome::Ok) => Some("32"),
        Cell::Request(Outcome::Timeout | Outcome::Lost) => Some("31"),
        Cell::Request(_) => Some("35"),
        Cell::Down | Cell::Follower | Cell::NoMatter => None,
    }
}
