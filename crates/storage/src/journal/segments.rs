//! The files of the journal: segments (`<16 hex digits>.seg`) and packs of what lives of mostly dead ones (`pack/`).
//! Files are opened when first read and closed when too many are open. Whoever reads holds the entry, and an entry
//! that somebody holds is neither recycled nor removed.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use super::pack::{Head, Pack, PackId, Shelf, Table as PackTable};
use super::{lock, read_lock, write_lock};
use crate::limits::OPEN_SEGMENTS_MAX;
use crate::{Disk, DiskFile, Lsn, Open, StorageError};

/// One file of the journal.
pub(crate) struct StoredFile {
    pub(crate) name: String,
    opened: Mutex<Option<Opened>>,
    last_used: AtomicU64,
}

/// A file that is open, and of a pack where what is in it.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) table: Option<Arc<PackTable>>,
}

/// Keeps the bodies of one segment where they are while it is alive.
pub struct SegmentPin {
    _file: Held,
}

/// Where the bodies of a segment are.
enum Held {
    Segment { _file: Arc<StoredFile> },
    Pack { _pack: Arc<Pack> },
}

#[derive(Default)]
struct Table {
    segments: BTreeMap<u32, Arc<StoredFile>>,
    shelf: Shelf,
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

/// The number in a file name with this extension.
fn number_of(name: &str, extension: &str) -> Option<u64> {
    let digits = name.strip_suffix(extension)?.strip_suffix('.')?;
    if digits.len() == 16 {
        u64::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

/// The segment index in a file name with this extension.
pub(crate) fn index_of(name: &str, extension: &str) -> Option<u32> {
    u32::try_from(number_of(name, extension)?).ok()
}

impl StoredFile {
    pub(super) fn closed(name: String) -> Self {
        Self {
            name,
            opened: Mutex::new(None),
            last_used: AtomicU64::new(0),
        }
    }
}

impl Segments {
    /// Lists the files of a journal; changes nothing.
    pub(crate) fn list(disk: Arc<dyn Disk>, segment_bits: u8) -> Result<Self, StorageError> {
        let (segments, damage) = Self::survey(disk, segment_bits)?;
        match damage.into_iter().next() {
            None => Ok(segments),
            Some(error) => Err(error),
        }
    }

    /// The same, and what is wrong with packs that cannot be listed because they are damaged.
    pub(crate) fn survey(
        disk: Arc<dyn Disk>,
        segment_bits: u8,
    ) -> Result<(Self, Vec<StorageError>), StorageError> {
        let (mut table, mut damage) = (Table::default(), Vec::new());
        let names = disk.list();
        for name in names.map_err(StorageError::io("list the journal in", "journal"))? {
            if let Some(index) = index_of(&name, "seg") {
                let stored = Arc::new(StoredFile::closed(name));
                table.segments.insert(index, stored);
                continue;
            }
            let relocated = index_of(&name, "rel").map(PackId::Relocated);
            let numbered = number_of(&name, "pak").map(PackId::Numbered);
            let Some(id) = relocated.or(numbered) else {
                continue;
            };
            match Pack::load(disk.as_ref(), name, id) {
                Ok(pack) => table.shelf.insert(pack),
                Err(
                    error @ (StorageError::Corrupt { .. } | StorageError::UnknownFormat { .. }),
                ) => {
                    damage.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        let segments = Self {
            disk,
            segment_bits,
            table: RwLock::new(table),
            ticks: AtomicU64::new(0),
        };
        Ok((segments, damage))
    }

    /// Removes what an interrupted packing left.
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

    /// All packs, and of each the segments whose survivors are there and nowhere else.
    pub(crate) fn packs(&self) -> Vec<(Arc<Pack>, Vec<u32>)> {
        let shelf = &read_lock(&self.table).shelf;
        let packs = shelf.packs();
        packs
            .map(|pack| (pack.clone(), shelf.held_by(pack).collect()))
            .collect()
    }

    /// What lives of a segment is in a pack.
    pub(super) fn is_packed(&self, index: u32) -> bool {
        read_lock(&self.table).shelf.holder(index).is_some()
    }

    /// Number of segment files and of packs.
    pub(super) fn counts(&self) -> (u64, u64) {
        let table = read_lock(&self.table);
        (
            table.segments.len() as u64,
            table.shelf.packs().count() as u64,
        )
    }

    pub(crate) fn contains(&self, index: u32) -> bool {
        read_lock(&self.table).segments.contains_key(&index)
    }

    /// Keeps whatever holds the bodies of a segment.
    pub(super) fn pin(&self, index: u32) -> Option<SegmentPin> {
        let table = read_lock(&self.table);
        let pack = table.shelf.holder(index);
        let file = match pack {
            Some(pack) => Held::Pack {
                _pack: pack.clone(),
            },
            None => Held::Segment {
                _file: table.segments.get(&index)?.clone(),
            },
        };
        Some(SegmentPin { _file: file })
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
        let stored = StoredFile::closed(segment_name(index));
        *lock(&stored.opened) = Some(Opened { file, table: None });
        self.touch(&stored);
        write_lock(&self.table)
            .segments
            .insert(index, Arc::new(stored));
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

    /// The same for a pack.
    pub(super) fn take_pack(&self, id: PackId) -> Option<Arc<Pack>> {
        write_lock(&self.table).shelf.take(id)
    }

    /// Enters a file that was renamed to this segment.
    pub(super) fn insert_named(&self, index: u32) {
        let stored = Arc::new(StoredFile::closed(segment_name(index)));
        write_lock(&self.table).segments.insert(index, stored);
    }

    /// Enters a pack that is durable; readers prefer it to its segments from now on.
    pub(super) fn insert_pack(&self, head: &Head) {
        write_lock(&self.table).shelf.insert(Pack::new(head));
    }

    /// The number of the next pack.
    pub(super) fn next_pack(&self) -> u64 {
        read_lock(&self.table).shelf.next_number()
    }

    /// The open file of a segment.
    pub(super) fn file(&self, index: u32) -> Result<Option<Arc<dyn DiskFile>>, StorageError> {
        let Some(stored) = read_lock(&self.table).segments.get(&index).cloned() else {
            return Ok(None);
        };
        Ok(Some(self.opened(&stored, None)?.file))
    }

    /// Fills `out` from an address, wherever the bytes live now, and names the place for error messages.
    pub(super) fn read(&self, lsn: Lsn, out: &mut [u8]) -> Result<(), StorageError> {
        let index = self.segment_of(lsn);
        let (pack, segment) = {
            let table = read_lock(&self.table);
            (
                table.shelf.holder(index).cloned(),
                table.segments.get(&index).cloned(),
            )
        };
        if let Some(pack) = pack {
            let opened = self.open_pack(&pack)?;
            if let Some(place) = opened.place(&pack, (index, self.offset_of(lsn) as u32))? {
                return read_exactly(opened.file.as_ref(), &pack.stored.name, place, out);
            }
        }
        let stored = segment.ok_or(StorageError::BodyMissing { lsn })?;
        let opened = self.opened(&stored, None)?;
        read_exactly(opened.file.as_ref(), &stored.name, self.offset_of(lsn), out)
    }

    /// Fills `out` from consecutive addresses of one segment; false when some of them may be elsewhere by now.
    pub(super) fn read_span(&self, lsn: Lsn, out: &mut [u8]) -> Result<bool, StorageError> {
        let index = self.segment_of(lsn);
        let stored = {
            let table = read_lock(&self.table);
            if table.shelf.holder(index).is_some() {
                return Ok(false);
            }
            table.segments.get(&index).cloned()
        };
        let stored = stored.ok_or(StorageError::BodyMissing { lsn })?;
        let opened = self.opened(&stored, None)?;
        read_exactly(opened.file.as_ref(), &stored.name, self.offset_of(lsn), out)?;
        Ok(true)
    }

    /// File and offset of an address, for error messages.
    pub(crate) fn place_of(&self, lsn: Lsn) -> (String, u64) {
        (segment_name(self.segment_of(lsn)), self.offset_of(lsn))
    }

    /// The pack with what lives of a segment, open.
    pub(super) fn holder(&self, index: u32) -> Result<Option<(Arc<Pack>, Opened)>, StorageError> {
        let pack = read_lock(&self.table).shelf.holder(index).cloned();
        let Some(pack) = pack else {
            return Ok(None);
        };
        let opened = self.open_pack(&pack)?;
        Ok(Some((pack, opened)))
    }

    fn open_pack(&self, pack: &Pack) -> Result<Opened, StorageError> {
        self.opened(&pack.stored, Some(pack))
    }

    fn touch(&self, stored: &StoredFile) {
        let tick = self.ticks.fetch_add(1, Ordering::Relaxed);
        stored.last_used.store(tick, Ordering::Relaxed);
    }

    fn opened(&self, stored: &StoredFile, pack: Option<&Pack>) -> Result<Opened, StorageError> {
        self.touch(stored);
        let mut slot = lock(&stored.opened);
        if let Some(opened) = slot.as_ref() {
            return Ok(opened.clone());
        }
        let file = self
            .disk
            .open(&stored.name, Open::Existing)
            .map_err(StorageError::io("open", &stored.name))?;
        let table = pack.map(|pack| PackTable::load(file.as_ref(), pack));
        let opened = Opened {
            table: table.transpose()?.map(Arc::new),
            file,
        };
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
            .map(|stored| stored.as_ref())
            .chain(table.shelf.packs().map(|pack| &pack.stored))
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
pub(super) fn read_exactly(
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
