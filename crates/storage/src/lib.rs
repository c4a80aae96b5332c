//! Bytes on disks, below every semantic: a journal that remembers in order and a view that finds by key.
//!
//! Read `journal` first: appending, group commit, replay and reading bodies back. `view` is the materialised
//! state larger than memory. `disk` is the seam to files (real, volatile, simulated), `data_directory` the layout
//! of one data directory, `check` verifies one offline. Nothing here knows queues, AWS or an async runtime.

pub mod limits;
pub mod priority;
#[cfg(feature = "planted-bugs")]
pub mod plant;

mod check;
mod data_directory;
mod disk;
mod error;
mod journal;
mod lsn;
mod os;
mod view;

pub use check::{Defect, Report, check};
pub use data_directory::DataDirectory;
pub use disk::{AlignedBuffer, Disk, DiskFile, Flush, Open, OsDisk, VolatileDisk};
pub use error::StorageError;
pub use journal::{
    Append, AppendError, Appended, Body, BodyHead, Committed, Draft, Durability, FullFrame,
    Funding, Journal, JournalOptions, JournalStatistics, Packed, Place, Position, Prepared,
    Reclaimed, Record, SegmentPin, Urgency, Wait, WantedBody,
};
pub use lsn::{BodyRef, Lsn, Occupies};
pub use view::{FjallView, View, ViewOptions, ViewVisitor, ViewWrite};
