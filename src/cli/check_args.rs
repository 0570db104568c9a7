//! The arguments of `leasehold check`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::check::{Leaders, Order, Properties, Search, Setup, Timing};
use crate::core::{ClockBound, Config, Span, Timings};
use crate::scenario::{Length, Override, Scenario, shell_word};

/// Ask whether two replicas can lead at once: every order of events that the assumptions allow is looked at.
///
/// The verdict is PROVED (every reachable state was looked at), VIOLATED (with the shortest way there) or INCONCLUSIVE
/// (stopped early, or something assumed possible never happened). A proof holds for the assumptions that are printed with it,
/// for that many replicas and on that grid of time.
///
/// What may go wrong is given as `off`, as how often it may happen in one run, or as `free` for any number of times. What lasts
/// may be given a longest time besides: `free:3s`, `2:3s`, or just `3s` for `free:3s`. Without a time it lasts as long as
/// it likes.
///
/// Exit codes: 0 proved; 1 violated; 2 bad usage; 3 inconclusive.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("question").args(["failover", "ablate", "frontier", "guarantees", "explore"]))]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a command line")]
pub(super) struct CheckArgs {
    /// How the replicas elect: client-go, strict or renew-time.
    #[arg(long, value_name = "NAME", help_heading = "Settings")]
    protocol: Option<String>,
    /// How many replicas, 1 to 3.
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Settings")]
    replicas: usize,
    /// Replicas of another protocol on the same Lease, with the same settings as far as they have them: the last ones, as
    /// in a fleet that moves from one to the other.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["failover", "ablate", "guarantees"], help_heading = "Settings")]
    beside: Option<String>,
    /// How many of the replicas those are.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "beside", help_heading = "Settings")]
    beside_replicas: usize,
    /// Whose terms count where two must not lead at once: everybody's, or those of the replicas of --protocol only.
    #[arg(long, value_enum, default_value = "all", requires = "beside", help_heading = "Question")]
    leaders: Whose,
    /// LeaseDuration. 15s, if not given.
    #[arg(long, value_name = "TIME", help_heading = "Settings")]
    lease_duration: Option<String>,
    /// RenewDeadline. 10s, if not given.
    #[arg(long, value_name = "TIME", help_heading = "Settings")]
    renew_deadline: Option<String>,
    /// RetryPeriod. 2s, if not given.
    #[arg(long, value_name = "TIME", help_heading = "Settings")]
    retry_period: Option<String>,
    /// Each request's own deadline. The protocol's own, if not given: half of RenewDeadline for strict, else none.
    #[arg(long, value_name = "none|half-renew-deadline|TIME", help_heading = "Settings")]
    http_timeout: Option<String>,
    /// Give the Lease up on shutdown. The protocol's own, if not given: strict does.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", help_heading = "Settings")]
    release_on_cancel: Option<String>,
    /// Repeat a release that met a conflict, as the head of client-go does.
    #[arg(long, help_heading = "Settings")]
    release_retry: bool,
    /// strict: take a missing Lease for one that never was.
    #[arg(long, help_heading = "Settings")]
    trust_fresh_namespace: bool,
    /// strict: the largest error of a monotonic clock that its settings must allow for. 1000, if not given.
    #[arg(long, value_name = "N", help_heading = "Settings")]
    clock_bound_ppm: Option<String>,
    /// Change a single rule of the protocol, such as `stop_when=at-deadline`. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Settings")]
    rule: Vec<String>,

    #[command(flatten)]
    pub(super) assumed: super::check_assume::AssumeArgs,

    /// Which properties are checked: at most one leader; those of an election besides (no change of leader without a cause);
    /// all, fencing too. What the protocol promises, if not given.
    #[arg(long, value_enum, value_name = "WHICH", help_heading = "Question")]
    property: Option<Which>,
    /// How long at most until somebody leads after the leader crashed and nothing else goes wrong.
    #[arg(long, help_heading = "Question")]
    pub(super) failover: bool,
    /// Take away one rule of strict after the other: which are needed, and what happens without them.
    #[arg(long, help_heading = "Question")]
    pub(super) ablate: bool,
    /// How far one assumption can be stretched before the property breaks.
    #[arg(long, value_enum, value_name = "WHICH", help_heading = "Question")]
    pub(super) frontier: Option<Stretch>,
    /// Ask all that the page "what client-go guarantees" says, minutes of work, and write it, with a folder of
    /// pictures and scenarios beside it. Settings and assumptions are the page's own.
    #[arg(long, value_name = "FILE.md", help_heading = "Question")]
    pub(super) guarantees: Option<PathBuf>,
    /// Look around in the states with a browser instead.
    #[arg(long, num_args = 0..=1, default_missing_value = "127.0.0.1:3000", value_name = "ADDRESS", help_heading = "Question")]
    pub(super) explore: Option<String>,

