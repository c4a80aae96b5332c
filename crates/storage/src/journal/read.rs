//! Reading a body back: from the open frame, the ring, or a file; verified against owner, sequence and checksum.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::body::{
    SECTION_HEADER_BYTES, chunk_count, chunks, head_section_bytes, occupies, verify_section,
};
use super::{Journal, lock, read_lock};
use crate::limits::{BODY_BYTES_MAX, READ_GAP_BYTES_MAX, READ_RUN_BYTES_MAX};
use crate::{BodyRef, Lsn, Occupies, StorageError};

/// A body to read, its owner and its sequence.
pub type WantedBody = (BodyRef, u64, u64);

/// The sections of some bodies, read together.
pub(super) struct Run {
    pub(super) span: Vec<u8>,
    /// Where each one begins in it.
    pub(super) places: Vec<usize>,
}

/// Where a read may look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Memory,
    Files,
}

impl Journal {
    /// The body's content. May do I/O: call it from a thread that may wait.
    ///
    /// # Errors
    /// `BodyMissing` when its segment is gone, `Corrupt` when the bytes are not those of this owner and sequence.
    pub fn read_body(
        &self,
        body: BodyRef,
        owner: u64,
        sequence: u64,
    ) -> Result<Bytes, StorageError> {
        match self.read(body, owner, sequence, Reach::Files)? {
            Some(bytes) => Ok(bytes),
            None => Err(StorageError::BodyMissing { lsn: body.lsn }),
        }
    }

    /// Several bodies, each given with its owner and sequence, each answered like `read_body`. Those that stand in the
    /// journal near each other and in this order are read together, so a reader far behind reads like from a file.
    pub fn read_bodies(&self, wanted: &[WantedBody]) -> Vec<Result<Bytes, StorageError>> {
        let mut bodies = Vec::with_capacity(wanted.len());
        let mut rest = wanted;
        while let Some((body, owner, sequence)) = rest.first() {
            match self.read_run(rest) {
                Some(run) => bodies.extend(run),
                None => bodies.push(self.read_body(*body, *owner, *sequence)),
            }
            rest = &wanted[bodies.len()..];
        }
        bodies
    }

    /// Reads the first of these bodies in one go with those that stand near it; `None` when it is to be read alone, in which
    /// case whatever is wrong is told of it.
    fn read_run(&self, wanted: &[WantedBody]) -> Option<Vec<Result<Bytes, StorageError>>> {
        let near = self.neighbours(wanted);
        if near.len() > 1
            && let Some(run) = self.read_neighbours(near).ok()?
        {
            return Some(self.bodies_in(near, run));
        }
        let plain = |(body, ..): &&WantedBody| {
            chunk_count(body.bytes) == 0 && body.bytes as usize <= BODY_BYTES_MAX
        };
        let plain = wanted.iter().take_while(plain).map(|(body, ..)| *body);
        let run = self.segments.packed_run(plain).ok()??;
        let near = wanted.get(..run.places.len())?;
        Some(self.bodies_in(near, run))
    }

    /// The bodies whose sections were read.
    fn bodies_in(&self, wanted: &[WantedBody], run: Run) -> Vec<Result<Bytes, StorageError>> {
        self.counters.reads_file.fetch_add(1, Ordering::Relaxed);
        let length: usize = wanted.iter().map(|(body, ..)| body.bytes as usize).sum();
        // Nobody shall hold a span for the little of it that he wants.
        let sparse = length * 2 < run.span.len();
        let span = Bytes::from(run.span);
        let body = |((body, owner, sequence), at): (&WantedBody, &usize)| {
            let section = span.slice(*at..at + head_section_bytes(body.bytes));
            let content = self.verified(body.lsn, section, *owner, *sequence)?;
            Ok(match sparse {
                true => Bytes::copy_from_slice(&content),
                false => content,
            })
        };
        wanted.iter().zip(&run.places).map(body).collect()
    }

