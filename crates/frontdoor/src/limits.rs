//! Every limit of the front door. Those that a user may want to change are
//! fields of [`Limits`], the others constants.

use std::time::Duration;

/// Limits of connections and requests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at the same time; further ones wait in the listen backlog.
    pub connections_max: usize,
    /// One request body.
    pub body_bytes_max: usize,
    /// All request bodies being read or worked on, beyond the first
    /// [`BODY_BYTES_UNCOUNTED`] of each.
    pub bodies_bytes_max: usize,
    /// Request line and headers together.
    pub header_bytes_max: usize,
    /// Number of headers.
    pub headers_max: usize,
    /// From the first byte of a request, or of a TLS handshake, to its last header.
    pub header_read_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_read_timeout: Duration,
    /// Time a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// Time a client may leave an answer unread.
    pub write_stall_timeout: Duration,
    /// The same for the events of a stream, whose reader may be slow.
    pub stream_stall_timeout: Duration,
    /// Time that requests get to finish when the server stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            body_bytes_max: 16 * 1024 * 1024,
            bodies_bytes_max: 512 * 1024 * 1024,
            header_bytes_max: 64 * 1024,
            headers_max: 100,
            header_read_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(90),
            write_stall_timeout: Duration::from_secs(30),
            // A subscription to a shard lasts five minutes (KIN-193).
            stream_stall_timeout: Duration::from_secs(330),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Part of a body that no budget counts: most requests are small, and a
/// shared counter on each of them would be the busiest memory of the process.
pub const BODY_BYTES_UNCOUNTED: usize = 16 * 1024;

/// What is allocated for a body before it came, if it was announced and has begun: most bodies that come in pieces then
/// take one allocation, and announcing much gives nobody much memory.
pub(crate) const BODY_BYTES_AHEAD_MAX: usize = 1024 * 1024;

/// The most that [`Limits::connections_max`] can be; ports and files end earlier.
pub(crate) const CONNECTIONS_MAX: usize = 1_000_000;

/// Read buffer of one connection.
pub(crate) const READ_BUFFER_BYTES_MAX: usize = 128 * 1024;

/// Requests that one HTTP/2 connection may have under way.
pub(crate) const HTTP2_STREAMS_MAX: u32 = 250;

/// What a client may send on one stream, and on all of a connection, before somebody reads it.
pub(crate) const HTTP2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;
pub(crate) const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// What is buffered of the answer of one stream.
pub(crate) const HTTP2_SEND_BUFFER_BYTES: usize = 128 * 1024;

/// First bytes of a connection that are read before its protocol is known.
pub(crate) const READ_AHEAD_BYTES: usize = 4 * 1024;

/// What is read and thrown away of a refused body, so that the client sees the
/// answer instead of a reset connection.
pub(crate) const DISCARD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Established connections that wait for `accept`.
pub(crate) const BACKLOG: u32 = 4096;

/// Attempts to find a free port that both address families can use.
pub(crate) const PORT_ATTEMPTS_MAX: usize = 32;

/// Files that are open for other reasons than connections.
pub(crate) const FILES_RESERVED: u64 = 512;

/// Pause after `accept` failed, most likely for want of files.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often certificate files are looked at for a change.
pub(crate) const CERTIFICATE_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// How often the watchman goes round, at the least.
pub(crate) const TIMEOUT_CHECK_MAX: Duration = Duration::from_secs(5);

/// Closed connections that the watchman may still remember, beside as many as were open.
pub(crate) const WATCHED_SLACK: usize = 1024;

/// How long a browser may remember a preflight answer.
pub(crate) const PREFLIGHT_MAX_AGE_S: u32 = 600;

/// The same for services whose answers are those of AWS's framework.
pub(crate) const FRAMEWORK_PREFLIGHT_MAX_AGE_S: u32 = 172_800;

/// Size of a certificate or key file.
pub(crate) const PEM_BYTES_MAX: u64 = 1024 * 1024;
