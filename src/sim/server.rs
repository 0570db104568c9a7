//! The API server: the store, and all that goes wrong in front of it.

use smol_str::SmolStr;

use super::plan::{Capacity, Edit, ErrorRate, ServerError, ServerPlan, StaleReads};
use super::rng::{Rng, Stream};
use super::trace::LeaseState;
use crate::core::{Failure, IdentityId, Op, Record, Reply, Version, WallTime};
use crate::store::{
    DeleteOptions, Field, Incoming, Lease, LeaseSpec, MapPatch, ObjectPath, Patch, Revision, Store,
    StoreError, StoreOptions, Uid,
};

/// The annotation that a third party leaves.
const TOUCHED: SmolStr = SmolStr::new_static("example.com/touched");

const LEASE: ObjectPath<'static> = ObjectPath::new("default", "election");

/// Identities by number: the simulation's share of the interning that the core asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Vec<SmolStr>);

impl Names {
    pub(super) fn clear(&mut self) {
        self.0.clear();
        self.0.push(SmolStr::default());
    }

    #[expect(clippy::cast_possible_truncation, reason = "a run has far fewer identities than 65,536")]
    pub(super) fn id(&mut self, name: &SmolStr) -> IdentityId {
        let at = self.0.iter().position(|known| known == name).unwrap_or_else(|| {
            // Only a storm of restarts under new names gets here; the last ones share a number then.
            if self.0.len() < usize::from(u16::MAX) {
                self.0.push(name.clone());
            }
            self.0.len() - 1
        });
        IdentityId(at as u16)
    }

    pub(super) fn name(&self, id: IdentityId) -> SmolStr {
        self.0.get(usize::from(id.0)).cloned().unwrap_or_default()
    }
}

/// What becomes of a request that reached the server.
pub(super) enum Decision {
    /// It is answered.
    Answer(Result<Reply, Failure>),
    /// It is never answered.
    Silence,
}

/// How the server is failing just now, one entry a fault under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    pub(super) errors: Vec<(usize, ErrorRate)>,
    pub(super) without_leader: Vec<(usize, bool)>,
    pub(super) down: u32,
    /// How often the server went down in this run.
    pub(super) went_down: u32,
    pub(super) slow: Vec<(usize, super::plan::Draw)>,
    pub(super) stale: Vec<(usize, StaleReads)>,
}

impl Trouble {
    fn clear(&mut self) {
        self.errors.clear();
        self.without_leader.clear();
        self.down = 0;
        self.went_down = 0;
        self.slow.clear();
        self.stale.clear();
    }
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    store: Store,
    pub(super) names: Names,
    pub(super) trouble: Trouble,
    rng: Rng,
    /// The resourceVersion of the Lease's last state, also after its deletion.
    last_version: u64,
    /// When which revision became current; kept only where reads may be stale.
    history: Vec<(u64, Revision)>,
    keeps_history: bool,
    no_op_writes_count: bool,
    /// When the server will be done with what waits, and how many wait.
    busy_until: u64,
    waiting: u32,
    restore: Vec<(usize, LeaseSpec)>,
    /// Writes that the storage will apply, though their senders were told that they failed, once the outage named by
    /// its number is over.
    held: Vec<(usize, Op)>,
    annotations: u64,
    violations: u64,
}

impl Server {
    pub(super) fn new(plan: &ServerPlan, keeps_history: bool) -> Self {
        let mut options = StoreOptions::simulation();
        // Revision 0 is the empty store: the first write has resourceVersion 1.
        options.first_revision = Revision::new(0);
        if keeps_history {
            options = options.with_log_capacity(4_096);
        }
        Self {
            store: Store::new(options),
            names: Names::default(),
            trouble: Trouble::default(),
            rng: Rng::new(0, 0, Stream::Server),
            last_version: 0,
            history: Vec::new(),
            keeps_history,
            no_op_writes_count: plan.no_op_writes_count,
            busy_until: 0,
            waiting: 0,
            restore: Vec::new(),
            held: Vec::new(),
            annotations: 0,
            violations: 0,
        }
    }