    /// The grid that time is on. The coarsest that is exact, if not given.
    #[arg(long, value_name = "TIME", help_heading = "Search")]
    tick: Option<String>,
    /// How exactly time is followed. What is proved loosely or folded holds for the exact timing too; what is refuted so may
    /// need a timing that no elector has.
    #[arg(long, value_enum, default_value = "exact", value_name = "HOW", help_heading = "Search")]
    timing: How,
    /// Threads; the verdict and the counterexample are the same for any number. As many as there are processors, if not
    /// given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Search")]
    threads: Option<u16>,
    /// The order in which states are looked at: bfs finds the shortest counterexample, dfs needs less memory for the frontier.
    #[arg(long, value_enum, default_value = "bfs", help_heading = "Search")]
    order: Go,
    /// Stop after this time: inconclusive.
    #[arg(long, value_name = "TIME", help_heading = "Search")]
    timeout: Option<String>,
    /// Stop once the process uses this much memory, such as 8GB: inconclusive. Linux only.
    #[arg(long, value_name = "SIZE", help_heading = "Search")]
    memory_limit: Option<String>,

    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    pub(super) format: Format,
    /// Print the result only: no progress, no remarks.
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,
    /// Write the result for a CI system.
    #[arg(long, value_name = "FILE.xml", help_heading = "Output")]
    pub(super) junit: Option<PathBuf>,
    /// Write the counterexample as a scenario that `leasehold run` replays.
    #[arg(long, value_name = "FILE.yaml", help_heading = "Output")]
    pub(super) scenario_out: Option<PathBuf>,
    /// Draw the counterexample, message by message. Can be repeated.
    #[arg(long, value_name = "FILE.svg|png|txt", help_heading = "Output")]
    pub(super) svg: Vec<PathBuf>,
    /// Draw what --frontier found.
    #[arg(long, value_name = "FILE.svg|png", requires = "frontier", help_heading = "Output")]
    pub(super) plot: Option<PathBuf>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON object. The same bytes for the same command, but for what is under `measured`.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    OneLeader,
    Election,
    All,
}

/// Whose terms count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Whose {
    /// Everybody's.
    All,
    /// Those of the replicas of --protocol.
    Main,
}

impl Whose {
    fn said_of(self, protocol: &str) -> String {
        match self {
            Self::All => String::new(),
            Self::Main => format!(", leaders of {protocol} only"),
        }
    }
}

impl From<Whose> for Leaders {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::All => Self::All,
            Whose::Main => Self::Main,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum How {
    /// Timers fire when they should.
    Exact,
    /// Polls and renewals begin and end at any time.
    Loose,
    /// As loose, and attempts are a single step (rules whose right to lead ends by itself).
    Folded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Go {
    Bfs,
    Dfs,
}

/// What a frontier is looked for of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Stretch {
    /// How far monotonic clocks run apart.
    ClockRate,
    /// How long requests take.
    RequestDelay,
    /// How long answers take.
    ResponseDelay,
    /// How long a process stands still.
    Pause,
    /// How far wall clocks are apart.
    WallOffset,
}

impl CheckArgs {
    /// The settings of an elector, as a scenario would have them.
    pub(super) fn config(&self) -> Result<Config> {
        let protocol = self.protocol.clone().or_else(|| self.ablate.then(|| "strict".to_owned()));
        self.config_of(("protocol", protocol), &self.rule)
    }

