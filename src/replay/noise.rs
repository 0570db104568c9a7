//! Instants that never tie: at one instant, the order in which Go's scheduler lets things happen is nobody's promise.

use std::collections::BTreeSet;

use crate::sim::plan::Draw;
use crate::sim::rng::{Rng, Stream};

/// No instant is moved by as much as this.
const LARGEST_NS: u64 = 100_000;
/// How many draws are made of what may be needed again and again.
const DRAWS: usize = 16;

/// Random choices of an export, each with less than 0.1 ms added, no two alike.
pub(super) struct Noise {
    rng: Rng,
    used: BTreeSet<u64>,
}

impl Noise {
    pub(super) fn new(seed: u64, run: u64) -> Self {
        Self { rng: Rng::new(seed, run, Stream::Fault(usize::from(u16::MAX))), used: BTreeSet::new() }
    }

    fn next(&mut self) -> u64 {
        loop {
            let noise = 1 + self.rng.below(LARGEST_NS - 1);
            if self.used.insert(noise) || self.used.len() as u64 >= LARGEST_NS / 2 {
                return noise;
            }
        }
    }

    pub(super) fn move_a_little(&mut self, at: u64) -> u64 {
        at + self.next()
    }

    pub(super) fn instant(&mut self, draw: &Draw) -> u64 {
        let at = self.rng.draw(draw);
        self.move_a_little(at)
    }

    pub(super) fn instants(&mut self, draw: &Draw) -> Vec<u64> {
        (0..DRAWS).map(|_| self.instant(draw)).collect()
    }

    /// Without noise.
    pub(super) fn exactly(&mut self, draw: &Draw) -> u64 {
        self.rng.draw(draw)
    }

    pub(super) fn chance(&mut self, ppm: u32) -> bool {
        self.rng.chance(ppm)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.rng.below(n as u64)).unwrap_or(0)
    }
}
