//! How long failovers take: cumulative distributions of several settings in one picture.

use super::font;
use super::scene::{Anchor, GREY, INK, LIGHT, Rgb, Scene, Stroke, thin, ticks};
use super::{raster, svg};

/// One curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CdfSeries {
    /// What the legend says, e.g. `15/10/2 s`.
    pub name: String,
    /// `(seconds, share of samples up to there)`, both rising, the share from 0 to 1;
    /// see [`Latencies::cdf_points`](crate::stats::Latencies::cdf_points).
    pub points: Vec<(f64, f64)>,
}

/// A value on the x axis that is worth a line, such as a bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CdfMark {
    /// Where, in seconds.
    pub x_s: f64,
    /// What is there, e.g. `LD + RP = 17 s`.
    pub label: String,
}

/// A plot of cumulative distributions.
///
/// The x axis spans what the curves do from their first sample to the 99.99 % quantile, and all marks.
/// Without samples it is drawn empty and says so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CdfPlot {
    /// The headline.
    pub title: String,
    /// What was run, in smaller print.
    pub subtitle: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// The curves, in the order of the legend.
    pub series: Vec<CdfSeries>,
    /// Vertical lines.
    pub marks: Vec<CdfMark>,
}

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 24.0;
const LEFT: f64 = 68.0;
const RIGHT: f64 = WIDTH - 32.0;
const PLOT_HEIGHT: f64 = 360.0;
const ROW: f64 = 18.0;

/// Okabe and Ito's colours, which people with any colour vision tell apart; dark ones first.
const COLORS: [Rgb; 7] =
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (0, 0, 0), (230, 159, 0), (86, 180, 233)];

/// Dashes differ too, for print without colours; of another length than the colours, so that pairs repeat late.
const DASHES: [&[f64]; 4] = [&[], &[9.0, 4.0], &[2.5, 3.0], &[11.0, 3.5, 2.5, 3.5]];

