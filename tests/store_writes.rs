//! What POST and PUT do, row by row of sections 1 and 2 of the recorded semantics; validation has a file of its own.

use leasehold::core::WallTime;
use leasehold::store::{
    ConfigMapData, EndpointsSubsets, Extra, Incoming, LeaseSpec, NamespacePhase, Object, ObjectPath, Outcome,
    Resource, Revision, RevisionClaim, Store, StoreError, StoreOptions, UidClaim,
};

const NOW: WallTime = WallTime::from_micros(1_795_240_800_123_456);
const N: ObjectPath<'static> = ObjectPath::new("default", "n");
const CONFLICT: &str = "Operation cannot be fulfilled on leases.coordination.k8s.io \"n\": the object has been modified; \
                        please apply your changes to the latest version and try again";

fn held_by(holder: &str) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.into()),
        lease_duration_seconds: Some(15),
        ..LeaseSpec::default()
    }
}

fn lease(holder: &str) -> Incoming<LeaseSpec> {
    Incoming::new("n", held_by(holder))
}

fn stored<S: Resource>(store: &mut Store, spec: S) -> Object<S> {
    store.create("default", Incoming::new("n", spec), NOW).unwrap().into_object()
}

fn foreign(text: &str) -> UidClaim {
    UidClaim::parse(text).unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> (u16, Option<&'static str>, String) {
    let status = result.unwrap_err().status();
    (status.code, status.reason, status.message)
}

#[test]
fn a_missing_object_is_404_even_in_a_missing_namespace() {
    let store = Store::default();
    let (code, reason, message) = refused(store.get::<LeaseSpec>(ObjectPath::new("nowhere", "n")));
    assert_eq!((code, reason), (404, Some("NotFound")));
    assert_eq!(message, "leases.coordination.k8s.io \"n\" not found");
}

#[test]
fn a_create_fills_in_what_is_the_servers() {
    let mut store = Store::default();
    let mut sent = lease("a").with_uid(foreign("mine"));
    sent.deletion_time = Some(NOW);
    sent.extra = Extra { generation: Some(7), ..Extra::default() }.shared();
    let written = store.create("default", sent, NOW).unwrap();
    assert_eq!((written.outcome, written.code(), written.replaced), (Outcome::Created, 201, None));
    let object = written.into_object();
    assert_eq!(object.meta.creation_time, WallTime::from_micros(1_795_240_800_000_000));
    assert_eq!((object.meta.namespace.as_str(), object.meta.deletion_time), ("default", None));
    assert_eq!((object.meta.resource_version, store.revision()), (Revision::new(2), Revision::new(2)));
    assert_eq!(object.meta.extra().generation, Some(7));
    assert_ne!(object.meta.uid.to_string(), "mine");
}

#[test]
fn a_create_of_what_exists_is_409() {
    let mut store = Store::default();
    stored(&mut store, held_by("a"));
    let (code, reason, message) = refused(store.create("default", lease("b"), NOW));
    assert_eq!((code, reason), (409, Some("AlreadyExists")));
    assert_eq!(message, "leases.coordination.k8s.io \"n\" already exists");
}

#[test]
fn a_create_with_a_resource_version_is_500_before_409() {
    let mut store = Store::default();
    stored(&mut store, held_by("a"));
    let (code, reason, message) = refused(store.create("default", lease("b").at(Revision::new(5)), NOW));
    assert_eq!((code, reason), (500, None));
    assert_eq!(message, "resourceVersion should not be set on objects to be created");
    for text in ["0", "", "abc"] {
        let sent = Incoming::new("other", held_by("a")).at(RevisionClaim::parse(text));
        assert_eq!(store.create("default", sent, NOW).unwrap().code(), 201, "{text:?}");
        store.clear();
    }
}

#[test]
fn namespaces_must_agree_exist_and_be_alive_in_that_order() {
    let mut store = Store::default();
    store.create("default", lease("a"), NOW).unwrap();
    let mut elsewhere = lease("a");
    elsewhere.namespace = "kube-system".into();
    let (code, reason, message) = refused(store.create("nowhere", elsewhere.clone(), NOW));
    assert_eq!((code, reason), (400, Some("BadRequest")));
    assert!(message.starts_with("the namespace of the provided object does not match"), "{message}");
    assert_eq!(refused(store.update(N, elsewhere, NOW)).0, 400);

    let invalid = Incoming::new("BAD", held_by("a"));
    let error = store.create("nowhere", invalid, NOW).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (404, "namespaces \"nowhere\" not found"));
    assert_eq!(error.status().details.unwrap().kind, "namespaces");
    assert_eq!(refused(store.update(ObjectPath::new("nowhere", "n"), lease("a"), NOW)).0, 404);

    store.set_namespace("default", NamespacePhase::Terminating);
    let error = store.create("default", Incoming::new("m", held_by("a")), NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "leases.coordination.k8s.io \"m\" is forbidden: unable to create new content in namespace default because it \
         is being terminated"
    );
    let status = error.status();
    let cause = status.details.unwrap().causes.remove(0);
    assert_eq!((status.code, status.reason), (403, Some("Forbidden")));
    assert_eq!((cause.reason, cause.field.as_str()), ("NamespaceTerminating", "metadata.namespace"));
    let live = store.get::<LeaseSpec>(N).unwrap().clone();
    assert_eq!(store.update(N, lease("b").at(live.meta.resource_version), NOW).unwrap().code(), 200);
    let absent = ObjectPath::new("default", "m");
    assert_eq!(refused(store.update(absent, Incoming::new("m", held_by("a")), NOW)).0, 403);
}

