//! A record on one object.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::PostParams;

use super::carrier::Carrier;
use super::{Answer, Content, Lock, LockPlan, Named, Refusal, Seen};
use crate::adapter::connection::Line;
use crate::core::Failure;

/// A lock on one object of one kind. Clones are the same one.
pub(super) struct ObjectLock<K>(Arc<Inner<K>>);

impl<K> Clone for ObjectLock<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<K> {
    api: Api<K>,
    line: Line,
    namespace: String,
    name: String,
    labels: BTreeMap<String, String>,
    fractions: bool,
    /// The object as it was last read or written: an update sends back whatever is not the record's. The managed
    /// fields are left out: the server keeps its own where none are sent, and they would be most of what is remembered.
    last: Mutex<Option<K>>,
}

impl<K: Carrier> ObjectLock<K> {
    pub(super) fn new(line: &Line, plan: &LockPlan) -> Self {
        Self(Arc::new(Inner {
            api: Api::namespaced(line.client().clone(), &plan.namespace),
            line: line.clone(),
            namespace: plan.namespace.clone(),
            name: plan.name.clone(),
            labels: plan.labels.clone(),
            fractions: plan.fractions,
            last: Mutex::default(),
        }))
    }

    /// A request that is made when its turn has come: thousands may wait, and what waits should be small.
    fn in_turn<R>(&self, request: impl FnOnce(Arc<Inner<K>>) -> R + Send + 'static) -> Answer
    where
        R: Future<Output = Result<Seen, Refusal>> + Send + 'static,
    {
        let this = Arc::clone(&self.0);
        async move {
            let _turn = this.line.turn().await;
            request(this.clone()).boxed().await
        }
        .boxed()
    }
}

impl<K: Carrier> Inner<K> {
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
        let mut object = answer?;
        object.meta_mut().managed_fields = None;
        let content = object.content().map_err(|text| Refusal::new(Failure::ServerError, text))?;
        let version = Named {
            uid: object.meta().uid.clone().unwrap_or_default(),
            resource_version: object.meta().resource_version.clone().unwrap_or_default(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(object);
        Ok(Seen { content, version })
    }

    async fn get(&self) -> Result<Seen, Refusal> {
        self.saw(self.api.get(&self.name).await)
    }

    async fn create(&self, content: Content) -> Result<Seen, Refusal> {
        let object = self.with(self.empty(), &content);
        self.saw(self.api.create(&post_params(), &object).await)
    }

    async fn update(&self, content: Content, expected: Named) -> Result<Seen, Refusal> {
        let mut object = self.with(self.last().unwrap_or_else(|| self.empty()), &content);
        // With the uid, so that a Lease that was deleted is never brought back by a renewal.
        object.meta_mut().uid = Some(expected.uid);
        object.meta_mut().resource_version = Some(expected.resource_version);
        self.saw(self.api.replace(&self.name, &post_params(), &object).await)
    }
}

fn post_params() -> PostParams {
    PostParams { field_manager: Some("leasehold".to_owned()), ..PostParams::default() }
}

impl<K: Carrier> Lock for ObjectLock<K> {
    fn get(&self) -> Answer {
        self.in_turn(|this| async move { this.get().await })
    }

    fn create(&self, content: Content) -> Answer {
        self.in_turn(|this| async move { this.create(content).await })
    }

    fn update(&self, content: Content, expected: Named) -> Answer {
        self.in_turn(|this| async move { this.update(content, expected).await })
    }

    fn references(&self) -> Vec<ObjectReference> {
        let Self(this) = self;
        let metadata = this.last().map(|object| object.meta().clone()).unwrap_or_default();
        vec![ObjectReference {
            api_version: Some(K::API_VERSION.to_owned()),
            kind: Some(K::KIND.to_owned()),
            namespace: Some(this.namespace.clone()),
            name: Some(this.name.clone()),
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            ..ObjectReference::default()
        }]
    }
}
