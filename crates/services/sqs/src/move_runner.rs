//! Runs a move task: asks the engine for one slice after the other until nothing is left, something is missing, or
//! somebody cancels. It keeps nothing that a restart could lose.

use std::sync::Arc;

use waystation_delivery::contention::Contention;
use waystation_engine::{
    Engine, EngineError, MoveOutcome, MoveProgress, MoveReport, MoveRequest, QueueId,
};
use waystation_wire::ApiError;

use crate::errors::{from_engine, queue_does_not_exist};
use crate::move_task_rows::{Source, Status, Task, Tasks};
use crate::{Sqs, limits};

/// SQS-365
const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";
/// A message that was sent to the dead-letter queue has nowhere to go back to (SQS-348).
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";
/// SQS-353
const TOO_LONG: &str = "TaskTimeLimitExceeded";

/// A task under way.
pub(crate) struct Runner {
    pub(crate) engine: Engine,
    pub(crate) contention: Arc<Contention>,
    pub(crate) source: Source,
    pub(crate) number: u64,
    pace: Option<Pace>,
    /// Destinations that existed a moment ago.
    known: Vec<QueueId>,
    /// Nothing is tried before this time, because the disk was full.
    retry_ms: u64,
}

/// How a slice left the task.
enum Step {
    Goes,
    Ends(Status, Option<&'static str>),
}

impl Runner {
    pub(crate) fn new(sqs: &Sqs, source: Source, number: u64) -> Runner {
        Runner {
            engine: sqs.engine.clone(),
            contention: Arc::clone(&sqs.contention),
            source,
            number,
            pace: None,
            known: Vec::new(),
            retry_ms: 0,
        }
    }

    /// Begins the task in the engine, or finds it there.
    pub(crate) async fn begin(&self) -> Result<MoveProgress, EngineError> {
        let report = self.slice(None, 0, 0).await?;
        Ok(report.progress)
    }

