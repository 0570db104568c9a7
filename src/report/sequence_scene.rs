//! A sequence as a picture: lanes from left to right, events from top to bottom.

use super::font;
use super::scene::{Anchor, GREY, INK, Paint, Rgb, Scene, Stroke, WHITE, thin};
use super::sequence::{Bar, BarKind, Message, Sequence, overlap_text, seconds_text};
use super::sequence_layout::{
    ANSWER, ASIDE, BAR, Columns, Grid, HEADER, LINE, MARGIN, SMALL, TINY, Way, ways,
};
use super::sequence_order::{Order, What};
use super::timeline_scene::{DRAINING, LEADING, RESULTS, STOPPED, TWO_LEADERS, result_color};

const INSTANT: Rgb = (246, 247, 249);
const LIFE: Rgb = (184, 190, 198);
const SERVER: Rgb = (216, 220, 226);
const REQUEST: Rgb = (70, 70, 70);
const IGNORED: Rgb = (150, 150, 150);
const QUARANTINED: Rgb = (253, 231, 170);
const QUARANTINE: Rgb = (230, 159, 0);
const DASHES: &[f64] = &[5.0, 3.0];
/// Half the width of the server's lane.
const SERVER_HALF: f64 = 4.0;
const CORNER: f64 = 4.0;

/// The picture of a sequence.
pub(super) fn draw(sequence: &Sequence) -> Scene {
    let order = Order::of(sequence);
    let columns = Columns::of(sequence, &order);
    let mut scene = Scene::new(&sequence.title, columns.width);
    let mut y = scene.heading(&sequence.title, "", MARGIN) - 4.0;
    for note in &sequence.notes {
        for line in font::wrap(note, 12.0, columns.width - 2.0 * MARGIN, 3) {
            y += 16.0;
            scene.text((MARGIN, y), Anchor::Start, 12.0, GREY, &line);
        }
    }
    y += 16.0;
    let grid = Grid::of(sequence, &order, &columns, y + HEADER);
    let ways = ways(sequence, &order, &columns, &grid);
    let mut picture = Picture { sequence, order, columns, grid, scene };
    picture.instants();
    picture.overlaps();
    picture.lanes(y);
    for (message, way) in sequence.messages.iter().zip(&ways) {
        if let Some(way) = way {
            picture.message(message, way);
        }
    }
    picture.remarks();
    picture.legend();
    picture.scene
}

struct Picture<'a> {
    sequence: &'a Sequence,
    order: Order,
    columns: Columns,
    grid: Grid,
    scene: Scene,
}

