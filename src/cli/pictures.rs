//! The plots, timelines and traces that a run leaves behind.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Status;
use super::output::{print, remark, write_file};
use super::results::{self, Finished};
use super::run::default_folder;
use super::run_args::{Format, Pick, RunArgs};
use super::trace_file;
use crate::core::Span;
use crate::report::{CdfMark, CdfPlot, CdfSeries, TextOptions, Timeline, timeline_of};
use crate::sim::{Plan, World};

/// Failovers below which a distribution is not drawn unless asked for.
const WORTH_A_PLOT: u64 = 100;

/// Draws and writes what was asked for. Inconclusive if the run to look at does not exist.
pub(super) fn draw(args: &RunArgs, scenarios: usize, finished: &[Finished<'_>]) -> Result<Status> {
    draw_plots(args, finished)?;
    let single_file = scenarios == 1 && args.paths.iter().all(|path| path.is_file());
    let failovers = finished.iter().map(|one| one.totals.failovers.count()).max().unwrap_or(0);
    if args.plot.is_empty() && !args.no_plot && single_file && failovers >= WORTH_A_PLOT {
        draw_by_default(args, finished)?;
    }
    if let [one] = finished
        && let Some(plan) = one.setting.plan()
    {
        let alone = single_file && one.totals.runs == 1 && args.format == Format::Table && !args.quiet;
        if args.looks_at_one_run() || alone {
            return look_at_one_run(args, one, plan, alone);
        }
    }
    Ok(Status::Ok)
}

/// The plots that were asked for.
pub(super) fn draw_plots(args: &RunArgs, finished: &[Finished<'_>]) -> Result<()> {
    args.plot.iter().try_for_each(|path| save_plot(path, &cdf(finished)))
}

fn draw_by_default(args: &RunArgs, finished: &[Finished<'_>]) -> Result<()> {
    let folder = default_folder();
    std::fs::create_dir_all(&folder).with_context(|| {
        format!("{}: cannot make the folder for plots (--no-plot goes without)", folder.display())
    })?;
    let plot = cdf(finished);
    for ending in ["svg", "png"] {
        let path = folder.join(format!("{}-failover.{ending}", file_name(&finished[0].scenario.name)));
        save_plot(&path, &plot)?;
        if !args.quiet {
            remark(format_args!("wrote {}", path.display()));
        }
    }
    Ok(())
}

fn save_plot(path: &Path, plot: &CdfPlot) -> Result<()> {
    match &*ending(path) {
        "svg" => write_file(path, plot.to_svg().as_bytes()),
        "png" => write_file(path, &plot.to_png()),
        _ => bail!("{}: a plot's file ends in .svg or .png", path.display()),
    }
}

/// Refuses files whose ending says nothing, before anything is run.
pub(super) fn check_endings(args: &RunArgs) -> Result<()> {
    if let Some(path) = args.plot.iter().find(|path| !matches!(&*ending(path), "svg" | "png")) {
        bail!("{}: a plot's file ends in .svg or .png", path.display());
    }
    if let Some(path) = args.timeline.iter().find(|path| !matches!(&*ending(path), "svg" | "png" | "txt")) {
        bail!("{}: a timeline's file ends in .svg, .png or .txt", path.display());
    }
    Ok(())
}

pub(super) fn ending(path: &Path) -> String {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase()
}

/// A scenario's name as that of a file.
fn file_name(name: &str) -> String {
    let keeps = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
    let name: String = name.chars().map(|c| if keeps(c) { c } else { '-' }).take(60).collect();
    let name = name.trim_start_matches(['.', '-', ' ']);
    if name.is_empty() { "scenario".to_owned() } else { name.to_owned() }
}

fn cdf(finished: &[Finished<'_>]) -> CdfPlot {
    let series = finished.iter().filter(|one| !one.totals.failovers.is_empty()).map(|one| CdfSeries {
        name: series_name(one, finished),
        points: one.totals.failovers.cdf_points(2_000),
    });
    let first = finished.first();
    CdfPlot {
        title: first.map_or_else(String::new, |one| headline(one, finished)),
        subtitle: if finished.len() == 1 {
            first.map_or_else(String::new, results::describe)
        } else {
            String::new()
        },
        x_label: "seconds from the cause to the next leader's start".to_owned(),
        series: series.collect(),
        marks: first.map_or_else(Vec::new, |one| popular_bound(one, finished)),
    }
}

fn headline(one: &Finished<'_>, finished: &[Finished<'_>]) -> String {
    let one_scenario = finished.iter().all(|other| other.scenario.name == one.scenario.name);
    if one_scenario { format!("Failover: {}", one.scenario.name) } else { "Failover".to_owned() }
}

/// The headline names the scenario where there is only one.
fn series_name(one: &Finished<'_>, finished: &[Finished<'_>]) -> String {
    let one_scenario = finished.iter().all(|other| other.scenario.name == one.scenario.name);
    match finished {
        [only] => results::describe(only),
        _ if one_scenario => one.setting.name.clone(),
        _ => results::title(one.scenario, one.setting),
    }
}

/// LD + RP, which is widely taken for the bound of failover, where all settings share it.
fn popular_bound(first: &Finished<'_>, finished: &[Finished<'_>]) -> Vec<CdfMark> {
    let bound = |one: &Finished<'_>| {
        let config = one.setting.plan()?.nodes.first()?.elector?;
        Some(config.timings().lease_duration + config.timings().retry_period)
    };
    let Some(sum) = bound(first).filter(|_| finished.iter().all(|one| bound(one) == bound(first))) else {
        return Vec::new();
    };
    vec![CdfMark { x_s: seconds(sum), label: format!("LD + RP = {sum}") }]
}

