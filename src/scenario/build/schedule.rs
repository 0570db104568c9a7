//! Whether what is planned can happen at all.

use super::super::error::Error;
use super::{Build, Spot};
use crate::core::Span;
use crate::sim::plan::{self, FaultPlan, Trigger, TriggerEvent};

#[derive(Clone, Copy)]
enum Earliest {
    Unknown,
    InProgress,
    At(u64),
}

impl Build<'_> {
    /// Refuses faults that wait for each other in a circle, and faults that cannot come before the
    /// end.
    pub(super) fn check_schedule(
        &self,
        faults: &[FaultPlan],
        spots: &[Spot],
        horizon_ns: u64,
    ) -> Result<(), Error> {
        let mut known = vec![Earliest::Unknown; faults.len()];
        for start in 0..faults.len() {
            let mut chain = Vec::new();
            let mut fault = start;
            // Each fault waits for at most one other: a chain, followed to its end.
            let mut earliest = loop {
                match known[fault] {
                    Earliest::At(at) => break at,
                    Earliest::InProgress => return Err(self.circle(faults, spots, &chain, fault)),
                    Earliest::Unknown => {}
                }
                known[fault] = Earliest::InProgress;
                chain.push(fault);
                match waits_for(&faults[fault]) {
                    Some(other) => fault = other,
                    None => break 0,
                }
            };
            for fault in chain.into_iter().rev() {
                earliest = earliest.saturating_add(delay(faults, fault));
                known[fault] = Earliest::At(earliest);
                if earliest >= horizon_ns {
                    let message = format!(
                        "`{}` can never happen: not before {}, and a run ends at {}",
                        faults[fault].name,
                        Span::from_nanos(earliest),
                        Span::from_nanos(horizon_ns)
                    );
                    let spot = &spots[fault];
                    let spot = spot.key("at").or(spot.key("when")).or(spot.key("after")).or(spot.clone());
                    return Err(self.wrong(
                        &spot,
                        message,
                        Some("raise `duration`, or let it happen earlier"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn circle(&self, faults: &[FaultPlan], spots: &[Spot], chain: &[usize], back: usize) -> Error {
        let begin = chain.iter().position(|fault| *fault == back).unwrap_or(0);
        let names: Vec<_> = chain[begin..].iter().map(|fault| format!("`{}`", faults[*fault].name)).collect();
        let message = match names.as_slice() {
            [one] => format!("fault {one} waits for itself"),
            many => format!("faults wait for each other: {} waits for {}", many.join(" waits for "), many[0]),
        };
        let spot = spots[back].key("after").or(spots[back].key("when"));
        self.wrong(&spot, message, Some("set it off by something else: `at`, or an event"))
    }
}

fn waits_for(fault: &FaultPlan) -> Option<usize> {
    match fault.when {
        Trigger::After {
            event: TriggerEvent::FaultBegan(other) | TriggerEvent::FaultEnded(other), ..
        } => Some(other),
        _ => None,
    }
}

/// The least time from what a fault waits for to its beginning.
fn delay(faults: &[FaultPlan], fault: usize) -> u64 {
    match &faults[fault].when {
        Trigger::At(at) => least(at),
        Trigger::After { event: TriggerEvent::FaultEnded(other), after, .. } => {
            least(after).saturating_add(faults[*other].lasts.as_ref().map_or(0, least))
        }
        Trigger::After { after, .. } => least(after),
    }
}

fn least(draw: &plan::Draw) -> u64 {
    match draw {
        plan::Draw::Fixed(n) => *n,
        plan::Draw::Uniform { from, .. } => *from,
        plan::Draw::LogNormal { .. } => 0,
        plan::Draw::Samples(samples) => samples.iter().copied().min().unwrap_or(0),
    }
}
