//! Objects as they are stored, and as a client sends them.

use core::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::ids::{Revision, RevisionClaim, Uid, UidClaim};
use crate::core::WallTime;

/// Where an object lives: the namespace and name of its URL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ObjectPath<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The name within it.
    pub name: &'a str,
}

impl<'a> ObjectPath<'a> {
    /// The path of `name` in `namespace`.
    #[must_use]
    pub const fn new(namespace: &'a str, name: &'a str) -> Self {
        Self { namespace, name }
    }
}

/// The order of the storage keys `namespace/name`: namespace `a-b` comes before `a`, because `-` comes before `/`.
impl Ord for ObjectPath<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.namespace == other.namespace {
            return self.name.cmp(other.name);
        }
        cmp_namespaces(self.namespace, other.namespace)
    }
}

impl PartialOrd for ObjectPath<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of `a/` and `b/`.
pub(super) fn cmp_namespaces(a: &str, b: &str) -> Ordering {
    a.bytes().chain([b'/']).cmp(b.bytes().chain([b'/']))
}

/// A reference to an object that owns this one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OwnerReference {
    /// Group and version of the owner.
    pub api_version: SmolStr,
    /// Kind of the owner.
    pub kind: SmolStr,
    /// Name of the owner.
    pub name: SmolStr,
    /// Uid of the owner, as text: it need not be an object of this store.
    pub uid: SmolStr,
    /// Whether the owner is the managing controller.
    pub controller: Option<bool>,
    /// Whether foreground deletion of the owner waits for this object.
    pub block_owner_deletion: Option<bool>,
}

/// One entry of `metadata.managedFields`: who last set which fields.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ManagedFields {
    /// The field manager.
    pub manager: SmolStr,
    /// `Apply` or `Update`.
    pub operation: SmolStr,
    /// Group and version that the fields are given in.
    pub api_version: SmolStr,
    /// When the entry last changed; ignored when writes are compared.
    pub time: Option<WallTime>,
    /// The field set, as the JSON text of `fieldsV1`.
    pub fields: Arc<str>,
    /// The subresource that was written; empty for the object itself, as these kinds have none.
    pub subresource: SmolStr,
}

/// Metadata that few objects carry, kept apart so that copying an object stays cheap.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Extra {
    /// `metadata.labels`.
    pub labels: BTreeMap<SmolStr, SmolStr>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<SmolStr, SmolStr>,
    /// `metadata.finalizers`.
    pub finalizers: Vec<SmolStr>,
    /// `metadata.ownerReferences`.
    pub owner_references: Vec<OwnerReference>,
    /// `metadata.generateName`; empty if absent.
    pub generate_name: SmolStr,
    /// `metadata.generation`: the server keeps what a create carried and never changes it.
    pub generation: Option<i64>,
    /// `metadata.managedFields`. An update without any keeps those of the stored object.
    pub managed_fields: Vec<ManagedFields>,
}

static NO_EXTRA: Extra = Extra {
    labels: BTreeMap::new(),
    annotations: BTreeMap::new(),
    finalizers: Vec::new(),
    owner_references: Vec::new(),
    generate_name: SmolStr::new_static(""),
    generation: None,
    managed_fields: Vec::new(),
};

impl Extra {
    /// The contents of an optional pointer, or the empty ones.
    pub(super) fn of(extra: &Option<Arc<Self>>) -> &Self {
        extra.as_deref().unwrap_or(&NO_EXTRA)
    }

    /// A pointer to `self`, unless there is nothing in it.
    #[must_use]
    pub fn shared(self) -> Option<Arc<Self>> {
        (self != NO_EXTRA).then(|| Arc::new(self))
    }

    /// Equality that does not see when managed fields changed.
    pub(super) fn same(a: &Option<Arc<Self>>, b: &Option<Arc<Self>>) -> bool {
        if same_pointer(a, b) {
            return true;
        }
        let untimed = |m: &ManagedFields| ManagedFields { time: None, ..m.clone() };
        let (a, b) = (Self::of(a), Self::of(b));
        a.labels == b.labels
            && a.annotations == b.annotations
            && a.finalizers == b.finalizers
            && a.owner_references == b.owner_references
            && a.generate_name == b.generate_name
            && a.generation == b.generation
            && a.managed_fields.iter().map(untimed).eq(b.managed_fields.iter().map(untimed))
    }

    /// What a PUT of `sent` over `live` stores: the generation is the server's, and managed fields stay if none are sent.
    pub(super) fn put(live: &Option<Arc<Self>>, sent: Option<Arc<Self>>) -> Option<Arc<Self>> {
        if same_pointer(live, &sent) {
            return sent;
        }
        let kept = Self::of(live);
        let mut next = sent.map_or_else(Self::default, Arc::unwrap_or_clone);
        next.generation = kept.generation;
        if next.managed_fields.is_empty() {
            next.managed_fields.clone_from(&kept.managed_fields);
        }
        next.shared()
    }
}

