//! Many runs of one plan, on as many threads as one likes, with the same result for any number.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use super::Totals;
use crate::sim::{Plan, World};

/// Which runs.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// How many.
    pub runs: u64,
    /// The seed that they share.
    pub seed: u64,
    /// On how many threads, at least one.
    pub threads: usize,
    /// Whether each failover is reported, not only their distribution.
    pub samples: bool,
}

/// One failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The run that it was seen in.
    pub run: u64,
    /// The fault that caused it, by index in the plan.
    pub fault: usize,
    /// From the cause to the next leader's start.
    pub took_ns: u64,
}

/// Some consecutive runs, complete. They are reported in order.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The first of them.
    pub first_run: u64,
    /// What they showed.
    pub totals: Totals,
    /// Their failovers, if asked for.
    pub samples: Vec<Sample>,
}

/// Chunks that a thread may be ahead of the slowest.
const AHEAD: usize = 16;

impl Batch {
    /// Runs, and reports chunk after chunk in order to `progress`, which returns whether to go on.
    /// Returns what all reported runs showed together; its number of runs tells whether all were run.
    pub fn run(&self, plan: &Plan, stop: &AtomicBool, mut progress: impl FnMut(&Chunk) -> bool) -> Totals {
        let threads = self.threads.max(1);
        let size = (self.runs / (threads as u64 * 8)).clamp(1, 512);
        let next = AtomicU64::new(0);
        let halt = AtomicBool::new(false);
        let mut totals = Totals::default();
        std::thread::scope(|scope| {
            let (sender, chunks) = mpsc::sync_channel(threads * AHEAD);
            for _ in 0..threads {
                let sender = sender.clone();
                scope.spawn(|| self.work(plan, size, &next, &[stop, &halt], sender));
            }
            drop(sender);
            let mut waiting = BTreeMap::new();
            let mut due = 0;
            for chunk in chunks {
                waiting.insert(chunk.first_run, chunk);
                while let Some(chunk) = waiting.remove(&due) {
                    due += size;
                    totals.merge(&chunk.totals);
                    if !progress(&chunk) {
                        halt.store(true, Ordering::Relaxed);
                        return;
                    }
                }
            }
        });
        totals
    }

    /// One thread: takes the next chunk of runs until there is none.
    fn work(
        &self,
        plan: &Plan,
        size: u64,
        next: &AtomicU64,
        stops: &[&AtomicBool],
        chunks: mpsc::SyncSender<Chunk>,
    ) {
        let mut world = World::new(plan);
        while !stops.iter().any(|stop| stop.load(Ordering::Relaxed)) {
            let first_run = next.fetch_add(size, Ordering::Relaxed);
            if first_run >= self.runs {
                return;
            }
            let mut chunk = Chunk { first_run, totals: Totals::default(), samples: Vec::new() };
            for run in first_run..self.runs.min(first_run + size) {
                let go_on = || !stops.iter().any(|stop| stop.load(Ordering::Relaxed));
                let Some(outcome) = world.run_while(self.seed, run, go_on).filter(|_| go_on()) else {
                    return;
                };
                chunk.totals.add(run, outcome);
                if self.samples {
                    let sample =
                        |f: &crate::sim::Failover| Sample { run, fault: f.fault, took_ns: f.took_ns };
                    chunk.samples.extend(outcome.failovers.iter().map(sample));
                }
            }
            if chunks.send(chunk).is_err() {
                return;
            }
        }
    }
}
