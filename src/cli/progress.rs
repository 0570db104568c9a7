//! A progress bar on a terminal, nothing elsewhere; and Ctrl-C.

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Set by Ctrl-C and SIGTERM; work under way ends at the next run.
static STOP: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<bool> = OnceLock::new();

/// The flag that Ctrl-C sets. A second Ctrl-C ends the process at once.
pub(super) fn stop_flag() -> Result<&'static AtomicBool> {
    if INSTALLED.set(true).is_ok() {
        ctrlc::set_handler(|| {
            if STOP.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        })
        .context("cannot listen for Ctrl-C")?;
    }
    Ok(&STOP)
}

pub(super) fn was_stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// A bar over `runs` runs.
pub(super) fn bar(name: &str, runs: u64, quiet: bool) -> ProgressBar {
    if quiet || runs < 2 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{msg:28} {wide_bar} {human_pos}/{human_len} runs, {per_sec}, {eta} left",
    );
    let bar = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(name.to_owned());
    bar
}
