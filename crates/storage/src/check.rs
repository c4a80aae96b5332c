//! `waystation check`: verifies a data directory offline.

use std::path::{Path, PathBuf};

use crate::StorageError;

/// One damaged place.
#[derive(Clone, Debug)]
pub struct Defect {
    /// The damaged file.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Segments read.
    pub segments: u64,
    /// Intact frames.
    pub frames: u64,
    /// Intact records.
    pub records: u64,
    /// Intact bodies.
    pub bodies: u64,
    /// Damaged places.
    pub defects: Vec<Defect>,
}

/// Reads every frame and body checksum of a data directory.
pub fn check(path: &Path) -> Result<Report, StorageError> {
    let _ = path;
    unimplemented!("in progress")
}
