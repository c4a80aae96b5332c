//! The files of the journal: segments (`<16 hex digits>.seg`) and what was relocated out of dead ones (`.rel`).
//! Files are opened when first read and closed when too many are open. Whoever reads holds the entry, and an entry
//! that somebody holds is not recycled.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use super::relocated::Translation;
use super::{lock, read_lock, write_lock};
use crate::limits::OPEN_SEGMENTS_MAX;
use crate::{Disk, DiskFile, Lsn, Open, StorageError};

/// One file of the journal.
pub(crate) struct StoredFile {
    pub(crate) name: String,
    opened: Mutex<Option<Opened>>,
    last_used: AtomicU64,
    /// Length of a relocated file, once somebody asked.
    bytes: OnceLock<u64>,
}

#[derive(Clone)]
struct Opened {
    file: Arc<dyn DiskFile>,
    /// Of relocated files only.
    translation: Option<Arc<Translation>>,
}

/// Keeps one segment from being recycled while it is alive.
pub struct SegmentPin {
    _file: Arc<StoredFile>,
}

#[derive(Default)]
struct Table {
    segments: BTreeMap<u32, Arc<StoredFile>>,
    relocated: BTreeMap<u32, Arc<StoredFile>>,
}

/// All files, by segment index.
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    segment_bits: u8,
    table: RwLock<Table>,
    ticks: AtomicU64,
}

/// Name of a segment file.
pub(crate) fn segment_name(index: u32) -> String {
    format!("{index:016x}.seg")
}

/// Name of the file with what was relocated out of a segment.
pub(crate) fn relocated_name(index: u32) -> String {
    format!("{index:016x}.rel")
}

