//! What was found, in words. Figures are not here: they are measured.

use leasehold::core::ClientGo;

/// A defect.
pub(crate) struct Finding {
    /// The schedule that shows it.
    pub(crate) schedule: &'static str,
    pub(crate) title: &'static str,
    /// What happens in it.
    pub(crate) story: &'static str,
    /// Which settings are affected.
    pub(crate) settings: &'static str,
    /// What `strict` does instead.
    pub(crate) strict: &'static str,
    /// The release whose trace is shown.
    pub(crate) shown: ClientGo,
}

const CURRENT: ClientGo = ClientGo::V0_36;

pub(crate) const FINDINGS: [Finding; 12] = [
    Finding {
        schedule: "late-response",
        title: "The leader's deadline counts from an answer, not from the renewal",
        story: "One renewal is applied at once, but its answer takes 9.5 s; then the leader is cut off. Its next round \
                begins RetryPeriod after the answer and has all of RenewDeadline, while the others wait LeaseDuration from \
                the write.",
        settings: "All without an HTTP timeout below LD - RD - RP: an answer that is later than that is enough. A bare \
                   client-go program has no HTTP timeout.",
        strict: "The right to lead ends RenewDeadline after the last renewal that succeeded was *sent*.",
        shown: CURRENT,
    },
    Finding {
        schedule: "late-response-http-timeout",
        title: "An HTTP timeout of RenewDeadline/2 shortens that, and does not end it",
        story: "The same with a timeout of 5 s, as kube-controller-manager and controller-runtime set it, and an answer \
                that takes 4.5 s.",
        settings: "Those with a timeout above LD - RD - RP, which is 3 s at 15/10/2.",
        strict: "As above.",
        shown: CURRENT,
    },
    Finding {
        schedule: "late-request",
        title: "A slow request is as bad as a slow answer",
        story: "The request of the first renewal takes 5.5 s. It carries a renewTime of the same second as the \
                acquisition, and candidates compare records by whole seconds: when it is applied at last, it does not \
                restart their wait. Then the leader is cut off.",
        settings: "All: the first renewal follows the acquisition at once. The request must take more than LD - RD - RP.",
        strict: "Compares the whole record, and writes a later renewTime with each renewal; and its deadline counts from \
                 the sending.",
        shown: CURRENT,
    },
    Finding {
        schedule: "lease-deleted",
        title: "A deleted Lease is taken while its leader leads",
        story: "Somebody deletes the Lease. Whoever polls next creates it and leads at once; the old leader finds \
                another holder at its next renewal and tries on until its RenewDeadline.",
        settings: "All, for up to RP + RD.",
        strict: "A candidate that creates the Lease waits LeaseDuration before it leads; a leader that finds it gone, or \
                 sees another holder, stops at once.",
        shown: CURRENT,
    },
    Finding {
        schedule: "holder-cleared",
        title: "So is one whose holder was cleared",
        story: "Somebody sets holderIdentity to the empty string; that is free for the next poll.",
        settings: "All, for up to RP + RD.",
        strict: "Takes a Lease without holder at once only in the shape that a release writes.",
        shown: CURRENT,
    },
    Finding {
        schedule: "release-outlives",
        title: "ReleaseOnCancel lets the work go on until the release has returned",
        story: "The leader is cut off and its requests hang. When its round has failed, client-go releases the Lease \
                first and cancels the work's context after that, which takes another RenewDeadline.",
        settings: "ReleaseOnCancel. Up to v0.30 nothing bounds a release: the work goes on as long as the request hangs.",
        strict: "The work is stopped first. Who has lost the Lease does not release it.",
        shown: CURRENT,
    },
    Finding {
        schedule: "release-wipes",
        title: "A late release clears somebody else's Lease",
        story: "The leader is cut off; by the time it releases, another holds the Lease and the link heals. The release \
                reads the Lease and clears whatever it read, because its *memory* says that it is the holder. A third \
                replica takes the cleared Lease while the second leads.",
        settings: "ReleaseOnCancel, v0.34 to v0.37: v0.38.0-beta.0 looks at the record that it has read, too. Before v0.34 a release names the version last seen, which is refused; what is left there is the defect above.",
        strict: "A release names the version of its own last write, and is sent once.",
        shown: CURRENT,
    },
    Finding {
        schedule: "fractional",
        title: "LeaseDuration is cut to whole seconds",
        story: "2.9 s/2.5 s/0.5 s: 2 is written, and the others wait 2 s. The leader is cut off.",
        settings: "A LeaseDuration that is not whole seconds, if what is cut off is more than LD - RD - RP leaves. Up to \
                   v0.26 candidates went by their own LeaseDuration.",
        strict: "Rounds up, and waits for the larger of the record's and its own.",
        shown: CURRENT,
    },
    Finding {
        schedule: "same-identity",
        title: "Two processes with one identity both lead, for ever",
        story: "The second sees its own name in the Lease and takes every renewal of the first for its own.",
        settings: "All. The identity is the program's to choose; a host name is not enough where a process can be started \
                   twice.",
        strict: "Knows its own writes by their times; a Lease in its name that it did not write is another's.",
        shown: CURRENT,
    },
    Finding {
        schedule: "mixed-durations",
        title: "Up to v0.26: whoever has the shorter LeaseDuration takes a live Lease",
        story: "A leads at 60/40/10 and does not reach the server for 16 s, which its settings allow. B, with 15/10/2, \
                goes by its own LeaseDuration.",
        settings: "Up to v0.26, where replicas differ in LeaseDuration: during a rollout that changes it.",
        strict: "Waits for the larger of the record's and its own.",
        shown: ClientGo::V0_26,
    },
    Finding {
        schedule: "release-meets-renewal",
        title: "v0.34 to v0.36: a release that meets the own renewal is given up",
        story: "SIGTERM comes while a renewal is on the wire. Its sender gives it up, the server applies it all the same, \
                after the release has read the Lease. The release conflicts and is not tried again: the Lease stays held \
                for a LeaseDuration. v0.37 tries again.",
        settings: "ReleaseOnCancel. It costs time, not safety.",
        strict: "Waits for a renewal in flight before it releases.",
        shown: CURRENT,
    },
    Finding {
        schedule: "release-of-an-old-version",
        title: "Up to v0.33: a release names a version that its own renewal has replaced",
        story: "The same, and SIGTERM comes 2.5 ms later: the renewal is applied before the release arrives. The release \
                reads nothing and names the version last seen; it conflicts.",
        settings: "ReleaseOnCancel. It costs time, not safety. (Up to v0.29 a renewal is two requests, and in this \
                   schedule another of them is under way.)",
        strict: "As above.",
        shown: ClientGo::V0_33,
    },
];