#[expect(clippy::cast_precision_loss, reason = "a place on a plot")]
fn seconds(span: Span) -> f64 {
    span.as_nanos() as f64 / 1e9
}

fn look_at_one_run(args: &RunArgs, one: &Finished<'_>, plan: &Plan, alone: bool) -> Result<Status> {
    let run = match picked(args, one) {
        Ok(run) => run,
        Err(none) => {
            remark(none);
            return Ok(Status::Inconclusive);
        }
    };
    let mut world = World::new(plan);
    let (outcome, trace) = world.run_traced(one.setting.seed, run);
    let to_ns = outcome.ran_ns;
    if let Some(path) = &args.trace {
        trace_file::write(path, one, plan, run, &trace)?;
    }
    let timeline = Timeline {
        title: format!("{}, run {run}", results::title(one.scenario, one.setting)),
        subtitle: format!("{}, seed {}", results::describe(one), one.setting.seed),
        ..timeline_of(plan, &trace, to_ns)
    };
    for path in &args.timeline {
        match &*ending(path) {
            "svg" => write_file(path, timeline.to_svg().as_bytes())?,
            "png" => write_file(path, &timeline.to_png())?,
            _ => write_file(path, timeline.to_text(&TextOptions::default()).as_bytes())?,
        }
    }
    if args.show || alone {
        print(&format!("\n{}", timeline.to_text(&terminal())))?;
    }
    Ok(Status::Ok)
}

/// The run to look at, or why there is none.
fn picked(args: &RunArgs, one: &Finished<'_>) -> Result<u64, &'static str> {
    let of = |found: Option<(u64, u64)>| found.map(|(run, _)| run);
    match args.pick_run {
        None => Ok(of(one.totals.worst_run).unwrap_or(0)),
        Some(Pick::Number(run)) => Ok(run),
        Some(Pick::Worst) => {
            of(one.totals.worst_run).ok_or("no run had two leaders: there is no worst one to look at")
        }
        Some(Pick::Slowest) => {
            of(one.totals.slowest_run).ok_or("no run had a failover: there is no slowest one to look at")
        }
    }
}

fn terminal() -> TextOptions {
    use std::io::IsTerminal as _;
    let is_terminal = std::io::stdout().is_terminal();
    let color = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    TextOptions { width: columns.unwrap_or(100).clamp(40, 400), color, ..TextOptions::default() }
}
