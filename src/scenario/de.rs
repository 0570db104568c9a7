//! Tree to types: a serde deserialiser that knows, when a value is refused, which one it was.

use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor, value::StrDeserializer,
};
use serde::forward_to_deserialize_any;

use super::suggest::nearest;
use super::tree::{Entry, Mark, Node, Value};

/// What was refused, and where: the innermost value that was being read.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) mark: Option<Mark>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

/// Between a message and its remedy, in errors that go through serde's plain text.
pub(super) const HELP: &str = "\u{1}";

fn said(message: impl Into<String>, help: Option<String>) -> Refused {
    Refused { message: message.into(), help, mark: None }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn one_of(written: &str, names: &[&str]) -> Option<String> {
    match nearest(written, names.iter().copied()) {
        Some(name) if names.len() > 8 => Some(format!("did you mean `{name}`?")),
        Some(name) => Some(format!("did you mean `{name}`? (known: {})", listed(names))),
        None if names.is_empty() => None,
        None => Some(format!("known: {}", listed(names))),
    }
}

impl de::Error for Refused {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once(HELP) {
            Some((message, help)) => said(message, Some(help.to_owned())),
            None => said(text, None),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        said(format!("unknown field `{field}`"), one_of(field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        said(format!("`{variant}` is not known here"), one_of(variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        said(format!("`{field}` is missing"), None)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match found {
            Unexpected::Str(s) => format!("the text `{s}`"),
            Unexpected::Unsigned(n) => format!("the number {n}"),
            Unexpected::Signed(n) => format!("the number {n}"),
            Unexpected::Float(x) => format!("the number {x}"),
            Unexpected::Bool(b) => format!("`{b}`"),
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a map".to_owned(),
            other => other.to_string(),
        };
        said(format!("here is {found}; it must be {}", plainly(expected)), None)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(len: usize, expected: &dyn de::Expected) -> Self {
        said(format!("here are {len}; it must be {}", plainly(expected)), None)
    }
}

/// What serde calls things, in words of the file.
fn plainly(expected: &dyn de::Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "an array of length 2" => "a list of two".to_owned(),
        other if other.starts_with("struct ") => "a map".to_owned(),
        _ => text,
    }
}

/// Reads a value of type `T`.
pub(super) fn read<'de, T: de::Deserialize<'de>>(node: &'de Node) -> Result<T, Refused> {
    T::deserialize(Reader(node)).map_err(|error| at(error, node.mark))
}

fn at(mut error: Refused, mark: Mark) -> Refused {
    error.mark.get_or_insert(mark);
    error
}

#[derive(Clone, Copy)]
struct Reader<'de>(&'de Node);

impl<'de> Reader<'de> {
    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Int(n) => match (u64::try_from(*n), i64::try_from(*n)) {
                (Ok(n), _) => visitor.visit_u64(n),
                (Err(_), Ok(n)) => visitor.visit_i64(n),
                (Err(_), Err(_)) => Err(said(format!("the number {n} is too large"), None)),
            },
            Value::Float(x) => visitor.visit_f64(*x),
            Value::Str(s) => visitor.visit_borrowed_str(s),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        }
    }
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.visit(visitor).map_err(|error| at(error, self.0.mark))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if matches!(self.0.value, Value::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let choice = match &self.0.value {
            Value::Str(s) => Ok(Choice { name: s, mark: self.0.mark, content: None }),
            Value::Map(entries) => match entries.as_slice() {
                [entry] => Ok(Choice { name: &entry.key, mark: entry.key_mark, content: Some(&entry.node) }),
                _ => Err(said("here must be exactly one key", Some(format!("one of {}", listed(variants))))),
            },
            other => {
                Err(said(format!("here is {}", other.kind()), Some(format!("one of {}", listed(variants)))))
            }
        };
        choice.and_then(|choice| visitor.visit_enum(choice)).map_err(|error| at(error, self.0.mark))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let Some(node) = self.0.next() else { return Ok(None) };
        seed.deserialize(Reader(node)).map(Some).map_err(|error| at(error, node.mark))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, Entry>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some(entry) = self.rest.next() else { return Ok(None) };
        self.value = Some(&entry.node);
        let key: StrDeserializer<'de, Refused> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| at(error, entry.key_mark))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let node = self.value.take().ok_or_else(|| said("a value was asked for before its key", None))?;
        seed.deserialize(Reader(node)).map_err(|error| at(error, node.mark))
    }
}

/// A named choice, alone or with content.
struct Choice<'de> {
    name: &'de str,
    mark: Mark,
    content: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let name: StrDeserializer<'de, Refused> = self.name.into_deserializer();
        let value = seed.deserialize(name).map_err(|error| at(error, self.mark))?;
        Ok((value, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<Reader<'de>, Refused> {
        let missing = || said(format!("`{0}` needs more: `{0}: ...`", self.name), None);
        self.content.map(Reader).ok_or_else(missing)
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(said(format!("`{}` stands alone, without a value", self.name), None)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_any(self.content()?, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_any(self.content()?, visitor)
    }
}
