//! A row that was asked for arrives when its bucket is gone: nothing comes back to life.

use std::sync::Arc;

use super::super::Lookup;
use super::{Bench, QUEUE};
use crate::config::{QueueConfig, QueueKind};
use crate::index::Usage;
use crate::need::{Contents, Need};
use crate::queue::Queue;
use crate::shard::Shard;

#[test]
fn a_purge_while_a_row_is_read_keeps_it_forgotten() {
    let mut bench = Bench::new(3);
    for id in 1..=4 {
        bench.remember(id, id as u64, 1000);
    }
    bench.spill();
    let cache = &bench.index.deduplication_rows;
    let Lookup::Unread { bucket, row } = bench.memory.find(2, 1000, cache) else {
        panic!("the bucket is in memory");
    };
    let mut shard = Shard::new(QUEUE.shard(), Arc::new(Usage::default()), 1 << 26);
    let config = QueueConfig {
        kind: QueueKind::Fifo,
        retention_ms: 60_000,
        delay_ms: 0,
        redrive: None,
    };
    let mut queue = Queue::new(QUEUE, 1, config);
    queue.deduplication = bench.memory;
    shard.queues.insert(QUEUE, queue);
    shard.index = bench.index;

    let need = Need::Deduplication {
        queue: QUEUE,
        bucket,
        row,
    };
    assert!(shard.is_missing(need));
    let key = shard.row_of(need).unwrap();
    let contents = || need.read(&bench.rows, &key).unwrap();
    shard.install(need, key.generation + 1, contents());
    assert!(shard.is_missing(need), "a row of another generation");
    shard.install(need, key.generation, contents());
    assert!(!shard.is_missing(need));

    let late: Contents = contents();
    let queue = shard.queues.get_mut(&QUEUE).unwrap();
    queue.purge(&mut shard.index);
    assert!(!shard.is_stored(need, key.generation));
    shard.install(need, key.generation, late);
    assert!(
        shard
            .index
            .deduplication_rows
            .get((QUEUE, bucket, row))
            .is_none()
    );
    assert_eq!(shard.index.usage.deduplication_bytes.get(), 0);
    let queue = &shard.queues[&QUEUE];
    let cache = &shard.index.deduplication_rows;
    assert_eq!(queue.deduplication.find(2, 1000, cache), Lookup::New);
}
