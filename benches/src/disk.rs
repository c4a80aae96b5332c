//! What the disk alone can do: small appends, each flushed before the next, as a journal makes them.
//!
//! Two ways: direct synchronous writes into a file that was written before (nothing but data reaches the disk), and
//! appends with `fdatasync` (the file system also logs the new size). No durable server commits faster, one after
//! the other, than these.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use crate::histogram::Histogram;

const PAGE_BYTES: usize = 4096;
const FILE_BYTES: u64 = 64 << 20;
const TMPFS_MAGIC: u64 = 0x0102_1994;
const RAMFS_MAGIC: u64 = 0x8584_58f6;

/// Refuses to fill a disk to its end.
pub(crate) fn check_room(directory: &Path, needed_bytes: u64) -> Result<(), String> {
    let room = rustix::fs::statvfs(directory).map_err(|error| error.to_string())?;
    let free_bytes = room.f_bavail.saturating_mul(room.f_frsize);
    if free_bytes >= needed_bytes {
        return Ok(());
    }
    let gb = |bytes: u64| bytes as f64 / 1e9;
    Err(format!(
        "{:.0} GB of disk are needed, {:.0} GB are free",
        gb(needed_bytes),
        gb(free_bytes)
    ))
}

/// How a write becomes durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flush {
    /// `O_DIRECT | O_DSYNC` into a pre-written file.
    Direct,
    /// Append, then `fdatasync`.
    Fdatasync,
}

/// Name of the file system that holds `directory`; refuses those that keep files in memory, where a flush is free.
pub(crate) fn file_system(directory: &Path) -> Result<String, String> {
    let stat = rustix::fs::statfs(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let magic = stat.f_type as u64;
    if magic == TMPFS_MAGIC || magic == RAMFS_MAGIC {
        return Err(format!(
            "{} is in memory (tmpfs): flushes there cost nothing; choose --data-dir on a disk",
            directory.display()
        ));
    }
    Ok(mounted_type(directory).unwrap_or_else(|| format!("{magic:#x}")))
}

/// Flushes `write_bytes` at a time for `duration`; answers the latencies.
pub(crate) fn flush_rate(
    directory: &Path,
    flush: Flush,
    write_bytes: usize,
    duration: Duration,
) -> Result<Histogram, String> {
    assert!(write_bytes.is_multiple_of(PAGE_BYTES) && write_bytes as u64 <= FILE_BYTES);
    let path = directory.join(format!("waystation-bench-flush-{}", std::process::id()));
    let measured = flushes(&path, flush, write_bytes, duration)
        .map_err(|error| format!("{flush:?} on {}: {error}", path.display()));
    let _ = fs::remove_file(&path);
    measured
}

fn flushes(
    path: &Path,
    flush: Flush,
    write_bytes: usize,
    duration: Duration,
) -> std::io::Result<Histogram> {
    let file = prepare(path, flush)?;
    let buffer = vec![0x5a; write_bytes + PAGE_BYTES];
    let aligned = buffer.as_ptr().align_offset(PAGE_BYTES);
    let data = buffer
        .get(aligned..aligned + write_bytes)
        .unwrap_or_default();
    let mut latency = Histogram::default();
    let mut offset = 0;
    let started_at = Instant::now();
    let mut before = started_at;
    while before - started_at < duration {
        rustix::io::pwrite(&file, data, offset)?;
        if flush == Flush::Fdatasync {
            rustix::fs::fdatasync(&file)?;
        }
        let now = Instant::now();
        latency.record((now - before).as_nanos() as u64);
        before = now;
        offset += write_bytes as u64;
        if flush == Flush::Direct && offset + write_bytes as u64 > FILE_BYTES {
            offset = 0;
        }
    }
    Ok(latency)
}

fn prepare(path: &Path, flush: Flush) -> std::io::Result<OwnedFd> {
    let mut flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    if flush == Flush::Direct {
        fs::write(path, vec![0x11; FILE_BYTES as usize])?;
        File::open(path)?.sync_all()?;
        flags |= OFlags::DIRECT | OFlags::DSYNC;
    }
    Ok(rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?)
}

/// Type in the line of `/proc/self/mountinfo` with the longest mount point above `directory`:
/// `36 35 98:0 /root /mount/point options [optional ...] - type source options`.
fn mounted_type(directory: &Path) -> Option<String> {
    let directory: PathBuf = fs::canonicalize(directory).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let found = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let point = place.split(' ').nth(4)?;
        directory
            .starts_with(point)
            .then(|| (point.len(), kind.split(' ').next().unwrap_or_default()))
    });
    // A later mount hides an earlier one at the same point, and `max_by_key` keeps the last of equals.
    found
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_file_systems_are_refused() {
        let shared_memory = Path::new("/dev/shm");
        if rustix::fs::statfs(shared_memory).is_ok_and(|stat| stat.f_type as u64 == TMPFS_MAGIC) {
            let reason = file_system(shared_memory).expect_err("tmpfs");
            assert!(reason.contains("tmpfs"), "{reason}");
        }
    }

    #[test]
    fn flushes_are_counted_and_leave_nothing_behind() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
        let latency = flush_rate(
            directory,
            Flush::Fdatasync,
            PAGE_BYTES,
            Duration::from_millis(20),
        )
        .expect("writable");
        assert!(latency.total() > 0 && latency.max_ns() > 0);
        let left = fs::read_dir(directory).expect("readable").flatten();
        assert_eq!(
            left.filter(|entry| entry.file_name().to_string_lossy().contains("bench-flush"))
                .count(),
            0
        );
    }
}
