//! The examples do what they say, beside `serve`.
#![cfg(all(feature = "adapter", feature = "cli", feature = "serve", unix))]

mod serve;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

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

struct Running {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(program: &Path, arguments: &[&str], kubeconfig: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).env("KUBECONFIG", kubeconfig).env("NO_COLOR", "1");
        command.env_remove("KUBERNETES_SERVICE_HOST").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Reads on until it says so.
    #[track_caller]
    fn says(&mut self, what: &str) -> String {
        let mut others = Vec::new();
        for line in self.lines.by_ref().map(Result::unwrap) {
            if line.contains(what) {
                return line;
            }
            others.push(line);
        }
        panic!("it ended and never said {what:?}, but {others:#?}");
    }
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
    let mut second = Running::start(&program, &arguments, &kubeconfig);
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
    let began = token(&first.says("count=1 "));
    assert_eq!(token(&first.says("count=10 ")), began);
    assert!(first.process.wait().unwrap().success());
    let newer = json!({"metadata": {"annotations": {"example/fencing-token": "99"}}}).to_string();
    let ask = server.ask("PATCH", COUNTER).header("Content-Type", "application/merge-patch+json");
    assert_eq!(ask.body(newer).send().status, 200);
    let mut second = Running::start(&program, &[], &kubeconfig);
    assert_eq!(second.process.wait().unwrap().code(), Some(1));
    let counter = server.ask("GET", COUNTER).send().json();
    assert_eq!(counter["data"]["count"], "10", "{counter}");
}
