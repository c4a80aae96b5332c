//! A disk that forgets: writes stay in the memory of this process until the flush that covers them, and new names until
//! the directory is synced. `kill -9` of a process that uses it loses what power loss would have lost.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::Duration;

use super::{Disk, DiskFile, Flush, Open};

/// Keeps what is not flushed in memory, and takes its time to flush.
pub struct VolatileDisk {
    inner: Arc<dyn Disk>,
    delay: Duration,
    /// Changes of names that no `sync_directory` covers yet, oldest first.
    changes: Mutex<Vec<Change>>,
}

enum Change {
    Create(String, Arc<VolatileFile>),
    Rename(String, String),
    Remove(String),
}

impl VolatileDisk {
    /// Every flush first waits for `delay`, so that a kill finds the window.
    #[must_use]
    pub fn new(inner: Arc<dyn Disk>, delay: Duration) -> Self {
        Self {
            inner,
            delay,
            changes: Mutex::default(),
        }
    }

    /// A file that was created here and is not on the inner disk yet, under the name it has by now.
    fn created(&self, name: &str) -> Option<Arc<VolatileFile>> {
        let mut name = name.to_owned();
        for change in lock(&self.changes).iter().rev() {
            match change {
                Change::Create(created, file) if *created == name => return Some(file.clone()),
                Change::Rename(from, to) if *to == name => name.clone_from(from),
                Change::Remove(removed) if *removed == name => return None,
                _ => {}
            }
        }
        None
    }

    /// The name that a file of the inner disk had before the changes.
    fn inner_name(&self, name: &str) -> String {
        let mut name = name.to_owned();
        for change in lock(&self.changes).iter().rev() {
            if let Change::Rename(from, to) = change
                && *to == name
            {
                name.clone_from(from);
            }
        }
        name
    }

    fn names(&self) -> io::Result<BTreeSet<String>> {
        let mut names: BTreeSet<String> = self.inner.list()?.into_iter().collect();
        for change in lock(&self.changes).iter() {
            match change {
                Change::Create(name, _) => {
                    names.insert(name.clone());
                }
                Change::Rename(from, to) => {
                    names.remove(from);
                    names.insert(to.clone());
                }
                Change::Remove(name) => {
                    names.remove(name);
                }
            }
        }
        Ok(names)
    }

