//! DELETE.

use std::collections::BTreeSet;

use smol_str::{SmolStr, ToSmolStr};

use super::error::StoreError;
use super::ids::UidClaim;
use super::object::{Object, ObjectPath};
use super::resource::Resource;
use super::state::Store;
use crate::core::WallTime;

/// What happens to the objects that this one owns.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Propagation {
    /// Nothing is said: as [`Propagation::Background`], but what an earlier request said stays in force.
    #[default]
    Unsaid,
    /// A garbage collector will see to them.
    Background,
    /// The object stays, with finalizer `orphan`, until a garbage collector has made orphans of them.
    Orphan,
    /// The object stays, with finalizer `foregroundDeletion`, until a garbage collector has deleted them.
    Foreground,
}

impl Propagation {
    const fn finalizer(self) -> Option<&'static str> {
        match self {
            Self::Unsaid | Self::Background => None,
            Self::Orphan => Some("orphan"),
            Self::Foreground => Some("foregroundDeletion"),
        }
    }
}

/// The body of a DELETE. The grace period of these kinds is always 0 s.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct DeleteOptions {
    /// `preconditions.uid`.
    pub uid: Option<UidClaim>,
    /// `preconditions.resourceVersion`, compared as text: `""` and `"007"` match nothing.
    pub resource_version: Option<SmolStr>,
    /// `propagationPolicy`.
    pub propagation: Propagation,
}

/// What a DELETE did.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Deleted<S> {
    /// The object is gone; this was its last state. [`super::Details::deleted`] is what the server answers.
    Gone(Object<S>),
    /// The object stays until its finalizers are removed; the server answers with this state of it.
    Terminating(Object<S>),
}

impl<S> Deleted<S> {
    /// The object, gone or not.
    #[must_use]
    pub fn object(&self) -> &Object<S> {
        match self {
            Self::Gone(object) | Self::Terminating(object) => object,
        }
    }
}

/// The finalizers that say what is to happen to the objects that one owns.
const OF_PROPAGATION: [&str; 2] = ["orphan", "foregroundDeletion"];

enum Fate<S> {
    Remove,
    Mark(Object<S>),
    Wait,
}

impl Store {
    /// DELETE: removes the object at `path`, or marks it as terminating at `now` if it has finalizers.
    ///
    /// # Errors
    /// In this order: no such object (404, whatever the preconditions), a wrong uid (409), a wrong resourceVersion (409),
    /// and even a right one (409) if the request takes the last finalizers out.
    pub fn delete<S: Resource>(
        &mut self,
        path: ObjectPath<'_>,
        options: &DeleteOptions,
        now: WallTime,
    ) -> Result<Deleted<S>, StoreError> {
        let (at, fate) = self.decide_delete::<S>(path, options, now)?;
        let live = &self.objects::<S>().at(at).meta;
        // A server first writes the object without those finalizers that the request takes out, and then insists on the
        // revision of that write; where none stay there is no such write, and no revision that would do.
        let had_finalizers = !live.extra().finalizers.is_empty();
        if matches!(fate, Fate::Remove) && had_finalizers && options.resource_version.is_some() {
            let (target, namespace) = (S::target(path.name), path.namespace.into());
            return Err(StoreError::DeleteUnheld { target, namespace, found: live.resource_version });
        }
        Ok(match fate {
            Fate::Remove => Deleted::Gone(self.remove(at)),
            Fate::Wait => Deleted::Terminating(self.objects().at(at).clone()),
            Fate::Mark(object) => {
                self.replace(at, object);
                Deleted::Terminating(self.objects().at(at).clone())
            }
        })
    }

    /// DELETE with `dryRun=All`: what would be done.
    ///
    /// # Errors
    /// As [`Store::delete`], but that a right resourceVersion always does.
    pub fn dry_delete<S: Resource>(
        &self,
        path: ObjectPath<'_>,
        options: &DeleteOptions,
        now: WallTime,
    ) -> Result<Deleted<S>, StoreError> {
        let (at, fate) = self.decide_delete::<S>(path, options, now)?;
        Ok(match fate {
            Fate::Remove => Deleted::Gone(self.objects().at(at).clone()),
            Fate::Wait => Deleted::Terminating(self.objects().at(at).clone()),
            Fate::Mark(object) => Deleted::Terminating(object),
        })
    }

    /// DELETE of a collection: every object of the namespace (or of all) that `selects` takes; returns them as they
    /// were before.
    ///
    /// # Errors
    /// As [`Store::delete`], for the first object that refuses; those before it are deleted by then.
    pub fn delete_collection<S: Resource>(
        &mut self,
        namespace: Option<&str>,
        mut selects: impl FnMut(&Object<S>) -> bool,
        options: &DeleteOptions,
        now: WallTime,
    ) -> Result<Vec<Object<S>>, StoreError> {
        let items = self.objects::<S>().slice(namespace).iter();
        let selected: Vec<_> = items.filter(|object| selects(object)).cloned().collect();
        for object in &selected {
            self.delete::<S>(object.meta.path(), options, now)?;
        }
        Ok(selected)
    }

    fn decide_delete<S: Resource>(
        &self,
        path: ObjectPath<'_>,
        options: &DeleteOptions,
        now: WallTime,
    ) -> Result<(usize, Fate<S>), StoreError> {
        let target = || S::target(path.name);
        let at = self.objects::<S>().find(path).map_err(|_| StoreError::NotFound(target()))?;
        let live = self.objects::<S>().at(at);
        if let Some(claimed) = options.uid.as_ref().filter(|claim| !claim.is(live.meta.uid)) {
            let (claimed, found) = (claimed.clone(), live.meta.uid);
            return Err(StoreError::DeleteUid { target: target(), claimed, found });
        }
        let found = live.meta.resource_version;
        if let Some(claimed) = options.resource_version.as_ref().filter(|text| **text != found.to_smolstr()) {
            return Err(StoreError::DeleteRevision { target: target(), claimed: claimed.clone(), found });
        }
        Ok((at, fate(live, options.propagation, now)))
    }
}

fn fate<S: Resource>(live: &Object<S>, propagation: Propagation, now: WallTime) -> Fate<S> {
    let mut extra = live.meta.extra().clone();
    // Where no collector is waited for, finalizers that would have one wait are no better than none.
    let collected = S::INFO.may_wait_for_collector;
    if propagation != Propagation::Unsaid || !collected {
        let mut finalizers = extra.finalizers.clone();
        finalizers.retain(|known| !OF_PROPAGATION.contains(&known.as_str()));
        finalizers.extend(propagation.finalizer().filter(|_| collected).map(SmolStr::new_static));
        let set = |list: &[SmolStr]| list.iter().cloned().collect::<BTreeSet<_>>();
        // The same ones stay in the order that they are in.
        if set(&finalizers) != set(&extra.finalizers) {
            extra.finalizers = finalizers;
        }
    }
    if extra.finalizers.is_empty() {
        return Fate::Remove;
    }
    if live.meta.deletion_time.is_some() && extra.finalizers == live.meta.extra().finalizers {
        return Fate::Wait;
    }
    let mut object = live.clone();
    let marked = WallTime::from_micros(now.as_secs() * 1_000_000);
    object.meta.deletion_time = live.meta.deletion_time.or(Some(marked));
    object.meta.extra = extra.shared();
    Fate::Mark(object)
}
