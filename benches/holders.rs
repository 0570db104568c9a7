//! What one process that holds 10,000 Leases costs: memory, and CPU for each renewal.
//!
//! `cargo bench --features adapter --bench holders`. Every Lease has an election of its own, with the default timings
//! (15 s / 10 s / 2 s) and the default protocol, as a service with a lock for each of its shards would have them. They run
//! on one runtime with one thread and share a pool of connections. The server is `leasehold serve` in a
//! process of its own, over HTTPS, so that the memory is the holders' alone; both share the machine.
//!
//! `LEASEHOLD_BENCH_LEASES`, `LEASEHOLD_BENCH_TIMINGS` (such as `60,40,8`) and `LEASEHOLD_BENCH_SECONDS` change what is
//! measured. Under `cargo test --benches` it holds a few Leases for a moment.
#![allow(clippy::print_stdout, reason = "it is a program")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

#[allow(dead_code, unreachable_pub, reason = "shared with another bench")]
mod served;

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use leasehold::adapter::{Candidate, Connection, LeaderElection, Place};
use served::{Served, cpu_of};

/// Requests under way at once, and so connections.
const CONNECTIONS: usize = 32;
const STARTS_A_SECOND: usize = 500;
const MEMORY_MAX: u64 = 100 << 20;
/// How long it may take until all lead.
const LEAD_WITHIN: Duration = Duration::from_secs(300);

fn main() {
    let in_earnest = std::env::args().any(|arg| arg == "--bench");
    let leases = setting("LEASEHOLD_BENCH_LEASES", if in_earnest { 10_000 } else { 20 });
    let seconds = setting("LEASEHOLD_BENCH_SECONDS", if in_earnest { 60 } else { 2 });
    let timings = std::env::var("LEASEHOLD_BENCH_TIMINGS");
    let timings = timings.unwrap_or_else(|_| if in_earnest { "15,10,2" } else { "3,2,1" }.to_owned());
    let timings: Vec<u64> = timings.split(',').map(|text| text.parse().expect("whole seconds")).collect();
    let [lease, renew, retry] = timings[..] else { panic!("three of them") };
    let bench = Bench { leases, time: Duration::from_secs(seconds as u64), timings: [lease, renew, retry] };
    let served = Served::start();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
    runtime.block_on(bench.run(&served, in_earnest));
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
}

struct Bench {
    leases: usize,
    time: Duration,
    /// LeaseDuration, RenewDeadline, RetryPeriod, in seconds.
    timings: [u64; 3],
}

impl Bench {
    async fn run(&self, served: &Served, in_earnest: bool) {
        let config = config(served).await;
        let observer = Client::try_from(config.clone()).expect("a client can be had");
        let connection = Connection::pooled(config, CONNECTIONS).expect("a client can be had");
        let _connected = revision(&observer).await;
        let before = status_bytes("VmRSS:");
        let began = Instant::now();
        let candidates = self.start(&connection).await;
        while !candidates.iter().all(leads) {
            assert!(began.elapsed() < LEAD_WITHIN, "not all of them lead");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let [lease, renew, retry] = self.timings;
        println!("{} Leases held, {lease}/{renew}/{retry} s, after {:?}", self.leases, began.elapsed());
        let (from, cpu, server_cpu, at) =
            (revision(&observer).await, cpu_of("/proc/self/stat"), served.cpu(), Instant::now());
        tokio::time::sleep(self.time).await;
        let (to, took) = (revision(&observer).await, at.elapsed());
        let (cpu, server_cpu) = (cpu_of("/proc/self/stat") - cpu, served.cpu() - server_cpu);
        let peak = status_bytes("VmHWM:");
        let lost = candidates.iter().filter(|candidate| !leads(candidate)).count();
        let renewals = (to - from) as f64;
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / renewals;
        let due = self.leases as f64 * took.as_secs_f64() / retry as f64;
        println!(
            "renewals: {:.0} a second, {:.1} % of one every RetryPeriod; leaderships lost: {lost}",
            renewals / took.as_secs_f64(),
            renewals / due * 100.0
        );
        println!("CPU a renewal: {:.0} us here, {:.0} us at the server", each(cpu), each(server_cpu));
        let grown = peak.saturating_sub(before);
        println!(
            "memory: {:.1} MB at the peak, {:.1} MB more than before the first election, {} bytes a Lease",
            peak as f64 / f64::from(1 << 20),
            grown as f64 / f64::from(1 << 20),
            grown / self.leases as u64
        );
        // Short timings on a machine that does other things, too, promise nothing.
        if in_earnest {
            assert_eq!(lost, 0, "leaderships were lost");
            assert!(peak < MEMORY_MAX, "more memory than was promised");
        }
    }

    /// Starts all elections, not all of them at once.
    async fn start(&self, connection: &Connection) -> Vec<Candidate> {
        let runtime = tokio::runtime::Handle::current();
        let [lease, renew, retry] = self.timings.map(Duration::from_secs);
        let mut candidates = Vec::with_capacity(self.leases);
        for index in 0..self.leases {
            let election = LeaderElection::builder(connection.clone())
                .lease("default", format!("shard-{index:05}"))
                .durations(lease, renew, retry)
                .contend_again(true)
                .place(Place::On(runtime.clone()))
                .build()
                .expect("the settings are right");
            candidates.push(election.start().expect("a task can be had"));
            if index % 10 == 9 {
                tokio::time::sleep(Duration::from_secs(10) / STARTS_A_SECOND as u32).await;
            }
        }
        candidates
    }
}

/// Whether it leads, and always did since it first led.
fn leads(candidate: &Candidate) -> bool {
    candidate.leadership().is_some_and(|leadership| leadership.term() == 1 && leadership.may_act())
}

async fn config(served: &Served) -> Config {
    let kubeconfig = Kubeconfig::from_yaml(&served.kubeconfig).expect("the server wrote it");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    config.expect("the server wrote it")
}

/// The store's revision: every renewal adds one.
async fn revision(observer: &Client) -> u64 {
    let leases = Api::<Lease>::namespaced(observer.clone(), "default");
    let list = leases.list(&ListParams::default().limit(1)).await.expect("the server answers");
    list.metadata.resource_version.and_then(|text| text.parse().ok()).expect("lists have a revision")
}

/// A size from /proc/self/status; zero where there is none.
fn status_bytes(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() << 10
}
