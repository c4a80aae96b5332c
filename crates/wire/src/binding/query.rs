//! awsQuery: a form body or a query string names action and parameters, the answer is XML, or its JSON rendering for a GET
//! that accepts JSON (SQS-032 to SQS-050).

use super::respond;
use crate::error::ApiError;
use crate::form::{self, Form};
use crate::model::{Model, OperationModel, Protocol};
use crate::request::{Request, Response};
use crate::service::Service;
use crate::validation::Violations;
use crate::xml::{self, named};
use crate::{Str, Structure, errors, json, view};
use http::Method;

const XML: &str = Protocol::AwsQuery.content_type();

/// The operation that `Action` names (SQS-044, SQS-047).
pub(super) fn operation(
    request: &Request,
    model: &'static Model,
) -> Result<&'static OperationModel, ApiError> {
    let query = request.query.as_deref().unwrap_or_default();
    let action =
        form::first(&request.body, "Action").or_else(|| form::first(query.as_bytes(), "Action"));
    let Some(action) = action else {
        return Err(if request.method == Method::GET {
            errors::UNKNOWN_OPERATION.with("")
        } else {
            errors::MISSING_ACTION.with("The request must contain the parameter Action.")
        });
    };
    model
        .operation(&action)
        .ok_or_else(|| errors::invalid_action(&action))
}

/// The input of the body, the query string and the path, in this order of precedence (SQS-032 to SQS-035).
pub(super) fn decode(
    service: &dyn Service,
    request: &Request,
    operation: &'static OperationModel,
    input: &mut dyn Structure,
) -> Result<Violations, ApiError> {
    let from_path = service.path_parameters(operation, request)?;
    let query = request.query.as_deref().unwrap_or_default();
    let form = Form::new(&request.body, query, from_path)?;
    form::decode::document(&form, input)
}

/// A success (SQS-036 to SQS-038).
pub(super) fn encode(
    model: &Model,
    operation: &OperationModel,
    output: &dyn Structure,
    request_id: &Str,
) -> Response {
    let mut body = Vec::with_capacity(512);
    body.extend_from_slice(b"<?xml version=\"1.0\"?>");
    document(
        &mut body,
        &format!("{}Response", operation.name),
        model.xml_namespace,
        |out| {
            if let Some(wrapper) = operation.result_wrapper {
                named(out, wrapper, |out| xml::members(out, output));
            }
            named(out, "ResponseMetadata", |out| {
                named(out, "RequestId", |out| xml::text(out, request_id))
            });
        },
    );
    respond(200, XML, request_id, body)
}

/// A failure (SQS-040 to SQS-043). A request without an action gets a document of its own (SQS-047).
pub(super) fn encode_error(model: &Model, error: &ApiError, request_id: &Str) -> Response {
    let status = error.kind.query_status.unwrap_or(error.kind.status);
    if std::ptr::eq(error.kind, &errors::UNKNOWN_OPERATION) {
        return respond(
            status,
            XML,
            request_id,
            b"<UnknownOperationException/>".to_vec(),
        );
    }
    let mut body = Vec::with_capacity(512);
    body.extend_from_slice(b"<?xml version=\"1.0\"?>");
    document(&mut body, "ErrorResponse", model.xml_namespace, |out| {
        named(out, "Error", |out| {
            named(out, "Type", |out| xml::text(out, error.kind.fault.as_str()));
            named(out, "Code", |out| xml::text(out, error.kind.query_code));
            named(out, "Message", |out| xml::text(out, message(error)));
            for (name, value) in &error.fields {
                named(out, name, |out| xml::text(out, value));
            }
            if model.dialect.error_detail {
                out.extend_from_slice(b"<Detail/>");
            }
        });
        named(out, "RequestId", |out| xml::text(out, request_id));
    });
    respond(status, XML, request_id, body)
}

/// The query protocol's own text, where it has one.
fn message(error: &ApiError) -> &str {
    error.kind.query_message.unwrap_or(&error.message)
}

fn document(out: &mut Vec<u8>, name: &str, namespace: &str, body: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(format!("<{name} xmlns=\"{namespace}\">").as_bytes());
    body(out);
    out.extend_from_slice(format!("</{name}>").as_bytes());
}

/// A success as JSON (SQS-048).
pub(super) fn encode_view(
    operation: &OperationModel,
    output: &dyn Structure,
    request_id: &Str,
) -> Response {
    let mut body = Vec::with_capacity(512);
    view::response(&mut body, operation, output, request_id);
    respond(
        200,
        Protocol::AwsQueryJsonView.content_type(),
        request_id,
        body,
    )
}

/// A failure as JSON (SQS-049).
pub(super) fn encode_error_view(error: &ApiError, request_id: &Str) -> Response {
    let status = error.kind.query_status.unwrap_or(error.kind.status);
    if std::ptr::eq(error.kind, &errors::UNKNOWN_OPERATION) {
        return respond(
            status,
            XML,
            request_id,
            b"<UnknownOperationException/>".to_vec(),
        );
    }
    let mut body = Vec::with_capacity(256);
    let mut part = |name: &str, value: &str| {
        body.extend_from_slice(name.as_bytes());
        json::encode::text(&mut body, value);
    };
    part("{\"Error\":{\"Code\":", error.kind.query_code);
    part(",\"Message\":", message(error));
    part(",\"Type\":", error.kind.fault.as_str());
    part("},\"RequestId\":", request_id);
    body.push(b'}');
    respond(
        status,
        Protocol::AwsQueryJsonView.content_type(),
        request_id,
        body,
    )
}
