//! JSON Patch (RFC 6902).

use smol_str::SmolStr;

use crate::store::Tree;

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    op: SmolStr,
    path: Option<SmolStr>,
    from: Option<SmolStr>,
    value: Option<Tree>,
}

const OPERATIONS_MAX: usize = 10_000;
/// Copies may make an object this much larger, in values.
const COPIED_VALUES_MAX: usize = 100_000;

/// Reads the operations.
///
/// # Errors
/// The patch is no list of operations; in Go's words.
pub(crate) fn read(patch: &Tree) -> Result<Vec<Operation>, String> {
    let cannot = |found: &Tree, place: &str| {
        let found = match found {
            Tree::Map(_) => "object",
            Tree::List(_) => "array",
            Tree::Text(_) => "string",
            Tree::Number(_) => "number",
            Tree::Bool(_) => "bool",
            Tree::Null => "null",
        };
        format!("json: cannot unmarshal {found} into Go {place}")
    };
    let items = match patch {
        Tree::List(items) => items.as_slice(),
        Tree::Null => &[],
        _ => return Err(cannot(patch, "value of type []handlers.jsonPatchOp")),
    };
    let operation = |item: &Tree| {
        if !matches!(item, Tree::Map(_)) {
            return Err(cannot(item, "value of type handlers.jsonPatchOp"));
        }
        let text = |name: &str| match item.get(name) {
            None | Some(Tree::Null) => Ok(None),
            Some(Tree::Text(text)) => Ok(Some(text.clone())),
            Some(other) => Err(cannot(other, &format!("struct field jsonPatchOp.{name} of type string"))),
        };
        Ok(Operation {
            op: text("op")?.unwrap_or_default(),
            path: text("path")?,
            from: text("from")?,
            value: item.get("value").map(super::json::last_of_each),
        })
    };
    items.iter().map(operation).collect()
}

/// Checks how many operations there are.
///
/// # Errors
/// Too many.
pub(crate) fn check_length(patch: &Tree) -> Result<(), String> {
    let length = patch.items().len();
    if length <= OPERATIONS_MAX {
        return Ok(());
    }
    Err(format!("The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {length}"))
}

/// What a strict decoder says of the operations.
pub(crate) fn strict(patch: &Tree) -> Vec<String> {
    const KNOWN: [&str; 4] = ["op", "path", "from", "value"];
    const ERRORS_MAX: usize = 100;
    let mut found = Vec::new();
    for (index, item) in patch.items().iter().enumerate() {
        let mut seen: Vec<&str> = Vec::new();
        for (key, _) in item.entries() {
            if found.len() >= ERRORS_MAX {
                return found;
            }
            if !KNOWN.contains(&key.as_str()) {
                found.push(format!("json patch unknown field \"[{index}].{key}\""));
            } else if seen.contains(&key.as_str()) {
                found.push(format!("json patch duplicate field \"[{index}].{key}\""));
            } else {
                seen.push(key);
            }
        }
    }
    found
}

/// Applies the operations, all or none.
///
/// # Errors
/// One of them cannot be applied, or a test fails.
pub(crate) fn apply(operations: &[Operation], to: &Tree) -> Result<Tree, String> {
    let mut tree = to.clone();
    let mut copied = 0;
    for operation in operations {
        let path = pointer(operation.path.as_deref().ok_or("an operation without a path")?);
        let value = || operation.value.clone().unwrap_or_default();
        match operation.op.as_str() {
            "add" => add(&mut tree, &path, value())?,
            "remove" => _ = take(&mut tree, &path)?,
            // As the server's library does it: a missing key is added.
            "replace" => match get(&mut tree, &path) {
                Some(old) => *old = value(),
                None => add_key(&mut tree, &path, value())?,
            },
            "move" => {
                let from = pointer(operation.from.as_deref().ok_or("a move from nowhere")?);
                if path.len() > from.len() && path.starts_with(&from) {
                    return Err("a move into itself".into());
                }
                let value = take(&mut tree, &from)?;
                add(&mut tree, &path, value)?;
            }
            "copy" => {
                let from = pointer(operation.from.as_deref().ok_or("a copy from nowhere")?);
                // As the server's library does it: what is not there is copied as null, if there is a place for it.
                let found = get(&mut tree, &from).map(|value| value.clone());
                let value = match found {
                    Some(value) => value,
                    None if has_parent(&mut tree, &from) => Tree::Null,
                    None => return Err("nothing to copy".into()),
                };
                copied += size(&value);
                if copied > COPIED_VALUES_MAX {
                    return Err("copies too much".into());
                }
                add(&mut tree, &path, value)?;
            }
            "test" => {
                let wanted = value();
                if !path.is_empty() && !is_within(&mut tree, &path) {
                    return Err("nothing to test in".into());
                }
                let found = get(&mut tree, &path);
                if !found.map_or(wanted.is_null(), |found| found.same(&wanted)) {
                    return Err("a test failed".into());
                }
            }
            other => return Err(format!("unexpected kind: {other}")),
        }
    }
    // As the server's library leaves it; it shows in one message.
    for path in operations.iter().flat_map(|operation| [&operation.path, &operation.from]).flatten() {
        sort_along(&mut tree, &pointer(path));
    }
    sort_along(&mut tree, &[]);
    Ok(tree)
}

