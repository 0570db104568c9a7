//! The model as stateright sees it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use stateright::Property;

use super::action::{Action, Witness};
use super::apply::{Listener, Rules};
use super::pack::{Codec, State};
use super::setup::{Question, Setup};
use super::world::{Broken, World};

/// What can be checked of a [`Setup`].
#[derive(Debug)]
pub struct Model {
    pub(super) codec: Codec,
    /// Set from outside to end a search early.
    pub(super) stop: AtomicBool,
    /// How many states were not looked at because of it.
    pub(super) skipped: AtomicUsize,
    /// Whether each property is asked by itself, for whoever reads along.
    pub(super) names_properties: bool,
    /// Tells it from other models in one process.
    number: u64,
    seen: AtomicU32,
    worst: AtomicU32,
}

/// Properties that must always hold, with the bits that say they do not.
pub(super) const ALWAYS: [(&str, u8); 6] = [
    (AT_MOST_ONE_LEADER, Broken::TWO_LEADERS),
    ("fencing tokens increase from term to term", Broken::TOKEN_ORDER),
    ("a store that checks tokens takes no stale write", Broken::STALE_WRITE),
    ("the leader does not change without a cause", Broken::NO_CAUSE),
    ("the stored Lease changes by conditional writes only", Broken::STORE),
    (A_LEADER_IN_TIME, Broken::TOO_LONG),
];

/// That none of them is broken.
pub(super) const ALL_HOLD: &str = "every property holds";

impl Setup {
    /// The properties that are looked at, by name.
    #[must_use]
    pub fn property_names(&self) -> Vec<&'static str> {
        let in_time = matches!(self.question, Question::Failover { .. });
        let asked =
            |name: &str, what: u8| self.properties.0 & what != 0 && (in_time || name != A_LEADER_IN_TIME);
        ALWAYS.iter().filter(|(name, what)| asked(name, *what)).map(|(name, _)| *name).collect()
    }
}

/// The property that this is all about.
pub const AT_MOST_ONE_LEADER: &str = "at most one leader";
/// The property of [`super::Question::Failover`].
pub const A_LEADER_IN_TIME: &str = "a leader in time";

impl Model {
    /// A model of this.
    ///
    /// # Errors
    /// If it cannot be explored.
    pub fn new(setup: Setup) -> Result<Self, super::SetupError> {
        setup.validate()?;
        Ok(Self {
            codec: Codec::new(setup),
            stop: AtomicBool::new(false),
            skipped: AtomicUsize::new(0),
            names_properties: false,
            number: MODELS.fetch_add(1, Ordering::Relaxed),
            seen: AtomicU32::new(0),
            worst: AtomicU32::new(0),
        })
    }

    /// What it is a model of.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.codec.setup
    }

    pub(super) fn has_seen(&self, witness: Witness) -> bool {
        self.seen.load(Ordering::Relaxed) & 1 << witness as u8 != 0
    }

    /// The most ticks that it took until somebody led, where that was asked.
    pub(super) fn worst_ticks(&self) -> u32 {
        self.worst.load(Ordering::Relaxed)
    }

    pub(super) fn apply(&self, world: &mut World, action: Action) {
        Rules { setup: &self.codec.setup, listener: &mut Watch(self) }.apply(world, action);
    }
}

/// Notes what was seen at all. Which thread sees it first does not matter.
struct Watch<'m>(&'m Model);

impl Listener for Watch<'_> {
    fn witness(&mut self, witness: Witness) {
        let bit = 1 << witness as u8;
        if self.0.seen.load(Ordering::Relaxed) & bit == 0 {
            self.0.seen.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn took(&mut self, ticks: u16) {
        self.0.worst.fetch_max(u32::from(ticks), Ordering::Relaxed);
    }
}

impl State {
    /// Whether a property that must always hold does not, by its bit.
    pub(super) fn is_broken(&self, what: u8) -> bool {
        self.first_byte() & what != 0
    }

    /// The first property that it breaks.
    pub(super) fn broken(&self) -> Option<&'static str> {
        ALWAYS.iter().find(|(_, what)| self.is_broken(*what)).map(|(name, _)| *name)
    }
}

static MODELS: AtomicU64 = AtomicU64::new(0);

/// The state that a thread looked at last, unpacked, and room to try each action on a copy of it.
struct Desk {
    of: Option<(u64, State)>,
    before: World,
    after: World,
}

thread_local! {
    static DESK: RefCell<Desk> =
        const { RefCell::new(Desk { of: None, before: World::EMPTY, after: World::EMPTY }) };
}

impl Desk {
    fn lay_out(&mut self, model: &Model, state: &State) {
        let laid_out = matches!(&self.of, Some((number, of)) if *number == model.number && of == state);
        if !laid_out {
            let same_model = matches!(&self.of, Some((number, _)) if *number == model.number);
            self.before = model.codec.unpack(state);
            if !same_model {
                self.after = self.before;
            }
            self.of = Some((model.number, *state));
        }
    }
}

impl stateright::Model for Model {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.codec.pack(&self.codec.setup.beginning()).0]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if self.stop.load(Ordering::Relaxed) {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        DESK.with_borrow_mut(|desk| {
            desk.lay_out(self, state);
            self.codec.setup.moves(&desk.before, actions);
        });
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        DESK.with_borrow_mut(|desk| {
            desk.lay_out(self, last);
            desk.after.copy_from(&desk.before, self.codec.setup.replicas);
            self.apply(&mut desk.after, action);
            Some(self.codec.pack(&desk.after).0)
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        if !self.names_properties {
            // One question a state instead of six: which property it is that a state breaks, the state tells.
            return vec![Property::always(ALL_HOLD, |_, state: &State| !state.is_broken(Broken::ANYTHING))];
        }
        vec![
            Property::always(ALWAYS[0].0, |_, state: &State| !state.is_broken(ALWAYS[0].1)),
            Property::always(ALWAYS[1].0, |_, state: &State| !state.is_broken(ALWAYS[1].1)),
            Property::always(ALWAYS[2].0, |_, state: &State| !state.is_broken(ALWAYS[2].1)),
            Property::always(ALWAYS[3].0, |_, state: &State| !state.is_broken(ALWAYS[3].1)),
            Property::always(ALWAYS[4].0, |_, state: &State| !state.is_broken(ALWAYS[4].1)),
            Property::always(ALWAYS[5].0, |_, state: &State| !state.is_broken(ALWAYS[5].1)),
        ]
    }
}
