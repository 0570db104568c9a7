//! Events on the lock, with client-go's reason and messages.

use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{PostParams, Request};
use kube::{Client, Resource as _};
use tokio::task::JoinSet;

use super::connection::Line;

/// An Event is a courtesy: it is not repeated, and must not pile up behind a server that hangs.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// The longest name that an object may have.
const NAME_MAX: usize = 253;

const LAST_MOMENT: Duration = Duration::from_secs(1);

pub(super) const BECAME_LEADER: &str = "became leader";
pub(super) const STOPPED_LEADING: &str = "stopped leading";

/// Writes Events in the background.
pub(super) struct Events {
    line: Line,
    component: String,
    identity: String,
    under_way: JoinSet<()>,
}

impl Events {
    pub(super) fn new(line: Line, component: &str, identity: &str) -> Self {
        Self {
            line,
            component: component.to_owned(),
            identity: identity.to_owned(),
            under_way: JoinSet::new(),
        }
    }

    /// Tells that this process `did` something, on each object of the lock. Must be called on a runtime.
    pub(super) fn tell(&mut self, about: Vec<ObjectReference>, did: &str) {
        while self.under_way.try_join_next().is_some() {}
        for about in about {
            let event = self.event(about, did, Timestamp::now());
            let line = self.line.clone();
            let written = async move {
                let write = async {
                    let _turn = line.turn_of_event().await;
                    write(line.client(), event).boxed().await
                };
                match tokio::time::timeout(GIVE_UP_AFTER, write).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "the Event could not be written"),
                    Err(_) => tracing::warn!("the Event could not be written within {GIVE_UP_AFTER:?}"),
                }
            };
            // A task that has ended is kept until the next Event, which may be days: without the future, whose
            // 5 kB would be half of what an election needs.
            drop(self.under_way.spawn(written.boxed()));
        }
    }

    /// Gives what is under way a last moment.
    pub(super) async fn flush(&mut self) {
        let all = async { while self.under_way.join_next().await.is_some() {} };
        _ = tokio::time::timeout(LAST_MOMENT, all).await;
    }

    /// Named, dated and counted as client-go's recorder does.
    fn event(&self, about: ObjectReference, did: &str, now: Timestamp) -> Event {
        let mut name = format!("{}.{:x}", about.name.as_deref().unwrap_or("lock"), now.as_nanosecond());
        if name.len() > NAME_MAX {
            name = uuid::Uuid::new_v4().to_string();
        }
        let seconds = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: about.namespace.clone(),
                ..ObjectMeta::default()
            },
            type_: Some("Normal".to_owned()),
            reason: Some("LeaderElection".to_owned()),
            message: Some(format!("{} {did}", self.identity)),
            source: Some(EventSource { component: Some(self.component.clone()), host: None }),
            reporting_component: Some(self.component.clone()),
            first_timestamp: Some(seconds.clone()),
            last_timestamp: Some(seconds),
            count: Some(1),
            involved_object: about,
            ..Event::default()
        }
    }
}

async fn write(client: &Client, event: Event) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
    let request = Request::new(Event::url_path(&(), Some(namespace)));
    let mut request = request.create(&PostParams::default(), serde_json::to_vec(&event)?)?;
    // Or there were two connections for the lock to choose from, and after a break in the network two to try in vain.
    let close = http::HeaderValue::from_static("close");
    request.headers_mut().insert(http::header::CONNECTION, close);
    client.request::<Event>(request).await?;
    Ok(())
}
