//! Packing: copies what lives of some places into one pack, durably, and then gives the places back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::body::{chunk_count, chunks, head_section_bytes, verify_section};
use super::super::segments::{Opened, read_exactly, reserve_error, segment_name};
use super::super::{Journal, Reclaimed, WantedBody, lock};
use super::format::{Entry, Head, Key};
use super::{Finder, Pack, PackId, pack_name};
use crate::limits::{READ_GAP_BYTES_MAX, READ_RUN_BYTES_MAX, ZERO_STEP_BYTES};
use crate::{BodyRef, DiskFile, Flush, Lsn, Open, StorageError};

/// What shall go into one pack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// All segments of the places that move.
    pub segments: Vec<u32>,
    /// When the most of it outlives its retention, in milliseconds since the Unix epoch; for whoever decides later.
    pub expires_ms: Option<u64>,
}

/// What `pack` did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Packed {
    /// Body sections copied.
    pub bodies: u64,
    /// Bytes copied.
    pub bytes: u64,
}

/// A body section that moves.
#[derive(Clone, Copy)]
struct Section {
    key: Key,
    bytes: u32,
    owner: u64,
    sequence: u64,
}

/// Sections by key, and in which order they shall stand.
fn ordered(mut sections: Vec<Section>) -> (Vec<Entry>, Vec<u32>) {
    sections.sort_unstable_by_key(|section| section.key);
    // What several refer to is one.
    sections.dedup_by_key(|section| section.key);
    // A pack has far fewer sections than 2^32.
    let mut order: Vec<u32> = (0..sections.len() as u32).collect();
    // Sections of one body stay in the order of their keys.
    order.sort_by_key(|section| {
        let section = &sections[*section as usize];
        (section.owner, section.sequence)
    });
    let entries = sections.iter().map(|section| Entry {
        key: section.key,
        bytes: section.bytes,
        place: 0,
    });
    (entries.collect(), order)
}

/// A file that sections come from: a segment's own, or a pack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Segment(u32),
    Pack(PackId),
}

/// Sections of one source, given by their place in it and their number.
struct Load {
    name: String,
    file: Arc<dyn DiskFile>,
    sections: Vec<(u64, usize)>,
}

impl Journal {
    /// Copies what the live references keep in these segments to a pack, durably, and then gives back the segments that the
    /// last `reclaim` trimmed beyond (the others go with the next one) and packs that have nothing left. `live` must be
    /// complete: it names every body that occupies one of the segments, chunked ones included wherever their list is.
    /// A segment with the last frame is left alone. Readers find every body all the time.
    ///
    /// # Errors
    /// `Corrupt` for a body that cannot be read intact, and until the next start `places` leaves out where it is; `BodyMissing`
    /// for one that was deleted and reclaimed since; `StorageFull`, or an I/O error. Nothing was changed then.
    pub fn pack(&self, draft: &Draft, live: &[WantedBody]) -> Result<Packed, StorageError> {
        let _turn = lock(&self.turns.reclaiming);
        let last_frame = Lsn(self.last_frame.load(Ordering::Acquire));
        let end = self.segments.segment_of(last_frame);
        let mut segments = draft.segments.clone();
        segments.sort_unstable();
        segments.dedup();
        segments.retain(|index| *index < end);
        let sections = self.sections_of(&segments, live)?;
        if sections.is_empty() {
            return Ok(Packed::default());
        }
        let (mut entries, order) = ordered(sections);
        let loads = self.loads(&entries)?;
        let number = self.segments.next_pack();
        let head = Head::lay_out(number, draft.expires_ms, segments, &mut entries, &order);
        let name = pack_name(number);
        let temporary = format!("{name}.tmp");
        let file = self.segments.disk().open(&temporary, Open::CreateNew);
        let file = file.map_err(StorageError::io("create", &temporary))?;
        let mut out = Output::new(file.as_ref(), &temporary);
        let written = file
            .allocate(0, head.file_bytes)
            .map_err(|error| reserve_error(error, &temporary))
            .and_then(|()| out.put(0, &head.encode(&entries)))
            .and_then(|()| {
                loads
                    .iter()
                    .try_for_each(|load| self.copy(load, &entries, &mut out))
            })
            .and_then(|()| out.finish());
        if written.is_err() {
            // The next start removes it too.
            let _ = self.segments.disk().remove(&temporary);
        }
        written?;
        self.segments
            .disk()
            .rename(&temporary, &name)
            .map_err(StorageError::io("rename", &temporary))?;
        self.segments.sync_directory()?;
        self.segments.insert_pack(&head);
        self.settle(&head.segments)?;
        let bytes = entries.iter().map(|entry| u64::from(entry.bytes)).sum();
        self.counters
            .bytes_packed
            .fetch_add(bytes, Ordering::Relaxed);
        Ok(Packed {
            bodies: entries.len() as u64,
            bytes,
        })
    }

