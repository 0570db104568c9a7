//! A story as a sequence diagram.

use std::path::Path;

use anyhow::Result;

use super::check_story::{answer, asked, ends_at, name, told};
use super::output::write_file;
use super::pictures::ending;
use crate::check::{Action, Chapter, Edit, Heard, Setup, Story};
use crate::core::{Event, Failure, Op, Reply};
use crate::report::{At, Bar, BarKind, Mark, Message, Outcome, Sequence, TextOptions};

/// Writes the diagram in the format that the file's ending says.
pub(super) fn save(path: &Path, sequence: &Sequence) -> Result<()> {
    match &*ending(path) {
        "svg" => write_file(path, sequence.to_svg().as_bytes()),
        "png" => write_file(path, &sequence.to_png()),
        _ => write_file(path, sequence.to_text(&TextOptions::default()).as_bytes()),
    }
}

/// What happened, message by message.
pub(super) fn sequence(story: &Story, setup: &Setup, title: String) -> Sequence {
    let lanes: Vec<_> = (0..setup.replicas as u8).map(name).collect();
    let mut drawing = Drawing {
        lanes: vec![Lane::default(); lanes.len()],
        sequence: Sequence {
            title,
            notes: vec![format!("Assuming: {}.", setup.sentence())],
            lanes,
            ..Sequence::default()
        },
        order: 0,
        two_since: None,
    };
    for (index, chapter) in story.chapters.iter().enumerate() {
        drawing.chapter(chapter, ends_at(story, setup, index));
    }
    drawing.finish(story.end_ns(setup))
}

/// What a replica is while its story is told.
#[derive(Clone, Default)]
struct Lane {
    leading: Option<At>,
    paused: Option<At>,
    dead: Option<At>,
    /// The request that it waits for, an index of the messages.
    waits_for: Option<usize>,
    /// All of its requests, by number.
    requests: Vec<(u32, usize)>,
}

struct Drawing {
    sequence: Sequence,
    lanes: Vec<Lane>,
    order: u32,
    two_since: Option<At>,
}

impl Drawing {
    fn next(&mut self, ns: u64) -> At {
        self.order += 1;
        At { ns, order: self.order }
    }

    fn mark(&mut self, lane: Option<u8>, at: At, text: impl Into<String>) {
        self.sequence.marks.push(Mark { lane: lane.map(usize::from), at, text: text.into() });
    }

    fn bar(&mut self, replica: usize, from: Option<At>, to: Option<At>, kind: BarKind) {
        if let Some(from) = from {
            self.sequence.bars.push(Bar { lane: replica, from, to, kind });
        }
    }

    fn chapter(&mut self, chapter: &Chapter, ends_ns: u64) {
        let at = self.next(chapter.at_ns);
        let mut last = at;
        self.action(chapter.action, at);
        for heard in &chapter.heard {
            last = self.heard(heard, chapter.at_ns).unwrap_or(last);
        }
        if let Action::Fetch { replica } | Action::FetchTwice { replica } = chapter.action {
            // What it did then was told already; the answer belongs before that.
            self.answered(replica, At { ns: at.ns, order: at.order });
        }
        self.acting(&chapter.acting, last, ends_ns);
    }

    fn action(&mut self, action: Action, at: At) {
        match action {
            Action::Start { replica, .. } => {
                let lane = &mut self.lanes[usize::from(replica)];
                let dead = lane.dead.take();
                lane.waits_for = None;
                if dead.is_none() && at.ns > 0 {
                    self.bar(usize::from(replica), Some(At::default()), Some(at), BarKind::Dead);
                }
                self.bar(usize::from(replica), dead, Some(at), BarKind::Dead);
                self.mark(Some(replica), at, "starts");
            }
            Action::GiveUp { replica } | Action::Choose { replica, .. } => self.abandoned(replica, at),
            Action::Answer { replica } => self.answered(replica, at),
            Action::Crash { replica } => self.ended(replica, at, "crash"),
            Action::Stop { replica } => self.mark(Some(replica), at, "SIGTERM"),
            Action::EndRight { replica } => self.mark(Some(replica), at, "right to lead ends"),
            Action::WorkStopped { replica } => self.mark(Some(replica), at, "work stopped"),
            Action::StepWall { replica } => self.mark(Some(replica), at, "wall clock set"),
            Action::Pause { replica } => self.lanes[usize::from(replica)].paused = Some(at),
            Action::Resume { replica } => {
                let since = self.lanes[usize::from(replica)].paused.take();
                self.bar(usize::from(replica), since, Some(at), BarKind::Paused);
            }
            Action::Delete => self.mark(None, at, "Lease deleted"),
            Action::Edit(edit) => self.mark(
                None,
                at,
                match edit {
                    Edit::Metadata => "annotation changed".to_owned(),
                    Edit::ClearHolder => "holder cleared".to_owned(),
                    Edit::Stranger => "holder set to a stranger".to_owned(),
                    Edit::Holder { replica } => format!("holder set to {}", name(replica)),
                    Edit::Shorten => "duration set to 1 s".to_owned(),
                },
            ),
            Action::Wake { .. }
            | Action::Arrive { .. }
            | Action::ArriveTwice { .. }
            | Action::Fetch { .. }
            | Action::FetchTwice { .. }
            | Action::Unheard { .. }
            | Action::Lose { .. }
            | Action::LateWrite { .. }
            | Action::Pass { .. } => {}
        }
    }

