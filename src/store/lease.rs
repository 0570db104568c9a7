//! Leases of `coordination.k8s.io/v1`.

use smol_str::SmolStr;

use super::collection::Collection;
use super::field::{BadValue, FieldError};
use super::object::Object;
use super::patch::Field;
use super::resource::{Kinds, Resource, ResourceInfo};
use crate::core::WallTime;

/// A stored Lease.
pub type Lease = Object<LeaseSpec>;

/// The `spec` of a Lease. Any field may be absent; the server compares none with another and none with a clock.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct LeaseSpec {
    /// Who holds the lease; `Some("")` and `None` are different values.
    pub holder_identity: Option<SmolStr>,
    /// Seconds that others should wait after the last renewal they saw; at least 1.
    pub lease_duration_seconds: Option<i32>,
    /// When the holder acquired the lease, by its own clock.
    pub acquire_time: Option<WallTime>,
    /// When the holder last renewed it, by its own clock.
    pub renew_time: Option<WallTime>,
    /// How often the holder changed, by the holders' count; at least 0, may go down.
    pub lease_transitions: Option<i32>,
    /// Coordinated leader election's strategy: dropped on write, as the feature gate is off by default.
    pub strategy: Option<SmolStr>,
    /// Coordinated leader election's preference: dropped on write like `strategy`.
    pub preferred_holder: Option<SmolStr>,
}

/// A merge patch of a Lease's `spec`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct LeasePatch {
    /// For [`LeaseSpec::holder_identity`].
    pub holder_identity: Field<SmolStr>,
    /// For [`LeaseSpec::lease_duration_seconds`].
    pub lease_duration_seconds: Field<i32>,
    /// For [`LeaseSpec::acquire_time`].
    pub acquire_time: Field<WallTime>,
    /// For [`LeaseSpec::renew_time`].
    pub renew_time: Field<WallTime>,
    /// For [`LeaseSpec::lease_transitions`].
    pub lease_transitions: Field<i32>,
}

impl Resource for LeaseSpec {
    const INFO: &'static ResourceInfo = &ResourceInfo {
        group: "coordination.k8s.io",
        version: "v1",
        kind: "Lease",
        plural: "leases",
        storage_prefix: "/registry/leases",
        allows_unconditional_update: false,
        allows_create_on_update: true,
        may_wait_for_collector: true,
    };

    type Patch = LeasePatch;

    fn normalize(&mut self) {
        self.strategy = None;
        self.preferred_holder = None;
    }

    fn validate(&self, errors: &mut Vec<FieldError>) {
        let mut refuse = |field, n: i32, detail| {
            errors.push(FieldError::invalid(field, BadValue::Number(n.into()), detail));
        };
        if let Some(n @ ..=0) = self.lease_duration_seconds {
            refuse("spec.leaseDurationSeconds", n, "must be greater than 0");
        }
        if let Some(n @ ..0) = self.lease_transitions {
            refuse("spec.leaseTransitions", n, "must be greater than or equal to 0");
        }
    }

    fn apply(&mut self, patch: &LeasePatch) {
        patch.holder_identity.apply(&mut self.holder_identity);
        patch.lease_duration_seconds.apply(&mut self.lease_duration_seconds);
        patch.acquire_time.apply(&mut self.acquire_time);
        patch.renew_time.apply(&mut self.renew_time);
        patch.lease_transitions.apply(&mut self.lease_transitions);
    }

    fn collection(kinds: &Kinds) -> &Collection<Self> {
        &kinds.leases
    }

    fn collection_mut(kinds: &mut Kinds) -> &mut Collection<Self> {
        &mut kinds.leases
    }
}
