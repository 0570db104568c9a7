//! Sets of fields, as `managedFields` records them: what of an object there is, and what differs between two.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::{SmolStr, format_smolstr};

use super::json;
use super::schema::{Merge, Struct, Type};
use crate::store::Tree;

/// A set of fields, as a tree of path elements: `f:name`, `k:{"uid":"..."}` or `v:"value"`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Set {
    /// Whether the field itself is in the set, apart from what is below it.
    pub(crate) is_member: bool,
    pub(crate) below: BTreeMap<SmolStr, Set>,
}

/// Of the metadata, what has owners.
const OWNED_METADATA: [&str; 7] = [
    "generateName",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
];

impl Set {
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_member && self.below.is_empty()
    }

    fn member() -> Self {
        Self { is_member: true, below: BTreeMap::new() }
    }

    /// Reads `fieldsV1`.
    pub(crate) fn parse(text: &str) -> Self {
        json::parse(text.as_bytes()).map_or_else(|_| Self::default(), |tree| Self::from_tree(&tree, true))
    }

    fn from_tree(tree: &Tree, is_root: bool) -> Self {
        let entries = tree.entries();
        let mut set = Self { is_member: entries.is_empty() && !is_root, below: BTreeMap::new() };
        for (key, value) in entries {
            if key == "." {
                set.is_member = true;
            } else {
                set.below.insert(key.clone(), Self::from_tree(value, false));
            }
        }
        set
    }

    /// The set as `fieldsV1`.
    pub(crate) fn to_text(&self) -> String {
        json::to_string(&self.to_tree())
    }

    fn to_tree(&self) -> Tree {
        let mut entries = Vec::with_capacity(self.below.len() + 1);
        if self.is_member && !self.below.is_empty() {
            entries.push((SmolStr::new_static("."), Tree::empty()));
        }
        entries.extend(self.below.iter().map(|(key, set)| (key.clone(), set.to_tree())));
        Tree::Map(entries)
    }

    pub(crate) fn union(&mut self, other: &Self) {
        self.is_member |= other.is_member;
        for (key, set) in &other.below {
            self.below.entry(key.clone()).or_default().union(set);
        }
    }

    /// Takes the members of `other` out.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.is_member &= !other.is_member;
        self.below.retain(|key, set| {
            if let Some(other) = other.below.get(key) {
                set.subtract(other);
            }
            !set.is_empty()
        });
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let mut set = Self { is_member: self.is_member && other.is_member, below: BTreeMap::new() };
        for (key, mine) in &self.below {
            if let Some(theirs) = other.below.get(key) {
                let both = mine.intersection(theirs);
                if !both.is_empty() {
                    set.below.insert(key.clone(), both);
                }
            }
        }
        set
    }

    /// The paths of the members, as conflicts name them: `.spec.holderIdentity`. Of one level, those that are members come
    /// first, then what is below each.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        let below: Vec<_> =
            self.below.iter().map(|(key, set)| (format!("{prefix}{}", step(key)), set)).collect();
        paths.extend(below.iter().filter(|(_, set)| set.is_member).map(|(path, _)| path.clone()));
        for (path, set) in below {
            set.collect_paths(&path, paths);
        }
    }

    fn insert(&mut self, key: SmolStr, set: Self) {
        if !set.is_empty() {
            self.below.insert(key, set);
        }
    }
}

/// A path element as paths show it.
fn step(key: &str) -> String {
    match key.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys = json::parse(keys.as_bytes()).unwrap_or(Tree::empty());
            let keys = keys.entries().iter().map(|(k, v)| format!("{k}={}", json::Shown(v)));
            format!("[{}]", keys.collect::<Vec<_>>().join(","))
        }
        Some((_, value)) => format!("[={value}]"),
        None => key.to_owned(),
    }
}

/// What differs between two objects.
#[derive(Default, Debug)]
pub(crate) struct Difference {
    pub(crate) added: Set,
    pub(crate) removed: Set,
    pub(crate) modified: Set,
}

impl Difference {
    pub(crate) fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.modified.is_empty()
    }

    /// What differs in the field of this name.
    fn put(&mut self, name: &str, of: Self) {
        if !of.is_none() {
            self.put_element(format_smolstr!("f:{name}"), of);
        }
    }

    fn put_element(&mut self, key: SmolStr, of: Self) {
        self.added.insert(key.clone(), of.added);
        self.removed.insert(key.clone(), of.removed);
        self.modified.insert(key, of.modified);
    }
}

