//! What only FIFO queues have, and which deduplication scope a send is judged by: for a while after a change still the
//! former one (SQS-275), so that settings remember it and the time of the change.
//!
//! The stored form is part of the settings' row: content-based deduplication u8, deduplication scope u8, throughput
//! limit u8, former scope?: scope u8, time of the change u64 ms.

pub(crate) use waystation_delivery::fifo_ids::DeduplicationScope;

use crate::limits;
use crate::stored::{Input, Malformed, Output};

/// What the quotas of a FIFO queue count (SQS-299). They change nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FifoThroughputLimit {
    /// All messages of the queue.
    #[default]
    PerQueue,
    /// The messages of each group.
    PerMessageGroupId,
}

/// The scope by which sends were judged until a change, which takes effect only later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FormerScope {
    /// The scope before the change.
    pub(crate) scope: DeduplicationScope,
    /// Engine time of the change, in milliseconds since the epoch.
    pub(crate) changed_ms: u64,
}

/// What only FIFO queues have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FifoSettings {
    /// Whether the body's digest stands in for a missing deduplication id (SQS-262).
    pub(crate) content_based_deduplication: bool,
    /// Over what deduplication ids are unique; sends are judged by `scope_at`.
    pub(crate) deduplication_scope: DeduplicationScope,
    /// What quotas count.
    pub(crate) throughput_limit: FifoThroughputLimit,
    /// What the latest change of the scope replaced; means nothing any more once the change is effective.
    pub(crate) former_scope: Option<FormerScope>,
}

impl FifoSettings {
    /// The scope by which a send at this engine time is judged: the former one until a change is effective
    /// (SQS-275, SQS-110).
    pub(crate) fn scope_at(&self, now_ms: u64) -> DeduplicationScope {
        match self.former_scope {
            Some(former)
                if now_ms
                    < former
                        .changed_ms
                        .saturating_add(limits::DEDUPLICATION_SCOPE_CHANGE_MS) =>
            {
                former.scope
            }
            _ => self.deduplication_scope,
        }
    }

    /// Notes what a change at this engine time replaced. `before` are the settings that it was made to.
    pub(crate) fn remember_scope(&mut self, before: &FifoSettings, now_ms: u64) {
        if self.deduplication_scope == before.deduplication_scope {
            return;
        }
        // A change that is taken back before it was effective has never happened.
        let scope = before.scope_at(now_ms);
        self.former_scope = (scope != self.deduplication_scope).then_some(FormerScope {
            scope,
            changed_ms: now_ms,
        });
    }

    /// Appends the stored form.
    pub(crate) fn encode(&self, out: &mut Output) {
        out.u8(self.content_based_deduplication.into());
        out.u8(self.deduplication_scope as u8);
        out.u8(self.throughput_limit as u8);
        out.option(&self.former_scope, |out, former| {
            out.u8(former.scope as u8);
            out.u64(former.changed_ms);
        });
    }

    /// Reads the stored form.
    pub(crate) fn decode(input: &mut Input<'_>) -> Result<FifoSettings, Malformed> {
        Ok(FifoSettings {
            content_based_deduplication: input.flag()?,
            deduplication_scope: decode_scope(input)?,
            throughput_limit: if input.flag()? {
                FifoThroughputLimit::PerMessageGroupId
            } else {
                FifoThroughputLimit::PerQueue
            },
            former_scope: input.option(|input| {
                Ok(FormerScope {
                    scope: decode_scope(input)?,
                    changed_ms: input.u64()?,
                })
            })?,
        })
    }
}

fn decode_scope(input: &mut Input<'_>) -> Result<DeduplicationScope, Malformed> {
    Ok(if input.flag()? {
        DeduplicationScope::MessageGroup
    } else {
        DeduplicationScope::Queue
    })
}

#[cfg(test)]
mod tests {
    use super::DeduplicationScope::{MessageGroup, Queue};
    use super::*;

    fn changed(before: &FifoSettings, scope: DeduplicationScope, now_ms: u64) -> FifoSettings {
        let mut after = FifoSettings {
            deduplication_scope: scope,
            ..before.clone()
        };
        after.remember_scope(before, now_ms);
        after
    }

    #[test]
    fn sends_are_judged_by_the_former_scope_for_a_minute() {
        // SQS-275, SQS-110
        let settings = changed(&FifoSettings::default(), MessageGroup, 5_000);
        assert_eq!(settings.deduplication_scope, MessageGroup);
        assert_eq!(settings.scope_at(5_000), Queue);
        assert_eq!(settings.scope_at(64_999), Queue);
        assert_eq!(settings.scope_at(65_000), MessageGroup);
        let back = changed(&settings, Queue, 70_000);
        assert_eq!(back.scope_at(129_999), MessageGroup);
        assert_eq!(back.scope_at(130_000), Queue);
    }

    #[test]
    fn a_change_taken_back_in_time_has_never_happened() {
        // SQS-275
        let settings = changed(&FifoSettings::default(), MessageGroup, 5_000);
        assert_eq!(changed(&settings, Queue, 64_999), FifoSettings::default());
    }

    #[test]
    fn setting_the_same_scope_again_does_not_prolong_the_wait() {
        // SQS-275
        let settings = changed(&FifoSettings::default(), MessageGroup, 5_000);
        assert_eq!(changed(&settings, MessageGroup, 60_000), settings);
    }
}
