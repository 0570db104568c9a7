//! Whether an applied configuration has the types of the schema, in the words of the library that merges it.

use super::json;
use super::patch::go_value;
use super::schema::{Merge, Struct, Type};
use crate::store::Tree;

/// What is wrong with a configuration; nothing if it fits.
pub(crate) fn errors(config: &Tree, object: &'static Struct) -> Vec<String> {
    let mut errors = Vec::new();
    structure(config, object, "", true, &mut errors);
    errors
}

/// More than this are of no use to anybody.
const ERRORS_MAX: usize = 100;

fn structure(tree: &Tree, of: &'static Struct, path: &str, is_root: bool, errors: &mut Vec<String>) {
    let Tree::Map(entries) = tree else {
        return errors.push(format!("{path}: expected map, got &{{{}}}", go_value(tree)));
    };
    for (key, value) in entries {
        if errors.len() >= ERRORS_MAX {
            return;
        }
        let here = format!("{path}.{key}");
        match of.field(key) {
            Some(field) => check(value, field.ty, &here, errors),
            None if is_root && ["kind", "apiVersion"].contains(&key.as_str()) => {}
            None => errors.push(format!("{here}: field not declared in schema")),
        }
    }
}

fn check(tree: &Tree, ty: Type, path: &str, errors: &mut Vec<String>) {
    if tree.is_null() {
        return;
    }
    match (ty, tree) {
        (Type::Raw, _)
        | (Type::Text | Type::Time | Type::MicroTime, Tree::Text(_))
        | (Type::Bool, Tree::Bool(_))
        | (Type::Int32 | Type::Int64, Tree::Number(_)) => {}
        (Type::Text | Type::Time | Type::MicroTime, _) => {
            errors.push(format!("{path}: expected string, got {}", go_syntax(tree)));
        }
        (Type::Bool, _) => errors.push(format!("{path}: expected boolean, got &{{{}}}", go_value(tree))),
        (Type::Int32 | Type::Int64, _) => {
            errors.push(format!("{path}: expected numeric (int or float), got {}", go_type(tree)));
        }
        (Type::Struct(of), _) => structure(tree, of, path, false, errors),
        (Type::TextMap | Type::BytesMap, Tree::Map(entries)) => {
            for (key, value) in entries.iter().take(ERRORS_MAX) {
                check(value, Type::Text, &format!("{path}.{key}"), errors);
            }
        }
        (Type::TextMap | Type::BytesMap, _) => {
            errors.push(format!("{path}: expected map, got &{{{}}}", go_value(tree)));
        }
        (Type::List(of, merge), Tree::List(items)) => list(items, *of, merge, path, errors),
        (Type::List(..), _) => errors.push(format!("{path}: expected list, got &{{{}}}", go_value(tree))),
    }
}

fn list(items: &[Tree], of: Type, merge: Merge, path: &str, errors: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        if errors.len() >= ERRORS_MAX {
            return;
        }
        let element = match merge {
            Merge::Atomic => index.to_string(),
            Merge::Set => format!("={}", json::Shown(item)),
            Merge::Key(key) => format!("{key}={}", json::Shown(item.get(key).unwrap_or(&Tree::Null))),
        };
        check(item, of, &format!("{path}[{element}]"), errors);
        if merge != Merge::Atomic && !seen.insert(element.clone()) {
            errors.push(format!("{path}: duplicate entries for key [{element}]"));
        }
    }
}

fn go_type(tree: &Tree) -> &'static str {
    match tree {
        Tree::Null => "<nil>",
        Tree::Bool(_) => "bool",
        Tree::Number(text) if text.contains(['.', 'e', 'E']) => "float64",
        Tree::Number(_) => "int64",
        Tree::Text(_) => "string",
        Tree::List(_) => "[]interface {}",
        Tree::Map(_) => "map[string]interface {}",
    }
}

/// A value as Go's `%#v` prints it.
fn go_syntax(tree: &Tree) -> String {
    fn value(tree: &Tree) -> String {
        match tree {
            Tree::Null => "interface {}(nil)".into(),
            Tree::Text(text) => crate::store::text::Quoted(text).to_string(),
            Tree::List(items) => {
                let items: Vec<_> = items.iter().map(value).collect();
                format!("[]interface {{}}{{{}}}", items.join(", "))
            }
            Tree::Map(entries) => {
                let entries = entries.iter().map(|(key, of)| format!("\"{key}\":{}", value(of)));
                format!("map[string]interface {{}}{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            other => go_value(other),
        }
    }
    format!("&value.valueUnstructured{{Value:{}}}", value(tree))
}
