//! Relocation: the few live bodies of a mostly dead segment move to a packed file with a translation table, and the
//! segment is recycled. References stay as they are, also after a restart.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::body::{chunk_count, chunks, head_section_bytes, verify_section};
use super::relocated::Translation;
use super::segments::relocated_name;
use super::{Journal, Reclaimed, Relocated, lock};
use crate::limits::{PACKED_AGAIN_BYTES_MIN, RELOCATE_LIVE_FRACTION, ZERO_STEP_BYTES};
use crate::{BodyRef, DiskFile, Flush, Lsn, Open, StorageError};

impl Journal {
    /// Segments of which so little lives that relocating them gives room back, those that give back most first. `live` is what
    /// the last `reclaim` was told. A segment that was relocated before counts for the file it has now: otherwise a few
    /// old messages, whose files are the emptiest of all, would be packed again and again and nothing else ever.
    ///
    /// # Errors
    /// A relocated file that cannot be opened.
    pub fn sparse(&self, live: &BTreeMap<u32, u64>) -> Result<Vec<u32>, StorageError> {
        let trimmed = Lsn(self.trimmed.load(Ordering::Acquire));
        let mut sparse = Vec::new();
        for (segment, live) in live.range(..self.segments.segment_of(trimmed)) {
            let stored = match self.segments.relocated_bytes(*segment)? {
                None => 1 << self.segment_bits,
                Some(bytes) if bytes >= PACKED_AGAIN_BYTES_MIN => bytes,
                Some(_) => continue,
            };
            if *live <= stored / RELOCATE_LIVE_FRACTION {
                sparse.push((stored - live, *segment));
            }
        }
        sparse.sort_unstable_by(|a, b| b.cmp(a));
        Ok(sparse.into_iter().map(|(_, segment)| segment).collect())
    }

    /// Copies what the live references keep in this segment to a file of its own, durably, and then gives the segment back
    /// if the last `reclaim` trimmed beyond it (otherwise the next one does). `live` must be complete: it names every
    /// body that occupies the segment, chunked ones included wherever their list is. May be repeated for a
    /// relocated segment to pack it again. The segment that holds the last frame is left alone.
    ///
    /// # Errors
    /// A body that cannot be read intact; nothing was changed then. Or an I/O error.
    pub fn relocate(
        &self,
        segment: u32,
        live: &[(BodyRef, u64, u64)],
    ) -> Result<Relocated, StorageError> {
        let _turn = lock(&self.turns.reclaiming);
        if segment
            >= self
                .segments
                .segment_of(Lsn(self.last_frame.load(Ordering::Acquire)))
        {
            return Ok(Relocated::default());
        }
        let mut sections = BTreeMap::new();
        for (body, owner, sequence) in live {
            self.sections_within(segment, *body, (*owner, *sequence), &mut sections)?;
        }
        let laid_out: Vec<(u32, u32)> = sections.into_iter().collect();
        let translation = Translation::lay_out(&laid_out);
        let name = relocated_name(segment);
        let temporary = format!("{name}.tmp");
        let file = self.segments.disk().open(&temporary, Open::CreateNew);
        let file = file.map_err(StorageError::io("create", &temporary))?;
        let written = self.write_relocated(file.as_ref(), segment, &translation);
        if written.is_err() {
            // The next start removes it too.
            let _ = self.segments.disk().remove(&temporary);
        }
        let bytes = written?;
        self.segments
            .disk()
            .rename(&temporary, &name)
            .map_err(StorageError::io("rename", &temporary))?;
        self.segments.sync_directory()?;
        self.segments.insert_relocated(segment);
        if self.is_dead(segment) {
            self.retire(segment, &mut Reclaimed::default())?;
            self.segments.sync_directory()?;
        }
        Ok(Relocated {
            bodies: laid_out.len() as u64,
            bytes,
        })
    }

    /// Adds (offset, bytes) of every section of a body that stands in the segment.
    fn sections_within(
        &self,
        segment: u32,
        body: BodyRef,
        identity: (u64, u64),
        sections: &mut BTreeMap<u32, u32>,
    ) -> Result<(), StorageError> {
        let mut add = |part: BodyRef| {
            if self.segments.segment_of(part.lsn) == segment {
                // Offsets within a segment and lengths of sections fit 32 bits.
                sections.insert(
                    self.segments.offset_of(part.lsn) as u32,
                    head_section_bytes(part.bytes) as u32,
                );
            }
        };
        add(body);
        if chunk_count(body.bytes) > 0 {
            let list = self.stored_section(body.lsn, head_section_bytes(body.bytes))?;
            let (header, list) =
                verify_section(&list).map_err(|what| self.corrupt(body.lsn, what))?;
            if (header.owner, header.sequence) != identity {
                return Err(self.corrupt(body.lsn, "the body belongs to another message"));
            }
            chunks(list).for_each(add);
        }
        Ok(())
    }

    fn stored_section(&self, lsn: Lsn, bytes: usize) -> Result<Vec<u8>, StorageError> {
        let mut section = vec![0; bytes];
        self.segments.read(lsn, &mut section)?;
        Ok(section)
    }

    /// Writes table and sections, flushed; returns the bytes of the sections.
    fn write_relocated(
        &self,
        file: &dyn DiskFile,
        segment: u32,
        translation: &Translation,
    ) -> Result<u64, StorageError> {
        let write = |at: u64, bytes: &[u8]| {
            file.write_at(at, bytes, Flush::Later)
                .map_err(StorageError::io("write", relocated_name(segment)))
        };
        let mut pending = translation.encode(segment);
        let (mut at, mut copied) = (0, 0);
        for entry in translation.entries() {
            let lsn = Lsn(self.segments.start_of(segment).0 + u64::from(entry.offset));
            let section = self.stored_section(lsn, entry.bytes as usize)?;
            verify_section(&section).map_err(|what| self.corrupt(lsn, what))?;
            assert_eq!(
                at + pending.len() as u64,
                entry.place,
                "sections stand where the table says"
            );
            pending.extend_from_slice(&section);
            copied += u64::from(entry.bytes);
            if pending.len() >= ZERO_STEP_BYTES {
                write(at, &pending)?;
                at += pending.len() as u64;
                pending.clear();
            }
        }
        write(at, &pending)?;
        file.sync()
            .map_err(StorageError::io("flush", relocated_name(segment)))?;
        Ok(copied)
    }
}
