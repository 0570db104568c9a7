//! Building and running the Go program.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use leasehold::core::ClientGo;
use leasehold::replay::{Recording, Schedule};

/// The release that tests/client-go/go.mod names.
pub(crate) const CURRENT: ClientGo = ClientGo::V0_36;

/// The newest release line that is stable: compared as thoroughly as the current one, where others than that are at all.
#[allow(dead_code, reason = "for the tests")]
pub(crate) const NEWEST: ClientGo = ClientGo::V0_37;

/// The release line after that, of which there are pre-releases only.
#[allow(dead_code, reason = "for the tests")]
pub(crate) const PRE_RELEASE: ClientGo = ClientGo::V0_38;

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

/// How many schedules are compared with each release but the current one; says so where that is none.
#[allow(dead_code, reason = "for the tests")]
pub(crate) fn others(what: &str) -> u32 {
    let count = variable("LEASEHOLD_CLIENT_GO_OLDER", 0);
    if count == 0 {
        say(&format!("skipped: {what} (LEASEHOLD_CLIENT_GO_OLDER=500 compares 500 schedules with each)"));
    }
    count
}

/// Whether a release line is among those to be compared.
#[allow(dead_code, reason = "for the tests")]
pub(crate) fn is_wanted(line: &str) -> bool {
    let lines = std::env::var("LEASEHOLD_CLIENT_GO_LINES").ok();
    lines.is_none_or(|lines| lines.split(',').any(|named| named == line))
}

/// The program with the newest release, where that is wanted.
#[allow(dead_code, reason = "for the tests")]
pub(crate) fn newest(what: &str) -> Option<Harness> {
    let wanted = is_wanted(NEWEST.line()) && others(what) > 0;
    if wanted { harness(NEWEST) } else { None }
}

/// The program with the newest pre-release, where that is wanted.
#[allow(dead_code, reason = "for the tests")]
pub(crate) fn pre_release(what: &str) -> Option<Harness> {
    let wanted = is_wanted(PRE_RELEASE.line()) && others(what) > 0;
    if wanted { harness(PRE_RELEASE) } else { None }
}

/// The program with a release of client-go; nothing where it cannot be had, which is said. A pre-release may need a newer
/// Go, which `go` downloads: nobody requires that.
pub(crate) fn harness(release: ClientGo) -> Option<Harness> {
    static BUILT: Mutex<BTreeMap<ClientGo, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    let required = std::env::var("LEASEHOLD_REQUIRE_GO").is_ok_and(|value| value == "1");
    let line = release.line();
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match built.entry(release).or_insert_with(|| build(line)) {
        Ok(program) => Some(Harness { program: program.clone(), release }),
        Err(why) => {
            assert!(!required || release == PRE_RELEASE, "LEASEHOLD_REQUIRE_GO=1, and {why}");
            say(&format!("skipped with v{line}: {why}"));
            None
        }
    }
}

/// The Go that a go.mod names: only those do that need a newer one than the rest.
fn toolchain(modfile: &Path) -> Option<String> {
    let text = fs::read_to_string(modfile).expect("every line has its go.mod");
    text.lines().find_map(|line| Some(line.strip_prefix("toolchain ")?.trim().to_owned()))
}

fn build(line: &str) -> Result<PathBuf, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client-go");
    let modfile = if line == CURRENT.line() { "go.mod".to_owned() } else { format!("versions/v{line}.mod") };
    let toolchain = toolchain(&sources.join(&modfile));
    let modfile = format!("-modfile={modfile}");
    let go = |args: &[&str]| -> std::io::Result<Output> {
        let named = toolchain.iter().map(|version| ("GOTOOLCHAIN", version));
        Command::new("go").args(args).envs(named).current_dir(&sources).output()
    };
    match go(&["mod", "download", &modfile]) {
        Err(error) => return Err(format!("`go` cannot be run: {error}")),
        Ok(output) if !output.status.success() => {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("its modules, or its Go, cannot be downloaded: {}", why.trim()));
        }
        Ok(_) => {}
    }
    let folder = folder("client-go");
    let program = folder.join(format!("harness-{line}"));
    // Another process may be running what was built before.
    let unfinished = folder.join(format!(".harness-{line}.{}", std::process::id()));
    let path = unfinished.to_str().expect("the target folder has a plain name");
    let version =
        go(&["list", "-m", &modfile, "-f", "{{.Version}}", "k8s.io/client-go"]).expect("`go` ran before");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let link = format!("-ldflags=-s -w -X leasehold.test/client-go.clientGo={version}");
    let output = go(&["test", "-c", &modfile, &link, "-o", path, "."]).expect("`go` ran before");
    // What can be downloaded must compile, everywhere.
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, &program).expect("the target folder can be written");
    Ok(program)
}

/// A folder in the target folder, where what is running is.
pub(crate) fn folder(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a process knows what it runs");
    let target = here.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    let folder = target.or(here.parent()).expect("it is in a folder").join(name);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn lines(schedules: &[Schedule]) -> String {
    let line = |schedule| serde_json::to_string(schedule).expect("a schedule is JSON") + "\n";
    schedules.iter().map(line).collect()
}

/// The program, built.
#[derive(Clone, Debug)]
pub(crate) struct Harness {
    program: PathBuf,
    /// The release line that it is, and whose preset it is compared with.
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

    /// Runs every schedule in one process without writing anything down: runs, terms, and how many nanoseconds they took.
    #[allow(dead_code, reason = "for the benchmark")]
    pub(crate) fn measure(&self, schedules: &[Schedule]) -> (u64, u64, u64) {
        let input = folder("client-go").join(format!("{}-measured.schedules.jsonl", std::process::id()));
        fs::write(&input, lines(schedules)).expect("the target folder can be written");
        let mut command = Command::new(&self.program);
        let ran = command.args(["-test.run", "^TestRecord$", "-schedules"]).arg(&input).output();
        let said = String::from_utf8_lossy(&ran.expect("what was built can be run").stdout).into_owned();
        let _ = fs::remove_file(&input);
        let figure = |name: &str| {
            let word = said.split_whitespace().find_map(|word| word.strip_prefix(name));
            word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no {name} in {said}"))
        };
        (figure("runs="), figure("terms="), figure("ns="))
    }

    fn record_in_turn(&self, schedules: &[Schedule]) -> Vec<Recording> {
        schedules.chunks(CHUNK).flat_map(|chunk| self.record_chunk(chunk)).collect()
    }

    fn record_chunk(&self, schedules: &[Schedule]) -> Vec<Recording> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file =
            |what: &str| folder("client-go").join(format!("{}-{number}.{what}.jsonl", std::process::id()));
        let (input, output) = (file("schedules"), file("recordings"));
        fs::write(&input, lines(schedules)).expect("the target folder can be written");
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
