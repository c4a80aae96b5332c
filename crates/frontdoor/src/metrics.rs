//! Requests by service, operation and status, and how long they took.
//!
//! A request only adds to counters that exist from the start: one row per
//! operation of every model, no lock, no map that strangers could grow.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use waystation_wire::Service;

/// Upper bounds of the latency histogram, in microseconds.
const BOUNDS_US: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    10_000_000, 20_000_000,
];

/// Statuses with a counter of their own; the last row counts all others.
const STATUSES: [(u16, &str); 13] = [
    (200, "200"),
    (204, "204"),
    (400, "400"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (413, "413"),
    (429, "429"),
    (500, "500"),
    (501, "501"),
    (503, "503"),
    (0, "other"),
];

/// What requests of no service, or no operation, are counted under.
const NONE: &str = "none";

/// All counters of the front door.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// One table per service in the order of the registry, one more for requests of none.
    tables: Vec<Table>,
    pub(crate) connections: AtomicU64,
}

#[derive(Debug)]
struct Table {
    service: &'static str,
    /// Sorted by operation like the model, [`NONE`] last.
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    operation: &'static str,
    statuses: [AtomicU64; STATUSES.len()],
    /// One more than bounds: the rest.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Row {
    fn new(operation: &'static str) -> Self {
        Self {
            operation,
            statuses: Default::default(),
            buckets: Default::default(),
            sum_us: AtomicU64::new(0),
        }
    }

    fn requests(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }
}

impl Metrics {
    pub(crate) fn new(services: &[Arc<dyn Service>]) -> Arc<Self> {
        let mut tables: Vec<Table> = services
            .iter()
            .map(|service| {
                let model = service.model();
                let names = model.operations.iter().map(|operation| operation.name);
                Table {
                    service: model.service,
                    rows: names.chain([NONE]).map(Row::new).collect(),
                }
            })
            .collect();
        tables.push(Table {
            service: NONE,
            rows: vec![Row::new(NONE)],
        });
        Arc::new(Self {
            tables,
            connections: AtomicU64::new(0),
        })
    }

    /// Counts an answered request.
    pub(crate) fn count(
        &self,
        service: Option<usize>,
        operation: Option<&str>,
        status: u16,
        took: Duration,
    ) {
        let found = service.and_then(|index| self.tables.get(index));
        let Some(table) = found.or(self.tables.last()) else {
            return;
        };
        let named = operation.and_then(|name| {
            let index = table.rows.split_last()?.1;
            let found = index.binary_search_by(|row| row.operation.cmp(name)).ok()?;
            table.rows.get(found)
        });
        let Some(row) = named.or(table.rows.last()) else {
            return;
        };
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let status = STATUSES.iter().position(|(known, _)| *known == status);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound);
        let counters = [
            row.statuses.get(status.unwrap_or(STATUSES.len() - 1)),
            row.buckets.get(bucket.unwrap_or(BOUNDS_US.len())),
        ];
        for counter in counters.into_iter().flatten() {
            counter.fetch_add(1, Relaxed);
        }
        row.sum_us.fetch_add(us, Relaxed);
    }

    /// Rows that have counted something, with their service.
    fn used_rows(&self) -> impl Iterator<Item = (&'static str, &Row)> {
        self.tables.iter().flat_map(|table| {
            let rows = table.rows.iter().filter(|row| row.requests() > 0);
            rows.map(|row| (table.service, row))
        })
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut requests = encoder.encode_descriptor(
            "waystation_requests",
            "Requests by service, operation and HTTP status",
            None,
            MetricType::Counter,
        )?;
        for (service, row) in self.used_rows() {
            for ((_, status), counter) in STATUSES.iter().zip(&row.statuses) {
                let count = counter.load(Relaxed);
                if count > 0 {
                    let labels = labels(service, row.operation, &[("status", status)]);
                    requests
                        .encode_family(&labels)?
                        .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        let mut durations = encoder.encode_descriptor(
            "waystation_request_duration",
            "Time from the headers of a request to its answer",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (service, row) in self.used_rows() {
            let bounds = BOUNDS_US
                .iter()
                .map(|us| *us as f64 / 1e6)
                .chain([f64::MAX]);
            let counts = row.buckets.iter().map(|bucket| bucket.load(Relaxed));
            let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
            let sum_s = row.sum_us.load(Relaxed) as f64 / 1e6;
            let count = buckets.iter().map(|(_, count)| count).sum();
            durations
                .encode_family(&labels(service, row.operation, &[]))?
                .encode_histogram::<NoLabelSet>(sum_s, count, &buckets, None)?;
        }
        let connections = self.connections.load(Relaxed);
        encoder
            .encode_descriptor(
                "waystation_connections",
                "Open HTTP connections",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&i64::try_from(connections).unwrap_or(i64::MAX))
    }
}

fn labels<'a>(
    service: &'a str,
    operation: &'a str,
    more: &[(&'a str, &'a str)],
) -> impl EncodeLabelSet + use<'a> {
    let mut labels = vec![("service", service), ("operation", operation)];
    labels.extend_from_slice(more);
    labels
}
