//! The machine under test: an engine by hand over a disk, a view and a clock that outlive it.

use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use waystation_engine::{Clock, Engine, Manual, Parts, open};
use waystation_storage::{Disk, StorageError, View};

use crate::clock::SimClock;
use crate::disk::SimDisk;
use crate::profile::{Profile, SEGMENT_BYTES, WORKERS};
use crate::view::SimView;

#[cfg(test)]
mod tests;

/// One machine, up or down.
pub(crate) struct Machine {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) disk: SimDisk,
    pub(crate) view: Arc<SimView>,
    profile: Profile,
    manual: Option<Manual>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Machine {
    /// A new machine, down, with empty disks.
    pub(crate) fn new(seed: u64, profile: &Profile) -> Machine {
        Machine {
            clock: Arc::new(SimClock::new()),
            disk: SimDisk::new(seed, profile.room_segments.saturating_mul(SEGMENT_BYTES)),
            view: Arc::new(SimView::default()),
            profile: profile.clone(),
            manual: None,
            failure: Arc::default(),
        }
    }

    /// Starts the engine over what the disks hold.
    pub(crate) fn start(&mut self) -> Result<(), StorageError> {
        assert!(self.manual.is_none(), "a machine starts once");
        self.failure = Arc::default();
        let failure = self.failure.clone();
        let clock = self.clock.clone();
        let opened = open(Parts {
            disk: Arc::new(self.disk.clone()) as Arc<dyn Disk>,
            view: self.view.clone() as Arc<dyn View>,
            journal: self.profile.journal(),
            budgets: self.profile.budgets(),
            workers: WORKERS,
            secret: [7; 32],
            clock: Box::new(move |latest_ms, _| {
                assert!(latest_ms <= clock.now_ms(), "the journal is ahead of time");
                clock
            }),
            on_room: Box::new(|_| {}),
            on_failure: Box::new(move |error| {
                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error.to_string());
            }),
        })?;
        self.manual = Some(Manual::new(opened));
        Ok(())
    }

    /// The engine by hand; the machine is up.
    pub(crate) fn manual(&mut self) -> &mut Manual {
        self.manual.as_mut().expect("the machine is up")
    }

    /// The handle; the machine is up.
    pub(crate) fn engine(&self) -> Engine {
        let manual = self.manual.as_ref().expect("the machine is up");
        manual.engine().clone()
    }

    /// What the engine told the process to die of.
    pub(crate) fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone()
    }

    /// A disk failed since the start: whatever the engine says of it is excused.
    pub(crate) fn is_broken(&self) -> bool {
        self.disk.is_broken() || self.view.is_broken()
    }

    /// The process is gone; the disks are as they were.
    pub(crate) fn stop(&mut self) {
        self.manual = None;
    }

    /// Power is lost.
    pub(crate) fn lose_power(&mut self, rng: &mut Rng) {
        self.stop();
        self.disk.crash(rng);
        self.view.crash(rng);
    }

    /// Engine time.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}
