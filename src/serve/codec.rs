//! Between the trees that clients send and are sent, and the store's own types.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::{SmolStr, ToSmolStr};

use super::answer::Content;
use super::json;
use super::schema::{self, Kind};
use super::time;
use crate::core::WallTime;
use crate::store::{
    ConfigMapData, DeletionClaim, EndpointsSubsets, Extra, Incoming, LeaseSpec, ManagedFields, Meta, Object,
    OwnerReference, ReportBody, Resource, Revision, RevisionClaim, Tree, UidClaim,
};

/// A kind of the store that is served. Trees are those of [`super::read`]: checked, complete, in order.
pub(crate) trait Served: Resource + Send {
    /// The contents of an object.
    fn from_tree(object: &Tree, kind: &Kind, namespace: &str) -> Self;

    /// Adds the fields other than the metadata, in order.
    fn to_fields(&self, kind: &Kind, fields: &mut Vec<(SmolStr, Tree)>);
}

/// An object as it was when the store was asked, to be printed when others may ask again.
#[derive(Debug)]
pub(crate) struct Stored<S> {
    object: Object<S>,
    kind: &'static Kind,
}

/// Any kind of object that is yet to be printed.
pub(crate) trait Printable: core::fmt::Debug + Send {
    fn name(&self) -> &SmolStr;

    /// Prints it as [`bare`] does.
    fn print(&self) -> Tree;
}

impl<S: Served> Stored<S> {
    /// An answer with the object.
    pub(crate) fn content(object: Object<S>, kind: &'static Kind) -> Content {
        Content::Stored(Box::new(Self { object, kind }))
    }
}

impl<S: Served> Printable for Stored<S> {
    fn name(&self) -> &SmolStr {
        &self.object.meta.name
    }

    fn print(&self) -> Tree {
        bare(&self.object, self.kind)
    }
}

/// What a client sent, as the store takes it.
pub(crate) fn incoming<S: Served>(object: &Tree, kind: &Kind, namespace: &str) -> Incoming<S> {
    let empty = Tree::empty();
    let meta = object.get("metadata").unwrap_or(&empty);
    Incoming {
        namespace: meta.text_at(&["namespace"]).into(),
        name: meta.text_at(&["name"]).into(),
        uid: UidClaim::parse(meta.text_at(&["uid"])),
        resource_version: RevisionClaim::parse(meta.text_at(&["resourceVersion"])),
        deletion_time: second_at(meta, "deletionTimestamp"),
        deletion_grace_seconds: meta.get("deletionGracePeriodSeconds").and_then(integer),
        extra: extra(meta).shared(),
        spec: S::from_tree(object, kind, namespace),
    }
}

/// An object as the server prints it, without `apiVersion` and `kind`.
pub(crate) fn bare<S: Served>(object: &Object<S>, kind: &Kind) -> Tree {
    let mut fields = vec![("metadata".into(), meta_tree(&object.meta))];
    object.spec.to_fields(kind, &mut fields);
    Tree::Map(fields)
}

/// What of an object fields and their owners are about: [`bare`] without what only the server sets, but with what it
/// says, or a client says, of its deletion.
pub(crate) fn owned<S: Served>(object: &Object<S>, deletion: DeletionClaim, kind: &Kind) -> Tree {
    let extra = object.meta.extra();
    let mut meta = Vec::new();
    if !extra.generate_name.is_empty() {
        meta.push((SmolStr::new_static("generateName"), Tree::Text(extra.generate_name.clone())));
    }
    let mut put = |name: &'static str, value: Tree| meta.push((SmolStr::new_static(name), value));
    put_deletion(deletion, &mut put);
    put_lists(extra, &mut put);
    let mut fields = vec![(SmolStr::new_static("metadata"), Tree::Map(meta))];
    object.spec.to_fields(kind, &mut fields);
    Tree::Map(fields)
}

/// An object as the server prints it.
pub(crate) fn full<S: Served>(object: &Object<S>, kind: &Kind) -> Tree {
    typed(bare(object, kind), kind.kind, &kind.api_version())
}

/// An object with `kind` and `apiVersion` in front.
pub(crate) fn typed(object: Tree, kind: &str, api_version: &str) -> Tree {
    let mut fields = Vec::with_capacity(object.entries().len() + 2);
    fields.push(("kind".into(), Tree::text(kind)));
    fields.push(("apiVersion".into(), Tree::text(api_version)));
    if let Tree::Map(rest) = object {
        fields.extend(rest);
    }
    Tree::Map(fields)
}

