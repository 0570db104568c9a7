//! Values that the store keeps without looking into them: JSON with its numbers as they were written.

use smol_str::SmolStr;

/// A JSON value. Maps keep the order of their entries, and what reads a text may keep duplicates.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub enum Tree {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(SmolStr),
    /// A string.
    Text(SmolStr),
    /// A list.
    List(Vec<Tree>),
    /// A map.
    Map(Vec<(SmolStr, Tree)>),
}

impl Tree {
    /// An empty map.
    #[must_use]
    pub const fn empty() -> Self {
        Self::Map(Vec::new())
    }

    /// A string.
    #[must_use]
    pub fn text(text: impl Into<SmolStr>) -> Self {
        Self::Text(text.into())
    }

    /// A whole number.
    #[must_use]
    pub fn number(n: i64) -> Self {
        Self::Number(smol_str::format_smolstr!("{n}"))
    }

    /// The value of a map's key: the last, if there are several.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The value at the end of a path of keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, key| tree.get(key))
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&SmolStr> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The string at the end of a path of keys; empty if there is none.
    #[must_use]
    pub fn text_at(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Self::as_text).map_or("", SmolStr::as_str)
    }

    /// The entries, if it is a map; none otherwise.
    #[must_use]
    pub fn entries(&self) -> &[(SmolStr, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items, if it is a list; none otherwise.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Sets a key of a map, in its place or at the end; of anything but a map it makes one.
    pub fn set(&mut self, key: &str, value: Self) {
        let entries = self.make_map();
        match entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => entries.push((key.into(), value)),
        }
    }

    /// Takes a key out of a map.
    pub fn remove(&mut self, key: &str) -> Option<Self> {
        let Self::Map(entries) = self else { return None };
        let at = entries.iter().position(|(known, _)| known == key)?;
        Some(entries.remove(at).1)
    }

    /// The value of a map's key, to be changed; an empty map if there is none.
    pub fn child(&mut self, key: &str) -> &mut Self {
        let entries = self.make_map();
        let at = match entries.iter().position(|(known, _)| known == key) {
            Some(at) => at,
            None => {
                entries.push((key.into(), Self::empty()));
                entries.len() - 1
            }
        };
        &mut entries[at].1
    }

    fn make_map(&mut self) -> &mut Vec<(SmolStr, Self)> {
        if !matches!(self, Self::Map(_)) {
            *self = Self::empty();
        }
        match self {
            Self::Map(entries) => entries,
            _ => unreachable!("it was made a map"),
        }
    }

    /// Equality that does not see the order of maps.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Map(a), Self::Map(b)) => {
                let sorted = |map: &'_ [(SmolStr, Self)]| {
                    let mut order: Vec<usize> = (0..map.len()).collect();
                    order.sort_by(|&x, &y| map[x].0.cmp(&map[y].0));
                    order
                };
                a.len() == b.len()
                    && sorted(a)
                        .into_iter()
                        .zip(sorted(b))
                        .all(|(x, y)| a[x].0 == b[y].0 && a[x].1.same(&b[y].1))
            }
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            _ => self == other,
        }
    }
}
