//! A histogram of spans, whose size does not depend on how many there are.

use hdrhistogram::Histogram;

use super::binomial::quantile_above;

/// Significant decimal digits that the histogram keeps.
const DIGITS: u8 = 3;

/// The longest span that is told apart from longer ones; 292 years.
const SPAN_NS_MAX: u64 = i64::MAX as u64;

/// Spans of time in nanoseconds: count, sum, shortest and longest exactly, everything between to 0.1 %.
///
/// ```
/// use leasehold::stats::Latencies;
///
/// let mut failovers = Latencies::new();
/// for s in 1..=100 {
///     failovers.record(s * 1_000_000_000);
/// }
/// assert_eq!(failovers.max(), Some(100_000_000_000));
/// let median = failovers.quantile(0.5).unwrap();
/// assert!(median.abs_diff(50_000_000_000) <= 50_000_000);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies {
    histogram: Histogram<u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// Between which two spans a quantile of the population lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantileInterval {
    /// At least this many nanoseconds; `None` if there are too few samples to say.
    pub low: Option<u64>,
    /// At most this many nanoseconds; `None` if there are too few samples to say.
    pub high: Option<u64>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Latencies {
    /// No samples yet.
    ///
    /// # Panics
    ///
    /// Never: the histogram's one parameter is a constant that it accepts.
    #[must_use]
    pub fn new() -> Self {
        let histogram = Histogram::new(DIGITS).expect("three digits are allowed");
        Self { histogram, count: 0, sum: 0, min: u64::MAX, max: 0 }
    }

    /// Adds one span of `ns` nanoseconds.
    ///
    /// # Panics
    ///
    /// Never: the histogram grows to hold any span of this size.
    pub fn record(&mut self, ns: u64) {
        self.histogram.record(ns.min(SPAN_NS_MAX)).expect("an auto-resizing histogram takes any span");
        self.count += 1;
        self.sum += u128::from(ns);
        self.min = self.min.min(ns);
        self.max = self.max.max(ns);
    }

    /// Adds all samples of `other`. However samples are split over histograms, merging them in any order gives
    /// what one histogram would have held.
    ///
    /// # Panics
    ///
    /// Never: a histogram that grows by itself can take in any other of the same precision.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("an auto-resizing histogram takes any other");
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many samples there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The sum of all samples in nanoseconds.
    #[must_use]
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The shortest sample in nanoseconds.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The longest sample in nanoseconds.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The exact mean in nanoseconds, cut.
    #[must_use]
    pub fn mean(&self) -> Option<u64> {
        // A mean is no longer than the longest sample, so it fits.
        (self.count > 0).then(|| (self.sum / u128::from(self.count)) as u64)
    }

    /// The `q`-quantile in nanoseconds, to 0.1 %: the shortest span that a share `q` of the samples does not exceed.
    ///
    /// `q` outside of 0 to 1 is taken as the nearer end.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        self.at_rank(rank(q, self.count))
    }

    /// Bounds of the population's `q`-quantile that hold with at least the chance `confidence` (say 0.95), whatever the
    /// distribution is, if the samples are independent.
    ///
    /// By order statistics: the number of samples below the true quantile is binomial with `count` trials of chance
    /// `q`, so the samples of the ranks between which that number stays are the bounds (e.g. Hahn and Meeker,
    /// "Statistical Intervals", 5.2). The distribution is summed exactly up to ten million samples, and taken as normal
    /// beyond. A bound is `None` where no sample is extreme enough, as for the upper bound of the 99.9 % quantile of
    /// a hundred samples. `q` and `confidence` must be strictly between 0 and 1; otherwise both bounds are `None`.
    #[must_use]
    pub fn quantile_interval(&self, q: f64, confidence: f64) -> QuantileInterval {
        let inside = |x: f64| x > 0.0 && x < 1.0;
        if self.is_empty() || !inside(q) || !inside(confidence) {
            return QuantileInterval { low: None, high: None };
        }
        let tail = (1.0 - confidence) / 2.0;
        let low = quantile_above(self.count, q, tail);
        let high = quantile_above(self.count, q, 1.0 - tail) + 1;
        QuantileInterval { low: self.at_rank(low), high: self.at_rank(high) }
    }

    /// Points of the cumulative distribution, for a plot: `(seconds, share of samples up to there)`, both rising,
    /// the last one `(longest, 1)`. At most `points_max` (but always room for two), spread over both axes.
    #[must_use]
    pub fn cdf_points(&self, points_max: usize) -> Vec<(f64, f64)> {
        if self.is_empty() {
            return Vec::new();
        }
        // A point is kept when it is a step away from the last one on either axis: that allows for `steps` of each kind.
        let steps = (points_max.saturating_sub(2) / 2) as u128;
        let range = u128::from(self.max - self.min);
        let mut points: Vec<(f64, f64)> = Vec::new();
        let (mut seen, mut kept_count, mut kept_ns) = (0_u64, 0_u64, self.min);
        for bucket in self.histogram.iter_recorded() {
            seen += bucket.count_since_last_iteration();
            let ns = bucket.value_iterated_to().clamp(self.min, self.max);
            let far = |moved: u64, all: u128| u128::from(moved) * steps >= all;
            let first = points.is_empty();
            if first || far(seen - kept_count, u128::from(self.count)) || far(ns - kept_ns, range) {
                points.push((seconds(ns), seen as f64 / self.count as f64));
                (kept_count, kept_ns) = (seen, ns);
            }
        }
        if kept_count < self.count || kept_ns < self.max {
            points.push((seconds(self.max), 1.0));
        }
        points
    }

    /// The sample of the given rank, counted from one; `None` if there is no such rank.
    fn at_rank(&self, rank: u64) -> Option<u64> {
        if rank == 0 || rank > self.count {
            return None;
        }
        if rank == 1 {
            return Some(self.min);
        }
        if rank == self.count {
            return Some(self.max);
        }
        let mut seen = 0;
        let bucket = self.histogram.iter_recorded().find(|bucket| {
            seen += bucket.count_since_last_iteration();
            seen >= rank
        })?;
        Some(self.histogram.median_equivalent(bucket.value_iterated_to()).clamp(self.min, self.max))
    }
}

