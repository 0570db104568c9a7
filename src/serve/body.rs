//! Bodies in: which format, which kind, which object.

use super::failure::Failure;
use super::json;
use super::options::Validation;
use super::protobuf;
use super::read;
use super::schema::{KINDS, Kind};
use crate::store::Tree;
use crate::store::text::Quoted;

/// Kinds of other resources that a real server knows, so that it can say more than "no such kind".
const OTHER_KINDS: [(&str, &[&str]); 5] = [
    (
        "v1",
        &["Pod", "Secret", "Service", "Node", "ServiceAccount", "PersistentVolume", "ReplicationController"],
    ),
    ("apps/v1", &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]),
    ("batch/v1", &["Job", "CronJob"]),
    ("rbac.authorization.k8s.io/v1", &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]),
    ("coordination.k8s.io/v1beta1", &["LeaseCandidate"]),
];

/// Where the scheme is said to be that does not know a kind; it depends on how a server was built, and is that of a build
/// from modules.
pub(crate) const SCHEME: &str = "pkg/runtime/scheme.go:111";

/// Formats of bodies and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
    Protobuf,
}

impl Format {
    /// The format of a Content-Type; JSON where there is none.
    ///
    /// # Errors
    /// 415: it is none that the server reads.
    pub(crate) fn of(content_type: &str) -> Result<Self, Failure> {
        let mut parts = content_type.split(';');
        let essence = parts.next().unwrap_or("").trim().to_ascii_lowercase();
        let is_well_formed = parts.all(|part| part.trim().is_empty() || part.contains('='));
        match if is_well_formed { essence.as_str() } else { "malformed" } {
            "" | "application/json" => Ok(Self::Json),
            "application/yaml" => Ok(Self::Yaml),
            "application/vnd.kubernetes.protobuf" => Ok(Self::Protobuf),
            _ => Err(Failure::new(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: \
                 application/json, application/yaml, application/vnd.kubernetes.protobuf",
            )),
        }
    }
}

/// An object that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) object: Tree,
    /// What a strict decoder would have refused.
    pub(crate) warnings: Vec<String>,
    /// `managedFields: []` or `[{}]`: the client wants them gone.
    pub(crate) clears_managed_fields: bool,
}

/// Reads an object of a kind.
///
/// # Errors
/// 400: it is none.
pub(crate) fn object(
    body: &[u8],
    format: Format,
    kind: &'static Kind,
    validation: Validation,
) -> Result<Sent, Failure> {
    let sent = match format {
        Format::Json => json::parse(body).map_err(|error| unrecognized(kind, &parse_error(&error), body))?,
        Format::Yaml => yaml(body).map_err(|error| unrecognized(kind, &error, body))?,
        Format::Protobuf => protobuf::object(body, kind).map_err(|error| unrecognized(kind, &error, body))?,
    };
    check_kind(&sent, kind, body)?;
    let cannot = |why: String| {
        Failure::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: {why}",
            kind.kind, kind.version, kind.kind
        ))
    };
    let clears_managed_fields = clears_managed_fields(&sent);
    let decoded =
        if sent.is_null() { read::read(&Tree::empty(), kind.object) } else { read::read(&sent, kind.object) };
    let decoded = decoded.map_err(cannot)?;
    if validation == Validation::Strict && !decoded.strict.is_empty() {
        return Err(cannot(format!("strict decoding error: {}", decoded.strict.join(", "))));
    }
    let warnings = if validation == Validation::Warn { decoded.strict } else { Vec::new() };
    Ok(Sent { object: decoded.object, warnings, clears_managed_fields })
}

/// Whether an object says that it has no managed fields, rather than nothing of them.
pub(crate) fn clears_managed_fields(object: &Tree) -> bool {
    match object.at(&["metadata", "managedFields"]) {
        Some(Tree::List(items)) => match items.as_slice() {
            [] => true,
            [only] => only.entries().is_empty(),
            _ => false,
        },
        _ => false,
    }
}

/// Reads YAML, of which JSON is a part.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn yaml(body: &[u8]) -> Result<Tree, String> {
    let text = core::str::from_utf8(body).map_err(|_| "yaml: invalid UTF-8".to_owned())?;
    if text.trim_start().starts_with('{')
        && let Ok(tree) = json::parse(body)
    {
        return Ok(tree);
    }
    if text.trim().is_empty() {
        return Ok(Tree::Null);
    }
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins };
    let read = serde_saphyr::from_str_with_options(first_document(text), options);
    let value: serde_json::Value = read.map_err(|error| {
        let text = error.to_string();
        format!("yaml: {}", text.lines().next().unwrap_or_default())
    })?;
    json::parse(whole_numbers(value).to_string().as_bytes())
}

/// What stands before the second document of a stream; the server reads no further.
fn first_document(text: &str) -> &str {
    let body = text.strip_prefix("---").unwrap_or(text);
    match body.find("\n---") {
        Some(at) => &body[..=at],
        None => text,
    }
}

