//! Who set which fields: `metadata.managedFields` after a write that is no apply.

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
    /// An entry of this writer.
    pub(crate) fn entry(&self, operation: &'static str, set: &Set) -> ManagedFields {
        ManagedFields {
            manager: self.manager.clone(),
            operation: SmolStr::new_static(operation),
            api_version: self.api_version.clone(),
            time: Some(WallTime::from_micros(self.now.as_secs() * 1_000_000)),
            fields: set.to_text().into(),
        }
    }

    /// Whether an entry is of this writer's version: others cannot be carried over, and are dropped.
    pub(crate) fn understands(&self, entry: &ManagedFields) -> bool {
        entry.api_version == self.api_version
    }

    pub(crate) fn wrote(&self, entry: &ManagedFields, operation: &str) -> bool {
        entry.manager == self.manager
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
    if changed.is_none() {
        return entries.to_vec();
    }
    let mut own = changed.added.clone();
    own.union(&changed.modified);
    let mut lost = own.clone();
    lost.union(&changed.removed);
    let mut after = Vec::with_capacity(entries.len() + 1);
    for entry in entries.iter().filter(|entry| writer.understands(entry)) {
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

/// The server's order.
pub(crate) fn sort(entries: &mut [ManagedFields]) {
    entries.sort_by(|a, b| {
        let key = |entry: &ManagedFields| {
            (entry.operation.clone(), entry.time, entry.manager.clone(), entry.api_version.clone())
        };
        key(a).cmp(&key(b))
    });
}
