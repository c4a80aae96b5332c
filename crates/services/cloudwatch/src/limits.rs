//! Every limit of CloudWatch.

/// Series that are kept; what is put to further ones is only counted.
pub(crate) const SERIES_MAX: usize = 2_000;

/// Metrics in one request.
pub(crate) const DATUMS_MAX: usize = 1_000;

/// Distinct values of one metric in one request.
pub(crate) const VALUES_MAX: usize = 150;

/// Values lie between this and its negative: 2 to the power of 360.
pub(crate) const VALUE_MAX: f64 = f64::from_bits((1023 + 360) << 52);

/// How long ago a metric may have been.
pub(crate) const PAST_MS_MAX: i64 = 14 * 24 * 3_600 * 1_000;

/// How far in the future it may be.
pub(crate) const FUTURE_MS_MAX: i64 = 2 * 3_600 * 1_000;

/// Seconds that a datum may stand for.
pub(crate) const RESOLUTIONS_S: [i32; 2] = [1, 60];

/// Namespaces of AWS's own metrics.
pub(crate) const RESERVED_NAMESPACE: &str = "AWS/";
