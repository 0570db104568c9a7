//! Which objects are refused, and in what words: names and fields, sections 1 and 5 of the recorded semantics.

use leasehold::core::WallTime;
use leasehold::store::{
    ConfigMapData, Extra, Incoming, LeaseSpec, ObjectPath, Outcome, OwnerReference, Revision, Store,
};

const NOW: WallTime = WallTime::from_micros(1_795_240_800_123_456);
const N: ObjectPath<'static> = ObjectPath::new("default", "n");

fn held_by(holder: &str) -> LeaseSpec {
    LeaseSpec { holder_identity: Some(holder.into()), ..LeaseSpec::default() }
}

fn lease(holder: &str) -> Incoming<LeaseSpec> {
    Incoming::new("n", held_by(holder))
}

fn stored(store: &mut Store, spec: LeaseSpec) -> leasehold::store::Lease {
    store.create("default", Incoming::new("n", spec), NOW).unwrap().into_object()
}

#[test]
fn names_are_subdomains() {
    let mut store = Store::default();
    let long = |n| "a".repeat(n);
    for good in ["a.b", "0", "a-b", &long(253)] {
        assert!(store.create("default", Incoming::new(good, held_by("a")), NOW).is_ok(), "{good}");
    }
    for bad in ["A", "a_b", "-a", "a-", "a..b", ".a", "a b", "a/b", "a%b", "é", ".", "..", &long(254)] {
        let error = store.create("default", Incoming::new(bad, held_by("a")), NOW).unwrap_err();
        let details = error.status().details.unwrap();
        assert_eq!((error.code(), details.kind, details.name.as_str()), (422, "Lease", bad));
        assert_eq!((details.causes.len(), details.causes[0].reason), (1, "FieldValueInvalid"));
        assert_eq!(details.causes[0].field, "metadata.name");
    }
}

#[test]
fn a_name_is_required_or_generated() {
    let mut store = Store::default();
    let error = store.create("default", Incoming::new("", held_by("a")), NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Lease.coordination.k8s.io \"\" is invalid: metadata.name: Required value: name or generateName is required"
    );
    let prefix = "p".repeat(70);
    let mut sent = Incoming::new("", held_by("a"));
    sent.extra = Extra { generate_name: prefix.as_str().into(), ..Extra::default() }.shared();
    let first = store.create("default", sent.clone(), NOW).unwrap().into_object();
    let second = store.create("default", sent.clone(), NOW).unwrap().into_object();
    assert_eq!((first.meta.name.len(), &first.meta.name[..58]), (63, &prefix[..58]));
    assert_ne!(first.meta.name, second.meta.name);
    assert_eq!(first.meta.extra().generate_name, prefix);
    sent.name = "mine".into();
    assert_eq!(store.create("default", sent, NOW).unwrap().object.meta.name, "mine");
}

#[test]
fn validation_comes_before_the_resource_version_of_a_create() {
    let mut store = Store::default();
    let bad = LeaseSpec { lease_duration_seconds: Some(0), ..held_by("a") };
    let sent = Incoming::new("n", bad).at(Revision::new(5));
    assert_eq!(store.create("default", sent, NOW).unwrap_err().code(), 422);
}

#[test]
fn values_of_a_spec_are_checked_one_by_one() {
    let mut store = Store::default();
    let bad =
        LeaseSpec { lease_duration_seconds: Some(-1), lease_transitions: Some(-1), ..LeaseSpec::default() };
    let error = store.create("default", Incoming::new("n", bad), NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Lease.coordination.k8s.io \"n\" is invalid: [spec.leaseDurationSeconds: Invalid value: -1: must be greater \
         than 0, spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0]"
    );
    // Neither two fields nor a field and a clock are compared, and transitions may go down.
    let early = LeaseSpec {
        lease_duration_seconds: Some(i32::MAX),
        lease_transitions: Some(i32::MAX),
        acquire_time: Some(WallTime::from_micros(9)),
        renew_time: Some(WallTime::from_micros(1)),
        ..held_by(&"x".repeat(10_000))
    };
    let live = stored(&mut store, early);
    let later = LeaseSpec { lease_transitions: Some(0), renew_time: None, ..held_by("a\nb") };
    assert!(store.update(N, Incoming::new("n", later).at(live.meta.resource_version), NOW).is_ok());
}

#[test]
fn an_empty_holder_is_not_an_absent_one() {
    let mut store = Store::default();
    let live = stored(&mut store, held_by(""));
    assert_eq!(live.spec.holder_identity.as_deref(), Some(""));
    let mut sent = Incoming::from(&live);
    sent.spec.holder_identity = None;
    assert_eq!(store.update(N, sent, NOW).unwrap().outcome, Outcome::Updated);
}

