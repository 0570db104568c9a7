//! `leasehold plot`: distributions of failovers from files, overlaid and compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Status;
use super::output::{print, write_file};
use super::pictures::ending;
use crate::report::{Align, CdfMark, CdfPlot, CdfSeries, Table};
use crate::stats::{Latencies, ks_two_sample};

/// Plot failover distributions from sample files, overlaid, and compare them.
///
/// A file is what `leasehold run --samples` writes, or any CSV with a column `seconds` or `failover_s`; a column
/// `replicas`, `scenario`, `setting` or `cause` splits it into curves. Lines that begin with # are skipped. The Kolmogorov-Smirnov
/// distance of every curve to the first is printed.
#[derive(clap::Args, Debug)]
pub(super) struct PlotArgs {
    /// Sample files; NAME=FILE gives one a name in the legend.
    #[arg(required = true, value_name = "[NAME=]FILE.csv")]
    files: Vec<String>,
    /// The picture. Can be repeated.
    #[arg(short, long, value_name = "FILE.svg|png")]
    output: Vec<PathBuf>,
    /// The headline.
    #[arg(long, default_value = "Failover")]
    title: String,
    /// A vertical line, such as 17=LD+RP. Can be repeated.
    #[arg(long, value_name = "SECONDS=LABEL")]
    mark: Vec<String>,
}

pub(super) fn run(args: &PlotArgs) -> Result<Status> {
    if let Some(path) = args.output.iter().find(|path| !matches!(&*ending(path), "svg" | "png")) {
        bail!("{}: a plot's file ends in .svg or .png", path.display());
    }
    let marks = args.mark.iter().map(|mark| parse_mark(mark)).collect::<Result<_>>()?;
    let mut curves = Vec::new();
    for file in &args.files {
        let (name, path) = match file.split_once('=') {
            Some((name, path)) if !Path::new(file).exists() => (name.to_owned(), PathBuf::from(path)),
            _ => (file.clone(), PathBuf::from(file)),
        };
        curves.extend(read(&name, &path)?);
    }
    print(&comparison(&mut curves))?;
    let plot = CdfPlot {
        title: args.title.clone(),
        subtitle: String::new(),
        x_label: "seconds from the cause to the next leader's start".to_owned(),
        series: curves.iter().map(|curve| curve.series()).collect(),
        marks,
    };
    for path in &args.output {
        match &*ending(path) {
            "svg" => write_file(path, plot.to_svg().as_bytes())?,
            _ => write_file(path, &plot.to_png())?,
        }
    }
    Ok(Status::Ok)
}

struct Curve {
    name: String,
    seconds: Vec<f64>,
}

impl Curve {
    fn series(&self) -> CdfSeries {
        CdfSeries { name: self.name.clone(), points: self.latencies().cdf_points(2_000) }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked when read")]
    fn latencies(&self) -> Latencies {
        let mut latencies = Latencies::new();
        for seconds in &self.seconds {
            latencies.record((seconds * 1e9) as u64);
        }
        latencies
    }
}

fn parse_mark(text: &str) -> Result<CdfMark> {
    let (x, label) = text.split_once('=').unwrap_or((text, text));
    let x_s = x.parse().ok().filter(|x: &f64| (0.0..1e9).contains(x));
    let x_s = x_s.with_context(|| format!("--mark {text}: write SECONDS=LABEL, such as 17=LD+RP"))?;
    Ok(CdfMark { x_s, label: label.to_owned() })
}

fn read(name: &str, path: &Path) -> Result<Vec<Curve>> {
    let cannot = || format!("{}: cannot read", path.display());
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).with_context(cannot)?;
    let head = reader.headers().with_context(cannot)?.clone();
    let column = |name: &str| head.iter().position(|column| column.trim() == name);
    let Some(value) = column("seconds").or_else(|| column("failover_s")) else {
        bail!(
            "{}: no column `seconds` or `failover_s`; there are: {}",
            path.display(),
            head.iter().collect::<Vec<_>>().join(", ")
        );
    };
    let split: Vec<usize> =
        ["scenario", "setting", "cause", "replicas"].iter().filter_map(|name| column(name)).collect();
    let mut curves: BTreeMap<Vec<String>, Vec<f64>> = BTreeMap::new();
    for record in reader.records() {
        let record = record.with_context(cannot)?;
        let line = record.position().map_or(0, csv::Position::line);
        let text = record.get(value).unwrap_or("").trim();
        let seconds = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0 && *x < 9e9);
        let seconds = seconds
            .with_context(|| format!("{}:{line}: `{text}` is not a number of seconds", path.display()))?;
        let key = split.iter().map(|&i| record.get(i).unwrap_or("").to_owned()).collect();
        curves.entry(key).or_default().push(seconds);
    }
    if curves.is_empty() {
        bail!("{}: no samples", path.display());
    }
    let several = curves.len() > 1;
    let replicas = column("replicas");
    let named = curves.into_iter().map(|(key, seconds)| {
        let parts = key.iter().zip(&split).map(|(part, &column)| {
            if Some(column) == replicas { format!("{part} replicas") } else { part.clone() }
        });
        let suffix = parts.collect::<Vec<_>>().join(", ");
        let name = if several { format!("{name}: {suffix}") } else { name.to_owned() };
        Curve { name, seconds }
    });
    Ok(named.collect())
}

fn comparison(curves: &mut [Curve]) -> String {
    let mut table = Table::new(&[
        ("curve", Align::Left),
        ("samples", Align::Right),
        ("p50 s", Align::Right),
        ("p99 s", Align::Right),
        ("max s", Align::Right),
        ("KS distance to the first", Align::Right),
        ("p-value", Align::Right),
    ]);
    let mut first = curves.first().map(|curve| curve.seconds.clone()).unwrap_or_default();
    for (index, curve) in curves.iter_mut().enumerate() {
        let latencies = curve.latencies();
        let ks = ks_two_sample(&mut first, &mut curve.seconds);
        let text = |ns: Option<u64>| {
            ns.map_or("-".to_owned(), |ns| {
                format!("{:.3}", std::time::Duration::from_nanos(ns).as_secs_f64())
            })
        };
        let (distance, p) = if index == 0 {
            ("-".to_owned(), "-".to_owned())
        } else {
            (format!("{:.4}", ks.distance), format!("{:.3}", ks.p_value))
        };
        table.row([
            curve.name.clone(),
            curve.seconds.len().to_string(),
            text(latencies.quantile(0.5)),
            text(latencies.quantile(0.99)),
            text(latencies.max()),
            distance,
            p,
        ]);
    }
    table.to_string()
}
