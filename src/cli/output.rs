//! Files that appear whole or not at all, and standard output that may go away.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// A file that is written under a temporary name beside its own, and gets its own when it is complete.
pub(super) struct WholeFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl WholeFile {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        if path.is_dir() {
            anyhow::bail!("{}: is a directory; give a file's name", path.display());
        }
        let file = tempfile::Builder::new()
            .prefix(".leasehold-")
            .tempfile_in(folder)
            .with_context(|| format!("{}: cannot write in {}", path.display(), folder.display()))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<()> {
        let failed = || format!("{}: cannot write", self.path.display());
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error).with_context(failed)?;
        let file = file.persist(&self.path).map_err(|error| error.error).with_context(failed)?;
        make_readable(&file).with_context(failed)
    }
}

/// A temporary file is its owner's only; what it becomes is a file like any other.
#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes a whole file at once.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = WholeFile::create(path)?;
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
