//! A path through the model, retold with real names, times and request numbers.

use super::action::Action;
use super::apply::{Listener, Rules};
use super::model::Model;
use super::pack::{Order, State, in_order};
use super::world::{LATE_MAX, Origin, REPLICAS_MAX, World};
use crate::core::{Event, Failure, Op, Reply};

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// One for each action of the path.
    pub chapters: Vec<Chapter>,
}

/// One action and what came of it. Replicas are numbered from 0 as they started.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// When, in nanoseconds of true time since the beginning.
    pub at_ns: u64,
    /// What happened.
    pub action: Action,
    /// It happened a nanosecond before that.
    pub early: bool,
    /// The request that it concerned, for a late write.
    pub late: Option<(u8, u32)>,
    /// What came of it.
    pub heard: Vec<Heard>,
    /// Who may act from now on.
    pub acting: Vec<u8>,
}

/// Something that came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A replica sent a request, its so-manieth.
    Sent {
        /// Which.
        replica: u8,
        /// Counted over all its processes, from 1.
        request: u32,
        /// What for.
        op: Op,
    },
    /// The server decided on a request.
    Decided {
        /// Whose.
        replica: u8,
        /// Which.
        request: u32,
        /// How often it has arrived by now.
        arrivals: u32,
        /// What for.
        op: Op,
        /// How.
        result: Result<Reply, Failure>,
    },
    /// An elector told something.
    Event {
        /// Whose.
        replica: u8,
        /// What.
        event: Event,
    },
    /// A process has ended.
    Ended {
        /// Whose.
        replica: u8,
    },
}

#[derive(Default)]
struct Ears(Vec<Heard>);

impl Listener for Ears {
    fn sent(&mut self, replica: usize, request: u32, op: Op) {
        self.0.push(Heard::Sent { replica: replica as u8, request, op });
    }

    fn decided(&mut self, of: Origin, op: &Op, result: Result<Reply, Failure>) {
        let Origin { replica, request, arrivals } = of;
        self.0.push(Heard::Decided { replica, request, arrivals, op: *op, result });
    }

    fn event(&mut self, replica: usize, event: Event) {
        self.0.push(Heard::Event { replica: replica as u8, event });
    }

    fn ended(&mut self, replica: usize) {
        self.0.push(Heard::Ended { replica: replica as u8 });
    }
}

impl Model {
    /// Retells a path of states and the actions between them. Nothing, if worlds with those states do not go that way.
    #[must_use]
    pub fn retell(&self, path: Vec<(State, Option<Action>)>) -> Option<Story> {
        let mut teller = Teller::new(self);
        let mut story = Story::default();
        for (state, action) in path {
            if teller.state() != state {
                return None;
            }
            if let Some(action) = action {
                let concrete = teller.concrete(action);
                story.chapters.push(teller.tell(concrete));
            }
        }
        Some(story)
    }
}

/// Follows a path in a world whose replicas keep their places.
pub(super) struct Teller<'m> {
    model: &'m Model,
    pub(super) world: World,
    order: Order,
    at_ns: u64,
}

impl<'m> Teller<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let world = model.setup().beginning();
        let order = model.codec.pack(&world).1;
        Self { model, world, order, at_ns: 0 }
    }

    pub(super) fn state(&self) -> State {
        self.model.codec.pack(&self.world).0
    }

    /// The action of a canonical state as one of this world.
    pub(super) fn concrete(&self, action: Action) -> Action {
        let late = self.late_in_order();
        action.with_places(|place| self.order[usize::from(place)], |at| late[usize::from(at)])
    }

    /// Where the late writes of the state stand in the world.
    fn late_in_order(&self) -> [u8; LATE_MAX] {
        let mut place_of = [0; REPLICAS_MAX];
        for (place, &index) in self.order.iter().enumerate() {
            place_of[usize::from(index)] = place as u8;
        }
        in_order(&self.world, &place_of).map(|at| at.unwrap_or(0))
    }

    pub(super) fn tell(&mut self, action: Action) -> Chapter {
        let setup = self.model.setup();
        let late = match action {
            Action::LateWrite { at } => {
                self.world.late[usize::from(at)].map(|late| (late.origin.replica, late.origin.request))
            }
            _ => None,
        };
        let at_ns = self.at_ns;
        if let Action::Pass { ticks, .. } = action {
            self.at_ns += setup.unit_ns() * u64::from(ticks);
        }
        let mut ears = Ears::default();
        let early = Rules { setup, listener: &mut ears }.is_early(&self.world, action);
        Rules { setup, listener: &mut ears }.apply(&mut self.world, action);
        self.order = self.model.codec.pack(&self.world).1;
        let acts = |index: &u8| setup.acts(&self.world, usize::from(*index));
        let acting = (0..setup.replicas as u8).filter(acts).collect();
        Chapter { at_ns, action, early, late, heard: ears.0, acting }
    }
}
