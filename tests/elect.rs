//! `leasehold elect` as processes: what becomes of the command when its wrapper is stopped, killed, cut off or told to end.
//!
//! Every command holds a file lock as long as anything of it lives, and says so if it cannot have it: two at once
//! do not go unnoticed.
#![cfg(all(feature = "adapter", feature = "cli", target_os = "linux"))]
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::{FakeApi, Fault, wait_for};
use tempfile::TempDir;

const LEASE_DURATION: Duration = Duration::from_secs(2);
const RENEW_DEADLINE: Duration = Duration::from_millis(1_400);
/// LeaseDuration, the polls around it, and processes that start on a busy machine.
const FAILOVER: Duration = Duration::from_secs(10);

/// Takes the lock, says its token and number, and lives on.
const COMMAND: &str = r#"
exec 9>>lock
flock -n 9 || { echo "overlap $LEASEHOLD_IDENTITY" >> log; exit 1; }
echo "start $LEASEHOLD_IDENTITY $LEASEHOLD_FENCING_TOKEN $$" >> log
"#;

struct Fleet {
    api: FakeApi,
    folder: TempDir,
    replicas: Vec<(String, Child)>,
}

/// What a command wrote when it began.
#[derive(Clone, Debug)]
struct Start {
    replica: String,
    token: u64,
    pid: Pid,
}

impl Fleet {
    fn new() -> Self {
        Self { api: FakeApi::start(), folder: tempfile::tempdir().unwrap(), replicas: Vec::new() }
    }

