//! The one font of the pictures, carried along so that a machine without fonts draws the same picture.

use std::sync::Once;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// A subset of DejaVu Sans 2.37, renamed; see `assets/leasehold-sans.LICENSE.txt`.
static FONT: &[u8] = include_bytes!("../../assets/leasehold-sans.ttf");

/// What the font is called among plotters' fonts.
const NAME: &str = "Leasehold Sans";

/// What a viewer of an SVG is asked for: fonts as wide as the one measured with, where there are any.
pub(super) const SVG_FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Font units per em.
const EM: f64 = 2048.0;

/// Ascent and descent together, in font units: what plotters takes as the size of a font.
const HEIGHT: f64 = 2384.0;

/// How far the pen moves over a text of the given size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| f64::from(metrics(c).1) * size / EM).sum()
}

/// The characters of a text with where each one's ink starts, from the start of the text.
pub(super) fn ink(text: &str, size: f64) -> impl Iterator<Item = (char, f64)> {
    let mut pen = 0.0;
    text.chars().map(move |c| {
        let (c, advance, bearing) = metrics(c);
        let start = pen + f64::from(bearing);
        pen += f64::from(advance);
        (c, start * size / EM)
    })
}

/// The font for plotters, and how far its origin lies above the baseline.
pub(super) fn plotters_font(size: f64) -> (FontDesc<'static>, i32) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // A test asserts that the font can be read; if it ever cannot, drawing a text returns an error.
        let _ = register_font(NAME, FontStyle::Normal, FONT);
    });
    // The origin is half a size above the baseline, and glyphs shake unless that is a whole number.
    let half = (size * HEIGHT / EM / 2.0).round().max(1.0);
    (FontDesc::new(FontFamily::Name(NAME), 2.0 * half, FontStyle::Normal), half as i32)
}

/// The text, shortened with an ellipsis if it is wider than `room`.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() {
        let shortened = format!("{}\u{2026}", kept.trim_end());
        if width(&shortened, size) <= room {
            return shortened;
        }
    }
    String::new()
}