    /// Runs the task to its end, or to that of the process; then whoever starts next goes on.
    pub(crate) async fn run(mut self) {
        loop {
            // What cannot be read was logged; nothing moves on a guess.
            let Ok(tasks) = self.source.tasks(&self.engine) else {
                return;
            };
            let task = tasks.tasks.into_iter().find(|t| t.number == self.number);
            let Some(task) = task.filter(|task| task.status.is_active()) else {
                return;
            };
            let step = match self.step(&task).await {
                Ok(step) => step,
                Err(EngineError::Stopping) => return,
                Err(EngineError::QueueMissing) => {
                    let _stopping = self.source.forget(&self.engine).await;
                    return;
                }
                // The disk is full or a budget used up: later.
                Err(_) => {
                    self.retry_ms = self.engine.now_ms() + limits::MOVE_RETRY_MS;
                    Step::Goes
                }
            };
            match step {
                Step::Goes => {}
                Step::Ends(status, failure) if self.end(status, failure).await.is_ok() => return,
                // No room for the last word: later.
                Step::Ends(..) => {
                    self.retry_ms = self.engine.now_ms() + limits::MOVE_RETRY_MS;
                    if self.slice(None, 0, self.retry_ms).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn step(&mut self, task: &Task) -> Result<Step, EngineError> {
        if task.status == Status::Cancelling {
            return Ok(Step::Ends(Status::Cancelled, None));
        }
        let now_ms = self.engine.now_ms();
        if now_ms >= task.started_ms + limits::MOVE_TASK_MS_MAX {
            return Ok(Step::Ends(Status::Failed, Some(TOO_LONG)));
        }
        let rate = task.rate;
        let pace = self.pace.get_or_insert_with(|| Pace::new(rate, now_ms));
        let (max, not_before_ms) = pace.next(now_ms);
        self.look_again().await?;
        let target = task.destination.as_ref().map(|d| d.queue);
        let not_before_ms = not_before_ms.max(self.retry_ms);
        let report = self.slice(target, max, not_before_ms).await?;
        match report.outcome {
            MoveOutcome::Moved(count) => {
                if let Some(pace) = &mut self.pace {
                    pace.moved += count;
                }
                Ok(Step::Goes)
            }
            MoveOutcome::Finished => Ok(Step::Ends(Status::Completed, None)),
            MoveOutcome::Unknown(queue) if self.exists(queue).await? => {
                self.known.push(queue);
                Ok(Step::Goes)
            }
            MoveOutcome::Unknown(_) | MoveOutcome::TargetMissing => {
                Ok(Step::Ends(Status::Failed, Some(NO_QUEUE)))
            }
            MoveOutcome::NoSource => Ok(Step::Ends(Status::Failed, Some(NO_SOURCE))),
        }
    }

    async fn slice(
        &self,
        target: Option<QueueId>,
        max: usize,
        not_before_ms: u64,
    ) -> Result<MoveReport, EngineError> {
        let request = MoveRequest {
            task: self.number,
            target,
            known: self.known.clone(),
            max,
            not_before_ms,
        };
        let queue = self.engine.queue(self.source.queue);
        queue.move_messages(request).await
    }

    /// Forgets destinations that are gone, so that their messages stay where they are.
    async fn look_again(&mut self) -> Result<(), EngineError> {
        let mut known = std::mem::take(&mut self.known);
        known.truncate(limits::MOVE_DESTINATIONS_KNOWN_MAX);
        for queue in known {
            if self.exists(queue).await? {
                self.known.push(queue);
            }
        }
        Ok(())
    }

    async fn exists(&self, queue: QueueId) -> Result<bool, EngineError> {
        match self.engine.queue(queue).counts().await {
            Ok(_) => Ok(true),
            Err(EngineError::QueueMissing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the last word on the task.
    async fn end(&self, status: Status, failure: Option<&str>) -> Result<(), ApiError> {
        let progress = self.begin().await.map_err(from_engine)?;
        let (engine, number) = (&self.engine, self.number);
        let ended_ms = engine.now_ms();
        let change = |tasks: &mut Tasks| {
            // With its queue the row went, and must not come back.
            let mut tasks = tasks.tasks.iter_mut();
            let task = tasks.find(|task| task.number == number);
            let task = task.ok_or_else(queue_does_not_exist)?;
            // A cancel that came too late was still accepted.
            task.status = match (status, task.status) {
                (Status::Completed, Status::Cancelling) => Status::Cancelled,
                _ => status,
            };
            task.ended_ms = ended_ms;
            task.moved = progress.moved;
            task.to_move = progress.to_move;
            task.failure = failure.map(str::to_owned);
            Ok(())
        };
        self.source.update(engine, &self.contention, change).await
    }
}

/// SQS-350: not more than so many messages per second of engine time, in slices of a tenth of a second.
struct Pace {
    rate: Option<u64>,
    began_ms: u64,
    moved: u64,
}

impl Pace {
    fn new(rate: Option<u32>, began_ms: u64) -> Pace {
        Pace {
            rate: rate.map(u64::from),
            began_ms,
            moved: 0,
        }
    }

    /// How many may go next, and from when on.
    fn next(&self, now_ms: u64) -> (usize, u64) {
        let Some(rate) = self.rate else {
            return (limits::MOVE_SLICE_MESSAGES, 0);
        };
        let slice = (rate / 10).max(1);
        // After the moment at which everything moved so far was due, another slice is.
        let due_ms = self.began_ms + (self.moved * 1_000).div_ceil(rate);
        let late_ms = now_ms.saturating_sub(due_ms);
        let most = slice + late_ms * rate / 1_000;
        let most = usize::try_from(most).unwrap_or(limits::MOVE_SLICE_MESSAGES);
        (most.min(limits::MOVE_SLICE_MESSAGES), due_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages that moved within the first seconds when every slice takes so long.
    fn moved(rate: u32, seconds: u64, slice_ms: u64) -> u64 {
        let mut pace = Pace::new(Some(rate), 1_000);
        let mut now_ms = 1_000;
        loop {
            let (max, due_ms) = pace.next(now_ms);
            now_ms = now_ms.max(due_ms);
            if now_ms >= 1_000 + seconds * 1_000 {
                return pace.moved;
            }
            assert!(max >= 1);
            pace.moved += max as u64;
            now_ms += slice_ms;
        }
    }

    #[test]
    fn the_rate_holds_over_time() {
        // SQS-350
        for rate in [1, 2, 9, 10, 33, 499, 500] {
            for slice_ms in [0, 1, 7, 90] {
                let count = moved(rate, 60, slice_ms);
                let most = u64::from(rate) * 60 + u64::from(rate / 10).max(1);
                assert!(count <= most, "{count} messages at {rate} per second");
                assert!(
                    count + u64::from(rate) >= most,
                    "{count} messages at {rate} per second"
                );
            }
        }
    }

    #[test]
    fn a_moved_clock_moves_messages() {
        let mut pace = Pace::new(Some(10), 0);
        assert_eq!(pace.next(0), (1, 0));
        pace.moved = 1;
        assert_eq!(pace.next(0), (1, 100));
        assert_eq!(pace.next(10_000).0, 100);
        assert_eq!(Pace::new(None, 5).next(9), (limits::MOVE_SLICE_MESSAGES, 0));
    }
}
