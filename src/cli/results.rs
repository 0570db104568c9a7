//! What runs showed, as a table, JSON or CSV.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::Status;
use super::output::remark;
use super::run_args::RunArgs;
use crate::core::Span;
use crate::report::{Align, Table};
use crate::scenario::{Expectation, Prepared, Protocol, Setting, Verdict, metric_names};
use crate::stats::{Latencies, Totals};

/// A setting that was run, or refused.
pub(super) struct Finished<'a> {
    pub(super) scenario: &'a Prepared,
    pub(super) setting: &'a Setting,
    pub(super) totals: Totals,
    /// Wall time; none where nothing ran.
    took: Option<Duration>,
    checks: Vec<(&'a Expectation, Verdict)>,
    /// Whether the settings were to be refused, and were for the right reason.
    refusal: Option<bool>,
}

impl<'a> Finished<'a> {
    pub(super) fn new(
        args: &RunArgs,
        scenario: &'a Prepared,
        setting: &'a Setting,
        totals: Totals,
        took: Option<Duration>,
    ) -> Self {
        let figure = |name: &str| setting.plan().and_then(|plan| totals.metric(name, plan));
        let complete = setting.plan().is_none() || totals.runs == setting.runs;
        let checks = if args.no_expect || !complete { Vec::new() } else { setting.check(&figure) };
        let refusal = if args.no_expect { None } else { setting.refusal_as_expected() };
        Self { scenario, setting, totals, took, checks, refusal }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.setting.plan().is_none() || self.totals.runs == self.setting.runs
    }

    pub(super) fn status(&self) -> Status {
        let of_check = |(_, verdict): &(_, Verdict)| match verdict {
            Verdict::Met => Status::Ok,
            Verdict::NotMet { .. } => Status::Failed,
            Verdict::NotMeasured => Status::Inconclusive,
        };
        let worst = self.checks.iter().map(of_check).max().unwrap_or(Status::Ok);
        if self.refusal == Some(false) || self.totals.invariant_violations > 0 {
            Status::Failed
        } else if !self.is_complete() {
            worst.max(Status::Inconclusive)
        } else {
            worst
        }
    }

    fn verdict(&self) -> &'static str {
        match self.status() {
            Status::Failed => "FAILED",
            Status::Inconclusive => "inconclusive",
            Status::Ok if self.checks.is_empty() && self.refusal.is_none() => "",
            Status::Ok => "ok",
        }
    }

    /// Every condition that was not met, in words.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (expectation, verdict) in &self.checks {
            match verdict {
                Verdict::Met => {}
                Verdict::NotMet { actual } => complaints.push(format!(
                    "{}: expected {expectation}, measured {}",
                    expectation.location,
                    figure_text(*actual)
                )),
                Verdict::NotMeasured => complaints.push(format!(
                    "{}: expected {expectation}, but nothing was measured",
                    expectation.location
                )),
            }
        }
        if let (Some(false), Some((expected, place))) = (self.refusal, &self.setting.expected_refusal) {
            let got = self
                .setting
                .refusal()
                .map_or("they were accepted".to_owned(), |reason| format!("the reason was: {reason}"));
            complaints.push(format!("{place}: the settings were to be refused with `{expected}`; {got}"));
        }
        if self.totals.invariant_violations > 0 {
            complaints.push(format!(
                "{} broken invariants of the store: this is a defect of the simulator, please report it with the command above",
                self.totals.invariant_violations
            ));
        }
        complaints
    }
}

/// The scenario's name, and the setting's where it has more than one.
pub(super) fn title(scenario: &Prepared, setting: &Setting) -> String {
    if scenario.settings.len() > 1 || setting.name != scenario.name {
        format!("{}: {}", scenario.name, setting.name)
    } else {
        scenario.name.clone()
    }
}

