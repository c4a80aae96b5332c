//! A server and the streams made on it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kinesis::api::{Encoding, Operation};
use crate::limits::CALL_MAX;
use crate::link::Link;
use crate::response::excerpt;
use crate::sign::Signer;
use crate::targets::{Answers, Running, Target};

/// Between two looks at something that is being made.
const LOOK: Duration = Duration::from_millis(5);

/// A server that answers, and the streams made on it.
pub(crate) struct Session {
    /// The server.
    pub(crate) at: Running,
    link: Link,
    signer: Signer,
    streams: Vec<String>,
}

impl Session {
    /// Starts or finds the server.
    pub(crate) fn open(target: &Target) -> Result<Self, String> {
        let at = target.start()?;
        Ok(Self {
            link: Link::to(at.address),
            signer: at.signer(Encoding::Json.api()),
            at,
            streams: Vec::new(),
        })
    }

    /// Signs for this server's host.
    pub(crate) fn signer(&self, encoding: Encoding) -> Signer {
        self.at.signer(encoding.api())
    }

    /// Makes a stream with a name that no earlier run used, and waits until it takes records.
    pub(crate) fn stream(&mut self, shards: usize) -> Result<String, String> {
        let name = format!("bench-{:08x}-{}", fastrand::u32(..), self.streams.len());
        if self.at.answers == Answers::Bare {
            return Ok(name);
        }
        self.call(
            Operation::CreateStream,
            &json!({"StreamName": name, "ShardCount": shards}),
        )?;
        self.streams.push(name.clone());
        self.await_status(
            Operation::DescribeStreamSummary,
            &json!({"StreamName": name}),
            "/StreamDescriptionSummary/StreamStatus",
        )?;
        Ok(name)
    }

    /// Registers consumers of a stream and waits until they may subscribe; their ARNs.
    pub(crate) fn consumers(&mut self, stream: &str, count: usize) -> Result<Vec<String>, String> {
        let found = self.call(
            Operation::DescribeStreamSummary,
            &json!({"StreamName": stream}),
        )?;
        let stream_arn = text(&found, "/StreamDescriptionSummary/StreamARN")?;
        let mut arns = Vec::new();
        for number in 0..count {
            let name = format!("consumer-{number}");
            let made = self.call(
                Operation::RegisterStreamConsumer,
                &json!({"StreamARN": stream_arn, "ConsumerName": name}),
            )?;
            arns.push(text(&made, "/Consumer/ConsumerARN")?);
        }
        for arn in &arns {
            self.await_status(
                Operation::DescribeStreamConsumer,
                &json!({"ConsumerARN": arn}),
                "/ConsumerDescription/ConsumerStatus",
            )?;
        }
        Ok(arns)
    }

    /// Kills the process and starts it again; how long until it was ready.
    pub(crate) fn kill_and_restart(&mut self) -> Result<Duration, String> {
        let took = self.at.kill_and_restart()?;
        self.link = Link::to(self.at.address);
        Ok(took)
    }

    fn await_status(
        &mut self,
        operation: Operation,
        body: &Value,
        pointer: &str,
    ) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let found = self.call(operation, body)?;
            if text(&found, pointer)? == "ACTIVE" {
                return Ok(());
            }
            if began.elapsed() > CALL_MAX {
                return Err(format!("not ACTIVE after {CALL_MAX:?}: {found}"));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn call(&mut self, operation: Operation, body: &Value) -> Result<Value, String> {
        let body = body.to_string();
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

impl Drop for Session {
    /// Leaves other people's servers as they were found; our own goes away with its directory.
    fn drop(&mut self) {
        if !self.at.is_ours() {
            for name in std::mem::take(&mut self.streams) {
                let _ = self.call(Operation::DeleteStream, &json!({"StreamName": name}));
            }
        }
    }
}

/// The name of a stream's shard.
pub(crate) fn shard_id(index: usize) -> String {
    format!("shardId-{index:012}")
}

fn text(found: &Value, pointer: &str) -> Result<String, String> {
    let text = found.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| format!("no {pointer} in {found}"))
}
