//! `leasehold watch` beside a server on loopback.
#![cfg(all(feature = "adapter", feature = "cli"))]
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::{FakeApi, wait_for};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(10);

fn path(name: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/default/leases/{name}")
}

fn lease(name: &str, holder: &str, renewed_s: u32) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "renewTime": format!("2026-01-01T00:00:{renewed_s:02}.000000Z")},
    })
}

fn renew(api: &FakeApi, name: &str, holder: &str, renewed_s: u32) {
    api.edit(&path(name), |stored| stored["spec"] = lease(name, holder, renewed_s)["spec"].clone());
}

struct Watch {
    child: Child,
    folder: TempDir,
}

impl Watch {
    fn start(api: &FakeApi, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), api.kubeconfig("watcher")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        command
            .args(["watch", "--kubeconfig", "kubeconfig", "-n", "default"])
            .args(args)
            .current_dir(folder.path())
            .stdout(std::fs::File::create(folder.path().join("stdout")).unwrap())
            .stderr(Stdio::inherit());
        Self { child: command.spawn().unwrap(), folder }
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    #[track_caller]
    fn wait_for_line(&self, words: &str) {
        wait_for(words, SOON, || self.file("stdout").contains(words));
    }

    #[track_caller]
    fn wait_for_end(&mut self) {
        let mut status = None;
        wait_for("it ends", SOON, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", self.file("stdout"));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[test]
fn holders_renewals_and_failovers_are_told_and_written() {
    let api = FakeApi::start();
    api.put(&path("lock"), lease("lock", "a", 0));
    let args =
        ["lock", "--renewals", "--gap", "500ms", "--failovers", "2", "--samples", "s.csv", "--replicas", "3"];
    let mut watch = Watch::start(&api, &args);
    watch.wait_for_line("held by a");
    renew(&api, "lock", "a", 1);
    watch.wait_for_line("a renewed after 0.");
    std::thread::sleep(Duration::from_millis(600));
    renew(&api, "lock", "a", 2);
    watch.wait_for_line(": late");
    std::thread::sleep(Duration::from_millis(300));
    renew(&api, "lock", "b", 3);
    watch.wait_for_line("acquired by b, 0.");
    // Too old to go on: it looks at everything again, and misses nothing.
    api.expire_watches();
    renew(&api, "lock", "", 4);
    watch.wait_for_line("released by b");
    renew(&api, "lock", "c", 5);
    watch.wait_for_end();
    let out = watch.file("stdout");
    assert!(out.contains("after the last renewal of a"), "{out}");
    assert!(out.contains("after the release by b"), "{out}");
    let samples = watch.file("s.csv");
    let rows: Vec<Vec<&str>> = samples.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["run", "replicas", "cause", "seconds"]);
    assert_eq!(rows[1][..3], ["0", "3", "expiry"]);
    assert_eq!(rows[2][..3], ["1", "3", "release"]);
    let first: f64 = rows[1][3].parse().unwrap();
    assert!((0.3..5.0).contains(&first), "{first}");
    plots(watch.folder.path(), "s.csv");
}

#[test]
fn a_known_cause_is_what_a_failover_is_counted_from() {
    let api = FakeApi::start();
    api.put(&path("lock"), lease("lock", "a", 0));
    let args = ["lock", "--failovers", "1", "--samples", "s.csv", "--causes", "causes"];
    let mut watch = Watch::start(&api, &args);
    watch.wait_for_line("held by a");
    std::thread::sleep(Duration::from_millis(500));
    let now = jiff::Timestamp::now();
    std::fs::write(watch.folder.path().join("causes"), format!("{now} kill -9, by hand\n")).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    renew(&api, "lock", "b", 3);
    watch.wait_for_end();
    let samples = watch.file("s.csv");
    let row = samples.lines().nth(1).unwrap();
    let seconds: f64 = row.strip_prefix("0,,\"kill -9, by hand\",").unwrap().parse().unwrap();
    assert!((0.2..0.5).contains(&seconds), "{row}");
}

#[test]
fn all_leases_of_a_namespace_are_followed_and_summed_up() {
    let api = FakeApi::start();
    api.put(&path("one"), lease("one", "a", 0));
    let mut watch = Watch::start(&api, &["--format", "json", "--failovers", "1"]);
    watch.wait_for_line("\"lease\":\"default/one\"");
    wait_for("it watches", SOON, || api.watches() == 1);
    api.put(&path("two"), lease("two", "x", 0));
    watch.wait_for_line("\"lease\":\"default/two\"");
    api.delete(&path("two"));
    watch.wait_for_line("\"deleted\"");
    api.put(&path("two"), lease("two", "y", 1));
    watch.wait_for_end();
    let out = watch.file("stdout");
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["what"], &last["cause"]), (&json!("acquired"), &json!("deletion")));
    assert_eq!((&last["holder"], &last["from"]), (&json!("y"), &json!("x")));
}

