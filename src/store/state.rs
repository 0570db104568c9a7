//! The store itself, and how it is set up.

use smol_str::SmolStr;

use super::collection::Collection;
use super::ids::{Revision, Uid};
use super::namespaces::{NamespacePhase, NamespaceTable};
use super::object::Object;
use super::resource::{Kinds, Resource};

/// Which namespaces a store starts with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Namespaces {
    /// Every namespace exists, for simulations that have no use for them.
    Any,
    /// These exist and no others.
    Listed(Vec<SmolStr>),
}

/// How a store is set up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StoreOptions {
    /// How many events of each kind of object are kept for watches and stale reads; 0 keeps none.
    pub log_capacity: usize,
    /// The revision of the empty store; the first write has the next one.
    pub first_revision: Revision,
    /// The namespaces that exist.
    pub namespaces: Namespaces,
}

impl StoreOptions {
    /// For hot loops: no log, any namespace.
    #[must_use]
    pub fn simulation() -> Self {
        Self { log_capacity: 0, first_revision: Revision::new(1), namespaces: Namespaces::Any }
    }

    /// Like a new cluster: 1,000 events, and the namespaces a cluster is born with.
    #[must_use]
    pub fn cluster() -> Self {
        let born = ["default", "kube-node-lease", "kube-public", "kube-system"];
        let namespaces = Namespaces::Listed(born.map(SmolStr::new_static).to_vec());
        Self { log_capacity: 1_000, first_revision: Revision::new(1), namespaces }
    }

    /// The same with another log capacity.
    #[must_use]
    pub fn with_log_capacity(mut self, events: usize) -> Self {
        self.log_capacity = events;
        self
    }

    fn listed(&self) -> &[SmolStr] {
        match &self.namespaces {
            Namespaces::Any => &[],
            Namespaces::Listed(names) => names,
        }
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self::cluster()
    }
}

/// The API server and its storage as one value: every method is one request, carried out at once or refused.
///
/// Reads take the object's type from where their result goes; `store.get::<LeaseSpec>(path)` says it outright.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Store {
    options: StoreOptions,
    revision: Revision,
    uids_given: u64,
    pub(super) namespaces: NamespaceTable,
    pub(super) kinds: Kinds,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(StoreOptions::default())
    }
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        let (events, start) = (options.log_capacity, options.first_revision);
        let namespaces = NamespaceTable::new(options.namespaces == Namespaces::Any, options.listed());
        let kinds = Kinds {
            leases: Collection::new(events, start),
            config_maps: Collection::new(events, start),
            endpoints: Collection::new(events, start),
            reports: Collection::new(events, start),
        };
        Self { options, revision: start, uids_given: 0, namespaces, kinds }
    }

    /// Makes the store what [`Store::new`] returned, but keeps its memory.
    pub fn clear(&mut self) {
        let start = self.options.first_revision;
        self.revision = start;
        self.uids_given = 0;
        self.namespaces.reset(self.options.listed());
        self.kinds.leases.clear(start);
        self.kinds.config_maps.clear(start);
        self.kinds.endpoints.clear(start);
        self.kinds.reports.clear(start);
    }

    /// The revision of the latest write of anything.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Lets `writes` happen to objects that this store does not hold; a default 1.36 cluster has 12 a minute when idle.
    pub fn advance_revision(&mut self, writes: u64) {
        self.revision = self.revision.plus(writes);
    }

    /// Forgets the events up to and including `revision`, so that older watches and stale reads are refused.
    pub fn compact(&mut self, revision: Revision) {
        let revision = revision.min(self.revision);
        self.kinds.leases.log.compact(revision);
        self.kinds.config_maps.log.compact(revision);
        self.kinds.endpoints.log.compact(revision);
        self.kinds.reports.log.compact(revision);
    }

    /// The namespaces that are known by name, in the order in which they came to be.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, NamespacePhase)> {
        self.namespaces.entries()
    }

    /// Creates a namespace or changes its phase, which is a write if it changes anything.
    pub fn set_namespace(&mut self, name: &str, phase: NamespacePhase) {
        if self.namespaces.set(name, phase) {
            self.next_revision();
        }
    }

    /// Removes an empty namespace. Returns false, and does nothing, if it is unknown or holds objects.
    pub fn remove_namespace(&mut self, name: &str) -> bool {
        let kinds = &self.kinds;
        let is_empty = has_none(&kinds.leases, name)
            && has_none(&kinds.config_maps, name)
            && has_none(&kinds.endpoints, name)
            && has_none(&kinds.reports, name);
        let removed = is_empty && self.namespaces.remove(name);
        if removed {
            self.next_revision();
        }
        removed
    }

    pub(super) fn next_revision(&mut self) -> Revision {
        self.revision = self.revision.plus(1);
        self.revision
    }

    /// The uid of the next object to be created.
    pub(super) fn next_uid(&self) -> Uid {
        Uid::new(self.uids_given)
    }

    /// Stores an object with the next uid and revision.
    pub(super) fn insert<S: Resource>(&mut self, at: usize, mut object: Object<S>) {
        self.uids_given += 1;
        object.meta.resource_version = self.next_revision();
        S::collection_mut(&mut self.kinds).insert(at, object);
    }

    /// Stores an object over another with the next revision.
    pub(super) fn replace<S: Resource>(&mut self, at: usize, mut object: Object<S>) {
        object.meta.resource_version = self.next_revision();
        S::collection_mut(&mut self.kinds).replace(at, object);
    }

    /// Takes an object out, which is a write too.
    pub(super) fn remove<S: Resource>(&mut self, at: usize) -> Object<S> {
        let revision = self.next_revision();
        S::collection_mut(&mut self.kinds).remove(at, revision)
    }

    pub(super) fn objects<S: Resource>(&self) -> &Collection<S> {
        S::collection(&self.kinds)
    }
}

fn has_none<S: Clone>(objects: &Collection<S>, namespace: &str) -> bool {
    objects.slice(Some(namespace)).is_empty()
}
