//! The newest frames, in memory as written: readers that keep up never touch the disk. Grows with use in slabs, then
//! reuses the oldest. Payloads are copied in and read out by copy, so a slow reader pins nothing.

use std::collections::VecDeque;

use crate::Lsn;
use crate::limits::RING_SLAB_BYTES;

/// Payloads of consecutive frames, back to back.
struct Slab {
    /// Address of each payload's first byte, and its place in `bytes`.
    frames: Vec<(Lsn, u32)>,
    bytes: Vec<u8>,
}

/// Slabs, oldest first.
pub(super) struct Ring {
    slabs: VecDeque<Slab>,
    slabs_max: usize,
}

impl Ring {
    /// At least one slab, because the frame in flight is read from here.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            slabs: VecDeque::new(),
            slabs_max: (bytes_max / RING_SLAB_BYTES).max(1),
        }
    }

    /// Keeps a payload whose first byte has the address `start`; addresses only grow.
    pub(super) fn push(&mut self, start: Lsn, payload: &[u8]) {
        assert!(payload.len() <= RING_SLAB_BYTES);
        if payload.is_empty() {
            return;
        }
        let fits = self
            .slabs
            .back()
            .is_some_and(|slab| slab.bytes.len() + payload.len() <= RING_SLAB_BYTES);
        if !fits {
            self.add_slab();
        }
        let slab = self.slabs.back_mut().expect("a slab was just made sure of");
        debug_assert!(slab.frames.last().is_none_or(|last| last.0 < start));
        // A slab is far below 4 GiB.
        slab.frames.push((start, slab.bytes.len() as u32));
        slab.bytes.extend_from_slice(payload);
    }

    fn add_slab(&mut self) {
        let mut slab = if self.slabs.len() < self.slabs_max {
            Slab {
                frames: Vec::new(),
                bytes: Vec::with_capacity(RING_SLAB_BYTES),
            }
        } else {
            self.slabs
                .pop_front()
                .expect("at least one slab is allowed")
        };
        slab.frames.clear();
        slab.bytes.clear();
        self.slabs.push_back(slab);
    }

    /// Copies the bytes at an address; false when they are not (any longer) here.
    pub(super) fn copy(&self, lsn: Lsn, out: &mut [u8]) -> bool {
        let after = self
            .slabs
            .partition_point(|slab| slab.frames.first().is_some_and(|first| first.0 <= lsn));
        let Some(slab) = after.checked_sub(1).and_then(|at| self.slabs.get(at)) else {
            return false;
        };
        let after = slab.frames.partition_point(|frame| frame.0 <= lsn);
        let Some((start, place)) = after.checked_sub(1).and_then(|at| slab.frames.get(at)) else {
            return false;
        };
        let end = slab
            .frames
            .get(after)
            .map_or(slab.bytes.len(), |next| next.1 as usize);
        let payload = &slab.bytes[*place as usize..end];
        let from = (lsn.0 - start.0) as usize;
        match payload.get(from..from.saturating_add(out.len())) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                true
            }
            None => false,
        }
    }

    /// Memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.slabs
            .iter()
            .map(|slab| slab.bytes.capacity() + slab.frames.capacity() * 16)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_frames_are_found_and_the_oldest_give_way() {
        let mut ring = Ring::new(2 * RING_SLAB_BYTES);
        let payload = |number: u64| vec![number as u8; 300 * 1024];
        let start = |number: u64| Lsn(number * 400 * 1024 + 64);
        for number in 0..20 {
            ring.push(start(number), &payload(number));
            let mut out = [0; 100];
            assert!(ring.copy(Lsn(start(number).0 + 1000), &mut out));
            assert_eq!(out, [number as u8; 100]);
        }
        let mut out = [0; 100];
        assert!(!ring.copy(start(3), &mut out), "evicted");
        assert!(!ring.copy(Lsn(0), &mut out), "never there");
        assert!(
            !ring.copy(Lsn(start(18).0 + 300 * 1024 - 50), &mut out),
            "beyond the payload's end"
        );
        assert!(ring.copy(start(17), &mut out));
        assert!(ring.memory_bytes() <= 2 * RING_SLAB_BYTES + 1024);
    }
}
