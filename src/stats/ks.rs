//! Whether two samples look like draws from one distribution: the two-sample Kolmogorov-Smirnov test.

use core::cmp::Ordering;

/// What the two-sample Kolmogorov-Smirnov test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KsResult {
    /// The largest vertical distance of the two empirical distribution functions, 0 to 1.
    pub distance: f64,
    /// The chance of a distance at least this large if both samples come from one continuous distribution.
    ///
    /// Kolmogorov's limit with Stephens' correction for finite samples (Stephens 1970; Numerical Recipes, 14.3):
    /// good from about `n m / (n + m) = 4` on, and an upper bound where values tie. 1 if a sample is empty.
    pub p_value: f64,
    /// Samples on the first side.
    pub n: usize,
    /// Samples on the second side.
    pub m: usize,
}

impl KsResult {
    /// The distance that samples of these sizes from one distribution exceed with chance `alpha` (e.g. 0.01), by the
    /// usual large-sample formula `sqrt(-ln(alpha / 2) / 2 * (n + m) / (n m))`. Infinite if a sample is empty.
    #[must_use]
    pub fn critical_distance(&self, alpha: f64) -> f64 {
        let (n, m) = (self.n as f64, self.m as f64);
        if self.n == 0 || self.m == 0 {
            return f64::INFINITY;
        }
        libm::sqrt(-libm::log(alpha / 2.0) / 2.0 * (n + m) / (n * m))
    }

    /// Whether the samples are too different, at significance `alpha`, to come from one distribution.
    #[must_use]
    pub fn differs(&self, alpha: f64) -> bool {
        self.p_value < alpha
    }
}

/// Compares two samples, which are sorted in place. Values that tie, within a sample or across both, are taken
/// together, so two equal samples are at distance zero.
pub fn ks_two_sample(first: &mut [f64], second: &mut [f64]) -> KsResult {
    first.sort_unstable_by(f64::total_cmp);
    second.sort_unstable_by(f64::total_cmp);
    compare_sorted(first, second, f64::total_cmp)
}

/// [`ks_two_sample`] for nanoseconds.
pub fn ks_two_sample_ns(first: &mut [u64], second: &mut [u64]) -> KsResult {
    first.sort_unstable();
    second.sort_unstable();
    compare_sorted(first, second, u64::cmp)
}

fn compare_sorted<T>(first: &[T], second: &[T], compare: impl Fn(&T, &T) -> Ordering) -> KsResult {
    let (n, m) = (first.len(), second.len());
    let (mut i, mut j) = (0, 0);
    let mut gap_max = 0_u128;
    while i < n && j < m {
        let order = compare(&first[i], &second[j]);
        let value = if order == Ordering::Greater { &second[j] } else { &first[i] };
        // Step over everything that equals the smaller value on either side, then look.
        while i < n && compare(&first[i], value) == Ordering::Equal {
            i += 1;
        }
        while j < m && compare(&second[j], value) == Ordering::Equal {
            j += 1;
        }
        // |i / n - j / m| over the common denominator: exact.
        gap_max = gap_max.max((i as u128 * m as u128).abs_diff(j as u128 * n as u128));
    }
    let all = n as u128 * m as u128;
    let distance = if all == 0 { 0.0 } else { gap_max as f64 / all as f64 };
    KsResult { distance, p_value: p_value(distance, n as f64, m as f64), n, m }
}

fn p_value(distance: f64, n: f64, m: f64) -> f64 {
    if n == 0.0 || m == 0.0 {
        return 1.0;
    }
    let root = libm::sqrt(n * m / (n + m));
    kolmogorov_tail((root + 0.12 + 0.11 / root) * distance)
}

/// The chance that Kolmogorov's limiting variable exceeds `lambda`.
fn kolmogorov_tail(lambda: f64) -> f64 {
    // Below this the tail differs from one by less than 1e-9, and the alternating sum converges slowly.
    if lambda < 0.22 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..=100_i32 {
        let term = libm::exp(-2.0 * f64::from(k * k) * lambda * lambda);
        sum += if k % 2 == 1 { term } else { -term };
        if term < 1e-17 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_has_the_tabulated_values() {
        for (lambda, chance) in [(1.2238, 0.10), (1.3581, 0.05), (1.6276, 0.01), (1.9495, 0.001)] {
            assert!((kolmogorov_tail(lambda) - chance).abs() < 1e-4, "{lambda}");
        }
    }

    #[test]
    fn apart_is_one_and_alike_is_zero() {
        let apart = ks_two_sample(&mut [1.0, 2.0, 3.0], &mut [7.0, 8.0]);
        assert_eq!(apart.distance, 1.0);
        let alike = ks_two_sample(&mut [2.0, 1.0, 2.0], &mut [2.0, 2.0, 1.0]);
        assert_eq!((alike.distance, alike.p_value), (0.0, 1.0));
        let none = ks_two_sample(&mut [], &mut [1.0]);
        assert_eq!((none.distance, none.p_value), (0.0, 1.0));
        assert!(none.critical_distance(0.05).is_infinite());
    }
}
