//! What answers are compared with: the standards, read as simply as can be, on another library's values.

use serde_json::Value;

use super::super::json;
use super::super::json_patch;
use super::super::merge_patch;
use super::super::protobuf as wire;
use super::super::read;
use super::super::schema::Kind;
use super::super::verbs::Call;
use crate::store::{Store, StoreOptions, Tree};

/// What is JSON to serde_json is JSON here, and the same; what is not has a reason that Go does not know.
pub(super) fn json(text: &[u8]) {
    let ours = json::parse(text);
    let theirs: Result<Value, _> = serde_json::from_slice(text);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            let back: Value = serde_json::from_str(&json::to_string(&ours)).unwrap_or_default();
            assert_eq!(back, theirs, "a value was read in two ways");
        }
        (Err(why), Ok(theirs)) => panic!("{why}: {theirs}"),
        (Ok(_), Err(error)) => {
            let why = error.to_string();
            // Go replaces what is no UTF-8, knows larger numbers only as text, and nests deeper.
            let known = ["surrogate", "unicode", "escape", "out of range", "recursion limit", "code point"];
            assert!(known.iter().any(|known| why.contains(known)), "{why}");
        }
        (Err(_), Err(_)) => {}
    }
}

/// An answer is JSON, also to others.
pub(super) fn answer(body: &[u8]) {
    let read: Result<Value, _> = serde_json::from_slice(body);
    if let Err(error) = read {
        let text = String::from_utf8_lossy(body);
        assert!(error.to_string().contains("recursion limit"), "{error}: {text}");
    }
}

/// An object is the same after a way through protobuf, unless it has a year that does not have four digits, which nothing reads.
pub(super) fn protobuf(object: &Tree, kind: &'static Kind) {
    let text = json::to_string(object);
    if ["\"10000-", "\"-001-"].iter().any(|year| text.contains(year)) {
        return;
    }
    let bytes = wire::write(object, kind.kind, &kind.api_version(), kind.object);
    let back = wire::object(&bytes, kind);
    let back = back.and_then(|tree| read::read(&tree, kind.object)).map(|decoded| decoded.object);
    match back {
        Ok(back) => assert!(back.same(object), "{}\n{text}", json::Shown(&back)),
        Err(why) => panic!("{why}: {text}"),
    }
}

/// The patch engines beside simple ones, on documents without a schema.
pub(super) fn patches(body: &[u8]) {
    let (Ok(patch), Ok(value)) = (json::parse(body), serde_json::from_slice::<Value>(body)) else { return };
    for text in DOCUMENTS {
        let (Ok(document), Ok(known)) = (json::parse(text.as_bytes()), serde_json::from_str(text)) else {
            unreachable!("they are JSON")
        };
        merged(&document, &patch, &known, &value);
        operated(&document, &patch, &known, &value);
    }
}

const DOCUMENTS: [&str; 3] = [
    "{}",
    r#"{"a":[1,{"b":null},"c"],"b":{"c":{"d":1}},"/":{"~":0}}"#,
    r#"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"n","labels":{"a":"b"},"finalizers":["a/b"]},"spec":{"holderIdentity":"a","leaseDurationSeconds":15}}"#,
];

fn merged(document: &Tree, patch: &Tree, known: &Value, value: &Value) {
    let ours = as_value(&merge_patch::merge(document, &json::last_of_each(patch)));
    assert_eq!(ours, naive_merge(known, value), "a merge patch, read in two ways");
}

/// RFC 7386, section 2.
fn naive_merge(target: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut merged = target.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        if value.is_null() {
            merged.remove(name);
        } else {
            let next = naive_merge(merged.get(name).unwrap_or(&Value::Null), value);
            merged.insert(name.clone(), next);
        }
    }
    Value::Object(merged)
}