    /// When it happened, if that is drawn.
    fn heard(&mut self, heard: &Heard, ns: u64) -> Option<At> {
        match *heard {
            Heard::Sent { replica, request, op } => {
                let at = self.next(ns);
                self.abandoned(replica, at);
                let at = self.next(ns);
                let message = self.sequence.messages.len();
                self.sequence.messages.push(Message {
                    lane: usize::from(replica),
                    label: asked(&op),
                    sent: at,
                    arrived: None,
                    outcome: Outcome::Lost,
                    result: String::new(),
                    answered: None,
                    ignored: false,
                    abandoned: None,
                });
                let lane = &mut self.lanes[usize::from(replica)];
                lane.waits_for = Some(message);
                lane.requests.push((request, message));
                Some(at)
            }
            Heard::Decided { replica, request, arrivals, op, result } => {
                let at = self.next(ns);
                self.decided((replica, request), arrivals, &op, &result, at);
                Some(at)
            }
            Heard::Event { replica, event } => {
                let at = self.next(ns);
                if let Event::StartedLeading { .. } | Event::StoppedLeading { .. } = event {
                    self.mark(Some(replica), at, told(&event));
                }
                Some(at)
            }
            Heard::Ended { replica } => {
                let at = self.next(ns);
                self.ended(replica, at, "exit");
                Some(at)
            }
        }
    }

    fn decided(
        &mut self,
        (replica, request): (u8, u32),
        arrivals: u32,
        op: &Op,
        result: &Result<Reply, Failure>,
        at: At,
    ) {
        let requests = &self.lanes[usize::from(replica)].requests;
        let Some(&(_, index)) = requests.iter().find(|(number, _)| *number == request) else { return };
        let message = &mut self.sequence.messages[index];
        if arrivals > 1 || message.arrived.is_some() {
            let text = format!("{} of {} again: {}", asked(op), name(replica), answer(result));
            if message.answered.is_none() {
                message.outcome = outcome(result);
                message.result = answer(result);
            }
            self.mark(None, at, text);
            return;
        }
        message.arrived = Some(at);
        message.outcome = outcome(result);
        message.result = answer(result);
    }

    fn answered(&mut self, replica: u8, at: At) {
        if let Some(index) = self.lanes[usize::from(replica)].waits_for.take() {
            self.sequence.messages[index].answered = Some(at);
        }
    }

    fn abandoned(&mut self, replica: u8, at: At) {
        if let Some(index) = self.lanes[usize::from(replica)].waits_for.take() {
            self.sequence.messages[index].abandoned = Some(at);
        }
    }

    fn ended(&mut self, replica: u8, at: At, how: &str) {
        let lane = &mut self.lanes[usize::from(replica)];
        if lane.dead.is_some() {
            return;
        }
        lane.dead = Some(at);
        lane.waits_for = None;
        let paused = lane.paused.take();
        self.bar(usize::from(replica), paused, Some(at), BarKind::Paused);
        self.mark(Some(replica), at, how);
    }

    /// Bars of who leads, from the sets of who may act.
    fn acting(&mut self, acting: &[u8], at: At, ends_ns: u64) {
        let at = At { ns: ends_ns.max(at.ns), order: at.order };
        for replica in 0..self.lanes.len() {
            let leads = acting.iter().any(|one| usize::from(*one) == replica);
            if !leads {
                let since = self.lanes[replica].leading.take();
                self.bar(replica, since, Some(at), BarKind::Leading);
            } else if self.lanes[replica].leading.is_none() {
                self.lanes[replica].leading = Some(self.started_at(replica, at));
            }
        }
        match (acting.len() > 1, self.two_since) {
            (true, None) => {
                self.two_since = self.lanes.iter().filter_map(|lane| lane.leading).max();
            }
            (false, Some(since)) => {
                self.sequence.overlaps.push((since, at));
                self.two_since = None;
            }
            _ => {}
        }
    }

    /// The mark that says why, if it is of now.
    fn started_at(&self, replica: usize, at: At) -> At {
        let marks = self.sequence.marks.iter().rev().take_while(|mark| mark.at.ns == at.ns);
        let own = marks
            .into_iter()
            .find(|mark| mark.lane == Some(replica) && mark.text.starts_with("starts leading"));
        own.map_or(at, |mark| mark.at)
    }

    fn finish(mut self, end_ns: u64) -> Sequence {
        let end = self.next(end_ns);
        for replica in 0..self.lanes.len() {
            let lane = std::mem::take(&mut self.lanes[replica]);
            self.bar(replica, lane.leading, None, BarKind::Leading);
            self.bar(replica, lane.paused, None, BarKind::Paused);
            self.bar(replica, lane.dead, None, BarKind::Dead);
            let started = self.sequence.marks.iter().any(|mark| mark.lane == Some(replica));
            if !started {
                self.bar(replica, Some(At::default()), None, BarKind::Dead);
            }
        }
        if let Some(since) = self.two_since {
            self.sequence.overlaps.push((since, end));
        }
        self.sequence.end_ns = end_ns;
        self.sequence
    }
}

fn outcome(result: &Result<Reply, Failure>) -> Outcome {
    match result {
        Ok(_) => Outcome::Ok,
        Err(Failure::Conflict) => Outcome::Conflict,
        Err(Failure::NotFound) => Outcome::NotFound,
        Err(Failure::AlreadyExists) => Outcome::AlreadyExists,
        Err(Failure::Timeout) => Outcome::Timeout,
        Err(Failure::Refused) => Outcome::Refused,
        Err(Failure::ServerError | Failure::Forbidden | Failure::Invalid | Failure::TooManyRequests) => {
            Outcome::ServerError
        }
    }
}
