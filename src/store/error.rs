//! Why the store refused a request. Nothing is formatted until someone asks for the text.

use core::fmt;

use smol_str::SmolStr;

use super::field::FieldError;
use super::ids::{Revision, Uid, UidClaim};
use super::resource::ResourceInfo;

/// The object that a request was about.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// Its kind.
    pub resource: &'static ResourceInfo,
    /// Its name; empty if it has none yet.
    pub name: SmolStr,
}

/// Why the store refused a request; [`StoreError::status`] is what the server answers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// 404: there is no such object.
    NotFound(Target),
    /// 409: a create found the object in place.
    AlreadyExists {
        /// The object.
        target: Target,
        /// It only waits for its finalizers.
        terminating: bool,
        /// The new object had a `generateName`.
        generated: bool,
    },
    /// 409: the resourceVersion is not that of the stored object.
    Conflict(Target),
    /// 422: an update must say which version it replaces.
    RevisionRequired(Target),
    /// 500 without a reason: the resourceVersion is not a number.
    RevisionUnreadable(SmolStr),
    /// 500 without a reason: a create must not have a resourceVersion.
    RevisionOnCreate,
    /// 409: the uid of a PUT is not that of the stored object.
    UidPrecondition {
        /// The object.
        target: Target,
        /// Its namespace.
        namespace: SmolStr,
        /// The uid that was sent.
        claimed: UidClaim,
        /// The uid that is stored, if the object is there.
        found: Option<Uid>,
    },
    /// 409: the uid precondition of a DELETE does not hold.
    DeleteUid {
        /// The object.
        target: Target,
        /// The uid that was sent.
        claimed: UidClaim,
        /// The uid that is stored.
        found: Uid,
    },
    /// 409: the resourceVersion precondition of a DELETE does not hold.
    DeleteRevision {
        /// The object.
        target: Target,
        /// The text that was sent.
        claimed: SmolStr,
        /// The revision that is stored.
        found: Revision,
    },
    /// 409: a DELETE with a resourceVersion precondition took the last finalizers from the object.
    DeleteUnheld {
        /// The object.
        target: Target,
        /// Its namespace.
        namespace: SmolStr,
        /// The revision that is stored.
        found: Revision,
    },
    /// 422: fields failed validation.
    Invalid {
        /// The object.
        target: Target,
        /// What is wrong, in the server's order; never empty.
        errors: Vec<FieldError>,
    },
    /// 400: the object's namespace is not that of the URL.
    NamespaceMismatch,
    /// 400: the object of a PUT has no name; the URL's is given here.
    NameMissing(SmolStr),
    /// 400: the object's name is not that of the URL.
    NameMismatch {
        /// The name in the object.
        sent: SmolStr,
        /// The name in the URL.
        url: SmolStr,
    },
    /// 404: the namespace does not exist.
    NamespaceNotFound(SmolStr),
    /// 403: the namespace is being deleted and takes nothing new.
    NamespaceTerminating {
        /// The object.
        target: Target,
        /// The namespace.
        namespace: SmolStr,
    },
    /// 410: the log does not reach back to where a watch is to start. A server puts it in an `ERROR` event.
    WatchExpired {
        /// Where the watch was to start.
        requested: Revision,
        /// The oldest place where one can.
        oldest: Revision,
    },
    /// 410: the log does not reach back to the moment that a read asked for.
    ReadExpired,
    /// 504: a read asked for a revision that is yet to come; a server waits about 3 s before it says so.
    RevisionTooLarge {
        /// The revision asked for.
        requested: Revision,
        /// The latest there is.
        current: Revision,
    },
}

/// The message of the Status.
impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl core::error::Error for StoreError {}
