//! The command as its users meet it: results, exit codes, errors, files, interruption.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods, reason = "a process is interrupted after some real time")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn leasehold(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.args(args).current_dir(folder).output().expect("the command starts")
}

fn scenario(path: &str) -> String {
    format!("{}/sim-scenarios/{path}", env!("CARGO_MANIFEST_DIR"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// What is in a folder, by name.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a temporary file can be written");
    path
}

#[test]
fn the_same_command_gives_the_same_bytes_with_any_number_of_threads() {
    let crash = scenario("baseline/leader-crash.yaml");
    let run = |threads: &str| {
        let folder = folder();
        let output = leasehold(
            folder.path(),
            &[
                "run",
                &crash,
                "--runs",
                "3000",
                "--format",
                "json",
                "--threads",
                threads,
                "--samples",
                "s.csv",
                "--trace",
                "t.jsonl",
                "--pick-run",
                "slowest",
                "--timeline",
                "t.svg",
                "--plot",
                "p.svg",
            ],
        );
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let file = |name: &str| std::fs::read(folder.path().join(name)).expect("it was asked for");
        [output.stdout, file("s.csv"), file("t.jsonl"), file("t.svg"), file("p.svg")]
    };
    let first = run("1");
    assert!(first.iter().all(|bytes| !bytes.is_empty()));
    assert!(run("1") == first, "the same command twice");
    assert!(run("2") == first, "one thread and two");
    assert!(run("5") == first, "one thread and five");
}

#[test]
fn another_seed_gives_other_runs() {
    let crash = scenario("baseline/leader-crash.yaml");
    let run = |seed| {
        leasehold(folder().path(), &["run", &crash, "--runs", "50", "--format", "json", "--seed", seed])
            .stdout
    };
    assert_ne!(run("1"), run("2"));
}

#[test]
fn the_command_in_a_trace_reproduces_it() {
    let folder = folder();
    let file = scenario("two-leaders/late-response.yaml");
    let first = leasehold(
        folder.path(),
        &[
            "run",
            &file,
            "--setting",
            "client-go",
            "--runs",
            "40",
            "--seed",
            "9",
            "--trace",
            "a.jsonl",
            "--no-expect",
        ],
    );
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let trace = std::fs::read_to_string(folder.path().join("a.jsonl")).expect("it was asked for");
    let head: serde_json::Value =
        serde_json::from_str(trace.lines().next().expect("a header")).expect("the header is JSON");
    assert_eq!(head["leasehold_trace"], 1);
    assert_eq!(head["seed"], 9);
    let command = head["command"].as_str().expect("the header has a command");
    let args: Vec<&str> = command.split(' ').skip(1).collect();
    std::fs::remove_file(folder.path().join("a.jsonl")).expect("it is there");
    let _second = leasehold(folder.path(), &args);
    let again = std::fs::read_to_string(folder.path().join("a.jsonl")).expect("the command writes it again");
    assert_eq!(again, trace);
}

#[test]
fn samples_have_a_row_for_every_failover() {
    let folder = folder();
    let crash = scenario("baseline/leader-crash.yaml");
    let output =
        leasehold(folder.path(), &["run", &crash, "--runs", "500", "--replicas", "5", "--samples", "s.csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let csv = std::fs::read_to_string(folder.path().join("s.csv")).expect("it was asked for");
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("run,replicas,cause,seconds"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 500);
    for (run, row) in rows.iter().enumerate() {
        assert_eq!((row[0], row[1], row[2]), (run.to_string().as_str(), "5", "crash"));
        let seconds: f64 = row[3].parse().expect("seconds are a number");
        assert!((10.0..30.0).contains(&seconds), "{seconds}");
    }
}

#[test]
fn exit_codes_tell_failed_from_inconclusive() {
    let folder = folder();
    let fails = write(folder.path(), "fails.yaml", "duration: 40s\nexpect: {terms: 7}\n");
    let nothing = write(folder.path(), "nothing.yaml", "duration: 40s\nexpect: {failover_s.p99: \"< 20\"}\n");
    let code = |paths: &[&PathBuf], more: &[&str]| {
        let mut args = vec!["run"];
        args.extend(paths.iter().map(|path| path.to_str().expect("the path is UTF-8")));
        args.extend(more);
        let output = leasehold(folder.path(), &args);
        (output.status.code(), text(&output.stdout))
    };
    let (failed, shown) = code(&[&fails], &[]);
    assert_eq!(failed, Some(1));
    assert!(shown.contains("fails.yaml:2:17: expected terms = 7, measured 1"), "{shown}");
    assert_eq!(code(&[&nothing], &[]).0, Some(3), "what was not measured is no success");
    assert_eq!(code(&[&nothing, &fails], &[]).0, Some(1), "a failure weighs more");
    assert_eq!(code(&[&fails], &["--no-expect"]).0, Some(0));
    assert_eq!(code(&[&fails], &["--set", "expect.terms=1"]).0, Some(0));
}

/// Arguments, and what the error must contain.
const BAD: [(&[&str], &str); 22] = [
    (&["run", "no-unit.yaml"], "no-unit.yaml:1:27"),
    (&["run", "no-unit.yaml"], "`15` has no unit"),
    (&["run", "unknown.yaml"], "did you mean `replicas`?"),
    (&["run", "deadline.yaml"], "leaseDuration must be greater than renewDeadline"),
    (&["run", "cycle.yaml"], "cycle.yaml:"),
    (&["run", "late.yaml"], "late.yaml:"),
    (&["run", "missing.yaml"], "missing.yaml: cannot read"),
    (&["run", "empty"], "no scenario in it"),
    (&["run", "good.yaml", "--runs", "many"], "--runs many"),
    (&["run", "good.yaml", "--runs", "0"], "runs"),
    (&["run", "good.yaml", "--lease-duration", "5"], "has no unit"),
    (&["run", "good.yaml", "--set", "nonsense"], "PATH=VALUE"),
    (&["run", "good.yaml", "--setting", "other"], "no setting is called `other`"),
    (&["run", "good.yaml", "--pick-run", "99", "--show"], "there are 2 runs"),
    (&["run", "good.yaml", "--timeline", "x.pdf"], "ends in .svg, .png or .txt"),
    (&["run", "good.yaml", "--replicas", "65"], "65 replicas are too many"),
    (&["run", "good.yaml", "--set", "duration=109500d"], "too long"),
    (&["run", "good.yaml", "--timeline", "good.yaml.svg", "--plot", "good.yaml.svg"], "written twice"),
    (&["run", "good.yaml", "--timeline", "empty/no/x.svg"], "cannot write there"),
    (&["run", "input.svg.yaml", "--timeline", "link.svg"], "is read as input"),
    (&["replay", "good.yaml"], "good.yaml:1:"),
    (&["plot", "good.yaml", "-o", "p.svg"], "no column"),
];

#[cfg(unix)]
#[test]
fn bad_input_gives_one_clear_error_and_leaves_nothing() {
    let folder = folder();
    write(folder.path(), "good.yaml", "runs: 2\nduration: 30s\n");
    write(folder.path(), "no-unit.yaml", "timings: {lease_duration: 15}\n");
    write(folder.path(), "unknown.yaml", "replica: 3\n");
    write(folder.path(), "deadline.yaml", "timings: {renew_deadline: 20s}\n");
    write(
        folder.path(),
        "cycle.yaml",
        "faults:\n  - {name: a, after: b, crash: n1}\n  - {name: b, after: a, crash: n1}\n",
    );
    write(folder.path(), "late.yaml", "duration: 10s\nfaults:\n  - {at: 20s, crash: n1}\n");
    std::fs::create_dir(folder.path().join("empty")).expect("a folder can be made");
    let input = write(folder.path(), "input.svg.yaml", "runs: 1\nduration: 30s\n");
    std::os::unix::fs::symlink(input, folder.path().join("link.svg")).expect("a link can be made");
    let before = files(folder.path());
    for (args, expected) in BAD {
        let mut args = args.to_vec();
        if args[0] == "run" {
            args.extend(["--samples", "s.csv", "--trace", "t.jsonl", "--plot", "p.svg"]);
        }
        let output = leasehold(folder.path(), &args);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.starts_with("error: ") && error.contains(expected), "{args:?}: {error}");
        assert_eq!(files(folder.path()), before, "{args:?} left something behind");
    }
}

#[test]
fn bad_usage_exits_with_2() {
    for args in [&["run"][..], &["walk"], &["run", "x.yaml", "--threads", "0"], &["replay"], &[]] {
        assert_eq!(leasehold(folder().path(), args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(leasehold(folder().path(), &["run", "--help"]).status.code(), Some(0));
}

#[test]
fn a_file_that_cannot_be_written_is_found_out_before_the_runs() {
    let folder = folder();
    let crash = scenario("baseline/leader-crash.yaml");
    let output = leasehold(folder.path(), &["run", &crash, "--samples", "no/such/folder/s.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("s.csv"), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_a_pipe_is_written_to() {
    let folder = folder();
    let real = write(folder.path(), "real.csv", "");
    std::os::unix::fs::symlink(&real, folder.path().join("link.csv")).expect("a link can be made");
    let crash = scenario("baseline/leader-crash.yaml");
    let run =
        |samples: &str| leasehold(folder.path(), &["run", &crash, "--runs", "3", "-q", "--samples", samples]);
    assert_eq!(run("link.csv").status.code(), Some(0));
    let link = folder.path().join("link.csv").symlink_metadata().expect("it is there");
    assert!(link.is_symlink(), "the link is still one");
    assert_eq!(std::fs::read_to_string(&real).expect("it is there").lines().count(), 4);
    let piped = run("/dev/stdout");
    assert_eq!(piped.status.code(), Some(0), "{}", text(&piped.stderr));
    assert!(
        text(&piped.stdout).contains("run,replicas,cause,seconds\n0,3,crash,"),
        "{}",
        text(&piped.stdout)
    );
}

/// Waits until the command has begun its runs: until its temporary file has at least so many bytes, and a moment.
#[cfg(unix)]
fn wait_for_temporary_file(folder: &Path, bytes: u64) {
    let begun = || {
        std::fs::read_dir(folder).expect("the folder is there").any(|entry| {
            let entry = entry.expect("it can be read");
            let temporary = entry.file_name().to_string_lossy().starts_with(".leasehold-");
            temporary && entry.metadata().is_ok_and(|found| found.len() >= bytes)
        })
    };
    for _ in 0..600 {
        if begun() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(begun(), "the command did not begin within 30 s");
    std::thread::sleep(std::time::Duration::from_millis(500));
}

#[cfg(unix)]
#[test]
fn a_single_long_run_can_be_interrupted() {
    use std::process::Stdio;
    let folder = folder();
    write(folder.path(), "long.yaml", "duration: 36500d\nrestart: {after: 1s}\n");
    let child = Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(["run", "long.yaml", "--samples", "s.csv"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    wait_for_temporary_file(folder.path(), 0);
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill is there").success());
    assert_eq!(child.wait_with_output().expect("the command ends").status.code(), Some(3));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_what_is_complete_and_says_what_is_not() {
    use std::process::Stdio;
    let folder = folder();
    let crash = scenario("baseline/leader-crash.yaml");
    let child = Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(["run", &crash, "--runs", "100000000", "--samples", "s.csv", "--format", "json"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    wait_for_temporary_file(folder.path(), 10_000);
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill is there").success());
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("interrupted: 0 of 1 settings are complete"));
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).expect("what is printed is whole");
    assert_eq!(result["results"][0]["complete"], false);
    assert_eq!(result["verdict"], "inconclusive");
    let runs = result["results"][0]["runs"].as_u64().expect("complete runs are counted");
    assert!(runs > 0 && text(&output.stderr).contains(&format!("{runs} of 100000000 runs are")));
    let samples = std::fs::read_to_string(folder.path().join("s.csv")).expect("complete runs are kept");
    assert_eq!(samples.lines().count() as u64, runs + 1);
    assert_eq!(files(folder.path()), ["s.csv"]);
}

#[test]
fn the_schema_is_json() {
    let output = leasehold(folder().path(), &["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the schema is JSON");
    assert!(schema["properties"]["timings"].is_object());
}

#[test]
fn recordings_replay_from_the_command_line() {
    let traces = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/client-go-traces.jsonl");
    let folder = folder();
    let output = leasehold(folder.path(), &["replay", traces]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "56 of 56 recordings equal, 11127 events, 0 different\n");

    let changed = std::fs::read_to_string(traces).expect("it is there").replacen(
        "\"t_ns\":2000000,",
        "\"t_ns\":2000001,",
        1,
    );
    write(folder.path(), "changed.jsonl", &changed);
    let output = leasehold(folder.path(), &["replay", "changed.jsonl", "--keep-going"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.contains("< recorded alone, > simulated alone") && shown.contains("2000001 ns"), "{shown}");

    let output = leasehold(folder.path(), &["replay", traces, "--strict"]);
    assert_eq!(output.status.code(), Some(0), "two led under strict:\n{}", text(&output.stdout));
}

#[test]
fn a_schedule_that_cannot_be_followed_is_bad_input_and_one_that_can_is_exact() {
    let folder = folder();
    let steps = "replicas: 1\nschedule:\n- {at: 0s, start: n1}\n- {at: 9s, wake: n1}\n";
    write(folder.path(), "x.yaml", steps);
    let output = leasehold(folder.path(), &["run", "x.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("schedule[1]: n1 has no timer due at 9s"), "{error}");
    assert!(error.contains("--> x.yaml:4:3") && error.contains("= help: no timer is set"), "{error}");

    let exact = scenario("two-leaders/late-response-exact.yaml");
    let output = leasehold(folder.path(), &["run", &exact, "--format", "json", "--runs", "3", "--seed", "9"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the command prints JSON");
    assert_eq!(report["results"][0]["figures"]["two_leaders_ms_min"].as_f64(), Some(6_999.999_999));
}
