//! Appending: a record gets its final address and is copied into the open frame under one short lock.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::body::{SECTION_HEADER_BYTES, SectionHeader, chunk_count, encode_chunk, occupies};
use super::durable::Completion;
use super::frame::HEADER_BYTES;
use super::record::{KIND_CHUNK, RECORD_HEADER_BYTES, RecordHeader};
use super::space::Admission;
use super::{Append, AppendError, Appended, Body, FullFrame, Journal, Urgency, Wait, lock};
use crate::disk::AlignedBuffer;
use crate::limits::{BODY_BYTES_MAX, CHUNK_BYTES, FRAME_BYTES_MAX, META_BYTES_MAX};
use crate::{BodyRef, Lsn, Occupies};

/// What the committer sleeps for; appends wake it only then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sleep {
    /// It is awake.
    Awake,
    /// Until there is any record.
    AnyRecord,
    /// Until there is a `Sync` record.
    SyncRecord,
    /// Its pace: only a full frame ends it early.
    Pace,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Running,
    Stopping,
    Failed,
}

/// The frame that fills, and what belongs to it.
pub(super) struct OpenFrame {
    pub(super) buffer: AlignedBuffer,
    pub(super) start: Lsn,
    /// Header included.
    pub(super) used: usize,
    pub(super) records: u32,
    pub(super) sync_records: u32,
    pub(super) lazy_since: Option<Instant>,
    /// Somebody waits for room.
    pub(super) full: bool,
    /// How many flushes `Journal::flush` asked the committer for, and how many of them are done.
    pub(super) flushes_asked: u64,
    pub(super) flushes_done: u64,
    pub(super) sleep: Sleep,
    pub(super) phase: Phase,
    pub(super) completions: Vec<Completion>,
    pub(super) completions_in_flight: Vec<Completion>,
}

impl OpenFrame {
    pub(super) fn at(start: Lsn) -> Self {
        Self {
            buffer: AlignedBuffer::zeroed(FRAME_BYTES_MAX),
            start,
            used: HEADER_BYTES,
            records: 0,
            sync_records: 0,
            lazy_since: None,
            full: false,
            flushes_asked: 0,
            flushes_done: 0,
            sleep: Sleep::Awake,
            phase: Phase::Running,
            completions: Vec::new(),
            completions_in_flight: Vec::new(),
        }
    }

    /// Address of the next record.
    pub(super) fn end(&self) -> Lsn {
        Lsn(self.start.0 + self.used as u64)
    }

    fn copy(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        self.buffer[self.used..end].copy_from_slice(bytes);
        self.used = end;
    }

    /// Counts a record; true when the committer must be woken.
    fn count(&mut self, urgency: Urgency) -> bool {
        self.records += 1;
        let wake = match urgency {
            Urgency::Sync => {
                self.sync_records += 1;
                matches!(self.sleep, Sleep::AnyRecord | Sleep::SyncRecord)
            }
            Urgency::Lazy => {
                if self.lazy_since.is_none() {
                    self.lazy_since = Some(Instant::now());
                }
                self.sleep == Sleep::AnyRecord
            }
        };
        if wake {
            self.sleep = Sleep::Awake;
        }
        wake
    }
}

/// Where a record went.
struct Placed {
    lsn: Lsn,
    end: Lsn,
    section: Lsn,
}

impl Journal {
    /// Appends a record and returns its final addresses at once; durable when `when_durable(end)` says so.
    /// Waits only while the open frame is full and the one before it is still being written.
    ///
    /// # Errors
    /// `StorageFull`, `TooLarge` or `Stopped`; of the record itself nothing was written then.
    pub fn append(&self, append: Append<'_>) -> Result<Appended, AppendError> {
        assert_ne!(append.kind, KIND_CHUNK, "kind 0 is the journal's own");
        let body_bytes = append
            .body
            .map_or(0, |body| body.parts.iter().map(|part| part.len()).sum());
        if append.meta.len() > META_BYTES_MAX || body_bytes > BODY_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        // The limit keeps it below 31 bits.
        let body_bytes = body_bytes as u32;
        let Some(body) = append.body else {
            let placed = self.place(&append, None)?;
            return Ok(Appended {
                lsn: placed.lsn,
                end: placed.end,
                body: None,
                occupies: Occupies::none(),
            });
        };
        if chunk_count(body_bytes) > 0 {
            return self.append_chunked(&append, body, body_bytes);
        }
        let section = SectionHeader::of(body.owner, body.sequence, body.parts, false);
        let placed = self.place(&append, Some((&section, body.parts)))?;
        let segment = self.segments.segment_of(placed.section);
        Ok(Appended {
            lsn: placed.lsn,
            end: placed.end,
            body: Some(BodyRef {
                lsn: placed.section,
                bytes: body_bytes,
            }),
            occupies: Occupies::one(segment, section.section_bytes()),
        })
    }

