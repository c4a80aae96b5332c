//! Messages go in flight, and which ones: the choice a receive makes and what its record does.

use super::{Queue, index_of, page_of};
use crate::index::ShardIndex;
use crate::limits::PAGE_ENTRIES;
use crate::page::EntryState;

/// Outcome of looking for messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// These can be served, in this order.
    Messages(Vec<u64>),
    /// This page is needed first.
    Spilled(u64),
}

impl Queue {
    /// Up to `max` messages a receive would get now, without changing any of them.
    pub(crate) fn pick(&mut self, max: usize) -> Pick {
        if self.is_fifo() {
            if let Some(page) = self.extend_window() {
                return Pick::Spilled(page);
            }
            let window = self.window.as_ref();
            return Pick::Messages(window.map_or(Vec::new(), |window| window.select(max)));
        }
        if let Some(fair) = self.fair.take() {
            return self.pick_fairly(fair, max);
        }
        let mut picked = Vec::with_capacity(max);
        for number in &self.ready_pages {
            let Some(page) = self.page(*number) else {
                if picked.is_empty() {
                    return Pick::Spilled(*number);
                }
                break;
            };
            let mut from = 0;
            while picked.len() < max
                && let Some(position) = page.next_ready(from)
            {
                picked.push(number * PAGE_ENTRIES + u64::from(position));
                from = position + 1;
            }
            if picked.len() == max {
                break;
            }
        }
        Pick::Messages(picked)
    }

    /// Brings the FIFO window as far as it may go; the page it stopped at for want of memory.
    pub(super) fn extend_window(&mut self) -> Option<u64> {
        loop {
            let window = self.window.as_ref()?;
            let end = window.end();
            if !window.has_room() || end >= self.next_sequence {
                return None;
            }
            let Some((number, slot)) = self.pages.range(page_of(end)..).next() else {
                let next = self.next_sequence;
                self.window.as_mut()?.advance_to(next);
                return None;
            };
            let number = *number;
            let Some(page) = slot.kept.page().cloned() else {
                return Some(number);
            };
            let window = self.window.as_mut()?;
            let start = number * PAGE_ENTRIES;
            window.advance_to(start);
            for position in index_of(window.end())..page.len() {
                let sequence = start + u64::from(position);
                if let Some(entry) = page.entry(position)
                    && entry.state() != EntryState::Gone
                {
                    window.admit(sequence, entry.group(), entry.state());
                }
                window.advance_to(sequence + 1);
            }
            if u64::from(page.len()) == PAGE_ENTRIES {
                window.advance_to(start + PAGE_ENTRIES);
            } else {
                return None;
            }
        }
    }

    /// Something could be received now.
    pub(crate) fn has_available(&self) -> bool {
        match &self.window {
            Some(window) => window.has_available() || window.end() < self.next_sequence,
            None => !self.ready_pages.is_empty(),
        }
    }

    /// Applies a receive: counts, times, tags; in flight until `until_ms`, or still ready when
    /// that is not in the future (`SQS-221`).
    pub(crate) fn lease(
        &mut self,
        leases: &[(u64, u64)],
        until_ms: u64,
        now_ms: u64,
        index: &mut ShardIndex,
    ) {
        let to = if until_ms > now_ms {
            EntryState::Leased
        } else {
            EntryState::Ready
        };
        let mut groups = Vec::new();
        for (sequence, tag) in leases {
            let Some(entry) = self.entry(*sequence).copied() else {
                continue;
            };
            if groups.last() != Some(&entry.group()) {
                groups.push(entry.group());
            }
            self.transition(*sequence, to, until_ms, index);
            let position = index_of(*sequence);
            if let Some(page) = self.page_mut(page_of(*sequence)) {
                page.set_receive_count(position, entry.receive_count().saturating_add(1));
                let extra = page.extra_mut(position);
                extra.tag = *tag;
                extra.received_ms = now_ms;
                if extra.first_received_ms == 0 {
                    extra.first_received_ms = now_ms;
                }
            }
        }
        if let Some(window) = &mut self.window {
            for group in groups {
                window.touched(group);
            }
        }
    }
}
