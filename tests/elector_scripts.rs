//! The elector step by step: each file in `tests/elector` says what goes in and shows what comes out.
//!
//! A script is a line that makes an elector, then commands (`> ...`) with what they cause below them. Run with
//! `REWRITE=1` to write down what is caused now, and read the difference before you commit it.
//!
//! ```text
//! elector PROTOCOL NAME LD/RD/RP [timeout=TIME|none] [release=BOOL] [retry] [trust] [rule=value ...]
//! > start                       the process starts
//! > advance 2s                  time passes; the elector is woken whenever it wants to be
//! > sleep 2s                    time passes, and nobody wakes it
//! > respond [#ID] ok            the write was applied (rv=, uid= if the next ones in order are not meant)
//! > respond [#ID] read FIELDS   the Lease was read: `last` (what was last sent) or fields that differ from an empty
//!                               record: holder= duration= transitions= acquired= renewed= rv= uid=
//! > respond [#ID] conflict      any failure by name
//! > choose 1s                   the answer to `choose`
//! > work-stopped | shutdown
//! > wall -30s                   the wall clock is set
//! > rebase                      goes on with the elector translated to its clock's origin
//! ```
#![cfg(feature = "scenario")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use leasehold::core::{
    ClientGo, ClockBound, Config, Elector, Event, Failure, FencingToken, Identity, IdentityId, Input,
    LocalInstant, Op, Output, Reading, Record, Reply, RequestId, Span, Timings, Version, WallTime,
};
use leasehold::scenario::{Length, RuleChanges};

const NAMES: [&str; 5] = ["nobody", "A", "B", "C", "D"];
/// What wall times are written relative to.
const EPOCH: WallTime = WallTime::from_micros(1_800_000_000_000_000);

fn identity(name: &str) -> IdentityId {
    let known = NAMES.iter().position(|known| *known == name);
    IdentityId(known.unwrap_or_else(|| panic!("nobody is called `{name}`")) as u16)
}

fn name(id: IdentityId) -> &'static str {
    NAMES[usize::from(id.0)]
}

fn span(text: &str) -> Span {
    let length: Length = text.parse().unwrap_or_else(|error| panic!("{error}"));
    Span::from_nanos(length.resolve(&Timings::DEFAULT))
}

/// Seconds after [`EPOCH`].
fn wall(text: &str) -> WallTime {
    WallTime::from_micros(EPOCH.as_micros() + micros(text))
}

fn micros(text: &str) -> i64 {
    match text.strip_prefix('-') {
        Some(back) => -micros(back),
        None => (span(text).as_nanos() / 1_000) as i64,
    }
}

fn shown_wall(time: WallTime) -> String {
    let micros = time.as_micros() - EPOCH.as_micros();
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{}", Span::from_nanos(micros.unsigned_abs() * 1_000))
}

fn shown(record: &Record) -> String {
    let Record { holder, duration_s, transitions, acquired, renewed } = *record;
    format!(
        "holder={} duration={duration_s} transitions={transitions} acquired={} renewed={}",
        name(holder),
        shown_wall(acquired),
        shown_wall(renewed)
    )
}

struct Run {
    elector: Elector,
    local: LocalInstant,
    /// By how much the wall clock is ahead of [`EPOCH`] and the monotonic clock.
    wall_ahead: i64,
    /// The request sent last.
    last_id: RequestId,
    last_sent: Record,
    version: Version,
    out: String,
}