    fn config_of(&self, (flag, protocol): (&str, Option<String>), rules: &[String]) -> Result<Config> {
        let on = |given: bool| given.then(|| "true".to_owned());
        let fields = [
            (flag, "protocol", protocol),
            ("lease-duration", "timings.lease_duration", self.lease_duration.clone()),
            ("renew-deadline", "timings.renew_deadline", self.renew_deadline.clone()),
            ("retry-period", "timings.retry_period", self.retry_period.clone()),
            ("http-timeout", "http_timeout", self.http_timeout.clone()),
            ("release-on-cancel", "release_on_cancel", self.release_on_cancel.clone()),
            ("release-retry", "release_retry", on(self.release_retry)),
            ("trust-fresh-namespace", "trust_fresh_namespace", on(self.trust_fresh_namespace)),
            ("clock-bound-ppm", "clock_bound.rate_error_ppm", self.clock_bound_ppm.clone()),
        ];
        let mut overrides = Vec::new();
        for (flag, path, value) in fields {
            if let Some(value) = value {
                let args = [format!("--{flag}"), value.clone()];
                overrides.push(Override::with_args(path, &value, args)?);
            }
        }
        for rule in rules {
            let Some((name, value)) = rule.split_once('=') else {
                bail!("--rule {rule}: write NAME=VALUE, such as stop_when=at-deadline");
            };
            let path = format!("rules.{}", name.trim().replace('-', "_"));
            overrides.push(Override::with_args(&path, value, ["--rule".to_owned(), rule.clone()])?);
        }
        let prepared = Scenario::default().prepare(Path::new(""), &overrides)?;
        let plan = prepared.settings.first().and_then(|setting| setting.plan());
        let Some(config) = plan.and_then(|plan| plan.nodes.first()?.elector) else {
            bail!(
                "--{flag} none elects nobody, so there is nothing to check: choose client-go, strict or renew-time"
            );
        };
        Ok(config)
    }

    /// The protocol, and the rules of it that are changed.
    pub(super) fn subject(&self) -> String {
        let default = if self.ablate { "strict" } else { "client-go" };
        let protocol = self.protocol.as_deref().unwrap_or(default);
        let mut subject = protocol.to_owned();
        if !self.rule.is_empty() {
            subject = format!("{subject} with {}", self.rule.join(", "));
        }
        match &self.beside {
            Some(beside) => format!("{subject} beside {beside}{}", self.leaders.said_of(protocol)),
            None => subject,
        }
    }

    /// What `strict` assumes of clocks.
    pub(super) fn clock_bound(&self) -> Result<ClockBound> {
        let Some(ppm) = &self.clock_bound_ppm else { return Ok(ClockBound::DEFAULT) };
        let rate_error_ppm = ppm
            .parse()
            .with_context(|| format!("--clock-bound-ppm {ppm}: write parts per million, such as 1000"))?;
        Ok(ClockBound { rate_error_ppm, ..ClockBound::DEFAULT })
    }

    /// The question, with errors that say what to do.
    pub(super) fn setup(&self) -> Result<Setup> {
        if self.ablate && self.protocol.as_deref().is_some_and(|protocol| protocol != "strict") {
            bail!("--ablate takes away the rules of strict: leave --protocol away");
        }
        let config = self.config()?;
        let timings = *config.timings();
        if self.failover {
            let setup = Setup::failover(config, self.replicas);
            setup.validate()?;
            return Ok(setup);
        }
        let assumptions = self.assumed.assumptions(&timings)?;
        let mut setup = Setup::safety(config, self.replicas, assumptions);
        if let Some(beside) = &self.beside {
            let other = self.config_of(("beside", Some(beside.clone())), &[])?;
            setup = setup.with_beside(other, self.beside_replicas);
            setup.leaders = self.leaders.into();
        }
        match self.property {
            None => {}
            Some(Which::OneLeader) => setup.properties = Properties::ONE_LEADER,
            Some(Which::Election) => setup.properties = Properties::ELECTION,
            Some(Which::All) => setup.properties = Properties::ALL,
        }
        setup = match self.timing {
            How::Exact => setup,
            How::Loose => setup.with_timing(Timing::Loose),
            How::Folded => setup.with_timing(Timing::Folded),
        };
        if let Some(tick) = &self.tick {
            setup.tick = time("tick", tick, &timings)?;
            if setup.tick == Span::ZERO {
                bail!("--tick {tick}: a tick must last; leave --tick away to get the coarsest that fits");
            }
        }
        setup.validate()?;
        Ok(setup)
    }

    pub(super) fn search(&self) -> Search {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or_else(available, usize::from);
        Search { order: self.order(), ..Search::on(threads) }
    }

