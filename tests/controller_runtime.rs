//! Managers of the real controller-runtime, and client-go's own example program, beside `serve`, in real time: killed, terminated and
//! cut off. They are watched as the simulator watches its replicas: who leads from when to when, and whether another leads in time.
//!
//! Needs Go (tests/controller-runtime is a Go module). Where there is none, or its modules cannot be had, the tests say so and do
//! nothing, unless `LEASEHOLD_REQUIRE_GO` is set. With `LEASEHOLD_TEST_SLOW` the example program is also killed, which takes the
//! others a minute to notice.
#![cfg(all(feature = "adapter", feature = "serve", target_os = "linux"))]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "these tests run in real time, and say what they measured"
)]

mod serve;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use leasehold::serve::Options;
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use serve::TestServer;
use tempfile::TempDir;

const REPLICAS: usize = 3;
/// LeaseDuration leaves room for what client-go's leader may take to stop: RetryPeriod + RenewDeadline after the last answer, another
/// RenewDeadline for a release, and a second, to which contents are compared.
const LEASE_DURATION: Duration = Duration::from_secs(6);
const RENEW_DEADLINE: Duration = Duration::from_secs(2);
const RETRY_PERIOD: Duration = Duration::from_millis(500);
/// Processes that start, and a machine that does other things besides.
const SLACK: Duration = Duration::from_secs(3);

#[test]
fn managers_lead_one_at_a_time() {
    let Some(program) = go_build(".", "manager") else { return };
    check_managers(&program, false);
}

#[test]
fn managers_that_release_lead_one_at_a_time() {
    let Some(program) = go_build(".", "releasing-manager") else { return };
    check_managers(&program, true);
}

fn check_managers(program: &Path, release: bool) {
    let mut fleet = Fleet::new(program, release);
    let mut leader = fleet.wait_for_start(1, SLACK * 5, "the beginning");
    let faults = [Fault::Kill, Fault::Terminate, Fault::CutOff, Fault::Terminate, Fault::Kill, Fault::CutOff];
    for (round, fault) in faults.into_iter().enumerate() {
        // So that everybody has seen who leads.
        std::thread::sleep(RETRY_PERIOD * 3);
        let struck = Instant::now();
        fleet.strike(fault, leader);
        let next = fleet.wait_for_start(round + 2, fault.bound(release) + SLACK, fault);
        println!(
            "{fault:?}, release {release}: {leader} to {next} in {:.2} s, at most {:.2} s by the rules",
            struck.elapsed().as_secs_f64(),
            fault.bound(release).as_secs_f64()
        );
        assert_ne!(leader, next);
        fleet.mend(leader);
        leader = next;
    }
    let terms = fleet.terms();
    assert_eq!(terms.len(), faults.len() + 1, "a change without a cause: {terms:?}");
    assert_eq!(overlap(&terms), 0, "two led at once: {terms:?}");
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Kill,
    Terminate,
    CutOff,
}

impl Fault {
    /// The observation lags by a poll at most, and the next poll after expiry by another; a Lease that was released is found by
    /// the next poll.
    fn bound(self, release: bool) -> Duration {
        let poll = RETRY_PERIOD * 11 / 5;
        if self == Self::Terminate && release { poll } else { LEASE_DURATION + poll * 2 }
    }
}

/// One time of leading, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Term {
    replica: usize,
    from: i64,
    to: i64,
}

/// For how many nanoseconds two led.
fn overlap(terms: &[Term]) -> i64 {
    let pairs = terms.iter().enumerate().flat_map(|(i, a)| terms[i + 1..].iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| (a.to.min(b.to) - a.from.max(b.from)).max(0)).sum()
}

#[test]
fn an_overlap_is_seen() {
    let term = |replica, from, to| Term { replica, from, to };
    assert_eq!(overlap(&[term(0, 0, 10), term(1, 10, 20), term(0, 25, 30)]), 0);
    assert_eq!(overlap(&[term(0, 0, 10), term(1, 7, 20)]), 3);
}

