//! A sequence for a terminal: a column per replica and one for the API server, a row for what happens together.

use std::fmt::Write as _;

use super::sequence::{BarKind, Sequence, overlap_text, seconds_text};
use super::sequence_order::{Order, What};
use super::text::TextOptions;

const COLUMN_MIN: usize = 12;

impl Sequence {
    /// The sequence as text. Columns are never narrower than 12 characters, whatever the width of the terminal;
    /// everything is written, whatever [`TextOptions::events_max`] says.
    #[must_use]
    pub fn to_text(&self, options: &TextOptions) -> String {
        let order = Order::of(self);
        let times = order.events.iter().map(|event| event.at.ns).chain([self.end_ns]);
        let time = times.map(|ns| seconds_text(ns).len()).max().unwrap_or(0).max(5);
        // The columns' edges, and what a replica is: two characters and a space.
        let columns = self.lanes.len() + 1;
        let room = options.width.saturating_sub(time + 3 + 4 * self.lanes.len() + 2);
        let column = (room / columns).max(COLUMN_MIN);
        let text = Page { sequence: self, order, options, time, column }.write();
        if options.ascii { text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect() } else { text }
    }
}

struct Page<'a> {
    sequence: &'a Sequence,
    order: Order,
    options: &'a TextOptions,
    time: usize,
    column: usize,
}

impl Page<'_> {
    fn write(&self) -> String {
        let mut out = String::new();
        for line in std::iter::once(&self.sequence.title).chain(&self.sequence.notes) {
            if !line.is_empty() {
                for line in wrapped(line, self.options.width.max(20)) {
                    let _ = writeln!(out, "{line}");
                }
            }
        }
        self.names(&mut out);
        let mut shown = None;
        for row in 0..self.order.rows.len() {
            for &(from, to) in &self.sequence.overlaps {
                if self.order.rows_of(None, from, Some(to)).start == row {
                    let text = format!(" {} {}", overlap_text((from, to)), self.two().to_string().repeat(3));
                    let text =
                        format!("{:>time$} {}{text}", "", self.two().to_string().repeat(3), time = self.time);
                    let _ = writeln!(out, "{}", self.painted(&text, Some("1;31")));
                }
            }
            let ns = self.order.events[self.order.rows[row].start].at.ns;
            let time = if shown == Some(ns) { String::new() } else { seconds_text(ns) };
            shown = Some(ns);
            self.row(&mut out, row, &time);
        }
        if shown.is_none_or(|ns| ns < self.sequence.end_ns) {
            let _ = writeln!(out, "{:>time$}", seconds_text(self.sequence.end_ns), time = self.time);
        }
        self.legend(&mut out);
        out
    }

    fn names(&self, out: &mut String) {
        let mut line = format!("{:>time$}  ", "", time = self.time);
        for name in &self.sequence.lanes {
            let _ = write!(
                line,
                "{}   {:column$}",
                self.edge(),
                cut(name, self.column, self.options.ascii),
                column = self.column
            );
        }
        let _ = write!(line, "{} API server", self.edge());
        let _ = writeln!(out, "{line}");
    }

    /// A row of events, on as many lines as its texts need.
    fn row(&self, out: &mut String, row: usize, time: &str) {
        let lanes = self.sequence.lanes.len();
        let (of_lane, of_server) = self.texts(row);
        let mut cells = vec![Vec::new(); lanes + 1];
        if let (Some(lane), Some(event)) = (of_lane, self.order.rows[row].clone().next()) {
            let lane_of = self.order.events[event].lane;
            if let Some(cell) = lane_of.and_then(|i| cells.get_mut(i)) {
                *cell = wrapped(&lane, self.column);
            }
        }
        cells[lanes] = wrapped(&of_server, self.column);
        let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let overlaps = &self.sequence.overlaps;
        let two = overlaps.iter().any(|&(from, to)| self.order.rows_of(None, from, Some(to)).contains(&row));
        for line in 0..height {
            let shown = if line == 0 { time } else { "" };
            let _ = write!(out, "{shown:>width$} ", width = self.time);
            if two {
                out.push_str(&self.painted(&self.two().to_string(), Some("1;31")));
            } else {
                out.push(' ');
            }
            let mut rest = String::new();
            for (lane, cell) in cells.iter().enumerate() {
                let text = cell.get(line).map_or("", String::as_str);
                if lane == lanes {
                    let _ = write!(rest, "{} {text}", self.edge());
                } else {
                    let text = format!("{text:column$}", column = self.column);
                    let _ = write!(rest, "{}{} {text}", self.edge(), self.state(lane, row));
                }
            }
            let _ = writeln!(out, "{}", rest.trim_end());
        }
    }

    /// What the replica that a row is about does, and what the server does.
    fn texts(&self, row: usize) -> (Option<String>, String) {
        let (mut lane, mut server) = (Vec::new(), Vec::new());
        let [to, from, never] = if self.options.ascii { ["->", "<-", "x"] } else { ["→", "←", "×"] };
        for event in &self.order.events[self.order.rows[row].clone()] {
            match event.what {
                What::Sent(i) => {
                    let message = &self.sequence.messages[i];
                    let lost = if message.arrived.is_none() { format!(" {never}") } else { String::new() };
                    lane.push(format!("{to} {}{lost}", message.label));
                }
                What::Arrived(i) => {
                    let message = &self.sequence.messages[i];
                    let lost = if message.answered.is_none() { format!(" {never}") } else { String::new() };
                    let sender = cut(&self.sequence.lanes[message.lane], 12, self.options.ascii);
                    server.push(format!("{sender}: {}{lost}", message.result()));
                }
                What::Answered(i) => lane.push(format!("{from} {}", self.sequence.messages[i].late_result())),
                What::Abandoned(i) => lane.push(self.sequence.messages[i].giving_up()),
                What::Mark(i) => {
                    let mark = &self.sequence.marks[i];
                    if mark.lane.is_some() { &mut lane } else { &mut server }
                        .push(format!("* {}", mark.text));
                }
                What::Edge => {}
            }
        }
        (Some(lane.join(" ")).filter(|text| !text.is_empty()), server.join(" "))
    }

    /// What a replica is in a row, as two characters: what it is itself, and what is done to it.
    fn state(&self, lane: usize, row: usize) -> String {
        let bars = self.sequence.bars.iter().filter(|bar| {
            bar.lane == lane && self.order.rows_of(Some(lane), bar.from, bar.to).contains(&row)
        });
        let mut kinds: Vec<_> = bars.map(|bar| bar.kind).collect();
        kinds.sort_unstable();
        let overlay = |kind: &&BarKind| matches!(**kind, BarKind::Paused | BarKind::CutOff);
        let own = kinds.iter().find(|kind| !overlay(kind));
        let done = kinds.iter().find(overlay);
        let cell = |kind: Option<&BarKind>| {
            let Some(&kind) = kind else { return " ".to_owned() };
            self.painted(&symbol(kind, self.options.ascii).to_string(), color(kind))
        };
        format!("{}{}", cell(own), cell(done))
    }

    fn legend(&self, out: &mut String) {
        let kinds = BarKind::ALL.into_iter().filter(|kind| self.sequence.uses(*kind));
        let mut entries: Vec<_> = kinds
            .map(|kind| {
                let symbol = symbol(kind, self.options.ascii).to_string();
                format!("{} {}", self.painted(&symbol, color(kind)), kind.label())
            })
            .collect();
        if !self.sequence.overlaps.is_empty() {
            entries.push(format!("{} two lead", self.painted(&self.two().to_string(), Some("1;31"))));
        }
        let drawn =
            || self.sequence.messages.iter().filter(|message| message.lane < self.sequence.lanes.len());
        if drawn().any(|message| message.arrived.is_none() || message.answered.is_none()) {
            entries.push(format!("{} does not arrive", if self.options.ascii { 'x' } else { '×' }));
        }
        if !entries.is_empty() {
            let _ = writeln!(out, "{}", entries.join("   "));
        }
    }

    fn painted(&self, text: &str, code: Option<&str>) -> String {
        match code {
            Some(code) if self.options.color => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            _ => text.to_owned(),
        }
    }

    fn edge(&self) -> char {
        if self.options.ascii { '|' } else { '│' }
    }

    fn two(&self) -> char {
        if self.options.ascii { '!' } else { '▼' }
    }
}

