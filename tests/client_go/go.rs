//! Building and running the Go program.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use leasehold::core::ClientGo;
use leasehold::replay::{Recording, Schedule, compare};

/// The release that tests/client-go/go.mod names.
pub(crate) const CURRENT: ClientGo = ClientGo::V0_36;

/// How many schedules are run by one process at most.
const CHUNK: usize = 250;

/// Says something that is seen although the test passes.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "client-go: {text}");
}

pub(crate) fn variable(name: &str, default: u32) -> u32 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// The program with a release of client-go; nothing where it cannot be had, which is said.
pub(crate) fn harness(release: ClientGo) -> Option<Harness> {
    static BUILT: Mutex<BTreeMap<ClientGo, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match built.entry(release).or_insert_with(|| build(release)) {
        Ok(program) => Some(Harness { program: program.clone(), release }),
        Err(why) => {
            let require = std::env::var("LEASEHOLD_REQUIRE_GO").is_ok_and(|value| value == "1");
            assert!(!require, "LEASEHOLD_REQUIRE_GO=1, and {why}");
            say(&format!("skipped with v{}: {why}", release.line()));
            None
        }
    }
}

fn go(args: &[&str]) -> std::io::Result<Output> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client-go");
    Command::new("go").args(args).current_dir(folder).output()
}

fn build(release: ClientGo) -> Result<PathBuf, String> {
    let line = release.line();
    let modfile = match release {
        CURRENT => "-modfile=go.mod".to_owned(),
        _ => format!("-modfile=versions/v{line}.mod"),
    };
    match go(&["mod", "download", &modfile]) {
        Err(error) => return Err(format!("`go` cannot be run: {error}")),
        Ok(output) if !output.status.success() => {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("its modules cannot be downloaded: {}", why.trim()));
        }
        Ok(_) => {}
    }
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-go-{line}-{}", std::process::id()));
    let path = program.to_str().expect("the target folder has a plain name");
    let version = go(&["list", "-m", &modfile, "-f", "{{.Version}}", "k8s.io/client-go"]).expect("`go` ran before");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let link = format!("-ldflags=-s -w -X leasehold.test/client-go.clientGo={version}");
    let output = go(&["test", "-c", &modfile, &link, "-o", path, "."]).expect("`go` ran before");
    // What can be downloaded must compile, everywhere.
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(program)
}

/// The program, built.
#[derive(Clone, Debug)]
pub(crate) struct Harness {
    program: PathBuf,
    pub(crate) release: ClientGo,
}

impl Harness {
    /// Runs every schedule, two processes at a time.
    pub(crate) fn record(&self, schedules: &[Schedule]) -> Vec<Recording> {
        let middle = schedules.len().div_ceil(2);
        let (first, second) = schedules.split_at(middle);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| self.record_in_turn(second));
            let mut all = self.record_in_turn(first);
            all.extend(other.join().expect("the other half was recorded"));
            all
        })
    }

    fn record_in_turn(&self, schedules: &[Schedule]) -> Vec<Recording> {
        schedules.chunks(CHUNK).flat_map(|chunk| self.record_chunk(chunk)).collect()
    }

    fn record_chunk(&self, schedules: &[Schedule]) -> Vec<Recording> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = |what: &str| self.program.with_extension(format!("{number}.{what}.jsonl"));
        let (input, output) = (file("schedules"), file("recordings"));
        let lines: String = schedules
            .iter()
            .map(|schedule| serde_json::to_string(schedule).expect("a schedule is JSON") + "\n")
            .collect();
        fs::write(&input, lines).expect("the target folder can be written");
        let ran = Command::new(&self.program)
            .args(["-test.run", "^TestRecord$", "-schedules"])
            .arg(&input)
            .arg("-recordings")
            .arg(&output)
            .output()
            .expect("what was built can be run");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
        let text = fs::read_to_string(&output).expect("the program wrote its recordings");
        let recordings: Vec<Recording> =
            text.lines().map(|line| serde_json::from_str(line).expect("each line is a recording")).collect();
        assert_eq!(recordings.len(), schedules.len());
        for recording in &recordings {
            let version = format!("client-go v{}.", self.release.line());
            assert!(recording.elector.starts_with(&version), "{} is what ran", recording.elector);
        }
        let _ = fs::remove_file(&input);
        let _ = fs::remove_file(&output);
        recordings
    }
}

/// What is wrong with a recording, if the simulator does not show the same: events, and how long two lead.
pub(crate) fn differs(recording: &Recording) -> Option<String> {
    let plan = recording.schedule.plan_of(recording.release()).expect("a recorded schedule can be run");
    differs_under(recording, &plan)
}

pub(crate) fn differs_under(recording: &Recording, plan: &leasehold::sim::Plan) -> Option<String> {
    if let Err(difference) = compare(recording, plan) {
        return Some(difference.to_string());
    }
    let (real, simulated) = (recording.two_leaders_ns(), simulated_overlap_ns(recording, plan));
    (real != simulated).then(|| format!("  two lead for {real} ns in the recording, {simulated} ns simulated\n"))
}

pub(crate) fn simulated_overlap_ns(recording: &Recording, plan: &leasehold::sim::Plan) -> u64 {
    let script = leasehold::replay::script_of(recording);
    leasehold::sim::World::new(plan).with_script(script).run(0, 0).two_leaders_ns
}

/// Compares all; makes the first that differs small, writes it down and panics with both traces.
pub(crate) fn compare_all(harness: &Harness, recordings: &[Recording]) -> usize {
    let mut events = 0;
    for recording in recordings {
        if differs(recording).is_some() {
            let small = crate::shrink::shrink(harness, recording, &|recording| differs(recording).is_some());
            let file = crate::shrink::write_down(&small);
            panic!(
                "{} differs. Made small, it is in {file}: leasehold replay {file}\n{}",
                recording.schedule.name,
                differs(&small).unwrap_or_default(),
                file = file.display(),
            );
        }
        events += recording.events.len();
    }
    events
}

/// The recordings that are part of the repository.
pub(crate) fn committed() -> Vec<Recording> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/client-go-traces.jsonl");
    let text = fs::read_to_string(path).expect("the recordings are part of the repository");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is a recording")).collect()
}
