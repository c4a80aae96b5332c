//! A stream as the catalog keeps it, and its stored form. Its shards are rows of their own (`shard_rows`, decision 16).
//!
//! Version 1, integers little-endian, texts as u32 length and bytes, optional things after a u8 that is 1 or 0:
//! ```text
//! version u8 = 1, id u64, created u64 ms, phase u8, settled u64 ms, work u8 and its number u32, next shard u32,
//! mode u8, retention hours u32, floor u64 ms, record KiB u32, distribution u8, warm throughput? u32,
//! key?, metrics u8, policy?, tags: pairs of texts, uses: kind u8 and time u64 each
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};

use crate::limits;

const VERSION: u8 = 1;

/// Where a stream is in its life. A phase ends by time alone, so no restart can lose its end (decision 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `CREATING`, then `ACTIVE`.
    Creating,
    /// `UPDATING`, then `ACTIVE`.
    Updating,
    /// `DELETING`, then gone.
    Deleting,
}

/// What is still to be done to a stream in slices, by the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing.
    None,
    /// Shards are missing up to this number.
    Create(u32),
    /// Shards are split and merged until there are so many (KIN-154).
    Scale(u32),
    /// The logs of shards from this index on do not know the retention yet.
    Retain(u32),
}

/// `StreamMode`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Provisioned,
    OnDemand,
}

/// `RecordDistributionStrategy` (KIN-232)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distribution {
    UserPartitionKey,
    Auto,
}

/// What may be used so often within 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// `UpdateShardCount`
    Scaling,
    /// `UpdateStreamMode`
    ModeChange,
    /// `StartStreamEncryption`
    EncryptionStart,
    /// `StopStreamEncryption`
    EncryptionStop,
}

/// Status as callers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Active,
    Updating,
    Deleting,
    /// Deleted; what it left is being removed.
    Gone,
}

impl Status {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Creating => "CREATING",
            Status::Active => "ACTIVE",
            Status::Updating => "UPDATING",
            Status::Deleting | Status::Gone => "DELETING",
        }
    }
}

/// Everything that is set on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamSettings {
    /// Never given twice: tells this stream from others that had its name (KIN-040).
    pub(crate) id: u64,
    /// Creation, in milliseconds since the epoch, of which the API shows whole seconds.
    pub(crate) created_ms: u64,
    pub(crate) phase: Phase,
    /// When the phase ends, unless there is work left.
    pub(crate) settled_ms: u64,
    pub(crate) work: Work,
    /// Index of the next shard to be made.
    pub(crate) next_shard: u32,
    pub(crate) mode: Mode,
    pub(crate) retention_hours: u32,
    /// Nothing older comes back, whatever the retention (KIN-165).
    pub(crate) floor_ms: u64,
    pub(crate) record_kib: u32,
    pub(crate) distribution: Distribution,
    /// `WarmThroughputMiBps`
    pub(crate) warm_mibps: Option<u32>,
    /// The key of an encrypted stream, as given (KIN-216).
    pub(crate) key_id: Option<String>,
    /// Shard-level metrics, a bit for each row of `monitoring::METRICS`.
    pub(crate) metrics: u8,
    /// Resource policy, as given.
    pub(crate) policy: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// What was used within the last 24 hours, in order of time.
    pub(crate) uses: Vec<(Use, u64)>,
}

impl StreamSettings {
    /// A new stream (KIN-053).
    pub(crate) fn new(id: u64, now_ms: u64) -> StreamSettings {
        StreamSettings {
            id,
            created_ms: now_ms,
            phase: Phase::Creating,
            settled_ms: now_ms + limits::TRANSITION_MS,
            work: Work::None,
            next_shard: 0,
            mode: Mode::Provisioned,
            retention_hours: *limits::RETENTION_HOURS.start(),
            floor_ms: 0,
            record_kib: *limits::RECORD_KIB.start() as u32,
            distribution: Distribution::UserPartitionKey,
            warm_mibps: None,
            key_id: None,
            metrics: 0,
            policy: None,
            tags: BTreeMap::new(),
            uses: Vec::new(),
        }
    }

