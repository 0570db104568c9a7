//! Which of a scenario's faults a server can bring about.

use crate::sim::Plan;
use crate::sim::plan::{Fault, Trigger, TriggerEvent};

/// Checks that a server can do what a plan asks of the world around it.
///
/// # Errors
/// What it cannot do, and what to do about that.
pub(crate) fn check(plan: &Plan) -> Result<(), String> {
    if plan.schedule.is_some() {
        return Err("a `schedule` is for simulations: real processes do not follow one".into());
    }
    if plan.server.capacity.is_some() {
        return Err("`server.capacity` is for simulations: leave it out here".into());
    }
    for fault in &plan.faults {
        let what = match &fault.fault {
            Fault::Crash(_) | Fault::Terminate(_) | Fault::Start { .. } => "end or start a client's process",
            Fault::Pause { .. } | Fault::Throttle { .. } => "make a client's process stand still",
            Fault::StepWallClock { .. } | Fault::ClockRate { .. } => "set a client's clocks",
            _ => match &fault.when {
                Trigger::After { event: TriggerEvent::Started | TriggerEvent::Ended, .. } => {
                    "see a client's process start or end"
                }
                _ => continue,
            },
        };
        return Err(format!(
            "fault `{}`: a server cannot {what}; leave it to whoever runs the clients",
            fault.name
        ));
    }
    Ok(())
}
