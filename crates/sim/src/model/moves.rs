//! Move tasks: where their slices may have taken messages, which are new ones there, and how they count.

use waystation_engine::{
    Delivered, EngineError, MoveOutcome, MoveProgress, MoveReport, MoveRequest, QueueId,
};

use super::message::{Deed, Former, Message, Renamed};
use super::{Checked, Model, Window};

/// A slice of a move task that may have taken messages out of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moving {
    pub(crate) deed: Deed,
    /// Where to; `None` for where each came from.
    pub(crate) target: Option<QueueId>,
}

/// What was told of a queue's last move task, and in which step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) end: u64,
    pub(crate) progress: MoveProgress,
}

impl Model {
    pub(super) fn begin_move(&mut self, queue: QueueId, request: &MoveRequest, deed: Deed) {
        if let Some(known) = self.queues.get_mut(&queue) {
            let target = request.target;
            known.movings.push(Moving { deed, target });
            if known.last_task() != Some(request.task) {
                // From now on it may begin anew at any time.
                known.told = None;
            }
            known.slices.push((request.task, deed));
        }
    }

    /// The slice that began at `start` is over.
    pub(super) fn end_slice(&mut self, operation: u64, start: u64, step: u64) {
        let oldest = self.oldest(step).min(start);
        for queue in self.queues.values_mut() {
            let movings = queue.movings.iter_mut().map(|moving| &mut moving.deed);
            let slices = queue.slices.iter_mut().map(|(_, deed)| deed);
            for deed in movings.chain(slices).filter(|d| d.operation == operation) {
                deed.end = deed.end.min(step);
            }
            let last = queue.last_task();
            queue
                .slices
                .retain(|(task, deed)| deed.end >= oldest || Some(*task) == last);
        }
    }

    /// Queues that messages of `next` may have been moved to since `since` by a task; `from` is where a dead-letter
    /// move had brought the message from, if that is known.
    pub(super) fn moved_to(
        &self,
        next: QueueId,
        since: u64,
        from: Option<QueueId>,
    ) -> Vec<QueueId> {
        let Some(queue) = self.queues.get(&next) else {
            return Vec::new();
        };
        let mut targets = Vec::new();
        for moving in queue.movings.iter().filter(|m| m.deed.end >= since) {
            match (moving.target, from) {
                (Some(target), _) => targets.push(target),
                (None, Some(from)) => targets.push(from),
                (None, None) => targets.extend(self.sources_of(next)),
            }
        }
        targets
    }

    fn sources_of(&self, target: QueueId) -> impl Iterator<Item = QueueId> {
        let sources = self.queues.iter().filter(move |(_, queue)| {
            let mut redrives = queue.settings.iter().filter_map(|s| s.config.redrive);
            redrives.any(|redrive| redrive.target == target)
        });
        sources.map(|(id, _)| *id)
    }

    /// Some task may have made it a new message in that queue since it was last seen.
    pub(super) fn may_be_renamed_in(&self, message: &Message, queue: QueueId) -> bool {
        let mut places = self.reach(message, 0);
        places.push(message.place);
        places.iter().any(|place| {
            let here = *place == message.place;
            let since = if here {
                message.seen_from
            } else {
                message.sent.start
            };
            let from = message.moved_from.filter(|_| here);
            self.moved_to(*place, since, from).contains(&queue)
        })
    }

    /// The message has another identity than it had: that must be the work of a move task.
    pub(super) fn is_renamed(&self, index: usize, delivered: &Delivered) -> Result<bool, String> {
        let message = self.messages.get(index).ok_or("unknown")?;
        let identity = delivered.identity;
        let (queue, sequence) = message.name();
        let same = identity.queue == queue && sequence.is_none_or(|s| s == identity.sequence);
        if same && sequence.is_some() {
            return Ok(false);
        }
        // One whose sequence nobody was told may have come home as a new one.
        match self.may_be_renamed_in(message, identity.queue) {
            true => Ok(true),
            false if same => Ok(false),
            false => Err(format!("has identity {identity:?}, not {sequence:?}")),
        }
    }

    /// It is a new message: what was known of the old one no longer counts.
    pub(super) fn note_renamed(&mut self, index: usize, delivered: &Delivered, told: u64) {
        self.judged.renames.raise();
        if let Some(message) = self.messages.get_mut(index) {
            let (queue, sequence) = message.name();
            message.formers.push(Former {
                queue,
                sequence,
                told,
            });
            message.receives.clear();
            message.renamed = Some(Renamed {
                identity: delivered.identity,
                sent_ms: match message.fifo && delivered.moved_from.is_some() {
                    // A dead-letter move of a FIFO queue hides when the task took it (SQS-321).
                    true => (message.sent_ms.0, delivered.sent_ms),
                    false => (delivered.sent_ms, delivered.sent_ms),
                },
            });
        }
    }

    pub(super) fn moved(
        &mut self,
        queue: QueueId,
        request: &MoveRequest,
        result: Result<MoveReport, EngineError>,
        window: &Window,
    ) -> Checked {
        self.end_slice(window.operation, window.start, window.end);
        let Some(known) = self.queues.get_mut(&queue) else {
            return Ok(());
        };
        // A second look at the end of a task may find that a message became ready meanwhile.
        let nothing = request.max == 0
            || matches!(
                result,
                Ok(MoveReport {
                    outcome: MoveOutcome::NoSource
                        | MoveOutcome::Unknown(_)
                        | MoveOutcome::TargetMissing,
                    ..
                })
            );
        known
            .movings
            .retain(|m| m.deed.operation != window.operation || !nothing);
        let Ok(report) = result else {
            return Ok(());
        };
        let progress = report.progress;
        let told = known.told;
        check_report(request, &report)?;
        let mut others = known
            .slices
            .iter()
            .filter(|(task, _)| *task != request.task);
        if !others.any(|(_, deed)| deed.end >= window.start) {
            let told = told.filter(|told| told.progress.task == request.task);
            if let Some(told) = told.filter(|told| told.end < window.start) {
                check_progress(&told.progress, &report)?;
            }
            let newer = told.is_none_or(|told| told.progress.moved <= progress.moved);
            if newer || progress.came_back > 0 {
                known.told = Some(Told {
                    end: window.end,
                    progress,
                });
            }
        }
        if matches!(report.outcome, MoveOutcome::Moved(count) if count > 0) {
            self.judged.slices.raise();
        }
        Ok(())
    }
}

fn check_report(request: &MoveRequest, report: &MoveReport) -> Checked {
    let wrong = match report.outcome {
        MoveOutcome::Moved(count) => count > request.max as u64,
        MoveOutcome::Finished | MoveOutcome::TargetMissing => {
            request.max == 0 && report.progress.came_back == 0
        }
        MoveOutcome::Unknown(queue) => request.known.contains(&queue),
        MoveOutcome::NoSource => request.target.is_some(),
    };
    match wrong {
        true => Err(format!("{request:?} was answered {report:?}")),
        false => Ok(()),
    }
}

/// What moved stays counted, whatever crashed in between.
fn check_progress(before: &MoveProgress, report: &MoveReport) -> Checked {
    let now = &report.progress;
    let count = match report.outcome {
        MoveOutcome::Moved(count) => count,
        _ => 0,
    };
    let gone = now.moved + now.came_back;
    let kept = before.moved + before.came_back + count <= gone
        && before.came_back <= now.came_back
        && before.to_move == now.to_move;
    match kept {
        true => Ok(()),
        false => Err(format!(
            "a move task was at {before:?} and is at {report:?}"
        )),
    }
}