#[test]
fn a_dry_run_stores_nothing() {
    let mut store = Store::default();
    let object = store.dry_create("default", lease("a"), NOW).unwrap().into_object();
    assert_eq!(object.meta.resource_version, Revision::NONE);
    assert_eq!(store.get::<LeaseSpec>(N).unwrap_err().code(), 404);
    let live = stored(&mut store, held_by("a"));
    let next = lease("b").at(live.meta.resource_version);
    let object = store.dry_update(N, next, NOW).unwrap().into_object();
    assert_eq!((object.spec, object.meta.resource_version), (held_by("b"), live.meta.resource_version));
    assert_eq!(store.get(N), Ok(&live));
    assert_eq!(store.revision(), live.meta.resource_version);
}

#[test]
fn the_right_revision_replaces_and_any_other_conflicts() {
    let mut store = Store::default();
    let first = stored(&mut store, held_by("a")).meta.resource_version;
    let written = store.update(N, lease("b").at(first), NOW).unwrap();
    assert_eq!(
        (written.outcome, written.revision(), written.replaced),
        (Outcome::Updated, first.plus(1), Some(first))
    );
    // The last is the live content: the revision is checked before anything is compared.
    for (holder, revision) in [("c", first), ("c", Revision::new(99)), ("b", first)] {
        let (code, reason, message) = refused(store.update(N, lease(holder).at(revision), NOW));
        assert_eq!((code, reason, message.as_str()), (409, Some("Conflict"), CONFLICT));
    }
}

#[test]
fn a_put_without_a_revision_depends_on_the_kind() {
    fn put<S: Resource>(spec: S, claim: &str) -> Result<u16, StoreError> {
        let mut store = Store::default();
        stored(&mut store, spec.clone());
        store.update(N, Incoming::new("n", spec).at(RevisionClaim::parse(claim)), NOW).map(|w| w.code())
    }
    for claim in ["", "0"] {
        let error = put(held_by("a"), claim).unwrap_err();
        let details = error.status().details.unwrap();
        assert_eq!((error.code(), details.kind), (422, "leases"));
        assert_eq!(
            error.to_string(),
            "leases.coordination.k8s.io \"n\" is invalid: metadata.resourceVersion: Invalid value: 0: must be \
             specified for an update"
        );
        assert_eq!(put(EndpointsSubsets::default(), claim), Ok(200));
        assert_eq!(put(ConfigMapData::default(), claim), Ok(200));
    }
    for (claim, why) in [
        ("abc", "invalid syntax"),
        ("+5", "invalid syntax"),
        ("-1", "invalid syntax"),
        (" 5", "invalid syntax"),
        ("18446744073709551616", "value out of range"),
    ] {
        let error = put(held_by("a"), claim).unwrap_err();
        assert_eq!((error.code(), error.status().reason), (500, None));
        assert_eq!(error.to_string(), format!("strconv.ParseUint: parsing \"{claim}\": {why}"));
        assert_eq!(put(EndpointsSubsets::default(), claim).unwrap_err().code(), 500);
    }
    assert_eq!(put(held_by("a"), "0002"), Ok(200));
}

