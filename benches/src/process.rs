//! What the kernel counts about a process and about the machine, read from `/proc`.

use std::fs;
use std::time::{Duration, Instant};

/// Counters of the server process at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// User and system time of the process and its threads.
    pub(crate) cpu: Duration,
    /// Resident memory.
    pub(crate) rss_bytes: u64,
    /// Resident memory that is not backed by files.
    pub(crate) rss_anonymous_bytes: u64,
    /// Bytes the process caused to be written to the disk; page cache that was never flushed is included, the file
    /// system's own journal is not. `None` where the kernel does not let us read it.
    pub(crate) written_bytes: Option<u64>,
}

impl Sample {
    /// Samples process `pid`.
    pub(crate) fn take(pid: u32) -> Result<Self, String> {
        let status = read(&format!("/proc/{pid}/status"))?;
        Ok(Self {
            cpu: process_cpu(&read(&format!("/proc/{pid}/stat"))?)?,
            rss_bytes: field(&status, "VmRSS:").unwrap_or(0) * 1024,
            rss_anonymous_bytes: field(&status, "RssAnon:").unwrap_or(0) * 1024,
            written_bytes: fs::read_to_string(format!("/proc/{pid}/io"))
                .ok()
                .and_then(|io| field(&io, "write_bytes:")),
        })
    }
}

/// CPU time of the machine and of the generator at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// When it was taken.
    pub(crate) at: Instant,
    /// CPU time of this process.
    pub(crate) generator: Duration,
    machine: Duration,
}

impl Clocks {
    /// Reads them now.
    pub(crate) fn now() -> Self {
        let own = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let generator = Duration::new(own.tv_sec as u64, own.tv_nsec as u32);
        Self {
            at: Instant::now(),
            generator,
            machine: machine_cpu(),
        }
    }

    /// Share of the machine that neither this process nor the server, which took `server`, used since `earlier`. It
    /// tells whether anybody disturbed a cell.
    pub(crate) fn other_share_since(&self, earlier: &Self, server: Duration) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let known = self.generator - earlier.generator + server;
        let other = (self.machine - earlier.machine).saturating_sub(known);
        other.as_secs_f64() / (self.at - earlier.at).as_secs_f64().max(1e-9) / cores
    }
}

/// CPU time that all processors spent on work, stolen time included.
fn machine_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace();
    let ticks: Vec<u64> = fields
        .skip(1)
        .filter_map(|number| number.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; guest time is part of user time
    let busy = ticks.iter().take(8).sum::<u64>() - ticks.iter().skip(3).take(2).sum::<u64>();
    ticks_duration(busy)
}

/// Clock ticks of utime and stime, fields 14 and 15; the command's name may hold spaces and stands in parentheses.
fn process_cpu(stat: &str) -> Result<Duration, String> {
    let fields = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest)
        .ok_or("no command in /proc/PID/stat")?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|number| number.parse().ok())
        .collect();
    match ticks[..] {
        [user, system] => Ok(ticks_duration(user + system)),
        _ => Err("no CPU times in /proc/PID/stat".into()),
    }
}

fn ticks_duration(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_fields_follow_a_name_with_parentheses() {
        let stat = "7 (a) b) (c)) S 1 1 1 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 4 0 100 1 1";
        assert_eq!(process_cpu(stat), Ok(ticks_duration(200)));
        assert!(process_cpu("7 (a").is_err());
    }

    #[test]
    fn this_process_can_be_sampled() {
        let sample = Sample::take(std::process::id()).expect("own counters");
        assert!(sample.rss_bytes > 100_000 && sample.rss_anonymous_bytes <= sample.rss_bytes);
        let earlier = Clocks::now();
        let later = Clocks::now();
        assert!(later.generator > earlier.generator && later.machine >= earlier.machine);
        assert!(later.machine > later.generator);
    }
}