    /// Chunks first, each a record of its own between which others may append; the record with the list makes them count.
    fn append_chunked(
        &self,
        append: &Append<'_>,
        body: Body<'_>,
        bytes: u32,
    ) -> Result<Appended, AppendError> {
        let mut list = Vec::with_capacity(chunk_count(bytes) * 12);
        let piece = Append {
            kind: KIND_CHUNK,
            version: 0,
            meta: &[],
            body: None,
            urgency: Urgency::Lazy,
            ..*append
        };
        let mut parts = Pieces {
            parts: body.parts,
            within: 0,
        };
        loop {
            let content = parts.next_piece(CHUNK_BYTES);
            if content.is_empty() {
                break;
            }
            let section = SectionHeader::of(body.owner, body.sequence, &content, false);
            let placed = self.place(&piece, Some((&section, &content)))?;
            list.extend_from_slice(&encode_chunk(BodyRef {
                lsn: placed.section,
                bytes: section.content_bytes,
            }));
        }
        let section = SectionHeader::of(body.owner, body.sequence, &[&list], true);
        let placed = self.place(append, Some((&section, &[&list])))?;
        Ok(Appended {
            lsn: placed.lsn,
            end: placed.end,
            body: Some(BodyRef {
                lsn: placed.section,
                bytes,
            }),
            occupies: occupies(placed.section, &section, &list, self.segment_bits),
        })
    }

    fn place(
        &self,
        append: &Append<'_>,
        body: Option<(&SectionHeader, &[&[u8]])>,
    ) -> Result<Placed, AppendError> {
        let header = RecordHeader {
            // The limits keep both far below 32 bits.
            meta_bytes: append.meta.len() as u32,
            section_bytes: body.map_or(0, |(section, _)| section.section_bytes()),
            shard: append.shard,
            kind: append.kind,
            version: append.version,
            time_ms: append.time_ms,
        };
        let record_bytes = header.record_bytes();
        let mut open = self.frame_with_room(record_bytes, append)?;
        let at = open.used;
        let lsn = open.end();
        header.encode(&mut open.buffer[at..at + RECORD_HEADER_BYTES]);
        open.used += RECORD_HEADER_BYTES;
        open.copy(append.meta);
        let section = open.end();
        if let Some((head, parts)) = body {
            debug_assert_eq!(head.encode().len(), SECTION_HEADER_BYTES);
            open.copy(&head.encode());
            for part in parts {
                open.copy(part);
            }
        }
        let end = at + record_bytes;
        let used = open.used;
        open.buffer[used..end].fill(0);
        open.used = end;
        let wake = open.count(append.urgency);
        drop(open);
        if wake {
            self.work.notify_one();
        }
        self.counters.records.fetch_add(1, Ordering::Relaxed);
        self.counters
            .bytes_appended
            .fetch_add(record_bytes as u64, Ordering::Relaxed);
        Ok(Placed {
            lsn,
            end: Lsn(lsn.0 + record_bytes as u64),
            section,
        })
    }

    /// The open frame, once it has room.
    fn frame_with_room(
        &self,
        bytes: usize,
        append: &Append<'_>,
    ) -> Result<MutexGuard<'_, OpenFrame>, AppendError> {
        assert!(
            HEADER_BYTES + bytes <= FRAME_BYTES_MAX,
            "the limits keep a record within a frame"
        );
        loop {
            match self.space.admit(append.funding) {
                Admission::Granted => {}
                Admission::GrowFirst => {
                    // A failure shows in what is admitted next; `prepare_next` reports its cause.
                    let _ = self
                        .grow_while(|| self.space.admit(append.funding) == Admission::GrowFirst);
                    continue;
                }
                Admission::Refused => return Err(AppendError::StorageFull),
            }
            let open = lock(&self.open);
            if open.phase != Phase::Running {
                return Err(AppendError::Stopped);
            }
            if open.used + bytes <= FRAME_BYTES_MAX {
                return Ok(open);
            }
            match self.options.full_frame {
                FullFrame::WaitForCommitter => self.wait_for_swap(open),
                FullFrame::CommitInline => {
                    drop(open);
                    self.commit_next(Wait::Poll)
                        .map_err(|_| AppendError::Stopped)?;
                }
            }
        }
    }

    fn wait_for_swap(&self, mut open: MutexGuard<'_, OpenFrame>) {
        let start = open.start;
        open.full = true;
        open.sleep = Sleep::Awake;
        self.work.notify_one();
        while open.start == start && open.phase == Phase::Running {
            open = self
                .room
                .wait(open)
                .expect("nobody panics while holding the open frame");
        }
    }
}

/// Cuts parts into pieces of a given size without copying.
struct Pieces<'a> {
    parts: &'a [&'a [u8]],
    within: usize,
}

impl<'a> Pieces<'a> {
    fn next_piece(&mut self, bytes: usize) -> Vec<&'a [u8]> {
        let mut piece = Vec::new();
        let mut left = bytes;
        while let (Some(part), true) = (self.parts.first(), left > 0) {
            let rest = &part[self.within..];
            let taken = rest.len().min(left);
            if taken > 0 {
                piece.push(&rest[..taken]);
            }
            left -= taken;
            self.within += taken;
            if self.within == part.len() {
                self.parts = &self.parts[1..];
                self.within = 0;
            }
        }
        piece
    }
}
