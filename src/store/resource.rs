//! What a kind of object has to say about itself.

use core::fmt::Debug;
use core::hash::Hash;

use super::collection::Collection;
use super::config_map::ConfigMapData;
use super::endpoints::EndpointsSubsets;
use super::error::Target;
use super::event::ReportBody;
use super::field::FieldError;
use super::lease::LeaseSpec;
use super::metadata::{self, NameRule};
use super::object::Object;

/// Names and write policies of a kind.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct ResourceInfo {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version that is served.
    pub version: &'static str,
    /// The kind, such as `Lease`.
    pub kind: &'static str,
    /// The resource in URLs and most messages, such as `leases`.
    pub plural: &'static str,
    /// What storage keys start with; it shows in one message.
    pub storage_prefix: &'static str,
    /// Whether a PUT without a resourceVersion overwrites (200) rather than fails (422).
    pub allows_unconditional_update: bool,
    /// Whether a PUT to a missing object creates it (201) rather than fails (404).
    pub allows_create_on_update: bool,
    /// Whether a DELETE may leave an object to a garbage collector, with a finalizer that says so.
    pub may_wait_for_collector: bool,
}

/// The contents of one kind of object: the store is generic over it.
pub trait Resource: Clone + Default + Eq + Hash + Debug + Sized + 'static {
    /// Names and policies.
    const INFO: &'static ResourceInfo;

    /// A typed merge patch of the contents.
    type Patch: Clone + Default + Eq + Debug;

    /// Drops what the server ignores and makes equal what it takes for equal, before validation.
    fn normalize(&mut self) {}

    /// Adds what is wrong with the contents.
    fn validate(&self, errors: &mut Vec<FieldError>);

    /// Adds what is wrong with a new object, in the server's order.
    fn validate_new(object: &Object<Self>, errors: &mut Vec<FieldError>) {
        metadata::check_new(&object.meta, NameRule::Subdomain, errors);
        object.spec.validate(errors);
    }

    /// Adds what forbids that `next` takes the place of `live`. The server has looked at the metadata before, and mostly
    /// does so once more here, so that the `meta` errors are listed again.
    fn validate_change(
        next: &Object<Self>,
        _live: &Object<Self>,
        meta: &[FieldError],
        errors: &mut Vec<FieldError>,
    ) {
        errors.extend_from_slice(meta);
        next.spec.validate(errors);
    }

    /// Applies a merge patch.
    fn apply(&mut self, patch: &Self::Patch);

    /// The object called `name`, for an error.
    #[must_use]
    fn target(name: &str) -> Target {
        Target { resource: Self::INFO, name: name.into() }
    }

    /// The store's objects of this kind.
    fn collection(kinds: &Kinds) -> &Collection<Self>;

    /// The store's objects of this kind, to be changed.
    fn collection_mut(kinds: &mut Kinds) -> &mut Collection<Self>;
}

/// The objects of a store, by kind; a new kind gets a field here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Kinds {
    pub(super) leases: Collection<LeaseSpec>,
    pub(super) config_maps: Collection<ConfigMapData>,
    pub(super) endpoints: Collection<EndpointsSubsets>,
    pub(super) reports: Collection<ReportBody>,
}
