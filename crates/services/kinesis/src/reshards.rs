//! Waiting for a reshard to take effect (KIN-153).
//!
//! The catalog shows a reshard a moment before its effects reach the logs, and a log may know of its seal before the catalog
//! shows why. So a put or a read may meet a sealed log, or a child whose log is on its way. Whoever writes a reshard knows
//! when all of it is there, and tells.

use std::time::Duration;

use tokio::sync::watch;

use crate::limits;

/// Tells that a write of shards took effect, whichever stream's.
#[derive(Debug, Clone)]
pub(crate) struct Reshards {
    told: watch::Sender<()>,
}

/// Somebody who waits for that.
#[derive(Debug)]
pub(crate) struct Listener {
    told: watch::Receiver<()>,
}

impl Default for Reshards {
    fn default() -> Reshards {
        Reshards {
            told: watch::Sender::new(()),
        }
    }
}

impl Reshards {
    /// A write took effect: rows show it, and logs are made and sealed.
    pub(crate) fn tell(&self) {
        self.told.send_replace(());
    }

    /// Waits until another look is worthwhile. The first one comes at once: what it is for may have been told before anybody
    /// listened.
    pub(crate) async fn before_next_look(&self, listener: &mut Option<Listener>) {
        match listener {
            None => *listener = Some(self.listen()),
            Some(listener) => listener.heard().await,
        }
    }

    /// Listens from now on. What was told before is not heard, so a look has to follow.
    pub(crate) fn listen(&self) -> Listener {
        Listener {
            told: self.told.subscribe(),
        }
    }
}

impl Listener {
    /// Resolves when something was told since the last time or since listening began; after a while also without, since
    /// whoever wrote may have gone away before it could tell, or stopped with the process before this one.
    pub(crate) async fn heard(&mut self) {
        let look = Duration::from_millis(limits::RESHARD_LOOK_MS);
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
        let reshards = Reshards::default();
        let mut listener = reshards.listen();
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut heard = pin!(listener.heard());
            assert!(heard.as_mut().poll(&mut context).is_pending());
            reshards.tell();
            assert!(heard.as_mut().poll(&mut context).is_ready());
        }
        // Told while nobody waits.
        reshards.tell();
        assert!(pin!(listener.heard()).poll(&mut context).is_ready());
        assert!(pin!(listener.heard()).poll(&mut context).is_pending());
        // Nobody tells.
        listener.heard().await;
    }
}
