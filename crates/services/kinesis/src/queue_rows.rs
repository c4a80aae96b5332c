//! A queue over a stream as the catalog keeps it (section 14).
//!
//! Version 1, integers little-endian, texts as u32 length and bytes, optional things after a u8 that is 1 or 0:
//! ```text
//! version u8 = 1, name, stream id u64, stream name, created u64 s, phase u8, settled u64 ms, start u64 ms
//! and its kind u8, visibility timeout u32 s, receives? u16, two engine queues u64 each,
//! policy?, tags: pairs of texts
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::{QueueConfig, QueueId, QueueKind, Redrive};

use crate::limits;
use crate::stream_settings::{Phase, Status, decode_tags, encode_tags, one_of};

const VERSION: u8 = 1;

/// `QueueStartingPositionType`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartKind {
    Latest,
    TrimHorizon,
    AtTimestamp,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueRow {
    pub(crate) name: String,
    /// The id of its stream.
    pub(crate) stream: u64,
    pub(crate) stream_name: String,
    pub(crate) created_s: u64,
    pub(crate) phase: Phase,
    pub(crate) settled_ms: u64,
    /// Records that arrived before this time are not delivered; where the queue starts once it is active (KIN-235).
    pub(crate) start_ms: u64,
    pub(crate) start_kind: StartKind,
    /// `VisibilityTimeoutSeconds`
    pub(crate) visibility_s: u32,
    /// `MaxReceiveCount`; `None` where dead-letter handling is off (KIN-237).
    pub(crate) receives_max: Option<u16>,
    /// The engine's queue of records to deliver.
    pub(crate) ready: QueueId,
    /// The engine's queue of dead-letter records.
    pub(crate) dead: QueueId,
    pub(crate) policy: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl QueueRow {
    /// The status at this time.
    pub(crate) fn status(&self, now_ms: u64) -> Status {
        match (self.phase, now_ms >= self.settled_ms) {
            (Phase::Deleting, true) => Status::Gone,
            (Phase::Deleting, false) => Status::Deleting,
            (_, true) => Status::Active,
            (Phase::Creating, false) => Status::Creating,
            (Phase::Updating, false) => Status::Updating,
        }
    }

    /// Begins a phase.
    pub(crate) fn begin(&mut self, phase: Phase, now_ms: u64) {
        self.phase = phase;
        self.settled_ms = now_ms + limits::TRANSITION_MS;
    }

    /// What the engine acts on in the queue of records to deliver. They go with their stream's retention, which the service
    /// looks after, so here they stay as long as they may.
    pub(crate) fn ready_config(&self) -> QueueConfig {
        QueueConfig {
            kind: QueueKind::Standard,
            retention_ms: limits::QUEUE_RETENTION_MS,
            delay_ms: 0,
            redrive: self.receives_max.map(|receives_max| Redrive {
                target: self.dead,
                receives_max,
            }),
        }
    }

    /// The same for dead-letter records.
    pub(crate) fn dead_config() -> QueueConfig {
        QueueConfig {
            kind: QueueKind::Standard,
            retention_ms: limits::QUEUE_RETENTION_MS,
            delay_ms: 0,
            redrive: None,
        }
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.text(&self.name);
        out.u64(self.stream);
        out.text(&self.stream_name);
        out.u64(self.created_s);
        out.u8(self.phase as u8);
        out.u64(self.settled_ms);
        out.u64(self.start_ms);
        out.u8(self.start_kind as u8);
        out.u32(self.visibility_s);
        out.option(&self.receives_max, |out, receives| out.u16(*receives));
        out.u64(self.ready.0);
        out.u64(self.dead.0);
        out.option(&self.policy, |out, policy| out.text(policy));
        encode_tags(&mut out, &self.tags);
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<QueueRow, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let queue = QueueRow {
            name: input.text()?,
            stream: input.u64()?,
            stream_name: input.text()?,
            created_s: input.u64()?,
            phase: one_of(
                &mut input,
                &[Phase::Creating, Phase::Updating, Phase::Deleting],
            )?,
            settled_ms: input.u64()?,
            start_ms: input.u64()?,
            start_kind: one_of(
                &mut input,
                &[
                    StartKind::Latest,
                    StartKind::TrimHorizon,
                    StartKind::AtTimestamp,
                ],
            )?,
            visibility_s: input.u32()?,
            receives_max: input.option(Input::u16)?,
            ready: QueueId(input.u64()?),
            dead: QueueId(input.u64()?),
            policy: input.option(Input::text)?,
            tags: decode_tags(&mut input)?,
        };
        input.end()?;
        Ok(queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_survive_the_round_trip() {
        let queue = QueueRow {
            name: "q".to_owned(),
            stream: 7,
            stream_name: "s".to_owned(),
            created_s: 5,
            phase: Phase::Updating,
            settled_ms: 6_000,
            start_ms: 5_000,
            start_kind: StartKind::AtTimestamp,
            visibility_s: 30,
            receives_max: Some(6),
            ready: QueueId(1),
            dead: QueueId(2),
            policy: Some("{}".to_owned()),
            tags: [("k".to_owned(), "v".to_owned())].into(),
        };
        let stored = queue.encode();
        assert_eq!(QueueRow::decode(&stored), Ok(queue));
        for length in 0..stored.len() {
            assert_eq!(QueueRow::decode(&stored[..length]), Err(Malformed));
        }
    }
}
