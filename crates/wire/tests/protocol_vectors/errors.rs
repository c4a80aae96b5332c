//! Error vectors: an error of ours must say what the vector's server says.

use crate::elements::Element;
use crate::inputs::same;
use crate::suite::{Case, Outcome};
use crate::tables::{self, leak, leak_text, model};
use bytes::Bytes;
use serde_json::Value;
use waystation_wire::binding::encode_error;
use waystation_wire::cbor::{self, Time};
use waystation_wire::model::Serialization;
use waystation_wire::shape::{TEXT, member};
use waystation_wire::value::NOTHING;
use waystation_wire::{ApiError, ErrorKind, Model, Protocol, Str};

waystation_wire::structure! { Named, NAMED, "Named" {
    0 kind: Str = member("__type", TEXT),
    1 message: Option<Str> = member("message", TEXT),
    2 capital_message: Option<Str> = member("Message", TEXT),
}}

pub(crate) fn case(case: &Case<'_>) -> Result<Outcome, String> {
    let model = model(
        case.suite,
        &case.case["given"],
        &NOTHING,
        waystation_wire::model::new_input::<()>,
    );
    let response = &case.case["response"];
    let body = response["body"].as_str().unwrap_or_default();
    if model.speaks(Protocol::RpcV2Cbor) {
        return cbor_case(case, model);
    }
    let query = model.protocols.iter().any(|protocol| protocol.is_query());
    if !query && !body.contains("__type") {
        return Ok(Outcome::Skipped(
            "another way to name an error than ours, __type",
        ));
    }
    let Some(error) = error(case, body, query) else {
        return Ok(Outcome::Skipped("errors of ours have text members only"));
    };
    let protocol = *model.protocols.first().ok_or("no protocol")?;
    let encoded = encode_error(model, protocol, &error, &"foo-id".into());
    if u64::from(encoded.status) != response["status_code"].as_u64().unwrap_or_default() {
        return Err(format!("status {}", encoded.status));
    }
    let text = std::str::from_utf8(&encoded.body).map_err(|error| error.to_string())?;
    if query {
        let (found, wanted) = (Element::parse(text)?, Element::parse(body)?);
        same(
            &format!("{:?}", found.sorted()),
            &format!("{:?}", wanted.sorted()),
        )?;
    } else {
        same(&plain(text)?, &plain(body)?)?;
        header(model, &encoded, response)?;
    }
    Ok(Outcome::Passed)
}

/// The vector's error is read, and ours of the same name is read back.
fn cbor_case(case: &Case<'_>, model: &'static Model) -> Result<Outcome, String> {
    let response = &case.case["response"];
    let read = |body: &Bytes| -> Result<String, String> {
        let mut found = Named::default();
        cbor::decode::document(body, Time::Seconds, Serialization::TokenNames, &mut found)
            .map_err(|error| error.to_string())?;
        let message = found.message.or(found.capital_message).unwrap_or_default();
        Ok(format!("{}: {message}", short(&found.kind)))
    };
    let body = response["body"].as_str().unwrap_or_default();
    let wanted = read(&tables::base64(body.as_bytes())?)?;
    let name = wanted.split(':').next().unwrap_or_default();
    let status = response["status_code"].as_u64().unwrap_or_default() as u16;
    let code = case.case["errorCode"].as_str().unwrap_or_default();
    let kind: &'static ErrorKind =
        leak(ErrorKind::sender(leak_text(name), status).query(leak_text(code)));
    let error = kind.with(case.case["errorMessage"].as_str().unwrap_or_default());
    let encoded = encode_error(model, Protocol::RpcV2Cbor, &error, &"foo-id".into());
    same(&read(&encoded.body)?, &wanted)?;
    header(model, &encoded, response)?;
    Ok(Outcome::Passed)
}

fn header(
    model: &Model,
    encoded: &waystation_wire::Response,
    expected: &Value,
) -> Result<(), String> {
    let wanted = expected["headers"]["x-amzn-query-error"].as_str();
    if model.query_compatible && wanted.is_some() {
        same(
            encoded.header("x-amzn-query-error").unwrap_or_default(),
            wanted.unwrap_or_default(),
        )?;
    }
    Ok(())
}

/// Our error of the same name; `None` when it has members that ours cannot have.
fn error(case: &Case<'_>, body: &str, query: bool) -> Option<ApiError> {
    let code = case.case["errorCode"].as_str()?;
    let status = case.case["response"]["status_code"].as_u64()? as u16;
    let parsed: Value = if query {
        Value::Null
    } else {
        serde_json::from_str(body).ok()?
    };
    let name = parsed["__type"].as_str().map_or(code, short);
    let kind: &'static ErrorKind =
        leak(ErrorKind::sender(leak_text(name), status).query(leak_text(code)));
    let mut error = kind.with(case.case["errorMessage"].as_str().unwrap_or_default());
    for (name, value) in case.case["error"].as_object()? {
        if !name.eq_ignore_ascii_case("message") {
            error = error.field(leak_text(name), value.as_str()?);
        }
    }
    Some(error)
}

/// The name without namespace and address, which every client drops.
fn short(name: &str) -> &str {
    let name = name.split_once('#').map_or(name, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// The members of an error with the names that clients compare.
fn plain(text: &str) -> Result<String, String> {
    let parsed: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let members = parsed.as_object().into_iter().flatten();
    let mut members: Vec<String> = members
        .map(|(name, value)| {
            format!(
                "{}={}",
                name.to_lowercase(),
                value
                    .as_str()
                    .map_or_else(String::new, |v| short(v).to_owned())
            )
        })
        .collect();
    members.sort();
    Ok(members.join(","))
}