fn operated(document: &Tree, patch: &Tree, known: &Value, value: &Value) {
    let Ok(operations) = json_patch::read(patch) else { return };
    let ours = json_patch::apply(&operations, document);
    // The engine does what the standard says, and some things that it does not.
    if let Some(theirs) = naive_operations(known, value) {
        let ours = ours.as_ref().map(as_value);
        assert!(ours.as_ref() == Ok(&theirs), "{ours:?}\n{theirs}");
    }
    let guard = |value: &Tree| {
        let mut test = Tree::empty();
        test.set("op", Tree::text("test"));
        test.set("path", Tree::text(""));
        test.set("value", value.clone());
        let guarded = Tree::List(std::iter::once(test).chain(patch.items().iter().cloned()).collect());
        json_patch::read(&guarded).and_then(|operations| json_patch::apply(&operations, document))
    };
    assert!(guard(&Tree::text("another")).is_err(), "a test that fails stops nothing");
    if patch.items().len() < 1_000 {
        assert_eq!(guard(document).ok(), ours.ok(), "a test that holds changes something");
    }
}

/// RFC 6902, section 4; nothing where it says that there is an error, or leaves open what two numbers are.
fn naive_operations(document: &Value, patch: &Value) -> Option<Value> {
    let mut all = document.clone();
    let operations = patch.as_array().filter(|operations| operations.len() < 100)?;
    for operation in operations {
        let path = operation.get("path")?.as_str()?;
        match operation.get("op")?.as_str()? {
            "add" => naive_add(&mut all, path, operation.get("value")?.clone())?,
            "remove" => _ = naive_remove(&mut all, path)?,
            "replace" => *all.pointer_mut(path)? = operation.get("value")?.clone(),
            "move" => {
                let from = operation.get("from")?.as_str()?;
                if path.starts_with(from) {
                    return None;
                }
                let value = naive_remove(&mut all, from)?;
                naive_add(&mut all, path, value)?;
            }
            "copy" => {
                let value = all.pointer(operation.get("from")?.as_str()?)?.clone();
                naive_add(&mut all, path, value)?;
            }
            "test" => {
                let value = operation.get("value")?;
                if value.to_string().bytes().any(|byte| byte.is_ascii_digit()) || all.pointer(path)? != value
                {
                    return None;
                }
            }
            _ => return None,
        }
        if all.to_string().len() > 100_000 {
            return None;
        }
    }
    Some(all)
}

fn naive_add(all: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *all = value;
        return Some(());
    }
    let (above, last) = path.rsplit_once('/')?;
    match all.pointer_mut(above)? {
        Value::Object(map) => _ = map.insert(unescaped(last), value),
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let at = place(last).filter(|&at| at <= items.len())?;
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn naive_remove(all: &mut Value, path: &str) -> Option<Value> {
    let (above, last) = path.rsplit_once('/')?;
    match all.pointer_mut(above)? {
        Value::Object(map) => map.remove(&unescaped(last)),
        Value::Array(items) => {
            let at = place(last).filter(|&at| at < items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn place(text: &str) -> Option<usize> {
    let is_index = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_index)
}

fn as_value(tree: &Tree) -> Value {
    serde_json::from_str(&json::to_string(tree)).unwrap_or_default()
}

/// Whatever a write was worked out on ahead, what it does and answers is what it would be without: here with the store as
/// it is, as it once was, and without any object; and where there is none any more.
pub(super) fn looks(call: &Call<'_>, store: &Store, earlier: &Store) {
    let with = |store: &Store, look: Option<&Store>| {
        let mut after = store.clone();
        let done = match look {
            Some(store) => call.prepare(store).and_then(|deed| deed(&mut after)),
            None => call.perform(&mut after),
        };
        (format!("{done:?}"), after)
    };
    let empty = Store::new(StoreOptions::cluster());
    for (store, looks) in [(store, [store, earlier, &empty]), (&empty, [&empty, earlier, store])] {
        let plain = with(store, None);
        for look in looks {
            assert!(with(store, Some(look)) == plain, "a look ahead changed what came of a write");
        }
    }
}
