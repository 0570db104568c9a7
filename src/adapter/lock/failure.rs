//! What a failed request tells the core: above all, whether a write may have been applied.

use std::error::Error as _;
use std::fmt;

use crate::core::Failure;

/// A request that failed: the core's word for it, and the server's.
#[derive(Clone, Debug)]
pub(in crate::adapter) struct Refusal {
    pub(in crate::adapter) failure: Failure,
    pub(in crate::adapter) text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.failure, self.text)
    }
}

impl Refusal {
    /// Whether it is what an election is made of, and nothing to worry about.
    pub(in crate::adapter) fn is_routine(&self) -> bool {
        matches!(self.failure, Failure::NotFound | Failure::AlreadyExists | Failure::Conflict)
    }

    pub(super) fn new(failure: Failure, text: impl Into<String>) -> Self {
        Self { failure, text: text.into() }
    }
}

impl From<kube::Error> for Refusal {
    fn from(error: kube::Error) -> Self {
        let failure = match &error {
            kube::Error::Api(status) => of_status(status.code, &status.reason),
            // What cannot be built is never sent.
            kube::Error::BuildRequest(_) | kube::Error::HttpError(_) | kube::Error::Auth(_) => {
                Failure::Refused
            }
            error if was_never_connected(error) => Failure::Refused,
            // A connection that broke, or an answer that cannot be read: the write may have been applied.
            _ => Failure::ServerError,
        };
        Self::new(failure, text(&error))
    }
}

/// By the status code first: a body that is no Status (a proxy's, or a server's short of memory) has no reason.
fn of_status(code: u16, reason: &str) -> Failure {
    match code {
        404 => Failure::NotFound,
        409 if reason == "AlreadyExists" => Failure::AlreadyExists,
        409 => Failure::Conflict,
        401 | 403 => Failure::Forbidden,
        429 => Failure::TooManyRequests,
        // 408 is a proxy's: what it waited for may yet happen.
        400..=407 | 410..=499 => Failure::Invalid,
        _ => Failure::ServerError,
    }
}

/// Whether the connection never came to be, so that the server cannot have seen the request.
fn was_never_connected(error: &kube::Error) -> bool {
    let kube::Error::Service(source) = error else { return false };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(source.as_ref());
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return error.is_connect();
        }
        cause = error.source();
    }
    false
}

fn text(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} {}: {}", status.code, status.reason, status.message);
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_certainly_not_applied_is_definite() {
        for (code, reason, failure) in [
            (404, "NotFound", Failure::NotFound),
            (409, "AlreadyExists", Failure::AlreadyExists),
            (409, "Conflict", Failure::Conflict),
            (403, "Forbidden", Failure::Forbidden),
            (422, "Invalid", Failure::Invalid),
            (429, "", Failure::TooManyRequests),
        ] {
            assert_eq!(of_status(code, reason), failure);
            assert!(failure.is_definite());
        }
        for code in [302, 408, 500, 502, 503, 504, 0] {
            assert!(!of_status(code, "").is_definite(), "{code}");
        }
    }
}
