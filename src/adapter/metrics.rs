//! What Prometheus is told: client-go's two metrics under their names, and two more.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Labels {
    name: String,
}

/// From a millisecond to half a minute.
const BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// The metrics of all elections in this process, by the lock's name. Clones are the same metrics.
///
/// | name | what |
/// | --- | --- |
/// | `leader_election_master_status{name}` | 1 while this process leads, else 0 (client-go's) |
/// | `leader_election_slowpath_total{name}` | renewals that had to read the lock first (client-go's) |
/// | `leader_election_transitions_total{name}` | how often this process saw another holder than before |
/// | `leader_election_renewal_duration_seconds{name}` | how long each renewal took, from when it was due to the response: on a `Connection::pooled` its wait for a turn, too |
#[derive(Clone, Debug)]
pub struct Metrics {
    status: Family<Labels, Gauge>,
    slow_path: Family<Labels, Counter>,
    transitions: Family<Labels, Counter>,
    renewals: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Metrics that `registry` exports.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            status: Family::default(),
            slow_path: Family::default(),
            transitions: Family::default(),
            renewals: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        };
        registry.register(
            "leader_election_master_status",
            "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. \
             'name' is the string used to identify the lease. Please make sure to group by name",
            metrics.status.clone(),
        );
        registry.register(
            "leader_election_slowpath",
            "Total number of slow path exercised in renewing leader leases. \
             'name' is the string used to identify the lease. Please make sure to group by name",
            metrics.slow_path.clone(),
        );
        registry.register(
            "leader_election_transitions",
            "Changes of the holder that this process saw",
            metrics.transitions.clone(),
        );
        registry.register(
            "leader_election_renewal_duration_seconds",
            "How long each renewal took, from when it was due to the response",
            metrics.renewals.clone(),
        );
        metrics
    }

    pub(super) fn of(&self, name: &str) -> ElectionMetrics {
        let labels = Labels { name: name.to_owned() };
        ElectionMetrics {
            status: self.status.get_or_create(&labels).clone(),
            slow_path: self.slow_path.get_or_create(&labels).clone(),
            transitions: self.transitions.get_or_create(&labels).clone(),
            renewals: self.renewals.get_or_create(&labels).clone(),
        }
    }
}

/// The metrics of one election.
#[derive(Clone, Debug)]
pub(super) struct ElectionMetrics {
    status: Gauge,
    slow_path: Counter,
    transitions: Counter,
    renewals: Histogram,
}

impl ElectionMetrics {
    pub(super) fn leads(&self, leads: bool) {
        self.status.set(leads.into());
    }

    pub(super) fn slow_path(&self) {
        self.slow_path.inc();
    }

    pub(super) fn transition(&self) {
        self.transitions.inc();
    }

    pub(super) fn renewed(&self, took: Duration) {
        self.renewals.observe(took.as_secs_f64());
    }
}
