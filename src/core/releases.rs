//! The releases of client-go that elect differently, from its sources (tools/leaderelection, and apimachinery's wait).

use super::rules::{FirstTry, Release, ReleaseWithin, Rules, Ticks, Wait};

/// A release line of client-go, and those that elect like it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClientGo {
    /// v0.26: candidates wait for their own LeaseDuration. (In v0.24 and v0.25 a failed read, too, leaves the lock without
    /// an object to release; that is not modelled.)
    V0_26,
    /// v0.27 to v0.29: candidates wait for the record's. A renewal reads the Lease first.
    V0_29,
    /// v0.30: a renewal writes in place. Nothing bounds a release.
    V0_30,
    /// v0.31: a release has RenewDeadline. Retries count from the end of a round's first attempt, and those that fall
    /// into an attempt are lost.
    V0_31,
    /// v0.32 and v0.33: retries count from the round's start. A release is on condition of the version last seen.
    V0_33,
    /// v0.34 to v0.36: a release reads the Lease first.
    V0_36,
    /// v0.37, and v0.38 up to its alpha.2: a release that meets a conflict is repeated.
    V0_37,
    /// v0.38, from its beta.0 on (the newest in November 2026): a release leaves alone a Lease whose record, just read, names another.
    /// `Recovery`, which is off by default, is not modelled: an elector that has it on goes on after a loss.
    V0_38,
}

impl ClientGo {
    /// Every one, oldest first.
    pub const ALL: [Self; 8] = [
        Self::V0_26,
        Self::V0_29,
        Self::V0_30,
        Self::V0_31,
        Self::V0_33,
        Self::V0_36,
        Self::V0_37,
        Self::V0_38,
    ];

    /// Its rules.
    #[must_use]
    pub const fn rules(self) -> Rules {
        let current = Rules::CLIENT_GO;
        match self {
            Self::V0_38 => Rules { release: Release::CheckRecord, ..current },
            Self::V0_37 | Self::V0_36 => current,
            Self::V0_33 => Rules { release: Release::CachedVersion, ..current },
            Self::V0_31 => Rules { ticks: Ticks::Lost, ..Self::V0_33.rules() },
            Self::V0_30 => Rules { release_within: ReleaseWithin::Unbounded, ..Self::V0_31.rules() },
            Self::V0_29 => Rules { first_try: FirstTry::Read, ..Self::V0_30.rules() },
            Self::V0_26 => Rules { wait: Wait::Own, ..Self::V0_29.rules() },
        }
    }

    /// Whether a release that met a conflict is repeated.
    #[must_use]
    pub const fn retries_release(self) -> bool {
        matches!(self, Self::V0_37 | Self::V0_38)
    }

    /// The release line, as in `0.26`.
    #[must_use]
    pub const fn line(self) -> &'static str {
        match self {
            Self::V0_26 => "0.26",
            Self::V0_29 => "0.29",
            Self::V0_30 => "0.30",
            Self::V0_31 => "0.31",
            Self::V0_33 => "0.33",
            Self::V0_36 => "0.36",
            Self::V0_37 => "0.37",
            Self::V0_38 => "0.38",
        }
    }
}
