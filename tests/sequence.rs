//! Sequence diagrams: the same bytes twice, well-formed, and everything that was put in is found again.
#![cfg(feature = "report")]

use leasehold::report::{At, Bar, BarKind, Mark, Message, Outcome, Sequence, TextOptions};

const AWKWARD: &str = "a <b> & \"c\" 'd'";

/// Writes a sequence in the order of what happens.
#[derive(Default)]
struct Script {
    sequence: Sequence,
    now_ms: u64,
    order: u32,
}

impl Script {
    fn new(title: &str, lanes: &[&str]) -> Self {
        let lanes = lanes.iter().map(|name| (*name).to_owned()).collect();
        Self {
            sequence: Sequence { title: title.to_owned(), lanes, ..Sequence::default() },
            ..Self::default()
        }
    }

    /// The next event.
    fn event(&mut self) -> At {
        self.order += 1;
        At { ns: self.now_ms * 1_000_000, order: self.order }
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now_ms = ms;
        self
    }

    /// A request, answered at this instant.
    fn ask(&mut self, lane: usize, label: &str, outcome: Outcome, result: &str) -> usize {
        let message = self.send(lane, label);
        self.take(message, outcome, result);
        self.answer(message);
        message
    }

    fn send(&mut self, lane: usize, label: &str) -> usize {
        let (label, sent) = (label.to_owned(), self.event());
        self.sequence.messages.push(Message {
            lane,
            label,
            sent,
            arrived: None,
            outcome: Outcome::Ok,
            result: String::new(),
            answered: None,
            ignored: false,
            abandoned: None,
        });
        self.sequence.messages.len() - 1
    }

    fn take(&mut self, message: usize, outcome: Outcome, result: &str) {
        let at = self.event();
        let message = &mut self.sequence.messages[message];
        (message.arrived, message.outcome, message.result) = (Some(at), outcome, result.to_owned());
    }

    fn answer(&mut self, message: usize) {
        let at = self.event();
        self.sequence.messages[message].answered = Some(at);
    }

    fn give_up(&mut self, message: usize) {
        let at = self.event();
        self.sequence.messages[message].abandoned = Some(at);
    }

    fn mark(&mut self, lane: Option<usize>, text: &str) -> At {
        let at = self.event();
        self.sequence.marks.push(Mark { lane, at, text: text.to_owned() });
        at
    }

    fn bar(&mut self, lane: usize, kind: BarKind, from: At, to: Option<At>) {
        self.sequence.bars.push(Bar { lane, from, to, kind });
    }

    fn end(mut self, ms: u64) -> Sequence {
        self.sequence.end_ns = ms * 1_000_000;
        self.sequence
    }
}

/// A renewal commits at once, its answer arrives late, and counts from then on for who sent it.
fn late_response() -> Sequence {
    let mut s = Script::new("Two replicas lead at once for 6.4 s", &["a", "b"]);
    s.sequence.notes = vec![
        "client-go, LeaseDuration 15 s, RenewDeadline 10 s, RetryPeriod 2 s, JitterFactor 1.2.".to_owned(),
        "Clocks run alike. An answer may take up to 10 s; after it, a is cut off from the server.".to_owned(),
    ];
    s.at(0).ask(0, "Get", Outcome::NotFound, "404");
    s.ask(0, "Create", Outcome::Ok, "ok, rv 1");
    let a = s.mark(Some(0), "starts leading (token 0)");
    s.at(500).ask(1, "Get", Outcome::Ok, "ok, rv 1, held by a");
    for (ms, rv) in [(2_000, 2), (4_000, 3), (6_000, 4), (8_000, 5)] {
        s.at(ms).ask(0, &format!("Update rv {}", rv - 1), Outcome::Ok, &format!("ok, rv {rv}"));
    }
    s.at(9_500).ask(1, "Get", Outcome::Ok, "ok, rv 5, held by a");
    s.at(10_000);
    let late = s.send(0, "Update rv 5");
    s.take(late, Outcome::Ok, "ok, rv 6");
    for ms in [12_200, 14_800, 18_000] {
        s.at(ms).ask(1, "Get", Outcome::Ok, "ok, rv 6, held by a");
    }
    s.at(19_500).answer(late);
    let cut = s.mark(Some(0), "cut off from the server");
    s.at(21_000).ask(1, "Get", Outcome::Ok, "ok, rv 6, held by a");
    s.at(21_500);
    let lost = s.send(0, "Update rv 6");
    s.at(25_100).ask(1, "Get", Outcome::Ok, "ok, rv 6, held by a");
    s.mark(Some(1), "record expired: not seen to change for 15 s");
    s.ask(1, "Update rv 6", Outcome::Ok, "ok, rv 7");
    let b = s.mark(Some(1), "starts leading (token 1)");
    for (ms, rv) in [(27_100, 8), (29_100, 9), (31_100, 10)] {
        s.at(ms).ask(1, &format!("Update rv {}", rv - 1), Outcome::Ok, &format!("ok, rv {rv}"));
    }
    s.at(31_500).give_up(lost);
    let stops = s.mark(Some(0), "stops: deadline passed");
    s.at(33_100).ask(1, "Update rv 10", Outcome::Ok, "ok, rv 11");
    s.bar(0, BarKind::Leading, a, Some(stops));
    s.bar(0, BarKind::CutOff, cut, None);
    s.bar(1, BarKind::Leading, b, None);
    s.sequence.overlaps.push((b, stops));
    s.end(35_000)
}

