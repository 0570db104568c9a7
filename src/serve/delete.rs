//! DELETE, of an object and of a collection.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::answer::{Answer, Content};
use super::body::{self, Format, SCHEME};
use super::codec::{self, Served};
use super::failure::{self, BadOption, Failure};
use super::json;
use super::list;
use super::protobuf;
use super::read;
use super::schema::DELETE_OPTIONS;
use super::verbs::Call;
use crate::store::text::Quoted;
use crate::store::{DeleteOptions, Deleted, Details, Object, Propagation, Store, Tree, UidClaim};

pub(crate) fn delete<S: Served>(call: &Call<'_>, store: &mut Store) -> Result<Answer, Failure> {
    let (options, dry_run) = options(call)?;
    call.target.check_name()?;
    let deleted = match dry_run {
        true => store.dry_delete::<S>(call.path(), &options, call.now)?,
        false => store.delete::<S>(call.path(), &options, call.now)?,
    };
    Ok(Answer::ok(match deleted {
        Deleted::Gone(object) => Content::Status(success(&object)),
        Deleted::Terminating(object) => Content::Object(codec::bare(&object, call.target.kind)),
    }))
}

pub(crate) fn delete_collection<S: Served>(call: &Call<'_>, store: &mut Store) -> Result<Answer, Failure> {
    let (options, dry_run) = options(call)?;
    let kind = call.target.kind;
    let namespace = call.target.namespace.as_deref();
    // What is deleted is a list, with pages and all.
    let page = list::page::<S>(call, store)?;
    let names: BTreeSet<SmolStr> = page.items.iter().map(|object| object.meta.name.clone()).collect();
    let takes = |object: &Object<S>| names.contains(&object.meta.name);
    if dry_run {
        for object in &page.items {
            store.dry_delete::<S>(object.meta.path(), &options, call.now)?;
        }
    } else {
        store.delete_collection::<S>(namespace, takes, &options, call.now)?;
    }
    let items = page.items.iter().map(|object| codec::bare(object, kind)).collect();
    Ok(Answer::ok(Content::List(page.meta, items)))
}

fn success<S: Served>(object: &Object<S>) -> Tree {
    success_status(failure::details(&Details::deleted(object)))
}

/// The `Status` of a DELETE that left nothing.
pub(crate) fn success_status(details: Tree) -> Tree {
    let mut tree = Tree::empty();
    tree.set("metadata", Tree::empty());
    tree.set("status", Tree::text("Success"));
    tree.set("details", details);
    codec::typed(tree, "Status", "v1")
}

/// The options of the body, or where there is none of the query; and whether it is a dry run.
pub(crate) fn options(call: &Call<'_>) -> Result<(DeleteOptions, bool), Failure> {
    let sent = if call.body.is_empty() { from_query(call)? } else { from_body(call)? };
    let mut errors = Vec::new();
    let policy = sent.get("propagationPolicy").and_then(Tree::as_text).map(SmolStr::as_str);
    let orphan = sent.get("orphanDependents");
    if let (Some(policy), Some(_)) = (policy, orphan) {
        errors.push(BadOption {
            field: "propagationPolicy",
            reason: "FieldValueInvalid",
            message: format!(
                "Invalid value: {}: orphanDependents and deletionPropagation cannot be both set",
                Quoted(policy)
            ),
        });
    }
    let propagation = match (policy, orphan) {
        (None, None) => Propagation::Unsaid,
        (Some("Orphan"), _) | (None, Some(Tree::Bool(true))) => Propagation::Orphan,
        (Some("Foreground"), _) => Propagation::Foreground,
        (Some("Background"), _) | (None, Some(_)) => Propagation::Background,
        (Some(other), _) => {
            let quoted = Quoted(other);
            let message = format!(
                "Unsupported value: {quoted}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            );
            let (field, reason) = ("propagationPolicy", "FieldValueNotSupported");
            errors.push(BadOption { field, reason, message });
            Propagation::Background
        }
    };
    let runs = sent.get("dryRun").map(Tree::items).unwrap_or_default();
    if runs.iter().any(|run| run.as_text().is_none_or(|text| text != "All")) {
        let values: Vec<_> = runs.iter().map(|run| json::Shown(run).to_string()).collect();
        let message = format!("Unsupported value: [{}]: supported values: \"All\"", values.join(","));
        errors.push(BadOption { field: "dryRun", reason: "FieldValueNotSupported", message });
    }
    if !errors.is_empty() {
        return Err(Failure::invalid_options("DeleteOptions", &errors));
    }
    let claim = |name| sent.at(&["preconditions", name]).and_then(Tree::as_text).cloned();
    let uid = claim("uid").map(|text: SmolStr| UidClaim::parse(&text).unwrap_or(UidClaim::Foreign(text)));
    let options = DeleteOptions { uid, resource_version: claim("resourceVersion"), propagation };
    Ok((options, !runs.is_empty()))
}

fn from_query(call: &Call<'_>) -> Result<Tree, Failure> {
    let query = &call.request.query;
    let mut tree = Tree::empty();
    if let Some(policy) = query.find("propagationPolicy") {
        tree.set("propagationPolicy", Tree::text(policy));
    }
    if let Some(orphan) = query.flag("orphanDependents") {
        tree.set("orphanDependents", Tree::Bool(orphan));
    }
    query.number("gracePeriodSeconds")?;
    for precondition in ["uid", "resourceVersion"] {
        if let Some(value) = query.find(precondition).filter(|value| !value.is_empty()) {
            tree.child("preconditions").set(precondition, Tree::text(value));
        }
    }
    let runs: Vec<_> = query.all("dryRun").map(Tree::text).collect();
    tree.set("dryRun", Tree::List(runs));
    Ok(tree)
}

fn from_body(call: &Call<'_>) -> Result<Tree, Failure> {
    let unread =
        |why: String| Failure::bad_request(format!("couldn't get version/kind; json parse error: {why}"));
    let sent = match Format::of(&call.request.content_type)? {
        Format::Json => json::parse(call.body).map_err(unread)?,
        Format::Yaml => body::yaml(call.body).map_err(unread)?,
        Format::Protobuf => protobuf::delete_options(call.body).map_err(Failure::bad_request)?,
    };
    if !matches!(sent, Tree::Map(_) | Tree::Null) {
        return Err(unread(body::not_an_object(&sent)));
    }
    let (kind, api_version) = (sent.text_at(&["kind"]), sent.text_at(&["apiVersion"]));
    if !["", "DeleteOptions"].contains(&kind) {
        let version = if api_version.is_empty() { "meta.k8s.io/v1" } else { api_version };
        return Err(Failure::bad_request(format!(
            "no kind {} is registered for version {} in scheme \"{SCHEME}\"",
            Quoted(kind),
            Quoted(version)
        )));
    }
    read::read(&sent, &DELETE_OPTIONS).map(|decoded| decoded.object).map_err(Failure::bad_request)
}