impl Picture<'_> {
    /// A box for each instant with its time, and how much later the next is.
    fn instants(&mut self) {
        let (left, right) = (self.columns.left, self.columns.right());
        let time = |scene: &mut Scene, y: f64, ns: u64| {
            scene.text((left - 10.0, y), Anchor::End, SMALL, INK, &seconds_text(ns));
        };
        let later = |scene: &mut Scene, (from, from_ns): (f64, u64), (to, to_ns): (f64, u64)| {
            if to - from > 15.0 {
                let text = format!("+{}", seconds_text(to_ns - from_ns));
                let y = (from + to) / 2.0 + 3.5;
                scene.text((left + 6.0, y), Anchor::Start, TINY, IGNORED, &text);
            }
        };
        let scene = &mut self.scene;
        for instant in &self.grid.instants {
            scene.rect((left, instant.top, right - left, instant.bottom - instant.top), INSTANT);
            time(scene, instant.top + 14.0, instant.ns);
        }
        for pair in self.grid.instants.windows(2) {
            later(scene, (pair[0].bottom, pair[0].ns), (pair[1].top, pair[1].ns));
        }
        if let Some(last) = self.grid.instants.last()
            && last.ns < self.sequence.end_ns
        {
            later(scene, (last.bottom, last.ns), (self.grid.end, self.sequence.end_ns));
            time(scene, self.grid.end + 4.0, self.sequence.end_ns);
        }
        scene.line((left, self.grid.end), (right, self.grid.end), thin(LIFE));
    }

    fn overlaps(&mut self) {
        let (left, right) = (self.columns.left, self.columns.right());
        for &(from, to) in &self.sequence.overlaps {
            let top = self.grid.y(self.order.find(from, None));
            let bottom = self.grid.y(self.order.find(to, None)).max(top + 5.0);
            let text = overlap_text((from, to));
            let hint = format!("{text}, from {} to {}", seconds_text(from.ns), seconds_text(to.ns));
            let fill = Paint { rgb: TWO_LEADERS, alpha: 0.16 };
            self.scene.rect((left, top, right - left, bottom - top), fill).hint(hint);
            self.scene.rect((left, top, right - left, 3.0), TWO_LEADERS);
            self.scene.rect((left, bottom - 1.0, right - left, 1.0), TWO_LEADERS);
            self.scene.text((right - 6.0, top + 16.0), Anchor::End, SMALL, TWO_LEADERS, &text);
        }
    }

    /// Names above and below, and what the replicas are in between.
    fn lanes(&mut self, top: f64) {
        let (head, end) = (top + HEADER, self.grid.end);
        let server = self.columns.server;
        self.scene.rect((server - SERVER_HALF, head, 2.0 * SERVER_HALF, end - head), SERVER);
        for lane in 0..self.sequence.lanes.len() {
            let x = self.columns.lanes[lane];
            // Dead is who has no line.
            let mut alive = head;
            let mut dead = self.bars(BarKind::Dead, lane);
            dead.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (from, to, _) in dead {
                if alive < from {
                    self.scene.line((x, alive), (x, from), thin(LIFE));
                }
                alive = alive.max(to);
            }
            if alive < end {
                self.scene.line((x, alive), (x, end), thin(LIFE));
            }
            for kind in BarKind::ALL {
                for (from, to, bar) in self.bars(kind, lane) {
                    draw_bar(&mut self.scene, (x - BAR, from, 2.0 * BAR, to - from), kind);
                    let end = bar.to.map_or(self.sequence.end_ns, |to| to.ns);
                    let span = format!("from {} to {}", seconds_text(bar.from.ns), seconds_text(end));
                    if let Some(item) = self.scene.items.last_mut() {
                        item.hint(format!("{}: {} {span}", self.sequence.lanes[lane], kind.label()));
                    }
                }
            }
        }
        for y in [top, end] {
            self.header(None, y);
            for lane in 0..self.sequence.lanes.len() {
                self.header(Some(lane), y);
            }
        }
    }

    fn header(&mut self, lane: Option<usize>, y: f64) {
        let whole = self.sequence.name(lane);
        let name = font::fit(whole, 13.0, self.columns.gap - 36.0);
        let (x, half) = (self.columns.x(lane), font::width(&name, 13.0) / 2.0 + 10.0);
        let fill = if lane.is_none() { SERVER } else { WHITE };
        self.scene.rect((x - half, y, 2.0 * half, HEADER), fill).hint(whole);
        self.scene.frame((x - half, y, 2.0 * half, HEADER), thin(GREY));
        self.scene.text((x, y + 17.5), Anchor::Middle, 13.0, INK, &name);
    }

    /// The bars of a kind on a lane, from where to where.
    fn bars(&self, kind: BarKind, lane: usize) -> Vec<(f64, f64, Bar)> {
        let own = self.sequence.bars.iter().filter(|bar| bar.kind == kind && bar.lane == lane);
        let ends = own.map(|bar| {
            let from = self.grid.y(self.order.find(bar.from, Some(lane)));
            let to = self.grid.y(bar.to.and_then(|to| self.order.find(to, Some(lane))));
            (from, to.max(from + 3.0), *bar)
        });
        ends.collect()
    }

    /// Where an arrow touches a lane: at the edge of what is drawn there.
    fn edge(&self, lane: usize, y: f64) -> f64 {
        let kinds = BarKind::ALL.into_iter().filter(|kind| *kind != BarKind::Dead);
        let wide = kinds.flat_map(|kind| self.bars(kind, lane)).any(|(from, to, _)| from <= y && y <= to);
        self.columns.lanes[lane] + self.columns.side(lane) * if wide { BAR } else { 1.0 }
    }

    fn message(&mut self, message: &Message, way: &Way) {
        let (lane, side) = (way.lane, self.columns.side(way.lane));
        let hint = hint(message, &self.sequence.lanes[lane]);
        let (near, server) = (self.edge(lane, way.sent), self.columns.server - side * SERVER_HALF);
        let request = Stroke { rgb: REQUEST, width: 1.4, dash: &[] };
        match way.arrived {
            Some(arrived) => {
                let points = path((near, way.sent), (server, arrived), way.down[0]);
                arrow(&mut self.scene, points, request, &hint);
            }
            None => lost(&mut self.scene, (near, way.sent), (server, way.sent), request, &hint),
        }
        let rgb = if message.ignored { IGNORED } else { result_color(message.outcome) };
        let answer = Stroke { rgb, width: 1.4, dash: if message.ignored { DASHES } else { &[] } };
        if let Some(arrived) = way.arrived {
            let from = (server, arrived + ANSWER);
            match way.answered {
                Some(answered) => {
                    let to = (self.edge(lane, answered), answered);
                    arrow(&mut self.scene, path(from, to, way.down[1]), answer, &hint);
                }
                None => lost(&mut self.scene, from, (near, from.1), answer, &hint),
            }
        }
        self.labels(message, way);
    }

    /// What a message asks for, at the sender's side, and what the answer is, at the server's.
    fn labels(&mut self, message: &Message, way: &Way) {
        let (lane, side) = (way.lane, self.columns.side(way.lane));
        let (at_lane, at_server) =
            if side > 0.0 { (Anchor::Start, Anchor::End) } else { (Anchor::End, Anchor::Start) };
        let near = self.columns.lanes[lane] + side * ASIDE;
        let far = self.columns.server - side * (self.columns.channels + 4.0);
        let room = if self.columns.beside_server(lane) {
            (far - near).abs()
        } else {
            self.columns.gap - 2.0 * ASIDE
        };
        let ink = if message.ignored { GREY } else { INK };
        let mut asked = room;
        if let Some(arrived) = way.arrived {
            let shared = arrived == way.sent && self.columns.beside_server(lane);
            let share = if shared { room - 12.0 } else { room };
            let wanted = font::width(message.result(), SMALL);
            asked = if shared { (share - wanted).max(share * 0.5) } else { room };
            let taken =
                if shared { font::width(&font::fit(&message.label, SMALL, asked), SMALL) } else { 0.0 };
            let result = font::fit(message.result(), SMALL, share - taken);
            self.scene.text((far, arrived - 4.0), at_server, SMALL, ink, &result).hint(message.result());
        }
        let label = font::fit(&message.label, SMALL, asked);
        self.scene.text((near, way.sent - 4.0), at_lane, SMALL, INK, &label).hint(message.label.as_str());
        if let (Some(answered), false) = (way.answered, way.at_once) {
            let late = message.late_result();
            let fitting = font::fit(&late, SMALL, room);
            self.scene.text((near, answered - 4.0), at_lane, SMALL, ink, &fitting).hint(late);
        }
    }

    fn remarks(&mut self) {
        for (i, event) in self.order.events.iter().enumerate() {
            let (text, ink) = match event.what {
                What::Mark(mark) => (self.sequence.marks[mark].text.clone(), INK),
                What::Abandoned(message) => (self.sequence.messages[message].giving_up(), GREY),
                _ => continue,
            };
            let (x, y) = (self.columns.x(event.lane), self.grid.ys[i]);
            // On the side that is away from the server; the server's own on the right.
            let side = event.lane.map_or(1.0, |lane| -self.columns.side(lane));
            let hint = format!("{}: {text} at {}", self.sequence.name(event.lane), seconds_text(event.at.ns));
            let diamond = vec![(x, y - 4.5), (x + 4.5, y), (x, y + 4.5), (x - 4.5, y)];
            self.scene.polygon(diamond, ink).hint(hint);
            let lines = self.columns.mark_lines(&text);
            let anchor = if side > 0.0 { Anchor::Start } else { Anchor::End };
            // Where an overlap begins or ends, the words stand above its edge instead of on it.
            let first = match self.is_edge(y) {
                true => y - 4.0 - (lines.len() as f64 - 1.0) * LINE,
                false => y + 4.0 - (lines.len() as f64 - 1.0) * LINE / 2.0,
            };
            for (line, text) in lines.iter().enumerate() {
                let at = (x + side * ASIDE, first + line as f64 * LINE);
                self.scene.text(at, anchor, SMALL, ink, text);
            }
        }
    }

    fn is_edge(&self, y: f64) -> bool {
        let edges = self.sequence.overlaps.iter().flat_map(|&(from, to)| [from, to]);
        edges.map(|at| self.grid.y(self.order.find(at, None))).any(|edge| (edge - y).abs() < 8.0)
    }

    fn legend(&mut self) {
        let drawn = || {
            self.sequence.messages.iter().zip(&self.order.places).filter(|(_, places)| places.sent.is_some())
        };
        let mut keys = Vec::new();
        if drawn().count() > 0 {
            keys.push(("request", Key::Arrow(REQUEST, &[])));
        }
        for (name, outcome) in RESULTS {
            let rgb = result_color(outcome);
            let alike = |m: &Message| !m.ignored && result_color(m.outcome) == rgb;
            if drawn().any(|(m, places)| places.arrived.is_some() && alike(m)) {
                keys.push((name, Key::Arrow(rgb, &[])));
            }
        }
        if drawn().any(|(m, places)| places.answered.is_some() && m.ignored) {
            keys.push(("nobody waits for it", Key::Arrow(IGNORED, DASHES)));
        }
        if drawn().any(|(_, places)| places.arrived.is_none() || places.answered.is_none()) {
            keys.push(("does not arrive", Key::Lost));
        }
        keys.extend(
            BarKind::ALL
                .into_iter()
                .filter(|kind| self.sequence.uses(*kind))
                .map(|kind| (kind.label(), Key::Bar(kind))),
        );
        if !self.sequence.overlaps.is_empty() {
            keys.push(("two lead", Key::TwoLead));
        }
        let (mut x, mut y) = (MARGIN, self.grid.end + HEADER + 26.0);
        for (name, key) in keys {
            let whole = 32.0 + font::width(name, SMALL);
            if x > MARGIN && x + whole > self.columns.right() {
                (x, y) = (MARGIN, y + 22.0);
            }
            draw_key(&mut self.scene, (x, y), key);
            self.scene.text((x + 32.0, y + 4.0), Anchor::Start, SMALL, INK, name);
            x += whole + 20.0;
        }
        self.scene.height = (y + 22.0).ceil();
    }
}

