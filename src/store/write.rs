//! POST and PUT. Each request is first decided on, which changes nothing, and then carried out.

use std::borrow::Cow;
use std::sync::Arc;

use smol_str::SmolStr;

use super::error::{StoreError, Target};
use super::ids::{Revision, RevisionClaim, Uid, UidClaim, mix};
use super::metadata::{self, Claims, NameRule};
use super::namespaces::NamespacePhase;
use super::object::{Extra, Incoming, Meta, Object, ObjectPath};
use super::resource::Resource;
use super::state::Store;
use crate::core::WallTime;

/// What a write did.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The object is new (201).
    Created,
    /// The object has a new revision (200).
    Updated,
    /// Nothing changed: same revision, no event (200).
    Unchanged,
    /// The write took the last finalizer from an object that was being deleted, and the object is gone (200).
    Finished,
}

/// The answer to a write that succeeded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written<'a, S: Clone> {
    /// What the write did.
    pub outcome: Outcome,
    /// The object as it is answered: borrowed if it is in the store.
    pub object: Cow<'a, Object<S>>,
    /// The revision that the write replaced, if there was an object before.
    pub replaced: Option<Revision>,
}

impl<S: Clone> Written<'_, S> {
    /// The object, copied out of the store if need be.
    #[must_use]
    pub fn into_object(self) -> Object<S> {
        self.object.into_owned()
    }

    /// The object's revision after the write.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.object.meta.resource_version
    }

    /// The HTTP status: 201 if the object is new, 200 otherwise.
    #[must_use]
    pub fn code(&self) -> u16 {
        if self.outcome == Outcome::Created { 201 } else { 200 }
    }
}

/// The last hand on an object before it is validated, in one step with the write: it sees the stored object, if there
/// is one, and what is to be stored. A server fills in `managedFields` here.
pub type Amend<'a, S> = &'a mut dyn FnMut(Option<&Object<S>>, &mut Object<S>);

/// What a request will do, with the place of the object in its collection.
#[derive(Debug)]
pub(super) enum Decision<S> {
    Create(usize, Object<S>),
    Replace(usize, Object<S>),
    Keep(usize),
    Finish(usize, Object<S>),
}

