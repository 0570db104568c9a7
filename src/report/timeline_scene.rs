//! A timeline as a picture: a lane per replica, the server above them, two-leader spans through all of them.

use super::font;
use super::scene::{Anchor, GREY, INK, LIGHT, Paint, Rgb, Scene, Stroke, WHITE, rows, thin, ticks};
use super::timeline::{
    Lane, LaneState, Outcome, OverlayKind, RequestMark, StateSpan, Timeline, Verb, duration_text, moment_text,
};

const WIDTH: f64 = 1200.0;
const MARGIN: f64 = 24.0;
const RIGHT: f64 = WIDTH - 28.0;
const SMALL: f64 = 11.5;
const ROW: f64 = 16.0;
const BAR: f64 = 24.0;
const REQUESTS: f64 = 14.0;
const BETWEEN_LANES: f64 = 20.0;

pub(super) const LEADING: Rgb = (0, 114, 178);
pub(super) const DRAINING: Rgb = (166, 206, 227);
const FOLLOWER: Rgb = (176, 184, 192);
pub(super) const STOPPED: Rgb = (120, 120, 120);
pub(super) const TWO_LEADERS: Rgb = (208, 2, 27);

/// What a request's colour tells, for the legend.
pub(super) const RESULTS: [(&str, Outcome); 4] = [
    ("ok", Outcome::Ok),
    ("conflict, not found, exists", Outcome::Conflict),
    ("refused, 4xx, 5xx", Outcome::Refused),
    ("timeout, lost", Outcome::Timeout),
];

/// The picture of a timeline.
pub(super) fn draw(timeline: &Timeline) -> Scene {
    let mut scene = Scene::new(&timeline.title, WIDTH);
    let top = scene.heading(&timeline.title, &timeline.subtitle, MARGIN);
    let names = timeline.lanes.iter().map(|lane| font::width(&lane.name, 13.0));
    let left = MARGIN + names.fold(50.0, f64::max).min(170.0) + 14.0;
    let mut picture = Picture { timeline, scene, left, y: top };
    picture.run();
    picture.scene
}

struct Picture<'a> {
    timeline: &'a Timeline,
    scene: Scene,
    left: f64,
    /// Everything above is drawn.
    y: f64,
}

