//! Exact schedules as they are written: one deed an entry, in order.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::forms::text_or_map;
use super::length::{Length, SignedLength};
use super::model::{Protocol, Scenario, Timings, is_false};
use crate::core;
use crate::sim::plan::Edit;
use crate::sim::{self, schedule};

/// One thing that happens in an exact schedule. See [`sim::schedule`] for what each deed means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StepDoc", into = "StepDoc")]
pub struct ScheduledStep {
    /// An instant of true time, from the run's start.
    pub at: Length,
    /// What happens.
    pub deed: ScheduledDeed,
}

/// The deeds, once: as an enum, and as the keys of a step of which one must be given.
macro_rules! deeds {
    ($($(#[$meta:meta])* $key:ident: $variant:ident($type:ty),)*) => {
        /// What happens.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum ScheduledDeed { $($(#[$meta])* $variant($type),)* }

        const DEEDS: &[&str] = &[$(stringify!($key)),*];

        impl ScheduledDeed {
            /// Its key in a scenario.
            #[must_use]
            pub fn key(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($key),)* }
            }
        }

        /// How a [`ScheduledStep`] is written.
        #[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        #[schemars(transform = exactly_one)]
        struct StepDoc {
            /// An instant of true time, from the run's start.
            #[serde(skip_serializing_if = "Option::is_none")]
            at: Option<Length>,
            $($(#[$meta])* #[serde(skip_serializing_if = "Option::is_none")] $key: Option<$type>,)*
        }

        impl StepDoc {
            fn deeds(&mut self) -> Vec<ScheduledDeed> {
                [$(self.$key.take().map(ScheduledDeed::$variant)),*].into_iter().flatten().collect()
            }

            fn set_deed(&mut self, deed: ScheduledDeed) {
                match deed { $(ScheduledDeed::$variant(value) => self.$key = Some(value),)* }
            }
        }
    };
}

deeds! {
    /// This replica's process starts.
    start: Start(StartStep),
    /// The timers of this replica's elector that are due fire.
    wake: Wake(String),
    /// An elector that asked how much longer than RetryPeriod to wait is told.
    choose: Choose(ChooseStep),
    /// A request reaches the server and is decided, for the first time or again.
    arrive: Arrive(ArriveStep),
    /// An answer reaches its replica, for the first time or again.
    answer: Answer(AnswerStep),
    /// The guarded work of this replica, told to stop, has done so. Where `drain` is `0s`, it does so at once.
    work_stopped: WorkStopped(String),
    /// This replica's process vanishes.
    crash: Crash(String),
    /// SIGTERM to this replica's process: cancel, drain, release, end.
    terminate: Terminate(String),
    /// This replica's process stands still.
    pause: Pause(String),
    /// This replica's process goes on. If timers of it came due meanwhile, a `wake` follows.
    resume: Resume(String),
    /// Somebody does something to the Lease.
    edit: Edit(EditStep),
    /// A replica's wall clock is set.
    step_wall_clock: StepWallClock(WallClockStep),
    /// A replica's monotonic clock changes its rate.
    clock_rate: ClockRate(ClockRateStep),
}

/// A start of a process: whose, or the particulars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StartStep {
    /// With the identity it had.
    Who(String),
    /// In particular.
    With(StartStepWith),
}

text_or_map!(
    StartStep,
    "a replica's name or {who: n1, new_identity: true}",
    StartStep::Who, StartStepWith => StartStep::With
);

/// A start of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartStepWith {
    /// Whose.
    pub who: String,
    /// With a new identity. False, if not given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub new_identity: bool,
}

/// A choice that an elector asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseStep {
    /// Whose.
    pub who: String,
    /// How much longer than RetryPeriod it waits.
    pub extra: Length,
}

/// A request that reaches the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArriveStep {
    /// Whose.
    pub who: String,
    /// Which, counted from 1 over all processes of the replica.
    #[schemars(range(min = 1))]
    pub request: u32,
}

/// An answer that reaches its replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerStep {
    /// Whose.
    pub who: String,
    /// To which request.
    #[schemars(range(min = 1))]
    pub request: u32,
    /// To which of the request's arrivals. 1, if not given.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    #[schemars(range(min = 1))]
    pub copy: u32,
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_first(n: &u32) -> bool {
    *n == 1
}

/// What a third party does to the Lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EditStep {
    /// Deletes it.
    Delete,
    /// Deletes it and creates it with an empty spec.
    Recreate,
    /// Creates it with an empty spec if it is not there.
    Create,
    /// Changes an annotation.
    Annotate,
    /// Sets the holder.
    SetHolder(String),
    /// Clears the holder.
    ClearHolder,
    /// Sets leaseDurationSeconds; whole seconds.
    SetDuration(Length),
    /// The first time, saves the spec; later, puts that back.
    Restore,
}

/// A step of the wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WallClockStep {
    /// Whose.
    pub who: String,
    /// Forward (`1h`) or back (`-1h`).
    pub by: SignedLength,
}

/// A new rate of the monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockRateStep {
    /// Whose.
    pub who: String,
    /// The rate error, in parts per million.
    #[schemars(range(min = -999_999, max = 1_000_000))]
    pub rate_ppm: i32,
}

fn exactly_one(schema: &mut Schema) {
    let one_of: Vec<_> = DEEDS.iter().map(|key| serde_json::json!({ "required": [key] })).collect();
    schema.insert("oneOf".to_owned(), one_of.into());
    schema.insert("required".to_owned(), serde_json::json!(["at"]));
}

