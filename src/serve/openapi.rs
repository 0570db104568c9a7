//! OpenAPI documents, made from the schema: what kubectl needs to validate, apply, edit and explain.

use super::answer::{Answer, Content};
use super::failure::Failure;
use super::json;
use super::request::Request;
use super::schema::{Field, KINDS, Kind, Merge, Struct, Type};
use crate::store::Tree;

/// Answers to the paths of OpenAPI documents.
///
/// # Errors
/// 404: there is nothing there.
pub(crate) fn answer(request: &Request) -> Result<Answer, Failure> {
    let path = request.path.trim_end_matches('/');
    if path == "/openapi/v2" {
        // The only other form is protobuf, which no client insists on.
        return Ok(Answer::ok(Content::Plain(
            "application/json",
            json::to_string(&version_2()).into_bytes(),
        )));
    }
    let Some(rest) = path.strip_prefix("/openapi/v3") else { return Err(Failure::no_such_path()) };
    if rest.is_empty() {
        return Ok(Answer::ok(Content::Document(index())));
    }
    let root = roots().into_iter().find(|root| *root == rest).ok_or_else(Failure::no_such_path)?;
    Ok(Answer::ok(Content::Document(version_3(&root))))
}

fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
    Tree::Map(entries.map(|(key, value)| (key.into(), value)).into())
}

fn text(text: &str) -> Tree {
    Tree::text(text)
}

/// The paths of the groups, each once.
fn roots() -> Vec<String> {
    let mut roots: Vec<_> = KINDS.iter().map(|kind| kind.root()).collect();
    roots.dedup();
    roots
}

/// The index of the documents; their hashes make clients read them again once they have changed.
fn index() -> Tree {
    let mut paths = Tree::empty();
    for root in roots() {
        let hash = env!("CARGO_PKG_VERSION");
        let url = map([("serverRelativeURL", Tree::text(format!("/openapi/v3{root}?hash={hash}")))]);
        paths.set(root.trim_start_matches('/'), url);
    }
    map([("paths", paths)])
}

fn version_3(root: &str) -> Tree {
    let kinds: Vec<&'static Kind> = KINDS.iter().copied().filter(|kind| kind.root() == root).collect();
    let mut paths = Tree::empty();
    let mut schemas = Tree::empty();
    for kind in kinds {
        add_paths(kind, true, &mut paths);
        add_schemas(kind, "#/components/schemas/", &mut schemas);
    }
    map([
        ("openapi", text("3.0.0")),
        ("info", map([("title", text("Kubernetes")), ("version", text("v1.36.3"))])),
        ("paths", paths),
        ("components", map([("schemas", schemas)])),
    ])
}

fn version_2() -> Tree {
    let mut paths = Tree::empty();
    let mut definitions = Tree::empty();
    for kind in KINDS {
        add_paths(kind, false, &mut paths);
        add_schemas(kind, "#/definitions/", &mut definitions);
    }
    map([
        ("swagger", text("2.0")),
        ("info", map([("title", text("Kubernetes")), ("version", text("v1.36.3"))])),
        ("paths", paths),
        ("definitions", definitions),
    ])
}

fn add_paths(kind: &'static Kind, is_3: bool, paths: &mut Tree) {
    let scope = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{}{scope}/{}", kind.root(), kind.plural);
    let operation = |action: &str, validates: bool| {
        let mut operation = Tree::empty();
        operation.set("operationId", Tree::text(format!("{action}{}{}", kind.version, kind.kind)));
        operation.set("x-kubernetes-action", text(action));
        operation.set("x-kubernetes-group-version-kind", group_version_kind(kind));
        if validates {
            let names = ["dryRun", "fieldManager", "fieldValidation"];
            operation.set("parameters", Tree::List(names.map(|name| parameter(name, is_3)).into()));
        }
        operation.set("responses", map([("200", map([("description", text("OK"))]))]));
        operation
    };
    let of_all = map([("get", operation("list", false)), ("post", operation("post", true))]);
    let of_one = map([
        ("get", operation("get", false)),
        ("put", operation("put", true)),
        ("patch", operation("patch", true)),
        ("delete", operation("delete", false)),
    ]);
    paths.set(&collection, of_all);
    paths.set(&format!("{collection}/{{name}}"), of_one);
}

fn parameter(name: &str, is_3: bool) -> Tree {
    let mut parameter = map([("name", text(name)), ("in", text("query"))]);
    if is_3 {
        parameter.set("schema", map([("type", text("string")), ("uniqueItems", Tree::Bool(true))]));
    } else {
        parameter.set("type", text("string"));
    }
    parameter
}

fn group_version_kind(kind: &Kind) -> Tree {
    map([("group", text(kind.group)), ("kind", text(kind.kind)), ("version", text(kind.version))])
}

