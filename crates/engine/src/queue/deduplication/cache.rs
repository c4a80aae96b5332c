//! Rows of spilled buckets that were read lately, few and small: whoever sends a duplicate sends it again.

use std::collections::VecDeque;
use std::sync::Arc;

use super::packed::{Packed, halves};
use crate::ids::QueueId;
use crate::index::Usage;
use crate::limits::DEDUPLICATION_ROWS_CACHED;

/// Entries of a row in order of id.
pub(crate) type Row = Arc<Vec<Packed>>;

/// Where a row belongs: queue, bucket, row.
pub(crate) type RowPlace = (QueueId, u64, u32);

/// The rows one shard keeps, the latest at the end.
#[derive(Debug, Default)]
pub(crate) struct RowCache {
    rows: VecDeque<(RowPlace, Row)>,
}

fn bytes(row: &Row) -> u64 {
    (row.len() * size_of::<Packed>()) as u64
}

impl RowCache {
    /// The row, if it is here.
    pub(crate) fn get(&self, place: RowPlace) -> Option<&Row> {
        let found = self.rows.iter().find(|(held, _)| *held == place);
        found.map(|(_, row)| row)
    }

    /// Takes a row in, and drops the oldest beyond the limit.
    pub(crate) fn insert(&mut self, place: RowPlace, row: Row, usage: &Usage) {
        if self.get(place).is_some() {
            return;
        }
        if self.rows.len() >= DEDUPLICATION_ROWS_CACHED
            && let Some((_, oldest)) = self.rows.pop_front()
        {
            usage.deduplication_bytes.sub(bytes(&oldest));
        }
        usage.deduplication_bytes.add(bytes(&row));
        self.rows.push_back((place, row));
    }

    /// Drops the rows of a bucket that is gone.
    pub(crate) fn forget(&mut self, queue: QueueId, bucket: u64, usage: &Usage) {
        self.rows.retain(|((of_queue, of_bucket, _), row)| {
            let keep = (*of_queue, *of_bucket) != (queue, bucket);
            if !keep {
                usage.deduplication_bytes.sub(bytes(row));
            }
            keep
        });
    }
}

/// The entry of a row with this id.
pub(super) fn find_in(row: &Row, id: u128) -> Option<&Packed> {
    let id = halves(id);
    let position = row.binary_search_by_key(&id, Packed::halves).ok()?;
    row.get(position)
}
