//! stateright's explorer on the model, with states and actions in words.
//!
//! States forget who is who, so that replicas are called by where they stand in one: first, second, third. The picture beside it
//! follows them by name.

use std::fmt;
use std::hash::{Hash, Hasher};

use stateright::{Model as _, Path, Property};

use super::action::{Action, Edit};
use super::model::{ALWAYS, Model};
use super::pack::State;
use super::setup::{Setup, SetupError};
use super::story::Story;
use super::world::{Link, NOW, Process, World};
use crate::core::state::{Phase, Stage};
use crate::core::{IdentityId, LocalInstant, Op, Record};

/// Serves the explorer until the process ends. `draw` makes an SVG of a run.
///
/// # Errors
/// If it cannot be explored.
pub fn explore(
    setup: Setup,
    address: std::net::SocketAddr,
    draw: fn(&Story, &Setup) -> String,
) -> Result<(), SetupError> {
    let model = Readable { model: Model::new(setup)?, draw };
    let _never_returns = model.checker().serve(address);
    Ok(())
}

/// The model, for people.
#[derive(Debug)]
pub(super) struct Readable {
    pub(super) model: Model,
    pub(super) draw: fn(&Story, &Setup) -> String,
}

/// A state and what it says.
#[derive(Clone)]
pub(super) struct Shown {
    state: State,
    words: String,
}

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl Hash for Shown {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl stateright::Model for Readable {
    type State = Shown;
    type Action = Action;

    fn init_states(&self) -> Vec<Shown> {
        self.model.init_states().into_iter().map(|state| self.shown(state)).collect()
    }

    fn actions(&self, state: &Shown, actions: &mut Vec<Action>) {
        self.model.actions(&state.state, actions);
    }

    fn next_state(&self, last: &Shown, action: Action) -> Option<Shown> {
        self.model.next_state(&last.state, action).map(|state| self.shown(state))
    }

    fn format_action(&self, action: &Action) -> String {
        in_words(*action, self.model.setup())
    }

    fn as_svg(&self, path: Path<Shown, Action>) -> Option<String> {
        let path = path.into_vec().into_iter().map(|(shown, action)| (shown.state, action)).collect();
        Some((self.draw)(&self.model.retell(path)?, self.model.setup()))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ALWAYS[0].0, |_, shown: &Shown| !shown.state.is_broken(ALWAYS[0].1)),
            Property::always(ALWAYS[1].0, |_, shown: &Shown| !shown.state.is_broken(ALWAYS[1].1)),
            Property::always(ALWAYS[2].0, |_, shown: &Shown| !shown.state.is_broken(ALWAYS[2].1)),
            Property::always(ALWAYS[3].0, |_, shown: &Shown| !shown.state.is_broken(ALWAYS[3].1)),
            Property::always(ALWAYS[4].0, |_, shown: &Shown| !shown.state.is_broken(ALWAYS[4].1)),
            Property::always(ALWAYS[5].0, |_, shown: &Shown| !shown.state.is_broken(ALWAYS[5].1)),
            Property::always(ALWAYS[6].0, |_, shown: &Shown| !shown.state.is_broken(ALWAYS[6].1)),
        ]
    }
}

impl Readable {
    pub(super) fn shown(&self, state: State) -> Shown {
        let world = self.model.codec.unpack(&state);
        let mut lines = vec![match &world.lease {
            None => "Lease: none".to_owned(),
            Some(lease) => {
                format!("Lease: {}, version {}", record(&lease.record), lease.version.resource_version)
            }
        }];
        let setup = self.model.setup();
        for place in 0..setup.replicas {
            lines.push(format!("{}: {}", nth(place as u8), about(&world, place, setup)));
        }
        for late in world.late.iter().flatten() {
            let how = if late.expected.is_some() { "update" } else { "create" };
            lines.push(format!("still under way: {how} to {}", record(&late.record)));
        }
        if let Some(ticks) = world.leaderless.filter(|ticks| *ticks < super::apply::ANSWERED) {
            lines.push(format!("without a leader for {}", for_ticks(ticks, setup)));
        }
        Shown { state, words: lines.join("\n") }
    }
}

fn nth(place: u8) -> String {
    ["first", "second", "third"].get(usize::from(place)).map_or_else(String::new, |name| (*name).to_owned())
}

fn holder(id: IdentityId) -> String {
    match id {
        IdentityId(0) => "nobody".to_owned(),
        super::world::STRANGER => "somebody else".to_owned(),
        IdentityId(id) => format!("the {}", nth(id as u8 - 1)),
    }
}

fn record(record: &Record) -> String {
    let transitions = match record.transitions {
        ..=-1 => String::new(),
        n => format!(", leaseTransitions {n}"),
    };
    format!("held by {} for {}{transitions}", holder(record.holder), record.duration())
}

fn for_ticks(ticks: u16, setup: &Setup) -> String {
    crate::core::Span::from_nanos(u64::from(ticks) * setup.tick.as_nanos()).to_string()
}

/// In so long, or so long ago.
fn when(at: LocalInstant) -> String {
    match at {
        LocalInstant::FAR_FUTURE => "at any time".to_owned(),
        at if at > NOW => format!("in {}", at.since(NOW)),
        at => format!("{} ago", NOW.since(at)),
    }
}