impl Picture<'_> {
    fn run(&mut self) {
        // Layers: the red spans and the grid lie below the lanes, whose heights are known only afterwards.
        let overlap_labels = self.overlap_labels();
        let server_marks = self.server_marks();
        let lanes_top = self.y;
        let background = self.scene.items.len();
        for lane in &self.timeline.lanes {
            self.lane(lane);
        }
        let lanes_bottom = self.y;
        let lanes = self.scene.items.split_off(background);
        self.grid(lanes_top, lanes_bottom);
        for &(x, from) in &server_marks {
            let dash = &[2.0, 3.0];
            self.scene.line((x, from), (x, lanes_bottom), Stroke { rgb: STOPPED, width: 1.0, dash });
        }
        for (from, to, hint, y) in overlap_labels {
            let fill = Paint { rgb: TWO_LEADERS, alpha: 0.22 };
            self.scene.rect((from, y, to - from, lanes_bottom - y), fill).hint(hint);
        }
        self.scene.items.extend(lanes);
        self.legend(lanes_bottom + 44.0);
    }

    fn x(&self, ns: u64) -> f64 {
        let (from, to) = (self.timeline.from_ns, self.timeline.end_ns());
        let share = (ns.clamp(from, to) - from) as f64 / (to - from) as f64;
        self.left + share * (RIGHT - self.left)
    }

    /// Both ends of a span that is shown, at least two pixels apart.
    fn ends(&self, from_ns: u64, to_ns: u64) -> Option<(f64, f64)> {
        let (from, to) = self.timeline.shown(from_ns, to_ns)?;
        let from = self.x(from).min(RIGHT - 2.0);
        Some((from, self.x(to).max(from + 2.0)))
    }

    /// The band that says how long two led; returns the spans with their hints and where they begin.
    fn overlap_labels(&mut self) -> Vec<(f64, f64, String, f64)> {
        let spans: Vec<_> =
            self.timeline.overlaps.iter().filter_map(|&(a, b)| Some((a, b, self.ends(a, b)?))).collect();
        if spans.is_empty() {
            return Vec::new();
        }
        let text = |(a, b): (u64, u64)| format!("two leaders {}", duration_text(b.saturating_sub(a)));
        let places: Vec<_> = spans
            .iter()
            .map(|&(a, b, (from, to))| {
                let half = font::width(&text((a, b)), SMALL) / 2.0;
                let middle = ((from + to) / 2.0).min(RIGHT + 20.0 - half).max(self.left + half);
                (middle - half, middle + half)
            })
            .collect();
        let rows = rows(&places, 10.0, 3);
        let height = rows.iter().flatten().max().map_or(0.0, |row| (row + 1) as f64 * ROW);
        for ((&(a, b, _), place), row) in spans.iter().zip(&places).zip(&rows) {
            if let Some(row) = row {
                let baseline = self.y + height - *row as f64 * ROW - 4.0;
                self.scene.text((place.0, baseline), Anchor::Start, SMALL, TWO_LEADERS, &text((a, b)));
            }
        }
        self.y += height;
        let y = self.y;
        for &(_, _, (from, to)) in &spans {
            self.scene.rect((from, y, to - from, 4.0), TWO_LEADERS);
        }
        self.y += 12.0;
        let hint = |a, b| format!("{}, from {} s to {} s", text((a, b)), moment_text(a), moment_text(b));
        spans.into_iter().map(|(a, b, (from, to))| (from, to, hint(a, b), y)).collect()
    }

    /// The server's lane; returns where its marks are, for lines through the lanes.
    fn server_marks(&mut self) -> Vec<(f64, f64)> {
        let timeline = self.timeline;
        let marks: Vec<_> = timeline.server.iter().filter(|mark| timeline.shows(mark.at_ns)).collect();
        if marks.is_empty() {
            return Vec::new();
        }
        let labels: Vec<_> = marks.iter().map(|mark| (mark.at_ns, mark.label.as_str())).collect();
        self.labels(&labels);
        let y = self.y + 7.0;
        self.scene.text((self.left - 14.0, y + 4.0), Anchor::End, 13.0, GREY, "server");
        self.scene.line((self.left, y), (RIGHT, y), thin(LIGHT));
        for mark in &marks {
            let x = self.x(mark.at_ns);
            let points = vec![(x, y - 6.0), (x + 6.0, y), (x, y + 6.0), (x - 6.0, y)];
            let hint = format!("{} at {} s", mark.label, moment_text(mark.at_ns));
            self.scene.polygon(points, INK).hint(hint);
        }
        self.y += 14.0 + BETWEEN_LANES;
        // So many lines would be a curtain.
        if marks.len() > 12 {
            Vec::new()
        } else {
            marks.iter().map(|mark| (self.x(mark.at_ns), y + 6.0)).collect()
        }
    }

    /// Remarks above a lane, each with a pointer down to its moment.
    fn labels(&mut self, labels: &[(u64, &str)]) {
        let mut labels: Vec<_> = labels.iter().filter(|(at, _)| self.timeline.shows(*at)).collect();
        labels.sort_by_key(|(at, _)| *at);
        let places: Vec<_> = labels
            .iter()
            .map(|&&(at, text)| {
                let (x, width) = (self.x(at), font::width(text, SMALL));
                // Centred, but within the picture.
                let from = (x - width / 2.0).min(RIGHT + 20.0 - width).max(self.left);
                (from, from + width)
            })
            .collect();
        let rows = rows(&places, 10.0, 3);
        let height = rows.iter().flatten().max().map_or(0.0, |row| (row + 1) as f64 * ROW);
        for ((&&(at, text), place), row) in labels.iter().zip(&places).zip(&rows) {
            let foot = self.y + height + 4.0;
            if let Some(row) = row {
                let baseline = self.y + height - *row as f64 * ROW - 4.0;
                self.scene.text((place.0, baseline), Anchor::Start, SMALL, INK, text);
            }
            let x = self.x(at);
            let pointer = vec![(x - 4.0, foot - 5.0), (x + 4.0, foot - 5.0), (x, foot)];
            self.scene.polygon(pointer, INK).hint(format!("{text} at {} s", moment_text(at)));
        }
        self.y += if labels.is_empty() { 0.0 } else { height + 6.0 };
    }

    fn lane(&mut self, lane: &Lane) {
        let notes: Vec<_> = lane.notes.iter().map(|(at, text)| (*at, text.as_str())).collect();
        self.labels(&notes);
        let (top, middle) = (self.y, self.y + BAR / 2.0);
        let name = font::fit(&lane.name, 13.0, self.left - 14.0 - MARGIN + 4.0);
        self.scene
            .text((self.left - 14.0, middle + 4.5), Anchor::End, 13.0, INK, &name)
            .hint(lane.name.clone());
        self.scene.line(
            (self.left, middle),
            (RIGHT, middle),
            Stroke { rgb: LIGHT, width: 1.0, dash: &[2.0, 4.0] },
        );
        for span in &lane.spans {
            self.state(span, top);
        }
        for overlay in &lane.overlays {
            let Some((from, to)) = self.ends(overlay.from_ns, overlay.to_ns) else { continue };
            draw_overlay(&mut self.scene, (from, top, to - from, BAR), overlay.kind);
            let what = if overlay.kind == OverlayKind::Paused { "paused" } else { "cut off" };
            self.hint_span(what, overlay.from_ns, overlay.to_ns);
        }
        self.requests(&lane.requests, top + BAR + 4.0);
        self.y = top + BAR + 4.0 + REQUESTS + BETWEEN_LANES;
    }

    fn state(&mut self, span: &StateSpan, top: f64) {
        let Some((from, to)) = self.ends(span.from_ns, span.to_ns) else { return };
        draw_state(&mut self.scene, (from, top, to - from, BAR), span.state);
        let what = match span.state {
            LaneState::Down => return,
            LaneState::Follower => "follower",
            LaneState::Leading => "leading",
            LaneState::Draining => "draining",
            LaneState::Expired => "may not act any more",
        };
        self.hint_span(what, span.from_ns, span.to_ns);
        let (text, ink) = match span.state {
            LaneState::Leading => ("leading", WHITE),
            LaneState::Draining => ("draining", INK),
            _ => return,
        };
        if font::width(text, SMALL) + 12.0 < to - from {
            self.scene.text((from + 7.0, top + BAR / 2.0 + 4.0), Anchor::Start, SMALL, ink, text);
        }
    }

    fn hint_span(&mut self, what: &str, from_ns: u64, to_ns: u64) {
        let hint = format!("{what} from {} s to {} s", moment_text(from_ns), moment_text(to_ns));
        if let Some(item) = self.scene.items.last_mut() {
            item.hint(hint);
        }
    }

    fn requests(&mut self, requests: &[RequestMark], top: f64) {
        // What went wrong is drawn last, so that nothing covers it.
        let mut order: Vec<_> =
            requests.iter().filter(|request| self.timeline.shows(request.sent_ns)).collect();
        order.sort_by_key(|request| (severity(request.outcome), request.sent_ns));
        for request in order {
            let (x, rgb) = (self.x(request.sent_ns), result_color(request.outcome));
            let foot = top + REQUESTS;
            if let Some(done) = request.done_ns.map(|done| self.x(done)).filter(|done| done - x > 3.0) {
                self.scene.rect((x, foot - 1.5, done - x, 1.5), rgb);
                self.scene.rect((done - 1.5, foot - 5.0, 1.5, 5.0), rgb);
            }
            draw_request(&mut self.scene, (x, foot), request.verb, request.outcome);
            let end = request.done_ns.map_or_else(String::new, |done| format!(" at {} s", moment_text(done)));
            let (verb, result) = (request.verb.label(), request.outcome.label());
            let hint = format!("{verb} at {} s: {result}{end}", moment_text(request.sent_ns));
            if let Some(item) = self.scene.items.last_mut() {
                item.hint(hint);
            }
        }
    }

    fn grid(&mut self, top: f64, bottom: f64) {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let (low, high) = (seconds(self.timeline.from_ns), seconds(self.timeline.end_ns()));
        let (values, decimals) = ticks(low, high, 12.0);
        for value in values {
            let x = self.left + (value - low) / (high - low) * (RIGHT - self.left);
            self.scene.line((x, top - 6.0), (x, bottom + 2.0), thin(LIGHT));
            let label = format!("{value:.decimals$} s");
            self.scene.text((x, bottom + 16.0), Anchor::Middle, 12.0, GREY, &label);
        }
        self.scene.line((self.left, bottom), (RIGHT, bottom), thin(GREY));
    }

    fn legend(&mut self, top: f64) {
        let states =
            ["leading", "draining", "right ended", "follower", "paused", "cut off"].into_iter().enumerate();
        let mut entries: Vec<(f64, String, Key)> =
            states.map(|(i, name)| (26.0, name.to_owned(), Key::State(i))).collect();
        if !self.timeline.overlaps.is_empty() {
            entries.push((26.0, "two leaders".to_owned(), Key::TwoLeaders));
        }
        entries.push((10.0, "read".to_owned(), Key::Request(Verb::Get, Outcome::Ok)));
        entries.push((10.0, "write".to_owned(), Key::Request(Verb::Update, Outcome::Ok)));
        for (name, outcome) in RESULTS {
            entries.push((10.0, name.to_owned(), Key::Request(Verb::Update, outcome)));
        }
        let (mut x, mut y) = (self.left, top);
        for (width, name, key) in entries {
            let whole = width + 6.0 + font::width(&name, SMALL);
            if x > self.left && x + whole > RIGHT {
                (x, y) = (self.left, y + 24.0);
            }
            draw_key(&mut self.scene, (x, y - 7.0, width, 14.0), key);
            self.scene.text((x + width + 6.0, y + 4.0), Anchor::Start, SMALL, INK, &name);
            x += whole + 18.0;
        }
        self.scene.height = y + 24.0;
    }
}

