//! Making a schedule on which the simulator and client-go differ as small as it gets.

use leasehold::replay::{Recording, Schedule};

use crate::go::Harness;

/// The smallest recording found that is still wrong. Every step runs the real elector again.
pub(crate) fn shrink(
    harness: &Harness,
    recording: &Recording,
    is_wrong: &dyn Fn(&Recording) -> bool,
) -> Recording {
    let mut best = recording.clone();
    loop {
        let smaller = harness.record(&smaller(&best.schedule));
        match smaller.into_iter().find(|recording| is_wrong(recording)) {
            Some(recording) => best = recording,
            None => return best,
        }
    }
}

/// Every schedule that is this one with something less, most first.
fn smaller(schedule: &Schedule) -> Vec<Schedule> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Schedule)| {
        let mut smaller = schedule.clone();
        change(&mut smaller);
        all.push(smaller);
    };
    let second = 1_000_000_000;
    for part in [2, 4, 8] {
        let end = (schedule.end_ns - schedule.end_ns / part).next_multiple_of(second);
        if end < schedule.end_ns {
            with(&|smaller| smaller.end_ns = end);
        }
    }
    if schedule.nodes.len() > 1 {
        for node in &schedule.nodes {
            with(&|smaller| {
                smaller.nodes.retain(|other| other.id != node.id);
                smaller.links.retain(|link| link.node != node.id);
                smaller.processes.retain(|doing| doing.node != node.id);
            });
        }
    }
    for at in 0..schedule.links.len() {
        with(&|smaller| drop(smaller.links.remove(at)));
    }
    for at in 0..schedule.processes.len() {
        with(&|smaller| drop(smaller.processes.remove(at)));
    }
    for at in 0..schedule.environment.len() {
        with(&|smaller| drop(smaller.environment.remove(at)));
    }
    for at in 0..schedule.server_down.len() {
        with(&|smaller| {
            smaller.server_down.remove(at);
        });
    }
    for (at, node) in schedule.nodes.iter().enumerate() {
        if !node.messages.is_empty() {
            with(&|smaller| smaller.nodes[at].messages.clear());
        }
        if node.http_timeout_ns.is_some() {
            with(&|smaller| smaller.nodes[at].http_timeout_ns = None);
        }
        if node.release_on_cancel {
            with(&|smaller| smaller.nodes[at].release_on_cancel = false);
        }
        if node.identity.is_some() {
            with(&|smaller| smaller.nodes[at].identity = None);
        }
    }
    all
}
