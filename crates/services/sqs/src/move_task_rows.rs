//! Move tasks as the catalog keeps them: one row per dead-letter queue with its latest tasks, newest first.
//!
//! How far a running task is, the engine knows; the row tells it once the task has ended. As all tasks of a queue stand
//! in one row, starting one and finding that another runs is one conditional write (SQS-351).

use bytes::Bytes;
use waystation_delivery::contention::Contention;
use waystation_engine::{CatalogChange, Engine, EngineError, Expect, QueueId, Row, Scope};
use waystation_wire::ApiError;

use crate::stored::{Input, Malformed, Output};
use crate::{catalog, errors, limits};

/// What a task is doing (SQS-358).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Completed,
    Cancelling,
    Cancelled,
    Failed,
}

impl Status {
    const ALL: [Status; 5] = [
        Status::Running,
        Status::Completed,
        Status::Cancelling,
        Status::Cancelled,
        Status::Failed,
    ];

    /// The word of the API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Completed => "COMPLETED",
            Status::Cancelling => "CANCELLING",
            Status::Cancelled => "CANCELLED",
            Status::Failed => "FAILED",
        }
    }

    /// Whether its messages still move.
    pub(crate) fn is_active(self) -> bool {
        matches!(self, Status::Running | Status::Cancelling)
    }
}

/// Where a task takes all messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) queue: QueueId,
    pub(crate) arn: String,
}

/// One move task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    /// Unlike that of any other task of this data directory.
    pub(crate) number: u64,
    pub(crate) status: Status,
    pub(crate) started_ms: u64,
    /// 0 while it is active.
    pub(crate) ended_ms: u64,
    /// `None` sends every message back where it came from (SQS-348).
    pub(crate) destination: Option<Destination>,
    /// Messages per second, if it was given.
    pub(crate) rate: Option<u32>,
    /// Counted at the end; the engine knows it before.
    pub(crate) moved: u64,
    /// Counted at the start; told here at the end.
    pub(crate) to_move: u64,
    /// Why it failed.
    pub(crate) failure: Option<String>,
}

/// The latest tasks of one queue, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tasks {
    /// The queue they take messages from.
    pub(crate) queue: QueueId,
    pub(crate) tasks: Vec<Task>,
}

/// Version 1: version u8 = 1, queue u64, count u32, then every task: number u64, status u8, started u64, ended u64,
/// destination (option: id u64, ARN), rate (option: u32), moved u64, to move u64, failure (option: text).
const VERSION: u8 = 1;

impl Tasks {
    fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u64(self.queue.0);
        out.u32(self.tasks.len() as u32);
        for task in &self.tasks {
            out.u64(task.number);
            out.u8(task.status as u8);
            out.u64(task.started_ms);
            out.u64(task.ended_ms);
            out.option(&task.destination, |out, destination| {
                out.u64(destination.queue.0);
                out.text(&destination.arn);
            });
            out.option(&task.rate, |out, rate| out.u32(*rate));
            out.u64(task.moved);
            out.u64(task.to_move);
            out.option(&task.failure, |out, failure| out.text(failure));
        }
        out.finish()
    }

    fn decode(stored: &[u8]) -> Result<Tasks, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let tasks = Tasks {
            queue: QueueId(input.u64()?),
            tasks: input.list(decode_task)?,
        };
        input.end()?;
        Ok(tasks)
    }

    /// What the row of a queue says; nothing when it is of an earlier queue of this name.
    pub(crate) fn read(row: Option<&Row>, queue: QueueId) -> Result<Tasks, ApiError> {
        let none = Tasks {
            queue,
            tasks: Vec::new(),
        };
        let Some(row) = row else {
            return Ok(none);
        };
        let tasks = Tasks::decode(row.bytes()).map_err(errors::internal)?;
        Ok(if tasks.queue == queue { tasks } else { none })
    }

    /// The task that moves messages now, if there is one (SQS-351).
    pub(crate) fn active(&self) -> Option<&Task> {
        self.tasks.iter().find(|task| task.status.is_active())
    }

    /// Puts a new task before all others and forgets the oldest.
    pub(crate) fn add(&mut self, task: Task) {
        self.tasks.insert(0, task);
        self.tasks.truncate(limits::MOVE_TASKS_LISTED_MAX);
    }
}

fn decode_task(input: &mut Input<'_>) -> Result<Task, Malformed> {
    Ok(Task {
        number: input.u64()?,
        status: {
            let status = usize::from(input.u8()?);
            *Status::ALL.get(status).ok_or(Malformed)?
        },
        started_ms: input.u64()?,
        ended_ms: input.u64()?,
        destination: input.option(|input| {
            Ok(Destination {
                queue: QueueId(input.u64()?),
                arn: input.text()?,
            })
        })?,
        rate: input.option(Input::u32)?,
        moved: input.u64()?,
        to_move: input.u64()?,
        failure: input.option(Input::text)?,
    })
}

