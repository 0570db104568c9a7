//! What the elector knows of a Lease: six fields, with strings interned by the driver.

use super::time::{Span, WallTime};

/// A holder's identity, interned by the driver. [`IdentityId::NOBODY`] is the empty string
/// (and an absent holder, which every elector treats alike).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IdentityId(pub u16);

impl IdentityId {
    /// No holder.
    pub const NOBODY: Self = Self(0);

    /// Whether this names anybody.
    #[must_use]
    pub const fn is_somebody(self) -> bool {
        self.0 != 0
    }
}

/// Who this process is: the identity it writes, and which of the processes with that identity it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// The holderIdentity that it writes. Must not be [`IdentityId::NOBODY`].
    pub id: IdentityId,
    /// A number that no other process with this identity shares, below a million; drivers draw it at random.
    /// Rules that must tell two processes with one identity apart write it as the microseconds
    /// of acquireTime.
    pub incarnation: u32,
}

/// The version of a stored object that a write is conditional on: its uid and resourceVersion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    /// Changes when the object is deleted and created again; interned by the driver.
    pub uid: u64,
    /// Changes with every write, and only ever grows on one cluster's storage.
    pub resource_version: u64,
}

/// A fencing token: the resourceVersion of the write that acquired the Lease.
///
/// It grows from term to term even where the Lease is deleted and created again, which
/// leaseTransitions does not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FencingToken(pub u64);

/// The part of a Lease that elections read and write.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// holderIdentity.
    pub holder: IdentityId,
    /// leaseDurationSeconds: whole seconds.
    pub duration_s: i32,
    /// leaseTransitions.
    pub transitions: i32,
    /// acquireTime, by the wall clock of whoever wrote it.
    pub acquired: WallTime,
    /// renewTime, by the wall clock of whoever wrote it.
    pub renewed: WallTime,
}

impl Record {
    /// The written duration; nothing for a negative one.
    #[must_use]
    pub fn duration(&self) -> Span {
        Span::from_secs(u64::try_from(self.duration_s).unwrap_or(0))
    }

    /// The record as client-go compares it: both times cut to whole seconds.
    #[must_use]
    pub fn cut_to_seconds(mut self) -> Self {
        self.acquired = WallTime::from_micros(self.acquired.as_secs() * 1_000_000);
        self.renewed = WallTime::from_micros(self.renewed.as_secs() * 1_000_000);
        self
    }

    /// Whether this is what a release writes: no holder, one second, both times renewed with it.
    #[must_use]
    pub fn has_release_shape(&self) -> bool {
        !self.holder.is_somebody() && self.duration_s == 1 && self.acquired == self.renewed
    }
}
