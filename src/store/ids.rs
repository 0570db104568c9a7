//! Revisions and uids, and what a client claims they are.

use core::fmt;

use smol_str::{SmolStr, ToSmolStr};

/// A value of the store's one counter: every effective write of any kind of object adds one.
///
/// Zero is not a revision of anything; an object with it has never been stored (a dry run).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Revision(u64);

impl Revision {
    /// The revision of nothing.
    pub const NONE: Self = Self(0);

    /// The `n`th revision.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The revision `n` writes later.
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        Self(self.0 + n)
    }

    /// The revision before this one.
    #[must_use]
    pub(super) const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The `metadata.resourceVersion` of a request, which a client may fill with anything.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub enum RevisionClaim {
    /// Absent, `""` or `"0"`: the server does not tell them apart.
    #[default]
    Unset,
    /// A number other than zero, however many leading zeros it was written with.
    At(Revision),
    /// What Go's `strconv.ParseUint` refuses: letters, signs, spaces, numbers of more than 64 bits.
    Unreadable(SmolStr),
}

impl RevisionClaim {
    /// Reads the text of a request.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::Unset;
        }
        // Unlike Go, `u64::from_str` takes a leading plus.
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Self::Unreadable(text.into());
        }
        match text.parse() {
            Ok(0) => Self::Unset,
            Ok(n) => Self::At(Revision(n)),
            Err(_) => Self::Unreadable(text.into()),
        }
    }
}

impl From<Revision> for RevisionClaim {
    fn from(revision: Revision) -> Self {
        if revision == Revision::NONE { Self::Unset } else { Self::At(revision) }
    }
}

/// The identity of one life of an object: the `n`th that the store created since it was last empty.
///
/// It displays as a version 4 UUID that is a fixed, invertible function of `n`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Uid(u64);

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
const UNMIX: u64 = inverse(MIX);

/// The inverse of an odd number modulo 2^64; Newton's iteration doubles the correct bits, from three.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut round = 0;
    while round < 5 {
        x = x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x)));
        round += 1;
    }
    x
}

/// A bijection that leaves no visible pattern in consecutive numbers.
pub(super) const fn mix(n: u64) -> u64 {
    let x = n.wrapping_add(1).wrapping_mul(MIX);
    (x ^ (x >> 32)).wrapping_mul(MIX)
}

const fn unmix(mixed: u64) -> u64 {
    let x = mixed.wrapping_mul(UNMIX);
    (x ^ (x >> 32)).wrapping_mul(UNMIX).wrapping_sub(1)
}

impl Uid {
    /// The uid with number `n`.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The uid that displays as `text`, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |range| u64::from_str_radix(text.get(range)?, 16).ok();
        let mixed = hex(0..8)? << 32 | hex(9..13)? << 16 | hex(24..28)?;
        let uid = Self(unmix(mixed));
        (uid.to_smolstr() == text).then_some(uid)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let a = mix(self.0);
        let b = mix(!a);
        let (version, variant) = (b & 0xfff, 0x8000 | b >> 12 & 0x3fff);
        write!(f, "{:08x}-{:04x}-4{version:03x}-{variant:04x}-", a >> 32, a >> 16 & 0xffff)?;
        write!(f, "{:04x}{:08x}", a & 0xffff, b >> 32)
    }
}

/// The `metadata.uid` or uid precondition of a request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum UidClaim {
    /// One that this store may have given out.
    Ours(Uid),
    /// Any other text; it matches no object.
    Foreign(SmolStr),
}

impl UidClaim {
    /// Reads the text of a request; the empty string claims nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        Some(Uid::parse(text).map_or_else(|| Self::Foreign(text.into()), Self::Ours))
    }

    /// Whether the claim is that the uid is `uid`.
    #[must_use]
    pub fn is(&self, uid: Uid) -> bool {
        *self == Self::Ours(uid)
    }
}

impl From<Uid> for UidClaim {
    fn from(uid: Uid) -> Self {
        Self::Ours(uid)
    }
}

impl fmt::Display for UidClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(uid) => fmt::Display::fmt(uid, f),
            Self::Foreign(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_version_4_uuids_and_read_back() {
        for n in (0..2_000).chain([u64::MAX, u64::MAX / 3]) {
            let text = Uid(n).to_string();
            assert_eq!(text.len(), 36);
            assert_eq!(text.as_bytes()[14], b'4');
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
            assert_eq!(Uid::parse(&text), Some(Uid(n)));
        }
        assert_eq!(Uid::parse("00000000-0000-0000-0000-000000000000"), None);
        assert_eq!(Uid::parse("é"), None);
    }

    #[test]
    fn revisions_are_read_as_go_reads_them() {
        use RevisionClaim::{At, Unset};
        for (text, claim) in [("", Unset), ("0", Unset), ("000", Unset), ("00072", At(Revision(72)))] {
            assert_eq!(RevisionClaim::parse(text), claim);
        }
        for text in ["abc", "+5", "-1", " 5", "18446744073709551616", "1_0"] {
            assert_eq!(RevisionClaim::parse(text), RevisionClaim::Unreadable(text.into()));
        }
    }
}