/// Fractions that are none become whole numbers, as Go prints them.
fn whole_numbers(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    const EXACT_MAX: f64 = 9e15;
    match value {
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(entries) => {
            entries.into_iter().map(|(key, value)| (key, whole_numbers(value))).collect()
        }
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < EXACT_MAX => Value::from(float as i64),
            _ => Value::Number(number),
        },
        other => other,
    }
}

fn parse_error(error: &str) -> String {
    format!("couldn't get version/kind; json parse error: {error}")
}

fn unrecognized(kind: &Kind, why: &str, body: &[u8]) -> Failure {
    Failure::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): {why} ({})",
        kind.kind,
        summary(body)
    ))
}

/// The begin of a body, as the server shows it.
fn summary(body: &[u8]) -> String {
    const SHOWN_BYTES: usize = 30;
    let more = if body.len() > SHOWN_BYTES { " ..." } else { "" };
    let shown = &body[..body.len().min(SHOWN_BYTES)];
    match body.first() {
        None => "<empty>".into(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => {
            let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}{more}")
        }
    }
}

/// What Go's decoder says of a document that is no object.
pub(crate) fn not_an_object(sent: &Tree) -> String {
    const HEAD: &str = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
    format!("json: cannot unmarshal {} into Go value of type {HEAD}", type_name(sent))
}

fn check_kind(sent: &Tree, kind: &'static Kind, body: &[u8]) -> Result<(), Failure> {
    let wrong = |found: &str, place: &str| {
        let error = format!("json: cannot unmarshal {found} into Go {place}");
        unrecognized(kind, &parse_error(&error), body)
    };
    if !matches!(sent, Tree::Map(_) | Tree::Null) {
        return Err(unrecognized(kind, &parse_error(&not_an_object(sent)), body));
    }
    for name in ["apiVersion", "kind"] {
        if let Some(value) = sent.get(name).filter(|value| value.as_text().is_none() && !value.is_null()) {
            return Err(wrong(type_name(value), &format!("struct field .{name} of type string")));
        }
    }
    let expected = kind.api_version();
    let api_version =
        Some(sent.text_at(&["apiVersion"])).filter(|v| !["", "/"].contains(v)).unwrap_or(&expected);
    let sent_kind = Some(sent.text_at(&["kind"])).filter(|k| !k.is_empty()).unwrap_or(kind.kind);
    if api_version.matches('/').count() > 1 {
        let error = format!("unexpected GroupVersion string: {api_version}");
        return Err(unrecognized(kind, &error, body));
    }
    if sent_kind == kind.kind && api_version == expected {
        return Ok(());
    }
    Err(Failure::bad_request(wrong_kind(kind, &expected, sent_kind, api_version)))
}

fn wrong_kind(kind: &Kind, expected: &str, sent_kind: &str, api_version: &str) -> String {
    let version = api_version.rsplit('/').next().unwrap_or("");
    let same_group = kind.group == "coordination.k8s.io" && api_version == "coordination.k8s.io/v1beta1";
    let two_of_one = kind.kind == "Event" && ["v1", "events.k8s.io/v1"].contains(&api_version);
    if sent_kind == kind.kind && (same_group || two_of_one) {
        return format!(
            "the API version in the data ({api_version}) does not match the expected API version ({expected})"
        );
    }
    // Lists and options of requests are kinds of every group.
    let known = KINDS.iter().filter(|known| known.api_version() == api_version);
    let served = known
        .clone()
        .any(|known| sent_kind == known.kind || sent_kind.strip_suffix("List") == Some(known.kind));
    let common =
        ["DeleteOptions", "ListOptions", "CreateOptions", "UpdateOptions", "PatchOptions", "GetOptions"];
    let served = served || (known.count() > 0 && common.contains(&sent_kind));
    let served = served || (api_version == "v1" && ["Status", "List"].contains(&sent_kind));
    let other = OTHER_KINDS.iter().any(|(known, kinds)| *known == api_version && kinds.contains(&sent_kind));
    let why = if served || other {
        format!("converting ({version}.{sent_kind}) to ({}): unknown conversion", kind.internal)
    } else {
        format!(
            "no kind {} is registered for version {} in scheme \"{SCHEME}\"",
            Quoted(sent_kind),
            Quoted(api_version)
        )
    };
    format!("{sent_kind} in version {} cannot be handled as a {}: {why}", Quoted(version), kind.kind)
}

pub(crate) fn type_name(tree: &Tree) -> &'static str {
    match tree {
        Tree::Null => "null",
        Tree::Bool(_) => "bool",
        Tree::Number(_) => "number",
        Tree::Text(_) => "string",
        Tree::List(_) => "array",
        Tree::Map(_) => "object",
    }
}
