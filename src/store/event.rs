//! Events of the core group: what a controller says about an object. The store looks at nothing but what it validates,
//! which is more where an Event comes by way of `events.k8s.io/v1`.

use core::hash::{Hash, Hasher};
use std::sync::Arc;

use super::collection::Collection;
use super::field::{BadValue, FieldError};
use super::metadata::{self, NameRule};
use super::object::Object;
use super::resource::{Kinds, Resource, ResourceInfo};
use super::tree::Tree;

/// A stored Event. (What happened to an object in the store is an [`Event`](super::Event).)
pub type Report = Object<ReportBody>;

/// The contents of an Event: every field but the metadata, as the server would print them.
#[derive(Clone, Default, Debug)]
pub struct ReportBody {
    /// The fields, under their names in the core group; shared, so that copying the object stays cheap.
    pub fields: Arc<Tree>,
    /// The namespace of the object's own metadata, which that of `involvedObject` must equal.
    pub namespace: smol_str::SmolStr,
    /// Whether it was sent by way of `events.k8s.io/v1`; no part of its value.
    pub is_strict: bool,
}

impl PartialEq for ReportBody {
    fn eq(&self, other: &Self) -> bool {
        (&self.fields, &self.namespace) == (&other.fields, &other.namespace)
    }
}

impl Eq for ReportBody {}

impl Hash for ReportBody {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.fields, &self.namespace).hash(state);
    }
}

/// A merge patch of an Event's contents: what it becomes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ReportPatch(pub Option<Arc<Tree>>);

const INSTANCE_BYTES_MAX: usize = 128;
const NOTE_BYTES_MAX: usize = 1_024;
const UNSET: &str = "needs to be unset";
const IMMUTABLE: &str = "field is immutable";

