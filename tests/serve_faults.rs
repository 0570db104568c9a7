//! Faults of `serve`, aimed at one client and switched while the others go on; and what ill-behaved clients cost.
#![cfg(feature = "serve")]

mod serve;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use leasehold::scenario::{Format, Scenario};
use leasehold::serve::{Options, Server};
use serde_json::{Value, json};
use serve::{Answer, LEASES, TestServer};

/// Longer than any answer takes that is not held back.
const SHORT: Duration = Duration::from_secs(1);
/// Longer than any takes on a busy machine.
const LONG: Duration = Duration::from_secs(10);

fn control(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    let token = format!("Bearer {}", server.control);
    server
        .ask_without_token(method, &format!("/control/faults{path}"))
        .header("Authorization", &token)
        .body(body)
        .send()
}

fn begin(server: &TestServer, fault: &str) -> u64 {
    let answer = control(server, "POST", "", fault);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_u64().unwrap()
}

fn end_all(server: &TestServer) {
    assert_eq!(control(server, "DELETE", "", "").json(), json!({"faults": []}));
}

fn lease(holder: &str) -> Value {
    json!({"metadata": {"name": "n"}, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}})
}

fn create(server: &TestServer) {
    assert_eq!(server.ask_as("n1", "POST", LEASES).json(&lease("n1")).send().status, 201);
}

fn path() -> String {
    format!("{LEASES}/n")
}

/// Sets the holder as a client, which does not wait for long.
fn hold(server: &TestServer, client: &str) -> Option<Answer> {
    let patch = json!({"spec": {"holderIdentity": client}}).to_string();
    let ask = server.ask_as(client, "PATCH", &path()).body(patch);
    ask.header("Content-Type", "application/merge-patch+json").try_send(SHORT).ok()
}

fn holder(server: &TestServer) -> String {
    let lease = server.ask_as("n3", "GET", &path()).send().json();
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "how long a request hangs is what is tested")]
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = what();
    (result, begin.elapsed())
}

#[test]
fn a_partition_holds_one_client_back_until_it_ends() {
    let server = TestServer::start();
    create(&server);
    begin(&server, "{partition: n1, for: 3s}");
    assert_eq!(hold(&server, "n2").unwrap().status, 200);
    let (answer, took) = timed(|| server.ask_as("n1", "GET", &path()).send());
    assert_eq!(answer.json()["spec"]["holderIdentity"], "n2");
    assert!((Duration::from_millis(500)..Duration::from_secs(10)).contains(&took), "{took:?}");
    assert_eq!(control(&server, "GET", "", "").json(), json!({"faults": []}));
}

#[test]
fn a_response_is_lost_after_the_write() {
    let server = TestServer::start();
    create(&server);
    begin(&server, "{link: {who: n2, leg: response, effect: drop}}");
    assert!(hold(&server, "n2").is_none());
    assert_eq!(holder(&server), "n2");
    end_all(&server);
    begin(&server, "{link: {who: n2, leg: request, effect: drop, count: 1}}");
    assert!(hold(&server, "n2").is_none());
    assert_eq!(hold(&server, "n2").unwrap().status, 200);
}

#[test]
fn a_request_whose_sender_gave_up_is_applied_only_if_that_is_asked_for() {
    let server = TestServer::start();
    create(&server);
    for (extra, expected) in [("", "n1"), (", applied_after_cancel: true", "n2")] {
        let id = begin(&server, &format!("{{link: {{who: n2, leg: request, effect: hang{extra}}}}}"));
        assert!(hold(&server, "n2").is_none());
        assert_eq!(holder(&server), "n1");
        assert_eq!(control(&server, "DELETE", &format!("/{id}"), "").status, 200);
        std::thread::park_timeout(Duration::from_millis(200));
        assert_eq!(holder(&server), expected);
    }
}

#[test]
fn requests_are_refused_delayed_or_fail() {
    let server = TestServer::start();
    create(&server);
    begin(&server, "{partition: {who: n1, mode: refuse}}");
    assert!(server.ask_as("n1", "GET", &path()).try_send(SHORT).is_err());
    assert_eq!(hold(&server, "n2").unwrap().status, 200);
    end_all(&server);
    begin(&server, "{link: {who: n1, leg: request, effect: {delay: 300ms}}}");
    let (answer, took) = timed(|| server.ask_as("n1", "GET", &path()).send());
    assert!(answer.status == 200 && took >= Duration::from_millis(300), "{took:?}");
    end_all(&server);
    begin(&server, "{link: {who: n1, verb: update, effect: error}}");
    assert_eq!(hold(&server, "n1").unwrap().status, 500);
    assert_eq!(server.ask_as("n1", "GET", &path()).send().status, 200);
    assert_eq!(holder(&server), "n2");
    end_all(&server);
    begin(&server, "{server_down: true}");
    assert!(server.ask_as("n3", "GET", &path()).try_send(SHORT).is_err());
    end_all(&server);
    assert_eq!(holder(&server), "n2");
}

