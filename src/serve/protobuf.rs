//! Kubernetes' protobuf encoding: `k8s\0`, an envelope that names the kind, and the object, by the schema's field numbers.

use super::base64;
use super::json;
use super::schema::{DELETE_OPTIONS, Kind, LIST_META, STATUS};
use super::schema::{Field, Presence, Struct, Type};
use super::time;
use crate::core::WallTime;
use crate::store::Tree;

const MAGIC: &[u8; 4] = b"k8s\0";

/// How deep messages may be nested: the schema's are not recursive, so this is never reached by what it knows.
const DEPTH_MAX: u32 = 16;

/// Reads an object in its envelope, as a tree like that of JSON, with kind and apiVersion if it has them.
///
/// # Errors
/// What is wrong, in the server's words where they are known.
pub(crate) fn object(body: &[u8], kind: &Kind) -> Result<Tree, String> {
    let (api_version, sent_kind, raw) = envelope(body)?;
    let is_expected = (sent_kind.is_empty() || sent_kind == kind.kind)
        && (api_version.is_empty() || api_version == kind.api_version());
    // Another kind is refused by its name; there is no use in reading it as something that it is not.
    let object = if is_expected { message(raw, kind.object, 0)? } else { Tree::empty() };
    Ok(named(object, &sent_kind, &api_version))
}

/// Reads the options of a DELETE.
///
/// # Errors
/// What is wrong.
pub(crate) fn delete_options(body: &[u8]) -> Result<Tree, String> {
    let (api_version, kind, raw) = envelope(body)?;
    Ok(named(message(raw, &DELETE_OPTIONS, 0)?, &kind, &api_version))
}

fn named(mut object: Tree, kind: &str, api_version: &str) -> Tree {
    for (name, text) in [("kind", kind), ("apiVersion", api_version)] {
        if !text.is_empty() {
            object.set(name, Tree::text(text));
        }
    }
    object
}

/// apiVersion, kind and the message.
fn envelope(body: &[u8]) -> Result<(String, String, &[u8]), String> {
    let Some(body) = body.strip_prefix(MAGIC) else {
        return Err(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]".into()
        );
    };
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &body[..0]);
    let mut reader = Reader(body);
    while let Some((number, value)) = reader.next()? {
        match (number, value) {
            (1, Value::Bytes(meta)) => {
                let mut meta = Reader(meta);
                while let Some((number, value)) = meta.next()? {
                    match (number, value) {
                        (1, Value::Bytes(text)) => api_version = text_of(text),
                        (2, Value::Bytes(text)) => kind = text_of(text),
                        _ => {}
                    }
                }
            }
            (2, Value::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    Ok((api_version, kind, raw))
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| "proto: illegal tag".to_owned())?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => Value::Bytes(self.take(4)?),
            other => return Err(format!("proto: illegal wireType {other}")),
        };
        Ok(Some((number, value)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        if length > self.0.len() {
            return Err("unexpected EOF".into());
        }
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("proto: integer overflow".into())
    }
}

fn message(bytes: &[u8], of: &'static Struct, depth: u32) -> Result<Tree, String> {
    if depth > DEPTH_MAX {
        return Err("proto: message is nested too deeply".into());
    }
    let mut tree = Tree::empty();
    let mut reader = Reader(bytes);
    while let Some((number, value)) = reader.next()? {
        let Some(field) = of.numbered(number) else { continue };
        match field.ty {
            Type::List(item, _) => {
                let item = single(value, *item, depth)?;
                if let Tree::List(items) = list_of(&mut tree, field.name) {
                    items.push(item);
                }
            }
            Type::TextMap | Type::BytesMap => {
                let Value::Bytes(entry) = value else { return Err(wire_type(field.name)) };
                let (key, value) = map_entry(entry, field.ty)?;
                if let Tree::Map(entries) = tree.child(field.name) {
                    entries.push((key.into(), value));
                }
            }
            ty => tree.set(field.name, single(value, ty, depth).map_err(|_| wire_type(field.name))?),
        }
    }
    Ok(tree)
}

fn list_of<'a>(tree: &'a mut Tree, name: &str) -> &'a mut Tree {
    let list = tree.child(name);
    if !matches!(list, Tree::List(_)) {
        *list = Tree::List(Vec::new());
    }
    list
}

