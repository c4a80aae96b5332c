//! One data directory: `FORMAT`, `lock`, `secret`, `journal/`, `view/`, `ballast`. Mode 0700, one process at a time.
//! A directory that this version does not know is refused before anything in it is touched. Randomness arrives as
//! an argument: 32 fresh bytes, which become the secret of a directory that has none.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::limits::BALLAST_BYTES;
use crate::{Disk, Open, OsDisk, StorageError};

const FORMAT: &str = "FORMAT";
const FORMAT_TEXT: &str = "waystation data directory, format 1\n";
const LOCK: &str = "lock";
const SECRET: &str = "secret";
const BALLAST: &str = "ballast";
const JOURNAL: &str = "journal";
const VIEW: &str = "view";
/// What an interrupted first start may leave.
const FIRST_START_NAMES: [&str; 4] = [LOCK, SECRET, "secret.new", "FORMAT.new"];

/// An opened and locked data directory. The lock is held as long as this lives.
pub struct DataDirectory {
    path: PathBuf,
    secret: [u8; 32],
    lifetime: Lifetime,
    _lock: File,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    Kept,
    RemovedOnDrop,
}

impl DataDirectory {
    /// Opens the directory, or creates it with `fresh` as its secret: 32 bytes of the system's randomness, which an
    /// existing directory has no use for.
    ///
    /// # Errors
    /// `Locked` when another process uses it, `UnknownFormat` when it is something else, `Corrupt` when its secret is gone.
    pub fn open(path: &Path, fresh: [u8; 32]) -> Result<Self, StorageError> {
        Self::open_for(path, fresh, Lifetime::Kept)
    }

    /// A fresh directory in the system's temporary one, removed on drop. `fresh` as in `open`.
    ///
    /// # Errors
    /// As `open`.
    pub fn ephemeral(fresh: [u8; 32]) -> Result<Self, StorageError> {
        // Anybody may list the temporary directory, so the name shows a hash: no byte of the secret.
        let name = format!("waystation-{}-{:016x}", std::process::id(), xxh3_64(&fresh));
        Self::open_for(
            &std::env::temp_dir().join(name),
            fresh,
            Lifetime::RemovedOnDrop,
        )
    }

    fn open_for(path: &Path, fresh: [u8; 32], lifetime: Lifetime) -> Result<Self, StorageError> {
        assert_ne!(fresh, [0; 32], "nobody filled the random bytes");
        create_directory(path)?;
        let state = inspect(path)?;
        let lock = take_lock(path)?;
        if state == State::Fresh {
            // The secret first: a directory with a FORMAT is complete.
            write_whole(path, SECRET, &fresh)?;
            write_whole(path, FORMAT, FORMAT_TEXT.as_bytes())?;
        }
        let secret = read_secret(path)?;
        create_directory(&path.join(JOURNAL))?;
        create_directory(&path.join(VIEW))?;
        sync_directory(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            secret,
            lifetime,
            _lock: lock,
        })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal's files are.
    #[must_use]
    pub fn journal_disk(&self) -> Arc<dyn Disk> {
        Arc::new(OsDisk::new(&self.path.join(JOURNAL)))
    }

    /// Where the view is.
    #[must_use]
    pub fn view_path(&self) -> PathBuf {
        self.path.join(VIEW)
    }

    /// Secret of this data directory, made at the first start: message ids and receipts derive from it.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        self.secret
    }

    /// Drops the ballast, so that one checkpoint fits on a full disk. Nothing to do when it is dropped already.
    ///
    /// # Errors
    /// An I/O error.
    pub fn release_ballast(&self) -> Result<(), StorageError> {
        match fs::remove_file(self.path.join(BALLAST)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::io("remove", self.path.join(BALLAST))(error))
            }
            _ => Ok(()),
        }
    }

    /// Reserves the ballast if it is missing. Not on the start path: call it from maintenance, again and again.
    ///
    /// # Errors
    /// `StorageFull` while there is no room for it.
    pub fn restore_ballast(&self) -> Result<(), StorageError> {
        let disk = OsDisk::new(&self.path);
        let file = match disk.open(BALLAST, Open::CreateNew) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(StorageError::io("create", self.path.join(BALLAST))(error)),
        };
        file.allocate(0, BALLAST_BYTES).map_err(|error| {
            // A ballast without weight is none.
            let _ = disk.remove(BALLAST);
            match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    StorageError::StorageFull
                }
                _ => StorageError::io("reserve", self.path.join(BALLAST))(error),
            }
        })
    }
}

impl fmt::Debug for DataDirectory {
    /// Never shows the secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("DataDirectory")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if self.lifetime == Lifetime::RemovedOnDrop {
            // The system clears its temporary directory anyway.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Known,
}

/// What the directory is, without touching it.
fn inspect(path: &Path) -> Result<State, StorageError> {
    let format = path.join(FORMAT);
    match fs::read(&format) {
        Ok(text) if text == FORMAT_TEXT.as_bytes() => return Ok(State::Known),
        Ok(text) => {
            let found = String::from_utf8_lossy(text.get(..80).unwrap_or(&text))
                .trim()
                .to_owned();
            let what = format!("it says \"{found}\", expected \"{}\"", FORMAT_TEXT.trim());
            return Err(StorageError::UnknownFormat { file: format, what });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StorageError::io("read", format)(error)),
    }
    for entry in fs::read_dir(path).map_err(StorageError::io("list", path))? {
        let name = entry.map_err(StorageError::io("list", path))?.file_name();
        if !FIRST_START_NAMES.iter().any(|known| name == *known) {
            let what = format!(
                "it has no FORMAT file, yet contains {}",
                name.to_string_lossy()
            );
            return Err(StorageError::UnknownFormat {
                file: path.to_path_buf(),
                what,
            });
        }
    }
    Ok(State::Fresh)
}

