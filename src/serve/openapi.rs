//! OpenAPI documents, made from the schema.

use super::answer::Answer;
use super::failure::Failure;
use super::request::Request;

/// Answers to the paths of OpenAPI documents.
///
/// # Errors
/// 404: there is nothing there.
pub(crate) fn answer(_request: &Request) -> Result<Answer, Failure> {
    Err(Failure::no_such_path())
}
