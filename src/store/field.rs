//! What is wrong with a field, in the server's words.

use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::text::{Quoted, rfc3339};
use crate::core::WallTime;

/// The sort of error, with the `reason` of its Status cause.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FieldProblem {
    /// `FieldValueInvalid`.
    Invalid,
    /// `FieldValueRequired`.
    Required,
    /// `FieldValueForbidden`.
    Forbidden,
    /// `FieldValueTooLong`.
    TooLong,
    /// `FieldValueNotSupported`.
    NotSupported,
}

impl FieldProblem {
    /// The `reason` of a Status cause.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::Required => "FieldValueRequired",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::NotSupported => "FieldValueNotSupported",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid value",
            Self::Required => "Required value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::NotSupported => "Unsupported value",
        }
    }
}

/// The value that was refused, where the message shows it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum BadValue {
    /// Not shown.
    Hidden,
    /// Shown as it is.
    Number(i64),
    /// Shown in quotes.
    Text(SmolStr),
    /// Shown as it is: the text of a list or a struct.
    Raw(SmolStr),
    /// Shown in quotes, to the second.
    Time(WallTime),
}

/// One field that failed validation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FieldError {
    /// The path, such as `spec.leaseDurationSeconds`.
    pub field: Cow<'static, str>,
    /// The sort of error.
    pub problem: FieldProblem,
    /// The refused value.
    pub value: BadValue,
    /// What was expected.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// A value that breaks a rule.
    pub(super) fn invalid(
        field: impl Into<Cow<'static, str>>,
        value: BadValue,
        detail: &'static str,
    ) -> Self {
        Self { field: field.into(), problem: FieldProblem::Invalid, value, detail: detail.into() }
    }

    /// A text that breaks a rule.
    pub(super) fn invalid_text(
        field: impl Into<Cow<'static, str>>,
        value: &str,
        detail: &'static str,
    ) -> Self {
        Self::invalid(field, BadValue::Text(value.into()), detail)
    }

    /// A value that is missing.
    pub(super) fn required(field: impl Into<Cow<'static, str>>, detail: &'static str) -> Self {
        let (problem, value) = (FieldProblem::Required, BadValue::Hidden);
        Self { field: field.into(), problem, value, detail: detail.into() }
    }

    /// A field that may not be set, or not so.
    pub(super) fn forbidden(field: impl Into<Cow<'static, str>>, detail: &'static str) -> Self {
        let (problem, value) = (FieldProblem::Forbidden, BadValue::Hidden);
        Self { field: field.into(), problem, value, detail: detail.into() }
    }

    /// The message without the field, as in the `message` of a Status cause.
    #[must_use]
    pub fn body(&self) -> String {
        let words = self.problem.words();
        let mut body = match &self.value {
            BadValue::Hidden => words.into(),
            BadValue::Number(n) => format!("{words}: {n}"),
            BadValue::Text(text) => format!("{words}: {}", Quoted(text)),
            BadValue::Raw(text) => format!("{words}: {text}"),
            BadValue::Time(at) => format!("{words}: \"{}\"", rfc3339(at.as_secs(), None)),
        };
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// Several errors as the server joins them: each text once, in brackets if more than one remains.
pub(super) fn joined(errors: &[FieldError]) -> String {
    let (mut texts, mut seen) = (Vec::new(), BTreeSet::new());
    for error in errors {
        let text = error.to_string();
        if seen.insert(text.clone()) {
            texts.push(text);
        }
    }
    if texts.len() == 1 { texts.remove(0) } else { format!("[{}]", texts.join(", ")) }
}
