//! `leasehold check` as its users meet it: verdicts, exit codes, formats, files.
#![cfg(feature = "cli")]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A question that is proved within milliseconds.
const PROVED: [&str; 2] = ["--assume", "perfect"];

/// A question that is refuted as fast: an answer comes after the right to lead has passed on.
const VIOLATED: [&str; 10] = [
    "--assume",
    "perfect",
    "--response-delay",
    "free",
    "--lease-duration",
    "3s",
    "--renew-deadline",
    "2s",
    "--retry-period",
    "1s",
];

/// A question that takes long, and finds nothing on the way.
const LONG: [&str; 8] =
    ["--protocol", "strict", "--assume", "perfect", "--request-delay", "free", "--response-delay", "free"];

fn check(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.env_remove("GITHUB_ACTIONS").arg("check").args(args).current_dir(folder);
    command.output().expect("the command starts")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some(at) = rest.find(part) else {
            panic!("`{part}` is missing, or not where it should be:\n{text}")
        };
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn what_is_proved_exits_with_0_and_says_of_what() {
    let output = check(folder().path(), &PROVED);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_in_order(
        &text(&output.stdout),
        &[
            "PROVED\n",
            "Assuming: 2 replicas at 15s/10s/2s",
            "Checked: client-go: at most one leader",
            "Seen: somebody leads",
            "States: ",
            "Again: leasehold check --assume perfect\n",
        ],
    );
}

#[test]
fn what_is_violated_exits_with_1_and_tells_how() {
    let output = check(folder().path(), &VIOLATED);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_in_order(
        &text(&output.stdout),
        &[
            "VIOLATED: at most one leader\n",
            "Assuming: ",
            "n1 starts leading (token",
            "starts leading (token",
            "Again: leasehold check",
        ],
    );
    assert!(text(&output.stdout).contains("n1+n2 !"), "{}", text(&output.stdout));
}

#[test]
fn the_command_at_the_end_asks_the_same_again() {
    let args = with(
        &VIOLATED,
        &[
            "--threads",
            "1",
            "--format",
            "json",
            "-q",
            "--release-on-cancel",
            "--http-timeout",
            "none",
            "--rule",
            "poll=jittered",
        ],
    );
    let first = json(&check(folder().path(), &args));
    let command = first["command"].as_str().expect("there is one");
    assert!(!command.contains("--threads") && !command.contains("--format"), "{command}");
    assert!(command.contains("--release-on-cancel=true"), "{command}");
    let words: Vec<&str> = command.split(' ').skip(2).chain(["--threads", "1", "--format", "json"]).collect();
    let again = json(&check(folder().path(), &words));
    assert_eq!(without_measurements(first), without_measurements(again));
}

#[test]
fn a_search_that_is_stopped_is_inconclusive() {
    let output = check(folder().path(), &with(&LONG, &["--timeout", "0s"]));
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.starts_with("INCONCLUSIVE: it took too long (--timeout); "), "{said}");
    assert!(said.contains("known states were not looked at"), "{said}");
    let output = check(folder().path(), &with(&LONG, &["--timeout", "0s", "--format", "json"]));
    assert_eq!(output.status.code(), Some(3));
    let found = json(&output);
    assert_eq!((&found["verdict"], &found["stopped_by"]), (&"inconclusive".into(), &"timeout".into()));
    assert!(found["frontier_states"].as_u64() > Some(0), "{found}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_search_that_needs_too_much_memory_is_inconclusive() {
    let output = check(folder().path(), &with(&LONG, &["--memory-limit", "1kB"]));
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("INCONCLUSIVE: it needed too much memory"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_search_that_is_interrupted_is_inconclusive() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.arg("check").args(LONG).stdout(std::process::Stdio::piped());
    let child = command.spawn().expect("the command starts");
    // Until it listens: the second bit of the signals that are caught is SIGINT's.
    let status = format!("/proc/{}/status", child.id());
    let listens = || {
        let status = std::fs::read_to_string(&status).expect("the process runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux says so");
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|caught| caught & 0b10 != 0)
    };
    while !listens() {
        std::thread::yield_now();
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill is there").success());
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    assert!(
        text(&output.stdout).starts_with("INCONCLUSIVE: it was interrupted; "),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn bad_usage_exits_with_2_and_a_remedy() {
    let folder = folder();
    for (args, remedy) in [
        (&["--replicas", "9"][..], "1 to 3"),
        (&["--loss", "often"], "--loss often: write off, how often (1 to 254), or free"),
        (&["--pauses", "2:3"], "free:3s, 2:3s, 3s"),
        (&["--clock-ratio", "1.5"], "such as 5/4"),
        (&["--clock-ratio", "4/5"], "such as 5/4"),
        (&["--memory-limit", "8"], "such as 8GB"),
        (&["--timeout", "8"], "such as 15s"),
        (&["--tick", "7s"], "leave --tick away"),
        (&["--tick", "0s"], "leave --tick away"),
        (&["--protocol", "strct"], "did you mean `strict`?"),
        (&["--protocol", "none"], "choose client-go, strict or renew-time"),
        (&["--protocol", "renew-time", "--wall-clocks", "anything"], "--wall-offset"),
        (&["--rule", "stop_when=late"], "known: between-attempts, at-deadline"),
        (&["--rule", "stop_when"], "write NAME=VALUE"),
        (&["--timing", "folded"], "choose --timing exact"),
        (&["--renew-deadline", "20s"], "lease_duration must be above renew_deadline"),
        (&["--wall-steps", "1"], "--wall-offset"),
        (&["--new-identity", "--restarts", "off"], "--restarts 1"),
        (&["--failover", "--ablate"], "cannot be used with"),
        (&["--plot", "f.svg"], "--frontier"),
        (&["--ablate", "--protocol", "client-go"], "leave --protocol away"),
        (&["--ablate", "--scenario-out", "f.yaml"], "ask for one of them with --rule"),
        (&["--explore", "somewhere"], "such as 127.0.0.1:3000"),
        (&["--svg", "f.gif"], ".svg, .png or .txt"),
        (&["--junit", "no-such-folder/f.xml"], "cannot write there"),
    ] {
        let output = check(folder.path(), args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(remedy), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}: {}", text(&output.stdout));
    }
}

fn without_measurements(mut found: serde_json::Value) -> String {
    let object = found.as_object_mut().expect("it is an object");
    assert!(object.remove("measured").is_some(), "there are measurements");
    serde_json::to_string_pretty(&found).expect("it was JSON")
}

#[test]
fn json_is_the_same_for_any_number_of_threads() {
    for (question, code) in [(&PROVED[..], 0), (&VIOLATED[..], 1)] {
        let found = |threads| {
            let output = check(folder().path(), &with(question, &["--format", "json", "--threads", threads]));
            assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
            without_measurements(json(&output))
        };
        let first = found("1");
        assert_eq!(found("1"), first);
        assert_eq!(found("2"), first);
    }
}

#[test]
fn json_has_stable_names() {
    let found = json(&check(folder().path(), &with(&VIOLATED, &["--format", "json"])));
    assert_eq!(found["leasehold_check"], 1);
    assert_eq!(found["verdict"], "violated");
    assert_eq!(found["property"], "at most one leader");
    assert_eq!(found["assumptions"]["response_delay"]["times"], "free");
    assert_eq!(found["assumptions"]["response_delay"]["longest_ns"], serde_json::Value::Null);
    assert_eq!(found["assumptions"]["clock_ratio"], serde_json::json!([1, 1]));
    assert_eq!(found["timings_ns"]["lease_duration"], 3_000_000_000_u64);
    assert!(found["states"]["generated"].as_u64() >= found["states"]["unique"].as_u64());
    assert!(found["measured"]["seconds"].is_number());
    let story = found["story"].as_array().expect("there is a story");
    assert_eq!(story[0]["what"], "n1 starts");
    assert_eq!(story.last().expect("it has an end")["acting"], serde_json::json!(["n1", "n2"]));
}

#[test]
fn junit_names_each_property() {
    for (question, wanted) in [
        (PROVED.to_vec(), r#"failures="0" errors="0""#),
        (VIOLATED.to_vec(), r#"failures="1" errors="0""#),
        (with(&LONG, &["--timeout", "0s"]), r#"failures="0" errors="6""#),
    ] {
        let folder = folder();
        let status = check(folder.path(), &with(&question, &["--junit", "found.xml"])).status;
        assert!(status.code().is_some_and(|code| code != 2));
        let xml = std::fs::read_to_string(folder.path().join("found.xml")).expect("it was asked for");
        assert!(xml.starts_with("<?xml"), "{xml}");
        assert!(xml.contains(wanted), "{wanted}: {xml}");
        assert!(xml.contains(r#"<testcase name="at most one leader""#), "{xml}");
        assert_balanced(&xml);
    }
}

/// Every element that begins ends, in order.
fn assert_balanced(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("split gives one at least");
        match tag {
            _ if tag.starts_with('?') || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{xml}"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} are left open: {xml}");
}

#[test]
fn replicas_of_two_protocols_share_a_lease() {
    let folder = folder();
    let mixed = ["-q", "--protocol", "strict", "--beside", "client-go", "--assume", "perfect"];
    let proved = check(folder.path(), &with(&mixed, &["--crashes", "1"]));
    assert_eq!(proved.status.code(), Some(0), "{}", text(&proved.stdout));
    assert_in_order(&text(&proved.stdout), &["the last of the other protocol", "strict beside client-go"]);

    // A client-go candidate takes a deleted Lease at once; a strict one waits, whoever led.
    let deleted = with(&mixed, &["--deletions", "1", "--scenario-out", "found.yaml"]);
    let violated = check(folder.path(), &deleted);
    assert_eq!(violated.status.code(), Some(1), "{}", text(&violated.stderr));
    let replay = Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(["run", "-q", "found.yaml"])
        .current_dir(folder.path())
        .output()
        .expect("the command starts");
    assert_eq!(replay.status.code(), Some(0), "{}", text(&replay.stderr));
    let main = check(folder.path(), &with(&mixed, &["--deletions", "1", "--leaders", "main"]));
    assert_eq!(main.status.code(), Some(0), "one strict replica is no two: {}", text(&main.stdout));

    for (args, remedy) in [
        (&["--beside", "nonsense"][..], "known: `client-go`"),
        (&["--beside", "none"], "--beside none elects nobody"),
        (&["--beside", "strict", "--replicas", "1"], "choose --replicas higher"),
        (&["--beside", "strict", "--beside-replicas", "0"], "choose --replicas higher"),
        (&["--beside", "strict", "--failover"], "cannot be used with"),
        (&["--leaders", "main"], "--beside"),
    ] {
        let refused = check(folder.path(), args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(text(&refused.stderr).contains(remedy), "{args:?}: {}", text(&refused.stderr));
    }
}

#[test]
fn a_counterexample_replays_and_is_drawn() {
    let folder = folder();
    let files =
        ["--scenario-out", "found.yaml", "--svg", "found.svg", "--svg", "found.png", "--svg", "found.txt"];
    let output = check(folder.path(), &with(&VIOLATED, &files));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("found.yaml: replayed, as found: two lead for"),
        "{}",
        text(&output.stderr)
    );
    let file = |name: &str| std::fs::read(folder.path().join(name)).expect("it was asked for");
    assert!(text(&file("found.svg")).contains("two lead"));
    assert!(file("found.png").starts_with(b"\x89PNG"));
    assert!(text(&file("found.txt")).contains("two lead"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let run = command
        .args(["run", "found.yaml", "--no-plot"])
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    assert_eq!(run.status.code(), Some(0), "{}{}", text(&run.stdout), text(&run.stderr));
}

#[test]
fn without_a_counterexample_nothing_is_written() {
    let folder = folder();
    let output =
        check(folder.path(), &with(&PROVED, &["--scenario-out", "found.yaml", "--svg", "found.svg"]));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("found.yaml: not written"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

#[test]
fn a_frontier_lies_between_what_is_proved_and_what_is_violated() {
    let folder = folder();
    let question = with(&["--frontier", "response-delay", "--assume", "perfect"], &VIOLATED[4..]);
    let found = |threads| {
        let more = ["--format", "json", "--plot", "found.svg", "--threads", threads];
        let output = check(folder.path(), &with(&question, &more));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        json(&output)
    };
    let first = found("1");
    let verdicts: Vec<_> = first["tried"]
        .as_array()
        .expect("something was tried")
        .iter()
        .map(|one| one["verdict"].clone())
        .collect();
    assert_eq!(verdicts.first(), Some(&"proved".into()), "{first}");
    assert_eq!(verdicts.last(), Some(&"violated".into()), "{first}");
    assert_eq!(without_measurements(first), without_measurements(found("2")));
    let svg = std::fs::read_to_string(folder.path().join("found.svg")).expect("it was asked for");
    assert!(svg.contains("proved up to") && svg.contains("violated from"), "{svg}");
}

#[test]
fn longer_questions_that_are_stopped_are_inconclusive() {
    for question in ["--failover", "--ablate"] {
        let output = check(folder().path(), &[question, "--timeout", "0s", "--format", "json"]);
        assert_eq!(output.status.code(), Some(3), "{question}: {}", text(&output.stderr));
        assert_eq!(format!("--{}", json(&output)["question"].as_str().expect("it is named")), question);
    }
}

#[test]
fn a_workflow_on_github_gets_an_annotation() {
    for (question, start) in [
        (&PROVED[..], "::notice title=PROVED::client-go. Assuming: "),
        (&VIOLATED[..], "::error title=VIOLATED%3A at most one leader::client-go. Assuming: "),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let output =
            command.env("GITHUB_ACTIONS", "true").arg("check").args(question).output().expect("it starts");
        let said = text(&output.stdout);
        let line = said.lines().find(|line| line.starts_with("::")).expect("there is an annotation");
        assert!(line.starts_with(start), "{line}");
        let command = Command::new(env!("CARGO_BIN_EXE_leasehold"))
            .env("GITHUB_ACTIONS", "true")
            .arg("check")
            .args(question)
            .args(["--format", "json"])
            .output()
            .expect("it starts");
        json(&command);
    }
}
