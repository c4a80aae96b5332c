//! Commands and answers in one line each, without their bodies.

use std::fmt::Write;

use crate::operation::{Answer, Request};

/// What was asked.
pub(crate) fn of_request(request: &Request) -> String {
    match request {
        Request::Send { queue, drafts } => {
            let mut line = format!("send {:x}", queue.0);
            for draft in drafts.iter().take(10) {
                let _ = write!(
                    line,
                    " [{} bytes, delay {:?}, group {:?}, dedup {:?}]",
                    draft.body.len(),
                    draft.delay_ms,
                    draft.group,
                    draft.dedup
                );
            }
            let _ = write!(line, " {} in all", drafts.len());
            line
        }
        Request::Publish {
            topic,
            publications,
        } => {
            let mut line = format!("publish {:x}", topic.0);
            for publication in publications.iter().take(10) {
                let bytes: Vec<usize> = publication.bodies.iter().map(|b| b.len()).collect();
                let _ = write!(line, " [bodies {bytes:?} {:?}]", publication.targets);
            }
            let _ = write!(line, " {} in all", publications.len());
            line
        }
        other => {
            let mut line = format!("{other:?}");
            if let Some(queue) = other.queue() {
                let _ = write!(line, " {:x}", queue.0);
            }
            line
        }
    }
}

/// What came back.
pub(crate) fn of_answer(answer: &Answer) -> String {
    let Answer::Received(Ok(delivered)) = answer else {
        return format!("{answer:?}");
    };
    let mut line = format!("received {}", delivered.len());
    for message in delivered {
        let _ = write!(
            line,
            " [{} of {:x}/{}, {} bytes, count {}, sent {}, tag {:x}]",
            message.sequence,
            message.identity.queue.0,
            message.identity.sequence,
            message.body.len(),
            message.receive_count,
            message.sent_ms,
            message.receipt.tag
        );
    }
    line
}