fn wire_type(name: &str) -> String {
    format!("proto: wrong wireType for field {name}")
}

fn single(value: Value<'_>, ty: Type, depth: u32) -> Result<Tree, String> {
    Ok(match (ty, value) {
        (Type::Text, Value::Bytes(bytes)) => Tree::text(String::from_utf8_lossy(bytes)),
        (Type::Bool, Value::Number(n)) => Tree::Bool(n != 0),
        (Type::Int32, Value::Number(n)) => Tree::number(i64::from(n as i32)),
        (Type::Int64, Value::Number(n)) => Tree::number(n as i64),
        (Type::Time, Value::Bytes(bytes)) => timestamp(bytes, false)?,
        (Type::MicroTime, Value::Bytes(bytes)) => timestamp(bytes, true)?,
        (Type::Raw, Value::Bytes(bytes)) => {
            let mut reader = Reader(bytes);
            let mut tree = Tree::empty();
            while let Some((number, value)) = reader.next()? {
                if let (1, Value::Bytes(text)) = (number, value) {
                    tree = json::parse(text)?;
                }
            }
            tree
        }
        (Type::Struct(of), Value::Bytes(bytes)) => message(bytes, of, depth + 1)?,
        _ => return Err("proto: wrong wireType".into()),
    })
}

/// An empty message is Go's zero time.
fn timestamp(bytes: &[u8], micro: bool) -> Result<Tree, String> {
    if bytes.is_empty() {
        // As text: `null` would be no time at all.
        let zero = time::zero();
        return Ok(Tree::text(if micro { time::format_micro(zero) } else { time::format_second(zero) }));
    }
    let (mut secs, mut nanos) = (0, 0);
    let mut reader = Reader(bytes);
    while let Some((number, value)) = reader.next()? {
        match (number, value) {
            (1, Value::Number(n)) => secs = n as i64,
            (2, Value::Number(n)) => nanos = i64::try_from(n).unwrap_or(0).min(999_999_999),
            _ => {}
        }
    }
    // Beyond the years that have four digits nothing could be printed.
    let secs = secs.clamp(-62_167_219_200, 253_402_300_799);
    let at = WallTime::from_micros(secs * 1_000_000 + if micro { nanos / 1_000 } else { 0 });
    Ok(Tree::text(if micro { time::format_micro(at) } else { time::format_second(at) }))
}

fn map_entry(bytes: &[u8], ty: Type) -> Result<(String, Tree), String> {
    let (mut key, mut text) = (String::new(), &bytes[..0]);
    let mut reader = Reader(bytes);
    while let Some((number, value)) = reader.next()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => key = text_of(bytes),
            (2, Value::Bytes(bytes)) => text = bytes,
            _ => {}
        }
    }
    let value = if matches!(ty, Type::BytesMap) { base64::encode(text) } else { text_of(text) };
    Ok((key, Tree::text(value)))
}

/// Writes an object with its envelope.
pub(crate) fn write(object: &Tree, kind: &str, api_version: &str, of: &'static Struct) -> Vec<u8> {
    wrap(kind, api_version, |out| write_message(object, of, out))
}

/// Writes a list of bare objects of a kind with its envelope.
pub(crate) fn write_list(
    meta: &Tree,
    items: &[Tree],
    kind: &str,
    api_version: &str,
    of: &'static Struct,
) -> Vec<u8> {
    wrap(&format!("{kind}List"), api_version, |out| {
        write_nested(1, out, |out| write_message(meta, &LIST_META, out));
        for item in items {
            write_nested(2, out, |out| write_message(item, of, out));
        }
    })
}

/// Writes a `Status` with its envelope.
pub(crate) fn write_status(status: &Tree) -> Vec<u8> {
    write(status, "Status", "v1", &STATUS)
}

