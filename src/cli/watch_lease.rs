//! What the changes of one Lease tell about its holders.

use std::fmt;

use crate::core::{LocalInstant, Span, WallTime};
use crate::stats::Latencies;

/// A Lease as it was seen to change.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Look {
    pub(super) holder: String,
    pub(super) renewed: Option<WallTime>,
    pub(super) acquired: Option<WallTime>,
    pub(super) duration_s: i32,
    pub(super) transitions: i32,
}

/// Something worth a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// The first look.
    Found(Look),
    /// The holder renewed; `gap` if that took it suspiciously long.
    Renewed {
        holder: String,
        after: Span,
        gap: bool,
    },
    Released {
        holder: String,
    },
    Deleted {
        holder: String,
    },
    /// Somebody holds it who did not before.
    Acquired {
        holder: String,
        from: String,
        cause: Cause,
        after: Span,
        transitions: i32,
    },
}

/// Why there was another holder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Cause {
    /// The last one did not renew: counted from its last renewal.
    Expiry,
    /// The last one gave it up: counted from then.
    Release,
    /// It was deleted: counted from then.
    Deletion,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expiry => "expiry",
            Self::Release => "release",
            Self::Deletion => "deletion",
        })
    }
}

/// One Lease over time.
#[derive(Debug, Default)]
pub(super) struct Watched {
    last: Option<(Look, LocalInstant)>,
    /// The last that held it, how it came to an end, and when that was.
    holder: String,
    vacant: Option<(Cause, LocalInstant)>,
    /// What counts as a gap; by default half of the Lease's own duration.
    gap: Option<Span>,
    pub(super) intervals: Latencies,
    pub(super) gaps: u64,
    pub(super) holders: u64,
}

impl Watched {
    pub(super) fn new(gap: Option<Span>) -> Self {
        Self { gap, ..Self::default() }
    }

    /// The Lease was seen as `look` at `now`.
    pub(super) fn see(&mut self, look: Look, now: LocalInstant) -> Option<Finding> {
        let Some((last, at)) = self.last.replace((look.clone(), now)) else {
            return self.first(look, now);
        };
        let same_record =
            (&look.holder, look.renewed, look.acquired) == (&last.holder, last.renewed, last.acquired);
        if same_record {
            // Metadata, or a repetition after a reconnect: nobody renewed.
            self.last = Some((look, at));
            return None;
        }
        if look.holder == last.holder && !look.holder.is_empty() {
            return Some(self.renewed(&look, now.since(at)));
        }
        if look.holder.is_empty() {
            self.vacant = Some((Cause::Release, now));
            return Some(Finding::Released { holder: last.holder });
        }
        Some(self.acquired(&look, (Cause::Expiry, at), now))
    }

    pub(super) fn deleted(&mut self, now: LocalInstant) -> Option<Finding> {
        self.last = None;
        self.vacant = Some((Cause::Deletion, now));
        Some(Finding::Deleted { holder: self.holder.clone() })
    }

    fn first(&mut self, look: Look, now: LocalInstant) -> Option<Finding> {
        if self.vacant.is_some() && !look.holder.is_empty() {
            return Some(self.acquired(&look, (Cause::Deletion, now), now));
        }
        self.holder.clone_from(&look.holder);
        self.holders += u64::from(!look.holder.is_empty());
        Some(Finding::Found(look))
    }

    fn renewed(&mut self, look: &Look, after: Span) -> Finding {
        self.intervals.record(after.as_nanos());
        let half = Span::from_millis(u64::try_from(look.duration_s).unwrap_or(0) * 500);
        let gap = after > self.gap.unwrap_or(half);
        self.gaps += u64::from(gap);
        Finding::Renewed { holder: look.holder.clone(), after, gap }
    }

    fn acquired(&mut self, look: &Look, otherwise: (Cause, LocalInstant), now: LocalInstant) -> Finding {
        let (cause, since) = self.vacant.take().unwrap_or(otherwise);
        self.holders += 1;
        let from = std::mem::replace(&mut self.holder, look.holder.clone());
        let (holder, transitions) = (look.holder.clone(), look.transitions);
        Finding::Acquired { holder, from, cause, after: now.since(since), transitions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(holder: &str, renewed_s: i64) -> Look {
        let renewed = Some(WallTime::from_micros(renewed_s * 1_000_000));
        Look { holder: holder.into(), renewed, duration_s: 15, ..Look::default() }
    }

    fn at(seconds: i64) -> LocalInstant {
        LocalInstant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn renewals_gaps_and_holders_are_told_apart() {
        let mut lease = Watched::new(None);
        assert!(matches!(lease.see(look("a", 0), at(0)), Some(Finding::Found(_))));
        // An annotation, say.
        assert_eq!(lease.see(look("a", 0), at(1)), None);
        let renewed =
            |after, gap| Some(Finding::Renewed { holder: "a".into(), after: Span::from_secs(after), gap });
        assert_eq!(lease.see(look("a", 2), at(2)), renewed(2, false));
        assert_eq!(lease.see(look("a", 10), at(10)), renewed(8, true));
        let acquired = |from: &str, to: &str, cause, after| {
            let (holder, from) = (to.into(), from.into());
            Some(Finding::Acquired { holder, from, cause, after: Span::from_secs(after), transitions: 0 })
        };
        assert_eq!(lease.see(look("b", 27), at(27)), acquired("a", "b", Cause::Expiry, 17));
        assert_eq!(lease.see(look("", 30), at(30)), Some(Finding::Released { holder: "b".into() }));
        assert_eq!(lease.see(look("c", 31), at(31)), acquired("b", "c", Cause::Release, 1));
        assert_eq!(lease.deleted(at(33)), Some(Finding::Deleted { holder: "c".into() }));
        assert_eq!(lease.see(look("c", 36), at(36)), acquired("c", "c", Cause::Deletion, 3));
        assert_eq!((lease.intervals.count(), lease.gaps, lease.holders), (2, 1, 4));
    }

    #[test]
    fn a_gap_is_what_it_is_said_to_be() {
        let mut lease = Watched::new(Some(Span::from_secs(1)));
        lease.see(look("a", 0), at(0));
        assert!(matches!(lease.see(look("a", 2), at(2)), Some(Finding::Renewed { gap: true, .. })));
    }
}
