//! How a replica elects: settings that the core accepts, or its reason not to.

use super::super::error::Error;
use super::super::model::{HttpTimeout, Node, Protocol};
use super::{Build, Spot};
use crate::core::{ClientGo, ClockBound, Config, ConfigError, Span, Timings};

/// Settings that a protocol refuses.
#[derive(Debug)]
pub(in super::super) struct Refusal {
    /// In one sentence.
    pub(in super::super) reason: String,
    /// The same as an error, for scenarios that do not expect it.
    pub(in super::super) error: Error,
}

impl Build<'_> {
    /// The elector of a node; none, where it does not elect.
    pub(super) fn elector(
        &self,
        node: &Node,
        name: &str,
        timings: Timings,
        at: &Spot,
    ) -> Result<Option<Config>, Refusal> {
        config(node, timings).map_err(|error| self.refusal(error, node, name, timings, at))
    }

    fn refusal(&self, error: ConfigError, node: &Node, name: &str, t: Timings, at: &Spot) -> Refusal {
        let protocol = node.protocol.unwrap_or_default().name();
        let reason = format!("{protocol} refuses {t}: {error}");
        let timing = |names: &[&str]| {
            let spots = names.iter().map(|name| at.key("timings").key(name));
            // The more particular of all the names goes first.
            let mut paths: Vec<_> = spots.flat_map(|spot| spot.0.into_iter().enumerate()).collect();
            paths.sort_by_key(|(rank, _)| *rank);
            Spot(paths.into_iter().map(|(_, path)| path).collect())
        };
        let (ld, rd, rp) = ("lease_duration", "renew_deadline", "retry_period");
        let (spot, help) = match error {
            ConfigError::LeaseDurationNotAboveRenewDeadline => {
                (timing(&[rd, ld]), "lease_duration must be above renew_deadline, as 15s is above 10s")
            }
            ConfigError::RenewDeadlineNotAboveJitteredRetryPeriod => (
                timing(&[rd, rp]),
                "renew_deadline must be above 1.2 x retry_period, as 10s is above 1.2 x 2s",
            ),
            ConfigError::NoRetryWithinRenewDeadline(_) => {
                (timing(&[rp, rd]), "lower retry_period or raise renew_deadline")
            }
            ConfigError::ClocksMayOverlap(..) => (
                timing(&[rd, ld]).or(at.key("clock_bound")),
                "raise lease_duration, lower renew_deadline, or bound the clocks more tightly (clock_bound)",
            ),
            ConfigError::LeaseDurationZero | ConfigError::LeaseDurationTooLong(_) => {
                (timing(&[ld]), "lease_duration must be a time that fits, such as 15s")
            }
            ConfigError::RenewDeadlineZero => (timing(&[rd]), "renew_deadline must be a time, such as 10s"),
            ConfigError::RetryPeriodZero => (timing(&[rp]), "retry_period must be a time, such as 2s"),
            ConfigError::RateErrorTooLarge(_) => {
                (at.key("clock_bound").key("rate_error_ppm"), "a usual bound is 1000")
            }
            ConfigError::RequestTimeoutZero => (at.key("http_timeout"), "write `none`, or a time"),
        };
        let spot = spot.or(at.key("timings")).or(at.key("protocol"));
        let help = format!("{help}; a scenario that is about this says `expect: {{refused: ...}}`");
        let error = self.wrong(&spot, format!("{name}: {reason}"), Some(&help));
        Refusal { reason, error }
    }
}

fn config(node: &Node, t: Timings) -> Result<Option<Config>, ConfigError> {
    let mut config = match node.protocol.unwrap_or_default() {
        Protocol::None => return Ok(None),
        Protocol::RenewTime => Config::renew_time(t)?,
        Protocol::Strict => {
            let given = node.clock_bound.clone().unwrap_or_default();
            let default = ClockBound::DEFAULT;
            Config::strict(
                t,
                ClockBound {
                    rate_error_ppm: given.rate_error_ppm.unwrap_or(default.rate_error_ppm),
                    margin: given.margin.map_or(default.margin, |m| Span::from_nanos(m.resolve(&t))),
                },
            )?
        }
        // Every other is a release of client-go.
        other => Config::client_go_release(other.client_go().unwrap_or(ClientGo::V0_36), t)?,
    };
    if let Some(timeout) = node.http_timeout {
        config = config.with_request_timeout(match timeout {
            HttpTimeout::None => None,
            HttpTimeout::HalfRenewDeadline => Some(t.half_renew_deadline()),
            HttpTimeout::After(length) => Some(Span::from_nanos(length.resolve(&t))),
        })?;
    }
    if let Some(release) = node.release_on_cancel {
        config = config.with_release_on_cancel(release);
    }
    if let Some(retry) = node.release_retry {
        config = config.with_release_retry(retry);
    }
    if let Some(trust) = node.trust_fresh_namespace {
        config = config.with_trusted_fresh_namespace(trust);
    }
    if let Some(changes) = &node.rules {
        config = config.with_rules(changes.applied_to(*config.rules()))?;
    }
    Ok(Some(config))
}
