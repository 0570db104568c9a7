//! The process's clocks, and a timer that follows the monotonic one.
//!
//! Where the platform has one, the monotonic clock goes on while the machine is suspended: a leader that was
//! asleep for longer than its right lasted must know so the moment it wakes, before its timers do.

use std::time::Duration;

use crate::core::{LocalInstant, Reading, WallTime};

/// Reads the clocks. Costs a few tens of nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    #[cfg(not(unix))]
    origin: std::time::Instant,
}

impl Clock {
    /// The platform's clocks.
    #[must_use]
    #[cfg(unix)]
    pub fn new() -> Self {
        Self {}
    }

    /// The platform's clocks.
    #[must_use]
    #[cfg(not(unix))]
    #[expect(clippy::disallowed_methods, reason = "real time is the point")]
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// Both clocks at once: the monotonic one first, so that a pause in between makes nothing look newer.
    pub(super) fn read(&self) -> Reading {
        let local = self.local();
        Reading { local, wall: WallTime::from_micros(jiff::Timestamp::now().as_microsecond()) }
    }

    /// The monotonic clock. On Linux and Apple's systems it counts suspended time; elsewhere it may not.
    #[must_use]
    #[cfg(unix)]
    pub fn local(&self) -> LocalInstant {
        use rustix::time::{ClockId, clock_gettime};
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = ClockId::Monotonic;
        let time = clock_gettime(id);
        LocalInstant::from_nanos(time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec))
    }

    /// The monotonic clock.
    #[must_use]
    #[cfg(not(unix))]
    #[expect(clippy::disallowed_methods, reason = "real time is the point")]
    pub fn local(&self) -> LocalInstant {
        let nanos = i64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(i64::MAX);
        LocalInstant::from_nanos(nanos)
    }

    /// How long until `at`; nothing if it has come.
    #[must_use]
    pub fn until(&self, at: LocalInstant) -> Duration {
        Duration::from_nanos(at.since(self.local()).as_nanos())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Sleeps until an instant of the monotonic clock.
///
/// On Linux by a `timerfd` of that very clock, which fires at once when the machine wakes. Elsewhere by the
/// runtime's timer, which may stand still meanwhile, and which is therefore looked at twice a second.
#[derive(Debug)]
pub(super) struct Timer {
    clock: Clock,
    /// A `timerfd`, which is read and polled like a pipe; tokio has no safe type for anything that is not one.
    #[cfg(target_os = "linux")]
    fd: Option<tokio::net::unix::pipe::Receiver>,
}

const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);

impl Timer {
    /// Must be called on the runtime that will wait.
    pub(super) fn new(clock: Clock) -> Self {
        #[cfg(target_os = "linux")]
        {
            use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = timerfd_create(TimerfdClockId::Boottime, flags).map_err(std::io::Error::from);
            let fd = fd.and_then(tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked);
            if let Err(error) = &fd {
                tracing::warn!(%error, "no timer that counts suspended time; looking twice a second instead");
            }
            Self { clock, fd: fd.ok() }
        }
        #[cfg(not(target_os = "linux"))]
        Self { clock }
    }

    /// Returns at `at` or later; never if there is none.
    pub(super) async fn sleep_until(&self, at: Option<LocalInstant>) {
        let Some(at) = at.filter(|at| *at != LocalInstant::FAR_FUTURE) else {
            return std::future::pending().await;
        };
        loop {
            let left = self.clock.until(at);
            if left.is_zero() {
                return;
            }
            self.nap(at, left).await;
        }
    }

    #[cfg(target_os = "linux")]
    async fn nap(&self, at: LocalInstant, left: Duration) {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let nanos = at.as_nanos();
        let it_value = Timespec { tv_sec: nanos / 1_000_000_000, tv_nsec: nanos % 1_000_000_000 };
        let set = Itimerspec { it_interval: zero, it_value };
        match &self.fd {
            Some(fd) if timerfd_settime(fd, TimerfdTimerFlags::ABSTIME, &set).is_ok() => {
                _ = fd.readable().await;
                // Takes back the readiness, also where it was that of an earlier setting.
                _ = fd.try_read(&mut [0; 8]);
            }
            _ => tokio::time::sleep(left.min(LOOK_AGAIN_AFTER)).await,
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn nap(&self, _at: LocalInstant, left: Duration) {
        tokio::time::sleep(left.min(LOOK_AGAIN_AFTER)).await;
    }
}
