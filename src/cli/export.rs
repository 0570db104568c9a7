//! `leasehold export`: scenarios as schedules for the real client-go.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use super::Status;
use super::output::{WholeFile, check_outputs, remark};
use crate::replay::export;
use crate::scenario::{Override, Scenario, discover};

/// Turn scenarios into schedules that the Go program in tests/client-go runs with the real client-go.
///
/// Writes one JSON object a line. What that program cannot honour is refused by name, setting by setting; the rest is
/// written. Exit code 0 if anything was written, 2 otherwise.
#[derive(clap::Args, Debug)]
pub(super) struct ExportArgs {
    /// Scenario files, or folders of them.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Where the schedules go.
    #[arg(short, long, value_name = "FILE.jsonl")]
    output: PathBuf,
    /// How many runs of each setting.
    #[arg(long, default_value_t = 1, value_name = "N")]
    runs: u64,
    /// What everything that is drawn comes from, instead of the scenario's own seed.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Set any field, such as `protocol=client-go`. Can be repeated.
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
}

pub(super) fn run(args: &ExportArgs) -> Result<Status> {
    let files = discover(&args.paths)?;
    check_outputs(&[args.output.as_path()], &files)?;
    let overrides = args.set.iter().map(|set| Ok(set.parse::<Override>()?)).collect::<Result<Vec<_>>>()?;
    let mut output = WholeFile::create(&args.output)?;
    let (mut written, mut honoured, mut refused) = (0_u64, 0_u64, 0_u64);
    for file in &files {
        let scenario = Scenario::load(file, &overrides)?;
        for setting in &scenario.settings {
            let name = format!("{}: {}", scenario.name, setting.name);
            let Some(plan) = setting.plan() else {
                remark(format_args!("{}: {}: settings that are refused", file.display(), setting.name));
                refused += 1;
                continue;
            };
            for run in 0..args.runs {
                match export(plan, &name, args.seed.unwrap_or(setting.seed), run) {
                    Ok(schedule) => {
                        writeln!(output, "{}", serde_json::to_string(&schedule)?)?;
                        written += 1;
                    }
                    Err(refusals) => {
                        for refusal in refusals {
                            remark(format_args!("{}: {}: {refusal}", file.display(), setting.name));
                        }
                        refused += 1;
                        break;
                    }
                }
                honoured += u64::from(run == 0);
            }
        }
    }
    output.finish()?;
    remark(format_args!("{written} schedules of {honoured} settings written, {refused} settings refused"));
    anyhow::ensure!(written > 0, "nothing that the client-go harness can honour");
    Ok(Status::Ok)
}
