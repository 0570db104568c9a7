//! A request on its way through the faults: there, at the server, and back.

use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::body::Bytes;
use smol_str::SmolStr;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::answer::{Answer, Content};
use super::edit;
use super::failure::{Failure, Form, details_of};
use super::faults::{Fate, Gate, HeldCall, Leaves, Wanted};
use super::request::{Request, Target};
use super::server::Shared;
use super::verbs::Call;
use crate::sim::plan::{ServerError, Verb};
use crate::store::text::Quoted;
use crate::store::{LeaseSpec, ObjectPath, Revision, RevisionClaim, StoreError, Tree};

/// How long a read waits for a revision that is yet to come.
const FUTURE_WITHIN: Duration = Duration::from_secs(3);

/// A request of a client, with everything that it needs to be carried out.
#[derive(Clone)]
pub(crate) struct Passage {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: usize,
    pub(crate) request: Arc<Request>,
    pub(crate) target: Target,
    pub(crate) body: Bytes,
}

/// How a request ends for its client.
pub(crate) enum Ended {
    /// With an answer.
    Answered(Result<Answer, Failure>),
    /// The connection is closed.
    Refused,
    /// Not at all.
    Never,
}

/// A request that is sent once more: nobody carries it out once the client has given up, unless that was asked for.
struct Copy(Option<AbortHandle>);

impl Copy {
    /// The client has its answer, or does not matter.
    fn goes_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Some(copy) = &self.0 {
            copy.abort();
        }
    }
}

impl Passage {
    /// Takes the request through everything that befalls it. It may never end; the client going away ends it.
    pub(crate) async fn travel(self) -> Ended {
        let fate = self.shared.faults.fate(self.client, self.verb());
        if fate.refused {
            return Ended::Refused;
        }
        let back = fate.response.clone();
        let shared = Arc::clone(&self.shared);
        let again = fate.again_after.map(|after| self.send_again(&fate, after));
        let goes_on = fate.applied_after_cancel && !fate.request.lost;
        let ended = if goes_on {
            // It goes on even if whoever waits for it does not.
            tokio::spawn(self.arrive(fate)).await.unwrap_or(Ended::Refused)
        } else {
            self.arrive(fate).await
        };
        if let Ended::Never = ended {
            std::future::pending::<()>().await;
        }
        pass(&shared, &back).await;
        if let Some(again) = again {
            again.goes_on();
        }
        ended
    }

    /// Sends a copy, which goes a way of its own: the first may be lost. Only the first is answered.
    fn send_again(&self, fate: &Fate, after: Duration) -> Copy {
        let mut fate = fate.clone();
        fate.request.lost = false;
        fate.request.after += after;
        let stays = fate.applied_after_cancel;
        let task = tokio::spawn(self.clone().arrive(fate));
        Copy((!stays).then(|| task.abort_handle()))
    }

    /// The way there, and what the server makes of it.
    async fn arrive(self, fate: Fate) -> Ended {
        pass(&self.shared, &fate.request).await;
        wait(self.shared.faults.slowness()).await;
        if self.shared.faults.is_down() {
            return Ended::Refused;
        }
        if self.request.method == "GET"
            && let Err(failure) = self.wait_for_revision().await
        {
            return Ended::Answered(Err(failure));
        }
        let writes = self.request.method != "GET";
        let gate = match fate.fails {
            true => Gate::Fails(ServerError::Internal { applied: false }),
            false => self.shared.faults.gate(writes),
        };
        match gate {
            Gate::Open => Ended::Answered(self.perform()),
            Gate::Fails(error) => self.fail(error),
            // The cache answers without asking the storage.
            Gate::Storage(_) if !writes && self.request.query.get("resourceVersion") == "0" => {
                Ended::Answered(self.perform())
            }
            Gate::Storage(outage) => {
                if outage.applied && writes {
                    self.hold(outage.id);
                }
                Ended::Answered(Err(Failure::internal("etcdserver: no leader")))
            }
        }
    }

    /// Leaves a write to the storage, for when it has a leader again.
    fn hold(self, outage: u64) {
        let Self { shared, client, request, target, body } = self;
        let call = HeldCall { outage, client, request, target, body };
        if let Some(late) = shared.faults.hold(call) {
            // It is over by now.
            let _unknown = Self::held(&shared, late).perform();
        }
    }

    fn held(shared: &Arc<Shared>, call: HeldCall) -> Self {
        let HeldCall { client, request, target, body, .. } = call;
        Self { shared: Arc::clone(shared), client, request, target, body }
    }

    /// A read of the future waits for it, for a while.
    async fn wait_for_revision(&self) -> Result<(), Failure> {
        let RevisionClaim::At(wanted) = RevisionClaim::parse(self.request.query.get("resourceVersion"))
        else {
            return Ok(());
        };
        let mut revisions = self.shared.revisions();
        let reached = timeout(FUTURE_WITHIN, revisions.wait_for(|&revision| revision >= wanted.get())).await;
        if let Ok(Ok(_)) = reached {
            return Ok(());
        }
        let current = self.shared.store().revision();
        let failure = Failure::from(StoreError::RevisionTooLarge { requested: wanted, current });
        // No cache stands before Events, which would say when it may have caught up.
        Err(if self.target.kind.plural == "events" { failure.without_retry() } else { failure })
    }

