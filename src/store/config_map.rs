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

/// The contents of a ConfigMap. That `immutable` forbids changes is not modelled.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct ConfigMapData {
    /// `data`; shared, so that copying the object stays cheap.
    pub data: Arc<BTreeMap<SmolStr, SmolStr>>,
    /// `binaryData`, in base64.
    pub binary_data: Arc<BTreeMap<SmolStr, SmolStr>>,
    /// `immutable`.
    pub immutable: Option<bool>,
}

const KEY_BYTES_MAX: usize = 253;
const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
    'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

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

    fn validate(&self, errors: &mut Vec<FieldError>) {
        for (field, map) in [("data", &self.data), ("binaryData", &self.binary_data)] {
            for key in map.keys() {
                let is_plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
                if key.len() > KEY_BYTES_MAX {
                    let field = format!("{field}[{key}]");
                    errors.push(FieldError::invalid_text(field, key, "must be no more than 253 bytes"));
                } else if key.is_empty() || !is_plain {
                    errors.push(FieldError::invalid_text(format!("{field}[{key}]"), key, KEY));
                }
            }
        }
    }

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
