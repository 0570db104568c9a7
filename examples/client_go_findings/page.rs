//! The page: tables, and a section for each finding.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use leasehold::core::{ClientGo, Span};
use leasehold::replay::{Recording, script_of};
use leasehold::report::{Timeline, timeline_of};
use leasehold::sim::World;

use crate::compare::simulated_overlap_ns;
use crate::findings::{FINDINGS, Finding};
use crate::{RUNS, Runs};

const SECOND: u64 = 1_000_000_000;

fn seconds(ns: u64) -> String {
    format!("{}.{:03} s", ns / SECOND, ns % SECOND / 1_000_000)
}

/// The run in which two led longest, or (where two never do) in which nobody led longest.
fn worst<'r>(runs: &'r Runs, name: &str) -> &'r Recording {
    let of = |recording: &&Recording| (recording.two_leaders_ns(), longest_gap(recording));
    runs.of(name).max_by_key(of).expect("every schedule was run")
}

/// From the end of one term to the begin of the next, at most.
fn longest_gap(recording: &Recording) -> u64 {
    let (mut since, mut longest) = (None, 0);
    for event in &recording.events {
        match event.kind.as_str() {
            "stopped_leading" => since = Some(event.t_ns),
            "started_leading" => longest = longest.max(since.take().map_or(0, |since| event.t_ns - since)),
            _ => {}
        }
    }
    longest
}

pub(crate) fn page(runs: &[Runs], pictures: &Path) -> std::io::Result<String> {
    let current = runs.iter().find(|runs| runs.release == ClientGo::V0_36).expect("it was run");
    let versions: Vec<&str> = runs.iter().map(|runs| runs.version.trim_start_matches("client-go ")).collect();
    let mut page = format!(
        "# What we found in client-go\n\n\
         Made by `cargo run --example client_go_findings`.\n\n\
         Every trace and figure is of the real `LeaderElector` and `LeaseLock` of k8s.io/client-go ({}), run in virtual \
         time with perfect clocks, {RUNS} runs of each schedule with different jitter. Each run was compared with the \
         simulator's of the same release under the same jitter: every event is equal to the nanosecond, and so is every \
         overlap. `strict` ran in the simulator, the same schedules, {RUNS} runs each.\n\n",
        versions.join(", ")
    );
    page.push_str(&nanoseconds(current));
    page.push_str(&by_release(runs));
    for finding in &FINDINGS {
        page.push_str(&section(finding, runs, pictures)?);
    }
    Ok(page)
}

fn nanoseconds(current: &Runs) -> String {
    let mut text = format!(
        "## How long two lead\n\n{}, the longest of {RUNS} runs.\n\n\
         | schedule | real, ns | simulated, ns |\n| --- | ---: | ---: |\n",
        current.version
    );
    for finding in &FINDINGS {
        let recording = worst(current, finding.schedule);
        let plan = recording.schedule.plan_of(current.release).expect("it was run");
        let simulated = simulated_overlap_ns(recording, &plan);
        let _ = writeln!(text, "| `{}` | {} | {simulated} |", finding.schedule, recording.two_leaders_ns());
    }
    text + "\n"
}

fn by_release(runs: &[Runs]) -> String {
    let mut header = "| schedule |".to_owned();
    for of in runs {
        let _ = write!(header, " {} |", of.version.trim_start_matches("client-go "));
    }
    header += "\n| --- |";
    header += &" ---: |".repeat(runs.len());
    header.push('\n');
    let mut text =
        format!("## By release\n\nHow long two lead at most, on the real code of each release.\n\n{header}");
    for finding in &FINDINGS {
        let _ = write!(text, "| `{}` |", finding.schedule);
        for of in runs {
            let _ = write!(text, " {} |", seconds(worst(of, finding.schedule).two_leaders_ns()));
        }
        text.push('\n');
    }
    text += "\nUp to v0.29 a renewal reads first, and the late answer of the first two schedules is that of the read: the write \
             comes after it. Nobody leads, at most:\n\n";
    text += &header;
    for name in ["release-meets-renewal", "release-of-an-old-version"] {
        let _ = write!(text, "| `{name}` |");
        for of in runs {
            let _ = write!(text, " {} |", seconds(of.of(name).map(longest_gap).max().unwrap_or(0)));
        }
        text.push('\n');
    }
    text + "\n"
}

