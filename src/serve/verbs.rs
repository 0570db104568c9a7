//! What a request does to the store, except that it watches: one function a verb, over every kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answer::{Answer, Content};
use super::body::{self, Format, Sent};
use super::codec::{self, Served, Stored};
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
    ConfigMapData, DeletionClaim, EndpointsSubsets, Extra, Incoming, LeaseSpec, Object, ObjectPath,
    ReportBody, Revision, Store, StoreError, Tree, Written,
};

/// A request for objects.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) target: &'a Target,
    pub(crate) body: &'a [u8],
    pub(crate) now: WallTime,
}

/// What a request does to the store, in one step, once everything is read that can be without it: while one request is at
/// the store, all others wait.
pub(crate) type Deed<'a> = Box<dyn FnOnce(&mut Store) -> Result<Answer, Failure> + 'a>;

/// A look at the store before a deed, for what can be worked out on the guess that nothing changes until then.
pub(crate) trait Look {
    /// The object at `path`, if there is one and it can be looked at.
    fn object<S: Served>(&self, path: ObjectPath<'_>) -> Option<Object<S>>;
}

impl Look for Store {
    fn object<S: Served>(&self, path: ObjectPath<'_>) -> Option<Object<S>> {
        self.get::<S>(path).ok().cloned()
    }
}

/// For whoever has the store to itself.
pub(crate) struct NoLook;

impl Look for NoLook {
    fn object<S: Served>(&self, _: ObjectPath<'_>) -> Option<Object<S>> {
        None
    }
}

/// An object that is larger than this in the end is refused by the storage of a real server.
const STORED_BYTES_MAX: usize = 3 << 19;

impl<'a> Call<'a> {
    pub(crate) const fn new(request: &'a Request, target: &'a Target, body: &'a [u8], now: WallTime) -> Self {
        Self { request, target, body, now }
    }
}

impl Call<'_> {
    /// Reads what a create or an update sends.
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
        self.prepare(&NoLook)?(store)
    }

    /// Reads the request, and says what is to be done to the store.
    ///
    /// # Errors
    /// What the server would refuse it for whatever is stored.
    pub(crate) fn prepare(&self, look: &impl Look) -> Result<Deed<'_>, Failure> {
        match self.target.kind.plural {
            "namespaces" => Ok(Box::new(|store| namespaces::perform(self, store))),
            "leases" => self.prepare_on::<LeaseSpec>(look),
            "configmaps" => self.prepare_on::<ConfigMapData>(look),
            "endpoints" => self.prepare_on::<EndpointsSubsets>(look),
            _ if self.target.kind.group.is_empty() => self.prepare_on::<ReportBody>(look),
            _ => {
                let deed = self.prepare_on::<ReportBody>(look).map_err(|failure| self.renamed(failure))?;
                Ok(Box::new(|store| self.in_group(deed(store))))
            }
        }
    }

    /// Events are one kind in two groups: what names the resource names the group that the request is for.
    fn in_group(&self, done: Result<Answer, Failure>) -> Result<Answer, Failure> {
        match done {
            Ok(Answer { code, content: Content::Status(mut status), warnings }) => {
                let details = status.get("details").map(|details| self.with_group(details));
                status.set("details", details.unwrap_or(Tree::empty()));
                Ok(Answer { code, content: Content::Status(status), warnings })
            }
            done => done.map_err(|failure| self.renamed(failure)),
        }
    }

    fn renamed(&self, mut failure: Failure) -> Failure {
        // Storage itself says this one, and knows of one group.
        if failure.message.ends_with(", the server was not able to generate a unique name for the object") {
            return failure;
        }
        failure.details = failure.details.as_ref().map(|details| self.with_group(details));
        let start = failure.message.find("events \"");
        if let Some(at) = start.filter(|at| *at == 0 || failure.message[..*at].ends_with(' ')) {
            failure.message.replace_range(at..at + "events".len(), &self.target.kind.resource());
        }
        failure
    }

    fn with_group(&self, details: &Tree) -> Tree {
        match details.text_at(&["kind"]) {
            "events" => {
                let mut entries = details.entries().to_vec();
                let group = Tree::text(self.target.kind.group);
                entries.insert(usize::from(details.get("name").is_some()), ("group".into(), group));
                Tree::Map(entries)
            }
            _ => details.clone(),
        }
    }

    /// A read from a cache that lags behind; what it does not reach back to is read as it is.
    ///
    /// # Errors
    /// As [`Call::perform`].
    pub(crate) fn perform_as_of(&self, store: &mut Store, revision: Revision) -> Result<Answer, Failure> {
        if self.target.kind.plural == "leases" && self.target.name.is_some() {
            match store.get_as_of::<LeaseSpec>(self.path(), revision) {
                Ok(lease) => return Ok(Answer::ok(Stored::content(lease.clone(), self.target.kind))),
                Err(error @ StoreError::NotFound(_)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        self.perform(store)
    }

    fn prepare_on<S: Served>(&self, look: &impl Look) -> Result<Deed<'_>, Failure> {
        let is_object = self.target.name.is_some();
        let is_namespaced = self.target.namespace.is_some();
        Ok(match self.request.method.as_str() {
            "GET" if is_object => Box::new(|store| self.get::<S>(store)),
            "GET" => Box::new(|store| list::list::<S>(self, store)),
            "POST" if is_namespaced && !is_object => self.create::<S>()?,
            "PUT" if is_object => self.update::<S>(look)?,
            "PATCH" if is_object => patch::patch::<S>(self, look)?,
            "DELETE" if is_object => Box::new(|store| delete::delete::<S>(self, store)),
            "DELETE" if is_namespaced => Box::new(|store| delete::delete_collection::<S>(self, store)),
            _ => return Err(Failure::method_not_allowed()),
        })
    }

    fn get<S: Served>(&self, store: &Store) -> Result<Answer, Failure> {
        // No cache stands before Events.
        let code = if self.target.kind.plural == "events" { 400 } else { 500 };
        list::check_readable(self.request.query.get("resourceVersion"), code)?;
        self.target.check_name()?;
        let object = store.get::<S>(self.path())?;
        Ok(Answer::ok(Stored::content(object.clone(), self.target.kind)))
    }

    fn create<S: Served>(&self) -> Result<Deed<'_>, Failure> {
        let kind = self.target.kind;
        let (options, mut sent) = self.read()?;
        let dry = options.dry_run || is_too_large(self.body);
        let mut object = codec::incoming::<S>(&sent.object, kind, self.namespace());
        dedup_owners(&mut object, "", &mut sent.warnings);
        let Sent { warnings, clears_managed_fields: clears, .. } = sent;
        Ok(Box::new(move |store| {
            let books = Books { clears, kind, options, deletion: DeletionClaim::default() };
            let mut own = |live: Option<&Object<S>>, next: &mut Object<S>| books.own(live, next);
            let warned = |failure: Failure| failure.with_warnings(&warnings);
            let written = store
                .create_with(self.namespace(), object, self.now, dry, &mut own)
                .map_err(|error| warned(error.into()))?;
            check_size(self.body, books.options.dry_run).map_err(warned)?;
            Ok(answer(written, kind, warnings))
        }))
    }

    fn update<S: Served>(&self, look: &impl Look) -> Result<Deed<'_>, Failure> {
        let kind = self.target.kind;
        let (options, sent) = self.read()?;
        let dry = options.dry_run || is_too_large(self.body);
        let Sent { object, mut warnings, clears_managed_fields: clears } = sent;
        let mut object = codec::incoming::<S>(&object, kind, self.namespace());
        dedup_owners(&mut object, "", &mut warnings);
        let books = Books { clears, kind, options, deletion: object.deletion() };
        if object.name == self.path().name {
            self.target.check_name()?;
        }
        let ahead = look.object::<S>(self.path()).map(|live| books.kept_ahead(&live, &object));
        Ok(Box::new(move |store| {
            let options = &books.options;
            let mut own =
                |live: Option<&Object<S>>, next: &mut Object<S>| books.keep(live, next, ahead.as_ref());
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
            Ok(answer(written, kind, warnings))
        }))
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
pub(crate) fn answer<S: Served>(
    written: Written<'_, S>,
    kind: &'static Kind,
    warnings: Vec<String>,
) -> Answer {
    let code = written.code();
    Answer { code, content: Stored::content(written.into_object(), kind), warnings }
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

/// How the books of `managedFields` are to be kept for a write.
pub(crate) struct Books {
    pub(crate) clears: bool,
    pub(crate) kind: &'static Kind,
    pub(crate) options: WriteOptions,
    /// What the object that was sent says of its deletion, which is not what is stored.
    pub(crate) deletion: DeletionClaim,
}

/// What keeping the books made of an object's metadata, if the stored object is still the one of this revision.
pub(crate) struct Kept {
    revision: Revision,
    extra: Option<Arc<Extra>>,
}

impl Books {
    /// Keeps them ahead of the write, on the guess that it finds `live`: that is most of the work of a write.
    pub(crate) fn kept_ahead<S: Served>(&self, live: &Object<S>, sent: &Incoming<S>) -> Kept {
        let mut next = live.replaced_by(sent.extra.clone(), sent.spec.clone());
        self.keep(Some(live), &mut next, None);
        Kept { revision: live.meta.resource_version, extra: next.meta.extra }
    }

    /// Keeps them, as the last hand on an object that is written.
    pub(crate) fn keep<S: Served>(
        &self,
        live: Option<&Object<S>>,
        next: &mut Object<S>,
        ahead: Option<&Kept>,
    ) {
        match (live, ahead) {
            (Some(live), Some(ahead)) if live.meta.resource_version == ahead.revision => {
                next.meta.extra.clone_from(&ahead.extra);
            }
            _ => self.own(live, next),
        }
    }

    fn own<S: Served>(&self, live: Option<&Object<S>>, next: &mut Object<S>) {
        let Self { clears, kind, .. } = *self;
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
        if !entries.iter().all(is_readable) {
            let known = live.map(|live| live.meta.extra().managed_fields.clone());
            set_managed(next, known.unwrap_or_default());
            return self.own(live, next);
        }
        let before = live.map_or_else(
            || read::zero(super::schema::Type::Struct(kind.object)),
            |live| codec::owned(live, live.meta.deletion(), kind),
        );
        let changed = fields::difference(&before, &codec::owned(next, self.deletion, kind), kind.object);
        let after = managed::after_update(entries, &changed, &self.options.writer);
        if after != next.meta.extra().managed_fields {
            set_managed(next, after);
        }
    }
}

pub(crate) fn set_managed<S>(object: &mut Object<S>, entries: Vec<crate::store::ManagedFields>) {
    let mut extra = object.meta.extra.take().map_or_else(Extra::default, Arc::unwrap_or_clone);
    extra.managed_fields = entries;
    object.meta.extra = extra.shared();
}
