//! A health check with client-go's semantics, and readiness.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::clock::Clock;
use crate::core::{LocalInstant, Span};

const NOT_HOLDER: i64 = i64::MIN;

/// Whether the elector does its duty. Clones watch the same election.
#[derive(Clone, Debug)]
pub struct Health {
    clock: Clock,
    lease_duration: Span,
    name: Arc<str>,
    /// When this process last saw itself as the holder, while it believes to be.
    held_since: Arc<AtomicI64>,
}

impl Health {
    /// What kube-controller-manager tolerates: 20 s.
    pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(20);

    pub(super) fn new(clock: Clock, lease_duration: Span, name: &str) -> Self {
        Self { clock, lease_duration, name: name.into(), held_since: Arc::new(AtomicI64::new(NOT_HOLDER)) }
    }

    /// Whether a holder has failed to renew for longer than LeaseDuration and `tolerance` and yet not
    /// stopped: it should have died, and something (a deadlock, say) keeps it from it.
    /// Whoever does not hold the lock is healthy.
    ///
    /// # Errors
    /// client-go's words on it.
    pub fn check(&self, tolerance: Duration) -> Result<(), String> {
        let since = self.held_since.load(Ordering::Acquire);
        if since == NOT_HOLDER {
            return Ok(());
        }
        let tolerance = Span::from_nanos(u64::try_from(tolerance.as_nanos()).unwrap_or(u64::MAX));
        let age = self.clock.local().since(LocalInstant::from_nanos(since));
        if age > self.lease_duration.saturating_add(tolerance) {
            return Err(format!("failed election to renew leadership on lease {}", self.name));
        }
        Ok(())
    }

    pub(super) fn held(&self, at: LocalInstant) {
        self.held_since.store(at.as_nanos(), Ordering::Release);
    }

    pub(super) fn is_held(&self) -> bool {
        self.held_since.load(Ordering::Acquire) != NOT_HOLDER
    }

    pub(super) fn not_held(&self) {
        self.held_since.store(NOT_HOLDER, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_holder_that_should_have_died_is_unhealthy() {
        let clock = Clock::new();
        let health = Health::new(clock, Span::from_secs(15), "lock");
        assert_eq!(health.check(Duration::ZERO), Ok(()));
        health.held(clock.local());
        assert_eq!(health.check(Duration::ZERO), Ok(()));
        health.held(clock.local() - Span::from_secs(20));
        assert_eq!(health.check(Duration::from_secs(10)), Ok(()));
        let words = health.check(Duration::from_secs(2)).unwrap_err();
        assert_eq!(words, "failed election to renew leadership on lease lock");
        health.not_held();
        assert_eq!(health.check(Duration::ZERO), Ok(()));
    }
}
