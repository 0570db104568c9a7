//! What a scenario file says, as it says it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::Draw;
use super::expect::Expect;
use super::fault::Fault;
use super::forms::document;
use super::length::{Length, SignedLength};
use super::network::Network;
use super::rate::Rate;
use super::rules::RuleChanges;
use super::scheduled::ScheduledStep;
use crate::core::ClientGo;

document! {
    /// A scenario: replicas that elect a leader, what goes wrong, and what must come of it.
    ///
    /// Everything may be left out. In `settings`, each entry is a scenario again that says what
    /// differs: maps are merged key by key, everything else is replaced, and `null` takes away.
    #[schemars(title = "leasehold scenario")]
    Scenario {
        /// What it is called in tables and plots; settings need one. The file's name, if not given.
        name: String,
        /// What it shows.
        description: String,
        /// Where the fact comes from.
        source: String,
        /// How many replicas. They are called n1, n2 and so on. 3, if not given.
        #[schemars(range(min = 1, max = 64))]
        replicas: u32,
        /// How they elect. `client-go`, if not given.
        protocol: Protocol,
        /// The three durations.
        timings: Timings,
        /// Each request's own deadline. `none` for `client-go` and `renew-time`, half of
        /// renew_deadline for `strict`, if not given.
        http_timeout: HttpTimeout,
        /// Whether the Lease is given up on shutdown. Only `strict` does, if not given.
        release_on_cancel: bool,
        /// Whether a release that met a conflict is repeated, as client-go does since v0.37.
        release_retry: bool,
        /// `strict`: whether a missing Lease may be taken for one that never was. Safe only where
        /// nobody deletes Leases.
        trust_fresh_namespace: bool,
        /// `strict`: what it assumes of the clocks.
        clock_bound: ClockBound,
        /// Single rules that differ from the protocol's, for experiments.
        rules: RuleChanges,
        /// When each process starts. `0s`, if not given.
        start: Draw,
        /// Every replica's clocks.
        clock: Clock,
        /// How long the guarded work takes to stop once told to. `0s`, if not given.
        drain: Draw,
        /// What happens when a process has ended. Nothing, if not given.
        restart: Restart,
        /// The way to the API server and back. `recorded` (2 ms each way), if not given.
        network: Network,
        /// What is particular to single replicas, by n1, n2 and so on.
        nodes: BTreeMap<String, Node>,
        /// The API server.
        server: Server,
        /// What the leader does with its leadership. Nothing that could be stale, if not given.
        work: Work,
        /// What goes wrong.
        faults: Vec<Fault>,
        /// What happens, step by step, to the nanosecond and in this order: nothing is drawn, nothing else happens,
        /// and a message that is not in it is lost. Every run is the same.
        schedule: Vec<ScheduledStep>,
        /// Whether a request that is on the wire when its sender crashes is lost. False, if not given.
        crash_loses_requests: bool,
        /// How many runs, each with its own randomness. 1, if not given.
        #[schemars(range(min = 1))]
        runs: u64,
        /// What all randomness comes from. 1, if not given.
        seed: u64,
        /// When a run ends. `60RP`, or with the last step of `schedule`, if not given.
        duration: Length,
        /// End a run early, after this many failovers.
        #[schemars(range(min = 1))]
        stop_after_failovers: u32,
        /// What must come of it.
        expect: Expect,
        /// Scenarios that differ in something, to be run and drawn together.
        #[serde(serialize_with = "super::ser::settings")]
        settings: Vec<Scenario>,
    } + {
        /// What this setting, being one of `settings`, takes away without putting another in its place: for each
        /// such field the keys that lead to it, as in `["server", "stale_reads"]`. A file says so with `null`.
        ///
        /// Whatever serde reads a scenario with leaves this empty; [`Scenario::parse`] and [`Scenario::load`] do not.
        taken_away: BTreeSet<Vec<String>>,
    }

    /// What is particular to one replica.
    Node {
        /// Its name in faults and reports.
        name: String,
        /// The holderIdentity that it writes. Its name, if not given.
        identity: String,
        /// How it elects.
        protocol: Protocol,
        /// The three durations.
        timings: Timings,
        /// Each request's own deadline.
        http_timeout: HttpTimeout,
        /// Whether the Lease is given up on shutdown.
        release_on_cancel: bool,
        /// Whether a release that met a conflict is repeated.
        release_retry: bool,
        /// `strict`: whether a missing Lease may be taken for one that never was.
        trust_fresh_namespace: bool,
        /// `strict`: what it assumes of the clocks.
        clock_bound: ClockBound,
        /// Single rules that differ from the protocol's.
        rules: RuleChanges,
        /// When its process starts.
        start: Draw,
        /// Its clocks.
        clock: Clock,
        /// How long its guarded work takes to stop once told to.
        drain: Draw,
        /// What happens when its process has ended.
        restart: Restart,
        /// Its way to the API server and back.
        network: Network,
    }

    /// The three durations of an election.
    Timings {
        /// How long others wait for a Lease that is not renewed (LD). `15s`, if not given.
        lease_duration: Length,
        /// How long the leader tries to renew before it gives up (RD). `10s`, if not given.
        renew_deadline: Length,
        /// How long to wait between tries (RP). `2s`, if not given.
        retry_period: Length,
    }

    /// What `strict` assumes of the clocks and leaves in reserve.
    ClockBound {
        /// The largest error of any monotonic clock, in parts per million. 1000, if not given.
        rate_error_ppm: u32,
        /// Taken off lease_duration besides. `0s`, if not given.
        margin: Length,
    }

    /// One machine's clocks.
    Clock {
        /// By how much the monotonic clock runs too fast (negative: too slow), in parts per million.
        #[schemars(range(min = -999_999, max = 1_000_000))]
        rate_ppm: i32,
        /// By how much the wall clock is ahead.
        wall_offset: SignedLength,
        /// Whether the wall clock stands still at what it shows at the run's start. False, if not given.
        wall_stopped: bool,
        /// Whether the monotonic clock stands still while the machine is suspended: Linux's
        /// CLOCK_MONOTONIC does, CLOCK_BOOTTIME does not. True, if not given.
        stops_in_suspend: bool,
    }

    /// A process manager starts the process again.
    Restart {
        /// How long after its end. `0s`, if not given.
        after: Draw,
        /// Whether it comes back with a new identity. False, if not given.
        new_identity: bool,
    }

    /// The API server.
    Server {
        /// How long it works on a request before the result is decided. `0s`, if not given.
        latency: Draw,
        /// Errors at a rate.
        errors: Vec<ErrorRate>,
        /// Reads from a cache that lags behind.
        stale_reads: StaleReads,
        /// One request after the other, and so many may wait.
        capacity: Capacity,
    }

    /// The guarded work: a loop that asks whether it may act, thinks, and writes to a store of its own.
    Work {
        /// From one write to the next. `1s`, if not given.
        every: Draw,
        /// Between asking and sending: a pause here is what fencing is for. `0s`, if not given.
        think: Draw,
        /// From sending until the store decides. `2ms`, if not given.
        latency: Draw,
        /// Whether the store refuses a token lower than one it has seen. False, if not given.
        fenced: bool,
    }
}

