//! The HTTP front door: listens, routes, authenticates, decodes, calls and encodes.
//!
//! [`FrontDoor::bind`] opens the sockets, [`FrontDoor::run`] serves until told
//! to stop. What happens to a request stands in `exchange.rs`, in order. No
//! layer is generic and none can be added from outside: there is one way
//! through, and it is read top-down.

// Everything here reads bytes that strangers sent.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod config;
mod server;

mod listener;
mod connection;
mod stream;
mod unread;
mod activity;
mod watchman;

mod exchange;
mod answer_body;
mod browser;
mod framework;
mod internal;
mod body;
mod content_encoding;
mod route;
mod refusal;
mod panic_guard;
mod request_id;

mod door;
pub mod limits;
mod metrics;
mod open_files;
mod tls;

pub use config::{Answers, Config, Parts, TestEndpoints, Tls};
pub use internal::{InternalHandler, InternalRoute, Refresh};
pub use limits::Limits;
pub use listener::BindError;
pub use open_files::raise_open_file_limit;
pub use prometheus_client;
pub use server::{Drained, FrontDoor, StartError};
pub use tls::TlsError;
