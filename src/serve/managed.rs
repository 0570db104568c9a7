//! Who set which fields: `metadata.managedFields` after a write that is no apply.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::fields::{Difference, Set};
use crate::core::WallTime;
use crate::store::ManagedFields;

/// Who writes, and when.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) manager: SmolStr,
    pub(crate) api_version: SmolStr,
    pub(crate) now: WallTime,
}

impl Writer {
    /// When it writes, cut to whole seconds.
    pub(crate) fn second(&self) -> WallTime {
        WallTime::from_micros(self.now.as_secs() * 1_000_000)
    }

    /// An entry of this writer.
    pub(crate) fn entry(&self, operation: &'static str, set: &Set) -> ManagedFields {
        ManagedFields {
            manager: self.manager.clone(),
            operation: SmolStr::new_static(operation),
            api_version: self.api_version.clone(),
            time: Some(self.second()),
            fields: set.to_text().into(),
            subresource: SmolStr::default(),
        }
    }

    /// Whether an entry is of this writer's version: others cannot be carried over, and are dropped.
    pub(crate) fn understands(&self, entry: &ManagedFields) -> bool {
        entry.api_version == self.api_version
    }

    pub(crate) fn wrote(&self, entry: &ManagedFields, operation: &str) -> bool {
        entry.manager == self.manager
            && entry.subresource.is_empty()
            && entry.operation == operation
            && (operation == "Apply" || entry.api_version == self.api_version)
    }
}

/// The entries after a write that changed an object so: what was added or modified has a new owner, what was removed has none.
pub(crate) fn after_update(
    entries: &[ManagedFields],
    changed: &Difference,
    writer: &Writer,
) -> Vec<ManagedFields> {
    let understood = distinct(entries.iter().filter(|entry| writer.understands(entry)));
    if changed.is_none() {
        let mut after: Vec<_> = understood.into_iter().cloned().collect();
        sort(&mut after);
        return after;
    }
    let mut own = changed.added.clone();
    own.union(&changed.modified);
    let mut lost = own.clone();
    lost.union(&changed.removed);
    let mut after = Vec::with_capacity(entries.len() + 1);
    for entry in understood {
        let mut set = Set::parse(&entry.fields);
        if writer.wrote(entry, "Update") && !own.is_empty() {
            set.subtract(&changed.removed);
            own.union(&set);
            continue;
        }
        set.subtract(&lost);
        if !set.is_empty() {
            after.push(ManagedFields { fields: set.to_text().into(), ..entry.clone() });
        }
    }
    if !own.is_empty() {
        after.push(writer.entry("Update", &own));
    }
    sort(&mut after);
    after
}

/// Of several entries of one writer the last.
fn distinct<'a>(entries: impl Iterator<Item = &'a ManagedFields>) -> Vec<&'a ManagedFields> {
    let writer = |entry: &'a ManagedFields| {
        // Who applies is the same one in every version.
        let version = if entry.operation == "Apply" { "" } else { entry.api_version.as_str() };
        (entry.operation.as_str(), entry.manager.as_str(), version, entry.subresource.as_str())
    };
    let last: BTreeMap<_, _> = entries.map(|entry| (writer(entry), entry)).collect();
    last.into_values().collect()
}

/// The server's order.
pub(crate) fn sort(entries: &mut [ManagedFields]) {
    entries.sort_by(|a, b| {
        let key = |entry: &ManagedFields| {
            let texts = [&entry.manager, &entry.api_version, &entry.subresource].map(SmolStr::clone);
            (entry.operation.clone(), entry.time, texts)
        };
        key(a).cmp(&key(b))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_that_changes_nothing_still_puts_the_books_in_order() {
        let writer = |manager: &str, api_version: &str| Writer {
            manager: manager.into(),
            api_version: api_version.into(),
            now: WallTime::default(),
        };
        let entry = |manager: &str, version: &str, fields: &str| ManagedFields {
            fields: fields.into(),
            ..writer(manager, version).entry("Update", &Set::default())
        };
        let known =
            [entry("b", "v1", "{}"), entry("a", "v2", "{}"), entry("a", "v1", "1"), entry("a", "v1", "2")];
        let after = after_update(&known, &Difference::default(), &writer("x", "v1"));
        assert_eq!(after, [known[3].clone(), known[0].clone()]);
    }
}
