//! PATCH, as a typed merge patch.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::error::StoreError;
use super::ids::{RevisionClaim, UidClaim};
use super::metadata::Claims;
use super::object::{DeletionClaim, Extra, ObjectPath, OwnerReference};
use super::resource::Resource;
use super::state::Store;
use super::write::{Decision, Written, check_revision};

/// What a merge patch says of one field.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub enum Field<T> {
    /// Nothing.
    #[default]
    Keep,
    /// `null`: the field goes away.
    Remove,
    /// The field gets this value.
    Set(T),
}

impl<T: Clone> Field<T> {
    pub(super) fn apply(&self, value: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Remove => *value = None,
            Self::Set(new) => *value = Some(new.clone()),
        }
    }

    /// The same for a list, where an absent one is an empty one.
    fn apply_to(&self, value: &mut T)
    where
        T: Default,
    {
        match self {
            Self::Keep => {}
            Self::Remove => *value = T::default(),
            Self::Set(new) => value.clone_from(new),
        }
    }
}

/// What a merge patch says of a map of strings: keys that go away have no value. An empty list of entries changes nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct MapPatch(pub Field<Vec<(SmolStr, Option<SmolStr>)>>);

impl MapPatch {
    pub(super) fn apply(&self, map: &mut BTreeMap<SmolStr, SmolStr>) {
        match &self.0 {
            Field::Keep => {}
            Field::Remove => map.clear(),
            Field::Set(entries) => {
                for (key, value) in entries {
                    match value {
                        Some(value) => _ = map.insert(key.clone(), value.clone()),
                        None => _ = map.remove(key),
                    }
                }
            }
        }
    }
}

/// What a merge patch says of the metadata.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct MetaPatch {
    /// For [`Extra::labels`].
    pub labels: MapPatch,
    /// For [`Extra::annotations`].
    pub annotations: MapPatch,
    /// For [`Extra::finalizers`].
    pub finalizers: Field<Vec<SmolStr>>,
    /// For [`Extra::owner_references`].
    pub owner_references: Field<Vec<OwnerReference>>,
}

impl MetaPatch {
    fn apply(&self, extra: &mut Extra) {
        self.labels.apply(&mut extra.labels);
        self.annotations.apply(&mut extra.annotations);
        self.finalizers.apply_to(&mut extra.finalizers);
        self.owner_references.apply_to(&mut extra.owner_references);
    }
}

/// A merge patch. Without a resourceVersion it is unconditional, also for a kind whose PUT must have one.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Patch<P> {
    /// `metadata.resourceVersion`, if the patch has one; `null`, `""` and `"0"` are `Some(Unset)`, which is refused.
    pub resource_version: Option<RevisionClaim>,
    /// `metadata.uid`, if the patch has one: another than the object's is refused (422, where a PUT gets 409).
    pub uid: Option<UidClaim>,
    /// The rest of the metadata.
    pub meta: MetaPatch,
    /// The contents; `Remove` is `spec: null`.
    pub spec: Field<P>,
}

impl<P> Patch<P> {
    /// A patch of the contents alone.
    #[must_use]
    pub fn of_spec(spec: P) -> Self {
        let meta = MetaPatch::default();
        Self { resource_version: None, uid: None, meta, spec: Field::Set(spec) }
    }

    /// The same, on the condition that the stored object is still at `revision`.
    #[must_use]
    pub fn at(mut self, revision: impl Into<RevisionClaim>) -> Self {
        self.resource_version = Some(revision.into());
        self
    }
}

impl Store {
    /// PATCH: changes what the patch names of the object at `path`, in one step.
    ///
    /// # Errors
    /// In this order: no such object (404), a resourceVersion that is no number (500), zero (422) or stale (409), a
    /// wrong uid and other validation (422).
    pub fn patch<S: Resource>(
        &mut self,
        path: ObjectPath<'_>,
        patch: &Patch<S::Patch>,
    ) -> Result<Written<'_, S>, StoreError> {
        let decision = self.decide_patch(path, patch)?;
        Ok(self.carry_out(decision))
    }

    /// PATCH with `dryRun=All`: the object that would be stored, with the revision that is.
    ///
    /// # Errors
    /// As [`Store::patch`].
    pub fn dry_patch<S: Resource>(
        &self,
        path: ObjectPath<'_>,
        patch: &Patch<S::Patch>,
    ) -> Result<Written<'_, S>, StoreError> {
        Ok(self.rehearse(self.decide_patch(path, patch)?))
    }

    fn decide_patch<S: Resource>(
        &self,
        path: ObjectPath<'_>,
        patch: &Patch<S::Patch>,
    ) -> Result<Decision<S>, StoreError> {
        let objects = self.objects::<S>();
        let at = objects.find(path).map_err(|_| StoreError::NotFound(S::target(path.name)))?;
        let live = objects.at(at);
        if let Some(claim) = &patch.resource_version {
            check_revision(claim, live, S::INFO.allows_unconditional_update)?;
        }
        let mut next = live.clone();
        if patch.meta != MetaPatch::default() {
            let mut extra = next.meta.extra().clone();
            patch.meta.apply(&mut extra);
            next.meta.extra = extra.shared();
        }
        match &patch.spec {
            Field::Keep => {}
            Field::Remove => next.spec = S::default(),
            Field::Set(spec) => next.spec.apply(spec),
        }
        self.settle(at, next, &Claims { uid: patch.uid.clone(), deletion: DeletionClaim::default() })
    }
}
