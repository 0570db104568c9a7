//! Three `leasehold elect` beside a real API server or `leasehold serve`, and one fault after another: never two commands at once,
//! tokens that grow, and another leader within the bound.
//!
//! | variable | what |
//! | --- | --- |
//! | `LEASEHOLD_TEST_KUBECONFIG` | the cluster, which is reached through proxies that can be cut; without it, `leasehold serve`, which also fails and delays requests |
//! | `LEASEHOLD_TEST_ROUNDS` | how many faults; 8 take about a minute, 200 about 22 |
//! | `LEASEHOLD_TEST_SEED` | which ones |
#![cfg(all(feature = "adapter", feature = "cli", feature = "serve", target_os = "linux"))]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this test runs in real time, and says what it measured"
)]

#[path = "elect_soak/cluster.rs"]
mod cluster;
#[path = "elect_soak/proxy.rs"]
mod proxy;

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use cluster::{Cluster, Served};
use proxy::Leg;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const LEASE_DURATION: Duration = Duration::from_secs(3);
const RETRY_PERIOD: Duration = Duration::from_millis(500);
/// How long the adapter waits for an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a stopped process stands still.
const STOPPED: Duration = Duration::from_secs(20);
/// Processes that start, and a machine that does other things besides.
const SLACK: Duration = Duration::from_secs(2);

const REPLICAS: usize = 3;

/// The lock is held by whatever is left of a command, so that two of them do not go unnoticed.
const COMMAND: &str = r#"
exec 9>>lock
flock -n 9 || { echo "overlap $LEASEHOLD_IDENTITY" >> log; exit 1; }
echo "start $LEASEHOLD_IDENTITY $LEASEHOLD_FENCING_TOKEN" >> log
exec sleep 1000
"#;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    KillWrapper,
    /// For [`STOPPED`], which is longer than anybody waits for it.
    StopWrapper,
    Terminate,
    KillGuard,
    DeleteLease,
    /// Its requests do not arrive until another leads.
    CutOff,
    /// Its requests are applied, and the responses do not arrive until another leads.
    HangResponses,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::KillWrapper,
        Self::StopWrapper,
        Self::Terminate,
        Self::KillGuard,
        Self::DeleteLease,
        Self::CutOff,
        Self::HangResponses,
    ];

    /// The proved bound: a candidate's observation lags by a poll at most, it waits for LeaseDuration from there and looks at once
    /// (`leasehold check --failover --protocol strict`); a lock that was released is found by the next poll; one that was
    /// deleted is missed at the next renewal or poll, made anew by a poll, and waited for.
    fn bound(self) -> Duration {
        let poll = RETRY_PERIOD * 11 / 5;
        match self {
            _ if self.releases() => poll,
            Self::DeleteLease => LEASE_DURATION + poll * 2,
            _ => LEASE_DURATION + poll,
        }
    }

    /// The guard's death is the command's end, and the wrapper's.
    fn releases(self) -> bool {
        matches!(self, Self::Terminate | Self::KillGuard)
    }
}

/// What all replicas' requests suffer besides, from one fault to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weather {
    Fair,
    /// Both legs of every request take longer.
    Slow(Duration),
    /// The next request of each is answered 500.
    OneError,
    /// The next write of each is applied and never answered.
    OneLostResponse,
}

impl Weather {
    const ON_SERVE: [Self; 4] =
        [Self::Fair, Self::Slow(Duration::from_millis(60)), Self::OneError, Self::OneLostResponse];

    fn faults(self) -> Vec<String> {
        let everywhere = |what: &dyn Fn(usize) -> String| (0..REPLICAS).map(what).collect();
        match self {
            Self::Fair => Vec::new(),
            Self::Slow(by) => ["request", "response"]
                .iter()
                .flat_map(|leg| {
                    (0..REPLICAS).map(move |n| {
                        format!(
                            "{{link: {{who: n{n}, leg: {leg}, effect: {{delay: {}ms}}}}}}",
                            by.as_millis()
                        )
                    })
                })
                .collect(),
            Self::OneError => {
                everywhere(&|n| format!("{{link: {{who: n{n}, leg: request, effect: error, count: 1}}}}"))
            }
            Self::OneLostResponse => everywhere(&|n| {
                format!("{{link: {{who: n{n}, verb: update, leg: response, effect: drop, count: 1}}}}")
            }),
        }
    }

