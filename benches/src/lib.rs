//! The load generators, one library: what they share, and a module for each. The programs in `bin/` are a line each.
//!
//! A generator has to cost less than the server, or it measures itself: one epoll loop per thread, requests built from
//! templates, signing keys derived once. Linux only: it reads `/proc` for the server's CPU time, memory and written bytes.

// What is measured.
pub mod sqs;
pub mod sns;
pub mod kinesis;
pub mod log;
pub mod pattern;

// A run, and who is measured in it.
mod options;
mod run;
mod targets;
mod server;

// Requests under way.
mod workload;
mod driver;
mod connection;
mod link;
mod response;
mod scan;
mod sign;

// What was found.
mod measure;
mod histogram;
mod process;
mod disk;
mod flush;
mod journal;
mod report;
mod limits;
