//! PATCH: what each of the formats makes of an object, and how the result is stored.

use super::apply;
use super::body::{self, SCHEME};
use super::codec::{self, Served};
use super::failure::Failure;
use super::json;
use super::json_patch;
use super::merge_patch;
use super::options::{Validation, WriteOptions};
use super::read;
use super::verbs::{self, Books, Call, Deed, Kept, Look};
use crate::store::{Incoming, Object, Tree};

/// The formats, by Content-Type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PatchFormat {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchFormat {
    fn of(content_type: &str) -> Option<Self> {
        Some(match content_type.split(';').next().unwrap_or("") {
            "application/json-patch+json" => Self::Json,
            "application/merge-patch+json" => Self::Merge,
            "application/strategic-merge-patch+json" => Self::Strategic,
            "application/apply-patch+yaml" => Self::Apply,
            _ => return None,
        })
    }
}

pub(crate) fn patch<'a, S: Served>(call: &'a Call<'_>, look: &impl Look) -> Result<Deed<'a>, Failure> {
    let format = PatchFormat::of(&call.request.content_type).ok_or_else(|| {
        Failure::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with_details(Tree::empty())
    })?;
    let options = call.options("PatchOptions", format == PatchFormat::Apply)?;
    verbs::check_size(call.body, options.dry_run)?;
    if format == PatchFormat::Apply {
        return Ok(Box::new(move |store| apply::apply::<S>(call, store, &options)));
    }
    let ahead = look
        .object::<S>(call.path())
        .map(|live| (live.meta.resource_version, Patched::of(call, format, &options, &live)));
    Ok(Box::new(move |store| {
        call.target.check_name()?;
        let live = store.get::<S>(call.path())?;
        let patched = match ahead {
            Some((revision, patched)) if revision == live.meta.resource_version => patched,
            // Another was faster.
            _ => Patched::of(call, format, &options, live),
        };
        let Patched { object, warnings, books, kept } = patched?;
        let mut own = |live: Option<&Object<S>>, next: &mut Object<S>| books.keep(live, next, Some(&kept));
        let written = store
            .patched_with(call.path(), object, options.dry_run, &mut own)
            .map_err(|error| Failure::from(error).with_warnings(&warnings))?;
        Ok(verbs::answer(written, books.kind, warnings))
    }))
}

/// What a patch makes of an object.
struct Patched<S> {
    object: Incoming<S>,
    warnings: Vec<String>,
    books: Books,
    kept: Kept,
}

impl<S: Served> Patched<S> {
    fn of(
        call: &Call<'_>,
        format: PatchFormat,
        options: &WriteOptions,
        live: &Object<S>,
    ) -> Result<Self, Failure> {
        let kind = call.target.kind;
        let before = codec::full(live, kind);
        let (patched, mut strict) = patched(call.body, format, &before, kind.object, options)?;
        // A strategic patch is shown as it came, the others as what became of the object.
        let shown = || match format {
            PatchFormat::Strategic => {
                json::parse(call.body).map(|patch| go_value(&patch)).unwrap_or_default()
            }
            _ => json::to_string(&patched),
        };
        let invalid = |why: &str| Failure::invalid_patch(&shown(), why);
        for (name, right) in [("apiVersion", kind.api_version()), ("kind", kind.kind.to_owned())] {
            let sent = patched.text_at(&[name]);
            if !sent.is_empty() && sent != right {
                return Err(invalid(&changed_type(&patched, &kind.api_version(), kind.kind)));
            }
        }
        let decoded = read::read(&patched, kind.object).map_err(|why| match format {
            PatchFormat::Strategic => invalid(&converted(&why)),
            _ => invalid(&why),
        })?;
        strict.extend(decoded.strict);
        if options.validation == Validation::Strict && !strict.is_empty() {
            return Err(invalid(&format!("strict decoding error: {}", strict.join(", "))));
        }
        let mut warnings = if options.validation == Validation::Warn { strict } else { Vec::new() };
        let clears = body::clears_managed_fields(&patched);
        let mut object = codec::incoming::<S>(&decoded.object, kind, call.namespace());
        verbs::dedup_owners(&mut object, " after mutating admission happens", &mut warnings);
        let books = Books { clears, kind, options: options.clone(), deletion: object.deletion() };
        let kept = books.kept_ahead(live, &object);
        Ok(Self { object, warnings, books, kept })
    }
}

