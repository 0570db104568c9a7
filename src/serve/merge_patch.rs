//! JSON Merge Patch (RFC 7386), and Kubernetes' strategic merge patch.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::failure::Failure;
use super::schema::{Field, Merge, Struct, Type};
use crate::store::Tree;

/// Applies a merge patch in which no key comes twice; see [`super::json::last_of_each`].
pub(crate) fn merge(to: &Tree, patch: &Tree) -> Tree {
    let Tree::Map(entries) = patch else { return patch.clone() };
    // In order, as the server's library leaves what it has touched; it shows in one message.
    let mut merged: BTreeMap<SmolStr, Tree> = to.entries().iter().cloned().collect();
    for (key, value) in entries {
        if value.is_null() {
            merged.remove(key);
        } else {
            let value = merge(merged.get(key).unwrap_or(&Tree::Null), value);
            merged.insert(key.clone(), value);
        }
    }
    Tree::Map(merged.into_iter().collect())
}

/// More than this are of no use to anybody.
const DUPLICATES_MAX: usize = 100;

/// Notes keys that come twice.
pub(crate) fn duplicates(patch: &Tree, path: &str, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (key, value) in patch.entries() {
        let here = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
        if found.len() >= DUPLICATES_MAX {
            return;
        }
        if !seen.insert(key) {
            found.push(format!("duplicate field \"{here}\""));
        }
        duplicates(value, &here, found);
    }
    for (index, item) in patch.items().iter().enumerate() {
        duplicates(item, &format!("{path}[{index}]"), found);
    }
}

/// Applies a strategic merge patch to an object.
///
/// # Errors
/// 400 or 500: a directive that makes no sense.
pub(crate) fn strategic(to: &Tree, patch: &Tree, of: &'static Struct) -> Result<Tree, Failure> {
    merge_struct(to, patch, of)
}

fn merge_struct(to: &Tree, patch: &Tree, of: &'static Struct) -> Result<Tree, Failure> {
    match directive(patch)? {
        Some("replace") => return Ok(without_directives(patch)),
        Some("delete") => return Ok(Tree::empty()),
        _ => {}
    }
    let mut merged: BTreeMap<SmolStr, Tree> = to.entries().iter().cloned().collect();
    let mut orders = Vec::new();
    for (key, value) in patch.entries() {
        if key == "$patch" {
            continue;
        }
        if let Some(name) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let Some(Tree::List(items)) = merged.get_mut(name) {
                let gone: BTreeSet<_> = value.items().iter().filter_map(Tree::as_text).collect();
                items.retain(|item| item.as_text().is_none_or(|text| !gone.contains(text)));
            }
            continue;
        }
        if let Some(name) = key.strip_prefix("$setElementOrder/") {
            let Tree::List(order) = value else {
                return Err(bad(&format!("invalid value for $setElementOrder/{name}")));
            };
            orders.push((name, order));
            continue;
        }
        if key == "$retainKeys" {
            let kept: BTreeSet<_> = value.items().iter().filter_map(Tree::as_text).collect();
            merged.retain(|known, _| kept.contains(known));
            continue;
        }
        if value.is_null() {
            merged.remove(key);
            continue;
        }
        let old = merged.get(key).cloned().unwrap_or_default();
        let value = match of.field(key) {
            Some(field) => merge_field(&old, value, field)?,
            None => merge(&old, value),
        };
        merged.insert(key.clone(), value);
    }
    for (name, order) in orders {
        if let (Some(Tree::List(items)), Some(Field { ty: Type::List(_, how), .. })) =
            (merged.get_mut(name), of.field(name))
        {
            let server = to.get(name).map(Tree::items).unwrap_or_default();
            *items = in_order(core::mem::take(items), order, server, *how);
        }
    }
    Ok(Tree::Map(merged.into_iter().collect()))
}

/// Merged items in the server's order: those of `wanted` in that order, the others in that of `server`, and of two from
/// different lists the one that stood first, if both stood there before, or else the wanted one.
fn in_order(items: Vec<Tree>, wanted: &[Tree], server: &[Tree], how: Merge) -> Vec<Tree> {
    let places = |list: &[Tree]| -> BTreeMap<String, usize> {
        list.iter().enumerate().map(|(at, item)| (name_of(item, how), at)).collect()
    };
    let (wanted, server) = (places(wanted), places(server));
    let (mut ours, mut theirs): (Vec<Tree>, Vec<Tree>) =
        items.into_iter().partition(|item| wanted.contains_key(&name_of(item, how)));
    ours.sort_by_key(|item| wanted.get(&name_of(item, how)).copied());
    theirs.sort_by_key(|item| server.get(&name_of(item, how)).copied());
    let (mut ours, mut theirs) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
    let mut merged = Vec::new();
    loop {
        let place = |item: Option<&Tree>| item.and_then(|item| server.get(&name_of(item, how)).copied());
        let first = matches!((place(theirs.peek()), place(ours.peek())), (Some(a), Some(b)) if a < b);
        let next = if first || ours.peek().is_none() { theirs.next() } else { ours.next() };
        match next {
            Some(item) => merged.push(item),
            None => return merged,
        }
    }
}

/// What an item of a merged list is told apart by.
fn name_of(item: &Tree, how: Merge) -> String {
    let name = match how {
        Merge::Key(key) => item.get(key).unwrap_or(&Tree::Null),
        _ => item,
    };
    super::json::Shown(name).to_string()
}

