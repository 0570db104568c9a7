//! Events of the core group: what a controller says about an object. The store looks at nothing but what it validates.

use std::sync::Arc;

use super::collection::Collection;
use super::field::FieldError;
use super::object::Object;
use super::resource::{Kinds, Resource, ResourceInfo};
use super::tree::Tree;

/// A stored Event. (What happened to an object in the store is an [`Event`](super::Event).)
pub type Report = Object<ReportBody>;

/// The contents of an Event: every field but the metadata, as the server would print them.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct ReportBody {
    /// The fields; shared, so that copying the object stays cheap.
    pub fields: Arc<Tree>,
    /// The namespace of the object's own metadata, which that of `involvedObject` must equal.
    pub namespace: smol_str::SmolStr,
}

/// A merge patch of an Event's contents: what it becomes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ReportPatch(pub Option<Arc<Tree>>);

impl Resource for ReportBody {
    const INFO: &'static ResourceInfo = &ResourceInfo {
        group: "",
        version: "v1",
        kind: "Event",
        plural: "events",
        storage_prefix: "/registry/events",
        allows_unconditional_update: true,
        allows_create_on_update: true,
    };

    type Patch = ReportPatch;

    fn validate(&self, errors: &mut Vec<FieldError>) {
        let involved = self.fields.text_at(&["involvedObject", "namespace"]);
        let is_cluster_wide = involved.is_empty() && self.namespace == "default";
        if involved != self.namespace && !is_cluster_wide {
            errors.push(FieldError::invalid_text(
                "involvedObject.namespace",
                involved,
                "does not match event.namespace",
            ));
        }
    }

    fn apply(&mut self, patch: &ReportPatch) {
        if let Some(fields) = &patch.0 {
            self.fields = Arc::clone(fields);
        }
    }

    fn collection(kinds: &Kinds) -> &Collection<Self> {
        &kinds.reports
    }

    fn collection_mut(kinds: &mut Kinds) -> &mut Collection<Self> {
        &mut kinds.reports
    }
}