#[test]
fn the_server_fails_as_a_real_one_does() {
    let server = TestServer::start();
    create(&server);
    for (error, code, kind) in [
        ("internal", 500, "application/json"),
        ("unavailable", 503, "application/json"),
        ("gateway-timeout", 504, "text/plain; charset=utf-8"),
        ("too-many-requests", 429, "text/plain; charset=utf-8"),
        ("forbidden", 403, "application/json"),
    ] {
        begin(&server, &format!("{{server_errors: {{error: {error}, writes_only: true}}}}"));
        let answer = hold(&server, "n2").unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (code, Some(kind)), "{error}");
        assert_eq!(holder(&server), "n1");
        end_all(&server);
    }
    begin(&server, "{server_errors: {error: gateway-timeout, writes_only: true, applied: true}}");
    let answer = hold(&server, "n2").unwrap();
    assert_eq!((answer.status, answer.json().get("kind")), (504, None));
    assert_eq!(holder(&server), "n2");
    end_all(&server);
    begin(&server, "{server_errors: {error: forbidden}}");
    let message = "leases.coordination.k8s.io \"n\" is forbidden: User \"n1\" cannot get resource \"leases\" in API group \
                   \"coordination.k8s.io\" in the namespace \"default\"";
    assert_eq!(server.ask("GET", &path()).send().json()["message"], message);
}

#[test]
fn a_storage_without_a_leader_may_apply_a_failed_write_later() {
    let server = TestServer::start();
    create(&server);
    let id = begin(&server, "{storage_without_leader: {applied: true}}");
    assert_eq!(hold(&server, "n2").unwrap().status, 500);
    assert_eq!(server.ask("GET", &path()).send().status, 500);
    assert!(server.ask("GET", "/readyz").send().text().contains("[-]etcd failed: reason withheld"));
    let cached = server.ask("GET", &format!("{}?resourceVersion=0", path())).send();
    assert_eq!(cached.json()["spec"]["holderIdentity"], "n1");
    assert_eq!(control(&server, "DELETE", &format!("/{id}"), "").status, 200);
    assert_eq!(holder(&server), "n2");
}

#[test]
fn whose_write_was_applied_later_leads() {
    let server = TestServer::start();
    create(&server);
    let id = begin(&server, "{storage_without_leader: {applied: true}}");
    assert_eq!(hold(&server, "n2").unwrap().status, 500);
    assert_eq!(control(&server, "DELETE", &format!("/{id}"), "").status, 200);
    begin(&server, "{partition: {who: leader}}");
    assert_eq!(control(&server, "GET", "", "").json()["faults"][0]["clients"], json!(["n2"]));
}

#[test]
fn an_outage_that_ends_while_a_write_is_slow_takes_nothing_along() {
    let server = TestServer::start();
    create(&server);
    begin(&server, "{server_slow: 500ms}");
    let id = begin(&server, "{storage_without_leader: {applied: true}}");
    std::thread::scope(|scope| {
        let write = scope.spawn(|| hold(&server, "n2"));
        std::thread::park_timeout(Duration::from_millis(200));
        assert_eq!(control(&server, "DELETE", &format!("/{id}"), "").status, 200);
        assert_eq!(write.join().unwrap().unwrap().status, 200);
    });
    assert_eq!(holder(&server), "n2");
}

#[test]
fn a_server_that_goes_down_refuses_what_is_on_its_way() {
    let server = TestServer::start();
    create(&server);
    begin(&server, "{link: {who: n2, leg: request, effect: {delay: 500ms}}}");
    std::thread::scope(|scope| {
        let write = scope.spawn(|| hold(&server, "n2"));
        std::thread::park_timeout(Duration::from_millis(200));
        begin(&server, "{server_down: true}");
        assert!(write.join().unwrap().is_none());
    });
    end_all(&server);
    assert_eq!(holder(&server), "n1");
}