/// Three replicas, forty messages, and a great deal at the same instants.
fn crowd() -> Sequence {
    let mut s =
        Script::new("Two replicas lead at once after the Lease was deleted", &["node-a", "node-b", "node-c"]);
    s.sequence.notes = vec![
        "renew-time; LeaseDuration 15 s, RenewDeadline 10 s, RetryPeriod 2 s. Clocks of node-b run 2 % fast.".to_owned(),
        "Explored: 3 replicas, 1 deletion, 1 pause, 1 crash, 1 late answer; the first violation of the shortest kind."
            .to_owned(),
    ];
    let starts = s.mark(Some(2), "starts");
    s.bar(2, BarKind::Quarantined, starts, None);
    let gets: Vec<_> = (0..3).map(|lane| s.send(lane, "Get")).collect();
    gets.iter().for_each(|&get| s.take(get, Outcome::NotFound, "404"));
    gets.iter().for_each(|&get| s.answer(get));
    let creates: Vec<_> = (0..3).map(|lane| s.send(lane, "Create")).collect();
    s.take(creates[1], Outcome::Ok, "ok, rv 1");
    s.take(creates[0], Outcome::AlreadyExists, "409 AlreadyExists");
    s.take(creates[2], Outcome::AlreadyExists, "409 AlreadyExists");
    creates.iter().for_each(|&create| s.answer(create));
    let b = s.mark(Some(1), "starts leading (token 0)");
    let mut rv = 1;
    for ms in [2_000, 4_000, 6_000] {
        s.at(ms).ask(1, &format!("Update rv {rv}"), Outcome::Ok, &format!("ok, rv {}", rv + 1));
        rv += 1;
        s.ask(0, "Get", Outcome::Ok, &format!("ok, rv {rv}"));
        s.ask(2, "Get", Outcome::Ok, &format!("ok, rv {rv}"));
    }
    s.at(8_000);
    let (late, other) = (s.send(1, "Update rv 4"), s.send(2, "Get"));
    s.take(late, Outcome::Ok, "ok, rv 5");
    let paused = s.mark(Some(1), "paused");
    s.take(other, Outcome::Ok, "ok, rv 5");
    s.answer(other);
    s.at(8_250);
    let slow = s.send(0, "Get");
    s.at(9_000).mark(None, "Lease deleted");
    s.take(slow, Outcome::NotFound, "404");
    s.ask(2, "Get", Outcome::ServerError, "500");
    s.at(10_000).answer(slow);
    s.ask(0, "Create", Outcome::Ok, "ok, rv 7");
    let a = s.mark(Some(0), "starts leading (token 0)");
    s.at(12_000).ask(2, "Get", Outcome::Ok, "ok, rv 7, held by node-a, of whom nothing else is known");
    s.ask(0, "Update rv 7", Outcome::Ok, "ok, rv 8");
    let crash = s.mark(Some(2), "crash");
    s.at(14_000).ask(0, "Update rv 8", Outcome::Ok, "ok, rv 9");
    let woken = s.at(18_000).mark(Some(1), "wakes");
    s.give_up(late);
    s.answer(late);
    s.sequence.messages[late].ignored = true;
    s.ask(1, "Update rv 5", Outcome::Conflict, "409 Conflict");
    s.ask(1, "Get", Outcome::Ok, "ok, rv 9");
    let drains = s.mark(Some(1), "stops: the Lease is held by another");
    let back = s.mark(Some(2), "starts again");
    let unheard = s.send(2, "Get");
    s.take(unheard, Outcome::Ok, "ok, rv 9");
    s.at(19_000);
    let stopped = s.mark(Some(1), "work has stopped");
    for ms in [20_000, 22_000, 24_000] {
        s.at(ms).ask(
            0,
            &format!("Update rv {}", ms / 2_000 - 1),
            Outcome::Ok,
            &format!("ok, rv {}", ms / 2_000),
        );
        s.ask(1, "Get", Outcome::Ok, &format!("ok, rv {}", ms / 2_000));
        s.ask(2, "Get", Outcome::Ok, &format!("ok, rv {}", ms / 2_000));
    }
    s.sequence.bars[0].to = Some(crash);
    s.bar(1, BarKind::Leading, b, Some(drains));
    s.bar(1, BarKind::Paused, paused, Some(woken));
    s.bar(1, BarKind::Draining, drains, Some(stopped));
    s.bar(0, BarKind::Leading, a, None);
    s.bar(2, BarKind::Dead, crash, Some(back));
    s.sequence.overlaps.push((a, stopped));
    s.end(25_000)
}

#[test]
fn a_counterexample_is_drawn_and_told_the_same_way_every_time() {
    let mut awkward = late_response();
    awkward.title = AWKWARD.to_owned();
    let svg = awkward.to_svg();
    assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"), "what is text must not become markup");
    for sequence in [late_response(), crowd()] {
        let svg = sequence.to_svg();
        assert_eq!(svg, sequence.to_svg());
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for lane in &sequence.lanes {
            assert!(svg.contains(lane.as_str()), "{lane} has no lane");
        }
        assert!(sequence.to_png().starts_with(b"\x89PNG"));
        for options in [
            TextOptions::default(),
            TextOptions { width: 120, ..TextOptions::default() },
            TextOptions { ascii: true, ..TextOptions::default() },
        ] {
            let text = sequence.to_text(&options);
            assert!(sequence.lanes.iter().all(|lane| text.contains(lane.as_str())));
            assert!(!options.ascii || text.is_ascii(), "{text}");
        }
    }
}
