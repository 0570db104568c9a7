//! The arguments of `leasehold run`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail};

use crate::scenario::Override;

/// Run scenarios, print what they show, and fail if an expectation fails.
///
/// Any field of a scenario can be set from here: `--set server.latency=5ms`, `--set 'faults[0].at=30s'`; the
/// common ones have flags of their own. `leasehold schema` lists every field.
#[derive(clap::Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a command line")]
pub(super) struct RunArgs {
    /// Scenario files (.yaml, .yml, .toml), or folders of them.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(super) paths: Vec<PathBuf>,

    /// How the replicas elect: client-go, strict, renew-time or none.
    #[arg(long, help_heading = "Scenario fields")]
    protocol: Option<String>,
    /// LeaseDuration, such as 15s.
    #[arg(long, value_name = "TIME", help_heading = "Scenario fields")]
    lease_duration: Option<String>,
    /// RenewDeadline.
    #[arg(long, value_name = "TIME", help_heading = "Scenario fields")]
    renew_deadline: Option<String>,
    /// RetryPeriod.
    #[arg(long, value_name = "TIME", help_heading = "Scenario fields")]
    retry_period: Option<String>,
    /// Number of replicas.
    #[arg(long, value_name = "N", help_heading = "Scenario fields")]
    replicas: Option<String>,
    /// Give the Lease up on shutdown; --release-on-cancel=false turns it off.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", help_heading = "Scenario fields")]
    release_on_cancel: Option<String>,
    /// Number of runs.
    #[arg(long, value_name = "N", help_heading = "Scenario fields")]
    runs: Option<String>,
    /// What all randomness comes from.
    #[arg(long, value_name = "N", help_heading = "Scenario fields")]
    seed: Option<String>,
    /// Set any field, by its path. Can be repeated; goes after the flags above.
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Scenario fields")]
    set: Vec<String>,

    /// Run only the settings of this name.
    #[arg(long, value_name = "NAME")]
    pub(super) setting: Option<String>,
    /// Threads; the result is the same for any number. As many as there are processors, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// How results are printed.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) format: Format,
    /// Print results only: no progress, no remarks.
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Do not check expectations.
    #[arg(long)]
    pub(super) no_expect: bool,

    /// Write every failover: run, replicas, cause, seconds.
    #[arg(long, value_name = "FILE.csv", help_heading = "Files")]
    pub(super) samples: Option<PathBuf>,
    /// Draw the failover distributions, all settings in one plot. Can be repeated.
    #[arg(long, value_name = "FILE.svg|png", help_heading = "Files")]
    pub(super) plot: Vec<PathBuf>,
    /// Do not draw a plot into leasehold-out/ when a single scenario file is run.
    #[arg(long, help_heading = "Files")]
    pub(super) no_plot: bool,
    /// Write every event of one run.
    #[arg(long, value_name = "FILE.jsonl", help_heading = "Files")]
    pub(super) trace: Option<PathBuf>,
    /// Draw the timeline of one run. Can be repeated.
    #[arg(long, value_name = "FILE.svg|png|txt", help_heading = "Files")]
    pub(super) timeline: Vec<PathBuf>,
    /// Print the timeline of one run.
    #[arg(long)]
    pub(super) show: bool,
    /// The run for --trace, --timeline and --show: a number, `worst` (the most time with two leaders) or `slowest`
    /// (the longest failover). The worst if there is one, the first otherwise.
    #[arg(long, value_name = "N|worst|slowest")]
    pub(super) pick_run: Option<Pick>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A table for people.
    Table,
    /// One JSON object, the same bytes for the same command on any machine.
    Json,
    /// One row a setting.
    Csv,
}

/// Which run is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    Number(u64),
    Worst,
    Slowest,
}

impl FromStr for Pick {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "worst" => Ok(Self::Worst),
            "slowest" => Ok(Self::Slowest),
            number => number
                .parse()
                .map(Self::Number)
                .map_err(|_| "give a run's number, `worst` or `slowest`".to_owned()),
        }
    }
}

impl RunArgs {
    /// What the command line sets in every scenario.
    pub(super) fn overrides(&self) -> Result<Vec<Override>> {
        let shorthands = [
            ("protocol", &self.protocol),
            ("lease-duration", &self.lease_duration),
            ("renew-deadline", &self.renew_deadline),
            ("retry-period", &self.retry_period),
            ("replicas", &self.replicas),
            ("release-on-cancel", &self.release_on_cancel),
            ("runs", &self.runs),
            ("seed", &self.seed),
        ];
        let mut overrides = Vec::new();
        for (flag, value) in shorthands {
            if let Some(value) = value {
                overrides.push(Override::shorthand(flag, value)?);
            }
        }
        for set in &self.set {
            let Some((path, value)) = set.split_once('=') else {
                bail!("--set {set}: write PATH=VALUE, such as timings.lease_duration=5s");
            };
            overrides.push(Override::new(path, value)?);
        }
        Ok(overrides)
    }

    pub(super) fn threads(&self) -> usize {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(available, usize::from)
    }

    /// Every file that is to be written.
    pub(super) fn outputs(&self) -> Vec<&Path> {
        let single = self.samples.iter().chain(&self.trace);
        single.chain(&self.plot).chain(&self.timeline).map(PathBuf::as_path).collect()
    }

    pub(super) fn asks_for_release(&self) -> bool {
        self.release_on_cancel.as_deref() == Some("true")
    }

    /// Whether anything is asked of a single run.
    pub(super) fn looks_at_one_run(&self) -> bool {
        self.trace.is_some() || !self.timeline.is_empty() || self.show
    }
}