    fn order(&self) -> Order {
        match self.order {
            Go::Bfs => Order::BreadthFirst,
            Go::Dfs => Order::DepthFirst,
        }
    }

    pub(super) fn timeout(&self) -> Result<Option<Duration>> {
        let Some(timeout) = &self.timeout else { return Ok(None) };
        Ok(Some(Duration::from_nanos(time("timeout", timeout, &Timings::DEFAULT)?.as_nanos())))
    }

    pub(super) fn memory_limit(&self) -> Result<Option<u64>> {
        self.memory_limit.as_deref().map(size).transpose()
    }

    /// Every file that is to be written.
    pub(super) fn outputs(&self) -> Vec<&Path> {
        let files = self.junit.iter().chain(&self.scenario_out).chain(&self.svg).chain(&self.plot);
        let files = files.chain(&self.guarantees);
        files.map(PathBuf::as_path).collect()
    }

    /// The command that asks the same question, whatever it writes and however many threads it has.
    pub(super) fn command(&self) -> String {
        let mut words = vec!["leasehold".to_owned(), "check".to_owned()];
        let mut say = |flag: &str, value: Option<&str>| {
            if let Some(value) = value {
                words.extend([format!("--{flag}"), shell_word(value)]);
            }
        };
        say("protocol", self.protocol.as_deref());
        say("beside", self.beside.as_deref());
        say("beside-replicas", Some(self.beside_replicas.to_string().as_str()).filter(|n| *n != "1"));
        say("leaders", name_of(Some(&self.leaders)).as_deref().filter(|name| *name != "all"));
        say("replicas", Some(self.replicas.to_string().as_str()).filter(|n| *n != "2"));
        say("lease-duration", self.lease_duration.as_deref());
        say("renew-deadline", self.renew_deadline.as_deref());
        say("retry-period", self.retry_period.as_deref());
        say("http-timeout", self.http_timeout.as_deref());
        say("clock-bound-ppm", self.clock_bound_ppm.as_deref());
        for rule in &self.rule {
            say("rule", Some(rule.as_str()));
        }
        for (flag, value) in self.assumed.given() {
            say(flag, Some(&value));
        }
        say("property", name_of(self.property.as_ref()).as_deref());
        say("frontier", name_of(self.frontier.as_ref()).as_deref());
        say("tick", self.tick.as_deref());
        say("timing", name_of(Some(&self.timing)).as_deref().filter(|name| *name != "exact"));
        say("order", name_of(Some(&self.order)).as_deref().filter(|name| *name != "bfs"));
        words.extend(
            self.release_on_cancel.iter().map(|value| format!("--release-on-cancel={}", shell_word(value))),
        );
        for (flag, given) in [
            ("--release-retry", self.release_retry),
            ("--trust-fresh-namespace", self.trust_fresh_namespace),
            ("--new-identity", self.assumed.new_identity),
            ("--failover", self.failover),
            ("--ablate", self.ablate),
        ] {
            words.extend(given.then(|| flag.to_owned()));
        }
        words.join(" ")
    }
}

fn name_of(value: Option<&impl clap::ValueEnum>) -> Option<String> {
    Some(value?.to_possible_value()?.get_name().to_owned())
}

/// A length of time, given to a flag.
pub(super) fn time(flag: &str, text: &str, timings: &Timings) -> Result<Span> {
    let length: Length = text.parse().with_context(|| {
        format!("--{flag} {text}: write a number with a unit, such as 15s, 250ms or 1.5LD (of LeaseDuration)")
    })?;
    Ok(Span::from_nanos(length.resolve(timings)))
}

/// A number of bytes: `8GB`, `512MiB`.
fn size(text: &str) -> Result<u64> {
    let remedy = || format!("--memory-limit {text}: write a number with a unit, such as 8GB or 512MB");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok().with_context(remedy)?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => bail!("{}", remedy()),
    };
    number.checked_mul(factor).with_context(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("8GB").unwrap(), 8_000_000_000);
        assert_eq!(size("2GiB").unwrap(), 2 << 30);
        for wrong in ["8", "GB", "-1GB", "8 apples", "99999999TB"] {
            assert!(size(wrong).unwrap_err().to_string().contains("such as 8GB"), "{wrong}");
        }
    }
}
