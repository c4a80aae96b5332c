//! Cells that keep connections busy: sending, draining a filled queue, or the whole pipeline.

use std::time::Duration;

use crate::limits::{BATCH_MAX, COUNTED_CELL_MAX};
use crate::measure::{self, Measurement};
use crate::options::{Options, Scale};
use crate::report::{self, Row};
use crate::sqs::client::QueueKind;
use crate::sqs::consumer::{Consumer, ReceivePlan};
use crate::sqs::sender::{SendPlan, Sender};
use crate::sqs::session::Session;
use crate::sqs::workloads::{Drains, Pipelines, Sends};
use crate::targets::Target;
use crate::workload::{Budget, Workload};

/// At full scale enough for several checkpoints.
const SETTLING_LENGTHS: u32 = 4;

/// What the connections do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Send.
    Send,
    /// Receive and delete what was sent before.
    Drain,
    /// Send, receive, delete.
    Pipeline,
}

/// A load cell.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    shape: Shape,
    connections: usize,
    body_bytes: usize,
    /// Messages per request.
    batch: usize,
    /// Queues the connections are spread over.
    queues: usize,
    /// FIFO queues with that many message groups.
    groups: Option<u64>,
    /// Multiple of the usual measured time, at full scale.
    lengths: u32,
    /// Whether batches go first, so that segments and checkpoints have settled when the cell counts.
    settled: bool,
}

impl Load {
    /// 1 KB messages, one per request, 64 connections, one standard queue.
    pub(crate) const fn of(shape: Shape) -> Self {
        Self {
            shape,
            connections: 64,
            body_bytes: 1024,
            batch: 1,
            queues: 1,
            groups: None,
            lengths: 1,
            settled: false,
        }
    }

    /// After four lengths of batches, which are not counted.
    pub(crate) const fn settled(self) -> Self {
        Self {
            settled: true,
            ..self
        }
    }

    /// Over that many connections.
    pub(crate) const fn connections(self, connections: usize) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// Messages of that size.
    pub(crate) const fn body_bytes(self, body_bytes: usize) -> Self {
        Self { body_bytes, ..self }
    }

    /// That many messages per request.
    pub(crate) const fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Spread over that many queues.
    pub(crate) const fn queues(self, queues: usize) -> Self {
        Self { queues, ..self }
    }

    /// FIFO, with that many message groups.
    pub(crate) const fn groups(self, groups: u64) -> Self {
        Self {
            groups: Some(groups),
            ..self
        }
    }

    /// For that many times the usual time, at full scale.
    pub(crate) const fn lengths(self, lengths: u32) -> Self {
        Self { lengths, ..self }
    }

    /// Whether the bare listener can stand in for the server: only sends need nothing from the answers.
    pub(crate) fn runs_bare(&self) -> bool {
        self.shape == Shape::Send && self.groups.is_none()
    }

    /// Runs the cell on a fresh session of `target`.
    pub(crate) fn run(
        &self,
        cell: &str,
        target: &Target,
        options: &Options,
    ) -> Result<Vec<Row>, String> {
        let mut session = Session::open(target)?;
        let kind = if self.groups.is_some() {
            QueueKind::Fifo
        } else {
            QueueKind::Standard
        };
        let queue_urls = session.queues(self.queues, kind)?;
        let found = match self.shape {
            Shape::Drain => {
                let stock = fill(
                    &session,
                    options,
                    &queue_urls,
                    self.body_bytes,
                    Stock::For(options.measured * 2),
                )?;
                let consumer = self.receive_plan(&queue_urls, 0);
                drain(
                    &session,
                    options,
                    self.connections,
                    &consumer,
                    stock,
                    options.measured * 2,
                )?
            }
            Shape::Send | Shape::Pipeline => {
                if self.settled {
                    let before = self.batch(BATCH_MAX).lengths(SETTLING_LENGTHS);
                    before.steady(&session, options, &queue_urls)?;
                }
                self.steady(&session, options, &queue_urls)?
            }
        };
        Ok(report::rows(
            cell,
            target.name(),
            self.connections,
            self.body_bytes,
            &found,
        ))
    }

