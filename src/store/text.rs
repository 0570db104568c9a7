//! Text as the server prints it.

use core::fmt;

use smol_str::{SmolStr, format_smolstr};

/// Shows a string as Go's `%q` does, which is how the server quotes names and values.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{b}' => f.write_str("\\v")?,
                '\u{c}' => f.write_str("\\f")?,
                c if c < ' ' || c == '\u{7f}' => write!(f, "\\x{:02x}", u32::from(c))?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// Days since 1970-01-01 as year, month, day of the proleptic Gregorian calendar (Hinnant, `civil_from_days`).
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Seconds since the Unix epoch as `2026-11-21T06:00:00Z`, the form of metadata timestamps; with microseconds, as
/// `2026-11-21T06:00:00.000000Z`.
///
/// Every answer has several of them: digits are written one by one, which is much faster than formatting.
pub(crate) fn rfc3339(secs: i64, micros: Option<i64>) -> SmolStr {
    let (year, month, day) = civil(secs.div_euclid(86_400));
    let secs = secs.rem_euclid(86_400);
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    if !(0..=9_999).contains(&year) {
        let fraction = micros.map_or(SmolStr::default(), |micros| format_smolstr!(".{micros:06}"));
        return format_smolstr!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z");
    }
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |at: core::ops::Range<usize>, mut number: i64| {
        for place in text[at].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0..4, year);
    put(5..7, month);
    put(8..10, day);
    put(11..13, hour);
    put(14..16, minute);
    put(17..19, second);
    let text = match micros {
        Some(micros) => {
            put(20..26, micros);
            &text[..]
        }
        None => {
            text[19] = b'Z';
            &text[..20]
        }
    };
    SmolStr::new(core::str::from_utf8(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_go() {
        assert_eq!(Quoted("a\"b\\\n\u{1}é").to_string(), "\"a\\\"b\\\\\\n\\x01é\"");
    }

    #[test]
    fn dates_follow_the_calendar() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_240_800, "2026-11-21T06:00:00Z"),
            (-62_135_596_800, "0001-01-01T00:00:00Z"),
            (-62_167_219_201, "-001-12-31T23:59:59Z"),
            (253_402_300_800, "10000-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(secs, None), text);
            assert_eq!(rfc3339(secs, Some(70)), text.replace('Z', ".000070Z"));
        }
    }
}
