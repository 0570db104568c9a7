//! How many of `n` samples fall below a quantile: the binomial distribution, for intervals by order statistics.

/// Up to this many samples the distribution is summed exactly; beyond it the normal approximation is better
/// than the rounding of the sum.
const EXACT_MAX: u64 = 10_000_000;

/// The smallest `k` for which `P(B <= k) > level`, `B` being binomial with `n` trials of chance `p`.
///
/// `p` and `level` are strictly between 0 and 1.
pub(super) fn quantile_above(n: u64, p: f64, level: f64) -> u64 {
    let trials = n as f64;
    let mean = trials * p;
    let deviation = libm::sqrt(mean * (1.0 - p));
    if n > EXACT_MAX {
        let k = libm::ceil(mean + normal_quantile(level) * deviation - 0.5);
        return k.clamp(0.0, trials) as u64;
    }
    // What lies more than 12 deviations below the mean weighs less than the last bit.
    let start = libm::floor(mean - 12.0 * deviation - 12.0).max(0.0);
    let mut k = start as u64;
    let mut weight = libm::exp(log_mass(trials, p, start));
    let mut sum = weight;
    while sum <= level && k < n {
        weight *= (n - k) as f64 / (k + 1) as f64 * (p / (1.0 - p));
        k += 1;
        sum += weight;
    }
    k
}

/// The logarithm of `P(B = k)`.
fn log_mass(n: f64, p: f64, k: f64) -> f64 {
    libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0)
        + k * libm::log(p)
        + (n - k) * libm::log1p(-p)
}

/// The point that a standard normal variable stays below with chance `level`, by bisection.
fn normal_quantile(level: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if 0.5 * libm::erfc(-middle * core::f64::consts::FRAC_1_SQRT_2) < level {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pascal's way, in floats, for small `n`.
    fn dumb(n: u64, p: f64, level: f64) -> u64 {
        let mut mass = vec![1.0];
        for _ in 0..n {
            let mut next = vec![0.0; mass.len() + 1];
            for (k, m) in mass.iter().enumerate() {
                next[k] += m * (1.0 - p);
                next[k + 1] += m * p;
            }
            mass = next;
        }
        let mut sum = 0.0;
        mass.iter()
            .position(|m| {
                sum += m;
                sum > level
            })
            .unwrap_or(n as usize) as u64
    }

    #[test]
    fn agrees_with_the_plain_convolution() {
        for n in [1, 2, 7, 40, 300] {
            for p in [0.01, 0.3, 0.5, 0.9, 0.99] {
                for level in [0.005, 0.025, 0.4, 0.975, 0.995] {
                    assert_eq!(quantile_above(n, p, level), dumb(n, p, level), "n {n} p {p} level {level}");
                }
            }
        }
    }

    #[test]
    fn normal_quantiles_are_the_well_known_ones() {
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-9);
        assert!((normal_quantile(0.005) + 2.575_829_303_548_901).abs() < 1e-9);
    }

    #[test]
    fn the_exact_sum_and_the_approximation_meet() {
        let (below, above) =
            (quantile_above(EXACT_MAX, 0.99, 0.975), quantile_above(EXACT_MAX + 1, 0.99, 0.975));
        assert!(below.abs_diff(above) <= 2, "{below} {above}");
    }
}
