//! A record on one object.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};

use super::carrier::Carrier;
use super::{Answer, Content, Lock, LockPlan, Named, Refusal, Seen};
use crate::core::Failure;

/// A lock on one object of one kind. Clones share what they saw.
#[derive(Clone)]
pub(super) struct ObjectLock<K> {
    api: Api<K>,
    namespace: String,
    name: String,
    labels: BTreeMap<String, String>,
    fractions: bool,
    /// The object as it was last read or written: an update sends back whatever is not the record's.
    last: Arc<Mutex<Option<K>>>,
}

impl<K: Carrier> ObjectLock<K> {
    pub(super) fn new(client: &Client, plan: &LockPlan) -> Self {
        Self {
            api: Api::namespaced(client.clone(), &plan.namespace),
            namespace: plan.namespace.clone(),
            name: plan.name.clone(),
            labels: plan.labels.clone(),
            fractions: plan.fractions,
            last: Arc::default(),
        }
    }

    fn last(&self) -> Option<K> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The object with another record on it.
    fn with(&self, mut object: K, content: &Content) -> K {
        object.write(content, self.fractions);
        if !self.labels.is_empty() {
            let labels = object.meta_mut().labels.get_or_insert_default();
            labels.extend(self.labels.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        object
    }

    fn empty(&self) -> K {
        K::empty(ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            ..ObjectMeta::default()
        })
    }

    fn saw(&self, answer: Result<K, kube::Error>) -> Result<Seen, Refusal> {
        let object = answer?;
        let content = object.content().map_err(|text| Refusal::new(Failure::ServerError, text))?;
        let version = Named {
            uid: object.meta().uid.clone().unwrap_or_default(),
            resource_version: object.meta().resource_version.clone().unwrap_or_default(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(object);
        Ok(Seen { content, version })
    }
}

fn post_params() -> PostParams {
    PostParams { field_manager: Some("leasehold".to_owned()), ..PostParams::default() }
}

impl<K: Carrier> Lock for ObjectLock<K> {
    fn get(&self) -> Answer {
        let this = self.clone();
        async move { this.saw(this.api.get(&this.name).await) }.boxed()
    }

    fn create(&self, content: Content) -> Answer {
        let this = self.clone();
        let object = this.with(this.empty(), &content);
        async move { this.saw(this.api.create(&post_params(), &object).await) }.boxed()
    }

    fn update(&self, content: Content, expected: Named) -> Answer {
        let this = self.clone();
        let mut object = this.with(this.last().unwrap_or_else(|| this.empty()), &content);
        // With the uid, so that a Lease that was deleted is never brought back by a renewal.
        object.meta_mut().uid = Some(expected.uid);
        object.meta_mut().resource_version = Some(expected.resource_version);
        async move { this.saw(this.api.replace(&this.name, &post_params(), &object).await) }.boxed()
    }

    fn references(&self) -> Vec<ObjectReference> {
        let metadata = self.last().map(|object| object.meta().clone()).unwrap_or_default();
        vec![ObjectReference {
            api_version: Some(K::API_VERSION.to_owned()),
            kind: Some(K::KIND.to_owned()),
            namespace: Some(self.namespace.clone()),
            name: Some(self.name.clone()),
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            ..ObjectReference::default()
        }]
    }
}
