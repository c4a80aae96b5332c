//! Checks answers to counts: between what is there for sure and what may be.

use waystation_engine::{QueueCounts, QueueId};

use super::message::{Cause, Message, Showing};
use super::{Checked, Model, Window};

/// Least and greatest number of messages.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    least: u64,
    most: u64,
}

impl Bounds {
    fn count(&mut self, sure: bool, possible: bool) {
        self.least += u64::from(sure);
        self.most += u64::from(possible);
    }

    fn holds(&self, count: u64) -> bool {
        (self.least..=self.most).contains(&count)
    }
}

impl Model {
    pub(super) fn counted(&self, queue: QueueId, counts: &QueueCounts, window: &Window) -> Checked {
        let Some(known) = self.queues.get(&queue) else {
            return Ok(());
        };
        let meddled = known.has_other_receives(window.operation, window.start, window.end);
        let mut oldest: Option<(u64, usize)> = None;
        let (mut all, mut delayed, mut in_flight) =
            (Bounds::default(), Bounds::default(), Bounds::default());
        for index in self.around(queue, window.operation) {
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            if message.gone_before(window.start)
                || message.sent.start > window.end
                || self.is_away(message, queue, window.start, window.end)
            {
                continue;
            }
            let sure = self.is_counted(message, queue, window);
            let age = Some((message.age_from_ms.1, index));
            oldest = age.filter(|_| sure).into_iter().chain(oldest).min();
            all.count(sure, true);
            let (from_ms, _) = message.shown(window.start);
            let hidden = sure && from_ms > window.to_ms;
            let ghosts = meddled || known.ghosts_until_ms > window.from_ms;
            let may_hide = |of: &dyn Fn(&Showing) -> bool| {
                let mut current = message.current(window.start);
                current.any(|showing| of(showing) && showing.surely_ms > window.from_ms)
            };
            let waits = message.place == queue && message.is_untouched();
            let sent = |showing: &Showing| showing.cause == Cause::Sent;
            delayed.count(hidden && waits, may_hide(&sent));
            let shown = |showing: &Showing| showing.cause != Cause::Sent;
            in_flight.count(
                hidden && !waits && !meddled && !may_hide(&sent),
                ghosts || may_hide(&shown),
            );
        }
        let oldest_ms = counts.oldest_sent_ms.unwrap_or(u64::MAX);
        let total = counts.visible + counts.in_flight + counts.delayed;
        let (least_oldest_ms, index) = oldest.unwrap_or((u64::MAX, usize::MAX));
        if oldest_ms > least_oldest_ms || total == 0 && counts.oldest_sent_ms.is_some() {
            return Err(format!(
                "{counts:?} in {queue:?}, but the oldest was sent at {least_oldest_ms}: {}",
                self.describe(index)
            ));
        }
        if !all.holds(total) || !delayed.holds(counts.delayed) || !in_flight.holds(counts.in_flight)
        {
            let around = self.around(queue, window.operation);
            let stories = around
                .into_iter()
                .map(|index| format!("\n  {index}: {}", self.describe(index)));
            return Err(format!(
                "{counts:?} in {queue:?} within {window:?}, but {all:?} in all, {delayed:?} delayed, {in_flight:?} in flight{}",
                stories.collect::<String>()
            ));
        }
        Ok(())
    }

    /// It is there for sure, whatever it is doing.
    pub(super) fn is_counted(&self, message: &Message, queue: QueueId, window: &Window) -> bool {
        message.place == queue
            && message.stays(window.start, window.end)
            && self.rests(message, window.operation)
            && !self.may_be_expired(message, window.end, window.to_ms)
    }
}
