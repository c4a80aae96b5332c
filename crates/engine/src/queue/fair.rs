//! Fair queues: messages of quiet tenants come first (`SQS-380`..`SQS-391`).
//!
//! Without a noisy tenant a receive takes the oldest ready messages. Where it meets one of a noisy tenant it
//! sets it aside into a lane of that tenant and looks further, up to a bound, for messages of quiet ones;
//! quiet messages that it passes, or that come later, stand in the quiet lane. So every ready message below
//! `scanned` stands in one lane, and a message is met once however long the backlog. Lanes are derived state:
//! `pick` may fill them at any time, forgetting them all is always right, and nothing of them is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::tenants::Tenants;
use super::{Pick, Queue, page_of};
use crate::limits::{
    FAIR_LANES_MAX, FAIR_LOOKS_PER_RECEIVE, FAIR_WINDOW_MESSAGES, PAGE_ENTRIES, TENANT_PAGES_MAX,
};
use crate::page::{EntryState, Page};

/// What a fair queue holds of messages that no noisy tenant has sent, about (section 27 of the reference).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuietCounts {
    /// Tenants whose messages wait because they are noisy.
    pub noisy_groups: u64,
    /// Ready messages of others.
    pub visible: u64,
    /// Messages of others in flight.
    pub in_flight: u64,
    /// Delayed messages of others.
    pub delayed: u64,
    /// Engine time of the oldest send of others that waits.
    pub oldest_sent_ms: Option<u64>,
}

/// A message changed its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) sequence: u64,
    pub(super) group: u64,
    pub(super) sent_ms: u64,
    pub(super) from: EntryState,
    pub(super) to: EntryState,
}

#[derive(Debug, Default)]
struct Lane {
    ready: BTreeSet<u64>,
    /// Messages of the tenant sent behind `scanned`, about.
    beyond: u64,
}

/// What a standard queue keeps once a message with a group was received.
#[derive(Debug, Default)]
pub(crate) struct Fair {
    tenants: Tenants,
    /// Every ready message below stands in a lane; nothing does when there are no lanes.
    scanned: u64,
    /// Ready messages of quiet tenants, also some above `scanned`.
    quiet: BTreeSet<u64>,
    /// Ready messages that were met when their tenant was noisy, by tenant.
    lanes: BTreeMap<u64, Lane>,
    set_aside: usize,
    /// The last receive looked at everything there was.
    saw_all: bool,
}

/// A page that is not in memory.
struct Spilled(u64);

impl Fair {
    fn has_lanes(&self) -> bool {
        !self.lanes.is_empty() || !self.quiet.is_empty()
    }

    fn forget_lanes(&mut self) {
        self.quiet.clear();
        self.lanes.clear();
        (self.scanned, self.set_aside) = (0, 0);
    }

    /// A ready message was appended.
    pub(super) fn appended(&mut self, sequence: u64, group: u64) {
        self.tenants.sent(group);
        if self.has_lanes() {
            self.arrive(sequence, group);
        }
    }

    /// A message became ready while there are lanes. A quiet one is known from now on, however long the
    /// backlog before it.
    fn arrive(&mut self, sequence: u64, group: u64) {
        let known = sequence < self.scanned;
        match self.lanes.get_mut(&group) {
            Some(lane) if known => self.set_aside += usize::from(lane.ready.insert(sequence)),
            Some(lane) if self.tenants.is_noisy(group) => lane.beyond += 1,
            _ if known || self.quiet.len() < FAIR_WINDOW_MESSAGES => {
                self.quiet.insert(sequence);
            }
            _ => {}
        }
    }

    /// Keeps counts and lanes in step.
    pub(super) fn changed(&mut self, change: Change) {
        self.tenants
            .changed(change.group, change.sent_ms, change.from, change.to);
        if change.from == EntryState::Ready {
            self.leave(change.sequence, change.group);
        }
        if change.to == EntryState::Ready && self.has_lanes() {
            self.arrive(change.sequence, change.group);
        }
    }

    /// The message is not ready any more.
    fn leave(&mut self, sequence: u64, group: u64) {
        if !self.quiet.remove(&sequence)
            && let Some(lane) = self.lanes.get_mut(&group)
        {
            if lane.ready.remove(&sequence) {
                self.set_aside -= 1;
            } else {
                lane.beyond = lane.beyond.saturating_sub(1);
            }
        }
        self.drop_lane(group);
    }

    /// Forgets the tenant's lane if nothing is in it. When its backlog is drained it starts anew (`SQS-388`).
    fn drop_lane(&mut self, group: u64) {
        if let Some(lane) = self.lanes.get(&group)
            && lane.ready.is_empty()
        {
            if self.saw_all && lane.beyond == 0 {
                self.tenants.forgive(group);
            }
            self.lanes.remove(&group);
        }
        if !self.has_lanes() {
            self.scanned = 0;
        }
    }

