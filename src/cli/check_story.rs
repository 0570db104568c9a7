//! A story in words.

use crate::check::{Action, Chapter, Edit, Heard, Setup, Story};
use crate::core::{Event, Failure, IdentityId, Op, Record, Reply, Span, StopReason};

/// One action and what came of it, in words.
pub(super) struct Told {
    /// When, in nanoseconds of true time.
    pub(super) at_ns: u64,
    /// What happened; nothing, where all that there is to say is what came of it.
    pub(super) what: String,
    /// What came of it.
    pub(super) then: Vec<String>,
    /// Who may act from now on.
    pub(super) acting: Vec<u8>,
    /// Only time passes.
    pub(super) is_pass: bool,
}

impl Told {
    /// Everything in one line.
    pub(super) fn line(&self) -> String {
        let all = std::iter::once(&self.what).filter(|what| !what.is_empty()).chain(&self.then);
        all.map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

pub(super) fn tell(story: &Story, setup: &Setup) -> Vec<Told> {
    let mut known = [Known::default(); 16];
    let chapters = &story.chapters;
    let mut told = Vec::with_capacity(chapters.len());
    for (index, chapter) in chapters.iter().enumerate() {
        let what = action(chapter, setup, &known, ends_at(story, setup, index) - chapter.at_ns);
        for heard in &chapter.heard {
            remember(heard, &mut known);
        }
        if let Action::Answer { replica } | Action::Lose { replica } | Action::GiveUp { replica } =
            chapter.action
        {
            known[usize::from(replica)].answer = None;
        }
        told.push(Told {
            at_ns: chapter.at_ns,
            what,
            then: chapter.heard.iter().map(heard).collect(),
            acting: chapter.acting.clone(),
            is_pass: matches!(chapter.action, Action::Pass { .. }),
        });
    }
    told
}

/// When a chapter ends, in nanoseconds of true time: only the passing of time takes any.
pub(super) fn ends_at(story: &Story, setup: &Setup, index: usize) -> u64 {
    let Chapter { at_ns, action, .. } = story.chapters[index];
    let Action::Pass { ticks, .. } = action else { return at_ns };
    let rate = setup.assumptions.rate;
    let units = if rate.fast == rate.slow { 1 } else { u64::from(rate.slow) };
    story
        .chapters
        .get(index + 1)
        .map_or_else(|| at_ns + setup.tick.as_nanos() / units * u64::from(ticks), |next| next.at_ns)
}

/// What is known of the request that a replica waits for.
#[derive(Clone, Copy, Default)]
struct Known {
    request: u32,
    op: Option<Op>,
    answer: Option<Result<Reply, Failure>>,
}

fn remember(heard: &Heard, known: &mut [Known; 16]) {
    match *heard {
        Heard::Sent { replica, request, op } => {
            known[usize::from(replica)] = Known { request, op: Some(op), answer: None };
        }
        Heard::Decided { replica, request, result, .. } => {
            let known = &mut known[usize::from(replica)];
            if known.request == request {
                known.answer = Some(result);
            }
        }
        Heard::Event { .. } | Heard::Ended { .. } => {}
    }
}

/// What a replica is called.
pub(super) fn name(replica: u8) -> String {
    format!("n{}", u16::from(replica) + 1)
}

/// `1st`, `2nd`, `3rd`, `4th`.
fn ordinal(n: u32) -> String {
    let ending = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

fn action(chapter: &Chapter, setup: &Setup, known: &[Known; 16], lasts_ns: u64) -> String {
    let request = |replica: u8| {
        let known = known[usize::from(replica)];
        match known.op {
            Some(op) => format!("{}'s {} request ({})", name(replica), ordinal(known.request), asked(&op)),
            None => format!("{}'s request", name(replica)),
        }
    };
    match chapter.action {
        Action::Start { replica, ahead: false } => format!("{} starts", name(replica)),
        Action::Start { replica, ahead: true } => format!("{} starts, its wall clock ahead", name(replica)),
        // What it then does says it.
        Action::Wake { .. } if !chapter.heard.is_empty() => String::new(),
        Action::Wake { replica } => format!("a timer of {} fires", name(replica)),
        Action::GiveUp { replica } => format!("{} gives up waiting for its request", name(replica)),
        Action::Choose { replica, ticks, early } => {
            let more =
                Span::from_nanos(u64::from(ticks) * setup.tick.as_nanos() - u64::from(early && ticks > 0));
            let wait = setup.config_of(usize::from(replica)).timings().retry_period.saturating_add(more);
            format!("{} will try again in {wait}", name(replica))
        }
        Action::Arrive { replica } => format!("{} reaches the server", request(replica)),
        Action::Fetch { replica } => format!("{} is decided and answered at once", request(replica)),
        Action::FetchTwice { replica } => {
            format!("{} arrives twice, and the second answer is heard", request(replica))
        }
        Action::Unheard { replica } => {
            format!("{} is decided, but {} never hears of it", request(replica), name(replica))
        }
        Action::EndRight { replica } => format!("{}'s right to lead ends", name(replica)),
        Action::ArriveTwice { replica } => {
            format!("{} reaches the server twice, and the second answer comes back first", request(replica))
        }
        Action::Answer { replica } => match known[usize::from(replica)].answer {
            Some(result) => format!("{}'s answer: {}", name(replica), answer(&result)),
            None => format!("the answer reaches {}", name(replica)),
        },
        Action::Lose { replica } => match known[usize::from(replica)].answer {
            Some(_) => format!("the answer to {} is lost", request(replica)),
            None => format!("{} is lost", request(replica)),
        },
        Action::LateWrite { .. } => match chapter.late {
            Some((replica, number)) => {
                format!(
                    "{}'s {} request, given up long ago, reaches the server",
                    name(replica),
                    ordinal(number)
                )
            }
            None => "a write that was given up reaches the server".to_owned(),
        },
        Action::WorkStopped { replica } => format!("{}'s guarded work has stopped", name(replica)),
        Action::Crash { replica } => format!("{} crashes", name(replica)),
        Action::Stop { replica } => format!("{} is told to stop (SIGTERM)", name(replica)),
        Action::Pause { replica } => format!("{} stands still", name(replica)),
        Action::Resume { replica } => format!("{} runs again", name(replica)),
        Action::StepWall { replica } => format!("{}'s wall clock is set", name(replica)),
        Action::Delete => "somebody deletes the Lease".to_owned(),
        Action::Edit(edit) => format!("somebody {}", edited(edit)),
        Action::Pass { .. } => format!("{} pass", Span::from_nanos(lasts_ns)),
    }
}

fn edited(edit: Edit) -> String {
    match edit {
        Edit::Metadata => "changes an annotation of the Lease".to_owned(),
        Edit::ClearHolder => "clears the Lease's holder".to_owned(),
        Edit::Stranger => "makes a stranger the Lease's holder".to_owned(),
        Edit::Holder { replica } => format!("makes {} the Lease's holder", name(replica)),
        Edit::Shorten => "sets leaseDurationSeconds to 1".to_owned(),
    }
}

fn heard(heard: &Heard) -> String {
    match *heard {
        Heard::Sent { replica, request, op } => {
            format!("{} sends its {} request: {}", name(replica), ordinal(request), asked(&op))
        }
        Heard::Decided { arrivals, result, .. } if arrivals > 1 => {
            format!("the server, the {} time: {}", ordinal(arrivals), answer(&result))
        }
        // A write of what is there already makes no new version.
        Heard::Decided {
            op: Op::Update { expected, .. }, result: Ok(Reply::Written { version }), ..
        } if version == expected => {
            format!("the server: ok, nothing changes, rv {}", version.resource_version)
        }
        Heard::Decided { result, .. } => format!("the server: {}", answer(&result)),
        Heard::Event { replica, event } => format!("{} {}", name(replica), told(&event)),
        Heard::Ended { replica } => format!("{}'s process has ended", name(replica)),
    }
}

/// What a request asks for.
pub(super) fn asked(op: &Op) -> String {
    let releases = |record: &Record| if record.has_release_shape() { ", a release" } else { "" };
    match op {
        Op::Get => "Get".to_owned(),
        Op::Create(_) => "Create".to_owned(),
        Op::Update { record, expected } => {
            format!("Update rv {}{}", expected.resource_version, releases(record))
        }
    }
}

/// What the server says.
pub(super) fn answer(result: &Result<Reply, Failure>) -> String {
    match result {
        Ok(Reply::Read { record, version }) => {
            format!("rv {}, {}", version.resource_version, held(record.holder))
        }
        Ok(Reply::Written { version }) => format!("ok, rv {}", version.resource_version),
        Err(failure) => match failure {
            Failure::NotFound => "404 NotFound",
            Failure::AlreadyExists => "409 AlreadyExists",
            Failure::Conflict => "409 Conflict",
            Failure::Forbidden => "403 Forbidden",
            Failure::Invalid => "422 Invalid",
            Failure::TooManyRequests => "429 TooManyRequests",
            Failure::Refused => "connection refused",
            Failure::ServerError => "500 ServerError",
            Failure::Timeout => "timeout",
        }
        .to_owned(),
    }
}

/// Identities are numbered from 1; whoever is none of the replicas is a stranger.
fn held(holder: IdentityId) -> String {
    match holder {
        IdentityId(0) => "held by nobody".to_owned(),
        holder => format!("held by {}", identity(holder)),
    }
}

fn identity(id: IdentityId) -> String {
    match id {
        IdentityId(0) => "nobody".to_owned(),
        IdentityId(n) if usize::from(n) <= crate::check::REPLICAS_MAX => format!("n{n}"),
        IdentityId(_) => "a stranger".to_owned(),
    }
}

pub(super) fn told(event: &Event) -> String {
    match event {
        Event::StartedLeading { token } => format!("starts leading (token {})", token.0),
        Event::StoppedLeading { reason } => format!("stops leading: {}", why(*reason)),
        Event::NewLeader(id) => format!("sees {} as the leader", identity(*id)),
        Event::SlowPath => "must read before it renews".to_owned(),
        Event::Returned { reason } => format!("is done electing: {}", why(*reason)),
    }
}

fn why(reason: StopReason) -> &'static str {
    match reason {
        StopReason::DeadlinePassed => "the Lease was not renewed in time",
        StopReason::OtherHolder => "somebody else holds the Lease",
        StopReason::LeaseMissing => "the Lease is gone",
        StopReason::Shutdown => "it was told to stop",
    }
}

/// The story as a table: time, what happened, who may act. Chapters in which nothing but time passes and nobody's right ends
/// show in the times of the others.
pub(super) fn timeline(story: &Story, setup: &Setup) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut acting_before: Vec<u8> = Vec::new();
    let all = tell(story, setup);
    let last = all.len().saturating_sub(1);
    for (index, told) in all.into_iter().enumerate() {
        let changes = told.acting != acting_before;
        if told.is_pass && told.then.is_empty() && !changes && index < last {
            continue;
        }
        let leads = match told.acting.as_slice() {
            [] => String::new(),
            [one] => name(*one),
            several => {
                format!("{} !", several.iter().map(|one| name(*one)).collect::<Vec<_>>().join("+"))
            }
        };
        let time = Span::from_nanos(told.at_ns).to_string();
        let line = told.line();
        let line = if line.is_empty() { "a timer fires".to_owned() } else { line };
        let _infallible = writeln!(text, "{time:>14}  {leads:<8}  {line}");
        acting_before = told.acting;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_endings() {
        let endings = [1, 2, 3, 4, 11, 12, 13, 21, 111, 122].map(ordinal);
        assert_eq!(endings, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th", "122nd"]);
    }
}
