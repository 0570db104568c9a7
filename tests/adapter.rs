//! Elections of the adapter against a server on loopback, in real time.
#![cfg(feature = "adapter")]
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leasehold::adapter::{
    Builder, CancellationToken, End, Error, LeaderElection, LockKind, Metrics, Outcome, Place, Protocol, Role,
};
use leasehold::core::StopReason;
use serde_json::json;
use support::{FakeApi, Fault, wait_for};

const SOON: Duration = Duration::from_secs(5);
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases/lock";

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// An election with short timings; nobody deletes Leases behind its back, so that it may lead at once.
fn election(api: &FakeApi, client: &str) -> Builder {
    LeaderElection::builder(api.config(client))
        .lease("default", "lock")
        .identity(client)
        .durations(ms(1_000), ms(600), ms(100))
        .trust_fresh_namespace(true)
        .events(None)
}

/// Polls a future to its end on a runtime of the test's own.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), future).await.expect("in time") })
}

#[test]
fn work_runs_while_leading_and_the_lock_is_released_after_it() {
    let api = FakeApi::start();
    let held = Arc::new(Mutex::new(String::new()));
    let outcome = block_on(election(&api, "a").label("app", "x").run(|leadership| {
        let (api, held) = (api.clone(), Arc::clone(&held));
        async move {
            assert!(leadership.may_act());
            assert!(leadership.remaining() <= ms(600));
            *held.lock().unwrap() = api.holder("lock");
            leadership.fencing_token()
        }
    }));
    let Ok(Outcome::Finished(token)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(*held.lock().unwrap(), "a");
    // The lock's first write is the first write of all.
    assert_eq!(token, 1);
    let lease = api.lease("lock").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 1);
    assert_eq!(lease["spec"]["acquireTime"], lease["spec"]["renewTime"]);
    assert_eq!(lease["metadata"]["labels"]["app"], "x");
}