/// What the legend explains.
#[derive(Clone, Copy)]
enum Key {
    State(usize),
    TwoLeaders,
    Request(Verb, Outcome),
}

fn draw_key(scene: &mut Scene, place: (f64, f64, f64, f64), key: Key) {
    match key {
        Key::State(0) => draw_state(scene, place, LaneState::Leading),
        Key::State(1) => draw_state(scene, place, LaneState::Draining),
        Key::State(2) => draw_state(scene, place, LaneState::Expired),
        Key::State(3) => draw_state(scene, place, LaneState::Follower),
        Key::State(4) => draw_overlay(scene, place, OverlayKind::Paused),
        Key::State(_) => draw_overlay(scene, place, OverlayKind::CutOff),
        Key::TwoLeaders => {
            scene.rect(place, Paint { rgb: TWO_LEADERS, alpha: 0.22 });
            scene.rect((place.0, place.1, place.2, 4.0), TWO_LEADERS);
        }
        Key::Request(verb, outcome) => draw_request(scene, (place.0 + 5.0, place.1 + 14.0), verb, outcome),
    }
}

fn draw_state(scene: &mut Scene, place: (f64, f64, f64, f64), state: LaneState) {
    let (x, y, width, height) = place;
    match state {
        LaneState::Down => {}
        LaneState::Follower => {
            scene.rect((x, y + height / 2.0 - 3.0, width, 6.0), FOLLOWER);
        }
        LaneState::Leading => {
            scene.rect(place, LEADING);
        }
        LaneState::Draining => {
            scene.rect(place, DRAINING);
        }
        LaneState::Expired => {
            scene.frame(place, Stroke { rgb: LEADING, width: 1.0, dash: &[] });
        }
    }
}

