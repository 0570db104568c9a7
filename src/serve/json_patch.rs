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
    let Tree::List(items) = patch else {
        return Err(cannot(patch, "value of type []handlers.jsonPatchOp"));
    };
    if items.len() > OPERATIONS_MAX {
        return Err(format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            items.len()
        ));
    }
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

/// Applies the operations, all or none.
///
/// # Errors
/// One of them cannot be applied, or a test fails.
pub(crate) fn apply(operations: &[Operation], to: &Tree) -> Result<Tree, String> {
    let mut tree = to.clone();
    let mut copied = 0;
    for operation in operations {
        let path = pointer(operation.path.as_deref().ok_or("an operation without a path")?)?;
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
                let from = pointer(operation.from.as_deref().ok_or("a move from nowhere")?)?;
                if path.len() > from.len() && path.starts_with(&from) {
                    return Err("a move into itself".into());
                }
                let value = take(&mut tree, &from)?;
                add(&mut tree, &path, value)?;
            }
            "copy" => {
                let from = pointer(operation.from.as_deref().ok_or("a copy from nowhere")?)?;
                let value = get(&mut tree, &from).ok_or("nothing to copy")?.clone();
                copied += size(&value);
                if copied > COPIED_VALUES_MAX {
                    return Err("copies too much".into());
                }
                add(&mut tree, &path, value)?;
            }
            "test" => {
                let wanted = value();
                let found = get(&mut tree, &path);
                if !found.map_or(wanted.is_null(), |found| found.same(&wanted)) {
                    return Err("a test failed".into());
                }
            }
            other => return Err(format!("unexpected kind: {other}")),
        }
    }
    // As the server's library leaves it; it shows in one message.
    if let Tree::Map(entries) = &mut tree {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Ok(tree)
}

fn size(tree: &Tree) -> usize {
    1 + tree.items().iter().map(size).sum::<usize>()
        + tree.entries().iter().map(|(_, value)| size(value)).sum::<usize>()
}

fn pointer(text: &str) -> Result<Vec<String>, String> {
    match text.strip_prefix('/') {
        None if text.is_empty() => Ok(Vec::new()),
        None => Err("a path without a slash".into()),
        Some(rest) => Ok(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()),
    }
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

fn index(text: &str, length: usize) -> Option<usize> {
    if text == "0" || !text.starts_with('0') {
        return text.parse().ok().filter(|&at| at < length);
    }
    None
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
