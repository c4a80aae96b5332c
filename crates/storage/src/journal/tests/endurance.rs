//! Everything at once under a seed: appends, commits, preparation, checkpoints, reclaiming, packing, power loss.
//! A model remembers what was durable; after every crash the journal must know exactly that.

use super::*;

const OWNER: u64 = 7;

struct Kept {
    body: BodyRef,
    sequence: u64,
    bytes: usize,
    occupies: Occupies,
}

/// What the journal must still know.
#[derive(Default)]
struct Model {
    start: Lsn,
    /// What was appended since `start`: sequence and end of the record.
    since_start: Vec<(u64, Lsn)>,
    /// Live bodies, oldest first.
    live: Vec<Kept>,
    next_sequence: u64,
}

impl Model {
    fn append(&mut self, journal: &Journal, random: &mut Random) {
        let bytes = match random.below(12) {
            0 => random.below(900_000),
            1..4 => random.below(120_000),
            _ => random.below(9_000),
        } as usize;
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let appended = append(
            journal,
            &sequence.to_le_bytes(),
            Some((sequence, &content(sequence, bytes))),
        );
        let body = appended.body.expect("a body");
        self.live.push(Kept {
            body,
            sequence,
            bytes,
            occupies: appended.occupies,
        });
        self.since_start.push((sequence, appended.end));
    }

    fn checkpoint(&mut self, journal: &Journal) {
        commit(journal);
        self.start = journal.position().frame;
        self.since_start.clear();
    }

    fn live_bytes(&self) -> BTreeMap<u32, u64> {
        let mut live = BTreeMap::new();
        for (segment, bytes) in self.live.iter().flat_map(|kept| kept.occupies.iter()) {
            *live.entry(segment).or_default() += u64::from(bytes);
        }
        live
    }

    /// Packs some places of which little lives, segments and packs alike.
    fn pack(&self, journal: &Journal, random: &mut Random) {
        let live = self.live_bytes();
        let mut places = journal.places(&live);
        places.retain(|place| place.live_bytes < SEGMENT_BYTES / 4 && random.below(3) > 0);
        let segments = places.into_iter().flat_map(|place| place.segments);
        let draft = Draft {
            segments: segments.collect(),
            expires_ms: None,
        };
        let within = |kept: &&Kept| {
            let mut occupied = kept.occupies.iter();
            occupied.any(|(index, _)| draft.segments.contains(&index))
        };
        let wanted: Vec<_> = self
            .live
            .iter()
            .filter(within)
            .map(|kept| (kept.body, OWNER, kept.sequence))
            .collect();
        let bytes = draft
            .segments
            .iter()
            .filter_map(|segment| live.get(segment));
        let bytes: u64 = bytes.sum();
        let packed = journal.pack(&draft, &wanted).expect("packs");
        // The segment with the last frame is left alone.
        assert!(packed.bytes <= bytes);
    }

    /// Forgets what the crash took.
    fn crash(&mut self, durable: Lsn) {
        let kept = self.since_start.partition_point(|(_, end)| *end <= durable);
        let lost = self.since_start.split_off(kept);
        self.live
            .retain(|kept| lost.iter().all(|(sequence, _)| *sequence != kept.sequence));
    }

    fn verify(&self, journal: &Journal, seen: &[Seen]) {
        let replayed: Vec<u64> = seen
            .iter()
            .map(|seen| u64::from_le_bytes(seen.meta[..8].try_into().expect("8 bytes")))
            .collect();
        let expected: Vec<u64> = self
            .since_start
            .iter()
            .map(|(sequence, _)| *sequence)
            .collect();
        assert_eq!(replayed, expected);
        for kept in &self.live {
            let read = journal
                .read_body(kept.body, OWNER, kept.sequence)
                .expect("a live body");
            assert!(
                read == content(kept.sequence, kept.bytes),
                "body {}",
                kept.sequence
            );
            assert_eq!(
                journal.body_occupies(kept.body).expect("readable"),
                kept.occupies
            );
        }
    }
}

#[test]
fn whatever_happens_exactly_what_was_durable_survives_power_loss() {
    let mut random = Random::seeded("endurance");
    let mut model = Model::default();
    let mut disk = FaultyDisk::new();
    for epoch in 1..=25 {
        let start = (epoch > 1).then_some(model.start);
        let options = JournalOptions {
            ring_bytes_max: 2 * 1024 * 1024,
            ..options()
        };
        let (journal, seen) = try_open(&disk, options, start).expect("opens after any crash");
        assert_eq!(journal.epoch(), epoch);
        model.verify(&journal, &seen);
        for _ in 0..random.below(200) {
            match random.below(20) {
                0..12 => model.append(&journal, &mut random),
                12..15 => {
                    commit(&journal);
                }
                15 => {
                    journal.prepare_next().expect("prepares");
                }
                16 => model.checkpoint(&journal),
                17 => {
                    journal
                        .reclaim(model.start, &model.live_bytes())
                        .expect("reclaims");
                }
                18 => model.pack(&journal, &mut random),
                _ => model.live.retain(|_| random.below(3) == 0),
            }
        }
        let JournalStatistics {
            segments,
            packs,
            frames,
            ..
        } = journal.statistics();
        eprintln!("epoch {epoch}: {frames} frames, {segments} segments, {packs} packs");
        model.crash(journal.durable());
        drop(journal);
        disk = disk.after_power_loss();
    }
}
