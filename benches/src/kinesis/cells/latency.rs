//! How long a record takes from its put to a consumer, while 10 MB/s are put at a steady pace.
//!
//! Puts leave by the clock, not when the last one was answered, and every record carries the time at which it was due: a slow
//! answer does not hide what others would have waited.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::histogram::Histogram;
use crate::kinesis::api::{Encoding, Operation};
use crate::kinesis::documents::{self, Record};
use crate::kinesis::session::{Session, shard_id};
use crate::kinesis::subscription::Subscription;
use crate::link::Link;
use crate::options::Options;
use crate::process::{Clocks, Sample};
use crate::report::Row;
use crate::sign::Signer;
use crate::targets::Target;

const SHARDS: usize = 4;
const RECORD_BYTES: usize = 1 << 10;
/// Between two puts.
const TICK: Duration = Duration::from_millis(5);
/// Records of a put: 10 MB/s.
const RECORDS: usize = 49;
/// Connections that put in turn, so that an answer may take longer than a tick.
const WRITERS: usize = 2;
/// Between two polls of a shard.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the last records may take.
const LATE_MAX: Duration = Duration::from_secs(10);

const _: () = assert!(RECORDS * RECORD_BYTES * 200 > 10_000_000 && TICK.as_millis() == 5);

/// Gives the data of what came, or waits a moment for it.
type Look<'a> = Box<dyn FnMut(&mut dyn FnMut(&[u8])) -> Result<(), String> + Send + 'a>;

/// One consumer that polls.
pub(super) fn by_polling(
    name: &str,
    target: &Target,
    options: &Options,
    encoding: Encoding,
) -> Result<Vec<Row>, String> {
    let mut session = Session::open(target)?;
    let stream = session.stream(SHARDS)?;
    let mut looks: Vec<Look<'_>> = Vec::new();
    for shard in 0..SHARDS {
        let mut poller = Poller::begin(&session, &stream, shard, encoding)?;
        looks.push(Box::new(move |each| poller.poll(each)));
    }
    let writers = writers(&session, &stream, encoding);
    measure(name, target, options, &session, writers, looks)
}

/// One consumer that is subscribed.
pub(super) fn by_fan_out(
    name: &str,
    target: &Target,
    options: &Options,
) -> Result<Vec<Row>, String> {
    let mut session = Session::open(target)?;
    let stream = session.stream(SHARDS)?;
    let arn = session.consumers(&stream, 1)?.swap_remove(0);
    let signer = session.signer(Encoding::Cbor);
    let mut looks: Vec<Look<'_>> = Vec::new();
    for shard in 0..SHARDS {
        let (address, shard) = (session.at.address, shard_id(shard));
        let mut subscription = Subscription::begin(address, &signer, &arn, &shard, "LATEST")?;
        looks.push(Box::new(move |each| subscription.hear(each).map(drop)));
    }
    let writers = writers(&session, &stream, Encoding::Cbor);
    measure(name, target, options, &session, writers, looks)
}

fn writers(session: &Session, stream: &str, encoding: Encoding) -> Vec<Writer> {
    (0..WRITERS)
        .map(|turn| Writer::new(session, stream, encoding, turn))
        .collect()
}

/// A shard that is polled.
struct Poller {
    encoding: Encoding,
    link: Link,
    signer: Signer,
    iterator: String,
}

impl Poller {
    fn begin(
        session: &Session,
        stream: &str,
        shard: usize,
        encoding: Encoding,
    ) -> Result<Self, String> {
        let mut link = Link::to(session.at.address);
        let mut signer = session.signer(encoding);
        let shard = shard_id(shard);
        let asked = [
            ("StreamName", stream),
            ("ShardId", shard.as_str()),
            ("ShardIteratorType", "LATEST"),
        ];
        let document = documents::texts(encoding, &asked);
        let answer = link.call(&mut signer, Operation::GetShardIterator, &document)?;
        Ok(Self {
            encoding,
            link,
            signer,
            iterator: documents::iterator(encoding, &answer)?,
        })
    }

    fn poll(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        std::thread::sleep(PAUSE);
        let document = documents::texts(self.encoding, &[("ShardIterator", &self.iterator)]);
        let answer = self
            .link
            .call(&mut self.signer, Operation::GetRecords, &document)?;
        let read = documents::records(self.encoding, &answer, each)?;
        self.iterator = read.next.ok_or("no iterator to go on with")?;
        Ok(())
    }
}

/// What writers and consumers know of each other.
struct Shared {
    /// Times in records count from here.
    base: Instant,
    counts_from: Instant,
    stops_at: Instant,
    stored: AtomicU64,
    received: AtomicU64,
    /// When everything was put.
    written_at: OnceLock<Instant>,
}

impl Shared {
    /// Notes a record, if it was put within the window.
    fn note(&self, data: &[u8], latency: &mut Histogram) {
        let Some(stamp) = data.first_chunk().map(|stamp| u64::from_be_bytes(*stamp)) else {
            return;
        };
        let put_at = self.base + Duration::from_nanos(stamp);
        if put_at >= self.counts_from && put_at < self.stops_at {
            latency.record(put_at.elapsed().as_nanos() as u64);
        }
    }

    /// Whether everything came.
    fn is_over(&self) -> Result<bool, String> {
        let Some(written_at) = self.written_at.get() else {
            return Ok(false);
        };
        let stored = self.stored.load(Ordering::Acquire);
        let received = self.received.load(Ordering::Acquire);
        if received < stored && written_at.elapsed() > LATE_MAX {
            return Err(format!("{received} of {stored} records came"));
        }
        Ok(received >= stored)
    }
}

