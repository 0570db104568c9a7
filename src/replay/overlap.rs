//! How long two lead at once, by what was recorded.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{Recording, ScheduledDo};

impl Recording {
    /// For how many nanoseconds the guarded work of two or more replicas was under way, from the events alone and until
    /// the schedule's end. A crash ends work too.
    #[must_use]
    pub fn two_leaders_ns(&self) -> u64 {
        let schedule = &self.schedule;
        let crashes = schedule.processes.iter().filter(|doing| doing.what == ScheduledDo::Crash);
        let mut changes: Vec<(u64, &SmolStr, bool)> =
            crashes.map(|crash| (crash.at_ns, &crash.node, false)).collect();
        for event in &self.events {
            match event.kind.as_str() {
                "started_leading" => changes.push((event.t_ns, &event.node, true)),
                "stopped_leading" => changes.push((event.t_ns, &event.node, false)),
                _ => {}
            }
        }
        changes.retain(|(at, ..)| *at < schedule.end_ns);
        changes.sort_by_key(|(at, ..)| *at);
        let (mut leaders, mut since, mut total) = (BTreeSet::new(), 0, 0);
        for (at, node, begins) in changes {
            if leaders.len() >= 2 {
                total += at.saturating_sub(since);
            }
            since = at;
            if begins {
                leaders.insert(node);
            } else {
                leaders.remove(node);
            }
        }
        if leaders.len() >= 2 {
            total += schedule.end_ns.saturating_sub(since);
        }
        total
    }
}
