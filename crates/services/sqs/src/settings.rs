//! The settings of a queue as the catalog keeps them, and their stored form.
//!
//! Version 1, integers little-endian, texts as u32 length and bytes, optional things after a u8 that is 1 or 0:
//! ```text
//! version u8 = 1, queue id u64, created u64 ms, modified u64 ms,
//! delay, maximum size, retention, wait time, visibility timeout: u32 each,
//! policy?, redrive policy?: text, target name, receives u16; redrive allow policy?: text, permission u8, ARNs,
//! managed encryption u8, KMS key?, KMS reuse period u32,
//! FIFO?: see `fifo_settings`,
//! tags: count u32, pairs of texts
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_engine::{QueueConfig, QueueId, QueueKind, Redrive};

use crate::fifo_settings::FifoSettings;
use crate::redrive::RedrivePolicy;
use crate::redrive_allow::{RedriveAllowPolicy, RedrivePermission};
use crate::stored::{Input, Malformed, Output};

const VERSION: u8 = 1;

/// Everything that is set on a queue (table 6.1, section 24).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueSettings {
    /// The engine's id; a queue created anew under an old name has another one (SQS-079).
    pub(crate) queue: QueueId,
    /// Creation, in milliseconds since the epoch.
    pub(crate) created_ms: u64,
    /// Last successful `SetQueueAttributes`, in milliseconds since the epoch (SQS-111).
    pub(crate) modified_ms: u64,
    /// `DelaySeconds`
    pub(crate) delay_seconds: u32,
    /// `MaximumMessageSize`
    pub(crate) maximum_message_bytes: u32,
    /// `MessageRetentionPeriod`
    pub(crate) retention_seconds: u32,
    /// `ReceiveMessageWaitTimeSeconds`
    pub(crate) wait_time_seconds: u32,
    /// `VisibilityTimeout`
    pub(crate) visibility_timeout_seconds: u32,
    /// `Policy`, the text as set (SQS-112).
    pub(crate) policy: Option<String>,
    /// `RedrivePolicy`
    pub(crate) redrive_policy: Option<RedrivePolicy>,
    /// `RedriveAllowPolicy`
    pub(crate) redrive_allow_policy: Option<RedriveAllowPolicy>,
    /// `SqsManagedSseEnabled`
    pub(crate) managed_encryption: bool,
    /// `KmsMasterKeyId`
    pub(crate) kms_key_id: Option<String>,
    /// `KmsDataKeyReusePeriodSeconds`; means something only with a key.
    pub(crate) kms_reuse_period_seconds: u32,
    /// Present exactly on FIFO queues.
    pub(crate) fifo: Option<FifoSettings>,
    /// Tags by key.
    pub(crate) tags: BTreeMap<String, String>,
}

impl QueueSettings {
    /// The defaults of table 6.1.
    pub(crate) fn new(queue: QueueId, now_ms: u64, fifo: Option<FifoSettings>) -> QueueSettings {
        QueueSettings {
            queue,
            created_ms: now_ms,
            modified_ms: now_ms,
            delay_seconds: 0,
            maximum_message_bytes: 1_048_576,
            retention_seconds: 345_600,
            wait_time_seconds: 0,
            visibility_timeout_seconds: 30,
            policy: None,
            redrive_policy: None,
            redrive_allow_policy: None,
            managed_encryption: true,
            kms_key_id: None,
            kms_reuse_period_seconds: 300,
            fifo,
            tags: BTreeMap::new(),
        }
    }

    /// The part that the engine acts on. `target` is the dead-letter queue that the redrive policy leads to, if it
    /// exists and allows it.
    pub(crate) fn config(&self, target: Option<QueueId>) -> QueueConfig {
        let redrive = self.redrive_policy.as_ref().zip(target);
        QueueConfig {
            kind: if self.fifo.is_some() {
                QueueKind::Fifo
            } else {
                QueueKind::Standard
            },
            retention_ms: u64::from(self.retention_seconds) * 1_000,
            delay_ms: u64::from(self.delay_seconds) * 1_000,
            redrive: redrive.map(|(policy, target)| Redrive {
                target,
                receives_max: policy.receives_max,
            }),
        }
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        for value in [self.queue.0, self.created_ms, self.modified_ms] {
            out.u64(value);
        }
        let numbers = [
            self.delay_seconds,
            self.maximum_message_bytes,
            self.retention_seconds,
            self.wait_time_seconds,
            self.visibility_timeout_seconds,
        ];
        numbers.iter().for_each(|value| out.u32(*value));
        out.option(&self.policy, |out, policy| out.text(policy));
        out.option(&self.redrive_policy, |out, policy| {
            out.text(&policy.text);
            out.text(&policy.target_name);
            out.u16(policy.receives_max);
        });
        out.option(&self.redrive_allow_policy, |out, policy| {
            out.text(&policy.text);
            let (permission, arns): (u8, &[String]) = match &policy.permission {
                RedrivePermission::AllowAll => (0, &[]),
                RedrivePermission::DenyAll => (1, &[]),
                RedrivePermission::ByQueue(arns) => (2, arns),
            };
            out.u8(permission);
            out.u32(arns.len() as u32);
            arns.iter().for_each(|arn| out.text(arn));
        });
        out.u8(self.managed_encryption.into());
        out.option(&self.kms_key_id, |out, key| out.text(key));
        out.u32(self.kms_reuse_period_seconds);
        out.option(&self.fifo, |out, fifo| fifo.encode(out));
        out.u32(self.tags.len() as u32);
        for (key, value) in &self.tags {
            out.text(key);
            out.text(value);
        }
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<QueueSettings, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let settings = QueueSettings {
            queue: QueueId(input.u64()?),
            created_ms: input.u64()?,
            modified_ms: input.u64()?,
            delay_seconds: input.u32()?,
            maximum_message_bytes: input.u32()?,
            retention_seconds: input.u32()?,
            wait_time_seconds: input.u32()?,
            visibility_timeout_seconds: input.u32()?,
            policy: input.option(Input::text)?,
            redrive_policy: input.option(decode_redrive)?,
            redrive_allow_policy: input.option(decode_redrive_allow)?,
            managed_encryption: input.flag()?,
            kms_key_id: input.option(Input::text)?,
            kms_reuse_period_seconds: input.u32()?,
            fifo: input.option(FifoSettings::decode)?,
            tags: input
                .list(|input| Ok((input.text()?, input.text()?)))?
                .into_iter()
                .collect(),
        };
        input.end()?;
        Ok(settings)
    }
}

