//! What a scenario says, turned into a plan; and all that can be wrong with it beyond its form.

mod draws;
mod election;
mod faults;
mod nodes;
mod schedule;
mod steps;

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::Arc;

use super::error::{Diagnostic, Error, Place};
use super::model::{self, Scenario};
use super::overrides::Override;
use super::path::Path;
use super::source::Source;
use super::tree::{Mark, Node};
use super::{Draw, ErrorRate, Length, Rate, ServerError, draw::Csv};
use crate::core::Timings;
use crate::sim::plan;

pub(super) use election::Refusal;
pub(super) use nodes::REPLICAS;

/// Samples that were read, so that settings share them.
pub(super) type Samples = BTreeMap<Csv, Arc<[u64]>>;

/// Where a scenario came from, for messages.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) source: Option<&'a Source>,
    pub(super) overrides: &'a [Override],
    pub(super) directory: &'a FilePath,
}

impl Origin<'_> {
    /// The place of a mark; of a path, where there is none.
    pub(super) fn place(&self, mark: Mark, path: &Path) -> Place {
        match (mark, self.source) {
            (Mark::File { line, column, width }, Some(source)) => source.place(line, column, width),
            (Mark::Override(index), _) if index < self.overrides.len() => {
                Place::Override { text: self.overrides[index].to_string() }
            }
            _ => Place::Code { path: path.to_string() },
        }
    }
}

/// One setting of a scenario, being turned into a plan.
pub(super) struct Build<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) setting: Option<&'a str>,
    pub(super) tree: &'a Node,
    pub(super) samples: &'a mut Samples,
}

/// A set of replicas is kept as the bits of a number.
const REPLICAS_MAX: u32 = 64;

/// A hundred years: far from where instants overflow.
const DURATION_MAX_NS: u64 = 36_500 * 86_400 * 1_000_000_000;

/// Where a value may have been written: the first of these paths at which something is.
#[derive(Clone, Debug)]
struct Spot(Vec<Path>);

impl Spot {
    fn top() -> Self {
        Self(vec![Path::top()])
    }

    fn field(name: &str) -> Self {
        Self::top().key(name)
    }

    /// In what is particular to a node, else in what holds for all.
    fn node(key: &str) -> Self {
        Self(vec![Path::top().key("nodes").key(key), Path::top()])
    }

    fn key(&self, name: &str) -> Self {
        Self(self.0.iter().map(|path| path.key(name)).collect())
    }

    fn index(&self, index: usize) -> Self {
        Self(self.0.iter().map(|path| path.index(index)).collect())
    }

