//! What faults do.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::draw::Draw;
use super::fault::{Fault, Lasts, Trigger, When, Who};
use super::forms::{Yes, text_or_map};
use super::length::{Length, SignedLength};
use super::model::{ErrorRate, StaleReads, is_false};
use super::rate::Rate;

/// The actions, once: as an enum, and as the keys of a fault of which one must be given.
macro_rules! actions {
    ($($(#[$meta:meta])* $key:ident: $variant:ident($type:ty) = $name:literal,)*) => {
        /// What a fault does.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Action { $($(#[$meta])* $variant($type),)* }

        const ACTIONS: &[&str] = &[$(stringify!($key)),*];

        impl Action {
            /// Its key in a scenario.
            #[must_use]
            pub fn key(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($key),)* }
            }

            /// What faults of this kind are called where they have no name of their own.
            #[must_use]
            pub fn default_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }
        }

        /// How a [`Fault`] is written.
        #[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        #[schemars(transform = exactly_one)]
        pub(super) struct FaultDoc {
            /// Its name, for `after` and as a cause of failovers. The kind of its action, if not given.
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<String>,
            /// An instant of true time, from the run's start.
            #[serde(skip_serializing_if = "Option::is_none")]
            at: Option<Draw>,
            /// Something that happens.
            #[serde(skip_serializing_if = "Option::is_none")]
            when: Option<When>,
            /// When the fault of this name has ended (or begun, if it does not last).
            #[serde(skip_serializing_if = "Option::is_none")]
            after: Option<String>,
            /// How long it lasts. To the end, if not given.
            #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
            lasting: Option<Draw>,
            /// Until which instant it lasts; with a fixed `at` only.
            #[serde(skip_serializing_if = "Option::is_none")]
            until: Option<Length>,
            /// It is set off again so long after each beginning.
            #[serde(skip_serializing_if = "Option::is_none")]
            every: Option<Draw>,
            /// With `every`: how often in all.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1))]
            times: Option<u32>,
            $($(#[$meta])* #[serde(skip_serializing_if = "Option::is_none")] $key: Option<$type>,)*
        }

        impl FaultDoc {
            fn actions(&mut self) -> Vec<Action> {
                [$(self.$key.take().map(Action::$variant)),*].into_iter().flatten().collect()
            }

            fn set_action(&mut self, action: Action) {
                match action { $(Action::$variant(value) => self.$key = Some(value),)* }
            }
        }
    };
}

actions! {
    /// The process vanishes. With `for`, it is started again after that.
    crash: Crash(Who) = "crash",
    /// SIGTERM: cancel, drain, release, end.
    terminate: Terminate(Who) = "terminate",
    /// The process is started (again).
    start: Start(Start) = "start",
    /// The process stands still.
    pause: Pause(Who) = "pause",
    /// The whole machine is suspended; see `clock.stops_in_suspend`.
    suspend: Suspend(Who) = "suspend",
    /// The process runs for a part of every period only.
    throttle: Throttle(Throttle) = "throttle",
    /// Something is wrong with a link.
    link: Link(LinkFault) = "link",
    /// No way to the server, or none back.
    partition: Partition(Partition) = "partition",
    /// Single messages are lost.
    lose: Lose(Lose) = "lost-message",
    /// Single messages take longer.
    delay: Delay(Delay) = "delayed-message",
    /// The wall clock is set.
    step_wall_clock: StepWallClock(StepWallClock) = "clock-step",
    /// The monotonic clock changes its rate.
    clock_rate: ClockRate(ClockRate) = "clock-rate",
    /// The server fails requests at a rate.
    server_errors: ServerErrors(ErrorRate) = "server-errors",
    /// The server's storage has no leader: every write fails, and so does every consistent read.
    storage_without_leader: StorageWithoutLeader(Storage) = "storage",
    /// The server is down: connections are refused.
    server_down: ServerDown(Yes) = "server-down",
    /// The server is slower by this much.
    server_slow: ServerSlow(Draw) = "server-slow",
    /// Reads are stale.
    server_stale: ServerStale(StaleReads) = "server-stale",
    /// Somebody deletes the Lease.
    delete_lease: DeleteLease(Yes) = "lease-deleted",
    /// Somebody deletes the Lease and creates it with an empty spec.
    recreate_lease: RecreateLease(Yes) = "lease-recreated",
    /// Somebody creates the Lease with an empty spec if it is not there.
    create_lease: CreateLease(Yes) = "lease-created",
    /// Somebody edits the Lease.
    edit_lease: EditLease(EditLease) = "lease-edited",
}

impl Action {
    /// Whether it can last: the rest is over at once.
    #[must_use]
    pub fn lasts(&self) -> bool {
        !matches!(
            self,
            Self::Terminate(_)
                | Self::Start(_)
                | Self::StepWallClock(_)
                | Self::DeleteLease(_)
                | Self::RecreateLease(_)
                | Self::CreateLease(_)
                | Self::EditLease(_)
        )
    }

    /// Whether it is over at once where no `for` is given, though it could last.
    #[must_use]
    pub fn is_momentary(&self) -> bool {
        matches!(self, Self::Crash(_) | Self::Lose(_) | Self::Delay(_))
    }
}

fn exactly_one(schema: &mut Schema) {
    let one_of = |keys: &[&str]| -> serde_json::Value {
        keys.iter().map(|key| serde_json::json!({ "required": [key] })).collect()
    };
    let triggers = serde_json::json!({ "oneOf": one_of(&["at", "when", "after"]) });
    let actions = serde_json::json!({ "oneOf": one_of(ACTIONS) });
    schema.insert("allOf".to_owned(), serde_json::json!([triggers, actions]));
}

impl TryFrom<FaultDoc> for Fault {
    type Error = String;

    fn try_from(mut doc: FaultDoc) -> Result<Self, String> {
        let known = format!("one of {}", ACTIONS.join(", "));
        let action = match <[Action; 1]>::try_from(doc.actions()) {
            Ok([action]) => action,
            Err(none) if none.is_empty() => return Err(format!("the fault does nothing: it needs {known}")),
            Err(many) => {
                let keys: Vec<_> = many.iter().map(|action| format!("`{}`", action.key())).collect();
                return Err(format!(
                    "a fault does one thing, not {}: write several faults",
                    keys.join(" and ")
                ));
            }
        };
        let trigger = match (doc.at, doc.when, doc.after) {
            (Some(at), None, None) => Trigger::At(at),
            (None, Some(when), None) => Trigger::When(when),
            (None, None, Some(name)) => Trigger::After(name),
            (None, None, None) => {
                return Err("nothing sets the fault off: it needs `at`, `when` or `after`".to_owned());
            }
            _ => return Err("a fault has one of `at`, `when` and `after`".to_owned()),
        };
        let lasts = match (doc.lasting, doc.until) {
            (None, None) => None,
            (Some(lasting), None) => Some(Lasts::For(lasting)),
            (None, Some(until)) => Some(Lasts::Until(until)),
            (Some(_), Some(_)) => return Err("a fault has one of `for` and `until`".to_owned()),
        };
        Ok(Self { name: doc.name, trigger, lasts, every: doc.every, times: doc.times, action })
    }
}

impl From<Fault> for FaultDoc {
    fn from(fault: Fault) -> Self {
        let mut doc = Self { name: fault.name, every: fault.every, times: fault.times, ..Self::default() };
        match fault.trigger {
            Trigger::At(at) => doc.at = Some(at),
            Trigger::After(name) => doc.after = Some(name),
            Trigger::When(when) => doc.when = Some(when),
        }
        match fault.lasts {
            None => {}
            Some(Lasts::For(lasting)) => doc.lasting = Some(lasting),
            Some(Lasts::Until(until)) => doc.until = Some(until),
        }
        doc.set_action(fault.action);
        doc
    }
}

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
