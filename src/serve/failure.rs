//! Why a request was refused, as a `Status`.

use std::borrow::Cow;

use crate::store::text::Quoted;
use crate::store::{Details, Status, StoreError, Tree};

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) message: String,
    /// The `details`, if there are any.
    pub(crate) details: Option<Tree>,
    /// Some answers are plain text or have an unusual form.
    pub(crate) form: Form,
    pub(crate) retry_after_seconds: Option<u32>,
    /// What few refusals have, kept apart so that all are small.
    pub(crate) aside: Box<Aside>,
}

/// What else a refusal says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside {
    /// `metadata.continue`: how to go on all the same.
    pub(crate) continues: Option<String>,
    /// What was odd about the request besides.
    pub(crate) warnings: Vec<String>,
}

/// What the body of a refusal looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A `Status`.
    Status,
    /// The message as plain text.
    Text,
    /// A `Status` without kind and apiVersion, announced as plain text: what the timeout filter writes.
    BareStatus,
}

/// A field of options that was refused, for [`Failure::invalid_options`].
pub(crate) struct BadOption {
    pub(crate) field: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            message: message.into(),
            details: None,
            form: Form::Status,
            retry_after_seconds: None,
            aside: Box::default(),
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// An error that the server has no better word for: 500 without a reason.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    pub(crate) fn text(code: u16, message: impl Into<String>) -> Self {
        Self { form: Form::Text, ..Self::new(code, "", message) }
    }

    pub(crate) fn with_warnings(mut self, warnings: &[String]) -> Self {
        self.aside.warnings = warnings.to_vec();
        self
    }

    pub(crate) fn with_details(mut self, details: Tree) -> Self {
        self.details = Some(details);
        self
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
            .with_details(Tree::empty())
    }

    pub(crate) fn no_such_path() -> Self {
        Self::text(404, "404 page not found\n")
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).with_details(Tree::empty())
    }

    pub(crate) fn too_many_requests() -> Self {
        let text = Self::text(429, "Too many requests, please try again later.\n");
        Self { retry_after_seconds: Some(1), ..text }
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit}"))
    }

    /// 422 for a body that could not become an object: details have neither kind nor name.
    pub(crate) fn invalid_patch(patched: &str, why: &str) -> Self {
        let body = format!("Invalid value: {}: {why}", Quoted(patched));
        let mut details = Tree::empty();
        details.set("causes", Tree::List(vec![cause("FieldValueInvalid", &body, "patch")]));
        Self::new(422, "Invalid", format!(" \"\" is invalid: patch: {body}")).with_details(details)
    }

    /// 422 for query parameters, all errors at once.
    pub(crate) fn invalid_options(kind: &str, errors: &[BadOption]) -> Self {
        let texts: Vec<_> = errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect();
        let joined = match texts.as_slice() {
            [only] => only.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let mut details = Tree::empty();
        details.set("group", Tree::text("meta.k8s.io"));
        details.set("kind", Tree::text(kind));
        let causes = errors.iter().map(|e| cause(e.reason, &e.message, e.field));
        details.set("causes", Tree::List(causes.collect()));
        Self::new(422, "Invalid", format!("{kind}.meta.k8s.io \"\" is invalid: {joined}"))
            .with_details(details)
    }

    /// The same, without a word of when to try again.
    pub(crate) fn without_retry(mut self) -> Self {
        self.retry_after_seconds = None;
        if let Some(details) = &mut self.details {
            details.remove("retryAfterSeconds");
        }
        self
    }

    /// The body as a `Status`.
    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::empty();
        if self.form == Form::Status {
            tree.set("kind", Tree::text("Status"));
            tree.set("apiVersion", Tree::text("v1"));
        }
        let mut meta = Tree::empty();
        if let Some(token) = &self.aside.continues {
            meta.set("continue", Tree::text(token.as_str()));
        }
        tree.set("metadata", meta);
        tree.set("status", Tree::text("Failure"));
        if !self.message.is_empty() {
            tree.set("message", Tree::text(self.message.clone()));
        }
        if !self.reason.is_empty() {
            tree.set("reason", Tree::text(&*self.reason));
        }
        if let Some(details) = &self.details {
            tree.set("details", details.clone());
        }
        tree.set("code", Tree::number(self.code.into()));
        tree
    }
}

pub(crate) fn cause(reason: &str, message: &str, field: &str) -> Tree {
    let mut tree = Tree::empty();
    for (name, text) in [("reason", reason), ("message", message), ("field", field)] {
        if !text.is_empty() {
            tree.set(name, Tree::text(text));
        }
    }
    tree
}

/// The `details` of an object by its resource.
pub(crate) fn details_of(name: &str, group: &str, kind: &str) -> Tree {
    let mut tree = Tree::empty();
    for (key, text) in [("name", name), ("group", group), ("kind", kind)] {
        if !text.is_empty() {
            tree.set(key, Tree::text(text));
        }
    }
    tree
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        error.status().into()
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let retry_after_seconds =
            status.details.as_ref().map(|details| details.retry_after_seconds).filter(|&n| n > 0);
        Self {
            code: status.code,
            reason: status.reason.unwrap_or_default().into(),
            message: status.message,
            details: status.details.as_ref().map(details),
            form: Form::Status,
            retry_after_seconds,
            aside: Box::default(),
        }
    }
}

/// The `details` of one of the store's own answers.
pub(crate) fn details(of: &Details) -> Tree {
    let mut tree = details_of(&of.name, of.group, of.kind);
    if let Some(uid) = of.uid {
        tree.set("uid", Tree::text(uid.to_string()));
    }
    if !of.causes.is_empty() {
        let causes = of.causes.iter().map(|c| cause(c.reason, &c.message, &c.field));
        tree.set("causes", Tree::List(causes.collect()));
    }
    if of.retry_after_seconds > 0 {
        tree.set("retryAfterSeconds", Tree::number(of.retry_after_seconds.into()));
    }
    tree
}
