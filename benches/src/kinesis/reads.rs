//! Reading shards from their beginning to their tip, a connection each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kinesis::api::{Encoding, Operation};
use crate::kinesis::documents;
use crate::kinesis::session::shard_id;
use crate::sign::Signer;
use crate::workload::Workload;

/// What comes after the tip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tip {
    /// From the beginning again.
    StartOver,
    /// Nothing.
    Stop,
}

/// What is read.
#[derive(Clone)]
pub(crate) struct ReadPlan {
    /// The stream.
    pub(crate) stream: String,
    /// Its shards; each connection reads the next one in turn.
    pub(crate) shards: usize,
    /// How documents are written.
    pub(crate) encoding: Encoding,
    /// What comes after the tip.
    pub(crate) tip: Tip,
    /// The shard that the next connection gets; shared by the threads of a load.
    pub(crate) next_shard: Arc<AtomicUsize>,
    /// Bytes of a record's data, which every record has to have.
    pub(crate) data_bytes: usize,
}

/// Reads of a thread's connections.
pub(crate) struct Reads {
    plan: ReadPlan,
    signer: Signer,
    readers: Vec<Reader>,
}

struct Reader {
    shard: String,
    place: Place,
}

enum Place {
    Beginning,
    At(String),
    Tip,
}

impl Reads {
    /// For `connections` connections.
    pub(crate) fn new(plan: ReadPlan, signer: Signer, connections: usize) -> Self {
        let reader = |_| Reader {
            shard: shard_id(plan.next_shard.fetch_add(1, Ordering::Relaxed) % plan.shards),
            place: Place::Beginning,
        };
        let readers = (0..connections).map(reader).collect();
        Self {
            plan,
            signer,
            readers,
        }
    }
}

impl Workload for Reads {
    fn operations(&self) -> &'static [&'static str] {
        &["get"]
    }

    fn next(&mut self, connection: usize, out: &mut Vec<u8>) -> Option<usize> {
        self.signer.refresh();
        let reader = &self.readers[connection];
        let (operation, document) = match &reader.place {
            Place::Beginning => (
                Operation::GetShardIterator,
                documents::texts(
                    self.plan.encoding,
                    &[
                        ("StreamName", &self.plan.stream),
                        ("ShardId", &reader.shard),
                        ("ShardIteratorType", "TRIM_HORIZON"),
                    ],
                ),
            ),
            Place::At(iterator) => (
                Operation::GetRecords,
                documents::texts(self.plan.encoding, &[("ShardIterator", iterator)]),
            ),
            Place::Tip => return None,
        };
        self.signer.write(out, operation, &document);
        Some(0)
    }

    /// An iterator moves nothing.
    fn answered(
        &mut self,
        connection: usize,
        _operation: usize,
        body: &[u8],
    ) -> Result<u64, String> {
        let (encoding, data_bytes) = (self.plan.encoding, self.plan.data_bytes as u64);
        let place = &mut self.readers[connection].place;
        if let Place::Beginning = place {
            *place = Place::At(documents::iterator(encoding, body)?);
            return Ok(0);
        }
        let read = documents::records(encoding, body, &mut |_| {})?;
        if read.bytes != read.records * data_bytes {
            return Err(format!(
                "{} bytes in {} records of {data_bytes}",
                read.bytes, read.records
            ));
        }
        // Some servers say that they are not behind before everything was read.
        let is_tip = read.behind_ms == 0 && read.records == 0;
        *place = match (read.next, self.plan.tip) {
            (Some(next), _) if !is_tip => Place::At(next),
            (_, Tip::StartOver) => Place::Beginning,
            (_, Tip::Stop) => Place::Tip,
        };
        Ok(read.records)
    }
}
