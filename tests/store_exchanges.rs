//! Replays the recorded exchanges with a real server against the store: same codes, reasons, messages, details, revisions.
#![cfg(feature = "scenario")]

use std::collections::BTreeMap;

use leasehold::core::{Span, WallTime};
use leasehold::store::{
    DeleteOptions, Deleted, Details, Extra, Field, Incoming, Lease, LeasePatch, LeaseSpec, List, MapPatch,
    ObjectPath, Patch, Revision, RevisionClaim, Status, Store, StoreError, StoreOptions, UidClaim,
};
use serde_json::{Value, json};

const RECORDED: &str = include_str!("data/lease-api-exchanges.jsonl");

/// What needs an HTTP front end: decoding, JSON patches, content types, paging and the parsing of selectors.
const BEYOND_THE_STORE: [&str; 11] = [
    "validation/not-json",
    "validation/wrong-kind",
    "validation/time-no-fraction",
    "validation/time-nanoseconds",
    "validation/time-garbage",
    "patch/json-test-ok",
    "patch/json-test-fails",
    "patch/unsupported-type",
    "list/limit",
    "list/continue",
    "list/bad-field-selector",
];

#[test]
fn the_store_answers_as_the_recorded_server_did() {
    let mut replay = Replay::new();
    let (mut replayed, mut beyond) = (0, Vec::new());
    for line in RECORDED.lines() {
        let step: Value = serde_json::from_str(line).unwrap();
        let name = format!("{}/{}", text(&step["case"]), text(&step["name"]));
        if BEYOND_THE_STORE.contains(&name.as_str()) {
            replay.stand_in(&name);
            beyond.push(name);
        } else {
            replay.step(&name, &step);
            replayed += 1;
        }
    }
    assert_eq!(beyond, BEYOND_THE_STORE);
    assert_eq!((replayed, beyond.len()), (51, 11));
}

/// The answer to a request that succeeded.
enum Answer<'a> {
    Object(u16, Lease),
    Gone(Lease),
    List(List<'a, LeaseSpec>),
}

struct Replay {
    store: Store,
    now: WallTime,
    variables: BTreeMap<String, String>,
    /// Recorded uids and ours.
    uids: Vec<(String, String)>,
}

impl Replay {
    fn new() -> Self {
        // The server was at revision 68, and nothing but the recorder wrote.
        let options = StoreOptions { first_revision: Revision::new(68), ..StoreOptions::cluster() };
        let (variables, uids) = (BTreeMap::new(), Vec::new());
        Self { store: Store::new(options), now: WallTime::default(), variables, uids }
    }

    /// Does what an exchange did that the store cannot express, where later ones depend on it.
    fn stand_in(&mut self, name: &str) {
        if name == "patch/json-test-ok" {
            let patch = LeasePatch { holder_identity: Field::Set("e".into()), ..LeasePatch::default() };
            self.store.patch::<LeaseSpec>(ObjectPath::new("default", "pat"), &Patch::of_spec(patch)).unwrap();
        }
    }

