//! GET, LIST and WATCH, of the present and of the recent past.

use std::collections::vec_deque::Iter;

use super::error::StoreError;
use super::ids::Revision;
use super::log::Event;
use super::object::{Object, ObjectPath};
use super::resource::Resource;
use super::state::Store;

/// The answer to a LIST.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct List<'a, S> {
    /// The store's revision, not the highest of the items'.
    pub revision: Revision,
    /// The objects in the order of their keys.
    pub items: &'a [Object<S>],
}

impl Store {
    /// GET. The server does not check that the namespace exists.
    ///
    /// # Errors
    /// There is no such object (404).
    pub fn get<S: Resource>(&self, path: ObjectPath<'_>) -> Result<&Object<S>, StoreError> {
        self.objects::<S>().get(path).ok_or_else(|| StoreError::NotFound(S::target(path.name)))
    }

    /// GET from a cache that had come as far as `revision`.
    ///
    /// # Errors
    /// The object did not exist then (404), the revision is yet to come (504), or the log does not reach back (410).
    pub fn get_as_of<S: Resource>(
        &self,
        path: ObjectPath<'_>,
        revision: Revision,
    ) -> Result<&Object<S>, StoreError> {
        self.check_readable::<S>(revision)?;
        let objects = self.objects::<S>();
        let undone = objects.log.after(revision).find(|event| event.object.meta.path() == path);
        let then = match undone {
            Some(event) => event.previous.as_ref(),
            None => objects.get(path),
        };
        then.ok_or_else(|| StoreError::NotFound(S::target(path.name)))
    }

    /// LIST of one namespace, which need not exist, or of all.
    #[must_use]
    pub fn list<S: Resource>(&self, namespace: Option<&str>) -> List<'_, S> {
        List { revision: self.revision(), items: self.objects::<S>().slice(namespace) }
    }

    /// LIST with `resourceVersionMatch=Exact`, or from a cache that had come as far as `revision`.
    ///
    /// # Errors
    /// The revision is yet to come (504), or the log does not reach back (410).
    pub fn list_as_of<S: Resource>(
        &self,
        namespace: Option<&str>,
        revision: Revision,
    ) -> Result<Vec<Object<S>>, StoreError> {
        self.check_readable::<S>(revision)?;
        let mut items = self.objects::<S>().slice(namespace).to_vec();
        for event in self.objects::<S>().log.after(revision).rev() {
            let path = event.object.meta.path();
            if namespace.is_some_and(|name| name != path.namespace) {
                continue;
            }
            match (items.binary_search_by(|item| item.meta.path().cmp(&path)), &event.previous) {
                (Ok(at), Some(previous)) => items[at] = previous.clone(),
                (Ok(at), None) => _ = items.remove(at),
                (Err(at), Some(previous)) => items.insert(at, previous.clone()),
                (Err(_), None) => {}
            }
        }
        Ok(items)
    }

    /// The events after `revision`, oldest first: a WATCH so far. Call it again with the last event's revision.
    ///
    /// A WATCH without a resourceVersion, or with 0, is a LIST of which every item is `ADDED`, and then this from the
    /// list's revision. One from the future is silent until the future has passed.
    ///
    /// # Errors
    /// The log does not reach back so far (410, sent as an `ERROR` event).
    pub fn watch_since<S: Resource>(&self, revision: Revision) -> Result<Iter<'_, Event<S>>, StoreError> {
        let log = &self.objects::<S>().log;
        let oldest = log.complete_after();
        if revision < oldest {
            return Err(StoreError::WatchExpired { requested: revision, oldest });
        }
        Ok(log.after(revision))
    }

    fn check_readable<S: Resource>(&self, revision: Revision) -> Result<(), StoreError> {
        let current = self.revision();
        if revision > current {
            return Err(StoreError::RevisionTooLarge { requested: revision, current });
        }
        if revision < self.objects::<S>().log.complete_after() {
            return Err(StoreError::ReadExpired);
        }
        Ok(())
    }
}
