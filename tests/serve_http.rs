//! What clients see of `serve` beyond the recorded exchanges: patches, lists, watches, formats, discovery.
#![cfg(feature = "serve")]

mod serve;

use std::num::NonZeroUsize;
use std::time::Duration;

use leasehold::serve::Options;
use serde_json::{Value, json};
use serve::{Answer, LEASES, TestServer};

fn lease(name: &str, holder: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}})
}

fn create(server: &TestServer, name: &str) -> Value {
    let answer = server.ask("POST", LEASES).json(&lease(name, "a")).send();
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn at(name: &str) -> String {
    format!("{LEASES}/{name}")
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}

fn patch(server: &TestServer, format: &str, path: &str, body: &Value) -> Answer {
    let ask = server.ask("PATCH", path).body(body.to_string());
    ask.header("Content-Type", &format!("application/{format}-patch+json")).send()
}

fn apply(server: &TestServer, query: &str, body: &Value) -> Answer {
    let ask = server.ask("PATCH", &format!("{}?{query}", at("n"))).body(body.to_string());
    ask.header("Content-Type", "application/apply-patch+yaml").send()
}

/// What an answer says, in short.
fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn patches_at_the_same_time_are_all_applied() {
    const EACH: u32 = 60;
    let mut options = Options::loopback(["n1"]);
    options.threads = NonZeroUsize::new(2);
    let server = TestServer::start_with(options);
    let first = create(&server, "n");
    let patch_by = |who: &str| {
        for count in 1..=EACH {
            let body = json!({"metadata": {"annotations": {who: count.to_string()}}});
            let answer = patch(&server, "merge", &at("n"), &body);
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    };
    std::thread::scope(|scope| {
        for who in ["a", "b", "c", "d"] {
            scope.spawn(move || patch_by(who));
        }
    });
    let last = server.ask("GET", &at("n")).send().json();
    let all = EACH.to_string();
    assert_eq!(last["metadata"]["annotations"], json!({"a": all, "b": all, "c": all, "d": all}));
    let number = |object: &Value| version(object).parse::<u32>().unwrap();
    assert_eq!(number(&last), number(&first) + 4 * EACH);
    let owned = &last["metadata"]["managedFields"];
    let owned = owned.as_array().unwrap().iter().find(|entry| entry["fieldsV1"].get("f:metadata").is_some());
    let owned = &owned.unwrap()["fieldsV1"]["f:metadata"]["f:annotations"];
    assert_eq!(owned, &json!({".": {}, "f:a": {}, "f:b": {}, "f:c": {}, "f:d": {}}));
}

#[test]
fn puts_are_conditional_and_patches_need_not_be() {
    let server = TestServer::start();
    let first = create(&server, "n");
    let put = |body: &Value| server.ask("PUT", &at("n")).json(body).send();
    let mut next = first.clone();
    next["spec"]["holderIdentity"] = "b".into();
    assert_eq!(put(&next).status, 200);
    assert_eq!(put(&next).status, 409);
    assert_eq!(put(&lease("n", "c")).status, 422);
    let merged = patch(&server, "merge", &at("n"), &json!({"spec": {"holderIdentity": null}}));
    assert_eq!((merged.status, &merged.json()["spec"]), (200, &json!({"leaseDurationSeconds": 15})));
    let same = patch(&server, "merge", &at("n"), &json!({}));
    assert_eq!(version(&same.json()), version(&merged.json()));
    for (body, code) in [
        (json!({"metadata": {"resourceVersion": "1"}}), 409),
        (json!({"metadata": {"resourceVersion": ""}}), 422),
        (json!({"metadata": {"uid": "x"}}), 422),
        (json!({"metadata": {"name": "m"}}), 400),
        (json!({"spec": {"leaseDurationSeconds": "15"}}), 422),
        (json!({"kind": "Pod"}), 422),
        (json!([]), 400),
    ] {
        assert_eq!(patch(&server, "merge", &at("n"), &body).status, code, "{body}");
    }
    let unknown = json!({"spec": {"bogus": 1}});
    let warned = patch(&server, "merge", &at("n"), &unknown);
    assert_eq!((warned.status, warned.warnings()), (200, vec!["unknown field \"spec.bogus\"".to_owned()]));
    let strict = patch(&server, "merge", &format!("{}?fieldValidation=Strict", at("n")), &unknown);
    assert!(said(&strict).1.starts_with(" \"\" is invalid: patch: Invalid value: \"{"), "{}", strict.text());
    assert_eq!(patch(&server, "merge", &format!("{}?force=true", at("n")), &unknown).status, 422);
    assert_eq!(patch(&server, "merge", &at("missing"), &json!([])).status, 404);
}

#[test]
fn applied_fields_have_owners() {
    let server = TestServer::start();
    let config = |holder: &str| json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": holder}});
    assert_eq!(apply(&server, "", &config("a")).status, 422);
    let created = apply(&server, "fieldManager=m1", &config("a"));
    assert_eq!(created.status, 201, "{}", created.text());
    let entry = &created.json()["metadata"]["managedFields"][0];
    assert_eq!(
        (&entry["operation"], &entry["fieldsV1"]),
        (&json!("Apply"), &json!({"f:spec": {"f:holderIdentity": {}}}))
    );
    let again = apply(&server, "fieldManager=m1", &config("a")).json();
    assert_eq!(version(&again), version(&created.json()));
    let shared = apply(&server, "fieldManager=m2", &config("a")).json();
    assert_ne!(version(&shared), version(&again));
    let conflict = apply(&server, "fieldManager=m2", &config("b"));
    let message = "Apply failed with 1 conflict: conflict with \"m1\": .spec.holderIdentity";
    assert_eq!(said(&conflict), (409, message.to_owned()));
    assert_eq!(conflict.json()["details"]["causes"][0]["reason"], "FieldManagerConflict");
    assert_eq!(
        apply(&server, "fieldManager=m2&force=true", &config("b")).json()["spec"]["holderIdentity"],
        "b"
    );
    // Nobody else wants the field by now.
    let mut dropped = config("b");
    dropped["spec"] = json!({"leaseDurationSeconds": 5});
    let dropped = apply(&server, "fieldManager=m2", &dropped).json();
    assert_eq!(dropped["spec"], json!({"leaseDurationSeconds": 5}));
    let mut bogus = config("b");
    bogus["spec"]["bogus"] = 1.into();
    let bogus = apply(&server, "fieldManager=m2", &bogus);
    assert_eq!(bogus.status, 500);
    assert!(said(&bogus).1.ends_with(": .spec.bogus: field not declared in schema"), "{}", bogus.text());
    let typeless = apply(&server, "fieldManager=m2", &json!({"spec": {}}));
    assert_eq!(said(&typeless), (400, "invalid object type: /, Kind=".to_owned()));
    let mut managed = config("b");
    managed["metadata"] = json!({"managedFields": []});
    assert_eq!(said(&apply(&server, "fieldManager=m2", &managed)).1, "metadata.managedFields must be nil");
}

#[test]
fn an_update_takes_fields_from_their_owner() {
    let server = TestServer::start();
    let mut object = create(&server, "n");
    object["spec"]["holderIdentity"] = "b".into();
    let other = server.ask("PUT", &format!("{}?fieldManager=other", at("n"))).json(&object).send().json();
    let owners: Vec<_> = other["metadata"]["managedFields"].as_array().unwrap().iter().collect();
    let of = |name: &str| owners.iter().find(|entry| entry["manager"] == name).unwrap()["fieldsV1"].clone();
    assert_eq!(of("other"), json!({"f:spec": {"f:holderIdentity": {}}}));
    assert_eq!(of("recorder"), json!({"f:spec": {"f:leaseDurationSeconds": {}}}));
    let mut cleared = other.clone();
    cleared["metadata"]["managedFields"] = json!([]);
    let cleared = server.ask("PUT", &at("n")).json(&cleared).send().json();
    assert_eq!(cleared["metadata"].get("managedFields"), None);
    let config =
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": "z"}});
    let refused = said(&apply(&server, "fieldManager=m", &config)).1;
    let message = "Apply failed with 1 conflict: conflict with \"before-first-apply\" using coordination.k8s.io/v1: \
                   .spec.holderIdentity";
    assert_eq!(refused, message);
}

#[test]
fn bodies_that_are_no_leases_are_refused_in_the_servers_words() {
    let server = TestServer::start();
    let post = |body: &str| said(&server.ask("POST", LEASES).body(body).send());
    let unread = "the object provided is unrecognized (must be of type Lease): couldn't get version/kind; json parse error: ";
    let cannot = "Lease in version \"v1\" cannot be handled as a Lease: ";
    for (body, message) in [
        ("[]", format!("{unread}json: cannot unmarshal array into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }} (5b5d)")),
        ("{\"spec\":{\"leaseDurationSeconds\":1.5}}", format!("{cannot}json: cannot unmarshal number 1.5 into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32")),
        ("{\"spec\":{\"holderIdentity\":5}}", format!("{cannot}json: cannot unmarshal number into Go struct field LeaseSpec.spec.holderIdentity of type string")),
        ("{\"spec\":[]}", format!("{cannot}json: cannot unmarshal array into Go struct field Lease.spec of type v1.LeaseSpec")),
        ("{\"apiVersion\":\"coordination.k8s.io/v1beta1\"}", "the API version in the data (coordination.k8s.io/v1beta1) does not match the expected API version (coordination.k8s.io/v1)".into()),
    ] {
        assert_eq!(post(body), (400, message), "{body}");
    }
    let strict =
        server.ask("POST", &format!("{LEASES}?fieldValidation=Strict")).json(&json!({"a": 1})).send();
    assert_eq!(said(&strict).1, format!("{cannot}strict decoding error: unknown field \"a\""));
    let twice = server
        .ask("POST", LEASES)
        .body(r#"{"metadata":{"name":"n"},"spec":{"holderIdentity":"a","holderIdentity":"b"}}"#);
    let twice = twice.send();
    assert_eq!((twice.status, &twice.json()["spec"]["holderIdentity"]), (201, &json!("b")));
    assert_eq!(twice.warnings(), ["duplicate field \"spec.holderIdentity\""]);
    let plain = server.ask("POST", LEASES).body("{}").header("Content-Type", "text/plain").send();
    assert_eq!(plain.status, 415);
    assert_eq!(server.ask("GET", LEASES).header("Accept", "text/html").send().status, 406);
    assert_eq!(
        server
            .ask("POST", LEASES)
            .json(&json!({"metadata": {"name": "n", "resourceVersion": 5}}))
            .send()
            .status,
        400
    );
}

#[test]
fn dry_runs_change_nothing() {
    let server = TestServer::start();
    let dry = server.ask("POST", &format!("{LEASES}?dryRun=All")).json(&lease("n", "a")).send();
    assert_eq!((dry.status, dry.json()["metadata"].get("resourceVersion")), (201, None));
    assert_eq!(server.ask("GET", &at("n")).send().status, 404);
    let first = create(&server, "n");
    let gone = server.ask("DELETE", &format!("{}?dryRun=All", at("n"))).send();
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(server.ask("GET", &at("n")).send().json(), first);
    assert_eq!(server.ask("POST", &format!("{LEASES}?dryRun=Yes")).json(&lease("m", "a")).send().status, 422);
}

#[test]
fn finalizers_hold_an_object_back() {
    let server = TestServer::start();
    create(&server, "n");
    let kept = server.ask("DELETE", &at("n")).json(&json!({"propagationPolicy": "Orphan"})).send().json();
    assert_eq!(kept["metadata"]["finalizers"], json!(["orphan"]));
    assert_eq!(kept["metadata"]["deletionGracePeriodSeconds"], 0);
    let done = patch(&server, "merge", &at("n"), &json!({"metadata": {"finalizers": null}}));
    assert_eq!((done.status, version(&done.json())), (200, version(&kept)));
    assert_eq!(server.ask("GET", &at("n")).send().status, 404);
}

#[test]
fn lists_come_in_pages_of_one_snapshot() {
    let server = TestServer::start();
    for name in ["a", "b", "c"] {
        create(&server, name);
    }
    let get = |query: &str| server.ask("GET", &format!("{LEASES}?{query}")).send();
    let page = get("limit=2").json();
    assert_eq!(page["metadata"]["remainingItemCount"], 1);
    server.ask("DELETE", &at("c")).send();
    let token = page["metadata"]["continue"].as_str().unwrap();
    let rest = get(&format!("limit=2&continue={token}")).json();
    assert_eq!(rest["items"][0]["metadata"]["name"], "c");
    assert_eq!(rest["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"]);
    assert_eq!(get("").json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(get("limit=1&resourceVersion=0").json()["items"].as_array().unwrap().len(), 2);
    let old = format!("resourceVersionMatch=Exact&resourceVersion={}", version(&page));
    assert_eq!(get(&old).json()["items"].as_array().unwrap().len(), 3);
    for (query, code) in [
        ("continue=junk", 400),
        ("limit=abc", 400),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=abc", 400),
        ("labelSelector=a===b", 400),
        ("sendInitialEvents=true", 422),
    ] {
        assert_eq!(get(query).status, code, "{query}");
    }
    let gone = server.ask("DELETE", &format!("{LEASES}?fieldSelector=metadata.name%3Da")).send().json();
    assert_eq!((&gone["kind"], gone["items"].as_array().unwrap().len()), (&json!("LeaseList"), 1));
}

#[test]
fn a_read_of_the_future_waits_and_gives_up() {
    let server = TestServer::start();
    create(&server, "n");
    let late = server.ask("GET", &format!("{}?resourceVersion=1000", at("n"))).send();
    assert_eq!(late.status, 504);
    assert_eq!(said(&late).1, "Timeout: Too large resource version: 1000, current: 2");
    assert_eq!(late.json()["details"]["retryAfterSeconds"], 1);
}

#[test]
fn a_watch_tells_what_happens() {
    let server = TestServer::start();
    let first = create(&server, "n");
    let path = format!("{LEASES}?watch=true&resourceVersion={}", version(&first));
    let mut events = server.ask("GET", &path).watch();
    let changed = patch(&server, "merge", &at("n"), &json!({"metadata": {"labels": {"app": "x"}}})).json();
    let event = events.next().unwrap();
    assert_eq!((&event["type"], version(&event["object"])), (&json!("MODIFIED"), version(&changed)));
    assert_eq!(event["object"]["kind"], "Lease");
    let mut labelled = server.ask("GET", &format!("{LEASES}?watch=1&labelSelector=app%3Dx")).watch();
    assert_eq!(labelled.next().unwrap()["type"], "ADDED");
    patch(&server, "merge", &at("n"), &json!({"metadata": {"labels": {"app": "y"}}}));
    let left = labelled.next().unwrap();
    assert_eq!(
        (&left["type"], &left["object"]["metadata"]["labels"]["app"]),
        (&json!("DELETED"), &json!("x"))
    );
    assert_eq!(events.next().unwrap()["type"], "MODIFIED");
    server.ask("DELETE", &at("n")).send();
    assert_eq!(events.next().unwrap()["type"], "DELETED");
    assert!(events.is_silent(Duration::from_millis(200)));
}

#[test]
fn watches_begin_and_end_as_asked() {
    let server = TestServer::start();
    create(&server, "n");
    let watch = |query: &str| server.ask("GET", &format!("{LEASES}?watch=true&{query}")).watch();
    let mut initial =
        watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    assert_eq!(initial.next().unwrap()["type"], "ADDED");
    let bookmark = initial.next().unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let mut short = watch("timeoutSeconds=1");
    assert_eq!(short.next().unwrap()["type"], "ADDED");
    assert_eq!(short.next(), None);
    let mut old = watch("resourceVersion=0000");
    assert_eq!(old.next().unwrap()["type"], "ADDED");
    let junk = server.ask("GET", &format!("{LEASES}?watch=true&resourceVersion=junk")).send();
    assert_eq!(junk.status, 500);
    let future = watch("resourceVersion=4");
    for _ in 0..3 {
        patch(
            &server,
            "json",
            &at("n"),
            &json!([{"op": "add", "path": "/metadata/annotations", "value": {"k": "v"}}]),
        );
        patch(&server, "json", &at("n"), &json!([{"op": "remove", "path": "/metadata/annotations"}]));
    }
    let mut future = future;
    assert_eq!(version(&future.next().unwrap()["object"]), "5");
}

#[test]
fn a_watch_from_too_long_ago_is_told_so() {
    let mut options = leasehold::serve::Options::loopback(["n1"]);
    options.log_capacity = 2;
    let server = TestServer::start_with(options);
    for name in ["a", "b", "c", "d"] {
        create(&server, name);
    }
    let mut events = server.ask("GET", &format!("{LEASES}?watch=true&resourceVersion=2")).watch();
    let event = events.next().unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(event["object"]["message"], "too old resource version: 2 (3)");
    assert_eq!(events.next(), None);
    let exact = server.ask("GET", &format!("{LEASES}?resourceVersionMatch=Exact&resourceVersion=2")).send();
    assert_eq!(said(&exact), (410, "The resourceVersion for the provided list is too old.".into()));
}

#[test]
fn other_kinds_have_their_own_rules() {
    let server = TestServer::start();
    let maps = "/api/v1/namespaces/default/configmaps";
    let map = json!({"metadata": {"name": "m"}, "data": {"k": "v"}, "binaryData": {"b": "AAE="}, "immutable": false});
    assert_eq!(server.ask("PUT", &format!("{maps}/m")).json(&map).send().status, 404);
    let created = server.ask("POST", maps).json(&map).send().json();
    assert_eq!((&created["binaryData"]["b"], &created["immutable"]), (&json!("AAE="), &json!(false)));
    assert_eq!(server.ask("PUT", &format!("{maps}/m")).json(&map).send().status, 200);
    let endpoints = "/api/v1/namespaces/default/endpoints";
    let subsets = json!([{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]);
    let put = server
        .ask("PUT", &format!("{endpoints}/e"))
        .json(&json!({"metadata": {"name": "e"}, "subsets": subsets}))
        .send();
    assert_eq!((put.status, put.warnings().len()), (201, 1), "{}", put.text());
    assert_eq!(put.json()["subsets"][0]["ports"][0]["protocol"], "TCP");
    let events = "/api/v1/namespaces/default/events";
    let about = |namespace: &str| {
        json!({"metadata": {"name": "e"}, "reason": "R", "message": "m",
               "involvedObject": {"kind": "Lease", "namespace": namespace, "name": "n"}})
    };
    assert_eq!(server.ask("POST", events).json(&about("other")).send().status, 422);
    let event = server.ask("POST", events).json(&about("default")).send();
    assert_eq!((event.status, &event.json()["eventTime"]), (201, &Value::Null), "{}", event.text());
    let found = |selector: &str| {
        let answer = server.ask("GET", &format!("{events}?fieldSelector={selector}")).send();
        answer.json()["items"].as_array().map(Vec::len)
    };
    assert_eq!(found("involvedObject.kind%3DLease,involvedObject.name%3Dn"), Some(1));
    assert_eq!(found("involvedObject.name%3Dother"), Some(0));
    assert_eq!(found("bogus%3Dx"), None);
    let renamed = server.ask("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e").send().json();
    assert_eq!((&renamed["regarding"]["name"], &renamed["note"]), (&json!("n"), &json!("m")));
}

#[test]
fn namespaces_come_and_go() {
    let server = TestServer::start();
    let leases = "/apis/coordination.k8s.io/v1/namespaces/x/leases";
    assert_eq!(server.ask("POST", leases).json(&lease("n", "a")).send().status, 404);
    let made = server.ask("POST", "/api/v1/namespaces").json(&json!({"metadata": {"name": "x"}})).send();
    assert_eq!((made.status, &made.json()["status"]["phase"]), (201, &json!("Active")), "{}", made.text());
    assert_eq!(server.ask("POST", leases).json(&lease("n", "a")).send().status, 201);
    assert_eq!(server.ask("DELETE", "/api/v1/namespaces/x").send().json()["status"]["phase"], "Terminating");
    assert_eq!(server.ask("POST", leases).json(&lease("m", "a")).send().status, 403);
}

#[test]
fn tables_and_other_forms() {
    let server = TestServer::start();
    let object = create(&server, "n");
    let get = |path: &str, accept: &str| server.ask("GET", path).header("Accept", accept).send();
    let table = get(LEASES, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json").json();
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["columnDefinitions"][1]["name"], "Holder");
    assert_eq!(table["rows"][0]["cells"][0], "n");
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let mut watched = server.ask("GET", &format!("{LEASES}?watch=true"));
    watched = watched.header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let mut events = watched.watch();
    assert!(events.next().unwrap()["object"]["columnDefinitions"].is_array());
    create(&server, "m");
    assert!(events.next().unwrap()["object"]["columnDefinitions"].is_null());
    let yaml = get(&at("n"), "application/yaml");
    assert!(yaml.text().contains("holderIdentity: a"), "{}", yaml.text());
    let proto = get(&at("n"), "application/vnd.kubernetes.protobuf,application/json");
    assert_eq!(&proto.body[..4], b"k8s\0");
    // What was read as protobuf is written back as protobuf, and is the same object.
    let put = server
        .ask("PUT", &at("n"))
        .header("Content-Type", "application/vnd.kubernetes.protobuf")
        .body(proto.body);
    let put = put.send();
    assert_eq!((put.status, version(&put.json())), (200, version(&object)), "{}", put.text());
    let posted = server.ask("POST", LEASES).body("metadata:\n  name: yy\nspec:\n  holderIdentity: a\n");
    assert_eq!(posted.header("Content-Type", "application/yaml").send().status, 201);
}

#[test]
fn what_there_is_can_be_discovered() {
    let server = TestServer::start();
    let get = |path: &str| server.ask("GET", path).send();
    assert_eq!(get("/version").json()["minor"], "36");
    let groups = get("/apis").json();
    assert_eq!(groups["groups"][0]["name"], "coordination.k8s.io");
    assert_eq!(get("/apis/coordination.k8s.io/v1").json()["resources"][0]["name"], "leases");
    assert_eq!(get("/api/v1").json()["resources"].as_array().unwrap().len(), 4);
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let list = server.ask("GET", "/apis").header("Accept", aggregated).send().json();
    assert_eq!(list["items"][0]["versions"][0]["resources"][0]["responseKind"]["kind"], "Lease");
    let index = get("/openapi/v3").json();
    for (_, place) in index["paths"].as_object().unwrap() {
        assert!(get(place["serverRelativeURL"].as_str().unwrap()).json()["components"].is_object());
    }
    assert!(get("/openapi/v2").json()["definitions"].is_object());
    assert_eq!((get("/nope").status, get("/nope").text()), (404, "404 page not found\n".into()));
    assert_eq!(get("/api/v1/namespaces/default/pods").status, 404);
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(server.ask_without_token("GET", path).send().text(), "ok");
    }
}
