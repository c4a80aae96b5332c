//! `waystation check`: reads a data directory from end to end.

use std::io::Write;
use std::path::Path;

use crate::{EXIT_STORAGE, data_home, explain};

/// Checks the directory; an error carries the exit code.
pub(crate) fn run(data_dir: Option<&Path>) -> Result<(), (u8, String)> {
    let directory = match data_dir {
        Some(directory) => directory.to_path_buf(),
        None => data_home::default_directory().map_err(|error| (2, error))?,
    };
    let report = waystation_storage::check(&directory).map_err(|error| (1, explain(&error)))?;
    let mut out = std::io::stdout().lock();
    let summary = writeln!(
        out,
        "{}: {} segments, {} frames, {} records, {} bodies read",
        directory.display(),
        report.segments,
        report.frames,
        report.records,
        report.bodies
    );
    for defect in &report.defects {
        let _unwritable = writeln!(
            out,
            "{} at offset {}: {}",
            defect.file.display(),
            defect.offset,
            defect.what
        );
    }
    summary.map_err(|error| (1, error.to_string()))?;
    match report.defects.len() {
        0 => Ok(()),
        count => Err((
            EXIT_STORAGE as u8,
            format!("{count} damaged places; restore the data directory from a backup"),
        )),
    }
}