#[test]
fn labels_annotations_and_owners_follow_the_usual_rules() {
    let owner = |uid: &str| OwnerReference {
        api_version: "v1".into(),
        kind: "Pod".into(),
        name: "p".into(),
        uid: uid.into(),
        controller: None,
        block_owner_deletion: None,
    };
    let label = |k: &str, v: &str| Extra { labels: [(k.into(), v.into())].into(), ..Extra::default() };
    let note = |k: &str, v: &str| Extra { annotations: [(k.into(), v.into())].into(), ..Extra::default() };
    let create = |extra: Extra| {
        let sent = Incoming { extra: extra.shared(), ..lease("a") };
        Store::default().create("default", sent, NOW).map(|w| w.code()).map_err(|e| {
            let mut details = e.status().details.unwrap();
            (e.code(), details.causes.remove(0).reason)
        })
    };
    let long = "x".repeat(64);
    let good = [
        label("app", "x"),
        label("example.com/app", ""),
        note("K", &"v".repeat(262_143)),
        Extra { finalizers: vec!["plain".into()], ..Extra::default() },
        Extra { owner_references: vec![owner("u")], ..Extra::default() },
    ];
    for extra in good {
        assert_eq!(create(extra), Ok(201));
    }
    let bad = [
        label("", "x"),
        label("a b", "x"),
        label("/a", "x"),
        label("A/a", "x"),
        label("a/b/c", "x"),
        label(&long, "x"),
        label("a", &long),
        label("a", "-x"),
        note("a_", "x"),
        Extra { finalizers: vec!["a/b/c".into()], ..Extra::default() },
        Extra { owner_references: vec![owner("")], ..Extra::default() },
        Extra { generation: Some(-1), ..Extra::default() },
    ];
    for extra in bad {
        assert_eq!(create(extra.clone()), Err((422, "FieldValueInvalid")), "{extra:?}");
    }
    assert_eq!(create(note("k", &"v".repeat(262_144))), Err((422, "FieldValueTooLong")));
}

#[test]
fn a_client_cannot_mark_an_object_as_deleted() {
    let mut store = Store::default();
    let live = stored(&mut store, held_by("a"));
    let mut sent = Incoming::from(&live);
    sent.deletion_time = Some(NOW);
    let status = store.update(N, sent, NOW).unwrap_err().status();
    assert_eq!(
        status.message,
        "Lease.coordination.k8s.io \"n\" is invalid: metadata.deletionTimestamp: Invalid value: \
         \"2026-11-21T06:00:00Z\": field is immutable"
    );
    assert_eq!(status.details.unwrap().causes.len(), 2);
}

#[test]
fn a_client_cannot_change_the_grace_period() {
    let mut store = Store::default();
    let live = stored(&mut store, held_by("a"));
    let mut sent = Incoming::from(&live);
    sent.deletion_grace_seconds = Some(0);
    let status = store.update(N, sent, NOW).unwrap_err().status();
    assert_eq!(
        status.message,
        "Lease.coordination.k8s.io \"n\" is invalid: metadata.deletionGracePeriodSeconds: Invalid value: 0: field is \
         immutable"
    );
    let mut held = Incoming::from(&live);
    held.extra = Extra { finalizers: vec!["a.b/c".into()], ..Extra::default() }.shared();
    store.update(N, held, NOW).unwrap();
    store.delete::<LeaseSpec>(N, &Default::default(), NOW).unwrap();
    let marked = store.get::<LeaseSpec>(N).unwrap().clone();
    for (seconds, code) in [(None, Ok(200)), (Some(0), Ok(200)), (Some(5), Err(422)), (Some(-1), Err(422))] {
        let mut sent = Incoming::from(&marked);
        sent.deletion_grace_seconds = seconds;
        let done = store.update(N, sent, NOW).map(|written| written.code()).map_err(|error| error.code());
        assert_eq!(done, code, "{seconds:?}");
    }
}

#[test]
fn some_kinds_want_a_domain_in_front_of_a_finalizer() {
    let of_config_map = |finalizer: &str| {
        let extra = Extra { finalizers: vec![finalizer.into()], ..Extra::default() }.shared();
        let sent = Incoming { extra, ..Incoming::new("n", ConfigMapData::default()) };
        Store::default().create("default", sent, NOW).map(|written| written.code()).map_err(|e| e.to_string())
    };
    for good in ["a.b/c", "kubernetes", "orphan", "foregroundDeletion"] {
        assert_eq!(of_config_map(good), Ok(201), "{good}");
    }
    let refused = "ConfigMap \"n\" is invalid: metadata.finalizers[0]: Invalid value: \"bad\": name is neither a \
                   standard finalizer name nor is it fully qualified";
    assert_eq!(of_config_map("bad"), Err(refused.into()));
}
