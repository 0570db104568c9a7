//! ConfigMaps of the core group, as far as older leader election used them.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::collection::Collection;
use super::field::FieldError;
use super::object::Object;
use super::patch::MapPatch;
use super::resource::{Kinds, Resource, ResourceInfo};

/// A stored ConfigMap.
pub type ConfigMap = Object<ConfigMapData>;

/// The contents of a ConfigMap; `binaryData` and `immutable` are not modelled, and keys are not validated.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct ConfigMapData {
    /// `data`; shared, so that copying the object stays cheap.
    pub data: Arc<BTreeMap<SmolStr, SmolStr>>,
}

/// A merge patch of a ConfigMap's `data`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ConfigMapPatch {
    /// For [`ConfigMapData::data`].
    pub data: MapPatch,
}

impl Resource for ConfigMapData {
    const INFO: &'static ResourceInfo = &ResourceInfo {
        group: "",
        version: "v1",
        kind: "ConfigMap",
        plural: "configmaps",
        storage_prefix: "/registry/configmaps",
        allows_unconditional_update: true,
        allows_create_on_update: false,
    };

    type Patch = ConfigMapPatch;

    fn validate(&self, _errors: &mut Vec<FieldError>) {}

    fn apply(&mut self, patch: &ConfigMapPatch) {
        patch.data.apply(Arc::make_mut(&mut self.data));
    }

    fn collection(kinds: &Kinds) -> &Collection<Self> {
        &kinds.config_maps
    }

    fn collection_mut(kinds: &mut Kinds) -> &mut Collection<Self> {
        &mut kinds.config_maps
    }
}
