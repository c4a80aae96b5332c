//! A server that topics and queues are made at, and blocking connections to it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::process::Sample;
use crate::response;
use crate::sns::Options;

static NAMES: AtomicU64 = AtomicU64::new(1);

/// A server under measurement.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) host: String,
    process: Option<(Child, PathBuf)>,
}

impl Service {
    /// Starts a server of ours on an empty directory.
    pub(crate) fn start(options: &Options) -> Result<Service, String> {
        let shown = |error: std::io::Error| error.to_string();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let host = port.map_err(shown)?.to_string();
        let directory =
            PathBuf::from(&options.data_dir).join(format!("bench-sns-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).map_err(shown)?;
        let child = Command::new(&options.server)
            // AWS's rates of the account would end the larger fan-outs while they subscribe.
            .args(["--listen", &host, "--limits", "none", "--log", "error"])
            .arg("--data-dir")
            .arg(directory.join("data"))
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", options.server))?;
        let service = Service {
            name: "waystation".to_owned(),
            host,
            process: Some((child, directory)),
        };
        let started = Instant::now();
        while service.link().get("/_waystation/health").is_err() {
            if started.elapsed() > Duration::from_secs(20) {
                return Err("the server does not serve".to_owned());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(service)
    }

    /// A server that somebody else started.
    pub(crate) fn remote(name: &str, host: &str) -> Service {
        Service {
            name: name.to_owned(),
            host: host.to_owned(),
            process: None,
        }
    }

    /// A new connection.
    pub(crate) fn link(&self) -> Link {
        Link {
            host: self.host.clone(),
            stream: None,
            buffer: Vec::new(),
        }
    }

    /// CPU time of our own server so far.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let (child, _) = self.process.as_ref()?;
        Sample::take(child.id()).ok().map(|sample| sample.cpu)
    }

    /// Whether nothing waits to be delivered to queues. A server of somebody else is believed to deliver before it answers.
    pub(crate) fn has_delivered(&self) -> Result<bool, String> {
        if self.process.is_none() {
            return Ok(true);
        }
        let metrics = self.link().get("/metrics")?;
        let waiting = between(&metrics, "\nwaystation_outbox_bytes ", "\n")?;
        Ok(waiting == "0")
    }

    /// A new topic.
    pub(crate) fn topic(&self) -> Result<String, String> {
        let name = format!("t{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let answer = self
            .link()
            .form("sns", &[("Action", "CreateTopic"), ("Name", &name)])?;
        between(&answer, "<TopicArn>", "</TopicArn>")
    }

    /// A new queue: ARN and URL.
    pub(crate) fn queue(&self, link: &mut Link) -> Result<(String, String), String> {
        let name = format!("q{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let answer = link.form("sqs", &[("Action", "CreateQueue"), ("QueueName", &name)])?;
        let url = between(&answer, "<QueueUrl>", "</QueueUrl>")?;
        let mut parts = url.rsplit('/');
        let (Some(name), Some(account)) = (parts.next(), parts.next()) else {
            return Err(format!("{url} is no queue"));
        };
        Ok((
            format!("arn:aws:sqs:us-east-1:{account}:{name}"),
            url.clone(),
        ))
    }

    /// Subscribes so many new queues, several at a time; `attributes` gives those of each number.
    pub(crate) fn subscribe_queues(
        &self,
        topic: &str,
        count: usize,
        attributes: &(dyn Fn(usize) -> Vec<(&'static str, String)> + Sync),
    ) -> Result<(), String> {
        let threads = count.clamp(1, 16);
        let worker = |first: usize| -> Result<(), String> {
            let mut link = self.link();
            for number in (first..count).step_by(threads) {
                let (arn, _) = self.queue(&mut link)?;
                link.subscribe(topic, "sqs", &arn, &attributes(number))?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|first| scope.spawn(move || worker(first)))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().map_err(|_| "a thread panicked".to_owned())?)
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some((child, directory)) = &mut self.process {
            let _ended_already = child.kill();
            let _reaped = child.wait();
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// The text between two others.
pub(crate) fn between(text: &str, before: &str, after: &str) -> Result<String, String> {
    let found = text
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(after));
    found
        .map(|(found, _)| found.to_owned())
        .ok_or(format!("no {before} in {text}"))
}

/// A kept-open connection.
pub(crate) struct Link {
    host: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Link {
    /// A request of a service as bytes: a form that says for whom it is and proves nothing.
    pub(crate) fn request(&self, service: &str, parameters: &[(&str, &str)]) -> Vec<u8> {
        let version = if service == "sns" {
            "2010-03-31"
        } else {
            "2012-11-05"
        };
        let mut form = format!("Version={version}");
        for (name, value) in parameters {
            form.push_str(&format!("&{}={}", encoded(name), encoded(value)));
        }
        let scope = format!("AKIAWAYSTATIONBENCH0/20260101/us-east-1/{service}/aws4_request");
        format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={}\r\nContent-Length: {}\r\n\r\n{form}",
            self.host,
            "0".repeat(64),
            form.len()
        )
        .into_bytes()
    }

    /// Calls an operation; anything but 200 is an error.
    pub(crate) fn form(
        &mut self,
        service: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, String> {
        let request = self.request(service, parameters);
        self.exchange(&request)
    }

    /// A GET.
    pub(crate) fn get(&mut self, path: &str) -> Result<String, String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.exchange(request.as_bytes())
    }

    /// Subscribe; the answer.
    pub(crate) fn subscribe(
        &mut self,
        topic: &str,
        protocol: &str,
        endpoint: &str,
        attributes: &[(&'static str, String)],
    ) -> Result<String, String> {
        let names: Vec<_> = (1..=attributes.len())
            .map(|number| ["key", "value"].map(|part| format!("Attributes.entry.{number}.{part}")))
            .collect();
        let mut parameters = vec![
            ("Action", "Subscribe"),
            ("TopicArn", topic),
            ("Protocol", protocol),
            ("Endpoint", endpoint),
            ("ReturnSubscriptionArn", "true"),
        ];
        for ([key, value], (name, text)) in names.iter().zip(attributes) {
            parameters.push((key, name));
            parameters.push((value, text));
        }
        self.form("sns", &parameters)
    }

    /// Sends bytes and reads the answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<String, String> {
        let shown = |error: std::io::Error| error.to_string();
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.host).map_err(shown)?;
            stream.set_nodelay(true).map_err(shown)?;
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .map_err(shown)?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().ok_or("no connection")?;
        stream.write_all(request).map_err(shown)?;
        self.buffer.clear();
        let mut chunk = [0; 16 << 10];
        loop {
            let bytes = stream.read(&mut chunk).map_err(shown)?;
            if bytes == 0 {
                self.stream = None;
                return Err("the connection was closed".to_owned());
            }
            self.buffer
                .extend_from_slice(chunk.get(..bytes).unwrap_or_default());
            if let Some(answer) = response::parse(&self.buffer)? {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                let (status, closes) = (answer.status, answer.close);
                if closes {
                    self.stream = None;
                }
                return match status {
                    200 => Ok(text),
                    _ => Err(format!("status {status}: {text}")),
                };
            }
        }
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte as char)
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
