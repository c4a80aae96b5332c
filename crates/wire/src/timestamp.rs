//! `Timestamp`: a point in time as the wire knows it, seconds since the epoch with fractions.

/// Seconds since 1970-01-01T00:00:00Z; how it is written is the table's business.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Timestamp(pub f64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub fn from_ms(ms: u64) -> Timestamp {
        Timestamp(ms as f64 / 1000.0)
    }

    /// Milliseconds since the epoch, rounded; may be negative.
    pub fn as_ms(self) -> i64 {
        (self.0 * 1000.0).round() as i64
    }
}