/// What differs between two objects, apart from what only the server sets.
pub(crate) fn difference(old: &Tree, new: &Tree, object: &Struct) -> Difference {
    let mut all = Difference::default();
    for field in object.fields {
        let (old, new) = (old.get(field.name), new.get(field.name));
        if field.name == "metadata" {
            let mut meta = Difference::default();
            for part in OWNED_METADATA.iter().filter_map(|name| super::schema::META.field(name)) {
                let (old, new) = (part_of(old, part.name), part_of(new, part.name));
                meta.put(part.name, differ(old, new, part.ty));
            }
            all.put(field.name, meta);
        } else {
            all.put(field.name, differ(old, new, field.ty));
        }
    }
    all
}

fn part_of<'a>(tree: Option<&'a Tree>, name: &str) -> Option<&'a Tree> {
    tree.and_then(|tree| tree.get(name))
}

fn differ(old: Option<&Tree>, new: Option<&Tree>, ty: Type) -> Difference {
    let mut here = Difference::default();
    if old == new {
        return here;
    }
    match ty {
        Type::Struct(of) if !of.atomic => {
            presence(old.is_some(), new.is_some(), &mut here);
            for field in of.fields {
                let (old, new) = (part_of(old, field.name), part_of(new, field.name));
                here.put(field.name, differ(old, new, field.ty));
            }
        }
        Type::TextMap | Type::BytesMap | Type::List(_, Merge::Set | Merge::Key(_)) => {
            presence(old.is_some(), new.is_some(), &mut here);
            let (before, after) = (elements(old, ty), elements(new, ty));
            for (key, item) in &before {
                here.put_element(key.clone(), differ_leaf(Some(item), after.get(key)));
            }
            for (key, item) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                here.put_element(key.clone(), differ_leaf(None, Some(item)));
            }
        }
        _ => return differ_leaf(old, new),
    }
    here
}

fn presence(before: bool, after: bool, here: &mut Difference) {
    here.added.is_member = !before && after;
    here.removed.is_member = before && !after;
}

fn differ_leaf(old: Option<&Tree>, new: Option<&Tree>) -> Difference {
    let mut here = Difference::default();
    presence(old.is_some(), new.is_some(), &mut here);
    here.modified.is_member = matches!((old, new), (Some(old), Some(new)) if !old.same(new));
    here
}

/// The parts of a map or list by their path elements.
fn elements(tree: Option<&Tree>, ty: Type) -> BTreeMap<SmolStr, Tree> {
    let Some(tree) = tree else { return BTreeMap::new() };
    match ty {
        Type::List(_, merge) => {
            let mut alike: BTreeMap<SmolStr, Vec<Tree>> = BTreeMap::new();
            for item in tree.items() {
                alike.entry(element_of(item, merge)).or_default().push(item.clone());
            }
            // A list that is no proper set differs in how often it has an item, too.
            let one = |mut items: Vec<Tree>| match items.len() {
                1 => items.pop().unwrap_or_default(),
                _ => Tree::List(items),
            };
            alike.into_iter().map(|(key, items)| (key, one(items))).collect()
        }
        _ => tree.entries().iter().map(|(key, value)| (format_smolstr!("f:{key}"), value.clone())).collect(),
    }
}

/// The path element of a list's item.
pub(crate) fn element_of(item: &Tree, merge: Merge) -> SmolStr {
    match merge {
        Merge::Key(key) => {
            let value = item.get(key).cloned().unwrap_or_default();
            format_smolstr!("k:{}", json::Shown(&Tree::Map(vec![(key.into(), value)])))
        }
        _ => format_smolstr!("v:{}", json::Shown(item)),
    }
}

/// The fields that an applied configuration names.
pub(crate) fn named(config: &Tree, object: &Struct) -> Set {
    let mut set = Set::default();
    for field in object.fields {
        let Some(value) = config.get(field.name) else { continue };
        let key = format_smolstr!("f:{}", field.name);
        if field.name == "metadata" {
            let mut meta = Set::default();
            for part in OWNED_METADATA.iter().filter_map(|name| super::schema::META.field(name)) {
                if let Some(value) = value.get(part.name) {
                    meta.insert(format_smolstr!("f:{}", part.name), named_in(value, part.ty));
                }
            }
            set.insert(key, meta);
        } else {
            set.insert(key, named_in(value, field.ty));
        }
    }
    set
}

fn named_in(value: &Tree, ty: Type) -> Set {
    let mut set = Set::default();
    match ty {
        Type::Struct(of) if !of.atomic && !value.entries().is_empty() => {
            for field in of.fields {
                if let Some(value) = value.get(field.name) {
                    set.insert(format_smolstr!("f:{}", field.name), named_in(value, field.ty));
                }
            }
        }
        Type::TextMap | Type::BytesMap | Type::List(_, Merge::Set | Merge::Key(_)) => {
            let parts = elements(Some(value), ty);
            // Of an empty list there is nothing to own; of a map there is that it is empty.
            set.is_member = parts.is_empty() && !matches!(value, Tree::List(_));
            for key in parts.into_keys() {
                set.insert(key, Set::member());
            }
        }
        _ => set.is_member = true,
    }
    set
}

