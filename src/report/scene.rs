//! A picture as a list of shapes: drawn once, written as SVG or as PNG.
//!
//! Coordinates are pixels of the SVG, from the upper left corner.

use super::font;

/// A colour: red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

/// A colour with how much it covers, 0 to 1.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    pub(super) rgb: Rgb,
    pub(super) alpha: f64,
}

impl From<Rgb> for Paint {
    fn from(rgb: Rgb) -> Self {
        Self { rgb, alpha: 1.0 }
    }
}

/// How a line is drawn; opaque.
#[derive(Clone, Copy)]
pub(super) struct Stroke {
    pub(super) rgb: Rgb,
    pub(super) width: f64,
    /// Lengths drawn and left out by turns; drawn throughout if empty.
    pub(super) dash: &'static [f64],
}

/// Which part of a text is at its x.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

pub(super) enum Shape {
    Rect {
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        fill: Paint,
    },
    /// Open lines, all with one stroke.
    Lines {
        lines: Vec<Vec<(f64, f64)>>,
        stroke: Stroke,
    },
    /// A filled convex polygon.
    Polygon {
        points: Vec<(f64, f64)>,
        fill: Rgb,
    },
    Text {
        x: f64,
        baseline: f64,
        anchor: Anchor,
        size: f64,
        fill: Rgb,
        text: String,
    },
}

/// A shape, and what a viewer shows when one points at it.
pub(super) struct Item {
    pub(super) shape: Shape,
    pub(super) hint: Option<String>,
}

pub(super) struct Scene {
    pub(super) title: String,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) items: Vec<Item>,
}

impl Scene {
    pub(super) fn new(title: &str, width: f64) -> Self {
        Self { title: title.to_owned(), width, height: 0.0, items: Vec::new() }
    }

    fn push(&mut self, shape: Shape) -> &mut Item {
        self.items.push(Item { shape, hint: None });
        // Just pushed.
        let last = self.items.len() - 1;
        &mut self.items[last]
    }

    /// A filled rectangle `(x, y, width, height)`.
    pub(super) fn rect(
        &mut self,
        (x, y, width, height): (f64, f64, f64, f64),
        fill: impl Into<Paint>,
    ) -> &mut Item {
        self.push(Shape::Rect { x, y, width, height, fill: fill.into() })
    }

    /// The outline of a rectangle `(x, y, width, height)`.
    pub(super) fn frame(&mut self, (x, y, width, height): (f64, f64, f64, f64), stroke: Stroke) -> &mut Item {
        let (right, bottom) = (x + width, y + height);
        self.path(vec![(x, y), (right, y), (right, bottom), (x, bottom), (x, y)], stroke)
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) -> &mut Item {
        self.path(vec![from, to], stroke)
    }

    pub(super) fn path(&mut self, points: Vec<(f64, f64)>, stroke: Stroke) -> &mut Item {
        self.push(Shape::Lines { lines: vec![points], stroke })
    }

    pub(super) fn polygon(&mut self, points: Vec<(f64, f64)>, fill: Rgb) -> &mut Item {
        self.push(Shape::Polygon { points, fill })
    }

    /// Slanted lines over a rectangle `(x, y, width, height)`, `pitch` apart along the horizontal.
    pub(super) fn hatch(&mut self, (x, y, width, height): (f64, f64, f64, f64), pitch: f64, stroke: Stroke) {
        let mut lines = Vec::new();
        let mut foot = pitch / 2.0;
        // A line starts at the lower side at `foot` and rises by as much as it goes right; cut it to the rectangle.
        while foot - height < width {
            let (left, right) = ((foot - height).max(0.0), foot.min(width));
            if left < right {
                lines.push(vec![
                    (x + left, y + height - (foot - left)),
                    (x + right, y + height - (foot - right)),
                ]);
            }
            foot += pitch;
        }
        if !lines.is_empty() {
            self.push(Shape::Lines { lines, stroke });
        }
    }

    pub(super) fn text(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        size: f64,
        fill: Rgb,
        text: &str,
    ) -> &mut Item {
        let (x, baseline) = at;
        self.push(Shape::Text { x, baseline, anchor, size, fill, text: text.to_owned() })
    }

    /// Title and subtitle at the top; returns the y below them.
    pub(super) fn heading(&mut self, title: &str, subtitle: &str, margin: f64) -> f64 {
        let room = self.width - 2.0 * margin;
        let mut y = 14.0;
        for (text, size, ink, lines_max) in [(title, 18.0, INK, 2), (subtitle, 12.5, GREY, 3)] {
            for line in font::wrap(text, size, room, lines_max) {
                y += size * 1.3;
                self.text((margin, y), Anchor::Start, size, ink, &line);
            }
        }
        y + 12.0
    }
}

impl Item {
    pub(super) fn hint(&mut self, text: impl Into<String>) {
        self.hint = Some(text.into());
    }
}

pub(super) const WHITE: Rgb = (255, 255, 255);
pub(super) const INK: Rgb = (34, 34, 34);
pub(super) const GREY: Rgb = (96, 96, 96);
pub(super) const LIGHT: Rgb = (222, 222, 222);

/// A plain thin line.
pub(super) const fn thin(rgb: Rgb) -> Stroke {
    Stroke { rgb, width: 1.0, dash: &[] }
}

/// Puts labels, given by their spans from left to right, into rows so that no two in a row touch: the row of each, or
/// `None` where `rows_max` rows are not enough.
pub(super) fn rows(spans: &[(f64, f64)], gap: f64, rows_max: usize) -> Vec<Option<usize>> {
    let mut ends: Vec<f64> = Vec::new();
    spans
        .iter()
        .map(|&(from, to)| {
            if let Some(row) = ends.iter().position(|end| end + gap <= from) {
                ends[row] = to;
                return Some(row);
            }
            (ends.len() < rows_max).then(|| {
                ends.push(to);
                ends.len() - 1
            })
        })
        .collect()
}

/// Round values from `low` to `high`, about `count` of them, and how many decimals they need.
pub(super) fn ticks(low: f64, high: f64, count: f64) -> (Vec<f64>, usize) {
    let range = high - low;
    if !range.is_finite() || range <= 0.0 {
        return (vec![low], 3);
    }
    let (mut unit, mut decimals) = (1e9, 0);
    // The largest 1, 2 or 5 times a power of ten that gives enough ticks; powers by division, which is exact enough.
    let step = 'found: loop {
        for factor in [5.0, 2.0, 1.0] {
            if range / (unit * factor) >= count * 0.7 || unit < 1e-8 {
                break 'found unit * factor;
            }
        }
        if unit <= 1.0 {
            decimals += 1;
        }
        unit /= 10.0;
    };
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    ((first..=last).map(|k| k as f64 * step).collect(), decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 60.0, 6.0), (vec![0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0], 0));
        assert_eq!(ticks(0.0, 1.0, 5.0).1, 1);
        assert_eq!(ticks(3.0, 3.0, 5.0).0, [3.0]);
    }

    #[test]
    fn labels_that_would_touch_go_to_further_rows() {
        let spans = [(0.0, 10.0), (5.0, 15.0), (6.0, 9.0), (20.0, 30.0)];
        assert_eq!(rows(&spans, 2.0, 2), [Some(0), Some(1), None, Some(0)]);
    }
}
