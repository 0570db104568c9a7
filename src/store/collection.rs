//! The objects of one kind, in the order of their keys.

use super::ids::Revision;
use super::log::{Event, EventKind, Log};
use super::object::{Object, ObjectPath, cmp_namespaces};

/// The objects of one kind and their recent past.
///
/// A sorted vector: lists are slices of it, a lookup touches few cache lines, and emptying it keeps the memory. A
/// create or a delete moves the objects behind it, which is cheap for the thousands that a cluster has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Collection<S> {
    objects: Vec<Object<S>>,
    pub(super) log: Log<S>,
}

impl<S: Clone> Collection<S> {
    pub(super) fn new(log_capacity: usize, start: Revision) -> Self {
        Self { objects: Vec::new(), log: Log::new(log_capacity, start) }
    }

    pub(super) fn clear(&mut self, start: Revision) {
        self.objects.clear();
        self.log.clear(start);
    }

    /// Where the object is, or where it would go.
    pub(super) fn find(&self, path: ObjectPath<'_>) -> Result<usize, usize> {
        self.objects.binary_search_by(|object| object.meta.path().cmp(&path))
    }

    pub(super) fn get(&self, path: ObjectPath<'_>) -> Option<&Object<S>> {
        self.find(path).ok().map(|at| &self.objects[at])
    }

    pub(super) fn at(&self, at: usize) -> &Object<S> {
        &self.objects[at]
    }

    /// The objects of one namespace, or of all.
    pub(super) fn slice(&self, namespace: Option<&str>) -> &[Object<S>] {
        let Some(namespace) = namespace else { return &self.objects };
        let is_before = |object: &Object<S>| cmp_namespaces(&object.meta.namespace, namespace).is_lt();
        let start = self.objects.partition_point(is_before);
        let rest = &self.objects[start..];
        &rest[..rest.partition_point(|object| object.meta.namespace == namespace)]
    }

    pub(super) fn insert(&mut self, at: usize, object: Object<S>) {
        self.objects.insert(at, object);
        let object = &self.objects[at];
        let revision = object.meta.resource_version;
        let event = || Event { revision, kind: EventKind::Added, object: object.clone(), previous: None };
        self.log.push(event, revision);
    }

    pub(super) fn replace(&mut self, at: usize, object: Object<S>) {
        let previous = core::mem::replace(&mut self.objects[at], object);
        let object = &self.objects[at];
        let revision = object.meta.resource_version;
        let event = || Event {
            revision,
            kind: EventKind::Modified,
            object: object.clone(),
            previous: Some(previous),
        };
        self.log.push(event, revision);
    }

    pub(super) fn remove(&mut self, at: usize, revision: Revision) -> Object<S> {
        let previous = self.objects.remove(at);
        let event = || {
            let mut object = previous.clone();
            object.meta.resource_version = revision;
            Event { revision, kind: EventKind::Deleted, object, previous: Some(previous.clone()) }
        };
        self.log.push(event, revision);
        previous
    }
}
