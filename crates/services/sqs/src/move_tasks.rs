//! Message move tasks: dead letters go back to where they came from, or to another queue (section 21).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use waystation_delivery::arn::Arn;
use waystation_delivery::uuid;
use waystation_engine::{Engine, EngineError, Scope, promise};
use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, Located};
use crate::api::{
    self, CancelMessageMoveTaskRequest, CancelMessageMoveTaskResult, ListMessageMoveTasksRequest,
    ListMessageMoveTasksResult, ListMessageMoveTasksResultEntry, StartMessageMoveTaskRequest,
    StartMessageMoveTaskResult,
};
use crate::errors::{from_engine, invalid_parameter, invalid_value};
use crate::move_runner::Runner;
use crate::move_task_rows::{self, Destination, Source, Status, Task, Tasks};
use crate::{Sqs, dead_letter, limits};

/// `StartMessageMoveTask` (SQS-343..357).
pub(crate) async fn start(
    sqs: &Sqs,
    caller: &Caller,
    input: StartMessageMoveTaskRequest,
) -> Result<StartMessageMoveTaskResult, ApiError> {
    let located = locate(sqs, caller, &input.source_arn, "SourceArn")?;
    let rate = input
        .max_number_of_messages_per_second
        .map(rate)
        .transpose()?;
    if !dead_letter::is_target(sqs, &located)? {
        return Err(invalid_parameter(
            "Source queue must be configured as a Dead Letter Queue.",
        ));
    }
    let destination = input.destination_arn.as_deref();
    let destination = destination
        .map(|arn| destination_of(sqs, caller, &located, arn))
        .transpose()?;
    let task = Task {
        number: sqs.engine.new_queue_id().0,
        status: Status::Running,
        started_ms: sqs.now_ms(),
        ended_ms: 0,
        destination,
        rate,
        moved: 0,
        to_move: 0,
        failure: None,
    };
    let handle = handle(sqs, task.number, &located.arn());
    // A caller who goes away must not leave a task behind that nobody runs.
    let (told, reply) = promise();
    let runner = Runner::new(sqs, source_of(&located), task.number);
    (sqs.spawn)(Box::pin(async move {
        match write_and_begin(&runner, task).await {
            Ok(()) => {
                told.fill(Ok(()));
                runner.run().await;
            }
            Err(error) => told.fill(Err(error)),
        }
    }));
    let started = reply.await;
    started.unwrap_or_else(|| Err(from_engine(EngineError::Stopping)))?;
    Ok(StartMessageMoveTaskResult {
        task_handle: Some(Str::from(handle)),
    })
}

async fn write_and_begin(runner: &Runner, task: Task) -> Result<(), ApiError> {
    let (engine, source) = (&runner.engine, &runner.source);
    let change = |tasks: &mut Tasks| {
        if tasks.active().is_some() {
            // SQS-351
            return Err(invalid_parameter(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given \
                 time.",
            ));
        }
        if move_task_rows::active(engine, &source.scope)?.len() >= limits::MOVE_TASKS_ACTIVE_MAX {
            // SQS-352
            return Err(api::OVER_LIMIT.with("Too many message move tasks are active."));
        }
        tasks.add(task.clone());
        Ok(())
    };
    source.update(engine, &runner.contention, change).await?;
    match runner.begin().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let _stopping = runner.source.forget(&runner.engine).await;
            Err(from_engine(error))
        }
    }
}

/// SQS-350
fn rate(rate: i32) -> Result<u32, ApiError> {
    let valid = u32::try_from(rate).ok();
    let valid = valid.filter(|rate| (1..=limits::MOVE_RATE_MAX).contains(rate));
    valid.ok_or_else(|| {
        invalid_value(
            rate,
            "MaxNumberOfMessagesPerSecond",
            "Must be an integer between 1 and 500.",
        )
    })
}

