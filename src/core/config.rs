//! Settings that are valid by type: a [`Config`] can only be made by a constructor that checked it.

use core::fmt;

use super::record::Record;
use super::releases::ClientGo;
use super::rules::{DeadlineFrom, Rules, Wait, WrittenDuration};
use super::time::Span;

/// LeaseDuration, RenewDeadline and RetryPeriod, not yet checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timings {
    /// How long others wait for a Lease that is not renewed.
    pub lease_duration: Span,
    /// How long the leader tries to renew before it gives up.
    pub renew_deadline: Span,
    /// How long to wait between tries.
    pub retry_period: Span,
}

impl Timings {
    /// client-go's defaults: 15 s / 10 s / 2 s.
    pub const DEFAULT: Self = Self {
        lease_duration: Span::from_secs(15),
        renew_deadline: Span::from_secs(10),
        retry_period: Span::from_secs(2),
    };

    /// The timeout that kube-controller-manager and controller-runtime give the election client:
    /// half of RenewDeadline, at least one second.
    #[must_use]
    pub fn half_renew_deadline(&self) -> Span {
        Span::from_nanos(self.renew_deadline.as_nanos() / 2).max(Span::from_secs(1))
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.lease_duration, self.renew_deadline, self.retry_period)
    }
}

/// What `strict` assumes of the clocks and leaves in reserve.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClockBound {
    /// The largest error of any process's monotonic clock, in parts per million of true time.
    pub rate_error_ppm: u32,
    /// Taken off LeaseDuration besides: how long an action may outlast the answer "yes, you may act".
    pub margin: Span,
}

impl ClockBound {
    /// 1,000 ppm (a quartz clock errs by tens, a slewing NTP client adds up to 500) and no margin.
    pub const DEFAULT: Self = Self { rate_error_ppm: 1_000, margin: Span::ZERO };
}

/// Settings that an elector will not run with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// client-go: LeaseDuration is not above RenewDeadline.
    LeaseDurationNotAboveRenewDeadline,
    /// client-go: RenewDeadline is not above 1.2 x RetryPeriod.
    RenewDeadlineNotAboveJitteredRetryPeriod,
    /// client-go: LeaseDuration is nothing.
    LeaseDurationZero,
    /// client-go: RenewDeadline is nothing.
    RenewDeadlineZero,
    /// client-go: RetryPeriod is nothing.
    RetryPeriodZero,
    /// `strict`: RetryPeriod is not below RenewDeadline.
    NoRetryWithinRenewDeadline(Timings),
    /// `strict`: two may lead at once with these clocks.
    ClocksMayOverlap(Timings, ClockBound),
    /// The clock-rate error is a million ppm or more.
    RateErrorTooLarge(u32),
    /// The request timeout is nothing.
    RequestTimeoutZero,
    /// LeaseDuration does not fit leaseDurationSeconds.
    LeaseDurationTooLong(Span),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The next five are client-go's own words.
            Self::LeaseDurationNotAboveRenewDeadline => {
                f.write_str("leaseDuration must be greater than renewDeadline")
            }
            Self::RenewDeadlineNotAboveJitteredRetryPeriod => {
                f.write_str("renewDeadline must be greater than retryPeriod*JitterFactor")
            }
            Self::LeaseDurationZero => f.write_str("leaseDuration must be greater than zero"),
            Self::RenewDeadlineZero => f.write_str("renewDeadline must be greater than zero"),
            Self::RetryPeriodZero => f.write_str("retryPeriod must be greater than zero"),
            Self::NoRetryWithinRenewDeadline(t) => {
                write!(f, "RetryPeriod {} must be below RenewDeadline {}", t.retry_period, t.renew_deadline)
            }
            Self::ClocksMayOverlap(t, b) => write!(
                f,
                "RenewDeadline x (1 + e) + margin must be below LeaseDuration x (1 - e): with e = {} ppm and \
                 margin {}, {} x (1 + e) + margin = {} is not below {} x (1 - e) = {}",
                b.rate_error_ppm,
                b.margin,
                t.renew_deadline,
                b.latest_stop(t),
                t.lease_duration,
                b.earliest_takeover(t),
            ),
            Self::RateErrorTooLarge(ppm) => {
                write!(f, "a clock-rate error of {ppm} ppm is a stopped clock; it must be below 1000000")
            }
            Self::RequestTimeoutZero => f.write_str("the request timeout must be greater than zero"),
            Self::LeaseDurationTooLong(d) => {
                write!(f, "LeaseDuration {d} does not fit leaseDurationSeconds, whose limit is {}", i32::MAX)
            }
        }
    }
}

