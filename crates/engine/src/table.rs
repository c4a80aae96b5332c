//! The table primitive as the catalog needs it: ordered rows, conditional batches, all in memory.
//!
//! Rows are spread over buckets by a hash of their key; a checkpoint rewrites only buckets that
//! changed. Values larger than memory come with DynamoDB.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{Malformed, Reader, Writer};
use crate::limits::CATALOG_BUCKETS;
use crate::record::RowChange;

/// A row as the shard keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredRow {
    pub(crate) version: u64,
    pub(crate) value: Vec<u8>,
}

/// Rows of one shard.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) rows: BTreeMap<Vec<u8>, StoredRow>,
    /// Version of the last write; every write takes the next one.
    pub(crate) version: u64,
    /// Buckets with a row in the view, by generation.
    pub(crate) stored: BTreeMap<u16, u64>,
    dirty: std::collections::BTreeSet<u16>,
}

fn bucket_of(key: &[u8]) -> u16 {
    (xxh3_64(key) % u64::from(CATALOG_BUCKETS)) as u16
}

impl Table {
    /// Applies changes under a new version.
    pub(crate) fn write(&mut self, version: u64, changes: &[RowChange]) {
        self.version = self.version.max(version);
        for change in changes {
            self.dirty.insert(bucket_of(&change.key));
            match &change.value {
                Some(value) => {
                    let row = StoredRow {
                        version,
                        value: value.clone(),
                    };
                    self.rows.insert(change.key.clone(), row);
                }
                None => {
                    self.rows.remove(&change.key);
                }
            }
        }
    }

    /// Buckets that changed since the last call, encoded; an empty one comes as `None`.
    pub(crate) fn take_dirty(&mut self) -> Vec<(u16, Option<Vec<u8>>)> {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.is_empty() {
            return Vec::new();
        }
        let mut buckets: BTreeMap<u16, Vec<(&Vec<u8>, &StoredRow)>> =
            dirty.iter().map(|bucket| (*bucket, Vec::new())).collect();
        for (key, row) in &self.rows {
            if let Some(rows) = buckets.get_mut(&bucket_of(key)) {
                rows.push((key, row));
            }
        }
        buckets
            .into_iter()
            .map(|(bucket, rows)| (bucket, (!rows.is_empty()).then(|| encode_rows(&rows))))
            .collect()
    }

    /// Buckets written under a generation that never counted are changed again.
    pub(crate) fn abandoned(&mut self, generation: u64) {
        let lost = self.stored.iter().filter(|(_, g)| **g == generation);
        let lost: Vec<u16> = lost.map(|(bucket, _)| *bucket).collect();
        for bucket in lost {
            self.stored.remove(&bucket);
            self.dirty.insert(bucket);
        }
    }

    /// Takes in a bucket read from the view.
    pub(crate) fn restore(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut input = Reader::new(bytes, "catalog bucket");
        if input.u8()? != 1 {
            return Err(input.malformed());
        }
        for (key, row) in input.list(|input| {
            let key = input.bytes()?.to_vec();
            let version = input.u64()?;
            let value = input.bytes()?.to_vec();
            Ok((key, StoredRow { version, value }))
        })? {
            self.rows.insert(key, row);
        }
        input.finish()
    }
}

fn encode_rows(rows: &[(&Vec<u8>, &StoredRow)]) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(1);
    out.list(rows, |out, (key, row)| {
        out.bytes(key).u64(row.version).bytes(&row.value);
    });
    out.bytes
}
