//! The files of a certificate. They are configuration, not data: the storage
//! layer knows nothing of them.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use super::{Changed, TlsError};
use crate::limits::PEM_BYTES_MAX;

/// When certificate and key were last written.
pub(super) fn changed_at(certificate: &Path, key: &Path) -> Changed {
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    (time(certificate), time(key))
}

/// The whole file, within [`PEM_BYTES_MAX`].
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let file = File::open(path).map_err(|error| TlsError::of(path, error))?;
    let mut bytes = Vec::new();
    file.take(PEM_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| TlsError::of(path, error))?;
    Ok(bytes)
}

/// Writes a file that only its owner can read, complete or not at all.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    let failed = |error: std::io::Error| TlsError::of(path, error);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    // A part left by an earlier start may have another mode.
    let part = path.with_extension("pem.part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&part, path).map_err(failed)
}