/// The text in lines no wider than `room`, at most `lines_max` of them.
pub(super) fn wrap(text: &str, size: f64, room: f64, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let no_more = lines.len() == lines_max;
        match lines.last_mut() {
            // The last line may overflow, to be shortened below.
            Some(line) if no_more || width(&format!("{line} {word}"), size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| fit(line, size, room)).collect()
}

/// The character that is drawn, its advance and its left bearing in font units. Characters that the font
/// does not have are drawn as question marks.
fn metrics(c: char) -> (char, u16, i16) {
    let found = |code: u32| METRICS.binary_search_by_key(&code, |m| m.0).ok().map(|i| METRICS[i]);
    match found(u32::from(c)) {
        Some((_, advance, bearing)) => (c, advance, bearing),
        None => found(u32::from('?')).map_or(('?', 0, 0), |(_, advance, bearing)| ('?', advance, bearing)),
    }
}

/// Code point, advance and left bearing of every character in the font: plotters tells neither exactly.
#[rustfmt::skip]
static METRICS: &[(u32, u16, i16)] = &[
    (0x0020, 651, 0), (0x0021, 821, 309), (0x0022, 942, 197), (0x0023, 1716, 158), (0x0024, 1303, 170),
    (0x0025, 1946, 113), (0x0026, 1597, 129), (0x0027, 563, 197), (0x0028, 799, 176), (0x0029, 799, 164),
    (0x002a, 1024, 61), (0x002b, 1716, 217), (0x002c, 651, 158), (0x002d, 739, 100), (0x002e, 651, 219),
    (0x002f, 690, 0), (0x0030, 1303, 135), (0x0031, 1303, 225), (0x0032, 1303, 150), (0x0033, 1303, 156),
    (0x0034, 1303, 100), (0x0035, 1303, 158), (0x0036, 1303, 143), (0x0037, 1303, 168), (0x0038, 1303, 139),
    (0x0039, 1303, 129), (0x003a, 690, 240), (0x003b, 690, 158), (0x003c, 1716, 217), (0x003d, 1716, 217),
    (0x003e, 1716, 217), (0x003f, 1087, 147), (0x0040, 2048, 135), (0x0041, 1401, 16), (0x0042, 1405, 201),
    (0x0043, 1430, 115), (0x0044, 1577, 201), (0x0045, 1294, 201), (0x0046, 1178, 201), (0x0047, 1587, 115),
    (0x0048, 1540, 201), (0x0049, 604, 201), (0x004a, 604, -106), (0x004b, 1343, 201), (0x004c, 1141, 201),
    (0x004d, 1767, 201), (0x004e, 1532, 201), (0x004f, 1612, 115), (0x0050, 1235, 201), (0x0051, 1612, 115),
    (0x0052, 1423, 201), (0x0053, 1300, 135), (0x0054, 1251, -6), (0x0055, 1499, 178), (0x0056, 1401, 16),
    (0x0057, 2025, 68), (0x0058, 1403, 61), (0x0059, 1251, -4), (0x005a, 1403, 92), (0x005b, 799, 176),
    (0x005c, 690, 0), (0x005d, 799, 199), (0x005e, 1716, 217), (0x005f, 1024, -20), (0x0060, 1024, 170),
    (0x0061, 1255, 123), (0x0062, 1300, 186), (0x0063, 1126, 113), (0x0064, 1300, 113), (0x0065, 1260, 113),
    (0x0066, 721, 47), (0x0067, 1300, 113), (0x0068, 1298, 186), (0x0069, 569, 193), (0x006a, 569, -37),
    (0x006b, 1186, 186), (0x006c, 569, 193), (0x006d, 1995, 186), (0x006e, 1298, 186), (0x006f, 1253, 113),
    (0x0070, 1300, 186), (0x0071, 1300, 113), (0x0072, 842, 186), (0x0073, 1067, 111), (0x0074, 803, 55),
    (0x0075, 1298, 174), (0x0076, 1212, 61), (0x0077, 1675, 86), (0x0078, 1212, 59), (0x0079, 1212, 61),
    (0x007a, 1075, 88), (0x007b, 1303, 256), (0x007c, 690, 260), (0x007d, 1303, 256), (0x007e, 1716, 217),
    (0x00a0, 651, 0), (0x00b0, 1024, 195), (0x00b1, 1716, 217), (0x00b5, 1303, 174), (0x00b7, 651, 219),
    (0x00d7, 1716, 281), (0x00df, 1290, 186), (0x00e4, 1255, 123), (0x00e9, 1260, 113), (0x00f6, 1253, 113),
    (0x00fc, 1298, 174), (0x0394, 1401, 16), (0x03c3, 1298, 113), (0x2013, 1024, 100), (0x2014, 2048, 100),
    (0x2019, 651, 178), (0x2026, 2048, 236), (0x2190, 1716, 100), (0x2191, 1716, 419), (0x2192, 1716, 117),
    (0x2193, 1716, 419), (0x2212, 1716, 217), (0x2260, 1716, 217), (0x2264, 1716, 217), (0x2265, 1716, 217),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_font_agrees_with_the_table() {
        let (font, half) = plotters_font(EM);
        assert_eq!(f64::from(half) * 2.0, HEIGHT);
        assert!(METRICS.is_sorted_by_key(|m| m.0));
        for &(code, advance, _) in METRICS {
            let text = char::from_u32(code).unwrap().to_string();
            let ((_, _), (width, _)) = font.layout_box(&text).expect("the font can be read");
            assert_eq!(width, i32::from(advance), "{text:?}");
        }
    }

    #[test]
    fn texts_are_wrapped_and_shortened_to_the_room() {
        let text = "one two three four five six seven eight nine ten";
        for lines_max in 1..4 {
            let lines = wrap(text, 12.0, 100.0, lines_max);
            assert!(lines.len() <= lines_max);
            assert!(lines.iter().all(|line| width(line, 12.0) <= 100.0), "{lines:?}");
        }
        assert_eq!(wrap(text, 12.0, 1000.0, 3), [text]);
        assert_eq!(fit("any", 12.0, 1.0), "");
        assert_eq!(ink("\u{4e2d}", 12.0).next().map(|(c, _)| c), Some('?'));
    }
}
