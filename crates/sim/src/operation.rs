//! A client's command on its way: what was asked, and the future of the answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use waystation_engine::{
    Appended, CatalogChange, CatalogEffect, Delivered, Engine, EngineError, Expect, LogBatch,
    LogId, LogPoint, LogRead, LogSpot, LogState, MoveReport, MoveRequest, Outgoing, PeekRequest,
    Peeked, Publication, Published, QueueConfig, QueueCounts, QueueId, Receipt, ReceiptError,
    ReceiveRequest, Scope, Sent, States,
};

use crate::profile::WORKERS;

/// A message to be sent; its body is like no other of the run.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) body: Bytes,
    pub(crate) delay_ms: Option<u64>,
    pub(crate) group: Option<u64>,
    pub(crate) dedup: Option<u128>,
}

/// One row of a catalog write.
#[derive(Clone, Debug)]
pub(crate) struct RowWrite {
    pub(crate) path: Vec<u8>,
    pub(crate) expect: Expect,
    pub(crate) value: Option<Bytes>,
    pub(crate) subject: Subject,
}

/// What a row stands for.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// A queue and its new settings; `None` removes the queue.
    Queue(QueueId, Option<QueueConfig>),
    /// Logs, and what is done to them.
    Logs(Vec<CatalogEffect>),
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Send {
        queue: QueueId,
        drafts: Vec<Draft>,
    },
    Publish {
        topic: QueueId,
        publications: Vec<Publication>,
    },
    Receive {
        queue: QueueId,
        request: ReceiveRequest,
    },
    Delete {
        queue: QueueId,
        receipts: Vec<Receipt>,
    },
    Change {
        queue: QueueId,
        changes: Vec<(Receipt, u64)>,
    },
    Purge {
        queue: QueueId,
    },
    Counts {
        queue: QueueId,
    },
    /// Everything in the queue, in parts: the first of at most so many messages, each further one of twice as many.
    Peek {
        queue: QueueId,
        max: usize,
    },
    Move {
        queue: QueueId,
        request: MoveRequest,
    },
    Append {
        log: LogId,
        bodies: Vec<Bytes>,
    },
    Read {
        log: LogId,
        read: LogRead,
    },
    Locate {
        log: LogId,
        spot: LogSpot,
    },
    LogState {
        log: LogId,
    },
    Trim {
        log: LogId,
        before: u64,
    },
    Write {
        scope: Scope,
        rows: Vec<RowWrite>,
    },
}

/// What it is told.
#[derive(Debug)]
pub(crate) enum Answer {
    Sent(Result<Vec<Result<Sent, EngineError>>, EngineError>),
    Published(Result<Vec<Result<Published, EngineError>>, EngineError>),
    Received(Result<Vec<Delivered>, EngineError>),
    Receipts(Result<Vec<Result<(), ReceiptError>>, EngineError>),
    Purged(Result<(), EngineError>),
    Counted(Result<QueueCounts, EngineError>),
    Peeked(Result<Vec<Peeked>, EngineError>),
    Moved(Result<MoveReport, EngineError>),
    Appended(Result<Vec<Appended>, EngineError>),
    Read(Result<LogBatch, EngineError>),
    Located(Result<LogPoint, EngineError>),
    Stood(Result<LogState, EngineError>),
    Trimmed(Result<(), EngineError>),
    Written(Result<u64, EngineError>),
}

/// A command under way.
pub(crate) struct Operation {
    pub(crate) number: u64,
    pub(crate) request: Request,
    /// The worker that plans it first.
    pub(crate) worker: usize,
    /// Step and time at which it was asked.
    pub(crate) start: u64,
    pub(crate) start_ms: u64,
    /// Engine time at which its worker first ran after that.
    pub(crate) from_ms: Option<u64>,
    future: Pin<Box<dyn Future<Output = Answer>>>,
}

impl Request {
    /// The queue it is about, unless it is about names.
    pub(crate) fn queue(&self) -> Option<QueueId> {
        match self {
            Request::Send { queue, .. }
            | Request::Receive { queue, .. }
            | Request::Delete { queue, .. }
            | Request::Change { queue, .. }
            | Request::Purge { queue }
            | Request::Counts { queue }
            | Request::Move { queue, .. }
            | Request::Peek { queue, .. } => Some(*queue),
            _ => None,
        }
    }

