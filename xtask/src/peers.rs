//! Other servers of the same API, to measure beside ours: fetched at pinned versions into the target directory, started
//! on free ports for one run, and ended with it.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process;
use crate::tools;
use crate::tree::Tree;

/// How long a peer may take to listen.
const START_MAX: Duration = Duration::from_secs(60);

/// A server that can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// SQS on a Java virtual machine.
    ElasticMq,
    /// Many services, in Python.
    Moto,
    /// Kinesis, in JavaScript.
    Kinesalite,
}

/// Running peers; dropping them ends their processes.
pub(crate) struct Peers {
    running: Vec<Running>,
}

struct Running {
    name: &'static str,
    port: u16,
    child: Child,
    log: PathBuf,
}

impl Peers {
    /// Installs what is missing, starts every peer that is wanted and waits until it listens.
    pub(crate) fn start(tree: &Tree, wanted: &[Peer]) -> Result<Peers, String> {
        let mut peers = Peers {
            running: Vec::new(),
        };
        for peer in wanted {
            match peer {
                Peer::ElasticMq => {
                    let jars = elasticmq(tree)?;
                    peers.launch(tree, "elasticmq", |port| elasticmq_command(&jars, port))?;
                }
                Peer::Moto => {
                    let mut command = Command::new(moto(tree)?);
                    peers.launch(tree, "moto", |port| {
                        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                        command
                    })?;
                }
                Peer::Kinesalite => {
                    let mut command = Command::new("node");
                    command.arg(kinesalite(tree)?);
                    peers.launch(tree, "kinesalite", |port| {
                        command.args(["--shardLimit", "1000", "--port", &port.to_string()]);
                        command
                    })?;
                }
            }
        }
        for peer in &mut peers.running {
            peer.await_listening()?;
        }
        Ok(peers)
    }

    /// What the generator is told about them.
    pub(crate) fn flags(&self) -> Vec<String> {
        let flags = self.running.iter().flat_map(|peer| {
            let (name, port, pid) = (peer.name, peer.port, peer.child.id());
            [
                "--peer".to_owned(),
                format!("{name}=http://127.0.0.1:{port},{pid}"),
            ]
        });
        flags.collect()
    }

    fn launch(
        &mut self,
        tree: &Tree,
        name: &'static str,
        command: impl FnOnce(u16) -> Command,
    ) -> Result<(), String> {
        let port = free_port()?;
        let log = tree.target.join("peers").join(format!("{name}.log"));
        let said = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let complaints = said.try_clone().map_err(|error| error.to_string())?;
        let child = command(port)
            .stdin(Stdio::null())
            .stdout(said)
            .stderr(complaints)
            .spawn()
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        self.running.push(Running {
            name,
            port,
            child,
            log,
        });
        Ok(())
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        for peer in &mut self.running {
            let _ended_already = peer.child.kill();
            let _reaped = peer.child.wait();
        }
    }
}

impl Running {
    fn await_listening(&mut self) -> Result<(), String> {
        let started_at = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || started_at.elapsed() > START_MAX {
                let (name, log) = (self.name, self.log.display());
                return Err(format!("{name} does not listen; its log is {log}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

fn elasticmq_command(jars: &Path, port: u16) -> Command {
    let mut command = Command::new("java");
    command
        .arg(format!("-Drest-sqs.bind-port={port}"))
        .arg(format!("-Dnode-address.port={port}"))
        .args([
            "-Drest-sqs.bind-hostname=127.0.0.1",
            "-Dnode-address.host=127.0.0.1",
        ])
        .args(["-Drest-stats.enabled=false", "-cp"])
        .arg(jars.join("*"))
        .arg("org.elasticmq.server.Main");
    command
}

/// The directory with ElasticMQ and everything it depends on.
fn elasticmq(tree: &Tree) -> Result<PathBuf, String> {
    let pins = tree.root.join("benches/peers/pom.xml");
    let jars = tree.target.join("peers/elasticmq");
    let text = text_of(&pins)?;
    tools::debian("java", "default-jre-headless")?;
    tools::once(tree, "peer-elasticmq", &text, &jars, || {
        tools::debian("mvn", "maven")?;
        let mut maven = tree.command(Path::new("mvn"));
        maven.args(["--quiet", "--batch-mode", "--file"]).arg(&pins);
        maven
            .arg("dependency:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", jars.display()));
        process::run(&mut maven)
    })?;
    Ok(jars)
}

/// The program that serves moto; the Kinesis Client Library keeps its leases there in `tests/sdk`.
pub(crate) fn moto(tree: &Tree) -> Result<PathBuf, String> {
    let pins = tree.root.join("benches/peers/requirements.txt");
    let venv = tree.target.join("peers/moto");
    let server = venv.join("bin/moto_server");
    let text = text_of(&pins)?;
    tools::once(tree, "peer-moto", &text, &server, || {
        tools::make_venv(tree, &venv)?;
        let mut pip = tree.command(&venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--requirement"]);
        process::run(pip.arg(&pins))
    })?;
    Ok(server)
}

/// The program that serves kinesalite.
fn kinesalite(tree: &Tree) -> Result<PathBuf, String> {
    tools::debian("node", "nodejs")?;
    tools::debian("npm", "npm")?;
    let pins = tree.root.join("benches/peers/package.json");
    let directory = tree.target.join("peers/kinesalite");
    let modules = tools::npm(tree, "peer-kinesalite", &pins, &directory)?;
    Ok(modules.join("kinesalite/cli.js"))
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
