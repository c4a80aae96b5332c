//! Files of the operating system.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Disk, DiskFile, Open};

/// One directory of the operating system.
pub struct OsDisk {}

impl OsDisk {
    /// The directory must exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let _ = path;
        unimplemented!("in progress")
    }
}

impl Disk for OsDisk {
    fn open(&self, _name: &str, _open: Open) -> io::Result<Arc<dyn DiskFile>> {
        unimplemented!("in progress")
    }

    fn list(&self) -> io::Result<Vec<String>> {
        unimplemented!("in progress")
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        unimplemented!("in progress")
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        unimplemented!("in progress")
    }

    fn sync_directory(&self) -> io::Result<()> {
        unimplemented!("in progress")
    }

    fn free_bytes(&self) -> io::Result<u64> {
        unimplemented!("in progress")
    }
}
