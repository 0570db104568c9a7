//! Files that appear whole or not at all, and standard output that may go away.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// A file that is written under a temporary name beside its own, and gets its own when it is complete. What is no
/// regular file (a device, a pipe) is written to directly; a link is followed.
pub(super) struct WholeFile {
    path: PathBuf,
    target: Target,
}

enum Target {
    Temporary(BufWriter<NamedTempFile>),
    Direct(BufWriter<File>),
}

impl WholeFile {
    pub(super) fn create(path: &Path) -> Result<Self> {
        Self::create_as(path, false)
    }

    fn create_as(path: &Path, private: bool) -> Result<Self> {
        let shown = path;
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let cannot = || format!("{}: cannot write", shown.display());
        let existing = path.metadata().ok();
        let target = match &existing {
            Some(found) if found.is_dir() => {
                anyhow::bail!("{}: is a directory; give a file's name", shown.display())
            }
            Some(found) if !found.is_file() => {
                let file = File::options().write(true).open(&path).with_context(cannot)?;
                Target::Direct(BufWriter::new(file))
            }
            _ => {
                // What it becomes is a file like any other: with the permissions of the one it replaces, or the usual ones.
                // A temporary file is private unless it is given others.
                let permissions = existing.map(|found| found.permissions()).or_else(usual_permissions);
                let permissions = permissions.filter(|_| !private);
                Target::Temporary(BufWriter::new(temporary_beside(&path, shown, permissions)?))
            }
        };
        Ok(Self { path, target })
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<()> {
        let cannot = || format!("{}: cannot write", self.path.display());
        match self.target {
            Target::Direct(mut file) => file.flush().with_context(cannot),
            Target::Temporary(file) => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(cannot)?;
                file.persist(&self.path).map_err(|error| error.error).with_context(cannot)?;
                Ok(())
            }
        }
    }
}

fn temporary_beside(path: &Path, shown: &Path, permissions: Option<Permissions>) -> Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".leasehold-");
    if let Some(permissions) = permissions {
        builder.permissions(permissions);
    }
    let file = builder.tempfile_in(folder);
    file.map_err(|error| anyhow::anyhow!("{}: cannot write there: {}", shown.display(), error.kind()))
}

/// Everything that the process's mask leaves.
#[cfg(unix)]
fn usual_permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn usual_permissions() -> Option<Permissions> {
    None
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Temporary(file) => file.write(bytes),
            Target::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Temporary(file) => file.flush(),
            Target::Direct(file) => file.flush(),
        }
    }
}

/// Refuses outputs that cannot be written, that are an input, or that are named twice: before any work is done.
pub(super) fn check_outputs(outputs: &[&Path], inputs: &[PathBuf]) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let inputs: Vec<_> = inputs.iter().map(|path| real(path)).collect();
    let mut seen = Vec::new();
    for path in outputs {
        let place = real(path);
        if inputs.contains(&place) {
            anyhow::bail!("{}: is read as input; write somewhere else", path.display());
        }
        let device = place.metadata().is_ok_and(|found| !found.is_file());
        if seen.contains(&place) && !device {
            anyhow::bail!("{}: is to be written twice", path.display());
        }
        drop(WholeFile::create(path)?);
        seen.push(place);
    }
    Ok(())
}

/// Writes a whole file at once.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write(WholeFile::create(path)?, path, bytes)
}

/// The same for its owner's eyes only, whoever could read the file that it replaces.
pub(super) fn write_private_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write(WholeFile::create_as(path, true)?, path, bytes)
}

fn write(mut file: WholeFile, path: &Path, bytes: &[u8]) -> Result<()> {
    file.write_all(bytes).with_context(|| format!("{}: cannot write", path.display()))?;
    file.finish()
}

/// Prints to standard output. A reader that went away (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

/// Prints a line to standard error, where remarks go that are not results.
pub(super) fn remark(text: impl std::fmt::Display) {
    // Nowhere is left to say that this failed.
    let _lost = writeln!(io::stderr().lock(), "{text}");
}