    /// Runs it for the usual time against queues that are there.
    pub(crate) fn steady(
        &self,
        session: &Session,
        options: &Options,
        queue_urls: &[String],
    ) -> Result<Measurement, String> {
        let lengths = if options.scale == Scale::Small {
            1
        } else {
            self.lengths
        };
        let load = measure::Load::usual(
            &session.at,
            options,
            self.connections,
            options.measured * lengths,
        );
        load.run(&|thread, connections| {
            let plan = SendPlan {
                queue_urls: queue_urls.to_vec(),
                body_bytes: self.body_bytes,
                batch: self.batch,
                groups: self.groups,
                answers: session.at.answers,
            };
            let sender = Sender::new(plan, session.signer.clone(), random(thread));
            if self.shape == Shape::Send {
                return Box::new(Sends {
                    sender,
                    budget: Budget::unlimited(),
                });
            }
            let consumer = Consumer::new(
                self.receive_plan(queue_urls, 1),
                session.signer.clone(),
                connections,
            );
            Box::new(Pipelines::new(sender, consumer, connections))
        })
    }

    /// A filled queue needs no long poll: at its end one would only delay the cell's.
    fn receive_plan(&self, queue_urls: &[String], wait_s: u64) -> ReceivePlan {
        ReceivePlan {
            queue_urls: queue_urls.to_vec(),
            batch: self.batch,
            wait_s,
            body_bytes: self.body_bytes,
        }
    }
}

/// How much is put into a queue before it is drained.
#[derive(Clone, Copy)]
pub(crate) enum Stock {
    /// Exactly this many messages.
    Messages(u64),
    /// What can be sent in this time: slow servers get a smaller stock, and the cell still ends.
    For(Duration),
}

/// Sends batches; answers how many messages were acknowledged.
pub(crate) fn fill(
    session: &Session,
    options: &Options,
    queue_urls: &[String],
    body_bytes: usize,
    stock: Stock,
) -> Result<u64, String> {
    let (budget, longest) = match stock {
        Stock::Messages(messages) => (Budget::of(messages), COUNTED_CELL_MAX),
        Stock::For(time) => (Budget::unlimited(), time),
    };
    let load = measure::Load {
        warm_up: Duration::ZERO,
        ..measure::Load::usual(&session.at, options, 32, longest)
    };
    let plan = SendPlan {
        queue_urls: queue_urls.to_vec(),
        body_bytes,
        batch: BATCH_MAX,
        groups: None,
        answers: session.at.answers,
    };
    let found = load.run(&|thread, _| {
        let sender = Sender::new(plan.clone(), session.signer.clone(), random(thread));
        Box::new(Sends {
            sender,
            budget: budget.clone(),
        }) as Box<dyn Workload>
    })?;
    match stock {
        Stock::Messages(messages) if found.messages() != messages => {
            Err(format!("{} of {messages} messages sent", found.messages()))
        }
        _ => Ok(found.messages()),
    }
}

/// Receives and deletes `messages`, or as many as `longest` allows.
pub(crate) fn drain(
    session: &Session,
    options: &Options,
    connections: usize,
    plan: &ReceivePlan,
    messages: u64,
    longest: Duration,
) -> Result<Measurement, String> {
    let budget = Budget::of(messages);
    let load = measure::Load {
        warm_up: Duration::ZERO,
        ..measure::Load::usual(&session.at, options, connections, longest)
    };
    load.run(&|_, connections| {
        let consumer = Consumer::new(plan.clone(), session.signer.clone(), connections);
        Box::new(Drains {
            consumer,
            budget: budget.clone(),
        })
    })
}

fn random(thread: usize) -> fastrand::Rng {
    fastrand::Rng::with_seed(fastrand::u64(..).wrapping_add(thread as u64))
}
