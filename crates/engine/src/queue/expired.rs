//! Messages outlive the queue's retention (`SQS-245`).

use super::Queue;
use crate::index::ShardIndex;
use crate::limits::{EXPIRE_PER_PLAN_MAX, PAGE_ENTRIES};
use crate::page::EntryState;

/// What expiry would do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Nothing is due.
    None,
    /// All messages of this page are too old.
    Page(u64),
    /// These messages are too old.
    Messages(Vec<u64>),
    /// This page is needed to tell.
    Spilled(u64),
    /// The page's oldest message is younger than was thought; look again.
    Younger,
}

impl Queue {
    /// The next expiry at `now_ms`.
    pub(crate) fn next_expiry(&mut self, now_ms: u64) -> Expiry {
        let retention_ms = self.config.retention_ms;
        let Some((sent_ms, number)) = self.by_age.first().copied() else {
            return Expiry::None;
        };
        if sent_ms.saturating_add(retention_ms) > now_ms {
            return Expiry::None;
        }
        let Some(slot) = self.pages.get_mut(&number) else {
            return Expiry::None;
        };
        // What tenants hold in flight is counted message by message.
        let counted = self.fair.is_some() && slot.waiting() > 0;
        if slot.sent_max_ms.saturating_add(retention_ms) <= now_ms && !counted {
            return Expiry::Page(number);
        }
        let Some(page) = slot.kept.page().cloned() else {
            return Expiry::Spilled(number);
        };
        let mut oldest_ms = slot.sent_max_ms;
        let mut expired = Vec::new();
        for position in 0..page.len() {
            let Some(entry) = page.entry(position) else {
                continue;
            };
            if entry.state() == EntryState::Gone {
                continue;
            }
            if entry.sent_ms().saturating_add(retention_ms) <= now_ms {
                expired.push(number * PAGE_ENTRIES + u64::from(position));
            } else {
                oldest_ms = oldest_ms.min(entry.sent_ms());
            }
        }
        if !expired.is_empty() {
            assert!(expired.len() <= EXPIRE_PER_PLAN_MAX);
            return Expiry::Messages(expired);
        }
        slot.sent_min_ms = oldest_ms;
        self.by_age.remove(&(sent_ms, number));
        self.by_age.insert((oldest_ms, number));
        Expiry::Younger
    }

    /// Removes messages that are too old.
    pub(crate) fn expire(&mut self, sequences: &[u64], index: &mut ShardIndex) {
        for sequence in sequences {
            self.attempts.void(*sequence, &index.usage);
            self.transition(*sequence, EntryState::Gone, 0, index);
        }
    }

    /// Removes a page whose messages are all too old; nothing of it is looked at.
    pub(crate) fn expire_page(&mut self, number: u64, index: &mut ShardIndex) {
        if self.is_fifo() {
            // The window knows the messages by group; the page must tell which they are.
            let Some(page) = self.page(number).cloned() else {
                self.drop_page(number, index);
                return;
            };
            let sequences: Vec<u64> = (0..page.len())
                .map(|position| number * PAGE_ENTRIES + u64::from(position))
                .collect();
            self.expire(&sequences, index);
        }
        self.drop_page(number, index);
    }
}