    /// The status at this time.
    pub(crate) fn status(&self, now_ms: u64) -> Status {
        let is_settled = now_ms >= self.settled_ms;
        let is_busy = !is_settled || self.work != Work::None;
        match self.phase {
            Phase::Deleting if is_settled => Status::Gone,
            Phase::Deleting => Status::Deleting,
            Phase::Creating if is_busy => Status::Creating,
            Phase::Updating if is_busy => Status::Updating,
            Phase::Creating | Phase::Updating => Status::Active,
        }
    }

    /// Begins `UPDATING`.
    pub(crate) fn begin_update(&mut self, now_ms: u64) {
        self.phase = Phase::Updating;
        self.settled_ms = now_ms + limits::TRANSITION_MS;
    }

    /// Creation as the API shows it: whole seconds, because SDKs send no more than those back.
    pub(crate) fn created_s(&self) -> u64 {
        self.created_ms / 1_000
    }

    /// Retention in milliseconds.
    pub(crate) fn retention_ms(&self) -> u64 {
        u64::from(self.retention_hours) * 3_600_000
    }

    /// Records before this time are not readable any more, and shards closed before it not listed (KIN-058, KIN-127).
    pub(crate) fn horizon_ms(&self, now_ms: u64) -> u64 {
        self.floor_ms
            .max(now_ms.saturating_sub(self.retention_ms()))
    }

    /// How often something was used within 24 hours.
    pub(crate) fn uses_within_a_day(&self, which: Use, now_ms: u64) -> usize {
        let since_ms = now_ms.saturating_sub(limits::DAY_MS);
        let recent = |(kind, at_ms): &&(Use, u64)| *kind == which && *at_ms > since_ms;
        self.uses.iter().filter(recent).count()
    }

    /// Remembers a use.
    pub(crate) fn note_use(&mut self, which: Use, now_ms: u64) {
        let since_ms = now_ms.saturating_sub(limits::DAY_MS);
        self.uses.retain(|(_, at_ms)| *at_ms > since_ms);
        if self.uses.len() >= limits::USES_REMEMBERED_MAX {
            self.uses.remove(0);
        }
        self.uses.push((which, now_ms));
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u64(self.id);
        out.u64(self.created_ms);
        out.u8(self.phase as u8);
        out.u64(self.settled_ms);
        let (work, number) = match self.work {
            Work::None => (0, 0),
            Work::Create(shards) => (1, shards),
            Work::Scale(shards) => (2, shards),
            Work::Retain(from) => (3, from),
        };
        out.u8(work);
        out.u32(number);
        out.u32(self.next_shard);
        out.u8(self.mode as u8);
        out.u32(self.retention_hours);
        out.u64(self.floor_ms);
        out.u32(self.record_kib);
        out.u8(self.distribution as u8);
        out.option(&self.warm_mibps, |out, mibps| out.u32(*mibps));
        out.option(&self.key_id, |out, key| out.text(key));
        out.u8(self.metrics);
        out.option(&self.policy, |out, policy| out.text(policy));
        encode_tags(&mut out, &self.tags);
        out.u32(self.uses.len() as u32);
        for (which, at_ms) in &self.uses {
            out.u8(*which as u8);
            out.u64(*at_ms);
        }
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<StreamSettings, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let settings = StreamSettings {
            id: input.u64()?,
            created_ms: input.u64()?,
            phase: one_of(
                &mut input,
                &[Phase::Creating, Phase::Updating, Phase::Deleting],
            )?,
            settled_ms: input.u64()?,
            work: decode_work(&mut input)?,
            next_shard: input.u32()?,
            mode: one_of(&mut input, &[Mode::Provisioned, Mode::OnDemand])?,
            retention_hours: input.u32()?,
            floor_ms: input.u64()?,
            record_kib: input.u32()?,
            distribution: one_of(
                &mut input,
                &[Distribution::UserPartitionKey, Distribution::Auto],
            )?,
            warm_mibps: input.option(Input::u32)?,
            key_id: input.option(Input::text)?,
            metrics: input.u8()?,
            policy: input.option(Input::text)?,
            tags: decode_tags(&mut input)?,
            uses: input.list(|input| Ok((one_of(input, &USES)?, input.u64()?)))?,
        };
        input.end()?;
        Ok(settings)
    }
}

