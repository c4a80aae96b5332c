//! Memory at a page boundary, as direct I/O wants it, without unsafe code: a vector one page too long.

use crate::limits::PAGE_BYTES;

/// A zeroed buffer of fixed length whose first byte lies at a page boundary.
pub struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// Zeroed; the system provides the pages lazily, so an unused buffer costs address space only.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        let memory = vec![0_u8; length + PAGE_BYTES];
        // Never grown afterwards, so the address stays.
        let start = memory.as_ptr().align_offset(PAGE_BYTES);
        assert!(start < PAGE_BYTES);
        Self {
            memory,
            start,
            length,
        }
    }
}

impl std::ops::Deref for AlignedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }
}

impl std::ops::DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }
}
