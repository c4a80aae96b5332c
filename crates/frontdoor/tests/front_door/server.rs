//! A front door for one test, on a free port, stopped when dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use waystation_auth::{Authenticator, Credentials, Defaults, Mode};
use waystation_frontdoor::prometheus_client::registry::Registry;
use waystation_frontdoor::{Config, Drained, FrontDoor, InternalRoute, Parts};

use crate::client::Client;
use crate::test_service::{StreamsService, TestService};

pub(crate) const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET_KEY: &str = "secret";

pub(crate) struct Server {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) service: Arc<TestService>,
    /// The signal that services see.
    pub(crate) stop: watch::Sender<bool>,
    shutdown: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Drained>>,
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) fn open() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::build(change, Mode::Open, Vec::new())
    }

    pub(crate) fn verifying() -> Self {
        let credentials = Credentials::parse(&format!("{ACCESS_KEY} {SECRET_KEY}")).unwrap();
        Self::build(|_| {}, Mode::Verify(Arc::new(credentials)), Vec::new())
    }

    pub(crate) fn build(
        change: impl FnOnce(&mut Config),
        mode: Mode,
        test_routes: Vec<InternalRoute>,
    ) -> Self {
        let mut config = Config {
            port: 0,
            ..Config::default()
        };
        change(&mut config);
        let (stop, stopped) = watch::channel(false);
        let service = Arc::new(TestService {
            stop: stopped,
            calls: AtomicUsize::new(0),
            ended: Arc::default(),
        });
        let parts = Parts {
            services: vec![service.clone(), Arc::new(StreamsService)],
            authenticator: Authenticator::new(mode, Defaults::default()),
            registry: Registry::default(),
            refresh: Vec::new(),
            test_routes,
            pages: Vec::new(),
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (shutdown, asked) = oneshot::channel();
        let front_door = runtime.block_on(async { FrontDoor::bind(config, parts).unwrap() });
        let addresses = front_door.addresses().to_vec();
        let running = runtime.spawn(async move {
            let shutdown = async {
                let _ = asked.await;
            };
            front_door.run(shutdown).await.unwrap()
        });
        Self {
            addresses,
            service,
            stop,
            shutdown: Some(shutdown),
            running: Some(running),
            runtime: Some(runtime),
        }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.addresses[0])
    }

    /// Begins the shutdown without waiting for its end.
    pub(crate) fn shut_down(&mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            let _ = shutdown.send(());
        }
    }

    pub(crate) fn wait_until_drained(&mut self) -> Drained {
        let running = self.running.take().unwrap();
        self.runtime.as_ref().unwrap().block_on(running).unwrap()
    }

    /// Waits until `calls` handlers have begun.
    pub(crate) fn wait_for_calls(&self, calls: usize) {
        wait_until_at_least(calls, &self.service.calls);
    }

    /// Waits until `streams` streams have come to an end.
    pub(crate) fn wait_for_ends(&self, streams: usize) {
        wait_until_at_least(streams, &self.service.ended);
    }
}

fn wait_until_at_least(wanted: usize, counter: &AtomicUsize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while counter.load(Ordering::SeqCst) < wanted {
        assert!(
            Instant::now() < deadline,
            "the count does not come to {wanted}"
        );
        std::thread::yield_now();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
