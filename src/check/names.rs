//! What the values of a kind are called in a state: versions and uids by rank, records by their place in a table, and the
//! times in that table by what rules can tell of them.

use super::few::Few;
use super::pack::{Codec, NO_RECORD, NO_TIME, Reader, WallCode, Writer};
use super::world::{Link, MARKS, REPLICAS_MAX, STRANGER, World};
use crate::core::state::{Sent, State as Memory};
use crate::core::{IdentityId, Record, Reply, WallTime};

pub(super) struct Names {
    /// Where each replica stands in the state.
    pub(super) place_of: [u8; REPLICAS_MAX],
    pub(super) records: Few<Record, 24>,
    /// The resourceVersions that matter, smallest first.
    versions: Few<u64, 16>,
    uids: Few<u64, 16>,
}

/// A version that is no longer the stored one; the names of the others are above it.
pub(super) const STALE: u64 = 1;

/// leaseDurationSeconds in the table that no record has: the times of what was sent, and a clock's reading.
const FIRST_SENT: i32 = -2;
const LAST: i32 = -3;
const READING: i32 = -4;
const LEAST: i32 = -4;

impl Names {
    #[inline]
    pub(super) fn new(world: &World, essences: &[Memory]) -> Self {
        let mut names = Self {
            place_of: [0; REPLICAS_MAX],
            records: Few::new(NO_RECORD),
            versions: Few::new(0),
            uids: Few::new(0),
        };
        if let Some(lease) = &world.lease {
            names.versions.place_of(lease.version.resource_version);
            names.uids.place_of(lease.version.uid);
        }
        names.versions.place_of(world.token_max);
        for (replica, essence) in world.replicas.iter().zip(essences).filter(|(replica, _)| replica.runs()) {
            if let Link::Answered {
                result: Ok(Reply::Read { version, .. } | Reply::Written { version }),
                ..
            } = replica.link
            {
                names.versions.place_of(version.resource_version);
                names.uids.place_of(version.uid);
            }
            if let Some(term) = &essence.term
                && term.token.0 != STALE
            {
                names.versions.place_of(term.token.0);
            }
            if let Some(version) = essence.version {
                names.uids.place_of(version.uid);
            }
            if let Some((_, uid)) = essence.fetched {
                names.uids.place_of(uid);
            }
        }
        names.versions.as_mut_slice().sort_unstable();
        names.uids.as_mut_slice().sort_unstable();
        names
    }

    /// 0 stays 0, which is no version; what is not among those that matter is stale.
    pub(super) fn version(&self, version: u64) -> u8 {
        match self.versions.as_slice().iter().position(|known| *known == version) {
            _ if version == 0 => 0,
            Some(rank) => rank as u8 + 2,
            None => STALE as u8,
        }
    }

    pub(super) fn uid(&self, uid: u64) -> u8 {
        match self.uids.as_slice().iter().position(|known| *known == uid) {
            Some(rank) if uid != 0 => rank as u8 + 1,
            _ => 0,
        }
    }

    /// Its place in the table, from 1.
    pub(super) fn record(&mut self, record: &Record) -> u8 {
        self.records.place_of(*record) as u8 + 1
    }

    /// The times that a process sent: of its first write and of its last.
    pub(super) fn sent(&mut self, me: IdentityId, sent: &Sent) -> [u8; 2] {
        let times = |duration_s, renewed| Record {
            holder: me,
            duration_s,
            acquired: sent.acquired,
            renewed,
            ..NO_RECORD
        };
        [self.record(&times(FIRST_SENT, sent.first_renewed)), self.record(&times(LAST, sent.last_renewed))]
    }

    pub(super) fn reading(&mut self, wall: WallTime) -> u8 {
        self.record(&Record { duration_s: READING, acquired: wall, renewed: wall, ..NO_RECORD })
    }

    fn holder(&self, holder: IdentityId) -> u8 {
        match holder {
            IdentityId(0) => 0,
            STRANGER => 15,
            IdentityId(id) => self.place_of[usize::from(id) - 1] + 1,
        }
    }
}

/// Whose times a record bears, where clocks stand still.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// A process's own mark.
    Mark(i64),
    /// Both times are the same: a release, or a record before there were marks.
    Same(IdentityId),
    Small(i64, IdentityId),
}