/// Puts the maps on the way to a value in the order of their keys.
fn sort_along(tree: &mut Tree, path: &[String]) {
    if let Tree::Map(entries) = tree {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
    }
    if let [first, rest @ ..] = path
        && !rest.is_empty()
        && let Some(next) = get(tree, core::slice::from_ref(first))
    {
        sort_along(next, rest);
    }
}

/// Whether what is above a place is a map or a list.
fn is_within(tree: &mut Tree, path: &[String]) -> bool {
    path.split_last().is_some_and(|(_, above)| matches!(get(tree, above), Some(Tree::Map(_) | Tree::List(_))))
}

fn has_parent(tree: &mut Tree, path: &[String]) -> bool {
    path.split_last().is_some_and(|(_, above)| matches!(get(tree, above), Some(Tree::Map(_))))
}

fn size(tree: &Tree) -> usize {
    1 + tree.items().iter().map(size).sum::<usize>()
        + tree.entries().iter().map(|(_, value)| size(value)).sum::<usize>()
}

/// The steps of a path. As the server's library does it, whatever stands before the first slash is skipped.
fn pointer(text: &str) -> Vec<String> {
    let steps = text.split('/').skip(1);
    steps.map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn get<'a>(tree: &'a mut Tree, path: &[String]) -> Option<&'a mut Tree> {
    let Some((first, rest)) = path.split_first() else { return Some(tree) };
    let next = match tree {
        Tree::Map(entries) => &mut entries.iter_mut().find(|(key, _)| key == first)?.1,
        Tree::List(items) => {
            let at = index(first, items.len())?;
            items.get_mut(at)?
        }
        _ => return None,
    };
    get(next, rest)
}

/// A place in a list; negative ones count from the end.
fn index(text: &str, length: usize) -> Option<usize> {
    let at: i64 = text.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    usize::try_from(if at < 0 { at + length } else { at }).ok().filter(|&at| (at as i64) < length)
}

fn add(tree: &mut Tree, path: &[String], value: Tree) -> Result<(), String> {
    let Some((last, above)) = path.split_last() else {
        *tree = value;
        return Ok(());
    };
    match get(tree, above) {
        Some(Tree::List(items)) if last == "-" => items.push(value),
        Some(Tree::List(items)) => {
            let at = index(last, items.len() + 1).ok_or("no such place in a list")?;
            items.insert(at, value);
        }
        Some(map @ Tree::Map(_)) => map.set(last, value),
        _ => return Err("nothing to add to".into()),
    }
    Ok(())
}

fn add_key(tree: &mut Tree, path: &[String], value: Tree) -> Result<(), String> {
    let (last, above) = path.split_last().ok_or("no such path")?;
    match get(tree, above) {
        Some(map @ Tree::Map(_)) => {
            map.set(last, value);
            Ok(())
        }
        _ => Err("no such path".into()),
    }
}

fn take(tree: &mut Tree, path: &[String]) -> Result<Tree, String> {
    let (last, above) = path.split_last().ok_or("the whole cannot be removed")?;
    match get(tree, above) {
        Some(Tree::List(items)) => {
            let at = index(last, items.len()).ok_or("no such item")?;
            Ok(items.remove(at))
        }
        Some(map @ Tree::Map(_)) => map.remove(last).ok_or_else(|| "no such key".into()),
        _ => Err("nothing to remove from".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::{parse, to_string};
    use super::*;

    fn run(tree: &str, patch: &str) -> Result<String, String> {
        let operations = read(&parse(patch.as_bytes()).unwrap())?;
        apply(&operations, &parse(tree.as_bytes()).unwrap()).map(|tree| to_string(&tree))
    }

    #[test]
    fn operations_do_what_the_standard_says() {
        for (tree, patch, after) in [
            (r#"{"a":1}"#, r#"[{"op":"add","path":"/b","value":2}]"#, r#"{"a":1,"b":2}"#),
            (r#"{"a":[1,2]}"#, r#"[{"op":"add","path":"/a/1","value":9}]"#, r#"{"a":[1,9,2]}"#),
            (r#"{"a":[1]}"#, r#"[{"op":"add","path":"/a/-","value":9}]"#, r#"{"a":[1,9]}"#),
            (r#"{"a":1}"#, r#"[{"op":"remove","path":"/a"}]"#, "{}"),
            (r#"{"a":1}"#, r#"[{"op":"replace","path":"/b","value":3}]"#, r#"{"a":1,"b":3}"#),
            (r#"{"a":{"x/y":1}}"#, r#"[{"op":"move","from":"/a/x~1y","path":"/b"}]"#, r#"{"a":{},"b":1}"#),
            (r#"{"a":1}"#, r#"[{"op":"copy","from":"/a","path":"/b"}]"#, r#"{"a":1,"b":1}"#),
            (
                r#"{"a":1}"#,
                r#"[{"op":"test","path":"/a","value":1},{"op":"test","path":"/z","value":null}]"#,
                r#"{"a":1}"#,
            ),
        ] {
            assert_eq!(run(tree, patch), Ok(after.to_owned()), "{patch}");
        }
        for patch in [
            r#"[{"op":"test","path":"/a","value":2}]"#,
            r#"[{"op":"remove","path":"/z"}]"#,
            r#"[{"op":"bogus","path":"/a"}]"#,
            r#"[{"op":"add","path":"/a/b/c","value":1}]"#,
            r#"[{"op":"add","value":1}]"#,
            r#"{}"#,
        ] {
            assert!(run(r#"{"a":1}"#, patch).is_err(), "{patch}");
        }
    }
}