    /// The fault's bound in this weather. A request that fails costs a candidate a poll, one that is not answered also the time it is waited
    /// for; either may be the release's own, which leaves the lock to expire.
    fn bound(self, fault: Fault) -> Duration {
        let poll = RETRY_PERIOD * 11 / 5;
        let unreleased = if fault.releases() { LEASE_DURATION } else { Duration::ZERO };
        fault.bound()
            + match self {
                Self::Fair => Duration::ZERO,
                // The renewal that was seen last, and the write that takes over, with the look before it.
                Self::Slow(by) => by * 6,
                Self::OneError => poll + unreleased,
                Self::OneLostResponse => poll + REQUEST_TIMEOUT + unreleased,
            }
    }
}

struct Fleet {
    folder: TempDir,
    cluster: Cluster,
    lock: String,
    replicas: Vec<Child>,
    generation: u32,
    /// How many commands have been started.
    terms: usize,
}

impl Fleet {
    fn new(folder: TempDir, cluster: Cluster) -> Self {
        let lock = format!("leasehold-test-{}", std::process::id());
        let mut fleet = Self { folder, cluster, lock, replicas: Vec::new(), generation: 0, terms: 1 };
        for index in 0..REPLICAS {
            let replica = fleet.replica(index);
            fleet.replicas.push(replica);
        }
        fleet
    }

    fn replica(&mut self, index: usize) -> Child {
        self.generation += 1;
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        command.arg("elect").args(self.cluster.arguments(index));
        let file = self.folder.path().join(format!("{index}.stderr"));
        let log = std::fs::File::options().create(true).append(true).open(file).unwrap();
        command
            .args(["--identity", &format!("{index}-{}", self.generation)])
            .args(["--leader-elect-resource-name", &self.lock, "--no-events"])
            .args(["--leader-elect-lease-duration=3s", "--leader-elect-renew-deadline=2s"])
            .args(["--leader-elect-retry-period=500ms", "--", "sh", "-c", COMMAND])
            .current_dir(self.folder.path())
            .stderr(log);
        command.spawn().unwrap()
    }

    /// Of every command that began: its replica and its token.
    fn starts(&self) -> Vec<(usize, u64)> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(!log.contains("overlap"), "two commands were alive at once:\n{log}");
        let lines = log.lines().filter_map(|line| line.strip_prefix("start "));
        let words = lines.filter_map(|line| line.split_once(' ')).filter_map(|(identity, token)| {
            let (index, _) = identity.split_once('-')?;
            Some((index.parse().ok()?, token.parse().ok()?))
        });
        let starts: Vec<(usize, u64)> = words.collect();
        assert!(starts.is_sorted_by(|a, b| a.1 < b.1), "tokens must grow: {starts:?}");
        starts
    }

    /// Waits for the `nth` start, and returns whose it was.
    fn wait_for_start(&self, nth: usize, at_most: Duration, what: impl std::fmt::Debug) -> usize {
        let began = Instant::now();
        loop {
            if let Some((index, _)) = self.starts().get(nth - 1) {
                return *index;
            }
            assert!(began.elapsed() < at_most, "{what:?}: nobody leads after {at_most:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, index: usize, signal: Signal) {
        kill_process(Pid::from_child(&self.replicas[index]), signal).unwrap();
    }

    /// What the fault does to the leader.
    fn strike(&mut self, fault: Fault, leader: usize) {
        match fault {
            Fault::KillWrapper => self.signal(leader, Signal::KILL),
            Fault::StopWrapper => self.signal(leader, Signal::STOP),
            Fault::Terminate => self.signal(leader, Signal::TERM),
            Fault::KillGuard => {
                let pid = self.replicas[leader].id();
                let guard = guard_of(pid).unwrap_or_else(|| panic!("{pid} has no guard"));
                kill_process(guard, Signal::KILL).unwrap();
            }
            Fault::DeleteLease => self.cluster.delete_lease(&self.lock),
            Fault::CutOff => self.cluster.hold(leader, Leg::Request),
            Fault::HangResponses => self.cluster.hold(leader, Leg::Response),
        }
    }

    /// One fault, until another leads: who does.
    fn round(
        &mut self,
        leader: usize,
        fault: Fault,
        weather: Weather,
        calm: Duration,
        figures: &mut Figures,
    ) -> usize {
        std::thread::sleep(calm);
        assert_eq!(self.starts().len(), self.terms, "a change without a cause");
        for (index, replica) in self.replicas.iter_mut().enumerate() {
            assert_eq!(replica.try_wait().unwrap(), None, "replica {index} ended by itself");
        }
        for bad in weather.faults() {
            self.cluster.begin(&bad);
        }
        let struck = Instant::now();
        self.strike(fault, leader);
        let bound = weather.bound(fault);
        self.terms += 1;
        let next = self.wait_for_start(self.terms, bound + SLACK, (fault, weather));
        let took = struck.elapsed();
        figures.add(fault, weather, took);
        println!("{fault:?}, {weather:?}: {leader} to {next} in {:.2} s", took.as_secs_f64());
        if fault != Fault::DeleteLease {
            assert_ne!(next, leader, "{fault:?}");
        }
        if fault == Fault::StopWrapper {
            std::thread::sleep(STOPPED.saturating_sub(struck.elapsed()));
        }
        self.mend(fault, leader);
        next
    }

    /// Makes the one that was hit a candidate again.
    fn mend(&mut self, fault: Fault, leader: usize) {
        match fault {
            Fault::KillWrapper | Fault::Terminate | Fault::KillGuard => {
                self.replicas[leader].wait().unwrap();
                self.replicas[leader] = self.replica(leader);
            }
            Fault::StopWrapper => self.signal(leader, Signal::CONT),
            Fault::DeleteLease | Fault::CutOff | Fault::HangResponses => {}
        }
        self.cluster.mend();
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for replica in &mut self.replicas {
            _ = kill_process(Pid::from_child(replica), Signal::CONT);
            _ = replica.kill();
            _ = replica.wait();
        }
        if std::thread::panicking() {
            for name in ["log", "0.stderr", "1.stderr", "2.stderr"] {
                let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
                println!("--- {name}\n{text}");
            }
        }
    }
}

/// The only child of a wrapper that leads.
fn guard_of(pid: u32) -> Option<Pid> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.filter_map(Result::ok);
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).next()).find_map(Pid::from_raw)
}

