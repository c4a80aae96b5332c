//! Where survivors are, for whoever decides which of them move.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::super::{Journal, lock};
use crate::Lsn;

/// A file with bodies that can move: a segment, or a pack with what lives of some.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The segments whose survivors are there and nowhere else, ascending.
    pub segments: Vec<u32>,
    /// Its length in bytes.
    pub stored_bytes: u64,
    /// Bytes of what lives in it.
    pub live_bytes: u64,
    /// It is a pack.
    pub packed: bool,
    /// When the most of a pack outlives its retention, as was said when it was made; milliseconds since the Unix epoch.
    pub expires_ms: Option<u64>,
}

impl Journal {
    /// All places below the trimmed position in which anything lives. `live` is what the last `reclaim` was told. Places with
    /// a body that could not be read since the start are left out: they stay as they are.
    #[must_use]
    pub fn places(&self, live: &BTreeMap<u32, u64>) -> Vec<Place> {
        let trimmed = Lsn(self.trimmed.load(Ordering::Acquire));
        let end = self.segments.segment_of(trimmed);
        let packs = self
            .segments
            .packs()
            .into_iter()
            .map(|(pack, segments)| Place {
                live_bytes: segments
                    .iter()
                    .filter_map(|segment| live.get(segment))
                    .sum(),
                segments,
                stored_bytes: pack.bytes,
                packed: true,
                expires_ms: pack.expires_ms,
            });
        let bare = live
            .range(..end)
            .filter(|(index, _)| !self.segments.is_packed(**index));
        let bare = bare.map(|(index, live)| Place {
            segments: vec![*index],
            stored_bytes: 1 << self.segment_bits,
            live_bytes: *live,
            packed: false,
            expires_ms: None,
        });
        let unreadable = lock(&self.unreadable);
        packs
            .chain(bare)
            .filter(|place| place.live_bytes > 0)
            .filter(|place| {
                place
                    .segments
                    .iter()
                    .all(|index| !unreadable.contains(index))
            })
            .collect()
    }
}