impl Store {
    /// POST: creates an object in a namespace, at the server's time `now`.
    ///
    /// # Errors
    /// In this order: namespaces that differ (400), a namespace that is missing (404) or terminating (403), validation
    /// (422), a resourceVersion (500), an object of that name (409).
    pub fn create<S: Resource>(
        &mut self,
        namespace: &str,
        object: Incoming<S>,
        now: WallTime,
    ) -> Result<Written<'_, S>, StoreError> {
        let decision = self.decide_create(namespace, object, now, &mut |_, _| {})?;
        Ok(self.carry_out(decision))
    }

    /// POST with `dryRun=All`: the object that would be created; it has a uid but no resourceVersion.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn dry_create<S: Resource>(
        &self,
        namespace: &str,
        object: Incoming<S>,
        now: WallTime,
    ) -> Result<Written<'_, S>, StoreError> {
        Ok(self.rehearse(self.decide_create(namespace, object, now, &mut |_, _| {})?))
    }

    /// PUT: replaces the object at `path`, or creates it where its kind allows that.
    ///
    /// # Errors
    /// For an object that exists, in this order: namespaces or names that differ (400), a wrong uid (409), a
    /// resourceVersion that is no number (500), missing (422) or stale (409), validation (422). A missing object is
    /// created whatever the resourceVersion, but not if a uid was sent (409).
    pub fn update<S: Resource>(
        &mut self,
        path: ObjectPath<'_>,
        object: Incoming<S>,
        now: WallTime,
    ) -> Result<Written<'_, S>, StoreError> {
        let decision = self.decide_update(path, object, now, &mut |_, _| {})?;
        Ok(self.carry_out(decision))
    }

    /// PUT with `dryRun=All`: the object that would be stored, with the revision that is.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub fn dry_update<S: Resource>(
        &self,
        path: ObjectPath<'_>,
        object: Incoming<S>,
        now: WallTime,
    ) -> Result<Written<'_, S>, StoreError> {
        Ok(self.rehearse(self.decide_update(path, object, now, &mut |_, _| {})?))
    }

    /// POST with a last hand on the object; `dry` only rehearses it.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn create_with<S: Resource>(
        &mut self,
        namespace: &str,
        object: Incoming<S>,
        now: WallTime,
        dry: bool,
        amend: Amend<'_, S>,
    ) -> Result<Written<'_, S>, StoreError> {
        let decision = self.decide_create(namespace, object, now, amend)?;
        Ok(if dry { self.rehearse(decision) } else { self.carry_out(decision) })
    }

    /// PUT with a last hand on the object; `dry` only rehearses it.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub fn update_with<S: Resource>(
        &mut self,
        path: ObjectPath<'_>,
        object: Incoming<S>,
        now: WallTime,
        dry: bool,
        amend: Amend<'_, S>,
    ) -> Result<Written<'_, S>, StoreError> {
        let decision = self.decide_update(path, object, now, amend)?;
        Ok(if dry { self.rehearse(decision) } else { self.carry_out(decision) })
    }

    /// The end of a PATCH of any format: stores what became of the object at `path`.
    ///
    /// Unlike a PUT it takes a wrong uid for an attempt to change it (422), and looks at the resourceVersion first.
    ///
    /// # Errors
    /// In this order: no such object (404), namespaces or names that differ (400), a resourceVersion that is no number
    /// (500), missing (422) or stale (409), a wrong uid and other validation (422).
    pub fn patched_with<S: Resource>(
        &mut self,
        path: ObjectPath<'_>,
        object: Incoming<S>,
        dry: bool,
        amend: Amend<'_, S>,
    ) -> Result<Written<'_, S>, StoreError> {
        let objects = self.objects::<S>();
        let at = objects.find(path).map_err(|_| StoreError::NotFound(S::target(path.name)))?;
        let live = objects.at(at);
        check_name(path.name, &object.name)?;
        check_namespace(path.namespace, &object.namespace)?;
        check_revision(&object.resource_version, live, S::INFO.allows_unconditional_update)?;
        let claims = Claims { deletion: object.deletion(), uid: object.uid };
        let mut next = live.replaced_by(object.extra, object.spec);
        amend(Some(live), &mut next);
        let decision = self.settle(at, next, &claims)?;
        Ok(if dry { self.rehearse(decision) } else { self.carry_out(decision) })
    }

    /// The end of an apply that found no object at `path`: creates it, also where a PUT may not.
    ///
    /// # Errors
    /// In this order: namespaces or names that differ (400), a namespace that is missing (404) or terminating (403), a
    /// resourceVersion that is no number (500), validation (422), an object that is there after all (409).
    pub fn applied_with<S: Resource>(
        &mut self,
        path: ObjectPath<'_>,
        object: Incoming<S>,
        now: WallTime,
        dry: bool,
        amend: Amend<'_, S>,
    ) -> Result<Written<'_, S>, StoreError> {
        check_namespace(path.namespace, &object.namespace)?;
        check_name(path.name, &object.name)?;
        let Err(at) = self.objects::<S>().find(path) else {
            let target = S::target(path.name);
            return Err(StoreError::AlreadyExists { target, terminating: false, generated: false });
        };
        let decision = self.decide_create_at(at, path, object, now, amend)?;
        Ok(if dry { self.rehearse(decision) } else { self.carry_out(decision) })
    }

    fn decide_create<S: Resource>(
        &self,
        namespace: &str,
        sent: Incoming<S>,
        now: WallTime,
        amend: Amend<'_, S>,
    ) -> Result<Decision<S>, StoreError> {
        check_namespace(namespace, &sent.namespace)?;
        let prefix = &Extra::of(&sent.extra).generate_name;
        self.admit_new::<S>(namespace, if sent.name.is_empty() { prefix } else { &sent.name })?;
        let has_revision = matches!(sent.resource_version, RevisionClaim::At(_));
        let object = self.newborn(namespace, sent, now, amend)?;
        if has_revision {
            return Err(StoreError::RevisionOnCreate);
        }
        match self.objects::<S>().find(object.meta.path()) {
            Err(at) => Ok(Decision::Create(at, object)),
            Ok(at) => Err(StoreError::AlreadyExists {
                target: S::target(&object.meta.name),
                terminating: self.objects::<S>().at(at).meta.deletion_time.is_some(),
                generated: !object.meta.extra().generate_name.is_empty(),
            }),
        }
    }

    fn decide_update<S: Resource>(
        &self,
        path: ObjectPath<'_>,
        sent: Incoming<S>,
        now: WallTime,
        amend: Amend<'_, S>,
    ) -> Result<Decision<S>, StoreError> {
        check_namespace(path.namespace, &sent.namespace)?;
        check_name(path.name, &sent.name)?;
        let at = match self.objects::<S>().find(path) {
            Ok(at) => at,
            Err(at) => return self.decide_create_on_update(at, path, sent, now, amend),
        };
        let live = self.objects::<S>().at(at);
        if let Some(claim) = sent.uid.as_ref().filter(|claim| !claim.is(live.meta.uid)) {
            return Err(uid_precondition::<S>(path, claim.clone(), Some(live.meta.uid)));
        }
        check_revision(&sent.resource_version, live, S::INFO.allows_unconditional_update)?;
        let claims = Claims { uid: None, deletion: sent.deletion() };
        let mut next = live.replaced_by(sent.extra, sent.spec);
        amend(Some(live), &mut next);
        self.settle(at, next, &claims)
    }

    fn decide_create_on_update<S: Resource>(
        &self,
        at: usize,
        path: ObjectPath<'_>,
        sent: Incoming<S>,
        now: WallTime,
        amend: Amend<'_, S>,
    ) -> Result<Decision<S>, StoreError> {
        // 1.36 looks at the kind first; 1.32 answered 409 to a ConfigMap with a uid.
        if !S::INFO.allows_create_on_update {
            return Err(StoreError::NotFound(S::target(path.name)));
        }
        if let Some(claim) = sent.uid {
            return Err(uid_precondition::<S>(path, claim, None));
        }
        self.decide_create_at(at, path, sent, now, amend)
    }

    fn decide_create_at<S: Resource>(
        &self,
        at: usize,
        path: ObjectPath<'_>,
        sent: Incoming<S>,
        now: WallTime,
        amend: Amend<'_, S>,
    ) -> Result<Decision<S>, StoreError> {
        self.admit_new::<S>(path.namespace, path.name)?;
        // From the server's source: the number is parsed although it is then ignored.
        if let RevisionClaim::Unreadable(text) = sent.resource_version {
            return Err(StoreError::RevisionUnreadable(text));
        }
        let claim = sent.resource_version.clone();
        let mut object = self.newborn(path.namespace, sent, now, amend)?;
        // A rehearsal shows it; what is stored gets one of its own.
        if let RevisionClaim::At(revision) = claim {
            object.meta.resource_version = revision;
        }
        Ok(Decision::Create(at, object))
    }

    /// The end of every change of an existing object: validation, then whether anything is different.
    pub(super) fn settle<S: Resource>(
        &self,
        at: usize,
        mut next: Object<S>,
        claims: &Claims,
    ) -> Result<Decision<S>, StoreError> {
        let live = self.objects::<S>().at(at);
        next.spec.normalize();
        let (mut errors, mut of_meta) = (Vec::new(), Vec::new());
        metadata::check_change(&live.meta, &next.meta, claims, &mut of_meta);
        metadata::check_new(&next.meta, NameRule::PathSegment, &mut errors);
        errors.extend_from_slice(&of_meta);
        S::validate_change(&next, live, &of_meta, &mut errors);
        if !errors.is_empty() {
            return Err(StoreError::Invalid { target: S::target(&next.meta.name), errors });
        }
        if next.meta.deletion_time.is_some() && next.meta.extra().finalizers.is_empty() {
            return Ok(Decision::Finish(at, next));
        }
        if next.spec == live.spec && Extra::same(&next.meta.extra, &live.meta.extra) {
            return Ok(Decision::Keep(at));
        }
        Ok(Decision::Replace(at, next))
    }

    fn admit_new<S: Resource>(&self, namespace: &str, name: &str) -> Result<(), StoreError> {
        match self.namespaces.phase(namespace) {
            Some(NamespacePhase::Active) => Ok(()),
            None => Err(StoreError::NamespaceNotFound(namespace.into())),
            Some(NamespacePhase::Terminating) => {
                Err(StoreError::NamespaceTerminating { target: S::target(name), namespace: namespace.into() })
            }
        }
    }

    /// A valid object with what the server fills in, but without a revision.
    fn newborn<S: Resource>(
        &self,
        namespace: &str,
        sent: Incoming<S>,
        now: WallTime,
        amend: Amend<'_, S>,
    ) -> Result<Object<S>, StoreError> {
        let meta = Meta {
            namespace: namespace.into(),
            name: if sent.name.is_empty() {
                self.generate_name::<S>(namespace, &sent.extra)
            } else {
                sent.name
            },
            uid: self.next_uid(),
            resource_version: Revision::NONE,
            creation_time: WallTime::from_micros(now.as_secs() * 1_000_000),
            deletion_time: None,
            extra: sent.extra.filter(|extra| **extra != Extra::default()),
        };
        let mut object = Object { meta, spec: sent.spec };
        // Who set what is recorded first, also of fields that are then dropped.
        amend(None, &mut object);
        object.spec.normalize();
        let mut errors = Vec::new();
        S::validate_new(&object, &mut errors);
        if errors.is_empty() {
            return Ok(object);
        }
        Err(StoreError::Invalid { target: S::target(&object.meta.name), errors })
    }

    /// `generateName` cut to 58 bytes, and five characters that follow from the uid rather than from chance.
    fn generate_name<S: Resource>(&self, namespace: &str, extra: &Option<Arc<Extra>>) -> SmolStr {
        const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        const PREFIX_BYTES_MAX: usize = 58;
        /// How often the server tries before it answers 409.
        const ATTEMPTS: u64 = 8;
        let prefix = &Extra::of(extra).generate_name;
        if prefix.is_empty() {
            return SmolStr::default();
        }
        let cut = (0..=prefix.len().min(PREFIX_BYTES_MAX)).rev().find(|&at| prefix.is_char_boundary(at));
        let prefix = &prefix[..cut.unwrap_or_default()];
        let name = |attempt: u64| {
            let mut rest = mix(self.next_uid().get() ^ attempt << 56) >> 8;
            let suffix = core::array::from_fn::<_, 5, _>(|_| {
                let letter = ALPHABET[(rest % 27) as usize];
                rest /= 27;
                char::from(letter)
            });
            prefix.chars().chain(suffix).collect::<SmolStr>()
        };
        let is_free = |name: &SmolStr| self.objects::<S>().get(ObjectPath::new(namespace, name)).is_none();
        (0..ATTEMPTS).map(name).find(is_free).unwrap_or_else(|| name(0))
    }

    pub(super) fn carry_out<S: Resource>(&mut self, decision: Decision<S>) -> Written<'_, S> {
        let replaced = self.replaced_by(&decision);
        let (outcome, at) = match decision {
            Decision::Create(at, object) => {
                self.insert(at, object);
                (Outcome::Created, at)
            }
            Decision::Replace(at, object) => {
                self.replace(at, object);
                (Outcome::Updated, at)
            }
            Decision::Keep(at) => (Outcome::Unchanged, at),
            Decision::Finish(at, object) => {
                self.remove::<S>(at);
                return Written { outcome: Outcome::Finished, object: Cow::Owned(object), replaced };
            }
        };
        Written { outcome, object: Cow::Borrowed(self.objects().at(at)), replaced }
    }

    pub(super) fn rehearse<S: Resource>(&self, decision: Decision<S>) -> Written<'_, S> {
        let replaced = self.replaced_by(&decision);
        let (outcome, object) = match decision {
            Decision::Create(_, object) => (Outcome::Created, Cow::Owned(object)),
            Decision::Replace(_, object) => (Outcome::Updated, Cow::Owned(object)),
            Decision::Keep(at) => (Outcome::Unchanged, Cow::Borrowed(self.objects().at(at))),
            Decision::Finish(_, object) => (Outcome::Finished, Cow::Owned(object)),
        };
        Written { outcome, object, replaced }
    }

    fn replaced_by<S: Resource>(&self, decision: &Decision<S>) -> Option<Revision> {
        match decision {
            Decision::Create(..) => None,
            Decision::Replace(at, _) | Decision::Keep(at) | Decision::Finish(at, _) => {
                Some(self.objects::<S>().at(*at).meta.resource_version)
            }
        }
    }
}

