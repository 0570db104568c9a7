//! What must come of a scenario: `two_leaders_ms_max: 0`, `failover_s.p99: "< 20"`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::de::HELP;
use super::error::Place;
use super::metrics;

const FORMS: &str = "write a number, `< 20`, `<= 20`, `> 0`, `>= 1`, `16.3..16.7` (both included), or `any`";

/// Conditions on measured figures, by the figure's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// The settings are refused, and the reason contains this text.
    pub refused: Option<String>,
    /// What must hold of each figure.
    pub figures: BTreeMap<String, Condition>,
}

/// What must hold of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// Exactly this.
    Is(f64),
    /// `< x`
    Below(f64),
    /// `<= x`
    AtMost(f64),
    /// `> x`
    Above(f64),
    /// `>= x`
    AtLeast(f64),
    /// `from..to`, both included.
    Between(f64, f64),
    /// No condition: takes one away in a setting.
    Any,
}

impl Condition {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, actual: f64) -> bool {
        match *self {
            // Figures that went through a division are not exact to the last bit.
            Self::Is(x) => actual == x || (actual - x).abs() <= 1e-9 * x.abs(),
            Self::Below(x) => actual < x,
            Self::AtMost(x) => actual <= x,
            Self::Above(x) => actual > x,
            Self::AtLeast(x) => actual >= x,
            Self::Between(from, to) => (from..=to).contains(&actual),
            Self::Any => true,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(x) => write!(f, "{x}"),
            Self::Below(x) => write!(f, "< {x}"),
            Self::AtMost(x) => write!(f, "<= {x}"),
            Self::Above(x) => write!(f, "> {x}"),
            Self::AtLeast(x) => write!(f, ">= {x}"),
            Self::Between(from, to) => write!(f, "{from}..{to}"),
            Self::Any => f.write_str("any"),
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let number = |number: &str| {
            let parsed = number.trim().parse::<f64>().ok().filter(|x| x.is_finite());
            parsed.ok_or_else(|| format!("`{text}` is not a condition"))
        };
        if text == "any" {
            return Ok(Self::Any);
        }
        if let Some((from, to)) = text.split_once("..") {
            let (from, to) = (number(from)?, number(to)?);
            return if from <= to {
                Ok(Self::Between(from, to))
            } else {
                Err(format!("`{text}` holds of nothing: {from} is above {to}"))
            };
        }
        let signed = |sign: &str| text.strip_prefix(sign).map(number);
        // Longer signs first.
        if let Some(x) = signed("<=") {
            x.map(Self::AtMost)
        } else if let Some(x) = signed(">=") {
            x.map(Self::AtLeast)
        } else if let Some(x) = signed("<") {
            x.map(Self::Below)
        } else if let Some(x) = signed(">") {
            x.map(Self::Above)
        } else if let Some(x) = signed("==").or_else(|| signed("=")) {
            x.map(Self::Is)
        } else {
            number(text).map(Self::Is)
        }
    }
}

impl Serialize for Condition {
    #[expect(clippy::cast_possible_truncation, reason = "whole and small enough, or not converted")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Is(x) if x.fract() == 0.0 && x.abs() < 1e15 => serializer.serialize_i64(x as i64),
            Self::Is(x) => serializer.serialize_f64(x),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ConditionVisitor;
        impl Visitor<'_> for ConditionVisitor {
            type Value = Condition;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition such as 0, `< 20` or `16.3..16.7`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Condition, E> {
                text.parse().map_err(|message| E::custom(format!("{message}{HELP}{FORMS}")))
            }
            #[expect(clippy::cast_precision_loss, reason = "figures are floating point")]
            fn visit_u64<E>(self, n: u64) -> Result<Condition, E> {
                Ok(Condition::Is(n as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "figures are floating point")]
            fn visit_i64<E>(self, n: i64) -> Result<Condition, E> {
                Ok(Condition::Is(n as f64))
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Condition, E> {
                if x.is_finite() { Ok(Condition::Is(x)) } else { Err(E::custom("this is not a number")) }
            }
        }
        deserializer.deserialize_any(ConditionVisitor)
    }
}

