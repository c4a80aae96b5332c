//! Opening: replay from the start, decide between a torn tail and damage, and find where to go on.
//!
//! A bad frame with no intact frame after it is the tail that a crash tore: it was never acknowledged and is cut. An intact
//! frame after a bad one means that acknowledged bytes rotted: refuse, name file and offset, change nothing.
//! Under a relaxed durability the system may have written later frames before earlier ones; such frames say so, and
//! what follows the hole is cut as well.

use super::Record;
use super::frame::{FrameHeader, HEADER_BYTES, next_frame_start};
use super::record::{KIND_CHUNK, Records};
use super::segments::{Segments, segment_name};
use super::window::{Found, Window, proves_damage};
use crate::disk::AlignedBuffer;
use crate::limits::{FRAME_BYTES_MAX, PAGE_BYTES};
use crate::{Flush, Lsn, StorageError};

/// How much of each segment after the torn one is searched for frames that prove damage.
const LATER_SEARCH_BYTES: u64 = 1024 * 1024;

/// Where the journal ends and how to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tail {
    /// Where the next frame starts.
    pub(super) next: Lsn,
    /// Checksum of the last frame, 0 for none.
    pub(super) previous: u64,
    /// Highest epoch seen, 0 for none.
    pub(super) epoch: u64,
}

/// The part of a replay that does not change.
pub(super) struct Scan<'a> {
    segments: &'a Segments,
    segment_bits: u8,
}

impl<'a> Scan<'a> {
    pub(super) fn new(segments: &'a Segments, segment_bits: u8) -> Self {
        Self {
            segments,
            segment_bits,
        }
    }

