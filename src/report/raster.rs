//! A picture as PNG: drawn larger than needed with plotters' bitmap backend, which rounds everything to whole pixels,
//! and averaged down.

use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::{Color as _, RGBColor};

use super::font;
use super::scene::{Anchor, Rgb, Scene, Shape, Stroke};

/// Pixels of the PNG for one of the SVG, for sharp screens.
const DENSITY: u32 = 2;
/// Drawn pixels for one of the PNG, on each axis.
const OVERSAMPLING: u32 = 2;
/// Drawn pixels for one of the SVG.
const SCALE: f64 = (DENSITY * OVERSAMPLING) as f64;

/// The picture as a PNG file.
pub(super) fn png(scene: &Scene) -> Vec<u8> {
    let size = [scene.width, scene.height].map(|length| (length.ceil() as u32).max(1) * DENSITY);
    let drawn = size.map(|length| length * OVERSAMPLING);
    let mut pixels = vec![255; drawn[0] as usize * drawn[1] as usize * 3];
    {
        let mut canvas = Canvas { backend: BitMapBackend::with_buffer(&mut pixels, (drawn[0], drawn[1])) };
        for item in &scene.items {
            canvas.draw(&item.shape);
        }
    }
    encode(&averaged(&pixels, drawn[0] as usize), size)
}

struct Canvas<'a> {
    backend: BitMapBackend<'a>,
}

impl Canvas<'_> {
    // A bitmap in memory takes every shape, and clips what is outside, so there is no error to hand on.
    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Rect { x, y, width, height, fill } => {
                let color = color(fill.rgb).mix(fill.alpha);
                self.fill_box((*x, *y), (x + width, y + height), &color);
            }
            Shape::Lines { lines, stroke } => lines.iter().for_each(|line| self.stroke(line, *stroke)),
            Shape::Polygon { points, fill } => {
                let points: Vec<_> = points.iter().map(|&point| pixel(point)).collect();
                let _ = self.backend.fill_polygon(points, &color(*fill));
            }
            Shape::Text { x, baseline, anchor, size, fill, text } => {
                let left = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - font::width(text, *size) / 2.0,
                    Anchor::End => x - font::width(text, *size),
                };
                self.text((left, *baseline), *size, *fill, text);
            }
        }
    }

    fn fill_box(&mut self, from: (f64, f64), to: (f64, f64), color: &plotters::style::RGBAColor) {
        let ((left, top), (right, bottom)) = (pixel(from), pixel(to));
        // Something that is there is seen.
        let corner = (right.max(left + 1), bottom.max(top + 1));
        let _ = self.backend.draw_rect((left, top), corner, color, true);
    }

    fn text(&mut self, (left, baseline): (f64, f64), size: f64, fill: Rgb, text: &str) {
        let (font, rise) = font::plotters_font(size * SCALE);
        let y = (baseline * SCALE).round() as i32 - rise;
        let color = color(fill);
        for (c, offset) in font::ink(text, size) {
            let x = ((left + offset) * SCALE).floor() as i32;
            let backend = &mut self.backend;
            let _ = font.draw(c.encode_utf8(&mut [0; 4]), (x, y), |x, y, cover| {
                backend.draw_pixel((x, y), color.mix(f64::from(cover.min(1.0))).to_backend_color())
            });
        }
    }

    /// A line as a brush leaves it: a box for what is level or upright, discs along the way otherwise.
    fn stroke(&mut self, line: &[(f64, f64)], stroke: Stroke) {
        let color = color(stroke.rgb);
        let half = stroke.width / 2.0;
        let radius = (half * SCALE).round().max(1.0) as u32;
        let mut walked = 0.0;
        for ends in line.windows(2) {
            let (from, to) = (ends[0], ends[1]);
            let along = (to.0 - from.0, to.1 - from.1);
            let length = (along.0 * along.0 + along.1 * along.1).sqrt();
            let at = |way: f64| {
                let share = if length > 0.0 { way / length } else { 0.0 };
                (from.0 + along.0 * share, from.1 + along.1 * share)
            };
            for (start, end) in drawn_parts(stroke.dash, walked, length) {
                let (a, b) = (at(start), at(end));
                if along.0 == 0.0 || along.1 == 0.0 {
                    let low = (a.0.min(b.0), a.1.min(b.1));
                    let high = (a.0.max(b.0), a.1.max(b.1));
                    let (dx, dy) = if along.0 == 0.0 { (half, 0.0) } else { (0.0, half) };
                    self.fill_box((low.0 - dx, low.1 - dy), (high.0 + dx, high.1 + dy), &color.mix(1.0));
                    continue;
                }
                let steps = ((end - start) * SCALE).ceil().max(1.0) as u32;
                for step in 0..=steps {
                    let middle = at(start + (end - start) * f64::from(step) / f64::from(steps));
                    let _ = self.backend.draw_circle(pixel(middle), radius, &color, true);
                }
            }
            walked += length;
        }
    }
}

/// The parts of a segment that a dash pattern draws, as distances from its start; `walked` is how long the line is before.
fn drawn_parts(dash: &[f64], walked: f64, length: f64) -> Vec<(f64, f64)> {
    let period: f64 = dash.iter().sum();
    if period <= 0.0 {
        return vec![(0.0, length)];
    }
    let mut parts = Vec::new();
    let mut from = -(walked % period);
    while from < length {
        for (i, part) in dash.iter().enumerate() {
            let (start, end) = (from.max(0.0), (from + part).min(length));
            if i % 2 == 0 && start < end {
                parts.push((start, end));
            }
            from += part;
        }
    }
    parts
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

fn color((red, green, blue): Rgb) -> RGBColor {
    RGBColor(red, green, blue)
}

/// Each square of drawn pixels as one.
fn averaged(pixels: &[u8], width: usize) -> Vec<u8> {
    let side = OVERSAMPLING as usize;
    let mut out = Vec::with_capacity(pixels.len() / (side * side));
    for rows in pixels.chunks_exact(width * 3 * side) {
        for column in 0..width / side {
            for channel in 0..3 {
                let mut sum = 0_usize;
                for row in 0..side {
                    for cell in 0..side {
                        sum += usize::from(rows[(row * width + column * side + cell) * 3 + channel]);
                    }
                }
                out.push((sum / (side * side)) as u8);
            }
        }
    }
    out
}

fn encode(pixels: &[u8], [width, height]: [u32; 2]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Default);
    encoder.set_adaptive_filter(png::AdaptiveFilterType::Adaptive);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.expect("memory takes every byte, and the sizes agree");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_on_over_corners() {
        assert_eq!(drawn_parts(&[4.0, 2.0], 0.0, 10.0), [(0.0, 4.0), (6.0, 10.0)]);
        assert_eq!(drawn_parts(&[4.0, 2.0], 5.0, 4.0), [(1.0, 4.0)]);
        assert_eq!(drawn_parts(&[], 5.0, 4.0), [(0.0, 4.0)]);
    }
}
