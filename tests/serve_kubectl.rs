//! The real kubectl against `serve`. Where there is none (and `KUBECTL` names none) the tests say so and do nothing;
//! `.ci/kubectl` installs one.
#![cfg(feature = "serve")]

mod serve;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serve::TestServer;
use tempfile::TempDir;

const LEASE: &str = "apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: lock, namespace: default}
spec: {holderIdentity: a, leaseDurationSeconds: 15, renewTime: \"2026-11-21T06:00:00.000000Z\"}
";

struct Kubectl {
    program: String,
    folder: TempDir,
    server: TestServer,
}

impl Kubectl {
    /// Nothing, if there is no kubectl.
    fn find() -> Option<Self> {
        let program = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".into());
        let version = Command::new(&program).args(["version", "--client"]).output();
        if !version.is_ok_and(|output| output.status.success()) {
            serve::say("skipped: there is no kubectl; .ci/kubectl installs one");
            return None;
        }
        let server = TestServer::start();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("config"), &server.kubeconfig).unwrap();
        fs::write(folder.path().join("lease.yaml"), LEASE).unwrap();
        Some(Self { program, folder, server })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(line.split(' ')).arg("--request-timeout=20s").current_dir(self.path());
        command.env("KUBECONFIG", self.path().join("config")).env("HOME", self.path());
        command.env_remove("KUBERNETES_SERVICE_HOST").stdin(Stdio::null());
        command
    }

    /// Runs it to its end: what it printed.
    #[track_caller]
    fn run(&self, line: &str) -> String {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "kubectl {line}: {stdout}{stderr}");
        stdout.into_owned()
    }

    /// Runs it; it must fail: what it complained about.
    #[track_caller]
    fn fails(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(!output.status.success(), "kubectl {line}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn holder(&self) -> String {
        self.run("get lease lock -o jsonpath={.spec.holderIdentity}")
    }
}

#[test]
fn leases_are_made_shown_changed_and_deleted() {
    let Some(kubectl) = Kubectl::find() else { return };
    assert!(kubectl.run("create -f lease.yaml").contains("lease.coordination.k8s.io/lock created"));
    assert!(kubectl.fails("create -f lease.yaml").contains("AlreadyExists"));
    let table = kubectl.run("get leases");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "HOLDER", "AGE"]);
    assert_eq!(rows[1][..2], ["lock", "a"]);
    assert!(kubectl.run("get leases -A").contains("default"));
    let yaml = kubectl.run("get lease lock -o yaml");
    assert!(yaml.contains("renewTime: \"2026-11-21T06:00:00.000000Z\""), "{yaml}");
    kubectl.run("patch lease lock -p {\"spec\":{\"holderIdentity\":\"b\"}}");
    assert_eq!(kubectl.holder(), "b");
    kubectl.run("patch lease lock --type=merge -p {\"spec\":{\"holderIdentity\":\"c\"}}");
    kubectl.run("patch lease lock --type=json -p [{\"op\":\"test\",\"path\":\"/spec/holderIdentity\",\"value\":\"c\"}]");
    assert_eq!(kubectl.holder(), "c");
    kubectl.run("annotate lease lock note=x");
    kubectl.run("label lease lock app=y");
    assert!(kubectl.run("get leases -l app=y -o name").contains("lease.coordination.k8s.io/lock"));
    let described = kubectl.run("describe lease lock");
    assert!(described.contains("Holder Identity") && described.contains("note: x"), "{described}");
    assert!(kubectl.run("delete lease lock").contains("deleted"));
    assert!(kubectl.fails("get lease lock").contains("NotFound"));
}

#[test]
fn manifests_are_applied_by_either_side() {
    let Some(kubectl) = Kubectl::find() else { return };
    assert!(kubectl.run("apply -f lease.yaml").contains("created"));
    assert!(kubectl.run("apply -f lease.yaml").contains("unchanged"));
    fs::write(kubectl.path().join("lease.yaml"), LEASE.replace("holderIdentity: a", "holderIdentity: b"))
        .unwrap();
    assert!(kubectl.run("apply -f lease.yaml").contains("configured"));
    assert_eq!(kubectl.holder(), "b");
    assert!(kubectl.run("apply --server-side -f lease.yaml").contains("serverside-applied"));
    kubectl.run("patch lease lock --type=merge -p {\"spec\":{\"holderIdentity\":\"c\"}}");
    let conflict = kubectl.fails("apply --server-side -f lease.yaml");
    assert!(conflict.contains("Apply failed with 1 conflict"), "{conflict}");
    kubectl.run("apply --server-side --force-conflicts -f lease.yaml");
    assert_eq!(kubectl.holder(), "b");
    let bad = LEASE.replace("leaseDurationSeconds: 15", "leaseDuration: 15");
    fs::write(kubectl.path().join("bad.yaml"), bad).unwrap();
    assert!(kubectl.fails("apply -f bad.yaml").contains("leaseDuration"));
    kubectl.run("replace -f lease.yaml --force");
    assert!(kubectl.run("explain lease.spec").contains("holderIdentity"));
    assert!(kubectl.run("api-resources").contains("coordination.k8s.io/v1"));
}

#[test]
fn an_editor_changes_a_lease() {
    let Some(kubectl) = Kubectl::find() else { return };
    kubectl.run("create -f lease.yaml");
    let mut edit = kubectl.command("edit lease lock");
    edit.env("KUBE_EDITOR", "sed -i s/holderIdentity:.a/holderIdentity:\\ z/");
    let output = edit.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(kubectl.holder(), "z");
}

#[test]
fn a_watch_shows_changes_as_they_come() {
    let Some(kubectl) = Kubectl::find() else { return };
    kubectl.run("create -f lease.yaml");
    let mut watch = kubectl.command("get leases -w");
    let mut child = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("HOLDER"));
    assert!(lines.next().unwrap().unwrap().contains(" a "));
    kubectl.run("patch lease lock --type=merge -p {\"spec\":{\"holderIdentity\":\"watched\"}}");
    assert!(lines.next().unwrap().unwrap().contains("watched"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn events_are_told_of_their_lease() {
    let Some(kubectl) = Kubectl::find() else { return };
    kubectl.run("create -f lease.yaml");
    let uid = kubectl.run("get lease lock -o jsonpath={.metadata.uid}");
    let event = serde_json::json!({
        "metadata": {"name": "lock.1", "namespace": "default"}, "reason": "LeaderElection",
        "message": "a became leader", "type": "Normal", "count": 1, "source": {"component": "a"},
        "firstTimestamp": "2026-11-21T06:00:00Z", "lastTimestamp": "2026-11-21T06:00:00Z",
        "involvedObject": {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "namespace": "default",
                           "name": "lock", "uid": uid},
    });
    let posted = kubectl.server.ask("POST", "/api/v1/namespaces/default/events").json(&event).send();
    assert_eq!(posted.status, 201, "{}", posted.text());
    assert!(kubectl.run("events --for lease/lock").contains("a became leader"));
    assert!(kubectl.run("get events").contains("lease/lock"));
    assert!(kubectl.run("describe lease lock").contains("a became leader"));
}