/// Protocol, timings and replicas in a few words.
pub(super) fn describe(one: &Finished<'_>) -> String {
    let protocol = match one.setting.scenario.protocol.unwrap_or_default() {
        Protocol::None => "no election",
        protocol => protocol.name(),
    };
    let Some(plan) = one.setting.plan() else { return format!("{protocol}, refused") };
    let replicas = plan.nodes.len();
    let plural = if replicas == 1 { "" } else { "s" };
    match plan.nodes.first().and_then(|node| node.elector) {
        Some(config) => format!("{protocol} {}, {replicas} replica{plural}", config.timings()),
        None => format!("{protocol}, {replicas} replica{plural}"),
    }
}

/// The command that gives these results again.
pub(super) fn command(one: &Finished<'_>) -> String {
    one.scenario.command_line().unwrap_or_default()
}

pub(super) fn table(finished: &[Finished<'_>]) -> String {
    let mut text = String::new();
    let _infallible = match finished {
        [one] => write!(text, "{}", single(one)),
        several => write!(text, "{}", overview(several)),
    };
    for one in finished {
        for complaint in one.complaints() {
            let _infallible = write!(text, "\n{}\n  {complaint}\n", title(one.scenario, one.setting));
        }
    }
    text
}

fn overview(finished: &[Finished<'_>]) -> String {
    let mut table = Table::new(&[
        ("scenario", Align::Left),
        ("what", Align::Left),
        ("runs", Align::Right),
        ("failovers", Align::Right),
        ("p50 s", Align::Right),
        ("p99 s", Align::Right),
        ("max s", Align::Right),
        ("two leaders max s", Align::Right),
        ("verdict", Align::Left),
    ]);
    for one in finished {
        let totals = &one.totals;
        let quantile = |q| seconds_text(totals.failovers.quantile(q));
        table.row([
            title(one.scenario, one.setting),
            describe(one),
            grouped(totals.runs),
            grouped(totals.failovers.count()),
            quantile(0.5),
            quantile(0.99),
            seconds_text(totals.failovers.max()),
            if totals.two_leaders.max_ns == 0 {
                "0".to_owned()
            } else {
                seconds_text(Some(totals.two_leaders.max_ns))
            },
            one.verdict().to_owned(),
        ]);
    }
    let failed = finished.iter().filter(|one| one.status() == Status::Failed).count();
    let open = finished.iter().filter(|one| one.status() == Status::Inconclusive).count();
    format!("{table}\n{} settings, {failed} failed, {open} inconclusive\n", finished.len())
}

/// One setting in detail.
fn single(one: &Finished<'_>) -> String {
    let totals = &one.totals;
    let mut text = format!("{}\n{}", title(one.scenario, one.setting), describe(one));
    let mut line = |args: std::fmt::Arguments<'_>| {
        let _infallible = writeln!(text, "{args}");
    };
    let Some(plan) = one.setting.plan() else {
        line(format_args!("\nrefused: {}", one.setting.refusal().unwrap_or("")));
        return text;
    };
    let plural = if totals.runs == 1 { "" } else { "s" };
    line(format_args!(", seed {}, {} run{plural}\n", one.setting.seed, grouped(totals.runs)));
    if totals.failovers.is_empty() {
        line(format_args!("no failovers"));
    } else {
        line(format_args!("{}", failover_table(totals, plan).to_string().trim_end()));
    }
    line(format_args!(""));
    let mut figures = Table::new(&[("over all runs", Align::Left), ("", Align::Right)]);
    let runs = totals.runs.max(1);
    let mean = |sum: u128| seconds_text(u64::try_from(sum / u128::from(runs)).ok());
    let mut figure = |name: &str, value: String| {
        figures.row([name.to_owned(), value]);
    };
    figure("terms", grouped(totals.terms));
    figure("leadership changes", grouped(totals.changes));
    figure("  of them without a cause", grouped(totals.changes_without_cause));
    figure("time without a leader, mean s", mean(totals.leaderless.sum_ns));
    figure("time with two leaders, worst run s", seconds_text(Some(totals.two_leaders.max_ns)));
    figure("runs with two leaders", grouped(totals.two_leaders_runs));
    for (&(a, b), &ns) in &totals.two_leaders_pairs {
        let pair = format!("  {} and {}, mean s", plan.nodes[a].name, plan.nodes[b].name);
        figure(&pair, mean(ns));
    }
    if plan.work.is_some() {
        figure("writes accepted", grouped(totals.writes_accepted));
        figure("  of them stale", grouped(totals.stale_writes_accepted));
        figure("stale writes rejected", grouped(totals.stale_writes_rejected));
    }
    figure("requests", grouped(totals.requests.iter().flatten().sum()));
    if !one.verdict().is_empty() {
        figure("expectations", format!("{} of {}", met(one), one.checks.len()));
        figure("verdict", one.verdict().to_owned());
    }
    line(format_args!("{}", figures.to_string().trim_end()));
    text
}

fn met(one: &Finished<'_>) -> usize {
    one.checks.iter().filter(|(_, verdict)| *verdict == Verdict::Met).count()
}

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

fn failover_table(totals: &Totals, plan: &crate::sim::Plan) -> Table {
    let mut columns = vec![("failover, s", Align::Left), ("count", Align::Right), ("min", Align::Right)];
    columns.extend(QUANTILES.iter().map(|(name, _)| (*name, Align::Right)));
    columns.extend([("max", Align::Right), ("mean", Align::Right)]);
    let mut table = Table::new(&columns);
    for (&fault, latencies) in &totals.failovers_by_fault {
        table.row(failover_row(&plan.faults[fault].name, latencies));
    }
    if totals.failovers_by_fault.len() > 1 {
        table.row(failover_row("all", &totals.failovers));
    }
    if totals.failovers.count() >= 100 {
        let interval = |q| {
            let interval = totals.failovers.quantile_interval(q, 0.95);
            format!("{}..{}", seconds_text(interval.low), seconds_text(interval.high))
        };
        let mut row = vec!["  95 % confidence".to_owned(), String::new(), String::new()];
        row.extend(QUANTILES.iter().map(|(_, q)| interval(*q)));
        table.row(row);
    }
    table
}

fn failover_row(name: &str, latencies: &Latencies) -> Vec<String> {
    let mut row = vec![name.to_owned(), grouped(latencies.count()), seconds_text(latencies.min())];
    row.extend(QUANTILES.iter().map(|(_, q)| seconds_text(latencies.quantile(*q))));
    row.extend([seconds_text(latencies.max()), seconds_text(latencies.mean())]);
    row
}

/// What is not a result and may differ from machine to machine: how fast it went.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn remarks(finished: &[Finished<'_>]) {
    let took: f64 = finished.iter().filter_map(|one| one.took).map(|took| took.as_secs_f64()).sum();
    let sum = |of: fn(&Totals) -> u64| finished.iter().map(|one| of(&one.totals)).sum::<u64>() as f64;
    let (runs, failovers, events) = (sum(|t| t.runs), sum(|t| t.failovers.count()), sum(|t| t.events));
    if took > 0.0 {
        remark(format_args!(
            "{} runs in {took:.2} s: {} failovers and {} events a second",
            grouped(runs as u64),
            grouped((failovers / took) as u64),
            grouped((events / took) as u64)
        ));
    }
}

