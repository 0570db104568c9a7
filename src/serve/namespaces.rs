//! Namespaces as objects: there are as many as the store knows, and they hold nothing but their names.

use super::answer::{Answer, Content};
use super::body::{self, Format};
use super::delete::success_status;
use super::failure::{Failure, details_of};
use super::selector::{Selector, field_of};
use super::time;
use super::verbs::Call;
use crate::core::WallTime;
use crate::store::text::Quoted;
use crate::store::{Meta, NamespacePhase, Revision, Store, Tree, Uid};

/// Uids of namespaces come from the other end of the numbers.
const LAST_UID: u64 = u64::MAX;

pub(crate) fn perform(call: &Call<'_>, store: &mut Store) -> Result<Answer, Failure> {
    match (call.request.method.as_str(), call.target.name.as_deref()) {
        ("GET", Some(name)) => {
            let index = find(store, name)?;
            Ok(Answer::ok(Content::Object(object(store, index))))
        }
        ("GET", None) => list(call, store),
        ("POST", None) => create(call, store),
        ("DELETE", Some(name)) => delete(store, name),
        _ => Err(Failure::method_not_allowed()),
    }
}

fn find(store: &Store, name: &str) -> Result<usize, Failure> {
    let missing = || {
        Failure::new(404, "NotFound", format!("namespaces {} not found", Quoted(name)))
            .with_details(details_of(name, "", "namespaces"))
    };
    store.namespaces().position(|(known, _)| known == name).ok_or_else(missing)
}

fn object(store: &Store, index: usize) -> Tree {
    let Some((name, phase)) = store.namespaces().nth(index) else { return Tree::empty() };
    let mut meta = Tree::empty();
    meta.set("name", Tree::text(name));
    meta.set("uid", Tree::text(Uid::new(LAST_UID - index as u64).to_string()));
    meta.set("resourceVersion", Tree::text("1"));
    meta.set("creationTimestamp", Tree::text(time::format_second(WallTime::from_micros(0))));
    meta.child("labels").set("kubernetes.io/metadata.name", Tree::text(name));
    let mut tree = Tree::empty();
    tree.set("metadata", meta);
    tree.child("spec").set("finalizers", Tree::List(vec![Tree::text("kubernetes")]));
    let phase = if phase == NamespacePhase::Active { "Active" } else { "Terminating" };
    tree.child("status").set("phase", Tree::text(phase));
    tree
}

fn list(call: &Call<'_>, store: &Store) -> Result<Answer, Failure> {
    let selector = Selector::read(&call.request.query, call.target.kind)?;
    let mut items: Vec<Tree> = (0..store.namespaces().count()).map(|index| object(store, index)).collect();
    items.sort_by(|a, b| a.text_at(&["metadata", "name"]).cmp(b.text_at(&["metadata", "name"])));
    items.retain(|item| {
        let labels = [("kubernetes.io/metadata.name".into(), item.text_at(&["metadata", "name"]).into())];
        let extra = crate::store::Extra { labels: labels.into(), ..Default::default() };
        let meta = Meta {
            namespace: "".into(),
            name: item.text_at(&["metadata", "name"]).into(),
            uid: Uid::new(0),
            resource_version: Revision::NONE,
            creation_time: WallTime::default(),
            deletion_time: None,
            extra: extra.shared(),
        };
        selector.takes(&meta, |path| field_of(item, path))
    });
    let mut meta = Tree::empty();
    meta.set("resourceVersion", Tree::text(store.revision().to_string()));
    Ok(Answer::ok(Content::List(meta, items)))
}

fn create(call: &Call<'_>, store: &mut Store) -> Result<Answer, Failure> {
    let kind = call.target.kind;
    let format = Format::of(&call.request.content_type)?;
    let options = call.options("CreateOptions", false)?;
    let sent = body::object(call.body, format, kind, options.validation)?;
    let name = sent.object.text_at(&["metadata", "name"]);
    let is_label = |text: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let ends = |b: Option<u8>| b.is_some_and(plain);
        text.len() <= 63
            && ends(text.bytes().next())
            && ends(text.bytes().last())
            && text.bytes().all(|b| plain(b) || b == b'-')
    };
    if !is_label(name) {
        let message = format!(
            "Namespace {} is invalid: metadata.name: Invalid value: {0}: a lowercase RFC 1123 label must consist of lower \
             case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  \
             or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            Quoted(name)
        );
        return Err(Failure::new(422, "Invalid", message).with_details(details_of(name, "", "Namespace")));
    }
    if find(store, name).is_ok() {
        let message = format!("namespaces {} already exists", Quoted(name));
        let failure = Failure::new(409, "AlreadyExists", message);
        return Err(failure.with_details(details_of(name, "", "namespaces")));
    }
    if !options.dry_run {
        store.set_namespace(name, NamespacePhase::Active);
    }
    let content = match find(store, name) {
        Ok(index) => object(store, index),
        Err(_) => sent.object,
    };
    Ok(Answer { code: 201, content: Content::Object(content), warnings: sent.warnings })
}

/// An empty namespace goes at once, another one waits for its objects to go.
fn delete(store: &mut Store, name: &str) -> Result<Answer, Failure> {
    let index = find(store, name)?;
    let mut before = object(store, index);
    if store.remove_namespace(name) {
        return Ok(Answer::ok(Content::Status(success_status(details_of(name, "", "namespaces")))));
    }
    store.set_namespace(name, NamespacePhase::Terminating);
    before.child("status").set("phase", Tree::text("Terminating"));
    Ok(Answer::ok(Content::Object(before)))
}
