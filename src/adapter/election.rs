//! An election: with a closure as the guarded work, or with a channel of states.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::alone::Alone;
use super::clock::Clock;
use super::connection::Connection;
use super::driver::{Driver, Parts};
use super::error::Error;
use super::events::Events;
use super::health::Health;
use super::leadership::Leadership;
use super::lock::LockPlan;
use super::settings::{Builder, Patience, Place};
use super::status::{End, Role, Status};
use crate::core::{Config, StopReason};

/// An election that is ready to start. See the [module](super) for examples.
#[must_use = "call `run` or `start`"]
pub struct LeaderElection {
    pub(super) settings: Builder,
    pub(super) lock: LockPlan,
    pub(super) identity: Arc<str>,
    pub(super) config: Config,
    pub(super) patience: Patience,
}

/// How [`LeaderElection::run`] ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome<T> {
    /// The work was done; the lock was released after it.
    Finished(T),
    /// By shutdown.
    Shutdown,
    /// The lock was lost, and contending again was not asked for.
    Lost(StopReason),
}

impl LeaderElection {
    /// Starts to collect settings. From a [`kube::Config`] the elector makes a client of its own, which is what you
    /// want; a [`kube::Client`] works too, see [`Connection`].
    pub fn builder(connection: impl Into<Connection>) -> Builder {
        Builder::new(connection.into())
    }

    /// Who takes part.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The checked settings of the core.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes part, and runs `work` while leading: once, or, with [`Builder::contend_again`], once a term.
    ///
    /// The future that `work` returns is told to stop through [`Leadership::lost`] and then dropped: at once after a
    /// loss, after [`Builder::grace`] on shutdown. Only then is the lock released. If it finishes by itself while it may act, so does the
    /// election. Dropping the returned future drops the work and then releases the lock, in the background.
    ///
    /// It needs no particular executor, and may be polled by one that is at times busy or blocked.
    ///
    /// # Errors
    /// If the client or the thread cannot be made, or if the work did not stop.
    pub async fn run<F, W>(self, mut work: F) -> Result<Outcome<W::Output>, Error>
    where
        F: FnMut(Leadership) -> W,
        W: Future,
    {
        let candidate = self.start()?;
        let mut states = candidate.states();
        let mut done_with = 0;
        loop {
            let role = states.borrow_and_update().role.clone();
            match role {
                // Another leader's name is news, too, but no other term.
                Role::Leading(leadership) if leadership.term() > done_with => {
                    done_with = leadership.term();
                    if let Some(done) = guard(&leadership, || work(leadership.clone())).await {
                        candidate.shutdown();
                        candidate.ended().await?;
                        return Ok(Outcome::Finished(done));
                    }
                }
                Role::Candidate | Role::Leading(_) => {}
                Role::Stopping(leadership, _) => leadership.work_stopped(),
                Role::Ended(end) => return outcome(end),
            }
            states.changed().await.map_err(|_| Error::Gone)?;
        }
    }

