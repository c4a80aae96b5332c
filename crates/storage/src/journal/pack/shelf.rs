//! Which packs there are, and which of them keeps what lives of a segment. A segment's survivors are in one place: where
//! two packs name a segment, because a crash came between the new one and the removal of the old, the newer has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::segments::StoredFile;

/// Names a pack: later ones are greater, and files of relocated bodies, which came before packs, are the smallest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum PackId {
    /// The relocated bodies of a segment.
    Relocated(u32),
    /// A pack by its number.
    Numbered(u64),
}

/// One pack.
pub(crate) struct Pack {
    pub(crate) id: PackId,
    pub(crate) stored: StoredFile,
    /// Segments of which it got all that lived, ascending.
    pub(crate) segments: Vec<u32>,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// When the most of it outlives its retention; none where nobody could tell.
    pub(crate) expires_ms: Option<u64>,
}

/// All packs.
#[derive(Default)]
pub(crate) struct Shelf {
    packs: BTreeMap<PackId, Arc<Pack>>,
    /// Which pack has a segment's survivors.
    holders: BTreeMap<u32, PackId>,
}

impl Shelf {
    /// A pack that is durable: readers of its segments find it from now on.
    pub(crate) fn insert(&mut self, pack: Pack) {
        for segment in &pack.segments {
            let holder = self.holders.entry(*segment).or_insert(pack.id);
            *holder = pack.id.max(*holder);
        }
        self.packs.insert(pack.id, Arc::new(pack));
    }

    /// The pack with what survived of a segment.
    pub(crate) fn holder(&self, segment: u32) -> Option<&Arc<Pack>> {
        self.packs.get(self.holders.get(&segment)?)
    }

    /// Segments of whose survivors this pack is the place.
    pub(crate) fn held_by<'a>(&'a self, pack: &'a Pack) -> impl Iterator<Item = u32> + 'a {
        let of_this = |segment: &u32| self.holders.get(segment) == Some(&pack.id);
        pack.segments.iter().copied().filter(of_this)
    }

    /// Takes a pack off unless somebody reads it; its segments have no place any more.
    pub(crate) fn take(&mut self, id: PackId) -> Option<Arc<Pack>> {
        if Arc::strong_count(self.packs.get(&id)?) > 1 {
            return None;
        }
        let pack = self.packs.remove(&id)?;
        for segment in &pack.segments {
            if self.holders.get(segment) == Some(&id) {
                self.holders.remove(segment);
            }
        }
        Some(pack)
    }

    /// By age.
    pub(crate) fn packs(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.packs.values()
    }

    /// A number that is greater than all.
    pub(crate) fn next_number(&self) -> u64 {
        match self.packs.last_key_value() {
            Some((PackId::Numbered(number), _)) => number + 1,
            _ => 0,
        }
    }
}
