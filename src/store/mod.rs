//! The API server as a pure value: the semantics of Leases, ConfigMaps and Endpoints behind one revision counter.
//!
//! A [`Store`] does what a real server was seen to do (recorded from kube-apiserver 1.36.3):
//! optimistic locking, create-on-update, preconditions, validation, finalizers, no-op writes, the watch window and
//! reads of the past. It does no I/O, reads no clock and draws no randomness; the caller passes the time in.
//!
//! ```
//! use leasehold::core::WallTime;
//! use leasehold::store::{Incoming, LeaseSpec, ObjectPath, Store, StoreError, StoreOptions};
//!
//! let mut store = Store::new(StoreOptions::simulation());
//! let (lock, now) = (ObjectPath::new("default", "lock"), WallTime::from_micros(0));
//! let spec = LeaseSpec { holder_identity: Some("a".into()), ..LeaseSpec::default() };
//!
//! let seen = store.create("default", Incoming::new("lock", spec.clone()), now)?.into_object();
//! let mut renewal = Incoming::from(&seen);
//! renewal.spec.renew_time = Some(now);
//! store.update(lock, renewal.clone(), now)?;
//! assert!(matches!(store.update(lock, renewal, now), Err(StoreError::Conflict(_))));
//! # Ok::<(), StoreError>(())
//! ```
//!
//! From top to bottom: `write`, `patch`, `delete` and `read` are the verbs; `collection` and `log` hold the objects and
//! their past; `object`, `lease`, `config_map`, `endpoints` and `event` are the data; `metadata` and `field` validate; `error` and
//! `status` say what went wrong in the server's own words; `check` watches the store's promises from outside.

mod check;
mod collection;
mod config_map;
mod delete;
mod endpoints;
mod error;
mod event;
mod field;
mod ids;
mod lease;
mod log;
mod metadata;
mod namespaces;
mod object;
mod patch;
mod read;
mod resource;
mod state;
mod status;
pub(crate) mod text;
mod tree;
mod write;

pub use check::{InvariantChecker, Violation};
pub use collection::Collection;
pub use config_map::{ConfigMap, ConfigMapData, ConfigMapPatch};
pub use delete::{DeleteOptions, Deleted, Propagation};
pub use endpoints::{Endpoints, EndpointsPatch, EndpointsSubsets};
pub use error::{StoreError, Target};
pub use event::{Report, ReportBody, ReportPatch};
pub use field::{BadValue, FieldError, FieldProblem};
pub use ids::{Revision, RevisionClaim, Uid, UidClaim};
pub use lease::{Lease, LeasePatch, LeaseSpec};
pub use log::{Event, EventKind};
#[cfg(feature = "serve")]
pub(crate) use metadata::{bad_label_key, bad_label_value};
pub use namespaces::NamespacePhase;
pub use object::{DeletionClaim, Extra, Incoming, ManagedFields, Meta, Object, ObjectPath, OwnerReference};
pub use patch::{Field, MapPatch, MetaPatch, Patch};
pub use read::List;
pub use resource::{Kinds, Resource, ResourceInfo};
pub use state::{Namespaces, Store, StoreOptions};
pub use status::{Cause, Details, Status};
pub use tree::Tree;
pub use write::{Amend, Outcome, Written};