struct Fleet {
    program: PathBuf,
    release: bool,
    folder: TempDir,
    server: TestServer,
    replicas: Vec<Child>,
    /// When a process was first seen to be gone: its replica, and the time.
    gone: Vec<(usize, i64)>,
    /// Of each replica, whether that is noted.
    noted: [bool; REPLICAS],
}

impl Fleet {
    fn new(program: &Path, release: bool) -> Self {
        let server = TestServer::start_with(Options::loopback((0..REPLICAS).map(|n| format!("n{n}"))));
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), &server.kubeconfig).unwrap();
        let mut fleet = Self {
            program: program.into(),
            release,
            folder,
            server,
            replicas: Vec::new(),
            gone: Vec::new(),
            noted: [false; REPLICAS],
        };
        for index in 0..REPLICAS {
            fleet.replicas.push(fleet.replica(index));
        }
        fleet
    }

    fn replica(&self, index: usize) -> Child {
        let log =
            File::options().create(true).append(true).open(self.file(&format!("{index}.stderr"))).unwrap();
        Command::new(&self.program)
            .args([
                format!("-name={index}"),
                format!("-context=n{index}"),
                format!("-release-on-cancel={}", self.release),
            ])
            .args([
                format!("-lease-duration={LEASE_DURATION:?}"),
                format!("-renew-deadline={RENEW_DEADLINE:?}"),
            ])
            .arg(format!("-retry-period={RETRY_PERIOD:?}"))
            .args(["-log", "log", "-kubeconfig", "kubeconfig"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All terms so far; one ends when the work is told to stop, or its process is gone.
    fn terms(&self) -> Vec<Term> {
        let log = std::fs::read_to_string(self.file("log")).unwrap_or_default();
        let mut terms: Vec<Term> = Vec::new();
        for line in log.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let (replica, at) = (words[1].parse().unwrap(), words[2].parse().unwrap());
            match words[0] {
                "start" => {
                    let ends = self.gone.iter().filter(|(who, when)| *who == replica && *when > at);
                    let to = ends.map(|(_, when)| *when).min().unwrap_or(i64::MAX);
                    terms.push(Term { replica, from: at, to });
                }
                _ => {
                    let own = terms.iter_mut().rev().find(|term| term.replica == replica);
                    own.expect("what stops has begun").to = at;
                }
            }
        }
        terms
    }

    fn wait_for_start(&mut self, nth: usize, at_most: Duration, what: impl std::fmt::Debug) -> usize {
        let began = Instant::now();
        loop {
            self.note_who_is_gone();
            if let Some(term) = self.terms().get(nth - 1) {
                return term.replica;
            }
            assert!(began.elapsed() < at_most, "{what:?}: nobody leads after {at_most:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn note_who_is_gone(&mut self) {
        for (index, replica) in self.replicas.iter_mut().enumerate() {
            if !self.noted[index] && replica.try_wait().unwrap().is_some() {
                self.noted[index] = true;
                self.gone.push((index, monotonic()));
            }
        }
    }

    fn strike(&mut self, fault: Fault, leader: usize) {
        match fault {
            Fault::Kill => self.replicas[leader].kill().unwrap(),
            Fault::Terminate => kill_process(Pid::from_child(&self.replicas[leader]), Signal::TERM).unwrap(),
            Fault::CutOff => {
                self.control(
                    "POST",
                    &format!("{{link: {{who: n{leader}, leg: request, effect: hang}}, for: 1h}}"),
                );
            }
        }
    }

    /// The one that was hit has ended, also one that was cut off: a manager that loses its Lease does. It is started again.
    fn mend(&mut self, leader: usize) {
        let began = Instant::now();
        while !self.noted[leader] {
            assert!(began.elapsed() < SLACK * 3, "a manager that lost its Lease goes on");
            std::thread::sleep(Duration::from_millis(20));
            self.note_who_is_gone();
        }
        self.control("DELETE", "");
        self.replicas[leader] = self.replica(leader);
        self.noted[leader] = false;
    }

    fn control(&self, method: &str, body: &str) {
        let ask = self.server.ask_without_token(method, "/control/faults");
        let answer =
            ask.header("Authorization", &format!("Bearer {}", self.server.control)).body(body).send();
        assert!((200..300).contains(&answer.status), "{}", answer.text());
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        end(&mut self.replicas, self.folder.path());
    }
}

fn end(replicas: &mut [Child], folder: &Path) {
    for replica in replicas {
        _ = replica.kill();
        _ = replica.wait();
    }
    if std::thread::panicking() {
        for file in ["log", "0.stderr", "1.stderr", "2.stderr"] {
            println!("--- {file}\n{}", std::fs::read_to_string(folder.join(file)).unwrap_or_default());
        }
    }
}

fn monotonic() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// client-go's examples/leader-election, unmodified: 60/15/5 s, releases on SIGTERM.
#[test]
fn the_documented_example_hands_over() {
    let Some(program) = go_build("k8s.io/client-go/examples/leader-election", "example") else { return };
    let server = TestServer::start();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("kubeconfig"), &server.kubeconfig).unwrap();
    let start = |index: usize| {
        let log = File::create(folder.path().join(format!("{index}.stderr"))).unwrap();
        Command::new(&program)
            .args(["-kubeconfig", "kubeconfig", "-lease-lock-name=example", "-lease-lock-namespace=default"])
            .arg(format!("-id={index}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    };
    let mut replicas: Vec<Child> = (0..REPLICAS).map(start).collect();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        example_hands_over(&mut replicas, folder.path());
    }));
    end(&mut replicas, folder.path());
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn example_hands_over(replicas: &mut [Child], folder: &Path) {
    let text =
        |index: usize| std::fs::read_to_string(folder.join(format!("{index}.stderr"))).unwrap_or_default();
    let mut out = Vec::new();
    let next_leader = |at_most: Duration, out: &[usize]| {
        let began = Instant::now();
        loop {
            let leads = |index: &usize| !out.contains(index) && text(*index).contains("Controller loop...");
            let leaders: Vec<usize> = (0..REPLICAS).filter(leads).collect();
            assert!(leaders.len() < 2, "two lead: {leaders:?}");
            if let Some(leader) = leaders.first() {
                return (*leader, began.elapsed());
            }
            assert!(began.elapsed() < at_most, "nobody leads after {at_most:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let poll = Duration::from_secs(11);
    let (first, _) = next_leader(SLACK * 5, &out);
    std::thread::sleep(Duration::from_secs(1));
    kill_process(Pid::from_child(&replicas[first]), Signal::TERM).unwrap();
    let status = replicas[first].wait().unwrap();
    assert!(status.success() && text(first).contains("Leader lost"), "{status}: {}", text(first));
    out.push(first);
    let (second, took) = next_leader(poll + SLACK, &out);
    println!(
        "the example released, and another led after {:.2} s, at most {poll:?} by the rules",
        took.as_secs_f64()
    );
    if std::env::var_os("LEASEHOLD_TEST_SLOW").is_none() {
        serve::say("skipped: killing the example, for LEASEHOLD_TEST_SLOW is not set");
        return;
    }
    std::thread::sleep(Duration::from_secs(1));
    replicas[second].kill().unwrap();
    out.push(second);
    let bound = Duration::from_secs(60) + poll * 2;
    let (_, took) = next_leader(bound + SLACK, &out);
    println!(
        "the example was killed, and another led after {:.2} s, at most {bound:?} by the rules",
        took.as_secs_f64()
    );
}

/// Builds a program of the module tests/controller-runtime; `None`, said, where that is not possible.
fn go_build(package: &str, name: &str) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controller-runtime");
    let built =
        Command::new("go").args(["build", "-o"]).arg(&program).arg(package).current_dir(module).output();
    let why = match built {
        Ok(output) if output.status.success() => return Some(program),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("go: {error}"),
    };
    assert!(std::env::var_os("LEASEHOLD_REQUIRE_GO").is_none(), "{why}");
    serve::say(&format!("skipped: {package} cannot be built: {why}"));
    None
}
