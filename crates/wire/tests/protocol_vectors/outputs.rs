//! Output vectors: the result is encoded and compared with what the vector's server sent, as documents, not as bytes.

use crate::elements::Element;
use crate::errors;
use crate::inputs::same;
use crate::suite::{Case, Outcome};
use crate::tables;
use crate::values::{DynamicStruct, canonical};
use bytes::Bytes;
use serde_json::Value;
use waystation_wire::binding::{Call, encode};
use waystation_wire::cbor::{self, Time};
use waystation_wire::model::Serialization;
use waystation_wire::service::Output;
use waystation_wire::shape::StructShape;
use waystation_wire::value::NOTHING;
use waystation_wire::{Model, Protocol, json};

/// Answers that clients must understand and that we write in another form; their documents are still decoded.
const OTHER_FORM: &[(&str, &str)] = &[
    ("AwsJson11DateTimeWithNegativeOffset", "we write UTC"),
    ("AwsJson11DateTimeWithPositiveOffset", "we write UTC"),
    ("AwsQueryDateTimeWithNegativeOffset", "we write UTC"),
    ("AwsQueryDateTimeWithPositiveOffset", "we write UTC"),
    ("handles_unexpected_json_output", "an unknown member"),
    ("AwsJson10HandlesUnexpectedJsonOutput", "an unknown member"),
    ("AwsJson11DeserializeIgnoreType", "an unknown member"),
    ("AwsJson10DeserializeIgnoreType", "an unknown member"),
    (
        "AwsJson10DeserializeAllowNulls",
        "null members, which we leave out",
    ),
    (
        "AwsJson11StructuresDontDeserializeNullValues",
        "null members, which we leave out",
    ),
    (
        "json_1_1_service_responds_with_no_payload",
        "no body, where we write {}",
    ),
    (
        "AwsJson10ServiceRespondsWithNoPayload",
        "no body, where we write {}",
    ),
];

pub(crate) fn case(case: &Case<'_>) -> Result<Outcome, String> {
    let given = &case.case["given"];
    if case.case["errorCode"].is_string() {
        return errors::case(case);
    }
    let shape = match given["output"]["shape"].as_str() {
        Some(name) => match tables::structure(case.shapes(), name) {
            Ok(shape) => shape,
            Err(reason) => return Ok(Outcome::Skipped(reason)),
        },
        None => &NOTHING,
    };
    let model = tables::model(
        case.suite,
        given,
        shape,
        waystation_wire::model::new_input::<()>,
    );
    let result = DynamicStruct::from_vector(shape, &case.case["result"]);
    let response = &case.case["response"];
    let body = response["body"].as_str().unwrap_or_default();
    if model.speaks(Protocol::RpcV2Cbor) {
        return cbor_case(model, shape, result, response);
    }
    let query = model.protocols.iter().any(|protocol| protocol.is_query());
    if !query {
        let mut decoded = DynamicStruct::new(shape);
        json::decode::document(
            &Bytes::from(body.to_owned()),
            Serialization::TokenNames,
            &mut decoded,
        )
        .map_err(|error| error.to_string())?;
        same(&canonical(&decoded), &canonical(&result))?;
    }
    if let Some((_, reason)) = OTHER_FORM.iter().find(|(id, _)| *id == case.id()) {
        return if query {
            Ok(Outcome::Skipped(reason))
        } else {
            Ok(Outcome::Passed)
        };
    }
    if body.is_empty() {
        return Ok(Outcome::Skipped("the vector has no body to compare with"));
    }
    encoded(model, result, response, body)
}

/// What the vector's server sent is read, and what we write is read back, since a document has many forms in CBOR.
fn cbor_case(
    model: &'static Model,
    shape: &'static StructShape,
    result: DynamicStruct,
    expected: &Value,
) -> Result<Outcome, String> {
    let read = |body: &Bytes| {
        let mut decoded = DynamicStruct::new(shape);
        cbor::decode::document(body, Time::Seconds, Serialization::TokenNames, &mut decoded)
            .map(|_| canonical(&decoded))
            .map_err(|error| error.to_string())
    };
    let wanted = canonical(&result);
    let body = expected["body"].as_str().unwrap_or_default();
    // One vector's body has nothing to do with its result.
    if expected["headers"]["Content-Length"] != "0" {
        same(&read(&tables::base64(body.as_bytes())?)?, &wanted)?;
    }
    let operation = model.operations.first().ok_or("no operation")?;
    let call = Call {
        operation,
        protocol: Protocol::RpcV2Cbor,
    };
    let output: Output = Box::new(result);
    let response = encode(model, call, &output, &"foo-id".into());
    same(&read(&response.body)?, &wanted)?;
    let content_type = operation.output.map(|_| "application/cbor");
    if response.header("content-type") != content_type {
        return Err(format!("content type {content_type:?}"));
    }
    match response.header("smithy-protocol") {
        Some("rpc-v2-cbor") => Ok(Outcome::Passed),
        other => Err(format!("the answer is in the protocol {other:?}")),
    }
}

fn encoded(
    model: &'static Model,
    result: DynamicStruct,
    expected: &Value,
    body: &str,
) -> Result<Outcome, String> {
    let operation = model.operations.first().ok_or("no operation")?;
    let protocol = *model.protocols.first().ok_or("no protocol")?;
    let output: Output = Box::new(result);
    let response = encode(
        model,
        Call {
            operation,
            protocol,
        },
        &output,
        &"foo-id".into(),
    );
    let text = std::str::from_utf8(&response.body).map_err(|error| error.to_string())?;
    if u64::from(response.status) != expected["status_code"].as_u64().unwrap_or(200) {
        return Err(format!("status {}", response.status));
    }
    let content_type = expected["headers"]["Content-Type"].as_str();
    if content_type.is_some_and(|wanted| response.header("content-type") != Some(wanted)) {
        return Err(format!(
            "content type {:?}",
            response.header("content-type")
        ));
    }
    if protocol.is_query() {
        let result = |text: &str| -> Result<String, String> {
            let root = Element::parse(text)?;
            let wrapper = operation
                .result_wrapper
                .and_then(|wrapper| root.child(wrapper).cloned());
            Ok(format!("{} {:?}", root.name, wrapper.map(Element::sorted)))
        };
        same(&result(text)?, &result(body)?)?;
    } else {
        let parse =
            |text: &str| serde_json::from_str::<Value>(text).map_err(|error| error.to_string());
        let (found, wanted) = (parse(text)?, parse(body)?);
        if found != wanted {
            same(&found.to_string(), &wanted.to_string())?;
        }
    }
    Ok(Outcome::Passed)
}