    pub(super) fn reset(&mut self, seed: u64, run: u64) {
        self.store.clear();
        self.names.clear();
        self.trouble.clear();
        self.rng = Rng::new(seed, run, Stream::Server);
        self.last_version = 0;
        self.history.clear();
        self.busy_until = 0;
        self.waiting = 0;
        self.restore.clear();
        self.held.clear();
        self.annotations = 0;
        self.violations = 0;
    }

    /// When a request that arrives now is decided; `None`: there is no room for it.
    #[inline]
    pub(super) fn decide_at(&mut self, now: u64, plan: &ServerPlan) -> Option<u64> {
        let mut at = now + self.rng.draw(&plan.latency);
        if let Some(Capacity { service, queue }) = &plan.capacity {
            if self.waiting > *queue {
                return None;
            }
            self.waiting += 1;
            at = at.max(self.busy_until) + self.rng.draw(service);
            self.busy_until = at;
        }
        for i in 0..self.trouble.slow.len() {
            at += self.rng.draw(&self.trouble.slow[i].1);
        }
        Some(at)
    }

    /// A request that waited has its turn.
    pub(super) fn leave_queue(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Decides on a request.
    #[inline]
    pub(super) fn decide(&mut self, now: u64, wall: WallTime, op: &Op, plan: &ServerPlan) -> Decision {
        let writes = !matches!(op, Op::Get);
        if let Some(error) = self.error_for(writes, plan) {
            return self.fail(now, wall, op, error);
        }
        // The cache answers without asking the storage.
        if !writes && let Some(revision) = self.stale_revision(now, plan) {
            return Decision::Answer(self.read_as_of(revision));
        }
        if let Some(&(active, applied)) = self.trouble.without_leader.last() {
            if applied && writes {
                self.held.push((active, *op));
            }
            return Decision::Answer(Err(Failure::ServerError));
        }
        Decision::Answer(self.apply(now, wall, op))
    }

    /// The storage has a leader again: what it held back is applied, in order, where it still can be.
    pub(super) fn storage_recovers(&mut self, now: u64, wall: WallTime, active: usize) {
        self.trouble.without_leader.retain(|&(of, _)| of != active);
        let (over, held) = std::mem::take(&mut self.held).into_iter().partition(|(of, _)| *of == active);
        self.held = held;
        let over: Vec<(usize, Op)> = over;
        for (_, op) in over {
            // Whoever sent it has long been told something else.
            let _unknown = self.apply(now, wall, &op);
        }
    }

    fn error_for(&mut self, writes: bool, plan: &ServerPlan) -> Option<ServerError> {
        let rng = &mut self.rng;
        let under_way = self.trouble.errors.iter().map(|(_, rate)| rate);
        plan.errors
            .iter()
            .chain(under_way)
            .find(|rate| (writes || !rate.writes_only) && rng.chance(rate.ppm))
            .map(|rate| rate.error)
    }

    pub(super) fn fail(&mut self, now: u64, wall: WallTime, op: &Op, error: ServerError) -> Decision {
        let (applied, failure) = match error {
            ServerError::Internal { applied } | ServerError::GatewayTimeout { applied } => {
                (applied, Some(Failure::ServerError))
            }
            ServerError::Unavailable => (false, Some(Failure::ServerError)),
            ServerError::TooManyRequests => (false, Some(Failure::TooManyRequests)),
            ServerError::Forbidden => (false, Some(Failure::Forbidden)),
            ServerError::Silence { applied } => (applied, None),
        };
        if applied {
            // The outcome stays unknown to the client, and so does a refusal.
            let _unknown = self.apply(now, wall, op);
        }
        failure.map_or(Decision::Silence, |failure| Decision::Answer(Err(failure)))
    }

    /// What the storage makes of a request, whatever is wrong in front of it.
    pub(super) fn apply(&mut self, now: u64, wall: WallTime, op: &Op) -> Result<Reply, Failure> {
        let (written, replaces) = match op {
            Op::Get => return self.read(),
            Op::Create(record) => {
                let object = Incoming::new(LEASE.name, self.spec_of(record));
                (self.store.create(LEASE.namespace, object, wall), None)
            }
            Op::Update { record, expected } => {
                let replaces = Revision::new(expected.resource_version);
                let mut object = Incoming::new(LEASE.name, self.spec_of(record))
                    .at(replaces)
                    .with_uid(Uid::new(expected.uid));
                // A client sends back the metadata that it read with that version.
                let stored = self.store.get::<LeaseSpec>(LEASE).ok();
                let changes_nothing = stored.is_some_and(|lease| lease.spec == object.spec);
                object.extra = stored.and_then(|lease| lease.meta.extra.clone());
                if changes_nothing && self.no_op_writes_count {
                    self.touch(&mut object);
                }
                (self.store.update(LEASE, object, wall), Some(replaces))
            }
        };
        let written = written.map_err(|error| failure_of(&error))?;
        let version = version_of(&written.object);
        // Observed here, where the claim is known: nothing but the claimed version was replaced.
        let unchanged = written.replaced == Some(written.revision());
        let in_order = version.resource_version > self.last_version || unchanged;
        self.violations += u64::from(written.replaced != replaces || !in_order);
        self.note_write(now);
        Ok(Reply::Written { version })
    }

    fn read(&mut self) -> Result<Reply, Failure> {
        match self.store.get::<LeaseSpec>(LEASE) {
            Ok(lease) => {
                let record = record_of(&lease.spec, &mut self.names);
                Ok(Reply::Read { record, version: version_of(lease) })
            }
            Err(error) => Err(failure_of(&error)),
        }
    }

    fn read_as_of(&mut self, revision: Revision) -> Result<Reply, Failure> {
        match self.store.get_as_of::<LeaseSpec>(LEASE, revision) {
            Ok(lease) => {
                let record = record_of(&lease.spec, &mut self.names);
                Ok(Reply::Read { record, version: version_of(lease) })
            }
            Err(error) => Err(failure_of(&error)),
        }
    }

    fn stale_revision(&mut self, now: u64, plan: &ServerPlan) -> Option<Revision> {
        if !self.keeps_history {
            return None;
        }
        let stale = self.trouble.stale.last().map(|(_, stale)| stale).or(plan.stale_reads.as_ref())?;
        if !self.rng.chance(stale.ppm) {
            return None;
        }
        let then = now.saturating_sub(self.rng.draw(&stale.lag));
        let at = self.history.partition_point(|&(since, _)| since <= then);
        Some(at.checked_sub(1).map_or(Revision::new(0), |at| self.history[at].1))
    }

    fn note_write(&mut self, now: u64) {
        if let Ok(lease) = self.store.get::<LeaseSpec>(LEASE) {
            self.last_version = lease.meta.resource_version.get();
        }
        if self.keeps_history {
            self.history.push((now, self.store.revision()));
        }
    }

    fn spec_of(&self, record: &Record) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.names.name(record.holder)),
            lease_duration_seconds: Some(record.duration_s),
            acquire_time: Some(record.acquired),
            renew_time: Some(record.renewed),
            lease_transitions: Some(record.transitions),
            ..LeaseSpec::default()
        }
    }

    /// The Lease as it is.
    pub(super) fn state(&self) -> LeaseState {
        let lease = self.store.get::<LeaseSpec>(LEASE).ok();
        let spec = lease.map(|lease| &lease.spec);
        LeaseState {
            holder: spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default(),
            resource_version: self.last_version,
            transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or(0),
        }
    }

    /// How many of the store's invariants are broken.
    pub(super) fn broken_invariants(&self) -> u64 {
        self.violations + u64::from(self.store.check_invariants().is_err())
    }

    /// A third party's deed; `fault` names it where it comes again.
    pub(super) fn edit(&mut self, now: u64, wall: WallTime, fault: usize, edit: &Edit) {
        match edit {
            Edit::Delete => self.delete(wall),
            Edit::Recreate => {
                self.delete(wall);
                self.create_empty(wall);
            }
            Edit::Create => self.create_empty(wall),
            Edit::Annotate => self.annotate(),
            Edit::SetHolder(_) | Edit::ClearHolder | Edit::SetDuration(_) | Edit::Restore => {
                if let Ok(lease) = self.store.get::<LeaseSpec>(LEASE) {
                    let mut object = Incoming::from(lease);
                    object.spec = self.edited(fault, edit, object.spec);
                    // The editor leaves its mark (a field manager, an annotation): even an edit that changes
                    // nothing of the spec moves the resourceVersion.
                    self.touch(&mut object);
                    let _refused = self.store.update(LEASE, object, wall);
                }
            }
        }
        self.note_write(now);
    }

    fn annotate(&mut self) {
        let mut patch = Patch::default();
        patch.meta.annotations = MapPatch(Field::Set(vec![(TOUCHED, Some(self.next_touch()))]));
        let _missing = self.store.patch::<LeaseSpec>(LEASE, &patch);
    }

    fn touch(&mut self, object: &mut Incoming<LeaseSpec>) {
        let mut extra = object.extra.as_deref().cloned().unwrap_or_default();
        extra.annotations.insert(TOUCHED, self.next_touch());
        object.extra = extra.shared();
    }

    fn next_touch(&mut self) -> SmolStr {
        self.annotations += 1;
        smol_str::format_smolstr!("{}", self.annotations)
    }

    fn edited(&mut self, fault: usize, edit: &Edit, mut spec: LeaseSpec) -> LeaseSpec {
        match edit {
            Edit::SetHolder(holder) => spec.holder_identity = Some(holder.clone()),
            Edit::ClearHolder => spec.holder_identity = Some(SmolStr::default()),
            Edit::SetDuration(seconds) => spec.lease_duration_seconds = Some(*seconds),
            Edit::Restore => match self.restore.iter().find(|(known, _)| *known == fault) {
                Some((_, saved)) => return saved.clone(),
                None => self.restore.push((fault, spec.clone())),
            },
            _ => {}
        }
        spec
    }

    fn delete(&mut self, wall: WallTime) {
        let _missing = self.store.delete::<LeaseSpec>(LEASE, &DeleteOptions::default(), wall);
    }

    fn create_empty(&mut self, wall: WallTime) {
        let empty = Incoming::new(LEASE.name, LeaseSpec::default());
        let _exists = self.store.create(LEASE.namespace, empty, wall);
    }
}

fn version_of(lease: &Lease) -> Version {
    Version { uid: lease.meta.uid.get(), resource_version: lease.meta.resource_version.get() }
}

fn record_of(spec: &LeaseSpec, names: &mut Names) -> Record {
    Record {
        holder: spec.holder_identity.as_ref().map_or(IdentityId::NOBODY, |holder| names.id(holder)),
        duration_s: spec.lease_duration_seconds.unwrap_or(0),
        transitions: spec.lease_transitions.unwrap_or(0),
        acquired: spec.acquire_time.unwrap_or_default(),
        renewed: spec.renew_time.unwrap_or_default(),
    }
}

fn failure_of(error: &StoreError) -> Failure {
    match error {
        StoreError::NotFound(_) => Failure::NotFound,
        StoreError::AlreadyExists { .. } => Failure::AlreadyExists,
        StoreError::Conflict(_) | StoreError::UidPrecondition { .. } => Failure::Conflict,
        StoreError::NamespaceTerminating { .. } => Failure::Forbidden,
        other => match other.code() {
            400..500 => Failure::Invalid,
            _ => Failure::ServerError,
        },
    }
}
