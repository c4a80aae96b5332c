//! A disk that forgets unflushed writes with its process.

use std::io;
use std::sync::Arc;

use super::{Disk, DiskFile, Open};

/// Keeps writes in memory until a flush.
pub struct VolatileDisk {}

impl VolatileDisk {
    /// Wraps `inner`; every flush first waits for `delay`.
    #[must_use]
    pub fn new(inner: Arc<dyn Disk>, delay: std::time::Duration) -> Self {
        let _ = (inner, delay);
        unimplemented!("in progress")
    }
}

impl Disk for VolatileDisk {
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
