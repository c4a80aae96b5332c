//! Addresses in the journal. They are final the moment a record is appended and are never rewritten.

use std::fmt;

/// Log sequence number: a logical byte address, monotone over the life of a data directory.
/// Its segment is `lsn / segment_bytes`, the place in that file `lsn % segment_bytes`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl fmt::Debug for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Lsn({:#x})", self.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#x}", self.0)
    }
}

/// Where a body is: the address of its section and the length of its content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BodyRef {
    /// Address of the body section.
    pub lsn: Lsn,
    /// Length of the content, chunked or not.
    pub bytes: u32,
}

/// Which segments hold how many bytes of a body: what the accounting of live bytes adds and subtracts.
/// A plain body occupies exactly one segment, a chunked one seldom more than two; then nothing is allocated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Occupies {
    inline: [(u32, u32); 2],
    inline_count: u8,
    more: Vec<(u32, u32)>,
}

impl Occupies {
    /// Nothing: a record without a body.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            inline: [(0, 0); 2],
            inline_count: 0,
            more: Vec::new(),
        }
    }

    /// The one segment of a plain body.
    #[must_use]
    pub const fn one(segment: u32, bytes: u32) -> Self {
        Self {
            inline: [(segment, bytes), (0, 0)],
            inline_count: 1,
            more: Vec::new(),
        }
    }

    /// Adds bytes in a segment, merged with what is already counted there.
    pub fn add(&mut self, segment: u32, bytes: u32) {
        let held = usize::from(self.inline_count);
        let mut entries = self
            .inline
            .iter_mut()
            .take(held)
            .chain(self.more.iter_mut());
        if let Some(entry) = entries.find(|entry| entry.0 == segment) {
            entry.1 += bytes;
        } else if let Some(free) = self.inline.get_mut(held) {
            *free = (segment, bytes);
            self.inline_count += 1;
        } else {
            self.more.push((segment, bytes));
        }
    }

    /// `(segment, bytes)`, each segment once.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.inline
            .iter()
            .take(usize::from(self.inline_count))
            .chain(self.more.iter())
            .copied()
    }

    /// True for a record without a body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inline_count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_one_segment_are_merged_and_many_segments_spill() {
        let mut occupies = Occupies::none();
        assert!(occupies.is_empty());
        for (segment, bytes) in [(1, 10), (2, 20), (1, 5), (3, 30), (4, 1), (3, 1)] {
            occupies.add(segment, bytes);
        }
        assert_eq!(
            occupies.iter().collect::<Vec<_>>(),
            [(1, 15), (2, 20), (3, 31), (4, 1)]
        );
        assert_eq!(Occupies::one(7, 9).iter().collect::<Vec<_>>(), [(7, 9)]);
    }
}
