//! `leasehold run`.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};

use super::Status;
use super::output::{WholeFile, check_outputs, print, remark};
use super::pictures;
use super::progress::{bar, stop_flag, was_stopped};
use super::results::{self, Finished};
use super::run_args::{Format, Pick, RunArgs};
use crate::scenario::{Prepared, Scenario, Setting, discover};
use crate::sim::Plan;
use crate::sim::plan::Fault;
use crate::stats::{Batch, Chunk, Totals};

pub(super) fn run(args: &RunArgs) -> Result<Status> {
    pictures::check_endings(args)?;
    let (scenarios, files) = load(args)?;
    let settings = chosen(args, &scenarios)?;
    if args.looks_at_one_run() && settings.len() != 1 {
        bail!(
            "--trace, --timeline and --show look at one setting, and there are {}: name one scenario file, and a \
             setting of it with --setting",
            settings.len()
        );
    }
    if let (Some(Pick::Number(run)), [(_, setting)]) = (args.pick_run, settings.as_slice())
        && run >= setting.runs
    {
        bail!("--pick-run {run}: there are {} runs, numbered from 0", setting.runs);
    }
    if settings.iter().all(|(_, setting)| setting.plan().is_none()) && args.looks_at_one_run() {
        bail!("the settings are refused, so there is no run to look at: {}", reason(settings[0].1));
    }
    check_outputs(&args.outputs(), &files)?;
    let mut samples = args.samples.as_deref().map(Samples::create).transpose()?;
    if let Some(samples) = &mut samples {
        samples.head(settings.len() > 1, scenarios.len() > 1)?;
    }
    let mut finished = Vec::new();
    for (scenario, setting) in settings {
        let done = run_setting(args, scenario, setting, samples.as_mut())?;
        let complete = done.is_complete();
        finished.push(done);
        if !complete {
            break;
        }
    }
    report(args, &scenarios, &finished, samples)
}

fn load(args: &RunArgs) -> Result<(Vec<Prepared>, Vec<PathBuf>)> {
    let overrides = args.overrides()?;
    let files = discover(&args.paths)?;
    let scenarios = files.iter().map(|file| Ok(Scenario::load(file, &overrides)?)).collect::<Result<_>>()?;
    Ok((scenarios, files))
}

fn chosen<'a>(args: &RunArgs, scenarios: &'a [Prepared]) -> Result<Vec<(&'a Prepared, &'a Setting)>> {
    let all = scenarios.iter().flat_map(|scenario| scenario.settings.iter().map(move |s| (scenario, s)));
    let chosen: Vec<_> = match &args.setting {
        None => all.collect(),
        Some(name) => all.filter(|(_, setting)| setting.name == *name).collect(),
    };
    if chosen.is_empty() {
        let names: Vec<_> =
            scenarios.iter().flat_map(|s| s.settings.iter().map(|s| s.name.as_str())).collect();
        bail!(
            "no setting is called `{}`; there are: {}",
            args.setting.as_deref().unwrap_or(""),
            names.join(", ")
        );
    }
    Ok(chosen)
}

fn reason(setting: &Setting) -> &str {
    setting.refusal().unwrap_or("")
}

#[expect(clippy::disallowed_methods, reason = "how fast it went is told to people, and is no result")]
fn run_setting<'a>(
    args: &RunArgs,
    scenario: &'a Prepared,
    setting: &'a Setting,
    mut samples: Option<&mut Samples>,
) -> Result<Finished<'a>> {
    let Some(plan) = setting.plan() else {
        return Ok(Finished::new(args, scenario, setting, Totals::default(), None));
    };
    let progress = bar(&results::title(scenario, setting), setting.runs, args.quiet);
    let batch =
        Batch { runs: setting.runs, seed: setting.seed, threads: args.threads(), samples: samples.is_some() };
    let started = Instant::now();
    let mut failed = None;
    let totals = batch.run(plan, stop_flag()?, |chunk| {
        progress.inc(chunk.totals.runs);
        if let Some(samples) = &mut samples {
            failed = samples.add(scenario, setting, plan, chunk).err();
        }
        failed.is_none()
    });
    progress.finish_and_clear();
    if let Some(error) = failed {
        return Err(error);
    }
    Ok(Finished::new(args, scenario, setting, totals, Some(started.elapsed())))
}

