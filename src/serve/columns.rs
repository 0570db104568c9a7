//! The columns of tables, in the words of a real server.

/// A column.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) format: &'static str,
    pub(crate) priority: i64,
    pub(crate) description: &'static str,
}

const fn column(name: &'static str, priority: i64, description: &'static str) -> Column {
    Column { name, format: "", priority, description }
}

const fn name_column(priority: i64) -> Column {
    Column { name: "Name", format: "name", priority, description: NAME }
}

const AGE: Column = column("Age", 0, CREATED);
const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources \
    may allow a client to request the generation of an appropriate name automatically. Name is primarily \
    intended for creation idempotence and configuration definition. Cannot be updated. More info: \
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
const CREATED: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is \
    not guaranteed to be set in happens-before order across separate operations. Clients may not set \
    this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. \
    Null for lists. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

pub(crate) static LEASES: [Column; 3] = [
    name_column(0),
    column(
        "Holder",
        0,
        "holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader \
         Election is used, the holder identity must be equal to the elected LeaseCandidate.metadata.name \
         field.",
    ),
    AGE,
];

pub(crate) static CONFIG_MAPS: [Column; 3] = [
    name_column(0),
    column(
        "Data",
        0,
        "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or \
         '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data \
         must not overlap with the keys in the BinaryData field, this is enforced during validation process.",
    ),
    AGE,
];

pub(crate) static ENDPOINTS: [Column; 3] = [
    name_column(0),
    column(
        "Endpoints",
        0,
        "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to \
         the IPs they share. A single address with multiple ports, some of which are ready and some of which \
         are not (because they come from different containers) will result in the address being displayed in \
         different subsets for the different ports. No address will appear in both Addresses and \
         NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service.",
    ),
    AGE,
];

pub(crate) static NAMESPACES: [Column; 3] =
    [name_column(0), column("Status", 0, "The status of the namespace"), AGE];

pub(crate) static EVENTS: [Column; 10] = [
    column("Last Seen", 0, "The time at which the most recent occurrence of this event was recorded."),
    column("Type", 0, "Type of this event (Normal, Warning), new types could be added in the future"),
    column(
        "Reason",
        0,
        "This should be a short, machine understandable string that gives the reason for the transition into \
         the object's current status.",
    ),
    column("Object", 0, "The object that this event is about."),
    column(
        "Subobject",
        1,
        "If referring to a piece of an object instead of an entire object, this string should contain a valid \
         JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the \
         object reference is to a container within a pod, this would take on a value like: \
         \"spec.containers{name}\" (where \"name\" refers to the name of the container that triggered the \
         event) or if no container name is specified \"spec.containers[2]\" (container with index 2 in this \
         pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.",
    ),
    column(
        "Source",
        1,
        "The component reporting this event. Should be a short machine understandable string.",
    ),
    column("Message", 0, "A human-readable description of the status of this operation."),
    column(
        "First Seen",
        1,
        "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)",
    ),
    column("Count", 1, "The number of times this event has occurred."),
    name_column(1),
];
