//! Input vectors: the request that a client sends is decoded and compared with the parameters it was made of.

use crate::suite::{Case, Outcome};
use crate::tables;
use crate::values::{DynamicStruct, canonical};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::cell::Cell;
use std::sync::Arc;
use waystation_wire::service::{Input, Reply};
use waystation_wire::shape::StructShape;
use waystation_wire::value::NOTHING;
use waystation_wire::{
    Caller, Model, Protocol, Request, Scheme, Service, Structure, binding, errors,
};

/// Cases that say nothing to a server.
const SKIPPED: &[(&str, &str)] = &[
    (
        "QueryProtocolIdempotencyTokenAutoFill",
        "the client makes the token up",
    ),
    (
        "QueryEmptyQueryMaps",
        "an empty map leaves no trace in a form",
    ),
];

thread_local! {
    /// What `new_input` makes: a function pointer carries no state.
    static CURRENT: Cell<&'static StructShape> = const { Cell::new(&NOTHING) };
}

struct Vectors(&'static Model);

impl Service for Vectors {
    fn model(&self) -> &'static Model {
        self.0
    }
    fn operations(&self) -> &'static [&'static str] {
        &[]
    }
    fn call(self: Arc<Self>, _: usize, _: Arc<Caller>, _: Input) -> Reply {
        Box::pin(std::future::ready(Err(
            errors::NOT_IMPLEMENTED.with("nothing to call")
        )))
    }
}

pub(crate) fn case(case: &Case<'_>) -> Result<Outcome, String> {
    if let Some((_, reason)) = SKIPPED.iter().find(|(id, _)| *id == case.id()) {
        return Ok(Outcome::Skipped(reason));
    }
    if case.case["serialized"]["headers"]["Content-Encoding"].is_string() {
        return Ok(Outcome::Skipped("the vector has no body to decode"));
    }
    let given = &case.case["given"];
    let shape = match given["input"]["shape"].as_str() {
        Some(name) => match tables::structure(case.shapes(), name) {
            Ok(shape) => shape,
            Err(reason) => return Ok(Outcome::Skipped(reason)),
        },
        None => &NOTHING,
    };
    CURRENT.set(shape);
    let model = tables::model(case.suite, given, shape, || {
        Box::new(DynamicStruct::new(CURRENT.get()))
    });
    let mut request = request(&case.case["serialized"]);
    if model.speaks(Protocol::RpcV2Cbor) {
        request.body = tables::base64(&request.body)?;
    }
    if request.headers.is_empty() && !model.target_prefix.is_empty() {
        // Some vectors list only what they are about; every client sends the target.
        let target = format!("{}.{}", model.target_prefix, case.operation());
        request.headers.insert(
            "x-amz-target",
            HeaderValue::from_str(&target).map_err(|error| error.to_string())?,
        );
    }
    let call = binding::detect(&request, model).map_err(|error| error.to_string())?;
    if call.operation.name != case.operation() {
        return Err(format!("detected {}", call.operation.name));
    }
    let input =
        binding::decode(&Vectors(model), &request, call).map_err(|error| error.to_string())?;
    let expected = DynamicStruct::from_vector(shape, &case.case["params"]);
    same(
        &canonical(input.as_ref() as &dyn Structure),
        &canonical(&expected),
    )?;
    Ok(Outcome::Passed)
}

fn request(serialized: &Value) -> Request {
    let mut headers = HeaderMap::new();
    for (name, value) in serialized["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    let uri = serialized["uri"].as_str().unwrap_or("/");
    let (path, query) = uri
        .split_once('?')
        .map_or((uri, None), |(path, query)| (path, Some(query.to_owned())));
    Request {
        method: Method::POST,
        path: path.to_owned(),
        query,
        headers,
        body: Bytes::from(serialized["body"].as_str().unwrap_or_default().to_owned()),
        scheme: Scheme::Https,
        host: "example.com".into(),
        request_id: "foo-id".into(),
    }
}

pub(crate) fn same(found: &str, expected: &str) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("\n   found {found}\nexpected {expected}"))
    }
}
