//! Platform calls.
