//! Every bound of the generator in one place.

use std::time::Duration;

/// Connections one run may open; both ends of a loopback run hold a descriptor each.
pub(crate) const CONNECTIONS_MAX: usize = 20_000;
/// Messages of one batch, the most AWS takes (SQS table 28.2).
pub(crate) const BATCH_MAX: usize = 10;
/// A response larger than this is an error: 10 MiB of records in Base64 plus what stands around them.
pub(crate) const RESPONSE_BYTES_MAX: usize = 32 << 20;
/// Bytes read from a socket at once; most responses fit, so most are parsed without a copy.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// Bytes of pre-signed requests kept per thread, so that the pool stays in the cache of the core.
pub(crate) const POOL_BYTES: usize = 1 << 20;
/// Pre-signed requests per pool, whatever their size.
pub(crate) const POOL_REQUESTS_MAX: usize = 64;
/// The same for puts, each of which has a partition key: enough of them to reach most of a hundred shards.
pub(crate) const PUT_POOL_REQUESTS_MAX: usize = 256;
/// Age at which signatures are renewed; AWS accepts five minutes (IDN-025), half a minute leaves room for slow cells.
pub(crate) const SIGNATURE_AGE_MAX_S: u64 = 30;
/// Latest answer that still counts after a cell's time is up; later ones make the cell fail.
pub(crate) const DRAIN_GRACE: Duration = Duration::from_secs(60);
/// A server that is not ready by then is reported as failed. Replay of a large backlog has to fit.
pub(crate) const START_MAX: Duration = Duration::from_secs(300);
/// A single call outside of a measured window.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(60);
/// A cell that works off a fixed number of messages is given up after this long.
pub(crate) const COUNTED_CELL_MAX: Duration = Duration::from_secs(1800);

const _: () = assert!(
    SIGNATURE_AGE_MAX_S < 120,
    "signatures must stay well inside the window of IDN-025"
);
const _: () = assert!(
    POOL_BYTES >= 2 * (64 << 10),
    "at least two 64 KB requests fit the pool"
);