#[test]
fn managed_fields_are_not_sent_back() {
    let api = FakeApi::start();
    let known = json!([{"manager": "kubectl", "operation": "Update", "apiVersion": "coordination.k8s.io/v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}}}]);
    api.put(
        LEASE,
        json!({"metadata": {"name": "lock", "labels": {"team": "a"}, "managedFields": known}, "spec": {}}),
    );
    let election = election(&api, "a").protocol(Protocol::ClientGo);
    let outcome = block_on(election.run(async |_| tokio::time::sleep(ms(500)).await));
    assert!(matches!(outcome, Ok(Outcome::Finished(()))), "{outcome:?}");
    let writes = api.writes();
    assert!(writes.len() >= 3, "{writes:?}");
    // The first is the test's own.
    for (_, _, lease) in writes.into_iter().skip(1) {
        assert_eq!(lease["metadata"].get("managedFields"), None, "{lease}");
        assert_eq!(lease["metadata"]["labels"]["team"], "a", "what is not the record's is");
    }
}

#[test]
fn an_election_may_be_a_task_of_its_own() {
    let api = FakeApi::start();
    let builder = election(&api, "a");
    let outcome =
        block_on(async { tokio::spawn(builder.run(async |leadership| leadership.may_act())).await.unwrap() });
    assert!(matches!(outcome, Ok(Outcome::Finished(true))), "{outcome:?}");
}

#[test]
fn on_shutdown_the_work_is_told_then_dropped_then_the_lock_released() {
    let api = FakeApi::start();
    let stop = CancellationToken::new();
    let told = Arc::new(AtomicBool::new(false));
    let (told_too, stopper) = (Arc::clone(&told), stop.clone());
    let started = Instant::now();
    let outcome = block_on(election(&api, "a").shutdown_on(stop).grace(ms(300)).run(|leadership| {
        let (told, stopper) = (Arc::clone(&told_too), stopper.clone());
        async move {
            stopper.cancel();
            assert_eq!(leadership.lost().await, StopReason::Shutdown);
            told.store(true, Ordering::SeqCst);
            // Still its own while it winds up, and never ready by itself.
            assert!(leadership.may_act());
            std::future::pending::<()>().await;
        }
    }));
    assert_eq!(outcome.unwrap(), Outcome::Shutdown);
    assert!(told.load(Ordering::SeqCst));
    assert!(started.elapsed() >= ms(300));
    assert_eq!(api.holder("lock"), "");
}

#[test]
fn a_leader_cut_off_stops_at_its_deadline_and_another_takes_over_after_it() {
    let api = FakeApi::start();
    let acting = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let run = |client: &'static str, stop: CancellationToken| {
        let (api, acting, most) = (api.clone(), Arc::clone(&acting), Arc::clone(&most));
        std::thread::spawn(move || {
            block_on(election(&api, client).contend_again(true).shutdown_on(stop).run(|leadership| {
                let (acting, most) = (Arc::clone(&acting), Arc::clone(&most));
                async move {
                    struct Acting(Arc<AtomicUsize>);
                    impl Drop for Acting {
                        fn drop(&mut self) {
                            self.0.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                    most.fetch_max(acting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let _acting = Acting(acting);
                    leadership.lost().await;
                }
            }))
        })
    };
    let stop = CancellationToken::new();
    let a = run("a", stop.clone());
    wait_for("a leads", SOON, || api.holder("lock") == "a");
    let b = run("b", stop.clone());
    std::thread::sleep(ms(300));
    let cut = Instant::now();
    api.fault("a", Fault::Hang);
    wait_for("a stops", SOON, || acting.load(Ordering::SeqCst) == 0);
    assert!(cut.elapsed() < ms(900), "{:?}", cut.elapsed());
    wait_for("b leads", SOON, || api.holder("lock") == "b");
    assert!(cut.elapsed() >= ms(850), "b took over before a's Lease expired: {:?}", cut.elapsed());
    // Reachable again, a contends again, without a process restart, and waits.
    api.fault("a", None);
    std::thread::sleep(ms(500));
    assert_eq!(api.holder("lock"), "b");
    stop.cancel();
    assert_eq!(a.join().unwrap().unwrap(), Outcome::Shutdown);
    assert_eq!(b.join().unwrap().unwrap(), Outcome::Shutdown);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[test]
fn a_blocked_executor_does_not_lose_the_lock() {
    let api = FakeApi::start();
    let outcome = block_on(election(&api, "a").run(|leadership| async move {
        // Three times RenewDeadline without a single poll of anything.
        std::thread::sleep(ms(1_800));
        leadership.may_act() && leadership.reason().is_none()
    }));
    assert_eq!(outcome.unwrap(), Outcome::Finished(true));
}

#[test]
fn may_act_says_no_at_the_deadline_though_the_work_is_blocked() {
    let api = FakeApi::start();
    let faulty = api.clone();
    let outcome = block_on(election(&api, "a").stop_timeout(ms(200)).run(|leadership| {
        faulty.fault("a", Fault::Hang);
        async move {
            std::thread::sleep(ms(1_000));
            assert!(!leadership.may_act());
            assert!(leadership.remaining().is_zero());
        }
    }));
    // It blocked for longer than it was waited for, and nothing was released.
    assert!(matches!(outcome, Err(Error::WorkDidNotStop(_))), "{outcome:?}");
    assert_eq!(api.holder("lock"), "a");
}

#[test]
fn work_that_does_not_stop_is_not_released() {
    let api = FakeApi::start();
    let candidate = election(&api, "a").stop_timeout(ms(150)).build().unwrap().start().unwrap();
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    let leadership = candidate.leadership().unwrap();
    candidate.shutdown();
    let ended = block_on(candidate.ended());
    assert!(matches!(ended, Err(Error::WorkDidNotStop(_))), "{ended:?}");
    assert!(!leadership.may_act());
    assert_eq!(api.holder("lock"), "a");
}

#[test]
fn a_lost_response_is_recognised_and_not_led_on() {
    let api = FakeApi::start();
    api.fault("a", Fault::LoseResponses);
    let candidate = election(&api, "a").build().unwrap().start().unwrap();
    wait_for("the create is applied", SOON, || api.holder("lock") == "a");
    std::thread::sleep(ms(100));
    assert!(candidate.leadership().is_none());
    let created = api.lease("lock").unwrap()["metadata"]["resourceVersion"].clone();
    api.fault("a", None);
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    let token = candidate.leadership().unwrap().fencing_token();
    assert!(
        token > created.as_str().unwrap().parse().unwrap(),
        "it leads from a renewal, not from the create"
    );
}

#[test]
fn a_deleted_lock_ends_the_term_and_whoever_makes_it_anew_waits() {
    let api = FakeApi::start();
    let candidate = election(&api, "a")
        .trust_fresh_namespace(false)
        .contend_again(true)
        .build()
        .unwrap()
        .start()
        .unwrap();
    let started = Instant::now();
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    assert!(started.elapsed() >= ms(1_000), "the quarantine was {:?}", started.elapsed());
    let first = candidate.leadership().unwrap();
    api.delete(LEASE);
    wait_for("it is told", SOON, || first.reason() == Some(StopReason::LeaseMissing));
    first.work_stopped();
    wait_for("it makes it anew", SOON, || api.holder("lock") == "a");
    let anew = Instant::now();
    wait_for("it leads again", SOON, || candidate.leadership().is_some());
    assert!(anew.elapsed() >= ms(950), "the quarantine was {:?}", anew.elapsed());
    let second = candidate.leadership().unwrap();
    assert!(second.fencing_token() > first.fencing_token());
    assert!(!first.may_act() && second.may_act());
    // Nobody confirms a stop, so it is not to wait for one either.
    second.work_stopped();
    assert_eq!(block_on(candidate.ended()).unwrap(), End::Shutdown);
}

#[test]
fn work_that_returns_because_it_may_not_act_is_a_loss_and_no_end() {
    let api = FakeApi::start();
    let (terms, faulty) = (AtomicUsize::new(0), api.clone());
    let outcome = block_on(election(&api, "a").contend_again(true).run(|leadership| {
        let term = terms.fetch_add(1, Ordering::SeqCst);
        if term == 0 {
            faulty.fault("a", Fault::Hang);
        }
        let api = faulty.clone();
        async move {
            while term == 0 && leadership.may_act() {
                // Notices before the elector's thread does, more often than not.
                std::thread::yield_now();
            }
            api.fault("a", None);
        }
    }));
    assert_eq!(outcome.unwrap(), Outcome::Finished(()));
    assert_eq!(terms.load(Ordering::SeqCst), 2, "the first term was no end");
    // The same for who confirms by hand.
    let api = FakeApi::start();
    let candidate = election(&api, "a").build().unwrap().start().unwrap();
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    let leadership = candidate.leadership().unwrap();
    api.fault("a", Fault::Hang);
    while leadership.may_act() {
        std::thread::yield_now();
    }
    leadership.work_stopped();
    assert_eq!(block_on(candidate.ended()).unwrap(), End::Lost(StopReason::DeadlinePassed));
}

#[test]
fn one_loss_ends_it_unless_asked_otherwise() {
    let api = FakeApi::start();
    let candidate = election(&api, "a").build().unwrap().start().unwrap();
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    let leadership = candidate.leadership().unwrap();
    api.edit(LEASE, |lease| lease["spec"]["holderIdentity"] = "thief".into());
    wait_for("it is told", SOON, || leadership.reason() == Some(StopReason::OtherHolder));
    assert!(matches!(candidate.states().borrow().role, Role::Stopping(..)));
    leadership.work_stopped();
    assert_eq!(block_on(candidate.ended()).unwrap(), End::Lost(StopReason::OtherHolder));
    assert_eq!(api.holder("lock"), "thief");
    assert_eq!(&*candidate.states().borrow().leader, "thief");
}

#[test]
fn dropping_the_run_drops_the_work_and_releases() {
    let api = FakeApi::start();
    let gone = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&gone);
    block_on(async {
        let run = election(&api, "a").run(|_leadership| {
            struct Gone(Arc<AtomicBool>);
            impl Drop for Gone {
                fn drop(&mut self) {
                    self.0.store(true, Ordering::SeqCst);
                }
            }
            let gone = Gone(Arc::clone(&flag));
            async move {
                let _gone = gone;
                std::future::pending::<()>().await;
            }
        });
        assert!(tokio::time::timeout(ms(500), run).await.is_err());
    });
    assert!(gone.load(Ordering::SeqCst));
    wait_for("it is released", SOON, || api.holder("lock").is_empty());
}

#[test]
fn metrics_events_health_and_new_leaders_are_told() {
    let api = FakeApi::start();
    // Nobody leads before the figures of a candidate have been looked at.
    api.fault("a", Fault::Refuse(503));
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::register(&mut registry);
    let leaders = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&leaders);
    let candidate = election(&api, "a")
        .metrics(&metrics)
        .events("my-controller")
        .on_new_leader(move |leader| heard.lock().unwrap().push(leader.to_owned()))
        .build()
        .unwrap()
        .start()
        .unwrap();
    let exported = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    };
    assert!(exported().contains("leader_election_master_status{name=\"lock\"} 0"), "{}", exported());
    api.fault("a", None);
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    wait_for("it renews", SOON, || exported().contains("renewal_duration_seconds_count{name=\"lock\"} 3"));
    assert!(exported().contains("leader_election_master_status{name=\"lock\"} 1"), "{}", exported());
    assert_eq!(candidate.health().check(Duration::ZERO), Ok(()));

    // Somebody touches the Lease: the next renewal takes the slow path.
    api.edit(LEASE, |lease| lease["metadata"]["annotations"] = json!({"touched": "yes"}));
    wait_for("the slow path", SOON, || {
        exported().contains("leader_election_slowpath_total{name=\"lock\"} 1")
    });
    assert_eq!(
        api.lease("lock").unwrap()["metadata"]["annotations"]["touched"],
        "yes",
        "it keeps what is not its own"
    );

    let leadership = candidate.leadership().unwrap();
    candidate.shutdown();
    block_on(leadership.lost());
    leadership.work_stopped();
    block_on(candidate.ended()).unwrap();
    assert!(exported().contains("leader_election_master_status{name=\"lock\"} 0"), "{}", exported());
    assert_eq!(leaders.lock().unwrap()[0], "a");

    let events = api.all("/api/v1/namespaces/default/events/");
    let messages: Vec<_> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["a became leader", "a stopped leading"]);
    for event in events {
        assert_eq!((&event["type"], &event["reason"]), (&json!("Normal"), &json!("LeaderElection")));
        assert_eq!(event["source"]["component"], "my-controller");
        let about = &event["involvedObject"];
        assert_eq!(
            (&about["kind"], &about["apiVersion"]),
            (&json!("Lease"), &json!("coordination.k8s.io/v1"))
        );
        assert_eq!((&about["name"], &about["uid"]), (&json!("lock"), &json!("uid-1")));
    }
}

#[test]
fn a_handover_is_one_transition_and_a_release_none() {
    let api = FakeApi::start();
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::register(&mut registry);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let a = election(&api, "a").build().unwrap().start().unwrap();
    wait_for("a leads", SOON, || a.leadership().is_some());
    let b = election(&api, "b").metrics(&metrics);
    let b = b.on_new_leader(move |name| hear.lock().unwrap().push(name.to_owned())).build().unwrap();
    let b = b.start().unwrap();
    wait_for("b knows", SOON, || &*b.states().borrow().leader == "a");
    // Released, and not to be had at once.
    api.edit(LEASE, |lease| lease["spec"]["holderIdentity"] = "".into());
    wait_for("b knows", SOON, || b.states().borrow().leader.is_empty());
    wait_for("b leads", SOON, || b.leadership().is_some());
    assert_eq!(*heard.lock().unwrap(), ["a", "", "b"]);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("leader_election_transitions_total{name=\"lock\"} 1"), "{text}");
}

#[test]
fn client_go_leads_at_once_and_writes_what_client_go_writes() {
    let api = FakeApi::start();
    let candidate = election(&api, "a").protocol(Protocol::ClientGo).build().unwrap().start().unwrap();
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    assert_eq!(candidate.leadership().unwrap().remaining(), Duration::MAX);
    let spec = api.lease("lock").unwrap()["spec"].clone();
    assert_eq!((&spec["leaseDurationSeconds"], &spec["leaseTransitions"]), (&json!(1), &json!(0)));
    assert_eq!(spec["renewTime"].as_str().unwrap().len(), "2026-01-01T00:00:00.000000Z".len());
}

#[test]
fn old_locks_and_pairs_of_locks_elect_one() {
    let config_map = "/api/v1/namespaces/default/configmaps/lock";
    let endpoints = "/api/v1/namespaces/default/endpoints/lock";
    for (kind, paths) in [
        (LockKind::ConfigMaps, vec![config_map]),
        (LockKind::Endpoints, vec![endpoints]),
        (LockKind::ConfigMapsLeases, vec![config_map, LEASE]),
        (LockKind::EndpointsLeases, vec![endpoints, LEASE]),
    ] {
        let api = FakeApi::start();
        let a = election(&api, "a").lock(kind).build().unwrap().start().unwrap();
        wait_for("a leads", SOON, || a.leadership().is_some());
        for path in &paths {
            assert_eq!(holder_of(&api, path), "a", "{kind} {path}");
        }
        let b = election(&api, "b").lock(kind).build().unwrap().start().unwrap();
        std::thread::sleep(ms(1_300));
        assert!(b.leadership().is_none(), "{kind}: a renews");
        a.leadership().unwrap().work_stopped();
        wait_for("b leads", SOON, || b.leadership().is_some());
        for path in &paths {
            assert_eq!(holder_of(&api, path), "b", "{kind} {path}");
        }
    }
}

#[test]
fn a_pair_of_locks_is_not_taken_while_somebody_renews_the_second() {
    let api = FakeApi::start();
    let pair = election(&api, "pair").lock(LockKind::ConfigMapsLeases);
    let new = election(&api, "new").build().unwrap().start().unwrap();
    wait_for("the one with a Lease only leads", SOON, || new.leadership().is_some());
    // The first lock says that nobody holds it.
    api.put(
        "/api/v1/namespaces/default/configmaps/lock",
        json!({"metadata": {"name": "lock", "namespace": "default", "annotations": {
            "control-plane.alpha.kubernetes.io/leader": "{\"holderIdentity\":\"\",\"leaseDurationSeconds\":1,\"acquireTime\":\"2026-01-01T00:00:00Z\",\"renewTime\":\"2026-01-01T00:00:00Z\",\"leaderTransitions\":0}"
        }}}),
    );
    let pair = pair.build().unwrap().start().unwrap();
    std::thread::sleep(ms(2_500));
    assert!(pair.leadership().is_none());
    assert!(new.leadership().is_some_and(|leadership| leadership.may_act()));
    assert_eq!(&*pair.states().borrow().leader, "leaderelection.k8s.io/unknown");
    new.leadership().unwrap().work_stopped();
    wait_for("the pair is taken", SOON, || pair.leadership().is_some());
}

#[test]
fn what_somebody_does_to_the_second_of_a_pair_costs_nothing_unless_it_is_the_record() {
    let api = FakeApi::start();
    let pair = election(&api, "a").lock(LockKind::ConfigMapsLeases).build().unwrap().start().unwrap();
    wait_for("it leads", SOON, || pair.leadership().is_some());
    let leadership = pair.leadership().unwrap();
    let renewed = |api: &FakeApi| api.lease("lock").map(|lease| lease["spec"]["renewTime"].clone());

    api.edit(LEASE, |lease| lease["metadata"]["annotations"] = json!({"touched": "yes"}));
    let before = renewed(&api);
    wait_for("both are renewed", SOON, || renewed(&api) != before);
    assert_eq!(api.lease("lock").unwrap()["metadata"]["annotations"]["touched"], "yes");

    api.delete(LEASE);
    wait_for("it is made anew", SOON, || api.holder("lock") == "a");
    std::thread::sleep(ms(300));
    assert!(leadership.may_act() && leadership.reason().is_none(), "the first names it all the time");

    api.edit(LEASE, |lease| lease["spec"]["holderIdentity"] = "thief".into());
    wait_for("it is told", SOON, || leadership.reason() == Some(StopReason::OtherHolder));
    assert_eq!(api.holder("lock"), "thief", "it was not overwritten");
    leadership.work_stopped();
}

#[test]
fn events_are_about_every_object_of_a_lock() {
    let api = FakeApi::start();
    let name = "n".repeat(250);
    let builder = election(&api, "a").lease("default", name).lock(LockKind::ConfigMapsLeases);
    assert!(matches!(block_on(builder.events("me").run(async |_| ())), Ok(Outcome::Finished(()))));
    let events = api.all("/api/v1/namespaces/default/events/");
    let mut about: Vec<_> = events
        .iter()
        .map(|event| (event["message"].as_str().unwrap(), event["involvedObject"]["kind"].as_str().unwrap()))
        .collect();
    about.sort_unstable();
    let (became, stopped) = ("a became leader", "a stopped leading");
    assert_eq!(about, [(became, "ConfigMap"), (became, "Lease"), (stopped, "ConfigMap"), (stopped, "Lease")]);
    for event in events {
        let length = event["metadata"]["name"].as_str().unwrap().len();
        assert!(length <= 253, "a name that no server takes: {length}");
    }
}

#[test]
fn connections_that_fell_silent_are_left_for_a_new_one_in_time() {
    let api = FakeApi::start();
    let network = support::Network::start(api.address);
    let mut config = api.config("a");
    config.cluster_url = format!("http://{}", network.address).parse().unwrap();
    // With Events, which have a connection of their own for a while.
    let election = LeaderElection::builder(config)
        .lease("default", "lock")
        .identity("a")
        .durations(ms(4_000), ms(3_000), ms(300))
        .trust_fresh_namespace(true);
    let candidate = election.build().unwrap().start().unwrap();
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    let leadership = candidate.leadership().unwrap();
    for _ in 0..2 {
        std::thread::sleep(ms(400));
        // Each more would have to be tried in vain.
        wait_for("one connection is left", SOON, || network.open() == 1);
        network.silence();
        let known = leadership.acts_until();
        wait_for("it renews", SOON, || {
            leadership.acts_until() > known + leasehold::core::Span::from_millis(1_000)
        });
        assert!(leadership.may_act() && leadership.reason().is_none());
    }
    leadership.work_stopped();
    assert_eq!(block_on(candidate.ended()).unwrap(), End::Shutdown);
}

#[test]
fn a_client_and_a_runtime_that_exist_will_do_and_their_end_is_a_loss() {
    let api = FakeApi::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let candidate = {
        let _on_it = runtime.enter();
        let client = kube::Client::try_from(api.config("a")).unwrap();
        LeaderElection::builder(client)
            .lease("default", "lock")
            .durations(ms(1_000), ms(600), ms(100))
            .trust_fresh_namespace(true)
            .place(Place::On(runtime.handle().clone()))
            .build()
            .unwrap()
            .start()
            .unwrap()
    };
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    let leadership = candidate.leadership().unwrap();
    let known = leadership.acts_until();
    wait_for("it renews", SOON, || leadership.acts_until() > known);
    runtime.shutdown_timeout(ms(100));
    assert!(!leadership.may_act());
    assert!(leadership.reason().is_some());
    assert!(matches!(block_on(candidate.ended()), Err(Error::Gone)));
}

#[test]
fn without_election_it_leads_at_once_until_shutdown_and_asks_nobody() {
    let api = FakeApi::start();
    let alone = || LeaderElection::builder(api.config("a")).leader_elect(false).stop_timeout(ms(200));
    let outcome = block_on(alone().run(async |leadership| {
        assert!(leadership.may_act());
        assert_eq!((leadership.remaining(), leadership.fencing_token()), (Duration::MAX, 0));
        7
    }));
    assert_eq!(outcome.unwrap(), Outcome::Finished(7));

    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let outcome = block_on(alone().shutdown_on(stop).grace(ms(200)).run(|leadership| {
        let stopper = stopper.clone();
        async move {
            stopper.cancel();
            assert_eq!(leadership.lost().await, StopReason::Shutdown);
            assert!(leadership.may_act());
            std::future::pending::<()>().await;
        }
    }));
    assert_eq!(outcome.unwrap(), Outcome::Shutdown);

    let candidate = alone().build().unwrap().start().unwrap();
    wait_for("it leads", SOON, || candidate.leadership().is_some());
    candidate.shutdown();
    let ended = block_on(candidate.ended());
    assert!(matches!(ended, Err(Error::WorkDidNotStop(_))), "{ended:?}");
    assert_eq!(api.requests(), 0);
}

#[test]
fn work_that_panics_before_or_within_its_future_releases_the_lock() {
    for within in [false, true] {
        let api = FakeApi::start();
        let builder = election(&api, "a");
        let work = move |_leadership| {
            assert!(within, "before");
            async { panic!("within") }
        };
        let run = std::thread::spawn(move || block_on(builder.run::<_, _>(work)).map(|_: Outcome<()>| ()));
        assert!(run.join().is_err());
        wait_for("it is released", SOON, || {
            let lease = api.lease("lock").unwrap_or_default();
            lease["spec"]["holderIdentity"] == ""
        });
    }
}

#[test]
fn missing_settings_and_unsafe_timings_are_refused_with_a_remedy() {
    let api = FakeApi::start();
    let builder = || LeaderElection::builder(api.config("a"));
    let error = builder().lease("default", "").build().err().unwrap().to_string();
    assert!(error.contains("name is missing") && error.contains(".lease("), "{error}");
    let timings = builder().lease("default", "lock").durations(ms(1_000), ms(1_000), ms(100)).build();
    let error = timings.err().unwrap().to_string();
    assert!(error.contains("must be below LeaseDuration"), "{error}");
    assert_eq!(api.requests(), 0);
}

/// The holder, by a Lease's spec or by the annotation.
fn holder_of(api: &FakeApi, path: &str) -> String {
    let object = api.object(path).unwrap_or_default();
    if let Some(holder) = object["spec"]["holderIdentity"].as_str() {
        return holder.to_owned();
    }
    let written = &object["metadata"]["annotations"]["control-plane.alpha.kubernetes.io/leader"];
    let record: serde_json::Value = serde_json::from_str(written.as_str().unwrap_or("{}")).unwrap();
    record["holderIdentity"].as_str().unwrap_or_default().to_owned()
}
