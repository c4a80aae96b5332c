//! Elsewhere: buffered writes and `fdatasync`, no reservation.

use std::fs::File;
use std::io;
use std::path::Path;

use super::Allocation;

/// No direct path.
pub(crate) fn open_direct(_path: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// One write that is durable when it returns; may be short.
pub(crate) fn write_through(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    let written = std::os::unix::fs::FileExt::write_at(file, bytes, offset)?;
    file.sync_data()?;
    Ok(written)
}

/// Cannot reserve.
pub(crate) fn allocate(_file: &File, _offset: u64, _bytes: u64) -> io::Result<Allocation> {
    Ok(Allocation::Unsupported)
}

/// Room left for an unprivileged writer.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let room = rustix::fs::statvfs(directory)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Threads have no niceness of their own here.
pub(crate) fn nice_this_thread(_niceness: i32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