    fn require(&self, name: &str) -> io::Result<()> {
        if self.names()?.contains(name) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

impl Disk for VolatileDisk {
    fn open(&self, name: &str, open: Open) -> io::Result<Arc<dyn DiskFile>> {
        match (open, self.names()?.contains(name)) {
            (Open::Existing, false) => Err(io::ErrorKind::NotFound.into()),
            (Open::CreateNew, true) => Err(io::ErrorKind::AlreadyExists.into()),
            (Open::CreateNew, false) => {
                let file = Arc::new(VolatileFile::new(self.delay));
                lock(&self.changes).push(Change::Create(name.to_owned(), file.clone()));
                Ok(file)
            }
            (Open::Existing, true) => {
                if let Some(file) = self.created(name) {
                    return Ok(file);
                }
                let file = VolatileFile::new(self.delay);
                let inner = self.inner.open(&self.inner_name(name), Open::Existing)?;
                assert!(
                    file.inner.set(inner).is_ok(),
                    "a new file has no inner one yet"
                );
                Ok(Arc::new(file))
            }
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names()?.into_iter().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.require(from)?;
        lock(&self.changes).push(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.require(name)?;
        lock(&self.changes).push(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        thread::sleep(self.delay);
        let mut changes = lock(&self.changes);
        for change in changes.drain(..) {
            match change {
                Change::Create(name, file) => {
                    file.materialise(self.inner.open(&name, Open::CreateNew)?)?
                }
                Change::Rename(from, to) => self.inner.rename(&from, &to)?,
                Change::Remove(name) => self.inner.remove(&name)?,
            }
        }
        self.inner.sync_directory()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.inner.free_bytes()
    }
}

/// A file; each handle of an existing one keeps its own unflushed writes.
struct VolatileFile {
    delay: Duration,
    /// Absent until the name is durable.
    inner: OnceLock<Arc<dyn DiskFile>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Writes that no flush covers yet, oldest first.
    pending: Vec<(u64, Vec<u8>)>,
    /// How many of them a flush covered while the file had no durable name.
    flushed: usize,
    allocated: u64,
}

impl VolatileFile {
    fn new(delay: Duration) -> Self {
        Self {
            delay,
            inner: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// The name is durable: what was flushed before goes down, the rest stays volatile.
    fn materialise(&self, inner: Arc<dyn DiskFile>) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.allocated > 0 {
            inner.allocate(0, state.allocated)?;
        }
        let flushed = std::mem::take(&mut state.flushed);
        for (offset, bytes) in state.pending.drain(..flushed) {
            inner.write_at(offset, &bytes, Flush::Later)?;
        }
        inner.sync()?;
        assert!(self.inner.set(inner).is_ok(), "a name becomes durable once");
        Ok(())
    }
}

impl DiskFile for VolatileFile {
    fn write_at(&self, offset: u64, bytes: &[u8], flush: Flush) -> io::Result<()> {
        let kept = bytes.to_vec();
        if flush == Flush::Later {
            lock(&self.state).pending.push((offset, kept));
            return Ok(());
        }
        thread::sleep(self.delay);
        let Some(inner) = self.inner.get() else {
            let mut state = lock(&self.state);
            let at = state.flushed;
            state.pending.insert(at, (offset, kept));
            state.flushed += 1;
            return Ok(());
        };
        inner.write_at(offset, bytes, Flush::BeforeReturn)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let state = lock(&self.state);
        bytes.fill(0);
        let mut read = match self.inner.get() {
            Some(inner) => inner.read_at(offset, bytes)?,
            None => 0,
        };
        let end = offset + bytes.len() as u64;
        for (at, written) in &state.pending {
            let (from, to) = ((*at).max(offset), (at + written.len() as u64).min(end));
            if from < to {
                let source = &written[(from - at) as usize..(to - at) as usize];
                bytes[(from - offset) as usize..(to - offset) as usize].copy_from_slice(source);
                read = read.max((to - offset) as usize);
            }
        }
        Ok(read)
    }

    fn sync(&self) -> io::Result<()> {
        thread::sleep(self.delay);
        let mut state = lock(&self.state);
        let Some(inner) = self.inner.get() else {
            state.flushed = state.pending.len();
            return Ok(());
        };
        for (offset, bytes) in state.pending.drain(..) {
            inner.write_at(offset, &bytes, Flush::Later)?;
        }
        inner.sync()
    }

    fn len(&self) -> io::Result<u64> {
        let state = lock(&self.state);
        let written = state
            .pending
            .iter()
            .map(|(at, bytes)| at + bytes.len() as u64)
            .max()
            .unwrap_or(0);
        let inner = self.inner.get().map_or(Ok(0), |inner| inner.len())?;
        Ok(written.max(inner))
    }

    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        if let Some(inner) = self.inner.get() {
            return inner.allocate(offset, bytes);
        }
        let mut state = lock(&self.state);
        state.allocated = state.allocated.max(offset + bytes);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("nobody panics while it holds a volatile file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::faulty::FaultyDisk;

    #[test]
    fn only_what_was_flushed_under_a_synced_name_reaches_the_inner_disk() {
        let inner = FaultyDisk::new();
        let disk = VolatileDisk::new(inner.clone(), Duration::from_millis(1));
        let file = disk.open("a", Open::CreateNew).expect("created");
        file.write_at(0, b"flushed", Flush::BeforeReturn)
            .expect("written");
        file.write_at(0, b"F", Flush::Later).expect("written");
        assert!(
            inner.list().expect("list").is_empty(),
            "the name is not durable"
        );
        disk.sync_directory().expect("synced");
        assert_eq!(inner.bytes("a"), b"flushed");
        let mut read = [0; 16];
        assert_eq!(file.read_at(0, &mut read).expect("read"), 7);
        assert_eq!(&read[..7], b"Flushed", "readers see everything");
        disk.rename("a", "b").expect("renamed");
        assert_eq!(
            (disk.list().expect("list"), inner.list().expect("list")),
            (vec!["b".into()], vec!["a".into()])
        );
        let again = disk
            .open("b", Open::Existing)
            .expect("opened by its new name");
        again
            .write_at(7, b"!", Flush::BeforeReturn)
            .expect("written");
        file.sync().expect("synced");
        assert_eq!(inner.bytes("a"), b"Flushed!");
        disk.remove("b").expect("removed");
        assert!(disk.open("b", Open::Existing).is_err());
        disk.sync_directory().expect("synced");
        assert!(inner.list().expect("list").is_empty());
    }
}