impl Run {
    fn new(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_else(|| panic!("`{line}` ends too soon"));
        let (protocol, me, timings) = (word(), word(), word());
        let timings: Vec<Span> = timings.split('/').map(span).collect();
        let [lease_duration, renew_deadline, retry_period] = timings[..] else { panic!("three durations") };
        let timings = Timings { lease_duration, renew_deadline, retry_period };
        let config = match protocol {
            "client-go" => Config::client_go(timings),
            "strict" => Config::strict(timings, ClockBound::DEFAULT),
            "renew-time" => Config::renew_time(timings),
            other => {
                let line = other.strip_prefix("client-go-");
                let release = ClientGo::ALL.into_iter().find(|release| Some(release.line()) == line);
                let release = release.unwrap_or_else(|| panic!("there is no protocol `{other}`"));
                Config::client_go_release(release, timings)
            }
        };
        let config = words.fold(config.expect("the settings are accepted"), |config, option| {
            match option.split_once('=').unwrap_or((option, "true")) {
                ("timeout", "none") => config.with_request_timeout(None).expect("none is accepted"),
                ("timeout", t) => config.with_request_timeout(Some(span(t))).expect("it is not nothing"),
                ("release", yes) => config.with_release_on_cancel(yes == "true"),
                ("retry", _) => config.with_release_retry(true),
                ("trust", _) => config.with_trusted_fresh_namespace(true),
                (rule, value) => {
                    let changes = serde_json::json!({ rule: value });
                    let changes: RuleChanges =
                        serde_json::from_value(changes).unwrap_or_else(|error| panic!("{rule}: {error}"));
                    config.with_rules(changes.applied_to(*config.rules())).expect("the duration fits")
                }
            }
        });
        Self {
            elector: Elector::new(config, Identity { id: identity(me), incarnation: 7 }),
            local: LocalInstant::ORIGIN,
            wall_ahead: 0,
            last_id: RequestId(0),
            last_sent: Record::default(),
            version: Version { uid: 1, resource_version: 0 },
            out: String::new(),
        }
    }

    fn now(&self) -> Reading {
        let wall = EPOCH.as_micros() + self.local.as_nanos() / 1_000 + self.wall_ahead;
        Reading { local: self.local, wall: WallTime::from_micros(wall) }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}", format!("    {text}").trim_end());
    }

    fn feed(&mut self, input: Input) {
        self.elector.handle(self.now(), input);
        while let Some(output) = self.elector.poll_output() {
            let text = self.shown_output(output);
            self.line(&text);
        }
    }

    fn shown_output(&mut self, output: Output) -> String {
        match output {
            Output::Request { id, op, deadline } => {
                self.last_id = id;
                let what = match op {
                    Op::Get => "get".to_owned(),
                    Op::Create(record) => {
                        self.last_sent = record;
                        format!("create {}", shown(&record))
                    }
                    Op::Update { record, expected } => {
                        self.last_sent = record;
                        let Version { uid, resource_version } = expected;
                        format!("update uid={uid} rv={resource_version} {}", shown(&record))
                    }
                };
                let until = deadline.map_or(String::new(), |until| format!(", until {until:?}"));
                format!("send #{} {what}{until}", id.0)
            }
            Output::Abandon { id } => format!("abandon #{}", id.0),
            Output::Choose { up_to } => format!("choose up to {up_to}"),
            Output::Event(Event::StartedLeading { token: FencingToken(token) }) => {
                format!("started leading, token {token}")
            }
            Output::Event(Event::StoppedLeading { reason }) => format!("stopped leading: {reason:?}"),
            Output::Event(Event::NewLeader(id)) => format!("new leader {}", name(id)),
            Output::Event(Event::SlowPath) => "slow path".to_owned(),
            Output::Event(Event::Returned { reason }) => format!("returned: {reason:?}"),
        }
    }

    fn command(&mut self, command: &str) {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        match verb {
            "start" => self.feed(Input::Start),
            "advance" => self.advance(span(rest)),
            "sleep" => self.local += span(rest),
            "respond" => self.respond(rest),
            "choose" => self.feed(Input::Choice(span(rest))),
            "work-stopped" => self.feed(Input::WorkStopped),
            "shutdown" => self.feed(Input::Shutdown),
            "wall" => self.wall_ahead += micros(rest),
            "rebase" => {
                let before = self.elector.may_act(self.local);
                self.elector = self.elector.rebased(self.local);
                // The wall clock goes on.
                self.wall_ahead += self.local.as_nanos() / 1_000;
                self.local = LocalInstant::ORIGIN;
                assert_eq!(self.elector.may_act(self.local), before);
            }
            _ => panic!("there is no command `{command}`"),
        }
        self.state();
    }

    fn advance(&mut self, by: Span) {
        let until = self.local + by;
        while let Some((at, why)) = self.elector.next_wake().filter(|(at, _)| *at <= until) {
            self.local = self.local.max(at);
            self.line(&format!("{:?} {why:?}", self.local));
            self.feed(Input::Wake);
        }
        self.local = until;
    }

    fn respond(&mut self, text: &str) {
        let mut words = text.split_whitespace().peekable();
        let id = words.next_if(|word| word.starts_with('#')).map(|word| word[1..].parse().expect("a number"));
        let id = id.map_or(self.last_id, RequestId);
        let what = words.next().expect("what the answer is");
        let mut record = Record::default();
        let written = what == "ok";
        if written {
            self.version.resource_version += 1;
        }
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse::<u32>().unwrap_or_else(|_| panic!("`{word}` has no number"));
            match key {
                "last" => record = self.last_sent,
                "holder" => record.holder = identity(value),
                "duration" => record.duration_s = number() as i32,
                "transitions" => record.transitions = number() as i32,
                "acquired" => record.acquired = wall(value),
                "renewed" => record.renewed = wall(value),
                "rv" => self.version.resource_version = number().into(),
                "uid" => self.version.uid = number().into(),
                _ => panic!("there is no field `{key}`"),
            }
        }
        let version = self.version;
        let result = match what {
            "ok" => Ok(Reply::Written { version }),
            "read" => Ok(Reply::Read { record, version }),
            "not-found" => Err(Failure::NotFound),
            "already-exists" => Err(Failure::AlreadyExists),
            "conflict" => Err(Failure::Conflict),
            "forbidden" => Err(Failure::Forbidden),
            "refused" => Err(Failure::Refused),
            "server-error" => Err(Failure::ServerError),
            _ => panic!("there is no answer `{what}`"),
        };
        self.feed(Input::Response { id, result });
    }

    /// What holds after a command.
    fn state(&mut self) {
        let acts = match self.elector.acts_until() {
            Some(LocalInstant::FAR_FUTURE) => "may act".to_owned(),
            Some(until) if self.elector.may_act(self.local) => format!("may act until {until:?}"),
            _ => "may not act".to_owned(),
        };
        let wake = self.elector.next_wake();
        let wake = wake.map_or(String::new(), |(at, why)| format!(", wakes {at:?} {why:?}"));
        let ignored = self.elector.ignored_responses();
        let ignored = if ignored > 0 { format!(", {ignored} ignored") } else { String::new() };
        let text = format!("= {:?} {acts}{wake}{ignored}", self.local);
        self.line(&text);
    }
}

