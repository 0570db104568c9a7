//! What electors differ in, as data. A protocol is a set of [`Rules`]; nothing else tells them apart.

/// What a candidate judges expiry by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Expiry {
    /// Own monotonic time since the record's content was last seen to change.
    LocalObservation,
    /// Own wall clock against renewTime + leaseDurationSeconds.
    WallClock,
}

/// What the leader's RenewDeadline counts from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeadlineFrom {
    /// The start of the renewal round, that is the *response* of the last renewal + RetryPeriod.
    RoundStart,
    /// The *sending* of the last renewal that succeeded.
    LastSend,
    /// The renewTime that the last successful renewal wrote, by the own wall clock.
    RenewTime,
}

/// When a leader whose deadline has passed stops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StopWhen {
    /// When an attempt ends or the next would begin (or, with [`DeadlineFrom::RoundStart`],
    /// when the round's context expires).
    BetweenAttempts,
    /// At the deadline, by its own timer, whatever is in flight; and `may_act` says no from then on.
    AtDeadline,
}

/// What a leader does that sees another holder.
///
/// Among `strict` electors with clocks as declared it makes no difference to "at most one leader": the right to lead ends by
/// itself before the other's begins. What it gives is that nobody acts on who has seen another holder, which bounds
/// the overlap where the other is no `strict` elector, or a clock is worse than declared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OtherHolder {
    /// Try on until the deadline.
    RetryUntilDeadline,
    /// Stop when the next attempt would begin.
    StopAtNextLoop,
    /// Stop at once.
    StopAtOnce,
}

/// What a leader does that finds the Lease gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MissingWhileLeading {
    /// Create it anew and lead on.
    Recreate,
    /// Stop at once.
    StopAtOnce,
}

/// When a candidate that created the Lease leads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MissingWhileCandidate {
    /// At once.
    LeadAtOnce,
    /// LeaseDuration after the create's response, renewing meanwhile: whoever led when the Lease
    /// was deleted has stopped by then.
    Quarantine,
}

/// How long a candidate waits for a record that does not change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wait {
    /// For the record's leaseDurationSeconds.
    Record,
    /// For the own LeaseDuration, whatever the record says.
    Own,
    /// For the larger of both.
    LargerOfBoth,
}

/// When a Lease without a holder may be taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NoHolder {
    /// At once.
    Free,
    /// At once in the shape that a release writes; else like a held one.
    FreeIfReleased,
}

/// Whose a Lease is that names one's own identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OwnName {
    /// Mine, whoever wrote it.
    Mine,
    /// Mine only if this process sent that very write.
    MineIfSent,
}

/// What an attempt of whoever holds a Lease that has not expired begins with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FirstTry {
    /// It is written in place, on condition of the version last seen; read only if that fails.
    Update,
    /// It is read first, always.
    Read,
}

/// When a renewal round tries again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ticks {
    /// Every RetryPeriod from the round's start. A tick that falls into an attempt is kept until that ends (one, not more).
    Kept,
    /// Every RetryPeriod from the end of the round's first attempt. A tick that falls into an attempt is lost.
    Lost,
}

/// What a candidate does that finds its own write after it lost the response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LostResponse {
    /// Lead from now.
    LeadAtOnce,
    /// Renew, and lead only if that succeeds.
    RenewFirst,
}

/// How a Lease is given up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Release {
    /// Read the Lease; if *memory* says that I hold it, clear whatever was read. Also after a loss.
    TrustMemory,
    /// Read the Lease; clear it if memory *and* the record just read say that I hold it. Also after a loss.
    CheckRecord,
    /// If memory says that I hold it, clear it on condition of the version last seen, unread. Also after a loss.
    CachedVersion,
    /// Only while leading, conditional on the version of one's own last write, sent once.
    OwnLastWrite,
}

/// How long a release that follows a loss, or does not wait for the work, may take.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReleaseWithin {
    /// RenewDeadline, counted from its begin.
    RenewDeadline,
    /// As long as its requests take.
    Unbounded,
}

/// When the guarded work is told to stop, relative to the release.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CancelWork {
    /// After a release that follows a loss has returned; on shutdown at once, but the
    /// release does not wait for it.
    AfterRelease,
    /// Before; the release waits until the work has confirmed.
    BeforeRelease,
}

/// Which changes of a record restart a candidate's wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Content {
    /// Changes of the content with both times cut to whole seconds.
    Seconds,
    /// Any change of the content, and a new uid.
    Exact,
}

/// Which renewTime is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RenewTime {
    /// The wall clock's.
    WallClock,
    /// The wall clock's, but always later than the last one written: a clock that steps back must not
    /// make a renewal look like no change.
    Increasing,
}

