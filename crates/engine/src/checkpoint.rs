//! Checkpoints: what the state is, written to the view, so that a restart replays little and the
//! journal can be trimmed.
//!
//! Shard by shard: the worker hands out its dirty pages by reference (later changes copy them), the
//! checkpointer writes them in small batches under a new generation and seals them with one
//! manifest row. The rows that it replaces go in the same batch, however many, so that no crash can come between: at
//! every batch boundary the view holds exactly one complete state per shard, and what an intent names. The manifest
//! waits until the journal is durable up to the state it describes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use waystation_storage::{Journal, Lsn, Place, StorageError, View, ViewWrite};

use crate::codec::{Malformed, Reader, Writer};
use crate::effect::Effect;
use crate::ids::ShardId;
use crate::index::LiveBytes;
use crate::limits::CHECKPOINT_BATCH_BYTES;
use crate::log::{LogCapture, LogPage};
use crate::page::Page;
use crate::queue::{Filters, Images, Queue};
use crate::row_key::{RowKey, RowKind, intent_key, manifest_key};
use crate::shard::Shard;
use crate::shared::Letter;

const ROW_VERSION: u8 = 1;
/// Version 1 held every waiting effect; 2 names the outbox's chunks, 3 the logs.
pub(crate) const ROOT_ROW_VERSION: u8 = 3;

/// Contents of one row, encoded when it is written.
#[derive(Debug)]
pub(crate) enum RowValue {
    Page(Arc<Page>),
    LogPage(Arc<LogPage>),
    OutboxChunk(Arc<Vec<Effect>>),
    Bytes(Vec<u8>),
}

/// The state of one shard at one moment, as rows.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) shard: ShardId,
    pub(crate) manifest: Manifest,
    rows: Vec<(RowKey, RowValue)>,
    /// Deduplication buckets, which become rows when they are written.
    images: Images,
    /// Rows that no longer count once the manifest is written.
    obsolete: Vec<RowKey>,
    pub(crate) live: LiveBytes,
}

/// Which generation of a shard's rows counts, and from where to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) generation: u64,
    /// Records of the shard below this address are in the rows.
    pub(crate) applied: Lsn,
    /// Start of the frame that `applied` lies in.
    pub(crate) frame: Lsn,
    /// Engine time of the state.
    pub(crate) time_ms: u64,
}

impl Manifest {
    fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(ROW_VERSION)
            .u64(self.generation)
            .u64(self.applied.0)
            .u64(self.frame.0)
            .u64(self.time_ms);
        out.bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Manifest, Malformed> {
        let mut input = Reader::new(bytes, "manifest");
        if input.u8()? != ROW_VERSION {
            return Err(input.malformed());
        }
        let manifest = Manifest {
            generation: input.u64()?,
            applied: Lsn(input.u64()?),
            frame: Lsn(input.u64()?),
            time_ms: input.u64()?,
        };
        input.finish()?;
        Ok(manifest)
    }
}

/// The key of a shard's root row.
pub(crate) fn root_key(shard: ShardId, generation: u64) -> RowKey {
    RowKey {
        shard,
        kind: RowKind::Root,
        id: 0,
        number: 0,
        generation,
    }
}

/// The key of a catalog bucket.
pub(crate) fn catalog_key(shard: ShardId, bucket: u16, generation: u64) -> RowKey {
    RowKey {
        shard,
        kind: RowKind::Catalog,
        id: u64::from(bucket),
        number: 0,
        generation,
    }
}

impl Capture {
    /// Takes what changed since the last capture. The shard goes on at once.
    pub(crate) fn take(shard: &mut Shard, journal: &Journal) -> Capture {
        let position = journal.position();
        let mut capture = Capture {
            shard: shard.id,
            manifest: Manifest {
                generation: shard.root,
                applied: position.end,
                frame: position.frame,
                time_ms: shard.time_ms,
            },
            rows: Vec::new(),
            images: Images::of(shard.id),
            obsolete: Vec::new(),
            live: shard.index.live.clone(),
        };
        if !shard.dirty {
            return capture;
        }
        shard.dirty = false;
        let before = shard.root;
        shard.generation += 1;
        let generation = shard.generation;
        shard.root = generation;
        capture.manifest.generation = generation;
        let id = shard.id;
        for queue in shard.queues.values_mut().filter(|queue| queue.dirty) {
            capture.take_queue(id, queue, generation);
        }
        for log in shard.logs.values_mut().filter(|log| log.dirty) {
            capture.take_log(log.capture(id, generation));
        }
        for (bucket, bytes) in shard.table.take_dirty() {
            let stored = &mut shard.table.stored;
            let replaced = match bytes {
                Some(bytes) => {
                    let key = catalog_key(id, bucket, generation);
                    capture.rows.push((key, RowValue::Bytes(bytes)));
                    stored.insert(bucket, generation)
                }
                None => stored.remove(&bucket),
            };
            let replaced = replaced.map(|replaced| catalog_key(id, bucket, replaced));
            capture.obsolete.extend(replaced);
        }
        capture.take_outbox(shard, generation);
        capture.obsolete.append(&mut shard.dropped_rows);
        if before != 0 {
            capture.obsolete.push(root_key(id, before));
        }
        let root = encode_root(shard);
        capture
            .rows
            .push((root_key(id, generation), RowValue::Bytes(root)));
        capture
    }

