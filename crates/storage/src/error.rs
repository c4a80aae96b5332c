//! The one error of this crate, worded for somebody who meets Waystation for the first time.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// What went wrong below the engine. A failed write or flush is fatal: stop, and recover from the journal.
#[derive(Debug)]
pub enum StorageError {
    /// The operating system refused; `source` says why.
    Io {
        /// What was tried, as a verb: "write", "open".
        operation: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Bytes that were once written are not what was written.
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// Written by another version, or not by Waystation at all; nothing was touched.
    UnknownFormat {
        /// The file that says so.
        file: PathBuf,
        /// What was found and what was expected.
        what: String,
    },
    /// Another process uses the data directory.
    Locked {
        /// The data directory.
        directory: PathBuf,
        /// Its process id when it left one.
        pid: Option<u32>,
    },
    /// A body's segment is gone: the reference outlived the body.
    BodyMissing {
        /// The address that was asked for.
        lsn: crate::Lsn,
    },
    /// No room for another segment.
    StorageFull,
    /// An earlier write or flush failed; everything since is refused.
    Failed,
    /// The key-value view reported an error.
    View {
        /// What was tried.
        operation: &'static str,
        /// The engine's own words.
        what: String,
    },
}

impl StorageError {
    /// Names the operation and the file of an I/O error: for `map_err`.
    pub fn io(operation: &'static str, file: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let file = file.as_ref().to_path_buf();
        move |source| Self::Io {
            operation,
            file,
            source,
        }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io {
                operation, file, ..
            } => write!(out, "cannot {operation} {}", file.display()),
            Self::Corrupt { file, offset, what } => write!(
                out,
                "{} is damaged at offset {offset}: {what}. Nothing was changed. \
                 `waystation check` lists every damaged place of the data directory",
                file.display()
            ),
            Self::UnknownFormat { file, what } => write!(
                out,
                "{} was not written by this version of Waystation: {what}. Nothing was changed",
                file.display()
            ),
            Self::Locked {
                directory,
                pid: Some(pid),
            } => {
                write!(
                    out,
                    "the data directory {} is in use by process {pid}",
                    directory.display()
                )
            }
            Self::Locked {
                directory,
                pid: None,
            } => {
                write!(
                    out,
                    "the data directory {} is in use by another process",
                    directory.display()
                )
            }
            Self::BodyMissing { lsn } => write!(out, "no segment holds the body at {lsn}"),
            Self::StorageFull => {
                write!(out, "the disk is full: no room for another journal segment")
            }
            Self::Failed => write!(
                out,
                "the journal stopped after a failed write; restart to recover"
            ),
            Self::View { operation, what } => write!(out, "the view could not {operation}: {what}"),
        }
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
