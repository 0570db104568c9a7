//! Questions that take more than one search: how long a failover takes, which rules are needed, how far an assumption can
//! be stretched.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::Status;
use super::check_args::{CheckArgs, Format, Stretch};
use super::check_files;
use super::check_junit::{Case, junit_of};
use super::check_output::{Answer, headline, status, verdict_name};
use super::check_pictures;
use super::check_story;
use super::check_watch::Watch;
use super::output::{print, remark, write_file};
use super::pictures::ending;
use crate::check::{
    Ablation, Frontier, Knob, Report, Setup, Tried, Verdict, ablate, explore, failover_bound, frontier,
};
use crate::report::{Align, Came, RangePlot, Table, Try};

/// How long at most until somebody leads.
pub(super) fn longest_failover(args: &CheckArgs, setup: &Setup, watch: &mut Watch) -> Result<Status> {
    let search = args.search();
    let found = failover_bound(setup.config, setup.replicas, &search, watch)?;
    watch.done();
    let Some(found) = found else {
        let why = watch.stopped_by().map_or("nobody leads again", super::check_output::stopped);
        print(&match args.format {
            Format::Text => format!(
                "INCONCLUSIVE: {why}; {} states had been made, {} different\nAssuming: {}.\n\nAgain: {}\n",
                HumanCount(watch.last().generated as u64),
                HumanCount(watch.last().unique as u64),
                setup.sentence(),
                args.command()
            ),
            Format::Json => {
                let value = json!({
                    "leasehold_check": 1,
                    "question": "failover",
                    "verdict": "inconclusive",
                    "reason": why,
                    "sentence": setup.sentence(),
                    "command": args.command(),
                    "measured": { "generated": watch.last().generated, "unique": watch.last().unique },
                });
                format!("{value:#}\n")
            }
        })?;
        return Ok(Status::Inconclusive);
    };
    let measured = super::check::measured(&search, &found.report, watch);
    let answer = Answer {
        report: &found.report,
        measured,
        subject: args.subject(),
        command: args.command(),
        bound: Some(&found),
    };
    super::check::publish(args, &answer)?;
    let what = format!("It takes {} until somebody leads after the leader crashed", found.bound);
    check_files::write(args, Some(&found.story), &found.report.setup, &what)?;
    Ok(status(&found.report.verdict))
}

/// Which rules are needed.
pub(super) fn which_rules(args: &CheckArgs, setup: &Setup, watch: &mut Watch) -> Result<Status> {
    let say = watch.speaker(args.quiet);
    let each = |one: &Ablation| {
        say(&format!("{}: {} instead of {}: {}", one.rule, one.to, one.from, headline(&one.report.verdict)));
    };
    let all = ablate(*setup.config.timings(), args.clock_bound()?, &args.search(), watch, each)?;
    watch.done();
    let reports = || all.iter().map(|one| &one.report);
    let rows = all.iter().map(|one| {
        let mut row = row(&one.report);
        row["rule"] = json!(one.rule);
        row["from"] = json!(one.from);
        row["to"] = json!(one.to);
        row
    });
    match args.format {
        Format::Json => print(&listing("ablate", "rules", rows.collect(), args, watch))?,
        Format::Text => {
            let columns = [
                ("rule", Align::Left),
                ("changed to", Align::Left),
                ("from", Align::Left),
                ("states", Align::Right),
                ("", Align::Left),
            ];
            let mut table = Table::new(&columns);
            for one in &all {
                let states = HumanCount(one.report.progress.unique as u64).to_string();
                let verdict = headline(&one.report.verdict);
                table.row([one.rule, one.to, one.from, &states, &verdict]);
            }
            let mut text = format!("{table}\n");
            for one in &all {
                let _infallible =
                    writeln!(text, "{} {}: assuming {}.", one.rule, one.to, one.report.setup.sentence());
            }
            let _infallible = writeln!(text, "\nAgain: {}", args.command());
            print(&text)?;
        }
    }
    let cases = all.iter().map(|one| Case { name: format!("{}: {}", one.rule, one.to), report: &one.report });
    write_junit(args, cases.collect(), watch)?;
    Ok(answered(reports()))
}

/// How far an assumption can be stretched.
pub(super) fn how_far(args: &CheckArgs, which: Stretch, base: Setup, watch: &mut Watch) -> Result<Status> {
    let knob = match which {
        Stretch::ClockRate => Knob::ClockRate,
        Stretch::RequestDelay => Knob::RequestDelay,
        Stretch::ResponseDelay => Knob::ResponseDelay,
        Stretch::Pause => Knob::Pause,
        Stretch::WallOffset => Knob::WallOffset,
    };
    let say = watch.speaker(args.quiet);
    let each = |one: &Tried| say(&format!("{}: {}", one.label, headline(&one.report.verdict)));
    let found = frontier(knob, base, &args.search(), watch, each)?;
    watch.done();
    let name = called(which);
    match args.format {
        Format::Json => {
            let rows = found.tried.iter().map(|one| {
                let mut row = row(&one.report);
                row["label"] = json!(one.label);
                row["value"] = json!(one.value);
                row
            });
            print(&listing("frontier", "tried", rows.collect(), args, watch))?;
        }
        Format::Text => print(&frontier_text(args, &found, name, &base))?,
    }
    let cases =
        found.tried.iter().map(|one| Case { name: format!("{name}: {}", one.label), report: &one.report });
    write_junit(args, cases.collect(), watch)?;
    if let Some(path) = &args.plot {
        let plot = plot(&found, name, &base);
        match &*ending(path) {
            "svg" => write_file(path, plot.to_svg().as_bytes())?,
            _ => write_file(path, &plot.to_png())?,
        }
    }
    let refuted = found.smallest_refuted.as_ref();
    let (story, setup) = match refuted.map(|one| &one.report) {
        Some(Report { verdict: Verdict::Violated { story, .. }, setup, .. }) => (Some(story), setup),
        _ => (None, &base),
    };
    check_files::write(
        args,
        story,
        setup,
        &refuted.map_or_else(String::new, |one| headline(&one.report.verdict)),
    )?;
    Ok(answered(found.tried.iter().map(|one| &one.report)))
}