fn report(
    args: &RunArgs,
    scenarios: &[Prepared],
    finished: &[Finished<'_>],
    samples: Option<Samples>,
) -> Result<Status> {
    print(&match args.format {
        Format::Table => results::table(finished),
        Format::Json => results::json(finished)?,
        Format::Csv => results::csv(finished)?,
    })?;
    let status = finished.iter().map(Finished::status).max().unwrap_or(Status::Ok);
    if was_stopped() {
        return leave_what_is_complete(args, scenarios, finished, samples)
            .map(|()| status.max(Status::Inconclusive));
    }
    if let Some(samples) = samples {
        samples.file.finish()?;
    }
    let status = status.max(pictures::draw(args, scenarios.len(), finished)?);
    if !args.quiet && args.format == Format::Table {
        results::remarks(finished);
        if args.asks_for_release() && finished.iter().all(|one| one.setting.plan().is_none_or(only_crashes)) {
            remark(
                "note: --release-on-cancel changes nothing here: a process that crashes releases nothing. A graceful stop is \
                 `terminate`, as in sim-scenarios/baseline/leader-stop.yaml.",
            );
        }
    }
    Ok(status)
}

fn only_crashes(plan: &Plan) -> bool {
    plan.faults.iter().all(|fault| matches!(fault.fault, Fault::Crash(_)))
}

/// After Ctrl-C: complete runs are worth keeping, and what is missing is said.
fn leave_what_is_complete(
    args: &RunArgs,
    scenarios: &[Prepared],
    finished: &[Finished<'_>],
    samples: Option<Samples>,
) -> Result<()> {
    let complete = finished.iter().filter(|one| one.is_complete()).count();
    let all: usize = scenarios.iter().map(|scenario| scenario.settings.len()).sum();
    remark(format_args!("interrupted: {complete} of {all} settings are complete"));
    if let Some(one) = finished.iter().find(|one| !one.is_complete()) {
        remark(format_args!(
            "{}: {} of {} runs are; figures and files cover those",
            results::title(one.scenario, one.setting),
            one.totals.runs,
            one.setting.runs
        ));
    }
    if let Some(samples) = samples {
        samples.file.finish()?;
    }
    pictures::draw_plots(args, finished)?;
    if args.looks_at_one_run() {
        remark("no trace and no timeline were written");
    }
    Ok(())
}

/// The file of failovers.
struct Samples {
    file: WholeFile,
    names_settings: bool,
    names_scenarios: bool,
}

impl Samples {
    fn create(path: &std::path::Path) -> Result<Self> {
        Ok(Self { file: WholeFile::create(path)?, names_settings: false, names_scenarios: false })
    }

    fn head(&mut self, names_settings: bool, names_scenarios: bool) -> Result<()> {
        self.names_settings = names_settings;
        self.names_scenarios = names_scenarios;
        let settings = if names_settings { ",setting" } else { "" };
        let scenarios = if names_scenarios { ",scenario" } else { "" };
        Ok(writeln!(self.file, "{}{settings}{scenarios}", results::SAMPLE_COLUMNS)?)
    }

    fn add(&mut self, scenario: &Prepared, setting: &Setting, plan: &Plan, chunk: &Chunk) -> Result<()> {
        for sample in &chunk.samples {
            let cause = &plan.faults[sample.fault].name;
            let row = results::sample(sample.run, &plan.nodes.len().to_string(), cause, sample.took_ns);
            write!(self.file, "{row}")?;
            if self.names_settings {
                write!(self.file, ",{}", results::csv_field(&setting.name))?;
            }
            if self.names_scenarios {
                write!(self.file, ",{}", results::csv_field(&scenario.name))?;
            }
            writeln!(self.file)?;
        }
        Ok(())
    }
}

/// Where pictures go that nobody named a file for.
pub(super) fn default_folder() -> PathBuf {
    PathBuf::from("leasehold-out")
}