fn decode_redrive(input: &mut Input<'_>) -> Result<RedrivePolicy, Malformed> {
    Ok(RedrivePolicy {
        text: input.text()?,
        target_name: input.text()?,
        receives_max: input.u16()?,
    })
}

fn decode_redrive_allow(input: &mut Input<'_>) -> Result<RedriveAllowPolicy, Malformed> {
    let text = input.text()?;
    let permission = input.u8()?;
    let arns = input.list(Input::text)?;
    let permission = match permission {
        0 => RedrivePermission::AllowAll,
        1 => RedrivePermission::DenyAll,
        2 => RedrivePermission::ByQueue(arns),
        _ => return Err(Malformed),
    };
    Ok(RedriveAllowPolicy { text, permission })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fifo_settings::{DeduplicationScope, FifoThroughputLimit, FormerScope};

    fn full() -> QueueSettings {
        QueueSettings {
            delay_seconds: 900,
            policy: Some("{}".to_owned()),
            redrive_policy: Some(RedrivePolicy {
                text: "{\"maxReceiveCount\":3}".to_owned(),
                target_name: "dead.fifo".to_owned(),
                receives_max: 3,
            }),
            redrive_allow_policy: Some(RedriveAllowPolicy {
                text: "{}".to_owned(),
                permission: RedrivePermission::ByQueue(vec![
                    "arn:aws:sqs:r:1:a".to_owned(),
                    "b".to_owned(),
                ]),
            }),
            managed_encryption: false,
            kms_key_id: Some("alias/aws/sqs".to_owned()),
            tags: [
                ("k".to_owned(), "v".to_owned()),
                ("ä".to_owned(), String::new()),
            ]
            .into(),
            ..QueueSettings::new(
                QueueId(0xFF00_0000_0000_0001),
                1_700_000_000_123,
                Some(FifoSettings {
                    content_based_deduplication: true,
                    deduplication_scope: DeduplicationScope::MessageGroup,
                    throughput_limit: FifoThroughputLimit::PerMessageGroupId,
                    former_scope: Some(FormerScope {
                        scope: DeduplicationScope::Queue,
                        changed_ms: 1_700_000_000_456,
                    }),
                }),
            )
        }
    }

    #[test]
    fn settings_survive_the_round_trip() {
        for settings in [full(), QueueSettings::new(QueueId(1), 2, None)] {
            assert_eq!(QueueSettings::decode(&settings.encode()), Ok(settings));
        }
    }

    #[test]
    fn damaged_or_newer_settings_are_refused() {
        let stored = full().encode();
        for length in 0..stored.len() {
            assert_eq!(
                QueueSettings::decode(&stored[..length]),
                Err(Malformed),
                "cut at {length}"
            );
        }
        let mut newer = stored.to_vec();
        newer[0] = 2;
        assert_eq!(QueueSettings::decode(&newer), Err(Malformed));
        let mut longer = stored.to_vec();
        longer.push(0);
        assert_eq!(QueueSettings::decode(&longer), Err(Malformed));
    }

    #[test]
    fn version_1_stays_readable() {
        // Catalogs hold this form: the digest pins every byte of it.
        let digest = crate::md5::hex(&crate::md5::of_body(&full().encode()));
        assert_eq!(digest, "87c78b401d154bdd389149dc1f4f09d7");
    }

    #[test]
    fn the_engine_learns_what_it_acts_on() {
        let config = full().config(Some(QueueId(9)));
        assert_eq!(config.kind, QueueKind::Fifo);
        assert_eq!(
            (config.retention_ms, config.delay_ms),
            (345_600_000, 900_000)
        );
        assert_eq!(
            config.redrive,
            Some(Redrive {
                target: QueueId(9),
                receives_max: 3
            })
        );
        assert_eq!(full().config(None).redrive, None);
        assert_eq!(
            QueueSettings::new(QueueId(1), 2, None)
                .config(Some(QueueId(9)))
                .redrive,
            None
        );
    }
}