fn merge_field(old: &Tree, value: &Tree, field: &'static Field) -> Result<Tree, Failure> {
    match (field.ty, value) {
        (Type::Struct(of), Tree::Map(_)) => merge_struct(old, value, of),
        (Type::TextMap | Type::BytesMap, Tree::Map(_)) => match directive(value)? {
            Some("replace") => Ok(without_directives(value)),
            Some("delete") => Ok(Tree::empty()),
            _ => Ok(merge(old, value)),
        },
        (Type::List(_, Merge::Set), Tree::List(items)) => {
            let known: BTreeSet<_> = old.items().iter().filter_map(Tree::as_text).collect();
            let is_new = |item: &&Tree| item.as_text().is_none_or(|text| !known.contains(text));
            let all = old.items().iter().chain(items.iter().filter(is_new)).cloned().collect();
            Ok(Tree::List(in_order(all, items, old.items(), Merge::Set)))
        }
        (Type::List(_, how @ Merge::Key(key)), Tree::List(items)) => match merge_keyed(old, items, key)? {
            Tree::List(merged) => Ok(Tree::List(in_order(merged, items, old.items(), how))),
            other => Ok(other),
        },
        _ => Ok(value.clone()),
    }
}

fn merge_keyed(old: &Tree, items: &[Tree], key: &str) -> Result<Tree, Failure> {
    let mut order: Vec<Option<Tree>> = old.items().iter().cloned().map(Some).collect();
    let name = |item: &Tree| item.get(key).map(|value| super::json::Shown(value).to_string());
    let mut places: BTreeMap<Option<String>, usize> =
        order.iter().flatten().enumerate().map(|(at, item)| (name(item), at)).collect();
    for item in items {
        let name = name(item);
        match directive(item)? {
            Some("replace") => {
                let rest = items.iter().filter(|item| item.get("$patch").is_none());
                return Ok(Tree::List(rest.cloned().collect()));
            }
            Some("delete") => {
                if let Some(at) = places.remove(&name) {
                    order[at] = None;
                }
                continue;
            }
            _ => {}
        }
        if name.is_none() {
            let shown = super::patch::go_value(item);
            return Err(Failure::internal(format!(
                "map: {shown} does not contain declared merge key: {key}"
            )));
        }
        match places.get(&name) {
            Some(&at) => order[at] = Some(merge(order[at].as_ref().unwrap_or(&Tree::Null), item)),
            None => {
                places.insert(name, order.len());
                order.push(Some(item.clone()));
            }
        }
    }
    Ok(Tree::List(order.into_iter().flatten().collect()))
}

fn directive(patch: &Tree) -> Result<Option<&str>, Failure> {
    match patch.get("$patch") {
        None => Ok(None),
        Some(Tree::Text(text)) if ["replace", "delete"].contains(&text.as_str()) => Ok(Some(text)),
        Some(other) => {
            let (shown, all) = (super::patch::go_value(other), super::patch::go_value(patch));
            Err(bad(&format!("unknown patch type: {shown} in map: {all}")))
        }
    }
}

fn bad(why: &str) -> Failure {
    Failure::internal(why)
}

fn without_directives(patch: &Tree) -> Tree {
    let entries = patch.entries().iter().filter(|(key, value)| key != "$patch" && !value.is_null());
    Tree::Map(entries.cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::super::json::{parse, to_string};
    use super::super::schema::LEASE;
    use super::*;

    #[test]
    fn merges_as_the_standard_says() {
        for (to, patch, after) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":[1]}"#, r#"{"a":{"b":null,"c":1}}"#, r#"{"a":{"c":1}}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
        ] {
            let (to, patch) = (parse(to.as_bytes()).unwrap(), parse(patch.as_bytes()).unwrap());
            assert_eq!(to_string(&merge(&to, &patch)), after);
        }
    }

    #[test]
    fn strategic_merges_lists_by_their_kind() {
        let to = r#"{"metadata":{"finalizers":["a/b"],"labels":{"x":"1"},"ownerReferences":[{"uid":"1","name":"n"}]},"spec":{"leaseDurationSeconds":1}}"#;
        let to = parse(to.as_bytes()).unwrap();
        for (patch, after) in [
            // As a real server was seen to: what is sent comes first.
            (r#"{"metadata":{"finalizers":["c/d"]}}"#, r#""finalizers":["c/d","a/b"]"#),
            (r#"{"metadata":{"$deleteFromPrimitiveList/finalizers":["a/b"]}}"#, r#""finalizers":[]"#),
            (r#"{"metadata":{"labels":{"$patch":"replace","y":"2"}}}"#, r#""labels":{"y":"2"}"#),
            (
                r#"{"metadata":{"ownerReferences":[{"uid":"1","$patch":"delete"}]}}"#,
                r#""ownerReferences":[]"#,
            ),
            (
                r#"{"metadata":{"ownerReferences":[{"uid":"1","kind":"K"}]}}"#,
                r#"[{"kind":"K","name":"n","uid":"1"}]"#,
            ),
            (r#"{"spec":null}"#, r#"]}}"#),
            (r#"{"spec":{"$patch":"replace"}}"#, r#""spec":{}"#),
        ] {
            let patched = strategic(&to, &parse(patch.as_bytes()).unwrap(), LEASE.object).unwrap();
            assert!(to_string(&patched).contains(after), "{patch}: {}", to_string(&patched));
        }
        let bad = parse(br#"{"spec":{"$patch":"bogus"}}"#).unwrap();
        assert!(strategic(&to, &bad, LEASE.object).is_err());
    }
}
