//! ConfigMaps of the core group, as far as older leader election used them.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::collection::Collection;
use super::field::{BadValue, FieldError, FieldProblem};
use super::metadata::{self, NameRule};
use super::object::Object;
use super::patch::MapPatch;
use super::resource::{Kinds, Resource, ResourceInfo};

/// A stored ConfigMap.
pub type ConfigMap = Object<ConfigMapData>;

/// The contents of a ConfigMap.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct ConfigMapData {
    /// `data`; shared, so that copying the object stays cheap.
    pub data: Arc<BTreeMap<SmolStr, SmolStr>>,
    /// `binaryData`, in base64.
    pub binary_data: Arc<BTreeMap<SmolStr, SmolStr>>,
    /// `immutable`.
    pub immutable: Option<bool>,
}

/// All values together may have this many bytes.
const BYTES_MAX: usize = 1 << 20;
const KEY_BYTES_MAX: usize = 253;
const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
    'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

const IMMUTABLE: &str = "field is immutable when `immutable` is set";

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
        may_wait_for_collector: true,
    };

    type Patch = ConfigMapPatch;

    fn validate(&self, errors: &mut Vec<FieldError>) {
        let mut bytes = 0;
        for (key, value) in &*self.data {
            check_key("data", key, errors);
            if self.binary_data.contains_key(key) {
                let detail = "duplicate of key present in binaryData";
                errors.push(FieldError::invalid_text(format!("data[{key}]"), key, detail));
            }
            bytes += value.len();
        }
        for (key, value) in &*self.binary_data {
            check_key("binaryData", key, errors);
            let padding = value.bytes().rev().take_while(|&byte| byte == b'=').count();
            bytes += value.len() / 4 * 3 - padding.min(2);
        }
        if bytes > BYTES_MAX {
            errors.push(FieldError {
                field: "[]".into(),
                problem: FieldProblem::TooLong,
                value: BadValue::Hidden,
                detail: "may not be more than 1048576 bytes".into(),
            });
        }
    }

    fn validate_new(object: &Object<Self>, errors: &mut Vec<FieldError>) {
        metadata::check_new(&object.meta, NameRule::Subdomain, errors);
        metadata::check_known_finalizers(&object.meta.extra().finalizers, errors);
        object.spec.validate(errors);
    }

    fn validate_change(
        next: &Object<Self>,
        live: &Object<Self>,
        meta: &[FieldError],
        errors: &mut Vec<FieldError>,
    ) {
        errors.extend_from_slice(meta);
        metadata::check_known_finalizers(&next.meta.extra().finalizers, errors);
        let (new, old) = (&next.spec, &live.spec);
        if old.immutable == Some(true) {
            let mut refuse = |field: &'static str, changed: bool| {
                if changed {
                    errors.push(FieldError::forbidden(field, IMMUTABLE));
                }
            };
            refuse("immutable", new.immutable != Some(true));
            refuse("data", new.data != old.data);
            refuse("binaryData", new.binary_data != old.binary_data);
        }
        Self::validate_new(next, errors);
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

fn check_key(map: &str, key: &str, errors: &mut Vec<FieldError>) {
    let mut refuse = |detail| errors.push(FieldError::invalid_text(format!("{map}[{key}]"), key, detail));
    if key.len() > KEY_BYTES_MAX {
        refuse("must be no more than 253 characters");
    }
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        refuse(KEY);
    }
    match key {
        "." => refuse("must not be '.'"),
        ".." => refuse("must not be '..'"),
        _ if key.starts_with("..") => refuse("must not start with '..'"),
        _ => {}
    }
}
