//! The default view: fjall, a log-structured merge tree in pure Rust.

use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;

use super::{View, ViewWrite};
use crate::StorageError;

/// Memory bounds of the view.
#[derive(Clone, Debug)]
pub struct ViewOptions {
    /// Block cache.
    pub cache_bytes: u64,
    /// Write buffer.
    pub memtable_bytes: u64,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 32 * 1024 * 1024,
            memtable_bytes: 16 * 1024 * 1024,
        }
    }
}

/// A view in one directory.
pub struct FjallView {}

impl FjallView {
    /// Opens or creates the view.
    pub fn open(path: &Path, options: ViewOptions) -> Result<Self, StorageError> {
        let _ = (path, options);
        unimplemented!("in progress")
    }
}

impl View for FjallView {
    fn write(&self, _batch: &[ViewWrite]) -> Result<(), StorageError> {
        unimplemented!("in progress")
    }

    fn get(&self, _key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        unimplemented!("in progress")
    }

    fn scan(
        &self,
        _prefix: &[u8],
        _visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        unimplemented!("in progress")
    }

    fn flush(&self) -> Result<(), StorageError> {
        unimplemented!("in progress")
    }
}
