//! `leasehold check`.

use anyhow::{Result, bail};

use super::Status;
use super::check_args::{CheckArgs, Format};
use super::check_output::{Answer, Measured, in_github_actions, status};
use super::check_watch::{Watch, knows_memory};
use super::pictures::ending;
use super::output::{check_outputs, print, remark, write_file};
use crate::check::{Order, Report, Search, Setup, Verdict, Walls};

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
    check_outputs(&args.outputs(), &[])?;
    if args.assumed.speaks_of_walls() && setup.assumptions.walls == Walls::Anything && !args.quiet {
        remark("note: these rules do not trust wall clocks, and are checked with ones that say anything");
    }
    let mut watch = Watch::new(args)?;
    one(args, setup, &mut watch)
}

/// A single question.
fn one(args: &CheckArgs, setup: Setup, watch: &mut Watch) -> Result<Status> {
    let search = args.search();
    let report = search.run(setup, watch)?;
    watch.done();
    let answer = Answer { measured: measured(&search, &report, watch), report: &report, command: args.command() };
    print(&match args.format {
        Format::Text => answer.text(),
        Format::Json => format!("{:#}\n", answer.json()),
    })?;
    if args.format == Format::Text && in_github_actions() {
        print(&answer.annotation())?;
    }
    if let Some(path) = &args.junit {
        write_file(path, answer.junit()?.as_bytes())?;
    }
    Ok(status(&report.verdict))
}

fn measured(search: &Search, report: &Report, watch: &Watch) -> Measured {
    let again = matches!(report.verdict, Verdict::Violated { .. }) && search.order == Order::BreadthFirst;
    Measured {
        seconds: watch.elapsed().as_secs_f64(),
        depth: (search.threads == 1 || again).then_some(report.progress.depth),
        bytes_a_state: watch.bytes_a_state(report.progress.unique),
    }
}