    fn perform(&self) -> Result<Answer, Failure> {
        let Self { shared, client, request, target, body } = self;
        let call = Call::new(request, target, body, super::now());
        if request.method == "GET" {
            let stale = shared.faults.stale_revision();
            let mut store = shared.store();
            // A read changes nothing, so nobody needs to be told.
            return match stale {
                Some(revision) => call.perform_as_of(&mut store, Revision::new(revision)),
                None => call.perform(&mut store),
            };
        }
        let deed = call.prepare(&**shared)?;
        let is_lease = target.kind.plural == "leases";
        if !is_lease {
            return shared.change(deed);
        }
        let (answer, wanted) = shared.change(|store| {
            let spec = |store: &crate::store::Store, name: &str| {
                store
                    .get::<LeaseSpec>(ObjectPath::new(call.namespace(), name))
                    .ok()
                    .map(|lease| lease.spec.clone())
            };
            let before = target.name.as_ref().and_then(|name| spec(store, name));
            let answer = deed(store);
            let name: Option<SmolStr> = target.name.clone().or_else(|| match &answer {
                Ok(Answer { content: Content::Stored(object), .. }) => Some(object.name().clone()),
                _ => None,
            });
            let (Ok(_), Some(name)) = (&answer, name) else { return (answer, Vec::new()) };
            let after = spec(store, &name);
            let lock = (call.namespace().into(), name);
            let wanted = shared.faults.lease_written(*client, lock, before.as_ref(), after.as_ref());
            (answer, wanted)
        });
        shared.drive(wanted);
        answer
    }

    fn fail(&self, error: ServerError) -> Ended {
        let (applied, failure) = match error {
            ServerError::Internal { applied } => (
                applied,
                Some(Failure::internal(
                    "rpc error: code = Unavailable desc = keepalive ping failed to receive ACK within timeout",
                )),
            ),
            ServerError::Unavailable => {
                let message = "the server is currently unable to handle the request";
                (false, Some(Failure::new(503, "ServiceUnavailable", message)))
            }
            ServerError::GatewayTimeout { applied } => {
                let message = "Timeout: request did not complete within the allotted timeout";
                let failure = Failure::new(504, "Timeout", message).with_details(Tree::empty());
                (applied, Some(Failure { form: Form::BareStatus, ..failure }))
            }
            ServerError::TooManyRequests => (false, Some(Failure::too_many_requests())),
            ServerError::Forbidden => (false, Some(self.forbidden())),
            ServerError::Silence { applied } => (applied, None),
        };
        if applied {
            // The outcome stays unknown to the client, and so does a refusal.
            let _unknown = self.perform();
        }
        failure.map_or(Ended::Never, |failure| Ended::Answered(Err(failure)))
    }

    fn forbidden(&self) -> Failure {
        let Self { shared, client, request, target, .. } = self;
        let kind = target.kind;
        let name = target.name.as_deref().unwrap_or("");
        let user = Quoted(&shared.clients.all[*client].name).to_string();
        let verb = match (request.method.as_str(), target.name.is_some()) {
            ("GET", true) => "get",
            ("GET", false) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            (_, true) => "delete",
            (_, false) => "deletecollection",
        };
        let scope = match &target.namespace {
            Some(namespace) => format!("in the namespace {}", Quoted(namespace)),
            None => "at the cluster scope".into(),
        };
        let object =
            if name.is_empty() { kind.resource() } else { format!("{} {}", kind.resource(), Quoted(name)) };
        let message = format!(
            "{object} is forbidden: User {user} cannot {verb} resource {} in API group {} {scope}",
            Quoted(kind.plural),
            Quoted(kind.group)
        );
        Failure::new(403, "Forbidden", message).with_details(details_of(name, kind.group, kind.plural))
    }

    /// What faults that are aimed at a verb go by.
    fn verb(&self) -> Option<Verb> {
        match self.request.method.as_str() {
            "GET" => Some(Verb::Get),
            "POST" => Some(Verb::Create),
            "PUT" | "PATCH" => Some(Verb::Update),
            _ => None,
        }
    }
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// A message on one of its ways.
pub(crate) async fn pass(shared: &Shared, way: &Leaves) {
    if way.lost {
        std::future::pending::<()>().await;
    }
    wait(way.after).await;
    if !way.held_by.is_empty() {
        shared.faults.wait_for_end_of(&way.held_by).await;
    }
}

impl Shared {
    /// Does what the engine wants, now or later.
    pub(crate) fn drive(self: &Arc<Self>, wanted: Vec<Wanted>) {
        for wanted in wanted {
            let shared = Arc::downgrade(self);
            tokio::spawn(async move {
                let after = match &wanted {
                    Wanted::Begin { after, .. } | Wanted::End { after, .. } => *after,
                    Wanted::Edit { .. } => Duration::ZERO,
                };
                wait(after).await;
                if let Some(shared) = Weak::upgrade(&shared) {
                    shared.carry_out(wanted);
                }
            });
        }
    }

    fn carry_out(self: &Arc<Self>, wanted: Wanted) {
        match wanted {
            Wanted::Begin { fault, term, .. } => {
                let next = self.faults.begin_planned(fault, term);
                self.drive(next);
            }
            Wanted::End { id, .. } => _ = self.end_fault(id),
            Wanted::Edit { fault, edit } => {
                if let Some((namespace, name)) = self.faults.lock() {
                    let path = ObjectPath::new(&namespace, &name);
                    self.change(|store| edit::edit(store, path, &edit, &fault, &self.faults, super::now()));
                }
            }
        }
    }

    /// Ends a fault; false if it is not under way.
    pub(crate) fn end_fault(self: &Arc<Self>, id: u64) -> bool {
        let Some((held, wanted)) = self.faults.end(id) else { return false };
        for call in held {
            // Whoever sent it has long been told something else.
            let _unknown = Passage::held(self, call).perform();
        }
        self.drive(wanted);
        true
    }
}