/// SQS-346, SQS-349
fn destination_of(
    sqs: &Sqs,
    caller: &Caller,
    source: &Located<'_>,
    arn: &str,
) -> Result<Destination, ApiError> {
    let located = locate(sqs, caller, arn, "DestinationArn")?;
    let refused = |reason| Err(invalid_value(arn, "DestinationArn", reason));
    if located.is_fifo() != source.is_fifo() {
        return refused("The destination must be the same type of queue as the source.");
    }
    if located.id() == source.id() {
        return refused("The destination must be another queue than the source.");
    }
    Ok(Destination {
        queue: located.id(),
        arn: arn.to_owned(),
    })
}

/// The queue that an ARN of a request names. These operations cannot be granted to other accounts (SQS-418).
fn locate<'a>(
    sqs: &Sqs,
    caller: &Caller,
    arn: &'a str,
    parameter: &str,
) -> Result<Located<'a>, ApiError> {
    let Some(parsed) = Arn::parse(arn).filter(|parsed| parsed.service == "sqs") else {
        return Err(invalid_value(
            arn,
            parameter,
            "It must be the ARN of an Amazon SQS queue.",
        ));
    };
    if caller.access_key.is_some() && &*caller.account != parsed.account {
        return Err(api::ACCESS_DENIED_EXCEPTION.with(format!(
            "User: arn:aws:iam::{}:root is not authorized to perform this action on resource: {arn}",
            caller.account
        )));
    }
    // SQS-345, SQS-346: a queue of another region is none either.
    let missing = || {
        api::RESOURCE_NOT_FOUND_EXCEPTION.with(format!(
            "The resource that you specified for the {parameter} parameter doesn't exist."
        ))
    };
    if parsed.region != &*caller.region {
        return Err(missing());
    }
    let located = addressing::locate_name(sqs, parsed.account, parsed.region, parsed.resource);
    located.map_err(|error| match error.kind.query_code {
        code if code == api::QUEUE_DOES_NOT_EXIST.query_code => missing(),
        _ => error,
    })
}

fn source_of(located: &Located<'_>) -> Source {
    Source {
        scope: located.scope.clone(),
        name: located.name.to_owned(),
        queue: located.id(),
    }
}

/// `ListMessageMoveTasks` (SQS-359..364, SQS-373).
pub(crate) async fn list(
    sqs: &Sqs,
    caller: &Caller,
    input: ListMessageMoveTasksRequest,
) -> Result<ListMessageMoveTasksResult, ApiError> {
    let located = locate(sqs, caller, &input.source_arn, "SourceArn")?;
    let most = match input.max_results {
        None => 1,
        Some(count) => match usize::try_from(count) {
            Ok(count @ 1..=limits::MOVE_TASKS_LISTED_MAX) => count,
            _ => {
                return Err(invalid_value(
                    count,
                    "MaxResults",
                    "MaxResults must be an integer between 1 and 10.",
                ));
            }
        },
    };
    let now_ms = sqs.now_ms();
    let tasks = source_of(&located).tasks(&sqs.engine)?.tasks;
    let kept = tasks.into_iter().filter(|task| {
        task.status.is_active() || task.ended_ms + limits::MOVE_TASK_LISTED_MS > now_ms
    });
    let mut results = Vec::new();
    for task in kept.take(most) {
        results.push(entry(sqs, &located, task).await?);
    }
    Ok(ListMessageMoveTasksResult {
        results: Some(results),
    })
}

