//! What will happen, in order of time; at one instant in order of class; then in order of scheduling.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What comes first at one instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(super) enum Class {
    /// Faults begin and end, processes start and resume.
    World = 0,
    /// Deadlines: a request whose time is up now is not answered now.
    Deadline = 1,
    /// Requests reach the server and are decided.
    Server = 2,
    /// Responses arrive.
    Response = 3,
    /// Other timers, and the guarded work.
    Timer = 4,
}

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    /// Time, class and number, most significant first.
    key: u128,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Queue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    scheduled: u64,
}

impl<E: Copy> Queue<E> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), scheduled: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
        self.scheduled = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, at: u64, class: Class, event: E) {
        let key = (u128::from(at) << 64) | (u128::from(class as u8) << 56) | u128::from(self.scheduled);
        self.scheduled += 1;
        self.heap.push(Reverse(Entry { key, event }));
    }

    /// When the next is due, and its class.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the key's upper 72 bits")]
    pub(super) fn next_due(&self) -> Option<(u64, u8)> {
        self.heap.peek().map(|Reverse(entry)| ((entry.key >> 64) as u64, (entry.key >> 56) as u8))
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<E> {
        self.heap.pop().map(|Reverse(entry)| entry.event)
    }
}
