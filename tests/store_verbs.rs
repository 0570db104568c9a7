//! PATCH, DELETE, LIST, WATCH and stale reads: sections 3, 4, 6 and 7 of the recorded semantics.

use leasehold::core::WallTime;
use leasehold::store::{
    ConfigMapData, ConfigMapPatch, DeleteOptions, Deleted, EventKind, Extra, Field, Incoming, Lease,
    LeasePatch, LeaseSpec, MapPatch, MetaPatch, NamespacePhase, ObjectPath, Outcome, Patch, Propagation,
    ReportBody, Revision, RevisionClaim, Store, StoreError, StoreOptions, UidClaim,
};

const NOW: WallTime = WallTime::from_micros(1_795_240_800_000_000);
const N: ObjectPath<'static> = ObjectPath::new("default", "n");

fn held_by(holder: &str) -> LeaseSpec {
    LeaseSpec { holder_identity: Some(holder.into()), ..LeaseSpec::default() }
}

fn put(store: &mut Store, namespace: &str, name: &str, holder: &str) -> Lease {
    let path = ObjectPath::new(namespace, name);
    let mut sent = Incoming::new(name, held_by(holder));
    if let Ok(live) = store.get::<LeaseSpec>(path) {
        sent.extra = live.meta.extra.clone();
        sent = sent.at(live.meta.resource_version);
    }
    store.update(path, sent, NOW).unwrap().into_object()
}

fn one() -> (Store, Lease) {
    let mut store = Store::default();
    let lease = put(&mut store, "default", "n", "a");
    (store, lease)
}

fn with_finalizers(finalizers: &[&str]) -> (Store, Lease) {
    let mut store = Store::default();
    let finalizers = finalizers.iter().map(|&f| f.into()).collect();
    let extra = Extra { finalizers, ..Extra::default() }.shared();
    let sent = Incoming { extra, ..Incoming::new("n", held_by("a")) };
    let lease = store.create("default", sent, NOW).unwrap().into_object();
    (store, lease)
}

fn to_holder(holder: Field<&str>) -> Patch<LeasePatch> {
    let holder_identity = match holder {
        Field::Keep => Field::Keep,
        Field::Remove => Field::Remove,
        Field::Set(holder) => Field::Set(holder.into()),
    };
    Patch::of_spec(LeasePatch { holder_identity, ..LeasePatch::default() })
}

fn delete(store: &mut Store, options: &DeleteOptions) -> Result<Deleted<LeaseSpec>, StoreError> {
    store.delete(N, options, NOW)
}

#[test]
fn a_patch_without_a_revision_is_unconditional() {
    let (mut store, first) = one();
    for n in 0..60 {
        let written = store.patch::<LeaseSpec>(N, &to_holder(Field::Set(&n.to_string()))).unwrap();
        assert_eq!((written.outcome, written.code()), (Outcome::Updated, 200));
    }
    assert_eq!(store.revision(), first.meta.resource_version.plus(60));
    let written = store.patch::<LeaseSpec>(N, &to_holder(Field::Remove)).unwrap();
    assert_eq!(written.object.spec.holder_identity, None);
    let dry = store.dry_patch::<LeaseSpec>(N, &to_holder(Field::Set("z"))).unwrap().into_object();
    assert_eq!(dry.spec, held_by("z"));
    assert_eq!(store.get::<LeaseSpec>(N).unwrap().spec.holder_identity, None);
}

#[test]
fn a_patch_that_changes_nothing_keeps_the_revision_but_not_if_it_is_stale() {
    let (mut store, live) = one();
    for patch in [Patch::default(), to_holder(Field::Set("a")), to_holder(Field::Keep)] {
        let written = store.patch::<LeaseSpec>(N, &patch).unwrap();
        assert_eq!((written.outcome, written.into_object()), (Outcome::Unchanged, live.clone()));
    }
    let stale = to_holder(Field::Set("a")).at(Revision::new(1));
    assert!(matches!(store.patch::<LeaseSpec>(N, &stale), Err(StoreError::Conflict(_))));
    let right = to_holder(Field::Set("b")).at(live.meta.resource_version);
    assert!(store.patch::<LeaseSpec>(N, &right).is_ok());
    for nothing in ["", "0"] {
        let patch = to_holder(Field::Set("c")).at(RevisionClaim::parse(nothing));
        assert!(matches!(store.patch::<LeaseSpec>(N, &patch), Err(StoreError::RevisionRequired(_))));
    }
}

