//! The bindings of a service that speaks JSON and query, through `dispatch`, with SQS's own tables and a service that keeps
//! nothing.

#[path = "../../../services/sqs/src/api.rs"]
pub mod api;
mod errors;
mod fixture;
mod json;
mod query;
