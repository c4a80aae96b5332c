//! Where a worker and its inbox meet, and who runs it: whoever brings a letter, if nobody else does.
//!
//! Handing every command to another thread costs two thread switches, several times what the command
//! itself costs. So a caller puts its letter in, and if the worker is free runs it on the spot, for
//! its own letter and all that arrive meanwhile; otherwise whoever runs it now takes the letter
//! along. The worker's own thread is for what time brings. Each shard still has one writer at a time.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crate::clock::Clock;
use crate::mailbox::Mailbox;
use crate::shared::Letter;
use crate::threads::AbortOnPanic;
use crate::worker::Worker;

/// One worker with its inbox.
pub(crate) struct Station {
    pub(crate) inbox: Mailbox<Letter>,
    desk: Mutex<Desk>,
}

/// What belongs to whoever runs the worker.
struct Desk {
    worker: Option<Worker>,
    /// When the worker's thread will look at the clock next; `u64::MAX` for never.
    next_look_ms: u64,
}

impl Desk {
    /// Runs the worker once; returns when it has something to do by itself.
    fn run(&mut self, inbox: &Mailbox<Letter>) -> u64 {
        let _guard = AbortOnPanic;
        match self.worker.as_mut() {
            Some(worker) => {
                worker.process(inbox.take_all());
                worker.next_look().unwrap_or(u64::MAX)
            }
            None => u64::MAX,
        }
    }
}

impl Station {
    /// A station without its worker yet.
    pub(crate) fn new() -> Station {
        Station {
            inbox: Mailbox::default(),
            desk: Mutex::new(Desk {
                worker: None,
                next_look_ms: u64::MAX,
            }),
        }
    }

    /// Puts the worker in, for threads to run.
    pub(crate) fn employ(&self, worker: Worker) {
        self.lock().worker = Some(worker);
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the worker for the letters in the inbox, unless somebody does already.
    pub(crate) fn run_if_free(&self) {
        while !self.inbox.is_empty() {
            let mut desk = match self.desk.try_lock() {
                Ok(desk) => desk,
                Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return,
            };
            let due_ms = desk.run(&self.inbox);
            let sooner = due_ms < desk.next_look_ms;
            if sooner {
                desk.next_look_ms = due_ms;
            }
            drop(desk);
            if sooner {
                self.inbox.poke();
            }
        }
    }

    /// The body of the worker's thread: runs it when its time comes or somebody pokes, until the
    /// inbox is closed.
    pub(crate) fn keep_time(&self, clock: &dyn Clock) {
        loop {
            let mut desk = self.lock();
            let due_ms = desk.run(&self.inbox);
            // Set before anybody else can run the worker: who then finds something due sooner pokes.
            desk.next_look_ms = due_ms;
            drop(desk);
            let timeout = (due_ms != u64::MAX)
                .then(|| Duration::from_millis(due_ms.saturating_sub(clock.now_ms())));
            if timeout != Some(Duration::ZERO) && !self.inbox.wait(timeout) {
                break;
            }
        }
        let mut desk = self.lock();
        desk.run(&self.inbox);
        if let Some(mut worker) = desk.worker.take() {
            worker.refuse_parked();
        }
    }
}
