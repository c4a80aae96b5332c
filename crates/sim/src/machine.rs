//! The machine under test: an engine by hand over a disk, a view and a clock that outlive it.

use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use waystation_engine::{Clock, Engine, Manual, Parts, open};
use waystation_storage::{Disk, StorageError, View};

use crate::clock::SimClock;
use crate::disk::SimDisk;
use crate::profile::{Profile, SEGMENT_BYTES, WORKERS};
use crate::view::SimView;

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

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use bytes::Bytes;
    use waystation_engine::{Advance, CatalogChange, Expect, Scope};

    use super::*;

    impl Machine {
        /// Asks for a row of the catalog; the record is in the journal's open frame afterwards, and nowhere else.
        fn write(&mut self, scope: &Scope) {
            let change = CatalogChange {
                path: b"path".to_vec(),
                expect: Expect::Any,
                value: Some(Bytes::from_static(b"value")),
                effects: Vec::new(),
            };
            let engine = self.engine();
            let asked = pin!(engine.write_catalog(scope, vec![change]));
            assert!(
                asked
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
            self.run_workers();
        }

        fn run_workers(&mut self) {
            (0..WORKERS).for_each(|number| self.manual().run_worker(number));
        }

        /// Goes on with a checkpoint until it is complete or waits for the journal.
        fn checkpoint(&mut self) -> Advance {
            let mut blocked = 0;
            while blocked < 3 {
                match self.manual().checkpoint_step().expect("no fault") {
                    Advance::More => {}
                    Advance::Finished => return Advance::Finished,
                    Advance::Blocked => blocked += 1,
                }
                self.run_workers();
            }
            Advance::Blocked
        }
    }

    /// The rows of a checkpoint may be in the view and the records behind them not in the journal. After the crash nothing
    /// is left that changed since the checkpoint before: the next one names the rows of that one.
    #[test]
    fn what_a_crash_takes_from_both_leaves_the_checkpoint_before() {
        // The first shard whose rows are written, before the journal is waited for.
        let regions = (0..10_000).map(|number| Scope::new("000000000000", &format!("r{number}")));
        let scope = regions.into_iter().find(|scope| scope.shard() == 0);
        let scope = scope.expect("one of so many");
        for before in [false, true] {
            let mut machine = Machine::new(1, &Profile::draw(&mut Rng::with_seed(1), 0));
            machine.start().expect("starts");
            if before {
                machine.write(&scope);
                machine.manual().commit_next().expect("no fault");
                assert_eq!(machine.checkpoint(), Advance::Finished);
            }
            machine.write(&scope);
            assert_eq!(
                machine.checkpoint(),
                Advance::Blocked,
                "its rows are written"
            );
            machine.stop();
            machine
                .start()
                .expect("starts without what nobody was told of");
            assert_eq!(machine.checkpoint(), Advance::Finished);
            machine.stop();
            machine.start().expect("the checkpoint is there");
            let row = machine.engine().catalog().get(&scope, b"path");
            assert_eq!(row.is_some(), before);
        }
    }
}
