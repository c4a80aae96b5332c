//! Late answers: a receive may be answered after another one has told that its message moved on since.
//!
//! What such an answer says of the message is over; only the receipt and the count are still news, and of one that a
//! move task has made a new message since, the receipt alone.

use waystation_engine::{Delivered, QueueId};

use super::message::Receive;
use super::{Model, Window};

impl Model {
    /// Notes the echoes of an answer, and gives the rest.
    pub(super) fn without_echoes<'a>(
        &mut self,
        queue: QueueId,
        delivered: &'a [Delivered],
        indices: &[usize],
        window: &Window,
    ) -> Vec<(&'a Delivered, usize)> {
        let mut news = Vec::with_capacity(delivered.len());
        for (delivered, index) in delivered.iter().zip(indices) {
            match self.is_echo(queue, *index, delivered, window) {
                true => self.note_echo(queue, *index, delivered, window),
                false => news.push((delivered, *index)),
            }
        }
        news
    }

    pub(super) fn is_echo(
        &self,
        queue: QueueId,
        index: usize,
        delivered: &Delivered,
        window: &Window,
    ) -> bool {
        let message = self.messages.get(index);
        message.is_some_and(|message| {
            if !message.is_still(delivered) {
                return message.was(delivered, window.start);
            }
            let left = message.left.is_some_and(|left| {
                left.queue == queue
                    && left.sequence.is_none_or(|s| s == delivered.sequence)
                    && left.told >= window.start
            });
            let counts = message.receives.iter().map(|receive| receive.count);
            left && message.place != queue && counts.max() >= Some(delivered.receive_count)
        })
    }

    fn note_echo(&mut self, queue: QueueId, index: usize, delivered: &Delivered, window: &Window) {
        let tag = delivered.receipt.tag;
        let Some(message) = self.messages.get_mut(index) else {
            return;
        };
        self.tags.insert(tag, index);
        if !message.is_still(delivered) {
            // The new message counts its own receives only (SQS-356).
            return;
        }
        message.receives.push(Receive {
            tag,
            queue,
            count: delivered.receive_count,
            end: window.end,
            durable: message.fifo,
            forgotten: false,
        });
        if !message.fifo {
            self.fresh.push(index);
        }
    }
}
