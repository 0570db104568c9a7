//! Which files to read.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::source::Format;

/// The scenario files that paths stand for: files as they are, directories with all that is in them,
/// in the order of their names. A file is listed once. Names that begin with a dot are passed over,
/// and so are links to directories.
///
/// # Errors
/// If a path does not exist or cannot be read, a file is not a scenario by its name, or a
/// directory has no scenario in it.
pub fn discover<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, Error> {
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let read = |source| Error::Read { path: path.to_owned(), source };
        let mut files = Vec::new();
        if fs::metadata(path).map_err(read)?.is_dir() {
            walk(path, &mut files)?;
            if files.is_empty() {
                return Err(Error::Empty { path: path.to_owned() });
            }
        } else if Format::of(path).is_some() {
            files.push(path.to_owned());
        } else {
            return Err(Error::NotAScenario { path: path.to_owned() });
        }
        files.retain(|file| !found.contains(file));
        found.append(&mut files);
    }
    Ok(found)
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let read = |source| Error::Read { path: directory.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(read)? {
        let entry = entry.map_err(read)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push((entry.path(), entry.file_type().map_err(read)?));
        }
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, kind) in entries {
        if kind.is_dir() {
            walk(&path, files)?;
        } else if path.is_file() && Format::of(&path).is_some() {
            files.push(path);
        }
    }
    Ok(())
}
