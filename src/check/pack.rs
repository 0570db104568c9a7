//! States as the checker keeps them: canonical, and a few dozen bytes each.
//!
//! Two worlds from which the same can happen should become the same bytes. What is taken out:
//!
//! - *when* it is: all instants are relative to now, and past ones are cut off where they no longer matter;
//! - *which* numbers: resourceVersions, uids, leaseTransitions and wall times are renamed by rank, or relative to now
//!   where a rule compares them with the clock; request numbers are forgotten;
//! - *who*: replicas of the same settings are sorted: any order of theirs is as good as another;
//! - what no rule will ever look at again.

use super::assume::{FREE, Walls};
use super::names::Names;
use super::setup::Setup;
use super::world::{Broken, LATE_MAX, LateWrite, Lease, Left, Origin, REPLICAS_MAX, World};
use crate::core::state::State as Memory;
use crate::core::{IdentityId, Record, Version, WallTime};

/// How many words a state has.
const WORDS: usize = 18;

/// A canonical state.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    words: [u64; WORDS],
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for byte in self.words.iter().flat_map(|word| word.to_le_bytes()) {
            write!(f, "{byte:02x} ")?;
        }
        Ok(())
    }
}

impl State {
    pub(super) fn first_byte(&self) -> u8 {
        self.words[0] as u8
    }
}

/// Which replica stands where in a state: `order[place]` is its index in the world.
pub(super) type Order = [u8; REPLICAS_MAX];

/// How times of wall clocks are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WallCode {
    /// Clocks that stand still at zero: acquireTime marks a process or is small; renewTimes count up from zero.
    Stopped,
    /// True time in ticks relative to now, from `back` ago to `ahead`; before that only by which are the same.
    Relative { back: i64, ahead: i64 },
}

#[derive(Debug)]
pub(super) struct Codec {
    counters: [u8; 13],
    pub(super) setup: Setup,
    /// In nanoseconds.
    pub(super) tick: i64,
    pub(super) wall: WallCode,
    /// How many ticks a second has, at least one.
    pub(super) phases: i64,
}

pub(super) struct Writer {
    bytes: [u8; WORDS * 8],
    len: usize,
}

impl Writer {
    fn new() -> Self {
        Self { bytes: [0; WORDS * 8], len: 0 }
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        assert!(self.len < self.bytes.len(), "a state does not fit {} bytes", WORDS * 8);
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    #[inline]
    pub(super) fn number(&mut self, number: u16) {
        if number < 0xFF {
            self.byte(number as u8);
        } else {
            self.byte(0xFF);
            let [low, high] = number.to_le_bytes();
            self.byte(low);
            self.byte(high);
        }
    }

    fn append(&mut self, other: &Self) {
        let end = self.len + other.len;
        assert!(end <= self.bytes.len(), "a state of {end} bytes does not fit {}", WORDS * 8);
        self.bytes[self.len..end].copy_from_slice(&other.bytes[..other.len]);
        self.len = end;
    }

    fn finish(&self) -> State {
        let mut words = [0; WORDS];
        for (word, chunk) in words.iter_mut().zip(self.bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().unwrap_or([0; 8]));
        }
        State { words }
    }
}

pub(super) struct Reader {
    bytes: [u8; WORDS * 8],
    at: usize,
}

impl Reader {
    fn new(state: &State) -> Self {
        let mut bytes = [0; WORDS * 8];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(&state.words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Self { bytes, at: 0 }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        self.at += 1;
        self.bytes[self.at - 1]
    }

    #[inline]
    pub(super) fn number(&mut self) -> u16 {
        match self.byte() {
            0xFF => u16::from_le_bytes([self.byte(), self.byte()]),
            small => u16::from(small),
        }
    }
}

pub(super) const NO_RECORD: Record = Record {
    holder: IdentityId::NOBODY,
    duration_s: 0,
    transitions: -1,
    acquired: NO_TIME,
    renewed: NO_TIME,
};
/// What stands where the time does not matter.
pub(super) const NO_TIME: WallTime = WallTime::from_micros(i64::MIN);

/// Above every name that a version gets.
const NEXT_VERSION: u64 = 100;
const NEXT_UID: u64 = 50;

impl Codec {
    pub(super) fn new(setup: Setup) -> Self {
        let tick = setup.tick.as_nanos().cast_signed();
        let phases = (1_000_000_000 / tick).max(1);
        let wall = match setup.assumptions.walls {
            Walls::Anything => WallCode::Stopped,
            Walls::Within { offset, .. } => {
                let offset = offset.as_nanos().cast_signed() / tick;
                let longest = setup.longest_duration().as_nanos().cast_signed() / tick + 1;
                let back = if setup.by_wall_clock() { longest + 2 * offset } else { 2 * offset };
                WallCode::Relative { back, ahead: offset }
            }
        };
        Self { setup, tick, wall, phases, counters: setup.counters() }
    }

    /// The state, and where its replicas stand in the world.
    pub(super) fn pack(&self, world: &World) -> (State, Order) {
        let n = self.setup.replicas;
        let mut essences = [Memory::NEW; REPLICAS_MAX];
        for (index, essence) in essences.iter_mut().enumerate().take(n) {
            if world.replicas[index].runs() {
                *essence = self.essence(world, index);
            }
        }
        let (order, keys) = self.order(world, &essences);
        let (mut best, mut best_order) = (self.encode(world, &essences, order), order);
        // Replicas with the same key may still differ in what refers to others: the smallest of all orders is taken.
        for other in ties(order, &keys, n) {
            let state = self.encode(world, &essences, other);
            if state.words < best.words {
                (best, best_order) = (state, other);
            }
        }
        (best, best_order)
    }