    /// Takes part, for those who do not want a closure: watch [`Candidate::states`].
    ///
    /// # Errors
    /// If the client or the thread cannot be made.
    pub fn start(self) -> Result<Candidate, Error> {
        let shutdown = self.settings.shutdown.child_token();
        let clock = Clock::new();
        let health = Health::new(clock, self.config.timings().lease_duration, &self.lock.name);
        let (status, states) = watch::channel(Status::new());
        let candidate = Candidate { states, shutdown: shutdown.clone(), health: health.clone() };
        let span = tracing::info_span!(
            "leader_election",
            lock = %format_args!("{}/{}", self.lock.namespace, self.lock.name),
            identity = %self.identity,
        );
        let place = self.settings.place.clone();
        let driver = |election: Self| election.driver(clock, health, shutdown, status);
        match place {
            Place::On(runtime) => {
                let _on_it = runtime.enter();
                drop(runtime.spawn(driver(self)?.instrument(span)));
            }
            Place::OwnThread => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(Error::Thread)?;
                let driver = {
                    let _on_it = runtime.enter();
                    driver(self)?
                };
                let thread = std::thread::Builder::new().name("leasehold".to_owned());
                let run = move || runtime.block_on(driver.instrument(span));
                drop(thread.spawn(run).map_err(Error::Thread)?);
            }
        }
        Ok(candidate)
    }

    /// What is to run. Must be called on the runtime that it will run on.
    fn driver(
        self,
        clock: Clock,
        health: Health,
        shutdown: CancellationToken,
        status: watch::Sender<Status>,
    ) -> Result<BoxFuture<'static, ()>, Error> {
        if !self.settings.leader_elect {
            let alone = Alone { identity: self.identity, patience: self.patience, shutdown, status };
            return Ok(alone.run(clock).boxed());
        }
        let parts = self.parts(health, shutdown, status)?;
        Ok(Driver::new(parts, clock).run().boxed())
    }

    /// Must be called on the runtime that the elector will run on.
    fn parts(
        self,
        health: Health,
        shutdown: CancellationToken,
        status: watch::Sender<Status>,
    ) -> Result<Parts, Error> {
        let settings = self.settings;
        let line = settings.connection.line()?;
        let events = settings.events.map(|component| Events::new(line.clone(), &component, &self.identity));
        Ok(Parts {
            config: self.config,
            lock: self.lock.lock(&line),
            contend_again: settings.contend_again,
            patience: self.patience,
            health,
            metrics: settings.metrics.map(|metrics| metrics.of(&self.lock.name)),
            events,
            on_new_leader: settings.on_new_leader,
            shutdown,
            status,
            identity: self.identity,
        })
    }
}

/// Runs the work of one term until it is done, or cut off. However this ends, also by a panic, the work is gone when
/// it has been confirmed to have stopped.
async fn guard<W: Future>(leadership: &Leadership, work: impl FnOnce() -> W) -> Option<W::Output> {
    struct Confirm<'a>(&'a Leadership);
    impl Drop for Confirm<'_> {
        fn drop(&mut self) {
            self.0.work_stopped();
        }
    }
    // Dropped in the reverse order: the work first.
    let _confirm = Confirm(leadership);
    let work = std::pin::pin!(work());
    tokio::select! {
        biased;
        () = leadership.cut() => None,
        // Work that returns because it was told to stop, or may not act any more, ends the term and not the election.
        done = work => (leadership.reason().is_none() && leadership.may_act()).then_some(done),
    }
}

fn outcome<T>(end: End) -> Result<Outcome<T>, Error> {
    match end {
        End::Shutdown => Ok(Outcome::Shutdown),
        End::Lost(reason) => Ok(Outcome::Lost(reason)),
        End::WorkDidNotStop(waited) => Err(Error::WorkDidNotStop(waited)),
    }
}

/// A process that takes part in an election. Dropping it shuts down, in the background.
#[must_use = "dropping it ends the candidacy"]
pub struct Candidate {
    states: watch::Receiver<Status>,
    shutdown: CancellationToken,
    health: Health,
}

impl Candidate {
    /// What the election is doing, and every change of it.
    ///
    /// Whoever acts on [`Role::Leading`] confirms with [`Leadership::work_stopped`] after
    /// [`Role::Stopping`], or the lock is not released.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<Status> {
        self.states.clone()
    }

    /// The term, while leading.
    #[must_use]
    pub fn leadership(&self) -> Option<Leadership> {
        match &self.states.borrow().role {
            Role::Leading(leadership) => Some(leadership.clone()),
            _ => None,
        }
    }

    /// For /healthz.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Begins to shut down: the work is told to stop, then the lock is released.
    pub fn shutdown(&self) {
        self.shutdown.cancel();
    }

    /// Waits until it takes no part any more.
    ///
    /// # Errors
    /// If the work did not stop, or the elector's task is gone.
    pub async fn ended(&self) -> Result<End, Error> {
        let mut states = self.states.clone();
        let ended = states.wait_for(|status| matches!(status.role, Role::Ended(_))).await;
        match &ended.map_err(|_| Error::Gone)?.role {
            Role::Ended(End::WorkDidNotStop(waited)) => Err(Error::WorkDidNotStop(*waited)),
            Role::Ended(end) => Ok(*end),
            _ => Err(Error::Gone),
        }
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
