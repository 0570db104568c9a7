//! The server's answer to a refused request, word for word.

use smol_str::SmolStr;

use super::error::{StoreError, Target};
use super::field::joined;
use super::ids::Uid;
use super::object::Object;
use super::resource::{Resource, ResourceInfo};
use super::text::Quoted;

/// A `meta/v1` Status of a failure.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Status {
    /// The HTTP status, repeated in the body.
    pub code: u16,
    /// The machine-readable reason; some 500s have none.
    pub reason: Option<&'static str>,
    /// The text for people.
    pub message: String,
    /// What the request was about; some errors have none.
    pub details: Option<Details>,
}

/// The `details` of a Status. Empty fields, and a zero, are left out of the JSON.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Details {
    /// The object's name.
    pub name: SmolStr,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The plural resource, or the kind where the server says so.
    pub kind: &'static str,
    /// The object's uid, in the answer to a DELETE that succeeded.
    pub uid: Option<Uid>,
    /// The single errors.
    pub causes: Vec<Cause>,
    /// How many seconds to wait before another attempt.
    pub retry_after_seconds: u32,
}

/// One of the `causes` of a Status.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cause {
    /// The machine-readable reason.
    pub reason: &'static str,
    /// The text for people.
    pub message: String,
    /// The field, such as `spec.leaseDurationSeconds`; empty if it is none.
    pub field: String,
}

const NEED_REVISION: &str = "Invalid value: 0: must be specified for an update";

impl Details {
    /// The details of the Success Status that answers the DELETE of `object`.
    #[must_use]
    pub fn deleted<S: Resource>(object: &Object<S>) -> Self {
        let uid = Some(object.meta.uid);
        Self { uid, ..Self::by_resource(&Target { resource: S::INFO, name: object.meta.name.clone() }) }
    }

    fn by_resource(target: &Target) -> Self {
        let ResourceInfo { group, plural, .. } = *target.resource;
        Self { name: target.name.clone(), group, kind: plural, ..Self::default() }
    }

    fn by_kind(target: &Target) -> Self {
        Self { kind: target.resource.kind, ..Self::by_resource(target) }
    }

    fn with_causes(mut self, causes: Vec<Cause>) -> Self {
        self.causes = causes;
        self
    }
}

impl StoreError {
    /// What the server answers.
    #[must_use]
    pub fn status(&self) -> Status {
        let (code, reason) = self.code_and_reason();
        Status { code, reason, message: self.message(), details: self.details() }
    }