impl TryFrom<StepDoc> for ScheduledStep {
    type Error = String;

    fn try_from(mut doc: StepDoc) -> Result<Self, String> {
        let deed = match <[ScheduledDeed; 1]>::try_from(doc.deeds()) {
            Ok([deed]) => deed,
            Err(none) if none.is_empty() => {
                return Err(format!("nothing happens in this step: it needs one of {}", DEEDS.join(", ")));
            }
            Err(many) => {
                let keys: Vec<_> = many.iter().map(|deed| format!("`{}`", deed.key())).collect();
                return Err(format!(
                    "one thing happens in a step, not {}: write several",
                    keys.join(" and ")
                ));
            }
        };
        let at = doc.at.ok_or("the step has no instant: it needs `at`")?;
        Ok(Self { at, deed })
    }
}

impl From<ScheduledStep> for StepDoc {
    fn from(step: ScheduledStep) -> Self {
        let mut doc = Self { at: Some(step.at), ..Self::default() };
        doc.set_deed(step.deed);
        doc
    }
}

impl JsonSchema for ScheduledStep {
    fn schema_name() -> Cow<'static, str> {
        "ScheduledStep".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        StepDoc::json_schema(generator)
    }
}

/// The schedule of a scenario in which the simulation's steps happen. The replicas are called n1, n2 and so on.
#[must_use]
pub fn schedule_of(steps: &[sim::Step]) -> Vec<ScheduledStep> {
    steps.iter().map(|step| written(step, &|node| format!("n{}", node + 1))).collect()
}

/// Like [`schedule_of`], for replicas of these names.
///
/// # Panics
/// If a step names a node that has no name.
#[must_use]
pub fn schedule_with_names(steps: &[sim::Step], names: &[impl AsRef<str>]) -> Vec<ScheduledStep> {
    steps.iter().map(|step| written(step, &|node| names[node].as_ref().to_owned())).collect()
}

fn written(step: &sim::Step, name: &dyn Fn(usize) -> String) -> ScheduledStep {
    use schedule::Deed;
    let deed = match &step.deed {
        &Deed::Start { node, new_identity: false } => ScheduledDeed::Start(StartStep::Who(name(node))),
        &Deed::Start { node, new_identity } => {
            ScheduledDeed::Start(StartStep::With(StartStepWith { who: name(node), new_identity }))
        }
        &Deed::Wake { node } => ScheduledDeed::Wake(name(node)),
        &Deed::Choose { node, extra_ns } => {
            ScheduledDeed::Choose(ChooseStep { who: name(node), extra: Length::nanos(extra_ns) })
        }
        &Deed::Arrive { node, request } => ScheduledDeed::Arrive(ArriveStep { who: name(node), request }),
        &Deed::Answer { node, request, copy } => {
            ScheduledDeed::Answer(AnswerStep { who: name(node), request, copy })
        }
        &Deed::WorkStopped { node } => ScheduledDeed::WorkStopped(name(node)),
        &Deed::Crash { node } => ScheduledDeed::Crash(name(node)),
        &Deed::Terminate { node } => ScheduledDeed::Terminate(name(node)),
        &Deed::Pause { node } => ScheduledDeed::Pause(name(node)),
        &Deed::Resume { node } => ScheduledDeed::Resume(name(node)),
        Deed::Edit(edit) => ScheduledDeed::Edit(written_edit(edit)),
        &Deed::StepWallClock { node, by_ns } => {
            let by = SignedLength { back: by_ns < 0, length: Length::nanos(by_ns.unsigned_abs()) };
            ScheduledDeed::StepWallClock(WallClockStep { who: name(node), by })
        }
        &Deed::ClockRate { node, rate_ppm } => {
            ScheduledDeed::ClockRate(ClockRateStep { who: name(node), rate_ppm })
        }
    };
    ScheduledStep { at: Length::nanos(step.at_ns), deed }
}

fn written_edit(edit: &Edit) -> EditStep {
    match edit {
        Edit::Delete => EditStep::Delete,
        Edit::Recreate => EditStep::Recreate,
        Edit::Create => EditStep::Create,
        Edit::Annotate => EditStep::Annotate,
        Edit::SetHolder(holder) => EditStep::SetHolder(holder.to_string()),
        Edit::ClearHolder => EditStep::ClearHolder,
        // The server refuses 0 as it refuses anything below.
        Edit::SetDuration(seconds) => {
            EditStep::SetDuration(Length::secs(u32::try_from(*seconds).unwrap_or(0)))
        }
        Edit::Restore => EditStep::Restore,
    }
}

impl From<core::Timings> for Timings {
    fn from(timings: core::Timings) -> Self {
        Self {
            lease_duration: Some(timings.lease_duration.into()),
            renew_deadline: Some(timings.renew_deadline.into()),
            retry_period: Some(timings.retry_period.into()),
        }
    }
}

impl Scenario {
    /// A scenario in which these steps happen to replicas called n1, n2 and so on. What else they are set to may be
    /// added: `http_timeout`, `rules`, `clock`, `drain`, `nodes`.
    #[must_use]
    pub fn of_schedule(
        replicas: u32,
        protocol: Protocol,
        timings: core::Timings,
        steps: &[sim::Step],
    ) -> Self {
        Self {
            replicas: Some(replicas),
            protocol: Some(protocol),
            timings: Some(timings.into()),
            schedule: Some(schedule_of(steps)),
            ..Self::default()
        }
    }
}
