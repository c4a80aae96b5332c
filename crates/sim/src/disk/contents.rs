//! One file: its bytes, and what a crash may take back of them.

use std::collections::BTreeSet;

use fastrand::Rng;
use waystation_storage::Flush;

/// How to take back one unflushed write.
struct Undo {
    offset: usize,
    before: Vec<u8>,
}

/// A file's bytes.
#[derive(Default)]
pub(super) struct Contents {
    bytes: Vec<u8>,
    synced_len: usize,
    allocated: u64,
    /// Oldest first.
    undo: Vec<Undo>,
}

impl Contents {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.allocated.max(self.bytes.len() as u64)
    }

    pub(super) fn allocate(&mut self, end: u64) {
        self.allocated = self.allocated.max(end);
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8], flush: Flush) {
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let Some(place) = self.bytes.get_mut(offset..end) else {
            return;
        };
        if flush == Flush::Later {
            let before = place.to_vec();
            self.undo.push(Undo { offset, before });
        }
        place.copy_from_slice(bytes);
        if flush == Flush::BeforeReturn {
            self.synced_len = self.synced_len.max(end);
            for undo in &mut self.undo {
                undo.forget(offset, bytes);
            }
        }
    }

    pub(super) fn read(&self, offset: usize, out: &mut [u8]) -> usize {
        let from = self.bytes.get(offset..).unwrap_or_default();
        let read = from.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..read), from.get(..read)) {
            to.copy_from_slice(from);
        }
        read
    }

    pub(super) fn peek(&self, offset: usize, bytes: usize) -> Vec<u8> {
        let from = self.bytes.get(offset..).unwrap_or_default();
        from.get(..bytes.min(from.len()))
            .unwrap_or_default()
            .to_vec()
    }

    pub(super) fn sync(&mut self) {
        self.undo.clear();
        self.synced_len = self.bytes.len();
    }

    pub(super) fn rot(&mut self, offset: usize, bit: u8) {
        if let Some(byte) = self.bytes.get_mut(offset) {
            *byte ^= 1 << bit;
        }
    }

    /// Takes back, sector by sector, a random number of the newest unflushed writes.
    pub(super) fn crash(&mut self, rng: &mut Rng, sector: usize, keep_percent: u32) {
        let mut settled = BTreeSet::new();
        let mut kept_to = self.synced_len;
        for undo in std::mem::take(&mut self.undo).into_iter().rev() {
            let end = undo.offset + undo.before.len();
            for number in undo.offset / sector..end.div_ceil(sector) {
                let from = undo.offset.max(number * sector);
                let to = end.min((number + 1) * sector);
                if settled.contains(&number) {
                    continue;
                }
                if rng.u32(0..100) < keep_percent {
                    settled.insert(number);
                    kept_to = kept_to.max(to);
                } else if let (Some(place), Some(before)) = (
                    self.bytes.get_mut(from..to),
                    undo.before.get(from - undo.offset..to - undo.offset),
                ) {
                    place.copy_from_slice(before);
                }
            }
        }
        if rng.bool() {
            self.bytes.truncate(kept_to);
        }
        self.synced_len = self.bytes.len();
    }
}

impl Undo {
    /// A later flushed write covers some of it: that part is never taken back.
    fn forget(&mut self, offset: usize, bytes: &[u8]) {
        let from = self.offset.max(offset);
        let to = (self.offset + self.before.len()).min(offset + bytes.len());
        if from >= to {
            return;
        }
        if let (Some(place), Some(bytes)) = (
            self.before.get_mut(from - self.offset..to - self.offset),
            bytes.get(from - offset..to - offset),
        ) {
            place.copy_from_slice(bytes);
        }
    }
}