impl core::error::Error for ConfigError {}

impl ClockBound {
    /// The latest that a leader's right ends after its renewal was sent, in true time, rounded up.
    #[must_use]
    pub fn latest_stop(&self, t: &Timings) -> Span {
        scale(t.renew_deadline, 1_000_000 + u64::from(self.rate_error_ppm), true).saturating_add(self.margin)
    }

    /// The earliest that a candidate takes over after that, in true time, rounded down.
    #[must_use]
    pub fn earliest_takeover(&self, t: &Timings) -> Span {
        scale(t.lease_duration, 1_000_000_u64.saturating_sub(u64::from(self.rate_error_ppm)), false)
    }

    fn holds_for(&self, t: &Timings) -> bool {
        self.latest_stop(t) < self.earliest_takeover(t)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to u64 first")]
fn scale(span: Span, ppm: u64, up: bool) -> Span {
    let product = u128::from(span.as_nanos()) * u128::from(ppm);
    let scaled = if up { product.div_ceil(1_000_000) } else { product / 1_000_000 };
    Span::from_nanos(scaled.min(u128::from(u64::MAX)) as u64)
}

/// The settings of one elector, checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Config {
    pub(super) timings: Timings,
    pub(super) rules: Rules,
    pub(super) request_timeout: Option<Span>,
    pub(super) release_on_cancel: bool,
    pub(super) release_retry: bool,
    pub(super) trust_fresh_namespace: bool,
    pub(super) duration_s: i32,
}

impl Config {
    /// client-go v0.36, with its own checks in its own order. No request timeout, no release.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn client_go(timings: Timings) -> Result<Self, ConfigError> {
        client_go_checks(&timings)?;
        Self::unchecked(timings, Rules::CLIENT_GO)
    }