/// How a replica elects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Kubernetes' client-go, v0.34 to v0.36.
    #[default]
    ClientGo,
    /// client-go v0.26: candidates wait for their own LeaseDuration.
    #[serde(rename = "client-go-0.26")]
    ClientGo026,
    /// client-go v0.27 to v0.29: a renewal reads the Lease first.
    #[serde(rename = "client-go-0.29")]
    ClientGo029,
    /// client-go v0.30: nothing bounds a release.
    #[serde(rename = "client-go-0.30")]
    ClientGo030,
    /// client-go v0.31: retries count from the end of a round's first attempt.
    #[serde(rename = "client-go-0.31")]
    ClientGo031,
    /// client-go v0.32 and v0.33: a release is on condition of the version last seen.
    #[serde(rename = "client-go-0.33")]
    ClientGo033,
    /// client-go v0.37: a release that meets a conflict is repeated.
    #[serde(rename = "client-go-0.37")]
    ClientGo037,
    /// client-go v0.38.0-beta.0, without `Recovery`: a release leaves a Lease alone that names another when it is read.
    #[serde(rename = "client-go-0.38")]
    ClientGo038,
    /// At most one leader, whatever the network and the wall clocks do.
    Strict,
    /// Expiry by the own wall clock, as in several small libraries.
    RenewTime,
    /// No election: every replica works whenever it runs.
    None,
}

