//! A service that answers what the tests need to see, and ways to call it.

use crate::api;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use waystation_wire::{
    ApiError, Caller, Map, OperationModel, Request, Response, Scheme, Str, binding, errors,
};

/// Remembers the last send and answers with what it was given.
#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) sent: Mutex<Option<api::SendMessageRequest>>,
    pub(crate) messages: Mutex<Vec<api::Message>>,
}

waystation_wire::operations! {
    Echo, api::MODEL, path_parameters = path_parameters;
    "CreateQueue" => create(api::CreateQueueRequest) -> api::CreateQueueResult,
    "DeleteMessage" => delete(api::DeleteMessageRequest) -> (),
    "GetQueueAttributes" => attributes(api::GetQueueAttributesRequest) -> api::GetQueueAttributesResult,
    "GetQueueUrl" => url(api::GetQueueUrlRequest) -> api::GetQueueUrlResult,
    "ListQueues" => list(api::ListQueuesRequest) -> api::ListQueuesResult,
    "ReceiveMessage" => receive(api::ReceiveMessageRequest) -> api::ReceiveMessageResult,
    "SendMessage" => send(api::SendMessageRequest) -> api::SendMessageResult,
    "SendMessageBatch" => send_batch(api::SendMessageBatchRequest) -> api::SendMessageBatchResult,
}

async fn send(
    echo: &Echo,
    _: &Caller,
    input: api::SendMessageRequest,
) -> Result<api::SendMessageResult, ApiError> {
    let group = input.message_group_id.clone();
    *echo.sent.lock().unwrap() = Some(input);
    Ok(api::SendMessageResult {
        message_id: Some("id-1".into()),
        md5_of_message_body: Some("6e2baaf3b97dbeef01c0043275f9a0e7".into()),
        sequence_number: group,
        ..Default::default()
    })
}

async fn send_batch(
    _: &Echo,
    _: &Caller,
    input: api::SendMessageBatchRequest,
) -> Result<api::SendMessageBatchResult, ApiError> {
    let (good, bad): (Vec<_>, Vec<_>) = input
        .entries
        .into_iter()
        .partition(|entry| entry.message_body != *"bad");
    Ok(api::SendMessageBatchResult {
        successful: good
            .into_iter()
            .map(|entry| api::SendMessageBatchResultEntry {
                id: entry.id,
                ..Default::default()
            })
            .collect(),
        failed: bad
            .into_iter()
            .map(|entry| api::BatchResultErrorEntry {
                id: entry.id,
                sender_fault: true,
                code: "InvalidParameterValue".into(),
                message: None,
            })
            .collect(),
    })
}

async fn receive(
    echo: &Echo,
    _: &Caller,
    input: api::ReceiveMessageRequest,
) -> Result<api::ReceiveMessageResult, ApiError> {
    let mut messages = echo.messages.lock().unwrap().clone();
    messages.truncate(input.max_number_of_messages.unwrap_or(1) as usize);
    Ok(api::ReceiveMessageResult {
        messages: (!messages.is_empty()).then_some(messages),
    })
}

async fn delete(_: &Echo, _: &Caller, input: api::DeleteMessageRequest) -> Result<(), ApiError> {
    match &*input.receipt_handle {
        "gone" => Err(api::QUEUE_DOES_NOT_EXIST.with("The specified queue does not exist.")),
        "odd" => Err(api::RECEIPT_HANDLE_IS_INVALID
            .with("The input receipt handle \"<odd>&\u{1}\" is invalid.")),
        "broken" => Err(errors::INTERNAL_FAILURE.with("We broke.")),
        _ => Ok(()),
    }
}

async fn create(
    _: &Echo,
    caller: &Caller,
    input: api::CreateQueueRequest,
) -> Result<api::CreateQueueResult, ApiError> {
    let count = input.attributes.map_or(0, |map| map.len()) + input.tags.map_or(0, |map| map.len());
    let url = format!(
        "{}://{}/{}/{count}",
        caller.endpoint.scheme, caller.endpoint.host, input.queue_name
    );
    Ok(api::CreateQueueResult {
        queue_url: Some(url.into()),
    })
}

async fn attributes(
    _: &Echo,
    _: &Caller,
    input: api::GetQueueAttributesRequest,
) -> Result<api::GetQueueAttributesResult, ApiError> {
    let names = input.attribute_names.unwrap_or_default();
    let attributes: Map<Str> = names
        .into_iter()
        .map(|name| (name, input.queue_url.clone()))
        .collect();
    Ok(api::GetQueueAttributesResult {
        attributes: (!attributes.is_empty()).then_some(attributes),
    })
}

async fn url(
    _: &Echo,
    _: &Caller,
    input: api::GetQueueUrlRequest,
) -> Result<api::GetQueueUrlResult, ApiError> {
    Ok(api::GetQueueUrlResult {
        queue_url: Some(input.queue_name),
    })
}

async fn list(
    _: &Echo,
    _: &Caller,
    input: api::ListQueuesRequest,
) -> Result<api::ListQueuesResult, ApiError> {
    let urls = input
        .queue_name_prefix
        .map(|prefix| vec![prefix.clone(), prefix]);
    Ok(api::ListQueuesResult {
        queue_urls: urls,
        next_token: None,
    })
}

fn path_parameters(
    _: &Echo,
    operation: &'static OperationModel,
    request: &Request,
) -> Result<Vec<(&'static str, Str)>, ApiError> {
    let Some((_, name)) = request.path.trim_matches('/').split_once('/') else {
        return Ok(Vec::new());
    };
    if operation.input.has("QueueUrl") {
        return Ok(vec![("QueueUrl", Str::from(request.path.clone()))]);
    }
    match operation.name {
        "GetQueueUrl" => Ok(vec![("QueueName", Str::from(name.to_owned()))]),
        name => Err(errors::invalid_action(name)),
    }
}

/// A request with the given parts.
pub(crate) fn request(
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    Request {
        method,
        path: path.to_owned(),
        query,
        headers: map,
        body: Bytes::from(body.to_owned()),
        scheme: Scheme::Http,
        host: "localhost:4566".into(),
        request_id: "rid-1".into(),
    }
}

/// A call in awsJson1.0.
pub(crate) fn json(echo: &Arc<Echo>, operation: &str, body: &str) -> Response {
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", &format!("AmazonSQS.{operation}")),
    ];
    send_to(echo, request(Method::POST, "/", &headers, body))
}

/// A call in awsQuery with a form body.
pub(crate) fn form(echo: &Arc<Echo>, path: &str, body: &str) -> Response {
    let headers = [(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    )];
    send_to(echo, request(Method::POST, path, &headers, body))
}

/// A GET with an `Accept` header.
pub(crate) fn get(echo: &Arc<Echo>, target: &str, accept: &str) -> Response {
    send_to(
        echo,
        request(Method::GET, target, &[("accept", accept)], ""),
    )
}

/// Dispatches; the service never waits, so one poll is enough.
pub(crate) fn send_to(echo: &Arc<Echo>, request: Request) -> Response {
    let mut future = pin!(binding::dispatch(
        echo.clone(),
        Arc::new(Caller::default()),
        request
    ));
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(answered) => answered.response,
        Poll::Pending => panic!("the service waits for nothing"),
    }
}

/// The body as text.
pub(crate) fn body(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}
