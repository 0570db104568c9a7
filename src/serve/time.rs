//! Timestamps, read as Go's `time.Parse` reads them, with its errors.

use smol_str::SmolStr;

use crate::core::WallTime;
use crate::store::text::rfc3339;

/// The layout of `acquireTime` and `renewTime`: six digits after the point, no more and no fewer.
pub(crate) const MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";
/// The layout of timestamps in the metadata.
pub(crate) const SECOND: &str = "2006-01-02T15:04:05Z07:00";

/// What Go's zero time is, in seconds of the epoch: the server prints it as `null`.
const ZERO_SECS: i64 = -62_135_596_800;

/// Whether this is Go's zero time.
pub(crate) fn is_zero(time: WallTime) -> bool {
    time.as_micros() == ZERO_SECS * 1_000_000
}

/// Go's zero time.
pub(crate) const fn zero() -> WallTime {
    WallTime::from_micros(ZERO_SECS * 1_000_000)
}

/// Reads a time of [`MICRO`].
///
/// # Errors
/// Go's message.
pub(crate) fn parse_micro(text: &str) -> Result<WallTime, String> {
    Parser { layout: MICRO, text, rest: text }.parse(true)
}

/// Reads a time of [`SECOND`]; digits after the point are allowed, and cut.
///
/// # Errors
/// Go's message.
pub(crate) fn parse_second(text: &str) -> Result<WallTime, String> {
    let time = Parser { layout: SECOND, text, rest: text }.parse(false)?;
    Ok(WallTime::from_micros(time.as_secs() * 1_000_000))
}

/// Prints a time in the form of [`MICRO`], in UTC.
pub(crate) fn format_micro(time: WallTime) -> SmolStr {
    rfc3339(time.as_secs(), Some(time.as_micros().rem_euclid(1_000_000)))
}

/// Prints a time in the form of [`SECOND`], in UTC.
pub(crate) fn format_second(time: WallTime) -> SmolStr {
    rfc3339(time.as_secs(), None)
}

/// A text in quotes, as Go's `time` quotes it: byte by byte.
struct Quoted<'a>(&'a str);

impl core::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("\"")?;
        for byte in self.0.bytes() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' | 0x7f => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str("\"")
    }
}