/// What the legend explains.
#[derive(Clone, Copy)]
enum Key {
    Arrow(Rgb, &'static [f64]),
    Lost,
    Bar(BarKind),
    TwoLead,
}

fn draw_key(scene: &mut Scene, (x, y): (f64, f64), key: Key) {
    match key {
        Key::Arrow(rgb, dash) => {
            arrow(scene, vec![(x, y), (x + 26.0, y)], Stroke { rgb, width: 1.4, dash }, "")
        }
        Key::Lost => lost(scene, (x, y), (x + 40.0, y), Stroke { rgb: REQUEST, width: 1.4, dash: &[] }, ""),
        Key::Bar(kind) => draw_bar(scene, (x + 6.0, y - 8.0, 2.0 * BAR, 16.0), kind),
        Key::TwoLead => {
            scene.rect((x, y - 7.0, 26.0, 14.0), Paint { rgb: TWO_LEADERS, alpha: 0.16 });
            scene.rect((x, y - 7.0, 26.0, 3.0), TWO_LEADERS);
        }
    }
}

fn draw_bar(scene: &mut Scene, place: (f64, f64, f64, f64), kind: BarKind) {
    let (x, y, width, height) = place;
    match kind {
        BarKind::Leading => {
            scene.rect(place, LEADING);
        }
        BarKind::Draining => {
            scene.rect(place, DRAINING);
        }
        BarKind::Quarantined => {
            scene.rect(place, QUARANTINED);
            scene.frame(place, thin(QUARANTINE));
        }
        BarKind::Dead => {
            let middle = x + width / 2.0;
            scene.line(
                (middle, y),
                (middle, y + height),
                Stroke { rgb: STOPPED, width: 1.4, dash: &[1.5, 5.0] },
            );
        }
        BarKind::Paused => {
            scene.rect(place, Paint { rgb: WHITE, alpha: 0.45 });
            scene.hatch(place, 7.0, Stroke { rgb: STOPPED, width: 1.5, dash: &[] });
            scene.frame(place, thin(STOPPED));
        }
        BarKind::CutOff => {
            let outline = (x - 3.0, y, width + 6.0, height);
            scene.frame(outline, Stroke { rgb: INK, width: 1.4, dash: DASHES });
        }
    }
}

/// From a place to another: straight across, and down in between where they are not level.
fn path(from: (f64, f64), to: (f64, f64), down: Option<f64>) -> Vec<(f64, f64)> {
    let Some(x) = down else { return vec![from, (to.0, from.1)] };
    let corner = |towards: f64| if towards < x { -CORNER } else { CORNER };
    let cut = CORNER.min((to.1 - from.1).abs() / 2.0);
    vec![from, (x + corner(from.0), from.1), (x, from.1 + cut), (x, to.1 - cut), (x + corner(to.0), to.1), to]
}

fn arrow(scene: &mut Scene, mut points: Vec<(f64, f64)>, stroke: Stroke, hint: &str) {
    let (before, tip) = (points[points.len() - 2], points[points.len() - 1]);
    let back = if before.0 < tip.0 { -8.0 } else { 8.0 };
    // The line ends within the head, or it would blunt the tip.
    if let Some(last) = points.last_mut() {
        last.0 += back / 2.0;
    }
    let line = scene.path(points, stroke);
    if !hint.is_empty() {
        line.hint(hint);
    }
    let head = vec![tip, (tip.0 + back, tip.1 - 3.8), (tip.0 + back, tip.1 + 3.8)];
    scene.polygon(head, stroke.rgb);
}

/// Half the way, and a cross.
fn lost(scene: &mut Scene, from: (f64, f64), to: (f64, f64), stroke: Stroke, hint: &str) {
    let (x, y) = (from.0 + (to.0 - from.0) * 0.45, from.1);
    let line = scene.path(vec![from, (x, y)], stroke);
    if !hint.is_empty() {
        line.hint(hint);
    }
    let cross = Stroke { rgb: INK, width: 1.6, dash: &[] };
    for slope in [1.0, -1.0] {
        scene.line((x - 4.0, y - 4.0 * slope), (x + 4.0, y + 4.0 * slope), cross);
    }
}

fn hint(message: &Message, sender: &str) -> String {
    let moment = |at: Option<super::sequence::At>| at.map_or("never".to_owned(), |at| seconds_text(at.ns));
    let mut text = format!("{sender}: {} at {}", message.label, seconds_text(message.sent.ns));
    text += &match message.arrived {
        Some(_) => format!("; server: {} at {}", message.result(), moment(message.arrived)),
        None => "; does not arrive".to_owned(),
    };
    if message.arrived.is_some() {
        text += &format!("; answer: {}", moment(message.answered));
    }
    text
}