#[test]
fn a_wrong_uid_is_409_before_everything_else() {
    let mut store = Store::default();
    let live = stored(&mut store, held_by("a"));
    let bad = LeaseSpec { lease_duration_seconds: Some(0), ..held_by("a") };
    for claim in ["", "99", "abc"] {
        let sent = Incoming::new("n", bad.clone()).at(RevisionClaim::parse(claim)).with_uid(foreign("A"));
        let (code, reason, message) = refused(store.update(N, sent, NOW));
        assert_eq!((code, reason), (409, Some("Conflict")));
        assert_eq!(
            message,
            format!(
                "Operation cannot be fulfilled on leases.coordination.k8s.io \"n\": StorageError: invalid object, \
                 Code: 4, Key: /registry/leases/default/n, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
                 failed: UID in precondition: A, UID in object meta: {}",
                live.meta.uid
            )
        );
    }
    let sent = Incoming::new("n", bad);
    assert!(matches!(store.update(N, sent.clone(), NOW), Err(StoreError::RevisionRequired(_))));
    assert!(matches!(store.update(N, sent.clone().at(Revision::new(9)), NOW), Err(StoreError::Conflict(_))));
    let sent = sent.at(live.meta.resource_version);
    assert!(matches!(store.update(N, sent, NOW), Err(StoreError::Invalid { .. })));
}

#[test]
fn the_name_must_be_that_of_the_url() {
    let mut store = Store::default();
    let (code, reason, message) = refused(store.update(N, Incoming::new("", held_by("a")), NOW));
    assert_eq!((code, reason), (400, Some("BadRequest")));
    assert_eq!(message, "the name of the object (n based on URL) was undeterminable: name must be provided");
    assert_eq!(refused(store.update(N, Incoming::new("m", held_by("a")), NOW)).0, 400);
}

#[test]
fn a_write_of_what_is_there_changes_nothing() {
    let mut store = Store::new(StoreOptions::cluster());
    let live = stored(&mut store, held_by("a"));
    // Uid and creation time omitted; the gated fields are dropped before anything is compared.
    let mut same = lease("a").at(live.meta.resource_version);
    same.spec.strategy = Some("OldestEmulationVersion".into());
    same.spec.preferred_holder = Some("b".into());
    same.extra = Extra { generation: Some(3), ..Extra::default() }.shared();
    let written = store.update(N, same, NOW).unwrap();
    assert_eq!((written.outcome, written.code()), (Outcome::Unchanged, 200));
    assert_eq!(written.into_object(), live);
    assert_eq!(store.revision(), live.meta.resource_version);
    assert_eq!(store.watch_since::<LeaseSpec>(live.meta.resource_version).unwrap().count(), 0);
}

#[test]
fn a_put_to_a_missing_object_depends_on_the_kind() {
    fn put<S: Resource>(revision: Option<u64>, uid: Option<&str>) -> Result<u16, StoreError> {
        let mut sent = Incoming::new("n", S::default());
        sent.resource_version = revision.map(Revision::new).into_claim();
        sent.uid = uid.map(foreign);
        Store::default().update(N, sent, NOW).map(|w| w.code())
    }
    for revision in [None, Some(1), Some(99)] {
        assert_eq!(put::<LeaseSpec>(revision, None), Ok(201));
        assert_eq!(put::<EndpointsSubsets>(revision, None), Ok(201));
        assert_eq!(put::<ConfigMapData>(revision, None).unwrap_err().code(), 404);
        let error = put::<LeaseSpec>(revision, Some("A")).unwrap_err();
        assert_eq!(error.status().reason, Some("Conflict"));
        assert!(error.to_string().ends_with("UID in precondition: A, UID in object meta: "), "{error}");
        let error = put::<EndpointsSubsets>(revision, Some("A")).unwrap_err();
        assert!(error.to_string().contains("Key: /registry/services/endpoints/default/n,"), "{error}");
        let error = put::<ConfigMapData>(revision, Some("A")).unwrap_err();
        assert_eq!(error.to_string(), "configmaps \"n\" not found");
        assert_eq!(error.status().details.unwrap().group, "");
    }
}

