//! What the engine and the journal tell Prometheus, read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use waystation_engine::Engine;

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
        let counters = [
            (
                "waystation_journal_written_bytes",
                "Bytes of frames written, padding included",
                journal.bytes_written,
            ),
            (
                "waystation_journal_appended_bytes",
                "Bytes of records appended",
                journal.bytes_appended,
            ),
            (
                "waystation_journal_zeroed_bytes",
                "Bytes zeroed ahead of the writer",
                journal.bytes_zeroed,
            ),
            (
                "waystation_journal_frames",
                "Frames written",
                journal.frames,
            ),
            (
                "waystation_journal_records",
                "Records appended",
                journal.records,
            ),
            (
                "waystation_journal_flushes",
                "Flushes done",
                journal.flushes,
            ),
            (
                "waystation_body_reads_memory",
                "Bodies read from memory",
                journal.reads_memory,
            ),
            (
                "waystation_body_reads_file",
                "Bodies read from files",
                journal.reads_file,
            ),
        ];
        for (name, help, value) in counters {
            let metric = ConstCounter::new(value);
            let encoder = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            metric.encode(encoder)?;
        }
        let usage = self.0.usage();
        let gauges = [
            (
                "waystation_journal_segments",
                "Segment files",
                journal.segments,
            ),
            (
                "waystation_journal_ring_bytes",
                "Memory of the newest frames",
                journal.ring_bytes,
            ),
            (
                "waystation_storage_full",
                "1 while producers are refused for want of room",
                u64::from(journal.storage_full),
            ),
            (
                "waystation_index_page_bytes",
                "Memory of index pages",
                usage.page_bytes.get(),
            ),
            (
                "waystation_messages_waiting",
                "Messages in flight or delayed",
                usage.waiting_messages.get(),
            ),
            (
                "waystation_deduplication_entries",
                "Deduplication ids remembered",
                usage.deduplication_entries.get(),
            ),
            (
                "waystation_parked_receives",
                "Long polls waiting",
                usage.parked_receives.get(),
            ),
        ];
        for (name, help, value) in gauges {
            let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let encoder = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            metric.encode(encoder)?;
        }
        Ok(())
    }
}