    /// Shows every record from `start` (or the very beginning) on, then makes the tail fit to continue.
    pub(super) fn run(
        &self,
        start: Option<Lsn>,
        on_record: &mut dyn FnMut(Record<'_>) -> Result<(), StorageError>,
    ) -> Result<Tail, StorageError> {
        // Nothing is ever trimmed before a checkpoint says where to start, so without one the journal
        // begins at its very beginning, and a first segment that is gone is damage.
        let from = start.unwrap_or(Lsn(0));
        let mut window = Window::new(self.segments, self.segment_bits);
        let (at, last) = self.replay(&mut window, from, on_record)?;
        let later = self.frames_after(&mut window, at)?;
        let last = match last {
            Some(last) => Some(last),
            None => self.last_before(&mut window, start, at)?,
        };
        self.cut(&later)?;
        let tail = match last {
            Some(last) => Tail {
                next: at,
                previous: last.checksum,
                epoch: last.epoch,
            },
            None => Tail {
                next: at,
                previous: 0,
                epoch: 0,
            },
        };
        self.settle(from, last)?;
        Ok(tail)
    }

    /// Walks the chain; returns where it ends and its last frame.
    fn replay(
        &self,
        window: &mut Window<'_>,
        from: Lsn,
        on_record: &mut dyn FnMut(Record<'_>) -> Result<(), StorageError>,
    ) -> Result<(Lsn, Option<FrameHeader>), StorageError> {
        let mut at = from;
        let mut last: Option<FrameHeader> = None;
        while let Found::Frame(header, payload) = window.frame(at)? {
            if last.is_some_and(|last| last.checksum != header.previous) {
                return Err(self.corrupt(
                    at,
                    "an intact frame does not continue the one before it".to_owned(),
                ));
            }
            let start = Lsn(at.0 + HEADER_BYTES as u64);
            for walked in Records::new(payload, start, self.segment_bits) {
                let walked = walked.map_err(|place| {
                    self.corrupt(
                        Lsn(start.0 + place as u64),
                        "a record does not add up".to_owned(),
                    )
                })?;
                if walked.record.kind != KIND_CHUNK {
                    on_record(walked.record)?;
                }
            }
            at = next_frame_start(Lsn(at.0 + header.frame_bytes() as u64), self.segment_bits);
            last = Some(header);
        }
        Ok((at, last))
    }

    /// Intact frames behind the end of the chain. One that proves damage is the error.
    fn frames_after(&self, window: &mut Window<'_>, end: Lsn) -> Result<Vec<Lsn>, StorageError> {
        let mut relaxed = Vec::new();
        let mut damage = None;
        for index in self.segments.indices() {
            let (start, to) = (
                self.segments.start_of(index),
                self.segments.start_of(index + 1),
            );
            if to <= end || damage.is_some() {
                continue;
            }
            // The chain's end itself is known to be noise. Of later segments the beginning is enough: to be misled there,
            // the first megabyte of each would have to be rotten too, and recycled ones are large.
            let (from, to) = if start > end {
                (start, Lsn(start.0 + LATER_SEARCH_BYTES))
            } else {
                (Lsn(end.0 + PAGE_BYTES as u64), to)
            };
            window.search(from, to, &mut |header| {
                if proves_damage(&header) {
                    damage = Some(header.lsn);
                } else {
                    relaxed.push(header.lsn);
                }
                damage.is_none()
            })?;
        }
        let Some(follower) = damage else {
            return Ok(relaxed);
        };
        let (file, offset) = self.segments.place_of(follower);
        Err(self.corrupt(
            end,
            format!("no intact frame stands here, yet one follows at offset {offset} of {file}"),
        ))
    }

    /// Erases frames behind a hole, the furthest first, so that an interrupted cut is found again as it was.
    fn cut(&self, frames: &[Lsn]) -> Result<(), StorageError> {
        let zeros = AlignedBuffer::zeroed(PAGE_BYTES);
        for lsn in frames.iter().rev() {
            let index = self.segments.segment_of(*lsn);
            if let Some(file) = self.segments.file(index)? {
                file.write_at(self.segments.offset_of(*lsn), &zeros, Flush::BeforeReturn)
                    .map_err(StorageError::io(
                        "cut the torn tail of",
                        segment_name(index),
                    ))?;
            }
        }
        Ok(())
    }

    /// The frame that ends where a checkpoint starts, when nothing was written since: it carries epoch and chain on.
    /// It stands close by, so this costs one or two reads.
    fn last_before(
        &self,
        window: &mut Window<'_>,
        start: Option<Lsn>,
        at: Lsn,
    ) -> Result<Option<FrameHeader>, StorageError> {
        match start {
            // A journal that was never written: its first start was interrupted.
            None | Some(Lsn(0)) if at.0 == 0 => return Ok(None),
            None => return Err(self.corrupt(at, "no intact frame in any segment".to_owned())),
            Some(_) => {}
        }
        let segment_start = self
            .segments
            .start_of(self.segments.segment_of(Lsn(at.0.saturating_sub(1))));
        // At a segment's start the frame before may end up to a frame's length earlier.
        let from = segment_start.max(Lsn(at.0.saturating_sub(2 * FRAME_BYTES_MAX as u64)));
        let mut last = None;
        window.search(from, at, &mut |header| {
            let end = Lsn(header.lsn.0 + header.frame_bytes() as u64);
            if next_frame_start(end, self.segment_bits) == at {
                last = Some(header);
            }
            last.is_none()
        })?;
        if last.is_none() {
            let what =
                "a checkpoint continues here, but the journal before it is damaged or missing";
            return Err(self.corrupt(at, what.to_owned()));
        }
        Ok(last)
    }

    /// What was replayed counts as acknowledged from now on, so it must be on the disk: after `kill -9` it may only be in
    /// the system's cache.
    fn settle(&self, from: Lsn, last: Option<FrameHeader>) -> Result<(), StorageError> {
        let Some(last) = last else { return Ok(()) };
        let end = self.segments.segment_of(last.lsn);
        for index in self.segments.segment_of(from).min(end)..=end {
            if let Some(file) = self.segments.file(index)? {
                file.sync()
                    .map_err(StorageError::io("flush", segment_name(index)))?;
            }
        }
        Ok(())
    }

    fn corrupt(&self, lsn: Lsn, what: String) -> StorageError {
        let (file, offset) = self.segments.place_of(lsn);
        StorageError::Corrupt {
            file: file.into(),
            offset,
            what,
        }
    }
}
