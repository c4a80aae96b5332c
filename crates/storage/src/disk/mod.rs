//! The seam to files: one directory with flat names. Three implementations exist: the operating system's (`OsDisk`),
//! one that forgets unflushed writes when its process dies (`VolatileDisk`), and the simulator's.

mod aligned;
mod os_disk;
#[cfg(test)]
pub(crate) mod scratch;
#[cfg(test)]
pub(crate) mod faulty;
mod volatile;

use std::io;
use std::sync::Arc;

pub use aligned::AlignedBuffer;
pub use os_disk::OsDisk;
pub use volatile::VolatileDisk;

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Open {
    /// It must exist.
    Existing,
    /// It must not exist yet.
    CreateNew,
}

/// When a write is on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flush {
    /// Before the call returns, metadata needed to read it included.
    BeforeReturn,
    /// With a later `sync` of the same file.
    Later,
}

/// One directory. Names are relative to it and contain no separator.
pub trait Disk: Send + Sync {
    /// Opens or creates a file. A created file survives power loss only after `sync_directory`.
    fn open(&self, name: &str, open: Open) -> io::Result<Arc<dyn DiskFile>>;
    /// Names of all files, in no particular order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Renames, replacing the target; durable after `sync_directory`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes; durable after `sync_directory`. Open files stay readable.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_directory(&self) -> io::Result<()>;
    /// Room left for an unprivileged writer.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// One file. All methods may be called from several threads; overlapping writes are the caller's mistake.
pub trait DiskFile: Send + Sync {
    /// Writes all of `bytes` or fails. Page-aligned offset, length and memory take the direct path where there is one.
    fn write_at(&self, offset: u64, bytes: &[u8], flush: Flush) -> io::Result<()>;
    /// Reads up to `bytes.len()`; fewer only at the end of the file.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize>;
    /// Makes every earlier write durable.
    fn sync(&self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// True for a file without bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reserves room without changing the length; `StorageFull` (ENOSPC) when there is none.
    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()>;
}
