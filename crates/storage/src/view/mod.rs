//! The view: ordered keys larger than memory, a materialised state of the journal, never synced on the ack path.
//! After power loss it may come back at any batch boundary since its last `flush`; replay brings it forward.

mod fjall_view;

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::StorageError;
pub use fjall_view::{FjallView, ViewOptions};

/// One change of a batch: a key and its new value, `None` to remove it.
pub type ViewWrite = (Vec<u8>, Option<Bytes>);

/// Sees keys and values in order and says when to stop.
pub type ViewVisitor<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Ordered keys and values. Two implementations: `FjallView` and the simulator's.
pub trait View: Send + Sync {
    /// Applies a batch: all of it or nothing, also after a crash; not yet durable. A later entry for a key wins.
    fn write(&self, batch: &[ViewWrite]) -> Result<(), StorageError>;
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError>;
    /// Shows keys that begin with `prefix` in order, until told to break. The state is that of the call's start.
    fn scan(&self, prefix: &[u8], visit: ViewVisitor<'_>) -> Result<(), StorageError>;
    /// Makes every batch written before the call durable.
    fn flush(&self) -> Result<(), StorageError>;
}