#[test]
fn a_patch_with_another_uid_is_422_unless_its_revision_is_stale() {
    let (mut store, live) = one();
    let patch = Patch { uid: UidClaim::parse("A"), ..to_holder(Field::Set("b")) };
    let status = store.patch::<LeaseSpec>(N, &patch).unwrap_err().status();
    assert_eq!((status.code, status.reason), (422, Some("Invalid")));
    assert_eq!(
        status.message,
        "Lease.coordination.k8s.io \"n\" is invalid: metadata.uid: Invalid value: \"A\": field is immutable"
    );
    let stale = patch.at(Revision::new(1));
    assert_eq!(store.patch::<LeaseSpec>(N, &stale).unwrap_err().code(), 409);
    let right = Patch { uid: Some(live.meta.uid.into()), ..to_holder(Field::Set("b")) };
    assert!(store.patch::<LeaseSpec>(N, &right).is_ok());
}

#[test]
fn a_patch_is_validated_and_needs_an_object() {
    let (mut store, _) = one();
    let absent = ObjectPath::new("default", "absent");
    assert!(matches!(store.patch::<LeaseSpec>(absent, &Patch::default()), Err(StoreError::NotFound(_))));
    let bad = LeasePatch { lease_duration_seconds: Field::Set(0), ..LeasePatch::default() };
    assert_eq!(store.patch::<LeaseSpec>(N, &Patch::of_spec(bad)).unwrap_err().code(), 422);
    let no_spec = Patch { spec: Field::Remove, ..Patch::default() };
    assert_eq!(store.patch::<LeaseSpec>(N, &no_spec).unwrap().object.spec, LeaseSpec::default());
}

#[test]
fn a_patch_merges_labels_and_annotations() {
    let (mut store, _) = one();
    let entries = |entries: &[(&str, Option<&str>)]| {
        MapPatch(Field::Set(entries.iter().map(|&(k, v)| (k.into(), v.map(Into::into))).collect()))
    };
    let mut send = |labels, annotations| {
        let meta = MetaPatch { labels, annotations, ..MetaPatch::default() };
        let written = store.patch::<LeaseSpec>(N, &Patch { meta, ..Patch::default() }).unwrap();
        (written.outcome, written.object.meta.extra.as_deref().cloned().unwrap_or_default())
    };
    let (_, extra) = send(entries(&[("a", Some("1")), ("b", Some("2"))]), entries(&[("k", Some("v"))]));
    assert_eq!((extra.labels.len(), extra.annotations["k"].as_str()), (2, "v"));
    let (_, extra) = send(entries(&[("a", None), ("b", Some("3")), ("c", None)]), MapPatch::default());
    assert_eq!((extra.labels.len(), extra.labels["b"].as_str(), extra.annotations.len()), (1, "3", 1));
    let (outcome, _) = send(entries(&[("b", Some("3"))]), entries(&[]));
    assert_eq!(outcome, Outcome::Unchanged);
    let (_, extra) = send(MapPatch(Field::Remove), MapPatch(Field::Remove));
    assert_eq!(extra, Extra::default());
}

#[test]
fn writes_of_a_config_map_without_a_revision_all_succeed() {
    let mut store = Store::default();
    let map = |value: &str| ConfigMapData {
        data: std::sync::Arc::new([("k".into(), value.into())].into()),
        ..ConfigMapData::default()
    };
    store.create("default", Incoming::new("n", map("0")), NOW).unwrap();
    for n in 1..60 {
        let written = store.update(N, Incoming::new("n", map(&n.to_string())), NOW).unwrap();
        assert_eq!(written.outcome, Outcome::Updated);
    }
    let data = MapPatch(Field::Set(vec![("k".into(), None), ("l".into(), Some("x".into()))]));
    let written = store.patch::<ConfigMapData>(N, &Patch::of_spec(ConfigMapPatch { data })).unwrap();
    assert_eq!(*written.object.spec.data, [("l".into(), "x".into())].into());
    // The three kinds share the counter, not the names.
    assert!(store.get::<LeaseSpec>(N).is_err());
    assert_eq!(store.revision(), Revision::new(62));
}

#[test]
fn a_delete_is_a_write() {
    let (mut store, live) = one();
    assert_eq!(store.dry_delete(N, &DeleteOptions::default(), NOW), Ok(Deleted::Gone(live.clone())));
    assert_eq!(delete(&mut store, &DeleteOptions::default()), Ok(Deleted::Gone(live.clone())));
    assert_eq!(store.revision(), live.meta.resource_version.plus(1));
    let options = DeleteOptions { uid: UidClaim::parse("A"), ..DeleteOptions::default() };
    let error = delete(&mut store, &options).unwrap_err();
    assert_eq!(error.to_string(), "leases.coordination.k8s.io \"n\" not found");
    assert_eq!(store.revision(), live.meta.resource_version.plus(1));
}