    /// A page went with everything in it.
    pub(super) fn dropped_page(&mut self, number: u64) {
        let range = number * PAGE_ENTRIES..(number + 1) * PAGE_ENTRIES;
        let quiet: Vec<u64> = self.quiet.range(range.clone()).copied().collect();
        for sequence in quiet {
            self.quiet.remove(&sequence);
        }
        let groups: Vec<u64> = self.lanes.keys().copied().collect();
        for group in groups {
            if let Some(lane) = self.lanes.get_mut(&group) {
                let gone: Vec<u64> = lane.ready.range(range.clone()).copied().collect();
                self.set_aside -= gone.len();
                for sequence in gone {
                    lane.ready.remove(&sequence);
                }
            }
            self.drop_lane(group);
        }
    }

    /// Up to `max` ready messages: those of quiet tenants by age, then those of noisy ones, of the tenant
    /// first that has the fewest in flight (`SQS-385`..`SQS-387`).
    fn pick(&mut self, queue: &Queue, max: usize) -> Pick {
        if self.lanes.len() > FAIR_LANES_MAX {
            self.forget_lanes();
        }
        let mut picked = Vec::with_capacity(max);
        let mut found = self.take_known(queue, max, self.scanned, &mut picked);
        if found.is_ok() {
            found = self.scan(queue, max, &mut picked);
        }
        if found.is_ok() && picked.len() < max && self.has_lanes() {
            // Messages sent lately, when the backlog before them is longer than was looked through.
            found = self.take_known(queue, max, u64::MAX, &mut picked);
        }
        match found {
            Err(Spilled(page)) if picked.is_empty() => Pick::Spilled(page),
            Err(_) => Pick::Messages(picked),
            Ok(()) => {
                self.take_noisy(max, &mut picked);
                Pick::Messages(picked)
            }
        }
    }

    /// Takes quiet messages that stand in lanes, below `end`. Those whose tenant became noisy since change
    /// their lane; lanes whose tenant is quiet again count as quiet.
    fn take_known(
        &mut self,
        queue: &Queue,
        max: usize,
        end: u64,
        picked: &mut Vec<u64>,
    ) -> Result<(), Spilled> {
        let wanted = max - picked.len();
        let mut known: Vec<u64> = Vec::new();
        for (group, lane) in &self.lanes {
            if !self.tenants.is_noisy(*group) {
                let ready = lane.ready.range(..end).filter(|s| !picked.contains(s));
                known.extend(ready.take(wanted));
            }
        }
        let mut noisy = Vec::new();
        let (mut quiet, mut found) = (0, Ok(()));
        for sequence in self.quiet.range(..end) {
            if quiet == wanted || noisy.len() == FAIR_LOOKS_PER_RECEIVE {
                break;
            }
            if picked.contains(sequence) {
                continue;
            }
            let Some(entry) = queue.entry(*sequence) else {
                found = Err(Spilled(page_of(*sequence)));
                break;
            };
            if self.tenants.is_noisy(entry.group()) {
                noisy.push((*sequence, entry.group()));
            } else {
                known.push(*sequence);
                quiet += 1;
            }
        }
        for (sequence, group) in noisy {
            self.quiet.remove(&sequence);
            self.set_aside(sequence, group);
        }
        known.sort_unstable();
        known.truncate(wanted);
        picked.extend(known);
        found
    }

    fn set_aside(&mut self, sequence: u64, group: u64) {
        let lane = self.lanes.entry(group).or_default();
        self.set_aside += usize::from(lane.ready.insert(sequence));
        lane.beyond = lane.beyond.saturating_sub(1);
    }

    /// Looks on from where the last receive stopped, for quiet messages.
    fn scan(&mut self, queue: &Queue, max: usize, picked: &mut Vec<u64>) -> Result<(), Spilled> {
        self.saw_all = false;
        let mut looks = 0;
        // Messages of one tenant often follow each other.
        let mut judged = (0, false);
        for number in queue.ready_pages.range(page_of(self.scanned)..) {
            let Some(page) = queue.page(*number) else {
                return Err(Spilled(*number));
            };
            let start = number * PAGE_ENTRIES;
            let mut from = self.scanned.saturating_sub(start) as u16;
            while let Some(position) = page.next_ready(from) {
                let full = self.set_aside >= FAIR_WINDOW_MESSAGES;
                if picked.len() == max || looks == FAIR_LOOKS_PER_RECEIVE || full {
                    return Ok(());
                }
                looks += 1;
                from = position + 1;
                let sequence = start + u64::from(position);
                let group = page.entry(position).map_or(0, |entry| entry.group());
                if judged.0 != group {
                    judged = (group, self.tenants.is_noisy(group));
                }
                if judged.1 {
                    if !self.has_lanes() {
                        self.quiet.extend(picked.iter());
                    }
                    self.quiet.remove(&sequence);
                    self.set_aside(sequence, group);
                } else {
                    picked.push(sequence);
                    if self.has_lanes() {
                        self.quiet.insert(sequence);
                    }
                }
                if self.has_lanes() {
                    self.scanned = sequence + 1;
                }
            }
        }
        self.saw_all = true;
        Ok(())
    }

