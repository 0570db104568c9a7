//! Randomness: one seed, and a stream of its own for everything that draws, so that adding a node or a
//! fault does not shift another's draws. The generator is named (PCG XSL 128/64 MCG) and the
//! transcendental functions are `libm`'s, so that the same seed gives the same run on any machine.

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

use super::plan::Draw;

/// Who draws.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// What a node chooses: jitter, incarnations.
    Node(usize),
    /// A node's start, drain, restart and work.
    Process(usize),
    /// A node's link, both directions.
    Link(usize),
    /// The server.
    Server,
    /// A fault.
    Fault(usize),
}

impl Stream {
    fn number(self) -> u64 {
        let (kind, index) = match self {
            Self::Node(i) => (1, i),
            Self::Process(i) => (2, i),
            Self::Link(i) => (3, i),
            Self::Server => (4, 0),
            Self::Fault(i) => (5, i),
        };
        (kind << 32) | index as u64
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Rng(Pcg64Mcg);

impl Rng {
    pub(crate) fn new(seed: u64, run: u64, stream: Stream) -> Self {
        let mut state = split_mix(seed ^ split_mix(run ^ split_mix(stream.number())));
        let high = state;
        state = split_mix(state);
        Self(Pcg64Mcg::new((u128::from(high) << 64) | u128::from(state)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform over `[0, n)`; 0 for `n` = 0. The bias is below 2^-40 for any span simulated here.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    pub(crate) fn chance(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(1_000_000) < u64::from(ppm)
    }

    /// At most 73 years, so that instants of a run, which lasts a hundred at most, can be added to.
    #[inline]
    pub(crate) fn draw(&mut self, draw: &Draw) -> u64 {
        let drawn = match draw {
            Draw::Fixed(n) => *n,
            Draw::Uniform { from, to } => from + self.below(to.saturating_sub(*from)),
            Draw::LogNormal { median, sigma } => self.log_normal(*median, *sigma),
            Draw::Samples(samples) => {
                let index = self.below(samples.len() as u64);
                samples.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or(0)
            }
        };
        drawn.min(1 << 61)
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to integer cast saturates, and a latency needs no 53 bits"
    )]
    fn log_normal(&mut self, median: u64, sigma: f64) -> u64 {
        // Box-Muller; the offset keeps the logarithm's argument above zero.
        let u = (self.next() >> 11) as f64 + 0.5;
        let v = (self.next() >> 11) as f64;
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        let radius = libm::sqrt(-2.0 * libm::log(u * SCALE));
        let normal = radius * libm::cos(core::f64::consts::TAU * (v * SCALE));
        (median as f64 * libm::exp(sigma * normal)) as u64
    }
}

fn split_mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, run, stream| Rng::new(seed, run, stream).next();
        assert_eq!(draw(1, 2, Stream::Node(0)), draw(1, 2, Stream::Node(0)));
        assert_ne!(draw(1, 2, Stream::Node(0)), draw(1, 2, Stream::Node(1)));
        assert_ne!(draw(1, 2, Stream::Node(0)), draw(1, 3, Stream::Node(0)));
        assert_ne!(draw(1, 2, Stream::Node(0)), draw(1, 2, Stream::Link(0)));
    }

    #[test]
    fn the_log_normal_median_is_the_median() {
        let mut rng = Rng::new(7, 0, Stream::Server);
        let draw = Draw::LogNormal { median: 2_000_000, sigma: 0.5 };
        let below = (0..10_000).filter(|_| rng.draw(&draw) < 2_000_000).count();
        assert!((4_800..5_200).contains(&below), "{below} of 10000 below the median");
    }
}