/// Which replica's mark this is.
fn whose(mark: i64) -> usize {
    ((mark.rem_euclid(1_000_000) - MARKS) / 16) as usize
}

fn group(record: &Record) -> Group {
    let acquired = record.acquired.as_micros();
    if acquired >= MARKS {
        Group::Mark(acquired)
    } else if acquired == record.renewed.as_micros() {
        Group::Same(record.holder)
    } else {
        Group::Small(acquired, record.holder)
    }
}

impl Codec {
    pub(super) fn write_records(&self, w: &mut Writer, names: &Names, world: &World) {
        let wall = world.wall;
        let stored = world.lease.map(|lease| lease.record.transitions);
        let records = names.records.as_slice();
        w.byte(records.len() as u8);
        let mut old = Few::<i64, 24>::new(0);
        for record in records {
            w.byte(names.holder(record.holder));
            w.number((record.duration_s - LEAST) as u16);
            w.byte(transitions_name(records, stored, record.transitions));
            match self.wall {
                WallCode::Stopped => write_stopped(w, names, records, record),
                WallCode::Relative { .. } => {
                    w.number(self.relative(record.acquired, wall, &mut old));
                    w.number(self.relative(record.renewed, wall, &mut old));
                }
            }
        }
    }

    pub(super) fn read_records(&self, r: &mut Reader, wall: WallTime) -> Few<Record, 24> {
        let count = r.byte();
        let mut records = Few::new(NO_RECORD);
        for _ in 0..count {
            let holder = IdentityId(u16::from(r.byte()));
            let duration_s = i32::from(r.number()) + LEAST;
            let transitions = match r.byte() {
                NONE => -1,
                name => i32::from(name),
            };
            let (acquired, renewed) = match self.wall {
                WallCode::Stopped => read_stopped(r),
                WallCode::Relative { .. } => {
                    (self.absolute(r.number(), wall), self.absolute(r.number(), wall))
                }
            };
            records.push(Record { holder, duration_s, transitions, acquired, renewed });
        }
        records
    }

    /// Relative to now, as far back as rules can tell; what is older by which second it is of, and where in it.
    fn relative(&self, time: WallTime, now: WallTime, old: &mut Few<i64, 24>) -> u16 {
        let (first, ticks) = self.window(now);
        if time == NO_TIME {
            return 0;
        }
        if time >= first {
            return (1 + self.ticks_between(first, time)) as u16;
        }
        let second = WallTime::from_micros(time.as_secs() * 1_000_000);
        let phase = if self.phases > 1 { self.ticks_between(second, time) } else { 0 };
        let place = old.place_of(if self.phases > 1 { second } else { time }.as_micros());
        (1 + ticks + place as i64 * self.phases + phase) as u16
    }

    fn absolute(&self, code: u16, now: WallTime) -> WallTime {
        let (first, ticks) = self.window(now);
        let Some(code) = i64::from(code).checked_sub(1).filter(|code| *code >= 0) else { return NO_TIME };
        let after = |ticks: i64| ticks * self.tick / 1_000;
        if code < ticks {
            return WallTime::from_micros(first.as_micros() + after(code));
        }
        let (place, phase) = ((code - ticks) / self.phases, (code - ticks) % self.phases);
        let step_s = (self.tick / 1_000_000_000).max(1);
        let second = first.as_secs() - step_s * (place + 1);
        WallTime::from_micros(second * 1_000_000 + after(phase))
    }

    /// The first time that is kept as it is, a whole second, and how many ticks there are from it.
    fn window(&self, now: WallTime) -> (WallTime, i64) {
        let WallCode::Relative { back, ahead } = self.wall else { return (now, 0) };
        if self.phases == 1 {
            return (WallTime::from_micros(now.as_micros() - back * self.tick / 1_000), back + ahead + 1);
        }
        let back_s = (back * self.tick).div_euclid(1_000_000_000) + 1;
        let first = WallTime::from_micros((now.as_secs() - back_s) * 1_000_000);
        (first, (back_s + 1) * self.phases + ahead + 1)
    }

    fn ticks_between(&self, from: WallTime, to: WallTime) -> i64 {
        (to.as_micros() - from.as_micros()) * 1_000 / self.tick
    }
}