    /// Another release of client-go, with the same checks.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn client_go_release(release: ClientGo, timings: Timings) -> Result<Self, ConfigError> {
        let config = Self::client_go(timings)?.with_rules(release.rules())?;
        Ok(config.with_release_retry(release.retries_release()))
    }

    /// `strict`: checked against what really suffices,
    /// RenewDeadline x (1 + e) + margin < LeaseDuration x (1 - e).
    /// Releases on shutdown; requests time out after half of RenewDeadline.
    ///
    /// # Errors
    /// The first check that fails, with the bound it used.
    pub fn strict(timings: Timings, bound: ClockBound) -> Result<Self, ConfigError> {
        positive(&timings)?;
        if bound.rate_error_ppm >= 1_000_000 {
            return Err(ConfigError::RateErrorTooLarge(bound.rate_error_ppm));
        }
        if timings.retry_period >= timings.renew_deadline {
            return Err(ConfigError::NoRetryWithinRenewDeadline(timings));
        }
        if !bound.holds_for(&timings) {
            return Err(ConfigError::ClocksMayOverlap(timings, bound));
        }
        let timeout = Span::from_nanos(timings.renew_deadline.as_nanos().div_ceil(2));
        Self { release_on_cancel: true, ..Self::unchecked(timings, Rules::STRICT)? }
            .with_request_timeout(Some(timeout))
    }

    /// Expiry by the own wall clock. Checked like client-go, which is more than such libraries do.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn renew_time(timings: Timings) -> Result<Self, ConfigError> {
        client_go_checks(&timings)?;
        Self::unchecked(timings, Rules::RENEW_TIME)
    }

    fn unchecked(timings: Timings, rules: Rules) -> Result<Self, ConfigError> {
        let config = Self {
            timings,
            rules,
            request_timeout: None,
            release_on_cancel: false,
            release_retry: false,
            trust_fresh_namespace: false,
            duration_s: 0,
        };
        config.with_rules(rules)
    }

    /// The same settings under other rules: for experiments with one rule changed. Nothing is
    /// checked but that the duration can be written.
    ///
    /// # Errors
    /// If LeaseDuration does not fit leaseDurationSeconds.
    pub fn with_rules(mut self, rules: Rules) -> Result<Self, ConfigError> {
        let lease_duration = self.timings.lease_duration;
        let seconds = match rules.written_duration {
            WrittenDuration::Truncated => lease_duration.as_secs(),
            WrittenDuration::RoundedUp => lease_duration.as_secs_ceil(),
        };
        self.duration_s =
            i32::try_from(seconds).map_err(|_| ConfigError::LeaseDurationTooLong(lease_duration))?;
        self.rules = rules;
        Ok(self)
    }

    /// Gives each request a deadline of its own, or none.
    ///
    /// # Errors
    /// If the timeout is nothing.
    pub fn with_request_timeout(mut self, timeout: Option<Span>) -> Result<Self, ConfigError> {
        if timeout == Some(Span::ZERO) {
            return Err(ConfigError::RequestTimeoutZero);
        }
        self.request_timeout = timeout;
        Ok(self)
    }

    /// ReleaseOnCancel: whether the Lease is given up on shutdown (and, in client-go, after a loss).
    #[must_use]
    pub fn with_release_on_cancel(mut self, release: bool) -> Self {
        self.release_on_cancel = release;
        self
    }

    /// Whether a release that met a conflict is repeated, as client-go does since v0.37.
    #[must_use]
    pub fn with_release_retry(mut self, retry: bool) -> Self {
        self.release_retry = retry;
        self
    }

    /// Whether a missing Lease may be taken for one that never was: no quarantine after creating it.
    /// Safe only where nobody deletes Leases.
    #[must_use]
    pub fn with_trusted_fresh_namespace(mut self, trust: bool) -> Self {
        self.trust_fresh_namespace = trust;
        self
    }

    /// The three settings.
    #[must_use]
    pub fn timings(&self) -> &Timings {
        &self.timings
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Each request's own deadline, if any.
    #[must_use]
    pub fn request_timeout(&self) -> Option<Span> {
        self.request_timeout
    }

    /// Whether a missing Lease is taken for one that never was.
    #[must_use]
    pub fn trusts_fresh_namespace(&self) -> bool {
        self.trust_fresh_namespace
    }

    /// Whether a release that met a conflict is repeated.
    #[must_use]
    pub fn retries_release(&self) -> bool {
        self.release_retry
    }

    /// What is written as leaseDurationSeconds.
    #[must_use]
    pub fn written_duration_s(&self) -> i32 {
        self.duration_s
    }

    /// Whether the Lease is released on shutdown.
    #[must_use]
    pub fn releases_on_cancel(&self) -> bool {
        self.release_on_cancel
    }

    /// How long a record is waited for from when it was first seen.
    pub(crate) fn wait_for(&self, record: &Record) -> Span {
        match self.rules.wait {
            Wait::Record => record.duration(),
            Wait::Own => self.timings.lease_duration,
            Wait::LargerOfBoth => record.duration().max(self.timings.lease_duration),
        }
    }

    /// Whether a round's context ends requests in flight, as Go's does.
    pub(super) fn has_round_context(&self) -> bool {
        self.rules.deadline_from == DeadlineFrom::RoundStart
    }
}

fn client_go_checks(t: &Timings) -> Result<(), ConfigError> {
    if t.lease_duration <= t.renew_deadline {
        return Err(ConfigError::LeaseDurationNotAboveRenewDeadline);
    }
    // client-go computes 1.2 x RetryPeriod in floating point and cuts to nanoseconds.
    if u128::from(t.renew_deadline.as_nanos()) <= u128::from(t.retry_period.as_nanos()) * 12 / 10 {
        return Err(ConfigError::RenewDeadlineNotAboveJitteredRetryPeriod);
    }
    positive(t)
}

fn positive(t: &Timings) -> Result<(), ConfigError> {
    if t.lease_duration == Span::ZERO {
        return Err(ConfigError::LeaseDurationZero);
    }
    if t.renew_deadline == Span::ZERO {
        return Err(ConfigError::RenewDeadlineZero);
    }
    if t.retry_period == Span::ZERO {
        return Err(ConfigError::RetryPeriodZero);
    }
    Ok(())
}
