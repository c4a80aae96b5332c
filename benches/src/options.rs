//! The command line.

use std::path::PathBuf;
use std::time::Duration;

/// What the caller wants.
#[derive(Clone)]
pub(crate) struct Options {
    /// Names of the cells; empty for all.
    pub(crate) cells: Vec<String>,
    /// Counted time per cell.
    pub(crate) measured: Duration,
    /// How large the cells are.
    pub(crate) scale: Scale,
    /// Messages of the backlog cells, instead of their own numbers.
    pub(crate) backlog: Option<u64>,
    /// Megabytes that a stream retains in the cell about that, instead of its own number.
    pub(crate) retained_mb: Option<u64>,
    /// Idle long polls.
    pub(crate) polls: usize,
    /// Generator threads.
    pub(crate) threads: usize,
    /// The server binary.
    pub(crate) server: PathBuf,
    /// Further server arguments.
    pub(crate) server_arguments: Vec<String>,
    /// Where server data and flush tests go.
    pub(crate) data_dir: PathBuf,
    /// Value of the server's `--durability`.
    pub(crate) durability: String,
    /// Use this running server instead of starting one.
    pub(crate) endpoint: Option<Remote>,
    /// Other servers to compare with.
    pub(crate) peers: Vec<Remote>,
    /// Region to sign for.
    pub(crate) region: String,
    /// Access key to sign with.
    pub(crate) access_key: String,
    /// Its secret.
    pub(crate) secret_key: String,
    /// Where JSON lines go; `-` is the standard output, instead of the table.
    pub(crate) json: Option<String>,
}

/// Whether a run is a measurement or a smoke test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scale {
    /// Everything in under a minute.
    Small,
    /// Sizes of the published tables.
    Full,
}

/// A server that somebody else started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Remote {
    /// Name in the table.
    pub(crate) name: String,
    /// `host:port`.
    pub(crate) host: String,
    /// Its process, for CPU time and memory.
    pub(crate) pid: Option<u32>,
}

impl Options {
    /// Reads the arguments after the program's name; `sqs` as first word is allowed and the default.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter().map(String::as_str).peekable();
        rest.next_if_eq(&"sqs");
        let scale = arguments.iter().position(|argument| argument == "--scale");
        if scale
            .and_then(|at| arguments.get(at + 1))
            .is_some_and(|value| value == "small")
        {
            options.make_small();
        }
        while let Some(flag) = rest.next() {
            let value = rest
                .next()
                .ok_or_else(|| format!("{flag} needs a value (--help lists the flags)"))?;
            options.set(flag, value)?;
        }
        Ok(options)
    }

    fn make_small(&mut self) {
        self.scale = Scale::Small;
        self.measured = Duration::from_secs(1);
        self.polls = 1000;
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{flag} {value}: not a number"))
        };
        match flag {
            "--cells" => self.cells = value.split(',').map(str::to_owned).collect(),
            "--seconds" => self.measured = Duration::from_secs(number()?.clamp(1, 3600)),
            "--scale" if matches!(value, "small" | "full") => {}
            "--backlog" => self.backlog = Some(number()?.max(1)),
            "--retained-mb" => self.retained_mb = Some(number()?.max(1)),
            "--polls" => {
                self.polls = number()?.clamp(1, crate::limits::CONNECTIONS_MAX as u64) as usize
            }
            "--threads" => self.threads = number()?.clamp(1, 256) as usize,
            "--server" => self.server = value.into(),
            "--server-arg" => self.server_arguments.push(value.to_owned()),
            "--data-dir" => self.data_dir = value.into(),
            "--durability" => value.clone_into(&mut self.durability),
            "--endpoint" => self.endpoint = Some(Remote::parse("endpoint", value)?),
            "--peer" => {
                let (name, url) = value.split_once('=').ok_or("--peer NAME=URL[,PID]")?;
                self.peers.push(Remote::parse(name, url)?);
            }
            "--region" => value.clone_into(&mut self.region),
            "--access-key" => value.clone_into(&mut self.access_key),
            "--secret-key" => value.clone_into(&mut self.secret_key),
            "--json" => self.json = Some(value.to_owned()),
            _ => return Err(format!("{flag} {value}: unknown (--help lists the flags)")),
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        let own = std::env::current_exe().unwrap_or_default();
        let folder = own.parent().map(PathBuf::from).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cells: Vec::new(),
            measured: Duration::from_secs(5),
            scale: Scale::Full,
            backlog: None,
            retained_mb: None,
            polls: 10_000,
            threads: (cores / 2).max(1),
            server: folder.join("waystation"),
            server_arguments: Vec::new(),
            data_dir: folder,
            durability: "strict".into(),
            endpoint: None,
            peers: Vec::new(),
            region: "us-east-1".into(),
            access_key: "AKIAWAYSTATIONBENCH0".into(),
            secret_key: "waystation/bench/secret/key/for/tests/00".into(),
            json: None,
        }
    }
}

impl Remote {
    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let (url, pid) = text
            .split_once(',')
            .map_or((text, None), |(url, pid)| (url, Some(pid)));
        let host = url
            .strip_prefix("http://")
            .ok_or_else(|| format!("{url}: only http:// is spoken here"))?;
        let host = host.trim_end_matches('/');
        if host.contains('/') {
            return Err(format!("{url}: an endpoint has no path"));
        }
        let host = if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let pid = pid
            .map(|digits| {
                digits
                    .parse()
                    .map_err(|_| format!("{digits}: not a process id"))
            })
            .transpose()?;
        Ok(Self {
            name: name.to_owned(),
            host,
            pid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse(
            &text
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn explicit_values_win_over_the_scale() {
        let options = parse("sqs --seconds 3 --scale small --cells a,b").expect("valid");
        assert_eq!(
            (options.measured.as_secs(), options.polls, options.scale),
            (3, 1000, Scale::Small)
        );
        assert_eq!(options.cells, ["a", "b"]);
    }

    #[test]
    fn peers_have_a_name_a_host_and_maybe_a_process() {
        let options =
            parse("--peer moto=http://127.0.0.1:5000/ --peer other=http://host,77").expect("valid");
        let [moto, other] = &options.peers[..] else {
            panic!("two peers")
        };
        assert_eq!(
            (moto.name.as_str(), moto.host.as_str(), moto.pid),
            ("moto", "127.0.0.1:5000", None)
        );
        assert_eq!((other.host.as_str(), other.pid), ("host:80", Some(77)));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("--seconds", "needs a value"),
            ("--seconds many", "not a number"),
            ("--speed 9", "unknown"),
            ("--endpoint https://h", "only http://"),
            ("--scale medium", "unknown"),
        ] {
            let reason = parse(text).err().unwrap_or_default();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }
}
