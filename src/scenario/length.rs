//! Lengths of time as they are written: `15s`, `1m30s`, `250us`, `10RP`, `1.5LD+2s`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use super::de::HELP;
use crate::core::{Span, Timings};

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];
/// Multiples of the settings are kept in millionths.
const MILLION: u64 = 1_000_000;
const UNIT_HELP: &str = "write a number with a unit: `15s`, `250ms`, `1m30s`, or a multiple of a setting: \
                         `1.5LD` (lease_duration), `0.5RD` (renew_deadline), `10RP` (retry_period)";

/// A length of time: an absolute part and multiples of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Length {
    nanos: u64,
    /// Millionths of LeaseDuration, RenewDeadline and RetryPeriod.
    multiples: [u64; 3],
}

const SETTINGS: [&str; 3] = ["LD", "RD", "RP"];

impl Length {
    /// No time at all.
    pub const ZERO: Self = Self::nanos(0);

    /// `n` nanoseconds.
    #[must_use]
    pub const fn nanos(n: u64) -> Self {
        Self { nanos: n, multiples: [0; 3] }
    }

    /// `n` milliseconds.
    #[must_use]
    pub const fn millis(n: u32) -> Self {
        Self::nanos(n as u64 * 1_000_000)
    }

    /// `n` seconds.
    #[must_use]
    pub const fn secs(n: u32) -> Self {
        Self::nanos(n as u64 * 1_000_000_000)
    }

    /// `n` times RetryPeriod.
    #[must_use]
    pub const fn retry_periods(n: u32) -> Self {
        Self { nanos: 0, multiples: [0, 0, n as u64 * MILLION] }
    }

    /// Whether it depends on the settings.
    #[must_use]
    pub const fn is_relative(self) -> bool {
        let [ld, rd, rp] = self.multiples;
        ld > 0 || rd > 0 || rp > 0
    }

    /// Its length under these settings, in nanoseconds; as long as can be where it is too long.
    #[must_use]
    pub fn resolve(self, timings: &Timings) -> u64 {
        let bases = [timings.lease_duration, timings.renew_deadline, timings.retry_period];
        let relative = bases
            .iter()
            .zip(self.multiples)
            .map(|(base, multiple)| u128::from(base.as_nanos()) * u128::from(multiple) / u128::from(MILLION));
        let total = u128::from(self.nanos) + relative.sum::<u128>();
        u64::try_from(total).unwrap_or(u64::MAX)
    }
}

impl From<Span> for Length {
    fn from(span: Span) -> Self {
        Self::nanos(span.as_nanos())
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plus = "";
        for (multiple, name) in self.multiples.into_iter().zip(SETTINGS) {
            if multiple > 0 {
                let fraction = format!("{:06}", multiple % MILLION);
                let fraction = fraction.trim_end_matches('0');
                let dot = if fraction.is_empty() { "" } else { "." };
                write!(f, "{plus}{}{dot}{fraction}{name}", multiple / MILLION)?;
                plus = "+";
            }
        }
        if self.nanos > 0 || plus.is_empty() {
            write!(f, "{plus}{}", Span::from_nanos(self.nanos))?;
        }
        Ok(())
    }
}

/// Why a text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LengthError {
    message: String,
    help: Option<&'static str>,
}

impl LengthError {
    fn new(message: String, help: Option<&'static str>) -> Self {
        Self { message, help }
    }

    fn into_serde<E: de::Error>(self) -> E {
        match self.help {
            Some(help) => E::custom(format!("{}{HELP}{help}", self.message)),
            None => E::custom(self.message),
        }
    }
}

impl FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        let not_one = || LengthError::new(format!("`{text}` is not a length of time"), Some(UNIT_HELP));
        let too_long = || LengthError::new(format!("`{text}` is too long"), None);
        let mut length = Self::ZERO;
        let mut rest = text.trim();
        if rest.starts_with('-') {
            return Err(LengthError::new(format!("`{text}`: this length cannot be negative"), None));
        }
        loop {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let after = after.trim_start();
            let end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            if number.is_empty() {
                return Err(not_one());
            }
            if unit.is_empty() {
                let help = Some(UNIT_HELP);
                return Err(LengthError::new(format!("`{text}` has no unit"), help));
            }
            let (slot, scale) = match SETTINGS.iter().position(|name| *name == unit) {
                Some(at) => (&mut length.multiples[at], MILLION),
                None => match UNITS.iter().find(|(name, _)| *name == unit) {
                    Some((_, scale)) => (&mut length.nanos, *scale),
                    None => {
                        let message = format!("`{text}`: unit `{unit}` is not known");
                        return Err(LengthError::new(message, Some(UNIT_HELP)));
                    }
                },
            };
            let value = scaled(number, scale).ok_or_else(not_one)?;
            let value = value.map_err(|()| too_long())?;
            *slot = slot.checked_add(value).ok_or_else(too_long)?;
            rest = after.trim_start();
            if rest.is_empty() {
                return Ok(length);
            }
            rest = rest.strip_prefix('+').unwrap_or(rest).trim_start();
        }
    }
}

