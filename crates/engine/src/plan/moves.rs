//! Move tasks: messages leave for other queues, slice by slice, when their owner asks.

use waystation_storage::{Funding, Urgency};

use super::{Outcome, Turn};
use crate::command::{Awaited, Command};
use crate::config::EngineError;
use crate::ids::QueueId;
use crate::limits::{EFFECTS_PER_PULL_MAX, RETRY_MS};
use crate::moves::{MoveOutcome, MoveProgress, MoveReport, MoveRequest};
use crate::need::Need;
use crate::queue::{Home, Pick, page_of};
use crate::record::Record;

/// What a slice found.
enum Found {
    Answer(MoveOutcome, Awaited),
    Spilled(u64),
    /// The outbox is full.
    NoRoom,
}

impl Turn<'_> {
    pub(super) fn move_messages(&mut self, command: Command) -> Outcome {
        let Command::Move {
            queue,
            mut request,
            promise,
        } = command
        else {
            return Outcome::Done;
        };
        if promise.is_abandoned() {
            return Outcome::Done;
        }
        let now_ms = self.shard.time_ms;
        let found = match request.not_before_ms > now_ms {
            true => None,
            false => Some(self.move_slice(queue, &request)),
        };
        match found {
            Some(Ok(Found::Answer(outcome, lanes))) => {
                let state = self.shard.queues.get(&queue);
                let after = state.map_or(0, |state| state.last_sync_lsn);
                let progress = state.and_then(|state| state.moving).unwrap_or_default();
                let report = MoveReport { outcome, progress };
                self.reply(promise, Ok((report, lanes)), after);
                return Outcome::Done;
            }
            Some(Err(error)) => {
                promise.fill(Err(error));
                return Outcome::Done;
            }
            Some(Ok(Found::NoRoom)) => request.not_before_ms = now_ms + RETRY_MS,
            Some(Ok(Found::Spilled(_))) | None => {}
        }
        let again = Command::Move {
            queue,
            request,
            promise,
        };
        match found {
            Some(Ok(Found::Spilled(number))) => {
                Outcome::Fetch(again, vec![Need::Page { queue, number }])
            }
            _ => Outcome::Wait(again),
        }
    }

    fn move_slice(&mut self, id: QueueId, request: &MoveRequest) -> Result<Found, EngineError> {
        if let Some(page) = self.expire(id)? {
            return Ok(Found::Spilled(page));
        }
        let progress = self.begin_task(id, request.task)?;
        if progress.came_back > 0 {
            return Ok(Found::Answer(MoveOutcome::TargetMissing, Vec::new()));
        }
        if request.max == 0 {
            return Ok(Found::Answer(MoveOutcome::Moved(0), Vec::new()));
        }
        let queue = self.queue(id)?;
        let max = request.max.min(EFFECTS_PER_PULL_MAX);
        let picked = match queue.movable(max, progress.below) {
            Pick::Spilled(page) => return Ok(Found::Spilled(page)),
            Pick::Messages(picked) => picked,
        };
        if let Some(spilled) = picked.iter().find(|s| queue.is_spilled(page_of(**s))) {
            return Ok(Found::Spilled(page_of(*spilled)));
        }
        let mut moves = Vec::with_capacity(picked.len());
        let mut stop = MoveOutcome::Finished;
        for sequence in picked {
            let home = request.target.map(Home::Known);
            match home.unwrap_or_else(|| queue.home_of(sequence)) {
                Home::Known(target) if request.known.contains(&target) => {
                    moves.push((sequence, target));
                }
                Home::Known(target) => {
                    stop = MoveOutcome::Unknown(target);
                    break;
                }
                Home::Unknown => {
                    stop = MoveOutcome::NoSource;
                    break;
                }
            }
        }
        if moves.is_empty() {
            // Before the task ends, whatever it sent off must have arrived.
            let lanes = match stop {
                MoveOutcome::Finished => self.lanes(progress.shards().collect()),
                _ => Vec::new(),
            };
            return Ok(Found::Answer(stop, lanes));
        }
        self.send_off(id, request.task, moves)
    }

    fn send_off(
        &mut self,
        queue: QueueId,
        task: u64,
        moves: Vec<(u64, QueueId)>,
    ) -> Result<Found, EngineError> {
        let mut shards: Vec<_> = moves.iter().map(|(_, target)| target.shard()).collect();
        shards.sort_unstable();
        shards.dedup();
        if !self.outbox_has_room() {
            return Ok(Found::NoRoom);
        }
        let count = moves.len() as u64;
        let record = Record::Moved { queue, task, moves };
        self.commit(&record, None, Urgency::Sync, Funding::Consumer)?;
        let lanes = self.lanes(shards);
        Ok(Found::Answer(MoveOutcome::Moved(count), lanes))
    }

    /// The queue's progress under this task, which begins if it is not the last one.
    fn begin_task(&mut self, id: QueueId, task: u64) -> Result<MoveProgress, EngineError> {
        let queue = self.queue(id)?;
        if let Some(progress) = queue.moving.filter(|progress| progress.task == task) {
            return Ok(progress);
        }
        let record = Record::MoveBegun {
            queue: id,
            task,
            below: queue.next_sequence,
            to_move: queue.counts.visible,
        };
        self.commit(&record, None, Urgency::Sync, Funding::Consumer)?;
        Ok(self.queue(id)?.moving.unwrap_or_default())
    }

    /// How far the lanes to these shards reach now.
    fn lanes(&self, shards: Vec<u8>) -> Awaited {
        let outbox = &self.shard.outbox;
        let lanes = shards.into_iter();
        lanes.map(|shard| (shard, outbox.last(shard))).collect()
    }
}
