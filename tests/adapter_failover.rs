//! The adapter's failovers beside `serve`, in real time, are distributed like simulated ones of the same settings: the same core,
//! with another clock and a real connection.
//!
//! | variable | what |
//! | --- | --- |
//! | `LEASEHOLD_TEST_ROUNDS` | how many failovers of each of the 32 Leases; 4 take about half a minute |
//! | `LEASEHOLD_TEST_SAMPLES` | a folder for the measured samples, one file a protocol, as `leasehold plot` reads them |
#![cfg(all(feature = "adapter", feature = "scenario", feature = "serve"))]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "these tests run in real time, and say what they measured"
)]

mod serve;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};
use leasehold::adapter::{CancellationToken, LeaderElection, Leadership, Place, Protocol};
use leasehold::scenario::Scenario;
use leasehold::serve::Options;
use leasehold::stats::{Batch, ks_two_sample_ns};
use serde_json::json;
use serve::TestServer;
use tokio::sync::mpsc;

/// Two servers, for a server tells 64 clients apart.
const SERVERS: usize = 2;
const ELECTIONS: usize = 16;
const REPLICAS: usize = 3;

/// How far apart samples of these sizes from one distribution are in one of a thousand pairs. Crashes at another place in the second,
/// under client-go's rules, were 0.21 apart.
fn distance_max(measured: usize, simulated: usize) -> f64 {
    let (m, s) = (measured as f64, simulated as f64);
    1.95 * ((m + s) / (m * s)).sqrt()
}

#[test]
fn strict_fails_over_as_simulated() {
    compare("strict", Protocol::Strict);
}

#[test]
fn client_go_fails_over_as_simulated() {
    compare("client-go", Protocol::ClientGo);
}

fn compare(name: &str, protocol: Protocol) {
    let rounds =
        std::env::var("LEASEHOLD_TEST_ROUNDS").map_or(4, |text| text.parse().expect("LEASEHOLD_TEST_ROUNDS"));
    let (mut simulated, mut measured) = (simulated(name), measured(protocol, rounds));
    assert_eq!(measured.len(), SERVERS * ELECTIONS * rounds);
    if let Some(folder) = std::env::var_os("LEASEHOLD_TEST_SAMPLES") {
        write_samples(&Path::new(&folder).join(format!("measured-{name}.csv")), &measured);
    }
    let ks = ks_two_sample_ns(&mut simulated, &mut measured);
    let max = distance_max(measured.len(), simulated.len());
    // Sorted by now.
    let at = |samples: &[u64], percent: usize| samples[(samples.len() - 1) * percent / 100] / 1_000_000;
    println!(
        "{name}: {} failovers measured, distance {:.3} (at most {max:.3}); ms simulated and measured: p50 {} {}, p99 {} {}",
        measured.len(),
        ks.distance,
        at(&simulated, 50),
        at(&measured, 50),
        at(&simulated, 99),
        at(&measured, 99),
    );
    assert!(ks.distance <= max, "{name}: {ks:?}");
}

fn write_samples(file: &Path, samples: &[u64]) {
    let mut text = String::from("seconds\n");
    for nanos in samples {
        writeln!(text, "{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000).unwrap();
    }
    std::fs::write(file, text).unwrap();
}

fn simulated(name: &str) -> Vec<u64> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/adapter-failover.yaml");
    let prepared = Scenario::load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
    let setting =
        prepared.settings.iter().find(|setting| setting.name == name).expect("a setting of that name");
    let batch = Batch { runs: setting.runs, seed: setting.seed, threads: 1, samples: true };
    let mut failovers = Vec::new();
    batch.run(setting.plan().unwrap(), &AtomicBool::new(false), |chunk| {
        failovers.extend(chunk.samples.iter().map(|sample| sample.took_ns));
        true
    });
    failovers
}

fn measured(protocol: Protocol, rounds: usize) -> Vec<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let samples = runtime.block_on(async {
        let mut elections = Vec::new();
        for server in 0..SERVERS {
            let names =
                (0..ELECTIONS).flat_map(|lease| (0..REPLICAS).map(move |replica| client(lease, replica)));
            let server_at = Arc::new(TestServer::start_with(Options::loopback(names)));
            for lease in 0..ELECTIONS {
                let election = Election { server: server_at.clone(), lease, lot: server * ELECTIONS + lease };
                elections.push(tokio::spawn(election.fail_over(protocol, rounds)));
            }
        }
        let mut samples = Vec::new();
        for election in elections {
            samples.extend(election.await.unwrap());
        }
        samples
    });
    samples.into_iter().map(|took: Duration| u64::try_from(took.as_nanos()).unwrap()).collect()
}

