//! What a request does to the store, except that it watches: one function a verb, over every kind.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::answer::{Answer, Content};
use super::body::{self, Format, Sent};
use super::codec::{self, Served};
use super::delete;
use super::failure::Failure;
use super::fields;
use super::list;
use super::managed;
use super::namespaces;
use super::options::WriteOptions;
use super::patch;
use super::read;
use super::request::{Request, Target};
use super::schema::Kind;
use crate::core::WallTime;
use crate::store::{
    ConfigMapData, EndpointsSubsets, Extra, Incoming, LeaseSpec, Object, ObjectPath, ReportBody, Revision,
    Store, StoreError, Tree, Written,
};

/// A request for objects.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) target: &'a Target,
    pub(crate) body: &'a [u8],
    pub(crate) now: WallTime,
    /// What [`Call::read_ahead`] found.
    sent: Cell<Option<Result<(WriteOptions, Sent), Failure>>>,
}

/// An object that is larger than this in the end is refused by the storage of a real server.
const STORED_BYTES_MAX: usize = 3 << 19;

impl<'a> Call<'a> {
    pub(crate) const fn new(request: &'a Request, target: &'a Target, body: &'a [u8], now: WallTime) -> Self {
        Self { request, target, body, now, sent: Cell::new(None) }
    }
}