trait IntoClaim {
    fn into_claim(self) -> RevisionClaim;
}

impl IntoClaim for Option<Revision> {
    fn into_claim(self) -> RevisionClaim {
        self.map_or(RevisionClaim::Unset, RevisionClaim::from)
    }
}

#[test]
fn what_was_deleted_cannot_be_echoed_but_can_be_resurrected() {
    let mut store = Store::default();
    let old = stored(&mut store, held_by("a"));
    store.delete::<LeaseSpec>(N, &leasehold::store::DeleteOptions::default(), NOW).unwrap();
    assert_eq!(refused(store.update(N, Incoming::from(&old), NOW)).0, 409);
    let revived = store.update(N, lease("a").at(old.meta.resource_version), NOW).unwrap();
    assert_eq!(revived.code(), 201);
    let revived = revived.into_object();
    assert_ne!(revived.meta.uid, old.meta.uid);
    // Deleted and created again: the old revision conflicts, the old uid even more so.
    assert!(matches!(
        store.update(N, lease("b").at(old.meta.resource_version), NOW),
        Err(StoreError::Conflict(_))
    ));
    assert!(matches!(
        store.update(N, Incoming::from(&old), NOW),
        Err(StoreError::UidPrecondition { found: Some(uid), .. }) if uid == revived.meta.uid
    ));
}

#[test]
fn a_put_without_a_spec_empties_it() {
    let mut store = Store::default();
    let live = stored(&mut store, held_by("a"));
    let sent = Incoming::new("n", LeaseSpec::default()).at(live.meta.resource_version);
    assert_eq!(store.update(N, sent, NOW).unwrap().into_object().spec, LeaseSpec::default());
}

#[test]
fn of_thirty_equal_writes_one_wins() {
    let mut store = Store::default();
    let created = (0..30).filter(|_| store.create("default", lease("a"), NOW).is_ok()).count();
    let revision = store.revision();
    let holders: Vec<_> = (0..30).map(|n| n.to_string()).collect();
    let updated = holders.iter().filter(|h| store.update(N, lease(h).at(revision), NOW).is_ok()).count();
    assert_eq!((created, updated), (1, 1));
    let other = ObjectPath::new("default", "other");
    let codes: Vec<_> = holders
        .iter()
        .map(|h| store.update(other, Incoming::new("other", held_by(h)), NOW).map(|w| w.code()))
        .map(|answer| answer.unwrap_or_else(|e| e.code()))
        .collect();
    assert_eq!(codes[0], 201);
    assert!(codes[1..].iter().all(|&code| code == 422));
}

#[test]
fn managed_fields_stay_unless_others_are_sent() {
    let mut store = Store::default();
    let entry = |manager: &str, second: i64| leasehold::store::ManagedFields {
        manager: manager.into(),
        operation: "Update".into(),
        api_version: "coordination.k8s.io/v1".into(),
        time: Some(WallTime::from_micros(second * 1_000_000)),
        fields: "{}".into(),
        subresource: "".into(),
    };
    let managed = |entry| Extra { managed_fields: vec![entry], ..Extra::default() }.shared();
    let sent = Incoming { extra: managed(entry("m", 1)), ..lease("a") };
    let live = store.create("default", sent, NOW).unwrap().into_object();
    let next = store.update(N, lease("b").at(live.meta.resource_version), NOW).unwrap().into_object();
    assert_eq!(next.meta.extra, live.meta.extra);
    let later = Incoming { extra: managed(entry("m", 2)), ..lease("b") }.at(next.meta.resource_version);
    assert_eq!(store.update(N, later.clone(), NOW).unwrap().outcome, Outcome::Unchanged);
    let other = Incoming { extra: managed(entry("o", 2)), ..later };
    assert_eq!(store.update(N, other, NOW).unwrap().outcome, Outcome::Updated);
}
