//! Group commit: swap the open frame, write it, flush it, publish, run the completions. One frame in flight at a time.
//!
//! While a flush is under way the next frame fills, so one flush pays for everybody. Under load the next start is paced,
//! so that frames are worth their padding; a lone request never waits.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use super::append::{OpenFrame, Phase, Sleep};
use super::frame::{
    FrameHeader, FrameKind, HEADER_BYTES, Ordering as FrameOrdering, next_frame_start, padded,
};
use super::{Committed, Durability, FullFrame, Journal, Wait, lock, write_lock};
use crate::disk::AlignedBuffer;
use crate::limits::FRAME_BYTES_MAX;
use crate::{DiskFile, Flush, Lsn, StorageError};

/// A frame with fewer `Sync` records than this is no load: the next one is not paced.
const PACED_RECORDS_MIN: u32 = 4;
/// A frame with this many is heavy load: the next start waits twice as long, because then fewer flushes leave more of
/// the processors to everybody who waits (64 connections: 12% less CPU per request, lower p99).
const HEAVY_RECORDS_MIN: u32 = 10;

/// What only the committing thread touches.
pub(super) struct Committer {
    buffer: AlignedBuffer,
    /// Checksum of the frame written last.
    previous: u64,
    last_kind: FrameKind,
    last_sync_records: u32,
    last_start: Instant,
    last_end: Instant,
    /// The file written last.
    file: Option<(u32, Arc<dyn DiskFile>)>,
    /// Files written without a flush, under a relaxed durability.
    unflushed: Vec<Arc<dyn DiskFile>>,
    last_flush: Instant,
}

enum Work {
    Commit(FrameKind),
    Flush,
    Idle,
    Stopped,
}

/// The frame taken out of the open place.
struct Closed {
    start: Lsn,
    used: usize,
    records: u32,
    next: Lsn,
}

impl Committer {
    /// Continues after a frame with this checksum.
    pub(super) fn after(previous: u64) -> Self {
        let now = Instant::now();
        Self {
            buffer: AlignedBuffer::zeroed(FRAME_BYTES_MAX),
            previous,
            last_kind: FrameKind::Open,
            last_sync_records: 0,
            last_start: now,
            last_end: now,
            file: None,
            unflushed: Vec::new(),
            last_flush: now,
        }
    }
}

impl Journal {
    /// One group commit. With `Block` it waits for a `Sync` record, a `Lazy` one that is old enough, or a reason to seal;
    /// with `Poll` it commits whatever is there. Completions run before it returns.
    ///
    /// # Errors
    /// A failed or short write or a failed flush: fatal. No completion runs, and every later call fails too.
    pub fn commit_next(&self, wait: Wait) -> Result<Committed, StorageError> {
        let mut committer = lock(&self.committer);
        loop {
            if self.failed.load(Ordering::Acquire) {
                return Err(StorageError::Failed);
            }
            let outcome = match self.next_work(wait, &committer) {
                Work::Idle => return Ok(Committed::Idle),
                Work::Stopped => self
                    .flush_relaxed(&mut committer)
                    .map(|()| Some(Committed::Stopped)),
                Work::Flush => self.flush_asked(&mut committer).map(|()| None),
                Work::Commit(kind) => self.commit(&mut committer, kind).map(Some),
            };
            match outcome {
                Ok(Some(committed)) => return Ok(committed),
                Ok(None) => {}
                Err(error) => {
                    self.fail();
                    return Err(error);
                }
            }
        }
    }

    /// Commits until `stop`: the body of the committer's thread.
    ///
    /// # Errors
    /// As `commit_next`: the process must end, because only a restart knows what is on the disk.
    pub fn run_committer(&self) -> Result<(), StorageError> {
        while self.commit_next(Wait::Block)? != Committed::Stopped {}
        Ok(())
    }

    /// Asks the committer to flush what is open, seal the tail and return. Appends are refused from now on.
    pub fn stop(&self) {
        let mut open = lock(&self.open);
        if open.phase == Phase::Running {
            open.phase = Phase::Stopping;
        }
        open.sleep = Sleep::Awake;
        drop(open);
        self.work.notify_all();
        self.room.notify_all();
        self.space.stop();
    }

    /// Flushes what a relaxed durability left to the system; before a checkpoint that relies on it. Nothing to do when strict.
    ///
    /// # Errors
    /// A failed flush, fatal as in `commit_next`.
    pub fn flush(&self) -> Result<(), StorageError> {
        if self.options.durability == Durability::Strict {
            return Ok(());
        }
        if self.options.full_frame == FullFrame::CommitInline {
            return self.flush_inline();
        }
        // The committer keeps its lock while it sleeps: it is asked, and does it itself.
        let mut open = lock(&self.open);
        open.flushes_asked += 1;
        let mine = open.flushes_asked;
        open.sleep = Sleep::Awake;
        self.work.notify_one();
        while open.flushes_done < mine && open.phase == Phase::Running {
            open = self
                .room
                .wait(open)
                .expect("nobody panics while holding the open frame");
        }
        match open.flushes_done >= mine {
            true => Ok(()),
            false => Err(StorageError::Failed),
        }
    }

