//! Move tasks of this queue: which messages go next, and how far the last task got.

use super::{Pick, Queue};
use crate::effect::Effect;
use crate::ids::QueueId;
use crate::index::ShardIndex;
use crate::limits::PAGE_ENTRIES;
use crate::moves::MoveProgress;
use crate::outbox::Outbox;
use crate::record::Record;

/// Where a move task takes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Known(QueueId),
    /// It was sent here, not moved.
    Unknown,
}

impl Queue {
    /// Up to `max` ready messages below sequence `below`, oldest first (`SQS-354`). Of a FIFO queue none that waits
    /// behind one of its group that is not ready.
    pub(crate) fn movable(&mut self, max: usize, below: u64) -> Pick {
        if self.is_fifo() {
            if let Some(page) = self.extend_window() {
                return Pick::Spilled(page);
            }
            let window = self.window.as_ref();
            return Pick::Messages(window.map_or(Vec::new(), |window| window.oldest(max, below)));
        }
        let mut picked = Vec::with_capacity(max);
        for number in &self.ready_pages {
            if picked.len() == max || number * PAGE_ENTRIES >= below {
                break;
            }
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
        }
        picked.retain(|sequence| *sequence < below);
        Pick::Messages(picked)
    }

    /// The queue a dead-letter move brought the message from (`SQS-348`).
    pub(crate) fn home_of(&self, sequence: u64) -> Home {
        let origin = self.extra(sequence).and_then(crate::extra::Extra::origin);
        match origin.map(|origin| origin.from) {
            Some(from) if from != self.id => Home::Known(from),
            _ => Home::Unknown,
        }
    }

    /// A move task begins, and the one before it is forgotten; or messages of it leave and are counted.
    pub(crate) fn apply_move(
        &mut self,
        record: &Record,
        outbox: &mut Outbox,
        index: &mut ShardIndex,
    ) {
        match record {
            Record::MoveBegun {
                task,
                below,
                to_move,
                ..
            } => self.moving = Some(MoveProgress::begin(*task, *below, *to_move)),
            Record::Moved { task, moves, .. } => {
                let task = *task;
                for (sequence, target) in moves {
                    let Some(message) = self.hand_over(*sequence, *target, index) else {
                        continue;
                    };
                    outbox.push(Effect::Move { task, message }, index);
                    if let Some(progress) = self.moving.as_mut().filter(|p| p.task == task) {
                        progress.left_for(target.shard());
                    }
                }
            }
            _ => unreachable!("not a record of a move task"),
        }
    }

    /// A message of the task found its destination gone.
    pub(crate) fn count_back(&mut self, task: u64) {
        if let Some(progress) = self.moving.as_mut().filter(|p| p.task == task) {
            progress.moved -= 1;
            progress.came_back += 1;
        }
    }
}
