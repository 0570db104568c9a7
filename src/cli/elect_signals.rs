//! What signals mean to `leasehold elect`: some end it, the others are the command's.

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::adapter::CancellationToken;

/// These end it. SIGQUIT is what some images name as their STOPSIGNAL.
const STOP: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::QUIT];

/// These are passed on: to reload settings, to reopen logs, to dump a state.
const PASS_ON: [Signal; 3] = [Signal::HUP, Signal::USR1, Signal::USR2];

/// Signals for the command.
pub(super) struct Signals {
    stop: CancellationToken,
    passed_on: mpsc::UnboundedReceiver<Signal>,
}

impl Signals {
    /// Listens from now on. Must be called on the runtime that will wait for them.
    pub(super) fn listen() -> Result<Self> {
        let stop = CancellationToken::new();
        let (pass_on, passed_on) = mpsc::unbounded_channel();
        for number in STOP.into_iter().chain(PASS_ON) {
            let mut coming =
                signal(SignalKind::from_raw(number.as_raw())).context("cannot listen for signals")?;
            let (stop, pass_on) = (stop.clone(), pass_on.clone());
            drop(tokio::spawn(async move {
                while coming.recv().await.is_some() {
                    if STOP.contains(&number) {
                        stop.cancel();
                    } else {
                        _ = pass_on.send(number);
                    }
                }
            }));
        }
        Ok(Self { stop, passed_on })
    }

    /// Cancelled by those that end it.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The next one that is the command's.
    pub(super) async fn next(&mut self) -> Signal {
        match self.passed_on.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// For when there is no command: a terminal that is gone ends it, the others mean nothing.
    pub(super) fn without_a_command(&self, signal: Signal) {
        if signal == Signal::HUP {
            self.stop.cancel();
        }
    }
}