    /// Gives back what a new pack has taken the place of.
    fn settle(&self, segments: &[u32]) -> Result<(), StorageError> {
        let mut reclaimed = Reclaimed::default();
        for segment in segments {
            if self.is_dead(*segment) {
                self.retire(*segment, &mut reclaimed)?;
            }
        }
        for (pack, held) in self.segments.packs() {
            if held.is_empty() {
                self.remove_pack(pack, &mut reclaimed)?;
            }
        }
        self.segments.sync_directory()
    }

    /// Every section that the live bodies have in these segments.
    fn sections_of(
        &self,
        segments: &[u32],
        live: &[WantedBody],
    ) -> Result<Vec<Section>, StorageError> {
        let mut sections = Vec::with_capacity(live.len());
        for (body, owner, sequence) in live {
            let mut add = |part: BodyRef| {
                let index = self.segments.segment_of(part.lsn);
                if segments.binary_search(&index).is_ok() {
                    // Offsets within a segment and lengths of sections fit 32 bits.
                    sections.push(Section {
                        key: (index, self.segments.offset_of(part.lsn) as u32),
                        bytes: head_section_bytes(part.bytes) as u32,
                        owner: *owner,
                        sequence: *sequence,
                    });
                }
            };
            add(*body);
            if chunk_count(body.bytes) > 0 {
                let list = self.list_of(*body, (*owner, *sequence));
                let list = list.inspect_err(|error| {
                    // Who knows where its chunks are: nothing moves. One that is missing was deleted since.
                    if !matches!(error, StorageError::BodyMissing { .. }) {
                        self.remember_unreadable(segments);
                    }
                })?;
                chunks(&list).for_each(add);
            }
        }
        Ok(sections)
    }

    /// The content of a chunked body's section: its chunks.
    fn list_of(&self, body: BodyRef, identity: (u64, u64)) -> Result<Vec<u8>, StorageError> {
        let mut section = vec![0; head_section_bytes(body.bytes)];
        self.segments.read(body.lsn, &mut section)?;
        let (header, list) =
            verify_section(&section).map_err(|what| self.corrupt(body.lsn, what))?;
        if (header.owner, header.sequence) != identity {
            return Err(self.corrupt(body.lsn, "the body belongs to another message"));
        }
        Ok(list.to_vec())
    }

    /// Where the sections are now, by file, in the order in which they stand there.
    fn loads(&self, entries: &[Entry]) -> Result<Vec<Load>, StorageError> {
        let mut loads: BTreeMap<Source, Load> = BTreeMap::new();
        let mut number = 0;
        for of_segment in entries.chunk_by(|a, b| a.key.0 == b.key.0) {
            let index = of_segment[0].key.0;
            let keys = of_segment.iter().map(|entry| entry.key);
            let (source, name, file, places) = match self.segments.holder(index)? {
                Some((pack, opened)) => {
                    let places = self.places_in(&pack, &opened, keys)?;
                    let name = pack.stored.name.clone();
                    (Source::Pack(pack.id), name, opened.file, places)
                }
                None => {
                    let file = self.segments.file(index)?;
                    let file = file.ok_or(StorageError::BodyMissing {
                        lsn: self.segments.start_of(index),
                    })?;
                    let places = keys.map(|(_, offset)| offset.into()).collect();
                    (Source::Segment(index), segment_name(index), file, places)
                }
            };
            let load = loads.entry(source).or_insert_with(|| Load {
                name,
                file,
                sections: Vec::new(),
            });
            load.sections.extend(places.into_iter().zip(number..));
            number += of_segment.len();
        }
        let mut loads: Vec<Load> = loads.into_values().collect();
        for load in &mut loads {
            load.sections.sort_unstable();
        }
        Ok(loads)
    }

