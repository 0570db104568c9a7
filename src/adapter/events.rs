//! Events on the lock, with client-go's reason and messages.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::task::JoinSet;

/// An Event is a courtesy: it is not repeated, and must not pile up behind a server that hangs.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

const LAST_MOMENT: Duration = Duration::from_secs(1);

pub(super) const BECAME_LEADER: &str = "became leader";
pub(super) const STOPPED_LEADING: &str = "stopped leading";

/// Writes Events in the background.
pub(super) struct Events {
    client: Client,
    component: String,
    identity: String,
    under_way: JoinSet<()>,
}

impl Events {
    pub(super) fn new(client: Client, component: &str, identity: &str) -> Self {
        Self {
            client,
            component: component.to_owned(),
            identity: identity.to_owned(),
            under_way: JoinSet::new(),
        }
    }

    /// Tells that this process `did` something. Must be called on a runtime.
    pub(super) fn tell(&mut self, about: ObjectReference, did: &str) {
        let event = self.event(about, did, Timestamp::now());
        let client = self.client.clone();
        while self.under_way.try_join_next().is_some() {}
        drop(self.under_way.spawn(async move {
            let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
            let api = Api::<Event>::namespaced(client, namespace);
            let params = PostParams::default();
            let written = tokio::time::timeout(GIVE_UP_AFTER, api.create(&params, &event));
            match written.await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the Event could not be written"),
                Err(_) => tracing::warn!("the Event could not be written within {GIVE_UP_AFTER:?}"),
            }
        }));
    }

    /// Gives what is under way a last moment.
    pub(super) async fn flush(&mut self) {
        let all = async { while self.under_way.join_next().await.is_some() {} };
        _ = tokio::time::timeout(LAST_MOMENT, all).await;
    }

    /// Named, dated and counted as client-go's recorder does.
    fn event(&self, about: ObjectReference, did: &str, now: Timestamp) -> Event {
        let name = about.name.as_deref().unwrap_or("lock");
        let seconds = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
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
