//! Time as the engine sees it: milliseconds that never run backwards, given from outside.

/// A source of engine time. The binary's is a persisted offset plus the monotonic clock; the
/// simulator's is whatever the seed says.
pub trait Clock: Send + Sync {
    /// Engine time in milliseconds since the Unix epoch; never smaller than an earlier answer.
    fn now_ms(&self) -> u64;
}
