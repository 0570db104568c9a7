//! Writes reports/client-go-findings.md: what goes wrong in client-go, with traces and pictures of the real code.
//!
//! ```sh
//! cargo run --example client_go_findings
//! cargo run --example client_go_findings -- FOLDER    # the pictures as PNG too, into that folder
//! ```
//!
//! Needs Go, and the first time its module proxy: client-go is built in every release line that elects differently,
//! which takes minutes. Every run is compared with the simulator, event by event, before anything is written.
#![allow(clippy::print_stdout, reason = "a command")]
#![allow(missing_docs, reason = "a command")]

#[path = "../tests/client_go/compare.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod compare;
#[path = "client_go_findings/findings.rs"]
mod findings;
#[path = "../tests/client_go/go.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod go;
#[path = "../tests/client_go/known.rs"]
mod known;
#[path = "client_go_findings/page.rs"]
mod page;
#[path = "../tests/client_go/shrink.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod shrink;
#[path = "../tests/client_go/written.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod written;

use std::path::Path;

use leasehold::core::ClientGo;
use leasehold::replay::{Recording, Schedule};

use compare::differs;
use known::known;

/// Each schedule is run so often under each release, with jitter of its own.
const RUNS: i64 = 40;

/// Every run of every schedule under one release.
struct Runs {
    release: ClientGo,
    version: String,
    recordings: Vec<Recording>,
}

impl Runs {
    fn of(&self, name: &str) -> impl Iterator<Item = &Recording> {
        self.recordings.iter().filter(move |recording| recording.schedule.name == name)
    }
}

fn run_all() -> Vec<Runs> {
    let again = |schedule: Schedule| (1..=RUNS).map(move |seed| Schedule { seed, ..schedule.clone() });
    let schedules: Vec<Schedule> = known().into_iter().flat_map(again).collect();
    let run = |release| {
        let recordings = go::harness(release)?.record(&schedules);
        for recording in &recordings {
            if let Some(why) = differs(recording) {
                panic!("{}, {}: the simulator differs\n{why}", recording.elector, recording.schedule.name);
            }
        }
        let version = recordings.first().map_or_else(String::new, |recording| recording.elector.clone());
        println!("{version}: {} runs, all equal to the simulator's", recordings.len());
        Some(Runs { release, version, recordings })
    };
    releases().filter_map(run).collect()
}

/// Every line that has a stable release.
fn releases() -> impl Iterator<Item = ClientGo> {
    ClientGo::ALL.into_iter().filter(|release| *release != go::PRE_RELEASE)
}

fn main() -> std::io::Result<()> {
    let runs = run_all();
    if runs.len() < releases().count() {
        println!("nothing written: not every release could be run");
        return Ok(());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports");
    let pictures = folder.join("client-go-findings");
    std::fs::create_dir_all(&pictures)?;
    let page = page::page(&runs, &pictures)?;
    std::fs::write(folder.join("client-go-findings.md"), page.trim_end().to_owned() + "\n")?;
    println!("written: {}", folder.join("client-go-findings.md").display());
    Ok(())
}