    fn places_in(
        &self,
        pack: &Pack,
        opened: &Opened,
        keys: impl Iterator<Item = Key>,
    ) -> Result<Vec<u64>, StorageError> {
        let mut finder = Finder::new(opened, pack);
        let mut places = Vec::new();
        for key in keys {
            let found = finder.find(key);
            let found = found.inspect_err(|_| self.remember_unreadable(&pack.segments))?;
            let lsn = Lsn(self.segments.start_of(key.0).0 + u64::from(key.1));
            let Some(place) = found else {
                self.remember_unreadable(&pack.segments);
                return Err(StorageError::BodyMissing { lsn });
            };
            places.push(place);
        }
        Ok(places)
    }

    /// Brings every section of a source to its entry's place, verified. Reads what stands near each other in one go.
    fn copy(
        &self,
        load: &Load,
        entries: &[Entry],
        out: &mut Output<'_>,
    ) -> Result<(), StorageError> {
        let end = |(place, section): &(u64, usize)| place + u64::from(entries[*section].bytes);
        let mut rest = load.sections.as_slice();
        let mut span = Vec::new();
        while let Some(first) = rest.first() {
            let (start, mut last) = (first.0, end(first));
            let near = rest.iter().take_while(|section| {
                let fits = section.0 <= last + READ_GAP_BYTES_MAX
                    && (end(section) <= start + READ_RUN_BYTES_MAX || section.0 == start);
                if fits {
                    last = last.max(end(section));
                }
                fits
            });
            let count = near.count();
            span.resize((last - start) as usize, 0);
            read_exactly(load.file.as_ref(), &load.name, start, &mut span)?;
            for (place, section) in &rest[..count] {
                let entry = entries[*section];
                let from = (place - start) as usize;
                let bytes = &span[from..from + entry.bytes as usize];
                if let Err(what) = verify_section(bytes) {
                    let (segment, offset) = entry.key;
                    self.remember_unreadable(&[segment]);
                    let lsn = Lsn(self.segments.start_of(segment).0 + u64::from(offset));
                    return Err(self.corrupt(lsn, what));
                }
                out.put(entry.place, bytes)?;
            }
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Bodies in these segments could not be read: they are not packed before the next start, which may read them.
    fn remember_unreadable(&self, segments: &[u32]) {
        lock(&self.unreadable).extend(segments);
    }
}

/// Writes what comes, at any places; neighbours in one go.
struct Output<'a> {
    file: &'a dyn DiskFile,
    name: &'a str,
    at: u64,
    pending: Vec<u8>,
}

impl<'a> Output<'a> {
    fn new(file: &'a dyn DiskFile, name: &'a str) -> Output<'a> {
        Output {
            file,
            name,
            at: 0,
            pending: Vec::new(),
        }
    }

    fn put(&mut self, place: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let follows = place == self.at + self.pending.len() as u64;
        if !follows || self.pending.len() >= ZERO_STEP_BYTES {
            self.write()?;
            self.at = place;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn write(&mut self) -> Result<(), StorageError> {
        let written = self.file.write_at(self.at, &self.pending, Flush::Later);
        self.pending.clear();
        written.map_err(StorageError::io("write", self.name))
    }

    /// Writes the rest and makes all of it durable.
    fn finish(mut self) -> Result<(), StorageError> {
        self.write()?;
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::PackUnflushed) {
            return Ok(());
        }
        self.file
            .sync()
            .map_err(StorageError::io("flush", self.name))
    }
}
