//! The builder of an election.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::election::LeaderElection;
use super::error::Error;
use super::identity::{default_identity, own_namespace};
use super::lock::{LockKind, LockPlan};
use super::metrics::Metrics;
use crate::core::{ClockBound, Config, Span, Timings};

pub(super) type OnNewLeader = Arc<dyn Fn(&str) + Send + Sync>;

/// The rules to elect by.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Protocol {
    /// At most one leader; see [`Rules::STRICT`](crate::core::Rules::STRICT).
    #[default]
    Strict,
    /// What client-go does, with the request timeout that kube-controller-manager gives it. Two may lead at once.
    ClientGo,
}

/// Where the elector runs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Place {
    /// On a thread with a small runtime of its own, so that a busy or blocked executor does not lose the lock. It costs
    /// a thread (a few tens of kilobytes, no CPU while it waits) and a connection.
    #[default]
    OwnThread,
    /// On a runtime that exists, with its timers and I/O enabled: for many elections in one process. Whatever blocks
    /// that runtime for longer than LeaseDuration - RenewDeadline loses the locks, though never two lead: `may_act`
    /// reads the clock itself.
    On(tokio::runtime::Handle),
}

/// How long work that was told to stop is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For it to stop by itself, while the lock is still held.
    pub(super) grace: Duration,
    /// After that.
    pub(super) stop_timeout: Duration,
}

/// Collects the settings of a [`LeaderElection`].
#[must_use = "call `build`, `run` or `start`"]
pub struct Builder {
    pub(super) connection: Connection,
    pub(super) leader_elect: bool,
    lock: LockKind,
    namespace: Option<String>,
    name: Option<String>,
    labels: BTreeMap<String, String>,
    identity: Option<String>,
    timings: Timings,
    clocks: ClockBound,
    protocol: Protocol,
    release_on_cancel: bool,
    trust_fresh_namespace: bool,
    pub(super) contend_again: bool,
    grace: Duration,
    stop_timeout: Option<Duration>,
    pub(super) events: Option<String>,
    pub(super) metrics: Option<Metrics>,
    pub(super) on_new_leader: Option<OnNewLeader>,
    pub(super) shutdown: CancellationToken,
    pub(super) place: Place,
}

