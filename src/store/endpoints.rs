//! Endpoints of the core group, as far as older leader election used them: as a carrier of annotations.

use std::sync::Arc;

use super::collection::Collection;
use super::field::FieldError;
use super::object::Object;
use super::resource::{Kinds, Resource, ResourceInfo};
use super::tree::Tree;

/// A stored Endpoints object.
pub type Endpoints = Object<EndpointsSubsets>;

/// The contents of an Endpoints object: `subsets`, which the store does not look into.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct EndpointsSubsets(pub Option<Arc<Tree>>);

/// A merge patch of an Endpoints object's contents, of which there are none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct EndpointsPatch;

impl Resource for EndpointsSubsets {
    const INFO: &'static ResourceInfo = &ResourceInfo {
        group: "",
        version: "v1",
        kind: "Endpoints",
        plural: "endpoints",
        storage_prefix: "/registry/services/endpoints",
        allows_unconditional_update: true,
        allows_create_on_update: true,
    };

    type Patch = EndpointsPatch;

    fn validate(&self, _errors: &mut Vec<FieldError>) {}

    fn apply(&mut self, _patch: &EndpointsPatch) {}

    fn collection(kinds: &Kinds) -> &Collection<Self> {
        &kinds.endpoints
    }

    fn collection_mut(kinds: &mut Kinds) -> &mut Collection<Self> {
        &mut kinds.endpoints
    }
}
