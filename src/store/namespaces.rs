//! Which namespaces exist.

use smol_str::SmolStr;

/// Whether a namespace takes new objects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NamespacePhase {
    /// It does.
    Active,
    /// It is being deleted: its objects can be read and changed, but none created.
    Terminating,
}

/// The namespaces of a store; a run has a handful.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct NamespaceTable {
    entries: Vec<(SmolStr, NamespacePhase)>,
    /// Unknown namespaces exist.
    any: bool,
}

impl NamespaceTable {
    pub(super) fn new(any: bool, active: &[SmolStr]) -> Self {
        let mut table = Self { entries: Vec::new(), any };
        table.reset(active);
        table
    }

    pub(super) fn reset(&mut self, active: &[SmolStr]) {
        self.entries.clear();
        self.entries.extend(active.iter().map(|name| (name.clone(), NamespacePhase::Active)));
    }

    pub(super) fn phase(&self, name: &str) -> Option<NamespacePhase> {
        let known = self.entries.iter().find(|(known, _)| known == name).map(|&(_, phase)| phase);
        known.or(self.any.then_some(NamespacePhase::Active))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, NamespacePhase)> {
        self.entries.iter().map(|(name, phase)| (name.as_str(), *phase))
    }

    /// Returns whether anything changed.
    pub(super) fn set(&mut self, name: &str, phase: NamespacePhase) -> bool {
        match self.entries.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => core::mem::replace(known, phase) != phase,
            None => {
                self.entries.push((name.into(), phase));
                true
            }
        }
    }

    /// Returns whether it was there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let count = self.entries.len();
        self.entries.retain(|(known, _)| known != name);
        self.entries.len() < count
    }
}