fn draw_overlay(scene: &mut Scene, place: (f64, f64, f64, f64), kind: OverlayKind) {
    let (x, y, width, height) = place;
    match kind {
        OverlayKind::Paused => {
            scene.hatch(place, 7.0, Stroke { rgb: STOPPED, width: 1.5, dash: &[] });
            scene.rect(place, Paint { rgb: STOPPED, alpha: 0.35 });
        }
        OverlayKind::CutOff => {
            let outline = (x, y - 2.5, width, height + 5.0);
            scene.frame(outline, Stroke { rgb: INK, width: 1.5, dash: &[5.0, 3.0] });
        }
    }
}

/// A tick on its foot: half high for a read, with a head if it did not go well.
fn draw_request(scene: &mut Scene, (x, foot): (f64, f64), verb: Verb, outcome: Outcome) {
    let (height, rgb) = (if verb == Verb::Get { REQUESTS / 2.0 } else { REQUESTS }, result_color(outcome));
    if outcome != Outcome::Ok {
        scene.rect((x - 2.5, foot - height, 5.0, 4.0), rgb);
    }
    scene.rect((x - 0.75, foot - height, 1.5, height), rgb);
}

pub(super) fn result_color(outcome: Outcome) -> Rgb {
    match outcome {
        Outcome::Ok => (0, 158, 115),
        Outcome::Conflict | Outcome::NotFound | Outcome::AlreadyExists => (230, 159, 0),
        Outcome::Refused | Outcome::ServerError => (170, 51, 119),
        Outcome::Timeout | Outcome::Lost => (0, 0, 0),
    }
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => 0,
        Outcome::Conflict | Outcome::NotFound | Outcome::AlreadyExists => 1,
        Outcome::Refused | Outcome::ServerError => 2,
        Outcome::Timeout | Outcome::Lost => 3,
    }
}