/// Takes the fields of a set out of an object, but of a field that goes as a whole not what is to be `kept`.
pub(crate) fn remove(object: &mut Tree, set: &Set, kept: &Set) {
    if let Tree::List(items) = object {
        let is_gone =
            |item: &Tree, merge| set.below.get(&element_of(item, merge)).is_some_and(|below| below.is_member);
        items.retain(|item| !is_gone(item, Merge::Set) && !is_gone(item, Merge::Key("uid")));
        return;
    }
    let Tree::Map(entries) = object else { return };
    let nothing = Set::default();
    entries.retain_mut(|(name, value)| {
        let key = format_smolstr!("f:{name}");
        let Some(below) = set.below.get(&key) else { return true };
        let wanted = kept.below.get(&key);
        match (below.is_member, wanted) {
            (false, wanted) => remove(value, below, wanted.unwrap_or(&nothing)),
            (true, None) => return false,
            (true, Some(wanted)) => retain(value, wanted),
        }
        true
    });
}

/// Leaves of a map or list what a set names.
fn retain(object: &mut Tree, set: &Set) {
    match object {
        _ if set.is_member => {}
        Tree::Map(entries) => entries.retain_mut(|(name, value)| {
            let below = set.below.get(&format_smolstr!("f:{name}"));
            below.inspect(|below| retain(value, below)).is_some()
        }),
        Tree::List(items) => items.retain(|item| {
            [Merge::Set, Merge::Key("uid")].iter().any(|&how| set.below.contains_key(&element_of(item, how)))
        }),
        _ => {}
    }
}

/// Lays an applied configuration over an object.
pub(crate) fn merge(live: &Tree, config: &Tree, of: &Struct) -> Tree {
    let mut merged = live.clone();
    for field in of.fields {
        if let Some(value) = config.get(field.name) {
            let value = merge_value(live.get(field.name), value, field.ty);
            merged.set(field.name, value);
        }
    }
    merged
}

fn merge_value(live: Option<&Tree>, config: &Tree, ty: Type) -> Tree {
    let Some(live) = live.filter(|live| !live.is_null()) else { return config.clone() };
    match ty {
        Type::Struct(of) if !of.atomic => merge(live, config, of),
        Type::TextMap | Type::BytesMap => {
            let merged: BTreeMap<_, _> = live.entries().iter().chain(config.entries()).cloned().collect();
            Tree::Map(merged.into_iter().collect())
        }
        Type::List(_, how @ (Merge::Set | Merge::Key(_))) => {
            Tree::List(merge_items(live.items(), config.items(), how))
        }
        _ => config.clone(),
    }
}

/// Two lists as one: items of both once and in the order of `config`, those of `live` alone as often and where they stood.
fn merge_items(live: &[Tree], config: &[Tree], how: Merge) -> Vec<Tree> {
    let names = |list: &[Tree]| list.iter().map(|item| element_of(item, how)).collect::<Vec<_>>();
    let (known, wanted) = (names(live), names(config));
    let in_wanted: BTreeSet<_> = wanted.iter().collect();
    let (mut merged, mut told) = (Vec::new(), BTreeSet::new());
    let (mut l, mut r) = (0, 0);
    while l < live.len() || r < config.len() {
        if l < live.len() && !in_wanted.contains(&known[l]) {
            merged.push(live[l].clone());
            l += 1;
        } else if l < live.len() && told.contains(&known[l]) {
            l += 1;
        } else if r < config.len() {
            if told.insert(&wanted[r]) {
                merged.push(config[r].clone());
            }
            r += 1;
        } else {
            l += 1;
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_has_an_item_twice_is_another_set() {
        let list = |items: &[&str]| Tree::List(items.iter().map(|&item| Tree::text(item)).collect());
        let set = Type::List(&Type::Text, Merge::Set);
        for (old, new, modified) in [
            (&["b"][..], &["b", "b"][..], true),
            (&["b", "b", "b"], &["b", "b"], true),
            (&["b", "c", "b"], &["c", "b", "b"], false),
        ] {
            let changed = differ(Some(&list(old)), Some(&list(new)), set);
            let names: Vec<_> = changed.modified.below.keys().map(SmolStr::as_str).collect();
            assert_eq!(names, if modified { &["v:\"b\""][..] } else { &[] });
            assert!(changed.added.is_empty() && changed.removed.is_empty());
        }
        let merged = |config: &[&str]| merge_value(Some(&list(&["b", "b", "c"])), &list(config), set);
        assert_eq!(merged(&["d"]), list(&["b", "b", "c", "d"]));
        assert_eq!(merged(&["b"]), list(&["b", "c"]));
    }
}