async fn entry(
    sqs: &Sqs,
    source: &Located<'_>,
    task: Task,
) -> Result<ListMessageMoveTasksResultEntry, ApiError> {
    let arn = source.arn();
    let (moved, to_move) = match task.status.is_active() {
        true => progress(&sqs.engine, source, task.number).await?,
        false => (task.moved, Some(task.to_move)),
    };
    let running = task.status == Status::Running;
    Ok(ListMessageMoveTasksResultEntry {
        // SQS-361
        task_handle: running.then(|| Str::from(handle(sqs, task.number, &arn))),
        status: Some(Str::from_static(task.status.word())),
        source_arn: Some(Str::from(arn)),
        destination_arn: task
            .destination
            .map(|destination| Str::from(destination.arn)),
        max_number_of_messages_per_second: task.rate.and_then(|rate| i32::try_from(rate).ok()),
        approximate_number_of_messages_moved: Some(number(moved)),
        approximate_number_of_messages_to_move: to_move.map(number),
        failure_reason: task.failure.map(Str::from),
        started_timestamp: Some(number(task.started_ms)),
    })
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What an active task moved so far, and how much it found at its start, once it has counted.
async fn progress(
    engine: &Engine,
    source: &Located<'_>,
    task: u64,
) -> Result<(u64, Option<u64>), ApiError> {
    let counts = engine
        .queue(source.id())
        .counts()
        .await
        .map_err(from_engine)?;
    let progress = counts.moving.filter(|progress| progress.task == task);
    Ok(progress.map_or((0, None), |progress| {
        (progress.moved, Some(progress.to_move))
    }))
}

/// `CancelMessageMoveTask` (SQS-366..371).
pub(crate) async fn cancel(
    sqs: &Sqs,
    caller: &Caller,
    input: CancelMessageMoveTaskRequest,
) -> Result<CancelMessageMoveTaskResult, ApiError> {
    let (task_id, arn) = read_handle(&input.task_handle)
        .ok_or_else(|| invalid_parameter("Value for parameter TaskHandle is invalid."))?;
    let located = locate(sqs, caller, &arn, "SourceArn")?;
    let source = source_of(&located);
    let change = |tasks: &mut Tasks| {
        let mut tasks = tasks.tasks.iter_mut();
        let task = tasks.find(|task| self::task_id(sqs, task.number) == task_id);
        match task {
            Some(task) if task.status == Status::Running => {
                task.status = Status::Cancelling;
                Ok(task.number)
            }
            // SQS-366
            Some(_) => Err(invalid_parameter(
                "A message move task can be cancelled only while it is RUNNING.",
            )),
            // SQS-370
            None => Err(api::RESOURCE_NOT_FOUND_EXCEPTION.with("Task does not exist.")),
        }
    };
    let updated = source.update(&sqs.engine, &sqs.contention, change);
    let number = updated.await?;
    let (moved, _) = progress(&sqs.engine, &located, number).await?;
    Ok(CancelMessageMoveTaskResult {
        approximate_number_of_messages_moved: Some(self::number(moved)),
    })
}

fn task_id(sqs: &Sqs, number: u64) -> String {
    uuid::text(sqs.task_key.hash_128(&[&number.to_be_bytes()]))
}

/// SQS-371
fn handle(sqs: &Sqs, number: u64, source_arn: &str) -> String {
    let handle = json!({ "taskId": task_id(sqs, number), "sourceArn": source_arn });
    STANDARD.encode(handle.to_string())
}

/// Task id and source ARN of a handle (SQS-368).
fn read_handle(handle: &str) -> Option<(String, String)> {
    if handle.len() > limits::TASK_HANDLE_LENGTH_MAX {
        return None;
    }
    let decoded = STANDARD.decode(handle).ok()?;
    let handle: Value = serde_json::from_slice(&decoded).ok()?;
    let text = |member: &str| handle.get(member)?.as_str().map(str::to_owned);
    let (task_id, arn) = (text("taskId")?, text("sourceArn")?);
    let is_queue = Arn::parse(&arn).is_some_and(|arn| arn.service == "sqs");
    (uuid::is_uuid(&task_id) && is_queue).then_some((task_id, arn))
}

impl Sqs {
    /// Goes on with the move tasks that an earlier process did not finish.
    pub fn resume_move_tasks(&self) -> Result<(), ApiError> {
        let scopes: Vec<Scope> = self.engine.catalog().scopes();
        for scope in scopes {
            for (source, number) in move_task_rows::active(&self.engine, &scope)? {
                let runner = Runner::new(self, source, number);
                (self.spawn)(Box::pin(runner.run()));
            }
        }
        Ok(())
    }
}
