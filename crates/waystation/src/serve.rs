//! Puts the server together and runs it until it is told to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::signal::unix::{Signal, SignalKind, signal};
use waystation_auth::{Authenticator, Credentials, Defaults, Mode};
use waystation_cloudwatch::CloudWatch;
use waystation_delivery::post::Trust;
use waystation_delivery::signer::Signer;
use waystation_engine::{Budgets, Clock, Engine, Parts as EngineParts, Room, Running};
use waystation_frontdoor::{Answers, Config, FrontDoor, Parts, TestEndpoints, Tls as DoorTls};
use waystation_kinesis::Kinesis;
use waystation_sns::{Outside, Sns};
use waystation_sqs::Sqs;
use waystation_storage::{
    DataDirectory, Disk, FjallView, JournalOptions, StorageError, ViewOptions, VolatileDisk,
    priority,
};
use waystation_sts::Sts;
use waystation_wire::{Service, Str};

use crate::clock::EngineClock;
use crate::cloudwatch_metrics::CloudWatchMetrics;
use crate::no_functions::NoFunctions;
use crate::queue_metrics::QueueMetrics;
use crate::settings::{Auth, Data, Limits, Settings, Tls};
use crate::stream_metrics::StreamMetrics;
use crate::topic_metrics::TopicMetrics;
use crate::{
    EXIT_STORAGE, captured_endpoint, certificate_page, clock_endpoint, explain, greeting, metrics,
    peek_endpoint, reset_endpoint,
};

/// Runs the server; returns when it was stopped cleanly.
pub(crate) fn run(settings: Settings) -> Result<(), String> {
    tracing_subscriber::fmt()
        .with_max_level(settings.log)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let data = Arc::new(open_data(&settings.data)?);
    tracing::debug!("priority of the committer: {:?}", priority::mode());
    let (running, clock) = start_engine(&settings, &data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("http")
        .on_thread_start(|| priority::settle(priority::Role::Foreground))
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let outcome = runtime.block_on(serve(&settings, data.path(), running.engine(), &clock));
    runtime.shutdown_timeout(Duration::from_secs(1));
    running.stop();
    outcome
}

fn open_data(data: &Data) -> Result<DataDirectory, String> {
    // The secret of a directory that has none: below this crate nobody asks for randomness.
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh)
        .map_err(|error| format!("cannot draw random bytes from the system: {error}"))?;
    match data {
        Data::Kept(directory) => DataDirectory::open(directory, fresh),
        Data::Ephemeral => DataDirectory::ephemeral(fresh),
    }
    .map_err(|error| explain(&error))
}

fn start_engine(
    settings: &Settings,
    data: &Arc<DataDirectory>,
) -> Result<(Running, Arc<EngineClock>), String> {
    let mut disk: Arc<dyn Disk> = data.journal_disk();
    if let Some(delay_ms) = settings.volatile_writes_ms {
        disk = Arc::new(VolatileDisk::new(disk, Duration::from_millis(delay_ms)));
    }
    let view = FjallView::open(&data.view_path(), ViewOptions::default())
        .map_err(|error| explain(&error))?;
    let started = Arc::new(std::sync::OnceLock::new());
    let keep = started.clone();
    let opened = waystation_engine::open(EngineParts {
        disk,
        view: Arc::new(view),
        journal: JournalOptions {
            durability: settings.durability,
            ..JournalOptions::default()
        },
        budgets: Budgets {
            page_bytes_max: settings.index_memory_bytes,
            ..Budgets::default()
        },
        workers: settings.workers,
        secret: data.secret(),
        clock: Box::new(move |latest_ms, offset_ms| {
            let clock = Arc::new(EngineClock::start(latest_ms, offset_ms));
            let _first = keep.set(clock.clone());
            clock as Arc<dyn Clock>
        }),
        on_room: on_room(data.clone()),
        on_failure: Box::new(|error| {
            tracing::error!(
                "the disk failed: {}. Nothing more is acknowledged; what was acknowledged is on \
                 disk. Restart to recover",
                explain(error)
            );
            std::process::exit(EXIT_STORAGE);
        }),
    })
    .map_err(|error| explain(&error))?;
    let clock = started
        .get()
        .cloned()
        .ok_or_else(|| "the engine did not start its clock".to_string())?;
    let running = Running::start(opened).map_err(|error| explain(&error))?;
    Ok((running, clock))
}