    /// The first bodies of the list as far as one read of a segment fetches them all: plain, on the disk, in one segment.
    fn neighbours<'a>(&self, wanted: &'a [WantedBody]) -> &'a [WantedBody] {
        let Some((first, ..)) = wanted.first() else {
            return wanted;
        };
        let segment = self.segments.segment_of(first.lsn);
        let durable = self.durable().0;
        let (start, mut end) = (first.lsn.0, first.lsn.0);
        let near = |(body, ..): &&WantedBody| {
            let after = body.lsn.0 + head_section_bytes(body.bytes) as u64;
            let fits = chunk_count(body.bytes) == 0
                && body.bytes as usize <= BODY_BYTES_MAX
                && self.segments.segment_of(body.lsn) == segment
                && (end..=end + READ_GAP_BYTES_MAX).contains(&body.lsn.0)
                && after <= durable.min(start + READ_RUN_BYTES_MAX);
            end = end.max(after);
            fits
        };
        let count = wanted.iter().take_while(near).count();
        &wanted[..count]
    }

    /// Neighbours of one segment; `None` when a pack has them.
    fn read_neighbours(&self, near: &[WantedBody]) -> Result<Option<Run>, StorageError> {
        let (Some((first, ..)), Some((last, ..))) = (near.first(), near.last()) else {
            return Ok(None);
        };
        let end = last.lsn.0 + head_section_bytes(last.bytes) as u64;
        let mut span = vec![0; (end - first.lsn.0) as usize];
        if !self.segments.read_span(first.lsn, &mut span)? {
            return Ok(None);
        }
        let place = |(body, ..): &WantedBody| (body.lsn.0 - first.lsn.0) as usize;
        Ok(Some(Run {
            places: near.iter().map(place).collect(),
            span,
        }))
    }

    /// The same as `read_body` without I/O: `None` when some of it is no longer in memory, or is not this owner's and sequence's.
    #[must_use]
    pub fn read_body_from_memory(&self, body: BodyRef, owner: u64, sequence: u64) -> Option<Bytes> {
        self.read(body, owner, sequence, Reach::Memory)
            .ok()
            .flatten()
    }

    /// What a body occupies. A plain body's reference says it all; a chunked one's list is read.
    ///
    /// # Errors
    /// As `read_body`, for chunked bodies only.
    pub fn body_occupies(&self, body: BodyRef) -> Result<Occupies, StorageError> {
        let length = head_section_bytes(body.bytes);
        if chunk_count(body.bytes) == 0 {
            // A section is far below 4 GiB.
            return Ok(Occupies::one(
                self.segments.segment_of(body.lsn),
                length as u32,
            ));
        }
        let section = self
            .section(body.lsn, length, Reach::Files)?
            .unwrap_or_default();
        let (header, list) =
            verify_section(&section).map_err(|what| self.corrupt(body.lsn, what))?;
        Ok(occupies(body.lsn, &header, list, self.segment_bits))
    }

    fn read(
        &self,
        body: BodyRef,
        owner: u64,
        sequence: u64,
        reach: Reach,
    ) -> Result<Option<Bytes>, StorageError> {
        if body.bytes as usize > BODY_BYTES_MAX {
            return Err(self.corrupt(body.lsn, "the reference is longer than any body"));
        }
        let Some(section) = self.section(body.lsn, head_section_bytes(body.bytes), reach)? else {
            return Ok(None);
        };
        let list = self.verified(body.lsn, section.into(), owner, sequence)?;
        if chunk_count(body.bytes) == 0 {
            return Ok(Some(list));
        }
        let mut content = Vec::with_capacity(body.bytes as usize);
        for chunk in chunks(&list) {
            let Some(section) = self.section(chunk.lsn, head_section_bytes(chunk.bytes), reach)?
            else {
                return Ok(None);
            };
            content.extend_from_slice(&self.verified(
                chunk.lsn,
                section.into(),
                owner,
                sequence,
            )?);
        }
        if content.len() != body.bytes as usize {
            return Err(self.corrupt(body.lsn, "the chunks do not add up to the body's length"));
        }
        Ok(Some(content.into()))
    }

    /// The content of a section that must be this owner's and sequence's.
    fn verified(
        &self,
        lsn: Lsn,
        section: Bytes,
        owner: u64,
        sequence: u64,
    ) -> Result<Bytes, StorageError> {
        let (header, content) = verify_section(&section).map_err(|what| self.corrupt(lsn, what))?;
        if (header.owner, header.sequence) != (owner, sequence) {
            return Err(self.corrupt(lsn, "the body belongs to another message"));
        }
        if SECTION_HEADER_BYTES + content.len() != section.len() {
            return Err(self.corrupt(lsn, "the body has another length than its reference"));
        }
        Ok(section.slice(SECTION_HEADER_BYTES..))
    }

    /// The bytes at an address; `None` when `reach` does not include where they are.
    fn section(
        &self,
        lsn: Lsn,
        bytes: usize,
        reach: Reach,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let mut section = vec![0; bytes];
        if self.copy_from_memory(lsn, &mut section) {
            self.counters.reads_memory.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(section));
        }
        if reach == Reach::Memory {
            return Ok(None);
        }
        self.segments.read(lsn, &mut section)?;
        self.counters.reads_file.fetch_add(1, Ordering::Relaxed);
        Ok(Some(section))
    }

    fn copy_from_memory(&self, lsn: Lsn, out: &mut [u8]) -> bool {
        if lsn.0 >= self.open_start.load(Ordering::Acquire) {
            let open = lock(&self.open);
            if let Some(from) = lsn.0.checked_sub(open.start.0) {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let end = from.saturating_add(out.len());
                return match open.buffer.get(from..end) {
                    Some(bytes) if end <= open.used => {
                        out.copy_from_slice(bytes);
                        true
                    }
                    _ => false,
                };
            }
            // It was swapped in the meantime; the ring has it.
        }
        read_lock(&self.ring).copy(lsn, out)
    }

    pub(super) fn corrupt(&self, lsn: Lsn, what: &str) -> StorageError {
        let (file, offset) = self.segments.place_of(lsn);
        StorageError::Corrupt {
            file: file.into(),
            offset,
            what: what.to_owned(),
        }
    }
}
