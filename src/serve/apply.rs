//! Server-side apply: a configuration is merged into the object, and fields have owners who may object.

use super::answer::Answer;
use super::body;
use super::codec::{self, Served};
use super::failure::{Failure, cause};
use super::fields::{self, Set};
use super::json;
use super::managed;
use super::options::WriteOptions;
use super::read;
use super::schema::{Kind, Type};
use super::typed;
use super::verbs::{self, Call};
use crate::store::{ManagedFields, Object, Store, StoreError, Tree};

/// Who is said to have set what there was before anybody kept books.
const BEFORE: &str = "before-first-apply";

pub(crate) fn apply<S: Served>(
    call: &Call<'_>,
    store: &mut Store,
    options: &WriteOptions,
) -> Result<Answer, Failure> {
    let kind = call.target.kind;
    let (sent, config) = configuration(call, kind)?;
    call.target.check_name()?;
    let live = store.get::<S>(call.path()).ok();
    let zero = read::zero(Type::Struct(kind.object));
    let before = live.map_or_else(|| zero.clone(), |live| codec::bare(live, kind));
    let known = match live {
        Some(live) if live.meta.extra().managed_fields.is_empty() => {
            before_first(&zero, &before, kind, options)
        }
        Some(live) => live.meta.extra().managed_fields.clone(),
        None => Vec::new(),
    };
    let (mut after, mut entries) = merged(&before, &config, known, kind, options)?;
    if live.is_none() {
        // That there is an object at all is a change.
        entries.iter_mut().for_each(|entry| entry.time = Some(options.writer.second()));
    }
    keep_last_applied(&before, &sent, &mut after, options);
    let decoded = decoded(&after, &sent, kind)?;
    let mut object = codec::incoming::<S>(&decoded, kind, call.namespace());
    let mut keep = |_: Option<&Object<S>>, next: &mut Object<S>| verbs::set_managed(next, entries.clone());
    let written = if live.is_some() {
        store.patched_with(call.path(), object, options.dry_run, &mut keep)?
    } else {
        if let Some(uid) = object.uid.take() {
            return Err(uid_of_nothing(call, &uid.to_string()));
        }
        let url = call.path().name;
        if object.name != url {
            return Err(StoreError::NameMismatch { sent: object.name, url: url.into() }.into());
        }
        store.applied_with(call.path(), object, call.now, options.dry_run, &mut keep)?
    };
    Ok(verbs::answer(written, kind, Vec::new()))
}

/// A client that applied before there was server-side apply left its configuration in an annotation; it is kept up to
/// date for as long as it is there.
fn keep_last_applied(before: &Tree, sent: &Tree, after: &mut Tree, options: &WriteOptions) {
    const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let is_there = before.at(&["metadata", "annotations", ANNOTATION]).is_some();
    if options.writer.manager != "kubectl" || !is_there {
        return;
    }
    let mut applied = sent.clone();
    if let Some(annotations) = applied.at(&["metadata", "annotations"]).cloned() {
        let mut annotations = annotations;
        annotations.remove(ANNOTATION);
        applied.child("metadata").set("annotations", annotations);
    }
    let text = format!("{}\n", json::to_string(&sorted(&applied)));
    after.child("metadata").child("annotations").set(ANNOTATION, Tree::text(text));
}

