//! The `MODEL` static: what stands in the metadata, and one entry per operation.

use super::names;
use super::shapes::{is_constrained, parts};
use super::source::{Source, flag, reference, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Appends the model.
pub(crate) fn model(source: &Source, out: &mut String) -> Result<(), String> {
    let optional = |name: &str| {
        source
            .metadata(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let signing = match source.metadata("signingNames") {
        Some(names) => names.to_string(),
        None => format!(
            "[{:?}]",
            source
                .metadata_text("signingName")
                .or_else(|_| source.metadata_text("endpointPrefix"))?
        ),
    };
    let namespace = match source.metadata("errorNamespace").and_then(Value::as_str) {
        Some(namespace) => format!("Some({namespace:?})"),
        None => String::from("None"),
    };
    let _ = writeln!(
        out,
        "/// The API as AWS describes it.\npub static MODEL: Model = Model {{"
    );
    let _ = writeln!(
        out,
        "service: {:?}, signing_names: &{signing},",
        source.service
    );
    let _ = writeln!(
        out,
        "target_prefix: {:?}, xml_namespace: {:?},",
        optional("targetPrefix"),
        optional("xmlNamespace")
    );
    let _ = writeln!(
        out,
        "api_version: {:?}, protocols: &[{}],",
        source.metadata_text("apiVersion")?,
        protocols(source)?
    );
    let _ = writeln!(
        out,
        "query_compatible: {},",
        source.metadata("awsQueryCompatible").is_some()
    );
    let _ = writeln!(
        out,
        "error_namespace: {namespace}, dialect: {},",
        dialect(source)?
    );
    out.push_str("operations: &[\n");
    for (name, operation) in source.operations()? {
        self::operation(source, name, operation, out)?;
    }
    out.push_str("] };\n");
    Ok(())
}

/// The bindings that exist here. A model lists every protocol of the service, also those without a binding yet; at least
/// one must be left.
fn protocols(source: &Source) -> Result<String, String> {
    let listed = source
        .metadata("protocols")
        .and_then(Value::as_array)
        .cloned();
    let names =
        listed.unwrap_or_else(|| source.metadata("protocol").cloned().into_iter().collect());
    let version = source.metadata("jsonVersion").and_then(Value::as_str);
    let mut protocols = Vec::new();
    for name in names.iter().filter_map(Value::as_str) {
        protocols.push(match (name, version) {
            ("json", Some("1.0")) => "Protocol::AwsJson10",
            ("json", Some("1.1")) => "Protocol::AwsJson11",
            ("query", _) => "Protocol::AwsQuery",
            ("smithy-rpc-v2-cbor", _) => "Protocol::RpcV2Cbor",
            // Ours: no model names it.
            ("cbor", _) => "Protocol::AwsCbor11",
            ("rest-json" | "rest-xml" | "ec2", _) => continue,
            (other, _) => return Err(format!("protocol {other:?} is not known")),
        });
    }
    if protocols.is_empty() {
        return Err(format!("none of the protocols {names:?} has a binding"));
    }
    Ok(protocols.join(", "))
}

fn dialect(source: &Source) -> Result<String, String> {
    let validation = match source.metadata("validation").and_then(Value::as_str) {
        None | Some("list all") => "ListAll",
        Some("first parameter") => "FirstParameter",
        Some(other) => return Err(format!("validation {other:?} is not known")),
    };
    let serialization = match source.metadata("serialization").and_then(Value::as_str) {
        None | Some("token names") => "TokenNames",
        Some("class names") => "ClassNames",
        Some(other) => return Err(format!("serialization {other:?} is not known")),
    };
    let empty = match source.metadata("emptyAnswer").and_then(Value::as_str) {
        None | Some("document") => "Document",
        Some("no body") => "NoBody",
        Some(other) => return Err(format!("emptyAnswer {other:?} is not known")),
    };
    let gate = match source.metadata("gate").and_then(Value::as_str) {
        None | Some("open") => "Open",
        Some("framework") => "Framework",
        Some(other) => return Err(format!("gate {other:?} is not known")),
    };
    let detail = source
        .metadata("errorDetail")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    Ok(format!(
        "Dialect {{ validation: Validation::{validation}, serialization: Serialization::{serialization}, \
         empty_answer: EmptyAnswer::{empty}, gate: Gate::{gate}, error_detail: {detail} }}"
    ))
}

fn operation(
    source: &Source,
    name: &str,
    operation: &Value,
    out: &mut String,
) -> Result<(), String> {
    let input = operation.get("input").map(reference).transpose()?;
    let (table, rust) = match input {
        Some(shape) => (format!("&{}", source.table(shape)), names::structure(shape)),
        None => (
            String::from("&waystation_wire::value::NOTHING"),
            String::from("()"),
        ),
    };
    let _ = write!(out, "operation({name:?}, {table}, new_input::<{rust}>)");
    if let Some(output) = operation.get("output") {
        let usual = format!("{name}Result");
        let wrapper = text(output, "resultWrapper").unwrap_or(&usual);
        let _ = write!(
            out,
            ".output(&{}, {wrapper:?})",
            source.table(reference(output)?)
        );
    }
    let constrained = match input {
        Some(shape) => is_deeply_constrained(source, shape, &mut BTreeSet::new())?,
        None => false,
    };
    if constrained {
        out.push_str(".constrained()");
    }
    http(operation, out);
    errors(source, operation, out)?;
    out.push_str(",\n");
    Ok(())
}

fn http(operation: &Value, out: &mut String) {
    let http = operation.get("http").cloned().unwrap_or_default();
    let (method, uri) = (
        text(&http, "method").unwrap_or("POST"),
        text(&http, "requestUri").unwrap_or("/"),
    );
    if (method, uri) != ("POST", "/") {
        let _ = write!(out, ".http({method:?}, {uri:?})");
    }
}

fn errors(source: &Source, operation: &Value, out: &mut String) -> Result<(), String> {
    let mut tables = Vec::new();
    for error in operation
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = reference(error)?;
        if !flag(source.shape(name)?, "exception") {
            return Err(format!("{name} is listed as an error but is none"));
        }
        tables.push(format!("&{}", names::error(name)));
    }
    if !tables.is_empty() {
        let _ = write!(out, ".errors(&[{}])", tables.join(", "));
    }
    Ok(())
}

fn is_deeply_constrained<'a>(
    source: &'a Source,
    name: &'a str,
    seen: &mut BTreeSet<&'a str>,
) -> Result<bool, String> {
    if !seen.insert(name) {
        return Ok(false);
    }
    let shape = source.shape(name)?;
    if is_constrained(source, shape) {
        return Ok(true);
    }
    for part in parts(shape) {
        if is_deeply_constrained(source, reference(part)?, seen)? {
            return Ok(true);
        }
    }
    Ok(false)
}
