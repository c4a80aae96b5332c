//! Archives and cursors under a seed: publishes that a log keeps, a cursor that passes entries on while others are
//! published, and crashes at any moment.
//!
//! The reference is exact. In the end the log holds every message once, and is the order of all. A queue that hears
//! directly has the same, so no publish is in the log and not in the queue or the other way round. A queue whose reader has a
//! cursor from time to time has what it heard before each, then everything from where that was opened: nothing twice, nothing
//! missing, in order, whichever way it came.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use fastrand::Rng;
use waystation_engine::{
    Advance, AtEnd, CatalogChange, CatalogEffect, Cursor, CursorMove, Engine, EngineError, Expect,
    Label, LogConfig, LogId, LogRead, Logging, PeekRequest, Publication, QueueConfig, QueueId,
    QueueKind, Scope, States, Target,
};

use crate::machine::Machine;
use crate::profile::{Profile, WORKERS};

const DAY_MS: u64 = 86_400_000;
const PUBLISHERS: usize = 3;
/// Each publisher's messages.
const MESSAGES: u64 = 12;
const OPENINGS: u64 = 2;
const DIRECT: Label = Label([1; 16]);
const BEHIND: Label = Label([2; 16]);
const ROUNDS_MAX: u64 = 20_000;

/// Where everything is.
#[derive(Clone, Copy)]
struct Places {
    topic: QueueId,
    log: LogId,
    direct: QueueId,
    behind: QueueId,
}

/// What a client heard.
enum Heard {
    Made,
    Published(usize, Result<(), EngineError>),
    Opened,
    /// The cursor is closed.
    CaughtUp,
}

type Asked = Pin<Box<dyn Future<Output = Heard>>>;

struct Story {
    rng: Rng,
    machine: Machine,
    places: Option<Places>,
    asked: Vec<Asked>,
    bodies: Vec<Bytes>,
    /// Messages each publisher got an answer for, and whether it waits for one.
    done: [u64; PUBLISHERS],
    busy: [bool; PUBLISHERS],
    /// Where cursors were opened.
    openings: Vec<u64>,
    reader: Reader,
}

#[derive(Clone, Copy, PartialEq)]
enum Reader {
    /// It hears directly.
    Direct,
    Opening,
    Behind,
}

impl Story {
    fn new(seed: u64) -> Story {
        let mut rng = Rng::with_seed(seed);
        let spills = rng.bool();
        let profile = Profile {
            rots: false,
            flip_one_in: 0,
            room_segments: 1 << 20,
            tight: false,
            spills,
            log_page_entries: [3, 40][rng.usize(0..2)],
            remembered_bytes: [0, 4000][rng.usize(0..2)],
            ..Profile::draw(&mut rng, 0)
        };
        let bodies = (0..PUBLISHERS as u64 * MESSAGES).map(|number| {
            let mut body = number.to_be_bytes().to_vec();
            // Some are cut in chunks.
            let sizes = [0, 100, 3_000, 400_000];
            body.resize(8 + sizes[rng.usize(0..sizes.len())], number as u8);
            Bytes::from(body)
        });
        let bodies = bodies.collect();
        let mut machine = Machine::new(seed, &profile);
        machine.start().expect("starts");
        Story {
            rng,
            machine,
            places: None,
            asked: Vec::new(),
            bodies,
            done: [0; PUBLISHERS],
            busy: [false; PUBLISHERS],
            openings: Vec::new(),
            reader: Reader::Direct,
        }
    }

    /// Topic, log and queues come to be.
    fn create(&mut self) -> Places {
        let engine = self.machine.engine();
        let topic = engine.new_queue_id();
        let places = Places {
            topic,
            log: engine.new_log_id_beside(topic),
            direct: engine.new_queue_id(),
            behind: engine.new_queue_id(),
        };
        self.places = Some(places);
        let queue = |id, kind| {
            let config = QueueConfig {
                kind,
                retention_ms: DAY_MS,
                delay_ms: 0,
                redrive: None,
            };
            CatalogEffect::Configure(id, config)
        };
        let retention_ms = DAY_MS;
        let effects = vec![
            queue(topic, QueueKind::Fifo),
            queue(places.direct, QueueKind::Standard),
            queue(places.behind, QueueKind::Standard),
            CatalogEffect::ConfigureLog(places.log, LogConfig { retention_ms }),
        ];
        self.asked.push(write(engine, effects, || Heard::Made));
        self.rest();
        places
    }

    /// One step of whatever can happen.
    fn act(&mut self, places: Places) {
        match self.rng.u32(0..1_000) {
            0..8 => self.crash(),
            8..300 => self.ask(places),
            300..600 => {
                let worker = self.rng.usize(0..WORKERS);
                self.machine.manual().run_worker(worker);
            }
            600..800 => {
                let _any = self.machine.manual().commit_next().expect("no fault");
            }
            800..900 => {
                let _any = self.machine.manual().fetch_next();
            }
            900..980 => self.checkpoint(),
            _ => self.machine.clock.advance(self.rng.u64(0..20)),
        }
        self.hear();
    }

