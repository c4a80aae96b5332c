//! Checks what somebody saw who looked at a queue without receiving: nothing unknown, gone or hidden shown as visible,
//! nothing twice, in order, and nothing left out that was there all the time.

use std::collections::BTreeSet;

use waystation_engine::{MessageState, Peeked, QueueId};

use super::{Checked, Model, Window};

impl Model {
    pub(super) fn peeked(&self, queue: QueueId, peeked: &[Peeked], window: &Window) -> Checked {
        let mut shown = BTreeSet::new();
        let mut last = None;
        for seen in peeked {
            let message = &seen.message;
            let index = self.index_of(message);
            let index =
                index.ok_or("a look showed a body that was never sent, or not like that")?;
            // One that left and came home may be met again further on.
            let again = !shown.insert(index)
                && self
                    .messages
                    .get(index)
                    .is_some_and(|message| self.rests(message, window.operation));
            if last.is_some_and(|last| last >= message.sequence) || again {
                return Err(format!("a look showed {index} twice or out of order"));
            }
            last = Some(message.sequence);
            self.check_seen(queue, index, seen, window).map_err(|why| {
                format!("a look at {queue:?} showed {}: {why}", self.describe(index))
            })?;
        }
        for index in self.around(queue, window.operation) {
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            if self.is_counted(message, queue, window) && !shown.contains(&index) {
                return Err(format!(
                    "a look at {queue:?} within {window:?} left out {index}: {}",
                    self.describe(index)
                ));
            }
        }
        self.judged.looks.raise();
        Ok(())
    }

    fn check_seen(&self, queue: QueueId, index: usize, seen: &Peeked, window: &Window) -> Checked {
        let known = self.messages.get(index).ok_or("unknown")?;
        if known.gone_before(window.start) || known.sent.start > window.end {
            return Err("it is not there".into());
        }
        if known.has_left(queue, seen.message.sequence, window.start) {
            return Err("it must have gone to the dead-letter queue".into());
        }
        if self.is_echo(queue, index, &seen.message, window) {
            // The look began before the message moved on.
            return Ok(());
        }
        let renamed = self.is_renamed(index, &seen.message)?;
        let stays = self.may_arrive(queue, index, &seen.message, renamed, window)?;
        let received = u64::from(seen.message.receive_count);
        let most = self.receives_at_most(known, window.operation);
        // On its way here, and here, receives that nobody heard of may have taken it.
        let elsewhere = match stays {
            true => 0,
            false => self.ghosts_elsewhere(known, window.operation),
        };
        if received > most + elsewhere {
            return Err(format!("received {received} times"));
        }
        let sure = stays && self.is_counted(known, queue, window);
        if sure && known.shown(window.start).0 > window.to_ms && seen.state == MessageState::Visible
        {
            return Err(format!("hidden, but {:?}", seen.state));
        }
        Ok(())
    }
}
