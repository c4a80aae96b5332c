//! The service over a running engine, through the wire's binding: what needs several operations, several requests at
//! once or a restart. Single behaviours are tested over HTTP with real SDKs, in `tests/sqs`.

mod harness;

mod dead_letters;
mod lifecycle;
mod messages;
