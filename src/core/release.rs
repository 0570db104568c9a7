//! Giving the Lease up, so that a candidate need not wait for it to expire.

use super::elector::Elector;
use super::io::{Failure, Op, Reading, Reply, StopReason};
use super::record::{IdentityId, Record};
use super::rules::{Content, Release, ReleaseWithin};
use super::state::{Basis, Observed, Phase, Step};
use super::time::LocalInstant;

impl Elector {
    pub(super) fn start_release(&mut self, now: Reading, reason: StopReason) {
        let deadline = match self.config.rules.release_within {
            ReleaseWithin::RenewDeadline => now.local + self.config.timings.renew_deadline,
            ReleaseWithin::Unbounded => LocalInstant::FAR_FUTURE,
        };
        match self.config.rules.release {
            Release::TrustMemory | Release::CheckRecord => {
                self.state.phase = Phase::Releasing { deadline, reason };
                self.send(now, Basis::new(now), Step::ReleaseGet, Op::Get);
            }
            Release::CachedVersion => {
                self.state.phase = Phase::Releasing { deadline, reason };
                self.release_unread(now);
            }
            Release::OwnLastWrite => self.release_own_last_write(now, reason),
        }
    }

    fn release_unread(&mut self, now: Reading) {
        // A lock without an object (after a create that failed) has nothing to update.
        let (Some(observed), Some(expected)) = (self.state.observed, self.state.version) else {
            return self.finish_release();
        };
        if !self.is_mine(&observed.record) {
            return self.finish_release();
        }
        let record = self.released(observed.record.transitions, now);
        self.send(now, Basis::new(now), Step::ReleaseUpdate(record), Op::Update { record, expected });
    }

    fn release_own_last_write(&mut self, now: Reading, reason: StopReason) {
        let (Some(term), Some(expected), Some(observed)) =
            (self.state.term, self.state.version, self.state.observed)
        else {
            return self.return_(reason);
        };
        self.state.phase = Phase::Releasing { deadline: term.lead_until, reason };
        let record = self.released(observed.record.transitions, now);
        self.send(now, Basis::new(now), Step::ReleaseUpdate(record), Op::Update { record, expected });
    }

    /// What a release writes: no holder, one second, both times renewed.
    fn released(&self, transitions: i32, now: Reading) -> Record {
        let time = self.next_renew_time(now.wall);
        Record { holder: IdentityId::NOBODY, duration_s: 1, transitions, acquired: time, renewed: time }
    }

    pub(super) fn release_read(&mut self, now: Reading, result: Result<Reply, Failure>) {
        let Ok(Reply::Read { record, version }) = result else { return self.finish_release() };
        self.state.version = Some(version);
        // Memory decides, which what was just read does not touch.
        let remembered = self.state.observed.is_some_and(|observed| self.is_mine(&observed.record));
        let checked = self.config.rules.release == Release::CheckRecord;
        if !remembered || checked && !self.is_mine(&record) {
            return self.finish_release();
        }
        let record = self.released(record.transitions, now);
        self.send(
            now,
            Basis::new(now),
            Step::ReleaseUpdate(record),
            Op::Update { record, expected: version },
        );
    }

    pub(super) fn release_done(&mut self, now: Reading, record: Record, result: Result<Reply, Failure>) {
        let reads = matches!(self.config.rules.release, Release::TrustMemory | Release::CheckRecord);
        match result {
            Err(Failure::Conflict) if self.config.release_retry && reads => {
                self.send(now, Basis::new(now), Step::ReleaseGet, Op::Get);
            }
            Ok(Reply::Written { version }) => {
                self.state.version = Some(version);
                self.state.observed = Some(Observed { record, at: now.local });
                if self.config.rules.content == Content::Exact {
                    self.state.fetched = None;
                }
                self.finish_release();
            }
            _ => self.finish_release(),
        }
    }

    pub(super) fn finish_release(&mut self) {
        let Phase::Releasing { reason, .. } = self.state.phase else { return };
        self.stop_work(reason);
        self.return_(reason);
    }
}