    fn take_noisy(&self, max: usize, picked: &mut Vec<u64>) {
        let noisy = self.lanes.iter();
        let noisy = noisy.filter(|(group, _)| self.tenants.is_noisy(**group));
        let mut turns: Vec<_> = noisy
            .map(|(group, lane)| (self.tenants.in_flight(*group), lane.ready.iter().peekable()))
            .collect();
        while picked.len() < max {
            let ready = turns.iter_mut().filter_map(|(in_flight, lane)| {
                let next = **lane.peek()?;
                Some((*in_flight, next, in_flight, lane))
            });
            let Some((.., in_flight, lane)) = ready.min_by_key(|(count, next, ..)| (*count, *next))
            else {
                return;
            };
            picked.extend(lane.next());
            *in_flight += 1;
        }
    }
}

impl Queue {
    /// Engine time goes on.
    pub(crate) fn tell_time(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        if let Some(fair) = &mut self.fair {
            fair.tenants.tell_time(now_ms);
        }
    }

    /// Keeps what is known of tenants in step, after the change was counted. A standard queue whose messages
    /// have no groups pays nothing.
    pub(super) fn note_tenant(&mut self, change: Change) {
        if self.fair.is_none() {
            let begins = change.group != 0 && change.to == EntryState::Leased;
            if !begins || self.is_fifo() {
                return;
            }
            let before = self.counts.in_flight.saturating_sub(1);
            self.fair = Some(Box::new(Fair {
                tenants: Tenants::new(before, self.now_ms),
                ..Fair::default()
            }));
        }
        if let Some(fair) = &mut self.fair {
            fair.changed(change);
        }
    }

    /// Pages to read after a restart, so that who was noisy is known again: those with messages in flight, as
    /// many as can be in flight in neighbouring pages. (page, generation)
    pub(crate) fn pages_of_tenants(&self) -> Vec<(u64, u64)> {
        if self.is_fifo() || !self.had_tenants {
            return Vec::new();
        }
        let pages = self.pages.iter().filter(|(_, slot)| slot.leased > 0);
        let pages = pages.map(|(number, slot)| (*number, slot.kept.rows.generation()));
        pages.take(TENANT_PAGES_MAX).collect()
    }

    /// Counts what the tenants of such a page hold; for the queue as a whole it is counted.
    pub(crate) fn meet_tenants(&mut self, number: u64, page: Page) {
        let in_flight = self.counts.in_flight;
        let page = self.ripened(number, Arc::new(page));
        for entry in (0..page.len()).filter_map(|position| page.entry(position)) {
            if entry.group() == 0 || !entry.state().is_waiting() {
                continue;
            }
            let fair = self.fair.get_or_insert_with(|| {
                Box::new(Fair {
                    tenants: Tenants::new(in_flight, 0),
                    ..Fair::default()
                })
            });
            fair.tenants
                .met(entry.group(), entry.sent_ms(), entry.state());
        }
    }

    /// What a receive would get of a queue whose messages have groups.
    pub(super) fn pick_fairly(&mut self, mut fair: Box<Fair>, max: usize) -> Pick {
        let picked = fair.pick(self, max);
        self.fair = Some(fair);
        picked
    }

    /// Counts without noisy tenants; nothing before a message with a group was received.
    pub(super) fn quiet_counts(&self) -> Option<QuietCounts> {
        let fair = self.fair.as_ref()?;
        let mut quiet = QuietCounts {
            noisy_groups: 0,
            visible: self.counts.visible,
            in_flight: self.counts.in_flight,
            delayed: self.counts.delayed,
            oldest_sent_ms: None,
        };
        let mut oldest = fair.quiet.first().copied();
        for (group, lane) in &fair.lanes {
            if fair.tenants.is_noisy(*group) {
                let waiting = lane.ready.len() as u64 + lane.beyond;
                let in_flight = fair.tenants.in_flight(*group);
                let delayed = fair.tenants.delayed(*group);
                quiet.noisy_groups += 1;
                quiet.visible = quiet.visible.saturating_sub(waiting);
                quiet.in_flight = quiet.in_flight.saturating_sub(in_flight);
                quiet.delayed = quiet.delayed.saturating_sub(delayed);
            } else {
                oldest = [oldest, lane.ready.first().copied()]
                    .into_iter()
                    .flatten()
                    .min();
            }
        }
        quiet.oldest_sent_ms = match (quiet.noisy_groups, oldest) {
            (0, _) => self.by_age.first().map(|(sent_ms, _)| *sent_ms),
            (_, Some(sequence)) => {
                let slot = self.pages.get(&page_of(sequence));
                let entry = self.entry(sequence).map(|entry| entry.sent_ms());
                entry.or(slot.map(|slot| slot.sent_min_ms))
            }
            (_, None) => None,
        };
        Some(quiet)
    }
}