fn measure(
    name: &str,
    target: &Target,
    options: &Options,
    session: &Session,
    writers: Vec<Writer>,
    looks: Vec<Look<'_>>,
) -> Result<Vec<Row>, String> {
    let base = Instant::now();
    let counts_from = base + (options.measured / 5).min(Duration::from_secs(2));
    let shared = Shared {
        base,
        counts_from,
        stops_at: counts_from + options.measured,
        stored: AtomicU64::new(0),
        received: AtomicU64::new(0),
        written_at: OnceLock::new(),
    };
    std::thread::scope(|scope| {
        let shared = &shared;
        let consuming: Vec<_> = looks
            .into_iter()
            .map(|look| scope.spawn(move || consume(look, shared)))
            .collect();
        let writing: Vec<_> = writers
            .into_iter()
            .map(|writer| scope.spawn(move || writer.run(shared)))
            .collect();
        let counters = counters(session, shared);
        let puts = join(writing);
        shared.written_at.get_or_init(Instant::now);
        let latency = join(consuming);
        let (puts, latency) = (puts?, latency?);
        let row = row(name, target, shared, counters?, &latency);
        Ok(vec![
            row,
            Row::new("  put", target.name()).with_latency(&puts),
        ])
    })
}

/// The sum of what threads found; a failure of one is the result.
fn join(
    threads: Vec<std::thread::ScopedJoinHandle<'_, Result<Histogram, String>>>,
) -> Result<Histogram, String> {
    let mut all = Histogram::default();
    let mut failed = None;
    for thread in threads {
        match thread.join() {
            Ok(Ok(found)) => all.merge(&found),
            Ok(Err(reason)) => failed = failed.or(Some(reason)),
            Err(_) => failed = failed.or(Some("a thread panicked".to_owned())),
        }
    }
    failed.map_or(Ok(all), Err)
}

fn consume(mut look: Look<'_>, shared: &Shared) -> Result<Histogram, String> {
    let mut latency = Histogram::default();
    while !shared.is_over()? {
        let mut came = 0;
        look(&mut |data| {
            came += 1;
            shared.note(data, &mut latency);
        })?;
        shared.received.fetch_add(came, Ordering::AcqRel);
    }
    Ok(latency)
}

/// A connection that puts at every second tick.
struct Writer {
    encoding: Encoding,
    link: Link,
    signer: Signer,
    stream: String,
    turn: usize,
    records: Vec<(String, Vec<u8>)>,
}

impl Writer {
    fn new(session: &Session, stream: &str, encoding: Encoding, turn: usize) -> Self {
        let mut random = fastrand::Rng::new();
        let record = |_| {
            let mut data = vec![0; RECORD_BYTES];
            random.fill(&mut data);
            (format!("{:016x}", random.u64(..)), data)
        };
        Self {
            encoding,
            link: Link::to(session.at.address),
            signer: session.signer(encoding),
            stream: stream.to_owned(),
            turn,
            records: (0..RECORDS).map(record).collect(),
        }
    }

    fn run(mut self, shared: &Shared) -> Result<Histogram, String> {
        let mut latency = Histogram::default();
        for tick in (self.turn as u32..).step_by(WRITERS) {
            let due = shared.base + TICK * tick;
            if due >= shared.stops_at {
                break;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.put(shared, due)?;
            if due >= shared.counts_from {
                latency.record(due.elapsed().as_nanos() as u64);
            }
        }
        Ok(latency)
    }

    fn put(&mut self, shared: &Shared, due: Instant) -> Result<(), String> {
        let stamp = (due - shared.base).as_nanos() as u64;
        let stamp = stamp.to_be_bytes();
        for (_, data) in &mut self.records {
            if let Some(place) = data.first_chunk_mut() {
                *place = stamp;
            }
        }
        let records: Vec<Record<'_>> = self
            .records
            .iter()
            .map(|(key, data)| Record { key, data })
            .collect();
        let document = documents::put_records(self.encoding, &self.stream, &records);
        let operation = Operation::PutRecords;
        let answer = self.link.call(&mut self.signer, operation, &document)?;
        match documents::stored(&answer) {
            RECORDS => {
                shared.stored.fetch_add(RECORDS as u64, Ordering::AcqRel);
                Ok(())
            }
            stored => Err(format!("{stored} of {RECORDS} records acknowledged")),
        }
    }
}

type Counters = (Clocks, Option<Sample>);

/// Counters at the beginning and the end of the window.
fn counters(session: &Session, shared: &Shared) -> Result<[Counters; 2], String> {
    let take = |at: Instant| -> Result<Counters, String> {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        Ok((Clocks::now(), session.at.pid.map(Sample::take).transpose()?))
    };
    Ok([take(shared.counts_from)?, take(shared.stops_at)?])
}

fn row(
    name: &str,
    target: &Target,
    shared: &Shared,
    [before, after]: [Counters; 2],
    latency: &Histogram,
) -> Row {
    let seconds = (shared.stops_at - shared.counts_from).as_secs_f64();
    let records = latency.total() as f64;
    let cpu = before.1.zip(after.1);
    let cpu = cpu.map(|(before, after)| after.cpu - before.cpu);
    let other = after
        .0
        .other_share_since(&before.0, cpu.unwrap_or_default());
    let mut row = Row::new(name, target.name())
        .with("connections", (SHARDS + WRITERS) as f64)
        .with("messages_per_s", records / seconds)
        .with("mb_per_s", records * RECORD_BYTES as f64 / seconds / 1e6)
        .with("other_cpu_percent", other * 100.0);
    if let Some(cpu) = cpu {
        row = row.with(
            "server_cpu_us_per_message",
            cpu.as_secs_f64() * 1e6 / records.max(1.0),
        );
    }
    row.with_latency(latency)
}
