//! One machine's clocks, as functions of true time.

use crate::core::{LocalInstant, Reading, WallTime};

use super::plan::ClockPlan;

/// The true time's origin on a wall clock: 2026-01-01T00:00:00Z, a whole second.
pub const WALL_EPOCH_S: i64 = 1_767_225_600;

/// A monotonic clock with a rate error, and a wall clock with an offset. Linear since `anchor`.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    rate_ppm: i64,
    anchor_true: u64,
    anchor_local: i64,
    wall_offset_ns: i64,
    wall_stopped: bool,
    stopped: bool,
    stops_in_suspend: bool,
}

const MILLION: i128 = 1_000_000;

impl Clock {
    pub(super) fn new(plan: &ClockPlan) -> Self {
        Self {
            rate_ppm: i64::from(plan.rate_ppm),
            anchor_true: 0,
            anchor_local: 0,
            wall_offset_ns: plan.wall_offset_ns,
            wall_stopped: plan.wall_stopped,
            stopped: false,
            stops_in_suspend: plan.stops_in_suspend,
        }
    }

    #[inline]
    pub(super) fn read(&self, now: u64) -> Reading {
        let passed = if self.wall_stopped { 0 } else { now.cast_signed() };
        let wall_ns = passed.saturating_add(self.wall_offset_ns);
        Reading {
            local: self.local(now),
            wall: WallTime::from_micros(WALL_EPOCH_S * 1_000_000 + wall_ns.div_euclid(1_000)),
        }
    }

    #[inline]
    pub(super) fn local(&self, now: u64) -> LocalInstant {
        let elapsed = now.saturating_sub(self.anchor_true).cast_signed();
        LocalInstant::from_nanos(self.anchor_local + self.scaled(elapsed))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a rate error changes a time by a part of itself")]
    fn scaled(&self, elapsed: i64) -> i64 {
        match (self.stopped, self.rate_ppm) {
            (true, _) => 0,
            (false, 0) => elapsed,
            (false, ppm) => (i128::from(elapsed) * (MILLION + i128::from(ppm))).div_euclid(MILLION) as i64,
        }
    }

    /// The first true time at which the clock shows `local`, unless it stands still.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "clamped to u64")]
    #[expect(clippy::cast_sign_loss, reason = "not negative: clamped")]
    pub(super) fn true_time(&self, local: LocalInstant) -> Option<u64> {
        if self.stopped || local == LocalInstant::FAR_FUTURE {
            return None;
        }
        let ahead = i128::from(local.as_nanos()) - i128::from(self.anchor_local);
        let elapsed = match self.rate_ppm {
            0 => ahead,
            ppm => {
                let rate = MILLION + i128::from(ppm);
                (ahead * MILLION + rate - 1).div_euclid(rate)
            }
        };
        let at = i128::from(self.anchor_true) + elapsed;
        Some(at.clamp(0, i128::from(u64::MAX)) as u64)
    }

    pub(super) fn step_wall(&mut self, by_ns: i64) {
        self.wall_offset_ns = self.wall_offset_ns.saturating_add(by_ns);
    }

    pub(super) fn set_rate(&mut self, now: u64, rate_ppm: i32) {
        self.anchor(now);
        self.rate_ppm = i64::from(rate_ppm);
    }

    pub(super) fn suspend(&mut self, now: u64) {
        if self.stops_in_suspend {
            self.anchor(now);
            self.stopped = true;
        }
    }

    pub(super) fn resume(&mut self, now: u64) {
        // A clock that ran on is left alone: to anchor it would cut its reading to whole nanoseconds.
        if self.stopped {
            self.anchor(now);
            self.stopped = false;
        }
    }

    fn anchor(&mut self, now: u64) {
        self.anchor_local = self.local(now).as_nanos();
        self.anchor_true = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(rate_ppm: i32) -> Clock {
        Clock::new(&ClockPlan { rate_ppm, wall_offset_ns: 0, wall_stopped: false, stops_in_suspend: true })
    }

    #[test]
    fn true_time_is_the_first_at_which_the_clock_shows_the_instant() {
        for ppm in [-500_000, -1_000, -1, 0, 1, 1_000, 500_000] {
            let clock = clock(ppm);
            for nanos in [0, 1, 2, 999_999, 1_000_001, 15_000_000_000] {
                let local = LocalInstant::from_nanos(nanos);
                let at = clock.true_time(local).unwrap();
                assert!(clock.local(at) >= local, "{ppm} ppm, {nanos} ns");
                assert!(at == 0 || clock.local(at - 1) < local, "{ppm} ppm, {nanos} ns");
            }
        }
    }

    #[test]
    fn a_stopped_wall_clock_moves_by_steps_alone() {
        let mut clock = Clock::new(&ClockPlan {
            rate_ppm: 0,
            wall_offset_ns: 5_000,
            wall_stopped: true,
            stops_in_suspend: true,
        });
        let start = clock.read(0).wall;
        assert_eq!(start, WallTime::from_micros(WALL_EPOCH_S * 1_000_000 + 5));
        assert_eq!(clock.read(9_000_000).wall, start);
        assert_eq!(clock.read(9_000_000).local, LocalInstant::from_nanos(9_000_000));
        clock.step_wall(-5_000);
        assert_eq!(clock.read(9_000_001).wall, WallTime::from_micros(WALL_EPOCH_S * 1_000_000));
    }

    #[test]
    fn a_clock_that_stops_in_suspend_loses_the_time() {
        let mut clock = clock(0);
        clock.suspend(10);
        assert_eq!(clock.local(50), LocalInstant::from_nanos(10));
        assert_eq!(clock.true_time(LocalInstant::from_nanos(11)), None);
        clock.resume(100);
        assert_eq!(clock.local(105), LocalInstant::from_nanos(15));
    }
}
