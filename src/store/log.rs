//! The recent past: what watches are fed from, and what stale reads are rebuilt from.

use std::collections::VecDeque;
use std::collections::vec_deque::Iter;

use super::ids::Revision;
use super::object::Object;

/// What happened to an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// It was created.
    Added,
    /// It was changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// One effective write.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Event<S> {
    /// The revision of the write.
    pub revision: Revision,
    /// What happened.
    pub kind: EventKind,
    /// What a watcher is shown. If deleted, the last state with the resourceVersion of the deletion.
    pub object: Object<S>,
    /// The state before, unless the object was added: what selectors and stale reads need.
    pub previous: Option<Object<S>>,
}

/// The events of one kind of object, as many as the capacity allows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Log<S> {
    events: VecDeque<Event<S>>,
    capacity: usize,
    /// Every event later than this is kept.
    complete_after: Revision,
}

impl<S: Clone> Log<S> {
    pub(super) fn new(capacity: usize, start: Revision) -> Self {
        Self { events: VecDeque::new(), capacity, complete_after: start }
    }

    pub(super) fn clear(&mut self, start: Revision) {
        self.events.clear();
        self.complete_after = start;
    }

    /// Whether a copy of the state before a write is of any use.
    pub(super) fn keeps_nothing(&self) -> bool {
        self.capacity == 0
    }

    pub(super) fn push(&mut self, event: impl FnOnce() -> Event<S>, revision: Revision) {
        if self.keeps_nothing() {
            self.complete_after = revision;
            return;
        }
        let is_full = self.events.len() == self.capacity;
        if is_full {
            self.events.pop_front();
        }
        self.events.push_back(event());
        // As the server's watch cache counts: complete from just before the oldest event it has.
        if let Some(oldest) = self.events.front().filter(|_| is_full) {
            self.complete_after = oldest.revision.before();
        }
    }

    /// Forgets the events up to and including `revision`.
    pub(super) fn compact(&mut self, revision: Revision) {
        while self.events.front().is_some_and(|event| event.revision <= revision) {
            self.events.pop_front();
        }
        self.complete_after = self.complete_after.max(revision);
    }

    /// The oldest revision from which nothing is missing.
    pub(super) fn complete_after(&self) -> Revision {
        self.complete_after
    }

    /// The events after `revision`, oldest first.
    pub(super) fn after(&self, revision: Revision) -> Iter<'_, Event<S>> {
        // Watchers and stale readers ask for the newest few.
        let newer = self.events.iter().rev().take_while(|event| event.revision > revision).count();
        self.events.range(self.events.len() - newer..)
    }

    pub(super) fn events(&self) -> Iter<'_, Event<S>> {
        self.events.iter()
    }
}
