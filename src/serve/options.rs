//! The query parameters of writes: dry runs, field managers, field validation.

use super::failure::{BadOption, Failure};
use super::managed::Writer;
use super::request::Request;
use super::schema::Kind;
use crate::core::WallTime;

/// What to do about fields that the schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validation {
    Ignore,
    Warn,
    Strict,
}

/// The parameters of a write.
#[derive(Clone, Debug)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    pub(crate) validation: Validation,
    pub(crate) force: bool,
    pub(crate) writer: Writer,
}

const MANAGER_BYTES_MAX: usize = 128;

impl WriteOptions {
    /// Reads them; `name` is what the server calls them, such as `CreateOptions`.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(crate) fn read(
        request: &Request,
        kind: &Kind,
        name: &str,
        is_apply: bool,
        now: WallTime,
    ) -> Result<Self, Failure> {
        let query = &request.query;
        let mut errors = Vec::new();
        let manager = query.get("fieldManager");
        let force = query.flag("force");
        if name == "PatchOptions" {
            if is_apply && manager.is_empty() {
                errors.push(required("fieldManager", "is required for apply patch"));
            } else if !is_apply && force.is_some() {
                errors.push(BadOption {
                    field: "force",
                    reason: "FieldValueForbidden",
                    message: "Forbidden: may not be specified for non-apply patch".into(),
                });
            }
        }
        check_manager(manager, &mut errors);
        check_dry_run(request, &mut errors);
        let validation = match query.get("fieldValidation") {
            "" | "Warn" => Validation::Warn,
            "Ignore" => Validation::Ignore,
            "Strict" => Validation::Strict,
            other => {
                let quoted = crate::store::text::Quoted(other);
                errors.push(BadOption {
                    field: "fieldValidation",
                    reason: "FieldValueNotSupported",
                    message: format!(
                        "Unsupported value: {quoted}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
                    ),
                });
                Validation::Warn
            }
        };
        if !errors.is_empty() {
            return Err(Failure::invalid_options(name, &errors));
        }
        let manager = if manager.is_empty() { manager_of(&request.user_agent) } else { manager };
        let writer = Writer { manager: manager.into(), api_version: kind.api_version().into(), now };
        let dry_run = query.all("dryRun").any(|value| value == "All");
        Ok(Self { dry_run, validation, force: force == Some(true), writer })
    }
}

fn required(field: &'static str, why: &str) -> BadOption {
    BadOption { field, reason: "FieldValueRequired", message: format!("Required value: {why}") }
}

fn check_manager(manager: &str, errors: &mut Vec<BadOption>) {
    let field = "fieldManager";
    if manager.len() > MANAGER_BYTES_MAX {
        let message = format!("Too long: may not be more than {MANAGER_BYTES_MAX} bytes");
        errors.push(BadOption { field, reason: "FieldValueTooLong", message });
    }
    if let Some((at, c)) = manager.chars().enumerate().find(|(_, c)| c.is_control()) {
        let quoted = crate::store::text::Quoted(manager);
        let code = u32::from(c);
        let message = format!("Invalid value: {quoted}: invalid character U+{code:04X} (at position {at})");
        errors.push(BadOption { field, reason: "FieldValueInvalid", message });
    }
}

/// `dryRun` may be absent or `All`.
pub(crate) fn check_dry_run(request: &Request, errors: &mut Vec<BadOption>) {
    let values: Vec<_> = request.query.all("dryRun").collect();
    if values.iter().any(|value| *value != "All") {
        let values: Vec<_> = values.iter().map(|v| crate::store::text::Quoted(v).to_string()).collect();
        let message = format!("Unsupported value: [{}]: supported values: \"All\"", values.join(","));
        errors.push(BadOption { field: "dryRun", reason: "FieldValueNotSupported", message });
    }
}

/// The name of a client that gives none: its User-Agent up to the first slash.
fn manager_of(user_agent: &str) -> &str {
    let name = user_agent.split('/').next().unwrap_or("");
    let cut = (0..=name.len().min(MANAGER_BYTES_MAX)).rev().find(|&at| name.is_char_boundary(at));
    match &name[..cut.unwrap_or(0)] {
        "" => "unknown",
        name => name,
    }
}
