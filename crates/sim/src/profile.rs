//! What one seed tries: sizes, budgets, faults and how often each thing happens.
//!
//! Every run is good at something else: some have no faults, so that every check is exact; some have
//! pages that never fit in memory, a full disk, or a machine that dies all the time.

use fastrand::Rng;
use waystation_engine::Budgets;
use waystation_storage::{FullFrame, JournalOptions};

/// Size of a journal segment in every run: the smallest there is.
pub(crate) const SEGMENT_BYTES: u64 = 4 << 20;
/// Workers in every run, so that effects cross from one to another.
pub(crate) const WORKERS: usize = 4;

/// The knobs of one run.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// Scheduler steps before the final drain.
    pub(crate) steps: u64,
    /// Crashes come about once in so many steps; 0 for never.
    pub(crate) crash_one_in: u64,
    /// Writes go wrong about once in so many steps; 0 for never.
    pub(crate) fault_one_in: u64,
    /// A client goes away about once in so many steps; 0 for never.
    pub(crate) drop_one_in: u64,
    /// One of so many reads in a window of reads has a flipped bit; 0 for never.
    pub(crate) flip_one_in: u32,
    /// Bits rot while the machine is down.
    pub(crate) rots: bool,
    /// The disk has room for so many segments.
    pub(crate) room_segments: u64,
    /// Largest body.
    pub(crate) body_bytes_max: usize,
    /// Most messages in one send; beyond ten they are tiny.
    pub(crate) bulk_max: usize,
    /// Longest jump of the clock.
    pub(crate) jump_ms_max: u64,
    /// Most queues at a time.
    pub(crate) queues_max: usize,
    /// Commands under way at a time.
    pub(crate) commands_max: usize,
    /// Stretches of a checkpoint per thousand scheduler steps.
    pub(crate) checkpoint_per_mille: u64,
    /// One of so many turns for reading from the disk is taken.
    pub(crate) fetch_one_in: u64,
    /// Memory for pages is so short that they leave it all the time.
    pub(crate) spills: bool,
    /// Letters between shards are kept back for a while about once in so many steps; 0 for never.
    pub(crate) hold_one_in: u64,
    /// Pages with a deadline farther away than this leave memory too.
    pub(crate) far_ms: u64,
    /// Deduplication ids of a queue that spill together.
    pub(crate) bucket_entries: u32,
    /// Memory for deduplication ids; past it spilled ones leave it.
    pub(crate) remembered_bytes: u64,
    /// Node-wide budgets are so small that commands are refused.
    pub(crate) tight: bool,
    /// So much comes and goes that journal segments are mostly dead while little of them lives.
    pub(crate) floods: bool,
    /// Standard queues are full of one tenant's messages, many of them in flight, and little else happens.
    pub(crate) crowded: bool,
    /// Of a hundred commands so many are about logs.
    pub(crate) logs_percent: u8,
    /// Entries of a log's page, and pages of a block of its directory.
    pub(crate) log_page_entries: usize,
    pub(crate) log_block_pages: usize,
    /// Zeroed ahead of the journal's writer.
    pub(crate) zero_ahead_bytes: u64,
}

fn one_of<T: Copy>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.usize(0..values.len())]
}

impl Profile {
    /// The profile of a seed.
    pub(crate) fn draw(rng: &mut Rng, steps: u64) -> Profile {
        let faults = rng.u8(0..4) > 0;
        let heavy = rng.u8(0..4) == 0;
        let spills = rng.u8(0..4) == 0;
        let full = rng.u8(0..8) == 0;
        let crowded = rng.u8(0..5) == 0;
        let floods = !crowded && !full && rng.u8(0..3) == 0;
        Profile {
            steps,
            crash_one_in: match (faults, floods) {
                (true, true) => one_of(rng, &[150, 400, 800]),
                (true, false) => one_of(rng, &[60, 150, 400]),
                (false, _) => 0,
            },
            fault_one_in: if faults {
                one_of(rng, &[0, 150, 400])
            } else {
                0
            },
            drop_one_in: one_of(rng, &[0, 0, 40]),
            flip_one_in: one_of(rng, &[0, 0, 4]),
            rots: faults && rng.bool(),
            room_segments: if full { rng.u64(4..8) } else { 1 << 20 },
            body_bytes_max: if heavy || full {
                1 << 20
            } else {
                one_of(rng, &[200, 4000, 70_000])
            },
            bulk_max: if spills {
                1500
            } else {
                one_of(rng, &[10, 10, 10, 700])
            },
            jump_ms_max: match crowded {
                true => 1000,
                false => one_of(rng, &[1000, 60_000, 400_000, 90_000_000]),
            },
            queues_max: if crowded { 2 } else { rng.usize(2..=7) },
            commands_max: rng.usize(1..=if crowded { 2 } else { 10 }),
            checkpoint_per_mille: match floods {
                true => 200,
                false => one_of(rng, &[5, 60, 200]),
            },
            fetch_one_in: one_of(rng, &[1, 1, 20]),
            spills,
            hold_one_in: if spills {
                50
            } else {
                one_of(rng, &[0, 0, 300])
            },
            far_ms: one_of(rng, &[0, 0, 100, 3000, 60_000]),
            bucket_entries: one_of(rng, &[3, 20, 600]),
            remembered_bytes: one_of(rng, &[0, 0, 4000]),
            tight: rng.u8(0..10) == 0,
            floods,
            crowded,
            logs_percent: match crowded {
                true => 0,
                false => one_of(rng, &[0, 10, 30, 60]),
            },
            log_page_entries: one_of(rng, &[3, 40, 1024]),
            log_block_pages: one_of(rng, &[1, 3, 256]),
            zero_ahead_bytes: one_of(rng, &[0, 0, 0, 1 << 20]),
        }
    }

    /// The journal of this run: small segments, no threads, little memory, so that bodies are read
    /// from the disk.
    pub(crate) fn journal(&self) -> JournalOptions {
        JournalOptions {
            segment_bytes: SEGMENT_BYTES,
            ring_bytes_max: 1 << 20,
            full_frame: FullFrame::CommitInline,
            zero_ahead_bytes: self.zero_ahead_bytes,
            ..JournalOptions::default()
        }
    }

    /// The budgets of this run.
    pub(crate) fn budgets(&self) -> Budgets {
        let mut budgets = Budgets::default();
        if self.spills {
            budgets.page_bytes_max = 1000;
            budgets.outbox_memory_bytes_max = 1000;
            budgets.outbox_chunk_effects = 3;
            budgets.far_ms = self.far_ms;
        }
        budgets.log_page_entries = self.log_page_entries;
        budgets.log_block_pages = self.log_block_pages;
        if self.floods {
            budgets.pack_again_bytes_min = 0;
            budgets.small_packs_max = 2;
        }
        budgets.deduplication_bytes_max = self.remembered_bytes;
        budgets.deduplication_bucket_entries_max = self.bucket_entries;
        if self.tight {
            budgets.waiting_messages_max = 20;
            budgets.deduplication_entries_max = 20;
            budgets.attempt_messages_max = 10;
            budgets.parked_receives_max = 2;
            budgets.outbox_bytes_max = 3000;
        }
        budgets
    }
}