/// Makes a Lease whose name the server chooses.
fn create_another(server: &TestServer) -> Option<Answer> {
    let lease = json!({"metadata": {"generateName": "g-"}});
    server.ask_as("n1", "POST", LEASES).json(&lease).try_send(SHORT).ok()
}

fn leases(server: &TestServer) -> usize {
    server.ask_as("n3", "GET", LEASES).send().json()["items"].as_array().unwrap().len()
}

#[test]
fn a_request_that_is_sent_twice_is_applied_twice() {
    let server = TestServer::start();
    begin(&server, "{link: {who: n1, leg: request, effect: {duplicate: 100%}}}");
    assert_eq!(create_another(&server).unwrap().status, 201);
    wait_until(|| leases(&server) == 2);
    // The first is lost, and the copy goes a way of its own.
    begin(&server, "{link: {who: n1, leg: request, effect: drop}}");
    assert!(create_another(&server).is_none());
    wait_until(|| leases(&server) == 3);
    end_all(&server);
    // A copy is met by the server's faults, too.
    begin(&server, "{link: {who: n1, leg: request, effect: {duplicate: 100%}}}");
    begin(&server, "{server_errors: {error: internal}}");
    assert_eq!(create_another(&server).unwrap().status, 500);
    end_all(&server);
    // Nobody carries it out for a client that has given up.
    begin(&server, "{link: {who: n1, leg: request, effect: {duplicate: 100%}}}");
    begin(&server, "{link: {who: n1, leg: request, effect: hang}}");
    assert!(create_another(&server).is_none());
    end_all(&server);
    std::thread::park_timeout(Duration::from_millis(200));
    assert_eq!(leases(&server), 3);
    // A response that comes twice changes nothing.
    begin(&server, "{link: {who: n1, leg: response, effect: {duplicate: 100%}}}");
    assert_eq!(create_another(&server).unwrap().status, 201);
    std::thread::park_timeout(Duration::from_millis(200));
    assert_eq!(leases(&server), 4);
}

#[test]
fn what_is_no_object_is_cut_off_too() {
    let server = TestServer::start();
    let asks = |client: &str, path: &str, patience| server.ask_as(client, "GET", path).try_send(patience);
    let reaches = |client: &str, path: &str| asks(client, path, LONG).is_ok();
    let is_cut_off = |client: &str, path: &str| asks(client, path, SHORT).is_err();
    begin(&server, "{partition: n1}");
    for path in ["/apis", "/readyz", "/apis/nothing.example/v1/things", &format!("{LEASES}?timeout=x")] {
        assert!(is_cut_off("n1", path), "{path}");
    }
    assert!(reaches("n2", "/apis") && reaches("n2", "/readyz"));
    end_all(&server);
    // Discovery is not counted among the requests that a fault is about.
    begin(&server, "{link: {who: n1, leg: both, effect: refuse, count: 1}}");
    assert!(reaches("n1", "/apis") && is_cut_off("n1", LEASES) && reaches("n1", LEASES));
    begin(&server, "{server_down: true}");
    assert!(is_cut_off("n1", "/apis") && is_cut_off("n1", "/readyz"));
    end_all(&server);
    assert!(reaches("n1", "/apis") && reaches("n1", "/readyz"));
}

#[test]
fn somebody_edits_the_lease() {
    let server = TestServer::start();
    create(&server);
    begin(&server, "{edit_lease: {set_holder: thief}}");
    wait_until(|| holder(&server) == "thief");
    begin(&server, "{delete_lease: true}");
    wait_until(|| server.ask("GET", &path()).send().status == 404);
}

#[test]
fn a_watcher_hears_nothing_through_a_partition() {
    let server = TestServer::start();
    create(&server);
    let mut events = server.ask_as("n1", "GET", &format!("{LEASES}?watch=true&resourceVersion=2")).watch();
    let id = begin(&server, "{partition: n1}");
    assert_eq!(hold(&server, "n2").unwrap().status, 200);
    assert!(events.is_silent(SHORT));
    assert_eq!(control(&server, "DELETE", &format!("/{id}"), "").status, 200);
    assert_eq!(events.next().unwrap()["object"]["spec"]["holderIdentity"], "n2");
}

