//! Shapes that several fields share: structs whose fields may all be left out, values written
//! as a text or as a map, and things that simply are so.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Serialize, Serializer};

/// Structs of a document: every field may be left out, none may be unknown. What follows the `+` is not in the
/// document itself.
macro_rules! document {
    ($(
        $(#[$meta:meta])*
        $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }
        $(+ { $($(#[$besides_meta:meta])* $besides:ident: $besides_type:ty,)* })?
    )*) => {$(
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        $(#[$meta])*
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
            $($(
                $(#[$besides_meta])*
                #[serde(skip)]
                pub $besides: $besides_type,
            )*)?
        }

        impl $name {
            #[allow(dead_code, reason = "not every document is asked for its fields")]
            pub(super) const FIELDS: &[&str] = &[$(stringify!($field)),*];
        }
    )*};
}
pub(super) use document;

/// Reads a type that is written as a text (given as a function) or as a map (read as another type).
macro_rules! text_or_map {
    ($type:ty, $expecting:literal, $from_text:expr, $map:ty => $from_map:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> serde::de::Visitor<'de> for Either {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        let text = serde::de::value::StrDeserializer::<E>::new(text);
                        serde::Deserialize::deserialize(text).map($from_text)
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        let map = serde::de::value::MapAccessDeserializer::new(map);
                        <$map as serde::Deserialize>::deserialize(map).map($from_map)
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    };
}
pub(super) use text_or_map;

/// Reads an enum from a map that must have one key only.
pub(super) fn sole_key<'de, T: Deserialize<'de>, A: MapAccess<'de>>(mut map: A) -> Result<T, A::Error> {
    let value = T::deserialize(de::value::MapAccessDeserializer::new(&mut map))?;
    if map.next_key::<IgnoredAny>()?.is_some() {
        return Err(de::Error::custom("here must be exactly one key"));
    }
    Ok(value)
}

/// Something that is so; written `true`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Yes;

impl Serialize for Yes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl<'de> Deserialize<'de> for Yes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct YesVisitor;
        impl Visitor<'_> for YesVisitor {
            type Value = Yes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`")
            }
            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Yes, E> {
                if yes { Ok(Yes) } else { Err(E::custom("write `true`, or leave the whole entry out")) }
            }
        }
        deserializer.deserialize_any(YesVisitor)
    }
}

impl JsonSchema for Yes {
    fn schema_name() -> Cow<'static, str> {
        "Yes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": true })
    }
}