/// How LeaseDuration becomes leaseDurationSeconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WrittenDuration {
    /// Cut to whole seconds.
    Truncated,
    /// Rounded up to whole seconds.
    RoundedUp,
}

/// When a candidate looks at the Lease again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Poll {
    /// After RetryPeriod x (1 + 1.2 u), u uniform in `[0, 1)`, from the end of the last attempt.
    Jittered,
    /// The same, or at the instant at which the record in sight expires if that comes first.
    JitteredOrAtExpiry,
}

/// A protocol: one value for each rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each field is named after its type, which says what it is")]
pub struct Rules {
    pub expiry: Expiry,
    pub deadline_from: DeadlineFrom,
    pub stop_when: StopWhen,
    pub other_holder: OtherHolder,
    pub missing_while_leading: MissingWhileLeading,
    pub missing_while_candidate: MissingWhileCandidate,
    pub wait: Wait,
    pub no_holder: NoHolder,
    pub own_name: OwnName,
    pub lost_response: LostResponse,
    pub release: Release,
    pub cancel_work: CancelWork,
    pub content: Content,
    pub renew_time: RenewTime,
    pub written_duration: WrittenDuration,
    pub poll: Poll,
    pub first_try: FirstTry,
    pub ticks: Ticks,
    pub release_within: ReleaseWithin,
}

impl Rules {
    /// client-go v0.34 to v0.36, exactly. Other releases: [`ClientGo`](super::ClientGo).
    pub const CLIENT_GO: Self = Self {
        expiry: Expiry::LocalObservation,
        deadline_from: DeadlineFrom::RoundStart,
        stop_when: StopWhen::BetweenAttempts,
        other_holder: OtherHolder::RetryUntilDeadline,
        missing_while_leading: MissingWhileLeading::Recreate,
        missing_while_candidate: MissingWhileCandidate::LeadAtOnce,
        wait: Wait::Record,
        no_holder: NoHolder::Free,
        own_name: OwnName::Mine,
        lost_response: LostResponse::RenewFirst,
        release: Release::TrustMemory,
        cancel_work: CancelWork::AfterRelease,
        content: Content::Seconds,
        renew_time: RenewTime::WallClock,
        written_duration: WrittenDuration::Truncated,
        poll: Poll::Jittered,
        first_try: FirstTry::Update,
        ticks: Ticks::Kept,
        release_within: ReleaseWithin::RenewDeadline,
    };

    /// At most one leader under any message delay, loss, duplication and reordering, any wall clock,
    /// crashes, restarts, deletions and foreign edits.
    pub const STRICT: Self = Self {
        expiry: Expiry::LocalObservation,
        deadline_from: DeadlineFrom::LastSend,
        stop_when: StopWhen::AtDeadline,
        other_holder: OtherHolder::StopAtOnce,
        missing_while_leading: MissingWhileLeading::StopAtOnce,
        missing_while_candidate: MissingWhileCandidate::Quarantine,
        wait: Wait::LargerOfBoth,
        no_holder: NoHolder::FreeIfReleased,
        own_name: OwnName::MineIfSent,
        lost_response: LostResponse::RenewFirst,
        release: Release::OwnLastWrite,
        cancel_work: CancelWork::BeforeRelease,
        content: Content::Exact,
        renew_time: RenewTime::Increasing,
        written_duration: WrittenDuration::RoundedUp,
        poll: Poll::JitteredOrAtExpiry,
        first_try: FirstTry::Update,
        ticks: Ticks::Kept,
        release_within: ReleaseWithin::RenewDeadline,
    };

    /// Expiry by the own wall clock, as in several small libraries.
    pub const RENEW_TIME: Self = Self {
        expiry: Expiry::WallClock,
        deadline_from: DeadlineFrom::RenewTime,
        stop_when: StopWhen::BetweenAttempts,
        other_holder: OtherHolder::StopAtNextLoop,
        missing_while_leading: MissingWhileLeading::Recreate,
        missing_while_candidate: MissingWhileCandidate::LeadAtOnce,
        wait: Wait::Record,
        no_holder: NoHolder::Free,
        own_name: OwnName::Mine,
        lost_response: LostResponse::LeadAtOnce,
        release: Release::TrustMemory,
        cancel_work: CancelWork::AfterRelease,
        content: Content::Seconds,
        renew_time: RenewTime::WallClock,
        written_duration: WrittenDuration::Truncated,
        poll: Poll::Jittered,
        first_try: FirstTry::Update,
        ticks: Ticks::Kept,
        release_within: ReleaseWithin::RenewDeadline,
    };
}