/// Counted from the stored record, whose takeover counts one more: smaller ones are old, and which does not matter. Without
/// a stored record by rank, but neighbours stay neighbours.
fn transitions_name(records: &[Record], stored: Option<i32>, transitions: i32) -> u8 {
    if transitions < 0 {
        return NONE;
    }
    if let Some(stored) = stored {
        // Zero stays zero: it is what a create counts from.
        return match () {
            () if stored <= 2 || transitions == 0 => transitions.min(stored + 3),
            () if transitions < stored => 1,
            () => 2 + (transitions - stored).min(3),
        } as u8;
    }
    small_name(records.iter().map(|record| i64::from(record.transitions)), i64::from(transitions))
}

/// Where leaseTransitions do not matter.
const NONE: u8 = 0xFF;

/// Where a range of times that were sent ends, in a state: above every name that a time gets.
const LAST_SENT: u8 = 100;
const UNTIMED: u8 = 101;

/// Times of clocks that stand still. Zero stays zero, for it is what is written first. Else it only matters which are the
/// same, which is the first that its process sent, and that none is after the last.
fn write_stopped(w: &mut Writer, names: &Names, records: &[Record], record: &Record) {
    let of = group(record);
    w.byte(match of {
        Group::Mark(mark) => {
            let replica = whose(mark);
            let micros = |r: &Record| r.acquired.as_micros();
            // What its process sent last is told from what it, or one before it, sent and forgot.
            let is_current =
                |other: i64| records.iter().any(|r| r.duration_s == FIRST_SENT && micros(r) == other);
            let is_older =
                |r: &Record| micros(r) >= MARKS && whose(micros(r)) == replica && !is_current(micros(r));
            let rank = if is_current(mark) { 0 } else { 1 + rank(records, micros, mark, is_older) };
            names.place_of[replica] * 16 + rank
        }
        Group::Same(_) => 0xFF,
        Group::Small(acquired, _) => 0x80 + acquired.min(0x70) as u8,
    });
    let value = record.renewed;
    let is_sent = |r: &&Record| matches!(r.duration_s, FIRST_SENT | LAST) && group(r) == of;
    let first = records.iter().filter(is_sent).map(|sent| sent.renewed).min();
    w.byte(if value == NO_TIME {
        UNTIMED
    } else if value.as_micros() == 0 {
        0
    } else if !matches!(of, Group::Mark(_)) {
        // Times that no process marked are told apart by rank, each holder's for themselves; a next one stays the next.
        let same = |r: &Record| !matches!(group(r), Group::Mark(_)) && r.holder == record.holder;
        small_name(records.iter().filter(|r| same(r)).map(|r| r.renewed.as_micros()), value.as_micros())
    } else if Some(value) == first {
        1
    } else if record.duration_s == LAST {
        LAST_SENT
    } else {
        let counts = |r: &Record| {
            r.duration_s != LAST && group(r) == of && Some(r.renewed) != first && r.renewed.as_micros() > 0
        };
        2 + rank(records, |r| r.renewed.as_micros(), value.as_micros(), counts)
    });
}

/// The rank of a positive value, where what follows another without a gap still does.
fn small_name(values: impl Iterator<Item = i64> + Clone, value: i64) -> u8 {
    let (mut name, mut below) = (0_u8, 0);
    while below < value {
        let Some(next) = values.clone().filter(|v| *v > below).min() else { return name };
        name += if next - below > 1 { 2 } else { 1 };
        below = next;
    }
    name
}

/// How many different values come before this one, in the order of the table.
fn rank(
    records: &[Record],
    value_of: impl Fn(&Record) -> i64,
    value: i64,
    counts: impl Fn(&Record) -> bool,
) -> u8 {
    let mut rank = 0;
    for (at, record) in records.iter().enumerate() {
        let this = value_of(record);
        if !counts(record) {
            continue;
        }
        if this == value {
            break;
        }
        let is_new = !records[..at].iter().any(|r| counts(r) && value_of(r) == this);
        rank += u8::from(is_new);
    }
    rank
}

fn read_stopped(r: &mut Reader) -> (WallTime, WallTime) {
    let code = i64::from(r.byte());
    let renewed = match r.byte() {
        UNTIMED => return (NO_TIME, NO_TIME),
        renewed => i64::from(renewed),
    };
    let acquired = match code {
        0xFF => renewed,
        0x80.. => code - 0x80,
        mark => MARKS + mark,
    };
    (WallTime::from_micros(acquired), WallTime::from_micros(renewed))
}
