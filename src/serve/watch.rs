//! WATCH: what a watcher has yet to hear, found in the store's log.

use super::answer::{Accepted, Shape};
use super::body::Format;
use super::codec::{self, Served};
use super::failure::{BadOption, Failure};
use super::json;
use super::list::unreadable;
use super::protobuf;
use super::request::{Request, Target};
use super::schema::{Kind, PARTIAL};
use super::selector::{Selector, field_of};
use super::table;
use crate::store::{
    ConfigMapData, EndpointsSubsets, EventKind, LeaseSpec, Object, ReportBody, Revision, RevisionClaim,
    Store, Tree,
};

/// A watch under way.
pub(crate) struct Watch {
    kind: &'static Kind,
    target: Target,
    request: Request,
    selector: Selector,
    accepted: Accepted,
    /// What the watcher knows; nothing before it was told what there is.
    seen: Option<Revision>,
    bookmarks: bool,
    /// What there is at the begin is not to be told.
    skips_initial: bool,
    /// A bookmark is to end what there was at the begin.
    marks_initial: bool,
    told_columns: bool,
    /// How long it may last at most, if the client said so.
    pub(crate) timeout_seconds: Option<u64>,
}

/// What a step of a watch gives.
pub(crate) enum Step {
    /// Events, as bytes; perhaps none.
    Events(Vec<u8>),
    /// The last event: the watch has failed.
    Failed(Vec<u8>),
}

/// What happened to an object, as its watchers see it.
struct Seen {
    kind: &'static str,
    object: Tree,
}