#[test]
fn a_watcher_hears_nothing_while_any_of_two_cuts_lasts() {
    let server = TestServer::start();
    create(&server);
    let mut events = server.ask_as("n1", "GET", &format!("{LEASES}?watch=true&resourceVersion=2")).watch();
    let first = begin(&server, "{partition: n1}");
    assert_eq!(hold(&server, "n2").unwrap().status, 200);
    // It waits for the first by now.
    assert!(events.is_silent(SHORT));
    begin(&server, "{partition: n1}");
    assert_eq!(control(&server, "DELETE", &format!("/{first}"), "").status, 200);
    assert!(events.is_silent(SHORT));
    end_all(&server);
    assert_eq!(events.next().unwrap()["object"]["spec"]["holderIdentity"], "n2");
    // What is aimed at another verb is nothing to a watch.
    begin(&server, "{link: {who: n1, leg: response, effect: hang, verb: update}}");
    assert_eq!(hold(&server, "n3").unwrap().status, 200);
    assert_eq!(events.next().unwrap()["object"]["spec"]["holderIdentity"], "n3");
}

#[test]
fn a_scenario_strikes_whoever_leads() {
    let text = "{replicas: 3, network: {latency: 1ms}, faults: [{when: {leading: any, for: 100ms}, for: 3s, \
                partition: leader}]}";
    let prepared = Scenario::parse(text, Format::Yaml, "cut-off", Path::new(""), &[]).unwrap();
    let mut options = Options::loopback(["n1", "n2", "n3"]);
    options.plan = prepared.settings[0].plan().cloned();
    let server = TestServer::start_with(options);
    create(&server);
    let under_way = || control(&server, "GET", "", "").json()["faults"][0]["clients"].clone();
    wait_until(|| under_way() == json!(["n1"]));
    assert!(server.ask_as("n1", "GET", &path()).try_send(Duration::from_millis(100)).is_err());
    assert_eq!(hold(&server, "n2").unwrap().status, 200);
    wait_until(|| under_way().is_null());
    assert_eq!(hold(&server, "n1").unwrap().status, 200);
}

#[test]
fn what_a_server_cannot_do_is_refused() {
    let server = TestServer::start();
    for (fault, why) in [
        ("{crash: n1}", "a server cannot end or start a client's process"),
        ("{partition: n9}", "n9"),
        ("{partition: n1, bogus: 1}", "bogus"),
        ("[1]", "a fault is a map"),
        ("{", "yaml"),
        ("{when: {leading: any}, partition: n1}", "begins at once"),
        ("{partition: n1, for: 1s, every: 3s, times: 5}", "and once"),
    ] {
        let answer = control(&server, "POST", "", fault);
        assert_eq!(answer.status, 400, "{fault}");
        assert!(answer.text().contains(why), "{fault}: {}", answer.text());
    }
    assert_eq!(server.ask("POST", "/control/faults").body("{partition: n1}").send().status, 404);
    assert_eq!(server.ask_without_token("GET", "/control/faults").send().status, 401);
    let token = format!("Bearer {}", server.control);
    assert_eq!(server.ask_without_token("GET", LEASES).header("Authorization", &token).send().status, 403);
}

#[test]
fn only_loopback_and_only_proper_names() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bind = |options| runtime.block_on(Server::bind(options)).err().map(|error| error.to_string());
    let mut options = Options::loopback(["n1"]);
    options.listen = "0.0.0.0:0".parse().unwrap();
    assert!(bind(options).unwrap().contains("can be reached from other machines"));
    assert!(bind(Options::loopback(["n1", "n1"])).unwrap().contains("cannot be a client's name"));
    assert!(bind(Options::loopback(["a b"])).is_some());
    assert!(bind(Options::loopback((0..65).map(|n| format!("n{n}")))).unwrap().contains("64"));
}

#[test]
fn bodies_and_headers_have_limits() {
    let mut options = Options::loopback(["n1"]);
    options.limits.body_bytes = 10_000;
    options.limits.header_bytes = 16_000;
    let server = TestServer::start_with(options);
    let large = server.ask("POST", LEASES).body("x".repeat(10_001)).try_send(SHORT);
    assert!(large.is_ok_and(|answer| answer.status == 413));
    let long = server.ask("GET", LEASES).header("X-Long", &"x".repeat(40_000)).try_send(SHORT);
    assert!(long.is_err() || long.is_ok_and(|answer| answer.status == 431));
    assert_eq!(server.ask("GET", LEASES).send().status, 200);
}

