//! A disk in memory that keeps exactly what it promised, and loses or tears the rest at a crash.
//!
//! Flushed bytes and synced names survive. Of every unflushed write each sector is kept, lost, or left at an
//! older version; of unsynced creations, renamings and removals a random prefix survives. On demand one
//! write fails, comes out short or meets a power cut; allocations meet a full disk; reads flip a bit.

mod contents;
mod faults;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use waystation_storage::{Disk, DiskFile, Flush, Open};

use contents::Contents;
pub(crate) use faults::WriteFault;
use faults::{Faults, broken};

type FileId = u64;

/// A change of names that a crash may take back.
#[derive(Clone, Debug)]
enum NameChange {
    Created(String, FileId),
    Renamed(String, String),
    Removed(String),
}

struct State {
    files: BTreeMap<FileId, Contents>,
    names: BTreeMap<String, FileId>,
    synced_names: BTreeMap<String, FileId>,
    unsynced: Vec<NameChange>,
    next_id: FileId,
    room_bytes: u64,
    faults: Faults,
}

/// The simulator's disk; clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

struct SimFile {
    disk: SimDisk,
    id: FileId,
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn apply(names: &mut BTreeMap<String, FileId>, change: &NameChange) {
    match change {
        NameChange::Created(name, id) => {
            names.insert(name.clone(), *id);
        }
        NameChange::Renamed(from, to) => {
            if let Some(id) = names.remove(from) {
                names.insert(to.clone(), id);
            }
        }
        NameChange::Removed(name) => {
            names.remove(name);
        }
    }
}

impl SimDisk {
    /// An empty disk with room for `room_bytes`.
    pub(crate) fn new(seed: u64, room_bytes: u64) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            unsynced: Vec::new(),
            next_id: 0,
            room_bytes,
            faults: Faults::new(seed),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Power is lost and comes back: only what a real disk could hold then is left.
    pub(crate) fn crash(&self, rng: &mut Rng) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.faults.clear();
        let survive = rng.usize(0..=state.unsynced.len());
        let mut names = std::mem::take(&mut state.synced_names);
        for change in state.unsynced.drain(..).take(survive) {
            apply(&mut names, &change);
        }
        state.names = names.clone();
        state.synced_names = names;
        let named: Vec<FileId> = state.names.values().copied().collect();
        state.files.retain(|id, _| named.contains(id));
        let sector = if rng.bool() { 512 } else { 4096 };
        let keep_percent = [0, 10, 50, 90, 100][rng.usize(0..5)];
        for contents in state.files.values_mut() {
            contents.crash(rng, sector, keep_percent);
        }
    }

    /// The process dies and the system lives on: nothing is lost.
    pub(crate) fn restart(&self) {
        self.state().faults.clear();
    }

    /// Lets the write after the next `count` go wrong.
    pub(crate) fn fail_write_after(&self, count: u32, fault: WriteFault) {
        self.state().faults.arm(count, fault);
    }

    /// Flips a bit in one of `one_in` reads from now on; 0 for none.
    pub(crate) fn flip_reads(&self, one_in: u32) {
        self.state().faults.flip_one_in = one_in;
    }

    /// A write or flush failed since the machine started.
    pub(crate) fn is_broken(&self) -> bool {
        self.state().faults.broken
    }

    /// Reads flipped so far.
    pub(crate) fn flipped(&self) -> u64 {
        self.state().faults.flipped
    }

    /// Allocations or writes refused for want of room so far.
    pub(crate) fn refused(&self) -> u64 {
        self.state().faults.refused
    }

    /// Changes how much fits on the disk.
    pub(crate) fn set_room(&self, room_bytes: u64) {
        self.state().room_bytes = room_bytes;
    }

    /// Names of all files, in order, with their lengths.
    pub(crate) fn files(&self) -> Vec<(String, usize)> {
        let state = self.state();
        let length = |id| state.files.get(id).map_or(0, Contents::len);
        let names = state.names.iter();
        names.map(|(name, id)| (name.clone(), length(id))).collect()
    }

    /// Flips one bit for good; the same call again flips it back.
    pub(crate) fn rot(&self, name: &str, offset: usize, bit: u8) {
        let mut state = self.state();
        if let Some(id) = state.names.get(name).copied()
            && let Some(contents) = state.files.get_mut(&id)
        {
            contents.rot(offset, bit);
        }
    }