    fn take_queue(&mut self, shard: ShardId, queue: &mut Queue, generation: u64) {
        let remembered = &mut queue.deduplication;
        let replaced = remembered.capture(shard, generation, &mut self.images);
        self.obsolete.extend(replaced);
        // The queue's row names its pages' rows: it is encoded while dirty pages are still marked.
        let row = queue.encode(generation);
        let (pages, replaced) = queue.capture_pages(shard, generation);
        let pages = pages
            .into_iter()
            .map(|(key, page)| (key, RowValue::Page(page)));
        self.rows.extend(pages);
        self.obsolete.extend(replaced);
        self.obsolete.extend(queue.take_dropped_rows(shard));
        self.obsolete.extend(queue.own_row(shard));
        queue.stored = generation;
        queue.dirty = false;
        let key = queue.row_key(shard, generation);
        self.rows.push((key, RowValue::Bytes(row)));
    }

    fn take_log(&mut self, log: LogCapture) {
        let pages = log.pages.into_iter();
        let rows = log.rows.into_iter();
        self.rows
            .extend(pages.map(|(key, page)| (key, RowValue::LogPage(page))));
        self.rows
            .extend(rows.map(|(key, row)| (key, RowValue::Bytes(row))));
        self.obsolete.extend(log.replaced);
    }

    fn take_outbox(&mut self, shard: &mut Shard, generation: u64) {
        let chunks = shard.outbox.capture(shard.id, generation).into_iter();
        let rows = chunks.map(|(key, effects)| (key, RowValue::OutboxChunk(effects)));
        self.rows.extend(rows);
    }

    /// Its rows count from now on.
    fn sealed(&mut self) -> Step {
        let filters = self.images.take_filters();
        Step::Sealed(self.shard, self.manifest.generation, filters)
    }

    /// Nothing changed but the position.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.rows.is_empty()
    }
}

fn encode_root(shard: &Shard) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(ROOT_ROW_VERSION).u64(shard.table.version);
    out.u64(shard.clock_offset_ms as u64);
    let mut queues: Vec<(u64, u64)> = shard
        .queues
        .values()
        .map(|queue| (queue.id.0, queue.stored))
        .collect();
    queues.sort_unstable();
    out.list(&queues, |out, (queue, generation)| {
        out.u64(*queue).u64(*generation);
    });
    let buckets: Vec<(u16, u64)> = shard.table.stored.iter().map(|(b, g)| (*b, *g)).collect();
    out.list(&buckets, |out, (bucket, generation)| {
        out.u16(*bucket).u64(*generation);
    });
    let mut logs: Vec<(u64, u64)> = shard
        .logs
        .values()
        .map(|log| (log.id.0, log.stored))
        .collect();
    logs.sort_unstable();
    out.list(&logs, |out, (log, generation)| {
        out.u64(*log).u64(*generation);
    });
    shard.outbox.encode(&mut out);
    out.bytes
}

/// What a checkpoint has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// One batch was written, or the like; call again.
    More,
    /// The journal must be durable up to here first.
    AwaitDurable(Lsn),
    /// This shard's rows count from now on.
    Sealed(ShardId, u64, Filters),
    /// All shards are written, the view is flushed, the journal trimmed.
    Finished,
}

/// One checkpoint over all shards, in steps between which anything may crash.
pub(crate) struct Checkpoint {
    captures: Vec<Capture>,
    next: usize,
    written: usize,
    phase: Phase,
    /// The journal must be on disk up to here before the first manifest.
    applied_max: Lsn,
    journal_flushed: bool,
    /// After the end: where what lives is.
    pub(crate) places: Vec<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Rows,
    Images,
    Manifest,
    Flush,
}

impl Checkpoint {
    /// A checkpoint of these captures, one for every shard.
    pub(crate) fn new(captures: Vec<Capture>) -> Checkpoint {
        let applied = captures.iter().map(|capture| capture.manifest.applied);
        Checkpoint {
            applied_max: applied.max().unwrap_or_default(),
            journal_flushed: false,
            captures,
            next: 0,
            written: 0,
            phase: Phase::Rows,
            places: Vec::new(),
        }
    }

