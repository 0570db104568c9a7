//! Single fields changed from the command line.

use std::fmt;
use std::str::FromStr;

use super::error::Error;
use super::path::{Path, Step};
use super::source;
use super::tree::{Mark, Node, Value};

const HELP: &str = "\n = help: write PATH=VALUE, such as timings.lease_duration=5s";

/// A field that a command line sets, whatever the file says: `timings.lease_duration=5s`,
/// `nodes.n1.drain=3s`, `faults[0].at=3s`, `expect.failover_s.p99=< 20`, `network.loss=1%`.
///
/// It goes before what `settings` say. What a file says of single nodes still goes before what an
/// override says of all.
#[derive(Clone, Debug)]
pub struct Override {
    path: Path,
    value: Node,
    args: [String; 2],
}

/// Flags that stand for a field: the flag without its dashes, and the field.
pub const SHORTHANDS: [(&str, &str); 8] = [
    ("protocol", "protocol"),
    ("lease-duration", "timings.lease_duration"),
    ("renew-deadline", "timings.renew_deadline"),
    ("retry-period", "timings.retry_period"),
    ("replicas", "replicas"),
    ("release-on-cancel", "release_on_cancel"),
    ("runs", "runs"),
    ("seed", "seed"),
];

impl Override {
    /// Sets the field at `path` to a value written as in YAML.
    ///
    /// # Errors
    /// If the path or the value cannot be read.
    pub fn new(path: &str, value: &str) -> Result<Self, Error> {
        Self::with_args(path, value, ["--set".to_owned(), format!("{path}={value}")])
    }

    /// One of the [`SHORTHANDS`]: `("lease-duration", "5s")` for `--lease-duration 5s`.
    ///
    /// # Errors
    /// If there is no such flag or the value cannot be read.
    pub fn shorthand(flag: &str, value: &str) -> Result<Self, Error> {
        let Some((_, path)) = SHORTHANDS.iter().find(|(name, _)| *name == flag) else {
            let reason = "there is no such flag".to_owned();
            return Err(Error::Override { text: format!("--{flag} {value}"), reason });
        };
        Self::with_args(path, value, [format!("--{flag}"), value.to_owned()])
    }

    /// Sets the field at `path`, for command-line arguments of another form.
    pub(crate) fn with_args(path: &str, value: &str, args: [String; 2]) -> Result<Self, Error> {
        let wrong = |reason| Error::Override { text: shown(&args), reason: format!("{reason}{HELP}") };
        let path = Path::parse(path.trim()).map_err(wrong)?;
        let is_condition = matches!(path.steps(), [Step::Key(key), _, ..] if key == "expect");
        let value = match value.trim() {
            "" => return Err(wrong("the value is missing".to_owned())),
            // `> 0` would be something else in YAML.
            condition if is_condition && condition != "null" => {
                Node::new(Value::Str(condition.to_owned()), Mark::Code)
            }
            value => source::yaml(value).map_err(|error| wrong(error.message))?,
        };
        Ok(Self { path, value, args })
    }

    /// The command-line arguments that give this override.
    #[must_use]
    pub fn args(&self) -> &[String; 2] {
        &self.args
    }

    /// Whether it concerns the list of settings rather than each of them.
    pub(super) fn is_of_settings(&self) -> bool {
        matches!(self.path.steps().first(), Some(Step::Key(key)) if key == "settings")
    }

    /// Sets the field in a document. `index` is this override's own.
    pub(super) fn apply(&self, document: &mut Node, index: usize) -> Result<(), Error> {
        let value = self.value.clone().marked(Mark::Override(index));
        document
            .set(self.path.steps(), value)
            .map_err(|reason| Error::Override { text: self.to_string(), reason })
    }
}

fn shown([flag, value]: &[String; 2]) -> String {
    if flag == "--set" { value.clone() } else { format!("{flag} {value}") }
}

/// As it was written.
impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.args))
    }
}

impl FromStr for Override {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('=') {
            Some((path, value)) => Self::new(path, value),
            None => {
                Err(Error::Override { text: text.to_owned(), reason: format!("the `=` is missing{HELP}") })
            }
        }
    }
}
