//! Keeps an eye on a search: progress for whoever waits, and an end when there has been enough.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::check_args::CheckArgs;
use super::progress::stop_flag;
use crate::check::{Progress, StopCause, Watcher};

/// The longest time between two looks at a search.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

pub(super) struct Watch {
    started: Instant,
    timeout: Option<Duration>,
    memory_limit: Option<u64>,
    interrupted: &'static AtomicBool,
    resident_before: Option<u64>,
    wait: Duration,
    bar: ProgressBar,
    last: Progress,
    stopped_by: Option<StopCause>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it took is told to people, and when it is enough they say"
)]
fn now() -> Instant {
    Instant::now()
}

impl Watch {
    pub(super) fn new(args: &CheckArgs) -> Result<Self> {
        Ok(Self {
            started: now(),
            timeout: args.timeout()?,
            memory_limit: args.memory_limit()?,
            interrupted: stop_flag()?,
            resident_before: resident(),
            wait: Duration::from_millis(1),
            bar: spinner(args.quiet),
            last: Progress::default(),
            stopped_by: None,
        })
    }

    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }

    /// How far the last search had come when it was last looked at.
    pub(super) fn last(&self) -> Progress {
        self.last
    }

    /// Whoever ended the searches early.
    pub(super) fn stopped_by(&self) -> Option<StopCause> {
        self.stopped_by
    }

    fn enough(&self, elapsed: Duration) -> Option<StopCause> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Some(StopCause::Interrupt);
        }
        if self.timeout.is_some_and(|timeout| elapsed >= timeout) {
            return Some(StopCause::Timeout);
        }
        let over = self.memory_limit.is_some_and(|limit| resident().is_some_and(|now| now >= limit));
        over.then_some(StopCause::Memory)
    }

    /// Says something meanwhile, without tearing the progress line.
    pub(super) fn speaker(&self, quiet: bool) -> impl Fn(&str) + use<> {
        let bar = self.bar.clone();
        move |text| {
            if !quiet {
                bar.suspend(|| super::output::remark(text));
            }
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        now().duration_since(self.started)
    }

    /// How much more memory the process used at its peak than before, divided among so many states. Nothing where that would
    /// be about anything but the states.
    pub(super) fn bytes_a_state(&self, states: usize) -> Option<u64> {
        let growth = peak()?.checked_sub(self.resident_before?)?;
        (states >= 100_000).then(|| growth / states as u64)
    }
}

impl Watcher for Watch {
    fn look(&mut self, progress: Progress) -> Option<StopCause> {
        let elapsed = self.elapsed();
        if progress.generated < self.last.generated {
            // The next search.
            self.wait = Duration::from_millis(1);
        }
        self.last = progress;
        if !self.bar.is_hidden() {
            let rate = progress.generated as u128 * 1_000 / elapsed.as_millis().max(1);
            let rate = u64::try_from(rate).unwrap_or(u64::MAX);
            self.bar.set_message(format!(
                "{} states, {} different, depth {}, {}/s",
                HumanCount(progress.generated as u64),
                HumanCount(progress.unique as u64),
                progress.depth,
                HumanCount(rate),
            ));
            self.bar.tick();
        }
        self.stopped_by = self.enough(elapsed).or(self.stopped_by);
        self.stopped_by
    }

    fn wait(&mut self) {
        // Short at first: small searches end within milliseconds.
        std::thread::park_timeout(self.wait);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

fn spinner(quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

/// Whether memory can be looked at here.
pub(super) fn knows_memory() -> bool {
    resident().is_some()
}

/// Bytes of memory that the process has now.
fn resident() -> Option<u64> {
    of_status("VmRSS:")
}

/// Bytes of memory that it had at most.
fn peak() -> Option<u64> {
    of_status("VmHWM:")
}

fn of_status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