    fn encode(&self, world: &World, essences: &[Memory; REPLICAS_MAX], order: Order) -> State {
        let n = self.setup.replicas;
        let mut names = Names::new(world, essences);
        for (place, &index) in order.iter().enumerate() {
            names.place_of[usize::from(index)] = place as u8;
        }

        let mut body = Writer::new();
        self.write_lease(&mut body, &mut names, world);
        for &index in &order[..n] {
            let index = usize::from(index);
            self.write_replica(&mut body, &mut names, world, index, &essences[index]);
        }
        Self::write_late(&mut body, &mut names, world);

        let mut all = Writer::new();
        self.write_head(&mut all, world);
        self.write_records(&mut all, &names, world);
        all.append(&body);
        all.finish()
    }

    pub(super) fn unpack(&self, state: &State) -> World {
        let mut r = Reader::new(state);
        let mut world = self.read_head(&mut r);
        let records = self.read_records(&mut r, world.wall);
        let records = records.as_slice();
        world.lease = match r.byte() {
            0 => None,
            place => {
                let version = Version { resource_version: u64::from(r.byte()), uid: u64::from(r.byte()) };
                Some(Lease { record: records[usize::from(place) - 1], version })
            }
        };
        world.token_max = u64::from(r.byte());
        for index in 0..self.setup.replicas {
            world.replicas[index] = self.read_replica(&mut r, records, &world, index);
        }
        Self::read_late(&mut r, records, &mut world);
        world
    }

    fn write_head(&self, w: &mut Writer, world: &World) {
        w.byte(world.broken.0 | if world.quiet { 0x40 } else { 0 });
        w.number(world.leaderless.map_or(0, |ticks| ticks + 1));
        if self.phases > 1 {
            w.byte((world.wall.as_micros().rem_euclid(1_000_000) * 1_000 / self.tick) as u8);
        }
        for (left, budget) in world.left.as_array().into_iter().zip(self.counters) {
            // What is never used up, or never there, needs no room.
            if budget != 0 && budget != FREE {
                w.byte(left);
            }
        }
    }

    fn read_head(&self, r: &mut Reader) -> World {
        let flags = r.byte();
        let leaderless = r.number().checked_sub(1);
        let phase = if self.phases > 1 { i64::from(r.byte()) } else { 0 };
        let mut left = self.counters;
        for left in &mut left {
            if *left != 0 && *left != FREE {
                *left = r.byte();
            }
        }
        World {
            next_version: NEXT_VERSION,
            next_uid: NEXT_UID,
            left: Left::from_array(left),
            quiet: flags & 0x40 != 0,
            broken: Broken(flags & Broken::ANYTHING),
            wall: WallTime::from_micros(phase * self.tick / 1_000),
            leaderless,
            ..World::EMPTY
        }
    }

    fn write_lease(&self, w: &mut Writer, names: &mut Names, world: &World) {
        match &world.lease {
            None => w.byte(0),
            Some(lease) => {
                w.byte(names.record(&lease.record));
                w.byte(names.version(lease.version.resource_version));
                w.byte(names.uid(lease.version.uid));
            }
        }
        w.byte(names.version(world.token_max));
    }

    fn write_late(w: &mut Writer, names: &mut Names, world: &World) {
        let late = in_order(world, &names.place_of);
        w.byte(late.iter().flatten().count() as u8);
        for at in late.into_iter().flatten() {
            let Some(late) = world.late[usize::from(at)] else { continue };
            w.byte(names.record(&late.record) << 1 | u8::from(late.expected.is_none()));
        }
    }

    fn read_late(r: &mut Reader, records: &[Record], world: &mut World) {
        let count = r.byte();
        for slot in &mut world.late[..usize::from(count)] {
            let code = r.byte();
            let current = world.lease.map(|lease| lease.version);
            *slot = Some(LateWrite {
                record: records[usize::from(code >> 1) - 1],
                expected: if code & 1 == 1 { None } else { current },
                origin: Origin::default(),
            });
        }
    }
}

/// Late writes in the order in which a state has them: by kind, by whose name they bear, then as they were given up.
pub(super) fn in_order(world: &World, place_of: &[u8; REPLICAS_MAX]) -> [Option<u8>; LATE_MAX] {
    let key = |late: &LateWrite| {
        let holder = match late.record.holder {
            IdentityId(0) => 0,
            super::world::STRANGER => 15,
            IdentityId(id) => place_of[usize::from(id) - 1] + 1,
        };
        (late.expected.is_none(), holder, late.record.transitions)
    };
    if world.late.iter().all(Option::is_none) {
        return [None; LATE_MAX];
    }
    let mut order: [Option<u8>; LATE_MAX] =
        core::array::from_fn(|at| world.late[at].is_some().then_some(at as u8));
    order.sort_by_key(|at| match at.and_then(|at| world.late[usize::from(at)]) {
        Some(late) => (false, key(&late)),
        None => (true, (false, 0, 0)),
    });
    order
}

/// The other orders of replicas that are sorted by their keys: those in which equal ones stand differently.
fn ties(order: Order, keys: &[u64; REPLICAS_MAX], n: usize) -> impl Iterator<Item = Order> {
    const SWAPS: [[usize; REPLICAS_MAX]; 5] = [[1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let key = move |place: usize| keys[usize::from(order[place])];
    let (first, second) = (n > 1 && key(0) == key(1), n > 2 && key(1) == key(2));
    let which: &[usize] = match (first, second) {
        (false, false) => &[],
        (true, false) => &[0],
        (false, true) => &[1],
        (true, true) => &[0, 1, 2, 3, 4],
    };
    which.iter().map(move |&swap| SWAPS[swap].map(|place| order[place]))
}