    /// Goes on with a checkpoint: it takes many steps, and matters only when it comes to its end.
    fn checkpoint(&mut self) {
        for _ in 0..self.rng.u32(0..200) {
            let advance = self.machine.manual().checkpoint_step();
            if advance.expect("no fault") == Advance::Blocked {
                return;
            }
        }
    }

    fn ask(&mut self, places: Places) {
        let engine = self.machine.engine();
        let publisher = self.rng.usize(0..=PUBLISHERS);
        if publisher < PUBLISHERS {
            let number = self.done[publisher];
            if !self.busy[publisher] && number < MESSAGES {
                self.busy[publisher] = true;
                let number = publisher as u64 * MESSAGES + number;
                let body = self.bodies[number as usize].clone();
                let asked = publish(engine, places, number, body);
                let heard = async move { Heard::Published(publisher, asked.await) };
                self.asked.push(Box::pin(heard));
            }
        } else if self.reader == Reader::Direct && (self.openings.len() as u64) < OPENINGS {
            // As many as that are in the log for sure.
            let position = self.rng.u64(0..=self.done.iter().sum());
            self.openings.push(position);
            self.open(places);
        }
    }

    fn open(&mut self, places: Places) {
        self.reader = Reader::Opening;
        let cursor = Cursor {
            number: self.openings.len() as u64,
            position: self.openings.last().copied().unwrap_or(0),
        };
        let effect = CatalogEffect::OpenCursor(places.log, BEHIND, cursor);
        let engine = self.machine.engine();
        self.asked
            .push(write(engine, vec![effect], || Heard::Opened));
    }

    fn follow(&mut self, places: Places) {
        self.reader = Reader::Behind;
        let engine = self.machine.engine();
        let number = self.openings.len() as u64;
        self.asked.push(Box::pin(async move {
            forward(&engine, places, number).await;
            Heard::CaughtUp
        }));
    }

    /// Takes the answers that are there.
    fn hear(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut heard = Vec::new();
        self.asked
            .retain_mut(|asked| match asked.as_mut().poll(&mut context) {
                Poll::Ready(answer) => {
                    heard.push(answer);
                    false
                }
                Poll::Pending => true,
            });
        for answer in heard {
            match answer {
                Heard::Made => {}
                Heard::Published(publisher, result) => {
                    result.expect("nothing refuses it");
                    self.busy[publisher] = false;
                    self.done[publisher] += 1;
                }
                Heard::Opened => {
                    let places = self.places.expect("it was made");
                    self.follow(places);
                }
                Heard::CaughtUp => self.reader = Reader::Direct,
            }
        }
    }

    /// Power goes, or the process; whoever got no answer asks again.
    fn crash(&mut self) {
        self.asked.clear();
        self.busy = [false; PUBLISHERS];
        match self.rng.bool() {
            true => self.machine.lose_power(&mut self.rng),
            false => {
                self.machine.stop();
                self.machine.disk.restart();
            }
        }
        self.machine.clock.advance(self.rng.u64(0..3));
        self.machine.view.calm();
        self.machine.start().expect("starts");
        if let Some(places) = self.places {
            match self.reader {
                Reader::Direct => {}
                Reader::Opening => self.open(places),
                Reader::Behind => self.follow(places),
            }
        }
    }

    /// Goes on until every question is answered and nothing is under way.
    fn rest(&mut self) {
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            for worker in 0..WORKERS {
                self.machine.manual().run_worker(worker);
            }
            let _any = self.machine.manual().commit_next().expect("no fault");
            while self.machine.manual().fetch_next() {}
            self.hear();
            quiet = if self.asked.is_empty() { quiet + 1 } else { 0 };
            if quiet > 10 {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn answer<T: 'static>(&mut self, asked: impl Future<Output = T> + 'static) -> T {
        let mut asked: Pin<Box<dyn Future<Output = T>>> = Box::pin(asked);
        for _ in 0..ROUNDS_MAX {
            if let Poll::Ready(answer) =
                asked.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                return answer;
            }
            self.rest();
        }
        panic!("no answer");
    }

    /// What a queue holds, in its order.
    fn held(&mut self, queue: QueueId) -> Vec<Bytes> {
        let engine = self.machine.engine();
        self.answer(async move {
            let (mut bodies, mut from) = (Vec::new(), Some(0));
            while let Some(start) = from {
                let request = PeekRequest {
                    from: start,
                    max: 1_000,
                    bytes_max: u64::MAX,
                    states: States::ALL,
                };
                let page = engine.queue(queue).peek(request).await.expect("there");
                bodies.extend(page.messages.into_iter().map(|seen| seen.message.body));
                from = page.next;
            }
            bodies
        })
    }

