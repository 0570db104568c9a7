//! A document as a tree of values that remember where they were written.
//!
//! Files, command-line overrides and scenarios built in code all become such a tree; overrides and
//! settings are merged here, before anything is typed, so that every later error can still point at
//! the place that caused it.

use super::path::{Path, Step};

/// Where something was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nowhere: it was built in code.
    Code,
    /// In the file. Lines and columns count from 1, in characters; the width is at least 1.
    File { line: u32, column: u32, width: u32 },
    /// In the override with this index.
    Override(usize),
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) mark: Mark,
}

/// What can be written.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map, and what it says.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_mark: Mark,
    pub(super) node: Node,
}

/// Keys of quantities that are written as a map with one of them: such a map is one value and is
/// replaced as a whole.
const ATOMS: [&str; 3] = ["uniform", "log_normal", "csv"];

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Str(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Entry {
    /// `network: in-zone` as `network: {profile: in-zone}`, so that more can be said of it.
    fn widen(&mut self) {
        if self.key == "network" && matches!(self.node.value, Value::Str(_)) {
            let mark = self.node.mark;
            let profile = std::mem::replace(&mut self.node, Node::empty_map());
            let profile = Self { key: "profile".to_owned(), key_mark: self.key_mark, node: profile };
            self.node = Node::new(Value::Map(vec![profile]), mark);
        }
    }
}

impl Node {
    pub(super) fn new(value: Value, mark: Mark) -> Self {
        Self { value, mark }
    }

    pub(super) fn empty_map() -> Self {
        Self::new(Value::Map(Vec::new()), Mark::Code)
    }

    /// The same value, all of it from elsewhere.
    pub(super) fn marked(mut self, mark: Mark) -> Self {
        self.mark_all(mark);
        self
    }

    fn mark_all(&mut self, mark: Mark) {
        self.mark = mark;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.mark_all(mark)),
            Value::Map(entries) => {
                for entry in entries {
                    entry.key_mark = mark;
                    entry.node.mark_all(mark);
                }
            }
            _ => {}
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Whether anything, be it null, is written where the keys lead to.
    pub(super) fn says(&self, keys: &[String]) -> bool {
        let mut found = Some(self);
        for key in keys {
            found = found.and_then(|node| node.get(key));
        }
        found.is_some()
    }

    /// The keys that lead to each null, through maps alone.
    pub(super) fn nulls(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        for Entry { key, node, .. } in self.entries() {
            if matches!(node.value, Value::Null) {
                found.push(vec![key.clone()]);
            }
            found.extend(node.nulls().into_iter().map(|rest| [vec![key.clone()], rest].concat()));
        }
        found
    }

    /// Takes an entry out.
    pub(super) fn take(&mut self, key: &str) -> Option<Self> {
        let Value::Map(entries) = &mut self.value else { return None };
        let at = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(at).node)
    }

    /// The node at the path, or the deepest one on the way there; and whether the path was
    /// followed to its end.
    pub(super) fn nearest(&self, path: &Path) -> (Mark, bool) {
        let mut node = self;
        let mut mark = self.mark;
        for step in path.steps() {
            let next = match (step, &node.value) {
                (Step::Key(key), Value::Map(_)) => node.entry(key).map(|e| (&e.node, e.key_mark)),
                (Step::Index(i), Value::List(items)) => items.get(*i).map(|n| (n, n.mark)),
                _ => None,
            };
            let Some((found, at)) = next else { return (mark, false) };
            node = found;
            // A map or list is pointed at by its key: its own extent is long.
            mark = if matches!(found.value, Value::Map(_) | Value::List(_)) { at } else { found.mark };
        }
        (mark, true)
    }

    /// Writes a value at the path. Maps are made on the way; lists must be there.
    pub(super) fn set(&mut self, path: &[Step], value: Self) -> Result<(), String> {
        let Some((step, rest)) = path.split_first() else {
            *self = value;
            return Ok(());
        };
        match (step, &mut self.value) {
            (Step::Key(key), Value::Map(entries)) => {
                if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *key) {
                    if rest.is_empty() {
                        entry.key_mark = value.mark;
                    } else {
                        entry.widen();
                    }
                    return entry.node.set(rest, value);
                }
                let mut node = Self::new(Value::Map(Vec::new()), value.mark);
                let key_mark = value.mark;
                node.set(rest, value)?;
                entries.push(Entry { key: key.clone(), key_mark, node });
                Ok(())
            }
            (Step::Index(i), Value::List(items)) => {
                let len = items.len();
                match items.get_mut(*i) {
                    Some(item) => item.set(rest, value),
                    None => Err(format!("there is no [{i}]: the list has {len} items, counted from [0]")),
                }
            }
            (Step::Key(key), other) => Err(format!("`{key}` cannot be set within {}", other.kind())),
            (Step::Index(i), other) => Err(format!("[{i}] needs a list, and here is {}", other.kind())),
        }
    }

    /// Lays another tree over this one: maps key by key, everything else as a whole. A null takes
    /// what it covers away.
    pub(super) fn overlay(&mut self, over: Self) {
        match (&mut self.value, over) {
            (Value::Map(under), Self { value: Value::Map(over), .. })
                if !is_atom(under) && !is_atom(&over) =>
            {
                for entry in over {
                    let found = under.iter().position(|e| e.key == entry.key);
                    match found {
                        Some(at) if matches!(entry.node.value, Value::Null) => {
                            under.remove(at);
                        }
                        Some(at) => {
                            if matches!(entry.node.value, Value::Map(_)) {
                                under[at].widen();
                            } else {
                                under[at].key_mark = entry.key_mark;
                            }
                            under[at].node.overlay(entry.node);
                        }
                        None if matches!(entry.node.value, Value::Null) => {}
                        None => under.push(entry),
                    }
                }
            }
            (_, over) => *self = over,
        }
    }
}

fn is_atom(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| ATOMS.contains(&entry.key.as_str()))
}

impl From<&Node> for serde_json::Value {
    fn from(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Int(n) => match (u64::try_from(*n), i64::try_from(*n)) {
                (Ok(n), _) => n.into(),
                (Err(_), Ok(n)) => n.into(),
                (Err(_), Err(_)) => Self::String(n.to_string()),
            },
            Value::Float(x) => (*x).into(),
            Value::Str(s) => s.clone().into(),
            Value::List(items) => items.iter().map(Self::from).collect(),
            Value::Map(entries) => entries.iter().map(|e| (e.key.clone(), Self::from(&e.node))).collect(),
        }
    }
}
