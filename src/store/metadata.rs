//! Validation of metadata. The name rules are recorded; the others' wording follows the server's source (1.36).

use std::borrow::Cow;
use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::field::{BadValue, FieldError, FieldProblem};
use super::ids::UidClaim;
use super::object::{DeletionClaim, Extra, Meta, OwnerReference};
use super::text::Quoted;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
    and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
    and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
    an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const QUALIFIED: &str = "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and \
    end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
const PREFIX_PART: &str = "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
    '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const OWNERS: &str = "metadata.ownerReferences";
const IMMUTABLE: &str = "field is immutable";
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];
const NO_KNOWN_FINALIZER: &str = "name is neither a standard finalizer name nor is it fully qualified";

/// All annotations together may have this many bytes.
const ANNOTATIONS_BYTES_MAX: usize = 256 << 10;
/// More errors than this are of no use to anybody; a body of megabytes may be made of nothing else.
const ERRORS_MAX: usize = 100;
const SUBDOMAIN_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// What a name may look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NameRule {
    /// As a subdomain.
    Subdomain,
    /// As a segment of a path.
    PathSegment,
}

/// Checks the metadata of an object that is about to be created.
pub(super) fn check_new(meta: &Meta, rule: NameRule, errors: &mut Vec<FieldError>) {
    let extra = meta.extra();
    if !extra.generate_name.is_empty() {
        // A prefix may end in a hyphen: the name goes on. The server puts a letter for the last two bytes.
        let stem = extra.generate_name.strip_suffix('-').filter(|stem| !stem.is_empty());
        let masked = stem.map(|stem| {
            let kept = stem.as_bytes().split_last().map_or(&b""[..], |(_, kept)| kept);
            format!("{}a", String::from_utf8_lossy(kept))
        });
        check_name("metadata.generateName", &extra.generate_name, masked.as_deref(), rule, errors);
    }
    if meta.name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        check_name("metadata.name", &meta.name, None, rule, errors);
    }
    if let Some(n @ ..0) = extra.generation {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid("metadata.generation", BadValue::Number(n), detail));
    }
    check_extra(extra, errors);
    check_finalizers(&extra.finalizers, errors);
}

fn check_finalizers(finalizers: &[SmolStr], errors: &mut Vec<FieldError>) {
    for finalizer in finalizers {
        if errors.len() < ERRORS_MAX {
            check_qualified("metadata.finalizers", finalizer, finalizer, errors);
        }
    }
    if ["orphan", "foregroundDeletion"].iter().all(|name| finalizers.iter().any(|f| f == name)) {
        let quoted: Vec<_> = finalizers.iter().map(|f| Quoted(f).to_string()).collect();
        let shown = BadValue::Raw(format!("[{}]", quoted.join(",")).into());
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid("metadata.finalizers", shown, detail));
    }
}

/// Checks what kinds of the core's own validation want of finalizers besides: a domain, unless the server knows the name.
pub(super) fn check_known_finalizers(finalizers: &[SmolStr], errors: &mut Vec<FieldError>) {
    for (index, finalizer) in finalizers.iter().enumerate() {
        if !finalizer.contains('/')
            && !STANDARD_FINALIZERS.contains(&finalizer.as_str())
            && errors.len() < ERRORS_MAX
        {
            let field = format!("metadata.finalizers[{index}]");
            errors.push(FieldError::invalid_text(field, finalizer, NO_KNOWN_FINALIZER));
        }
    }
}

/// What a client tried to change that only the server may change.
pub(super) struct Claims {
    pub(super) uid: Option<UidClaim>,
    pub(super) deletion: DeletionClaim,
}

/// Checks that `next` may replace `live`.
pub(super) fn check_change(live: &Meta, next: &Meta, claims: &Claims, errors: &mut Vec<FieldError>) {
    if live.deletion_time.is_some() {
        check_no_new_finalizers(live.extra(), next.extra(), errors);
    }
    if let Some(claim) = claims.uid.as_ref().filter(|claim| !claim.is(live.uid)) {
        errors.push(FieldError::invalid_text("metadata.uid", &claim.to_string(), IMMUTABLE));
    }
    if let (None, Some(at)) = (live.deletion_time, claims.deletion.time) {
        errors.push(FieldError::invalid("metadata.deletionTimestamp", BadValue::Time(at), IMMUTABLE));
    }
    let of_live = live.deletion().grace_seconds;
    if let Some(seconds) = claims.deletion.grace_seconds.filter(|&seconds| of_live != Some(seconds)) {
        let field = "metadata.deletionGracePeriodSeconds";
        errors.push(FieldError::invalid(field, BadValue::Number(seconds), IMMUTABLE));
    }
    if next.extra.is_some() {
        check_extra(next.extra(), errors);
    }
}