/// Where the journal of an existing data directory is, locked for as long as the file lives; creates nothing else.
pub(crate) fn lock_existing(path: &Path) -> Result<(File, PathBuf), StorageError> {
    if inspect(path)? == State::Fresh {
        let what = "it has no FORMAT file: not a data directory".to_owned();
        return Err(StorageError::UnknownFormat {
            file: path.to_path_buf(),
            what,
        });
    }
    Ok((take_lock(path)?, path.join(JOURNAL)))
}

fn take_lock(path: &Path) -> Result<File, StorageError> {
    let name = path.join(LOCK);
    let options = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name);
    let mut file = options.map_err(StorageError::io("open", &name))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Whose lock it is helps, but is not needed.
            let _ = file.read_to_string(&mut text);
            return Err(StorageError::Locked {
                directory: path.to_path_buf(),
                pid: text.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(StorageError::io("lock", name)(error)),
    }
    file.set_len(0).map_err(StorageError::io("write", &name))?;
    writeln!(file, "{}", std::process::id()).map_err(StorageError::io("write", &name))?;
    Ok(file)
}

fn read_secret(path: &Path) -> Result<[u8; 32], StorageError> {
    let name = path.join(SECRET);
    let bytes = fs::read(&name).map_err(StorageError::io("read", &name))?;
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        let what = format!("the secret has {} bytes instead of 32", bytes.len());
        StorageError::Corrupt {
            file: name,
            offset: 0,
            what,
        }
    })
}

fn create_directory(path: &Path) -> Result<(), StorageError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) => Err(StorageError::io("create the directory", path)(error)),
    }
}

/// Writes a small file durably: whole under its name, or not at all.
fn write_whole(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
    let (temporary, name) = (directory.join(format!("{name}.new")), directory.join(name));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &name)
    };
    write().map_err(StorageError::io("write", &name))?;
    sync_directory(directory)
}

fn sync_directory(path: &Path) -> Result<(), StorageError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(StorageError::io("flush", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::disk::scratch::Scratch;

    const FRESH: [u8; 32] = [7; 32];

    #[test]
    fn a_directory_is_made_private_and_keeps_its_secret() {
        let scratch = Scratch::new("data");
        let path = scratch.path().join("new/data");
        let directory = DataDirectory::open(&path, FRESH).expect("created");
        let mode =
            |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join(SECRET))), (0o700, 0o600));
        assert_eq!(directory.secret(), FRESH);
        directory.restore_ballast().expect("room for the ballast");
        directory.restore_ballast().expect("there already");
        directory.release_ballast().expect("released");
        directory.release_ballast().expect("released already");
        assert!(directory.journal_disk().list().expect("lists").is_empty());
        drop(directory);
        assert_eq!(
            DataDirectory::open(&path, [9; 32])
                .expect("opens again")
                .secret(),
            FRESH
        );
    }

    #[test]
    fn a_second_process_is_refused_by_the_first_ones_id() {
        let scratch = Scratch::new("data-lock");
        let directory = DataDirectory::open(scratch.path(), FRESH).expect("created");
        let error = DataDirectory::open(scratch.path(), FRESH).expect_err("locked");
        assert!(
            error
                .to_string()
                .contains(&format!("in use by process {}", std::process::id())),
            "{error}"
        );
        drop(directory);
        assert!(DataDirectory::open(scratch.path(), FRESH).is_ok());
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_untouched() {
        let scratch = Scratch::new("data-foreign");
        fs::write(scratch.path().join("photo.jpg"), b"dear").expect("written");
        assert!(matches!(
            DataDirectory::open(scratch.path(), FRESH),
            Err(StorageError::UnknownFormat { .. })
        ));
        assert_eq!(fs::read_dir(scratch.path()).expect("lists").count(), 1);
        fs::remove_file(scratch.path().join("photo.jpg")).expect("removed");
        fs::write(
            scratch.path().join(FORMAT),
            "waystation data directory, format 9\n",
        )
        .expect("written");
        let error = DataDirectory::open(scratch.path(), FRESH).expect_err("a newer format");
        assert!(error.to_string().contains("format 9"), "{error}");
        assert_eq!(fs::read_dir(scratch.path()).expect("lists").count(), 1);
    }

    #[test]
    fn an_interrupted_first_start_begins_again_and_a_lost_secret_is_an_error() {
        let scratch = Scratch::new("data-first");
        fs::write(scratch.path().join(LOCK), "").expect("written");
        fs::write(scratch.path().join(SECRET), [1; 32]).expect("written");
        drop(DataDirectory::open(scratch.path(), FRESH).expect("begins again"));
        fs::remove_file(scratch.path().join(SECRET)).expect("removed");
        assert!(DataDirectory::open(scratch.path(), FRESH).is_err());
    }

    #[test]
    fn an_ephemeral_directory_goes_with_its_owner() {
        let directory = DataDirectory::ephemeral([0xA5; 32]).expect("created");
        let path = directory.path().to_path_buf();
        assert!(path.join(JOURNAL).is_dir());
        assert!(
            !path.to_string_lossy().contains("a5a5"),
            "the name shows the secret"
        );
        let other = DataDirectory::ephemeral([0x5A; 32]).expect("created beside it");
        assert_ne!(other.path(), path);
        drop(directory);
        assert!(!path.exists());
    }
}