#[test]
fn malformed_requests_cost_a_4xx_and_nothing_else() {
    let server = TestServer::start();
    for garbage in [
        "GARBAGE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\0\0\0\0",
        "GET /\x01 HTTP/1.1\r\n\r\n",
        "\x16\x03\x01nonsense",
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(garbage.as_bytes()).unwrap();
        _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(!text.starts_with("HTTP/") || text.starts_with("HTTP/1.1 4"), "{garbage:?}: {text}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(server.ask("POST", LEASES).body(deep).send().status, 400);
    for path in [
        "/apis/%zz/v1",
        "/apis/coordination.k8s.io/v1/namespaces//leases/x/y/z",
        "//",
        "/api/v1/namespaces/%00/leases",
    ] {
        let status = server.ask("GET", path).send().status;
        assert!((200..500).contains(&status), "{path}: {status}");
    }
    assert_eq!(server.ask("OPTIONS", LEASES).send().status, 405);
    assert_eq!(server.ask_without_token("GET", LEASES).send().status, 401);
    assert_eq!(server.ask("GET", LEASES).send().status, 200);
}

#[test]
fn connections_and_watchers_have_limits_and_slow_clients_are_left() {
    let mut options = Options::loopback(["n1"]);
    options.limits.connections = 4;
    options.limits.watchers = 1;
    options.limits.headers_within = Duration::from_secs(2);
    let server = TestServer::start_with(options);
    let events = server.ask("GET", &format!("{LEASES}?watch=true")).watch();
    assert_eq!(server.ask("GET", &format!("{LEASES}?watch=true")).send().status, 429);
    // These say nothing, or not all of it, and take three of four places.
    let mut slow: Vec<_> = (0..3).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    slow[0].write_all(b"GET / HT").unwrap();
    wait_until(|| server.ask("GET", LEASES).try_send(SHORT).is_err());
    // They are thrown out in time.
    wait_until(|| server.ask("GET", LEASES).try_send(SHORT).is_ok_and(|answer| answer.status == 200));
    drop(events);
    wait_until(|| server.ask("GET", &format!("{LEASES}?watch=true&timeoutSeconds=1")).send().status == 200);
}

/// Tries every 20 ms for 10 s at most.
#[track_caller]
fn wait_until(mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("it did not come to be");
}

#[test]
fn megabytes_of_nonsense_cost_no_more_than_their_reading() {
    let server = TestServer::start();
    create(&server);
    let many = |item: &dyn Fn(u32) -> String| (0..60_000).rev().map(item).collect::<Vec<_>>().join(",");
    let map = many(&|n| format!("\"k{n:06}\":\"v\""));
    let list = many(&|n| format!("\"a/k{n}\""));
    let owners = many(&|n| format!("{{\"uid\":\"{n}\",\"name\":\"n\"}}"));
    let bodies = [
        format!("{{{}}}", many(&|_| "\"spec\":null".into())),
        format!("{{{map}}}"),
        format!("{{\"metadata\":{{\"name\":\"m\",\"labels\":{{{map}}},\"annotations\":{{{map}}}}}}}"),
        format!(
            "{{\"metadata\":{{\"name\":\"m\",\"labels\":{{{}}}}}}}",
            many(&|n| format!("\"_{n}\":\"-\""))
        ),
        format!("{{\"metadata\":{{\"finalizers\":[{list}]}}}}"),
        format!("{{\"metadata\":{{\"ownerReferences\":[{owners}]}}}}"),
        format!("{{\"metadata\":{{\"$deleteFromPrimitiveList/finalizers\":[{list}]}},\"spec\":{{{map}}}}}"),
    ];
    let typed = "\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",";
    for body in &bodies {
        let posts = server.ask("POST", LEASES).body(body.as_str());
        let ((), took) = timed(|| _ = posts.send());
        assert!(took < Duration::from_secs(10), "{took:?}: {}", &body[..60]);
        for format in ["merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"] {
            let body = if format.starts_with("apply") {
                body.replacen('{', &format!("{{{typed}"), 1)
            } else {
                body.clone()
            };
            let ask = server.ask("PATCH", &format!("{}?fieldManager=m", path())).body(body.as_str());
            let ((), took) =
                timed(|| _ = ask.header("Content-Type", &format!("application/{format}")).send());
            assert!(took < Duration::from_secs(10), "{format}, {took:?}: {}", &body[..60]);
        }
    }
    assert_eq!(server.ask("GET", &path()).send().status, 200);
}