fn client(lease: usize, replica: usize) -> String {
    format!("{lease}-{replica}")
}

/// One Lease with three replicas.
struct Election {
    server: Arc<TestServer>,
    lease: usize,
    /// Which of all elections it is: what its pauses follow from.
    lot: usize,
}

impl Election {
    /// The leader is cut off again and again: how long nobody led.
    async fn fail_over(self, protocol: Protocol, rounds: usize) -> Vec<Duration> {
        let stop = CancellationToken::new();
        let (tell, mut told) = mpsc::unbounded_channel();
        for replica in 0..REPLICAS {
            self.contend(replica, protocol, tell.clone(), stop.clone()).await;
        }
        let mut samples = Vec::new();
        let (_, mut leader) = told.recv().await.unwrap();
        for round in 0..rounds {
            let wait = 2.4 + 2.0 * fraction(self.lot * rounds + round);
            tokio::time::sleep(Duration::from_secs_f64(wait)).await;
            // A machine that stood still may have cost the leader its term meanwhile.
            while let Ok((_, next)) = told.try_recv() {
                leader = next;
            }
            let cut = Instant::now();
            let fault = self.cut_off(leader).await;
            let within = tokio::time::timeout(Duration::from_secs(10), told.recv());
            let (began, next) = within.await.expect("another leads in time").unwrap();
            assert_ne!(next, leader, "nobody leads twice in a row: it is cut off");
            samples.push(began - cut);
            self.control("DELETE", &format!("/control/faults/{fault}"), String::new()).await;
            leader = next;
        }
        stop.cancel();
        samples
    }

    async fn contend(
        &self,
        replica: usize,
        protocol: Protocol,
        tell: mpsc::UnboundedSender<(Instant, usize)>,
        stop: CancellationToken,
    ) {
        let client = client(self.lease, replica);
        let file = Kubeconfig::from_yaml(&self.server.kubeconfig).unwrap();
        let options = KubeConfigOptions { context: Some(client.clone()), ..Default::default() };
        let config = kube::Config::from_custom_kubeconfig(file, &options).await.unwrap();
        let election = LeaderElection::builder(config)
            .lease("default", format!("lock-{}", self.lease))
            .identity(&client)
            .durations(Duration::from_secs(2), Duration::from_millis(1_400), Duration::from_millis(400))
            .protocol(protocol)
            .trust_fresh_namespace(true)
            .release_on_cancel(false)
            .contend_again(true)
            .events(None)
            .shutdown_on(stop)
            .place(Place::On(tokio::runtime::Handle::current()));
        let start = fraction(self.lot * 7 + replica) * 0.6;
        drop(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs_f64(start)).await;
            let work = |leadership: Leadership| {
                _ = tell.send((Instant::now(), replica));
                async move { _ = leadership.lost().await }
            };
            election.run(work).await
        }));
    }

    /// The number of the fault.
    async fn cut_off(&self, leader: usize) -> u64 {
        let who = client(self.lease, leader);
        let fault = json!({"link": {"who": who, "leg": "request", "effect": "hang"}, "for": "1h"});
        self.control("POST", "/control/faults", fault.to_string()).await["id"].as_u64().unwrap()
    }

    async fn control(&self, method: &'static str, path: &str, body: String) -> serde_json::Value {
        let (server, path) = (self.server.clone(), path.to_owned());
        let asked = tokio::task::spawn_blocking(move || {
            let ask = server.ask_without_token(method, &path);
            ask.header("Authorization", &format!("Bearer {}", server.control)).body(body).send()
        });
        let answer = asked.await.unwrap();
        assert!((200..300).contains(&answer.status), "{method}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }
}

/// The fractional parts of the multiples of the golden ratio, which spread evenly.
fn fraction(n: usize) -> f64 {
    (n as f64 * 0.618_033_988_749_895).fract()
}