impl Protocol {
    /// Every one, with the name that scenarios call it by.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::ClientGo, "client-go"),
        (Self::ClientGo026, "client-go-0.26"),
        (Self::ClientGo029, "client-go-0.29"),
        (Self::ClientGo030, "client-go-0.30"),
        (Self::ClientGo031, "client-go-0.31"),
        (Self::ClientGo033, "client-go-0.33"),
        (Self::ClientGo037, "client-go-0.37"),
        (Self::ClientGo038, "client-go-0.38"),
        (Self::Strict, "strict"),
        (Self::RenewTime, "renew-time"),
        (Self::None, "none"),
    ];

    /// The name that scenarios call it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(protocol, _)| *protocol == self).map_or("", |(_, name)| name)
    }

    /// Which release of client-go it is, if it is one.
    #[must_use]
    pub const fn client_go(self) -> Option<ClientGo> {
        Some(match self {
            Self::ClientGo => ClientGo::V0_36,
            Self::ClientGo026 => ClientGo::V0_26,
            Self::ClientGo029 => ClientGo::V0_29,
            Self::ClientGo030 => ClientGo::V0_30,
            Self::ClientGo031 => ClientGo::V0_31,
            Self::ClientGo033 => ClientGo::V0_33,
            Self::ClientGo037 => ClientGo::V0_37,
            Self::ClientGo038 => ClientGo::V0_38,
            Self::Strict | Self::RenewTime | Self::None => return None,
        })
    }
}

/// Each request's own deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpTimeout {
    /// None: a request may take for ever. A bare client-go program.
    None,
    /// max(1s, RD/2), as kube-controller-manager and controller-runtime do.
    HalfRenewDeadline,
    /// This long.
    After(Length),
}

/// Requests that fail at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    /// How.
    pub error: ServerError,
    /// How many. All, if not given.
    #[serde(default = "always")]
    pub rate: Rate,
    /// Only writes. False, if not given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub writes_only: bool,
    /// Whether a write is applied all the same (`internal`, `gateway-timeout` and `silence` only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub applied: bool,
}

fn always() -> Rate {
    Rate::ALWAYS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(super) fn is_false(b: &bool) -> bool {
    !b
}

/// How the server fails a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerError {
    /// 500.
    Internal,
    /// 503.
    Unavailable,
    /// 504.
    GatewayTimeout,
    /// 429.
    TooManyRequests,
    /// 403.
    Forbidden,
    /// No answer at all.
    Silence,
}

/// Reads from a cache that lags behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaleReads {
    /// How many reads. All, if not given; of a setting, as many as the scenario says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How old the cache is.
    pub lag: Draw,
}

/// A server that handles one request after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// How long each takes.
    pub service: Draw,
    /// How many may wait; more get 429.
    pub queue: u32,
}

impl Serialize for HttpTimeout {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::HalfRenewDeadline => serializer.serialize_str("half-renew-deadline"),
            Self::After(length) => length.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for HttpTimeout {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Timeout;
        impl serde::de::Visitor<'_> for Timeout {
            type Value = HttpTimeout;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`none`, `half-renew-deadline` or a length of time such as `5s`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HttpTimeout, E> {
                match text {
                    "none" => Ok(HttpTimeout::None),
                    "half-renew-deadline" => Ok(HttpTimeout::HalfRenewDeadline),
                    text => Length::deserialize(serde::de::value::StrDeserializer::new(text))
                        .map(HttpTimeout::After),
                }
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<HttpTimeout, E> {
                Err(super::length::no_unit(&n))
            }
            fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<HttpTimeout, E> {
                Err(super::length::no_unit(&x))
            }
        }
        deserializer.deserialize_any(Timeout)
    }
}

impl JsonSchema for HttpTimeout {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HttpTimeout".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Each request's own deadline: none, max(1s, RD/2) as kube-controller-manager and \
                            controller-runtime have it, or a length of time.",
            "anyOf": [
                { "enum": ["none", "half-renew-deadline"] },
                generator.subschema_for::<Length>(),
            ],
        })
    }
}
