//! The kinds that are served, as data: what reads, writes, merges and describes objects goes by this.
//!
//! Field numbers are those of the protobuf encoding.

use std::sync::LazyLock;

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    /// A string.
    Text,
    /// A boolean.
    Bool,
    /// An integer of 32 bits.
    Int32,
    /// An integer of 64 bits.
    Int64,
    /// A timestamp in whole seconds.
    Time,
    /// A timestamp in microseconds.
    MicroTime,
    /// JSON that is kept as it is (`fieldsV1`).
    Raw,
    /// A map of strings.
    TextMap,
    /// A map of base64 strings.
    BytesMap,
    /// A struct.
    Struct(&'static Struct),
    /// A list, and how lists of this field merge.
    List(&'static Type, Merge),
}

/// How two lists become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// The new one replaces the old one.
    Atomic,
    /// As sets.
    Set,
    /// Item by item, told apart by this field.
    Key(&'static str),
}

/// When a field is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// When it was set, also to zero.
    Pointer,
    /// Unless it is zero.
    NonZero,
    /// Always.
    Always,
}

/// A field of a struct.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) number: u32,
    pub(crate) ty: Type,
    pub(crate) presence: Presence,
}

/// A struct.
#[derive(Debug)]
pub(crate) struct Struct {
    /// Its name in Go, which shows in errors.
    pub(crate) name: &'static str,
    /// Its name in OpenAPI documents.
    pub(crate) model: &'static str,
    /// In the order of JSON.
    pub(crate) fields: &'static [Field],
    /// In the order of protobuf, which is that of their numbers.
    pub(crate) numbered: LazyLock<Vec<&'static Field>>,
    /// Whether it has one owner as a whole.
    pub(crate) atomic: bool,
}

fn by_number(fields: &'static [Field]) -> Vec<&'static Field> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|field| field.number);
    fields
}

impl Struct {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

/// A kind of object, in one version of its group.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) short_names: &'static [&'static str],
    /// What the server's conversion calls it, in one message.
    pub(crate) internal: &'static str,
    pub(crate) namespaced: bool,
    /// The field selectors besides `metadata.name` and `metadata.namespace`.
    pub(crate) selectable: &'static [&'static str],
    pub(crate) object: &'static Struct,
}

impl Kind {
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.into() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `leases.coordination.k8s.io`.
    pub(crate) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.into() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The path below which its objects are.
    pub(crate) fn root(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }
}

/// Everything that is served.
pub(crate) static KINDS: [&Kind; 6] = [&CONFIG_MAP, &ENDPOINTS, &EVENT, &NAMESPACE, &LEASE, &EVENT_V1];

use Presence::{Always, NonZero, Pointer};
use Type::{Bool, BytesMap, Int32, Int64, List, MicroTime, Raw, Text, TextMap, Time};

const fn field(name: &'static str, number: u32, ty: Type, presence: Presence) -> Field {
    Field { name, number, ty, presence }
}

macro_rules! structs {
    ($($id:ident = $name:literal $model:literal $(($atomic:ident))? {
        $($field:literal $number:literal $ty:expr, $presence:expr;)*
    })*) => {
        $(pub(crate) static $id: Struct = Struct {
            name: $name,
            model: $model,
            fields: &[$(field($field, $number, $ty, $presence)),*],
            numbered: LazyLock::new(|| by_number($id.fields)),
            atomic: structs!(@ $($atomic)?),
        };)*
    };
    (@) => { false };
    (@ atomic) => { true };
}

