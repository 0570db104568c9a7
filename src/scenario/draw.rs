//! Random lengths of time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use super::forms::sole_key;
use super::length::{Length, no_unit};

/// A length of time, drawn anew each time it is needed.
#[derive(Clone, Debug, PartialEq)]
pub enum Draw {
    /// Always the same: `2ms`.
    Fixed(Length),
    /// Another each time.
    Random(Distribution),
}

/// What a random length of time is drawn from.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Uniform from the first (included) to the second (not included).
    Uniform([Length; 2]),
    /// Log-normal: median x exp(sigma x N(0, 1)).
    LogNormal(LogNormal),
    /// One of the samples in a CSV file, each as likely.
    Csv(Csv),
}

/// A log-normal distribution.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogNormal {
    /// Half of the draws are below this.
    pub median: Length,
    /// The standard deviation of the logarithm: at 0.5, a twentieth of the draws are above 2.3 medians.
    #[schemars(range(min = 0.0))]
    pub sigma: f64,
}

/// Samples in a CSV file with a header line; lines that begin with `#` are skipped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// The file, relative to the scenario's directory.
    pub file: String,
    /// The column that has the samples.
    pub column: String,
    /// Only lines that have these values in these columns.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, String>,
    /// The samples' unit.
    pub unit: TimeUnit,
}

/// A unit of time.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, JsonSchema,
)]
pub enum TimeUnit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
}

impl TimeUnit {
    /// In nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> u32 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
        }
    }
}

impl Draw {
    /// No time at all.
    pub const ZERO: Self = Self::Fixed(Length::ZERO);

    /// Uniform over `[from, to)`.
    #[must_use]
    pub const fn uniform(from: Length, to: Length) -> Self {
        Self::Random(Distribution::Uniform([from, to]))
    }
}

impl From<Length> for Draw {
    fn from(length: Length) -> Self {
        Self::Fixed(length)
    }
}

impl Serialize for Draw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(length) => length.serialize(serializer),
            Self::Random(distribution) => distribution.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Draw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DrawVisitor)
    }
}

struct DrawVisitor;

impl<'de> Visitor<'de> for DrawVisitor {
    type Value = Draw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a length of time, such as `15s`, or one of {uniform: [1s, 2s]}, \
             {log_normal: {median: 2ms, sigma: 0.5}}, {csv: {file: ..., column: ..., unit: ms}}",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Draw, E> {
        Length::deserialize(de::value::StrDeserializer::new(text)).map(Draw::Fixed)
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Draw, E> {
        Err(no_unit(&n))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Draw, E> {
        Err(no_unit(&n))
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<Draw, E> {
        Err(no_unit(&x))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Draw, A::Error> {
        sole_key(map).map(Draw::Random)
    }
}

impl JsonSchema for Draw {
    fn schema_name() -> Cow<'static, str> {
        "Draw".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time, or what it is drawn from each time it is needed.",
            "anyOf": [
                generator.subschema_for::<Length>(),
                generator.subschema_for::<Distribution>(),
            ],
        })
    }
}
