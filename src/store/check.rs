//! The promises that clients build on, checked from outside the code that keeps them.

use core::fmt;
use std::collections::BTreeSet;

use super::config_map::ConfigMapData;
use super::endpoints::EndpointsSubsets;
use super::event::ReportBody;
use super::ids::{Revision, RevisionClaim, Uid};
use super::lease::LeaseSpec;
use super::resource::Resource;
use super::state::Store;
use super::write::{Outcome, Written};

/// A promise that was broken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Violation {
    /// The store's revision went back.
    RevisionWentBack {
        /// What it was.
        from: Revision,
        /// What it is.
        to: Revision,
    },
    /// An object or event is from the future.
    RevisionAhead {
        /// Its revision.
        found: Revision,
        /// The store's.
        current: Revision,
    },
    /// Two objects have the same revision.
    RevisionShared(Revision),
    /// Two objects have the same uid.
    UidShared(Uid),
    /// Objects are out of order, or two have the same name.
    KeysOutOfOrder,
    /// Revisions of the log do not strictly increase; this one is not above the one before.
    LogOutOfOrder(Revision),
    /// The latest event of an object does not show its state.
    LogDisagrees(Revision),
    /// A write replaced another revision than it claimed to.
    StaleWriteAccepted {
        /// What the writer had seen.
        claimed: Revision,
        /// What it replaced.
        replaced: Revision,
    },
    /// A write did not raise the revision, or one without effect did.
    WrongRevision(Revision),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RevisionWentBack { from, to } => {
                write!(f, "the store's revision went back from {from} to {to}")
            }
            Self::RevisionAhead { found, current } => {
                write!(f, "revision {found} is ahead of the store's, {current}")
            }
            Self::RevisionShared(revision) => write!(f, "two objects have revision {revision}"),
            Self::UidShared(uid) => write!(f, "two objects have uid {uid}"),
            Self::KeysOutOfOrder => f.write_str("the objects' keys do not strictly increase"),
            Self::LogOutOfOrder(revision) => {
                write!(f, "event {revision} is not later than the one before it")
            }
            Self::LogDisagrees(revision) => {
                write!(f, "event {revision} does not show the object's latest state")
            }
            Self::StaleWriteAccepted { claimed, replaced } => {
                write!(f, "a write of revision {claimed} replaced revision {replaced}")
            }
            Self::WrongRevision(revision) => write!(f, "a write ended at revision {revision}"),
        }
    }
}

impl core::error::Error for Violation {}

impl Store {
    /// Checks what must hold in any one state: revisions and uids are unique and not from the future, keys and events
    /// are in order, and the log shows the latest state of every object it mentions. It looks at everything there is,
    /// so a hot loop should not call it on every step.
    ///
    /// # Errors
    /// The first promise that does not hold.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        let mut seen = Vec::new();
        self.check_kind::<LeaseSpec>(&mut seen)?;
        self.check_kind::<ConfigMapData>(&mut seen)?;
        self.check_kind::<EndpointsSubsets>(&mut seen)?;
        self.check_kind::<ReportBody>(&mut seen)?;
        seen.sort_unstable_by_key(|&(uid, _)| uid);
        if let Some(pair) = seen.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Violation::UidShared(pair[0].0));
        }
        seen.sort_unstable_by_key(|&(_, revision)| revision);
        if let Some(pair) = seen.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            return Err(Violation::RevisionShared(pair[0].1));
        }
        Ok(())
    }

    fn check_kind<S: Resource>(&self, seen: &mut Vec<(Uid, Revision)>) -> Result<(), Violation> {
        let current = self.revision();
        let ahead = |found: Revision| match found <= current {
            true => Ok(()),
            false => Err(Violation::RevisionAhead { found, current }),
        };
        let objects = self.objects::<S>();
        let items = objects.slice(None);
        if !items.is_sorted_by(|a, b| a.meta.path() < b.meta.path()) {
            return Err(Violation::KeysOutOfOrder);
        }
        for item in items {
            ahead(item.meta.resource_version)?;
            seen.push((item.meta.uid, item.meta.resource_version));
        }
        let mut before = Revision::NONE;
        for event in objects.log.events() {
            ahead(event.revision)?;
            let was_later =
                event.previous.as_ref().is_some_and(|p| p.meta.resource_version >= event.revision);
            if event.revision <= before || was_later || event.object.meta.resource_version != event.revision {
                return Err(Violation::LogOutOfOrder(event.revision));
            }
            before = event.revision;
        }
        self.check_log_against_objects::<S>()
    }

    fn check_log_against_objects<S: Resource>(&self) -> Result<(), Violation> {
        use super::log::EventKind::Deleted;
        let objects = self.objects::<S>();
        let mut later = BTreeSet::new();
        for event in objects.log.events().rev() {
            let path = event.object.meta.path();
            if !later.insert(path) {
                continue;
            }
            let shown = (event.kind != Deleted).then_some(&event.object);
            if shown != objects.get(path) {
                return Err(Violation::LogDisagrees(event.revision));
            }
        }
        Ok(())
    }
}

/// Watches a store over time: what must hold from one state to the next. A store that was cleared needs a new one.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct InvariantChecker {
    revision: Revision,
}

impl InvariantChecker {
    /// Checks a state of the store against the one seen before; to be called after every request.
    ///
    /// # Errors
    /// The first promise that does not hold.
    pub fn observe(&mut self, store: &Store) -> Result<(), Violation> {
        let (from, to) = (self.revision, store.revision());
        if to < from {
            return Err(Violation::RevisionWentBack { from, to });
        }
        self.revision = to;
        store.check_invariants()
    }

    /// Checks the answer to a write that claimed a resourceVersion, before the next [`InvariantChecker::observe`].
    ///
    /// # Errors
    /// The write replaced another version than it claimed to, or did not raise the revision as it should.
    pub fn wrote<S: Clone>(&self, claim: &RevisionClaim, answer: &Written<'_, S>) -> Result<(), Violation> {
        let after = answer.revision();
        if let (&RevisionClaim::At(claimed), Some(replaced)) = (claim, answer.replaced)
            && claimed != replaced
        {
            return Err(Violation::StaleWriteAccepted { claimed, replaced });
        }
        let right = match answer.outcome {
            Outcome::Created | Outcome::Updated => after > self.revision,
            Outcome::Unchanged | Outcome::Finished => answer.replaced == Some(after),
        };
        if right { Ok(()) } else { Err(Violation::WrongRevision(after)) }
    }
}
