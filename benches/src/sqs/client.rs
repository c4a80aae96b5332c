//! One-off calls outside of measured windows: queues and their counts. Blocking, one connection.

use std::net::SocketAddr;

use serde_json::Value;

use crate::link::Link;
use crate::response::excerpt;
use crate::sign::Signer;
use crate::sqs::api::Operation;

/// Signed calls to one endpoint.
pub(crate) struct Client {
    link: Link,
    signer: Signer,
}

impl Client {
    /// A client that connects with its first call.
    pub(crate) fn new(address: SocketAddr, signer: Signer) -> Self {
        Self {
            link: Link::to(address),
            signer,
        }
    }

    /// Creates a queue; answers its URL.
    pub(crate) fn create_queue(&mut self, name: &str, kind: QueueKind) -> Result<String, String> {
        let attributes = match kind {
            QueueKind::Standard => String::new(),
            QueueKind::Fifo => r#","Attributes":{"FifoQueue":"true","DeduplicationScope":"messageGroup","FifoThroughputLimit":"perMessageGroupId"}"#.into(),
        };
        let answer = self.call(
            Operation::CreateQueue,
            &format!(r#"{{"QueueName":"{name}"{attributes}}}"#),
        )?;
        let url = answer.get("QueueUrl").and_then(Value::as_str);
        url.map(str::to_owned)
            .ok_or_else(|| format!("CreateQueue without QueueUrl: {answer}"))
    }

    /// Deletes a queue.
    pub(crate) fn delete_queue(&mut self, url: &str) -> Result<(), String> {
        self.call(
            Operation::DeleteQueue,
            &format!(r#"{{"QueueUrl":"{url}"}}"#),
        )
        .map(drop)
    }

    /// Messages that wait in a queue, in flight ones included.
    pub(crate) fn count(&mut self, url: &str) -> Result<u64, String> {
        const NAMES: [&str; 2] = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ];
        let body = format!(
            r#"{{"QueueUrl":"{url}","AttributeNames":["{}","{}"]}}"#,
            NAMES[0], NAMES[1]
        );
        let answer = self.call(Operation::GetQueueAttributes, &body)?;
        let number = |name| {
            answer
                .pointer(&format!("/Attributes/{name}"))
                .and_then(Value::as_str)?
                .parse::<u64>()
                .ok()
        };
        match NAMES.map(number) {
            [Some(visible), Some(in_flight)] => Ok(visible + in_flight),
            _ => Err(format!("no counts in {answer}")),
        }
    }

    /// Calls an operation; anything but 200 with JSON is an error.
    pub(crate) fn call(&mut self, operation: Operation, body: &str) -> Result<Value, String> {
        let answer = self
            .link
            .call(&mut self.signer, operation, body.as_bytes())?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer)
            .map_err(|error| format!("{operation:?}: {error}: {}", excerpt(&answer)))
    }
}

/// Kinds of queues the cells use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum QueueKind {
    /// Best effort order.
    Standard,
    /// High throughput mode, so that the quota of 300 per second (SQS-441) is not what is measured.
    Fifo,
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::limits::CALL_MAX;
    use crate::link::get;
    use crate::sign::Credentials;
    use crate::sqs::api::SQS;

    /// Answers each request of each connection in turn with the next of `answers`, cut into two writes.
    fn responder(answers: Vec<String>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            while let Ok((mut stream, _)) = listener.accept() {
                let mut buffer = vec![0; 64 << 10];
                while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {
                    let Some(answer) = answers.next() else { return };
                    let (first, second) = answer.split_at(answer.len() / 2);
                    let _ = stream
                        .write_all(first.as_bytes())
                        .and_then(|()| stream.write_all(second.as_bytes()));
                    if answer.contains("Connection: close") {
                        break;
                    }
                }
            }
        });
        address
    }

    fn http(status: u16, extra: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status} X\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn calls_survive_closed_connections_and_report_errors() {
        let counts = r#"{"Attributes":{"ApproximateNumberOfMessages":"40","ApproximateNumberOfMessagesNotVisible":"2"}}"#;
        let address = responder(vec![
            http(200, "", r#"{"QueueUrl":"http://h/0/q"}"#),
            http(200, "Connection: close\r\n", counts),
            http(
                400,
                "",
                r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#,
            ),
            http(200, "", ""),
        ]);
        let credentials = Credentials {
            access_key: "a".into(),
            secret_key: "b".into(),
            region: "us-east-1".into(),
        };
        let mut client = Client::new(
            address,
            Signer::new(&address.to_string(), &credentials, &SQS),
        );
        assert_eq!(
            client.create_queue("q", QueueKind::Fifo),
            Ok("http://h/0/q".into())
        );
        assert_eq!(client.count("http://h/0/q"), Ok(42));
        let refused = client
            .delete_queue("http://h/0/q")
            .expect_err("an error answer");
        assert!(
            refused.contains("HTTP 400") && refused.contains("QueueDoesNotExist"),
            "{refused}"
        );
        drop(client); // the responder serves one connection at a time
        assert_eq!(
            get(address, "/_waystation/health", CALL_MAX),
            Ok((200, Vec::new()))
        );
    }
}
