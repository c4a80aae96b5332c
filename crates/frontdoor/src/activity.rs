//! What a connection is doing, for its timeouts.
//!
//! The watchman looks at this now and then. Requests only store a number, so
//! that neither a busy nor an idle connection has a timer of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::limits::{Limits, TIMEOUT_CHECK_MAX};

/// Times are milliseconds since `opened`, plus one; 0 says that it is not so.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    /// Waiting for a request since.
    idle_since: AtomicU64,
    /// Reading the head of a request since.
    head_since: AtomicU64,
    /// The client has not taken any byte of the answer since.
    stalled_since: AtomicU64,
    /// Requests that are not answered to their end.
    under_way: AtomicU64,
    /// Those of them whose answer is a stream of events.
    streams: AtomicU64,
    call: Notify,
}

/// What a timeout demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    /// Nothing is under way: close politely.
    CloseIdle,
    /// The client does not do its part.
    Cut(&'static str),
}

impl Activity {
    /// A connection that waits for its first request.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            opened: now,
            idle_since: AtomicU64::new(1),
            head_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            call: Notify::new(),
        }
    }

    /// Asks the connection to look at its verdict and at the phase of the server.
    pub(crate) fn call(&self) {
        self.call.notify_one();
    }

    /// Resolves when the connection was called, also if that was before.
    pub(crate) async fn called(&self) {
        self.call.notified().await;
    }

    /// Bytes came in.
    pub(crate) fn read(&self) {
        if self.idle_since.load(Relaxed) != 0 && self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.stamp(Instant::now()), Relaxed);
        }
    }

    /// What came in was no part of a request.
    pub(crate) fn head_is_no_request(&self) {
        self.head_since.store(0, Relaxed);
    }

    /// A request is there with all its headers. It lasts as long as what this returns.
    pub(crate) fn request_begins(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Relaxed);
        self.idle_since.store(0, Relaxed);
        self.head_since.store(0, Relaxed);
        UnderWay(self)
    }

    /// A request is answered, or its client gave up.
    fn request_ends(&self, now: Instant) {
        if self.under_way.fetch_sub(1, Relaxed) == 1 {
            self.idle_since.store(self.stamp(now), Relaxed);
        }
    }

    /// The socket takes no more bytes.
    pub(crate) fn write_stalls(&self) {
        if self.stalled_since.load(Relaxed) == 0 {
            self.stalled_since
                .store(self.stamp(Instant::now()), Relaxed);
        }
    }

    /// The socket took bytes.
    pub(crate) fn write_proceeds(&self) {
        if self.stalled_since.load(Relaxed) != 0 {
            self.stalled_since.store(0, Relaxed);
        }
    }

    pub(crate) fn verdict(&self, limits: &Limits, now: Instant) -> Verdict {
        let beyond = |since: &AtomicU64, timeout: Duration| {
            let since = since.load(Relaxed);
            since != 0 && self.stamp(now).saturating_sub(since) >= millis(timeout)
        };
        // Whoever reads a stream may take his time (KIN-193).
        let stall_timeout = match self.streams.load(Relaxed) {
            0 => limits.write_stall_timeout,
            _ => limits.stream_stall_timeout,
        };
        if beyond(&self.stalled_since, stall_timeout) {
            Verdict::Cut("the client does not read its answer")
        } else if beyond(&self.head_since, limits.header_read_timeout) {
            Verdict::Cut("the headers take too long")
        } else if self.head_since.load(Relaxed) == 0
            && beyond(&self.idle_since, limits.idle_timeout)
        {
            Verdict::CloseIdle
        } else {
            Verdict::GoOn
        }
    }

    fn stamp(&self, now: Instant) -> u64 {
        millis(now.saturating_duration_since(self.opened)) + 1
    }
}

/// A request until its answer is ready; dropped earlier when its client gives up.
#[derive(Debug)]
pub(crate) struct UnderWay<'a>(&'a Activity);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.request_ends(Instant::now());
    }
}

/// A stream of events that is an answer of this connection; its drop is the end of its request.
#[derive(Debug)]
pub(crate) struct Streaming(Arc<Activity>);

impl Streaming {
    pub(crate) fn begin(activity: Arc<Activity>) -> Self {
        activity.under_way.fetch_add(1, Relaxed);
        activity.streams.fetch_add(1, Relaxed);
        Self(activity)
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Relaxed);
        self.0.request_ends(Instant::now());
    }
}

/// How often to ask for a verdict: often enough that a timeout is at most half as long again.
pub(crate) fn check_interval(limits: &Limits) -> Duration {
    let shortest = limits
        .header_read_timeout
        .min(limits.idle_timeout)
        .min(limits.write_stall_timeout);
    (shortest / 2).clamp(Duration::from_millis(5), TIMEOUT_CHECK_MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_timeout() {
        let limits = Limits::default();
        let opened = Instant::now();
        let later = |timeout: Duration| opened + timeout + Duration::from_millis(500);
        let activity = Activity::new(opened);
        assert_eq!(activity.verdict(&limits, opened), Verdict::GoOn);
        let idle = later(limits.idle_timeout);
        assert_eq!(activity.verdict(&limits, idle), Verdict::CloseIdle);

        activity.read();
        let slow = later(limits.header_read_timeout);
        assert!(matches!(activity.verdict(&limits, slow), Verdict::Cut(_)));

        let request = activity.request_begins();
        activity.read();
        assert_eq!(activity.verdict(&limits, idle), Verdict::GoOn, "long poll");

        activity.write_stalls();
        let stalled = later(limits.write_stall_timeout);
        assert!(matches!(
            activity.verdict(&limits, stalled),
            Verdict::Cut(_)
        ));
        activity.write_proceeds();
        std::mem::forget(request);
        activity.request_ends(idle);
        assert_eq!(activity.verdict(&limits, idle), Verdict::GoOn);
        let next = idle + limits.idle_timeout;
        assert_eq!(activity.verdict(&limits, next), Verdict::CloseIdle);
    }
}
