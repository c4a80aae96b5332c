//! One measured run: threads drive connections, the coordinator samples the server's counters around the window.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Barrier, OnceLock};
use std::time::{Duration, Instant};

use crate::driver::{Driver, Tally, Window};
use crate::limits::DRAIN_GRACE;
use crate::options::Options;
use crate::process::{Clocks, Sample};
use crate::server::Journal;
use crate::targets::Running;
use crate::workload::Workload;

/// Makes the workload of a thread from the thread's number and the number of its connections.
pub(crate) type Workloads<'a> = dyn Fn(usize, usize) -> Box<dyn Workload> + 'a;

/// What to run, and for how long.
pub(crate) struct Load {
    /// Where the requests go.
    pub(crate) address: SocketAddr,
    /// Connections, shared out evenly among the threads.
    pub(crate) connections: usize,
    /// Generator threads.
    pub(crate) threads: usize,
    /// Time that is not counted.
    pub(crate) warm_up: Duration,
    /// Time that is counted; a workload that finishes earlier ends it.
    pub(crate) measured: Duration,
    /// How long late answers are awaited; zero abandons them.
    pub(crate) grace: Duration,
    /// The server's process, where it is known.
    pub(crate) pid: Option<u32>,
}

/// What a run found.
pub(crate) struct Measurement {
    /// Length of the counted time.
    pub(crate) seconds: f64,
    /// Tally per operation, in the workload's order.
    pub(crate) operations: Vec<(&'static str, Tally)>,
    /// The server's counters before and after.
    pub(crate) server: Option<(Sample, Sample)>,
    /// What the server's journal did.
    pub(crate) journal: Option<Journal>,
    /// CPU time of the generator.
    pub(crate) generator_cpu: Duration,
    /// Share of the machine's CPU that neither the server nor the generator used.
    pub(crate) other_cpu_share: f64,
}

impl Load {
    /// A load of the usual kind: a fifth of the measured time, at most two seconds, warms up.
    pub(crate) fn usual(
        at: &Running,
        options: &Options,
        connections: usize,
        measured: Duration,
    ) -> Self {
        Self {
            address: at.address,
            connections,
            threads: options.threads,
            warm_up: (options.measured / 5).min(Duration::from_secs(2)),
            measured,
            grace: DRAIN_GRACE,
            pid: at.pid,
        }
    }

    /// Runs the workloads. Any error answer, on any thread, is the result.
    pub(crate) fn run(&self, workloads: &Workloads<'_>) -> Result<Measurement, String> {
        let threads = self.threads.min(self.connections).max(1);
        let shares: Vec<usize> = (0..threads)
            .map(|thread| (self.connections + thread) / threads)
            .collect();
        let (barrier, window, failed) = (
            Barrier::new(threads + 1),
            OnceLock::new(),
            AtomicBool::new(false),
        );
        std::thread::scope(|scope| {
            let started = shares.iter().enumerate().map(|(thread, share)| {
                let workload = workloads(thread, *share);
                let (barrier, window, failed) = (&barrier, &window, &failed);
                scope.spawn(move || {
                    let driver = Driver::connect(self.address, *share, workload, failed);
                    barrier.wait();
                    barrier.wait();
                    let window: &Window = window.get().ok_or("no window")?;
                    driver?.run(*window)
                })
            });
            let running: Vec<_> = started.collect();
            barrier.wait();
            let counts_from = Instant::now() + self.warm_up;
            let set = window.get_or_init(|| Window {
                counts_from,
                stops_at: counts_from + self.measured,
                grace: self.grace,
            });
            barrier.wait();
            let finished = || running.iter().all(|thread| thread.is_finished());
            let counters = self.counters_around(*set, &finished)?;
            let tallies = running
                .into_iter()
                .map(|thread| thread.join().map_err(|_| "a generator thread panicked")?);
            let tallies: Vec<Vec<Tally>> = first_cause(tallies.collect())?;
            Ok(self.measurement(*set, workloads(0, 0).operations(), &tallies, counters))
        })
    }

    fn counters_around(
        &self,
        window: Window,
        finished: &dyn Fn() -> bool,
    ) -> Result<[Counters; 2], String> {
        wait_until(window.counts_from, finished);
        let before = Counters::take(self)?;
        wait_until(window.stops_at, finished);
        Ok([before, Counters::take(self)?])
    }