fn section(finding: &Finding, runs: &[Runs], pictures: &Path) -> std::io::Result<String> {
    let of = runs.iter().find(|runs| runs.release == finding.shown).expect("it was run");
    let recording = worst(of, finding.schedule);
    let picture = format!("{}.svg", finding.schedule);
    let timeline = timeline(recording, finding.title);
    std::fs::write(pictures.join(&picture), timeline.to_svg())?;
    if let Some(folder) = std::env::args().nth(1) {
        std::fs::write(Path::new(&folder).join(format!("{}.png", finding.schedule)), timeline.to_png())?;
    }
    let (two, gap) = (recording.two_leaders_ns(), longest_gap(recording));
    let measured = if two > 0 {
        format!("Two lead for {}.", seconds(two))
    } else {
        format!("Nobody leads for {}.", seconds(gap))
    };
    Ok(format!(
        "## {}\n\n{} {measured}\n\n![{}](client-go-findings/{picture})\n\nSettings: {}\n\n`strict`: {} {}\n\n\
         The schedule (`{}`{}), and what {} did:\n\n```text\n{}\n{}```\n\n",
        finding.title,
        finding.story,
        finding.title,
        finding.settings,
        finding.strict,
        under_strict(recording),
        finding.schedule,
        if crate::known::IN_THE_RECORDINGS.contains(&finding.schedule) {
            ", in tests/data/client-go-traces.jsonl"
        } else {
            ""
        },
        of.version,
        schedule_text(recording),
        excerpt(recording),
    ))
}

/// What was run, in lines.
fn schedule_text(recording: &Recording) -> String {
    let schedule = &recording.schedule;
    let span = Span::from_nanos;
    let mut text = String::new();
    for node in &schedule.nodes {
        let _ = write!(
            text,
            "{}: {}/{}/{}, starts at {}",
            node.id,
            span(node.lease_duration_ns),
            span(node.renew_deadline_ns),
            span(node.retry_period_ns),
            span(node.start_ns)
        );
        if let Some(timeout) = node.http_timeout_ns {
            let _ = write!(text, ", HTTP timeout {}", span(timeout));
        }
        if let Some(identity) = &node.identity {
            let _ = write!(text, ", identity {identity}");
        }
        if node.release_on_cancel {
            text += ", ReleaseOnCancel";
        }
        if let Some(at) = node.cancel_ns {
            let _ = write!(text, ", SIGTERM at {}", span(at));
        }
        text.push('\n');
    }
    for link in &schedule.links {
        let leg = format!("{:?}", link.leg).to_lowercase();
        let what = format!("{:?}", link.effect).to_lowercase();
        let by = if link.delay_ns > 0 { format!(" by {}", span(link.delay_ns)) } else { String::new() };
        let (from, to) = (span(link.from_ns), span(link.to_ns));
        let _ = writeln!(text, "{}: {what} {leg}{by}, sent from {from} to {to}", link.node);
    }
    for edit in &schedule.environment {
        let _ = writeln!(text, "somebody: {:?} at {}", edit.what, span(edit.at_ns));
    }
    text
}

/// Terms and edits, and what is near them.
fn excerpt(recording: &Recording) -> String {
    let events = &recording.events;
    let is_key =
        |kind: &str| matches!(kind, "started_leading" | "stopped_leading" | "returned" | "environment");
    let mut shown = BTreeSet::new();
    for (at, event) in events.iter().enumerate().filter(|(_, event)| is_key(&event.kind)) {
        let around = if event.kind == "stopped_leading" || event.kind == "environment" { 3 } else { 2 };
        shown.extend(at.saturating_sub(around)..(at + 2).min(events.len()));
    }
    let mut text = String::new();
    let mut last = None;
    for at in shown.into_iter().take(48) {
        if last.is_some_and(|last| last + 1 != at) {
            text += "               ...\n";
        }
        last = Some(at);
        let _ = writeln!(text, "{}", events[at]);
    }
    text
}

fn timeline(recording: &Recording, title: &str) -> Timeline {
    let plan = recording.schedule.plan_of(recording.release()).expect("it was run");
    let mut world = World::new(&plan).with_script(script_of(recording));
    let (outcome, trace) = world.run_traced(0, 0);
    let ran_ns = outcome.ran_ns;
    let mut timeline = timeline_of(&plan, &trace, ran_ns);
    timeline.title = title.to_owned();
    timeline.subtitle = format!(
        "{}, schedule {}, seed {}",
        recording.elector, recording.schedule.name, recording.schedule.seed
    );
    if let (Some((from, _)), Some((_, to))) =
        (timeline.overlaps.first().copied(), timeline.overlaps.last().copied())
    {
        timeline.from_ns = from.saturating_sub(15 * SECOND);
        timeline.to_ns = (to + 6 * SECOND).min(ran_ns);
    }
    timeline
}

fn under_strict(recording: &Recording) -> String {
    match recording.schedule.strict_plan() {
        Err(refused) => format!("It refuses these settings ({refused})."),
        Ok(plan) => {
            let mut world = World::new(&plan);
            let longest =
                (1..=RUNS.unsigned_abs()).map(|seed| world.run(seed, 0).two_leaders_ns).max().unwrap_or(0);
            format!("Two lead for {longest} ns in {RUNS} runs of this schedule.")
        }
    }
}
