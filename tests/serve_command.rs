//! `leasehold serve` as a command: what it refuses, and that it runs until it is told to stop.
#![cfg(feature = "cli")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn leasehold(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.current_dir(folder).arg("serve").args(args).stdin(Stdio::null());
    command
}

fn refused(folder: &Path, args: &[&str]) -> String {
    let Output { status, stderr, .. } = leasehold(folder, args).output().unwrap();
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(2), "{args:?}: {text}");
    text
}

#[test]
fn bad_usage_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crash.yaml"), "faults: [{at: 1s, crash: n1}]\n").unwrap();
    std::fs::write(folder.path().join("typo.yaml"), "faults: [{at: 1s, partitoin: n1}]\n").unwrap();
    for (args, said) in [
        (&["--listen", "0.0.0.0:0"][..], "--allow-remote"),
        (&["--client", "a", "--client", "a"], "`a` cannot be a client's name"),
        (&["--scenario", "missing.yaml"], "missing.yaml"),
        (&["--scenario", "typo.yaml"], "partitoin"),
        (
            &["--scenario", "crash.yaml", "--listen", "127.0.0.1:0"],
            "fault `crash`: a server cannot end or start",
        ),
        (&["--setting", "x"], "--scenario"),
        (&["--listen", "127.0.0.1:0", "--kubeconfig-out", "no/such/folder"], "--kubeconfig-out"),
    ] {
        let text = refused(folder.path(), args);
        assert!(text.contains(said), "{args:?}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn it_runs_until_it_is_told_to_stop() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let scenario = "replicas: 2\nnodes: {n1: {name: left}}\nfaults: [{at: 0s, for: 1s, partition: left}]\n";
    std::fs::write(folder.path().join("cut.yaml"), scenario).unwrap();
    let args = ["--listen", "127.0.0.1:0", "--scenario", "cut.yaml", "--kubeconfig-out", "config"];
    let mut child = leasehold(folder.path(), &args).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on https://127.0.0.1:"), "{line}");
    let config = std::fs::read_to_string(folder.path().join("config")).unwrap();
    for name in ["left", "n2", "admin"] {
        assert!(config.contains(&format!("- name: {name}\n")), "{config}");
    }
    let mode = std::fs::metadata(folder.path().join("config")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