#[test]
fn delete_preconditions_are_checked_uid_first() {
    let (mut store, live) = one();
    let options = |uid: &str, revision: Option<&str>| DeleteOptions {
        uid: UidClaim::parse(uid),
        resource_version: revision.map(Into::into),
        ..DeleteOptions::default()
    };
    let ours = live.meta.uid.to_string();
    let status = delete(&mut store, &options("A", Some("1"))).unwrap_err().status();
    assert_eq!((status.code, status.reason), (409, Some("Conflict")));
    assert_eq!(status.details.unwrap().kind, "Lease");
    assert_eq!(
        status.message,
        format!(
            "Operation cannot be fulfilled on Lease.coordination.k8s.io \"n\": the UID in the precondition (A) does \
             not match the UID in record ({ours}). The object might have been deleted and then recreated"
        )
    );
    for claimed in ["1", "", "02"] {
        let error = delete(&mut store, &options(&ours, Some(claimed))).unwrap_err();
        assert_eq!(error.code(), 409);
        let end = format!(
            "the ResourceVersion in the precondition ({claimed}) does not match the ResourceVersion in record (2). The \
             object might have been modified"
        );
        assert!(error.to_string().ends_with(&end), "{error}");
    }
    assert!(delete(&mut store, &options(&ours, Some("2"))).is_ok());
}

#[test]
fn finalizers_hold_an_object_back() {
    let (mut store, live) = with_finalizers(&["f"]);
    let Ok(Deleted::Terminating(marked)) = delete(&mut store, &DeleteOptions::default()) else { panic!() };
    assert_eq!(marked.meta.deletion_time, Some(NOW));
    assert_eq!(marked.meta.resource_version, live.meta.resource_version.plus(1));
    assert_eq!(delete(&mut store, &DeleteOptions::default()), Ok(Deleted::Terminating(marked.clone())));
    let error = store.create("default", Incoming::new("n", held_by("b")), NOW).unwrap_err();
    assert_eq!(error.to_string(), "object is being deleted: leases.coordination.k8s.io \"n\" already exists");

    let changed = put(&mut store, "default", "n", "b");
    assert_eq!(changed.meta.deletion_time, Some(NOW));
    let mut more = Incoming::from(&changed);
    more.extra = Extra { finalizers: vec!["f".into(), "g".into()], ..Extra::default() }.shared();
    let status = store.update(N, more, NOW).unwrap_err().status();
    assert_eq!((status.code, status.details.unwrap().causes[0].reason), (422, "FieldValueForbidden"));

    let mut last = Incoming::from(&changed);
    last.extra = None;
    let written = store.update(N, last, NOW).unwrap();
    assert_eq!((written.outcome, written.code()), (Outcome::Finished, 200));
    assert_eq!(written.revision(), changed.meta.resource_version);
    assert_eq!(store.get::<LeaseSpec>(N).unwrap_err().code(), 404);
    assert_eq!(store.revision(), changed.meta.resource_version.plus(1));
}

#[test]
fn a_patch_can_remove_the_last_finalizer() {
    let (mut store, _) = with_finalizers(&["f"]);
    delete(&mut store, &DeleteOptions::default()).unwrap();
    let meta = MetaPatch { finalizers: Field::Remove, ..MetaPatch::default() };
    let written = store.patch::<LeaseSpec>(N, &Patch { meta, ..Patch::default() }).unwrap();
    assert_eq!(written.outcome, Outcome::Finished);
    assert_eq!(store.list::<LeaseSpec>(None).items.len(), 0);
}

#[test]
fn orphan_and_foreground_leave_a_finalizer_behind() {
    for (propagation, finalizer) in
        [(Propagation::Orphan, "orphan"), (Propagation::Foreground, "foregroundDeletion")]
    {
        let (mut store, _) = one();
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        let Ok(Deleted::Terminating(marked)) = delete(&mut store, &options) else { panic!() };
        assert_eq!(marked.meta.extra().finalizers, [finalizer]);
        assert!(marked.meta.deletion_time.is_some());
    }
}

