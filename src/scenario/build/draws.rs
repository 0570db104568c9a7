//! Random lengths of time, with everything in them known.

use std::sync::Arc;

use super::super::draw::{Csv, Distribution, Draw};
use super::super::error::Error;
use super::super::suggest::nearest;
use super::{Build, Spot};
use crate::core::Timings;
use crate::sim::plan;

impl Build<'_> {
    pub(super) fn draw(&mut self, draw: &Draw, t: &Timings, at: &Spot) -> Result<plan::Draw, Error> {
        match draw {
            Draw::Fixed(length) => Ok(plan::Draw::Fixed(length.resolve(t))),
            Draw::Random(Distribution::Uniform([from, to])) => {
                let (first, end) = (from.resolve(t), to.resolve(t));
                if first > end {
                    let message = format!("the window ends before it begins: {from} is after {to}");
                    return Err(self.wrong(&at.key("uniform"), message, Some("write the earlier end first")));
                }
                let fixed = first == end;
                Ok(if fixed {
                    plan::Draw::Fixed(first)
                } else {
                    plan::Draw::Uniform { from: first, to: end }
                })
            }
            Draw::Random(Distribution::LogNormal(normal)) => {
                if !(normal.sigma.is_finite() && normal.sigma >= 0.0) {
                    let at = at.key("log_normal").key("sigma");
                    return Err(self.wrong(&at, "sigma must be a number, 0 or more", None));
                }
                Ok(plan::Draw::LogNormal { median: normal.median.resolve(t), sigma: normal.sigma })
            }
            Draw::Random(Distribution::Csv(csv)) => {
                self.samples(csv, &at.key("csv")).map(plan::Draw::Samples)
            }
        }
    }

    pub(super) fn draw_or_zero(
        &mut self,
        draw: Option<&Draw>,
        t: &Timings,
        at: &Spot,
    ) -> Result<plan::Draw, Error> {
        draw.map_or(Ok(plan::Draw::Fixed(0)), |draw| self.draw(draw, t, at))
    }

    /// A draw that is not always nothing: something would happen without end at one instant.
    pub(super) fn nonzero_draw(&mut self, draw: &Draw, t: &Timings, at: &Spot) -> Result<plan::Draw, Error> {
        let drawn = self.draw(draw, t, at)?;
        let nothing = match &drawn {
            plan::Draw::Fixed(n) => *n == 0,
            plan::Draw::Uniform { .. } => false,
            plan::Draw::LogNormal { median, .. } => *median == 0,
            plan::Draw::Samples(samples) => samples.iter().all(|n| *n == 0),
        };
        if nothing {
            return Err(self.wrong(at, "this would come again without end at one instant", Some("above 0s")));
        }
        Ok(drawn)
    }

    fn samples(&mut self, csv: &Csv, at: &Spot) -> Result<Arc<[u64]>, Error> {
        if let Some(samples) = self.samples.get(csv) {
            return Ok(Arc::clone(samples));
        }
        let samples = self.read_samples(csv, at)?;
        self.samples.insert(csv.clone(), Arc::clone(&samples));
        Ok(samples)
    }

    fn read_samples(&self, csv: &Csv, at: &Spot) -> Result<Arc<[u64]>, Error> {
        let path = self.origin.directory.join(&csv.file);
        let unreadable = |error: &dyn std::fmt::Display| {
            let help = "the path is relative to the scenario's directory";
            self.wrong(&at.key("file"), format!("cannot read {}: {error}", path.display()), Some(help))
        };
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_path(&path)
            .map_err(|error| unreadable(&error))?;
        let header = reader.headers().map_err(|error| unreadable(&error))?.clone();
        let column = |name: &str, at: &Spot| {
            header.iter().position(|column| column == name).ok_or_else(|| {
                let columns: Vec<&str> = header.iter().collect();
                let help = match nearest(name, columns.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("its columns are {}", columns.join(", ")),
                };
                let message = format!("{} has no column `{name}`", path.display());
                self.wrong(at, message, Some(&help))
            })
        };
        let wanted = column(&csv.column, &at.key("column"))?;
        let filters = csv.only.iter();
        let filters = filters
            .map(|(name, value)| Ok((column(name, &at.key("where").key(name))?, value.as_str())))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut samples = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| unreadable(&error))?;
            if !filters.iter().all(|(column, value)| record.get(*column) == Some(value)) {
                continue;
            }
            let text = record.get(wanted).unwrap_or_default();
            let sample = text.parse().ok().and_then(|value| nanos(value, csv.unit.nanos()));
            samples.push(sample.ok_or_else(|| {
                let line = record.position().map_or(0, csv::Position::line);
                let message = format!("{}:{line}: `{text}` is not a length of time", path.display());
                self.wrong(&at.key("column"), message, None)
            })?);
        }
        if samples.is_empty() {
            let message = format!("{} has no such samples", path.display());
            return Err(self.wrong(&at.key("where").or(at.key("file")), message, None));
        }
        Ok(samples.into())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
fn nanos(value: f64, unit: u32) -> Option<u64> {
    let nanos = (value * f64::from(unit)).round();
    (0.0..1e18).contains(&nanos).then_some(nanos as u64)
}