/// The rank, counted from one, of the `q`-quantile among `count` samples; 0 if there are none.
fn rank(q: f64, count: u64) -> u64 {
    // The product may come out a hair above a whole number (0.07 * 100): that hair is not a rank.
    let exact = q.clamp(0.0, 1.0) * count as f64;
    let rank = libm::ceil(exact * (1.0 - 4.0 * f64::EPSILON)) as u64;
    rank.clamp(count.min(1), count)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_recorded_is_no_answer() {
        let none = Latencies::new();
        assert_eq!((none.min(), none.max(), none.mean(), none.quantile(0.5)), (None, None, None, None));
        assert_eq!(none.quantile_interval(0.5, 0.95), QuantileInterval { low: None, high: None });
        assert!(none.cdf_points(100).is_empty());
    }

    #[test]
    fn extremes_of_the_type_are_kept() {
        let mut all = Latencies::new();
        all.record(0);
        all.record(u64::MAX);
        assert_eq!((all.quantile(0.0), all.quantile(1.0)), (Some(0), Some(u64::MAX)));
        assert_eq!(all.cdf_points(2).last().map(|p| p.1), Some(1.0));
    }

    #[test]
    fn ranks_do_not_slip_over_a_rounding_error() {
        for count in 1..=1000 {
            for k in 1..=count {
                assert_eq!(rank(k as f64 / count as f64, count), k, "{k} of {count}");
            }
        }
        assert_eq!(rank(0.07, 100), 7);
        assert_eq!(rank(f64::NAN, 3), 1);
    }

    #[test]
    fn an_interval_of_the_median_has_the_tabulated_ranks() {
        // Binomial tables: 100 samples, median, 95 %: ranks 40 and 61.
        let mut all = Latencies::new();
        (1..=100).for_each(|ns| all.record(ns));
        let interval = all.quantile_interval(0.5, 0.95);
        assert_eq!(interval, QuantileInterval { low: Some(40), high: Some(61) });
    }

    #[test]
    fn a_hundred_samples_do_not_bound_the_last_permille() {
        let mut all = Latencies::new();
        (1..=100).for_each(|ns| all.record(ns));
        assert_eq!(all.quantile_interval(0.999, 0.95).high, None);
    }
}
