//! The world: one loop that takes whatever comes next and lets it happen.

use super::faults::ActiveFault;
use super::follow::Pool;
use super::network::{Message, Window};
use super::node::Node;
use super::observe::{Observer, Outcome};
use super::plan::{Plan, ServerError};
use super::queue::{Class, Queue};
use super::record::Recording;
use super::rng::{Rng, Stream};
use super::schedule::ScheduleError;
use super::server::Server;
use super::trace::{TraceEvent, TraceKind};
use super::work::WorkStore;
use crate::core::WallTime;

/// What happens at some instant. Numbers are indices of the plan or of the world's tables.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// A process starts, with a new identity or not.
    Start { node: usize, new_identity: bool },
    /// A request reaches the server.
    Arrive(usize),
    /// The server decides on a request.
    Decide(usize),
    /// A response reaches its node.
    Deliver(usize),
    /// A throttled node runs again.
    Resume { node: usize, process: u32 },
    /// The guarded work of a node's process has stopped.
    WorkStopped { node: usize, process: u32 },
    /// The guarded work asks whether it may act.
    WorkAsks { node: usize, process: u32, term: u32 },
    /// The guarded work sends what it thought out.
    WorkSends { node: usize, token: u64 },
    /// A write reaches the work's store.
    WorkArrives { node: usize, token: u64 },
    /// A fault begins; if it waited for a term to last, that term.
    FaultBegins { fault: usize, term: Option<(usize, u32)> },
    /// A fault under way ends.
    FaultEnds(usize),
    /// A throttled node stands still once more.
    Throttle(usize),
    /// SIGTERM.
    Terminate(usize),
    /// A node's right to act may have ended while nobody looked.
    Look(usize),
}

/// What a replay dictates: each node's requests, when they were sent and under which number, and what the network and
/// the server made of them.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// For each node, `(sent at, id)` of every request in order.
    pub sends: Vec<Vec<(u64, u32)>>,
    /// For each node, the fates that its requests take in turn, and then anew; where there are none, the plan's links
    /// and server apply.
    pub messages: Vec<Vec<ScriptedMessage>>,
}

/// What becomes of a request, apart from what faults do.
#[derive(Clone, Debug, Default)]
pub struct ScriptedMessage {
    /// How long it takes to be decided.
    pub request_ns: u64,
    /// How long its answer takes.
    pub response_ns: u64,
    /// It is lost.
    pub lost: bool,
    /// Its answer is lost.
    pub response_lost: bool,
    /// It arrives again, so long after the first time, even if that was lost.
    pub again_ns: Option<u64>,
    /// The server fails it.
    pub error: Option<ServerError>,
    /// The server fails it only if it is a write.
    pub writes_only: bool,
}

/// A world that can be run again and again, with one seed and run number after the other.
#[derive(Clone, Debug)]
pub struct World<'p> {
    pub(super) plan: &'p Plan,
    pub(super) now: u64,
    pub(super) queue: Queue<Happening>,
    pub(super) nodes: Vec<Node>,
    pub(super) server: Server,
    pub(super) messages: Vec<Message>,
    pub(super) free_messages: Vec<usize>,
    pub(super) windows: Vec<Window>,
    pub(super) faults: Vec<ActiveFault>,
    pub(super) fault_state: Vec<super::faults::FaultState>,
    pub(super) work: WorkStore,
    pub(super) observer: Observer,
    pub(super) requests_sent: u32,
    pub(super) script: Option<Script>,
    /// Waits between polls are multiples of this, where it is given.
    pub(super) grid_ns: Option<u64>,
    /// What was sent, where a schedule says what becomes of it.
    pub(super) pool: Pool,
    pub(super) schedule_error: Option<ScheduleError>,
    pub(super) recording: Option<Recording>,
    trace: Option<Vec<TraceEvent>>,
    done: bool,
}

/// A run of seconds is a few thousand events; a fraction of a second of computing is some hundred thousand.
const EVENTS_BETWEEN_QUESTIONS: u64 = 1 << 17;

impl<'p> World<'p> {
    /// A world in which nothing has happened yet.
    ///
    /// # Panics
    /// If the plan has more than 64 nodes.
    #[must_use]
    pub fn new(plan: &'p Plan) -> Self {
        assert!(plan.nodes.len() <= 64, "a world has at most 64 nodes");
        Self {
            plan,
            now: 0,
            queue: Queue::new(),
            nodes: plan.nodes.iter().map(Node::new).collect(),
            server: Server::new(&plan.server, plan.needs_history()),
            messages: Vec::new(),
            free_messages: Vec::new(),
            windows: Vec::new(),
            faults: Vec::new(),
            fault_state: Vec::new(),
            work: WorkStore::default(),
            observer: Observer::default(),
            requests_sent: 0,
            script: None,
            grid_ns: None,
            pool: Pool::default(),
            schedule_error: None,
            recording: None,
            trace: None,
            done: false,
        }
    }

    /// Follows a recording's jitter and request numbers.
    #[must_use]
    pub fn with_script(mut self, script: Script) -> Self {
        self.script = Some(script);
        self
    }

    /// Waits between polls are multiples of this, so that a model of time in ticks can follow.
    #[must_use]
    pub fn on_grid(mut self, grid_ns: u64) -> Self {
        self.grid_ns = Some(grid_ns.max(1));
        self
    }

    /// Runs once and returns what was measured. The same seed and number give the same run; with a schedule, every
    /// seed does. A schedule that cannot be followed ends the run: see [`World::schedule_error`].
    pub fn run(&mut self, seed: u64, run: u64) -> &Outcome {
        let _never_stopped = self.run_while(seed, run, || true);
        &self.observer.outcome
    }

