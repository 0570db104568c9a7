//! A term, as the guarded work sees it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::core::{FencingToken, LocalInstant, StopReason};

/// The right to act, for one term. Clones are the same term.
///
/// Ask [`may_act`](Self::may_act) before every action, and send [`fencing_token`](Self::fencing_token) along with
/// every write to a store that can refuse older ones: a process that was paused between the question and the
/// write is stopped by nothing else.
#[derive(Clone, Debug)]
pub struct Leadership {
    term: Arc<Term>,
}

#[derive(Debug)]
struct Term {
    number: u64,
    token: FencingToken,
    identity: Arc<str>,
    clock: Clock,
    /// Until when the work may act: nanoseconds of the clock. Written by the driver, judged by the reader.
    until: AtomicI64,
    /// The same, for whoever waits for changes, if anybody does.
    deadlines: Mutex<Option<watch::Sender<LocalInstant>>>,
    reason: OnceLock<StopReason>,
    /// The work is told to stop.
    lost: CancellationToken,
    /// The work is out of time to stop by itself.
    cut: CancellationToken,
    confirmed: Arc<Confirmed>,
}

/// The last term whose work is known to have stopped.
#[derive(Debug, Default)]
pub(super) struct Confirmed {
    number: AtomicU64,
    told: Notify,
}

impl Confirmed {
    fn tell(&self, number: u64) {
        self.number.fetch_max(number, Ordering::AcqRel);
        self.told.notify_one();
    }

    /// Until the work of this term has stopped. One may wait at a time.
    pub(super) async fn of(&self, number: u64) {
        while self.number.load(Ordering::Acquire) < number {
            self.told.notified().await;
        }
    }
}

impl Leadership {
    /// Whether this process may act for the guarded resource at this instant.
    ///
    /// The clock is read here and compared with the deadline that the last successful renewal set, so the
    /// answer is right even where the elector's own thread was stopped, or the machine asleep. Under `strict`, at most one
    /// process gets a yes at any instant. Under `client-go` there is no deadline: the answer is yes until the
    /// loss was noticed.
    #[must_use]
    pub fn may_act(&self) -> bool {
        self.term.clock.local() < self.acts_until()
    }

    /// For how long [`may_act`](Self::may_act) will say yes if nothing else happens.
    /// [`Duration::MAX`] where there is no deadline.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        match self.acts_until() {
            LocalInstant::FAR_FUTURE => Duration::MAX,
            until => self.term.clock.until(until),
        }
    }

    /// The deadline itself, on [`Clock`]; renewals move it.
    #[must_use]
    pub fn acts_until(&self) -> LocalInstant {
        LocalInstant::from_nanos(self.term.until.load(Ordering::Acquire))
    }

    /// Tells of every change of the deadline.
    #[must_use]
    pub fn deadlines(&self) -> watch::Receiver<LocalInstant> {
        let mut deadlines = self.term.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        deadlines.get_or_insert_with(|| watch::Sender::new(self.acts_until())).subscribe()
    }

    /// Larger than the token of every earlier term, also across deletions of the lock: the resourceVersion
    /// of the write that began this term.
    #[must_use]
    pub fn fencing_token(&self) -> u64 {
        self.term.token.0
    }

    /// Counts the terms of this process, from 1.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.term.number
    }

    /// The identity that holds the lock.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.term.identity
    }

    /// Resolves when the work is told to stop: the lock is lost, or the process is to shut down.
    pub async fn lost(&self) -> StopReason {
        self.term.lost.cancelled().await;
        self.reason().unwrap_or(StopReason::DeadlinePassed)
    }

    /// Why the work was told to stop, if it was.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        self.term.reason.get().copied()
    }

    /// A token that is cancelled when the work is told to stop, to hand to tasks that the work spawned.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.term.lost.child_token()
    }

    /// Confirms that the work has stopped and will not act again, so that the lock can be released. Before it was told
    /// to stop, this shuts the election down.
    /// [`run`](super::LeaderElection::run) does this itself; who uses [`start`](super::LeaderElection::start) must.
    pub fn work_stopped(&self) {
        self.term.confirmed.tell(self.term.number);
    }

    /// Resolves when the work has had the time it was given to stop by itself.
    pub(super) async fn cut(&self) {
        self.term.cut.cancelled().await;
    }
}

/// The driver's end of a term. Dropping it ends the term, whatever ended the driver.
#[derive(Debug)]
pub(super) struct TermGuard {
    pub(super) leadership: Leadership,
}

impl TermGuard {
    pub(super) fn new(
        number: u64,
        token: FencingToken,
        identity: Arc<str>,
        clock: Clock,
        confirmed: Arc<Confirmed>,
    ) -> Self {
        let term = Term {
            number,
            token,
            identity,
            clock,
            until: AtomicI64::new(i64::MIN),
            deadlines: Mutex::default(),
            reason: OnceLock::new(),
            lost: CancellationToken::new(),
            cut: CancellationToken::new(),
            confirmed,
        };
        Self { leadership: Leadership { term: Arc::new(term) } }
    }

    pub(super) fn number(&self) -> u64 {
        self.leadership.term.number
    }

    pub(super) fn set_until(&self, until: Option<LocalInstant>) {
        let until = until.unwrap_or(LocalInstant::from_nanos(i64::MIN));
        let term = &self.leadership.term;
        // Locked first, so that nobody begins to wait with the old deadline after the new one was told.
        let deadlines = term.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = term.until.swap(until.as_nanos(), Ordering::AcqRel) != until.as_nanos();
        if let Some(deadlines) = deadlines.as_ref().filter(|_| changed) {
            deadlines.send_replace(until);
        }
    }

    pub(super) fn lose(&self, reason: StopReason) {
        let term = &self.leadership.term;
        // Of several reasons, the first.
        _ = term.reason.set(reason);
        term.lost.cancel();
    }

    pub(super) fn cut(&self) {
        self.leadership.term.cut.cancel();
    }
}

impl Drop for TermGuard {
    fn drop(&mut self) {
        self.set_until(None);
        self.lose(StopReason::Shutdown);
        self.cut();
    }
}
