//! Checks order in FIFO queues, and receives that repeat an earlier attempt.

use waystation_engine::{Delivered, QueueId, ReceiveRequest};

use super::message::Cause;
use super::queue::Attempt;
use super::{Checked, Model, Window};

/// How long an attempt can be repeated (`SQS-302`).
const ATTEMPT_MS: u64 = 300_000;

impl Model {
    /// Messages of one group come in order, and none overtakes one that is still there (`SQS-280`, `SQS-285`).
    pub(super) fn check_order(
        &self,
        queue: QueueId,
        indices: &[usize],
        window: &Window,
    ) -> Checked {
        let Some(known) = self.queues.get(&queue).filter(|known| known.is_fifo()) else {
            return Ok(());
        };
        for (place, index) in indices.iter().enumerate() {
            let Some(message) = self.messages.get(*index) else {
                continue;
            };
            for other in &known.members {
                let Some(earlier) = self.messages.get(*other) else {
                    continue;
                };
                if earlier.group != message.group
                    || earlier.sequence.is_none()
                    || earlier.sequence >= message.sequence
                {
                    continue;
                }
                match indices.iter().position(|index| index == other) {
                    Some(before) if before < place => {
                        self.judged.followers.raise();
                        continue;
                    }
                    Some(_) => {
                        return Err(format!(
                            "messages {other} and {index} of one group are swapped"
                        ));
                    }
                    None => {}
                }
                if earlier.stays(window.start, window.end)
                    && self.rests(earlier, window.operation)
                    && !self.may_be_expired(earlier, window.end, window.to_ms)
                {
                    let story = self.describe(*other);
                    return Err(format!(
                        "message {index} overtook {other} of its group: {story}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether this receive repeats an earlier one, and whether it should (`SQS-302`..`SQS-306`).
    pub(super) fn check_repetition(
        &self,
        queue: QueueId,
        request: &ReceiveRequest,
        delivered: &[Delivered],
        indices: &[usize],
        window: &Window,
    ) -> Result<bool, String> {
        let known = self.queues.get(&queue).filter(|known| known.is_fifo());
        let attempts = request.attempt.and_then(|id| known?.attempts.get(&id));
        let attempts = attempts.map_or(&[][..], Vec::as_slice);
        let gave = |attempt: &&Attempt| {
            let mut given = delivered.iter().zip(indices);
            delivered.len() == attempt.leases.len()
                && given.all(|(message, index)| attempt.leases.contains(&(*index, message.receipt)))
        };
        let repeated = attempts.iter().find(gave);
        if let [before @ .., latest] = attempts
            && before.iter().all(|b| b.deed.done_before(latest.deed.start))
            && self.must_repeat(latest, window)
        {
            self.judged.repetitions.raise();
            if !repeated.is_some_and(|repeated| repeated.leases == latest.leases) {
                let leases = &latest.leases;
                return Err(format!(
                    "a repeated receive got {indices:?}, not {leases:?}"
                ));
            }
        }
        let Some(attempt) = repeated else {
            return Ok(false);
        };
        if attempt.at_ms.1 + ATTEMPT_MS <= window.from_ms {
            return Err("a receive was repeated after five minutes".into());
        }
        let removed = attempt.leases.iter().any(|(index, _)| {
            self.messages
                .get(*index)
                .is_none_or(|message| message.gone_before(window.start))
        });
        if removed {
            return Err("a receive was repeated although a message of it is gone".into());
        }
        Ok(true)
    }

    /// All its messages are still as the attempt left them, for sure.
    fn must_repeat(&self, attempt: &Attempt, window: &Window) -> bool {
        attempt.deed.done_before(window.start)
            && attempt.at_ms.0 + ATTEMPT_MS > window.to_ms
            && attempt.leases.iter().all(|(index, receipt)| {
                self.messages.get(*index).is_some_and(|message| {
                    let unchanged = message.showings.iter().all(|showing| {
                        showing.cause != Cause::Changed
                            || showing.deed.done_before(attempt.deed.start)
                    });
                    message.stays(window.start, window.end)
                        && unchanged
                        && message.latest_tag() == Some(receipt.tag)
                        && message.shown(window.start).0 > window.to_ms
                        && self.rests(message, window.operation)
                        && !self.may_be_expired(message, window.end, window.to_ms)
                })
            })
    }
}
