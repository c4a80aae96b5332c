//! The service over a running engine, through the wire's binding: what needs several operations, several requests at
//! once or a restart. Single behaviours are tested over HTTP with real SDKs, in `tests/sqs`.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests are many callers at once, each on a thread of its own"
)]

mod by_hand;
mod harness;

mod between_flushes;
mod dead_letters;
mod lifecycle;
mod messages;
mod move_tasks;
mod rates;
