//! Every limit of request authentication in one place.

/// Seconds a signed request may be older or newer than the server (IDN-025).
pub const SKEW_MAX_S: i64 = 300;

/// Largest `X-Amz-Expires` of a presigned request, seven days in seconds (IDN-031).
pub const EXPIRES_MAX_S: i64 = 604_800;

/// Header names one signature may cover. The front door accepts 100 headers or
/// so; a longer list names headers that cannot be there.
pub const SIGNED_HEADERS_MAX: usize = 128;

/// Derived signing keys kept per credentials table. A key is one combination of
/// access key, day, region and service; past the limit the oldest in a slot goes.
pub const SIGNING_KEYS_MAX: usize = 1024;

/// Size of a credentials file in bytes.
pub const CREDENTIALS_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Length of an access key id, in characters (IDN-066).
pub const ACCESS_KEY_CHARS_MAX: usize = 128;

/// Length of a region name, in characters.
pub const REGION_CHARS_MAX: usize = 32;