    /// The log it is about, if it is about one.
    pub(crate) fn log(&self) -> Option<LogId> {
        match self {
            Request::Append { log, .. }
            | Request::Read { log, .. }
            | Request::Locate { log, .. }
            | Request::LogState { log }
            | Request::Trim { log, .. } => Some(*log),
            _ => None,
        }
    }

    fn worker(&self) -> usize {
        let shard = match self {
            Request::Write { scope, .. } => scope.shard(),
            Request::Publish { topic, .. } => topic.shard(),
            request => match request.log() {
                Some(log) => log.shard(),
                None => request.queue().map_or(0, QueueId::shard),
            },
        };
        usize::from(shard) % WORKERS
    }

    fn ask(&self, engine: Engine) -> Pin<Box<dyn Future<Output = Answer>>> {
        let request = self.clone();
        Box::pin(async move {
            match request {
                Request::Send { queue, drafts } => {
                    let messages = drafts.into_iter().map(outgoing).collect();
                    Answer::Sent(engine.queue(queue).send(messages).await)
                }
                Request::Publish {
                    topic,
                    publications,
                } => Answer::Published(engine.publish(topic, publications).await),
                Request::Receive { queue, request } => {
                    Answer::Received(engine.queue(queue).receive(request).await)
                }
                Request::Delete { queue, receipts } => {
                    Answer::Receipts(engine.queue(queue).delete(receipts).await)
                }
                Request::Change { queue, changes } => {
                    Answer::Receipts(engine.queue(queue).change_visibility(changes).await)
                }
                Request::Purge { queue } => Answer::Purged(engine.queue(queue).purge().await),
                Request::Counts { queue } => Answer::Counted(engine.queue(queue).counts().await),
                Request::Peek { queue, max } => Answer::Peeked(peek(&engine, queue, max).await),
                Request::Move { queue, request } => {
                    Answer::Moved(engine.queue(queue).move_messages(request).await)
                }
                Request::Append { log, bodies } => {
                    Answer::Appended(engine.log(log).append(bodies).await)
                }
                Request::Read { log, read } => Answer::Read(engine.log(log).read(read).await),
                Request::Locate { log, spot } => {
                    Answer::Located(engine.log(log).locate(spot).await)
                }
                Request::LogState { log } => Answer::Stood(engine.log(log).state().await),
                Request::Trim { log, before } => {
                    Answer::Trimmed(engine.log(log).trim(before).await)
                }
                Request::Write { scope, rows } => {
                    let changes = rows.into_iter().map(change).collect();
                    Answer::Written(engine.write_catalog(&scope, changes).await)
                }
            }
        })
    }
}

/// Looks at the queue part by part until its end.
async fn peek(engine: &Engine, queue: QueueId, max: usize) -> Result<Vec<Peeked>, EngineError> {
    let mut all = Vec::new();
    let mut from = Some(0);
    for part in 0.. {
        let Some(start) = from else {
            break;
        };
        let request = PeekRequest {
            from: start,
            max: max << part,
            bytes_max: 50_000 << part,
            states: States::ALL,
        };
        let page = engine.queue(queue).peek(request).await?;
        all.extend(page.messages);
        from = page.next;
    }
    Ok(all)
}

fn outgoing(draft: Draft) -> Outgoing {
    Outgoing {
        size_bytes: draft.body.len() as u32,
        body: draft.body,
        delay_ms: draft.delay_ms,
        group: draft.group,
        dedup: draft.dedup,
    }
}

fn change(row: RowWrite) -> CatalogChange {
    CatalogChange {
        path: row.path,
        expect: row.expect,
        value: row.value,
        effects: match row.subject {
            Subject::Queue(queue, Some(config)) => vec![CatalogEffect::Configure(queue, config)],
            Subject::Queue(queue, None) => vec![CatalogEffect::Remove(queue)],
            Subject::Logs(changes) => changes,
        },
    }
}

impl Operation {
    /// Asks; the command is in its shard's inbox afterwards.
    pub(crate) fn begin(
        number: u64,
        request: Request,
        engine: Engine,
        start: u64,
        start_ms: u64,
    ) -> Operation {
        Operation {
            number,
            worker: request.worker(),
            future: request.ask(engine),
            request,
            start,
            start_ms,
            from_ms: None,
        }
    }

    /// The answer, if it is there.
    pub(crate) fn poll(&mut self) -> Option<Answer> {
        let mut context = Context::from_waker(Waker::noop());
        match self.future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }
}
