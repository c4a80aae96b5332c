//! Checks answers to receives: nothing unknown, gone, hidden or too old, counts and receipts right, moves explained.

use std::collections::BTreeSet;

use waystation_engine::{Delivered, EngineError, QueueId, ReceiveRequest};

use super::message::{Cause, Deed, Left, Message, Receive, Showing};
use super::{Checked, Model, Window};

/// Whether a receive gives again what an earlier one with the same attempt id got (`SQS-302`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repetition {
    None,
    /// It may be that of a receive of which nobody knows what it got.
    Possible,
    Known,
}

impl Model {
    pub(super) fn received(
        &mut self,
        queue: QueueId,
        request: &ReceiveRequest,
        result: Result<Vec<Delivered>, EngineError>,
        window: &Window,
    ) -> Checked {
        self.end_repeat(result.is_err(), request.visibility_ms, window);
        let Ok(delivered) = result else {
            self.end_receive(queue, window, Some(request));
            return Ok(());
        };
        let mut indices = Vec::with_capacity(delivered.len());
        for message in &delivered {
            let index = self.index_of(message);
            indices.push(index.ok_or("a body that was never sent, or not like that")?);
        }
        if indices.iter().collect::<BTreeSet<_>>().len() != indices.len() {
            return Err("one receive returned a message twice".into());
        }
        let repeated = self.check_repetition(queue, request, &delivered, &indices, window)?;
        let ghosts = self.ghosts_of(queue, window.operation) > 0;
        let repetition = match repeated {
            true => Repetition::Known,
            false if request.attempt.is_some() && ghosts => Repetition::Possible,
            false => Repetition::None,
        };
        if delivered.len() > request.max && repetition == Repetition::None {
            return Err(format!(
                "{} messages for a receive of {}",
                delivered.len(),
                request.max
            ));
        }
        self.check_missed(queue, request, &indices, window)?;
        self.check_fairness(queue, &indices, window)?;
        let news = self.without_echoes(queue, &delivered, &indices, window);
        for (delivered, index) in &news {
            let what = |why| {
                format!("message {index}: {why} ({delivered:?})")
                    .replace(&format!("{:?}", delivered.body), "..")
            };
            self.arrived(queue, *index, delivered, window)
                .map_err(what)?;
            self.check_delivery(queue, *index, delivered, repetition, window)
                .map_err(what)?;
            if delivered.identity.queue == queue
                && delivered.identity.sequence == delivered.sequence
            {
                self.met_share(*index, delivered.sequence, window)?;
            }
        }
        let told: Vec<usize> = news.iter().map(|(_, index)| *index).collect();
        self.check_order(queue, &told, window)?;
        for (delivered, index) in &news {
            self.note_delivery(
                queue,
                *index,
                delivered,
                repeated,
                request.visibility_ms,
                window,
            );
        }
        self.note_attempt(queue, request, &delivered, &indices, repeated, window);
        self.note_exhausted(queue, request, window);
        self.end_receive(queue, window, None);
        Ok(())
    }

    /// Whether the message stayed where it was known to be; an error when it cannot have come here.
    pub(super) fn may_arrive(
        &self,
        queue: QueueId,
        index: usize,
        delivered: &Delivered,
        renamed: bool,
        window: &Window,
    ) -> Result<bool, String> {
        let message = self.messages.get(index).ok_or("unknown")?;
        let stays = !renamed
            && message.place == queue
            && message.sequence.is_none_or(|s| s == delivered.sequence);
        let reach = self.reach(message, window.operation);
        if !stays && !renamed && message.place != queue && !reach.contains(&queue) {
            return Err("moved without reason".into());
        }
        if !stays && !renamed && message.place == queue {
            // Only a dead-letter queue that is gone sends messages home (SQS-328).
            let lost = reach.iter().filter_map(|target| self.queues.get(target));
            if !lost
                .into_iter()
                .any(|target| target.may_miss(message.sent.start, window.end))
            {
                return Err("is in the queue twice".into());
            }
        }
        let new_here = renamed && delivered.identity.queue == queue;
        if !stays && !new_here && message.place != queue {
            let from = delivered.moved_from.and_then(|from| self.queues.get(&from));
            let leads_here = from
                .is_some_and(|from| from.targets(message.sent.start, u64::MAX).contains(&queue));
            if !leads_here {
                return Err("came from a queue that does not send here".into());
            }
        }
        if stays && delivered.moved_from != message.moved_from {
            return Err(format!("came from {:?} before", message.moved_from));
        }
        Ok(stays)
    }

