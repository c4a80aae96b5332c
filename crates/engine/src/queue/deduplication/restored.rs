//! What a queue remembers as part of its own row, and back from the view at a restart.

use std::sync::Arc;

use bytes::Bytes;

use super::bucket::{Bucket, Order, Written};
use super::filter::Filter;
use super::resident::Resident;
use super::rows::{decode_chunk, decode_entries};
use super::{Deduplication, Dropped};
use crate::codec::{Malformed, Reader, Writer};
use crate::ids::{QueueId, ShardId};
use crate::index::ShardIndex;
use crate::row_key::{RowKey, RowKind};

const UNREADABLE: Malformed = Malformed("deduplication bucket");

/// Part of what a queue remembers, as its row lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// Up to 8,192 entries in one row, as format 1 kept them.
    Chunk { number: u64, generation: u64 },
    /// A bucket.
    Bucket(ListedBucket),
}

/// A bucket, as its queue's row lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListedBucket {
    number: u64,
    written: Written,
    first_sequence: u64,
    start_ms: u64,
    last_ms: u64,
}

impl Listed {
    /// The rows that a restart reads: of a closed bucket its filter only.
    pub(crate) fn keys(&self, shard: ShardId, queue: QueueId) -> Vec<RowKey> {
        match self {
            Listed::Chunk { number, generation } => vec![RowKey {
                shard,
                kind: RowKind::Deduplication,
                id: queue.0,
                number: *number,
                generation: *generation,
            }],
            Listed::Bucket(listed) => match listed.written.order {
                Order::Id => vec![listed.written.filter_key(shard, queue, listed.number)],
                Order::Arrival => {
                    let keys = listed.written.entries_keys(shard, queue, listed.number);
                    keys.collect()
                }
            },
        }
    }
}

impl Deduplication {
    /// Lists the buckets, each with the rows that it was last captured in.
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u64(self.next_bucket).u32(self.buckets.len() as u32);
        for bucket in &self.buckets {
            let written = bucket.written();
            assert!(written.is_some(), "a bucket is captured before it is named");
            let Some(written) = written else {
                continue;
            };
            let order = match written.order {
                Order::Arrival => 0,
                Order::Id => 1,
            };
            out.u64(bucket.number).u64(written.generation).u8(order);
            out.u32(written.count).u64(bucket.first_sequence);
            out.u64(bucket.start_ms).u64(bucket.last_ms);
        }
    }

    /// Reads what `encode` wrote; the buckets come with `restore`.
    pub(crate) fn decode(&mut self, input: &mut Reader<'_>) -> Result<Vec<Listed>, Malformed> {
        self.next_bucket = input.u64()?;
        input.list(|input| {
            let number = input.u64()?;
            let generation = input.u64()?;
            let order = match input.u8()? {
                0 => Order::Arrival,
                1 => Order::Id,
                _ => return Err(input.malformed()),
            };
            let count = input.u32()?;
            let written = Written {
                generation,
                order,
                count,
            };
            Ok(Listed::Bucket(ListedBucket {
                number,
                written,
                first_sequence: input.u64()?,
                start_ms: input.u64()?,
                last_ms: input.u64()?,
            }))
        })
    }

    /// Takes back what was listed, oldest first, with its rows. True when the next checkpoint must write it anew.
    pub(crate) fn restore(
        &mut self,
        listed: &Listed,
        rows: &[Bytes],
        index: &ShardIndex,
    ) -> Result<bool, Malformed> {
        match listed {
            Listed::Chunk { number, generation } => {
                for seen in decode_chunk(rows.first().ok_or(UNREADABLE)?)? {
                    self.remember(seen.id, seen.sequence, seen.at_ms, index);
                }
                self.dropped.push(Dropped::Chunk(*number, *generation));
                Ok(true)
            }
            Listed::Bucket(listed) => {
                #[cfg(feature = "planted-bugs")]
                if listed.written.order == Order::Id
                    && crate::plant::is(crate::plant::Plant::BucketForgotten)
                {
                    return Ok(false);
                }
                let bucket = listed.read(rows)?;
                let usage = &index.usage;
                usage.deduplication_entries.add(u64::from(bucket.count));
                self.buckets.push_back(bucket);
                if let Some(bucket) = self.buckets.back_mut() {
                    bucket.recount(usage);
                }
                Ok(false)
            }
        }
    }
}

impl ListedBucket {
    fn read(&self, rows: &[Bytes]) -> Result<Bucket, Malformed> {
        let mut bucket = Bucket::open(self.number, self.first_sequence, self.start_ms);
        bucket.last_ms = self.last_ms;
        bucket.count = self.written.count;
        bucket.stored = Some(self.written);
        bucket.changed = false;
        let read = match self.written.order {
            Order::Id => {
                let filter = Filter::decode(rows.first().ok_or(UNREADABLE)?)?;
                let read = filter.len();
                bucket.closed = true;
                bucket.resident = None;
                bucket.filter = Some(Arc::new(filter));
                read
            }
            Order::Arrival => {
                let mut resident = Resident::default();
                let mut read = 0;
                for row in rows {
                    for entry in decode_entries(row)? {
                        resident.push(entry);
                        read += 1;
                    }
                }
                bucket.resident = Some(resident);
                read
            }
        };
        match read == self.written.count as usize {
            true => Ok(bucket),
            false => Err(UNREADABLE),
        }
    }
}
