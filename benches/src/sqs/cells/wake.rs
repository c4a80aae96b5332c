//! How long a waiting receiver waits for a message that is sent now.

use std::time::{Duration, Instant};

use crate::histogram::Histogram;
use crate::limits::CALL_MAX;
use crate::link::Link;
use crate::options::Options;
use crate::report::Row;
use crate::response::excerpt;
use crate::scan;
use crate::sqs::api::Operation;
use crate::sqs::client::QueueKind;
use crate::sqs::requests;
use crate::sqs::session::Session;
use crate::targets::Target;

/// Time the receive gets to reach the server and park before the message is sent.
const PARKED_AFTER: Duration = Duration::from_millis(3);

/// One receiver, one sender, one message at a time: from the first byte of the send to the last byte of the receive.
pub(crate) fn run(cell: &str, target: &Target, options: &Options) -> Result<Vec<Row>, String> {
    let mut session = Session::open(target)?;
    let url = session.queues(1, QueueKind::Standard)?.swap_remove(0);
    let mut pair = Pair {
        receiver: Link::to(session.at.address),
        sender: Link::to(session.at.address),
        url,
        body: requests::random_body(&mut fastrand::Rng::new(), 1024),
    };
    let (mut woken, mut acknowledged) = (Histogram::default(), Histogram::default());
    let ends_at = Instant::now() + options.measured;
    while Instant::now() < ends_at {
        let took = pair.send_to_waiting_receiver(&mut session)?;
        woken.record(took.received.as_nanos() as u64);
        acknowledged.record(took.acknowledged.as_nanos() as u64);
    }
    let row = Row::new(cell, target.name())
        .with("connections", 2.0)
        .with("messages", woken.total() as f64)
        .with_latency(&woken)
        .noting("send to waiting receiver, nothing else going on");
    let sends = Row::new("  send", target.name()).with_latency(&acknowledged);
    Ok(vec![row, sends])
}

struct Pair {
    receiver: Link,
    sender: Link,
    url: String,
    body: String,
}

/// Both times count from the first byte of the send.
struct Took {
    received: Duration,
    acknowledged: Duration,
}

impl Pair {
    fn send_to_waiting_receiver(&mut self, session: &mut Session) -> Result<Took, String> {
        let (mut receive, mut send, mut text) = (Vec::new(), Vec::new(), String::new());
        let signer = &mut session.signer;
        signer.refresh();
        let body = requests::receive(&self.url, 1, 20);
        signer.write(&mut receive, Operation::ReceiveMessage, body.as_bytes());
        requests::send(&mut text, &self.url, &self.body, None);
        signer.write(&mut send, Operation::SendMessage, text.as_bytes());

        self.receiver.start(&receive, CALL_MAX)?;
        std::thread::sleep(PARKED_AFTER);
        let sent_at = Instant::now();
        self.sender.start(&send, CALL_MAX)?;
        // Read on another thread, or the second answer's time would include waiting for the first.
        let (received, acknowledged) = std::thread::scope(|scope| {
            let reader = scope.spawn(|| (self.sender.finish(), sent_at.elapsed()));
            let received = (self.receiver.finish(), sent_at.elapsed());
            (received, reader.join())
        });
        let acknowledged = acknowledged.map_err(|_| "the reading thread panicked")?;
        accept("send", acknowledged.0?)?;
        let answer = accept("receive", received.0?)?;
        let handle = scan::strings(&answer, "ReceiptHandle").next();
        let handle = handle.ok_or_else(|| format!("nothing received: {}", excerpt(&answer)))?;
        requests::delete(&mut text, &self.url, handle);
        session.client.call(Operation::DeleteMessage, &text)?;
        Ok(Took {
            received: received.1,
            acknowledged: acknowledged.1,
        })
    }
}

fn accept(operation: &str, (status, body): (u16, Vec<u8>)) -> Result<Vec<u8>, String> {
    match status {
        200 => Ok(body),
        _ => Err(format!("{operation}: HTTP {status}: {}", excerpt(&body))),
    }
}