    fn flush_inline(&self) -> Result<(), StorageError> {
        let mut committer = lock(&self.committer);
        if self.failed.load(Ordering::Acquire) {
            return Err(StorageError::Failed);
        }
        let flushed = self.flush_relaxed(&mut committer);
        if flushed.is_err() {
            self.fail();
        }
        flushed
    }

    /// Nothing is acknowledged any more, and nobody waits for room.
    fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        lock(&self.open).phase = Phase::Failed;
        self.room.notify_all();
        self.work.notify_all();
        self.space.stop();
    }

    fn next_work(&self, wait: Wait, committer: &Committer) -> Work {
        let mut open = lock(&self.open);
        loop {
            let sealed = committer.last_kind == FrameKind::Seal;
            match open.phase {
                Phase::Stopping if open.records > 0 => return Work::Commit(FrameKind::Data),
                Phase::Stopping if !sealed => return Work::Commit(FrameKind::Seal),
                Phase::Stopping | Phase::Failed => return Work::Stopped,
                Phase::Running => {}
            }
            if wait == Wait::Poll {
                return if open.records > 0 {
                    Work::Commit(FrameKind::Data)
                } else {
                    Work::Idle
                };
            }
            if open.full {
                return Work::Commit(FrameKind::Data);
            }
            if open.flushes_done < open.flushes_asked {
                return Work::Flush;
            }
            let now = Instant::now();
            let (sleep, until, work) = self.next_deadline(&open, committer, sealed);
            if until.is_some_and(|until| until <= now) {
                return work;
            }
            open = self.sleep(open, sleep, until.map(|until| until - now));
        }
    }

    /// What to do next, when, and what may wake the committer earlier.
    fn next_deadline(
        &self,
        open: &OpenFrame,
        committer: &Committer,
        sealed: bool,
    ) -> (Sleep, Option<Instant>, Work) {
        let commit = Work::Commit(FrameKind::Data);
        if open.sync_records > 0 {
            let pace = Duration::from_micros(match committer.last_sync_records {
                0..PACED_RECORDS_MIN => 0,
                PACED_RECORDS_MIN..HEAVY_RECORDS_MIN => self.options.pace_us,
                HEAVY_RECORDS_MIN.. => 2 * self.options.pace_us,
            });
            return (Sleep::Pace, Some(committer.last_start + pace), commit);
        }
        let flush_at = match self.options.durability {
            Durability::Interval(ms) if !committer.unflushed.is_empty() => {
                Some(committer.last_flush + Duration::from_millis(ms))
            }
            _ => None,
        };
        if let Some(since) = open.lazy_since {
            return (
                Sleep::SyncRecord,
                Some(since + Duration::from_millis(self.options.lazy_ms)),
                commit,
            );
        }
        let seal_at = committer.last_end + Duration::from_millis(self.options.seal_after_ms);
        match flush_at {
            Some(flush_at) if sealed || flush_at <= seal_at => {
                (Sleep::AnyRecord, Some(flush_at), Work::Flush)
            }
            _ if sealed => (Sleep::AnyRecord, None, Work::Idle),
            _ => (
                Sleep::AnyRecord,
                Some(seal_at),
                Work::Commit(FrameKind::Seal),
            ),
        }
    }

    fn sleep<'a>(
        &self,
        mut open: MutexGuard<'a, OpenFrame>,
        sleep: Sleep,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, OpenFrame> {
        open.sleep = sleep;
        let mut open = match timeout {
            Some(timeout) => {
                self.work
                    .wait_timeout(open, timeout)
                    .expect("nobody panics holding the open frame")
                    .0
            }
            None => self
                .work
                .wait(open)
                .expect("nobody panics holding the open frame"),
        };
        open.sleep = Sleep::Awake;
        open
    }

    fn commit(
        &self,
        committer: &mut Committer,
        kind: FrameKind,
    ) -> Result<Committed, StorageError> {
        committer.last_start = Instant::now();
        let closed = self.swap(committer);
        // A record may have come between the decision to seal and the swap: then it is no seal.
        let kind = match closed.records {
            0 => kind,
            _ => FrameKind::Data,
        };
        assert!(
            closed.records > 0 || kind != FrameKind::Data,
            "a data frame has records"
        );
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::EarlyAck) {
            self.publish_durable(closed.next);
        }
        let bytes = self.write_frame(committer, kind, &closed)?;
        committer.last_kind = kind;
        committer.last_end = Instant::now();
        self.publish_durable(closed.next);
        if let Durability::Interval(ms) = self.options.durability
            && committer.last_flush.elapsed() >= Duration::from_millis(ms)
        {
            self.flush_relaxed(committer)?;
        }
        let durable = Lsn(closed.next.0 + HEADER_BYTES as u64);
        Ok(Committed::Frame {
            lsn: closed.start,
            durable,
            records: closed.records,
            bytes,
        })
    }

    /// Takes the open frame and leaves an empty one behind it; readers find the payload in the ring from now on.
    fn swap(&self, committer: &mut Committer) -> Closed {
        // Taken before the open frame, so that no reader sees the gap between the two.
        let mut ring = write_lock(&self.ring);
        let mut open = lock(&self.open);
        std::mem::swap(&mut open.buffer, &mut committer.buffer);
        let next = next_frame_start(open.end(), self.segment_bits);
        let closed = Closed {
            start: open.start,
            used: open.used,
            records: open.records,
            next,
        };
        committer.last_sync_records = open.sync_records;
        open.start = next;
        open.used = HEADER_BYTES;
        open.records = 0;
        open.sync_records = 0;
        open.lazy_since = None;
        let waited = std::mem::take(&mut open.full);
        assert!(
            open.completions_in_flight.is_empty(),
            "one frame in flight at a time"
        );
        let open_frame = &mut *open;
        std::mem::swap(
            &mut open_frame.completions,
            &mut open_frame.completions_in_flight,
        );
        self.open_start.store(next.0, Ordering::Release);
        drop(open);
        if waited {
            self.room.notify_all();
        }
        ring.push(
            Lsn(closed.start.0 + HEADER_BYTES as u64),
            &committer.buffer[HEADER_BYTES..closed.used],
        );
        drop(ring);
        self.space.advance(next.0);
        closed
    }

    fn write_frame(
        &self,
        committer: &mut Committer,
        kind: FrameKind,
        closed: &Closed,
    ) -> Result<u32, StorageError> {
        let segment = self.segments.segment_of(closed.start);
        let relaxed = self.options.durability != Durability::Strict && kind != FrameKind::Open;
        let header = FrameHeader {
            kind,
            ordering: if relaxed {
                FrameOrdering::Relaxed
            } else {
                FrameOrdering::Strict
            },
            segment_bits: self.segment_bits,
            epoch: self.epoch,
            segment,
            lsn: closed.start,
            payload_bytes: (closed.used - HEADER_BYTES) as u32,
            records: closed.records,
            previous: committer.previous,
            checksum: 0,
        };
        let checksum = header.seal(&mut committer.buffer);
        let file = self.writer_file(committer, closed.start)?;
        let length = padded(closed.used);
        self.space
            .claim_frame(closed.start.0, closed.start.0 + length as u64);
        let offset = self.segments.offset_of(closed.start);
        assert!(
            offset + length as u64 <= 1 << self.segment_bits,
            "a frame never crosses a segment"
        );
        let flush = if relaxed {
            Flush::Later
        } else {
            Flush::BeforeReturn
        };
        let name = super::segments::segment_name(segment);
        file.write_at(offset, &committer.buffer[..length], flush)
            .map_err(StorageError::io("write", name))?;
        committer.previous = checksum;
        self.last_frame.store(closed.start.0, Ordering::Release);
        if !relaxed {
            self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        } else if !committer
            .unflushed
            .iter()
            .any(|other| Arc::ptr_eq(other, &file))
        {
            committer.unflushed.push(file);
        }
        self.counters.frames.fetch_add(1, Ordering::Relaxed);
        self.counters
            .bytes_written
            .fetch_add(length as u64, Ordering::Relaxed);
        // A frame is far below 4 GiB.
        Ok(length as u32)
    }

    /// The file of the segment to write; created here only when maintenance is late.
    fn writer_file(
        &self,
        committer: &mut Committer,
        start: Lsn,
    ) -> Result<Arc<dyn DiskFile>, StorageError> {
        let segment = self.segments.segment_of(start);
        if let Some((_, file)) = committer
            .file
            .as_ref()
            .filter(|(index, _)| *index == segment)
        {
            return Ok(file.clone());
        }
        if !self.grow_while(|| !self.space.is_backed(start.0))? {
            return Err(StorageError::StorageFull);
        }
        let file = self
            .segments
            .file(segment)?
            .ok_or(StorageError::BodyMissing { lsn: start })?;
        committer.file = Some((segment, file.clone()));
        Ok(file)
    }

    /// Flushes, and tells those who asked for it before it began.
    fn flush_asked(&self, committer: &mut Committer) -> Result<(), StorageError> {
        let asked = lock(&self.open).flushes_asked;
        self.flush_relaxed(committer)?;
        lock(&self.open).flushes_done = asked;
        self.room.notify_all();
        Ok(())
    }

    fn flush_relaxed(&self, committer: &mut Committer) -> Result<(), StorageError> {
        for file in committer.unflushed.drain(..) {
            file.sync()
                .map_err(StorageError::io("flush", "the journal"))?;
            self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        }
        committer.last_flush = Instant::now();
        Ok(())
    }

    /// Writes the first frame of this epoch, durable when it returns; it also overwrites the header of a torn tail.
    pub(super) fn write_opening_frame(&self) -> Result<(), StorageError> {
        let mut committer = lock(&self.committer);
        self.commit(&mut committer, FrameKind::Open).map(|_| ())
    }
}
