//! The wire layer: AWS's shapes, protocols and errors as tables, and codecs written once against them.
//!
//! A service's `api.rs` is generated: structures with one line per member ([`structure!`]) and a [`Model`]. A request runs
//! through [`binding`]: `protocol` and `detect` say what is called (the front door authenticates there), `run` decodes,
//! validates, calls the [`Service`] and encodes. Errors are an [`ErrorKind`] and a text; the binding renders them.
//!
//! Nothing here knows a service, a socket or a clock.

pub mod binding;
pub mod caller;
pub mod cbor;
pub mod error;
pub mod errors;
pub mod events;
pub mod form;
pub mod frame;
pub mod json;
pub mod limits;
pub mod model;
pub mod path;
pub mod pattern;
pub mod presence;
pub mod request;
pub mod service;
pub mod shape;
pub mod timestamp;
pub mod validation;
pub mod value;
pub mod view;
pub mod xml;

mod budget;
mod document;
mod map;
mod scan;
mod structure;
mod text;

pub use caller::{Caller, Endpoint, Scheme, UrlStyle};
pub use error::{ApiError, ErrorKind, Fault};
pub use events::{Event, EventStream};
pub use map::Map;
pub use model::{Model, OperationModel, Protocol};
pub use pattern::Pattern;
pub use request::{Request, Response};
pub use service::Service;
pub use text::{Blob, NotUtf8, Str};
pub use timestamp::Timestamp;
pub use value::{Slot, Structure, Value};
