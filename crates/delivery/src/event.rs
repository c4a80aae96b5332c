//! Waiting for what another request does to take effect.
//!
//! The catalog shows a change a moment before its effects reach queues and logs, and a log may know of its end before the
//! catalog shows why. So a request may meet what is not there yet, or not any more. Whoever writes such a change knows when
//! all of it is there, and tells; whoever met it looks again then.

use std::time::Duration;

use tokio::sync::watch;

use crate::limits;

/// Tells that a change took effect, whichever resource's.
#[derive(Debug, Clone)]
pub struct Event {
    told: watch::Sender<()>,
}

/// Somebody who waits for that.
#[derive(Debug)]
pub struct Listener {
    told: watch::Receiver<()>,
}

impl Default for Event {
    fn default() -> Event {
        Event {
            told: watch::Sender::new(()),
        }
    }
}

impl Event {
    /// A change took effect: rows show it, and what they name is made, sealed or gone.
    pub fn tell(&self) {
        self.told.send_replace(());
    }

    /// Waits until another look is worthwhile. The first one comes at once: what it is for may have been told before anybody
    /// listened. [`limits::LOOKS_MAX`] looks are 10 seconds at least, unless much else is told.
    pub async fn before_next_look(&self, listener: &mut Option<Listener>) {
        match listener {
            None => *listener = Some(self.listen()),
            Some(listener) => listener.heard().await,
        }
    }

    /// Listens from now on. What was told before is not heard, so a look has to follow.
    pub fn listen(&self) -> Listener {
        Listener {
            told: self.told.subscribe(),
        }
    }
}

impl Listener {
    /// Resolves when something was told since the last time or since listening began; after a while also without, since
    /// whoever wrote may have gone away before it could tell, or stopped with the process before this one.
    pub async fn heard(&mut self) {
        let look = Duration::from_millis(limits::LOOK_MS);
        let _or_late = tokio::time::timeout(look, self.told.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn nothing_that_is_told_is_missed() {
        let event = Event::default();
        let mut listener = event.listen();
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut heard = pin!(listener.heard());
            assert!(heard.as_mut().poll(&mut context).is_pending());
            event.tell();
            assert!(heard.as_mut().poll(&mut context).is_ready());
        }
        // Told while nobody waits.
        event.tell();
        assert!(pin!(listener.heard()).poll(&mut context).is_ready());
        assert!(pin!(listener.heard()).poll(&mut context).is_pending());
        // Nobody tells.
        listener.heard().await;
    }
}
