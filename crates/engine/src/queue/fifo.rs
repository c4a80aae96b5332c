//! Which groups of a FIFO queue can be served: an index over its oldest messages.
//!
//! AWS looks through the first 120,000 messages (`SQS-298`); so does this window. A group is
//! available while its oldest message is ready (`SQS-280`); available groups, and no others, stand in
//! rotation and go to its end when a receive touched them (`SQS-295`). Nothing here costs more than
//! the logarithm of the groups or of the messages. The window is derived from the pages and is
//! rebuilt from them after a restart, page by page, when somebody receives.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use rustc_hash::FxHashMap;

use crate::limits::FIFO_WINDOW_MESSAGES;
use crate::page::EntryState;

#[derive(Debug, Default)]
struct Group {
    /// By sequence.
    messages: BTreeMap<u64, EntryState>,
    /// Its place in the rotation.
    turn: Option<u64>,
    in_flight: u32,
}

impl Group {
    fn available(&self) -> bool {
        let oldest = self.messages.first_key_value();
        oldest.is_some_and(|(_, state)| *state == EntryState::Ready)
    }

    /// Notes a message's state, `Gone` for none, and says what it was before.
    fn set(&mut self, sequence: u64, state: EntryState) -> Option<EntryState> {
        let before = match state {
            EntryState::Gone => self.messages.remove(&sequence),
            state => self.messages.insert(sequence, state),
        };
        self.in_flight += u32::from(state == EntryState::Leased);
        self.in_flight -= u32::from(before == Some(EntryState::Leased));
        before
    }
}

/// The head of a FIFO queue, by group.
#[derive(Debug, Default)]
pub(crate) struct Window {
    groups: FxHashMap<u64, Group>,
    /// Available groups by turn.
    rotation: BTreeMap<u64, u64>,
    next_turn: u64,
    /// Every existing message below this sequence is in the window.
    end: u64,
    messages: usize,
    groups_in_flight: u64,
}

impl Window {
    /// First sequence not yet looked at.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Restarts the window at `sequence`, empty.
    pub(crate) fn restart(&mut self, sequence: u64) {
        *self = Window {
            end: sequence,
            ..Window::default()
        };
    }

    /// There is room for more messages.
    pub(crate) fn has_room(&self) -> bool {
        self.messages < FIFO_WINDOW_MESSAGES
    }

    /// A ready message was appended to the queue; it joins when the window reaches that far.
    pub(crate) fn appended(&mut self, sequence: u64, group: u64) {
        if self.end == sequence && self.has_room() {
            self.admit(sequence, group, EntryState::Ready);
            self.end = sequence + 1;
        }
    }

    /// Takes in an existing message at the end of the window.
    pub(crate) fn admit(&mut self, sequence: u64, group: u64, state: EntryState) {
        self.groups.entry(group).or_default();
        self.messages += 1;
        self.set(sequence, group, state);
    }

    /// Everything below `sequence` was looked at.
    pub(crate) fn advance_to(&mut self, sequence: u64) {
        self.end = self.end.max(sequence);
    }

    /// A message changed its state.
    pub(crate) fn changed(&mut self, sequence: u64, group: u64, to: EntryState) {
        if sequence < self.end {
            self.set(sequence, group, to);
        }
    }

    fn set(&mut self, sequence: u64, group: u64, to: EntryState) {
        let Some(state) = self.groups.get_mut(&group) else {
            return;
        };
        let held = state.in_flight > 0;
        let before = state.set(sequence, to);
        match (held, state.in_flight > 0) {
            (false, true) => self.groups_in_flight += 1,
            (true, false) => self.groups_in_flight -= 1,
            _ => {}
        }
        if before.is_some() && to == EntryState::Gone {
            self.messages -= 1;
        }
        self.refresh(group);
    }

