//! What the engine and the journal tell Prometheus, read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use waystation_engine::{Engine, Usage};
use waystation_storage::JournalStatistics;

/// Name, where the value stands, and help.
type Row<Source> = (&'static str, fn(&Source) -> u64, &'static str);

/// What the journal did since the start.
const JOURNAL_COUNTERS: &[Row<JournalStatistics>] = &[
    (
        "waystation_journal_written_bytes",
        |journal| journal.bytes_written,
        "Bytes of frames written, padding included",
    ),
    (
        "waystation_journal_appended_bytes",
        |journal| journal.bytes_appended,
        "Bytes of records appended",
    ),
    (
        "waystation_journal_zeroed_bytes",
        |journal| journal.bytes_zeroed,
        "Bytes zeroed ahead of the writer",
    ),
    (
        "waystation_journal_packed_bytes",
        |journal| journal.bytes_packed,
        "Bytes of bodies that moved into packs",
    ),
    (
        "waystation_journal_frames",
        |journal| journal.frames,
        "Frames written",
    ),
    (
        "waystation_journal_records",
        |journal| journal.records,
        "Records appended",
    ),
    (
        "waystation_journal_flushes",
        |journal| journal.flushes,
        "Flushes done",
    ),
    (
        "waystation_body_reads_memory",
        |journal| journal.reads_memory,
        "Bodies read from memory",
    ),
    (
        "waystation_body_reads_file",
        |journal| journal.reads_file,
        "Bodies read from files",
    ),
];

/// How the journal is now.
const JOURNAL_GAUGES: &[Row<JournalStatistics>] = &[
    (
        "waystation_journal_segments",
        |journal| journal.segments,
        "Segment files",
    ),
    (
        "waystation_journal_packs",
        |journal| journal.packs,
        "Files with what lives of segments that were mostly dead",
    ),
    (
        "waystation_journal_ring_bytes",
        |journal| journal.ring_bytes,
        "Memory of the newest frames",
    ),
    (
        "waystation_storage_full",
        |journal| u64::from(journal.storage_full),
        "1 while producers are refused for want of room",
    ),
];

/// How much of the engine's budgets is used now.
const ENGINE_GAUGES: &[Row<Usage>] = &[
    (
        "waystation_index_page_bytes",
        |usage| usage.page_bytes.get(),
        "Memory of index pages",
    ),
    ("waystation_queues", |usage| usage.queues.get(), "Queues"),
    ("waystation_logs", |usage| usage.logs.get(), "Logs"),
    (
        "waystation_log_entries",
        |usage| usage.log_entries.get(),
        "Entries of all logs, those included that only retention has not removed yet",
    ),
    (
        "waystation_log_bytes",
        |usage| usage.log_bytes.get(),
        "Bytes of their contents",
    ),
    (
        "waystation_messages_visible",
        |usage| usage.visible_messages.get(),
        "Messages ready to be received, over all queues",
    ),
    (
        "waystation_messages_waiting",
        |usage| usage.waiting_messages.get(),
        "Messages in flight or delayed",
    ),
    (
        "waystation_deduplication_entries",
        |usage| usage.deduplication_entries.get(),
        "Deduplication ids remembered, in memory or spilled",
    ),
    (
        "waystation_deduplication_bytes",
        |usage| usage.deduplication_bytes.get(),
        "Memory of deduplication ids and of the filters of spilled ones",
    ),
    (
        "waystation_receive_attempt_messages",
        |usage| usage.attempt_messages.get(),
        "Messages that receives with an attempt id got within five minutes",
    ),
    (
        "waystation_parked_receives",
        |usage| usage.parked_receives.get(),
        "Long polls waiting",
    ),
    (
        "waystation_outbox_bytes",
        |usage| usage.outbox_bytes.get(),
        "Effects on their way from one shard to another, in memory or not",
    ),
    (
        "waystation_outbox_memory_bytes",
        |usage| usage.outbox_memory_bytes.get(),
        "Those of them that are in memory",
    ),
];

/// What the engine did since the start.
const ENGINE_COUNTERS: &[Row<Usage>] = &[(
    "waystation_deliveries_lost",
    |usage| usage.deliveries_lost.get(),
    "Published messages that found no queue where they arrived",
)];

/// Reads the engine's counters.
pub(crate) struct EngineMetrics(pub(crate) Engine);

impl fmt::Debug for EngineMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineMetrics")
    }
}

impl Collector for EngineMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let journal = self.0.journal_statistics();
        counters(&mut encoder, JOURNAL_COUNTERS, &journal)?;
        gauges(&mut encoder, JOURNAL_GAUGES, &journal)?;
        counters(&mut encoder, ENGINE_COUNTERS, self.0.usage())?;
        gauges(&mut encoder, ENGINE_GAUGES, self.0.usage())
    }
}

fn counters<Source>(
    encoder: &mut DescriptorEncoder<'_>,
    rows: &[Row<Source>],
    source: &Source,
) -> fmt::Result {
    rows.iter().try_for_each(|(name, value, help)| {
        let metric = ConstCounter::new(value(source));
        metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
    })
}

fn gauges<Source>(
    encoder: &mut DescriptorEncoder<'_>,
    rows: &[Row<Source>],
    source: &Source,
) -> fmt::Result {
    rows.iter().try_for_each(|(name, value, help)| {
        let metric = ConstGauge::new(i64::try_from(value(source)).unwrap_or(i64::MAX));
        metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
    })
}