#[test]
fn a_cluster_that_says_no_is_an_error_and_one_that_goes_away_is_not() {
    let api = FakeApi::start();
    api.put(&path("lock"), lease("lock", "a", 0));
    api.fault("watcher", support::Fault::Refuse(403));
    let mut refused = Watch::start(&api, &["lock"]);
    let mut code = None;
    wait_for("it ends", SOON, || {
        code = refused.child.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.and_then(|status| status.code()), Some(2));

    api.fault("watcher", None);
    let mut watch = Watch::start(&api, &["lock", "--failovers", "1"]);
    watch.wait_for_line("held by a");
    wait_for("it watches", SOON, || api.watches() == 1);
    api.fault("watcher", support::Fault::Refuse(500));
    api.expire_watches();
    std::thread::sleep(Duration::from_millis(300));
    renew(&api, "lock", "b", 1);
    api.fault("watcher", None);
    watch.wait_for_end();
    assert!(watch.file("stdout").contains("acquired by b"));
}

#[test]
fn an_interrupt_leaves_whole_files_and_a_summary() {
    let api = FakeApi::start();
    api.put(&path("lock"), lease("lock", "a", 0));
    let mut watch = Watch::start(&api, &["lock", "--samples", "s.csv"]);
    watch.wait_for_line("held by a");
    wait_for("it watches", SOON, || api.watches() == 1);
    renew(&api, "lock", "b", 1);
    watch.wait_for_line("acquired by b");
    assert!(!watch.folder.path().join("s.csv").exists(), "half a file");
    let kill = Command::new("kill").args(["-INT", &watch.child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    watch.wait_for_end();
    assert_eq!(watch.file("s.csv").lines().count(), 2);
    assert!(watch.file("stdout").contains("default/lock"), "{}", watch.file("stdout"));
}

#[test]
fn a_server_that_lost_its_memory_is_looked_at_anew() {
    let api = FakeApi::start();
    for renewed_s in 0..20 {
        api.put(&path("lock"), lease("lock", "a", renewed_s));
    }
    let mut watch = Watch::start(&api, &["lock", "--failovers", "1"]);
    watch.wait_for_line("held by a");
    wait_for("it watches", SOON, || api.watches() == 1);
    // Its revisions begin again, and are far behind what was seen.
    api.forget();
    api.put(&path("lock"), lease("lock", "b", 30));
    watch.wait_for_end();
    assert!(watch.file("stdout").contains("acquired by b"), "{}", watch.file("stdout"));

    // A revision that is too old is also told by the status of the answer.
    let mut watch = Watch::start(&api, &["lock", "--failovers", "1"]);
    watch.wait_for_line("held by b");
    wait_for("it watches", SOON, || api.watches() == 1);
    renew(&api, "lock", "c", 31);
    watch.wait_for_end();
}

/// The samples are such as `leasehold plot` reads.
fn plots(folder: &Path, file: &str) {
    let plot = Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(["plot", file, "-o", "plot.svg"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(plot.status.success(), "{}", String::from_utf8_lossy(&plot.stderr));
    assert!(folder.join("plot.svg").exists());
}
