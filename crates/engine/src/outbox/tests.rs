//! A lane against a plain list, whatever is written, fails, leaves memory and restarts meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::*;
use crate::codec::{Reader, Writer};
use crate::effect::MovedMessage;
use crate::ids::{MessageIdentity, QueueId};
use crate::index::Usage;

const SHARD: ShardId = 7;
const DESTINATION: ShardId = 9;
const SEGMENT_BYTES: u64 = 1 << 20;

fn index() -> ShardIndex {
    let mut index = ShardIndex::new(Arc::new(Usage::default()), SEGMENT_BYTES);
    index.outbox_chunk_effects = 3;
    index
}

fn effect(number: u64) -> Effect {
    let queue = QueueId(u64::from(DESTINATION) << 56 | 1);
    let from = QueueId(u64::from(SHARD) << 56 | 2);
    let identity = MessageIdentity {
        queue: from,
        sequence: number,
    };
    Effect::DeadLetter(MovedMessage {
        queue,
        from,
        before: None,
        identity,
        owner: identity,
        label: None,
        body_lsn: number * 300_000,
        body_bytes: 100 + number as u32 % 7,
        chunks: Vec::new(),
        sent_ms: number,
        group: 0,
        receive_count: 1,
        first_received_ms: 0,
    })
}

/// An outbox with its shard's index and the rows that a view would hold.
struct World {
    seed: u64,
    outbox: Outbox,
    index: ShardIndex,
    rows: BTreeMap<(u64, u64), Vec<u8>>,
    generation: u64,
    root: Vec<u8>,
    /// What waits, as a plain list.
    waiting: VecDeque<u64>,
    pushed: u64,
    taken: u64,
}

impl World {
    fn new(seed: u64) -> World {
        World {
            seed,
            outbox: Outbox::default(),
            index: index(),
            rows: BTreeMap::new(),
            generation: 0,
            root: Vec::new(),
            waiting: VecDeque::new(),
            pushed: 0,
            taken: 0,
        }
    }

    fn push(&mut self) {
        self.pushed += 1;
        self.outbox.push(effect(self.pushed), &mut self.index);
        self.waiting.push_back(self.pushed);
    }

    /// The destination takes one slice, if there is any.
    fn pull(&mut self) {
        match self.outbox.slice(DESTINATION, self.taken) {
            Slice::Empty => assert_eq!(self.waiting.len(), 0, "seed {}", self.seed),
            Slice::Effects(effects) => {
                for (number, taken) in effects {
                    let expected = self.waiting.pop_front();
                    assert_eq!(Some(number), expected, "seed {}", self.seed);
                    assert_eq!(taken, effect(number));
                    self.taken = number;
                }
            }
            Slice::Spilled(first) => {
                let chunk = self.outbox.chunk(DESTINATION, first).unwrap();
                let key = chunk.stored_row(SHARD, DESTINATION);
                let effects = decode_chunk(&self.rows[&(key.number, key.generation)]).unwrap();
                self.outbox
                    .install(DESTINATION, first, key.generation, Arc::new(effects));
                return self.pull();
            }
        }
        let rows = self
            .outbox
            .trim(SHARD, DESTINATION, self.taken, &mut self.index);
        for key in rows {
            self.rows.remove(&(key.number, key.generation));
        }
    }

    /// A checkpoint; one that fails leaves nothing behind.
    fn checkpoint(&mut self, seal: bool) {
        self.generation += 1;
        let captured = self.outbox.capture(SHARD, self.generation);
        if !seal {
            return self.outbox.abandoned(self.generation);
        }
        for (key, effects) in captured {
            self.rows
                .insert((key.number, key.generation), encode_chunk(&effects));
        }
        self.outbox.sealed(self.generation);
        let mut out = Writer::default();
        self.outbox.encode(&mut out);
        self.root = out.bytes;
    }

    /// What a checkpoint says is what there is.
    fn restart(&mut self) {
        self.checkpoint(true);
        self.index = index();
        let mut input = Reader::new(&self.root, "root");
        self.outbox = Outbox::decode(2, &mut input, &mut self.index).unwrap();
        input.finish().unwrap();
    }

    fn check(&self) {
        let seed = self.seed;
        let bytes: u64 = self.index.live.0.values().sum();
        let chunks = self
            .outbox
            .chunks()
            .map(|(_, chunk)| u64::from(chunk.count));
        let kept = chunks.sum::<u64>();
        let least: u64 = self.waiting.iter().map(|n| 124 + n % 7).sum();
        assert!(bytes >= least, "seed {seed}: bodies that wait are live");
        let waiting = self.waiting.len() as u64;
        assert!(
            (waiting..=waiting + 2).contains(&kept),
            "seed {seed}: {kept} for {waiting}"
        );
        let usage = &self.index.usage;
        let weight_bytes = kept * effect(1).weight_bytes();
        assert_eq!(usage.outbox_bytes.get(), weight_bytes, "seed {seed}");
        assert!(usage.outbox_memory_bytes.get() <= usage.outbox_bytes.get());
    }
}

#[test]
fn a_lane_gives_every_effect_once_and_in_order() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::new(seed);
        for _ in 0..400 {
            match rng.u8(0..12) {
                0..5 => world.push(),
                5..8 => world.pull(),
                8 => world.checkpoint(rng.bool()),
                9 => world.outbox.evict(Keep::Heads),
                10 => world.outbox.evict(Keep::Nothing),
                _ if rng.bool() => drop(world.outbox.close()),
                _ => world.restart(),
            }
            world.check();
        }
        while !world.waiting.is_empty() {
            world.pull();
        }
        assert!(
            world.index.live.0.is_empty(),
            "seed {seed}: bytes stay live"
        );
        assert!(world.rows.is_empty(), "seed {seed}: rows stay");
        drop(world.outbox);
        assert_eq!(world.index.usage.outbox_bytes.get(), 0);
        assert_eq!(world.index.usage.outbox_memory_bytes.get(), 0);
    }
}

#[test]
fn a_root_row_of_version_1_stays_readable() {
    let mut old = Writer::default();
    old.u32(1).u8(DESTINATION).u64(12);
    let waiting = [8, 9, 10, 11, 12];
    old.list(&waiting, |out, number| {
        out.u64(*number);
        effect(*number).encode(out);
    });
    old.u32(1).u8(3).u64(77);
    let mut index = index();
    let mut input = Reader::new(&old.bytes, "root");
    let outbox = Outbox::decode(1, &mut input, &mut index).unwrap();
    input.finish().unwrap();
    assert_eq!(outbox.last(DESTINATION), 12);
    assert_eq!(outbox.applied_from(3), 77);
    let mut after = 9;
    while let Slice::Effects(effects) = outbox.slice(DESTINATION, after) {
        for (number, found) in effects {
            assert_eq!((number, &found), (after + 1, &effect(number)));
            after = number;
        }
    }
    assert_eq!(after, 12);
    let live: u64 = index.live.0.values().sum();
    assert_eq!(live, waiting.iter().map(|n| 124 + n % 7).sum::<u64>());
}
