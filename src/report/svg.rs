//! A picture as SVG: text that is the same for the same picture, byte for byte.

use std::fmt::Write as _;

use super::font;
use super::scene::{Anchor, Item, Paint, Rgb, Scene, Shape, Stroke};

/// The picture as an SVG document.
pub(super) fn write(scene: &Scene) -> String {
    let (width, height) = (number(scene.width), number(scene.height));
    let mut out = format!(
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" "#,
            r#"role="img" font-family="{f}">"#,
            "\n<title>{t}</title>\n",
            r##"<rect width="100%" height="100%" fill="#ffffff"/>"##,
            "\n"
        ),
        w = width,
        h = height,
        f = font::SVG_FAMILY,
        t = escape(&scene.title),
    );
    for item in &scene.items {
        write_item(&mut out, item);
    }
    out.push_str("</svg>\n");
    out
}

fn write_item(out: &mut String, item: &Item) {
    let (name, attributes, text) = match &item.shape {
        Shape::Rect { x, y, width, height, fill } => {
            let place = [("x", x), ("y", y), ("width", width), ("height", height)];
            let place = place.map(|(name, value)| format!(r#" {name}="{}""#, number(*value))).concat();
            ("rect", format!("{place}{}", fill_attributes(*fill)), "")
        }
        Shape::Lines { lines, stroke } => {
            let commands: Vec<String> = lines.iter().map(|line| commands(line)).collect();
            ("path", format!(r#" d="{}" fill="none"{}"#, commands.concat(), stroke_attributes(*stroke)), "")
        }
        Shape::Polygon { points, fill } => {
            ("path", format!(r#" d="{}Z"{}"#, commands(points), fill_attributes((*fill).into())), "")
        }
        Shape::Text { x, baseline, anchor, size, fill, text } => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => r#" text-anchor="middle""#,
                Anchor::End => r#" text-anchor="end""#,
            };
            let (x, y, size) = (number(*x), number(*baseline), number(*size));
            let fill = fill_attributes((*fill).into());
            ("text", format!(r#" x="{x}" y="{y}" font-size="{size}"{anchor}{fill}"#), text.as_str())
        }
    };
    let hint = item.hint.as_ref().map_or_else(String::new, |hint| format!("<title>{}</title>", escape(hint)));
    // Writing to a string cannot fail.
    let _ = if text.is_empty() && hint.is_empty() {
        writeln!(out, "<{name}{attributes}/>")
    } else {
        writeln!(out, "<{name}{attributes}>{hint}{}</{name}>", escape(text))
    };
}

fn commands(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if i == 0 { 'M' } else { 'L' }, number(*x), number(*y));
    }
    out
}

fn fill_attributes(paint: Paint) -> String {
    let opacity =
        if paint.alpha < 1.0 { format!(r#" fill-opacity="{}""#, number(paint.alpha)) } else { String::new() };
    format!(r#" fill="{}"{opacity}"#, hex(paint.rgb))
}

fn stroke_attributes(stroke: Stroke) -> String {
    let dash = stroke.dash.iter().map(|length| number(*length)).collect::<Vec<_>>().join(" ");
    let dash = if dash.is_empty() { dash } else { format!(r#" stroke-dasharray="{dash}""#) };
    let (rgb, width) = (hex(stroke.rgb), number(stroke.width));
    format!(r#" stroke="{rgb}" stroke-width="{width}" stroke-linejoin="round"{dash}"#)
}

fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A coordinate with up to two decimals.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text as XML content or attribute; characters that XML has no way to write become U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 0.5, -0.001, 10.126].map(number), ["1", "0.5", "0", "10.13"]);
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("<&>\"'\u{1}"), "&lt;&amp;&gt;&quot;&#39;\u{fffd}");
    }
}