/// The metadata as the server prints it.
pub(crate) fn meta_tree(meta: &Meta) -> Tree {
    let mut fields: Vec<(SmolStr, Tree)> = Vec::with_capacity(8);
    let mut put = |name: &'static str, value: Tree| fields.push((SmolStr::new_static(name), value));
    let extra = meta.extra();
    if !meta.name.is_empty() {
        put("name", Tree::Text(meta.name.clone()));
    }
    if !extra.generate_name.is_empty() {
        put("generateName", Tree::Text(extra.generate_name.clone()));
    }
    if !meta.namespace.is_empty() {
        put("namespace", Tree::Text(meta.namespace.clone()));
    }
    put("uid", Tree::Text(meta.uid.to_smolstr()));
    if meta.resource_version != Revision::NONE {
        put("resourceVersion", Tree::Text(meta.resource_version.to_smolstr()));
    }
    if let Some(generation) = extra.generation {
        put("generation", Tree::number(generation));
    }
    put("creationTimestamp", Tree::text(time::format_second(meta.creation_time)));
    put_deletion(meta.deletion(), &mut put);
    put_lists(extra, &mut put);
    if !extra.managed_fields.is_empty() {
        put("managedFields", Tree::List(extra.managed_fields.iter().map(managed_tree).collect()));
    }
    Tree::Map(fields)
}

fn put_deletion(deletion: DeletionClaim, put: &mut dyn FnMut(&'static str, Tree)) {
    if let Some(at) = deletion.time {
        put("deletionTimestamp", Tree::text(time::format_second(at)));
    }
    if let Some(seconds) = deletion.grace_seconds {
        put("deletionGracePeriodSeconds", Tree::number(seconds));
    }
}

/// Labels, annotations, owners and finalizers, where there are any.
fn put_lists(extra: &Extra, put: &mut dyn FnMut(&'static str, Tree)) {
    if !extra.labels.is_empty() {
        put("labels", text_map(&extra.labels));
    }
    if !extra.annotations.is_empty() {
        put("annotations", text_map(&extra.annotations));
    }
    if !extra.owner_references.is_empty() {
        put("ownerReferences", Tree::List(extra.owner_references.iter().map(owner_tree).collect()));
    }
    if !extra.finalizers.is_empty() {
        put("finalizers", Tree::List(extra.finalizers.iter().cloned().map(Tree::Text).collect()));
    }
}

fn text_map(map: &BTreeMap<SmolStr, SmolStr>) -> Tree {
    Tree::Map(map.iter().map(|(key, value)| (key.clone(), Tree::Text(value.clone()))).collect())
}

fn owner_tree(owner: &OwnerReference) -> Tree {
    let mut tree = Tree::empty();
    tree.set("apiVersion", Tree::Text(owner.api_version.clone()));
    tree.set("kind", Tree::Text(owner.kind.clone()));
    tree.set("name", Tree::Text(owner.name.clone()));
    tree.set("uid", Tree::Text(owner.uid.clone()));
    for (name, value) in
        [("controller", owner.controller), ("blockOwnerDeletion", owner.block_owner_deletion)]
    {
        if let Some(value) = value {
            tree.set(name, Tree::Bool(value));
        }
    }
    tree
}

fn managed_tree(entry: &ManagedFields) -> Tree {
    let mut tree = Tree::empty();
    let texts =
        [("manager", &entry.manager), ("operation", &entry.operation), ("apiVersion", &entry.api_version)];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        tree.set(name, Tree::Text(text.clone()));
    }
    if let Some(at) = entry.time {
        tree.set("time", Tree::text(time::format_second(at)));
    }
    tree.set("fieldsType", Tree::text("FieldsV1"));
    tree.set("fieldsV1", json::parse(entry.fields.as_bytes()).unwrap_or(Tree::empty()));
    if !entry.subresource.is_empty() {
        tree.set("subresource", Tree::Text(entry.subresource.clone()));
    }
    tree
}

fn extra(meta: &Tree) -> Extra {
    let list = |name: &str| meta.get(name).map(Tree::items).unwrap_or_default();
    Extra {
        labels: texts(meta.get("labels")),
        annotations: texts(meta.get("annotations")),
        finalizers: list("finalizers").iter().filter_map(Tree::as_text).cloned().collect(),
        owner_references: list("ownerReferences").iter().map(owner).collect(),
        generate_name: meta.text_at(&["generateName"]).into(),
        generation: meta.get("generation").and_then(integer),
        managed_fields: list("managedFields").iter().map(managed).collect(),
    }
}

fn texts(map: Option<&Tree>) -> BTreeMap<SmolStr, SmolStr> {
    let entries = map.map(Tree::entries).unwrap_or_default().iter();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_text()?.clone()))).collect()
}