impl Call<'_> {
    /// Reads what a create or an update sends. It can be done before the store is locked for [`Call::perform`].
    pub(crate) fn read_ahead(&self) {
        if matches!(self.request.method.as_str(), "POST" | "PUT") && self.target.kind.plural != "namespaces" {
            self.sent.set(Some(self.read()));
        }
    }

    fn read(&self) -> Result<(WriteOptions, Sent), Failure> {
        let (kind, content_type) = (self.target.kind, &self.request.content_type);
        let (options, format) = if self.request.method == "POST" {
            let format = Format::of(content_type)?;
            (self.options("CreateOptions", false)?, format)
        } else {
            (self.options("UpdateOptions", false)?, Format::of(content_type)?)
        };
        let sent = body::object(self.body, format, kind, options.validation)?;
        Ok((options, sent))
    }

    /// The namespace of the URL.
    pub(crate) fn namespace(&self) -> &str {
        self.target.namespace.as_deref().unwrap_or("")
    }

    /// The object of the URL.
    pub(crate) fn path(&self) -> ObjectPath<'_> {
        ObjectPath::new(self.namespace(), self.target.name.as_deref().unwrap_or(""))
    }

    /// Does what the request asks for.
    ///
    /// # Errors
    /// Whatever the server would refuse it for.
    pub(crate) fn perform(&self, store: &mut Store) -> Result<Answer, Failure> {
        match self.target.kind.plural {
            "namespaces" => namespaces::perform(self, store),
            "leases" => self.perform_on::<LeaseSpec>(store),
            "configmaps" => self.perform_on::<ConfigMapData>(store),
            "endpoints" => self.perform_on::<EndpointsSubsets>(store),
            _ => self.perform_on_events(store),
        }
    }

    /// Events are one kind in two groups: what names the resource names the group that the request is for.
    fn perform_on_events(&self, store: &mut Store) -> Result<Answer, Failure> {
        let (group, resource) = (self.target.kind.group, self.target.kind.resource());
        let done = self.perform_on::<ReportBody>(store);
        if group.is_empty() {
            return done;
        }
        let in_group = |details: &Tree| match details.text_at(&["kind"]) {
            "events" => {
                let mut entries = details.entries().to_vec();
                entries
                    .insert(usize::from(details.get("name").is_some()), ("group".into(), Tree::text(group)));
                Tree::Map(entries)
            }
            _ => details.clone(),
        };
        match done {
            Ok(Answer { code, content: Content::Status(mut status), warnings }) => {
                let details = status.get("details").map(in_group);
                status.set("details", details.unwrap_or(Tree::empty()));
                Ok(Answer { code, content: Content::Status(status), warnings })
            }
            Err(mut failure) => {
                failure.details = failure.details.as_ref().map(in_group);
                let start = failure.message.find("events \"");
                if let Some(at) = start.filter(|at| *at == 0 || failure.message[..*at].ends_with(' ')) {
                    failure.message.replace_range(at..at + "events".len(), &resource);
                }
                Err(failure)
            }
            done => done,
        }
    }

    /// A read from a cache that lags behind; what it does not reach back to is read as it is.
    ///
    /// # Errors
    /// As [`Call::perform`].
    pub(crate) fn perform_as_of(&self, store: &mut Store, revision: Revision) -> Result<Answer, Failure> {
        if self.target.kind.plural == "leases" && self.target.name.is_some() {
            match store.get_as_of::<LeaseSpec>(self.path(), revision) {
                Ok(lease) => return Ok(Answer::ok(Content::Object(codec::bare(lease, self.target.kind)))),
                Err(error @ StoreError::NotFound(_)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        self.perform(store)
    }

    fn perform_on<S: Served>(&self, store: &mut Store) -> Result<Answer, Failure> {
        let is_object = self.target.name.is_some();
        let is_namespaced = self.target.namespace.is_some();
        match self.request.method.as_str() {
            "GET" if is_object => self.get::<S>(store),
            "GET" => list::list::<S>(self, store),
            "POST" if is_namespaced && !is_object => self.create::<S>(store),
            "PUT" if is_object => self.update::<S>(store),
            "PATCH" if is_object => patch::patch::<S>(self, store),
            "DELETE" if is_object => delete::delete::<S>(self, store),
            "DELETE" if is_namespaced => delete::delete_collection::<S>(self, store),
            _ => Err(Failure::method_not_allowed()),
        }
    }

    fn get<S: Served>(&self, store: &Store) -> Result<Answer, Failure> {
        list::check_readable(self.request.query.get("resourceVersion"), 500)?;
        let object = store.get::<S>(self.path())?;
        Ok(Answer::ok(Content::Object(codec::bare(object, self.target.kind))))
    }

    fn create<S: Served>(&self, store: &mut Store) -> Result<Answer, Failure> {
        let kind = self.target.kind;
        let (options, mut sent) = self.sent.take().unwrap_or_else(|| self.read())?;
        let dry = options.dry_run || is_too_large(self.body);
        let mut object = codec::incoming::<S>(&sent.object, kind, self.namespace());
        dedup_owners(&mut object, "", &mut sent.warnings);
        let clears = sent.clears_managed_fields;
        let mut own =
            |live: Option<&Object<S>>, next: &mut Object<S>| own(live, next, clears, kind, &options);
        let warned = |failure: Failure| failure.with_warnings(&sent.warnings);
        let written = store
            .create_with(self.namespace(), object, self.now, dry, &mut own)
            .map_err(|error| warned(error.into()))?;
        check_size(self.body, options.dry_run).map_err(warned)?;
        Ok(answer(&written, kind, sent.warnings))
    }

    fn update<S: Served>(&self, store: &mut Store) -> Result<Answer, Failure> {
        let kind = self.target.kind;
        let (options, sent) = self.sent.take().unwrap_or_else(|| self.read())?;
        let dry = options.dry_run || is_too_large(self.body);
        let Sent { object, mut warnings, clears_managed_fields: clears } = sent;
        let mut object = codec::incoming::<S>(&object, kind, self.namespace());
        dedup_owners(&mut object, "", &mut warnings);
        let mut own =
            |live: Option<&Object<S>>, next: &mut Object<S>| own(live, next, clears, kind, &options);
        let warned = |mut failure: Failure| {
            // A rehearsal looks at storage by another way, where keys are shorter.
            if options.dry_run {
                failure.message = failure.message.replace("Key: /registry/", "Key: /");
            }
            failure.with_warnings(&warnings)
        };
        let written = store
            .update_with(self.path(), object, self.now, dry, &mut own)
            .map_err(|error| warned(error.into()))?;
        check_size(self.body, options.dry_run).map_err(warned)?;
        Ok(answer(&written, kind, warnings))
    }

    pub(crate) fn options(&self, name: &str, is_apply: bool) -> Result<WriteOptions, Failure> {
        WriteOptions::read(self.request, self.target.kind, name, is_apply, self.now)
    }
}

/// Takes owners out that come twice, and says so; `how` is what the warning says of when.
pub(crate) fn dedup_owners<S>(object: &mut Incoming<S>, how: &str, warnings: &mut Vec<String>) {
    let owners = object.extra.as_deref().map(|extra| extra.owner_references.as_slice()).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut twice: Vec<String> = Vec::new();
    for owner in owners {
        if !seen.insert(&owner.uid) && !twice.iter().any(|uid| *uid == owner.uid) {
            twice.push(owner.uid.to_string());
        }
    }
    if twice.is_empty() {
        return;
    }
    if let Some(extra) = &mut object.extra {
        let mut seen = BTreeSet::new();
        Arc::make_mut(extra).owner_references.retain(|owner| seen.insert(owner.uid.clone()));
    }
    warnings.push(format!(
        ".metadata.ownerReferences contains duplicate entries{how}; API server dedups owner references in 1.20+, and may \
         reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
        twice.join(", ")
    ));
}

/// What a write is answered with.
pub(crate) fn answer<S: Served>(written: &Written<'_, S>, kind: &Kind, warnings: Vec<String>) -> Answer {
    let content = Content::Object(codec::bare(&written.object, kind));
    Answer { code: written.code(), content, warnings }
}

fn is_too_large(body: &[u8]) -> bool {
    body.len() > STORED_BYTES_MAX
}

/// A real server's storage refuses large requests, with no better word for it than 500.
pub(crate) fn check_size(body: &[u8], dry_run: bool) -> Result<(), Failure> {
    if is_too_large(body) && !dry_run {
        return Err(Failure::internal("etcdserver: request is too large"));
    }
    Ok(())
}

/// Keeps the books of `managedFields`, as the last hand on an object that is written.
pub(crate) fn own<S: Served>(
    live: Option<&Object<S>>,
    next: &mut Object<S>,
    clears: bool,
    kind: &'static Kind,
    options: &WriteOptions,
) {
    let sent = next.meta.extra().managed_fields.as_slice();
    let entries = if clears { &[] } else { sent };
    if live.is_some() && entries.is_empty() {
        // Nobody keeps books of this object, and an update does not begin to.
        if !sent.is_empty() {
            set_managed(next, Vec::new());
        }
        return;
    }
    // Books that cannot be read are no better than none: those of the stored object go on.
    let is_readable = |entry: &crate::store::ManagedFields| {
        ["Apply", "Update"].contains(&entry.operation.as_str()) && !entry.api_version.is_empty()
    };
    if let Some(live) = live.filter(|_| !entries.iter().all(is_readable)) {
        let known = live.meta.extra().managed_fields.clone();
        set_managed(next, known);
        return own(Some(live), next, clears, kind, options);
    }
    // What a create brings along is no history.
    let entries = if live.is_none() { &[] } else { entries };
    let before =
        live.map_or_else(|| read::zero(super::schema::Type::Struct(kind.object)), |o| codec::owned(o, kind));
    let changed = fields::difference(&before, &codec::owned(next, kind), kind.object);
    let after = managed::after_update(entries, &changed, &options.writer);
    if after != next.meta.extra().managed_fields {
        set_managed(next, after);
    }
}

pub(crate) fn set_managed<S>(object: &mut Object<S>, entries: Vec<crate::store::ManagedFields>) {
    let mut extra = object.meta.extra.take().map_or_else(Extra::default, Arc::unwrap_or_clone);
    extra.managed_fields = entries;
    object.meta.extra = extra.shared();
}