fn check_no_new_finalizers(live: &Extra, next: &Extra, errors: &mut Vec<FieldError>) {
    let known: BTreeSet<_> = live.finalizers.iter().collect();
    let added: BTreeSet<_> = next.finalizers.iter().filter(|f| !known.contains(f)).collect();
    if added.is_empty() {
        return;
    }
    let list = added.iter().map(|f| format!("{:?}", f.as_str())).collect::<Vec<_>>().join(", ");
    errors.push(FieldError {
        field: "metadata.finalizers".into(),
        problem: FieldProblem::Forbidden,
        value: BadValue::Hidden,
        detail: format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
        )
        .into(),
    });
}

fn check_extra(extra: &Extra, errors: &mut Vec<FieldError>) {
    for (key, value) in &extra.labels {
        if errors.len() >= ERRORS_MAX {
            return;
        }
        check_qualified("metadata.labels", key, key, errors);
        if value.len() > LABEL_BYTES_MAX {
            errors.push(FieldError::invalid_text("metadata.labels", value, "must be no more than 63 bytes"));
        }
        if !value.is_empty() && !is_name(value) {
            errors.push(FieldError::invalid_text("metadata.labels", value, LABEL_VALUE));
        }
    }
    let mut bytes = 0;
    for (key, value) in &extra.annotations {
        if errors.len() >= ERRORS_MAX {
            return;
        }
        check_qualified("metadata.annotations", key, &key.to_lowercase(), errors);
        bytes += key.len() + value.len();
    }
    if bytes > ANNOTATIONS_BYTES_MAX {
        errors.push(FieldError {
            field: "metadata.annotations".into(),
            problem: FieldProblem::TooLong,
            value: BadValue::Hidden,
            detail: "may not be more than 262144 bytes".into(),
        });
    }
    check_owners(&extra.owner_references, errors);
}

fn check_owners(owners: &[OwnerReference], errors: &mut Vec<FieldError>) {
    let mut controller: Option<&OwnerReference> = None;
    for owner in owners {
        check_owner(owner, errors);
        if owner.controller != Some(true) {
            continue;
        }
        let Some(first) = controller else {
            controller = Some(owner);
            continue;
        };
        let shown: Vec<_> = owners.iter().map(shown_owner).collect();
        errors.push(FieldError {
            detail: format!(
                "Only one reference can have Controller set to true. Found \"true\" in references for {}/{} and {}/{}",
                first.kind, first.name, owner.kind, owner.name
            )
            .into(),
            ..FieldError::invalid(OWNERS, BadValue::Raw(format!("[{}]", shown.join(",")).into()), "")
        });
    }
}

/// A reference as the server's JSON shows it.
fn shown_owner(owner: &OwnerReference) -> String {
    let mut shown = format!(
        "{{\"apiVersion\":{},\"kind\":{},\"name\":{},\"uid\":{}",
        Quoted(&owner.api_version),
        Quoted(&owner.kind),
        Quoted(&owner.name),
        Quoted(&owner.uid)
    );
    for (name, value) in
        [("controller", owner.controller), ("blockOwnerDeletion", owner.block_owner_deletion)]
    {
        if let Some(value) = value {
            shown.push_str(&format!(",\"{name}\":{value}"));
        }
    }
    shown.push('}');
    shown
}

fn check_owner(owner: &OwnerReference, errors: &mut Vec<FieldError>) {
    let parts: Vec<_> = owner.api_version.split('/').collect();
    let (group, version) = match parts.as_slice() {
        [version] => ("", *version),
        [group, version] => (*group, *version),
        _ => ("", ""),
    };
    if version.is_empty() {
        let field = "metadata.ownerReferences.apiVersion";
        errors.push(FieldError::invalid_text(field, &owner.api_version, "version must not be empty"));
    }
    let mut required = |field: &'static str, value: &str| {
        if value.is_empty() {
            errors.push(FieldError::invalid_text(field, value, "must not be empty"));
        }
    };
    required("metadata.ownerReferences.kind", &owner.kind);
    required("metadata.ownerReferences.name", &owner.name);
    required("metadata.ownerReferences.uid", &owner.uid);
    if (group, version, owner.kind.as_str()) == ("", "v1", "Event") {
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        errors.push(FieldError::invalid(OWNERS, BadValue::Raw(shown_owner(owner).into()), detail));
    }
}

