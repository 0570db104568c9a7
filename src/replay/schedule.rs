//! A schedule as it is recorded, and as the Go program in tests/client-go reads it.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// What the world does in a recorded run. All times are nanoseconds since its start.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct Schedule {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    pub end_ns: u64,
    pub request_latency_ns: u64,
    pub response_latency_ns: u64,
    pub nodes: Vec<ScheduledNode>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ScheduledLink>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<ScheduledEdit>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ScheduledDoing>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_down: Vec<ScheduledWindow>,
    /// A request that is on the wire when its sender crashes is applied.
    #[serde(default, skip_serializing_if = "is_default")]
    pub crash_keeps_requests: bool,
    /// What befalls whom is found out by a run with the real client-go; recordings have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ScheduledFault>,
    /// What that run's jitter is drawn from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub seed: i64,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A replica of a recorded run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledNode {
    pub id: SmolStr,
    pub start_ns: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub cancel_ns: Option<u64>,
    #[serde(default)]
    pub release_on_cancel: bool,
    pub lease_duration_ns: u64,
    pub renew_deadline_ns: u64,
    pub retry_period_ns: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub http_timeout_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub identity: Option<SmolStr>,
    /// What becomes of its requests, in turn and then anew, over all its processes; the schedule's latencies, if none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<ScheduledMessage>,
    /// Its process is started again; recordings say when in `processes`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restart: Option<ScheduledRestart>,
    /// How long its work takes to stop, in turn: only a restart depends on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drain_ns: Vec<u64>,
}

/// What becomes of a request.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledMessage {
    pub request_ns: u64,
    pub response_ns: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub lost: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub response_lost: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub again_ns: Option<u64>,
    #[serde(skip_serializing_if = "is_default")]
    pub error: Option<ScheduledError>,
    #[serde(skip_serializing_if = "is_default")]
    pub applied: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub writes_only: bool,
}

/// How the server fails a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "named after the server\'s reasons")]
pub enum ScheduledError {
    Internal,
    Unavailable,
    GatewayTimeout,
    TooManyRequests,
    Forbidden,
    Silence,
}

/// A process manager.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledRestart {
    pub after_ns: Vec<u64>,
    #[serde(default)]
    pub new_identity: bool,
}

/// Something that happens to a process.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledDoing {
    pub node: SmolStr,
    pub at_ns: u64,
    #[serde(rename = "do")]
    pub what: ScheduledDo,
    #[serde(default, skip_serializing_if = "is_default")]
    pub new_identity: bool,
}

/// What befalls a process, a link, the Lease or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub enum ScheduledDo {
    Crash,
    Terminate,
    Start,
    Link,
    Edit,
    Down,
}

/// A time in which the server refuses connections.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledWindow {
    pub from_ns: u64,
    pub to_ns: u64,
}

/// A fault whose time, victims and length are found out by a run. Draws are taken in turn, and then anew.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledFault {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_ns: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<ScheduledWhen>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<SmolStr>,
    /// `leader`, `followers` or `follower` (the first of `nodes` that does not lead), instead of `nodes`.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub who: SmolStr,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lasts_ns: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub every_ns: Vec<u64>,
    #[serde(default)]
    pub times: u32,
    #[serde(rename = "do")]
    pub what: ScheduledDo,
    #[serde(default, skip_serializing_if = "is_default")]
    pub new_identity: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<ScheduledLink>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<ScheduledEdit>,
}

/// What sets such a fault off.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledWhen {
    pub event: SmolStr,
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub node: SmolStr,
    /// For `fault_began` and `fault_ended`: which, by index.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fault: usize,
    pub nth: u32,
    pub after_ns: Vec<u64>,
}

/// An effect on the requests that a node sends in `[from_ns, to_ns)`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledLink {
    pub node: SmolStr,
    pub from_ns: u64,
    pub to_ns: u64,
    pub leg: ScheduledLeg,
    pub effect: ScheduledEffect,
    #[serde(default, skip_serializing_if = "is_default")]
    pub delay_ns: u64,
    /// Of a fault's link: a delay is drawn for each window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays_ns: Vec<u64>,
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub verb: SmolStr,
    #[serde(default, skip_serializing_if = "is_default")]
    pub count: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub applied_after_cancel: bool,
}

/// A direction.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub enum ScheduledLeg {
    Request,
    Response,
    Both,
}

/// What a link does.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub enum ScheduledEffect {
    Delay,
    Hang,
    Refuse,
    Error,
    Drop,
}

/// What a third party does.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub struct ScheduledEdit {
    pub at_ns: u64,
    #[serde(rename = "do")]
    pub what: ScheduledDeed,
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub holder: SmolStr,
    #[serde(default, skip_serializing_if = "is_default")]
    pub seconds: i32,
}

/// A deed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the recording\'s own names")]
pub enum ScheduledDeed {
    Delete,
    Recreate,
    Create,
    Annotate,
    SetDuration,
    SetHolder,
    ClearHolder,
}