#[test]
fn an_event_waits_for_no_collector() {
    let body = || ReportBody { namespace: "default".into(), ..ReportBody::default() };
    for propagation in
        [Propagation::Unsaid, Propagation::Background, Propagation::Orphan, Propagation::Foreground]
    {
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        for (before, after) in [(&["orphan"][..], &[][..]), (&["foregroundDeletion", "a.b/c"], &["a.b/c"])] {
            let mut store = Store::default();
            let finalizers = before.iter().map(|&f| f.into()).collect();
            let extra = Extra { finalizers, ..Extra::default() }.shared();
            store.create("default", Incoming { extra, ..Incoming::new("n", body()) }, NOW).unwrap();
            let stays = matches!(store.delete::<ReportBody>(N, &options, NOW), Ok(Deleted::Terminating(_)));
            let left = store.get::<ReportBody>(N).map(|event| event.meta.extra().finalizers.clone());
            assert_eq!(
                (stays, left.unwrap_or_default().as_slice()),
                (!after.is_empty(), &after.iter().map(|&f| f.into()).collect::<Vec<_>>()[..])
            );
        }
    }
}

#[test]
fn a_right_revision_is_wrong_once_the_last_finalizer_is_taken_out() {
    let (mut store, live) = with_finalizers(&["orphan"]);
    let options = DeleteOptions {
        resource_version: Some(live.meta.resource_version.to_string().into()),
        propagation: Propagation::Background,
        ..DeleteOptions::default()
    };
    assert!(store.dry_delete::<LeaseSpec>(N, &options, NOW).is_ok());
    let status = delete(&mut store, &options).unwrap_err().status();
    assert_eq!((status.code, status.reason), (409, Some("Conflict")));
    assert!(status.message.ends_with(
        "Key: /registry/leases/default/n, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ResourceVersion in \
         precondition: , ResourceVersion in object meta: 2"
    ));
    assert_eq!(store.get::<LeaseSpec>(N), Ok(&live));
}

#[test]
fn a_collection_is_deleted_by_what_it_selects() {
    let options = DeleteOptions::default();
    let mut store = Store::default();
    for name in ["a", "b", "c"] {
        put(&mut store, "default", name, name);
        put(&mut store, "kube-system", name, name);
    }
    let gone = store
        .delete_collection::<LeaseSpec>(Some("default"), |lease| lease.meta.name != "b", &options, NOW)
        .unwrap();
    assert_eq!(gone.iter().map(|lease| lease.meta.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(store.list::<LeaseSpec>(Some("default")).items.len(), 1);
    assert!(
        store.delete_collection::<LeaseSpec>(Some("nowhere"), |_| true, &options, NOW).unwrap().is_empty()
    );
    assert_eq!(store.delete_collection::<LeaseSpec>(None, |_| true, &options, NOW).unwrap().len(), 4);
}

#[test]
fn one_counter_counts_every_effective_write() {
    let mut store = Store::default();
    assert_eq!(store.revision(), Revision::new(1));
    put(&mut store, "default", "n", "a");
    store.set_namespace("new", NamespacePhase::Active);
    store.set_namespace("new", NamespacePhase::Active);
    let map = Incoming::new("n", ConfigMapData::default());
    assert_eq!(store.create("new", map, NOW).unwrap().revision(), Revision::new(4));
    assert!(!store.remove_namespace("new"));
    store.advance_revision(12);
    assert_eq!(put(&mut store, "default", "n", "b").meta.resource_version, Revision::new(17));
    assert_eq!(put(&mut store, "default", "n", "b").meta.resource_version, Revision::new(17));
    assert!(store.remove_namespace("kube-public"));
    assert_eq!(store.revision(), Revision::new(18));
    store.check_invariants().unwrap();
}

#[test]
fn lists_are_in_key_order_at_the_stores_revision() {
    let mut store = Store::new(StoreOptions::simulation());
    for (namespace, name) in [("b", "a"), ("a", "b"), ("a", "a.b"), ("a-b", "z"), ("a", "a")] {
        put(&mut store, namespace, name, "x");
    }
    store.advance_revision(3);
    let list = store.list::<LeaseSpec>(None);
    let keys: Vec<_> = list.items.iter().map(|l| format!("{}/{}", l.meta.namespace, l.meta.name)).collect();
    assert_eq!(keys, ["a-b/z", "a/a", "a/a.b", "a/b", "b/a"]);
    assert_eq!(list.revision, Revision::new(9));
    assert_eq!(store.list::<LeaseSpec>(Some("a")).items, &list.items[1..4]);
    let empty = store.list::<LeaseSpec>(Some("nowhere"));
    assert_eq!((empty.items.len(), empty.revision), (0, Revision::new(9)));
}

#[test]
fn a_watch_replays_what_came_after() {
    let (mut store, added) = one();
    let changed = put(&mut store, "default", "n", "b");
    put(&mut store, "default", "n", "b");
    delete(&mut store, &DeleteOptions::default()).unwrap();
    let events: Vec<_> = store.watch_since::<LeaseSpec>(Revision::new(1)).unwrap().collect();
    let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.revision.get())).collect();
    assert_eq!(kinds, [(EventKind::Added, 2), (EventKind::Modified, 3), (EventKind::Deleted, 4)]);
    assert_eq!((&events[0].object, &events[0].previous), (&added, &None));
    assert_eq!((&events[1].object, &events[1].previous), (&changed, &Some(added)));
    assert_eq!(events[2].object.spec, changed.spec);
    assert_eq!(events[2].object.meta.resource_version, Revision::new(4));
    assert_eq!(store.watch_since::<LeaseSpec>(Revision::new(3)).unwrap().count(), 1);
    // From the future: silence, not an error.
    assert_eq!(store.watch_since::<LeaseSpec>(Revision::new(99)).unwrap().count(), 0);
}

