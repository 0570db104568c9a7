//! Random requests against a dumb model of the store, and the store's promises after every one of them.

use std::collections::BTreeMap;

use leasehold::core::WallTime;
use leasehold::store::{
    DeleteOptions, Field, Incoming, InvariantChecker, LeasePatch, LeaseSpec, ObjectPath, Outcome, Patch,
    Revision, RevisionClaim, Store, StoreError, StoreOptions, Uid, Violation, Written,
};
use proptest::prelude::*;

const NOW: WallTime = WallTime::from_micros(0);
const NAMES: [&str; 3] = ["a", "b", "c"];

/// A resourceVersion or uid that a client sends: none, what it saw `n` versions ago, or something from the future.
#[derive(Clone, Copy, Debug)]
enum Seen {
    Nothing,
    VersionsAgo(usize),
    Future,
}

#[derive(Clone, Debug)]
enum Request {
    Create { name: usize, holder: u8, seen: Seen },
    Put { name: usize, holder: u8, seen: Seen, uid: Seen },
    Patch { name: usize, holder: u8, seen: Seen },
    Delete { name: usize, seen: Seen, uid: Seen },
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        2 => Just(Seen::Nothing),
        5 => Just(Seen::VersionsAgo(0)),
        2 => (1_usize..4).prop_map(Seen::VersionsAgo),
        1 => Just(Seen::Future),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    // Holder 0 stands for a spec that fails validation.
    let (name, holder) = (0..NAMES.len(), 0_u8..4);
    let rarely = prop_oneof![5 => Just(Seen::Nothing), 3 => seen()];
    prop_oneof![
        2 => (name.clone(), holder.clone(), rarely.clone())
            .prop_map(|(name, holder, seen)| Request::Create { name, holder, seen }),
        6 => (name.clone(), holder.clone(), seen(), rarely.clone())
            .prop_map(|(name, holder, seen, uid)| Request::Put { name, holder, seen, uid }),
        2 => (name.clone(), holder, rarely.clone())
            .prop_map(|(name, holder, seen)| Request::Patch { name, holder, seen }),
        1 => (name, rarely.clone(), rarely).prop_map(|(name, seen, uid)| Request::Delete { name, seen, uid }),
    ]
}

fn spec(holder: u8) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.to_string().into()),
        lease_duration_seconds: Some(holder.into()),
        ..LeaseSpec::default()
    }
}

/// The dumb alternative: numbers in a map.
#[derive(Default)]
struct Model {
    /// Uid, revision and holder.
    objects: BTreeMap<usize, (u64, u64, u8)>,
    /// Every uid and revision that an object of the name ever had, latest last.
    past: BTreeMap<usize, Vec<(u64, u64)>>,
    revision: u64,
    uids: u64,
}

impl Model {
    fn pick(&self, name: usize, seen: Seen) -> Option<(u64, u64)> {
        let past = self.past.get(&name).map_or(&[][..], Vec::as_slice);
        match seen {
            Seen::Nothing => None,
            Seen::VersionsAgo(n) => past.iter().rev().nth(n).copied(),
            Seen::Future => Some((1_000_000, 1_000_000)),
        }
    }

    fn write(&mut self, name: usize, uid: u64, holder: u8) {
        self.revision += 1;
        self.objects.insert(name, (uid, self.revision, holder));
        self.past.entry(name).or_default().push((uid, self.revision));
    }

    fn create(&mut self, name: usize, holder: u8) -> u16 {
        if holder == 0 {
            return 422;
        }
        self.write(name, self.uids, holder);
        self.uids += 1;
        201
    }

    fn change(&mut self, name: usize, holder: u8) -> u16 {
        let (uid, _, before) = self.objects[&name];
        match holder {
            0 => return 422,
            same if same == before => {}
            _ => self.write(name, uid, holder),
        }
        200
    }