impl CdfPlot {
    /// The plot as an SVG document, the same bytes for the same plot.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg::write(&self.scene())
    }

    /// The plot as a PNG file, with two pixels for one of the SVG.
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        raster::png(&self.scene())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::new(&self.title, WIDTH);
        let below_heading = scene.heading(&self.title, &self.subtitle, MARGIN);
        let below_legend = self.draw_legend(&mut scene, below_heading);
        let (low, high) = self.x_range();
        let x_of = |seconds: f64| LEFT + (seconds - low) / (high - low) * (RIGHT - LEFT);

        let labels = self.placed_marks(&x_of);
        let label_rows = labels.iter().map(|label| label.row + 1).max().unwrap_or(0);
        let top = below_legend + label_rows as f64 * ROW + 16.0;
        let bottom = top + PLOT_HEIGHT;

        self.draw_axes(&mut scene, (top, bottom), (low, high), &x_of);
        for label in &labels {
            let stroke = Stroke { rgb: GREY, width: 1.25, dash: &[4.0, 3.0] };
            let above = below_legend + label.row as f64 * ROW;
            scene.line((label.x, above + 2.0), (label.x, bottom), stroke).hint(label.text);
            let (dx, anchor) = if label.to_the_right { (6.0, Anchor::Start) } else { (-6.0, Anchor::End) };
            scene.text((label.x + dx, above + 12.0), anchor, 12.0, INK, label.text);
        }
        for (i, series) in self.series.iter().enumerate() {
            let points = clipped(&series.points, low, high);
            let points: Vec<_> =
                points.iter().map(|&(s, share)| (x_of(s), bottom - share * PLOT_HEIGHT)).collect();
            if !points.is_empty() {
                scene.path(points, stroke_of(i)).hint(series.name.clone());
            }
        }
        if self.series.iter().all(|series| series.points.is_empty()) {
            let middle = ((LEFT + RIGHT) / 2.0, (top + bottom) / 2.0);
            scene.text(middle, Anchor::Middle, 16.0, GREY, "no failovers");
        }
        scene.height = bottom + 56.0;
        scene
    }

    /// From just below the shortest to just above the 99.99 % quantile, and all marks.
    fn x_range(&self) -> (f64, f64) {
        let ends = self.series.iter().flat_map(|series| {
            let last = series.points.iter().find(|point| point.1 >= 0.9999).or(series.points.last());
            [series.points.first(), last].into_iter().flatten().map(|point| point.0)
        });
        let all = ends.chain(self.marks.iter().map(|mark| mark.x_s)).filter(|x| x.is_finite());
        let (low, high) =
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if low > high {
            return (0.0, 1.0);
        }
        // An axis that nearly starts at zero starts there.
        let low = if low >= 0.0 && low < 0.25 * high { 0.0 } else { low };
        let margin = if high > low { 0.03 * (high - low) } else { (0.05 * high.abs()).max(0.001) };
        (if low == 0.0 { 0.0 } else { low - margin }, high + margin)
    }

    fn draw_legend(&self, scene: &mut Scene, top: f64) -> f64 {
        let (mut x, mut y) = (MARGIN, top);
        for (i, series) in self.series.iter().enumerate() {
            let name = font::fit(&series.name, 12.5, RIGHT - MARGIN - 44.0);
            let width = 44.0 + font::width(&name, 12.5) + 26.0;
            if x > MARGIN && x + width - 26.0 > RIGHT {
                (x, y) = (MARGIN, y + ROW + 2.0);
            }
            scene.line((x, y + 6.0), (x + 36.0, y + 6.0), stroke_of(i));
            scene.text((x + 44.0, y + 10.5), Anchor::Start, 12.5, INK, &name);
            x += width;
        }
        y + if self.series.is_empty() { 0.0 } else { ROW + 8.0 }
    }

    fn draw_axes(&self, scene: &mut Scene, y: (f64, f64), x: (f64, f64), x_of: &impl Fn(f64) -> f64) {
        let (top, bottom) = y;
        for tenth in 0..=10 {
            let line = bottom - f64::from(tenth) / 10.0 * PLOT_HEIGHT;
            scene.line((LEFT, line), (RIGHT, line), thin(LIGHT));
            scene.text((LEFT - 8.0, line + 4.0), Anchor::End, 12.0, GREY, &format!("{} %", tenth * 10));
        }
        let (values, decimals) = ticks(x.0, x.1, 10.0);
        for value in values {
            let line = x_of(value);
            scene.line((line, top), (line, bottom + 5.0), thin(LIGHT));
            scene.text((line, bottom + 20.0), Anchor::Middle, 12.0, GREY, &format!("{value:.decimals$}"));
        }
        scene.line((LEFT, bottom), (RIGHT, bottom), thin(GREY));
        let label = font::fit(&self.x_label, 12.5, RIGHT - LEFT);
        scene.text(((LEFT + RIGHT) / 2.0, bottom + 42.0), Anchor::Middle, 12.5, INK, &label);
    }

    /// Labels beside their lines, all on the side where they fit. A label lies higher than those whose lines stand
    /// under it, so that no line runs through a label.
    fn placed_marks(&self, x_of: &impl Fn(f64) -> f64) -> Vec<PlacedMark<'_>> {
        let mut marks: Vec<_> = self.marks.iter().filter(|mark| mark.x_s.is_finite()).collect();
        marks.sort_by(|a, b| a.x_s.total_cmp(&b.x_s));
        let width = |mark: &CdfMark| font::width(&mark.label, 12.0) + 8.0;
        let to_the_right = marks.iter().all(|mark| x_of(mark.x_s) + width(mark) < WIDTH - 4.0);
        // From the side that the labels point to.
        if to_the_right {
            marks.reverse();
        }
        let mut placed: Vec<PlacedMark<'_>> = Vec::new();
        for mark in marks {
            let x = x_of(mark.x_s);
            let above = placed
                .iter()
                .filter(|other| (other.x - x).abs() < width(mark) + 4.0)
                .map(|other| other.row + 1);
            let row = above.max().unwrap_or(0);
            placed.push(PlacedMark { x, to_the_right, row, text: &mark.label });
        }
        let highest = placed.iter().map(|mark| mark.row).max().unwrap_or(0);
        placed.iter_mut().for_each(|mark| mark.row = highest - mark.row);
        placed
    }
}

struct PlacedMark<'a> {
    x: f64,
    to_the_right: bool,
    /// Counted from the top.
    row: usize,
    text: &'a str,
}

fn stroke_of(series: usize) -> Stroke {
    Stroke { rgb: COLORS[series % COLORS.len()], width: 2.25, dash: DASHES[series % DASHES.len()] }
}

/// The curve from the axis up, cut where it leaves the plot.
fn clipped(points: &[(f64, f64)], low: f64, high: f64) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    for &(x, share) in points.iter().filter(|(x, share)| x.is_finite() && share.is_finite()) {
        let share = share.clamp(0.0, 1.0);
        if out.is_empty() {
            out.push((x.clamp(low, high), 0.0));
        }
        let before = out[out.len() - 1];
        if x > high {
            let way = if x > before.0 { (high - before.0) / (x - before.0) } else { 1.0 };
            out.push((high, before.1 + (share - before.1) * way));
            break;
        }
        out.push((x.max(low), share));
    }
    out
}