structs! {
    META = "ObjectMeta" "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" {
        "name" 1 Text, NonZero;
        "generateName" 2 Text, NonZero;
        "namespace" 3 Text, NonZero;
        "selfLink" 4 Text, NonZero;
        "uid" 5 Text, NonZero;
        "resourceVersion" 6 Text, NonZero;
        "generation" 7 Int64, NonZero;
        "creationTimestamp" 8 Time, Pointer;
        "deletionTimestamp" 9 Time, Pointer;
        "deletionGracePeriodSeconds" 10 Int64, Pointer;
        "labels" 11 TextMap, NonZero;
        "annotations" 12 TextMap, NonZero;
        "ownerReferences" 13 List(&Type::Struct(&OWNER), Merge::Key("uid")), NonZero;
        "finalizers" 14 List(&Text, Merge::Set), NonZero;
        "managedFields" 17 List(&Type::Struct(&MANAGED), Merge::Atomic), NonZero;
    }
    OWNER = "OwnerReference" "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference" (atomic) {
        "apiVersion" 5 Text, Always;
        "kind" 1 Text, Always;
        "name" 3 Text, Always;
        "uid" 4 Text, Always;
        "controller" 6 Bool, Pointer;
        "blockOwnerDeletion" 7 Bool, Pointer;
    }
    MANAGED = "ManagedFieldsEntry" "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry" {
        "manager" 1 Text, NonZero;
        "operation" 2 Text, NonZero;
        "apiVersion" 3 Text, NonZero;
        "time" 4 Time, Pointer;
        "fieldsType" 6 Text, NonZero;
        "fieldsV1" 7 Raw, Pointer;
        "subresource" 8 Text, NonZero;
    }
    LEASE_OBJECT = "Lease" "io.k8s.api.coordination.v1.Lease" {
        "metadata" 1 Type::Struct(&META), Always;
        "spec" 2 Type::Struct(&LEASE_SPEC), Always;
    }
    LEASE_SPEC = "LeaseSpec" "io.k8s.api.coordination.v1.LeaseSpec" {
        "holderIdentity" 1 Text, Pointer;
        "leaseDurationSeconds" 2 Int32, Pointer;
        "acquireTime" 3 MicroTime, Pointer;
        "renewTime" 4 MicroTime, Pointer;
        "leaseTransitions" 5 Int32, Pointer;
        "strategy" 6 Text, Pointer;
        "preferredHolder" 7 Text, Pointer;
    }
    CONFIG_MAP_OBJECT = "ConfigMap" "io.k8s.api.core.v1.ConfigMap" {
        "metadata" 1 Type::Struct(&META), Always;
        "immutable" 4 Bool, Pointer;
        "data" 2 TextMap, NonZero;
        "binaryData" 3 BytesMap, NonZero;
    }
    ENDPOINTS_OBJECT = "Endpoints" "io.k8s.api.core.v1.Endpoints" {
        "metadata" 1 Type::Struct(&META), Always;
        "subsets" 2 List(&Type::Struct(&SUBSET), Merge::Atomic), NonZero;
    }
    SUBSET = "EndpointSubset" "io.k8s.api.core.v1.EndpointSubset" {
        "addresses" 1 List(&Type::Struct(&ADDRESS), Merge::Atomic), NonZero;
        "notReadyAddresses" 2 List(&Type::Struct(&ADDRESS), Merge::Atomic), NonZero;
        "ports" 3 List(&Type::Struct(&PORT), Merge::Atomic), NonZero;
    }
    ADDRESS = "EndpointAddress" "io.k8s.api.core.v1.EndpointAddress" (atomic) {
        "ip" 1 Text, Always;
        "hostname" 3 Text, NonZero;
        "nodeName" 4 Text, Pointer;
        "targetRef" 2 Type::Struct(&REFERENCE), Pointer;
    }
    PORT = "EndpointPort" "io.k8s.api.core.v1.EndpointPort" (atomic) {
        "name" 1 Text, NonZero;
        "port" 2 Int32, Always;
        "protocol" 3 Text, NonZero;
        "appProtocol" 4 Text, Pointer;
    }
    REFERENCE = "ObjectReference" "io.k8s.api.core.v1.ObjectReference" (atomic) {
        "kind" 1 Text, NonZero;
        "namespace" 2 Text, NonZero;
        "name" 3 Text, NonZero;
        "uid" 4 Text, NonZero;
        "apiVersion" 5 Text, NonZero;
        "resourceVersion" 6 Text, NonZero;
        "fieldPath" 7 Text, NonZero;
    }
    EVENT_OBJECT = "Event" "io.k8s.api.core.v1.Event" {
        "metadata" 1 Type::Struct(&META), Always;
        "involvedObject" 2 Type::Struct(&REFERENCE), Always;
        "reason" 3 Text, NonZero;
        "message" 4 Text, NonZero;
        "source" 5 Type::Struct(&SOURCE), Always;
        "firstTimestamp" 6 Time, Always;
        "lastTimestamp" 7 Time, Always;
        "count" 8 Int32, NonZero;
        "type" 9 Text, NonZero;
        "eventTime" 10 MicroTime, Always;
        "series" 11 Type::Struct(&SERIES), Pointer;
        "action" 12 Text, NonZero;
        "related" 13 Type::Struct(&REFERENCE), Pointer;
        "reportingComponent" 14 Text, Always;
        "reportingInstance" 15 Text, Always;
    }
    SOURCE = "EventSource" "io.k8s.api.core.v1.EventSource" {
        "component" 1 Text, NonZero;
        "host" 2 Text, NonZero;
    }
    SERIES = "EventSeries" "io.k8s.api.core.v1.EventSeries" {
        "count" 1 Int32, NonZero;
        "lastObservedTime" 2 MicroTime, Always;
    }
    EVENT_V1_OBJECT = "Event" "io.k8s.api.events.v1.Event" {
        "metadata" 1 Type::Struct(&META), Always;
        "eventTime" 2 MicroTime, Always;
        "series" 3 Type::Struct(&EVENT_V1_SERIES), Pointer;
        "reportingController" 4 Text, NonZero;
        "reportingInstance" 5 Text, NonZero;
        "action" 6 Text, NonZero;
        "reason" 7 Text, NonZero;
        "regarding" 8 Type::Struct(&REFERENCE), Always;
        "related" 9 Type::Struct(&REFERENCE), Pointer;
        "note" 10 Text, NonZero;
        "type" 11 Text, NonZero;
        "deprecatedSource" 12 Type::Struct(&SOURCE), Always;
        "deprecatedFirstTimestamp" 13 Time, Always;
        "deprecatedLastTimestamp" 14 Time, Always;
        "deprecatedCount" 15 Int32, NonZero;
    }
    EVENT_V1_SERIES = "EventSeries" "io.k8s.api.events.v1.EventSeries" {
        "count" 1 Int32, Always;
        "lastObservedTime" 2 MicroTime, Always;
    }
    NAMESPACE_OBJECT = "Namespace" "io.k8s.api.core.v1.Namespace" {
        "metadata" 1 Type::Struct(&META), Always;
        "spec" 2 Type::Struct(&NAMESPACE_SPEC), Always;
        "status" 3 Type::Struct(&NAMESPACE_STATUS), Always;
    }
    NAMESPACE_SPEC = "NamespaceSpec" "io.k8s.api.core.v1.NamespaceSpec" {
        "finalizers" 1 List(&Text, Merge::Atomic), NonZero;
    }
    NAMESPACE_STATUS = "NamespaceStatus" "io.k8s.api.core.v1.NamespaceStatus" {
        "phase" 1 Text, NonZero;
    }
    PARTIAL = "PartialObjectMetadata" "io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata" {
        "metadata" 1 Type::Struct(&META), Always;
    }
    DELETE_OPTIONS = "DeleteOptions" "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions" {
        "gracePeriodSeconds" 1 Int64, Pointer;
        "preconditions" 2 Type::Struct(&PRECONDITIONS), Pointer;
        "orphanDependents" 3 Bool, Pointer;
        "propagationPolicy" 4 Text, Pointer;
        "dryRun" 5 List(&Text, Merge::Atomic), NonZero;
        "ignoreStoreReadErrorWithClusterBreakingPotential" 6 Bool, Pointer;
    }
    PRECONDITIONS = "Preconditions" "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions" {
        "uid" 1 Text, Pointer;
        "resourceVersion" 2 Text, Pointer;
    }
    LIST_META = "ListMeta" "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta" {
        "selfLink" 1 Text, NonZero;
        "resourceVersion" 2 Text, NonZero;
        "continue" 3 Text, NonZero;
        "remainingItemCount" 4 Int64, Pointer;
    }
    STATUS = "Status" "io.k8s.apimachinery.pkg.apis.meta.v1.Status" {
        "metadata" 1 Type::Struct(&LIST_META), Always;
        "status" 2 Text, NonZero;
        "message" 3 Text, NonZero;
        "reason" 4 Text, NonZero;
        "details" 5 Type::Struct(&STATUS_DETAILS), Pointer;
        "code" 6 Int32, NonZero;
    }
    STATUS_DETAILS = "StatusDetails" "io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails" {
        "name" 1 Text, NonZero;
        "group" 2 Text, NonZero;
        "kind" 3 Text, NonZero;
        "uid" 6 Text, NonZero;
        "causes" 4 List(&Type::Struct(&STATUS_CAUSE), Merge::Atomic), NonZero;
        "retryAfterSeconds" 5 Int32, NonZero;
    }
    STATUS_CAUSE = "StatusCause" "io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause" {
        "reason" 1 Text, NonZero;
        "message" 2 Text, NonZero;
        "field" 3 Text, NonZero;
    }
}