/// One event of a watch: its length in four bytes, and the event with the object in its own envelope.
pub(crate) fn write_event(name: &str, object: &[u8]) -> Vec<u8> {
    const LENGTH: usize = 4;
    let mut out = Vec::with_capacity(LENGTH + object.len() + 32);
    out.extend([0; LENGTH]);
    write_bytes(1, name.as_bytes(), &mut out);
    write_nested(2, &mut out, |out| write_bytes(1, object, out));
    let length = u32::try_from(out.len() - LENGTH).unwrap_or(u32::MAX);
    out[..LENGTH].copy_from_slice(&length.to_be_bytes());
    out
}

/// What most objects take less than: growing step by step costs more than writing.
const TYPICAL_BYTES: usize = 512;

fn wrap(kind: &str, api_version: &str, message: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(TYPICAL_BYTES);
    out.extend_from_slice(MAGIC);
    write_nested(1, &mut out, |out| {
        write_bytes(1, api_version.as_bytes(), out);
        write_bytes(2, kind.as_bytes(), out);
    });
    write_nested(2, &mut out, message);
    write_bytes(3, b"", &mut out);
    write_bytes(4, b"", &mut out);
    out
}

fn write_message(tree: &Tree, of: &'static Struct, out: &mut Vec<u8>) {
    for field in of.numbered.iter() {
        let value = tree.get(field.name);
        if let Some(value) = value.filter(|value| !value.is_null()) {
            write_field(value, field, out);
        } else if !is_pointer(field) || (value.is_some() && matches!(field.ty, Type::Time | Type::MicroTime))
        {
            // A pointer to the zero time is `null`, and not left out.
            write_zero(field.number, field.ty, out);
        }
    }
}

/// Whether it is one in Go, and so may be missing.
fn is_pointer(field: &Field) -> bool {
    // It is none there either, although an object may be without it.
    field.presence == Presence::Pointer && field.name != "creationTimestamp"
}

/// What is no pointer in Go is written whatever it is.
fn write_zero(number: u32, ty: Type, out: &mut Vec<u8>) {
    match ty {
        Type::Text => write_bytes(number, b"", out),
        Type::Bool | Type::Int32 | Type::Int64 => write_number(number, 0, out),
        Type::Time | Type::MicroTime => write_nested(number, out, |_| {}),
        Type::Struct(of) => write_nested(number, out, |out| write_message(&Tree::Null, of, out)),
        Type::Raw | Type::TextMap | Type::BytesMap | Type::List(..) => {}
    }
}

fn write_field(value: &Tree, field: &Field, out: &mut Vec<u8>) {
    match field.ty {
        Type::List(item, _) => {
            for value in value.items() {
                write_single(value, field.number, *item, out);
            }
        }
        Type::TextMap | Type::BytesMap => {
            for (key, value) in value.entries() {
                let text = value.as_text().map_or("", |text| text.as_str());
                let decoded;
                let bytes = if matches!(field.ty, Type::BytesMap) {
                    decoded = base64::decode(text).unwrap_or_default();
                    decoded.as_slice()
                } else {
                    text.as_bytes()
                };
                write_nested(field.number, out, |out| {
                    write_bytes(1, key.as_bytes(), out);
                    write_bytes(2, bytes, out);
                });
            }
        }
        ty => write_single(value, field.number, ty, out),
    }
}

fn write_single(value: &Tree, number: u32, ty: Type, out: &mut Vec<u8>) {
    match (ty, value) {
        (Type::Text, Tree::Text(text)) => write_bytes(number, text.as_bytes(), out),
        (Type::Bool, Tree::Bool(value)) => write_number(number, u64::from(*value), out),
        (Type::Int32 | Type::Int64, Tree::Number(text)) => {
            write_number(number, text.parse::<i64>().unwrap_or(0) as u64, out);
        }
        (Type::Time | Type::MicroTime, value) => write_nested(number, out, |out| {
            let text = value.as_text().map_or("", |text| text.as_str());
            // Each as it is printed: to be told why it is none of the other would cost more than all the rest.
            let at =
                if matches!(ty, Type::Time) { time::parse_second(text) } else { time::parse_micro(text) };
            if let Ok(at) = at {
                let micros = at.as_micros();
                write_number(1, micros.div_euclid(1_000_000) as u64, out);
                write_number(2, u64::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0), out);
            }
        }),
        (Type::Raw, value) => {
            write_nested(number, out, |out| write_bytes(1, json::to_string(value).as_bytes(), out));
        }
        (Type::Struct(of), value) => write_nested(number, out, |out| write_message(value, of, out)),
        _ => {}
    }
}

