//! What is known of one queue: whether it exists, its settings over time, who received from it.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use waystation_engine::{QueueConfig, QueueId, QueueKind, Receipt};

use super::Existence;
use super::message::{Deed, UNENDED};
use super::moves::{Moving, Told};

/// Settings, and the steps within which they may have been in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) deed: Deed,
    /// Acknowledgement of the settings that followed.
    pub(crate) until: u64,
    pub(crate) config: QueueConfig,
}

/// A deduplication id that a send brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) message: usize,
    pub(crate) deed: Deed,
    pub(crate) at_ms: (u64, u64),
}

/// A receive with an attempt id.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) deed: Deed,
    pub(crate) at_ms: (u64, u64),
    /// (message, receipt)
    pub(crate) leases: Vec<(usize, Receipt)>,
}

/// A receive with an attempt id of which nobody knows what it renewed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GhostRepeat {
    pub(crate) attempt: u128,
    pub(crate) deed: Deed,
    pub(crate) from_ms: u64,
    pub(crate) surely_ms: u64,
}

/// A receipt somebody holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    pub(crate) receipt: Receipt,
    pub(crate) message: usize,
}

/// One queue of the run.
#[derive(Clone, Debug)]
pub(crate) struct QueueModel {
    pub(crate) born: Deed,
    pub(crate) died: Option<Deed>,
    pub(crate) kind: QueueKind,
    pub(crate) settings: Vec<Settings>,
    /// Messages that were last seen here.
    pub(crate) members: BTreeSet<usize>,
    /// Receives of which nobody will ever know what they took.
    pub(crate) ghosts: u64,
    /// Until when those may hold messages back.
    pub(crate) ghosts_until_ms: u64,
    /// Receives, with their steps; those under way have no end.
    pub(crate) receives: Vec<Deed>,
    pub(crate) purges: Vec<Deed>,
    /// Slices of move tasks out of this queue.
    pub(crate) movings: Vec<Moving>,
    /// Slices asked for, by task, as long as they matter.
    pub(crate) slices: Vec<(u64, Deed)>,
    /// How far its last move task was known to be.
    pub(crate) told: Option<Told>,
    pub(crate) seen: FxHashMap<u128, Vec<Seen>>,
    /// Latest receives by attempt id; several when nobody knows which came last.
    pub(crate) attempts: FxHashMap<u128, Vec<Attempt>>,
    pub(crate) ghost_repeats: Vec<GhostRepeat>,
    pub(crate) handles: Vec<Handle>,
    /// Messages handed out so far.
    pub(crate) given: u64,
    /// Highest acknowledged sequence, by the step of the acknowledgement.
    pub(crate) sequences: Vec<(u64, u64)>,
}

impl QueueModel {
    /// A queue that somebody is about to create.
    pub(crate) fn new(born: Deed, config: QueueConfig) -> QueueModel {
        QueueModel {
            born,
            died: None,
            kind: config.kind,
            settings: Vec::new(),
            members: BTreeSet::new(),
            ghosts: 0,
            ghosts_until_ms: 0,
            receives: Vec::new(),
            purges: Vec::new(),
            movings: Vec::new(),
            slices: Vec::new(),
            told: None,
            seen: FxHashMap::default(),
            attempts: FxHashMap::default(),
            ghost_repeats: Vec::new(),
            handles: Vec::new(),
            given: 0,
            sequences: Vec::new(),
        }
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.kind == QueueKind::Fifo
    }

    /// The attempt id that got messages last.
    pub(crate) fn latest_attempt(&self) -> Option<u128> {
        let ended = |attempts: &Vec<Attempt>| attempts.iter().map(|a| a.deed.end).max();
        let latest = self.attempts.iter().max_by_key(|(id, a)| (ended(a), **id));
        latest.map(|(id, _)| *id)
    }

    /// Whether it is there at some moment between the steps.
    pub(crate) fn existence(&self, start: u64, end: u64) -> Existence {
        Existence::of(&self.born, self.died.as_ref(), start, end)
    }

    /// It may not exist at some moment between the steps.
    pub(crate) fn may_miss(&self, start: u64, end: u64) -> bool {
        self.existence(start, end).may_be_missing
    }

    /// It exists for sure now, and nobody is about to remove it.
    pub(crate) fn is_settled(&self) -> bool {
        self.born.certain && self.born.end != UNENDED && self.died.is_none()
    }

    /// Settings that may be in force between the steps.
    pub(crate) fn configs(&self, start: u64, end: u64) -> impl Iterator<Item = &QueueConfig> {
        self.settings
            .iter()
            .filter(move |settings| settings.deed.start <= end && settings.until >= start)
            .map(|settings| &settings.config)
    }

    /// Least and greatest delay between the steps.
    pub(crate) fn delays_ms(&self, start: u64, end: u64) -> (u64, u64) {
        let delays = self.configs(start, end).map(|config| config.delay_ms);
        delays.fold((u64::MAX, 0), |(low, high), delay| {
            (low.min(delay), high.max(delay))
        })
    }

    /// Least and greatest retention between the steps.
    pub(crate) fn retentions_ms(&self, start: u64, end: u64) -> (u64, u64) {
        let retentions = self.configs(start, end).map(|config| config.retention_ms);
        retentions.fold((u64::MAX, 0), |(low, high), next| {
            (low.min(next), high.max(next))
        })
    }

    /// Receives of which nobody knows yet what they take.
    pub(crate) fn receives_under_way(&self, but: u64) -> u64 {
        let open = self.receives.iter();
        open.filter(|receive| receive.end == UNENDED && receive.operation != but)
            .count() as u64
    }

    /// Another receive ran, at least partly, between the steps.
    pub(crate) fn has_other_receives(&self, but: u64, start: u64, end: u64) -> bool {
        self.receives
            .iter()
            .any(|r| r.operation != but && r.start <= end && r.end >= start)
    }

    /// A purge may have taken place between the steps.
    pub(crate) fn may_be_purged(&self, start: u64, end: u64) -> bool {
        self.purges
            .iter()
            .any(|purge| purge.start <= end && purge.end >= start)
    }

    /// The move task that was begun last.
    pub(crate) fn last_task(&self) -> Option<u64> {
        self.slices.last().map(|(task, _)| *task)
    }

    /// The dead-letter queues messages may have been moved to since `start`.
    pub(crate) fn targets(&self, start: u64, count: u64) -> Vec<QueueId> {
        let redrives = self
            .configs(start, UNENDED)
            .filter_map(|config| config.redrive);
        let reached = redrives.filter(|redrive| u64::from(redrive.receives_max) <= count);
        let mut targets: Vec<QueueId> = reached.map(|redrive| redrive.target).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}