pub(crate) static LEASE: Kind = Kind {
    group: "coordination.k8s.io",
    version: "v1",
    kind: "Lease",
    plural: "leases",
    singular: "lease",
    short_names: &[],
    internal: "coordination.Lease",
    namespaced: true,
    selectable: &[],
    object: &LEASE_OBJECT,
};

pub(crate) static CONFIG_MAP: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ConfigMap",
    plural: "configmaps",
    singular: "configmap",
    short_names: &["cm"],
    internal: "core.ConfigMap",
    namespaced: true,
    selectable: &[],
    object: &CONFIG_MAP_OBJECT,
};

pub(crate) static ENDPOINTS: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Endpoints",
    plural: "endpoints",
    singular: "endpoints",
    short_names: &["ep"],
    internal: "core.Endpoints",
    namespaced: true,
    selectable: &[],
    object: &ENDPOINTS_OBJECT,
};

pub(crate) static EVENT: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    internal: "core.Event",
    namespaced: true,
    selectable: &[
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ],
    object: &EVENT_OBJECT,
};

pub(crate) static EVENT_V1: Kind = Kind {
    group: "events.k8s.io",
    version: "v1",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    internal: "core.Event",
    namespaced: true,
    selectable: &[
        "reason",
        "regarding.kind",
        "regarding.namespace",
        "regarding.name",
        "regarding.uid",
        "regarding.apiVersion",
        "regarding.resourceVersion",
        "regarding.fieldPath",
        "reportingController",
        "type",
    ],
    object: &EVENT_V1_OBJECT,
};

pub(crate) static NAMESPACE: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Namespace",
    plural: "namespaces",
    singular: "namespace",
    short_names: &["ns"],
    internal: "core.Namespace",
    namespaced: false,
    selectable: &["status.phase"],
    object: &NAMESPACE_OBJECT,
};