impl Watch {
    /// Begins a watch.
    ///
    /// # Errors
    /// Its parameters are malformed (400, 422 or 500), or no form of answer is accepted (406).
    pub(crate) fn begin(request: &Request, target: &Target) -> Result<Self, Failure> {
        let query = &request.query;
        let kind = target.kind;
        query.number("limit")?;
        let mut selector = Selector::read(query, kind)?;
        if let Some(name) = &target.name {
            selector.only(name);
        }
        let initial = query.flag("sendInitialEvents");
        check_match(query.get("resourceVersionMatch"), initial.is_some())?;
        if !query.get("continue").is_empty() {
            let message = "Forbidden: resourceVersionMatch is forbidden when continue is provided".into();
            let (field, reason) = ("resourceVersionMatch", "FieldValueForbidden");
            return Err(Failure::invalid_options("ListOptions", &[BadOption { field, reason, message }]));
        }
        let version = query.get("resourceVersion");
        let seen = match RevisionClaim::parse(version) {
            RevisionClaim::Unreadable(_) => return Err(unreadable(version, 500)),
            RevisionClaim::At(revision) if initial != Some(true) => Some(revision),
            _ => None,
        };
        let accepted = Accepted::of(request, true)?;
        if accepted.format == Format::Yaml {
            let message = "only the following media types are accepted: application/json;stream=watch, \
                application/vnd.kubernetes.protobuf;stream=watch";
            return Err(Failure::new(406, "NotAcceptable", message));
        }
        let timeout = query.number("timeoutSeconds")?;
        let bookmarks = query.flag("allowWatchBookmarks") == Some(true);
        Ok(Self {
            kind,
            target: target.clone(),
            request: request.clone(),
            selector,
            accepted,
            seen,
            bookmarks,
            skips_initial: initial == Some(false),
            marks_initial: initial == Some(true) && bookmarks,
            told_columns: false,
            timeout_seconds: timeout.and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0),
        })
    }

    /// The Content-Type of the answer.
    pub(crate) fn content_type(&self) -> &'static str {
        match self.accepted.format {
            Format::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            Format::Yaml | Format::Json => "application/json",
        }
    }

    /// What there is to tell since the last step.
    pub(crate) fn step(&mut self, store: &Store) -> Step {
        let seen = match self.kind.plural {
            "leases" => self.news::<LeaseSpec>(store),
            "configmaps" => self.news::<ConfigMapData>(store),
            "endpoints" => self.news::<EndpointsSubsets>(store),
            "namespaces" => Ok(Vec::new()),
            _ => self.news::<ReportBody>(store),
        };
        let mut bytes = Vec::new();
        match seen {
            Ok(news) => {
                for seen in news {
                    self.write(seen.kind, seen.object, &mut bytes);
                }
                if core::mem::take(&mut self.marks_initial) {
                    self.write_bookmark(true, &mut bytes);
                }
                Step::Events(bytes)
            }
            Err(failure) => {
                self.write_status(&failure.tree(), &mut bytes);
                Step::Failed(bytes)
            }
        }
    }

    /// A bookmark, if the watcher wants any and knows everything so far.
    pub(crate) fn bookmark(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.bookmarks {
            self.write_bookmark(false, &mut bytes);
        }
        bytes
    }

    fn news<S: Served>(&mut self, store: &Store) -> Result<Vec<Seen>, Failure> {
        let namespace = self.target.namespace.as_deref();
        let Some(since) = self.seen else {
            let list = store.list::<S>(namespace);
            self.seen = Some(list.revision);
            if self.skips_initial {
                return Ok(Vec::new());
            }
            let there = list.items.iter().filter(|object| self.takes(object));
            return Ok(there
                .map(|object| Seen { kind: "ADDED", object: codec::bare(object, self.kind) })
                .collect());
        };
        let mut news = Vec::new();
        for event in store.watch_since::<S>(since)? {
            if namespace.is_some_and(|namespace| event.object.meta.namespace != namespace) {
                continue;
            }
            let before = event.previous.as_ref().is_some_and(|object| self.takes(object));
            let after = event.kind != EventKind::Deleted && self.takes(&event.object);
            let (kind, object) = match (before, after) {
                (false, false) => continue,
                (false, true) => ("ADDED", &event.object),
                (true, true) => ("MODIFIED", &event.object),
                (true, false) => ("DELETED", &event.object),
            };
            let mut object = object.clone();
            if let ("DELETED", Some(previous)) = (kind, &event.previous) {
                object = previous.clone();
                object.meta.resource_version = event.revision;
            }
            news.push(Seen { kind, object: codec::bare(&object, self.kind) });
        }
        // A watch from the future waits there.
        self.seen = Some(since.max(store.revision()));
        Ok(news)
    }

    fn takes<S: Served>(&self, object: &Object<S>) -> bool {
        self.selector.takes(&object.meta, |path| field_of(&codec::bare(object, self.kind), path))
    }

    fn write(&mut self, name: &str, object: Tree, bytes: &mut Vec<u8>) {
        if let Some(object) = self.protobuf(&object) {
            bytes.extend(protobuf::write_event(name, &object));
            return;
        }
        let api_version = self.kind.api_version();
        let object = match self.accepted.shape {
            Shape::Object => codec::typed(object, self.kind.kind, &api_version),
            Shape::Metadata | Shape::MetadataList => table::metadata_of(&object),
            Shape::Table => {
                let first = !core::mem::replace(&mut self.told_columns, true);
                table::of(&[object], None, self.kind, &self.request, first)
                    .unwrap_or_else(|failure| failure.tree())
            }
        };
        write_json(name, object, bytes);
    }

    /// An object as protobuf, if that is what was asked for.
    fn protobuf(&self, object: &Tree) -> Option<Vec<u8>> {
        let Accepted { format: Format::Protobuf, shape, meta_version, .. } = self.accepted else {
            return None;
        };
        Some(match shape {
            Shape::Object => {
                protobuf::write(object, self.kind.kind, &self.kind.api_version(), self.kind.object)
            }
            _ => protobuf::write(object, PARTIAL.name, meta_version, &PARTIAL),
        })
    }

    fn write_bookmark(&self, ends_initial: bool, bytes: &mut Vec<u8>) {
        let revision = self.seen.unwrap_or_default();
        let mut object = super::read::zero(super::schema::Type::Struct(self.kind.object));
        let meta = object.child("metadata");
        meta.set("resourceVersion", Tree::text(revision.to_string()));
        if ends_initial {
            meta.child("annotations").set("k8s.io/initial-events-end", Tree::text("true"));
        }
        if let Some(object) = self.protobuf(&object) {
            bytes.extend(protobuf::write_event("BOOKMARK", &object));
            return;
        }
        let api_version = self.kind.api_version();
        match self.accepted.shape {
            Shape::Table => {
                let table =
                    table::of(&[], object.remove("metadata"), self.kind, &self.request, !self.told_columns);
                write_json("BOOKMARK", table.unwrap_or_else(|failure| failure.tree()), bytes);
            }
            Shape::Metadata | Shape::MetadataList => {
                write_json("BOOKMARK", table::metadata_of(&object), bytes)
            }
            Shape::Object => {
                write_json("BOOKMARK", codec::typed(object, self.kind.kind, &api_version), bytes)
            }
        }
    }

    fn write_status(&self, status: &Tree, bytes: &mut Vec<u8>) {
        if self.accepted.format == Format::Protobuf {
            bytes.extend(protobuf::write_event("ERROR", &protobuf::write_status(status)));
        } else {
            write_json("ERROR", status.clone(), bytes);
        }
    }
}

fn write_json(name: &str, object: Tree, bytes: &mut Vec<u8>) {
    let mut event = Tree::empty();
    event.set("type", Tree::text(name));
    event.set("object", object);
    bytes.extend_from_slice(json::to_string(&event).as_bytes());
    bytes.push(b'\n');
}

fn check_match(how: &str, initial_events: bool) -> Result<(), Failure> {
    let mut errors = Vec::new();
    const FIELD: &str = "resourceVersionMatch";
    let mut forbid = |why: &str| {
        let message = format!("Forbidden: {why}");
        errors.push(BadOption { field: FIELD, reason: "FieldValueForbidden", message });
    };
    if initial_events && how != "NotOlderThan" {
        forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if !how.is_empty() && !initial_events {
        forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    }
    if !how.is_empty() && how != "NotOlderThan" {
        let quoted = crate::store::text::Quoted(how);
        let message = format!("Unsupported value: {quoted}: supported values: \"NotOlderThan\"");
        errors.push(BadOption { field: FIELD, reason: "FieldValueNotSupported", message });
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::invalid_options("ListOptions", &errors)) }
}