    /// The HTTP status.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code_and_reason().0
    }

    fn code_and_reason(&self) -> (u16, Option<&'static str>) {
        match self {
            Self::NotFound(_) | Self::NamespaceNotFound(_) => (404, Some("NotFound")),
            Self::AlreadyExists { .. } => (409, Some("AlreadyExists")),
            Self::Conflict(_)
            | Self::UidPrecondition { .. }
            | Self::DeleteUid { .. }
            | Self::DeleteRevision { .. }
            | Self::DeleteUnheld { .. } => (409, Some("Conflict")),
            Self::RevisionRequired(_) | Self::Invalid { .. } => (422, Some("Invalid")),
            Self::RevisionUnreadable(_) | Self::RevisionOnCreate => (500, None),
            Self::NamespaceMismatch | Self::NameMissing(_) | Self::NameMismatch { .. } => {
                (400, Some("BadRequest"))
            }
            Self::NamespaceTerminating { .. } => (403, Some("Forbidden")),
            Self::WatchExpired { .. } | Self::ReadExpired => (410, Some("Expired")),
            Self::RevisionTooLarge { .. } => (504, Some("Timeout")),
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::NotFound(target) => format!("{} not found", by_resource(target)),
            Self::AlreadyExists { target, terminating, generated } => {
                let prefix = if *terminating { "object is being deleted: " } else { "" };
                let suffix = match generated {
                    true => ", the server was not able to generate a unique name for the object",
                    false => "",
                };
                format!("{prefix}{} already exists{suffix}", by_resource(target))
            }
            Self::Conflict(target) => unfulfilled(
                by_resource(target),
                "the object has been modified; please apply your changes to the latest version and try again",
            ),
            Self::RevisionRequired(target) => {
                format!("{} is invalid: metadata.resourceVersion: {NEED_REVISION}", by_resource(target))
            }
            Self::RevisionUnreadable(text) => unreadable(text),
            Self::RevisionOnCreate => "resourceVersion should not be set on objects to be created".into(),
            Self::UidPrecondition { .. }
            | Self::DeleteUid { .. }
            | Self::DeleteRevision { .. }
            | Self::DeleteUnheld { .. } => self.precondition_message(),
            Self::Invalid { target, errors } => format!("{} is invalid: {}", by_kind(target), joined(errors)),
            Self::NamespaceMismatch => {
                "the namespace of the provided object does not match the namespace sent on the request".into()
            }
            Self::NameMissing(url) => format!(
                "the name of the object ({url} based on URL) was undeterminable: name must be provided"
            ),
            Self::NameMismatch { sent, url } => {
                format!("the name of the object ({sent}) does not match the name on the URL ({url})")
            }
            Self::NamespaceNotFound(name) => format!("namespaces {} not found", Quoted(name)),
            Self::NamespaceTerminating { target, namespace } => format!(
                "{} is forbidden: unable to create new content in namespace {namespace} because it is being \
                 terminated",
                by_resource(target)
            ),
            Self::WatchExpired { requested, oldest } => {
                format!("too old resource version: {requested} ({oldest})")
            }
            Self::ReadExpired => "The resourceVersion for the provided list is too old.".into(),
            Self::RevisionTooLarge { requested, current } => {
                format!("Timeout: Too large resource version: {requested}, current: {current}")
            }
        }
    }

    fn precondition_message(&self) -> String {
        match self {
            Self::UidPrecondition { target, namespace, claimed, found } => {
                let found = found.map(|uid| uid.to_string()).unwrap_or_default();
                let why = format!("UID in precondition: {claimed}, UID in object meta: {found}");
                unfulfilled(by_resource(target), &storage_error(target, namespace, &why))
            }
            Self::DeleteUnheld { target, namespace, found } => {
                let why =
                    format!("ResourceVersion in precondition: , ResourceVersion in object meta: {found}");
                unfulfilled(by_resource(target), &storage_error(target, namespace, &why))
            }
            Self::DeleteUid { target, claimed, found } => {
                let why = format!(
                    "the UID in the precondition ({claimed}) does not match the UID in record ({found}). The object \
                     might have been deleted and then recreated"
                );
                unfulfilled(by_kind(target), &why)
            }
            Self::DeleteRevision { target, claimed, found } => {
                let why = format!(
                    "the ResourceVersion in the precondition ({claimed}) does not match the ResourceVersion in record \
                     ({found}). The object might have been modified"
                );
                unfulfilled(by_kind(target), &why)
            }
            _ => String::new(),
        }
    }

    fn details(&self) -> Option<Details> {
        let cause =
            |reason, message: String, field: &str| vec![Cause { reason, message, field: field.into() }];
        Some(match self {
            Self::AlreadyExists { target, generated: true, .. } => {
                Details { retry_after_seconds: 1, ..Details::by_resource(target) }
            }
            Self::NotFound(target)
            | Self::AlreadyExists { target, .. }
            | Self::Conflict(target)
            | Self::UidPrecondition { target, .. }
            | Self::DeleteUnheld { target, .. } => Details::by_resource(target),
            Self::DeleteUid { target, .. } | Self::DeleteRevision { target, .. } => Details::by_kind(target),
            Self::RevisionRequired(target) => Details::by_resource(target).with_causes(cause(
                "FieldValueInvalid",
                NEED_REVISION.into(),
                "metadata.resourceVersion",
            )),
            Self::Invalid { target, errors } => Details::by_kind(target).with_causes(
                errors
                    .iter()
                    .map(|e| Cause {
                        reason: e.problem.reason(),
                        message: e.body(),
                        field: e.field.to_string(),
                    })
                    .collect(),
            ),
            Self::NamespaceNotFound(name) => {
                Details { name: name.clone(), kind: "namespaces", ..Details::default() }
            }
            Self::NamespaceTerminating { target, namespace } => {
                Details::by_resource(target).with_causes(cause(
                    "NamespaceTerminating",
                    format!("namespace {namespace} is being terminated"),
                    "metadata.namespace",
                ))
            }
            Self::RevisionTooLarge { .. } => Details { retry_after_seconds: 1, ..Details::default() }
                .with_causes(cause("ResourceVersionTooLarge", "Too large resource version".into(), "")),
            _ => return None,
        })
    }
}

fn by_resource(target: &Target) -> String {
    let ResourceInfo { group, plural, .. } = target.resource;
    format!("{plural}{}{group} {}", dot(group), Quoted(&target.name))
}

fn by_kind(target: &Target) -> String {
    let ResourceInfo { group, kind, .. } = target.resource;
    format!("{kind}{}{group} {}", dot(group), Quoted(&target.name))
}

fn dot(group: &str) -> &'static str {
    if group.is_empty() { "" } else { "." }
}

/// A precondition that storage found not to hold.
fn storage_error(target: &Target, namespace: &str, why: &str) -> String {
    let (prefix, name) = (target.resource.storage_prefix, &target.name);
    format!(
        "StorageError: invalid object, Code: 4, Key: {prefix}/{namespace}/{name}, ResourceVersion: 0, \
         AdditionalErrorMsg: Precondition failed: {why}"
    )
}

fn unfulfilled(object: String, why: &str) -> String {
    format!("Operation cannot be fulfilled on {object}: {why}")
}

fn unreadable(text: &str) -> String {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let why = if is_number { "value out of range" } else { "invalid syntax" };
    format!("strconv.ParseUint: parsing {}: {why}", Quoted(text))
}
