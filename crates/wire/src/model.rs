//! `Model`: what a service's API looks like from outside, generated from AWS's own model.

use crate::error::ErrorKind;
use crate::shape::StructShape;
use crate::{Structure, cbor};

/// A service's API.
#[derive(Debug)]
pub struct Model {
    /// Our name of the service and of its crate, `sqs`.
    pub service: &'static str,
    /// Names that the credential scope of a signature may carry.
    pub signing_names: &'static [&'static str],
    /// What stands before the dot in `X-Amz-Target`, `AmazonSQS`.
    pub target_prefix: &'static str,
    /// Namespace of XML documents.
    pub xml_namespace: &'static str,
    /// `2012-11-05`
    pub api_version: &'static str,
    /// Bindings the service speaks; the first one answers requests that speak none.
    pub protocols: &'static [Protocol],
    /// A JSON service that once spoke the query protocol and sends `x-amzn-query-error` (SQS-028, IDN-056).
    pub query_compatible: bool,
    /// What stands before `#` in `__type` of the service's own errors; `None` for the bare name (IDN-058).
    pub error_namespace: Option<&'static str>,
    /// Behaviour in which this service differs from the others.
    pub dialect: Dialect,
    /// The operations in alphabetic order.
    pub operations: &'static [OperationModel],
}

/// How a request is put into HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// JSON document, `application/x-amz-json-1.0`.
    AwsJson10,
    /// JSON document, `application/x-amz-json-1.1`.
    AwsJson11,
    /// CBOR document with times in milliseconds, `application/x-amz-cbor-1.1` (KIN-002).
    AwsCbor11,
    /// CBOR document, `application/cbor`; the path names the operation and a header the protocol.
    RpcV2Cbor,
    /// Form or query string in, XML out.
    AwsQuery,
    /// Query string in, JSON rendering of the XML out: a GET with `Accept: application/json` (SQS-048).
    AwsQueryJsonView,
}

impl Protocol {
    /// The media type of documents.
    pub const fn content_type(self) -> &'static str {
        match self {
            Protocol::AwsJson10 => "application/x-amz-json-1.0",
            Protocol::AwsJson11 => "application/x-amz-json-1.1",
            Protocol::AwsCbor11 => "application/x-amz-cbor-1.1",
            Protocol::RpcV2Cbor => "application/cbor",
            Protocol::AwsQuery => "text/xml",
            Protocol::AwsQueryJsonView => "application/json",
        }
    }

    /// What a time is in its documents, when they are CBOR.
    pub(crate) const fn cbor_time(self) -> Option<cbor::Time> {
        match self {
            Protocol::AwsCbor11 => Some(cbor::Time::Milliseconds),
            Protocol::RpcV2Cbor => Some(cbor::Time::Seconds),
            _ => None,
        }
    }

    /// Whether requests are forms.
    pub const fn is_query(self) -> bool {
        matches!(self, Protocol::AwsQuery | Protocol::AwsQueryJsonView)
    }
}

/// Behaviour in which services differ though they speak the same protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Words of refused constraints.
    pub validation: Validation,
    /// What documents of a wrong kind are told.
    pub serialization: Serialization,
    /// What an operation without output answers.
    pub empty_answer: EmptyAnswer,
    /// What is refused before an operation is looked for.
    pub gate: Gate,
    /// `<Detail/>` stands in XML errors (SQS-040).
    pub error_detail: bool,
}

/// How strictly documents are read, and the words of those that are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serialization {
    /// `NUMBER_VALUE can not be converted to a String` (SQS-030). An empty body counts as an empty document.
    TokenNames,
    /// `class java.lang.Boolean can not be converted to an String` in a member `Message`, and no word of a document that cannot
    /// be read; numbers are made to fit (KIN-024, KIN-025).
    ClassNames,
}

/// What an operation without output answers in the protocols of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyAnswer {
    /// `{}` (SQS-014).
    Document,
    /// Nothing (KIN-004).
    NoBody,
}

/// What is refused before an operation is looked for, and what every answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Nothing in particular.
    Open,
    /// Methods, empty bodies and content types have refusals of their own (KIN-020), answers a second id (KIN-003) and headers
    /// of their own for pages (KIN-022, KIN-023).
    Framework,
}

/// Words of refused constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validation {
    /// `1 validation error detected: Value '..' at '..' failed to satisfy constraint: ...`, all violations listed.
    ListAll,
    /// The first violation alone, in the words of SQS-054 and SQS-055.
    FirstParameter,
}

/// One operation.
#[derive(Debug)]
pub struct OperationModel {
    /// `SendMessage`
    pub name: &'static str,
    /// HTTP method of REST bindings.
    pub method: &'static str,
    /// URI pattern of REST bindings.
    pub uri: &'static str,
    /// Table of the input.
    pub input: &'static StructShape,
    /// An input to decode into.
    pub new_input: fn() -> Box<dyn Structure>,
    /// Table of the output; `None` when the model has none.
    pub output: Option<&'static StructShape>,
    /// Element around the output in XML, `SendMessageResult`.
    pub result_wrapper: Option<&'static str>,
    /// Whether the input's tables hold constraints besides presence.
    pub constrained: bool,
    /// The errors the model lists.
    pub errors: &'static [&'static ErrorKind],
}

/// A row for an operation without output and constraints.
pub const fn operation(
    name: &'static str,
    input: &'static StructShape,
    new_input: fn() -> Box<dyn Structure>,
) -> OperationModel {
    OperationModel {
        name,
        method: "POST",
        uri: "/",
        input,
        new_input,
        output: None,
        result_wrapper: None,
        constrained: false,
        errors: &[],
    }
}

impl OperationModel {
    /// With an output, and in the query protocol an element around it.
    pub const fn output(
        self,
        output: &'static StructShape,
        wrapper: &'static str,
    ) -> OperationModel {
        OperationModel {
            output: Some(output),
            result_wrapper: Some(wrapper),
            ..self
        }
    }

    /// With constraints in the tables of its input.
    pub const fn constrained(self) -> OperationModel {
        OperationModel {
            constrained: true,
            ..self
        }
    }

    /// With an HTTP method and a URI pattern.
    pub const fn http(self, method: &'static str, uri: &'static str) -> OperationModel {
        OperationModel {
            method,
            uri,
            ..self
        }
    }

    /// With the errors that the model lists.
    pub const fn errors(self, errors: &'static [&'static ErrorKind]) -> OperationModel {
        OperationModel { errors, ..self }
    }
}

impl Dialect {
    /// What a service does that says nothing else.
    pub const USUAL: Dialect = Dialect {
        validation: Validation::ListAll,
        serialization: Serialization::TokenNames,
        empty_answer: EmptyAnswer::Document,
        gate: Gate::Open,
        error_detail: false,
    };
}

impl Model {
    /// The operation of this name.
    pub fn operation(&self, name: &str) -> Option<&'static OperationModel> {
        let found = self
            .operations
            .binary_search_by(|operation| operation.name.cmp(name))
            .ok()?;
        self.operations.get(found)
    }

    /// Whether the service speaks this protocol.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }
}

/// An input of generated type `T`, for [`OperationModel::new_input`].
pub fn new_input<T: Structure + Default>() -> Box<dyn Structure> {
    Box::<T>::default()
}