    /// Runs once as long as it is told to go on, which it asks every now and then. Returns what was measured, or
    /// nothing if it was told to stop.
    pub fn run_while(&mut self, seed: u64, run: u64, go_on: impl Fn() -> bool) -> Option<&Outcome> {
        self.reset(seed, run);
        let plan = self.plan;
        if let Some(steps) = &plan.schedule {
            // Nobody is asked whether to go on: what somebody wrote down step by step is soon done.
            self.follow(steps);
            self.finish();
            return Some(&self.observer.outcome);
        }
        while !self.done && self.step() {
            if self.observer.outcome.events.is_multiple_of(EVENTS_BETWEEN_QUESTIONS) && !go_on() {
                return None;
            }
        }
        if !self.done {
            // Nothing happens any more, but the time until the end counts.
            self.now = self.plan.horizon_ns;
        }
        self.finish();
        Some(&self.observer.outcome)
    }

    /// Runs once and returns also every event.
    pub fn run_traced(&mut self, seed: u64, run: u64) -> (&Outcome, Vec<TraceEvent>) {
        self.trace = Some(Vec::new());
        self.run(seed, run);
        (&self.observer.outcome, self.trace.take().unwrap_or_default())
    }

    fn reset(&mut self, seed: u64, run: u64) {
        self.now = 0;
        self.done = false;
        self.queue.clear();
        self.messages.clear();
        self.free_messages.clear();
        self.windows.clear();
        self.work = WorkStore::default();
        self.observer.clear();
        self.requests_sent = 0;
        self.pool.clear();
        self.schedule_error = None;
        self.server.reset(seed, run);
        for (index, (node, plan)) in self.nodes.iter_mut().zip(&self.plan.nodes).enumerate() {
            node.reset(plan, seed, run, index);
            if self.plan.schedule.is_some() {
                continue;
            }
            let at = node.process_rng.draw(&plan.start);
            self.queue.push(at, Class::World, Happening::Start { node: index, new_identity: false });
        }
        self.reset_faults(|index| Rng::new(seed, run, Stream::Fault(index)));
    }

    /// Lets the next thing happen. Returns whether there was one before the horizon.
    #[inline]
    fn step(&mut self) -> bool {
        let mut due = self.queue.next_due().unwrap_or((u64::MAX, u8::MAX));
        let mut waking = None;
        for (index, node) in self.nodes.iter().enumerate() {
            if node.wake < due {
                due = node.wake;
                waking = Some(index);
            }
        }
        if due.0 >= self.plan.horizon_ns {
            return false;
        }
        debug_assert!(due.0 >= self.now, "time runs backwards");
        self.now = due.0;
        self.observer.outcome.events += 1;
        if let Some(node) = waking {
            self.wake(node);
        } else if let Some(happening) = self.queue.pop() {
            self.happen(happening);
        }
        true
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Start { node, new_identity } => self.start_process(node, new_identity),
            Happening::Arrive(message) => self.arrive(message),
            Happening::Decide(message) => {
                self.server.leave_queue();
                self.decide(message);
            }
            Happening::Deliver(message) => self.deliver(message),
            Happening::Resume { node, process } => self.resume(node, process, false),
            Happening::WorkStopped { node, process } => self.work_stopped(node, process),
            Happening::WorkAsks { node, process, term } => self.work_asks(node, process, term),
            Happening::WorkSends { node, token } => self.work_sends(node, token),
            Happening::WorkArrives { node, token } => self.work_arrives(node, token),
            Happening::FaultBegins { fault, term } => self.fault_begins(fault, term),
            Happening::FaultEnds(active) => self.fault_ends(active),
            Happening::Throttle(active) => self.throttle(active),
            Happening::Terminate(node) => self.terminate(node),
            Happening::Look(node) => self.look(node),
        }
    }

    fn finish(&mut self) {
        self.observer.end(self.now);
        self.observer.outcome.invariant_violations += self.server.broken_invariants();
        for node in &self.nodes {
            self.observer.outcome.ignored_responses += u64::from(node.ignored_responses());
        }
    }

    /// A failover was seen; enough of them end the run.
    pub(super) fn failover_seen(&mut self) {
        let seen = self.observer.outcome.failovers.len();
        self.done |= self.plan.stop_after_failovers.is_some_and(|enough| seen >= enough as usize);
    }

    pub(super) fn wall(&self) -> WallTime {
        WallTime::from_micros(super::clock::WALL_EPOCH_S * 1_000_000 + (self.now / 1_000).cast_signed())
    }

    #[inline]
    pub(super) fn traces(&self) -> bool {
        self.trace.is_some()
    }

    #[inline]
    pub(super) fn note(&mut self, node: Option<usize>, kind: impl FnOnce(&Self) -> TraceKind) {
        if self.trace.is_some() {
            let event = TraceEvent { t_ns: self.now, node, kind: kind(self) };
            if let Some(trace) = &mut self.trace {
                trace.push(event);
            }
        }
    }

    /// Looks whether a node may act from now on.
    #[inline]
    pub(super) fn look(&mut self, index: usize) {
        let acts = self.nodes[index].may_act(self.now);
        if !acts && self.observer.acting() & (1 << index) != 0 {
            self.note(Some(index), |_| TraceKind::RightEnded);
        }
        if self.observer.set_acting(self.now, index, acts) {
            self.note(None, |world| {
                let acting = world.observer.acting();
                let leaders = (0..world.nodes.len()).filter(|node| acting & (1 << node) != 0).collect();
                TraceKind::Overlap { leaders }
            });
        }
    }
}
