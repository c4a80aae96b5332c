//! A disk in memory for tests, with the faults a test asks for: failing or short writes, failing flushes, no room,
//! and power loss, which keeps only what was flushed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile, Flush, Open};

const BLOCK: usize = 4096;

#[derive(Default)]
struct Contents {
    bytes: Vec<u8>,
    /// What power loss leaves.
    flushed: Vec<u8>,
    dirty: BTreeSet<usize>,
    allocated: u64,
}

impl Contents {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / BLOCK..end.div_ceil(BLOCK));
    }

    fn flush(&mut self, blocks: impl Iterator<Item = usize>) {
        for block in blocks {
            let end = ((block + 1) * BLOCK).min(self.bytes.len());
            if self.flushed.len() < end {
                self.flushed.resize(end, 0);
            }
            self.flushed[block * BLOCK..end].copy_from_slice(&self.bytes[block * BLOCK..end]);
        }
    }
}

/// The faults, switched by the test while the journal runs.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) fail_writes: AtomicBool,
    pub(crate) short_writes: AtomicBool,
    pub(crate) fail_syncs: AtomicBool,
    /// Room for allocations still to come, in bytes.
    pub(crate) room: AtomicU64,
    pub(crate) writes: AtomicU64,
}

type Names = BTreeMap<String, Arc<Mutex<Contents>>>;

pub(crate) struct FaultyDisk {
    names: Mutex<Names>,
    durable_names: Mutex<Names>,
    pub(crate) faults: Arc<Faults>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("no test thread panics while it holds a file")
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl FaultyDisk {
    pub(crate) fn new() -> Arc<Self> {
        let faults = Arc::new(Faults::default());
        faults.room.store(u64::MAX / 2, Ordering::SeqCst);
        Arc::new(Self {
            names: Mutex::default(),
            durable_names: Mutex::default(),
            faults,
        })
    }

    /// What is on the disk after a power cut now: flushed blocks under synced names.
    pub(crate) fn after_power_loss(&self) -> Arc<Self> {
        let disk = Self::new();
        for (name, contents) in lock(&self.durable_names).iter() {
            let flushed = lock(contents).flushed.clone();
            disk.put(name, &flushed);
        }
        disk
    }

    /// What is on the disk after `kill -9` now: everything that was written.
    pub(crate) fn after_kill(&self) -> Arc<Self> {
        let disk = Self::new();
        for (name, contents) in lock(&self.names).iter() {
            let bytes = lock(contents).bytes.clone();
            disk.put(name, &bytes);
        }
        disk
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let contents = Contents {
            bytes: bytes.to_vec(),
            flushed: bytes.to_vec(),
            ..Contents::default()
        };
        let contents = Arc::new(Mutex::new(contents));
        lock(&self.names).insert(name.to_owned(), contents.clone());
        lock(&self.durable_names).insert(name.to_owned(), contents);
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        lock(&lock(&self.names)[name]).bytes.clone()
    }
}

impl Disk for FaultyDisk {
    fn open(&self, name: &str, open: Open) -> io::Result<Arc<dyn DiskFile>> {
        let mut names = lock(&self.names);
        let contents = match (open, names.get(name)) {
            (Open::Existing, found) => found.ok_or_else(missing)?.clone(),
            (Open::CreateNew, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Open::CreateNew, None) => names.entry(name.to_owned()).or_default().clone(),
        };
        Ok(Arc::new(FaultyFile {
            contents,
            faults: self.faults.clone(),
        }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.names).keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut names = lock(&self.names);
        let contents = names.remove(from).ok_or_else(missing)?;
        names.insert(to.to_owned(), contents);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let contents = lock(&self.names).remove(name).ok_or_else(missing)?;
        let allocated = lock(&contents).allocated;
        self.faults.room.fetch_add(allocated, Ordering::SeqCst);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        *lock(&self.durable_names) = lock(&self.names).clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.faults.room.load(Ordering::SeqCst))
    }
}

struct FaultyFile {
    contents: Arc<Mutex<Contents>>,
    faults: Arc<Faults>,
}

impl DiskFile for FaultyFile {
    fn write_at(&self, offset: u64, bytes: &[u8], flush: Flush) -> io::Result<()> {
        self.faults.writes.fetch_add(1, Ordering::SeqCst);
        if self.faults.fail_writes.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected write failure"));
        }
        let mut contents = lock(&self.contents);
        let offset = usize::try_from(offset).expect("a small file");
        if self.faults.short_writes.load(Ordering::SeqCst) {
            let half = bytes.len() / 2;
            contents.write(offset, &bytes[..half]);
            contents.flush(offset / BLOCK..(offset + half).div_ceil(BLOCK));
            return Err(io::ErrorKind::WriteZero.into());
        }
        contents.write(offset, bytes);
        if flush == Flush::BeforeReturn {
            if self.faults.fail_syncs.load(Ordering::SeqCst) {
                return Err(io::Error::other("injected flush failure"));
            }
            contents.flush(offset / BLOCK..(offset + bytes.len()).div_ceil(BLOCK));
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let contents = lock(&self.contents);
        let offset = usize::try_from(offset).expect("a small file");
        let from = contents.bytes.get(offset..).unwrap_or_default();
        let read = from.len().min(bytes.len());
        bytes[..read].copy_from_slice(&from[..read]);
        Ok(read)
    }

    fn sync(&self) -> io::Result<()> {
        if self.faults.fail_syncs.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected flush failure"));
        }
        let mut contents = lock(&self.contents);
        let dirty = std::mem::take(&mut contents.dirty);
        contents.flush(dirty.into_iter());
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.contents).bytes.len() as u64)
    }

    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let mut contents = lock(&self.contents);
        let wanted =
            (offset + bytes).saturating_sub(contents.allocated.max(contents.bytes.len() as u64));
        let room = self.faults.room.load(Ordering::SeqCst);
        if room < wanted {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.faults.room.store(room - wanted, Ordering::SeqCst);
        contents.allocated = contents.allocated.max(offset + bytes);
        Ok(())
    }
}