/// A document with its keys in order.
fn sorted(tree: &Tree) -> Tree {
    match tree {
        Tree::Map(entries) => {
            let mut entries: Vec<_> =
                entries.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Tree::Map(entries)
        }
        Tree::List(items) => Tree::List(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// The configuration as it was sent, and checked; the name is that of the URL where it has none.
fn configuration(call: &Call<'_>, kind: &'static Kind) -> Result<(Tree, Tree), Failure> {
    let sent = body::yaml(call.body).map_err(|why| {
        Failure::bad_request(format!("error decoding YAML: error converting YAML to JSON: {why}"))
    })?;
    let sent = if sent.is_null() { Tree::empty() } else { sent };
    if !matches!(sent, Tree::Map(_)) {
        let found = body::type_name(&sent);
        let why = format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}");
        return Err(Failure::bad_request(format!(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: {why}"
        )));
    }
    let (api_version, sent_kind) = (sent.text_at(&["apiVersion"]), sent.text_at(&["kind"]));
    let expected = kind.api_version();
    let type_of = group_version_kind(api_version, sent_kind);
    if api_version != expected || sent_kind != kind.kind {
        return Err(Failure::bad_request(format!("invalid object type: {type_of}")));
    }
    if sent.at(&["metadata", "managedFields"]).is_some_and(|fields| !fields.is_null()) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let name = sent.text_at(&["metadata", "name"]);
    let namespace = sent.text_at(&["metadata", "namespace"]);
    let untyped = |why: &str| {
        Failure::internal(format!(
            "failed to create typed patch object ({namespace}/{name}; {type_of}): {why}"
        ))
    };
    let errors = typed::errors(&sent, kind.object);
    match errors.as_slice() {
        [] => {}
        [only] => return Err(untyped(only)),
        several => return Err(untyped(&format!("errors:\n  {}", several.join("\n  ")))),
    }
    let mut config = sent.clone();
    for name in ["apiVersion", "kind"] {
        config.remove(name);
    }
    if name.is_empty() {
        config.child("metadata").set("name", Tree::text(call.path().name));
    }
    Ok((sent, config))
}

/// Reads what became of an object; what it says of a value that is none is what the server says of a failed conversion.
fn decoded(after: &Tree, sent: &Tree, kind: &'static Kind) -> Result<Tree, Failure> {
    let read = read::read(after, kind.object).map(|decoded| decoded.object);
    read.map_err(|why| {
        let is_fraction = why.starts_with("json: cannot unmarshal number") && why.ends_with("int32");
        let why = if is_fraction { "cannot convert float64 to int32" } else { &why };
        let (namespace, name) =
            (sent.text_at(&["metadata", "namespace"]), sent.text_at(&["metadata", "name"]));
        let type_of = group_version_kind(sent.text_at(&["apiVersion"]), kind.kind);
        Failure::internal(format!(
            "failed to convert new object ({namespace}/{name}; {type_of}) to proper version: unable to convert \
             unstructured object to {type_of}: {why}"
        ))
    })
}

/// As Go prints a kind in its version: `coordination.k8s.io/v1, Kind=Lease`, and `/v1, Kind=Event`.
fn group_version_kind(api_version: &str, kind: &str) -> String {
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!("{slash}{api_version}, Kind={kind}")
}

fn before_first(
    zero: &Tree,
    before: &Tree,
    kind: &'static Kind,
    options: &WriteOptions,
) -> Vec<ManagedFields> {
    let there = fields::difference(zero, before, kind.object);
    let writer = managed::Writer { manager: BEFORE.into(), ..options.writer.clone() };
    managed::after_update(&[], &there, &writer)
}

/// The object with the configuration merged into it, and who owns what then.
fn merged(
    before: &Tree,
    config: &Tree,
    known: Vec<ManagedFields>,
    kind: &'static Kind,
    options: &WriteOptions,
) -> Result<(Tree, Vec<ManagedFields>), Failure> {
    let writer = &options.writer;
    let own = fields::named(config, kind.object);
    let known = known.into_iter().filter(|entry| writer.understands(entry));
    let (last, others): (Vec<_>, Vec<_>) = known.partition(|entry| writer.wrote(entry, "Apply"));
    let mut others: Vec<(ManagedFields, Set)> = others
        .into_iter()
        .map(|entry| {
            let set = Set::parse(&entry.fields);
            (entry, set)
        })
        .collect();
    let mut after = fields::merge(before, config, kind.object);
    // What this manager applied before and leaves out now goes, unless somebody else wants it.
    if let Some(last) = last.first() {
        let mut dropped = Set::parse(&last.fields);
        let mut kept = own.clone();
        for (_, set) in &others {
            kept.union(set);
        }
        dropped.subtract(&kept);
        fields::remove(&mut after, &dropped, &kept);
    }
    let changed = fields::difference(before, &after, kind.object);
    let mut touched = changed.added.clone();
    touched.union(&changed.modified);
    refuse_conflicts(&others, &touched, options.force)?;
    let mut lost = touched;
    lost.union(&changed.removed);
    for (_, set) in &mut others {
        set.subtract(&lost);
    }
    let mut entries: Vec<_> = others
        .into_iter()
        .filter(|(_, set)| !set.is_empty())
        .map(|(entry, set)| ManagedFields { fields: set.to_text().into(), ..entry })
        .collect();
    if !own.is_empty() {
        let mut entry = writer.entry("Apply", &own);
        // The time is that of the last change, which this is none of.
        if changed.is_none() {
            entry.time = last.first().and_then(|last| last.time);
        }
        entries.push(entry);
    }
    managed::sort(&mut entries);
    Ok((after, entries))
}

fn refuse_conflicts(others: &[(ManagedFields, Set)], touched: &Set, force: bool) -> Result<(), Failure> {
    let mut conflicts: Vec<(String, Vec<String>)> = Vec::new();
    for (entry, set) in others {
        let paths = set.intersection(touched).paths();
        if !paths.is_empty() {
            conflicts.push((shown(entry), paths));
        }
    }
    conflicts.sort();
    let count: usize = conflicts.iter().map(|(_, paths)| paths.len()).sum();
    if force || count == 0 {
        return Ok(());
    }
    let with = |manager: &str, path: &String| {
        cause("FieldManagerConflict", &format!("conflict with {manager}"), path)
    };
    let causes: Vec<Tree> = conflicts
        .iter()
        .flat_map(|(manager, paths)| paths.iter().map(move |path| with(manager, path)))
        .collect();
    let message = match conflicts.as_slice() {
        [(manager, paths)] if paths.len() == 1 => {
            format!("Apply failed with 1 conflict: conflict with {manager}: {}", paths[0])
        }
        several => {
            let lines = several.iter().flat_map(|(manager, paths)| {
                let head = format!("conflicts with {manager}:");
                core::iter::once(head).chain(paths.iter().map(|path| format!("- {path}")))
            });
            format!("Apply failed with {count} conflicts: {}", lines.collect::<Vec<_>>().join("\n"))
        }
    };
    let mut details = Tree::empty();
    details.set("causes", Tree::List(causes));
    Err(Failure::new(409, "Conflict", message).with_details(details))
}

fn shown(entry: &ManagedFields) -> String {
    let mut manager = crate::store::text::Quoted(&entry.manager).to_string();
    if !entry.subresource.is_empty() {
        manager.push_str(&format!(" with subresource {}", crate::store::text::Quoted(&entry.subresource)));
    }
    if entry.operation != "Update" {
        return manager;
    }
    format!("{manager} using {}", entry.api_version)
}

fn uid_of_nothing(call: &Call<'_>, uid: &str) -> Failure {
    let (name, kind) = (call.path().name, call.target.kind);
    let message = format!(
        "Operation cannot be fulfilled on {} {}: uid mismatch: the provided object specified uid {uid}, and no existing \
         object was found",
        kind.resource(),
        crate::store::text::Quoted(name)
    );
    Failure::new(409, "Conflict", message).with_details(super::failure::details_of(
        name,
        kind.group,
        kind.plural,
    ))
}
