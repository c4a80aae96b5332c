//! The measurements, in the order in which they run.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::endpoints::Endpoints;
use super::service::{Service, between};
use crate::process::Clocks;
use crate::sns::Options;

const BODY_BYTES: usize = 1_024;
/// After the last publish; slower deliveries fail the cell.
const DELIVERED_WITHIN: Duration = Duration::from_secs(120);
/// Long enough for a thousand attempts that nobody listens for.
const FAILED_WITHIN: Duration = Duration::from_secs(3);
/// Messages of the latency cell that do not count.
const WARMING: usize = 20;

/// A measured fan-out.
struct Fan {
    subscriptions: usize,
    /// How many of them get the message.
    matching: usize,
    is_raw: bool,
}

impl Fan {
    const fn all(subscriptions: usize, is_raw: bool) -> Fan {
        Fan {
            subscriptions,
            matching: subscriptions,
            is_raw,
        }
    }
}

#[rustfmt::skip] // a table: one row, one line
const FANS: &[(&str, Fan)] = &[
    ("raw-1", Fan::all(1, true)),
    ("raw-10", Fan::all(10, true)),
    ("raw-100", Fan::all(100, true)),
    ("raw-10k", Fan::all(10_000, true)),
    ("envelope-1", Fan::all(1, false)),
    ("envelope-10", Fan::all(10, false)),
    ("envelope-100", Fan::all(100, false)),
    ("raw-5", Fan::all(5, true)),
    ("filtered-10k", Fan { subscriptions: 10_000, matching: 5, is_raw: true }),
];

/// Cells that peers run too.
const PEER_CELLS: [&str; 3] = ["raw-1", "raw-10", "envelope-10"];

/// Runs the chosen cells.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let wanted =
        |name: &str| options.cells.is_empty() || options.cells.iter().any(|cell| cell == name);
    say(&format!(
        "{:<18} {:<12} {:>12} {:>13} {:>12} {:>13} {:>7}",
        "cell", "server", "publishes/s", "deliveries/s", "us/publish", "us/delivery", "other%"
    ))?;
    for (name, fan) in FANS.iter().filter(|(name, _)| wanted(name)) {
        let own = Service::start(options)?;
        say(&fan_out(options, &own, name, fan)?)?;
        drop(own);
        for (peer, host) in options.peers.iter().filter(|_| PEER_CELLS.contains(name)) {
            say(&fan_out(options, &Service::remote(peer, host), name, fan)?)?;
        }
    }
    for (name, others) in [
        ("http", Others::None),
        ("http-slow", Others::Slow),
        ("http-dead", Others::Dead),
    ] {
        if wanted(name) {
            say(&endpoints(options, name, others)?)?;
        }
    }
    if wanted("latency") {
        say(&latency(options, &Service::start(options)?)?)?;
        for (peer, host) in &options.peers {
            say(&latency(options, &Service::remote(peer, host))?)?;
        }
    }
    Ok(())
}

fn say(line: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())
}