fn same_pointer(a: &Option<Arc<Extra>>, b: &Option<Arc<Extra>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

/// The metadata of a stored object. Copying it copies no heap memory if namespace and name have at most 23 bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Meta {
    /// The namespace.
    pub namespace: SmolStr,
    /// The name within the namespace.
    pub name: SmolStr,
    /// Which life of the object this is.
    pub uid: Uid,
    /// The revision that last wrote the object.
    pub resource_version: Revision,
    /// When the object was created, cut to whole seconds.
    pub creation_time: WallTime,
    /// When deletion was asked for, if finalizers hold the object back; the grace period is always 0 s.
    pub deletion_time: Option<WallTime>,
    /// Everything that most objects do not have.
    pub extra: Option<Arc<Extra>>,
}

impl Meta {
    /// Where the object lives.
    #[must_use]
    pub fn path(&self) -> ObjectPath<'_> {
        ObjectPath::new(&self.namespace, &self.name)
    }

    /// What the object says of its deletion: if it was asked for, no seconds are left.
    #[must_use]
    pub fn deletion(&self) -> DeletionClaim {
        DeletionClaim { time: self.deletion_time, grace_seconds: self.deletion_time.map(|_| 0) }
    }

    /// The rare metadata; all empty if the object has none.
    #[must_use]
    pub fn extra(&self) -> &Extra {
        Extra::of(&self.extra)
    }
}

/// A stored object: metadata and what its kind adds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Object<S> {
    /// What every kind has.
    pub meta: Meta,
    /// What this kind adds.
    pub spec: S,
}

impl<S> Object<S> {
    /// What a PUT of these contents over this object would store, but for the revision, and before validation.
    #[must_use]
    pub fn replaced_by(&self, extra: Option<Arc<Extra>>, spec: S) -> Self {
        Self { meta: Meta { extra: Extra::put(&self.meta.extra, extra), ..self.meta.clone() }, spec }
    }
}

/// What an object says of its deletion.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct DeletionClaim {
    /// `metadata.deletionTimestamp`.
    pub time: Option<WallTime>,
    /// `metadata.deletionGracePeriodSeconds`.
    pub grace_seconds: Option<i64>,
}

/// An object as a POST or PUT carries it: everything but the contents is a claim.
///
/// A `creationTimestamp`, `selfLink` or `generation` in a PUT has no effect and is not represented.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Incoming<S> {
    /// `metadata.namespace`; empty if absent, which means that of the URL.
    pub namespace: SmolStr,
    /// `metadata.name`; empty if absent.
    pub name: SmolStr,
    /// `metadata.uid`: a precondition of a PUT, ignored by a POST.
    pub uid: Option<UidClaim>,
    /// `metadata.resourceVersion`: what the writer last saw.
    pub resource_version: RevisionClaim,
    /// `metadata.deletionTimestamp`: a POST ignores it, a PUT may not change it.
    pub deletion_time: Option<WallTime>,
    /// `metadata.deletionGracePeriodSeconds`, likewise.
    pub deletion_grace_seconds: Option<i64>,
    /// Labels, annotations and the like.
    pub extra: Option<Arc<Extra>>,
    /// What the kind adds.
    pub spec: S,
}

impl<S> Incoming<S> {
    /// A new object called `name` that claims nothing.
    #[must_use]
    pub fn new(name: impl Into<SmolStr>, spec: S) -> Self {
        Self {
            namespace: SmolStr::default(),
            name: name.into(),
            uid: None,
            resource_version: RevisionClaim::Unset,
            deletion_time: None,
            deletion_grace_seconds: None,
            extra: None,
            spec,
        }
    }

    /// What it says of its deletion.
    #[must_use]
    pub fn deletion(&self) -> DeletionClaim {
        DeletionClaim { time: self.deletion_time, grace_seconds: self.deletion_grace_seconds }
    }

    /// The same, on the condition that the stored object is still at `revision`.
    #[must_use]
    pub fn at(mut self, revision: impl Into<RevisionClaim>) -> Self {
        self.resource_version = revision.into();
        self
    }

    /// The same, on the condition that the stored object still has this uid.
    #[must_use]
    pub fn with_uid(mut self, uid: impl Into<UidClaim>) -> Self {
        self.uid = Some(uid.into());
        self
    }
}

/// What a client sends that read an object and sends it back: with its uid and revision.
impl<S: Clone> From<&Object<S>> for Incoming<S> {
    fn from(object: &Object<S>) -> Self {
        let meta = &object.meta;
        Self {
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: Some(meta.uid.into()),
            resource_version: meta.resource_version.into(),
            deletion_time: meta.deletion_time,
            deletion_grace_seconds: meta.deletion().grace_seconds,
            extra: meta.extra.clone(),
            spec: object.spec.clone(),
        }
    }
}