    fn step(&mut self, name: &str, step: &Value) {
        let request = self.filled(step);
        let expected = &step["response"];
        if let Some(created) = expected.pointer("/metadata/creationTimestamp") {
            self.now = parse_time(text(created));
        }
        let mut store = std::mem::take(&mut self.store);
        let answer = perform(&mut store, &request, self.now);
        let code = u16::try_from(step["status"].as_u64().unwrap()).unwrap();
        match answer {
            Err(error) => {
                assert_eq!(error.code(), code, "{name}: {error}");
                assert_eq!(failure(&error.status()), self.with_our_uids(expected), "{name}");
            }
            Ok(Answer::Object(ours, lease)) => {
                assert_eq!(ours, code, "{name}");
                self.learn_uid(expected, &lease);
                self.capture(step, &lease);
                assert_same(name, &lease, &self.with_our_uids(expected));
            }
            Ok(Answer::Gone(lease)) => {
                let ours = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                    "details": details(&Details::deleted(&lease)),
                });
                assert_eq!((ours, code), (self.with_our_uids(expected), 200), "{name}");
            }
            Ok(Answer::List(list)) => {
                assert_eq!((text(&expected["kind"]), code), ("LeaseList", 200), "{name}");
                self.assert_same_list(name, list, &request, expected);
            }
        }
        store.check_invariants().unwrap();
        self.store = store;
    }

    /// The request with the variables that earlier answers gave.
    fn filled(&self, step: &Value) -> Value {
        let mut line = step.to_string();
        for (variable, value) in &self.variables {
            line = line.replace(&format!("{{{{{variable}}}}}"), value);
        }
        serde_json::from_str(&line).unwrap()
    }

    fn with_our_uids(&self, expected: &Value) -> Value {
        let mut body = expected.to_string();
        for (recorded, ours) in &self.uids {
            body = body.replace(recorded, ours);
        }
        serde_json::from_str(&body).unwrap()
    }

    fn learn_uid(&mut self, expected: &Value, lease: &Lease) {
        let (recorded, ours) = (text(&expected["metadata"]["uid"]).to_owned(), lease.meta.uid.to_string());
        match self.uids.iter().find(|(known, _)| *known == recorded) {
            Some((_, known)) => assert_eq!(*known, ours),
            None => self.uids.push((recorded, ours)),
        }
    }

    fn capture(&mut self, step: &Value, lease: &Lease) {
        let captures = step["capture"].as_object().into_iter().flatten();
        for (variable, pointer) in captures {
            let value = match text(pointer) {
                "/metadata/resourceVersion" => lease.meta.resource_version.to_string(),
                "/metadata/uid" => lease.meta.uid.to_string(),
                other => panic!("nothing captures {other}"),
            };
            self.variables.insert(variable.clone(), value);
        }
    }

    /// The selectors are the front end's; here they are applied by hand.
    fn assert_same_list(&self, name: &str, list: List<'_, LeaseSpec>, request: &Value, expected: &Value) {
        let query = text(&request["path"]).split_once('?').unwrap().1;
        let selected = |lease: &&Lease| match query {
            "labelSelector=app" => lease.meta.extra().labels.contains_key("app"),
            "labelSelector=app%3Dx" => lease.meta.extra().labels.get("app").is_some_and(|v| v == "x"),
            "fieldSelector=metadata.name%3Dli-b" => lease.meta.name == "li-b",
            other => panic!("unknown selector {other}"),
        };
        let ours: Vec<_> = list.items.iter().filter(selected).collect();
        let items = expected["items"].as_array().unwrap();
        assert_eq!(list.revision.to_string(), text(&expected["metadata"]["resourceVersion"]), "{name}");
        assert_eq!(ours.len(), items.len(), "{name}");
        for (lease, item) in ours.into_iter().zip(items) {
            assert_same(name, lease, &self.with_our_uids(item));
        }
    }
}

fn perform<'a>(store: &'a mut Store, request: &Value, now: WallTime) -> Result<Answer<'a>, StoreError> {
    let path = text(&request["path"]).split('?').next().unwrap();
    let parts: Vec<_> = path.trim_start_matches("/apis/coordination.k8s.io/v1/").split('/').collect();
    let body = &request["body"];
    match (text(&request["method"]), parts.as_slice()) {
        ("GET", ["leases"]) => Ok(Answer::List(store.list(None))),
        ("GET", ["namespaces", namespace, "leases"]) => Ok(Answer::List(store.list(Some(namespace)))),
        ("GET", ["namespaces", namespace, "leases", name]) => {
            store.get(ObjectPath::new(namespace, name)).map(|lease| Answer::Object(200, lease.clone()))
        }
        ("POST", ["namespaces", namespace, "leases"]) => {
            let written = store.create(namespace, incoming(body), now)?;
            Ok(Answer::Object(written.code(), written.into_object()))
        }
        ("PUT", ["namespaces", namespace, "leases", name]) => {
            let written = store.update(ObjectPath::new(namespace, name), incoming(body), now)?;
            Ok(Answer::Object(written.code(), written.into_object()))
        }
        ("PATCH", ["namespaces", namespace, "leases", name]) => {
            let written = store.patch(ObjectPath::new(namespace, name), &patch(body))?;
            Ok(Answer::Object(written.code(), written.into_object()))
        }
        ("DELETE", ["namespaces", namespace, "leases", name]) => {
            match store.delete(ObjectPath::new(namespace, name), &delete_options(body), now)? {
                Deleted::Gone(lease) => Ok(Answer::Gone(lease)),
                Deleted::Terminating(lease) => Ok(Answer::Object(200, lease)),
            }
        }
        other => panic!("no such request: {other:?}"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn incoming(body: &Value) -> Incoming<LeaseSpec> {
    let meta = &body["metadata"];
    let mut object = Incoming::new(text(&meta["name"]), spec(&body["spec"]));
    object.namespace = text(&meta["namespace"]).into();
    object.uid = UidClaim::parse(text(&meta["uid"]));
    object.resource_version = RevisionClaim::parse(text(&meta["resourceVersion"]));
    object.extra = extra(meta).shared();
    object
}

fn extra(meta: &Value) -> Extra {
    let map = |value: &Value| {
        let entries = value.as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.as_str().into(), text(value).into())).collect()
    };
    Extra { labels: map(&meta["labels"]), annotations: map(&meta["annotations"]), ..Extra::default() }
}