fn owner(tree: &Tree) -> OwnerReference {
    OwnerReference {
        api_version: tree.text_at(&["apiVersion"]).into(),
        kind: tree.text_at(&["kind"]).into(),
        name: tree.text_at(&["name"]).into(),
        uid: tree.text_at(&["uid"]).into(),
        controller: boolean(tree.get("controller")),
        block_owner_deletion: boolean(tree.get("blockOwnerDeletion")),
    }
}

fn managed(tree: &Tree) -> ManagedFields {
    ManagedFields {
        manager: tree.text_at(&["manager"]).into(),
        operation: tree.text_at(&["operation"]).into(),
        api_version: tree.text_at(&["apiVersion"]).into(),
        time: second_at(tree, "time"),
        fields: tree.get("fieldsV1").map_or("".into(), |fields| json::to_string(fields).into()),
        subresource: tree.text_at(&["subresource"]).into(),
    }
}

fn second_at(tree: &Tree, name: &str) -> Option<WallTime> {
    tree.get(name).and_then(Tree::as_text).and_then(|text| time::parse_second(text).ok())
}

fn boolean(tree: Option<&Tree>) -> Option<bool> {
    match tree {
        Some(Tree::Bool(value)) => Some(*value),
        _ => None,
    }
}

fn integer<T: core::str::FromStr>(tree: &Tree) -> Option<T> {
    match tree {
        Tree::Number(text) => text.parse().ok(),
        _ => None,
    }
}

impl Served for LeaseSpec {
    fn from_tree(object: &Tree, _kind: &Kind, _namespace: &str) -> Self {
        let empty = Tree::empty();
        let spec = object.get("spec").unwrap_or(&empty);
        let text = |name| spec.get(name).and_then(Tree::as_text).cloned();
        let number = |name| spec.get(name).and_then(integer);
        let moment = |name| match spec.get(name) {
            Some(Tree::Text(text)) => time::parse_micro(text).ok(),
            Some(_) => Some(time::zero()),
            None => None,
        };
        Self {
            holder_identity: text("holderIdentity"),
            lease_duration_seconds: number("leaseDurationSeconds"),
            acquire_time: moment("acquireTime"),
            renew_time: moment("renewTime"),
            lease_transitions: number("leaseTransitions"),
            strategy: text("strategy"),
            preferred_holder: text("preferredHolder"),
        }
    }

    fn to_fields(&self, _kind: &Kind, fields: &mut Vec<(SmolStr, Tree)>) {
        let mut spec = Vec::with_capacity(5);
        let mut put = |name: &'static str, value: Option<Tree>| {
            spec.extend(value.map(|value| (SmolStr::new_static(name), value)));
        };
        let moment = |at: WallTime| match time::is_zero(at) {
            true => Tree::Null,
            false => Tree::text(time::format_micro(at)),
        };
        put("holderIdentity", self.holder_identity.clone().map(Tree::Text));
        put("leaseDurationSeconds", self.lease_duration_seconds.map(|n| Tree::number(n.into())));
        put("acquireTime", self.acquire_time.map(moment));
        put("renewTime", self.renew_time.map(moment));
        put("leaseTransitions", self.lease_transitions.map(|n| Tree::number(n.into())));
        put("strategy", self.strategy.clone().map(Tree::Text));
        put("preferredHolder", self.preferred_holder.clone().map(Tree::Text));
        fields.push(("spec".into(), Tree::Map(spec)));
    }
}

impl Served for ConfigMapData {
    fn from_tree(object: &Tree, _kind: &Kind, _namespace: &str) -> Self {
        Self {
            data: Arc::new(texts(object.get("data"))),
            binary_data: Arc::new(texts(object.get("binaryData"))),
            immutable: boolean(object.get("immutable")),
        }
    }

