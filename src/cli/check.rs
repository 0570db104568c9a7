//! `leasehold check`.

use anyhow::{Result, bail};

use super::Status;
use super::check_args::{CheckArgs, Format};
use super::check_files;
use super::check_guarantees;
use super::check_output::{Answer, Measured, in_github_actions, status};
use super::check_questions;
use super::check_watch::{Watch, knows_memory};
use super::output::{check_outputs, print, remark, write_file};
use super::pictures::ending;
use crate::check::{Order, Report, Search, Setup, Timing, Verdict, Walls};

pub(super) fn run(args: &CheckArgs) -> Result<Status> {
    if args.memory_limit()?.is_some() && !knows_memory() {
        bail!("--memory-limit needs Linux's /proc to see how much memory there is in use; leave it away");
    }
    let setup = args.setup()?;
    if let Some(path) = args.svg.iter().find(|path| !matches!(&*ending(path), "svg" | "png" | "txt")) {
        bail!("{}: a picture's file ends in .svg, .png or .txt", path.display());
    }
    if let Some(path) = args.plot.iter().find(|path| !matches!(&*ending(path), "svg" | "png")) {
        bail!("{}: a plot's file ends in .svg or .png", path.display());
    }
    check_questions::check_files_of(args)?;
    if let Some(path) = args.scenario_out.as_ref().filter(|_| setup.timing != Timing::Exact) {
        bail!("--scenario-out {}: only --timing exact finds runs that can be replayed", path.display());
    }
    check_outputs(&args.outputs(), &[])?;
    if args.assumed.speaks_of_walls() && setup.assumptions.walls == Walls::Anything && !args.quiet {
        remark("note: these rules do not trust wall clocks, and are checked with ones that say anything");
    }
    if let Some(address) = &args.explore {
        return check_questions::look_around(address, setup);
    }
    let mut watch = Watch::new(args)?;
    if let Some(path) = &args.guarantees {
        return check_guarantees::write(args, path, &mut watch);
    }
    match args.frontier {
        _ if args.failover => check_questions::longest_failover(args, &setup, &mut watch),
        _ if args.ablate => check_questions::which_rules(args, &setup, &mut watch),
        Some(which) => check_questions::how_far(args, which, setup, &mut watch),
        None => one(args, setup, &mut watch),
    }
}

/// A single question.
fn one(args: &CheckArgs, setup: Setup, watch: &mut Watch) -> Result<Status> {
    let search = args.search();
    let report = search.run(setup, watch)?;
    watch.done();
    let measured = measured(&search, &report, watch);
    let answer =
        Answer { report: &report, measured, subject: args.subject(), command: args.command(), bound: None };
    publish(args, &answer)?;
    check_files::write(args, answer.story(), &report.setup, &answer.headline())?;
    Ok(status(&report.verdict))
}

/// Prints it, and writes what a CI system reads.
pub(super) fn publish(args: &CheckArgs, answer: &Answer<'_>) -> Result<()> {
    print(&match args.format {
        Format::Text => answer.text(),
        Format::Json => format!("{:#}\n", answer.json()),
    })?;
    if args.format == Format::Text && in_github_actions() {
        print(&answer.annotation())?;
    }
    match &args.junit {
        Some(path) => write_file(path, answer.junit()?.as_bytes()),
        None => Ok(()),
    }
}

pub(super) fn measured(search: &Search, report: &Report, watch: &Watch) -> Measured {
    let again = matches!(report.verdict, Verdict::Violated { .. }) && search.order == Order::BreadthFirst;
    Measured {
        seconds: watch.elapsed().as_secs_f64(),
        depth: (search.threads == 1 || again).then_some(report.progress.depth),
        bytes_a_state: watch.bytes_a_state(report.progress.unique),
    }
}
