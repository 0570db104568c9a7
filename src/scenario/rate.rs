//! How many of a hundred: `1%`, `250ppm`, `0.01`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use super::de::HELP;

const MILLION: u32 = 1_000_000;
const HOW: &str = "write `5%`, `250ppm` or a fraction from 0 to 1, such as 0.05";

/// A probability, in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// Never.
    pub const NEVER: Self = Self(0);
    /// Always.
    pub const ALWAYS: Self = Self(MILLION);

    /// So many parts per million; no more than all.
    #[must_use]
    pub const fn from_ppm(ppm: u32) -> Self {
        Self(if ppm > MILLION { MILLION } else { ppm })
    }

    /// In parts per million.
    #[must_use]
    pub const fn ppm(self) -> u32 {
        self.0
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    fn from_fraction(x: f64) -> Option<Self> {
        (0.0..=1.0).contains(&x).then(|| Self((x * f64::from(MILLION)).round() as u32))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:04}", self.0 % 10_000);
        let fraction = fraction.trim_end_matches('0');
        write!(f, "{}{}{fraction}%", self.0 / 10_000, if fraction.is_empty() { "" } else { "." })
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |number: &str, unit: f64| {
            number.trim().parse::<f64>().ok().and_then(|x| Self::from_fraction(x / unit))
        };
        let text = text.trim();
        let rate = match (text.strip_suffix('%'), text.strip_suffix("ppm")) {
            (Some(number), _) => parse(number, 100.0),
            (_, Some(number)) => parse(number, 1e6),
            _ => parse(text, 1.0),
        };
        rate.ok_or_else(|| format!("`{text}` is not a rate"))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RateVisitor;
        impl Visitor<'_> for RateVisitor {
            type Value = Rate;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate, such as `5%`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(|message| E::custom(format!("{message}{HELP}{HOW}")))
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Rate, E> {
                Rate::from_fraction(x)
                    .ok_or_else(|| E::custom(format!("a rate of {x} is not between 0 and 1{HELP}{HOW}")))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Rate, E> {
                match n {
                    0 => Ok(Rate::NEVER),
                    1 => Ok(Rate::ALWAYS),
                    n => Err(E::custom(format!("a rate of {n} is not between 0 and 1{HELP}{HOW}"))),
                }
            }
        }
        deserializer.deserialize_any(RateVisitor)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How many: a percentage, parts per million, or a fraction.",
            "examples": ["5%", "250ppm", 0.05],
            "anyOf": [
                { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(%|ppm)?$" },
                { "type": "number", "minimum": 0, "maximum": 1 },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, ppm) in
            [("5%", 50_000), ("250ppm", 250), ("0.05", 50_000), ("0.0001%", 1), ("100%", MILLION)]
        {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.ppm(), ppm, "{text}");
            assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
        }
        for text in ["5", "101%", "-1%", "x", "NaN"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