fn add_schemas(kind: &'static Kind, prefix: &str, schemas: &mut Tree) {
    add_struct(kind.object, prefix, schemas);
    let object = schemas.child(kind.object.model);
    object.set("x-kubernetes-group-version-kind", Tree::List(vec![group_version_kind(kind)]));
    let properties = object.child("properties");
    for name in ["apiVersion", "kind"] {
        properties.set(name, map([("type", text("string")), ("description", text(description(name)))]));
    }
    let list = map([
        ("type", text("object")),
        ("required", Tree::List(vec![text("items")])),
        (
            "properties",
            map([
                ("apiVersion", map([("type", text("string"))])),
                ("kind", map([("type", text("string"))])),
                ("items", map([("type", text("array")), ("items", reference(kind.object, prefix))])),
            ]),
        ),
    ]);
    schemas.set(&format!("{}List", kind.object.model), list);
}

fn add_struct(of: &'static Struct, prefix: &str, schemas: &mut Tree) {
    if schemas.get(of.model).is_some() {
        return;
    }
    let mut schema = map([("description", text(description(of.name))), ("type", text("object"))]);
    if of.atomic {
        schema.set("x-kubernetes-map-type", text("atomic"));
    }
    let mut properties = Tree::empty();
    for field in of.fields {
        properties.set(field.name, property(field, prefix));
    }
    schema.set("properties", properties);
    schemas.set(of.model, schema);
    for field in of.fields {
        match field.ty {
            Type::Struct(inner) | Type::List(&Type::Struct(inner), _) => add_struct(inner, prefix, schemas),
            _ => {}
        }
    }
}

fn property(field: &'static Field, prefix: &str) -> Tree {
    let mut property = of_type(field.ty, prefix);
    property.set("description", text(description(field.name)));
    if let Type::List(_, merge) = field.ty {
        match merge {
            Merge::Atomic => property.set("x-kubernetes-list-type", text("atomic")),
            Merge::Set => {
                property.set("x-kubernetes-list-type", text("set"));
                property.set("x-kubernetes-patch-strategy", text("merge"));
            }
            Merge::Key(key) => {
                property.set("x-kubernetes-list-type", text("map"));
                property.set("x-kubernetes-list-map-keys", Tree::List(vec![text(key)]));
                property.set("x-kubernetes-patch-merge-key", text(key));
                property.set("x-kubernetes-patch-strategy", text("merge"));
            }
        }
    }
    property
}

fn of_type(ty: Type, prefix: &str) -> Tree {
    let formatted = |name: &str, format: &str| map([("type", text(name)), ("format", text(format))]);
    match ty {
        Type::Text => map([("type", text("string"))]),
        Type::Bool => map([("type", text("boolean"))]),
        Type::Int32 => formatted("integer", "int32"),
        Type::Int64 => formatted("integer", "int64"),
        Type::Time | Type::MicroTime => formatted("string", "date-time"),
        Type::Raw => map([("type", text("object"))]),
        Type::TextMap => {
            map([("type", text("object")), ("additionalProperties", map([("type", text("string"))]))])
        }
        Type::BytesMap => {
            map([("type", text("object")), ("additionalProperties", formatted("string", "byte"))])
        }
        Type::Struct(of) => reference(of, prefix),
        Type::List(of, _) => map([("type", text("array")), ("items", of_type(*of, prefix))]),
    }
}

fn reference(of: &Struct, prefix: &str) -> Tree {
    map([("$ref", Tree::text(format!("{prefix}{}", of.model)))])
}

/// One line about what `kubectl explain` may be asked for.
fn description(name: &str) -> &'static str {
    match name {
        "Lease" => "A lease: who holds what, and until when others should wait.",
        "LeaseSpec" => "What a lease says.",
        "holderIdentity" => "Who holds the lease; empty if nobody does.",
        "leaseDurationSeconds" => "Seconds that others wait after the last renewal they saw.",
        "acquireTime" => "When the holder acquired the lease, by its own clock.",
        "renewTime" => "When the holder last renewed the lease, by its own clock.",
        "leaseTransitions" => "How often the holder changed.",
        "apiVersion" => "Group and version of the object.",
        "kind" => "The kind of the object.",
        "metadata" => "Name, labels and what the server keeps of every object.",
        "spec" => "What the object says.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(tree: &Tree, found: &mut Vec<String>) {
        for (key, value) in tree.entries() {
            if key == "$ref" {
                found.extend(value.as_text().map(ToString::to_string));
            }
            references(value, found);
        }
        tree.items().iter().for_each(|item| references(item, found));
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        for root in roots() {
            let document = version_3(&root);
            let schemas = document.at(&["components", "schemas"]).unwrap();
            let mut found = Vec::new();
            references(&document, &mut found);
            assert!(!found.is_empty());
            for reference in found {
                let name = reference.strip_prefix("#/components/schemas/").unwrap();
                assert!(schemas.get(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn leases_can_be_validated() {
        let document = version_3("/apis/coordination.k8s.io/v1");
        let path = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}";
        let patch = document.at(&["paths", path, "patch"]).unwrap();
        assert_eq!(patch.text_at(&["x-kubernetes-group-version-kind", "kind"]), "Lease");
        let parameters = patch.get("parameters").unwrap().items();
        assert!(parameters.iter().any(|parameter| parameter.text_at(&["name"]) == "fieldValidation"));
    }
}