    fn measurement(
        &self,
        window: Window,
        names: &[&'static str],
        tallies: &[Vec<Tally>],
        counters: [Counters; 2],
    ) -> Measurement {
        let mut operations: Vec<(&'static str, Tally)> =
            names.iter().map(|name| (*name, Tally::default())).collect();
        for thread in tallies {
            for ((_, sum), tally) in operations.iter_mut().zip(thread) {
                sum.merge(tally);
            }
        }
        let [before, after] = counters;
        let ended_early = after.clocks.at < window.stops_at;
        let last_at = operations
            .iter()
            .filter_map(|(_, tally)| tally.last_at)
            .max();
        let ended_at = last_at.filter(|_| ended_early).unwrap_or(window.stops_at);
        let server = before.server.zip(after.server);
        let server_cpu = server.map_or(Duration::ZERO, |(before, after)| after.cpu - before.cpu);
        Measurement {
            seconds: (ended_at - window.counts_from).as_secs_f64().max(1e-9),
            operations,
            server,
            journal: before
                .journal
                .zip(after.journal)
                .map(|(before, after)| after.since(&before)),
            generator_cpu: after.clocks.generator - before.clocks.generator,
            other_cpu_share: after.clocks.other_share_since(&before.clocks, server_cpu),
        }
    }
}

impl Measurement {
    /// Answers inside the window, of all operations.
    pub(crate) fn requests(&self) -> u64 {
        self.operations
            .iter()
            .map(|(_, tally)| tally.requests)
            .sum()
    }

    /// Messages that the last operation moved: those that went all the way.
    pub(crate) fn messages(&self) -> u64 {
        self.operations
            .last()
            .map_or(0, |(_, tally)| tally.messages)
    }

    /// CPU time of the server.
    pub(crate) fn server_cpu(&self) -> Option<Duration> {
        self.server.map(|(before, after)| after.cpu - before.cpu)
    }

    /// Bytes the server caused to be written.
    pub(crate) fn written_bytes(&self) -> Option<u64> {
        let (before, after) = self.server?;
        Some(after.written_bytes?.saturating_sub(before.written_bytes?))
    }
}

#[derive(Clone, Copy)]
struct Counters {
    clocks: Clocks,
    server: Option<Sample>,
    journal: Option<Journal>,
}

impl Counters {
    fn take(load: &Load) -> Result<Self, String> {
        let server = load.pid.map(Sample::take).transpose()?;
        let journal = server.and_then(|_| Journal::read(load.address));
        Ok(Self {
            clocks: Clocks::now(),
            server,
            journal,
        })
    }
}

/// The error that made the others stop, not one that only reports having been stopped.
fn first_cause<T>(results: Vec<Result<T, String>>) -> Result<Vec<T>, String> {
    let causes = results.iter().filter_map(|result| result.as_ref().err());
    match causes.min_by_key(|reason| reason.starts_with("stopped after")) {
        Some(reason) => Err(reason.clone()),
        None => results.into_iter().collect(),
    }
}

/// Sleeps in short steps, so that a cell that finishes early is sampled when it does.
fn wait_until(instant: Instant, finished: &dyn Fn() -> bool) {
    while !finished() {
        let left = instant.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(5)));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::sign::{Credentials, Signer};
    use crate::sqs::api::SQS;
    use crate::sqs::sender::{SendPlan, Sender};
    use crate::sqs::workloads::Sends;
    use crate::targets::Answers;
    use crate::workload::Budget;

    /// Answers every request of every connection with `answer(number of the request)`.
    fn responder(answer: fn(u64) -> String) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                std::thread::spawn(move || {
                    let mut request = vec![0; 64 << 10];
                    for number in 0.. {
                        let answer = answer(number);
                        let heard = stream.read(&mut request).is_ok_and(|bytes| bytes > 0);
                        let closes = answer.contains("Connection: close");
                        if !heard || stream.write_all(answer.as_bytes()).is_err() || closes {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn run(
        answer: fn(u64) -> String,
        answers: Answers,
        messages: u64,
    ) -> Result<Measurement, String> {
        let address = responder(answer);
        let load = Load {
            address,
            connections: 5,
            threads: 2,
            warm_up: Duration::ZERO,
            measured: Duration::from_secs(20),
            grace: Duration::from_secs(1),
            pid: Some(std::process::id()),
        };
        let text = || "x".to_owned();
        let credentials = Credentials {
            access_key: text(),
            secret_key: text(),
            region: text(),
        };
        let plan = SendPlan {
            queue_urls: vec![text()],
            body_bytes: 100,
            batch: 1,
            groups: None,
            answers,
        };
        let budget = Budget::of(messages);
        load.run(&|thread, _| {
            let signer = Signer::new("h", &credentials, &SQS);
            let random = fastrand::Rng::with_seed(thread as u64);
            let sender = Sender::new(plan.clone(), signer, random);
            Box::new(Sends {
                sender,
                budget: budget.clone(),
            })
        })
    }

    fn http(head: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn every_answer_is_counted_once_and_closed_connections_are_opened_again() {
        let answer: fn(u64) -> String = |number| {
            let last = number % 3 == 2;
            let head = if last {
                "200 OK\r\nConnection: close"
            } else {
                "200 OK"
            };
            http(head, r#"{"MessageId":"1"}"#)
        };
        let found = run(answer, Answers::Acknowledge, 200).expect("no errors");
        assert_eq!((found.messages(), found.requests()), (200, 200));
        let latency = &found.operations.first().expect("one operation").1.latency;
        assert_eq!(latency.total(), 200);
        assert!(found.seconds < 15.0 && latency.max_ns() > 0 && found.server_cpu().is_some());
    }

    #[test]
    fn one_error_answer_fails_the_whole_run() {
        let fails_late: fn(u64) -> String = |number| match number {
            7 => http("500 Oops", "broken pipe dream"),
            _ => http("200 OK", ""),
        };
        let reason = run(fails_late, Answers::Bare, 1_000_000)
            .err()
            .expect("refused");
        assert_eq!(reason, "send: HTTP 500: broken pipe dream");
    }

    #[test]
    fn an_answer_without_acknowledgement_is_an_error() {
        let reason = run(|_| http("200 OK", "{}"), Answers::Acknowledge, 10)
            .err()
            .expect("refused");
        assert!(reason.contains("0 of 1 messages acknowledged"), "{reason}");
    }
}