fn write_number(number: u32, value: u64, out: &mut Vec<u8>) {
    write_varint(u64::from(number) << 3, out);
    write_varint(value, out);
}

fn write_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    write_varint(u64::from(number) << 3 | 2, out);
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Writes a message within another, without a place of its own: its length, known only afterwards, is moved before it.
fn write_nested(number: u32, out: &mut Vec<u8>, message: impl FnOnce(&mut Vec<u8>)) {
    write_varint(u64::from(number) << 3 | 2, out);
    let start = out.len();
    message(out);
    let end = out.len();
    write_varint((end - start) as u64, out);
    let length_of_length = out.len() - end;
    out[start..].rotate_right(length_of_length);
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::super::schema::{EVENT, LEASE};
    use super::*;

    #[test]
    fn a_lease_reads_back() {
        let text = r#"{"metadata":{"name":"n","creationTimestamp":"2026-11-21T06:00:00Z","labels":{"a":"b"},"finalizers":["x/y"],"managedFields":[{"manager":"m","fieldsV1":{"f:spec":{}}}]},"spec":{"holderIdentity":"","leaseDurationSeconds":-1,"renewTime":"2026-11-21T06:00:00.000001Z"}}"#;
        let lease = json::parse(text.as_bytes()).unwrap();
        let bytes = write(&lease, "Lease", "coordination.k8s.io/v1", LEASE.object);
        let back = object(&bytes, &LEASE).unwrap();
        assert_eq!(back.text_at(&["kind"]), "Lease");
        let [back, lease] = [back, lease].map(|tree| read(&tree, LEASE.object).unwrap().object);
        for name in ["metadata", "spec"] {
            assert!(back.get(name).unwrap().same(lease.get(name).unwrap()), "{back:?}");
        }
    }

    /// What the Marshal of k8s.io/api v0.36.3 makes of the same objects.
    #[test]
    fn zero_is_written_where_go_has_no_pointer() {
        let message = |text: &str, of| {
            let mut out = Vec::new();
            write_message(&json::parse(text.as_bytes()).unwrap(), of, &mut out);
            out.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let lease = r#"{"metadata":{"name":"n","namespace":"default","uid":"u","resourceVersion":"5","creationTimestamp":"2026-11-21T06:00:00Z","ownerReferences":[{"kind":"Pod","name":"p"}]},"spec":{"holderIdentity":"","renewTime":"2026-11-21T06:00:00.000001Z","leaseTransitions":0}}"#;
        assert_eq!(
            message(lease, LEASE.object),
            "0a300a016e12001a0764656661756c7422002a01753201353800420808e0e684d80610006a0c0a03506f641a01702200\
             2a00120f0a00220908e0e684d80610e8072800"
        );
        assert_eq!(
            message(r#"{"metadata":{"name":"e"},"reason":"r"}"#, EVENT.object),
            "0a110a016512001a0022002a00320038004200120e0a0012001a0022002a0032003a001a017222002a040a0012003200\
             3a0040004a005200620072007a00"
        );
        assert_eq!(
            message(r#"{"status":"Failure","reason":"NotFound","details":{"name":"n"},"code":404}"#, &STATUS),
            "0a060a0012001a0012074661696c7572651a0022084e6f74466f756e642a0b0a016e12001a0028003200309403"
        );
    }

    #[test]
    fn every_cut_is_an_error_or_less_of_the_object() {
        let lease = json::parse(br#"{"metadata":{"name":"n"},"spec":{"holderIdentity":"a"}}"#).unwrap();
        let bytes = write(&lease, "Lease", "coordination.k8s.io/v1", LEASE.object);
        for length in 0..bytes.len() {
            let _read = object(&bytes[..length], &LEASE);
        }
        assert!(object(b"{}", &LEASE).unwrap_err().contains("expected prefix"));
    }
}