    /// The message may have come from another queue: that must have been possible.
    fn arrived(
        &mut self,
        queue: QueueId,
        index: usize,
        delivered: &Delivered,
        window: &Window,
    ) -> Checked {
        let renamed = self.is_renamed(index, delivered)?;
        let stays = self.may_arrive(queue, index, delivered, renamed, window)?;
        let message = self.messages.get(index).ok_or("unknown")?;
        let between = self.ghosts_elsewhere(message, window.operation);
        let here = self.ghosts_of(queue, window.operation);
        let ghosts = self.ghosts(message, window.operation) + between.saturating_sub(here);
        let place = message.place;
        match (renamed, place == queue) {
            _ if stays => {}
            (true, _) => self.note_renamed(index, delivered, window.end),
            (false, true) => self.judged.returns.raise(),
            (false, false) => self.judged.moves.raise(),
        }
        let Some(message) = self.messages.get_mut(index) else {
            return Ok(());
        };
        if stays {
            message.sequence = Some(delivered.sequence);
            return Ok(());
        }
        message.left = Some(Left {
            queue: place,
            sequence: message.sequence,
            told: window.end,
        });
        message.place = queue;
        message.moved_from = delivered.moved_from;
        message.sequence = Some(delivered.sequence);
        // A moved message can be received at once; when it was moved nobody knows.
        message.showings = vec![Showing {
            deed: Deed {
                operation: 0,
                start: 0,
                end: 0,
                certain: true,
            },
            cause: Cause::Changed,
            durable: true,
            from_ms: 0,
            surely_ms: window.to_ms,
        }];
        message.ghosts_elsewhere = ghosts;
        // It may have been here, and received by ghosts, for long.
        message.ghosts_before = 0;
        message.age_from_ms = (delivered.sent_ms, delivered.sent_ms);
        if let Some(known) = self.queues.get_mut(&place) {
            known.members.remove(&index);
        }
        if let Some(known) = self.queues.get_mut(&queue) {
            known.members.insert(index);
        }
        Ok(())
    }

    fn check_delivery(
        &self,
        queue: QueueId,
        index: usize,
        delivered: &Delivered,
        repetition: Repetition,
        window: &Window,
    ) -> Checked {
        let message = self.messages.get(index).ok_or("unknown")?;
        let known = self.queues.get(&queue).ok_or("from an unknown queue")?;
        if delivered.receipt.sequence != delivered.sequence {
            return Err("has a receipt of another message".into());
        }
        if message.gone_before(window.start) {
            return Err("was gone for good".into());
        }
        if message.has_left(queue, delivered.sequence, window.start) {
            return Err("must have gone to the dead-letter queue".into());
        }
        let kept = !message.fifo || message.is_at_home(message.place, delivered);
        let sent_ms = message.shown_sent_ms();
        if kept && !(sent_ms.0..=sent_ms.1).contains(&delivered.sent_ms) {
            return Err(format!("sent within {sent_ms:?}"));
        }
        let (_, retention_ms) = known.retentions_ms(window.start, window.end);
        if delivered.sent_ms.saturating_add(retention_ms) <= window.from_ms {
            return Err(format!("outlived its retention of {retention_ms} ms"));
        }
        if repetition == Repetition::Known {
            return self.check_repeated_count(message, delivered);
        }
        let (from_ms, _) = message.shown(window.start);
        if from_ms > window.to_ms {
            return Err(format!("is hidden until {from_ms}, it is {}", window.to_ms));
        }
        self.check_count(message, delivered, window)?;
        let mut redrives = known
            .configs(window.start, window.end)
            .map(|config| config.redrive);
        let over = redrives.all(|redrive| {
            redrive.is_some_and(|redrive| {
                let target = self.queues.get(&redrive.target);
                let lost =
                    target.is_none_or(|target| target.may_miss(message.sent.start, window.end));
                !lost && delivered.receive_count > u32::from(redrive.receives_max)
            })
        });
        // With a full outbox dead-letter moves wait.
        if over && repetition == Repetition::None && !self.leeway.tight {
            return Err("was received too often to stay".into());
        }
        Ok(())
    }

    /// A repeated receive counts once (`SQS-305`).
    fn check_repeated_count(&self, message: &Message, delivered: &Delivered) -> Checked {
        let first = message
            .receives
            .iter()
            .find(|r| r.tag == delivered.receipt.tag);
        match first {
            Some(first) if first.count == delivered.receive_count => Ok(()),
            _ => Err(format!("a repetition counts differently from {first:?}")),
        }
    }

    /// Receives never count too high, and too low only by receives that a crash forgot.
    fn check_count(&self, message: &Message, delivered: &Delivered, window: &Window) -> Checked {
        let tag = delivered.receipt.tag;
        if self.tags.contains_key(&tag) {
            return Err("has a receipt that was given before".into());
        }
        let earlier = message
            .receives
            .iter()
            .filter(|r| r.queue != message.place || r.tag < tag);
        let earlier: Vec<&Receive> = earlier.collect();
        let forgotten = earlier.iter().filter(|receive| receive.forgotten).count() as u64;
        let most = earlier.len() as u64 + 1 + self.ghosts(message, window.operation);
        let least = earlier.len() as u64 + 1 - forgotten;
        let count = u64::from(delivered.receive_count);
        if !(least..=most).contains(&count) {
            return Err(format!("was received {least} to {most} times"));
        }
        if most == 1 {
            let first_ms = delivered.first_received_ms;
            if !(window.from_ms..=window.to_ms).contains(&first_ms) {
                return Err(format!("was received first within {window:?}"));
            }
        }
        Ok(())
    }
}
