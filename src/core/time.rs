//! Instants and spans. Monotonic and wall time are different types, so the compiler shows
//! who trusts a wall clock.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// Longer than anything that is simulated.
    pub const MAX: Self = Self(u64::MAX);

    /// `n` nanoseconds.
    #[must_use]
    pub const fn from_nanos(n: u64) -> Self {
        Self(n)
    }

    /// `n` milliseconds.
    #[must_use]
    pub const fn from_millis(n: u64) -> Self {
        Self(n * 1_000_000)
    }

    /// `n` seconds.
    #[must_use]
    pub const fn from_secs(n: u64) -> Self {
        Self(n * 1_000_000_000)
    }

    /// The span in nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The span in whole seconds, cut.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The span in whole seconds, rounded up.
    #[must_use]
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(1_000_000_000)
    }

    /// `self + other`, or [`Span::MAX`] where that is too long.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self - other`, or nothing left.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `15s`, `2.5s`, `250ms`, `1.5us` or `7ns`: the largest unit in which the number is at least one.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0 => return f.write_str("0s"),
            n if n >= 1_000_000_000 => (1_000_000_000, "s"),
            n if n >= 1_000_000 => (1_000_000, "ms"),
            n if n >= 1_000 => (1_000, "us"),
            _ => (1, "ns"),
        };
        write!(f, "{}", self.0 / unit)?;
        let mut rest = self.0 % unit;
        if rest > 0 {
            f.write_str(".")?;
            let mut scale = unit / 10;
            while rest > 0 {
                write!(f, "{}", rest / scale)?;
                rest %= scale;
                scale /= 10;
            }
        }
        f.write_str(name)
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// An instant of one process's monotonic clock, in nanoseconds from an origin of that clock's own.
///
/// Instants of different processes cannot be compared in any useful way.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalInstant(i64);

impl LocalInstant {
    /// The clock's origin.
    pub const ORIGIN: Self = Self(0);
    /// Later than any instant that is reached.
    pub const FAR_FUTURE: Self = Self(i64::MAX);

    /// `n` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(n: i64) -> Self {
        Self(n)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; nothing if it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        if self.0 <= earlier.0 { Span::ZERO } else { Span(self.0.abs_diff(earlier.0)) }
    }
}

impl Add<Span> for LocalInstant {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }
}

impl AddAssign<Span> for LocalInstant {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for LocalInstant {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }
}

impl fmt::Debug for LocalInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::FAR_FUTURE {
            return f.write_str("t+never");
        }
        let sign = if self.0 < 0 { "-" } else { "+" };
        write!(f, "t{sign}{}", Span(self.0.unsigned_abs()))
    }
}

/// A reading of a wall clock: microseconds since the Unix epoch, the precision of a Lease's times.
///
/// Any process may read any value at any moment: nothing that must be safe may depend on it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WallTime(i64);

impl WallTime {
    /// `n` microseconds after the Unix epoch.
    #[must_use]
    pub const fn from_micros(n: i64) -> Self {
        Self(n)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded towards the past.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl Add<Span> for WallTime {
    type Output = Self;
    #[expect(clippy::suspicious_arithmetic_impl, reason = "nanoseconds to microseconds, cut")]
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0 / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_in_the_largest_unit_that_fits() {
        for (nanos, text) in [
            (0, "0s"),
            (7, "7ns"),
            (1_500, "1.5us"),
            (250_000_000, "250ms"),
            (15_000_000_000, "15s"),
            (2_900_000_000, "2.9s"),
            (1_000_000_001, "1.000000001s"),
        ] {
            assert_eq!(Span::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn wall_seconds_round_towards_the_past() {
        assert_eq!(WallTime::from_micros(1_999_999).as_secs(), 1);
        assert_eq!(WallTime::from_micros(-1).as_secs(), -1);
    }
}