    /// The HTTP status.
    fn handle(&mut self, request: &Request) -> u16 {
        match *request {
            Request::Create { holder: 0, .. } => 422,
            Request::Create { name, seen, .. } if self.pick(name, seen).is_some() => 500,
            Request::Create { name, .. } if self.objects.contains_key(&name) => 409,
            Request::Create { name, holder, .. } => self.create(name, holder),
            Request::Put { name, holder, seen, uid } => {
                let claimed = (self.pick(name, uid), self.pick(name, seen));
                match (self.objects.get(&name), claimed) {
                    (None, (Some(_), _)) => 409,
                    (None, _) => self.create(name, holder),
                    (Some(live), (Some(uid), _)) if uid.0 != live.0 => 409,
                    (_, (_, None)) => 422,
                    (Some(live), (_, Some(seen))) if seen.1 != live.1 => 409,
                    _ => self.change(name, holder),
                }
            }
            Request::Patch { name, holder, seen } => match (self.objects.get(&name), self.pick(name, seen)) {
                (None, _) => 404,
                (Some(live), Some(seen)) if seen.1 != live.1 => 409,
                _ => self.change(name, holder),
            },
            Request::Delete { name, seen, uid } => {
                let Some(&(live_uid, live_revision, _)) = self.objects.get(&name) else { return 404 };
                let wrong_uid = self.pick(name, uid).is_some_and(|uid| uid.0 != live_uid);
                if wrong_uid || self.pick(name, seen).is_some_and(|seen| seen.1 != live_revision) {
                    return 409;
                }
                self.objects.remove(&name);
                self.revision += 1;
                200
            }
        }
    }
}

/// Sends a request; what it claims is looked up in the model's memory.
fn send(
    store: &mut Store,
    model: &Model,
    request: &Request,
    checker: &InvariantChecker,
) -> Result<u16, StoreError> {
    let revision = |name, seen| model.pick(name, seen).map(|(_, revision)| Revision::new(revision));
    let claim = |name, seen| revision(name, seen).map_or(RevisionClaim::Unset, RevisionClaim::from);
    let written = match *request {
        Request::Create { name, holder, seen } => {
            let sent = Incoming::new(NAMES[name], spec(holder)).at(claim(name, seen));
            store.create("default", sent, NOW)?
        }
        Request::Put { name, holder, seen, uid } => {
            let mut sent = Incoming::new(NAMES[name], spec(holder)).at(claim(name, seen));
            sent.uid = model.pick(name, uid).map(|(uid, _)| Uid::new(uid).into());
            let claimed = sent.resource_version.clone();
            let written = store.update(ObjectPath::new("default", NAMES[name]), sent, NOW)?;
            checker.wrote(&claimed, &written).unwrap();
            written
        }
        Request::Patch { name, holder, seen } => {
            let mut patch = Patch::of_spec(LeasePatch {
                holder_identity: Field::Set(holder.to_string().into()),
                lease_duration_seconds: Field::Set(holder.into()),
                ..LeasePatch::default()
            });
            patch.resource_version = revision(name, seen).map(Into::into);
            store.patch(ObjectPath::new("default", NAMES[name]), &patch)?
        }
        Request::Delete { name, seen, uid } => {
            let options = DeleteOptions {
                uid: model.pick(name, uid).map(|(uid, _)| Uid::new(uid).into()),
                resource_version: revision(name, seen).map(|revision| revision.to_string().into()),
                ..DeleteOptions::default()
            };
            store.delete::<LeaseSpec>(ObjectPath::new("default", NAMES[name]), &options, NOW)?;
            return Ok(200);
        }
    };
    Ok(written.code())
}

fn contents(store: &Store) -> Vec<(String, u64, u64, LeaseSpec)> {
    let items = store.list::<LeaseSpec>(None).items.iter();
    items
        .map(|o| (o.meta.name.to_string(), o.meta.uid.get(), o.meta.resource_version.get(), o.spec.clone()))
        .collect()
}

