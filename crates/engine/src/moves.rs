//! Move tasks as services use them: slices of a queue's messages on their way to other queues, and how far a task got.
//!
//! A task is a number that its owner gives and keeps; what it moved is counted by the records that move, so it is
//! exact after any crash. Nothing here runs by itself: whoever owns the task asks for one slice after the other.

use crate::codec::{Malformed, Reader, Writer};
use crate::command::{Awaited, Command};
use crate::config::EngineError;
use crate::engine::{QueueHandle, answer};
use crate::ids::{QueueId, ShardId};

/// One slice of a move task.
#[derive(Clone, Debug)]
pub struct MoveRequest {
    /// The task's number; a number that the queue has not seen last begins a new task.
    pub task: u64,
    /// Where all messages go; `None` sends each to the queue a dead-letter move brought it from.
    pub target: Option<QueueId>,
    /// Queues that existed a moment ago. A message for any other queue stops the slice, so that it keeps its place
    /// when its destination is gone.
    pub known: Vec<QueueId>,
    /// At most so many messages; none only begins the task, or tells how far it got.
    pub max: usize,
    /// Engine time before which nothing happens.
    pub not_before_ms: u64,
}

/// How far the last move task of a queue got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoveProgress {
    /// The task's number.
    pub task: u64,
    /// Messages that were ready when it began.
    pub to_move: u64,
    /// Messages that left and did not come back.
    pub moved: u64,
    /// Messages that came back, because their destination was gone.
    pub came_back: u64,
    /// Only messages that were there when it began move: those below this sequence (`SQS-357`).
    pub(crate) below: u64,
    /// Shards that messages went to, one bit each.
    shards: [u64; 4],
}

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveOutcome {
    /// So many messages are in their destination now.
    Moved(u64),
    /// None that was there at the beginning is left to be moved.
    Finished,
    /// The next message goes to this queue, which is not among the known ones.
    Unknown(QueueId),
    /// Nobody knows where the next message came from: it was sent here, not moved.
    NoSource,
    /// A destination was gone when messages arrived there; they are back.
    TargetMissing,
}

/// Answer to one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveReport {
    /// What it came to.
    pub outcome: MoveOutcome,
    /// How far the task is.
    pub progress: MoveProgress,
}

impl MoveProgress {
    pub(crate) fn begin(task: u64, below: u64, to_move: u64) -> MoveProgress {
        MoveProgress {
            task,
            to_move,
            below,
            ..MoveProgress::default()
        }
    }

    /// A message left for a queue on that shard.
    pub(crate) fn left_for(&mut self, shard: ShardId) {
        self.moved += 1;
        if let Some(word) = self.shards.get_mut(usize::from(shard) / 64) {
            *word |= 1 << (shard % 64);
        }
    }

    /// Shards that messages went to.
    pub(crate) fn shards(&self) -> impl Iterator<Item = ShardId> {
        let shards = self.shards;
        (0..=ShardId::MAX).filter(move |shard| {
            let word = shards.get(usize::from(*shard) / 64);
            word.is_some_and(|word| word >> (shard % 64) & 1 == 1)
        })
    }

    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u64(self.task)
            .u64(self.to_move)
            .u64(self.moved)
            .u64(self.came_back)
            .u64(self.below);
        for word in self.shards {
            out.u64(word);
        }
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<MoveProgress, Malformed> {
        Ok(MoveProgress {
            task: input.u64()?,
            to_move: input.u64()?,
            moved: input.u64()?,
            came_back: input.u64()?,
            below: input.u64()?,
            shards: [input.u64()?, input.u64()?, input.u64()?, input.u64()?],
        })
    }
}

impl QueueHandle {
    /// Moves the oldest ready messages of this queue to other queues, each exactly once and in order; there they are
    /// new messages (`SQS-355`, `SQS-356`). Resolves when they have arrived, durably. Dropping the future before the
    /// slice began takes it back; afterwards it goes on, and the progress tells.
    pub async fn move_messages(&self, request: MoveRequest) -> Result<MoveReport, EngineError> {
        let (report, lanes) = self.move_slice(request.clone()).await?;
        self.settle(lanes).await?;
        if report.outcome != MoveOutcome::Finished {
            return Ok(report);
        }
        // What an earlier process sent off may only now have come back.
        let (report, lanes) = self.move_slice(request).await?;
        if report.outcome != MoveOutcome::Finished {
            self.settle(lanes).await?;
        }
        Ok(report)
    }

    async fn move_slice(&self, request: MoveRequest) -> Result<(MoveReport, Awaited), EngineError> {
        let queue = self.id;
        answer(self.engine.ask(|promise| Command::Move {
            queue,
            request,
            promise,
        }))
        .await
    }

    /// Resolves when what these lanes carried has arrived, and what came back because of it is back.
    async fn settle(&self, lanes: Awaited) -> Result<(), EngineError> {
        let home = self.id.shard();
        for (destination, through) in lanes {
            let back = self.await_effect(destination, home, through).await?;
            self.await_effect(home, destination, back).await?;
        }
        Ok(())
    }

    async fn await_effect(
        &self,
        shard: ShardId,
        source: ShardId,
        through: u64,
    ) -> Result<u64, EngineError> {
        answer(self.engine.ask(|promise| Command::AwaitEffect {
            shard,
            source,
            through,
            promise,
        }))
        .await
    }
}
