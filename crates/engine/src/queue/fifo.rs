//! Which groups of a FIFO queue can be served: an index over its oldest messages.
//!
//! AWS looks through the first 120,000 messages (`SQS-298`); so does this window. A group is
//! available while its oldest message is ready (`SQS-280`); available groups stand in rotation and
//! go to its end when a receive touched them (`SQS-295`). The window is derived from the pages and
//! is rebuilt from them after a restart, page by page, when somebody receives.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rustc_hash::FxHashMap;

use crate::limits::FIFO_WINDOW_MESSAGES;
use crate::page::EntryState;

#[derive(Debug, Default)]
struct Group {
    /// (sequence, ready), oldest first.
    messages: VecDeque<(u64, bool)>,
    /// Stands in the rotation.
    queued: bool,
}

impl Group {
    fn available(&self) -> bool {
        self.messages.front().is_some_and(|(_, ready)| *ready)
    }
}

/// The head of a FIFO queue, by group.
#[derive(Debug, Default)]
pub(crate) struct Window {
    groups: FxHashMap<u64, Group>,
    rotation: VecDeque<u64>,
    /// Every existing message below this sequence is in the window.
    end: u64,
    messages: usize,
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
            self.admit(sequence, group, true);
            self.end = sequence + 1;
        }
    }

    /// Takes in an existing message at the end of the window.
    pub(crate) fn admit(&mut self, sequence: u64, group: u64, ready: bool) {
        self.groups
            .entry(group)
            .or_default()
            .messages
            .push_back((sequence, ready));
        self.messages += 1;
        self.refresh(group);
    }

    /// Everything below `sequence` was looked at.
    pub(crate) fn advance_to(&mut self, sequence: u64) {
        self.end = self.end.max(sequence);
    }

    /// A message changed its state.
    pub(crate) fn changed(&mut self, sequence: u64, group: u64, to: EntryState) {
        if sequence >= self.end {
            return;
        }
        let Some(state) = self.groups.get_mut(&group) else {
            return;
        };
        if let Ok(position) = state.messages.binary_search_by_key(&sequence, |(s, _)| *s) {
            if to == EntryState::Gone {
                state.messages.remove(position);
                self.messages -= 1;
            } else if let Some((_, ready)) = state.messages.get_mut(position) {
                *ready = to == EntryState::Ready;
            }
        }
        self.refresh(group);
    }

    fn refresh(&mut self, group: u64) {
        let Some(state) = self.groups.get_mut(&group) else {
            return;
        };
        if state.available() && !state.queued {
            state.queued = true;
            self.rotation.push_back(group);
        } else if state.messages.is_empty() && !state.queued {
            self.groups.remove(&group);
        }
    }

    /// Up to `max` messages that can be served now: as many of one group as possible before the
    /// next (`SQS-283`), each group up to its first message that is not ready.
    pub(crate) fn select(&mut self, max: usize) -> Vec<u64> {
        let mut picked = Vec::new();
        let mut turn = 0;
        while picked.len() < max
            && let Some(group) = self.rotation.get(turn).copied()
        {
            match self.groups.get_mut(&group) {
                Some(state) if state.available() => {
                    let ready = state.messages.iter().take_while(|(_, ready)| *ready);
                    picked.extend(ready.map(|(s, _)| *s).take(max - picked.len()));
                    turn += 1;
                }
                state => {
                    if let Some(state) = state {
                        state.queued = false;
                    }
                    self.rotation.remove(turn);
                    self.refresh(group);
                }
            }
        }
        picked
    }

    /// Up to `max` messages that can be served now and stand below sequence `below`, oldest first over all groups.
    pub(crate) fn oldest(&self, max: usize, below: u64) -> Vec<u64> {
        let next = |group: &Group, place: usize| match group.messages.get(place) {
            Some((sequence, true)) if *sequence < below => Some(*sequence),
            _ => None,
        };
        let heads = self.groups.iter();
        let heads = heads.filter_map(|(id, group)| Some(Reverse((next(group, 0)?, *id, 0))));
        let mut heads: BinaryHeap<Reverse<(u64, u64, usize)>> = heads.collect();
        let mut picked = Vec::new();
        while picked.len() < max
            && let Some(Reverse((sequence, id, place))) = heads.pop()
        {
            picked.push(sequence);
            let group = self.groups.get(&id);
            if let Some(follower) = group.and_then(|group| next(group, place + 1)) {
                heads.push(Reverse((follower, id, place + 1)));
            }
        }
        picked
    }

    /// A receive touched this group: it goes to the end of the rotation (`SQS-295`).
    pub(crate) fn touched(&mut self, group: u64) {
        if let Some(state) = self.groups.get_mut(&group)
            && state.queued
        {
            state.queued = false;
            if let Some(position) = self.rotation.iter().position(|g| *g == group) {
                self.rotation.remove(position);
            }
        }
        self.refresh(group);
    }

    /// Groups with an available message.
    pub(crate) fn has_available(&self) -> bool {
        self.rotation
            .iter()
            .any(|group| self.groups.get(group).is_some_and(Group::available))
    }
}
