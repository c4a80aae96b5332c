//! `ErrorKind` and `ApiError`: the one error type of all services.
//!
//! A service names a kind and a text; which status, code and document that becomes is the business of the request's binding.

use std::fmt;

/// Who is at fault, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client.
    Sender,
    /// The service.
    Receiver,
}

impl Fault {
    /// `Sender` or `Receiver`, as in XML and in `x-amzn-query-error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fault::Sender => "Sender",
            Fault::Receiver => "Receiver",
        }
    }
}

/// Who defines an error; decides the namespace of `__type` (SQS-026, SQS-027).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The service's model.
    Service,
    /// The framework in front of every service (`com.amazon.coral.service`).
    Framework,
}

/// A kind of error: a row of a generated table or of [`crate::errors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorKind {
    /// Shape name, the code of the JSON protocols.
    pub shape: &'static str,
    /// Code of the query protocol and of `x-amzn-query-error`.
    pub query_code: &'static str,
    /// HTTP status of the JSON protocols, and of the query protocol unless `query_status` says otherwise.
    pub status: u16,
    /// Status of the query protocol where it differs (IDN-053).
    pub query_status: Option<u16>,
    /// Who is at fault.
    pub fault: Fault,
    /// Who defines the error.
    pub origin: Origin,
    /// A text that replaces the message in the query protocol (SQS-043).
    pub query_message: Option<&'static str>,
}

impl ErrorKind {
    /// A client fault defined by the service's model whose query code is its shape name.
    pub const fn sender(shape: &'static str, status: u16) -> ErrorKind {
        ErrorKind {
            shape,
            query_code: shape,
            status,
            query_status: None,
            fault: Fault::Sender,
            origin: Origin::Service,
            query_message: None,
        }
    }

    /// A server fault defined by the service's model whose query code is its shape name.
    pub const fn receiver(shape: &'static str, status: u16) -> ErrorKind {
        ErrorKind {
            fault: Fault::Receiver,
            ..ErrorKind::sender(shape, status)
        }
    }

    /// The same kind with another query code.
    pub const fn query(self, query_code: &'static str) -> ErrorKind {
        ErrorKind { query_code, ..self }
    }

    /// The same kind with another status in the query protocol.
    pub const fn query_status(self, status: u16) -> ErrorKind {
        ErrorKind {
            query_status: Some(status),
            ..self
        }
    }

    /// The same kind with its own text in the query protocol.
    pub const fn query_message(self, text: &'static str) -> ErrorKind {
        ErrorKind {
            query_message: Some(text),
            ..self
        }
    }

    /// The same kind, defined by the framework.
    pub const fn framework(self) -> ErrorKind {
        ErrorKind {
            origin: Origin::Framework,
            ..self
        }
    }

    /// An error of this kind.
    pub fn with(&'static self, message: impl Into<String>) -> ApiError {
        ApiError {
            kind: self,
            message: message.into(),
            fields: Vec::new(),
        }
    }
}

/// An error on its way to a caller.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// What happened.
    pub kind: &'static ErrorKind,
    /// AWS's text for it.
    pub message: String,
    /// Further members of the error document.
    pub fields: Vec<(&'static str, String)>,
}

impl ApiError {
    /// Adds a member to the error document.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> ApiError {
        self.fields.push((name, value.into()));
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.shape, self.message)
    }
}

impl std::error::Error for ApiError {}