    /// These, else those.
    fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl Build<'_> {
    /// The whole plan, or why the settings are refused.
    pub(super) fn plan(&mut self, scenario: &Scenario) -> Result<Result<plan::Plan, Refusal>, Error> {
        self.counts(scenario)?;
        let timings = self.timings(scenario.timings.as_ref(), &Spot::field("timings"))?;
        self.check_alone(scenario)?;
        let nodes = match self.nodes(scenario)? {
            Ok(nodes) => nodes,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let steps = match &scenario.schedule {
            Some(steps) => Some(self.steps(steps, &nodes, &timings)?),
            None => None,
        };
        let last_step = steps.as_ref().map(|steps| steps.last().map_or(0, |step| step.at_ns));
        let duration = scenario.duration.map(|duration| duration.resolve(&timings));
        let horizon_ns =
            duration.max(last_step).unwrap_or_else(|| Length::retry_periods(60).resolve(&timings));
        if horizon_ns == 0 {
            let help = "a run needs some time";
            let spot = Spot::field("duration").or(Spot::field("schedule"));
            return Err(self.wrong(&spot, "the run lasts no time", Some(help)));
        }
        if horizon_ns > DURATION_MAX_NS {
            let help = "at most 36500 days can be simulated";
            return Err(self.wrong(&Spot::field("duration"), "the run lasts too long", Some(help)));
        }
        let faults = self.faults(scenario, &nodes, &timings, horizon_ns)?;
        let plan = plan::Plan {
            nodes,
            server: self.server(scenario.server.as_ref(), &timings)?,
            work: scenario.work.as_ref().map(|work| self.work(work, &timings)).transpose()?,
            faults,
            horizon_ns,
            stop_after_failovers: scenario.stop_after_failovers,
            crash_loses_requests: scenario.crash_loses_requests.unwrap_or(false),
            schedule: steps.map(Into::into),
        };
        self.check_steps(&plan)?;
        Ok(Ok(plan))
    }

    fn counts(&self, scenario: &Scenario) -> Result<(), Error> {
        let nothing = |name: &str, what: &str| {
            Err(self.wrong(
                &Spot::field(name),
                format!("{name}: 0 leaves nothing to {what}"),
                Some("at least 1"),
            ))
        };
        match (scenario.replicas, scenario.runs, scenario.stop_after_failovers) {
            (Some(0), _, _) => nothing("replicas", "elect"),
            (_, Some(0), _) => nothing("runs", "run"),
            (_, _, Some(0)) => nothing("stop_after_failovers", "run"),
            (Some(n), _, _) if n > REPLICAS_MAX => {
                let help = "at most 64 can be simulated";
                Err(self.wrong(&Spot::field("replicas"), format!("{n} replicas are too many"), Some(help)))
            }
            _ => Ok(()),
        }
    }

    fn server(&mut self, server: Option<&model::Server>, t: &Timings) -> Result<plan::ServerPlan, Error> {
        let default = model::Server::default();
        let server = server.unwrap_or(&default);
        let spot = Spot::field("server");
        let latency = self.draw_or_zero(server.latency.as_ref(), t, &spot.key("latency"))?;
        let errors = server.errors.iter().flatten().enumerate();
        let errors = errors
            .map(|(i, rate)| self.error_rate(*rate, &spot.key("errors").index(i)))
            .collect::<Result<_, _>>()?;
        let stale_reads = match &server.stale_reads {
            Some(stale) => Some(self.stale(stale, t, &spot.key("stale_reads"))?),
            None => None,
        };
        let capacity = match &server.capacity {
            Some(capacity) => Some(plan::Capacity {
                service: self.draw(&capacity.service, t, &spot.key("capacity").key("service"))?,
                queue: capacity.queue,
            }),
            None => None,
        };
        Ok(plan::ServerPlan { latency, errors, stale_reads, capacity, no_op_writes_count: false })
    }

    fn stale(
        &mut self,
        stale: &model::StaleReads,
        t: &Timings,
        at: &Spot,
    ) -> Result<plan::StaleReads, Error> {
        Ok(plan::StaleReads {
            ppm: stale.rate.unwrap_or(Rate::ALWAYS).ppm(),
            lag: self.draw(&stale.lag, t, &at.key("lag"))?,
        })
    }

    fn error_rate(&self, rate: ErrorRate, at: &Spot) -> Result<plan::ErrorRate, Error> {
        let ErrorRate { error, rate, writes_only, applied } = rate;
        let error = match error {
            ServerError::Internal => plan::ServerError::Internal { applied },
            ServerError::GatewayTimeout => plan::ServerError::GatewayTimeout { applied },
            ServerError::Silence => plan::ServerError::Silence { applied },
            ServerError::Unavailable | ServerError::TooManyRequests | ServerError::Forbidden if applied => {
                let help = "only internal, gateway-timeout and silence can hide a write that was applied";
                return Err(self.wrong(&at.key("applied"), "such a request is never applied", Some(help)));
            }
            ServerError::Unavailable => plan::ServerError::Unavailable,
            ServerError::TooManyRequests => plan::ServerError::TooManyRequests,
            ServerError::Forbidden => plan::ServerError::Forbidden,
        };
        Ok(plan::ErrorRate { error, ppm: rate.ppm(), writes_only })
    }

    fn work(&mut self, work: &model::Work, t: &Timings) -> Result<plan::WorkPlan, Error> {
        let spot = Spot::field("work");
        let every = work.every.clone().unwrap_or(Draw::Fixed(Length::secs(1)));
        let latency = work.latency.clone().unwrap_or(Draw::Fixed(Length::millis(2)));
        Ok(plan::WorkPlan {
            every: self.nonzero_draw(&every, t, &spot.key("every"))?,
            think: self.draw_or_zero(work.think.as_ref(), t, &spot.key("think"))?,
            latency: self.draw(&latency, t, &spot.key("latency"))?,
            fenced: work.fenced.unwrap_or(false),
        })
    }

    /// The three durations, with defaults.
    fn timings(&self, timings: Option<&model::Timings>, at: &Spot) -> Result<Timings, Error> {
        let pick = |name: &str, length: Option<Length>, default| match length {
            Some(length) if length.is_relative() => {
                let help = "the settings are what multiples are counted in; write a time, such as `15s`";
                Err(self.wrong(&at.key(name), format!("`{length}` depends on the settings"), Some(help)))
            }
            Some(length) => Ok(crate::core::Span::from_nanos(length.resolve(&Timings::DEFAULT))),
            None => Ok(default),
        };
        let given = timings.cloned().unwrap_or_default();
        let default = Timings::DEFAULT;
        Ok(Timings {
            lease_duration: pick("lease_duration", given.lease_duration, default.lease_duration)?,
            renew_deadline: pick("renew_deadline", given.renew_deadline, default.renew_deadline)?,
            retry_period: pick("retry_period", given.retry_period, default.retry_period)?,
        })
    }

    /// An error about what is written at a spot.
    fn wrong(&self, spot: &Spot, message: impl Into<String>, help: Option<&str>) -> Error {
        let found: Vec<_> = spot.0.iter().map(|path| (path, self.tree.nearest(path))).collect();
        let written = || found.iter().filter(|(_, (_, reached))| *reached);
        // An override is the likelier culprit: the file was good without it.
        let by_override = written().find(|(_, (mark, _))| matches!(mark, Mark::Override(_)));
        let best = by_override.or_else(|| written().next()).or_else(|| found.first());
        let place = best
            .map_or(Place::Code { path: String::new() }, |(path, (mark, _))| self.origin.place(*mark, path));
        Error::Invalid(Box::new(Diagnostic {
            message: message.into(),
            setting: self.setting.map(str::to_owned),
            place,
            help: help.map(str::to_owned),
        }))
    }
}
