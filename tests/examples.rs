//! The examples do what they say, beside `serve`.
#![cfg(all(feature = "adapter", feature = "cli", feature = "serve", unix))]

mod serve;

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use serve::{LEASES, TestServer};
use tempfile::TempDir;

const COUNTER: &str = "/api/v1/namespaces/default/configmaps/example-counter";

/// Where cargo puts an example, beside this test.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.exists(), "first: cargo build --features adapter --examples");
    program
}

/// Longer than anything takes that an example waits for.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    process: Child,
    /// What it writes, on either stream.
    lines: Receiver<String>,
}

impl Running {
    fn start(program: &Path, arguments: &[&str], kubeconfig: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).env("KUBECONFIG", kubeconfig).env("NO_COLOR", "1");
        command.env_remove("KUBERNETES_SERVICE_HOST").env_remove("RUST_LOG").stdin(Stdio::null());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        pass_on(process.stdout.take().unwrap(), sender.clone());
        pass_on(process.stderr.take().unwrap(), sender);
        Self { process, lines }
    }

    /// Reads on until it says so.
    #[track_caller]
    fn says(&self, what: &str) -> String {
        let mut others = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(what) {
                return line;
            }
            others.push(line);
        }
        panic!("it never said {what:?}, but {others:#?}");
    }
}

fn pass_on(stream: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn token(line: &str) -> u64 {
    let (_, token) = line.rsplit_once("token=").unwrap_or_else(|| panic!("{line}"));
    token.parse().unwrap_or_else(|_| panic!("{line}"))
}

fn server() -> (TestServer, TempDir, PathBuf) {
    let (server, folder) = (TestServer::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, &server.kubeconfig).unwrap();
    (server, folder, file)
}

#[test]
fn the_controller_hands_over_when_it_is_told_to_end() {
    let program = built("controller");
    let (server, _folder, kubeconfig) = server();
    let arguments = [
        "--leader-elect-resource-name=mine",
        "--leader-elect-lease-duration=3s",
        "--leader-elect-renew-deadline=2s",
        "--leader-elect-retry-period=500ms",
    ];
    let mut first = Running::start(&program, &arguments, &kubeconfig);
    let before = token(&first.says("reconciling"));
    let second = Running::start(&program, &arguments, &kubeconfig);
    second.says("somebody leads");
    kill_process(Pid::from_child(&first.process), Signal::TERM).unwrap();
    first.says("told to stop");
    assert!(first.process.wait().unwrap().success());
    assert!(token(&second.says("reconciling")) > before);
    let lease = server.ask("GET", &format!("{LEASES}/mine")).send().json();
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    assert!(!holder.is_empty(), "{lease}");
}

#[test]
fn writes_with_an_old_token_are_refused() {
    let program = built("fenced_writes");
    let (server, _folder, kubeconfig) = server();
    let mut first = Running::start(&program, &[], &kubeconfig);
    first.says("count=1 ");
    // It counts on for some seconds, and then gives the Lease up.
    first.says("stopped leading");
    assert!(first.process.wait().unwrap().success());
    let counted = || server.ask("GET", COUNTER).send().json()["data"]["count"].clone();
    let before = counted();
    let newer = json!({"metadata": {"annotations": {"example/fencing-token": "99"}}}).to_string();
    let ask = server.ask("PATCH", COUNTER).header("Content-Type", "application/merge-patch+json");
    assert_eq!(ask.body(newer).send().status, 200);
    let mut second = Running::start(&program, &[], &kubeconfig);
    second.says("Stale { newest: 99 }");
    assert_eq!(second.process.wait().unwrap().code(), Some(1));
    assert_eq!(counted(), before);
}