fn check_namespace(url: &str, sent: &str) -> Result<(), StoreError> {
    if sent.is_empty() || sent == url { Ok(()) } else { Err(StoreError::NamespaceMismatch) }
}

fn check_name(url: &str, sent: &SmolStr) -> Result<(), StoreError> {
    if sent == url {
        Ok(())
    } else if sent.is_empty() {
        Err(StoreError::NameMissing(url.into()))
    } else {
        Err(StoreError::NameMismatch { sent: sent.clone(), url: url.into() })
    }
}

/// Whether a claim lets a write replace `live`.
pub(super) fn check_revision<S: Resource>(
    claim: &RevisionClaim,
    live: &Object<S>,
    unconditional: bool,
) -> Result<(), StoreError> {
    match claim {
        RevisionClaim::At(revision) if *revision == live.meta.resource_version => Ok(()),
        RevisionClaim::Unset if unconditional => Ok(()),
        RevisionClaim::At(_) => Err(StoreError::Conflict(S::target(&live.meta.name))),
        RevisionClaim::Unset => Err(StoreError::RevisionRequired(S::target(&live.meta.name))),
        RevisionClaim::Unreadable(text) => Err(StoreError::RevisionUnreadable(text.clone())),
    }
}

fn uid_precondition<S: Resource>(path: ObjectPath<'_>, claimed: UidClaim, found: Option<Uid>) -> StoreError {
    let (target, namespace): (Target, SmolStr) = (S::target(path.name), path.namespace.into());
    StoreError::UidPrecondition { target, namespace, claimed, found }
}
