//! What can be wrong with a scenario, said so that it can be mended.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a scenario cannot be used. Its text is complete and spans several lines: what is wrong, the
/// file with line, column and excerpt, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory cannot be read.
    #[error("{}: cannot read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is not what a scenario is kept in.
    #[error(
        "{}: a scenario is a file whose name ends with .yaml, .yml or .toml, or a directory of such files",
        path.display()
    )]
    NotAScenario {
        /// Which.
        path: PathBuf,
    },
    /// There is no scenario where one was looked for.
    #[error("{}: no scenario in it: no file whose name ends with .yaml, .yml or .toml", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// An override on the command line cannot be read, or not be laid over the file.
    #[error("override `{text}`: {reason}")]
    Override {
        /// As it was written.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// The scenario itself is wrong.
    #[error("{0}")]
    Invalid(Box<Diagnostic>),
}

/// What is wrong with a scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// Which setting of the scenario it concerns, if not all.
    pub setting: Option<String>,
    /// Where it is written.
    pub place: Place,
    /// What to do about it.
    pub help: Option<String>,
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a scenario that was built in code: the field.
    Code {
        /// Its path.
        path: String,
    },
    /// In an override.
    Override {
        /// As it was written.
        text: String,
    },
    /// In a file.
    File {
        /// Its name.
        file: String,
        /// The line, from 1.
        line: u32,
        /// The column, from 1, in characters.
        column: u32,
        /// How many characters are meant.
        width: u32,
        /// The line's text.
        excerpt: String,
    },
}

/// `FILE:LINE:COLUMN`, or whatever comes nearest to it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { path } => f.write_str(path),
            Self::Override { text } => write!(f, "override `{text}`"),
            Self::File { file, line, column, .. } => write!(f, "{file}:{line}:{column}"),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(setting) = &self.setting {
            write!(f, "setting `{setting}`: ")?;
        }
        f.write_str(&self.message)?;
        let mut margin = 0;
        match &self.place {
            Place::Code { path } if path.is_empty() => {}
            Place::Code { path } => write!(f, "\n --> {path}")?,
            Place::Override { text } => write!(f, "\n --> override `{text}`")?,
            Place::File { file, line, column, width, excerpt } => {
                margin = line.to_string().len();
                let shown = excerpt.replace('\t', " ");
                let room = shown.chars().count().saturating_sub(*column as usize - 1).max(1);
                let carets = "^".repeat((*width as usize).clamp(1, room));
                write!(f, "\n{:margin$}--> {file}:{line}:{column}", "")?;
                write!(f, "\n{:margin$} |\n{line} | {}", "", shown.trim_end())?;
                write!(f, "\n{:margin$} | {:indent$}{carets}", "", "", indent = *column as usize - 1)?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n{:margin$} = help: {help}", "")?;
        }
        Ok(())
    }
}