#[test]
fn a_watch_from_too_long_ago_has_expired() {
    let mut store = Store::new(StoreOptions::cluster().with_log_capacity(2));
    for holder in ["a", "b", "c"] {
        put(&mut store, "default", "n", holder);
    }
    assert_eq!(store.watch_since::<LeaseSpec>(Revision::new(2)).unwrap().count(), 2);
    let status = store.watch_since::<LeaseSpec>(Revision::new(1)).unwrap_err().status();
    assert_eq!((status.code, status.reason), (410, Some("Expired")));
    assert_eq!(status.message, "too old resource version: 1 (2)");

    store.compact(Revision::new(3));
    assert_eq!(store.watch_since::<LeaseSpec>(Revision::new(2)).unwrap_err().code(), 410);
    assert_eq!(store.watch_since::<LeaseSpec>(Revision::new(3)).unwrap().count(), 1);
    // A store without a log can only be watched from now on.
    let mut store = Store::new(StoreOptions::simulation());
    put(&mut store, "default", "n", "a");
    assert_eq!(store.watch_since::<LeaseSpec>(Revision::new(1)).unwrap_err().code(), 410);
    assert_eq!(store.watch_since::<LeaseSpec>(Revision::new(2)).unwrap().count(), 0);
}

#[test]
fn a_stale_read_sees_the_past() {
    let mut store = Store::new(StoreOptions::cluster().with_log_capacity(4));
    let versions: Vec<_> = ["a", "b", "c"].map(|holder| put(&mut store, "default", "n", holder)).into();
    put(&mut store, "default", "m", "x");
    delete(&mut store, &DeleteOptions::default()).unwrap();
    // The creation itself, revision 2, has fallen out of the log of four; what it created has not.
    let at = |n| store.get_as_of::<LeaseSpec>(N, Revision::new(n));
    assert_eq!(
        [at(2), at(3), at(4), at(5)],
        [&versions[0], &versions[1], &versions[2], &versions[2]].map(Ok)
    );
    assert_eq!(at(6).unwrap_err().code(), 404);
    let error = at(1).unwrap_err();
    assert_eq!(error.to_string(), "The resourceVersion for the provided list is too old.");
    assert_eq!((error.code(), error.status().reason), (410, Some("Expired")));

    let status = at(7).unwrap_err().status();
    assert_eq!((status.code, status.reason), (504, Some("Timeout")));
    assert_eq!(status.message, "Timeout: Too large resource version: 7, current: 6");
    let details = status.details.unwrap();
    assert_eq!((details.retry_after_seconds, details.causes[0].reason), (1, "ResourceVersionTooLarge"));

    let names = |n| {
        let items = store.list_as_of::<LeaseSpec>(Some("default"), Revision::new(n)).unwrap();
        items.into_iter().map(|lease| lease.meta.name.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([names(4), names(5), names(6)], ["n", "m n", "m"]);
    assert!(store.list_as_of::<LeaseSpec>(Some("kube-system"), Revision::new(5)).unwrap().is_empty());
}

#[test]
fn a_cleared_store_is_a_new_one() {
    for options in [StoreOptions::cluster(), StoreOptions::simulation()] {
        let mut store = Store::new(options.clone());
        put(&mut store, "default", "n", "a");
        store.set_namespace("other", NamespacePhase::Terminating);
        store.clear();
        assert_eq!(store, Store::new(options));
    }
}

#[test]
fn copying_a_lease_shares_its_rare_metadata() {
    let (_, lease) = with_finalizers(&["f"]);
    let copy = lease.clone();
    let pointers = [&lease, &copy].map(|l| std::sync::Arc::as_ptr(l.meta.extra.as_ref().unwrap()));
    assert_eq!(pointers[0], pointers[1]);
    assert!(size_of::<Lease>() <= 256, "{} bytes", size_of::<Lease>());
    assert!(size_of::<StoreError>() <= 128, "{} bytes", size_of::<StoreError>());
}
