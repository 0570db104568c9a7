//! Strings that the core knows by number: identities and uids.

use crate::core::IdentityId;

/// How many are remembered. The core remembers no more than the last few that it was told of.
const REMEMBERED: usize = 256;

/// Numbers for strings, the least recently used of which are forgotten: a process that lives for a year sees
/// more holders than there are numbers.
#[derive(Debug, Default)]
struct Interner {
    slots: Vec<(String, u64)>,
    uses: u64,
}

impl Interner {
    fn number(&mut self, text: &str) -> usize {
        self.uses += 1;
        if let Some(slot) = self.slots.iter().position(|(name, _)| name == text) {
            self.slots[slot].1 = self.uses;
            return slot;
        }
        if self.slots.len() < REMEMBERED {
            self.slots.push((text.to_owned(), self.uses));
            return self.slots.len() - 1;
        }
        let oldest = (0..REMEMBERED).min_by_key(|&slot| self.slots[slot].1).unwrap_or(0);
        self.slots[oldest] = (text.to_owned(), self.uses);
        oldest
    }

    fn text(&self, number: usize) -> &str {
        self.slots.get(number).map_or("", |(text, _)| text)
    }
}

/// Identities and uids of one election.
#[derive(Debug)]
pub(super) struct Names {
    me: String,
    holders: Interner,
    uids: Interner,
}

impl Names {
    pub(super) const ME: IdentityId = IdentityId(1);

    pub(super) fn new(me: &str) -> Self {
        Self { me: me.to_owned(), holders: Interner::default(), uids: Interner::default() }
    }

    pub(super) fn holder(&mut self, name: &str) -> IdentityId {
        if name.is_empty() {
            IdentityId::NOBODY
        } else if name == self.me {
            Self::ME
        } else {
            let number = u16::try_from(self.holders.number(name) + 2);
            IdentityId(number.expect("there are fewer slots than numbers"))
        }
    }

    pub(super) fn name(&self, id: IdentityId) -> &str {
        match id.0 {
            0 => "",
            1 => &self.me,
            n => self.holders.text(usize::from(n) - 2),
        }
    }

    pub(super) fn uid(&mut self, text: &str) -> u64 {
        self.uids.number(text) as u64
    }

    pub(super) fn uid_text(&self, number: u64) -> &str {
        usize::try_from(number).map_or("", |number| self.uids.text(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_the_recent_ones_are_remembered() {
        let mut names = Names::new("me");
        assert_eq!(names.holder(""), IdentityId::NOBODY);
        assert_eq!(names.holder("me"), Names::ME);
        let mut last = names.holder("0");
        for n in 1..5_000 {
            let kept = names.holder("kept");
            let next = names.holder(&n.to_string());
            assert!(next != last && next != kept && next != Names::ME);
            assert_eq!((names.name(next), names.name(kept)), (n.to_string().as_str(), "kept"));
            last = next;
        }
        let (a, b) = (names.uid("a"), names.uid("b"));
        assert_ne!(a, b);
        assert_eq!((names.uid("a"), names.uid_text(b)), (a, "b"));
    }
}