impl Serialize for Expect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let len = self.figures.len() + usize::from(self.refused.is_some());
        let mut map = serializer.serialize_map(Some(len))?;
        if let Some(reason) = &self.refused {
            map.serialize_entry("refused", reason)?;
        }
        for (figure, condition) in &self.figures {
            map.serialize_entry(figure, condition)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Figure(String);
        impl<'de> Deserialize<'de> for Figure {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                if name != "refused" {
                    metrics::check(&name)
                        .map_err(|(message, help)| de::Error::custom(format!("{message}{HELP}{help}")))?;
                }
                Ok(Self(name))
            }
        }
        struct ExpectVisitor;
        impl<'de> Visitor<'de> for ExpectVisitor {
            type Value = Expect;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from figures to conditions, such as {two_leaders_ms_max: 0}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expect, A::Error> {
                let mut expect = Expect::default();
                while let Some(Figure(name)) = map.next_key()? {
                    if name == "refused" {
                        expect.refused = map.next_value()?;
                    } else if let Some(condition) = map.next_value()? {
                        expect.figures.insert(name, condition);
                    }
                }
                Ok(expect)
            }
        }
        deserializer.deserialize_map(ExpectVisitor)
    }
}

impl JsonSchema for Expect {
    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?";
        let condition = json_schema!({
            "anyOf": [
                { "type": "number" },
                {
                    "type": "string",
                    "pattern": format!(r"^ *((<|<=|>|>=|=|==)? *{number}|{number} *\.\. *{number}|any) *$"),
                },
                { "type": "null" },
            ],
        });
        json_schema!({
            "description": format!(
                "What must come of the scenario, by measured figure. A condition: {FORMS}."
            ),
            "type": "object",
            "properties": {
                "refused": {
                    "description": "The settings are refused, and the reason contains this text.",
                    "type": ["string", "null"],
                },
            },
            "patternProperties": { (metrics::pattern()): condition },
            "additionalProperties": false,
        })
    }
}

/// One condition on one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The figure's name.
    pub metric: String,
    /// What must hold of it.
    pub condition: Condition,
    /// Where it is written.
    pub location: Place,
}

/// What came of an expectation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It holds.
    Met,
    /// It does not hold.
    NotMet {
        /// What was measured.
        actual: f64,
    },
    /// The figure was not measured: there was nothing to measure.
    NotMeasured,
}

impl Expectation {
    /// Asks for the figure and compares.
    pub fn check(&self, figures: &dyn Fn(&str) -> Option<f64>) -> Verdict {
        match figures(&self.metric) {
            Some(actual) if self.condition.holds(actual) => Verdict::Met,
            Some(actual) => Verdict::NotMet { actual },
            None => Verdict::NotMeasured,
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.condition {
            Condition::Is(x) => write!(f, "{} = {x}", self.metric),
            Condition::Between(..) => write!(f, "{} in {}", self.metric, self.condition),
            condition => write!(f, "{} {condition}", self.metric),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_hold() {
        let holds = |text: &str, x: f64| text.parse::<Condition>().unwrap().holds(x);
        assert!(holds("< 20", 19.9) && !holds("<20", 20.0));
        assert!(holds("<= 20", 20.0) && !holds("<= 20", 20.1));
        assert!(holds("> 0", 1.0) && !holds("> 0", 0.0));
        assert!(holds("16.3..16.7", 16.3) && holds("16.3..16.7", 16.7) && !holds("16.3..16.7", 16.8));
        assert!(holds("0", 0.0) && !holds("0", 1e-12));
        assert!(holds("any", f64::MAX));
        for text in ["", "<", "5..", "7..5", "< x", "!= 3", "nan"] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_expectation_that_was_not_measured_says_so() {
        let location = Place::Code { path: String::new() };
        let expectation =
            Expectation { metric: "failover_s.p99".to_owned(), condition: Condition::Below(20.0), location };
        assert_eq!(expectation.check(&|_| None), Verdict::NotMeasured);
        assert_eq!(expectation.check(&|_| Some(21.0)), Verdict::NotMet { actual: 21.0 });
        assert_eq!(expectation.to_string(), "failover_s.p99 < 20");
    }
}
