//! What faults do.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::draw::Draw;
use super::effects::{
    ClockRate, Delay, EditLease, LinkFault, Lose, Partition, Start, StepWallClock, Storage, Throttle,
};
use super::fault::{Fault, Lasts, Trigger, When, Who};
use super::forms::Yes;
use super::length::Length;
use super::model::{ErrorRate, StaleReads};

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
