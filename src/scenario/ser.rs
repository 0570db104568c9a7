//! Types to tree, and the tree to whatever writes it: [`super::de`] the other way round.

use serde::de::value::Error;
use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
    SerializeTupleStruct, Serializer,
};

use super::model::Scenario;
use super::path::Step;
use super::tree::{Entry, Mark, Node, Value};

/// A value as a tree, in the order in which its type lists the fields.
pub(super) fn tree(value: &(impl Serialize + ?Sized)) -> Result<Node, Error> {
    value.serialize(Writer).map(|value| Node::new(value, Mark::Code))
}

/// The list of settings, with a null wherever one of them takes something away.
pub(super) fn settings<S: Serializer>(
    settings: &Option<Vec<Scenario>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let with_nulls = |setting| tree_with_nulls(setting).map_err(S::Error::custom);
    serializer.collect_seq(settings.iter().flatten().map(with_nulls).collect::<Result<Vec<_>, _>>()?)
}

fn tree_with_nulls(setting: &Scenario) -> Result<Node, Error> {
    let mut tree = tree(setting)?;
    for keys in &setting.taken_away {
        let steps: Vec<_> = keys.iter().cloned().map(Step::Key).collect();
        if !tree.says(keys) {
            // Within something that replaces what it covers, there is nothing left to take away.
            let _nothing_to_do = tree.set(&steps, Node::new(Value::Null, Mark::Code));
        }
    }
    Ok(tree)
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Int(n) => match (u64::try_from(*n), i64::try_from(*n)) {
                (Ok(n), _) => serializer.serialize_u64(n),
                (Err(_), Ok(n)) => serializer.serialize_i64(n),
                (Err(_), Err(_)) => serializer.serialize_i128(*n),
            },
            Value::Float(x) => serializer.serialize_f64(*x),
            Value::Str(s) => serializer.serialize_str(s),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(entries) => {
                serializer.collect_map(entries.iter().map(|entry| (&entry.key, &entry.node)))
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Writer;

fn map_of_one(key: &str, value: &(impl Serialize + ?Sized)) -> Result<Value, Error> {
    let mut map = Map::default();
    map.push(key.to_owned(), value)?;
    Ok(Value::Map(map.entries))
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, n: $type) -> Result<Value, Error> {
            Ok(Value::Int(n.into()))
        }
    )*};
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = Impossible<Value, Error>;
    type SerializeMap = Map;
    type SerializeStruct = Map;
    type SerializeStructVariant = Impossible<Value, Error>;

    fn serialize_bool(self, b: bool) -> Result<Value, Error> {
        Ok(Value::Bool(b))
    }

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    }

    fn serialize_f32(self, x: f32) -> Result<Value, Error> {
        Ok(Value::Float(x.into()))
    }

    fn serialize_f64(self, x: f64) -> Result<Value, Error> {
        Ok(Value::Float(x))
    }

    fn serialize_char(self, c: char) -> Result<Value, Error> {
        Ok(Value::Str(c.to_string()))
    }

    fn serialize_str(self, s: &str) -> Result<Value, Error> {
        Ok(Value::Str(s.to_owned()))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Error> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        map_of_one(variant, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List, Error> {
        Ok(List::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<List, Error> {
        Ok(List::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List, Error> {
        Ok(List::default())
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(Error::custom(format!("nothing in a scenario has the form of {name}::{variant}")))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map, Error> {
        Ok(Map::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Map, Error> {
        Ok(Map::default())
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(Error::custom(format!("nothing in a scenario has the form of {name}::{variant}")))
    }
}

#[derive(Default)]
struct List(Vec<Node>);

/// Lists of each of serde's sorts are one here.
macro_rules! list {
    ($($sort:ident: $method:ident),*) => {$(
        impl $sort for List {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.0.push(tree(value)?);
                Ok(())
            }

            fn end(self) -> Result<Value, Error> {
                Ok(Value::List(self.0))
            }
        }
    )*};
}
list! { SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field }

#[derive(Default)]
struct Map {
    entries: Vec<Entry>,
    key: Option<String>,
}

impl Map {
    fn push(&mut self, key: String, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.entries.push(Entry { key, key_mark: Mark::Code, node: tree(value)? });
        Ok(())
    }
}

impl SerializeMap for Map {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let Value::Str(key) = key.serialize(Writer)? else {
            return Err(Error::custom("a key that is no text"));
        };
        self.key = Some(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take().ok_or_else(|| Error::custom("a value came before its key"))?;
        self.push(key, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(Value::Map(self.entries))
    }
}

impl SerializeStruct for Map {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.push(key.to_owned(), value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(Value::Map(self.entries))
    }
}