/// The segment index in a file name with this extension.
pub(crate) fn index_of(name: &str, extension: &str) -> Option<u32> {
    let digits = name.strip_suffix(extension)?.strip_suffix('.')?;
    if digits.len() == 16 {
        u32::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

impl StoredFile {
    fn new(name: String, file: Option<Arc<dyn DiskFile>>) -> Arc<Self> {
        let opened = file.map(|file| Opened {
            file,
            translation: None,
        });
        Arc::new(Self {
            name,
            opened: Mutex::new(opened),
            last_used: AtomicU64::new(0),
            bytes: OnceLock::new(),
        })
    }
}

impl Segments {
    /// Lists the files of a journal; changes nothing.
    pub(crate) fn list(disk: Arc<dyn Disk>, segment_bits: u8) -> Result<Self, StorageError> {
        let mut table = Table::default();
        for name in disk
            .list()
            .map_err(StorageError::io("list the journal in", "journal"))?
        {
            if let Some(index) = index_of(&name, "seg") {
                table.segments.insert(index, StoredFile::new(name, None));
            } else if let Some(index) = index_of(&name, "rel") {
                table.relocated.insert(index, StoredFile::new(name, None));
            } else if name.ends_with(".tmp") {
                disk.remove(&name)
                    .map_err(StorageError::io("remove", &name))?;
            }
        }
        Ok(Self {
            disk,
            segment_bits,
            table: RwLock::new(table),
            ticks: AtomicU64::new(0),
        })
    }

    /// Removes what an interrupted relocation left.
    pub(super) fn remove_leftovers(&self) -> Result<(), StorageError> {
        for name in self
            .disk
            .list()
            .map_err(StorageError::io("list the journal in", "journal"))?
        {
            if name.ends_with(".tmp") {
                self.disk
                    .remove(&name)
                    .map_err(StorageError::io("remove", &name))?;
            }
        }
        Ok(())
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    pub(crate) fn segment_of(&self, lsn: Lsn) -> u32 {
        // An index beyond 32 bits would be 256 PiB of journal.
        (lsn.0 >> self.segment_bits) as u32
    }

    pub(crate) fn offset_of(&self, lsn: Lsn) -> u64 {
        lsn.0 & ((1 << self.segment_bits) - 1)
    }

    pub(crate) fn start_of(&self, index: u32) -> Lsn {
        Lsn(u64::from(index) << self.segment_bits)
    }

    /// Segment indices in order.
    pub(crate) fn indices(&self) -> Vec<u32> {
        read_lock(&self.table).segments.keys().copied().collect()
    }

    /// Indices of segments with relocated bodies, in order.
    pub(crate) fn relocated_indices(&self) -> Vec<u32> {
        read_lock(&self.table).relocated.keys().copied().collect()
    }

    /// Number of segment files and of relocated ones.
    pub(super) fn counts(&self) -> (u64, u64) {
        let table = read_lock(&self.table);
        (table.segments.len() as u64, table.relocated.len() as u64)
    }

    pub(crate) fn contains(&self, index: u32) -> bool {
        read_lock(&self.table).segments.contains_key(&index)
    }

    /// Keeps whatever holds the bodies of a segment.
    pub(super) fn pin(&self, index: u32) -> Option<SegmentPin> {
        let table = read_lock(&self.table);
        let file = table
            .segments
            .get(&index)
            .or_else(|| table.relocated.get(&index))?;
        Some(SegmentPin {
            _file: file.clone(),
        })
    }

    /// Creates a segment with its whole room reserved; its name is durable when this returns.
    pub(super) fn create(&self, index: u32, segment_bytes: u64) -> Result<(), StorageError> {
        let name = segment_name(index);
        let file = self
            .disk
            .open(&name, Open::CreateNew)
            .map_err(StorageError::io("create", &name))?;
        if let Err(error) = file.allocate(0, segment_bytes) {
            // Without the room the file is of no use; if it stays behind, the next start verifies its room.
            let _ = self.disk.remove(&name);
            return Err(reserve_error(error, &name));
        }
        self.sync_directory()?;
        self.insert(index, file);
        Ok(())
    }

    pub(super) fn sync_directory(&self) -> Result<(), StorageError> {
        self.disk
            .sync_directory()
            .map_err(StorageError::io("sync the directory of", "journal"))
    }

    fn insert(&self, index: u32, file: Arc<dyn DiskFile>) {
        let stored = StoredFile::new(segment_name(index), Some(file));
        stored.last_used.store(
            self.ticks.fetch_add(1, Ordering::Relaxed),
            Ordering::Relaxed,
        );
        write_lock(&self.table).segments.insert(index, stored);
        self.close_some();
    }

    /// Takes a segment out of the table unless somebody holds it; readers no longer find it.
    pub(super) fn take(&self, index: u32) -> Option<Arc<StoredFile>> {
        let mut table = write_lock(&self.table);
        if Arc::strong_count(table.segments.get(&index)?) > 1 {
            return None;
        }
        table.segments.remove(&index)
    }

    /// The same for a relocated file.
    pub(super) fn take_relocated(&self, index: u32) -> Option<Arc<StoredFile>> {
        let mut table = write_lock(&self.table);
        if Arc::strong_count(table.relocated.get(&index)?) > 1 {
            return None;
        }
        table.relocated.remove(&index)
    }

    /// Enters a file that was renamed to this segment.
    pub(super) fn insert_named(&self, index: u32) {
        write_lock(&self.table)
            .segments
            .insert(index, StoredFile::new(segment_name(index), None));
    }

    /// Enters a relocated file; readers prefer it to the segment from now on.
    pub(super) fn insert_relocated(&self, index: u32) {
        write_lock(&self.table)
            .relocated
            .insert(index, StoredFile::new(relocated_name(index), None));
    }

    /// Length of the file with what was relocated out of a segment, if there is one.
    pub(super) fn relocated_bytes(&self, index: u32) -> Result<Option<u64>, StorageError> {
        let Some(stored) = read_lock(&self.table).relocated.get(&index).cloned() else {
            return Ok(None);
        };
        if let Some(bytes) = stored.bytes.get() {
            return Ok(Some(*bytes));
        }
        let file = self.disk.open(&stored.name, Open::Existing);
        let file = file.map_err(StorageError::io("open", &stored.name))?;
        let bytes = file
            .len()
            .map_err(StorageError::io("read the length of", &stored.name))?;
        Ok(Some(*stored.bytes.get_or_init(|| bytes)))
    }

    /// The open file of a segment.
    pub(super) fn file(&self, index: u32) -> Result<Option<Arc<dyn DiskFile>>, StorageError> {
        let Some(stored) = read_lock(&self.table).segments.get(&index).cloned() else {
            return Ok(None);
        };
        let opened = self.opened(&stored, |_| Ok(None))?;
        Ok(Some(opened.file))
    }

    /// Fills `out` from an address, wherever the bytes live now, and names the place for error messages.
    pub(super) fn read(&self, lsn: Lsn, out: &mut [u8]) -> Result<(), StorageError> {
        let index = self.segment_of(lsn);
        let (relocated, segment) = {
            let table = read_lock(&self.table);
            (
                table.relocated.get(&index).cloned(),
                table.segments.get(&index).cloned(),
            )
        };
        if let Some(stored) = relocated {
            let opened = self.opened(&stored, |file| {
                Translation::load(file, &stored.name, index).map(Some)
            })?;
            let place = opened
                .translation
                .and_then(|table| table.find(self.offset_of(lsn)));
            if let Some(place) = place {
                return read_exactly(opened.file.as_ref(), &stored.name, place, out);
            }
        }
        let stored = segment.ok_or(StorageError::BodyMissing { lsn })?;
        let opened = self.opened(&stored, |_| Ok(None))?;
        read_exactly(opened.file.as_ref(), &stored.name, self.offset_of(lsn), out)
    }

    /// Fills `out` from consecutive addresses of one segment; false when some of them may be elsewhere by now.
    pub(super) fn read_span(&self, lsn: Lsn, out: &mut [u8]) -> Result<bool, StorageError> {
        let index = self.segment_of(lsn);
        let stored = {
            let table = read_lock(&self.table);
            if table.relocated.contains_key(&index) {
                return Ok(false);
            }
            table.segments.get(&index).cloned()
        };
        let stored = stored.ok_or(StorageError::BodyMissing { lsn })?;
        let opened = self.opened(&stored, |_| Ok(None))?;
        read_exactly(opened.file.as_ref(), &stored.name, self.offset_of(lsn), out)?;
        Ok(true)
    }

    /// File and offset of an address, for error messages.
    pub(crate) fn place_of(&self, lsn: Lsn) -> (String, u64) {
        (segment_name(self.segment_of(lsn)), self.offset_of(lsn))
    }

    fn opened(
        &self,
        stored: &Arc<StoredFile>,
        load: impl FnOnce(&dyn DiskFile) -> Result<Option<Translation>, StorageError>,
    ) -> Result<Opened, StorageError> {
        stored.last_used.store(
            self.ticks.fetch_add(1, Ordering::Relaxed),
            Ordering::Relaxed,
        );
        let mut slot = lock(&stored.opened);
        if let Some(opened) = slot.as_ref() {
            return Ok(opened.clone());
        }
        let file = self
            .disk
            .open(&stored.name, Open::Existing)
            .map_err(StorageError::io("open", &stored.name))?;
        let translation = load(file.as_ref())?.map(Arc::new);
        let opened = Opened { file, translation };
        *slot = Some(opened.clone());
        drop(slot);
        self.close_some();
        Ok(opened)
    }

    /// Closes the least recently used files beyond the limit; who is reading keeps its own handle.
    fn close_some(&self) {
        let table = read_lock(&self.table);
        let mut open: Vec<_> = table
            .segments
            .values()
            .chain(table.relocated.values())
            // A file that is being opened right now counts as closed.
            .filter(|stored| stored.opened.try_lock().is_ok_and(|slot| slot.is_some()))
            .map(|stored| (stored.last_used.load(Ordering::Relaxed), stored))
            .collect();
        if open.len() <= OPEN_SEGMENTS_MAX {
            return;
        }
        open.sort_unstable_by_key(|entry| entry.0);
        for (_, stored) in &open[..open.len() - OPEN_SEGMENTS_MAX] {
            *lock(&stored.opened) = None;
        }
    }
}

/// Reads all of `out` or says where the file ends too early.
fn read_exactly(
    file: &dyn DiskFile,
    name: &str,
    offset: u64,
    out: &mut [u8],
) -> Result<(), StorageError> {
    let read = file
        .read_at(offset, out)
        .map_err(StorageError::io("read", name))?;
    if read < out.len() {
        let what = format!("the file ends after {read} of {} bytes", out.len());
        return Err(StorageError::Corrupt {
            file: name.into(),
            offset,
            what,
        });
    }
    Ok(())
}

/// A refused reservation is "the disk is full", not a broken disk.
pub(super) fn reserve_error(error: io::Error, name: &str) -> StorageError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StorageError::StorageFull
        }
        _ => StorageError::io("reserve room for", name)(error),
    }
}
