//! No election at all: a process that is alone leads from its start to its shutdown.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::leadership::{Confirmed, TermGuard};
use super::settings::Patience;
use super::status::{End, Role, Status};
use crate::core::{FencingToken, LocalInstant, StopReason};

pub(super) struct Alone {
    pub(super) identity: Arc<str>,
    pub(super) patience: Patience,
    pub(super) shutdown: CancellationToken,
    pub(super) status: watch::Sender<Status>,
}

impl Alone {
    /// One term, with the same steps at its end as any other.
    pub(super) async fn run(self, clock: Clock) {
        let confirmed = Arc::<Confirmed>::default();
        let term =
            TermGuard::new(1, FencingToken(0), Arc::clone(&self.identity), clock, Arc::clone(&confirmed));
        term.set_until(Some(LocalInstant::FAR_FUTURE));
        let leadership = term.leadership.clone();
        self.status.send_modify(|status| status.leader = Arc::clone(&self.identity));
        self.set_role(Role::Leading(leadership.clone()));
        tokio::select! {
            () = confirmed.of(1) => return self.set_role(Role::Ended(End::Shutdown)),
            () = self.shutdown.cancelled() => {}
        }
        self.set_role(Role::Stopping(leadership, StopReason::Shutdown));
        term.lose(StopReason::Shutdown);
        let mut stopped = tokio::time::timeout(self.patience.grace, confirmed.of(1)).await.is_ok();
        if !stopped {
            term.cut();
            let waited = tokio::time::timeout(self.patience.stop_timeout, confirmed.of(1)).await;
            stopped = waited.is_ok();
        }
        let end = if stopped { End::Shutdown } else { End::WorkDidNotStop(self.patience.stop_timeout) };
        drop(term);
        self.set_role(Role::Ended(end));
    }

    fn set_role(&self, role: Role) {
        self.status.send_modify(|status| status.role = role);
    }
}
