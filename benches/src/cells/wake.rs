//! How long a waiting receiver waits for a message that is sent now.

use std::time::{Duration, Instant};

use crate::client::{Client, QueueKind};
use crate::histogram::Histogram;
use crate::limits::CALL_MAX;
use crate::options::Options;
use crate::report::Row;
use crate::requests;
use crate::sender::excerpt;
use crate::sign::Operation;
use crate::targets::{Session, Target};

/// Time the receive gets to reach the server and park before the message is sent.
const PARKED_AFTER: Duration = Duration::from_millis(3);

/// One receiver, one sender, one message at a time: from the first byte of the send to the last byte of the receive.
pub(crate) fn run(cell: &str, target: &Target, options: &Options) -> Result<Vec<Row>, String> {
    let mut session = target.open()?;
    let url = session.queues(1, QueueKind::Standard)?.swap_remove(0);
    let mut receiver = Client::new(session.address, session.signer.clone());
    let mut latency = Histogram::default();
    let ends_at = Instant::now() + options.measured;
    let body = requests::random_body(&mut fastrand::Rng::new(), 1024);
    while Instant::now() < ends_at {
        latency.record(once(&mut session, &mut receiver, &url, &body)?.as_nanos() as u64);
    }
    let row = Row::new(cell, target.name())
        .with("connections", 2.0)
        .with("messages", latency.total() as f64);
    Ok(vec![
        row.with_latency(&latency)
            .noting("send to waiting receiver, idle server"),
    ])
}

fn once(
    session: &mut Session,
    receiver: &mut Client,
    url: &str,
    body: &str,
) -> Result<Duration, String> {
    session.signer.refresh();
    let (mut receive, mut send) = (Vec::new(), Vec::new());
    session.signer.write(
        &mut receive,
        Operation::ReceiveMessage,
        requests::receive(url, 1, 20).as_bytes(),
    );
    let mut text = String::new();
    requests::send(&mut text, url, body, None);
    session
        .signer
        .write(&mut send, Operation::SendMessage, text.as_bytes());

    receiver.start(&receive, CALL_MAX)?;
    std::thread::sleep(PARKED_AFTER);
    let sent_at = Instant::now();
    session.client.start(&send, CALL_MAX)?;
    let (received, answer) = receiver.finish()?;
    let took = sent_at.elapsed();
    let (sent, acknowledged) = session.client.finish()?;
    if (received, sent) != (200, 200) {
        return Err(format!(
            "HTTP {received} and {sent}: {} {}",
            excerpt(&answer),
            excerpt(&acknowledged)
        ));
    }
    let Some(handle) = requests::strings(&answer, "ReceiptHandle").next() else {
        return Err(format!("the receiver got nothing: {}", excerpt(&answer)));
    };
    requests::delete(&mut text, url, handle);
    receiver.call(Operation::DeleteMessage, &text)?;
    Ok(took)
}