const USES: [Use; 4] = [
    Use::Scaling,
    Use::ModeChange,
    Use::EncryptionStart,
    Use::EncryptionStop,
];

/// One of the values, by its number.
pub(crate) fn one_of<T: Copy>(input: &mut Input<'_>, values: &[T]) -> Result<T, Malformed> {
    values
        .get(usize::from(input.u8()?))
        .copied()
        .ok_or(Malformed)
}

fn decode_work(input: &mut Input<'_>) -> Result<Work, Malformed> {
    let (work, number) = (input.u8()?, input.u32()?);
    match work {
        0 => Ok(Work::None),
        1 => Ok(Work::Create(number)),
        2 => Ok(Work::Scale(number)),
        3 => Ok(Work::Retain(number)),
        _ => Err(Malformed),
    }
}

/// Tags in a row.
pub(crate) fn encode_tags(out: &mut Output, tags: &BTreeMap<String, String>) {
    out.u32(tags.len() as u32);
    for (key, value) in tags {
        out.text(key);
        out.text(value);
    }
}

/// The reverse.
pub(crate) fn decode_tags(input: &mut Input<'_>) -> Result<BTreeMap<String, String>, Malformed> {
    let tags = input.list(|input| Ok((input.text()?, input.text()?)))?;
    Ok(tags.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> StreamSettings {
        StreamSettings {
            phase: Phase::Updating,
            work: Work::Scale(7),
            next_shard: 12,
            mode: Mode::OnDemand,
            retention_hours: 8_760,
            floor_ms: 1_700_000_000_000,
            record_kib: 10_240,
            distribution: Distribution::Auto,
            warm_mibps: Some(100),
            key_id: Some("alias/aws/kinesis".to_owned()),
            metrics: 0x7f,
            policy: Some("{}".to_owned()),
            tags: [("k".to_owned(), "v".to_owned())].into(),
            uses: vec![(Use::Scaling, 5), (Use::EncryptionStop, 6)],
            ..StreamSettings::new(0xAB, 1_700_000_000_123)
        }
    }

    #[test]
    fn settings_survive_the_round_trip() {
        for settings in [full(), StreamSettings::new(1, 2)] {
            assert_eq!(StreamSettings::decode(&settings.encode()), Ok(settings));
        }
    }

    #[test]
    fn damaged_or_newer_settings_are_refused() {
        let stored = full().encode();
        for length in 0..stored.len() {
            assert_eq!(StreamSettings::decode(&stored[..length]), Err(Malformed));
        }
        let mut newer = stored.to_vec();
        newer[0] = 2;
        assert_eq!(StreamSettings::decode(&newer), Err(Malformed));
        let mut longer = stored.to_vec();
        longer.push(0);
        assert_eq!(StreamSettings::decode(&longer), Err(Malformed));
    }

    #[test]
    fn phases_end_by_time_and_work() {
        let mut stream = StreamSettings::new(1, 1_000);
        assert_eq!(stream.status(1_000), Status::Creating);
        assert_eq!(stream.status(1_300), Status::Active);
        stream.work = Work::Create(9);
        assert_eq!(stream.status(9_000), Status::Creating);
        stream.work = Work::None;
        stream.begin_update(2_000);
        assert_eq!(stream.status(2_299), Status::Updating);
        assert_eq!(stream.status(2_300), Status::Active);
        stream.phase = Phase::Deleting;
        assert_eq!(stream.status(2_299), Status::Deleting);
        assert_eq!(stream.status(2_300), Status::Gone);
    }

    #[test]
    fn uses_are_counted_for_a_day() {
        let mut stream = StreamSettings::new(1, 0);
        stream.note_use(Use::Scaling, 1_000);
        stream.note_use(Use::ModeChange, 1_000);
        stream.note_use(Use::Scaling, 2_000);
        assert_eq!(stream.uses_within_a_day(Use::Scaling, 2_000), 2);
        assert_eq!(
            stream.uses_within_a_day(Use::Scaling, 1_000 + limits::DAY_MS),
            1
        );
        stream.note_use(Use::Scaling, 2_000 + limits::DAY_MS);
        assert_eq!(stream.uses.len(), 1);
    }
}
