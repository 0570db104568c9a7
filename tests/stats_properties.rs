//! Statistics against dumb alternatives, under random input.

use leasehold::stats::{Latencies, ks_two_sample, ks_two_sample_ns};
use proptest::prelude::*;

/// Spans from nanoseconds to hours, dense in every magnitude.
fn spans(len_max: usize) -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec((0_u32..44, any::<u64>()).prop_map(|(bits, raw)| raw % (1 << bits)), 0..len_max)
}

fn histogram(samples: &[u64]) -> Latencies {
    let mut all = Latencies::new();
    samples.iter().for_each(|&ns| all.record(ns));
    all
}

/// The largest gap at any value of either sample, by counting.
fn gap_by_counting(first: &[u64], second: &[u64]) -> f64 {
    let share = |all: &[u64], value| all.iter().filter(|&&x| x <= value).count() as f64 / all.len() as f64;
    first.iter().chain(second).map(|&x| (share(first, x) - share(second, x)).abs()).fold(0.0, f64::max)
}

proptest! {
    #[test]
    fn any_split_merges_to_the_whole(samples in spans(200), parts in 1_usize..6, backwards: bool) {
        let mut split: Vec<Latencies> = (0..parts)
            .map(|part| histogram(&samples.iter().copied().skip(part).step_by(parts).collect::<Vec<_>>()))
            .collect();
        if backwards {
            split.reverse();
        }
        let mut merged = Latencies::new();
        split.iter().for_each(|part| merged.merge(part));
        let whole = histogram(&samples);
        prop_assert_eq!(&merged, &whole);
        prop_assert_eq!(merged.sum(), samples.iter().map(|&ns| u128::from(ns)).sum::<u128>());
        prop_assert_eq!(merged.cdf_points(50), whole.cdf_points(50));
    }

    #[test]
    fn quantiles_are_within_a_permille(mut samples in spans(300), q in 0.0..=1.0_f64) {
        let all = histogram(&samples);
        samples.sort_unstable();
        if samples.is_empty() {
            prop_assert_eq!(all.quantile(q), None);
        } else {
            let rank = ((q * samples.len() as f64).ceil() as usize).clamp(1, samples.len());
            let (exact, got) = (samples[rank - 1], all.quantile(q).unwrap());
            prop_assert!(got.abs_diff(exact) * 1000 <= exact, "{} instead of {}", got, exact);
        }
    }

    #[test]
    fn a_curve_rises_to_one_and_is_bounded(samples in spans(2000), points_max in 2_usize..300) {
        let all = histogram(&samples);
        let points = all.cdf_points(points_max);
        prop_assert!(points.len() <= points_max, "{} points", points.len());
        prop_assert!(points.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1));
        prop_assert_eq!(points.last().map(|p| p.1), all.max().map(|_| 1.0));
        prop_assert_eq!(points.last().map(|p| p.0), all.max().map(|ns| ns as f64 / 1e9));
    }

    #[test]
    fn an_interval_holds_the_quantile_of_the_sample(samples in spans(300), q in 0.01..0.99_f64) {
        let all = histogram(&samples);
        let wide = all.quantile_interval(q, 0.99);
        if let (Some(low), Some(high), Some(middle)) = (wide.low, wide.high, all.quantile(q)) {
            prop_assert!(low <= middle && middle <= high);
        }
    }

    #[test]
    fn the_distance_is_the_one_found_by_counting(
        mut first in prop::collection::vec(0_u64..12, 1..60),
        mut second in prop::collection::vec(0_u64..12, 1..60),
    ) {
        let result = ks_two_sample_ns(&mut first, &mut second);
        prop_assert!((result.distance - gap_by_counting(&first, &second)).abs() < 1e-12);
        let as_floats = |all: &[u64]| all.iter().map(|&x| x as f64).collect::<Vec<_>>();
        prop_assert_eq!(ks_two_sample(&mut as_floats(&second), &mut as_floats(&first)).distance, result.distance);
    }
}

#[test]
fn an_interval_covers_the_true_quantile_as_often_as_promised() {
    // Uniform draws from a small generator: the true 0.9-quantile of [0, 1e9) is 9e8.
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(state) * 1_000_000_000) >> 64) as u64
    };
    let covered = (0..2000)
        .filter(|_| {
            let all = histogram(&(0..200).map(|_| uniform()).collect::<Vec<_>>());
            let interval = all.quantile_interval(0.9, 0.95);
            interval.low.unwrap() <= 900_000_000 && 900_000_000 <= interval.high.unwrap()
        })
        .count();
    assert!((1900..=1990).contains(&covered), "{covered} of 2000");
}

#[test]
fn memory_does_not_grow_with_samples() {
    // A point per bucket at most: a million samples of one second's spread stay a few thousand points.
    let mut all = Latencies::new();
    (0..1_000_000_u64).for_each(|i| all.record(14_000_000_000 + i * 1_000));
    assert_eq!(all.count(), 1_000_000);
    assert!(all.cdf_points(usize::MAX).len() < 4096);
}
