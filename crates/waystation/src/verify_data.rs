//! `waystation check`: reads a data directory from end to end.

use std::io::Write;

use crate::cli::ServeFlags;
use crate::settings::{self, Data};
use crate::{EXIT_START, EXIT_STORAGE, EXIT_USAGE, explain};

/// Checks the directory that a server with these flags would use; an error carries the exit code.
pub(crate) fn run(flags: &ServeFlags) -> Result<(), (u8, String)> {
    let directory = match settings::data(flags).map_err(|error| (EXIT_USAGE, error))? {
        Data::Kept(directory) => directory,
        Data::Ephemeral => {
            let error = "--ephemeral leaves no data directory to check".to_string();
            return Err((EXIT_USAGE, error));
        }
    };
    let report =
        waystation_storage::check(&directory).map_err(|error| (EXIT_START, explain(&error)))?;
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
    summary.map_err(|error| (EXIT_START, error.to_string()))?;
    match report.defects.len() {
        0 => Ok(()),
        count => Err((
            EXIT_STORAGE as u8,
            format!("{count} damaged places; restore the data directory from a backup"),
        )),
    }
}
