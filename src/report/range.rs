//! How far something can be stretched before it breaks: what was tried, on one axis.

use super::scene::{Anchor, GREY, INK, LIGHT, Paint, Rgb, Scene, Stroke, thin, ticks};
use super::{font, raster, svg};

/// What came of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The property holds.
    Proved,
    /// It does not.
    Violated,
    /// Nothing may be said.
    Unknown,
}

/// One value that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// Where it is on the axis.
    pub x: f64,
    /// What it is called, e.g. `5/4` or `3s`.
    pub label: String,
    /// What came of it.
    pub came: Came,
}

/// A plot of values that were tried: up to where a property was proved, and from where it is violated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RangePlot {
    /// The headline.
    pub title: String,
    /// What was asked, in smaller print.
    pub subtitle: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// The values, in any order.
    pub tries: Vec<Try>,
}

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 24.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = WIDTH - 48.0;
const BAND: f64 = 64.0;
const ROW: f64 = 16.0;
const ROWS_MAX: usize = 6;

/// Okabe and Ito's colours, which people with any colour vision tell apart; shapes differ too.
const PROVED: Rgb = (0, 158, 115);
const VIOLATED: Rgb = (213, 94, 0);

impl RangePlot {
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
        let mut tries: Vec<_> = self.tries.iter().filter(|tried| tried.x.is_finite()).collect();
        tries.sort_by(|a, b| a.x.total_cmp(&b.x));
        let (low, high) = ends(&tries);
        let x_of = |x: f64| LEFT + (x - low) / (high - low) * (RIGHT - LEFT);

        let labels = placed(&tries, &x_of);
        let rows = labels.iter().map(|(_, row)| row + 1).max().unwrap_or(0);
        let top = legend(&mut scene, below_heading) + rows as f64 * ROW + 12.0;
        let (bottom, middle) = (top + BAND, top + BAND / 2.0);
        bands(&mut scene, &tries, &x_of, top);
        let (values, decimals) = ticks(low, high, 10.0);
        for value in values {
            let x = x_of(value);
            scene.line((x, top), (x, bottom + 5.0), thin(LIGHT));
            scene.text((x, bottom + 20.0), Anchor::Middle, 12.0, GREY, &format!("{value:.decimals$}"));
        }
        scene.line((LEFT, bottom), (RIGHT, bottom), thin(GREY));
        for (tried, (label_x, row)) in tries.iter().zip(&labels) {
            let x = x_of(tried.x);
            let baseline = top - 8.0 - *row as f64 * ROW;
            scene.line((x, baseline + 3.0), (x, middle - 8.0), thin(GREY));
            scene.text((*label_x, baseline), Anchor::Middle, 12.0, INK, &tried.label);
            mark(&mut scene, (x, middle), tried.came, &tried.label);
        }
        if tries.is_empty() {
            scene.text(((LEFT + RIGHT) / 2.0, middle + 5.0), Anchor::Middle, 16.0, GREY, "nothing was tried");
        }
        let label = font::fit(&self.x_label, 12.5, RIGHT - LEFT);
        scene.text(((LEFT + RIGHT) / 2.0, bottom + 42.0), Anchor::Middle, 12.5, INK, &label);
        scene.height = bottom + 56.0;
        scene
    }
}

fn ends(tries: &[&Try]) -> (f64, f64) {
    let (Some(first), Some(last)) = (tries.first(), tries.last()) else { return (0.0, 1.0) };
    let margin = if last.x > first.x { 0.06 * (last.x - first.x) } else { (0.05 * last.x.abs()).max(0.001) };
    (first.x - margin, last.x + margin)
}

/// Up to the largest that was proved before any that was not, and from the smallest that was violated.
fn bands(scene: &mut Scene, tries: &[&Try], x_of: &impl Fn(f64) -> f64, top: f64) {
    let proved = tries.iter().take_while(|tried| tried.came == Came::Proved).last();
    let violated = tries.iter().rev().take_while(|tried| tried.came == Came::Violated).last();
    if let Some(up_to) = proved {
        let fill = Paint { rgb: PROVED, alpha: 0.15 };
        scene
            .rect((LEFT, top, x_of(up_to.x) - LEFT, BAND), fill)
            .hint(format!("proved up to {}", up_to.label));
    }
    if let Some(from) = violated {
        let fill = Paint { rgb: VIOLATED, alpha: 0.15 };
        let x = x_of(from.x);
        scene.rect((x, top, RIGHT - x, BAND), fill).hint(format!("violated from {}", from.label));
    }
}

/// Where the middle of each label stands, and in which row, counted from the bottom.
fn placed(tries: &[&Try], x_of: &impl Fn(f64) -> f64) -> Vec<(f64, usize)> {
    let mut ends = [f64::NEG_INFINITY; ROWS_MAX];
    let place = |tried: &&Try| {
        let half = font::width(&tried.label, 12.0) / 2.0;
        let x = x_of(tried.x).clamp(MARGIN + half, WIDTH - MARGIN - half);
        let row = ends.iter().position(|end| *end + 8.0 < x - half).unwrap_or(ROWS_MAX - 1);
        ends[row] = x + half;
        (x, row)
    };
    tries.iter().map(place).collect()
}

fn legend(scene: &mut Scene, top: f64) -> f64 {
    let mut x = MARGIN + 6.0;
    for (came, name) in [(Came::Proved, "proved"), (Came::Violated, "violated"), (Came::Unknown, "undecided")]
    {
        mark(scene, (x, top + 6.0), came, name);
        scene.text((x + 14.0, top + 10.5), Anchor::Start, 12.5, INK, name);
        x += 14.0 + font::width(name, 12.5) + 26.0;
    }
    top + 26.0
}

fn mark(scene: &mut Scene, (x, y): (f64, f64), came: Came, name: &str) {
    let r = 6.0;
    let stroke = |rgb| Stroke { rgb, width: 2.5, dash: &[] };
    match came {
        Came::Proved => scene.rect((x - r, y - r, 2.0 * r, 2.0 * r), PROVED).hint(format!("{name}: proved")),
        Came::Violated => {
            scene.line((x - r, y - r), (x + r, y + r), stroke(VIOLATED));
            scene.line((x - r, y + r), (x + r, y - r), stroke(VIOLATED)).hint(format!("{name}: violated"));
        }
        Came::Unknown => {
            scene.frame((x - r, y - r, 2.0 * r, 2.0 * r), stroke(GREY)).hint(format!("{name}: undecided"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(tries: &[(f64, Came)]) -> RangePlot {
        let tries = tries.iter().map(|&(x, came)| Try { x, label: format!("{x}s"), came }).collect();
        RangePlot { title: "how far".to_owned(), tries, ..RangePlot::default() }
    }

    #[test]
    fn bands_end_at_what_was_found() {
        let svg = plot(&[(3.0, Came::Violated), (1.0, Came::Proved), (2.0, Came::Unknown)]).to_svg();
        assert!(svg.contains("proved up to 1s") && svg.contains("violated from 3s"), "{svg}");
    }

    #[test]
    fn odd_values_are_no_trouble() {
        for tries in
            [&[][..], &[(0.0, Came::Proved)], &[(f64::NAN, Came::Proved), (f64::INFINITY, Came::Violated)]]
        {
            let plot = plot(tries);
            assert!(!plot.to_svg().contains("NaN"));
            assert!(!plot.to_png().is_empty());
        }
    }
}
