//! A short list on the stack.

/// At most `N` items, none of them twice.
#[derive(Clone, Copy)]
pub(super) struct Few<T, const N: usize> {
    items: [T; N],
    len: usize,
}

impl<T: Copy + PartialEq, const N: usize> Few<T, N> {
    pub(super) fn new(filler: T) -> Self {
        Self { items: [filler; N], len: 0 }
    }

    /// The item's place, after adding it if it is new.
    ///
    /// # Panics
    /// If there is no room: to merge what differs would make a proof worthless.
    pub(super) fn place_of(&mut self, item: T) -> usize {
        if let Some(at) = self.as_slice().iter().position(|known| *known == item) {
            return at;
        }
        assert!(self.len < N, "a state has more than {N} distinct values of a kind");
        self.items[self.len] = item;
        self.len += 1;
        self.len - 1
    }

    /// Adds an item that is known to be new.
    pub(super) fn push(&mut self, item: T) {
        assert!(self.len < N, "a state has more than {N} distinct values of a kind");
        self.items[self.len] = item;
        self.len += 1;
    }

    pub(super) fn as_slice(&self) -> &[T] {
        &self.items[..self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items[..self.len]
    }
}
