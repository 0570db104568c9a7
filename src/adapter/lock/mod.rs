//! Where the record is kept: on a Lease, or, from before there were Leases, in an annotation of a ConfigMap
//! or of Endpoints, or on two objects at once while a fleet moves from one to the other.
//!
//! A lock carries the core's three operations to the API server and the answers back. It decides nothing.

mod annotation;
mod carrier;
mod failure;
mod lease;
mod multi;
mod object;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, ObjectReference};

use super::connection::Line;
use crate::core::{Failure, WallTime};

pub(super) use failure::Refusal;
use multi::MultiLock;
use object::ObjectLock;

/// The objects that an election keeps its record on.
///
/// In an annotation the record is written as client-go wrote it, to the byte, except that [`Protocol::Strict`] adds fractions to its times, by which it
/// knows its own writes. client-go reads them, and forgets them.
///
/// [`Protocol::Strict`]: super::Protocol::Strict
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LockKind {
    /// A Lease: what everybody should use.
    #[default]
    Leases,
    /// The annotation `control-plane.alpha.kubernetes.io/leader` of a ConfigMap.
    ConfigMaps,
    /// The same annotation of Endpoints.
    Endpoints,
    /// A ConfigMap first, and a Lease: the step between the two.
    ConfigMapsLeases,
    /// Endpoints first, and a Lease.
    EndpointsLeases,
}

impl LockKind {
    /// Every kind, and what `--leader-elect-resource-lock` calls it.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("leases", Self::Leases),
        ("configmaps", Self::ConfigMaps),
        ("endpoints", Self::Endpoints),
        ("configmapsleases", Self::ConfigMapsLeases),
        ("endpointsleases", Self::EndpointsLeases),
    ];

    /// What `--leader-elect-resource-lock` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl std::fmt::Display for LockKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for LockKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            let known: Vec<_> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!("`{text}` is no kind of lock; there are {}", known.join(", "))
        })
    }
}

/// The record as it is written, strings and all.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Content {
    /// Empty where nobody holds the lock.
    pub(super) holder: String,
    pub(super) duration_s: i32,
    pub(super) transitions: i32,
    pub(super) acquired: WallTime,
    pub(super) renewed: WallTime,
}

/// A stored record and its version.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) content: Content,
    pub(super) version: Named,
}

/// A version in the server's own words.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Named {
    pub(super) uid: String,
    pub(super) resource_version: String,
}

/// What will have come of a request. Dropping it cancels the request, which may be applied all the same.
pub(super) type Answer = BoxFuture<'static, Result<Seen, Refusal>>;

pub(super) trait Lock: Send + Sync {
    fn get(&self) -> Answer;
    fn create(&self, content: Content) -> Answer;
    fn update(&self, content: Content, expected: Named) -> Answer;
    /// The objects that Events are about, as they were last seen.
    fn references(&self) -> Vec<ObjectReference>;
}

/// How to make a lock.
#[derive(Clone, Debug)]
pub(super) struct LockPlan {
    pub(super) kind: LockKind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    /// Whether annotations carry fractions of a second, which client-go reads but never wrote.
    pub(super) fractions: bool,
}

impl LockPlan {
    pub(super) fn lock(&self, line: &Line) -> Arc<dyn Lock> {
        let leases = || Arc::new(ObjectLock::<Lease>::new(line, self));
        let config_maps = || Arc::new(ObjectLock::<ConfigMap>::new(line, self));
        let endpoints = || Arc::new(ObjectLock::<Endpoints>::new(line, self));
        match self.kind {
            LockKind::Leases => leases(),
            LockKind::ConfigMaps => config_maps(),
            LockKind::Endpoints => endpoints(),
            LockKind::ConfigMapsLeases => Arc::new(MultiLock::new(config_maps(), leases())),
            LockKind::EndpointsLeases => Arc::new(MultiLock::new(endpoints(), leases())),
        }
    }
}

/// A refusal whose outcome is open, though what was last refused was not.
fn open(refusal: Refusal) -> Refusal {
    Refusal { failure: Failure::ServerError, ..refusal }
}
