//! An inbox that a thread empties at once, so that a busy thread is woken once for many letters.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
struct State<T> {
    letters: VecDeque<T>,
    closed: bool,
    asleep: bool,
    poked: bool,
}

/// Many senders, one or more takers.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Mailbox<T> {
        Mailbox {
            state: Mutex::new(State {
                letters: VecDeque::new(),
                closed: false,
                asleep: false,
                poked: false,
            }),
            arrived: Condvar::new(),
        }
    }
}

impl<T> Mailbox<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a letter in; gives it back when the mailbox is closed.
    pub(crate) fn send(&self, letter: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(letter);
        }
        state.letters.push_back(letter);
        if state.asleep {
            state.asleep = false;
            drop(state);
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Puts a letter in without waking anybody; gives it back when the mailbox is closed.
    pub(crate) fn put(&self, letter: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(letter);
        }
        state.letters.push_back(letter);
        Ok(())
    }

    /// Makes the current or the next `wait` return.
    pub(crate) fn poke(&self) {
        self.lock().poked = true;
        self.arrived.notify_one();
    }

    /// It takes no more letters.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// There is no letter in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().letters.is_empty()
    }

    /// Everything that is in it, without waiting.
    pub(crate) fn take_all(&self) -> VecDeque<T> {
        std::mem::take(&mut self.lock().letters)
    }

    /// One letter, without waiting.
    pub(crate) fn take_one(&self) -> Option<T> {
        self.lock().letters.pop_front()
    }

    /// Waits for letters, at most `timeout`; false when the mailbox is closed and empty.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut state = self.lock();
        if state.letters.is_empty() && !state.closed && !state.poked {
            state.asleep = true;
            state = match timeout {
                Some(timeout) => {
                    let waited = self.arrived.wait_timeout(state, timeout);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .arrived
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
            state.asleep = false;
        }
        state.poked = false;
        !(state.closed && state.letters.is_empty())
    }

    /// Takes no more letters and wakes whoever waits.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }
}
