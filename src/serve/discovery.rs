//! What there is: groups, versions and resources, and whether the server lives.

use super::answer::{Answer, Content};
use super::failure::Failure;
use super::request::Request;
use super::schema::{KINDS, Kind};
use crate::store::Tree;

/// Answers that need no token.
pub(crate) fn health(request: &Request) -> Option<Answer> {
    let is_get = request.method == "GET";
    match request.path.as_str() {
        "/healthz" | "/livez" | "/readyz" if is_get => Some(Answer::text("ok")),
        _ => None,
    }
}

/// Answers to paths that lead to no objects.
///
/// # Errors
/// 404: there is nothing there.
pub(crate) fn answer(request: &Request) -> Result<Answer, Failure> {
    if request.method != "GET" {
        let path = request.path.trim_end_matches('/');
        let is_known = ["/api", "/version"].contains(&path);
        return Err(if is_known { Failure::method_not_allowed() } else { Failure::no_such_path() });
    }
    let path = request.path.trim_end_matches('/');
    let document = match path {
        "/version" => version(),
        "/api" if wants_aggregated(request) => return Ok(aggregated_answer(true)),
        "/apis" if wants_aggregated(request) => return Ok(aggregated_answer(false)),
        "/api" => api_versions(),
        "/apis" => group_list(),
        _ => match path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
            ["api", version] if has("", version) => resources("", version),
            ["apis", group] if groups().contains(group) => {
                super::codec::typed(group_tree(group), "APIGroup", "v1")
            }
            ["apis", group, version] if has(group, version) => resources(group, version),
            ["apis", group, _] if groups().contains(group) => return Err(Failure::no_such_resource()),
            _ => return super::openapi::answer(request),
        },
    };
    Ok(Answer::ok(Content::Document(document)))
}

/// The version of Kubernetes that this server behaves like.
fn version() -> Tree {
    tree([
        ("major", "1"),
        ("minor", "36"),
        ("gitVersion", "v1.36.3"),
        ("gitCommit", "leasehold"),
        ("gitTreeState", "clean"),
        ("buildDate", "2026-11-21T06:00:00Z"),
        ("goVersion", "none"),
        ("compiler", "rustc"),
        ("platform", "leasehold/serve"),
    ])
}

fn tree<const N: usize>(entries: [(&str, &str); N]) -> Tree {
    Tree::Map(entries.map(|(key, text)| (key.into(), Tree::text(text))).into())
}

fn has(group: &str, version: &str) -> bool {
    KINDS.iter().any(|kind| kind.group == group && kind.version == version)
}

/// The named groups, each once.
fn groups() -> Vec<&'static str> {
    let mut groups: Vec<_> = KINDS.iter().map(|kind| kind.group).filter(|group| !group.is_empty()).collect();
    groups.dedup();
    groups
}

fn api_versions() -> Tree {
    let mut versions = Tree::empty();
    versions.set("kind", Tree::text("APIVersions"));
    versions.set("versions", Tree::List(vec![Tree::text("v1")]));
    versions.set("serverAddressByClientCIDRs", Tree::List(Vec::new()));
    versions
}

fn group_tree(group: &str) -> Tree {
    let version = tree([("groupVersion", &format!("{group}/v1")), ("version", "v1")]);
    let mut found = Tree::empty();
    found.set("name", Tree::text(group));
    found.set("versions", Tree::List(vec![version.clone()]));
    found.set("preferredVersion", version);
    found
}

fn group_list() -> Tree {
    let mut list = Tree::empty();
    list.set("groups", Tree::List(groups().into_iter().map(group_tree).collect()));
    super::codec::typed(list, "APIGroupList", "v1")
}

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

fn verbs(kind: &Kind) -> Tree {
    let cluster_wide = ["create", "delete", "get", "list"];
    let verbs: &[&str] = if kind.namespaced { &VERBS } else { &cluster_wide };
    Tree::List(verbs.iter().copied().map(Tree::text).collect())
}

fn short_names(kind: &Kind, tree: &mut Tree) {
    if !kind.short_names.is_empty() {
        tree.set("shortNames", Tree::List(kind.short_names.iter().copied().map(Tree::text).collect()));
    }
}

fn resources(group: &str, version: &str) -> Tree {
    let resource = |kind: &&Kind| {
        let mut tree = Tree::empty();
        tree.set("name", Tree::text(kind.plural));
        tree.set("singularName", Tree::text(kind.singular));
        tree.set("namespaced", Tree::Bool(kind.namespaced));
        tree.set("kind", Tree::text(kind.kind));
        tree.set("verbs", verbs(kind));
        short_names(kind, &mut tree);
        tree.set("storageVersionHash", Tree::text(storage_version_hash(kind)));
        tree
    };
    let kinds = KINDS.iter().filter(|kind| kind.group == group && kind.version == version);
    let mut list = Tree::empty();
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    list.set("groupVersion", Tree::text(group_version));
    list.set("resources", Tree::List(kinds.map(resource).collect()));
    let mut list = super::codec::typed(list, "APIResourceList", "v1");
    // As a real server leaves it out.
    if group.is_empty() {
        list.remove("apiVersion");
    }
    list
}

/// A hash of group, version and kind that a real server was seen to give.
fn storage_version_hash(kind: &Kind) -> &'static str {
    match kind.plural {
        "leases" => "gqkMMb/YqFM=",
        "configmaps" => "qFsyl6wFWjQ=",
        "endpoints" => "fWeeMqaN/OA=",
        "namespaces" => "Q3oi5N2YM8M=",
        _ => "r2yiGXH7wu8=",
    }
}

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn wants_aggregated(request: &Request) -> bool {
    request.accept.split(',').any(|range| {
        let parts: Vec<_> = range.split(';').map(str::trim).collect();
        parts.first() == Some(&"application/json")
            && ["g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"]
                .iter()
                .all(|part| parts.contains(part))
    })
}

fn aggregated_answer(core: bool) -> Answer {
    let names = if core { vec![""] } else { groups() };
    let group = |name: &str| {
        let mut group = Tree::empty();
        let meta = group.child("metadata");
        if !name.is_empty() {
            meta.set("name", Tree::text(name));
        }
        let mut version = tree([("version", "v1"), ("freshness", "Current")]);
        let kinds = KINDS.iter().filter(|kind| kind.group == name);
        version.set("resources", Tree::List(kinds.map(|kind| aggregated_resource(kind)).collect()));
        group.set("versions", Tree::List(vec![version]));
        group
    };
    let mut list = Tree::empty();
    list.set("metadata", Tree::empty());
    list.set("items", Tree::List(names.into_iter().map(group).collect()));
    let list = super::codec::typed(list, "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2");
    let mut text = super::json::to_string(&list);
    text.push('\n');
    Answer::ok(Content::Plain(AGGREGATED, text.into_bytes()))
}

fn aggregated_resource(kind: &Kind) -> Tree {
    let mut resource = tree([("resource", kind.plural)]);
    resource
        .set("responseKind", tree([("group", kind.group), ("version", kind.version), ("kind", kind.kind)]));
    resource.set("scope", Tree::text(if kind.namespaced { "Namespaced" } else { "Cluster" }));
    resource.set("singularResource", Tree::text(kind.singular));
    resource.set("verbs", verbs(kind));
    short_names(kind, &mut resource);
    resource
}