/// Keeps a ballast while there is room and gives it up when there is none, so that a checkpoint can
/// still be written on a full disk; says so when that changes.
fn on_room(data: Arc<DataDirectory>) -> Box<dyn Fn(Room) + Send + Sync> {
    let known = std::sync::Mutex::new(Room::Enough);
    Box::new(move |room| {
        let mut known = known
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let changed = *known != room;
        *known = room;
        drop(known);
        let settled = match room {
            Room::Enough => data.restore_ballast(),
            Room::Full => data.release_ballast(),
        };
        if changed && room == Room::Full {
            tracing::error!(
                "the disk is full: sends are refused until there is room, receives and deletes go on"
            );
        } else if changed {
            tracing::info!("the disk has room again: sends are accepted");
        }
        if let Err(error) = settled
            && !matches!(error, StorageError::StorageFull)
        {
            tracing::warn!("the ballast file: {}", explain(&error));
        }
    })
}

/// Account and region of requests that do not say.
fn defaults(settings: &Settings) -> Defaults {
    Defaults {
        account: Str::from(settings.account.clone()),
        region: Str::from(settings.region.clone()),
    }
}

/// How requests are authenticated, and the credentials that a signal reads again.
fn authentication(auth: &Auth) -> Result<(Mode, Option<Arc<Credentials>>), String> {
    Ok(match auth {
        Auth::Open => (Mode::Open, None),
        Auth::Verify(file) => {
            let loaded = Credentials::load(file).map_err(|error| explain(&error))?;
            let loaded = Arc::new(loaded);
            (Mode::Verify(loaded.clone()), Some(loaded))
        }
    })
}

async fn serve(
    settings: &Settings,
    directory: &Path,
    engine: &Engine,
    clock: &Arc<EngineClock>,
) -> Result<(), String> {
    let (mode, credentials) = authentication(&settings.auth)?;
    let defaults = defaults(settings);
    let Services {
        sqs,
        sns,
        kinesis,
        signer,
    } = services(settings, engine)?;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics::EngineMetrics(engine.clone())));
    let cloudwatch = Arc::new(CloudWatch::new());
    registry.register_collector(Box::new(CloudWatchMetrics(cloudwatch.store())));
    registry.register_collector(Box::new(TopicMetrics(sns.clone())));
    let queue_metrics = QueueMetrics::default();
    registry.register_collector(Box::new(queue_metrics.clone()));
    registry.register_collector(Box::new(StreamMetrics(Arc::clone(&kinesis))));
    let mut test_routes = Vec::new();
    if settings.test_clock {
        test_routes.push(clock_endpoint::route(engine.clone(), clock.clone()));
    }
    if settings.test_endpoints {
        test_routes.extend(peek_endpoint::routes(&sqs, &settings.region));
        test_routes.extend(captured_endpoint::routes(&sns, &defaults));
        test_routes.push(reset_endpoint::route(&sqs, &sns, &kinesis));
    }
    let door = FrontDoor::bind(
        door_config(settings, directory),
        Parts {
            services: vec![
                Arc::clone(&sqs) as Arc<dyn Service>,
                sns,
                kinesis,
                Arc::new(Sts),
                cloudwatch,
            ],
            authenticator: Authenticator::new(mode, defaults),
            registry,
            refresh: vec![queue_metrics.refresh(&sqs)],
            test_routes,
            pages: vec![certificate_page::route(signer)],
        },
    )
    .map_err(|error| explain(&error))?;
    settings.declarations.create(&sqs).await?;
    // Before the greeting: whoever reads it may stop the server at once.
    let signals =
        Signals::listen().map_err(|error| format!("cannot listen to signals: {error}"))?;
    greeting::print(settings, door.addresses(), directory);
    let ending = engine.clone();
    let shutdown = async move {
        signals.stop_asked(credentials).await;
        tracing::info!("stopping: answering what is under way");
        ending.end_waiting();
    };
    door.run(shutdown).await.map_err(|error| explain(&error))?;
    Ok(())
}