    fn refresh(&mut self, group: u64) {
        let Some(state) = self.groups.get_mut(&group) else {
            return;
        };
        match (state.available(), state.turn) {
            (true, None) => {
                state.turn = Some(self.next_turn);
                self.rotation.insert(self.next_turn, group);
                self.next_turn += 1;
            }
            (false, Some(turn)) => {
                state.turn = None;
                self.rotation.remove(&turn);
            }
            _ => {}
        }
        if state.messages.is_empty() {
            self.groups.remove(&group);
        }
    }

    /// Up to `max` messages that can be served now: as many of one group as possible before the
    /// next (`SQS-283`), each group up to its first message that is not ready.
    pub(crate) fn select(&self, max: usize) -> Vec<u64> {
        let mut picked = Vec::with_capacity(max);
        for group in self.rotation.values() {
            if picked.len() == max {
                break;
            }
            if let Some(state) = self.groups.get(group) {
                let messages = state.messages.iter();
                let ready = messages.take_while(|(_, state)| **state == EntryState::Ready);
                picked.extend(ready.map(|(s, _)| *s).take(max - picked.len()));
            }
        }
        picked
    }

    /// Up to `max` messages that can be served now and stand below sequence `below`, oldest first over all groups.
    pub(crate) fn oldest(&self, max: usize, below: u64) -> Vec<u64> {
        let next = |id: u64, from: u64| {
            let mut messages = self.groups.get(&id)?.messages.range(from..below);
            let (sequence, state) = messages.next()?;
            (*state == EntryState::Ready).then_some(Reverse((*sequence, id)))
        };
        let heads = self.rotation.values().filter_map(|id| next(*id, 0));
        let mut heads: BinaryHeap<Reverse<(u64, u64)>> = heads.collect();
        let mut picked = Vec::new();
        while picked.len() < max
            && let Some(Reverse((sequence, id))) = heads.pop()
        {
            picked.push(sequence);
            heads.extend(next(id, sequence + 1));
        }
        picked
    }

    /// A receive touched this group: it goes to the end of the rotation (`SQS-295`).
    pub(crate) fn touched(&mut self, group: u64) {
        if let Some(state) = self.groups.get_mut(&group)
            && let Some(turn) = state.turn.take()
        {
            self.rotation.remove(&turn);
        }
        self.refresh(group);
    }

    /// Some group has an available message.
    pub(crate) fn has_available(&self) -> bool {
        !self.rotation.is_empty()
    }

    /// Groups with messages in flight, as far as the window reaches.
    pub(crate) fn groups_in_flight(&self) -> u64 {
        self.groups_in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EntryState::{Gone, Leased, Ready};

    const GROUPS: u64 = 10_000;

    /// Twelve messages of each of 10,000 groups, one group after the other.
    fn full() -> Window {
        let mut window = Window::default();
        for sequence in 0..FIFO_WINDOW_MESSAGES as u64 {
            window.appended(sequence, 1 + sequence % GROUPS);
        }
        assert!(!window.has_room());
        window
    }

    fn group_of(sequence: u64) -> u64 {
        1 + sequence % GROUPS
    }

    /// Receives one message and blocks its group.
    fn lease(window: &mut Window) -> u64 {
        let picked = window.select(1);
        let sequence = picked[0];
        window.changed(sequence, group_of(sequence), Leased);
        window.touched(group_of(sequence));
        sequence
    }

    /// SQS-280, SQS-295: a blocked group waits, others take turns.
    #[test]
    fn only_available_groups_stand_in_rotation() {
        let mut window = full();
        for turn in 0..GROUPS {
            assert_eq!(lease(&mut window), turn);
        }
        assert!(!window.has_available() && window.select(10).is_empty());
        assert_eq!(window.groups_in_flight(), GROUPS);
        window.changed(77, 78, Gone);
        assert_eq!(
            window.select(10),
            (1..=10).map(|n| 77 + n * GROUPS).collect::<Vec<_>>()
        );
        window.changed(5, 6, Ready);
        assert_eq!(window.select(12)[11], 5);
        assert_eq!(window.groups_in_flight(), GROUPS - 2);
    }
}