fn model_contents(model: &Model) -> Vec<(String, u64, u64, LeaseSpec)> {
    let objects = model.objects.iter();
    objects.map(|(&name, &(uid, rv, holder))| (NAMES[name].to_owned(), uid, rv, spec(holder))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_requests_agree_with_a_dumb_model(
        requests in prop::collection::vec(request(), 1..80),
        log_capacity in 0_usize..20,
    ) {
        let mut store = Store::new(StoreOptions::simulation().with_log_capacity(log_capacity));
        let mut model = Model { revision: store.revision().get(), ..Model::default() };
        let (mut checker, mut history) = (InvariantChecker::default(), BTreeMap::new());
        history.insert(store.revision(), contents(&store));
        for request in &requests {
            let answer = send(&mut store, &model, request, &checker).unwrap_or_else(|error| error.code());
            prop_assert_eq!(answer, model.handle(request), "{:?}", request);
            prop_assert_eq!(store.revision().get(), model.revision);
            prop_assert_eq!(contents(&store), model_contents(&model));
            checker.observe(&store).unwrap();
            history.insert(store.revision(), contents(&store));
        }
        check_past(&store, &history)?;
    }

    #[test]
    fn a_dry_run_foretells_the_answer(requests in prop::collection::vec(request(), 1..40)) {
        let mut store = Store::new(StoreOptions::simulation());
        let mut model = Model { revision: store.revision().get(), ..Model::default() };
        for request in &requests {
            let foretold = send(&mut store.clone(), &model, request, &InvariantChecker::default());
            if let Request::Put { name, holder, seen, .. } = *request {
                let claim = model.pick(name, seen).map_or(RevisionClaim::Unset, |s| Revision::new(s.1).into());
                let path = ObjectPath::new("default", NAMES[name]);
                let sent = || Incoming::new(NAMES[name], spec(holder)).at(claim.clone());
                let dry = store.dry_update(path, sent(), NOW).map(|w| w.outcome);
                prop_assert_eq!(dry, store.clone().update(path, sent(), NOW).map(|w| w.outcome));
            }
            let answer = send(&mut store, &model, request, &InvariantChecker::default());
            prop_assert_eq!(&answer, &foretold);
            model.handle(request);
        }
    }
}

/// Every state that the log reaches back to is read as it was, and no other is read at all.
fn check_past(
    store: &Store,
    history: &BTreeMap<Revision, Vec<(String, u64, u64, LeaseSpec)>>,
) -> Result<(), TestCaseError> {
    for (&revision, then) in history {
        let watchable = store.watch_since::<LeaseSpec>(revision).is_ok();
        let list = store.list_as_of::<LeaseSpec>(None, revision);
        prop_assert_eq!(list.is_ok(), watchable);
        let Ok(list) = list else { continue };
        let read: Vec<_> = list
            .iter()
            .map(|o| {
                (o.meta.name.to_string(), o.meta.uid.get(), o.meta.resource_version.get(), o.spec.clone())
            })
            .collect();
        prop_assert_eq!(&read, then);
        for name in NAMES {
            let single = store.get_as_of::<LeaseSpec>(ObjectPath::new("default", name), revision).ok();
            prop_assert_eq!(single, list.iter().find(|lease| lease.meta.name == name));
        }
    }
    Ok(())
}

#[test]
fn the_checker_sees_broken_promises() {
    let mut store = Store::new(StoreOptions::simulation());
    let mut checker = InvariantChecker::default();
    let lease = store.create("default", Incoming::new("a", spec(1)), NOW).unwrap().into_object();
    checker.observe(&store).unwrap();

    let (claimed, replaced) = (Revision::new(1), lease.meta.resource_version);
    let answer =
        |outcome| Written { outcome, object: std::borrow::Cow::Borrowed(&lease), replaced: Some(replaced) };
    let verdict = checker.wrote(&claimed.into(), &answer(Outcome::Unchanged));
    assert_eq!(verdict, Err(Violation::StaleWriteAccepted { claimed, replaced }));
    let verdict = checker.wrote(&replaced.into(), &answer(Outcome::Updated));
    assert_eq!(verdict, Err(Violation::WrongRevision(replaced)));

    store.clear();
    let verdict = checker.observe(&store);
    assert_eq!(verdict, Err(Violation::RevisionWentBack { from: replaced, to: claimed }));
}
