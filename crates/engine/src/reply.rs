//! One answer for one command: a future without a runtime.
//!
//! The engine runs on plain threads and its callers in any async runtime; this is the only thing
//! they share. Dropping the future tells the engine that nobody waits any more.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

enum Slot<T> {
    Waiting(Option<Waker>),
    Filled(T),
    /// The answer was taken, or either side is gone.
    Closed,
}

struct Shared<T>(Mutex<Slot<T>>);

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side that answers.
pub struct Promise<T>(Arc<Shared<T>>);

/// The side that waits; resolves to `None` when the promise was dropped unanswered.
pub struct Reply<T>(Arc<Shared<T>>);

/// A connected pair.
pub fn promise<T>() -> (Promise<T>, Reply<T>) {
    let shared = Arc::new(Shared(Mutex::new(Slot::Waiting(None))));
    (Promise(shared.clone()), Reply(shared))
}

impl<T> std::fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Promise")
    }
}

impl<T> std::fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

impl<T> Promise<T> {
    /// Gives the answer and wakes the waiter; without one the answer is dropped.
    pub fn fill(self, value: T) {
        self.settle(Slot::Filled(value));
    }

    /// Ends the wait, if there still is one, and wakes who waits.
    fn settle(&self, end: Slot<T>) {
        let waker = {
            let mut slot = self.0.lock();
            match &mut *slot {
                Slot::Waiting(waker) => {
                    let waker = waker.take();
                    *slot = end;
                    waker
                }
                _ => None,
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nobody waits for this answer any more.
    pub fn is_abandoned(&self) -> bool {
        matches!(&*self.0.lock(), Slot::Closed)
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.settle(Slot::Closed);
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        *self.0.lock() = Slot::Closed;
    }
}

impl<T> Reply<T> {
    /// The answer if it is there already; for callers that are not async.
    pub fn try_take(&mut self) -> Option<T> {
        let mut slot = self.0.lock();
        match std::mem::replace(&mut *slot, Slot::Closed) {
            Slot::Filled(value) => Some(value),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// Blocks this thread until there is an answer; for threads of the engine, never for a runtime's.
    pub fn wait(mut self) -> Option<T> {
        struct Unpark(std::thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => std::thread::park(),
            }
        }
    }

    /// The promise was dropped without an answer.
    pub fn is_lost(&self) -> bool {
        matches!(&*self.0.lock(), Slot::Closed)
    }
}

impl<T> Future for Reply<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.0.lock();
        match std::mem::replace(&mut *slot, Slot::Closed) {
            Slot::Filled(value) => Poll::Ready(Some(value)),
            Slot::Closed => Poll::Ready(None),
            Slot::Waiting(_) => {
                *slot = Slot::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}