    fn to_fields(&self, _kind: &Kind, fields: &mut Vec<(SmolStr, Tree)>) {
        if let Some(immutable) = self.immutable {
            fields.push(("immutable".into(), Tree::Bool(immutable)));
        }
        for (name, map) in [("data", &self.data), ("binaryData", &self.binary_data)] {
            if !map.is_empty() {
                fields.push((name.into(), text_map(map)));
            }
        }
    }
}

impl Served for EndpointsSubsets {
    fn from_tree(object: &Tree, _kind: &Kind, _namespace: &str) -> Self {
        let mut subsets = object.get("subsets").cloned();
        if let Some(Tree::List(subsets)) = &mut subsets {
            for port in subsets.iter_mut().filter_map(|s| s.get("ports").is_some().then(|| s.child("ports")))
            {
                default_protocols(port);
            }
        }
        Self(subsets.map(Arc::new))
    }

    fn to_fields(&self, _kind: &Kind, fields: &mut Vec<(SmolStr, Tree)>) {
        if let Some(subsets) = &self.0 {
            fields.push(("subsets".into(), Tree::clone(subsets)));
        }
    }
}

fn default_protocols(ports: &mut Tree) {
    if let Tree::List(ports) = ports {
        for port in ports.iter_mut().filter(|port| port.text_at(&["protocol"]).is_empty()) {
            let last = port.remove("appProtocol");
            port.set("protocol", Tree::text("TCP"));
            if let Some(last) = last {
                port.set("appProtocol", last);
            }
        }
    }
}

/// The fields of an Event under the names of `v1` and of `events.k8s.io/v1`, in the order of `v1`.
const EVENT_NAMES: [(&str, &str); 14] = [
    ("involvedObject", "regarding"),
    ("reason", "reason"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("series", "series"),
    ("action", "action"),
    ("related", "related"),
    ("reportingComponent", "reportingController"),
    ("reportingInstance", "reportingInstance"),
];

/// Events are stored under the names of `v1`.
impl Served for ReportBody {
    fn from_tree(object: &Tree, kind: &Kind, namespace: &str) -> Self {
        let is_core = kind.group.is_empty();
        let own = |&(core, other): &(&str, &str)| {
            let known = schema::EVENT_OBJECT.field(core)?;
            let value = object.get(if is_core { core } else { other }).cloned();
            let value = value.or_else(|| always(known))?;
            let value = if core == "series" { series(&value, &schema::SERIES) } else { value };
            Some((SmolStr::new(core), value))
        };
        let fields = Tree::Map(EVENT_NAMES.iter().filter_map(own).collect());
        Self { fields: Arc::new(fields), namespace: namespace.into(), is_strict: !is_core }
    }

    fn to_fields(&self, kind: &Kind, fields: &mut Vec<(SmolStr, Tree)>) {
        if kind.group.is_empty() {
            fields.extend_from_slice(self.fields.entries());
            return;
        }
        for field in kind.object.fields.iter().skip(1) {
            let core = EVENT_NAMES.iter().find(|(_, other)| *other == field.name).map_or("", |names| names.0);
            let value = self.fields.get(core).map(|value| match core {
                "series" => series(value, &schema::EVENT_V1_SERIES),
                _ => value.clone(),
            });
            let is_blank = value.as_ref().is_some_and(|value| *value == Tree::text(""));
            let value = value.filter(|_| field.presence == schema::Presence::Always || !is_blank);
            fields.extend(value.or_else(|| always(field)).map(|value| (field.name.into(), value)));
        }
    }
}

/// A series as one of the groups prints it: they differ in whether a count of zero is there.
fn series(value: &Tree, of: &'static schema::Struct) -> Tree {
    if value.is_null() {
        return Tree::Null;
    }
    let part = |field: &schema::Field| {
        let known = value.get(field.name).filter(|value| !super::read::is_zero(value)).cloned();
        Some((field.name.into(), known.or_else(|| always(field))?))
    };
    Tree::Map(of.fields.iter().filter_map(part).collect())
}

fn always(field: &schema::Field) -> Option<Tree> {
    (field.presence == schema::Presence::Always).then(|| super::read::zero(field.ty))
}