/// Checks a name, or what the rule is to see in its place.
fn check_name(
    field: &'static str,
    name: &str,
    masked: Option<&str>,
    rule: NameRule,
    errors: &mut Vec<FieldError>,
) {
    let seen = masked.unwrap_or(name);
    if rule == NameRule::PathSegment {
        return check_path_segment(field, name, errors);
    }
    if seen.len() > SUBDOMAIN_BYTES_MAX {
        errors.push(FieldError::invalid_text(field, name, "must be no more than 253 characters"));
    }
    if !is_subdomain(seen) {
        errors.push(FieldError::invalid_text(field, name, SUBDOMAIN));
    }
}

fn check_path_segment(field: &'static str, name: &str, errors: &mut Vec<FieldError>) {
    let mut refuse = |detail| errors.push(FieldError::invalid_text(field, name, detail));
    match name {
        "." => return refuse("may not be '.'"),
        ".." => return refuse("may not be '..'"),
        _ => {}
    }
    if name.contains('/') {
        refuse("may not contain '/'");
    }
    if name.contains('%') {
        refuse("may not contain '%'");
    }
}

/// Checks a key of labels or annotations, or a finalizer: `name` or `subdomain/name`. `seen` is what the rule looks at.
pub(super) fn check_qualified(
    field: impl Into<Cow<'static, str>>,
    shown: &str,
    seen: &str,
    errors: &mut Vec<FieldError>,
) {
    let field = field.into();
    let mut refuse = |detail| errors.push(FieldError::invalid_text(field.clone(), shown, detail));
    let mut parts = seen.split('/');
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, None) => name,
        (Some(prefix), Some(name), None) => {
            if prefix.is_empty() {
                refuse("prefix part must be non-empty");
            } else if prefix.len() > SUBDOMAIN_BYTES_MAX {
                refuse("prefix part must be no more than 253 bytes");
            } else if !is_subdomain(prefix) {
                refuse(PREFIX_PART);
            }
            name
        }
        _ => return refuse(QUALIFIED),
    };
    if name.is_empty() {
        refuse("name part must be non-empty");
    } else if name.len() > LABEL_BYTES_MAX {
        refuse("name part must be no more than 63 bytes");
    }
    if !is_name(name) {
        refuse(NAME_PART);
    }
}

/// Checks a subdomain, of a field that is no name of this object.
pub(super) fn check_subdomain(field: String, text: &str, errors: &mut Vec<FieldError>) {
    if text.len() > SUBDOMAIN_BYTES_MAX {
        errors.push(FieldError::invalid_text(field.clone(), text, "must be no more than 253 characters"));
    }
    if !is_subdomain(text) {
        errors.push(FieldError::invalid_text(field, text, SUBDOMAIN));
    }
}

/// Checks a label of a subdomain.
pub(super) fn check_label(field: String, text: &str, errors: &mut Vec<FieldError>) {
    if text.len() > LABEL_BYTES_MAX {
        errors.push(FieldError::invalid_text(field.clone(), text, "must be no more than 63 characters"));
    }
    if !is_subdomain(text) {
        errors.push(FieldError::invalid_text(field, text, LABEL));
    } else if text.contains('.') {
        errors.push(FieldError::invalid_text(field, text, "must not contain dots"));
    }
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|label| is_made_of(label, |b| b.is_ascii_lowercase() || b.is_ascii_digit(), b"-"))
}

/// What is wrong first with a label's key.
#[cfg(feature = "serve")]
pub(crate) fn bad_label_key(key: &str) -> Option<Cow<'static, str>> {
    let mut errors = Vec::new();
    check_qualified("", key, key, &mut errors);
    errors.into_iter().next().map(|error| error.detail)
}

/// What is wrong first with a label's value.
#[cfg(feature = "serve")]
pub(crate) fn bad_label_value(value: &str) -> Option<&'static str> {
    if value.len() > LABEL_BYTES_MAX {
        return Some("must be no more than 63 bytes");
    }
    (!value.is_empty() && !is_name(value)).then_some(LABEL_VALUE)
}

fn is_name(text: &str) -> bool {
    is_made_of(text, |b| b.is_ascii_alphanumeric(), b"-_.")
}

/// Whether `text` starts and ends with a byte that is `plain` and has nothing but those and `inner` ones between.
fn is_made_of(text: &str, plain: impl Fn(u8) -> bool, inner: &[u8]) -> bool {
    let bytes = text.as_bytes();
    let ends_well = |b: Option<&u8>| b.is_some_and(|&b| plain(b));
    ends_well(bytes.first())
        && ends_well(bytes.last())
        && bytes.iter().all(|&b| plain(b) || inner.contains(&b))
}