    /// Bytes of a file as they are, for the scheduler to find its way.
    pub(crate) fn peek(&self, name: &str, offset: usize, bytes: usize) -> Vec<u8> {
        let state = self.state();
        let contents = state.names.get(name).and_then(|id| state.files.get(id));
        contents.map_or(Vec::new(), |contents| contents.peek(offset, bytes))
    }
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.names
            .values()
            .filter_map(|id| self.files.get(id))
            .map(Contents::used_bytes)
            .sum()
    }

    /// Takes room for a file up to `end`.
    fn reserve(&mut self, id: FileId, end: u64) -> io::Result<()> {
        let used = self.used_bytes();
        let contents = self.files.get_mut(&id).ok_or_else(missing)?;
        let wanted = end.saturating_sub(contents.used_bytes());
        if used + wanted > self.room_bytes && wanted > 0 {
            self.faults.refused += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        contents.allocate(end);
        Ok(())
    }

    fn change(&mut self, change: NameChange) {
        apply(&mut self.names, &change);
        self.unsynced.push(change);
    }
}

impl Disk for SimDisk {
    fn open(&self, name: &str, open: Open) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.faults.alive()?;
        let id = match (open, state.names.get(name).copied()) {
            (Open::Existing, found) => found.ok_or_else(missing)?,
            (Open::CreateNew, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Open::CreateNew, None) => {
                let id = state.next_id;
                state.next_id += 1;
                state.files.insert(id, Contents::default());
                state.change(NameChange::Created(name.to_owned(), id));
                id
            }
        };
        let disk = self.clone();
        Ok(Arc::new(SimFile { disk, id }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.faults.alive()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.faults.alive()?;
        if !state.names.contains_key(from) {
            return Err(missing());
        }
        state.faults.strike_name()?;
        state.change(NameChange::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.faults.alive()?;
        if !state.names.contains_key(name) {
            return Err(missing());
        }
        state.faults.strike_name()?;
        state.change(NameChange::Removed(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        state.faults.alive()?;
        state.faults.strike_name()?;
        state.unsynced.clear();
        state.synced_names = state.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        state.faults.alive()?;
        Ok(state.room_bytes.saturating_sub(state.used_bytes()))
    }
}

impl SimFile {
    fn with<R>(&self, act: impl FnOnce(&mut State) -> io::Result<R>) -> io::Result<R> {
        let mut state = self.disk.state();
        state.faults.alive()?;
        act(&mut state)
    }
}

impl DiskFile for SimFile {
    fn write_at(&self, offset: u64, bytes: &[u8], flush: Flush) -> io::Result<()> {
        let id = self.id;
        self.with(|state| {
            let fault = state.faults.strike();
            state.reserve(id, offset + bytes.len() as u64)?;
            let contents = state.files.get_mut(&id).ok_or_else(missing)?;
            match fault {
                None => contents.write(offset as usize, bytes, flush),
                Some(WriteFault::Short) => {
                    let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                    contents.write(offset as usize, half, Flush::Later);
                }
                Some(WriteFault::Refused) => {}
                // Written, but not known to be: the flush failed, or the power went with it.
                Some(WriteFault::Unflushed | WriteFault::PowerCut) => {
                    contents.write(offset as usize, bytes, Flush::Later);
                }
            }
            fault.map_or(Ok(()), |_| Err(broken()))
        })
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let id = self.id;
        self.with(|state| {
            let contents = state.files.get(&id).ok_or_else(missing)?;
            let read = contents.read(offset as usize, bytes);
            state.faults.flip(bytes.get_mut(..read).unwrap_or_default());
            Ok(read)
        })
    }

    fn sync(&self) -> io::Result<()> {
        let id = self.id;
        self.with(|state| {
            if state.faults.strike().is_some() {
                return Err(broken());
            }
            state.files.get_mut(&id).ok_or_else(missing)?.sync();
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        let id = self.id;
        self.with(|state| Ok(state.files.get(&id).ok_or_else(missing)?.len() as u64))
    }

    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let id = self.id;
        self.with(|state| state.reserve(id, offset + bytes))
    }
}

#[cfg(test)]
mod tests;
