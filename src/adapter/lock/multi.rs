//! Two locks at once, for a fleet that moves from one kind to another: first every replica takes both the
//! old and the new one, then only the new one.
//!
//! What client-go's `MultiLock` wrote, byte for byte, with two differences in when it writes: a primary that exists
//! already is not taken for created, and the secondary is not overwritten if it changed since it was read:
//! a renewal that meets such a change reads both again.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use k8s_openapi::api::core::v1::ObjectReference;

use super::{Answer, Content, Lock, Named, Seen, open};
use crate::core::Failure;

/// The holder where the two locks name different ones.
const UNKNOWN: &str = "leaderelection.k8s.io/unknown";

#[derive(Clone)]
pub(super) struct MultiLock {
    primary: Arc<dyn Lock>,
    secondary: Arc<dyn Lock>,
    /// The secondary's version as it was last read or written; none if there was none.
    held: Arc<Mutex<Option<Named>>>,
}

impl MultiLock {
    pub(super) fn new(primary: Arc<dyn Lock>, secondary: Arc<dyn Lock>) -> Self {
        Self { primary, secondary, held: Arc::default() }
    }

    fn hold(&self, version: Option<Named>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }

    fn held(&self) -> Option<Named> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Lock for MultiLock {
    fn get(&self) -> Answer {
        let this = self.clone();
        let (primary, secondary) = (self.primary.get(), self.secondary.get());
        async move {
            let seen = primary.await?;
            match secondary.await {
                Ok(other) => {
                    this.hold(Some(other.version.clone()));
                    Ok(both(seen, &other.content))
                }
                // Held by a replica that knows the primary only; or never written.
                Err(refusal) if refusal.failure == Failure::NotFound => {
                    this.hold(None);
                    Ok(seen)
                }
                // Not found is what only the primary may say.
                Err(refusal) => Err(refusal),
            }
        }
        .boxed()
    }

    fn create(&self, content: Content) -> Answer {
        let this = self.clone();
        async move {
            let seen = this.primary.create(content.clone()).await?;
            // From here on something was written, whatever comes of the rest.
            let other = this.secondary.create(content).await.map_err(open)?;
            this.hold(Some(other.version));
            Ok(seen)
        }
        .boxed()
    }

    fn update(&self, content: Content, expected: Named) -> Answer {
        let this = self.clone();
        async move {
            let seen = this.primary.update(content.clone(), expected).await?;
            let other = match this.held() {
                Some(version) => this.secondary.update(content, version).await,
                None => this.secondary.create(content).await,
            };
            this.hold(Some(other.map_err(open)?.version));
            Ok(seen)
        }
        .boxed()
    }

    fn references(&self) -> Vec<ObjectReference> {
        [self.primary.references(), self.secondary.references()].concat()
    }
}

/// The primary's record, or, where the secondary names another holder, one that is nobody's and that changes
/// whenever either does: whoever renews one of them must be waited for.
fn both(mut seen: Seen, other: &Content) -> Seen {
    if seen.content.holder != other.holder {
        seen.content = Content {
            holder: UNKNOWN.to_owned(),
            duration_s: seen.content.duration_s.max(other.duration_s),
            transitions: seen.content.transitions.max(other.transitions),
            acquired: seen.content.renewed,
            renewed: other.renewed,
        };
    }
    seen
}