/// The script with what its commands cause now.
fn replayed(script: &str) -> String {
    let mut text = String::new();
    let mut run: Option<Run> = None;
    for line in script.lines() {
        if let Some(rest) = line.strip_prefix("elector ") {
            run = Some(Run::new(rest));
        } else if let Some(command) = line.strip_prefix("> ") {
            let run = run.as_mut().expect("a script first makes an elector");
            run.command(command.trim());
            let _ = write!(text, "{line}\n{}", std::mem::take(&mut run.out));
            continue;
        } else if line.starts_with("    ") {
            continue;
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

#[test]
fn every_script_causes_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/elector");
    let rewrite = std::env::var_os("REWRITE").is_some();
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 15, "the scripts are part of the repository");
    let mut wrong = String::new();
    for file in files {
        let script = fs::read_to_string(&file).unwrap();
        let now = replayed(&script);
        if rewrite && now != script {
            fs::write(&file, &now).unwrap();
        } else if now != script {
            let line = now.lines().zip(script.lines()).take_while(|(now, then)| now == then).count();
            let at = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").to_owned();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let _ = write!(wrong, "\n{name}:{}\n  says   {}\n  causes {}\n", line + 1, at(&script), at(&now));
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nREWRITE=1 writes down what is caused now");
}

#[test]
fn electors_that_differ_only_in_when_they_live_are_equal_once_rebased() {
    let run = |before: &str| {
        let mut run = Run::new("strict A 15s/10s/2s");
        run.advance(span(before));
        // Wall times are part of what it remembers.
        run.wall_ahead = -(run.local.as_nanos() / 1_000);
        for command in ["start", "respond not-found", "respond ok", "respond ok", "advance 3s"] {
            run.command(command);
        }
        run
    };
    let (early, late) = (run("0s"), run("7s"));
    assert!(early.elector != late.elector);
    assert!(early.elector.rebased(early.local) == late.elector.rebased(late.local));
    let other = run("8s");
    assert!(early.elector.rebased(LocalInstant::ORIGIN) != other.elector.rebased(other.local));
}