    /// Gives up after an error: what every shard that was not sealed must take back.
    pub(crate) fn abandon(&mut self) -> Vec<Letter> {
        let rest = self.captures.iter_mut().skip(self.next);
        rest.map(|capture| {
            let mut rows = std::mem::take(&mut capture.obsolete);
            rows.extend(capture.rows.iter().map(|(key, _)| *key));
            rows.extend(capture.images.keys());
            Letter::Abandoned {
                shard: capture.shard,
                // An unchanged one has nothing to take back.
                generation: match capture.rows.is_empty() {
                    true => 0,
                    false => capture.manifest.generation,
                },
                rows,
            }
        })
        .collect()
    }

    /// Does the next step.
    pub(crate) fn step(
        &mut self,
        view: &dyn View,
        journal: &Journal,
    ) -> Result<Step, StorageError> {
        let Some(capture) = self.captures.get_mut(self.next) else {
            return self.finish(view, journal);
        };
        match self.phase {
            Phase::Rows => {
                #[cfg(feature = "planted-bugs")]
                if self.written == 0 && crate::plant::is(crate::plant::Plant::ManifestFirst) {
                    let manifest = Bytes::from(capture.manifest.encode());
                    view.write(&[(manifest_key(capture.shard), Some(manifest))])?;
                }
                let (batch, written) = row_batch(capture, self.written);
                if batch.is_empty() {
                    self.phase = Phase::Images;
                } else {
                    view.write(&batch)?;
                    self.written = written;
                }
                Ok(Step::More)
            }
            Phase::Images => {
                if !capture.images.write(view)? {
                    self.phase = Phase::Manifest;
                }
                Ok(Step::More)
            }
            Phase::Manifest => {
                if journal.durable() < self.applied_max {
                    return Ok(Step::AwaitDurable(self.applied_max));
                }
                if !self.journal_flushed {
                    // Under a relaxed durability the journal may have only been written.
                    journal.flush()?;
                    self.journal_flushed = true;
                }
                let manifest = Bytes::from(capture.manifest.encode());
                let mut batch = vec![
                    (manifest_key(capture.shard), Some(manifest)),
                    (intent_key(capture.shard), None),
                ];
                batch.extend(capture.obsolete.iter().map(|key| (key.bytes(), None)));
                view.write(&batch)?;
                let sealed = capture.sealed();
                self.next += 1;
                self.written = 0;
                self.phase = Phase::Rows;
                Ok(sealed)
            }
            Phase::Flush => Ok(Step::Finished),
        }
    }

    /// Flushes the view, then gives the journal back what nothing needs.
    fn finish(&mut self, view: &dyn View, journal: &Journal) -> Result<Step, StorageError> {
        if self.phase == Phase::Flush {
            return Ok(Step::Finished);
        }
        self.phase = Phase::Flush;
        view.flush()?;
        let frames = self.captures.iter().map(|capture| capture.manifest.frame);
        let Some(trim) = frames.min() else {
            return Ok(Step::Finished);
        };
        let mut live: BTreeMap<u32, u64> = BTreeMap::new();
        for capture in &self.captures {
            for (segment, bytes) in &capture.live.0 {
                *live.entry(*segment).or_default() += bytes;
            }
        }
        // A body that moved between shards after the first capture may be counted by neither; the
        // journal keeps its segment because the move was noted beyond `trim`.
        #[cfg(feature = "planted-bugs")]
        let trim = match crate::plant::is(crate::plant::Plant::TrimTooFar) {
            true => journal.position().frame,
            false => trim,
        };
        journal.reclaim(trim, &live)?;
        self.places = journal.places(&live);
        Ok(Step::Finished)
    }
}

/// The next rows of a capture, at most about one batch; the first comes with the intent.
fn row_batch(capture: &Capture, written: usize) -> (Vec<ViewWrite>, usize) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut next = written;
    if written == 0 && !capture.is_unchanged() {
        let mut intent = Writer::default();
        intent.u64(capture.manifest.generation);
        batch.push((intent_key(capture.shard), Some(Bytes::from(intent.bytes))));
    }
    for (key, value) in capture.rows.get(written..).unwrap_or_default() {
        if bytes >= CHECKPOINT_BATCH_BYTES {
            break;
        }
        let value = match value {
            RowValue::Page(page) => page.encode(),
            RowValue::LogPage(page) => page.encode(),
            RowValue::OutboxChunk(effects) => crate::outbox::encode_chunk(effects),
            RowValue::Bytes(bytes) => bytes.clone(),
        };
        bytes += value.len();
        next += 1;
        batch.push((key.bytes(), Some(Bytes::from(value))));
    }
    (batch, next)
}
