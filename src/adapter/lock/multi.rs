//! Two locks at once, for a fleet that moves from one kind to another: first every replica takes both the
//! old and the new one, then only the new one.
//!
//! What client-go's `MultiLock` wrote, byte for byte, with two differences in when it writes: a primary that exists
//! already is not taken for created, and the secondary is not overwritten if its record changed since it was read.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use k8s_openapi::api::core::v1::ObjectReference;

use super::{Answer, Content, Lock, Named, Refusal, Seen, open};
use crate::core::Failure;

/// The holder where the two locks name different ones.
const UNKNOWN: &str = "leaderelection.k8s.io/unknown";

#[derive(Clone)]
pub(super) struct MultiLock {
    primary: Arc<dyn Lock>,
    secondary: Arc<dyn Lock>,
    /// The secondary as it was last read or written; none if there was none.
    held: Arc<Mutex<Option<Seen>>>,
}

impl MultiLock {
    pub(super) fn new(primary: Arc<dyn Lock>, secondary: Arc<dyn Lock>) -> Self {
        Self { primary, secondary, held: Arc::default() }
    }

    fn hold(&self, seen: Option<Seen>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    fn held(&self) -> Option<Seen> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes the secondary, also where somebody has touched something on it that is not the record, or deleted it.
    async fn write_secondary(&self, content: Content) -> Result<Seen, Refusal> {
        let Some(held) = self.held() else { return self.secondary.create(content).await };
        let refusal = match self.secondary.update(content.clone(), held.version).await {
            Err(refusal) if refusal.failure == Failure::Conflict => refusal,
            written => return written,
        };
        match self.secondary.get().await {
            Ok(seen) if seen.content == held.content => self.secondary.update(content, seen.version).await,
            Ok(_) => Err(refusal),
            Err(gone) if gone.failure == Failure::NotFound => self.secondary.create(content).await,
            Err(other) => Err(other),
        }
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
                    let seen = both(seen, &other.content);
                    this.hold(Some(other));
                    Ok(seen)
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
            this.hold(Some(other));
            Ok(seen)
        }
        .boxed()
    }

    fn update(&self, content: Content, expected: Named) -> Answer {
        let this = self.clone();
        async move {
            let seen = this.primary.update(content.clone(), expected).await?;
            let other = this.write_secondary(content).await.map_err(open)?;
            this.hold(Some(other));
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