fn spec(value: &Value) -> LeaseSpec {
    let known = ["acquireTime", "holderIdentity", "leaseDurationSeconds", "leaseTransitions", "renewTime"];
    let fields = value.as_object().into_iter().flatten();
    assert!(fields.clone().all(|(key, _)| known.contains(&key.as_str())), "{value}");
    let number = |key: &str| value[key].as_i64().map(|n| i32::try_from(n).unwrap());
    let time = |key: &str| value[key].as_str().map(parse_time);
    LeaseSpec {
        holder_identity: value["holderIdentity"].as_str().map(Into::into),
        lease_duration_seconds: number("leaseDurationSeconds"),
        acquire_time: time("acquireTime"),
        renew_time: time("renewTime"),
        lease_transitions: number("leaseTransitions"),
        ..LeaseSpec::default()
    }
}

/// The merge patches of the recording set a holder, an annotation or a resourceVersion.
fn patch(body: &Value) -> Patch<LeasePatch> {
    let mut patch = Patch::default();
    if let Some(revision) = body.pointer("/metadata/resourceVersion") {
        patch.resource_version = Some(RevisionClaim::parse(text(revision)));
    }
    if let Some(Value::Object(entries)) = body.pointer("/metadata/annotations") {
        let entries = entries.iter().map(|(k, v)| (k.as_str().into(), v.as_str().map(Into::into)));
        patch.meta.annotations = MapPatch(Field::Set(entries.collect()));
    }
    if let Some(Value::Object(fields)) = body.get("spec") {
        assert!(fields.keys().all(|key| key == "holderIdentity"), "{body}");
        let holder_identity = Field::Set(text(&fields["holderIdentity"]).into());
        patch.spec = Field::Set(LeasePatch { holder_identity, ..LeasePatch::default() });
    }
    patch
}

fn delete_options(body: &Value) -> DeleteOptions {
    let conditions = &body["preconditions"];
    DeleteOptions {
        uid: UidClaim::parse(text(&conditions["uid"])),
        resource_version: conditions["resourceVersion"].as_str().map(Into::into),
        ..DeleteOptions::default()
    }
}

/// `2026-11-21T08:00:00.123456+02:00`, the fraction optional.
fn parse_time(time: &str) -> WallTime {
    let number = |range: std::ops::Range<usize>| time[range].parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leaps = |y: i64| y / 4 - y / 100 + y / 400;
    let is_leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let months = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let in_year = months[..usize::try_from(month - 1).unwrap()].iter().sum::<i64>() + day - 1;
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + in_year;
    let mut seconds = days * 86_400 + number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    let micros = if time.as_bytes()[19] == b'.' { number(20..26) } else { 0 };
    let zone = &time[if time.as_bytes()[19] == b'.' { 26 } else { 19 }..];
    if zone != "Z" {
        let offset = zone[1..3].parse::<i64>().unwrap() * 3_600 + zone[4..6].parse::<i64>().unwrap() * 60;
        seconds -= if zone.starts_with('-') { -offset } else { offset };
    }
    WallTime::from_micros(seconds * 1_000_000 + micros)
}

/// Everything but managed fields, which are the front end's.
fn assert_same(name: &str, ours: &Lease, expected: &Value) {
    let meta = &expected["metadata"];
    assert_eq!(ours.spec, spec(&expected["spec"]), "{name}");
    assert_eq!(ours.meta.resource_version.to_string(), text(&meta["resourceVersion"]), "{name}");
    assert_eq!(ours.meta.uid.to_string(), text(&meta["uid"]), "{name}");
    assert_eq!(
        (&*ours.meta.namespace, &*ours.meta.name),
        (text(&meta["namespace"]), text(&meta["name"])),
        "{name}"
    );
    assert_eq!(ours.meta.creation_time, parse_time(text(&meta["creationTimestamp"])), "{name}");
    assert_eq!(*ours.meta.extra(), extra(meta), "{name}");
}

fn failure(status: &Status) -> Value {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": status.message, "code": status.code,
    });
    if let Some(reason) = status.reason {
        body["reason"] = reason.into();
    }
    if let Some(of) = &status.details {
        body["details"] = details(of);
    }
    body
}

fn details(of: &Details) -> Value {
    let mut body = json!({ "kind": of.kind });
    if !of.name.is_empty() {
        body["name"] = of.name.as_str().into();
    }
    if !of.group.is_empty() {
        body["group"] = of.group.into();
    }
    if let Some(uid) = of.uid {
        body["uid"] = uid.to_string().into();
    }
    if !of.causes.is_empty() {
        let cause =
            |c: &leasehold::store::Cause| json!({"reason": c.reason, "message": c.message, "field": c.field});
        body["causes"] = of.causes.iter().map(cause).collect();
    }
    body
}

#[test]
fn times_are_read_with_their_zone() {
    let noon = parse_time("2026-11-21T12:00:00Z");
    assert_eq!(noon.as_secs(), 1_795_262_400);
    assert_eq!(parse_time("2026-11-21T14:00:00.000001+02:00"), noon + Span::from_nanos(1_000));
}