fn about(world: &World, index: usize, setup: &Setup) -> String {
    let replica = &world.replicas[index];
    match replica.process {
        Process::NotStarted => return "not started".to_owned(),
        Process::Ended => return "ended".to_owned(),
        Process::Runs => {}
    }
    let m = &replica.memory;
    let mut parts = vec![match m.phase {
        Phase::Idle => "idle".to_owned(),
        Phase::Acquiring => "tries to acquire".to_owned(),
        Phase::Choosing { .. } => "chooses how long to wait".to_owned(),
        Phase::Waiting { until } => format!("tries again {}", when(until)),
        Phase::Resting { until } => format!("holds the Lease, renews {}", when(until)),
        Phase::Renewing { .. } => "holds the Lease, renews it".to_owned(),
        Phase::StoppingWork { .. } => "waits for its work to stop".to_owned(),
        Phase::Releasing { .. } => "releases the Lease".to_owned(),
        Phase::Returned => "is done electing".to_owned(),
    }];
    if replica.paused.is_some() {
        parts.push("stands still".to_owned());
    }
    if let Some(term) = &m.term {
        let until = m.acts_until(setup.rules_of(index).stop_when).filter(|until| *until > NOW);
        parts.push(match (term.stage, until) {
            (Stage::Quarantined { until }, _) => format!("may act {} at the earliest", when(until)),
            (_, Some(LocalInstant::FAR_FUTURE)) => "MAY ACT until told".to_owned(),
            (_, Some(until)) => format!("MAY ACT, until {}", when(until)),
            (_, None) => "may not act any more".to_owned(),
        });
    }
    if let Some(observed) = m.observed.filter(|_| m.term.is_none()) {
        parts.push(format!("saw the Lease {} {}", record(&observed.record), when(observed.at)));
    }
    let request = replica.awaited().map(|(_, op)| match op {
        Op::Get => "Get".to_owned(),
        Op::Create(_) => "Create".to_owned(),
        Op::Update { expected, .. } => {
            let stored = world.lease.is_some_and(|lease| lease.version == expected);
            format!("Update of {}", if stored { "what is stored" } else { "an older version" })
        }
    });
    if let Some(request) = request {
        parts.push(match replica.link {
            Link::Idle => format!("its {request} was given up"),
            Link::Asked { .. } => format!("its {request} is on the way"),
            Link::Answered { result: Ok(_), .. } => format!("the answer to its {request}, ok, is on the way"),
            Link::Answered { result: Err(why), .. } => {
                format!("the answer to its {request}, {why:?}, is on the way")
            }
            Link::Lost => format!("its {request} is lost"),
        });
    }
    parts.join("; ")
}

fn in_words(action: Action, setup: &Setup) -> String {
    let who = |replica: u8| format!("the {}", nth(replica));
    match action {
        Action::Start { replica, ahead: false } => format!("{} starts", who(replica)),
        Action::Start { replica, ahead: true } => format!("{} starts, its wall clock ahead", who(replica)),
        Action::Wake { replica } => format!("{} does what is due", who(replica)),
        Action::GiveUp { replica } => format!("{} gives its request up", who(replica)),
        Action::Choose { replica, ticks, .. } => {
            format!("{} waits {} longer than RetryPeriod", who(replica), for_ticks(ticks, setup))
        }
        Action::Arrive { replica } => format!("the request of {} reaches the server", who(replica)),
        Action::Fetch { replica } => format!("the request of {} is decided and answered", who(replica)),
        Action::FetchTwice { replica } | Action::ArriveTwice { replica } => {
            format!("the request of {} reaches the server twice", who(replica))
        }
        Action::Unheard { replica } => format!("the request of {} is decided, the answer lost", who(replica)),
        Action::EndRight { replica } => format!("the right of {} ends", who(replica)),
        Action::Answer { replica } => format!("the answer reaches {}", who(replica)),
        Action::Lose { replica } => format!("the message of {} is lost", who(replica)),
        Action::LateWrite { .. } => "a write whose sender gave up reaches the server".to_owned(),
        Action::WorkStopped { replica } => format!("the work of {} has stopped", who(replica)),
        Action::Crash { replica } => format!("{} crashes", who(replica)),
        Action::Stop { replica } => format!("{} is told to stop", who(replica)),
        Action::Pause { replica } => format!("{} stands still", who(replica)),
        Action::Resume { replica } => format!("{} goes on", who(replica)),
        Action::StepWall { replica } => format!("the wall clock of {} is set", who(replica)),
        Action::Delete => "somebody deletes the Lease".to_owned(),
        Action::Edit(edit) => match edit {
            Edit::Metadata => "somebody annotates the Lease".to_owned(),
            Edit::ClearHolder => "somebody clears the holder".to_owned(),
            Edit::Stranger => "somebody sets another holder".to_owned(),
            Edit::Holder { replica } => format!("somebody makes {} the holder", who(replica)),
            Edit::Shorten => "somebody sets the duration to 1 s".to_owned(),
        },
        Action::Pass { ticks, clocks: 0 } => format!("{} pass", for_ticks(ticks, setup)),
        Action::Pass { .. } => "a unit of time passes".to_owned(),
    }
}
