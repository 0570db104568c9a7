//! Text to tree: YAML and TOML, with the place of every value.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::{Diagnostic, Error, Place};
use super::tree::{Entry, Mark, Node, Value};

/// How a scenario is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// TOML 1.
    Toml,
}

impl Format {
    /// The format that a file's name says, if any.
    #[must_use]
    pub fn of(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// A text and what it is called in messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl Source {
    /// Reads the text.
    pub(super) fn parse(&self, format: Format) -> Result<Node, Error> {
        let parsed = match format {
            Format::Yaml => yaml(&self.text),
            Format::Toml => toml(&self.text),
        };
        parsed.map_err(|wrong| self.syntax_error(&wrong))
    }

    fn syntax_error(&self, wrong: &Wrong) -> Error {
        let Wrong { message, line, column } = wrong;
        Error::Invalid(Box::new(Diagnostic {
            message: message.clone(),
            setting: None,
            place: self.place(*line, *column, 1),
            help: None,
        }))
    }

    pub(super) fn place(&self, line: u32, column: u32, width: u32) -> Place {
        let excerpt = self.text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
        Place::File {
            file: self.name.clone(),
            line: line.max(1),
            column: column.max(1),
            width,
            excerpt: excerpt.to_owned(),
        }
    }
}

/// A syntax error and its place.
pub(super) struct Wrong {
    pub(super) message: String,
    line: u32,
    column: u32,
}

/// Reads YAML.
pub(super) fn yaml(text: &str) -> Result<Node, Wrong> {
    let no_snippet = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, no_snippet) {
        Ok(raw) => Ok(raw.into()),
        Err(error) => {
            let place = error.location();
            let line = place.map_or(1, |place| clamp(place.line()));
            let column = place.map_or(1, |place| clamp(place.column()));
            let said = error.to_string();
            // The place is shown with the excerpt; do not say it twice.
            let message = place.map_or(said.as_str(), |place| {
                said.strip_suffix(&format!(" at line {}, column {}", place.line(), place.column()))
                    .unwrap_or(&said)
            });
            let message = match message.strip_prefix("duplicate mapping key: ") {
                Some(rest) => format!("`{}` is written twice", rest.split(',').next().unwrap_or(rest)),
                None => message.to_owned(),
            };
            Err(Wrong { message, line, column })
        }
    }
}

fn toml(text: &str) -> Result<Node, Wrong> {
    let table = toml::de::DeTable::parse(text).map_err(|error| {
        let (line, column) = line_column(text, error.span().map_or(0, |span| span.start));
        Wrong { message: error.message().to_owned(), line, column }
    })?;
    let (_, table) = (table.span(), table.into_inner());
    Ok(Node::new(toml_map(text, table)?, Mark::File { line: 1, column: 1, width: 1 }))
}

fn toml_map(text: &str, table: toml::de::DeTable<'_>) -> Result<Value, Wrong> {
    let entries = table.into_iter().map(|(key, value)| {
        let key_mark = toml_mark(text, key.span());
        Ok(Entry { key: key.into_inner().into_owned(), key_mark, node: toml_node(text, value)? })
    });
    Ok(Value::Map(entries.collect::<Result<_, Wrong>>()?))
}

fn toml_node(text: &str, value: toml::Spanned<toml::de::DeValue<'_>>) -> Result<Node, Wrong> {
    use toml::de::DeValue;
    let span = value.span();
    let wrong = |message: &str| {
        let (line, column) = line_column(text, span.start);
        Wrong { message: message.to_owned(), line, column }
    };
    let node = match value.into_inner() {
        DeValue::String(s) => Value::Str(s.into_owned()),
        DeValue::Integer(n) => Value::Int(
            i128::from_str_radix(n.as_str(), n.radix()).map_err(|_| wrong("this number is too large"))?,
        ),
        DeValue::Float(x) => {
            Value::Float(x.as_str().parse().map_err(|_| wrong("this is not a number that is understood"))?)
        }
        DeValue::Boolean(b) => Value::Bool(b),
        DeValue::Datetime(_) => return Err(wrong("nothing here is a date; put quotes around a text")),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|item| toml_node(text, item)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => toml_map(text, table)?,
    };
    Ok(Node::new(node, toml_mark(text, span)))
}

fn toml_mark(text: &str, span: std::ops::Range<usize>) -> Mark {
    let (line, column) = line_column(text, span.start);
    let width = text.get(span).map_or(1, |t| t.lines().next().unwrap_or_default().chars().count().max(1));
    Mark::File { line, column, width: clamp(width as u64) }
}

fn line_column(text: &str, byte: usize) -> (u32, u32) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (clamp(line as u64), clamp(column as u64))
}

fn clamp(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A YAML value, each part with its place.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl From<Spanned<Raw>> for Node {
    fn from(raw: Spanned<Raw>) -> Self {
        let mark = mark(raw.referenced, matches!(raw.value, Raw::Scalar(_)));
        let value = match raw.value {
            Raw::Scalar(value) => value,
            Raw::List(items) => Value::List(items.into_iter().map(Self::from).collect()),
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, node)| Entry {
                        key_mark: self::mark(key.referenced, true),
                        key: key.value,
                        node: node.into(),
                    })
                    .collect(),
            ),
        };
        Self::new(value, mark)
    }
}

fn mark(place: serde_saphyr::Location, scalar: bool) -> Mark {
    if place == serde_saphyr::Location::UNKNOWN {
        return Mark::File { line: 1, column: 1, width: 1 };
    }
    let width = if scalar { clamp(place.span().len()).max(1) } else { 1 };
    Mark::File { line: clamp(place.line()), column: clamp(place.column()), width }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, b: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Bool(b)))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Int(n.into())))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Int(n.into())))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Float(x)))
    }

    fn visit_str<E: de::Error>(self, s: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Str(s.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
