//! Connections that each put a record into a shard of their own and read at its tip until it comes.

use crate::kinesis::api::{Encoding, Operation};
use crate::kinesis::documents::{self, Record};
use crate::kinesis::session::shard_id;
use crate::response::excerpt;
use crate::sign::Signer;
use crate::workload::Workload;

/// Puts and reads of a thread's connections.
pub(crate) struct Tails {
    stream: String,
    encoding: Encoding,
    signer: Signer,
    tails: Vec<Tail>,
}

struct Tail {
    shard: String,
    put: Vec<u8>,
    iterator: Option<String>,
    is_awaited: bool,
}

impl Tails {
    /// For the connections that read these of all `shards` shards of a stream.
    pub(crate) fn new(
        stream: &str,
        shards: usize,
        own: std::ops::Range<usize>,
        encoding: Encoding,
        data_bytes: usize,
        signer: Signer,
    ) -> Self {
        let mut data = vec![0; data_bytes];
        fastrand::fill(&mut data);
        let record = Record {
            key: "key",
            data: &data,
        };
        let tail = |shard: usize| {
            let hash_key = hash_key(shard, shards).to_string();
            Tail {
                shard: shard_id(shard),
                put: documents::put_record(encoding, stream, record, Some(hash_key.as_str())),
                iterator: None,
                is_awaited: false,
            }
        };
        Self {
            stream: stream.to_owned(),
            encoding,
            signer,
            tails: own.map(tail).collect(),
        }
    }
}

/// In the middle of a shard of a stream whose shards are of equal size.
fn hash_key(shard: usize, shards: usize) -> u128 {
    let width = u128::MAX / shards as u128;
    width * shard as u128 + width / 2
}

impl Workload for Tails {
    fn operations(&self) -> &'static [&'static str] {
        &["put", "get"]
    }

    fn next(&mut self, connection: usize, out: &mut Vec<u8>) -> Option<usize> {
        self.signer.refresh();
        let tail = &self.tails[connection];
        let Some(iterator) = &tail.iterator else {
            let document = documents::texts(
                self.encoding,
                &[
                    ("StreamName", &self.stream),
                    ("ShardId", &tail.shard),
                    ("ShardIteratorType", "LATEST"),
                ],
            );
            self.signer
                .write(out, Operation::GetShardIterator, &document);
            return Some(1);
        };
        if !tail.is_awaited {
            self.signer.write(out, Operation::PutRecord, &tail.put);
            return Some(0);
        }
        let document = documents::texts(self.encoding, &[("ShardIterator", iterator)]);
        self.signer.write(out, Operation::GetRecords, &document);
        Some(1)
    }

    fn answered(
        &mut self,
        connection: usize,
        operation: usize,
        body: &[u8],
    ) -> Result<u64, String> {
        let tail = &mut self.tails[connection];
        if operation == 0 {
            tail.is_awaited = true;
            return match documents::stored(body) {
                1 => Ok(1),
                _ => Err(format!("not acknowledged: {}", excerpt(body))),
            };
        }
        if tail.iterator.is_none() {
            tail.iterator = Some(documents::iterator(self.encoding, body)?);
            return Ok(0);
        }
        let read = documents::records(self.encoding, body, &mut |_| {})?;
        tail.is_awaited = read.records == 0;
        tail.iterator = Some(read.next.ok_or("no iterator to go on with")?);
        Ok(read.records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_has_its_key() {
        assert_eq!(hash_key(0, 1), u128::MAX / 2);
        for shard in 0..16 {
            assert_eq!(hash_key(shard, 16) >> 124, shard as u128);
        }
    }
}