fn frontier_text(args: &CheckArgs, found: &Frontier, name: &str, base: &Setup) -> String {
    let columns = [(name, Align::Left), ("states", Align::Right), ("", Align::Left)];
    let mut table = Table::new(&columns);
    for one in &found.tried {
        let states = HumanCount(one.report.progress.unique as u64).to_string();
        table.row([one.label.clone(), states, headline(&one.report.verdict)]);
    }
    let mut text =
        format!("{}\nAssuming, but for that: {}.\n\n{table}", summary(found, name), base.sentence());
    if let Some(Report { verdict: Verdict::Violated { story, .. }, setup, .. }) =
        found.smallest_refuted.as_ref().map(|one| &one.report)
    {
        let _infallible = write!(text, "\n{}", check_story::timeline(story, setup));
    }
    let _infallible = writeln!(text, "\nAgain: {}", args.command());
    text
}

fn summary(found: &Frontier, name: &str) -> String {
    let label = |one: &Option<Tried>| one.as_ref().map(|one| one.label.clone());
    match (label(&found.largest_proved), label(&found.smallest_refuted)) {
        (Some(proved), Some(refuted)) => format!("{name}: PROVED up to {proved}, VIOLATED from {refuted}"),
        (Some(proved), None) => {
            format!("{name}: PROVED up to {proved}, and nothing that was tried is violated")
        }
        (None, Some(refuted)) => {
            format!("{name}: VIOLATED from {refuted}, and nothing that was tried is proved")
        }
        (None, None) => format!("{name}: INCONCLUSIVE"),
    }
}

fn called(which: Stretch) -> &'static str {
    match which {
        Stretch::ClockRate => "clock rate, fast/slow",
        Stretch::RequestDelay => "request delay",
        Stretch::ResponseDelay => "response delay",
        Stretch::Pause => "pause",
        Stretch::WallOffset => "wall-clock offset",
    }
}

fn plot(found: &Frontier, name: &str, base: &Setup) -> RangePlot {
    let tries = found.tried.iter().map(|one| Try {
        x: one.value,
        label: one.label.clone(),
        came: match one.report.verdict {
            Verdict::Proved => Came::Proved,
            Verdict::Violated { .. } => Came::Violated,
            Verdict::Inconclusive(_) => Came::Unknown,
        },
    });
    RangePlot {
        title: summary(found, name),
        subtitle: base.sentence(),
        x_label: name.to_owned(),
        tries: tries.collect(),
    }
}

/// Serves the states to a browser.
pub(super) fn look_around(address: &str, setup: Setup) -> Result<Status> {
    let known: std::net::SocketAddr = address.parse().with_context(|| {
        format!("--explore {address}: write an address and a port, such as 127.0.0.1:3000")
    })?;
    // The explorer would panic.
    drop(std::net::TcpListener::bind(known).with_context(|| format!("--explore {address}"))?);
    remark(format_args!("exploring at http://{known}, until interrupted; assuming {}", setup.sentence()));
    explore(setup, known, |story, setup| {
        check_pictures::sequence(story, setup, "The way here".to_owned()).to_svg()
    })?;
    Ok(Status::Ok)
}

/// Refuses files that would have to show more than one run.
pub(super) fn check_files_of(args: &CheckArgs) -> Result<()> {
    if args.ablate && (args.scenario_out.is_some() || !args.svg.is_empty()) {
        bail!(
            "--scenario-out and --svg show one run, and --ablate finds many: ask for one of them with --rule"
        );
    }
    Ok(())
}

/// The question is answered if every search says something.
fn answered<'a>(mut reports: impl Iterator<Item = &'a Report>) -> Status {
    let all = reports.all(|report| !matches!(report.verdict, Verdict::Inconclusive(_)));
    if all { Status::Ok } else { Status::Inconclusive }
}

fn row(report: &Report) -> Value {
    let (property, actions) = match &report.verdict {
        Verdict::Violated { property, story } => (Some(*property), Some(story.chapters.len())),
        _ => (None, None),
    };
    json!({
        "verdict": verdict_name(&report.verdict),
        "property": property,
        "actions": actions,
        "sentence": report.setup.sentence(),
        "states": { "generated": report.progress.generated, "unique": report.progress.unique },
    })
}

fn listing(question: &str, key: &str, rows: Vec<Value>, args: &CheckArgs, watch: &Watch) -> String {
    let value = json!({
        "leasehold_check": 1,
        "question": question,
        key: rows,
        "command": args.command(),
        "measured": { "seconds": watch.elapsed().as_secs_f64() },
    });
    format!("{value:#}\n")
}

fn write_junit(args: &CheckArgs, cases: Vec<Case<'_>>, watch: &Watch) -> Result<()> {
    let Some(path) = &args.junit else { return Ok(()) };
    write_file(path, junit_of(&cases, watch.elapsed())?.as_bytes())
}