/// The services and what they share.
struct Services {
    sqs: Arc<Sqs>,
    sns: Arc<Sns>,
    kinesis: Arc<Kinesis>,
    signer: Arc<Signer>,
}

fn services(settings: &Settings, engine: &Engine) -> Result<Services, String> {
    let limits = match settings.limits {
        Limits::None => waystation_sns::Limits::None,
        Limits::Aws => waystation_sns::Limits::Aws,
    };
    let runtime = tokio::runtime::Handle::current();
    let spawn = Box::new({
        let runtime = runtime.clone();
        move |task| drop(runtime.spawn(task))
    });
    let signer = Arc::new(Signer::new(engine.clone()));
    let sqs = Arc::new(Sqs::new(engine.clone(), limits, spawn, signer.clone()));
    sqs.resume_move_tasks().map_err(|error| error.message)?;
    let outside = Outside {
        queues: sqs.clone(),
        functions: Arc::new(NoFunctions),
        signer: signer.clone(),
        trust: trust(settings)?,
    };
    let sns = Arc::new(Sns::new(engine.clone(), limits, outside));
    sns.start_deliveries();
    let kinesis = start_kinesis(settings, engine, runtime);
    Ok(Services {
        sqs,
        sns,
        kinesis,
        signer,
    })
}

/// Whom HTTPS endpoints of subscriptions may be vouched for by.
fn trust(settings: &Settings) -> Result<Trust, String> {
    let Some(file) = &settings.trusted_ca else {
        return Trust::new(None).map_err(|error| explain(&error));
    };
    let wrong = |error: String| format!("--trusted-ca {}: {error}", file.display());
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    Trust::new(Some(&pem)).map_err(|error| wrong(error.to_string()))
}

fn start_kinesis(
    settings: &Settings,
    engine: &Engine,
    runtime: tokio::runtime::Handle,
) -> Arc<Kinesis> {
    let limits = match settings.limits {
        Limits::None => waystation_kinesis::Limits::None,
        Limits::Aws => waystation_kinesis::Limits::Aws,
    };
    let spawn = Arc::new(move |task| drop(runtime.spawn(task)));
    let kinesis = Arc::new(Kinesis::new(engine.clone(), limits, spawn));
    kinesis.start();
    kinesis
}

fn door_config(settings: &Settings, directory: &Path) -> Config {
    let test_endpoints = if settings.test_clock || settings.test_endpoints {
        TestEndpoints::OnLoopback
    } else {
        TestEndpoints::Off
    };
    Config {
        addresses: settings.addresses.clone(),
        port: settings.port,
        tls: settings.tls.as_ref().map(|tls| match tls {
            Tls::SelfSigned => DoorTls::SelfSigned {
                directory: directory.join("tls"),
            },
            Tls::Given { certificate, key } => DoorTls::Given {
                certificate: certificate.clone(),
                key: key.clone(),
            },
        }),
        cors_origins: settings.cors_origins.clone(),
        hosts: settings.hosts.clone(),
        test_endpoints,
        answers: if settings.bare {
            Answers::Bare
        } else {
            Answers::Services
        },
        ..Config::default()
    }
}

/// What the process can be asked by signal.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Resolves when the process is asked to stop; reloads credentials on SIGHUP meanwhile.
    async fn stop_asked(mut self, credentials: Option<Arc<Credentials>>) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => match credentials.as_ref().map(|known| known.reload()) {
                    Some(Ok(count)) => tracing::info!("credentials read again: {count} keys"),
                    Some(Err(error)) => {
                        tracing::error!("credentials stay as they were: {}", explain(&error));
                    }
                    None => {}
                },
            }
        }
    }
}
