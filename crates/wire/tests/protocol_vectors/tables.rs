//! Tables for models that are read at run time. They are leaked, since tables are static, and recursion is unrolled, since
//! a table cannot be built after the reference to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use waystation_wire::model::{Dialect, operation};
use waystation_wire::shape::*;
use waystation_wire::{Model, Protocol, Structure};

/// Vectors nest four levels deep.
const UNROLLED: usize = 5;

/// The table of a structure; an error names what the tables cannot say.
pub(crate) fn structure(shapes: &Value, name: &str) -> Result<&'static StructShape, &'static str> {
    structure_below(shapes, name, UNROLLED)
}

fn structure_below(
    shapes: &Value,
    name: &str,
    depth: usize,
) -> Result<&'static StructShape, &'static str> {
    let mut members = Vec::new();
    if depth > 0 {
        for (name, details) in shapes[name]["members"].as_object().into_iter().flatten() {
            members.push(member_row(shapes, name, details, depth)?);
        }
    }
    Ok(leak(StructShape {
        name: leak_text(name),
        members: Vec::leak(members),
    }))
}

fn member_row(
    shapes: &Value,
    name: &str,
    details: &Value,
    depth: usize,
) -> Result<MemberShape, &'static str> {
    let target = details["shape"].as_str().unwrap_or_default();
    let traits = &shapes[target];
    let shape = match details["timestampFormat"].as_str() {
        Some(format) => Shape::Timestamp(timestamp(Some(format))),
        None => shape(shapes, target, depth)?,
    };
    let mut row = member(leak_text(name), shape);
    let flattened = details["flattened"] == true || traits["flattened"] == true;
    let element = traits["member"]["locationName"]
        .as_str()
        .filter(|_| flattened);
    if let Some(wire) = details["locationName"].as_str().or(element) {
        row = row.named(leak_text(wire));
    }
    Ok(if flattened { row.flattened() } else { row })
}

fn shape(shapes: &Value, name: &str, depth: usize) -> Result<Shape, &'static str> {
    let details = &shapes[name];
    let part = |part: &str| {
        shape(
            shapes,
            details[part]["shape"].as_str().unwrap_or_default(),
            depth,
        )
    };
    let wire = |part: &str| details[part]["locationName"].as_str().map(leak_text);
    Ok(match details["type"].as_str().unwrap_or_default() {
        "string" => TEXT,
        "blob" => BLOB,
        "boolean" => BOOLEAN,
        "integer" => INTEGER,
        "long" => LONG,
        "float" => FLOAT,
        "double" => DOUBLE,
        "timestamp" => Shape::Timestamp(timestamp(details["timestampFormat"].as_str())),
        "list" => Shape::List(leak(
            list(part("member")?).element_name(wire("member").unwrap_or("member")),
        )),
        "map" => {
            let names = (
                wire("key").unwrap_or("key"),
                wire("value").unwrap_or("value"),
            );
            Shape::Map(leak(
                map(&PLAIN_TEXT, part("value")?).entry_names(names.0, names.1),
            ))
        }
        "structure" if details["document"] == true => return Err("document types have no table"),
        "structure" => Shape::Struct(structure_below(shapes, name, depth - 1)?),
        _ => return Err("the tables do not know this type"),
    })
}

fn timestamp(format: Option<&str>) -> TimestampFormat {
    match format {
        Some("unixTimestamp") => TimestampFormat::EpochSeconds,
        Some("iso8601") => TimestampFormat::Iso8601,
        Some("rfc822") => TimestampFormat::HttpDate,
        _ => TimestampFormat::Protocol,
    }
}

/// A model with a single operation.
pub(crate) fn model(
    suite: &Value,
    given: &Value,
    input: &'static StructShape,
    new_input: fn() -> Box<dyn Structure>,
) -> &'static Model {
    let metadata = &suite["metadata"];
    let text = |name: &str| leak_text(metadata[name].as_str().unwrap_or_default());
    let protocol = match (text("protocol"), text("jsonVersion")) {
        ("query", _) => Protocol::AwsQuery,
        ("smithy-rpc-v2-cbor", _) => Protocol::RpcV2Cbor,
        (_, "1.1") => Protocol::AwsJson11,
        _ => Protocol::AwsJson10,
    };
    let name = leak_text(given["name"].as_str().unwrap_or_default());
    let mut row = operation(name, input, new_input);
    if given["output"].is_object() {
        let wrapper = given["output"]["resultWrapper"].as_str();
        row = row.output(input, leak_text(wrapper.unwrap_or_default()));
        row.result_wrapper = wrapper.map(leak_text);
    }
    leak(Model {
        service: "vectors",
        signing_names: &[],
        target_prefix: text("targetPrefix"),
        xml_namespace: "https://example.com/",
        api_version: text("apiVersion"),
        protocols: Vec::leak(vec![protocol]),
        query_compatible: metadata["awsQueryCompatible"].is_object(),
        error_namespace: None,
        dialect: Dialect::USUAL,
        operations: Vec::leak(vec![row]),
    })
}

pub(crate) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub(crate) fn leak_text(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

/// The bytes that a vector writes as Base64.
pub(crate) fn base64(text: &[u8]) -> Result<Bytes, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    Ok(bytes.into())
}