/// The object after the patch, and what a strict decoder says of the patch itself.
fn patched(
    body: &[u8],
    format: PatchFormat,
    before: &Tree,
    of: &'static super::schema::Struct,
    options: &WriteOptions,
) -> Result<(Tree, Vec<String>), Failure> {
    let decoding = |why: String| Failure::bad_request(format!("error decoding patch: {why}"));
    let patch = json::parse(body).map_err(|why| match format {
        PatchFormat::Strategic => Failure::bad_request(why),
        _ => decoding(why),
    })?;
    if format == PatchFormat::Json {
        json_patch::check_length(&patch).map_err(|why| {
            Failure::new(413, "RequestEntityTooLarge", format!("Request entity too large: {why}"))
        })?;
        let operations = json_patch::read(&patch).map_err(decoding)?;
        let strict = json_patch::strict(&patch);
        let rejected = || {
            let message = "the server rejected our request due to an error in our request";
            Failure::new(422, "Invalid", message).with_details(Tree::empty())
        };
        return Ok((json_patch::apply(&operations, before).map_err(|_| rejected())?, strict));
    }
    let Tree::Map(_) = &patch else {
        let found = match &patch {
            Tree::List(_) => "array",
            Tree::Text(_) => "string",
            Tree::Number(_) => "number",
            Tree::Bool(_) => "bool",
            _ if format == PatchFormat::Merge => return Err(Failure::bad_request("Invalid JSON Patch")),
            _ => return Ok((before.clone(), Vec::new())),
        };
        let why = format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}");
        return Err(if format == PatchFormat::Strategic { Failure::bad_request(why) } else { decoding(why) });
    };
    let mut strict = Vec::new();
    if options.validation != Validation::Ignore {
        merge_patch::duplicates(&patch, "", &mut strict);
    }
    let patch = json::last_of_each(&patch);
    let after = match format {
        PatchFormat::Strategic => merge_patch::strategic(before, &patch, of)?,
        _ => merge_patch::merge(before, &patch),
    };
    Ok((after, strict))
}

/// A strategic patch is not decoded but converted, which has words of its own for a value of a wrong type.
fn converted(why: &str) -> String {
    let Some((found, wanted)) = why
        .strip_prefix("json: cannot unmarshal ")
        .and_then(|rest| Some((rest.split(' ').next()?, rest.rsplit(' ').next()?)))
    else {
        return why.into();
    };
    let is_fraction = why.contains("unmarshal number") && why.contains('.') && wanted.starts_with("int");
    let kind = match found {
        "number" if is_fraction => "float64",
        "number" => "int64",
        "array" => "slice",
        "object" => "map",
        other => other,
    };
    match wanted {
        "string" => format!("cannot convert {kind} to string"),
        _ if wanted.starts_with("map") => format!("cannot restore map from {kind}"),
        _ if wanted.starts_with("[]") => format!("cannot restore slice from {kind}"),
        _ if wanted.starts_with("v1.") => format!("cannot restore struct from: {kind}"),
        _ if found == "number" => format!("cannot convert {kind} to {wanted}"),
        _ => format!("unrecognized type: {wanted}"),
    }
}

fn changed_type(patched: &Tree, api_version: &str, kind: &str) -> String {
    let or = |name, otherwise: &str| match patched.text_at(&[name]) {
        "" => otherwise.to_owned(),
        sent => sent.to_owned(),
    };
    let (sent_version, sent_kind) = (or("apiVersion", api_version), or("kind", kind));
    format!("no kind \"{sent_kind}\" is registered for version \"{sent_version}\" in scheme \"{SCHEME}\"")
}

/// A value as Go's `%+v` prints it.
pub(crate) fn go_value(tree: &Tree) -> String {
    match tree {
        Tree::Null => "<nil>".into(),
        Tree::Bool(value) => value.to_string(),
        Tree::Number(text) | Tree::Text(text) => text.to_string(),
        Tree::List(items) => {
            let items: Vec<_> = items.iter().map(go_value).collect();
            format!("[{}]", items.join(" "))
        }
        Tree::Map(entries) => {
            let mut parts: Vec<_> = entries.iter().map(|(key, value)| (key, go_value(value))).collect();
            parts.sort();
            let parts: Vec<_> = parts.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
            format!("map[{}]", parts.join(" "))
        }
    }
}
