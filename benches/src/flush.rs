//! The disk's own rate, in the file system that holds the server's data.

use std::path::Path;
use std::time::Duration;

use crate::disk::{self, Flush};
use crate::process::Clocks;
use crate::report::Row;

/// Both ways of flushing, at a page and at a full frame of 64 KB.
pub(crate) fn run(directory: &Path, measured: Duration) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (name, flush, write_bytes) in [
        ("flush-direct-4k", Flush::Direct, 4 << 10),
        ("flush-direct-64k", Flush::Direct, 64 << 10),
        ("flush-fdatasync-4k", Flush::Fdatasync, 4 << 10),
        ("flush-fdatasync-64k", Flush::Fdatasync, 64 << 10),
    ] {
        let duration = measured
            .min(Duration::from_secs(3))
            .max(Duration::from_millis(500))
            / 2;
        let before = Clocks::now();
        let row = match disk::flush_rate(directory, flush, write_bytes, duration) {
            Ok(latency) => {
                let rate = latency.total() as f64 / duration.as_secs_f64();
                let note = match flush {
                    Flush::Direct => "O_DIRECT|O_DSYNC, pre-written file",
                    Flush::Fdatasync => "append and fdatasync",
                };
                Row::new(name, "disk")
                    .with("requests_per_s", rate)
                    .with("body_bytes", write_bytes as f64)
                    .with_latency(&latency)
                    .noting(note)
            }
            // Not every file system takes O_DIRECT; the other rows still count.
            Err(reason) => Row::new(name, "disk").noting(reason),
        };
        let other = Clocks::now().other_share_since(&before, Duration::ZERO);
        rows.push(row.with("other_cpu_percent", other * 100.0));
    }
    Ok(rows)
}
