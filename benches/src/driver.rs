//! The epoll loop of one generator thread: keeps every connection busy with its workload and tallies the answers.
//!
//! Sockets are watched edge-triggered for both directions from the start, so that a request costs one write, one read
//! and its share of one wait.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::epoll;

use crate::connection::Connection;
use crate::histogram::Histogram;
use crate::limits::READ_BYTES;
use crate::response::excerpt;
use crate::workload::Workload;

/// When a thread counts and when it stops.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// Answers before this instant warm up and are not counted.
    pub(crate) counts_from: Instant,
    /// No request starts after this instant, and no answer counts towards the rate.
    pub(crate) stops_at: Instant,
    /// How long after the stop answers are awaited.
    pub(crate) grace: Duration,
}

/// What was counted for one operation.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    /// Latencies of the requests that were sent and answered inside the window.
    pub(crate) latency: Histogram,
    /// Answers inside the window.
    pub(crate) requests: u64,
    /// Messages that they moved.
    pub(crate) messages: u64,
    /// The last answer that moved messages.
    pub(crate) last_at: Option<Instant>,
}

impl Tally {
    /// Adds what another thread counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.requests += other.requests;
        self.messages += other.messages;
        self.last_at = self.last_at.max(other.last_at);
    }
}

/// One generator thread before and while it runs.
pub(crate) struct Driver<'a> {
    address: SocketAddr,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    workload: Box<dyn Workload>,
    tallies: Vec<Tally>,
    waiting: usize,
    failed: &'a AtomicBool,
}

impl<'a> Driver<'a> {
    /// Opens all connections, so that connecting is not measured. `failed` tells the threads of a cell about each
    /// other's errors.
    pub(crate) fn connect(
        address: SocketAddr,
        connections: usize,
        workload: Box<dyn Workload>,
        failed: &'a AtomicBool,
    ) -> Result<Self, String> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|error| format!("epoll: {error}"))?;
        let tallies = vec![Tally::default(); workload.operations().len()];
        let connections = (0..connections).map(|_| Connection::new()).collect();
        let mut driver = Self {
            address,
            epoll,
            connections,
            workload,
            tallies,
            waiting: 0,
            failed,
        };
        for index in 0..driver.connections.len() {
            driver.open(index)?;
        }
        Ok(driver)
    }

    /// Runs until the window is over or the workload has nothing more to do.
    pub(crate) fn run(mut self, window: Window) -> Result<Vec<Tally>, String> {
        let done = self.run_window(window);
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        done.map(|()| self.tallies)
    }

    fn run_window(&mut self, window: Window) -> Result<(), String> {
        let mut scratch = vec![0; READ_BYTES];
        let mut events = Vec::with_capacity(1024);
        for index in 0..self.connections.len() {
            self.start(index, Instant::now(), window)?;
        }
        let gives_up_at = window.stops_at + window.grace;
        while self.waiting > 0 {
            if Instant::now() >= gives_up_at {
                return if window.grace.is_zero() {
                    Ok(())
                } else {
                    Err(format!("{} requests unanswered", self.waiting))
                };
            }
            if self.failed.load(Ordering::Relaxed) {
                return Err("stopped after another thread's error".into());
            }
            let tick = rustix::time::Timespec {
                tv_sec: 0,
                tv_nsec: 50_000_000,
            };
            events.clear();
            match epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                Some(&tick),
            ) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(format!("epoll wait: {error}")),
            }
            for event in &events {
                let event: &epoll::Event = event;
                self.ready(event.data.u64() as usize, &mut scratch, window)?;
            }
        }
        Ok(())
    }

    fn open(&mut self, index: usize) -> Result<(), String> {
        if let Some(stream) = self.connections[index].open(self.address)? {
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&self.epoll, stream, data, flags)
                .map_err(|error| format!("epoll add: {error}"))?;
        }
        Ok(())
    }

    fn start(&mut self, index: usize, now: Instant, window: Window) -> Result<(), String> {
        if now >= window.stops_at {
            return Ok(());
        }
        let connection = &mut self.connections[index];
        let Some(operation) = self.workload.next(index, connection.request()) else {
            return Ok(());
        };
        self.open(index)?;
        self.waiting += 1;
        self.connections[index].send(operation)
    }

    fn ready(&mut self, index: usize, scratch: &mut [u8], window: Window) -> Result<(), String> {
        let Self {
            connections,
            workload,
            tallies,
            ..
        } = self;
        let connection = &mut connections[index];
        if connection.waiting().is_some() {
            connection.flush()?;
        }
        let answered = connection.read(scratch, |waiting, response| {
            let name = workload.operations()[waiting.operation];
            if response.status != 200 {
                return Err(format!(
                    "{name}: HTTP {}: {}",
                    response.status,
                    excerpt(&response.body)
                ));
            }
            let now = Instant::now();
            let messages = workload.answered(index, waiting.operation, &response.body);
            let messages = messages.map_err(|reason| format!("{name}: {reason}"))?;
            let tally = &mut tallies[waiting.operation];
            if now >= window.counts_from && now < window.stops_at {
                tally.requests += 1;
                tally.messages += messages;
                if messages > 0 {
                    tally.last_at = Some(now);
                }
                // What is answered after the stop met a load that was fading away.
                if waiting.sent_at >= window.counts_from {
                    tally
                        .latency
                        .record((now - waiting.sent_at).as_nanos() as u64);
                }
            }
            Ok(now)
        })?;
        if let Some(now) = answered {
            self.waiting -= 1;
            self.start(index, now, window)?;
        }
        Ok(())
    }
}
