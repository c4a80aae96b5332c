//! Work ahead of the writer, on a maintenance thread and never on the ack path: the next segments, and zeros.
//! A write into zeroed blocks needs no metadata with its flush; that is what makes a strict commit cheap.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::segments::{reserve_error, segment_name};
use super::space::Growth;
use super::{Journal, Prepared, lock};
use crate::disk::AlignedBuffer;
use crate::limits::ZERO_STEP_BYTES;
use crate::{Flush, Lsn, StorageError};

impl Journal {
    /// Gets the next segments and zeroes ahead until there is nothing left to do. Also clears "disk full" once there is
    /// room again, so call it now and then even when `await_preparation_due` timed out.
    ///
    /// # Errors
    /// An I/O error other than a full disk, which is reported in `Prepared::storage_full`.
    pub fn prepare_next(&self) -> Result<Prepared, StorageError> {
        let _turn = lock(&self.turns.preparing);
        self.grow_while(|| self.space.wants_segment())?;
        let mut zeroed_bytes = 0;
        while let Some((from, to)) = self.space.claim_zeroing() {
            let zeroed = self.zero(from, to);
            self.space.zeroing_done();
            zeroed?;
            zeroed_bytes += to - from;
        }
        let (segments, storage_full) = self.space.standing();
        Ok(Prepared {
            segments,
            zeroed_bytes,
            storage_full,
        })
    }

    /// Waits until `prepare_next` has something to do, at most `timeout`; false when the journal is stopping.
    #[must_use]
    pub fn await_preparation_due(&self, timeout: Duration) -> bool {
        self.space.await_due(timeout)
    }

    /// Gets segments as long as `wanted` says so; false when there is no room.
    pub(super) fn grow_while(&self, wanted: impl Fn() -> bool) -> Result<bool, StorageError> {
        let _turn = lock(&self.turns.growing);
        while wanted() {
            let grown = match self.space.growth() {
                Growth::Create(index) => self
                    .segments
                    .create(index, 1 << self.segment_bits)
                    .map(|()| index),
                Growth::Verify(index) => self.verify_room(index).map(|()| index),
            };
            match grown {
                Ok(index) => self.space.grown(index),
                Err(error) => {
                    self.space.found_full();
                    return if matches!(error, StorageError::StorageFull) {
                        Ok(false)
                    } else {
                        Err(error)
                    };
                }
            }
        }
        Ok(true)
    }

    /// The file is from an earlier run that may have ended before its room was reserved.
    fn verify_room(&self, index: u32) -> Result<(), StorageError> {
        let name = segment_name(index);
        let lsn = self.segments.start_of(index);
        let file = self
            .segments
            .file(index)?
            .ok_or(StorageError::BodyMissing { lsn })?;
        file.allocate(0, 1 << self.segment_bits)
            .map_err(|error| reserve_error(error, &name))?;
        self.segments.sync_directory()
    }

    fn zero(&self, from: u64, to: u64) -> Result<(), StorageError> {
        let lsn = Lsn(from);
        let name = segment_name(self.segments.segment_of(lsn));
        let index = self.segments.segment_of(lsn);
        let file = self
            .segments
            .file(index)?
            .ok_or(StorageError::BodyMissing { lsn })?;
        let zeros = AlignedBuffer::zeroed(ZERO_STEP_BYTES);
        let mut at = from;
        while at < to {
            let step = zeros.len().min((to - at) as usize);
            file.write_at(
                self.segments.offset_of(Lsn(at)),
                &zeros[..step],
                Flush::Later,
            )
            .map_err(StorageError::io("zero", &name))?;
            at += step as u64;
        }
        file.sync().map_err(StorageError::io("flush", &name))?;
        self.counters
            .bytes_zeroed
            .fetch_add(to - from, Ordering::Relaxed);
        Ok(())
    }
}