/// The queue whose tasks a row keeps.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) scope: Scope,
    pub(crate) name: String,
    pub(crate) queue: QueueId,
}

impl Source {
    /// Its tasks as they are now.
    pub(crate) fn tasks(&self, engine: &Engine) -> Result<Tasks, ApiError> {
        let row = engine.catalog().get(&self.scope, &self.path());
        Tasks::read(row.as_deref(), self.queue)
    }

    fn path(&self) -> Vec<u8> {
        catalog::moves_path(&self.name)
    }

    /// Changes the tasks. `change` is called again whenever another request was faster; it answers what the caller
    /// gets, and an error of it writes nothing.
    pub(crate) async fn update<T>(
        &self,
        engine: &Engine,
        contention: &Contention,
        mut change: impl FnMut(&mut Tasks) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut attempts = contention.attempts(engine);
        while attempts.another() {
            let row = engine.catalog().get(&self.scope, &self.path());
            let mut tasks = Tasks::read(row.as_deref(), self.queue)?;
            let answer = change(&mut tasks)?;
            let expect = row.map_or(Expect::Absent, |row| Expect::Version(row.version()));
            let change = self.row(expect, Some(tasks.encode()));
            if catalog::try_write(&mut attempts, &self.scope, vec![change]).await? {
                return Ok(answer);
            }
        }
        Err(errors::changing_too_fast())
    }

    /// Forgets the tasks: the queue is gone.
    pub(crate) async fn forget(&self, engine: &Engine) -> Result<(), EngineError> {
        let row = engine.catalog().get(&self.scope, &self.path());
        let Some(row) = row else {
            return Ok(());
        };
        // A queue created anew under the name has tasks of its own.
        match Tasks::read(Some(&row), self.queue) {
            Ok(tasks) if !tasks.tasks.is_empty() => {
                let change = self.row(Expect::Version(row.version()), None);
                let written = engine.write_catalog(&self.scope, vec![change]);
                written.await.map(drop)
            }
            _ => Ok(()),
        }
    }

    fn row(&self, expect: Expect, value: Option<Bytes>) -> CatalogChange {
        CatalogChange {
            path: self.path(),
            expect,
            value,
            effects: Vec::new(),
        }
    }
}

/// Every queue of the scope that has an active task, with that task's number.
pub(crate) fn active(engine: &Engine, scope: &Scope) -> Result<Vec<(Source, u64)>, ApiError> {
    let mut found = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let catalog = engine.catalog();
        let rows = catalog.range(
            scope,
            catalog::MOVES,
            after.as_deref(),
            limits::LIST_PAGE_MAX,
        );
        for (path, row) in &rows {
            let tasks = Tasks::decode(row.bytes()).map_err(errors::internal)?;
            let name = path.get(catalog::MOVES.len()..).unwrap_or_default();
            if let Some(task) = tasks.active() {
                let source = Source {
                    scope: scope.clone(),
                    name: String::from_utf8_lossy(name).into_owned(),
                    queue: tasks.queue,
                };
                found.push((source, task.number));
            }
        }
        match rows.last() {
            Some((path, _)) => after = Some(path.clone()),
            None => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Tasks {
        let task = Task {
            number: 7,
            status: Status::Failed,
            started_ms: 1,
            ended_ms: 2,
            destination: Some(Destination {
                queue: QueueId(3),
                arn: "arn".to_owned(),
            }),
            rate: Some(500),
            moved: 4,
            to_move: 5,
            failure: Some("why".to_owned()),
        };
        let plain = Task {
            status: Status::Running,
            destination: None,
            rate: None,
            failure: None,
            ..task.clone()
        };
        Tasks {
            queue: QueueId(9),
            tasks: vec![plain, task],
        }
    }

    #[test]
    fn rows_stay_readable() {
        let stored = tasks().encode();
        assert_eq!(Tasks::decode(&stored), Ok(tasks()));
        let digest = crate::md5::hex(&crate::md5::of_body(&stored));
        assert_eq!(digest, "f05ed4e8ec4e260edcdf05dd885dc7de");
        for length in 0..stored.len() {
            assert_eq!(Tasks::decode(&stored[..length]), Err(Malformed));
        }
        for (number, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, number);
        }
    }

    #[test]
    fn the_oldest_task_is_forgotten() {
        let mut all = tasks();
        for number in 100..120 {
            let task = Task {
                number,
                ..all.tasks[0].clone()
            };
            all.add(task);
        }
        let numbers: Vec<u64> = all.tasks.iter().map(|task| task.number).collect();
        assert_eq!(numbers, (110..120).rev().collect::<Vec<_>>());
    }
}