/// A decimal number times `scale`, exactly; nothing if it is none or finer than one; an error if it is
/// too large.
fn scaled(number: &str, scale: u64) -> Option<Result<u64, ()>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || number.ends_with('.') || fraction.contains('.') || fraction.len() > 18 {
        return None;
    }
    let Ok(whole) = whole.parse::<u64>() else { return Some(Err(())) };
    let part = if fraction.is_empty() {
        0
    } else {
        let product = fraction.parse::<u128>().ok()? * u128::from(scale);
        let unit = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
        if product % unit != 0 {
            return None;
        }
        u64::try_from(product / unit).ok()?
    };
    Some(whole.checked_mul(scale).and_then(|n| n.checked_add(part)).ok_or(()))
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) fn no_unit<E: de::Error>(number: &dyn fmt::Display) -> E {
    E::custom(format!("`{number}` has no unit{HELP}{UNIT_HELP}"))
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LengthVisitor).map(|signed| signed.0)
    }
}

struct LengthVisitor;

impl Visitor<'_> for LengthVisitor {
    type Value = (Length,);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time, such as `15s` or `10RP`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(Length,), E> {
        text.parse().map(|length| (length,)).map_err(LengthError::into_serde)
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<(Length,), E> {
        Err(no_unit(&n))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<(Length,), E> {
        Err(no_unit(&n))
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<(Length,), E> {
        Err(no_unit(&x))
    }
}

const ONE: &str = r"[0-9]+(\.[0-9]+)? ?(ns|us|µs|ms|s|m|h|d|LD|RD|RP)";

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time with a unit (ns, us, ms, s, m, h, d) or a multiple of a setting: \
                            LD (lease_duration), RD (renew_deadline), RP (retry_period).",
            "examples": ["15s", "1m30s", "2.5ms", "10RP", "1.5LD+2s"],
            "type": "string",
            "pattern": format!("^{ONE}( ?\\+? ?{ONE})*$"),
        })
    }
}

/// A length of time that may point back: `-3s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SignedLength {
    /// Whether it points back.
    pub back: bool,
    /// How long.
    pub length: Length,
}

impl SignedLength {
    /// Its length under these settings, in nanoseconds; clamped where it is too long.
    #[must_use]
    pub fn resolve(self, timings: &Timings) -> i64 {
        let n = i64::try_from(self.length.resolve(timings)).unwrap_or(i64::MAX);
        if self.back { -n } else { n }
    }
}

impl fmt::Display for SignedLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.back { "-" } else { "" }, self.length)
    }
}

impl FromStr for SignedLength {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        let text = text.trim();
        let (back, length) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        Ok(Self { back, length: length.parse()? })
    }
}

impl Serialize for SignedLength {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SignedLength {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Signed;
        impl Visitor<'_> for Signed {
            type Value = SignedLength;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time, such as `1h` or `-3s`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SignedLength, E> {
                text.parse().map_err(LengthError::into_serde)
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<SignedLength, E> {
                Err(no_unit(&n))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<SignedLength, E> {
                Err(no_unit(&n))
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<SignedLength, E> {
                Err(no_unit(&x))
            }
        }
        deserializer.deserialize_any(Signed)
    }
}

impl JsonSchema for SignedLength {
    fn schema_name() -> Cow<'static, str> {
        "SignedLength".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time that may point back.",
            "examples": ["1h", "-3s"],
            "type": "string",
            "pattern": format!("^[-+]?{ONE}( ?\\+? ?{ONE})*$"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> u64 {
        text.parse::<Length>().unwrap().resolve(&Timings::DEFAULT)
    }

    #[test]
    fn lengths_are_read() {
        assert_eq!(nanos("15s"), 15_000_000_000);
        assert_eq!(nanos("1m30s"), 90_000_000_000);
        assert_eq!(nanos("1.5s"), 1_500_000_000);
        assert_eq!(nanos("250us"), 250_000);
        assert_eq!(nanos("0.5RD"), 5_000_000_000);
        assert_eq!(nanos("10RP + 2 ms"), 20_002_000_000);
        assert_eq!(nanos("LD".replace("LD", "1LD").as_str()), 15_000_000_000);
        assert_eq!("-3s".parse::<SignedLength>().unwrap().resolve(&Timings::DEFAULT), -3_000_000_000);
    }

    #[test]
    fn what_is_none_is_refused_with_the_reason() {
        let wrong = |text: &str| text.parse::<Length>().unwrap_err().to_string();
        assert_eq!(wrong("15"), "`15` has no unit");
        assert_eq!(wrong("15 sec"), "`15 sec`: unit `sec` is not known");
        assert_eq!(wrong("-1s"), "`-1s`: this length cannot be negative");
        assert_eq!(wrong("99999999999999999999s"), "`99999999999999999999s` is too long");
        for text in ["", "s", "1.s", ".5s", "1..5s", "0.5ns", "1s+", "1.0000001RP"] {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_are_written_as_they_are_read() {
        for text in ["15s", "2ms", "1.5us", "10RP", "1.5LD+2s", "0.25RD", "0s", "1LD+2RD+3RP+4ns"] {
            assert_eq!(text.parse::<Length>().unwrap().to_string(), text);
        }
    }
}