/// What was measured.
#[derive(Default)]
struct Figures {
    /// Of each fault in each weather: how often, the longest failover, and its bound.
    rows: BTreeMap<String, (u32, Duration, Duration)>,
    /// How far the worst was beyond its bound, which knows nothing of starting processes.
    beyond: Option<Duration>,
}

impl Figures {
    fn add(&mut self, fault: Fault, weather: Weather, took: Duration) {
        let bound = weather.bound(fault);
        let row = self.rows.entry(format!("{fault:?}, {weather:?}")).or_insert((0, Duration::ZERO, bound));
        row.0 += 1;
        row.1 = row.1.max(took);
        self.beyond = self.beyond.max(took.checked_sub(bound));
    }

    fn print(&self) {
        println!("{:40} {:>5} {:>9} {:>7}", "fault", "times", "longest s", "bound s");
        for (what, (times, longest, bound)) in &self.rows {
            println!("{what:40} {times:>5} {:>9.2} {:>7.2}", longest.as_secs_f64(), bound.as_secs_f64());
        }
        match self.beyond {
            Some(by) => println!(
                "the worst was {} ms beyond its bound, its processes' start included",
                by.as_millis()
            ),
            None => println!("none was beyond its bound, the processes' start included"),
        }
    }
}

#[test]
fn never_two_commands_at_once_and_always_another_in_time() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let rounds = number("LEASEHOLD_TEST_ROUNDS").unwrap_or(8);
    let mut seed = number("LEASEHOLD_TEST_SEED").unwrap_or(1);
    let mut draw = |n: u64| {
        // splitmix64
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(folder.path(), REPLICAS);
    let mut fleet = Fleet::new(folder, cluster);
    let kinds = Fault::ALL;
    let weathers = if fleet.cluster.is_served() { Weather::ON_SERVE.to_vec() } else { vec![Weather::Fair] };
    let mut figures = Figures::default();
    // Whoever makes the lock waits for LeaseDuration before it leads.
    let mut leader = fleet.wait_for_start(1, LEASE_DURATION + SLACK * 2, "the beginning");
    for round in 0..rounds {
        let fault = kinds[(usize::try_from(round).unwrap() + draw(2)) % kinds.len()];
        let weather = weathers[draw(weathers.len() as u64)];
        leader = fleet.round(
            leader,
            fault,
            weather,
            Duration::from_millis(300 + draw(1_200) as u64),
            &mut figures,
        );
    }
    assert_eq!(fleet.starts().len(), fleet.terms);
    figures.print();
    if !fleet.cluster.is_served() {
        fleet.cluster.delete_lease(&fleet.lock);
    }
}

/// What happens on the way to a cluster of somebody's, tried on the way to one of our own.
#[test]
fn the_way_to_any_cluster_can_be_cut() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), 0);
    let cluster = Cluster::given(served.kubeconfig.clone(), folder.path(), REPLICAS);
    let mut fleet = Fleet::new(folder, cluster);
    let mut leader = fleet.wait_for_start(1, LEASE_DURATION + SLACK * 2, "the beginning");
    for fault in [Fault::CutOff, Fault::HangResponses, Fault::DeleteLease] {
        let calm = Duration::from_millis(500);
        leader = fleet.round(leader, fault, Weather::Fair, calm, &mut Figures::default());
    }
    assert_eq!(fleet.starts().len(), fleet.terms);
}
