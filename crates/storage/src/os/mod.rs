//! Platform calls behind portable signatures. Linux has them all; elsewhere a plain fallback does the same more slowly.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod portable;

#[cfg(target_os = "linux")]
pub(crate) use linux::{allocate, free_bytes, nice_this_thread, open_direct, write_through};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{allocate, free_bytes, nice_this_thread, open_direct, write_through};

/// Whether the file system could reserve room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Allocation {
    /// The room is ours.
    Reserved,
    /// It cannot tell; only writing shows.
    Unsupported,
}
