//! How often things happened, for whoever wants to know whether a run was worth it.

use crate::model::Judged;

/// Counts over one run or many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    /// Scheduler steps.
    pub steps: u64,
    /// Messages whose senders were told that they are stored.
    pub acknowledged: usize,
    /// Messages handed to receivers.
    pub deliveries: usize,
    /// Entries of logs whose writers were told that they are stored.
    pub appends: usize,
    /// Entries of logs handed to readers.
    pub entries_read: usize,
    /// Allocations and writes that met a full disk.
    pub refusals: u64,
    /// Times the machine went down.
    pub crashes: u64,
    /// Checkpoints completed.
    pub checkpoints: u64,
    /// Pages and bodies read from the disk by themselves.
    pub fetches: u64,
    /// Steps at which effects waited in the view and not in memory.
    pub outbox_spills: u64,
    /// Reads with a flipped bit.
    pub flips: u64,
    /// Times that live bodies moved into packs.
    pub packings: u64,
    /// Flipped bits that refused a start, as they should.
    pub rots_found: u64,
    /// Receives that could not have missed a message unnoticed.
    pub complete_receives: u64,
    /// Looks at whole queues.
    pub looks: u64,
    /// Receives that had to leave no message of a quiet tenant.
    pub fair_receives: u64,
    /// Messages judged against an earlier one of their group in the same answer.
    pub followers: u64,
    /// Receives that had to repeat an earlier one.
    pub repetitions: u64,
    /// FIFO receipts that had to be accepted.
    pub receipts_held: u64,
    /// FIFO receipts that had to be refused.
    pub receipts_lost: u64,
    /// Sends that were duplicates.
    pub duplicates: u64,
    /// Messages that came out of a dead-letter queue.
    pub moves: u64,
    /// Messages that came home from a dead-letter queue that is gone.
    pub returns: u64,
    /// Messages that a receive of none had to send to their dead-letter queue.
    pub exhausted: u64,
    /// Messages received after a move task made them new ones.
    pub renames: u64,
    /// Slices of move tasks that moved something.
    pub slices: u64,
    /// Shares of publications that were received where they were published to.
    pub shares: u64,
    /// Messages that outlived their retention.
    pub expiries: u64,
    /// Batches of log entries judged.
    pub log_reads: u64,
    /// Entries that outlived the retention of their log.
    pub outlived: u64,
}

impl Tried {
    /// Adds up over runs.
    pub fn add(&mut self, other: &Tried) {
        self.steps += other.steps;
        self.acknowledged += other.acknowledged;
        self.deliveries += other.deliveries;
        self.appends += other.appends;
        self.entries_read += other.entries_read;
        self.refusals += other.refusals;
        self.crashes += other.crashes;
        self.checkpoints += other.checkpoints;
        self.fetches += other.fetches;
        self.outbox_spills += other.outbox_spills;
        self.flips += other.flips;
        self.packings += other.packings;

        self.rots_found += other.rots_found;
        self.complete_receives += other.complete_receives;
        self.looks += other.looks;
        self.fair_receives += other.fair_receives;
        self.followers += other.followers;
        self.repetitions += other.repetitions;
        self.receipts_held += other.receipts_held;
        self.receipts_lost += other.receipts_lost;
        self.duplicates += other.duplicates;
        self.moves += other.moves;
        self.returns += other.returns;
        self.exhausted += other.exhausted;
        self.renames += other.renames;
        self.slices += other.slices;
        self.shares += other.shares;
        self.expiries += other.expiries;
        self.log_reads += other.log_reads;
        self.outlived += other.outlived;
    }

    /// The same with what the reference judged.
    pub(crate) fn with(self, judged: &Judged) -> Tried {
        Tried {
            complete_receives: judged.complete_receives.get(),
            looks: judged.looks.get(),
            fair_receives: judged.fair_receives.get(),
            followers: judged.followers.get(),
            repetitions: judged.repetitions.get(),
            receipts_held: judged.receipts_held.get(),
            receipts_lost: judged.receipts_lost.get(),
            duplicates: judged.duplicates.get(),
            moves: judged.moves.get(),
            returns: judged.returns.get(),
            exhausted: judged.exhausted.get(),
            renames: judged.renames.get(),
            slices: judged.slices.get(),
            shares: judged.shares.get(),
            expiries: judged.expiries.get(),
            log_reads: judged.log_reads.get(),
            outlived: judged.outlived.get(),
            ..self
        }
    }
}
