//! `Service`: what the front door needs of a service, and `operations!`, with which a service writes its table.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::events::{Event, EventStream, Events};
use crate::model::{Model, OperationModel};
use crate::request::Request;
use crate::{Str, Structure, errors};
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A future behind a pointer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// An operation's decoded input: its generated structure.
pub type Input = Box<dyn Structure>;
/// An operation's output: its generated structure, or `()`.
pub type Output = Box<dyn Structure>;
/// What calling an operation gives.
pub type Reply = BoxFuture<'static, Result<Answer, ApiError>>;

/// What a handler answers with.
#[derive(Debug)]
pub enum Answer {
    /// One output.
    Output(Output),
    /// Events, one after another.
    Events(Events),
}

/// What the rows of a table may answer with: a generated structure, `()`, or an [`EventStream`].
pub trait IntoAnswer {
    /// The answer.
    fn into_answer(self) -> Answer;
}

impl<T: Structure> IntoAnswer for T {
    fn into_answer(self) -> Answer {
        Answer::Output(Box::new(self))
    }
}

impl<E: Event> IntoAnswer for EventStream<E> {
    fn into_answer(self) -> Answer {
        Answer::Events(self.into())
    }
}

/// One AWS API. Implemented through [`operations!`](crate::operations).
pub trait Service: Send + Sync + 'static {
    /// The API as AWS describes it.
    fn model(&self) -> &'static Model;

    /// Names of the operations that are implemented, in the order of the table.
    fn operations(&self) -> &'static [&'static str];

    /// Row of an operation; `None` when it is not implemented, which answers 501.
    fn operation(&self, name: &str) -> Option<usize> {
        self.operations().iter().position(|row| *row == name)
    }

    /// Calls the operation of a row. `input` has the type that the model's `new_input` made.
    fn call(self: Arc<Self>, operation: usize, caller: Arc<Caller>, input: Input) -> Reply;

    /// Parameters that the path of a query request stands for (SQS-034, SQS-046). They are taken where the request itself
    /// does not give the parameter. An error refuses the operation on that path (SQS-045).
    fn path_parameters(
        &self,
        operation: &'static OperationModel,
        request: &Request,
    ) -> Result<Vec<(&'static str, Str)>, ApiError> {
        let _ = (operation, request);
        Ok(Vec::new())
    }
}

/// The generated structure inside an [`Input`]; a mismatch of table and model is a bug and answers 500.
pub fn downcast<T: Structure>(input: Input) -> Result<T, ApiError> {
    let any: Box<dyn Any> = input;
    match any.downcast::<T>() {
        Ok(input) => Ok(*input),
        Err(_) => {
            Err(errors::INTERNAL_FAILURE.with("The input does not have the operation's type."))
        }
    }
}

/// Writes a service's table of operations and its [`Service`] implementation.
///
/// ```text
/// waystation_wire::operations! {
///     Sqs, api::MODEL, path_parameters = queues::path_parameters;
///     "SendMessage" => messages::send(api::SendMessageRequest) -> api::SendMessageResult,
///     "DeleteMessage" => messages::delete(api::DeleteMessageRequest) -> (),
/// }
/// ```
///
/// A handler is `pub async fn send(sqs: &Sqs, caller: &Caller, input: SendMessageRequest) -> Result<SendMessageResult,
/// ApiError>`. `path_parameters` may be left out; it is a `fn(&Sqs, &'static OperationModel, &Request) ->
/// Result<Vec<(&'static str, Str)>, ApiError>`. So may `before = rates::count`, which sees every call before its handler and may
/// refuse it: a `fn(&Sqs, &Caller, &'static str) -> Result<(), ApiError>` with the operation's name. A row that answers with a stream of events ends in
/// `-> EventStream<api::SubscribeToShardEventStream>` (`events.rs`).
#[macro_export]
macro_rules! operations {
    (
        $service:ty, $model:path $(, path_parameters = $path_parameters:path)? $(, before = $before:path)?;
        $($name:literal => $($handler:ident)::+ ($input:ty) -> $output:ty),+ $(,)?
    ) => {
        impl $crate::Service for $service {
            fn model(&self) -> &'static $crate::Model {
                &$model
            }

            fn operations(&self) -> &'static [&'static str] {
                &[$($name),+]
            }

            fn call(
                self: std::sync::Arc<Self>,
                operation: usize,
                caller: std::sync::Arc<$crate::Caller>,
                input: $crate::service::Input,
            ) -> $crate::service::Reply {
                type Row = fn(
                    std::sync::Arc<$service>,
                    std::sync::Arc<$crate::Caller>,
                    $crate::service::Input,
                ) -> $crate::service::Reply;
                static ROWS: &[Row] = &[$(
                    |service, caller, input| Box::pin(async move {
                        let input = $crate::service::downcast::<$input>(input)?;
                        let output: $output = $($handler)::+(&service, &caller, input).await?;
                        Ok($crate::service::IntoAnswer::into_answer(output))
                    })
                ),+];
                $(
                    let asked = <$service as $crate::Service>::operations(&self).get(operation);
                    if let Err(error) = asked.map_or(Ok(()), |name| $before(&self, &caller, name)) {
                        return Box::pin(std::future::ready(Err(error)));
                    }
                )?
                match ROWS.get(operation) {
                    Some(row) => row(self, caller, input),
                    None => Box::pin(std::future::ready(Err(
                        $crate::errors::INTERNAL_FAILURE.with("The operation has no row.")
                    ))),
                }
            }

            $(
                fn path_parameters(
                    &self,
                    operation: &'static $crate::OperationModel,
                    request: &$crate::Request,
                ) -> Result<Vec<(&'static str, $crate::Str)>, $crate::ApiError> {
                    $path_parameters(self, operation, request)
                }
            )?
        }
    };
}