/// Publishing to queues.
fn fan_out(options: &Options, service: &Service, name: &str, fan: &Fan) -> Result<String, String> {
    let topic = service.topic()?;
    let attributes = |number: usize| {
        let mut attributes = Vec::new();
        if fan.is_raw {
            attributes.push(("RawMessageDelivery", "true".to_owned()));
        }
        if fan.matching < fan.subscriptions {
            let wants = if number < fan.matching {
                "all".to_owned()
            } else {
                format!("c{number}")
            };
            attributes.push(("FilterPolicy", format!(r#"{{"customer":["{wants}"]}}"#)));
        }
        attributes
    };
    service.subscribe_queues(&topic, fan.subscriptions, &attributes)?;
    let load = Load {
        topic: &topic,
        done: &|_| service.has_delivered(),
    };
    load.run(options, service, options.measured / 5)?;
    let found = load.run(options, service, options.measured)?;
    Ok(found.row(name, service, found.publishes as f64 * fan.matching as f64))
}

/// Publishing over all connections.
struct Load<'a> {
    topic: &'a str,
    /// Whether so many publishes have been delivered; asked after the last one.
    done: &'a dyn Fn(u64) -> Result<bool, String>,
}

/// What a load came to, from the first publish to the last delivery: an answered publish is stored, not delivered.
struct Found {
    publishes: u64,
    /// The part in which there were publishes.
    publishing: Duration,
    took: Duration,
    cpu: Option<Duration>,
    other: f64,
}

impl Load<'_> {
    /// Publishes for so long; who is told that too much waits to be delivered waits a little.
    fn run(&self, options: &Options, service: &Service, length: Duration) -> Result<Found, String> {
        let body = "x".repeat(BODY_BYTES);
        let parameters = [
            ("Action", "Publish"),
            ("TopicArn", self.topic),
            ("Message", &body),
            ("MessageAttributes.entry.1.Name", "customer"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "all"),
        ];
        let request = service.link().request("sns", &parameters);
        let count = AtomicU64::new(0);
        let (clocks, cpu) = (Clocks::now(), service.cpu());
        let ends = clocks.at + length;
        let publisher = || -> Result<(), String> {
            let mut link = service.link();
            while Instant::now() < ends {
                match link.exchange(&request) {
                    Ok(_) => drop(count.fetch_add(1, Ordering::Relaxed)),
                    Err(reason) if reason.starts_with("status 429") => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(reason) => return Err(reason),
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..options.connections)
                .map(|_| scope.spawn(publisher))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().map_err(|_| "a publisher panicked")?)
        })?;
        let publishing = clocks.at.elapsed();
        let publishes = count.into_inner();
        while !(self.done)(publishes)? {
            if clocks.at.elapsed() > length + DELIVERED_WITHIN {
                return Err("not everything was delivered".to_owned());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let cpu = service.cpu().zip(cpu).map(|(after, before)| after - before);
        Ok(Found {
            publishes,
            publishing,
            took: clocks.at.elapsed(),
            other: Clocks::now().other_share_since(&clocks, cpu.unwrap_or_default()),
            cpu,
        })
    }
}

impl Found {
    fn row(&self, name: &str, service: &Service, deliveries: f64) -> String {
        let mut line = format!(
            "{name:<18} {:<12} {:>12.0} {:>13.0}",
            service.name,
            self.publishes as f64 / self.publishing.as_secs_f64(),
            deliveries / self.took.as_secs_f64()
        );
        let each = |count: f64| {
            self.cpu.map_or("-".to_owned(), |cpu| {
                format!("{:.1}", cpu.as_secs_f64() * 1e6 / count.max(1.0))
            })
        };
        let _ = write!(
            line,
            " {:>12} {:>13} {:>7.0}",
            each(self.publishes as f64),
            each(deliveries),
            self.other * 100.0
        );
        line
    }
}

/// Endpoints beside the healthy ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    None,
    /// One whose every answer takes a second.
    Slow,
    /// A thousand that nobody listens for, each with a message that is tried again.
    Dead,
}

const HEALTHY: usize = 10;
const DEAD: usize = 1_000;

/// Publishing to ten healthy endpoints; the rate is that of what they took.
fn endpoints(options: &Options, name: &str, others: Others) -> Result<String, String> {
    let service = Service::start(options)?;
    let topic = service.topic()?;
    let healthy = Endpoints::listen(Duration::ZERO)?;
    subscribe(&service, &topic, &healthy, HEALTHY)?;
    let slow = Endpoints::listen(Duration::from_secs(1))?;
    if others == Others::Slow {
        subscribe(&service, &topic, &slow, 1)?;
    }
    if others == Others::Dead {
        let crowd = service.topic()?;
        let gone = Endpoints::listen(Duration::ZERO)?;
        subscribe(&service, &crowd, &gone, DEAD)?;
        gone.stop();
        service.link().form(
            "sns",
            &[
                ("Action", "Publish"),
                ("TopicArn", &crowd),
                ("Message", "m"),
            ],
        )?;
        // Their first attempts fail at once; what is measured is what retries cost that wait.
        std::thread::sleep(FAILED_WITHIN);
    }
    let taken = || healthy.taken.load(Ordering::Relaxed);
    // One connection at a quarter of the time: endpoints are slower than publishes, and all is waited for.
    let few = Options {
        connections: 1,
        ..options.clone()
    };
    let load = Load {
        topic: &topic,
        done: &|publishes| Ok(taken() >= publishes * HEALTHY as u64),
    };
    let found = load.run(&few, &service, options.measured / 4)?;
    Ok(found.row(name, &service, taken() as f64))
}

/// Subscribes paths of a listener and confirms them.
fn subscribe(
    service: &Service,
    topic: &str,
    endpoints: &Endpoints,
    count: usize,
) -> Result<(), String> {
    let mut link = service.link();
    for number in 0..count {
        let url = format!("http://{}/{number}", endpoints.address);
        link.subscribe(topic, "http", &url, &[])?;
        let token = endpoints.token()?;
        link.form(
            "sns",
            &[
                ("Action", "ConfirmSubscription"),
                ("TopicArn", topic),
                ("Token", &token),
            ],
        )?;
    }
    Ok(())
}

/// From the first byte of a publish to the last byte of the receive that waits for it, one message at a time.
fn latency(options: &Options, service: &Service) -> Result<String, String> {
    let topic = service.topic()?;
    let mut link = service.link();
    let (arn, url) = service.queue(&mut link)?;
    link.subscribe(
        &topic,
        "sqs",
        &arn,
        &[("RawMessageDelivery", "true".to_owned())],
    )?;
    let body = "x".repeat(BODY_BYTES);
    let receive = [
        ("Action", "ReceiveMessage"),
        ("QueueUrl", url.as_str()),
        ("WaitTimeSeconds", "20"),
    ];
    let (mut times, mut received) = (Vec::new(), 0);
    let ends = Instant::now() + options.measured;
    while Instant::now() < ends {
        let (sent, answer) = std::thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let answer = service.link().form("sqs", &receive);
                (Instant::now(), answer)
            });
            std::thread::sleep(Duration::from_millis(5));
            let sent = Instant::now();
            link.form(
                "sns",
                &[
                    ("Action", "Publish"),
                    ("TopicArn", &topic),
                    ("Message", &body),
                ],
            )?;
            let received = receiver
                .join()
                .map_err(|_| "the receiver panicked".to_owned())?;
            Ok::<_, String>((sent, received))
        })?;
        let (at, answer) = answer;
        let handle = between(&answer?, "<ReceiptHandle>", "</ReceiptHandle>")?;
        received += 1;
        if received > WARMING {
            times.push(at.duration_since(sent));
        }
        let delete = [
            ("Action", "DeleteMessage"),
            ("QueueUrl", url.as_str()),
            ("ReceiptHandle", &handle),
        ];
        link.form("sqs", &delete)?;
    }
    times.sort_unstable();
    let part = |percent: usize| {
        let time = times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    Ok(format!(
        "{:<18} {:<12} p50 {:.2} ms, p99 {:.2} ms of {} messages, publish to waiting receiver",
        "latency",
        service.name,
        part(50),
        part(99),
        times.len()
    ))
}
