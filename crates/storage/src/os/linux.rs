//! Linux: `O_DIRECT`, `pwritev2(RWF_DSYNC)`, `fallocate(KEEP_SIZE)`, `statvfs`.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::{Errno, ReadWriteFlags};

use super::Allocation;

/// A second descriptor past the page cache, or `None` where the file system has no such thing.
pub(crate) fn open_direct(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::DIRECT.bits().cast_signed();
    match OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path)
    {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
        Err(error) => Err(error),
    }
}

/// One write that is durable when it returns; may be short.
pub(crate) fn write_through(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    match rustix::io::pwritev2(file, &[IoSlice::new(bytes)], offset, ReadWriteFlags::DSYNC) {
        Ok(written) => Ok(written),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            let written = file.write_at(bytes, offset)?;
            file.sync_data()?;
            Ok(written)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reserves blocks without changing the length.
pub(crate) fn allocate(file: &File, offset: u64, bytes: u64) -> io::Result<Allocation> {
    loop {
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, offset, bytes) {
            Ok(()) => return Ok(Allocation::Reserved),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Allocation::Unsupported),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sets the niceness of the calling thread alone, which Linux allows (NPTL threads are scheduled each by itself).
pub(crate) fn nice_this_thread(niceness: i32) -> io::Result<()> {
    rustix::process::setpriority_process(None, niceness)?;
    Ok(())
}

/// Room left for an unprivileged writer.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let room = rustix::fs::statvfs(directory)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}