    fn logged(&mut self, log: LogId) -> Vec<Bytes> {
        let engine = self.machine.engine();
        self.answer(async move {
            let (mut bodies, mut from) = (Vec::new(), 0);
            loop {
                let batch = engine
                    .log(log)
                    .read(some(from, 1_000))
                    .await
                    .expect("there");
                bodies.extend(batch.entries.into_iter().map(|entry| entry.body));
                from = batch.next;
                if batch.at_tip {
                    return bodies;
                }
            }
        })
    }

    fn check(&mut self, places: Places, seed: u64) {
        let logged = self.logged(places.log);
        let (mut all, mut sorted) = (self.bodies.clone(), logged.clone());
        all.sort();
        sorted.sort();
        assert!(all == sorted, "seed {seed}: {} entries", logged.len());
        let place = |body: &Bytes| logged.iter().position(|logged| logged == body);
        let direct = self.held(places.direct);
        let direct: Vec<_> = direct.iter().map(place).collect();
        let expected: Vec<_> = (0..logged.len()).map(Some).collect();
        assert_eq!(direct, expected, "seed {seed}: who hears directly");
        let behind = self.held(places.behind);
        let behind: Vec<_> = behind.iter().map(place).collect();
        let (mut next, mut openings) = (0, self.openings.iter().map(|at| *at as usize));
        for found in &behind {
            let found = found.expect("it was published");
            let follows = found == next || openings.any(|at| at == found);
            assert!(
                follows,
                "seed {seed}: {next} is missing or came before: {behind:?}, opened at {:?}",
                self.openings
            );
            next = found + 1;
        }
        assert_eq!(next, logged.len(), "seed {seed}: the last are missing");
    }
}

fn some(from: u64, entries_max: usize) -> LogRead {
    LogRead {
        from,
        entries_max,
        bytes_max: u64::MAX,
        wait_ms: 0,
    }
}

fn write(engine: Engine, effects: Vec<CatalogEffect>, heard: fn() -> Heard) -> Asked {
    let change = CatalogChange {
        path: b"row".to_vec(),
        expect: Expect::Any,
        value: Some(Bytes::from_static(b"value")),
        effects,
    };
    Box::pin(async move {
        let scope = Scope::new("000000000000", "eu-west-1");
        let written = engine.write_catalog(&scope, vec![change]).await;
        written.expect("nothing refuses it");
        heard()
    })
}

fn target(queue: QueueId, reader: Label, body: u16) -> Target {
    Target {
        queue,
        body,
        group: None,
        dedup: None,
        label: None,
        reader: Some(reader),
    }
}

async fn publish(
    engine: Engine,
    places: Places,
    number: u64,
    body: Bytes,
) -> Result<(), EngineError> {
    let publication = Publication {
        dedup: Some(u128::from(number) + 1),
        bodies: vec![body],
        targets: vec![
            target(places.direct, DIRECT, 0),
            target(places.behind, BEHIND, 0),
        ],
        log: Some(Logging::Append(places.log)),
    };
    let published = engine.publish(places.topic, vec![publication]).await?;
    published
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map(drop)
}

/// Passes on what the cursor has before it until it is closed.
async fn forward(engine: &Engine, places: Places, number: u64) {
    let log = engine.log(places.log);
    while let Some(cursor) = log.cursor(BEHIND).await.expect("a log") {
        assert_eq!(cursor.number, number);
        let batch = log.read(some(cursor.position, 3)).await.expect("entries");
        let (to, entries) = (batch.next, batch.entries);
        let publication = Publication {
            dedup: None,
            targets: (0..entries.len() as u16)
                .map(|place| target(places.behind, BEHIND, place))
                .collect(),
            bodies: entries.into_iter().map(|entry| entry.body).collect(),
            log: Some(Logging::Forward(CursorMove {
                log: places.log,
                name: BEHIND,
                number,
                from: cursor.position,
                to,
                at_end: AtEnd::Closes,
            })),
        };
        let published = engine.publish(places.topic, vec![publication]).await;
        let published = published.expect("a shard");
        let [Ok(published)] = &published[..] else {
            panic!("nobody else moves it: {published:?}");
        };
        if published.cursor_closed {
            return;
        }
    }
}

/// Runs the story of a seed; panics at what was promised and not kept.
pub(crate) fn run(seed: u64) {
    let mut story = Story::new(seed);
    let places = story.create();
    for _ in 0..3_000 {
        story.act(places);
    }
    // Without crashes everybody comes to an end.
    while story.done != [MESSAGES; PUBLISHERS] {
        story.ask(places);
        story.rest();
    }
    story.rest();
    story.check(places, seed);
    story.crash();
    story.rest();
    story.check(places, seed);
}

#[cfg(test)]
mod tests {
    #[test]
    fn archives_queues_and_cursors_agree_over_crashes() {
        for seed in 0..40 {
            super::run(seed);
        }
    }
}