impl Builder {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            leader_elect: true,
            lock: LockKind::default(),
            namespace: None,
            name: None,
            labels: BTreeMap::new(),
            identity: None,
            timings: Timings::DEFAULT,
            clocks: ClockBound::DEFAULT,
            protocol: Protocol::default(),
            release_on_cancel: true,
            trust_fresh_namespace: false,
            contend_again: false,
            grace: Duration::ZERO,
            stop_timeout: None,
            events: Some("leasehold".to_owned()),
            metrics: None,
            on_new_leader: None,
            shutdown: CancellationToken::new(),
            place: Place::default(),
        }
    }

    /// Whether to elect at all. Without election this process leads from its start to its shutdown: no request is sent, [`Leadership::may_act`]
    /// is always true until then, and the fencing token is 0. For a process that is certain to be alone, as with `--leader-elect=false`.
    ///
    /// [`Leadership::may_act`]: super::Leadership::may_act
    pub fn leader_elect(mut self, elect: bool) -> Self {
        self.leader_elect = elect;
        self
    }

    /// The lock's namespace and name.
    pub fn lease(mut self, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self.name = Some(name.into());
        self
    }

    /// The lock's name, in the namespace of this process's service account.
    pub fn lease_in_own_namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = own_namespace();
        self.name = Some(name.into());
        self
    }

    /// What the record is kept on. Without this: a Lease.
    pub fn lock(mut self, kind: LockKind) -> Self {
        self.lock = kind;
        self
    }

    /// A label that the lock is to bear, besides those that it has.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// What is written as holderIdentity. No other process may use it. Without this:
    /// [`default_identity`].
    pub fn identity(mut self, identity: impl Into<String>) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// LeaseDuration, RenewDeadline and RetryPeriod. Without this: 15 s, 10 s, 2 s.
    pub fn timings(mut self, timings: Timings) -> Self {
        self.timings = timings;
        self
    }

    /// The same, as the standard library's durations.
    pub fn durations(self, lease: Duration, renew_deadline: Duration, retry_period: Duration) -> Self {
        let span =
            |duration: Duration| Span::from_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        self.timings(Timings {
            lease_duration: span(lease),
            renew_deadline: span(renew_deadline),
            retry_period: span(retry_period),
        })
    }

    /// How far off the clocks' rates may be, and how long an action may outlast `may_act`.
    pub fn clocks(mut self, bound: ClockBound) -> Self {
        self.clocks = bound;
        self
    }

    /// The rules to elect by. Without this: [`Protocol::Strict`].
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Whether the lock is released on shutdown, after the work has stopped. Without this: yes.
    pub fn release_on_cancel(mut self, release: bool) -> Self {
        self.release_on_cancel = release;
        self
    }

    /// Whether a lock that is missing is taken for one that never was, so that whoever creates it leads at once
    /// instead of after LeaseDuration. Safe only where nobody deletes it.
    pub fn trust_fresh_namespace(mut self, trust: bool) -> Self {
        self.trust_fresh_namespace = trust;
        self
    }

    /// Whether to contend again after a loss, in the same process. Without this, a loss ends the election.
    pub fn contend_again(mut self, again: bool) -> Self {
        self.contend_again = again;
        self
    }

    /// How long the work may take to stop by itself on shutdown, while the lock is still renewed, before it is dropped.
    /// Without this: no time. After a loss it never has any.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long to wait for work that does not stop though it was dropped or its time is over, because it blocks. Then the
    /// election ends without releasing the lock. Without this: RenewDeadline.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = Some(timeout);
        self
    }

    /// Who reports the Events on the lock; `None` for no Events. Without this: `leasehold`.
    pub fn events<'a>(mut self, component: impl Into<Option<&'a str>>) -> Self {
        self.events = component.into().map(str::to_owned);
        self
    }

    /// Where to count.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Called with every new holder's identity (empty where the lock was released), on the elector's thread: be brief.
    pub fn on_new_leader(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_new_leader = Some(Arc::new(tell));
        self
    }

    /// Cancel it to shut down: the work is told to stop, the lock released, the election ends.
    pub fn shutdown_on(mut self, token: CancellationToken) -> Self {
        self.shutdown = token;
        self
    }

    /// Where the elector runs. Without this: [`Place::OwnThread`].
    pub fn place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Checks the settings. Without election, those of the election do not matter.
    ///
    /// # Errors
    /// If something is missing, or the timings are not safe.
    pub fn build(self) -> Result<LeaderElection, Error> {
        let missing = |what, remedy| Error::Missing { what, remedy };
        let required = |given: &Option<String>, what, remedy| match given {
            Some(text) if !text.is_empty() => Ok(text.clone()),
            _ if !self.leader_elect => Ok(String::new()),
            _ => Err(missing(what, remedy)),
        };
        let namespace = required(
            &self.namespace,
            "the lock's namespace (and no service account tells it)",
            ".lease(namespace, name)",
        )?;
        let name = required(&self.name, "the lock's name", ".lease(namespace, name)")?;
        let identity = self.identity.clone().unwrap_or_else(default_identity);
        if identity.is_empty() {
            return Err(missing("the identity", ".identity(name)"));
        }
        let lock = LockPlan {
            kind: self.lock,
            namespace,
            name,
            labels: self.labels.clone(),
            fractions: self.protocol == Protocol::Strict,
        };
        let config = match self.config() {
            Err(_) if !self.leader_elect => Config::strict(Timings::DEFAULT, ClockBound::DEFAULT)?,
            config => config?,
        };
        let renew_deadline = Duration::from_nanos(config.timings().renew_deadline.as_nanos());
        let stop_timeout = self.stop_timeout.unwrap_or(renew_deadline);
        let patience = Patience { grace: self.grace, stop_timeout };
        Ok(LeaderElection { lock, identity: identity.into(), config, patience, settings: self })
    }

    fn config(&self) -> Result<Config, Error> {
        let config = match self.protocol {
            Protocol::Strict => Config::strict(self.timings, self.clocks)?,
            Protocol::ClientGo => Config::client_go(self.timings)?
                .with_request_timeout(Some(self.timings.half_renew_deadline()))?
                .with_release_retry(true),
        };
        Ok(config
            .with_release_on_cancel(self.release_on_cancel)
            .with_trusted_fresh_namespace(self.trust_fresh_namespace))
    }

    /// Checks the settings and starts; see [`LeaderElection::run`].
    ///
    /// # Errors
    /// As [`build`](Self::build) and [`LeaderElection::run`].
    pub async fn run<F, W>(self, work: F) -> Result<super::election::Outcome<W::Output>, Error>
    where
        F: FnMut(super::Leadership) -> W,
        W: Future,
    {
        self.build()?.run(work).await
    }
}