struct Parser<'a> {
    layout: &'static str,
    text: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn parse(&mut self, micro: bool) -> Result<WallTime, String> {
        let year = self.year()?;
        self.literal("-")?;
        let month = self.number("01", true, 1..13, "month")?;
        self.literal("-")?;
        let day = self.number("02", true, 0..100, "day")?;
        self.literal("T")?;
        let hour = self.number("15", false, 0..24, "hour")?;
        self.literal(":")?;
        let minute = self.number("04", true, 0..60, "minute")?;
        self.literal(":")?;
        let second = self.number("05", true, 0..60, "second")?;
        let micros = if micro { self.fraction()? } else { self.any_fraction() };
        let offset = self.zone()?;
        if !self.rest.is_empty() {
            return Err(self.message(&format!(": extra text: {}", Quoted(self.rest))));
        }
        if day < 1 || day > days_in(year, month) {
            return Err(self.message(": day out of range"));
        }
        let days = days_from_civil(year, month, day);
        let secs = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
        Ok(WallTime::from_micros(secs * 1_000_000 + micros))
    }

    fn message(&self, what: &str) -> String {
        format!("parsing time {}{what}", Quoted(self.text))
    }

    fn cannot(&self, value: &str, element: &str) -> String {
        let (text, layout) = (Quoted(self.text), self.layout);
        format!("parsing time {text} as \"{layout}\": cannot parse {} as \"{element}\"", Quoted(value))
    }

    fn out_of_range(&self, what: &str) -> String {
        self.message(&format!(": {what} out of range"))
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.cannot(self.rest, literal)),
        }
    }

    fn year(&mut self) -> Result<i64, String> {
        match self.rest.get(..4).filter(|text| text.bytes().all(|b| b.is_ascii_digit())) {
            Some(digits) => {
                self.rest = &self.rest[4..];
                digits.parse().map_err(|_| self.cannot(digits, "2006"))
            }
            None => Err(self.cannot(self.rest, "2006")),
        }
    }

    /// A number of two digits; of one or two, unless `fixed`.
    fn number(
        &mut self,
        element: &str,
        fixed: bool,
        range: core::ops::Range<i64>,
        what: &str,
    ) -> Result<i64, String> {
        let hold = self.rest;
        let digit =
            |at: usize| hold.as_bytes().get(at).filter(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0'));
        let (number, length) = match (digit(0), digit(1)) {
            (Some(tens), Some(ones)) => (tens * 10 + ones, 2),
            (Some(ones), None) if !fixed => (ones, 1),
            _ => return Err(self.cannot(hold, element)),
        };
        self.rest = &hold[length..];
        if range.contains(&number) { Ok(number) } else { Err(self.out_of_range(what)) }
    }

    /// Exactly six digits after a point or comma.
    fn fraction(&mut self) -> Result<i64, String> {
        let digits = self.rest.get(..7).and_then(|text| text.strip_prefix(['.', ',']));
        let micros = digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit())).and_then(|d| d.parse().ok());
        match micros {
            Some(micros) => {
                self.rest = &self.rest[7..];
                Ok(micros)
            }
            None => Err(self.cannot(self.rest, ".000000")),
        }
    }

    /// Digits after a point or comma that the layout does not ask for.
    fn any_fraction(&mut self) -> i64 {
        if let Some(digits) = self.rest.strip_prefix(['.', ',']) {
            let after = digits.trim_start_matches(|c: char| c.is_ascii_digit());
            if after.len() < digits.len() {
                self.rest = after;
            }
        }
        0
    }

    fn zone(&mut self) -> Result<i64, String> {
        const ELEMENT: &str = "Z07:00";
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let hold = self.rest;
        let bytes = hold.as_bytes();
        let bad = |this: &Self| Err(this.cannot(hold, ELEMENT));
        if bytes.len() < 6 || bytes[3] != b':' {
            return bad(self);
        }
        let two = |at: usize| {
            let digits = hold.get(at..at + 2)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
        };
        let (Some(hours), Some(minutes)) = (two(1), two(4)) else { return bad(self) };
        if hours > 24 {
            return Err(self.out_of_range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(self.out_of_range("time zone offset minute"));
        }
        let offset = (hours * 60 + minutes) * 60;
        let Some(rest) = hold.get(6..) else { return bad(self) };
        self.rest = rest;
        match bytes[0] {
            b'+' => Ok(offset),
            b'-' => Ok(-offset),
            _ => bad(self),
        }
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 (Hinnant, `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_in_utc() {
        for (text, utc) in [
            ("2026-11-21T08:00:00.123456+02:00", "2026-11-21T06:00:00.123456Z"),
            ("2026-11-21T6:00:00,000001-00:00", "2026-11-21T06:00:00.000001Z"),
            ("2024-02-29T00:00:00.000000+24:00", "2024-02-28T00:00:00.000000Z"),
            ("0001-01-01T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(format_micro(parse_micro(text).unwrap()), utc);
        }
        assert!(is_zero(parse_micro("0001-01-01T00:00:00.000000Z").unwrap()));
        assert_eq!(format_second(parse_second("2026-11-21T06:00:00.9Z").unwrap()), "2026-11-21T06:00:00Z");
    }

    #[test]
    fn errors_are_those_of_go() {
        let cannot = |text: &str, value: &str, element: &str| {
            format!("parsing time \"{text}\" as \"{MICRO}\": cannot parse \"{value}\" as \"{element}\"")
        };
        for (text, value, element) in [
            ("2026-11-21T06:00:00Z", "Z", ".000000"),
            ("2026-11-21T06:00:00.123456789Z", "789Z", "Z07:00"),
            ("yesterday", "yesterday", "2006"),
            ("", "", "2006"),
            ("2026-11-21 06:00:00.000000Z", " 06:00:00.000000Z", "T"),
            ("2026-11-21T06:00:00.000000+0200", "+0200", "Z07:00"),
            ("2026-11-21T06:00:00.000000z", "z", "Z07:00"),
        ] {
            assert_eq!(parse_micro(text), Err(cannot(text, value, element)));
        }
        for (text, what) in [
            ("2026-11-21T06:00:60.000000Z", "second"),
            ("2026-11-21T24:00:00.000000Z", "hour"),
            ("2026-02-30T06:00:00.000000Z", "day"),
            ("2026-13-01T06:00:00.000000Z", "month"),
        ] {
            assert_eq!(parse_micro(text), Err(format!("parsing time \"{text}\": {what} out of range")));
        }
    }
}