pub(super) fn json(finished: &[Finished<'_>]) -> Result<String> {
    let results: Vec<Value> = finished.iter().map(one_json).collect();
    let status = finished.iter().map(Finished::status).max().unwrap_or(Status::Ok);
    let report = json!({
        "leasehold": env!("CARGO_PKG_VERSION"),
        "results": results,
        "verdict": verdict_name(status),
    });
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn verdict_name(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Failed => "failed",
        Status::Inconclusive => "inconclusive",
    }
}

fn one_json(one: &Finished<'_>) -> Value {
    let expectations = one.checks.iter().map(|(expectation, verdict)| {
        let (verdict, actual) = match verdict {
            Verdict::Met => ("met", figure(one, &expectation.metric)),
            Verdict::NotMet { actual } => ("not met", Some(*actual)),
            Verdict::NotMeasured => ("not measured", None),
        };
        json!({
            "metric": expectation.metric,
            "condition": expectation.condition.to_string(),
            "actual": actual,
            "verdict": verdict,
        })
    });
    json!({
        "scenario": one.scenario.name,
        "setting": one.setting.name,
        "command": command(one),
        "seed": one.setting.seed,
        "runs": one.totals.runs,
        "complete": one.is_complete(),
        "refused": one.setting.refusal(),
        "figures": figures(one),
        "failover_s_by_cause": by_cause(one),
        "two_leaders_pairs": pairs(one),
        "worst_run": one.totals.worst_run.map(|(run, _)| run),
        "slowest_run": one.totals.slowest_run.map(|(run, _)| run),
        "expectations": expectations.collect::<Vec<_>>(),
        "verdict": verdict_name(one.status()),
        "resolved": one.setting.resolved().to_json(),
    })
}

/// For how long each pair led at once, in all runs together.
#[expect(clippy::cast_precision_loss, reason = "a figure for people and plots")]
fn pairs(one: &Finished<'_>) -> Vec<Value> {
    let Some(plan) = one.setting.plan() else { return Vec::new() };
    let name = |node: usize| plan.nodes[node].name.as_str();
    let pairs = one.totals.two_leaders_pairs.iter();
    pairs.map(|(&(a, b), &ns)| json!({"nodes": [name(a), name(b)], "total_s": ns as f64 / 1e9})).collect()
}

fn figure(one: &Finished<'_>, name: &str) -> Option<f64> {
    one.setting.plan().and_then(|plan| one.totals.metric(name, plan))
}

fn figures(one: &Finished<'_>) -> Map<String, Value> {
    let known = metric_names().into_iter();
    known.filter_map(|name| figure(one, &name).map(|value| (name, number(value)))).collect()
}

/// Whole figures as whole numbers.
#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

fn by_cause(one: &Finished<'_>) -> Map<String, Value> {
    let Some(plan) = one.setting.plan() else { return Map::new() };
    let causes = one.totals.failovers_by_fault.keys().map(|&fault| &plan.faults[fault].name);
    let stats = ["count", "min", "mean", "p50", "p90", "p95", "p99", "p999", "max"];
    causes
        .map(|cause| {
            let figures = stats.iter().filter_map(|stat| {
                let value = figure(one, &format!("failover_s.{cause}.{stat}"))?;
                Some(((*stat).to_owned(), number(value)))
            });
            (cause.to_string(), Value::Object(figures.collect()))
        })
        .collect()
}

pub(super) fn csv(finished: &[Finished<'_>]) -> Result<String> {
    let names = metric_names();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = ["scenario", "setting", "verdict"];
    writer.write_record(fixed.into_iter().chain(names.iter().map(String::as_str)))?;
    for one in finished {
        let values = names.iter().map(|name| figure(one, name).map_or_else(String::new, figure_text));
        let fixed =
            [one.scenario.name.clone(), one.setting.name.clone(), verdict_name(one.status()).to_owned()];
        writer.write_record(fixed.into_iter().chain(values))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn figure_text(value: f64) -> String {
    number(value).to_string()
}

/// The columns that every file of failovers has.
pub(super) const SAMPLE_COLUMNS: &str = "run,replicas,cause,seconds";

/// One failover in those columns.
pub(super) fn sample(run: u64, replicas: &str, cause: &str, took_ns: u64) -> String {
    let (s, ns) = (took_ns / 1_000_000_000, took_ns % 1_000_000_000);
    format!("{run},{replicas},{},{s}.{ns:09}", csv_field(cause))
}

/// A field of a CSV file, quoted where it must be.
pub(super) fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Seconds with milliseconds; `-` for nothing.
fn seconds_text(ns: Option<u64>) -> String {
    let Some(ns) = ns else { return "-".to_owned() };
    let ms = Span::from_nanos(ns).as_nanos().div_ceil(500_000) / 2;
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
