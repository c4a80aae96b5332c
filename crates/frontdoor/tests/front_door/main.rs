//! The front door over real sockets, with a small service behind it. One
//! module per promise; the client is a plain TCP stream, so that a test sees
//! and sends exactly the bytes it means.

// Which behaviours a test shows must be seen.
#![allow(clippy::print_stdout)]

mod authentication;
mod browsers;
mod client;
mod http2;
mod internal_endpoints;
mod limits;
mod listening;
mod requests;
mod server;
mod shutdown;
mod streams;
mod test_service;
mod tls;
