//! What `leasehold check` is told to assume of the world.

use anyhow::{Context, Result, bail};

use super::check_args::time;
use crate::check::{Assumptions, Budget, Drain, Lasting, RateRatio, Walls};
use crate::core::{Span, Timings};

/// Each changes the assumptions that `--assume` begins with.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Assumptions (off, how often, or free; what lasts: 2:3s, free:3s, 3s)")]
pub(super) struct AssumeArgs {
    /// What the flags below change: `perfect`, nothing goes wrong; `default`, what a cluster sees sooner or later; `hostile`,
    /// everything as often as it likes.
    #[arg(long, value_enum, default_value = "default", value_name = "WHICH")]
    assume: Base,
    /// Requests take time to reach the server.
    #[arg(long, value_name = "N|free[:TIME]")]
    request_delay: Option<String>,
    /// Answers take time to come back.
    #[arg(long, value_name = "N|free[:TIME]")]
    response_delay: Option<String>,
    /// Messages are lost.
    #[arg(long, value_name = "N|free")]
    loss: Option<String>,
    /// Requests arrive twice.
    #[arg(long, value_name = "N|free")]
    duplication: Option<String>,
    /// Writes are applied after their sender gave up waiting, or died.
    #[arg(long, value_name = "N|free")]
    late_writes: Option<String>,
    /// Processes vanish.
    #[arg(long, value_name = "N|free")]
    crashes: Option<String>,
    /// Processes that ended are started again.
    #[arg(long, value_name = "N|free")]
    restarts: Option<String>,
    /// ... with another identity.
    #[arg(long)]
    pub(super) new_identity: bool,
    /// Processes stand still while their clocks do not.
    #[arg(long, value_name = "N|free[:TIME]")]
    pauses: Option<String>,
    /// Processes are told to stop (SIGTERM).
    #[arg(long, value_name = "N|free")]
    stops: Option<String>,
    /// How long the guarded work goes on after it was told to stop.
    #[arg(long, value_enum, value_name = "HOW")]
    drain: Option<HowLong>,
    /// Somebody deletes the Lease.
    #[arg(long, value_name = "N|free")]
    deletions: Option<String>,
    /// Somebody edits the Lease's metadata.
    #[arg(long, value_name = "N|free")]
    metadata_edits: Option<String>,
    /// Somebody edits the Lease's spec: clears the holder, sets another, shortens the duration.
    #[arg(long, value_name = "N|free")]
    spec_edits: Option<String>,
    /// How far monotonic clocks run apart: while one shows SLOW, another shows up to FAST. A rate error of at most e is
    /// (1 + e)/(1 - e); 1/1 is none.
    #[arg(long, value_name = "FAST/SLOW")]
    clock_ratio: Option<String>,
    /// By how much wall clocks differ at most.
    #[arg(long, value_name = "TIME", conflicts_with = "wall_clocks")]
    wall_offset: Option<String>,
    /// Wall clocks are set, by --wall-offset.
    #[arg(long, value_name = "N|free", requires = "wall_offset")]
    wall_steps: Option<String>,
    /// Wall clocks are right, or may say anything. Rules that do not trust them are always checked with the latter.
    #[arg(long, value_enum, value_name = "HOW")]
    wall_clocks: Option<Clocks>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Base {
    Perfect,
    Default,
    Hostile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum HowLong {
    /// Not at all.
    AtOnce,
    /// As long as it likes.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Clocks {
    /// They are right.
    Perfect,
    /// They may say anything.
    Anything,
}

impl AssumeArgs {
    /// What is assumed.
    pub(super) fn assumptions(&self, timings: &Timings) -> Result<Assumptions> {
        let mut a = match self.assume {
            Base::Perfect => Assumptions::PERFECT,
            Base::Default => Assumptions::DEFAULT,
            Base::Hostile => Assumptions::HOSTILE,
        };
        for (flag, value, place) in [
            ("request-delay", &self.request_delay, &mut a.request_delay),
            ("response-delay", &self.response_delay, &mut a.response_delay),
            ("pauses", &self.pauses, &mut a.pauses),
        ] {
            if let Some(value) = value {
                *place = lasting(flag, value, timings)?;
            }
        }
        for (flag, value, place) in [
            ("loss", &self.loss, &mut a.loss),
            ("duplication", &self.duplication, &mut a.duplication),
            ("late-writes", &self.late_writes, &mut a.late_writes),
            ("crashes", &self.crashes, &mut a.crashes),
            ("restarts", &self.restarts, &mut a.restarts),
            ("stops", &self.stops, &mut a.stops),
            ("deletions", &self.deletions, &mut a.deletions),
            ("metadata-edits", &self.metadata_edits, &mut a.metadata_edits),
            ("spec-edits", &self.spec_edits, &mut a.spec_edits),
        ] {
            if let Some(value) = value {
                *place = budget(value).with_context(|| often(flag, value))?;
            }
        }
        a.new_identity |= self.new_identity;
        match self.drain {
            None => {}
            Some(HowLong::AtOnce) => a.drain = Drain::AtOnce,
            Some(HowLong::Any) => a.drain = Drain::Any,
        }
        if let Some(ratio) = &self.clock_ratio {
            a.rate = rate(ratio)?;
        }
        if let Some(walls) = self.walls(timings)? {
            a.walls = walls;
        }
        if a.new_identity && !a.restarts.is_on() {
            bail!("--new-identity is about processes that are started again: allow some with --restarts 1");
        }
        Ok(a)
    }

    fn walls(&self, timings: &Timings) -> Result<Option<Walls>> {
        if let Some(offset) = &self.wall_offset {
            let steps = self.wall_steps.as_deref().unwrap_or("off");
            return Ok(Some(Walls::Within {
                offset: time("wall-offset", offset, timings)?,
                steps: budget(steps).with_context(|| often("wall-steps", steps))?,
            }));
        }
        Ok(self.wall_clocks.map(|how| match how {
            Clocks::Perfect => Walls::PERFECT,
            Clocks::Anything => Walls::Anything,
        }))
    }

    /// Whether anything was said of wall clocks.
    pub(super) fn speaks_of_walls(&self) -> bool {
        self.wall_offset.is_some() || self.wall_clocks == Some(Clocks::Perfect)
    }

    /// The flags that were given, and their values as they were given.
    pub(super) fn given(&self) -> Vec<(&'static str, String)> {
        let chosen = |value: Option<&dyn std::fmt::Debug>| value.map(|value| kebab(&format!("{value:?}")));
        let base = Some(self.assume).filter(|base| *base != Base::Default);
        [
            ("assume", chosen(base.as_ref().map(|base| base as _))),
            ("request-delay", self.request_delay.clone()),
            ("response-delay", self.response_delay.clone()),
            ("loss", self.loss.clone()),
            ("duplication", self.duplication.clone()),
            ("late-writes", self.late_writes.clone()),
            ("crashes", self.crashes.clone()),
            ("restarts", self.restarts.clone()),
            ("pauses", self.pauses.clone()),
            ("stops", self.stops.clone()),
            ("drain", chosen(self.drain.as_ref().map(|drain| drain as _))),
            ("deletions", self.deletions.clone()),
            ("metadata-edits", self.metadata_edits.clone()),
            ("spec-edits", self.spec_edits.clone()),
            ("clock-ratio", self.clock_ratio.clone()),
            ("wall-offset", self.wall_offset.clone()),
            ("wall-steps", self.wall_steps.clone()),
            ("wall-clocks", chosen(self.wall_clocks.as_ref().map(|clocks| clocks as _))),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some((flag, value?)))
        .collect()
    }
}

/// `AtOnce` as `at-once`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

fn often(flag: &str, value: &str) -> String {
    format!("--{flag} {value}: write off, how often (1 to 254), or free")
}

fn budget(text: &str) -> Option<Budget> {
    match text.trim() {
        "off" | "0" => Some(Budget::Off),
        "free" => Some(Budget::Free),
        number => number.parse().ok().filter(|times| *times < u8::MAX).map(Budget::UpTo),
    }
}

/// `off`, `2`, `free`, `2:3s`, `free:3s` or `3s`.
fn lasting(flag: &str, text: &str, timings: &Timings) -> Result<Lasting> {
    let remedy = || {
        format!(
            "--{flag} {text}: write off, how often (1 to 254) or free, and after a colon how long at most: free:3s, 2:3s, 3s"
        )
    };
    if let Some(times) = budget(text) {
        return Ok(Lasting { times, longest: None });
    }
    let (times, longest) = text.split_once(':').unwrap_or(("free", text));
    let times = budget(times).with_context(remedy)?;
    let longest = time(flag, longest, timings).with_context(remedy)?;
    if longest == Span::ZERO {
        return Ok(Lasting::OFF);
    }
    Ok(Lasting { times, longest: Some(longest) })
}

fn rate(text: &str) -> Result<RateRatio> {
    let parts = text.split_once('/').and_then(|(fast, slow)| {
        Some(RateRatio { fast: fast.trim().parse().ok()?, slow: slow.trim().parse().ok()? })
    });
    parts.with_context(|| {
        format!("--clock-ratio {text}: write FAST/SLOW in whole numbers up to 100, such as 5/4")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_written_in_six_ways() {
        let read = |text| lasting("pauses", text, &Timings::DEFAULT);
        let three = Some(Span::from_secs(3));
        for (text, times, longest) in [
            ("off", Budget::Off, None),
            ("2", Budget::UpTo(2), None),
            ("free", Budget::Free, None),
            ("2:3s", Budget::UpTo(2), three),
            ("free:3s", Budget::Free, three),
            ("3s", Budget::Free, three),
            ("1.5RP", Budget::Free, three),
        ] {
            assert_eq!(read(text).unwrap(), Lasting { times, longest }, "{text}");
        }
        for wrong in ["", "often", "255", "2:", ":3s", "2:3"] {
            let error = format!("{:#}", read(wrong).unwrap_err());
            assert!(error.contains("free:3s, 2:3s, 3s"), "{error}");
        }
    }
}
