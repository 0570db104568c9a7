//! The particulars of what faults do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::Draw;
use super::fault::Who;
use super::forms::{Yes, text_or_map};
use super::length::{Length, SignedLength};
use super::model::is_false;
use super::rate::Rate;

/// A start of a process: whose, or the particulars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Start {
    /// With the identity it had.
    Who(Who),
    /// In particular.
    With(StartWith),
}

text_or_map!(Start, "a replica's name or {who: n1, new_identity: true}", Start::Who, StartWith => Start::With);

/// A start of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartWith {
    /// Whose.
    pub who: Who,
    /// With a new identity. False, if not given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub new_identity: bool,
}

/// A process that runs for a part of every period only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Whose.
    pub who: Who,
    /// The period; Linux's default is 100ms.
    pub period: Length,
    /// How long it stands still in each.
    pub stopped: Length,
}

/// Something wrong with a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFault {
    /// Whose.
    pub who: Who,
    /// Which direction. Both, if not given.
    #[serde(default)]
    pub leg: Leg,
    /// What.
    pub effect: LinkEffect,
    /// Only requests of this verb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<Verb>,
    /// Only so many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// Whether a request whose sender gave up is applied all the same when it arrives.
    #[serde(default, skip_serializing_if = "is_false")]
    pub applied_after_cancel: bool,
}

/// What is wrong with a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkEffect {
    /// Messages of requests sent now arrive when the fault ends.
    Hang,
    /// Messages sent now are lost; the sender waits.
    Drop,
    /// Requests sent now fail at once.
    Refuse,
    /// Requests sent now are answered with 500 and not applied.
    Error,
    /// Messages of requests sent now take longer.
    Delay(Draw),
    /// Messages sent now are lost at this rate.
    Loss(Rate),
    /// Messages sent now arrive twice at this rate.
    Duplicate(Rate),
}

/// A direction of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Leg {
    /// To the server.
    Request,
    /// From the server.
    Response,
    /// Both.
    #[default]
    Both,
}

/// A request's verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Reads the Lease.
    Get,
    /// Creates the Lease.
    Create,
    /// Changes the Lease.
    Update,
}

/// A partition: of whom, or the particulars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Partition {
    /// Both ways, requests hang.
    Who(Who),
    /// In particular.
    With(PartitionWith),
}

text_or_map!(
    Partition,
    "a replica's name or {who: leader, direction: both, mode: hang}",
    Partition::Who, PartitionWith => Partition::With
);

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionWith {
    /// Of whom.
    pub who: Who,
    /// Which way. Both, if not given.
    #[serde(default)]
    pub direction: Direction,
    /// What becomes of messages. They hang, if not given.
    #[serde(default)]
    pub mode: Mode,
    /// Whether a request whose sender gave up is applied all the same when it arrives.
    #[serde(default, skip_serializing_if = "is_false")]
    pub applied_after_cancel: bool,
}

/// Which way a partition cuts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// Requests only.
    ToServer,
    /// Responses only.
    FromServer,
}

/// What becomes of messages in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They arrive when it ends.
    #[default]
    Hang,
    /// They are lost; the sender waits.
    Drop,
    /// Requests fail at once.
    Refuse,
}

/// Single messages that are lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lose {
    /// Whose.
    pub who: Who,
    /// Which direction.
    pub leg: Leg,
    /// Only of requests of this verb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<Verb>,
    /// How many. 1, if not given.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub count: u32,
}

/// Single messages that take longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// Whose.
    pub who: Who,
    /// Which direction.
    pub leg: Leg,
    /// By how much.
    pub by: Draw,
    /// Only of requests of this verb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<Verb>,
    /// How many. 1, if not given.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub count: u32,
    /// Whether a request whose sender gave up is applied all the same when it arrives.
    #[serde(default, skip_serializing_if = "is_false")]
    pub applied_after_cancel: bool,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_one(n: &u32) -> bool {
    *n == 1
}

/// A step of the wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepWallClock {
    /// Whose.
    pub who: Who,
    /// Forward (`1h`) or back (`-1h`).
    pub by: SignedLength,
}

/// A new rate of the monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockRate {
    /// Whose.
    pub who: Who,
    /// The rate error, in parts per million.
    #[schemars(range(min = -999_999, max = 1_000_000))]
    pub rate_ppm: i32,
}

/// Storage without a leader: `true`, or the particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Storage {
    /// Failed writes are not applied.
    Yes(Yes),
    /// In particular.
    With(StorageWith),
}

/// Storage without a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageWith {
    /// Whether a failed write is applied all the same.
    pub applied: bool,
}

impl<'de> Deserialize<'de> for Storage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StorageVisitor;
        impl<'de> serde::de::Visitor<'de> for StorageVisitor {
            type Value = Storage;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`true` or {applied: true}")
            }
            fn visit_bool<E: serde::de::Error>(self, yes: bool) -> Result<Storage, E> {
                Yes::deserialize(serde::de::value::BoolDeserializer::new(yes)).map(Storage::Yes)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Storage, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                StorageWith::deserialize(map).map(Storage::With)
            }
        }
        deserializer.deserialize_any(StorageVisitor)
    }
}

/// What a third party does to the Lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EditLease {
    /// Sets the holder.
    SetHolder(String),
    /// Clears the holder.
    ClearHolder,
    /// Changes an annotation.
    Annotate,
    /// Sets leaseDurationSeconds; whole seconds.
    SetDuration(Length),
    /// Puts back the spec that the fault's first use saw.
    Restore,
}
