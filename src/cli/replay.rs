//! `leasehold replay`: recordings of the real client-go against the simulator.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Status;
use super::output::{print, remark};
use crate::replay::{Recording, replay};
use crate::report::{Align, Table};
use crate::sim::World;

/// Replay recorded runs of the real client-go, and compare every event.
///
/// Each line of a file is one recording: a schedule and the events that the real elector showed under it. The
/// simulator runs the schedule with the recorded jitter. Exit code 0 if every event of every recording is
/// equal to the nanosecond; 1 otherwise, with both traces around the first difference.
#[derive(clap::Args, Debug)]
pub(super) struct ReplayArgs {
    /// Recordings, one JSON object a line.
    #[arg(required = true, value_name = "TRACES.jsonl")]
    files: Vec<PathBuf>,
    /// Instead of comparing, run the schedules under `strict` with the same settings and say how long two led.
    #[arg(long)]
    strict: bool,
    /// With --strict: how often each schedule is run, with different jitter.
    #[arg(long, default_value_t = 40, value_name = "N", requires = "strict", value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Compare the other recordings too after one that differs.
    #[arg(long)]
    keep_going: bool,
}

pub(super) fn run(args: &ReplayArgs) -> Result<Status> {
    let mut recordings = Vec::new();
    for path in &args.files {
        recordings.extend(read(path)?);
    }
    if recordings.is_empty() {
        bail!("no recordings in {}", args.files[0].display());
    }
    if args.strict { under_strict(args, &recordings) } else { compare(args, &recordings) }
}

/// A recording, and where it stands.
struct Placed {
    place: String,
    recording: Recording,
}

fn read(path: &Path) -> Result<Vec<Placed>> {
    let file = File::open(path).with_context(|| format!("{}: cannot read", path.display()))?;
    let mut recordings = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("{}: cannot read", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let place = format!("{}:{}", path.display(), index + 1);
        let recording = serde_json::from_str(&line).map_err(|error| {
            anyhow::anyhow!("{place}:{}: not a recording: {}", error.column(), reason(&error))
        })?;
        recordings.push(Placed { place, recording });
    }
    Ok(recordings)
}

/// The reason without its place: the reader saw one line only.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

fn compare(args: &ReplayArgs, recordings: &[Placed]) -> Result<Status> {
    let mut text = String::new();
    let (mut equal, mut events, mut different) = (0, 0, 0);
    for Placed { place, recording } in recordings {
        match replay(recording).with_context(|| place.clone())? {
            Ok(count) => {
                equal += 1;
                events += count;
            }
            Err(difference) => {
                different += 1;
                writeln!(text, "{place}: {} differs:\n{difference}", recording.schedule.name)?;
                if !args.keep_going {
                    break;
                }
            }
        }
    }
    let of = recordings.len();
    writeln!(text, "{equal} of {of} recordings equal, {events} events, {different} different")?;
    if equal + different < of {
        writeln!(text, "stopped at the first difference; --keep-going compares the rest")?;
    }
    print(&text)?;
    Ok(if different == 0 { Status::Ok } else { Status::Failed })
}

fn under_strict(args: &ReplayArgs, recordings: &[Placed]) -> Result<Status> {
    let mut table =
        Table::new(&[("schedule", Align::Left), ("two leaders, at most", Align::Right), ("", Align::Left)]);
    let mut overlaps = 0;
    for Placed { recording, .. } in recordings {
        let name = recording.schedule.name.clone();
        match recording.schedule.strict_plan() {
            Err(refused) => {
                table.row([name, "-".to_owned(), format!("refused: {refused}")]);
            }
            Ok(plan) => {
                let mut world = World::new(&plan);
                let longest = (0..args.runs).map(|run| world.run(1, run).two_leaders_ns).max().unwrap_or(0);
                overlaps += u32::from(longest > 0);
                table.row([name, crate::core::Span::from_nanos(longest).to_string(), String::new()]);
            }
        }
    }
    print(&table.to_string())?;
    remark(format_args!("{} schedules, {overlaps} with two leaders", recordings.len()));
    Ok(if overlaps == 0 { Status::Ok } else { Status::Failed })
}