    fn command(&self, name: &str, options: &[&str], script: &str) -> Command {
        let kubeconfig = self.folder.path().join(format!("{name}.kubeconfig"));
        std::fs::write(&kubeconfig, self.api.kubeconfig(name)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        command
            .args(["elect", "--identity", name, "--kubeconfig"])
            .arg(kubeconfig)
            .args(["--leader-elect-resource-name", "lock", "--trust-fresh-namespace"])
            .args(["--leader-elect-lease-duration", "2s", "--leader-elect-renew-deadline", "1400ms"])
            .args(["--leader-elect-retry-period", "300ms"])
            .args(options)
            .args(["--", "sh", "-c", script])
            .current_dir(self.folder.path())
            .stderr(std::fs::File::create(self.folder.path().join(format!("{name}.stderr"))).unwrap());
        command
    }

    fn start(&mut self, name: &str, options: &[&str], script: &str) {
        let child = self.command(name, options, script).spawn().unwrap();
        self.replicas.push((name.to_owned(), child));
    }

    /// Three replicas whose command sleeps.
    fn three() -> Self {
        let mut fleet = Self::new();
        for name in ["a", "b", "c"] {
            fleet.start(name, &[], &format!("{COMMAND} exec sleep 1000"));
        }
        fleet
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn starts(&self) -> Vec<Start> {
        let log = self.log();
        assert!(!log.contains("overlap"), "two commands were alive at once:\n{log}{}", self.stderr());
        let lines = log.lines().filter_map(|line| line.strip_prefix("start "));
        let words = lines.map(|line| line.split(' ').collect::<Vec<_>>()).filter(|words| words.len() == 3);
        let starts = words.map(|words| Start {
            replica: words[0].to_owned(),
            token: words[1].parse().unwrap(),
            pid: Pid::from_raw(words[2].parse().unwrap()).unwrap(),
        });
        starts.collect()
    }

    /// Waits until so many commands have begun in all, and returns the last.
    #[track_caller]
    fn wait_for_start(&self, nth: usize) -> Start {
        wait_for("a command starts", FAILOVER, || self.starts().len() >= nth);
        let starts = self.starts();
        assert!(starts.is_sorted_by_key(|start| start.token), "{starts:?}");
        starts.last().unwrap().clone()
    }

    fn wrapper(&self, name: &str) -> Pid {
        Pid::from_child(&self.replicas.iter().find(|(known, _)| known == name).unwrap().1)
    }

    fn signal(&self, name: &str, signal: Signal) {
        kill_process(self.wrapper(name), signal).unwrap();
    }

    fn exit_code(&mut self, name: &str) -> Option<i32> {
        let (_, child) = self.replicas.iter_mut().find(|(known, _)| known == name).unwrap();
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < FAILOVER, "{name} does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stderr(&self) -> String {
        let read = |(name, _): &(String, Child)| {
            let file = self.folder.path().join(format!("{name}.stderr"));
            format!("--- {name}\n{}", std::fs::read_to_string(file).unwrap_or_default())
        };
        self.replicas.iter().map(read).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for (_, child) in &mut self.replicas {
            _ = kill_process(Pid::from_child(child), Signal::CONT);
            _ = child.kill();
            _ = child.wait();
        }
        if std::thread::panicking() {
            let mut error = std::io::stderr().lock();
            _ = writeln!(error, "{}\n{}", self.log(), self.stderr());
        }
    }
}

fn is_alive(pid: Pid) -> bool {
    // A zombie is as dead as can be, whoever has yet to collect it.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
    test_kill_process(pid).is_ok() && !stat.contains(") Z ")
}

/// The answer of `--listen`.
fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The processes whose parent this is.
fn children(pid: Pid) -> Vec<Pid> {
    let pid = pid.as_raw_pid();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().filter_map(Result::ok);
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .filter_map(Pid::from_raw)
        .collect()
}

#[test]
fn killing_the_leading_wrapper_kills_its_command_and_another_takes_over() {
    let fleet = Fleet::three();
    let first = fleet.wait_for_start(1);
    let killed = Instant::now();
    fleet.signal(&first.replica, Signal::KILL);
    wait_for("the command dies", RENEW_DEADLINE, || !is_alive(first.pid));
    let second = fleet.wait_for_start(2);
    assert_ne!(second.replica, first.replica);
    assert!(killed.elapsed() >= LEASE_DURATION - Duration::from_millis(350), "{:?}", killed.elapsed());
}

#[test]
fn a_stopped_wrapper_loses_its_command_in_time_and_contends_again() {
    let fleet = Fleet::three();
    let first = fleet.wait_for_start(1);
    let stopped = Instant::now();
    fleet.signal(&first.replica, Signal::STOP);
    wait_for("the command dies", LEASE_DURATION, || !is_alive(first.pid));
    assert!(stopped.elapsed() >= RENEW_DEADLINE - Duration::from_millis(350), "{:?}", stopped.elapsed());
    let second = fleet.wait_for_start(2);
    assert_ne!(second.replica, first.replica);
    std::thread::sleep(Duration::from_secs(2));
    fleet.signal(&first.replica, Signal::CONT);
    std::thread::sleep(Duration::from_secs(1));
    assert!(is_alive(second.pid));
    // The one that was stopped is back among the candidates.
    for (name, _) in fleet.replicas.iter().filter(|(name, _)| *name != first.replica) {
        fleet.signal(name, Signal::KILL);
    }
    assert_eq!(fleet.wait_for_start(3).replica, first.replica);
}

#[test]
fn sigterm_stops_the_command_and_frees_the_lock() {
    let mut fleet = Fleet::three();
    let first = fleet.wait_for_start(1);
    let told = Instant::now();
    fleet.signal(&first.replica, Signal::TERM);
    assert_eq!(fleet.exit_code(&first.replica), Some(0));
    assert!(!is_alive(first.pid));
    let second = fleet.wait_for_start(2);
    assert_ne!(second.replica, first.replica);
    assert!(told.elapsed() < LEASE_DURATION, "the lock was not released: {:?}", told.elapsed());
}

#[test]
fn a_leader_that_is_cut_off_stops_its_command_before_another_starts() {
    for fault in [Fault::Hang, Fault::LoseResponses, Fault::Refuse(500)] {
        let fleet = Fleet::three();
        let first = fleet.wait_for_start(1);
        fleet.api.fault(&first.replica, fault);
        let second = fleet.wait_for_start(2);
        assert_ne!(second.replica, first.replica);
        assert!(!is_alive(first.pid), "{fault:?}");
    }
}

#[test]
fn a_command_that_ignores_sigterm_is_killed_before_anybody_else_may_lead() {
    let mut fleet = Fleet::new();
    // With a child in a session of its own, which no signal to the group reaches.
    let stubborn = format!(
        "trap '' TERM; {COMMAND} setsid sh -c 'while :; do sleep 0.1; done' & while :; do sleep 0.1; done"
    );
    fleet.start("a", &[], &stubborn);
    fleet.start("b", &[], &stubborn);
    let first = fleet.wait_for_start(1);
    fleet.api.fault(&first.replica, Fault::Hang);
    // The second would find the lock held if anything of the first were left.
    let second = fleet.wait_for_start(2);
    assert_ne!(second.replica, first.replica);
}

#[test]
fn the_command_does_not_outlive_a_guard_that_is_killed_or_stopped() {
    for signal in [Signal::KILL, Signal::STOP] {
        let mut fleet = Fleet::new();
        let script = format!("{COMMAND} setsid sleep 1000 & sleep 1000");
        fleet.start("a", &["--once"], &script);
        let start = fleet.wait_for_start(1);
        let guard = children(fleet.wrapper("a"))[0];
        kill_process(guard, signal).unwrap();
        if signal == Signal::STOP {
            fleet.api.fault("a", Fault::Hang);
        }
        wait_for("the command dies", LEASE_DURATION, || !is_alive(start.pid));
        // 128 + 9, or the loss of the lock.
        let expected = if signal == Signal::KILL { 137 } else { 1 };
        assert_eq!(fleet.exit_code("a"), Some(expected));
        // Nothing else of it is left either.
        let lock = fleet.folder.path().join("lock");
        let free = Command::new("flock").arg("-n").arg(&lock).arg("true").status().unwrap();
        assert!(free.success());
    }
}

#[test]
fn the_commands_own_end_is_the_wrappers_and_frees_the_lock() {
    let mut fleet = Fleet::new();
    for (script, code) in
        [("exit 0", 0), ("exit 7", 7), ("kill -USR1 $$", 138), ("exec ./nothing-there", 127)]
    {
        fleet.start("a", &["--no-events"], script);
        assert_eq!(fleet.exit_code("a"), Some(code), "{script}");
        assert_eq!(fleet.api.holder("lock"), "");
        fleet.replicas.clear();
    }
    fleet.start("a", &[], "exit 0");
    assert_eq!(fleet.exit_code("a"), Some(0));
    let span = "leader_election{lock=default/lock identity=a}: became leader";
    assert!(fleet.stderr().contains(span), "{}", fleet.stderr());
    let output = fleet.command("a", &[], "").args(["too", "many"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "arguments are the command's");
}

#[test]
fn a_second_of_grace_is_a_second_and_the_lock_is_kept_meanwhile() {
    let mut fleet = Fleet::new();
    fleet.start(
        "a",
        &["--grace", "3s"],
        &format!("trap 'sleep 1000' TERM; {COMMAND} while :; do sleep 0.1; done"),
    );
    let start = fleet.wait_for_start(1);
    let told = Instant::now();
    fleet.signal("a", Signal::TERM);
    std::thread::sleep(Duration::from_millis(2_500));
    // Longer than the deadline that was known when it was told.
    assert!(is_alive(start.pid));
    assert_eq!(fleet.api.holder("lock"), "a");
    assert_eq!(fleet.exit_code("a"), Some(0));
    assert!(told.elapsed() >= Duration::from_secs(3), "{:?}", told.elapsed());
    assert_eq!(fleet.api.holder("lock"), "");
}

#[test]
fn probes_and_scrapers_are_answered() {
    let mut fleet = Fleet::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fleet.start("a", &["--listen", &format!("127.0.0.1:{port}")], &format!("{COMMAND} exec sleep 1000"));
    fleet.wait_for_start(1);
    let get = |path: &str| get(port, path);
    for path in ["/healthz", "/readyz", "/leaderz"] {
        assert!(get(path).starts_with("HTTP/1.1 200"), "{path}: {}", get(path));
    }
    assert!(
        get("/metrics").contains("leader_election_master_status{name=\"lock\"} 1"),
        "{}",
        get("/metrics")
    );
    assert!(get("/").starts_with("HTTP/1.1 404"));
    // It stops leading and has nobody to give the lock to: no leader, and as healthy as before.
    fleet.api.fault("a", Fault::Hang);
    wait_for("it does not lead", FAILOVER, || get("/leaderz").starts_with("HTTP/1.1 503"));
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(get("/metrics").contains("leader_election_master_status{name=\"lock\"} 0"));
}

#[test]
fn the_dead_whom_the_command_leaves_behind_are_collected() {
    let mut fleet = Fleet::new();
    // Each `sleep` loses its parent at once, and dies while the command lives on.
    fleet.start("a", &[], &format!("{COMMAND} for i in 1 2 3; do (sleep 1 &); done; exec sleep 1000"));
    let start = fleet.wait_for_start(1);
    let guard = children(fleet.wrapper("a"))[0];
    wait_for("they are adopted", FAILOVER, || children(guard).len() > 1);
    wait_for("they are collected", FAILOVER, || children(guard) == [start.pid]);
}

#[test]
fn as_the_first_process_of_a_container_it_collects_the_dead() {
    let mut fleet = Fleet::new();
    let command = fleet.command("a", &[], &format!("{COMMAND} exec sleep 1000"));
    let contain = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let possible = Command::new("unshare").args(contain).arg("true").stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        _ = writeln!(std::io::stderr().lock(), "skipped: no container can be made here");
        return;
    }
    let mut contained = Command::new("unshare");
    contained.args(contain).arg(command.get_program());
    contained.args(command.get_args()).current_dir(fleet.folder.path());
    let child = contained.stderr(Stdio::null()).spawn().unwrap();
    let outside = Pid::from_child(&child);
    fleet.replicas.push(("a".to_owned(), child));
    fleet.wait_for_start(1);
    let wrapper = children(outside)[0];
    // What `kubectl exec` leaves behind when it ends.
    let enter = format!("--target={}", wrapper.as_raw_pid());
    let left = ["--pid", "--mount", "sh", "-c", "sleep 0.2 & sleep 0.1"];
    assert!(Command::new("nsenter").arg(enter).args(left).status().unwrap().success());
    wait_for("it is adopted", FAILOVER, || children(wrapper).len() == 2);
    wait_for("it is collected", FAILOVER * 2, || children(wrapper).len() == 1);
}

#[test]
fn signals_to_every_process_at_once_leave_the_command_its_grace() {
    let mut fleet = Fleet::new();
    let script =
        format!("trap 'sleep 0.5; echo wound up >> log; exit' TERM; {COMMAND} while :; do sleep 0.05; done");
    fleet.start("a", &[], &script);
    let start = fleet.wait_for_start(1);
    let guard = children(fleet.wrapper("a"))[0];
    // As systemd does. The guard is sent its own first.
    for pid in [guard, start.pid, fleet.wrapper("a")] {
        kill_process(pid, Signal::TERM).unwrap();
    }
    assert_eq!(fleet.exit_code("a"), Some(0));
    assert!(fleet.log().contains("wound up"), "{}", fleet.log());
    assert_eq!(fleet.api.holder("lock"), "");
}

#[test]
fn signals_that_do_not_end_it_are_the_commands() {
    let mut fleet = Fleet::new();
    let script = format!(
        "trap 'echo hup >> log' HUP; trap 'echo usr1 >> log' USR1; trap 'echo usr2 >> log; exit 3' USR2; \
         {COMMAND} while :; do sleep 0.05; done"
    );
    fleet.start("a", &[], &script);
    fleet.wait_for_start(1);
    for (signal, word) in [(Signal::HUP, "hup"), (Signal::USR1, "usr1"), (Signal::HUP, "hup\nusr1\nhup")] {
        fleet.signal("a", signal);
        wait_for(word, FAILOVER, || fleet.log().contains(word));
    }
    // A candidate has no use for them, and outlives them.
    fleet.start("b", &[], &script);
    wait_for("b waits", FAILOVER, || fleet.stderr().contains("identity=b}: new leader"));
    fleet.signal("b", Signal::USR1);
    fleet.signal("a", Signal::USR2);
    assert_eq!(fleet.exit_code("a"), Some(3));
    assert_eq!(fleet.wait_for_start(2).replica, "b");
    fleet.signal("b", Signal::QUIT);
    assert_eq!(fleet.exit_code("b"), Some(0));
    assert_eq!(fleet.api.holder("lock"), "");
}

#[test]
fn without_election_the_command_runs_at_once_and_probes_are_answered() {
    let mut fleet = Fleet::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let options = ["--leader-elect=false", "--listen", &listen];
    fleet.start(
        "a",
        &options,
        "echo \"start $LEASEHOLD_IDENTITY ${LEASEHOLD_FENCING_TOKEN:-0} $$\" >> log; exec sleep 1000",
    );
    let start = fleet.wait_for_start(1);
    assert_eq!((start.replica.as_str(), start.token), ("a", 0));
    for path in ["/healthz", "/readyz", "/leaderz"] {
        assert!(get(port, path).starts_with("HTTP/1.1 200"), "{path}");
    }
    fleet.signal("a", Signal::TERM);
    assert_eq!(fleet.exit_code("a"), Some(0));
    assert!(!is_alive(start.pid));
    assert_eq!(fleet.api.requests(), 0);
    fleet.replicas.clear();
    fleet.start("a", &["--leader-elect=false"], "exit 7");
    assert_eq!(fleet.exit_code("a"), Some(7));
}

#[test]
fn a_proxy_is_used_where_it_is_meant_to_be() {
    let fleet = Fleet::new();
    // The environment's is not for this machine, nor for what is excepted: it would be tried in vain.
    let dead = ("HTTPS_PROXY", "http://127.0.0.1:9");
    let output = fleet.command("a", &[], "exit 4").env(dead.0, dead.1).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", fleet.stderr());

    // One that the kubeconfig names is.
    let proxy = support::Network::start_proxy();
    let kubeconfig = fleet.api.kubeconfig("a");
    let named = format!("proxy-url: 'http://{}', server:", proxy.address);
    let through = fleet.folder.path().join("through");
    std::fs::write(&through, kubeconfig.replace("server:", &named)).unwrap();
    let mut command = fleet.command("a", &[], "exit 5");
    let args: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
    let args = args
        .into_iter()
        .map(|arg| if arg.to_string_lossy().ends_with(".kubeconfig") { through.clone().into() } else { arg });
    command = Command::new(command.get_program());
    assert_eq!(command.args(args).output().unwrap().status.code(), Some(5));
    assert!(proxy.connections() > 0);
}

#[test]
fn mistakes_are_told_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| -> Output {
        Command::new(env!("CARGO_BIN_EXE_leasehold"))
            .arg("elect")
            .args(args)
            .current_dir(&folder)
            .env_remove("KUBERNETES_SERVICE_HOST")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, FakeApi::start().kubeconfig("a")).unwrap();
    let missing: PathBuf = folder.path().join("missing");
    let (kubeconfig, missing) = (kubeconfig.to_str().unwrap(), missing.to_str().unwrap());
    let name = "--leader-elect-resource-name=lock";
    for (args, words) in [
        (vec![name], "COMMAND"),
        (vec!["--kubeconfig", kubeconfig, "--", "true"], "--leader-elect-resource-name"),
        (vec![name, "--kubeconfig", missing, "--", "true"], missing),
        (
            vec![name, "--kubeconfig", kubeconfig, "--leader-elect-renew-deadline=15s", "--", "true"],
            "LeaseDuration",
        ),
        (vec![name, "--kubeconfig", kubeconfig, "--leader-elect-retry-period=2", "--", "true"], "like 15s"),
        (vec![name, "--kubeconfig", kubeconfig, "--listen=192.0.2.1:80", "--", "true"], "--listen"),
    ] {
        let output = run(&args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(words), "{args:?}: {error}");
    }
}