fn symbol(kind: BarKind, ascii: bool) -> char {
    let (plain, rich) = match kind {
        BarKind::Leading => ('#', '█'),
        BarKind::Draining => ('%', '▓'),
        BarKind::Quarantined => ('q', 'q'),
        BarKind::Dead => ('x', '×'),
        BarKind::Paused => ('p', '░'),
        BarKind::CutOff => ('~', '~'),
    };
    if ascii { plain } else { rich }
}

/// The ANSI colour of a bar.
fn color(kind: BarKind) -> Option<&'static str> {
    match kind {
        BarKind::Leading | BarKind::Draining => Some("34"),
        BarKind::Quarantined | BarKind::CutOff => Some("33"),
        BarKind::Dead | BarKind::Paused => Some("90"),
    }
}

/// A text in no more characters than there is room for.
fn cut(text: &str, room: usize, ascii: bool) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}{}", if ascii { '~' } else { '…' })
}

/// A text in lines of at most `room` characters, broken between words if they are not longer than that.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for (i, piece) in letters.chunks(room.max(1)).enumerate() {
            let piece: String = piece.iter().collect();
            match lines.last_mut() {
                Some(line) if i == 0 && line.chars().count() + 1 + piece.chars().count() <= room => {
                    line.push(' ');
                    line.push_str(&piece);
                }
                _ => lines.push(piece),
            }
        }
    }
    lines
}
