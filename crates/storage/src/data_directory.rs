//! One data directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Disk, StorageError};

/// An opened and locked data directory.
pub struct DataDirectory {
    path: PathBuf,
}

impl DataDirectory {
    /// Opens or creates the directory.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let _ = path;
        unimplemented!("in progress")
    }

    /// A fresh directory in the system's temporary one, removed on drop.
    pub fn ephemeral() -> Result<Self, StorageError> {
        unimplemented!("in progress")
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal's segments are.
    #[must_use]
    pub fn journal_disk(&self) -> Arc<dyn Disk> {
        unimplemented!("in progress")
    }

    /// Where the view is.
    #[must_use]
    pub fn view_path(&self) -> PathBuf {
        unimplemented!("in progress")
    }

    /// Secret of this data directory, created at first start.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        unimplemented!("in progress")
    }

    /// Drops the ballast so that a checkpoint fits on a full disk.
    pub fn release_ballast(&self) -> Result<(), StorageError> {
        unimplemented!("in progress")
    }

    /// Allocates the ballast if it is missing; `StorageFull` while there is no room.
    pub fn restore_ballast(&self) -> Result<(), StorageError> {
        unimplemented!("in progress")
    }
}
