//! Elections of the adapter on `serve`, with what only a whole API server has.
#![cfg(all(feature = "adapter", feature = "serve"))]
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

mod serve;

use std::time::{Duration, Instant};

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use leasehold::adapter::{Candidate, Connection, LeaderElection, LockKind, Place, Protocol};
use serde_json::{Value, json};
use serve::{LEASES, TestServer};

const SOON: Duration = Duration::from_secs(20);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

async fn config(server: &TestServer) -> Config {
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(3 * SOON, future).await.expect("in time") })
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "{what}");
        tokio::time::sleep(ms(10)).await;
    }
}

fn leads(candidate: &Candidate) -> bool {
    candidate.leadership().is_some_and(|leadership| leadership.term() == 1 && leadership.may_act())
}

/// Two requests of a pair of locks, Events, and waiters that go away: nothing keeps the only place for itself.
#[test]
fn many_elections_take_turns_on_one_place() {
    let server = TestServer::start();
    block_on(async {
        assert!(Connection::pooled(config(&server).await, usize::MAX).is_ok(), "as many as there can be");
        let connection = Connection::pooled(config(&server).await, 1).unwrap();
        let runtime = tokio::runtime::Handle::current();
        let start = |index: usize| {
            let kind = if index.is_multiple_of(2) { LockKind::Leases } else { LockKind::EndpointsLeases };
            let election = LeaderElection::builder(connection.clone())
                .lease("default", format!("lock-{index}"))
                .lock(kind)
                .protocol(Protocol::ClientGo)
                .durations(ms(4_000), ms(3_000), ms(50))
                .place(Place::On(runtime.clone()));
            election.build().unwrap().start().unwrap()
        };
        let mut candidates: Vec<_> = (0..16).map(start).collect();
        until("all of them lead", || candidates.iter().all(leads)).await;
        // Most of them are waiting for their turn.
        candidates.truncate(8);
        tokio::time::sleep(ms(3_500)).await;
        assert!(candidates.iter().all(leads), "those that stay go on");
        let events = server.ask("GET", "/api/v1/namespaces/default/events").send().json();
        let became = |event: &&Value| event["message"].as_str().unwrap_or("").ends_with("became leader");
        let told = events["items"].as_array().unwrap().iter().filter(became).count();
        assert_eq!(told, 8 + 2 * 8, "one for each object of each lock");
    });
}

/// Managed fields are not sent back, and the server keeps its own.
#[test]
fn what_others_own_of_the_lock_stays_theirs() {
    let server = TestServer::start();
    let lease = json!({"metadata": {"name": "lock", "labels": {"team": "a"}}, "spec": {}});
    assert_eq!(server.ask("POST", &format!("{LEASES}?fieldManager=team")).json(&lease).send().status, 201);
    let stored = || server.ask("GET", &format!("{LEASES}/lock")).send().json();
    let owned = |lease: &Value, manager: &str| {
        let entries = lease["metadata"]["managedFields"].as_array().unwrap().clone();
        entries.into_iter().find(|entry| entry["manager"] == manager).map(|entry| entry["fieldsV1"].clone())
    };
    let before = owned(&stored(), "team").unwrap();
    block_on(async {
        let election = LeaderElection::builder(config(&server).await)
            .lease("default", "lock")
            .protocol(Protocol::ClientGo)
            .durations(ms(4_000), ms(3_000), ms(50));
        let candidate = election.build().unwrap().start().unwrap();
        until("it leads", || leads(&candidate)).await;
        let first = stored();
        let renewed = |lease: &Value| lease["spec"]["renewTime"] != first["spec"]["renewTime"];
        until("it renews", || renewed(&stored())).await;
        let last = stored();
        assert_eq!(owned(&last, "team"), Some(before));
        let own = owned(&last, "leasehold").expect("its writes are its own");
        assert_eq!(own["f:spec"]["f:renewTime"], json!({}));
        assert_eq!(last["metadata"]["labels"]["team"], "a");
    });
}

/// Whoever waits for deadlines is told of each, however late it began to wait.
#[test]
fn deadlines_are_told_as_they_move() {
    let server = TestServer::start();
    block_on(async {
        let election = LeaderElection::builder(config(&server).await)
            .lease("default", "lock")
            .trust_fresh_namespace(true)
            .durations(ms(4_000), ms(3_000), ms(50));
        let ran = election.build().unwrap().run(async |leadership| {
            for _ in 0..3 {
                let mut deadlines = leadership.deadlines();
                let before = *deadlines.borrow_and_update();
                assert!(before <= leadership.acts_until());
                deadlines.changed().await.expect("the term goes on");
                let after = *deadlines.borrow_and_update();
                assert!(before < after && after <= leadership.acts_until());
            }
        });
        assert!(matches!(ran.await, Ok(leasehold::adapter::Outcome::Finished(()))));
    });
}