/// What an update by way of `events.k8s.io/v1` may not change, in the server's order, which has one of them twice.
const FIXED: [(&str, &str); 14] = [
    ("involvedObject", "involvedObject"),
    ("reason", "reason"),
    ("message", "message"),
    ("source", "source"),
    ("firstTimestamp", "firstTimestamp"),
    ("lastTimestamp", "lastTimestamp"),
    ("count", "count"),
    ("reason", "reason"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    ("reportingComponent", "reportingController"),
    ("reportingInstance", "reportingInstance"),
];

impl ReportBody {
    fn text(&self, field: &str) -> &str {
        self.fields.text_at(&[field])
    }

    fn check_namespace(&self, may_be_absent_in: &[&str], must_match: bool, errors: &mut Vec<FieldError>) {
        let involved = self.fields.text_at(&["involvedObject", "namespace"]);
        let fits = match involved {
            "" => may_be_absent_in.contains(&self.namespace.as_str()),
            _ => !must_match || involved == self.namespace,
        };
        if !fits {
            let detail = "does not match event.namespace";
            errors.push(FieldError::invalid_text("involvedObject.namespace", involved, detail));
        }
    }

    /// What holds for an Event with an `eventTime`, whichever way it comes.
    fn check_of_today(&self, errors: &mut Vec<FieldError>) {
        self.check_namespace(&["default", "kube-system"], false, errors);
        let controller = self.text("reportingComponent");
        let field = if self.is_strict { "reportingController" } else { "reportingComponent" };
        if controller.is_empty() {
            errors.push(FieldError::required(field, ""));
        }
        metadata::check_qualified(field, controller, controller, errors);
        for (field, is_needed, bytes_max, detail) in [
            ("reportingInstance", true, INSTANCE_BYTES_MAX, "can have at most 128 characters"),
            ("action", true, INSTANCE_BYTES_MAX, "can have at most 128 characters"),
            ("reason", true, INSTANCE_BYTES_MAX, "can have at most 128 characters"),
            ("message", false, NOTE_BYTES_MAX, "can have at most 1024 characters"),
        ] {
            let text = self.text(field);
            if is_needed && text.is_empty() {
                errors.push(FieldError::required(field, ""));
            }
            if text.len() > bytes_max {
                errors.push(FieldError::invalid_text(field, "", detail));
            }
        }
    }

    /// The count and the time of the series, if there is one; one is as good as absent where it is zero.
    fn series(&self) -> Option<(i64, Option<&Tree>)> {
        let series = self.fields.get("series").filter(|series| !series.is_null())?;
        let time = series.get("lastObservedTime").filter(|time| !time.is_null());
        Some((number(series.get("count")), time))
    }

    fn check_series(&self, errors: &mut Vec<FieldError>) {
        let Some((count, time)) = self.series() else { return };
        if count < 2 {
            errors.push(FieldError::invalid_text("series.count", "", "should be at least 2"));
        }
        if is_unset(time) {
            errors.push(FieldError::required("series.lastObservedTime", ""));
        }
    }

    /// What a new Event must be besides, if it comes by way of `events.k8s.io/v1`.
    fn check_strictly(&self, errors: &mut Vec<FieldError>) {
        self.check_series(errors);
        if is_unset(self.fields.get("eventTime")) {
            errors.push(FieldError::required("eventTime", ""));
        }
        let sort = self.text("type");
        if !["Normal", "Warning"].contains(&sort) {
            errors.push(FieldError {
                detail: format!("has invalid value: {sort}").into(),
                ..FieldError::invalid_text("type", "", "")
            });
        }
        for field in ["firstTimestamp", "lastTimestamp"] {
            if !is_unset(self.fields.get(field)) {
                errors.push(FieldError::invalid_text(field, "", UNSET));
            }
        }
        if number(self.fields.get("count")) != 0 {
            errors.push(FieldError::invalid_text("count", "", UNSET));
        }
        let source = |part| !self.fields.text_at(&["source", part]).is_empty();
        if source("component") || source("host") {
            errors.push(FieldError::invalid_text("source", "", UNSET));
        }
    }

    fn check_fixed(&self, live: &Self, errors: &mut Vec<FieldError>) {
        for (name, shown) in FIXED {
            let (new, old) = (self.fields.get(name), live.fields.get(name));
            let same = match (new, old) {
                (Some(new), Some(old)) => new.same(old),
                (new, old) => is_unset(new) && is_unset(old),
            };
            if !same {
                errors.push(FieldError::invalid(shown, shown_value(name, new), IMMUTABLE));
            }
        }
    }
}

/// A value as the server's JSON shows it.
fn shown_value(name: &str, value: Option<&Tree>) -> BadValue {
    match value {
        Some(Tree::Text(text)) => BadValue::Text(text.clone()),
        Some(Tree::Number(text)) => BadValue::Raw(text.clone()),
        Some(tree @ Tree::Map(_)) => BadValue::Raw(struct_text(tree, name).into()),
        _ if name == "count" => BadValue::Number(0),
        _ if ["reason", "message", "type", "action", "reportingComponent", "reportingInstance"]
            .contains(&name) =>
        {
            BadValue::Text("".into())
        }
        _ => BadValue::Raw("null".into()),
    }
}

/// A struct as the server shows it: all fields, under their names in Go.
fn struct_text(tree: &Tree, name: &str) -> String {
    const REFERENCE: [(&str, &str); 7] = [
        ("Kind", "kind"),
        ("Namespace", "namespace"),
        ("Name", "name"),
        ("UID", "uid"),
        ("APIVersion", "apiVersion"),
        ("ResourceVersion", "resourceVersion"),
        ("FieldPath", "fieldPath"),
    ];
    const SOURCE: [(&str, &str); 2] = [("Component", "component"), ("Host", "host")];
    let fields = if name == "source" { &SOURCE[..] } else { &REFERENCE[..] };
    let fields: Vec<_> = fields
        .iter()
        .map(|(shown, field)| format!("\"{shown}\":{}", super::text::Quoted(tree.text_at(&[field]))))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn is_unset(value: Option<&Tree>) -> bool {
    match value {
        None | Some(Tree::Null) => true,
        Some(Tree::Text(text)) => text.is_empty(),
        Some(Tree::Number(text)) => text.parse() == Ok(0_i64),
        Some(_) => false,
    }
}

fn number(value: Option<&Tree>) -> i64 {
    match value {
        Some(Tree::Number(text)) => text.parse().unwrap_or(0),
        _ => 0,
    }
}

impl Resource for ReportBody {
    const INFO: &'static ResourceInfo = &ResourceInfo {
        group: "",
        version: "v1",
        kind: "Event",
        plural: "events",
        storage_prefix: "/registry/events",
        allows_unconditional_update: true,
        allows_create_on_update: true,
        may_wait_for_collector: false,
    };

    type Patch = ReportPatch;

    fn validate(&self, errors: &mut Vec<FieldError>) {
        if is_unset(self.fields.get("eventTime")) {
            self.check_namespace(&["default"], true, errors);
        } else {
            self.check_of_today(errors);
        }
    }

    fn validate_new(object: &Object<Self>, errors: &mut Vec<FieldError>) {
        object.spec.validate(errors);
        if object.spec.is_strict {
            metadata::check_new(&object.meta, NameRule::Subdomain, errors);
            metadata::check_known_finalizers(&object.meta.extra().finalizers, errors);
            object.spec.check_strictly(errors);
        }
        // Where this kind's own rules find nothing, those of all objects are looked at.
        if errors.is_empty() {
            metadata::check_new(&object.meta, NameRule::PathSegment, errors);
        }
    }

    fn validate_change(
        next: &Object<Self>,
        live: &Object<Self>,
        meta: &[FieldError],
        errors: &mut Vec<FieldError>,
    ) {
        next.spec.validate(errors);
        if !next.spec.is_strict {
            return;
        }
        errors.extend_from_slice(meta);
        metadata::check_known_finalizers(&next.meta.extra().finalizers, errors);
        if next.spec.series() != live.spec.series() {
            next.spec.check_series(errors);
        }
        next.spec.check_fixed(&live.spec, errors);
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
